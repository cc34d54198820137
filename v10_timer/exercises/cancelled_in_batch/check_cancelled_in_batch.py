"""A call that was cancelled in time is not made, whichever way it was asked for."""
from __future__ import annotations

import os
import subprocess

from checks.check_units import parts_of
from exercises.marks import judges
from harness import build, guard
from harness.check import Check
from harness.server import Broken, before_exec, exit_words
from harness.spec import ONLY_ECHO

PROGRAM = r"""
#include "timed_calls.h"

#include <stdio.h>

static EventLoop *loop;
static TimedCalls calls;
static Timer timers[4];
static TimerId ids[4];
static int runs[2][4];

static void on_timer(void *context)
{
    Timer *timer = context;
    long number = timer - timers;

    runs[0][number]++;
    if (number == 0)
        timer_queue_clear(event_loop_timers(loop), &timers[2]);
}

static void on_call(void *context)
{
    TimerId *id = context;
    long number = id - ids;

    runs[1][number]++;
    if (number == 0)
        timed_calls_cancel(&calls, ids[2]);
}

static void quit(void *context)
{
    (void)context;
    event_loop_quit(loop);
}

/* All are late when the loop begins: so they are due together. */
int main(void)
{
    loop = event_loop_create();
    timed_calls_open(&calls, loop);
    int64_t start = timer_queue_now() - 1000;
    for (int i = 0; i < 4; i++) {
        timers[i] = (Timer){.on_due = on_timer, .context = &timers[i]};
        timer_queue_set(event_loop_timers(loop), &timers[i], start + i);
        ids[i] = timed_calls_run_at(&calls, start + i, on_call, &ids[i]);
    }
    timed_calls_run_after(&calls, 20000000, quit, NULL);
    event_loop_run(loop);
    for (int way = 0; way < 2; way++)
        printf("%d%d%d%d\n", runs[way][0], runs[way][1], runs[way][2], runs[way][3]);
    event_loop_run_tasks(loop);
    timed_calls_close(&calls);
    event_loop_destroy(loop);
    return 0;
}
"""
WAYS = ("timer_queue_clear", "timed_calls_cancel")


class CancelledInBatch(Check):
    group = "cancelled_in_batch"

    @judges(ONLY_ECHO, modes=("plain",))
    def never_called(self):
        """Four calls are due together; the first cancels the third, which is not made."""
        folder = self.target.stage.folder
        source = build.scratch() / f"cancelled-{os.getpid()}.c"     # others may write one as well
        source.write_text(PROGRAM, "ascii")
        try:
            program = build.compile_c(f"unit/{folder.name}-cancelled",
                                      [source, *parts_of(source, folder)], self.mode, [folder])
        except build.BuildFailed as error:
            raise Broken(f"a check does not compile with timed_calls.h:\n{error}") from None
        how = guard.how({}) if self.target.stage.guarded else {}
        try:
            done = subprocess.run([program], capture_output=True, text=True, check=False,
                                  timeout=self.limit(20), preexec_fn=lambda: before_exec(**how))
        except subprocess.TimeoutExpired:
            raise Broken("four calls that are due together: the loop does not end") from None
        if done.returncode:
            raise Broken(f"four calls that are due together: {exit_words(done.returncode)}\n"
                         f"{done.stderr[-2000:]}")
        for way, runs in zip(WAYS, done.stdout.split()):
            if runs != "1101":
                raise Broken(f"four calls are due together, and the first cancels the third by "
                             f"{way}: they were made {', '.join(runs)} times; 1, 1, 0, 1 is right"
                             "\n  has the third been taken from where it can be cancelled?")
