/*
 * EventLoop: one thread's loop. It waits until descriptors are ready and
 * calls their channels, one after the other. While a callback runs, all
 * others wait.
 *
 * The creator of a loop owns it. Use it only from the thread that runs it,
 * unless a function says otherwise.
 */
#ifndef EVENT_LOOP_H
#define EVENT_LOOP_H

#include "channel.h"

typedef struct EventLoop EventLoop;

/* Return a new loop, or NULL after saying on standard error what failed. */
EventLoop *event_loop_create(void);

/* Free the loop. It must not run. */
void event_loop_destroy(EventLoop *loop);

/* Return the watch list for the channels that this loop is to call. */
Epoll *event_loop_epoll(EventLoop *loop);

/*
 * Make a signal an event of this loop: on_signal is called like any other
 * callback, and the signal no longer interrupts system calls (signalfd(2)).
 * The signal is blocked for this thread and for the threads that it creates
 * later. Return 0, or -1 after saying what failed.
 */
int event_loop_catch_signal(EventLoop *loop, int signo,
                            void (*on_signal)(void *context), void *context);

/*
 * Until event_loop_quit is called: wait for events, and call the channels
 * that are ready. Return 0, or -1 after saying why the loop can't go on.
 */
int event_loop_run(EventLoop *loop);

/*
 * Make the loop end after the events in hand; a loop that does not run yet
 * ends at once.
 */
void event_loop_quit(EventLoop *loop);

#endif
