"""A timing wheel behind timer_queue.h: what a timer costs, and whether each has its time."""
from __future__ import annotations

import os
import re
import subprocess

from checks.check_units import parts_of
from exercises.marks import judges
from harness import build, guard
from harness.check import Check
from harness.server import Broken, before_exec, exit_words
from harness.spec import ONLY_ECHO
from harness.stages import TESTS

FEW, MANY = 20, 60_000
ROUNDS = 2_000
MOST = 1.3          # a heap takes nearly twice as many

COMMON = r"""
#include "timer_queue.h"
#include "unit.h"

#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <time.h>

/* In place of the C library's: the checks say what time it is. */
static int64_t now = 1000000000000;
static int64_t timerfd; /* what it is set to; 0: not set */
static int settings;

int clock_gettime(clockid_t clock, struct timespec *time)
{
    (void)clock;
    time->tv_sec = now / 1000000000;
    time->tv_nsec = now % 1000000000;
    return 0;
}

int timerfd_settime(int fd, int flags, const struct itimerspec *new, struct itimerspec *old)
{
    (void)fd, (void)flags, (void)old;
    timerfd = new->it_value.tv_sec * 1000000000 + new->it_value.tv_nsec;
    settings++;
    return 0;
}

static Epoll epoll;
static TimerQueue queue;

static void begin(void)
{
    timerfd = 0;
    settings = 0;
    epoll_open(&epoll);
    timer_queue_open(&queue, &epoll);
}

static void end(void)
{
    timer_queue_close(&queue);
    epoll_close(&epoll);
}
"""

COST = COMMON + r"""
static void nothing(void *context)
{
    (void)context;
}

/* COUNT timers. Then, ROUNDS times: WHAT is done to one of them. */
int main(int argc, char **argv)
{
    int count = atoi(argv[argc - 3]), rounds = atoi(argv[argc - 2]);
    const char *what = argv[argc - 1];
    Timer *all = calloc((size_t)count, sizeof(Timer));
    int64_t first = now + 50000000000, last = first + 1000000000;

    begin();
    for (int i = 0; i < count; i++) {
        all[i].on_due = nothing;
        timer_queue_set(&queue, &all[i], first + (int64_t)i * 1000000000 / count);
    }
    for (int i = 0; i < rounds; i++) {
        Timer *timer = &all[i * 37 % count];
        if (strcmp(what, "set") == 0) {
            timer_queue_clear(&queue, timer);
            timer_queue_set(&queue, timer, --first);
        } else if (strcmp(what, "put off") == 0) {
            timer_queue_set(&queue, timer, --first);
            timer_queue_set(&queue, timer, ++last);
        } else {
            timer_queue_set(&queue, timer, --first);
            timer_queue_clear(&queue, timer);
            timer_queue_set(&queue, timer, ++last);
        }
    }
    end();
    free(all);
    return 0;
}
"""

