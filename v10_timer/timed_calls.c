#include "timed_calls.h"
#include "log.h"

#include <stdlib.h>

/* What a TimerId stands for. One that is done with is kept, for its number. */
typedef struct TimedCall {
    Timer timer;
    Task task;
    TimedCalls *calls; /* that it is one of */
    uint64_t number; /* 0: not in use, or cancelled */
    bool queued; /* task is on its way: it must not be used for another */
    int64_t due;
    int64_t period; /* 0: once */
    void (*on_due)(void *context);
    void *context;
    struct TimedCall *next;
    struct TimedCall *next_spare;
} TimedCall;

/* A TimedCall that another thread cancels. */
typedef struct Cancel {
    Task task;
    TimerId id;
} Cancel;

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

/* Another thread may be about to use the memory for another call. */
static bool is_to_come(TimerId id)
{
    TimedCalls *calls = id.call->calls;

    pthread_mutex_lock(&calls->lock);
    bool same = id.call->number == id.number;
    pthread_mutex_unlock(&calls->lock);
    return same;
}

static void release(TimedCall *call)
{
    TimedCalls *calls = call->calls;

    timer_queue_clear(event_loop_timers(calls->loop), &call->timer);
    pthread_mutex_lock(&calls->lock);
    call->number = 0;
    call->next_spare = calls->spare;
    calls->spare = call;
    pthread_mutex_unlock(&calls->lock);
}

static void set_call(void *context)
{
    TimedCall *call = context;

    call->queued = false;
    if (call->number == 0) {
        release(call);
        return;
    }
    if (timer_queue_set(event_loop_timers(call->calls->loop), &call->timer,
                        call->due) < 0) {
        log_error("timer");
        release(call);
    }
}

/* The callback may cancel its own call, and that be used for another. */
static void handle_due(void *context)
{
    TimedCall *call = context;
    uint64_t number = call->number;

    call->on_due(call->context);
    if (!is_to_come((TimerId){call, number}))
        return;
    if (call->period == 0) {
        release(call);
        return;
    }
    int64_t late = timer_queue_now() - call->due;
    call->due += call->period * (late / call->period + 1);
    set_call(call);
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

    if (call == NULL)
        return (TimerId){0};
    pthread_mutex_lock(&calls->lock);
    TimerId id = {call, ++calls->numbers};
    call->number = id.number;
    pthread_mutex_unlock(&calls->lock);
    call->timer = (Timer){.on_due = handle_due, .context = call};
    call->task = (Task){.run = set_call, .context = call};
    call->queued = true;
    call->due = due;
    call->period = period;
    call->on_due = on_due;
    call->context = context;
    event_loop_run_in_loop(loop, &call->task);
    return id;
}

TimerId event_loop_run_at(EventLoop *loop, int64_t due,
                          void (*on_due)(void *context), void *context)
{
    return schedule(loop, due, 0, on_due, context);
}

TimerId event_loop_run_after(EventLoop *loop, int64_t delay,
                             void (*on_due)(void *context), void *context)
{
    return schedule(loop, timer_queue_now() + delay, 0, on_due, context);
}

TimerId event_loop_run_every(EventLoop *loop, int64_t period,
                             void (*on_due)(void *context), void *context)
{
    return schedule(loop, timer_queue_now() + period, period, on_due, context);
}

static void cancel(TimerId id)
{
    TimedCall *call = id.call;

    if (call == NULL || !is_to_come(id))
        return;
    if (call->queued)
        call->number = 0; /* and set_call releases it */
    else
        release(call);
}

static void cancel_in_loop(void *context)
{
    Cancel *request = context;

    cancel(request->id);
    free(request);
}

int event_loop_cancel(EventLoop *loop, TimerId id)
{
    if (event_loop_is_here(loop)) {
        cancel(id);
        return 0;
    }
    Cancel *request = malloc(sizeof(*request));
    if (request == NULL)
        return -1;
    request->task = (Task){.run = cancel_in_loop, .context = request};
    request->id = id;
    event_loop_queue_in_loop(loop, &request->task);
    return 0;
}
