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
#include "timer_queue.h"

#include <stdbool.h>

typedef struct EventLoop EventLoop;

/* Returns a new loop, or NULL; then what failed has been said. */
EventLoop *event_loop_create(void);

void event_loop_destroy(EventLoop *loop);

/* Where to watch the channels that this loop is to call. */
Epoll *event_loop_epoll(EventLoop *loop);

/* Where to set the timers that this loop is to call. */
TimerQueue *event_loop_timers(EventLoop *loop);

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

/* A call that is to come; it may have come and gone. call is NULL: none. */
typedef struct TimerId {
    struct TimedCall *call;
    uint64_t number;
} TimerId;

/*
 * Have the loop's thread call on_due: at a time, see timer_queue_now; after
 * a while; every so often, first after that while, without drift. Times are
 * nanoseconds; a period is more than 0. Where the loop was late by more than
 * a period, what it missed is left out. Without memory, that is said, and
 * the call of the TimerId is NULL; from another thread it may only be said.
 */
TimerId event_loop_run_at(EventLoop *loop, int64_t due,
                          void (*on_due)(void *context), void *context);
TimerId event_loop_run_after(EventLoop *loop, int64_t delay,
                             void (*on_due)(void *context), void *context);
TimerId event_loop_run_every(EventLoop *loop, int64_t period,
                             void (*on_due)(void *context), void *context);

/*
 * It is not called any more, also when it is due already, or is the one that
 * is being called; by another thread, a call in hand is not waited for. An id
 * whose call has come and gone does no harm.
 */
void event_loop_cancel(EventLoop *loop, TimerId id);

/* Tasks that were queued, and wake-ups that were written, so far. */
void event_loop_count(EventLoop *loop, uint64_t *queued, uint64_t *woken);

#endif
