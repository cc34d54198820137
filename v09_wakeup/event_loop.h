/*
 * EventLoop: one thread's loop. It waits until descriptors are ready and
 * calls their channels, one after the other; whatever a callback does, all
 * others wait for it. So a callback never blocks.
 *
 * Owned by whoever created it. Used by the thread that runs it alone, but
 * where it is said otherwise.
 */
#ifndef EVENT_LOOP_H
#define EVENT_LOOP_H

#include "channel.h"
#include "task.h"

#include <stdbool.h>

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
 * Callbacks may take long: waits for one event at a time, and looks between
 * any two for signals and for whatever else is not a client's.
 */
void event_loop_expect_delays(EventLoop *loop);

/*
 * Waits and calls until event_loop_quit. Returns 0, or -1 when it can't go
 * on; then what failed has been said.
 */
int event_loop_run(EventLoop *loop);

/*
 * The loop ends after the callbacks in hand; before it runs, at once.
 * Any thread may call it.
 */
void event_loop_quit(EventLoop *loop);

/*
 * Any thread may call what follows, at any time: what another thread may do
 * to a loop, and to all that belongs to it, is to queue a task.
 */

/* Whether the calling thread is the one that runs the loop. */
bool event_loop_is_here(const EventLoop *loop);

/*
 * Has the task run by the loop's thread, never from inside a callback: after
 * those in hand, or when the loop runs. Tasks run in the order in which they
 * were queued, also those that are still there when the loop quits, and those
 * that these queue: where that never ends, the loop does not.
 */
void event_loop_queue_in_loop(EventLoop *loop, Task *task);

/* Runs the task at once when called by the loop's thread; else queues it. */
void event_loop_run_in_loop(EventLoop *loop, Task *task);

#endif