EXACT = COMMON + r"""
#include <unistd.h>

/* In place of the C library's: the timerfd has gone off. */
ssize_t read(int fd, void *data, size_t size)
{
    if (fd != queue.channel.fd || size < sizeof(uint64_t))
        return -1;
    memcpy(data, &(uint64_t){1}, sizeof(uint64_t));
    return sizeof(uint64_t);
}

enum { COUNT = 4000, TURNS = 400000 };

typedef struct Call {
    Timer timer;
    int64_t due; /* 0: not set */
    int calls;
} Call;

static Call all[COUNT];
static int64_t before; /* when the call before this one was due */
static int left, called, wrong_order, too_early, too_late, not_set;

static void on_due(void *context)
{
    Call *call = context;

    call->calls++;
    called++;
    left--;
    not_set += call->due == 0;
    too_early += call->due > now;
    too_late += call->due < now && call->due > before + 1;
    wrong_order += call->due < before;
    before = call->due;
    call->due = 0;
}

static void set(Call *call, int64_t due)
{
    call->timer.on_due = on_due;
    call->timer.context = call;
    left += call->due == 0;
    call->due = due;
    timer_queue_set(&queue, &call->timer, due);
}

/* Go to the time that the timerfd is set to, until all were called. */
static int run_to_the_end(void)
{
    int turns = 0;

    while (left > 0 && turns++ < TURNS) {
        if (timerfd == 0)
            return turns; /* it would never go off */
        if (timerfd > now)
            now = timerfd;
        timerfd = 0;
        before = 0;
        queue.channel.on_ready(queue.channel.context);
    }
    return turns;
}

static void check(int count, int most)
{
    int turns = run_to_the_end();

    EXPECT_EQUAL(left, 0);
    EXPECT_EQUAL(called, count);
    EXPECT_EQUAL(too_early, 0);
    EXPECT_EQUAL(too_late, 0);
    EXPECT_EQUAL(wrong_order, 0);
    EXPECT_EQUAL(not_set, 0);
    EXPECT_EQUAL(queue.count, 0);
    if (turns > most) {
        fprintf(stderr, "%d wake-ups for %d timers\n", turns, count);
        EXPECT(turns <= most);
    }
}

static void start(void)
{
    begin();
    memset(all, 0, sizeof(all));
    left = called = wrong_order = too_early = too_late = not_set = 0;
}

static unsigned number = 1;

static int64_t some(int64_t most)
{
    number = number * 1103515245 + 12345;
    return (int64_t)((double)(number >> 8) / (1 << 24) * (double)most);
}

/* From nanoseconds to days, in any order. No two at the same time. */
static void far_and_near(void)
{
    int64_t spans[] = {1000, 1000000, 1000000000, 60000000000, 3600000000000, 86400000000000};

    for (int turn = 0; turn < 6; turn++) {
        start();
        for (int i = 0; i < COUNT; i++)
            set(&all[i], now + 1 + some(spans[turn]) * 2 + 1);
        check(COUNT, COUNT);
        end();
    }
}

/* Some are cleared, some are set to another time, earlier and later. */
static void changed(void)
{
    int count = COUNT;

    start();
    for (int i = 0; i < COUNT; i++)
        set(&all[i], now + 1 + some(200000000000));
    for (int i = 0; i < COUNT; i += 3) {
        timer_queue_clear(&queue, &all[i].timer);
        all[i].due = 0;
        left--;
        count--;
    }
    for (int i = 1; i < COUNT; i += 3)
        set(&all[i], now + 1 + some(i % 2 ? 2000000000000 : 1000000));
    check(count, COUNT + COUNT / 10);
    end();
}

/* The loop was busy for a long time: all are late, and still in order. */
static void late_by_turns(void)
{
    int64_t delays[] = {1, 50000000, 70000000000, 1000000000000};

    for (int turn = 0; turn < 4; turn++) {
        start();
        for (int i = 0; i < COUNT; i++)
            set(&all[i], now + 1 + some(delays[turn]));
        now += delays[turn] + 2;
        before = 0;
        timer_queue_run(&queue);
        EXPECT_EQUAL(called, COUNT);
        EXPECT_EQUAL(wrong_order, 0);
        EXPECT_EQUAL(queue.count, 0);
        end();
    }
}

/* Nothing was set for an hour. Then a timer has its time all the same. */
static void after_a_long_rest(void)
{
    Call never = {0};

    start();
    for (int i = 0; i < 30; i++) {
        now += 3600000000000 + some(1000000000);
        set(&all[i], now + 1 + some(i % 2 ? 1000000 : 100000000000));
        set(&never, INT64_MAX);
        left = 1;
        EXPECT(run_to_the_end() <= 2);
        EXPECT_EQUAL(called, i + 1);
        EXPECT_EQUAL(too_early + too_late + wrong_order + not_set, 0);
        EXPECT_EQUAL(never.calls, 0);
        if (i % 3 == 0) {
            timer_queue_clear(&queue, &never.timer);
            EXPECT_EQUAL(queue.count, 0);
            never.due = 0;
        }
    }
    timer_queue_clear(&queue, &never.timer);
    EXPECT_EQUAL(queue.count, 0);
    end();
}

/* A period of a millisecond beside many that are far away wakes for itself. */
static Call beat;
static int beats;

static void on_beat(void *context)
{
    (void)context;
    if (++beats < 1000)
        timer_queue_set(&queue, &beat.timer, beat.due += 1000000);
}

static void one_beats(void)
{
    start();
    for (int i = 0; i < COUNT; i++)
        set(&all[i], now + 1000000000000 + i);
    beat = (Call){.timer = {.on_due = on_beat}, .due = now + 1000000};
    timer_queue_set(&queue, &beat.timer, beat.due);
    int turns = 0;
    for (; beats < 1000 && turns < 5000; turns++) {
        now = timerfd;
        queue.channel.on_ready(queue.channel.context);
    }
    EXPECT_EQUAL(beats, 1000);
    EXPECT(turns <= 1001);
    EXPECT_EQUAL(called, 0);
    for (int i = 0; i < COUNT; i++)
        timer_queue_clear(&queue, &all[i].timer);
    EXPECT_EQUAL(queue.count, 0);
    end();
}

/* Timers that are late already when they are set have their turn at once. */
static void set_late(void)
{
    int64_t delays[] = {1, 1000000, 100000000, 10000000000, 100000000000, 999000000000};

    start();
    for (int turn = 0; turn < 6; turn++) {
        now += 1000000000000 + some(1000000000);
        set(&all[0], now + 5);
        set(&all[1], now + 3000000000000); /* so the queue is never empty */
        now += 5;
        timer_queue_run(&queue);
        called = 0;
        for (int i = 2; i < 50; i++)
            set(&all[i], now - delays[turn] - i);
        before = 0;
        timer_queue_run(&queue);
        EXPECT_EQUAL(called, 48);
        EXPECT_EQUAL(queue.count, 1);
        EXPECT_EQUAL(all[1].calls, 0);
    }
    timer_queue_clear(&queue, &all[1].timer);
    end();
}

/* The first of a batch clears some of the others, and puts some off. */
static void on_first(void *context)
{
    on_due(context);
    for (int i = 1; i < 100; i++) {
        if (i % 3 == 0)
            timer_queue_clear(&queue, &all[i].timer);
        if (i % 3 == 1)
            set(&all[i], all[i].due + 1000000000);
    }
}

static void changed_in_a_batch(void)
{
    start();
    for (int i = 0; i < 100; i++)
        set(&all[i], now + 1000000 * (i % 7) + i);
    set(&all[0], now - 1);
    all[0].timer.on_due = on_first;
    now += 10000000;
    before = 0;
    timer_queue_run(&queue);
    EXPECT_EQUAL(called, 34);
    EXPECT_EQUAL(queue.count, 33);
    EXPECT_EQUAL(wrong_order, 0);
    left = 33;
    run_to_the_end();
    EXPECT_EQUAL(called, 67);
    for (int i = 1; i < 100; i++)
        EXPECT_EQUAL(all[i].calls, i % 3 != 0);
    EXPECT_EQUAL(queue.count, 0);
    end();
}

int main(void)
{
    set_late();
    changed_in_a_batch();
    far_and_near();
    changed();
    late_by_turns();
    after_a_long_rest();
    one_beats();
    return unit_result();
}
"""


