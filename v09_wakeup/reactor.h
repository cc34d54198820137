/*
 * Reactor: a loop that serves connections, the thread that runs it, one of
 * its own or the main one, and those connections.
 *
 * Owned by whoever holds the struct. The main thread calls its functions;
 * the loop's thread alone touches the connections and their table.
 */
#ifndef REACTOR_H
#define REACTOR_H

#include "connection_table.h"

#include <stdbool.h>

typedef struct Reactor {
    EventLoop *loop;
    EventLoop *main_loop;
    ConnectionGroup group;
    ConnectionTable table;
    /* A connection has ended. Called by the loop's thread. */
    void (*on_ended)(void *owner);
    void *owner;
    Task run;
    bool failed; /* its loop could not go on: known when its thread has ended */
    Task drain;
    Task drained;
    bool draining; /* those two are on their way */
} Reactor;

/*
 * Makes it a loop of its own, or lets it share the main one. The group says
 * what its connections have in common; the loop and the rest that is the
 * reactor's are filled in here. Returns 0, or -1; then what failed has been
 * said.
 */
int reactor_open(Reactor *reactor, EventLoop *main_loop, bool own,
                 const ConnectionGroup *group, void (*ended)(void *owner),
                 void *owner);

/*
 * Closes the connections that are left. Its own loop must have ended. Returns
 * 0, or -1 when that could not go on; then why has been said.
 */
int reactor_close(Reactor *reactor);

/* Has its own loop, if that is what it has, run by one of the threads. */
void reactor_start(Reactor *reactor, ThreadPool *threads);

/*
 * Serves the client on fd, which it owns from now on. Returns 0, or -1 when
 * there is no memory; then that has been said, and fd is closed.
 */
int reactor_serve(Reactor *reactor, int fd, const InetAddress *peer);

/*
 * Has each connection answer what has come, and end as soon as it can. That
 * a client has got its last byte is no event: this must be called again and
 * again, and looks again, until none is left.
 */
void reactor_drain(Reactor *reactor);

#endif
