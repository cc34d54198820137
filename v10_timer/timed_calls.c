#include "timed_calls.h"
#include "log.h"

#include <stdlib.h>

/*
 * A call that a TimerId names. Memory of an ended call is used again, but never
 * freed before the end: so an old TimerId can always be looked at, and its
 * number tells that the call has ended.
 */
typedef struct TimedCall {
    Timer timer;
    Task task;
    TimedCalls *calls;
    uint64_t number; /* 0: ended or cancelled. Guarded by calls->lock */
    bool queued; /* true while task waits in the loop. Guarded as well */
    int64_t due;
    int64_t period; /* 0: once */
    void (*on_due)(void *context);
    void *context;
    struct TimedCall *next;
    struct TimedCall *next_unused;
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
        timer_queue_clear(event_loop_timers(calls->loop), &call->timer);
        free(call);
    }
    pthread_mutex_destroy(&calls->lock);
}

/* A queued task still points to the call: then the task ends the call. */
static void end_call(TimedCall *call)
{
    TimedCalls *calls = call->calls;

    pthread_mutex_lock(&calls->lock);
    if (!call->queued) {
        call->number = 0;
        call->next_unused = calls->unused;
        calls->unused = call;
    }
    pthread_mutex_unlock(&calls->lock);
}

static void set_timer_of_call(TimedCall *call)
{
    if (timer_queue_set(event_loop_timers(call->calls->loop), &call->timer,
                        call->due) == 0)
        return;
    log_error("timer");
    end_call(call);
}

/* On the loop's thread: start the call, or end it if it was cancelled. */
static void start_or_end_call(void *context)
{
    TimedCall *call = context;
    TimedCalls *calls = call->calls;

    pthread_mutex_lock(&calls->lock);
    call->queued = false;
    bool cancelled = call->number == 0;
    pthread_mutex_unlock(&calls->lock);
    if (!cancelled) {
        set_timer_of_call(call);
        return;
    }
    timer_queue_clear(event_loop_timers(calls->loop), &call->timer);
    end_call(call);
}

static uint64_t number_of(TimedCall *call)
{
    pthread_mutex_lock(&call->calls->lock);
    uint64_t number = call->number;
    pthread_mutex_unlock(&call->calls->lock);
    return number;
}

/* on_due may cancel its own call, whose memory may then serve another. */
static void timed_call_on_due(void *context)
{
    TimedCall *call = context;
    uint64_t number = number_of(call);

    if (number == 0)
        return;
    call->on_due(call->context);
    if (number_of(call) != number)
        return;
    if (call->period == 0) {
        end_call(call);
        return;
    }
    int64_t late = timer_queue_now() - call->due;
    call->due += call->period * (late / call->period + 1);
    set_timer_of_call(call);
}

static TimedCall *new_call(TimedCalls *calls)
{
    pthread_mutex_lock(&calls->lock);
    TimedCall *call = calls->unused;
    if (call != NULL) {
        calls->unused = call->next_unused;
    } else if ((call = calloc(1, sizeof(*call))) != NULL) {
        call->calls = calls;
        call->next = calls->all;
        calls->all = call;
    }
    pthread_mutex_unlock(&calls->lock);
    return call;
}

static TimerId schedule(TimedCalls *calls, int64_t due, int64_t period,
                        void (*on_due)(void *context), void *context)
{
    TimedCall *call = new_call(calls);

    if (call == NULL) {
        log_error("timer");
        return (TimerId){0};
    }
    pthread_mutex_lock(&calls->lock);
    TimerId id = {call, ++calls->last_number};
    call->number = id.number;
    call->queued = true;
    pthread_mutex_unlock(&calls->lock);
    call->timer = (Timer){.on_due = timed_call_on_due, .context = call};
    call->task = (Task){.run = start_or_end_call, .context = call};
    call->due = due;
    call->period = period;
    call->on_due = on_due;
    call->context = context;
    event_loop_run_in_loop(calls->loop, &call->task);
    if (event_loop_is_here(calls->loop) && number_of(call) == 0)
        return (TimerId){0}; /* set_timer_of_call had no memory */
    return id;
}

TimerId timed_calls_run_at(TimedCalls *calls, int64_t due,
                           void (*on_due)(void *context), void *context)
{
    return schedule(calls, due, 0, on_due, context);
}

/* A sum that does not fit into 64 bits is a time that never comes. */
static int64_t from_now(int64_t delay)
{
    int64_t now = timer_queue_now();

    return delay < INT64_MAX - now ? now + delay : INT64_MAX;
}

TimerId timed_calls_run_after(TimedCalls *calls, int64_t delay,
                              void (*on_due)(void *context), void *context)
{
    return schedule(calls, from_now(delay), 0, on_due, context);
}

TimerId timed_calls_run_every(TimedCalls *calls, int64_t period,
                              void (*on_due)(void *context), void *context)
{
    return schedule(calls, from_now(period), period, on_due, context);
}

void timed_calls_cancel(TimedCalls *calls, TimerId id)
{
    TimedCall *call = id.call;

    if (call == NULL)
        return;
    pthread_mutex_lock(&calls->lock);
    bool found = call->number == id.number;
    bool queue = found && !call->queued;
    if (found)
        call->number = 0;
    if (queue)
        call->queued = true;
    pthread_mutex_unlock(&calls->lock);
    if (queue)
        event_loop_run_in_loop(calls->loop, &call->task);
}
