/*
 * TimedCalls: what stands behind a TimerId: the calls that a loop is to make
 * in time, asked for by any thread. A part of EventLoop, for it alone; its
 * functions are event_loop_run_at and those after it in event_loop.h.
 */
#ifndef TIMED_CALLS_H
#define TIMED_CALLS_H

#include "event_loop.h"

#include <pthread.h>

typedef struct TimedCalls {
    EventLoop *loop;
    pthread_mutex_t lock; /* guards all that follows */
    uint64_t numbers; /* how many TimerIds there have been */
    struct TimedCall *all; /* to be freed in the end */
    struct TimedCall *spare; /* not in use */
} TimedCalls;

void timed_calls_open(TimedCalls *calls, EventLoop *loop);

/* Frees them, also those that are still to come. */
void timed_calls_close(TimedCalls *calls);

/* Those of a loop. */
TimedCalls *event_loop_timed_calls(EventLoop *loop);

#endif