class TimingWheel(Check):
    group = "timing_wheel"

    def compile(self, name: str, text: str):
        """A program with the copy's timer_queue.c."""
        folder = self.target.stage.folder
        source = build.scratch() / f"{name}-{os.getpid()}.c"    # others may write one as well
        source.write_text(text, "ascii")
        try:
            return build.compile_c(f"unit/{self.mode.name}/{folder.name}-{name}",
                                   [source, *parts_of(source, folder)], self.mode,
                                   [folder, TESTS / "unit"])
        except build.BuildFailed as error:
            raise Broken(f"a check does not compile with timer_queue.h:\n{error}") from None

    def run_program(self, argv):
        how = guard.how({}) if self.target.stage.guarded else {}
        try:
            return subprocess.run(list(map(str, argv)), capture_output=True, text=True,
                                  check=False, timeout=self.limit(60),
                                  preexec_fn=lambda: before_exec(**how))
        except subprocess.TimeoutExpired:
            raise Broken(f"{' '.join(map(str, argv[-3:]))}: no end after a minute") from None

    def instructions(self, program, *args) -> int:
        done = self.run_program(["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null",
                                 program, *args])
        match = re.search(r"Collected : (\d+)", done.stderr)
        if done.returncode or not match:
            raise Broken(f"the queue with {args[0]} timers: {exit_words(done.returncode)}\n"
                         f"{done.stderr[-2000:]}")
        return int(match[1])

    def expect_constant(self, what: str, words: str):
        """The same number of instructions with few timers and with many."""
        self.need("valgrind")
        program = self.compile("cost", COST)
        cost = {}
        for count in (FEW, MANY):
            once, twice = (self.instructions(program, count, rounds, what)
                           for rounds in (ROUNDS, 2 * ROUNDS))
            cost[count] = (twice - once) / ROUNDS
        if cost[MANY] > MOST * cost[FEW]:
            raise Broken(f"{words} costs {cost[FEW]:.0f} instructions with {FEW} timers in the "
                         f"queue, and {cost[MANY]:.0f} with {MANY:,}\n  does it look at other "
                         "timers than the one that changes?")

    @judges(ONLY_ECHO, modes=("plain",))
    def set_costs_the_same(self):
        """To clear a timer and set it as the first: as cheap with 60,000 timers as with 20."""
        self.expect_constant("set", "to clear a timer and to set it for the earliest time")

    @judges(ONLY_ECHO, modes=("plain",))
    def put_off_costs_the_same(self):
        """To put off the first timer: as cheap with 60,000 timers as with 20."""
        self.expect_constant("put off", "to set a timer as the first, and to put it off")

    @judges(ONLY_ECHO, modes=("plain",))
    def clear_costs_the_same(self):
        """To clear the first timer: as cheap with 60,000 timers as with 20."""
        self.expect_constant("clear", "to set a timer as the first, to clear it and to set it "
                             "as the last")

    @judges(ONLY_ECHO, modes=("plain", "valgrind"))
    def each_at_its_time(self):
        """From nanoseconds to days: in order, not early, not late, and no wake-up for nothing."""
        program = self.compile("exact", EXACT)
        tool = ["valgrind", "-q", "--error-exitcode=99", "--leak-check=full"]
        done = self.run_program([*(tool if self.mode.tool else []), program])
        if done.returncode:
            raise Broken(f"the queue, run by hand with a clock of the check's own: "
                         f"{exit_words(done.returncode)}\n{done.stderr[-3000:]}")
