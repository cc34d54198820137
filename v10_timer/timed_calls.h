/*
 * TimedCalls: calls that a loop makes at a time, after a while, or every so
 * often. Times are nanoseconds of CLOCK_MONOTONIC: see timer_queue_now.
 *
 * The holder of the struct owns it and all its calls. Any thread may run and
 * cancel calls; on_due is called on the loop's thread.
 */
#ifndef TIMED_CALLS_H
#define TIMED_CALLS_H

#include "event_loop.h"

#include <pthread.h>

typedef struct TimedCalls {
    EventLoop *loop;
    pthread_mutex_t lock; /* guards the fields below */
    uint64_t last_number;
    struct TimedCall *all;
    struct TimedCall *unused;
} TimedCalls;

/* The name of a call, also after the call has ended. call NULL: no call. */
typedef struct TimerId {
    struct TimedCall *call;
    uint64_t number;
} TimerId;

void timed_calls_open(TimedCalls *calls, EventLoop *loop);

/* Cancel and free all calls. The loop must not run, nor have tasks queued. */
void timed_calls_close(TimedCalls *calls);

/*
 * Call on_due once: at a time, or after a delay. Return an id, or one whose
 * call is NULL after saying that there is no memory. When another thread
 * asks, lack of memory may show later: then it is only said.
 */
TimerId timed_calls_run_at(TimedCalls *calls, int64_t due,
                           void (*on_due)(void *context), void *context);
TimerId timed_calls_run_after(TimedCalls *calls, int64_t delay,
                              void (*on_due)(void *context), void *context);

/*
 * Call on_due every period, first after one period, without drift. A period
 * is more than 0. If the loop is late by whole periods, it skips them.
 */
TimerId timed_calls_run_every(TimedCalls *calls, int64_t period,
                              void (*on_due)(void *context), void *context);

/*
 * Make sure that on_due is not called any more, even if its time has come
 * already. A callback may cancel its own call. On another thread, a call that
 * runs at this moment is not waited for. The id of an ended call does no harm.
 */
void timed_calls_cancel(TimedCalls *calls, TimerId id);

#endif
