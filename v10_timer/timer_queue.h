/*
 * TimerQueue: any number of timers on one timerfd, which is set for the one
 * that is due first. Times are nanoseconds of CLOCK_MONOTONIC: whoever sets
 * the wall clock does not touch them. See timerfd_create(2).
 *
 * Owned by whoever holds the struct. One thread at a time.
 */
#ifndef TIMER_QUEUE_H
#define TIMER_QUEUE_H

#include "channel.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * Timer: what to call, and when. It is its owner's memory, part of what it
 * is about; while it is set, it must stay where it is. {0} is not set.
 */
typedef struct Timer {
    int64_t due;
    void (*on_due)(void *context);
    void *context;
    size_t place; /* in the heap, from 1; 0: it is not set */
} Timer;

typedef struct TimerQueue {
    Channel channel;
    Timer **heap; /* the one due first at 1; each before 2n and 2n+1 */
    size_t count;
    size_t capacity;
    int64_t set_for; /* what the timerfd is set for; 0: nothing */
    int64_t running; /* those due by then are being called; 0: none are */
} TimerQueue;

/* The time now. */
int64_t timer_queue_now(void);

/* Returns 0, or -1; then what failed has been said on standard error. */
int timer_queue_open(TimerQueue *queue, Epoll *epoll);

/* No timer may be set any more. */
void timer_queue_close(TimerQueue *queue);

/*
 * Sets a timer, or sets it anew: on_due is called once, when due has come;
 * of several that are due, in that order. One that is set while they are
 * called has its turn after them, be it late or not. In logarithmic time.
 * Returns 0, or -1 with errno set when there is no memory; setting a timer
 * anew needs none.
 */
int timer_queue_set(TimerQueue *queue, Timer *timer, int64_t due);

/* Calls those that are due. The loop does so by itself when one is. */
void timer_queue_run(TimerQueue *queue);

/* It is not called any more, also when it is due already. Logarithmic. */
void timer_queue_clear(TimerQueue *queue, Timer *timer);

#endif
