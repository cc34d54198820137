"""Which runs there are: what each server calls, crossed with the catalogue."""
from __future__ import annotations

import errno
import os
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

from faults import catalogue as cat
from faults.cell import Run
from faults.model import Fault, Result, Target
from harness.server import kill_all

VARIANTS = {("echo_server", 8): ((), ("-w", "2")), ("echo_server", 9): ((), ("-w", "2")),
            ("echo_server", 10): ((), ("-w", "2"))}


def options(stage, program):
    """The same number of loops and processes on every machine."""
    if stage.number < 8:
        return ()
    return ("-n", "2") if program == "prefork_server" else ("-t", "2")


def targets(stages):
    """The columns of the tables."""
    found = []
    for stage in stages:
        for program in stage.programs():
            for args in VARIANTS.get((program, stage.number), ((),)):
                found.append(Target(stage, program, args, options(stage, program)))
    return found


def survey_row(phase, session="talk", args=()):
    return cat.Row("", "", phase=phase, session=session, args=args)


def surveys(target):
    """Runs without a failure that show the calls of each phase and session."""
    rows = {(row.phase, row.session, row.args) for row in cat.ROWS if fits(row, target)}
    return [Fault(survey_row(*key), call="all") for key in sorted(rows)]


def fits(row, target):
    first, last = row.stages
    return first <= target.stage.number <= last and \
        (not row.programs or target.program in row.programs)


def faults(target, calls, brief):
    """All failures for one target; `calls` by phase, session and options, from the surveys."""
    found = []
    for row in cat.ROWS:
        made = calls.get((row.phase, row.session, row.args), ()) if fits(row, target) else ()
        for call in (c for c in row.calls.split() if c in made):
            for at, error in enumerate(row.errors.split()):
                if brief and at > 0 and not is_main(target):
                    break
                few = brief or (at > 0 and not is_main(target))
                found += [Fault(row, call, error, when)
                          for when in (row.when[:1] if few else row.when)]
    return found


def library_faults(target, allocations, brief):
    """What the preloaded library does: to every allocation in turn, and the rest."""
    found = [Fault(row, what=row.calls, error=row.errors, env=((name, value),))
             for row, name, value in cat.LIBRARY]
    row = cat.ALLOCATION
    step = 1 if is_main(target) or not brief else max(4, allocations // 12)
    for at in range(1, allocations + 1, step):
        found += [Fault(row, what=row.calls, error=row.errors,
                        env=(("FAULT_MALLOC", f"{at},{times}"),), losses=times)
                  for times in cat.TIMES[:1 if brief else None]]
    row = cat.AT_STOP
    if target.program == "echo_server" and fits(row, target):
        found += [Fault(row, what=row.calls, error=row.errors, losses=1,
                        env=(("FAULT_MALLOC", f"{at},1"), ("FAULT_ARMED", "1")))
                  for at in range(1, cat.STOP_ALLOCATIONS + 1)]
    return found


def is_main(target):
    """The others are run with fewer combinations."""
    return target.program == "echo_server" and not target.args


def unknown(calls):
    """Calls that neither a row nor `NEVER` knows."""
    known = {call for row in cat.ROWS for call in row.calls.split()} | set(cat.NEVER)
    return sorted({call for (phase, _, _), made in calls.items() if phase != cat.STARTING
                   for call in made} - known)


# A call that strace was about to make fail when it had to let go ends with ENOSYS: such a run says
# nothing of the server.
LET_GO = os.strerror(errno.ENOSYS)


def _run(job):
    try:
        for _ in range(4):
            result = Run(*job).result()
            if not result.wrong or LET_GO not in result.stderr:
                break
        return result
    except (OSError, LookupError, ValueError) as error:     # of a server that is going away
        return Result(*job, wrong=f"{type(error).__name__}: {error}")
    finally:
        kill_all()


def _prepare(library, usual):
    Run.library, Run.usual = library, usual


def run_all(jobs, workers, library, usual=None):
    """Yields the results as they come."""
    context = get_context("fork")
    with ProcessPoolExecutor(workers, context, _prepare, (library, usual or {})) as pool:
        yield from pool.map(_run, jobs)
