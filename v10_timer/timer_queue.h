/*
 * TimerQueue: many timers on one timerfd, which is set for the timer that is
 * due first (timerfd_create(2)). Times are nanoseconds of CLOCK_MONOTONIC:
 * setting the wall clock does not change them.
 *
 * The holder of the struct owns the queue. Use it only from the thread of its
 * epoll.
 */
#ifndef TIMER_QUEUE_H
#define TIMER_QUEUE_H

#include "channel.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * Timer: what to call, and when. It is part of its owner's struct, and must
 * not move while it is set. {0} is a timer that is not set.
 */
typedef struct Timer {
    int64_t due;
    void (*on_due)(void *context);
    void *context;
    size_t place; /* in the heap, from 1; 0: the timer is not set */
} Timer;

typedef struct TimerQueue {
    Channel channel;
    Timer **heap; /* [n] is due before [2n] and [2n+1]; the first is [1] */
    size_t count;
    size_t capacity;
    int64_t set_for; /* the time that the timerfd is set for; 0: none */
    int64_t running; /* timers due by this time are being called; 0: none */
} TimerQueue;

/* Return the time now. */
int64_t timer_queue_now(void);

/* Return 0, or -1 after saying on standard error what failed. */
int timer_queue_open(TimerQueue *queue, Epoll *epoll);

/* Free the queue. No timer may be used any more. */
void timer_queue_close(TimerQueue *queue);

/*
 * Set a timer, or set it to another time: on_due is called once, when due has
 * come. Timers are called in the order of their times. A timer that is set
 * while others are called comes after those, even if it is late. This takes
 * logarithmic time. Return 0, or -1 with errno set when there is no memory; a
 * timer that is set already needs none.
 */
int timer_queue_set(TimerQueue *queue, Timer *timer, int64_t due);

/* Call the timers that are due. The loop does this when the timerfd says so. */
void timer_queue_run(TimerQueue *queue);

/* Clear a timer: it is not called any more, even if it is due already. */
void timer_queue_clear(TimerQueue *queue, Timer *timer);

#endif
