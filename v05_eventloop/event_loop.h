/*
 * EventLoop: one thread's loop. It waits until descriptors are ready and
 * calls their channels, one after the other; whatever a callback does, all
 * others wait for it.
 *
 * Owned by whoever created it. Used by the thread that runs it alone, but
 * where it is said otherwise.
 */
#ifndef EVENT_LOOP_H
#define EVENT_LOOP_H

#include "channel.h"

typedef struct EventLoop EventLoop;

/* Returns a new loop, or NULL; then what failed has been said. */
EventLoop *event_loop_create(void);

void event_loop_destroy(EventLoop *loop);

/* Where to watch the channels that this loop is to call. */
Epoll *event_loop_epoll(EventLoop *loop);

/*
 * Makes a signal an event of this loop: on_signal is called like any other
 * callback, and the signal no longer interrupts anything, see signalfd(2):
 * it is blocked for this thread, and for those that it creates from now on.
 * Returns 0, or -1; then what failed has been said.
 */
int event_loop_catch_signal(EventLoop *loop, int signo,
                            void (*on_signal)(void *context), void *context);

/*
 * Waits until fd takes more bytes; no callback is called meanwhile but those
 * of signals. Returns 0, or -1 when the loop is to quit.
 */
int event_loop_wait_writable(EventLoop *loop, int fd);

/*
 * Waits and calls until event_loop_quit. Returns 0, or -1 when it can't go
 * on; then what failed has been said.
 */
int event_loop_run(EventLoop *loop);

/* The loop ends after the callbacks in hand; before it runs, at once. */
void event_loop_quit(EventLoop *loop);

#endif
