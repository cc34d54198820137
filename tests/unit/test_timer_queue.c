#include "event_loop.h"
#include "unit.h"

/*
 * The queue alone: its loop does not run, timer_queue_run is called by hand.
 * So nothing that is built on it can hide a mistake of it.
 */
static EventLoop *loop;
static TimerQueue *queue;

typedef struct Call {
    Timer timer;
    int runs;
    int place; /* in the order of all calls */
    struct Call *clears;
    struct Call *sets; /* anew */
    int64_t to;
} Call;

static int calls;

static void on_due(void *context)
{
    Call *call = context;

    call->runs++;
    call->place = ++calls;
    EXPECT_EQUAL(call->timer.place, 0);
    if (call->clears != NULL)
        timer_queue_clear(queue, &call->clears->timer);
    if (call->sets != NULL)
        timer_queue_set(queue, &call->sets->timer, call->to);
}

static void set(Call *call, int64_t due)
{
    call->timer.on_due = on_due;
    call->timer.context = call;
    EXPECT_EQUAL(timer_queue_set(queue, &call->timer, due), 0);
    EXPECT(call->timer.place > 0);
}

static void begin(void)
{
    loop = event_loop_create();
    queue = event_loop_timers(loop);
    calls = 0;
}

static void end(void)
{
    EXPECT_EQUAL(queue->count, 0);
    event_loop_destroy(loop);
}

static void only_those_that_are_due(void)
{
    Call early = {0}, late = {0};
    int64_t now = timer_queue_now();

    begin();
    set(&late, now + 1000000000000);
    set(&early, now);
    timer_queue_run(queue);
    timer_queue_run(queue);
    EXPECT_EQUAL(early.runs, 1);
    EXPECT_EQUAL(late.runs, 0);
    EXPECT_EQUAL(queue->count, 1);
    timer_queue_clear(queue, &late.timer);
    timer_queue_clear(queue, &late.timer); /* it is not set: no harm */
    end();
}

/* Each is due already, and each but the first is cleared by one before it. */
static void cleared_though_due(void)
{
    for (int victim = 1; victim < 6; victim++) {
        Call all[6] = {0};
        int64_t now = timer_queue_now();
        begin();
        for (int i = 5; i >= 0; i--)
            set(&all[i], now - 100 + i);
        all[victim - 1].clears = &all[victim];
        timer_queue_run(queue);
        for (int i = 0; i < 6; i++)
            EXPECT_EQUAL(all[i].runs, i != victim);
        timer_queue_run(queue);
        EXPECT_EQUAL(all[victim].runs, 0);
        end();
    }
}

/* Its owner may even be gone: another use of the memory must be left alone. */
static void cleared_and_gone(void)
{
    Call first = {0}, second = {0};
    int64_t now = timer_queue_now();

    begin();
    set(&first, now - 2);
    set(&second, now - 1);
    timer_queue_clear(queue, &second.timer);
    second = (Call){0};
    timer_queue_run(queue);
    EXPECT_EQUAL(first.runs, 1);
    EXPECT_EQUAL(second.runs, 0);
    end();
}

/* Put off by one before it, though it was due: not now, but at its new time. */
static void put_off_though_due(void)
{
    Call first = {0}, second = {0};
    int64_t now = timer_queue_now();

    begin();
    set(&first, now - 2);
    set(&second, now - 1);
    first.sets = &second;
    first.to = now + 1000000000000;
    timer_queue_run(queue);
    EXPECT_EQUAL(first.runs, 1);
    EXPECT_EQUAL(second.runs, 0);
    EXPECT_EQUAL(queue->count, 1);
    set(&second, now);
    timer_queue_run(queue);
    EXPECT_EQUAL(second.runs, 1);
    end();
}

/* One that sets itself for the past has its next turn in the next run. */
static void set_for_the_past(void)
{
    Call itself = {0}, other = {0};
    int64_t now = timer_queue_now();

    begin();
    set(&itself, now - 2);
    set(&other, now - 1);
    itself.sets = &itself;
    itself.to = 1;
    timer_queue_run(queue);
    EXPECT_EQUAL(itself.runs, 1);
    EXPECT_EQUAL(other.runs, 1);
    timer_queue_run(queue);
    EXPECT_EQUAL(itself.runs, 2);
    timer_queue_clear(queue, &itself.timer);
    end();
}

/* Set and cleared in every order: they are called in the order of their time. */
static void in_order(void)
{
    enum { COUNT = 500 };
    static Call all[COUNT];
    int64_t now = timer_queue_now();
    int wrong = 0;

    begin();
    for (int i = 0; i < COUNT; i++) {
        all[i] = (Call){0};
        set(&all[i], now - 1000 + i * 211 % COUNT);
    }
    for (int i = 0; i < COUNT; i += 3)
        timer_queue_clear(queue, &all[i].timer);
    timer_queue_run(queue);
    for (int i = 0; i < COUNT; i++) {
        wrong += all[i].runs != (i % 3 != 0);
        for (int j = 0; j < i; j++)
            if (all[i].runs > 0 && all[j].runs > 0)
                wrong += (i * 211 % COUNT < j * 211 % COUNT) !=
                         (all[i].place < all[j].place);
    }
    EXPECT_EQUAL(wrong, 0);
    end();
}

int main(void)
{
    only_those_that_are_due();
    cleared_though_due();
    cleared_and_gone();
    put_off_though_due();
    set_for_the_past();
    in_order();
    return unit_result();
}
