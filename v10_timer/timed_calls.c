#include "timed_calls.h"
#include "log.h"

#include <stdlib.h>

/* What a TimerId stands for. One that is done with is kept, for its number. */
typedef struct TimedCall {
    Timer timer;
    Task task;
    TimedCalls *calls; /* that it is one of */
    uint64_t number; /* 0: not in use, or cancelled */
    bool queued; /* task is on its way, and ends it if it was cancelled */
    int64_t due;
    int64_t period; /* 0: once */
    void (*on_due)(void *context);
    void *context;
    struct TimedCall *next;
    struct TimedCall *next_spare;
} TimedCall;

void timed_calls_open(TimedCalls *calls, EventLoop *loop)
{
    *calls = (TimedCalls){.loop = loop};
    pthread_mutex_init(&calls->lock, NULL);
}

void timed_calls_close(TimedCalls *calls)
{
    while (calls->all != NULL) {
        TimedCall *call = calls->all;
        calls->all = call->next;
        free(call);
    }
    pthread_mutex_destroy(&calls->lock);
}

/* It may be used for another, unless its task is still to come. */
static void end(TimedCall *call)
{
    TimedCalls *calls = call->calls;

    pthread_mutex_lock(&calls->lock);
    if (!call->queued) {
        call->number = 0;
        call->next_spare = calls->spare;
        calls->spare = call;
    }
    pthread_mutex_unlock(&calls->lock);
}

static void set_timer(TimedCall *call)
{
    if (timer_queue_set(event_loop_timers(call->calls->loop), &call->timer,
                        call->due) == 0)
        return;
    log_error("timer");
    end(call);
}

/* By the loop's thread, for whoever has scheduled or cancelled it. */
static void do_queued(void *context)
{
    TimedCall *call = context;
    TimedCalls *calls = call->calls;

    pthread_mutex_lock(&calls->lock);
    call->queued = false;
    bool cancelled = call->number == 0;
    pthread_mutex_unlock(&calls->lock);
    if (!cancelled) {
        set_timer(call);
        return;
    }
    timer_queue_clear(event_loop_timers(calls->loop), &call->timer);
    end(call);
}

static uint64_t number_of(TimedCall *call)
{
    pthread_mutex_lock(&call->calls->lock);
    uint64_t number = call->number;
    pthread_mutex_unlock(&call->calls->lock);
    return number;
}

/* The callback may cancel its own call, and that be used for another. */
static void handle_due(void *context)
{
    TimedCall *call = context;
    uint64_t number = number_of(call);

    if (number == 0)
        return;
    call->on_due(call->context);
    if (number_of(call) != number)
        return;
    if (call->period == 0) {
        end(call);
        return;
    }
    int64_t late = timer_queue_now() - call->due;
    call->due += call->period * (late / call->period + 1);
    set_timer(call);
}

static TimedCall *new_call(TimedCalls *calls)
{
    pthread_mutex_lock(&calls->lock);
    TimedCall *call = calls->spare;
    if (call != NULL) {
        calls->spare = call->next_spare;
    } else if ((call = calloc(1, sizeof(*call))) != NULL) {
        call->calls = calls;
        call->next = calls->all;
        calls->all = call;
    }
    pthread_mutex_unlock(&calls->lock);
    return call;
}

static TimerId schedule(EventLoop *loop, int64_t due, int64_t period,
                        void (*on_due)(void *context), void *context)
{
    TimedCalls *calls = event_loop_timed_calls(loop);
    TimedCall *call = new_call(calls);

    if (call == NULL) {
        log_error("timer");
        return (TimerId){0};
    }
    pthread_mutex_lock(&calls->lock);
    TimerId id = {call, ++calls->numbers};
    call->number = id.number;
    pthread_mutex_unlock(&calls->lock);
    call->timer = (Timer){.on_due = handle_due, .context = call};
    call->task = (Task){.run = do_queued, .context = call};
    call->queued = true;
    call->due = due;
    call->period = period;
    call->on_due = on_due;
    call->context = context;
    event_loop_run_in_loop(loop, &call->task);
    if (event_loop_is_here(loop) && number_of(call) == 0)
        return (TimerId){0}; /* there was no memory to set it */
    return id;
}

TimerId event_loop_run_at(EventLoop *loop, int64_t due,
                          void (*on_due)(void *context), void *context)
{
    return schedule(loop, due, 0, on_due, context);
}

/* A time that is too far away to be said never comes. */
static int64_t from_now(int64_t delay)
{
    int64_t now = timer_queue_now();

    return delay < INT64_MAX - now ? now + delay : INT64_MAX;
}

TimerId event_loop_run_after(EventLoop *loop, int64_t delay,
                             void (*on_due)(void *context), void *context)
{
    return schedule(loop, from_now(delay), 0, on_due, context);
}

TimerId event_loop_run_every(EventLoop *loop, int64_t period,
                             void (*on_due)(void *context), void *context)
{
    return schedule(loop, from_now(period), period, on_due, context);
}

void event_loop_cancel(EventLoop *loop, TimerId id)
{
    TimedCalls *calls = event_loop_timed_calls(loop);
    TimedCall *call = id.call;

    if (call == NULL)
        return;
    pthread_mutex_lock(&calls->lock);
    bool found = call->number == id.number;
    bool first = found && !call->queued;
    if (found)
        call->number = 0;
    if (first)
        call->queued = true;
    pthread_mutex_unlock(&calls->lock);
    if (first)
        event_loop_run_in_loop(loop, &call->task);
}
