#include "timed_calls.h"
#include "unit.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

enum { MS = 1000000, SETS = 4096 };

static int many = 100000;
static int settings, set_twice, bad_settings;
static int64_t set_to[SETS];

/* In place of the C library's: notes what the timerfd is set to. */
int timerfd_settime(int fd, int flags, const struct itimerspec *new,
                    struct itimerspec *old)
{
    int64_t due = new->it_value.tv_sec * 1000000000 + new->it_value.tv_nsec;

    if (!(flags & TFD_TIMER_ABSTIME) || new->it_value.tv_nsec > 999999999)
        bad_settings++;
    if (settings > 0 && settings <= SETS && set_to[settings - 1] == due)
        set_twice++;
    if (settings < SETS)
        set_to[settings] = due;
    settings++;
    return (int)syscall(SYS_timerfd_settime, fd, flags, new, old);
}

static EventLoop *loop;
static TimedCalls timed;
static int calls, wanted;
static int order[100];

/* What a callback is to do. */
typedef struct Call {
    int name;
    int64_t due;
    int64_t called;
    int times;
    TimerId own;
    TimerId *victim; /* to be cancelled */
    int64_t busy; /* milliseconds that it takes */
} Call;

static void on_due(void *context)
{
    Call *call = context;

    call->called = timer_queue_now();
    call->times++;
    if (calls < 100)
        order[calls] = call->name;
    calls++;
    if (call->victim != NULL)
        timed_calls_cancel(&timed, *call->victim);
    if (call->busy > 0)
        usleep((unsigned)call->busy * 1000);
    if (calls == wanted)
        event_loop_quit(loop);
}

static void begin(int so_many)
{
    loop = event_loop_create();
    timed_calls_open(&timed, loop);
    calls = settings = set_twice = bad_settings = 0;
    wanted = so_many;
}

static void end(void)
{
    EXPECT_EQUAL(bad_settings, 0);
    event_loop_run_tasks(loop);
    timed_calls_close(&timed);
    event_loop_destroy(loop);
}

static void quit_it(void *context)
{
    (void)context;
    event_loop_quit(loop);
}

static TimerId at(Call *call, int64_t due)
{
    call->due = due;
    call->own = timed_calls_run_at(&timed, due, on_due, call);
    EXPECT(call->own.call != NULL);
    return call->own;
}

/* In the order of their time, none too early, whatever they were set in. */
static void in_order(void)
{
    static const int delays[] = {30, 5, 20, 5, 0, 25, 10, 15, -3, 1};
    Call all[10] = {0};
    int64_t start = timer_queue_now();
    int late = 0;

    begin(10);
    for (int i = 0; i < 10; i++) {
        all[i].name = i;
        at(&all[i], start + (int64_t)delays[i] * MS);
    }
    event_loop_run(loop);
    for (int i = 0; i < 10; i++) {
        EXPECT_EQUAL(all[i].times, 1);
        EXPECT(all[i].called >= all[i].due);
        if (i > 0) /* two have the same time: in any order */
            late += delays[order[i]] < delays[order[i - 1]];
    }
    EXPECT_EQUAL(late, 0);
    end();
}

static void after_a_while(void)
{
    Call call = {0};
    int64_t start = timer_queue_now();

    begin(1);
    timed_calls_run_after(&timed, 20 * MS, on_due, &call);
    event_loop_run(loop);
    EXPECT(call.called - start >= 20 * MS);
    end();
}

/* All are due when the loop begins: one batch. */
static void cancel_in_the_same_batch(void)
{
    Call first = {.name = 1}, second = {.name = 2}, third = {.name = 3};
    Call last = {.name = 4};
    int64_t now = timer_queue_now();

    begin(0);
    at(&first, now - 4 * MS);
    at(&second, now - 3 * MS);
    at(&third, now - 2 * MS);
    at(&last, now - 1 * MS);
    first.victim = &second.own;
    third.victim = &first.own; /* it has come and gone */
    timed_calls_run_after(&timed, 15 * MS, quit_it, NULL);
    event_loop_run(loop);
    EXPECT_EQUAL(first.times, 1);
    EXPECT_EQUAL(second.times, 0);
    EXPECT_EQUAL(third.times, 1);
    EXPECT_EQUAL(last.times, 1);
    end();
}

