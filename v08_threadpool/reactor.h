/*
 * Reactor: a loop that serves connections, the group of those connections,
 * and the thread that runs the loop: a thread of its own, or the main one.
 *
 * The holder of the struct owns it. The main thread calls these functions.
 */
#ifndef REACTOR_H
#define REACTOR_H

#include "connection.h"

typedef struct Reactor {
    EventLoop *loop;
    EventLoop *main_loop;
    ConnectionGroup group;
    Task run;
    bool failed; /* the loop could not go on; read it when its thread ended */
    char scratch[CODEC_RAW_LONGEST]; /* of the group */
} Reactor;

/*
 * Give the reactor, which is all zero, a loop of its own, or let it share the
 * main loop. The group says what its connections have in common; the number
 * is for reports. Return 0, or -1 after saying what failed.
 */
int reactor_open(Reactor *reactor, EventLoop *main_loop, bool own_loop,
                 const ConnectionGroup *group);

/*
 * Close the connections that are left. The loop and the workers must have
 * ended. Return 0, or -1 when the loop had failed.
 */
int reactor_close(Reactor *reactor);

/* Let one of the threads run the loop, unless it is the main loop. */
void reactor_start(Reactor *reactor, ThreadPool *threads);

#endif