static void cancel_itself(void)
{
    Call once = {0}, often = {0};

    begin(0);
    once.own = timed_calls_run_after(&timed, MS, on_due, &once);
    once.victim = &once.own;
    often.own = timed_calls_run_every(&timed, MS, on_due, &often);
    often.victim = &often.own;
    timed_calls_run_after(&timed, 20 * MS, quit_it, NULL);
    event_loop_run(loop);
    EXPECT_EQUAL(once.times, 1);
    EXPECT_EQUAL(often.times, 1);
    end();
}

static Call stale, fresh;

/* The first timer has come and gone; its place may serve another by now. */
static void use_a_stale_id(void *context)
{
    TimerId *old = context;

    for (int i = 0; i < 3; i++) {
        fresh.own = timed_calls_run_after(&timed, MS, on_due, &fresh);
        timed_calls_cancel(&timed, *old);
    }
    timed_calls_run_after(&timed, 20 * MS, quit_it, NULL);
}

static void a_stale_id_does_no_harm(void)
{
    begin(0);
    stale = fresh = (Call){0};
    stale.own = timed_calls_run_after(&timed, 0, on_due, &stale);
    timed_calls_run_after(&timed, 3 * MS, use_a_stale_id, &stale.own);
    event_loop_run(loop);
    EXPECT_EQUAL(stale.times, 1);
    EXPECT_EQUAL(fresh.times, 3);
    end();
}

static void *cancel_from_outside(void *context)
{
    Call *some = context;

    for (int i = 0; i < 20; i++) {
        Call *call = &some[i];
        call->own = timed_calls_run_after(&timed, 400 * MS, on_due, call);
        if (i % 2)
            timed_calls_cancel(&timed, call->own);
    }
    timed_calls_run_after(&timed, 400 * MS, quit_it, NULL);
    return NULL;
}

static void from_another_thread(void)
{
    Call some[20] = {0};
    pthread_t thread;

    begin(0);
    pthread_create(&thread, NULL, cancel_from_outside, some);
    event_loop_run(loop);
    pthread_join(thread, NULL);
    for (int i = 0; i < 20; i++)
        EXPECT_EQUAL(some[i].times, i % 2 ? 0 : 1);
    end();
}

/*
 * What the timerfd is set to tells it without a word about how fast this
 * machine is: always the first time and whole periods, never the past again.
 */
static void every_so_often(void)
{
    Call often = {.busy = 1};
    int64_t period = 4 * MS;

    begin(25);
    often.own = timed_calls_run_every(&timed, period, on_due, &often);
    event_loop_run(loop);
    EXPECT_EQUAL(often.times, 25);
    EXPECT(settings >= 25);
    for (int i = 1; i < settings && i < SETS; i++) {
        EXPECT_EQUAL((set_to[i] - set_to[0]) % period, 0);
        EXPECT(set_to[i] > set_to[i - 1]);
    }
    end();
}

/* A callback that takes five periods and a half: those are left out. */
static void what_was_missed_is_left_out(void)
{
    Call often = {.busy = 22};
    int64_t start = timer_queue_now();
    int64_t period = 4 * MS;

    begin(4);
    often.own = timed_calls_run_every(&timed, period, on_due, &often);
    event_loop_run(loop);
    EXPECT(timer_queue_now() - start >= 4 * 22 * MS);
    EXPECT(settings <= 5); /* the first, and one after each call */
    for (int i = 1; i < settings && i < SETS; i++)
        EXPECT(set_to[i] - set_to[i - 1] >= 5 * period);
    end();
}

/* Only a new first timer is the kernel's business. */
static void set_only_when_needed(void *context)
{
    int64_t now = timer_queue_now();
    TimerId ids[500];

    (void)context;
    settings = set_twice = 0;
    for (int i = 0; i < 500; i++)
        ids[i] = timed_calls_run_at(&timed, now + (1000 + i) * (int64_t)MS,
                                    quit_it, NULL);
    for (int i = 499; i > 0; i--)
        timed_calls_cancel(&timed, ids[i]);
}

static void expect_few_settings(void *context)
{
    (void)context;
    EXPECT(settings <= 3);
    EXPECT_EQUAL(set_twice, 0);
    event_loop_quit(loop);
}

static void the_clock_is_set_seldom(void)
{
    Task task = {.run = set_only_when_needed};

    begin(0);
    event_loop_queue_in_loop(loop, &task);
    timed_calls_run_after(&timed, 5 * MS, expect_few_settings, NULL);
    event_loop_run(loop);
    end();
}

static int64_t spent;

/* The thread's own time: what others do meanwhile does not count. */
static int64_t time_spent(void)
{
    struct timespec time;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return time.tv_sec * 1000 * (int64_t)MS + time.tv_nsec;
}

static void add_and_cancel(void *context)
{
    TimerId *ids = context;
    int64_t start = timer_queue_now();
    int64_t before = time_spent();

    for (int turn = 0; turn < 2; turn++) {
        for (int i = 0; i < many; i++)
            ids[i] = timed_calls_run_at(
                &timed, start + (i * 7919LL % many + 100) * 1000 * (int64_t)MS,
                quit_it, NULL);
        for (int i = 0; i < many; i++)
            timed_calls_cancel(&timed, ids[i]);
    }
    spent = time_spent() - before;
    EXPECT_EQUAL(event_loop_timers(loop)->count, 0);
    event_loop_quit(loop);
}

/* A list in order would take minutes; the limit is for a slow machine. */
static void a_hundred_thousand(void)
{
    TimerId *ids = calloc((size_t)many, sizeof(*ids));

    begin(0);
    timed_calls_run_after(&timed, 0, add_and_cancel, ids);
    event_loop_run(loop);
    EXPECT(spent < 2000LL * MS);
    free(ids);
    end();
}

static int64_t previous;
static int not_in_order;

static void check_order(void *context)
{
    Call *call = context;

    not_in_order += call->due < previous;
    previous = call->due;
    if (++calls == wanted)
        event_loop_quit(loop);
}

static void many_in_order(void)
{
    int count = many / 10;
    Call *all = calloc((size_t)count, sizeof(*all));
    int64_t now = timer_queue_now();

    begin(count);
    previous = not_in_order = 0;
    for (int i = 0; i < count; i++) {
        all[i].due = now - count + i * 7919LL % count;
        all[i].own =
            timed_calls_run_at(&timed, all[i].due, check_order, &all[i]);
    }
    event_loop_run(loop);
    EXPECT_EQUAL(calls, count);
    EXPECT_EQUAL(not_in_order, 0);
    free(all);
    end();
}

/* Late at once, again and again. */
static void set_for_the_past(void *context)
{
    timed_calls_run_at(&timed, 0, set_for_the_past, context);
}

/* One that is always late does not keep the loop from all else. */
static void others_get_a_turn(void)
{
    begin(0);
    timed_calls_run_at(&timed, 0, set_for_the_past, NULL);
    timed_calls_run_after(&timed, 5 * MS, quit_it, NULL);
    event_loop_run(loop);
    end();
}

static void too_far_away_to_come(void)
{
    begin(0);
    timed_calls_run_after(&timed, INT64_MAX, quit_it, NULL);
    timed_calls_run_every(&timed, INT64_MAX, quit_it, NULL);
    Call late = {0};
    wanted = 1;
    timed_calls_run_after(&timed, 5 * MS, on_due, &late);
    event_loop_run(loop);
    EXPECT_EQUAL(late.times, 1);
    end();
}

/* valgrind sees that nothing is lost. */
static void cancel_when_all_is_over(void)
{
    begin(0);
    TimerId id =
        timed_calls_run_after(&timed, 1000 * (int64_t)MS, quit_it, NULL);
    timed_calls_run_after(&timed, 0, quit_it, NULL);
    event_loop_run(loop);
    timed_calls_cancel(&timed, id);
    timed_calls_cancel(&timed, id);
    end();
}

int main(int argc, char **argv)
{
    (void)argv;
    if (argc > 1)
        many = 2000;
    in_order();
    after_a_while();
    cancel_in_the_same_batch();
    cancel_itself();
    a_stale_id_does_no_harm();
    from_another_thread();
    every_so_often();
    what_was_missed_is_left_out();
    the_clock_is_set_seldom();
    a_hundred_thousand();
    many_in_order();
    others_get_a_turn();
    too_far_away_to_come();
    cancel_when_all_is_over();
    return unit_result();
}
