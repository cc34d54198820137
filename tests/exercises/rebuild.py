"""Rebuild the server: a reader turns one stage into the next, and the next one's checks judge it.

*Kept* is what both stages promise; *new* is what the next one promises besides. A limitation of
the next stage is in neither: lifted early, it is no failure.
"""
from __future__ import annotations

import os
import re
import sys
import time
from dataclasses import dataclass, field, replace

from exercises import workshop
from exercises.catalogue import texts_of
from exercises.rebuild_checks import ROW as OUTSIDE
from exercises.rebuild_checks import Outside
from harness import modes
from harness.check import Target
from harness.runner import Outcome, Task, load_checks, methods, run_all
from harness.spec import ROWS, Spec
from harness.stages import PROGRAMS, TESTS, Stage, find_stages, flags

sys.path.append(str(TESTS / "tools"))

import ladder  # noqa: E402
import stages as tools  # noqa: E402

FIRST, LAST = 2, 10
HASTY = replace(modes.PLAIN, scale=0.5)     # for a reader who waits: half the patience
# Checks whose limits are what is promised, and not patience.
UNHURRIED = ("idle", "evict")
BUDGET = 6.0        # seconds for the other checks, once one has failed
MOST_AGAIN = 4      # where more have failed, it was not the busy machine
UNITS = "units"     # the group of checks from C; they need the stage's own headers
LADDER_CHECK = "outside.ladder_of_includes"
LADDER_SINCE = 3

# Checks that both stages promise, and that ask more of this one.
SAYS_MORE = {
    2: ("accept_fails.said", "rude.resets_and_newcomers_at_once", "closes.each_descriptor_once"),
    5: ("stop.whatever_was_inherited",),
    7: ("half_close.does_not_spin_meanwhile", "half_close.with_megabytes_outstanding"),
    8: ("flood.polite_client_is_served", "busy.stop_overtakes_clients",
        "chat.stop_while_all_talk", "chat.stop_at_any_moment", "crowd.one_order_for_everybody",
        "crowd.resets_in_the_middle", "crowd.slow_member_is_dropped", "units.send_to_any"),
    9: ("prefork.ctrl_c_counts_once", "prefork.a_child_that_hangs_is_killed"),
    10: ("standard.closed", "standard.error_takes_nothing", "standard.file_that_may_not_grow",
         "standard.output_read_late", "standard.input_of_every_kind"),
}
# Where a program gets options, these ask for them: those with a value; any.
OF_VALUES = ("usage.missing_value", "usage.unreadable_or_out_of_range")
OF_OPTIONS = ("usage.help_on_stdout",)
# Rows of the behaviour table in the order in which a reader meets them; the others come after.
MET_FIRST = {
    2: ("many",),
    3: ("help", "usage", "verbose", "ipv6"),
    6: ("urgent", "descriptors", "help", "usage", "connection-limit"),
    7: ("help", "usage", "slow-reader", "stop-stalled", "message", "too-long", "unfinished"),
    8: ("help", "usage", "cores", "slow-handler", "order"),
    9: ("asleep", "drain"),
    10: ("help", "usage", "idle-eviction", "counts"),
}
ORDER = ("echo_server", "poll_server", "select_server", "chat_server", "http_server",
         "prefork_server", "chargen_server")


@dataclass(frozen=True)
class Promise:
    """A check of one of the stage's programs."""

    case: type
    method: str
    program: str

    @property
    def check(self) -> str:
        return f"{self.case.group}.{self.method}"

    @property
    def spec(self) -> Spec:
        return getattr(self.case, self.method).spec

    @property
    def unit(self) -> bool:
        return self.case.group == UNITS

    def of(self, number: int) -> str:
        """The row that it belongs to at that stage; empty where the stage does not promise it."""
        first, last = PROGRAMS[self.program]
        known = first <= number <= last and self.spec.applies(number, self.program, "plain")
        return self.spec.row_of(number, self.program) if known else ""


@dataclass
class RebuildVerdict:
    """What came of a rebuilt stage."""

    number: int
    kept_total: int
    new_total: int
    error: str = ""             # the first thing that does not build, in one line
    words: str = ""             # all that the compiler said
    built: bool = True          # something at least is built, so that it can be checked
    compiled: tuple = (0, 0)    # how many of how many sources
    parts: dict = field(default_factory=dict)       # {new part: whether it is there}
    kept: list = field(default_factory=list)        # outcomes, in the order in which to show them
    new: list = field(default_factory=list)

    @property
    def kept_passed(self) -> int:
        return sum(o.status in ("ok", "skip") for o in self.kept)

    @property
    def new_passed(self) -> int:
        return sum(o.status in ("ok", "skip") for o in self.new)

    @property
    def not_run(self) -> int:
        return self.kept_total + self.new_total - len(self.kept) - len(self.new)

    @property
    def skipped(self) -> list:
        return [o for o in (*self.kept, *self.new) if o.status == "skip"]

    @property
    def first(self) -> Outcome | None:
        """The first failure: what the stage before promises too comes first."""
        return next((o for o in (*self.kept, *self.new) if o.status == "FAIL"), None)

    @property
    def passed(self) -> bool:
        done = self.kept_passed + self.new_passed
        return not self.error and done == self.kept_total + self.new_total > len(self.skipped)


# -- what is promised ---------------------------------------------------------

def stage_of(number: int) -> Stage:
    return find_stages([f"v{number:02}"])[0]


def promises(number: int, headers=False) -> tuple:
    """(kept, new) of a stage, each in the order in which to show them."""
    kept, new = [], []
    for case in (*load_checks(), Outside):
        for method in methods(case):
            for program in getattr(case, method).spec.all_programs():
                promise = Promise(case, method, program)
                if not promise.of(number) or promise.spec.limit or promise.unit > headers:
                    continue
                is_kept = promise.of(number - 1) and not says_more(number, promise)
                (kept if is_kept else new).append(promise)
    return (sorted(kept, key=lambda p: p.of(number) == OUTSIDE),
            sorted(new, key=lambda p: _when_met(p, number)))


def totals(number: int, headers=False) -> tuple:
    """How many checks are (kept, new), the ladder of includes among them."""
    kept, new = promises(number, headers)
    return len(kept) + (number > LADDER_SINCE), len(new) + (number == LADDER_SINCE)


def says_more(number: int, promise: Promise) -> bool:
    """Whether the check asks more of this stage than of the one before."""
    gets = set(flags(number, promise.program)) - set(flags(number - 1, promise.program))
    if promise.check in OF_VALUES:
        return bool(gets - {"-v"})
    if promise.check in OF_OPTIONS:
        return bool(gets)
    return promise.check in SAYS_MORE.get(number, ())


def _when_met(promise: Promise, number: int) -> tuple:
    """Programs one after the other; a program that is not new, in the order of its reader."""
    is_new = PROGRAMS[promise.program][0] == number
    first = () if is_new else (OUTSIDE, "units", *MET_FIRST.get(number, ()))
    order = [*first, *(row.id for row in ROWS)]
    return ORDER.index(promise.program), order.index(promise.of(number))


def rows(number: int, headers=False) -> dict:
    """{row: [(check, program)]} of all that is promised, in the order of the behaviour table."""
    found = {}
    for promise in sum(promises(number, headers), []):
        found.setdefault(promise.of(number), []).append((promise.check, promise.program))
    if number >= LADDER_SINCE:
        found.setdefault(OUTSIDE, []).append((LADDER_CHECK, ""))
    order = [row.id for row in ROWS] + [OUTSIDE]
    return {row: found[row] for row in order if row in found}


def points(verdict: RebuildVerdict) -> dict:
    """{row: whether all its checks pass}, for a grade."""
    found = {}
    for outcome in (*verdict.kept, *verdict.new):
        good = outcome.status in ("ok", "skip")
        found[outcome.row] = found.get(outcome.row, True) and good
    return found


# -- the copy -------------------------------------------------------------------

def start_texts(number: int, headers=False, previous_texts=None) -> dict:
    """What the reader begins with: the stage before, or their own, without programs that go.

    With `headers`, those headers of the stage that are new in it or changed as well.
    """
    before = texts_of(stage_of(number - 1).folder)
    texts = dict(previous_texts if previous_texts is not None else before)
    for name, (_, last) in PROGRAMS.items():
        if last < number:
            texts.pop(f"{name}.c", None)
    for name, text in texts_of(stage_of(number).folder).items() if headers else ():
        if name.endswith(".h") and before.get(name) != text:
            texts[name] = text
    return texts


# -- judging --------------------------------------------------------------------

def compiled(stage: Stage, texts: dict) -> tuple:
    """How many of the sources compile, and how many there are."""
    names = [name[:-2] for name in texts if name.endswith(".c")]
    return sum((stage.folder / "build" / f"{n}.o").exists() for n in names), len(names)


def new_parts(number: int) -> list:
    """The sources of parts that the stage has and the one before has not, from the ground up."""
    before, now = (texts_of(stage_of(n).folder) for n in (number - 1, number))
    return sorted((name for name in now if name.endswith(".c") and name not in before
                   and not tools.is_program(name)), key=tools.reading_order)


class _Enough(Exception):
    """The time for the checks after the first failure is over."""


def judge(number: int, texts: dict, headers=False, report=None, stop=True) -> RebuildVerdict:
    """Build the copy and check it. `report` gets each outcome.

    With `stop`, for a reader who waits: once a check has failed, the others get a few seconds
    more, and where something that held before is broken nothing new is looked at.
    """
    built = workshop.build(stage_of(number), texts, f"rebuild-v{number:02}")
    kept, new = promises(number, headers)
    verdict = RebuildVerdict(number, *totals(number, headers))
    verdict.words, verdict.built = built.words, bool(built.stage.programs())
    verdict.compiled = compiled(built.stage, texts)
    verdict.parts = {name[:-2]: name in texts for name in new_parts(number)}
    verdict.error = first_error(built.words, texts)
    for mine, found, total in ((verdict.kept, kept, verdict.kept_total),
                               (verdict.new, new, verdict.new_total)):
        if stop and found is new and not verdict.error and _ran_and_failed(verdict.kept):
            break
        if total > len(found) and built.stage.programs():
            mine.append(check_ladder(built.stage))
        mine += _run(found, built.stage, texts, verdict.error, report, stop)
    return verdict


def _run(found, stage, texts, error, report, stop) -> list:
    """The outcomes of these promises, in their order, those left for want of time left out."""
    outcomes, tasks = {}, {}
    for promise in found:
        why = _why_not(promise, stage, texts, error)
        hasty = stop and promise.case.group not in UNHURRIED
        task = Task(Target(stage, promise.program, HASTY if hasty else modes.PLAIN),
                    promise.case, promise.method)
        if why:
            outcomes[promise] = _told(task, why)
        else:
            tasks[promise] = task
    by_name = {f"{p.check} {p.program}": p for p in tasks}

    def take(outcome):
        outcomes[by_name[f"{outcome.check} {outcome.program}"]] = plain(outcome)

    left = list(tasks)
    while left and not _ran_and_failed(outcomes.values()):
        _within([tasks[p] for p in left], BUDGET if stop else 0, take)
        _confirm(left, tasks, outcomes, take)
        left = [p for p in left if p not in outcomes]
    in_order = [outcomes[p] for p in found if p in outcomes]
    for outcome in in_order if report else ():
        report(outcome)
    # What has no source yet comes last.
    return sorted(in_order, key=lambda o: f"{o.program}.c" not in texts)


def _ran_and_failed(outcomes) -> bool:
    return any(o.status == "FAIL" and o.seconds for o in outcomes)


def _within(tasks, budget: float, take):
    """Run them; after the first failure for so many seconds more, if the budget is one."""
    failed_at = []

    def late(*_):
        if budget and failed_at and time.monotonic() - failed_at[0] > budget:
            raise _Enough

    def keep(outcome):
        take(outcome)
        if outcome.status == "FAIL":
            failed_at.append(time.monotonic())
        late()

    try:
        run_all(tasks, modes.PLAIN.jobs * (os.cpu_count() or 1), keep, tick=late)
    except _Enough:
        pass


def _confirm(order, tasks, outcomes, take):
    """On a busy machine a limit in time can be missed: the first failure is tried again, alone.

    It gets all the patience then; if it passes, the next failure is tried.
    """
    failed = [p for p in order if p in outcomes and outcomes[p].status == "FAIL"]
    for promise in failed if len(failed) <= MOST_AGAIN else ():
        task = tasks[promise]
        run_all([replace(task, target=replace(task.target, mode=modes.PLAIN))], 1, take)
        if outcomes[promise].status == "FAIL":
            return


def _why_not(promise: Promise, stage: Stage, texts: dict, error: str) -> str:
    """Why a check need not run: what it is for is not there yet."""
    if promise.unit:
        source = f"{unit_part(promise)}.c"
        return "" if source in texts else f"there is no {source} yet"
    source = f"{promise.program}.c"
    if source not in texts:
        return f"there is no {source} yet"
    return "" if stage.program(promise.program).exists() else f"it does not build yet: {error}"


def unit_part(promise: Promise) -> str:
    """The part that a check from C is for: the first header that it includes."""
    text = (TESTS / "unit" / f"test_{promise.method}.c").read_text("utf-8")
    return re.search(r'^#include "(\w+)\.h"', text, re.M)[1]


def _told(task: Task, text: str, status="FAIL") -> Outcome:
    stage = task.target.stage
    return Outcome(stage.name, stage.number, task.target.program, task.check, task.row, "", status,
                   0.0, text)


def plain(outcome: Outcome) -> Outcome:
    """Say in fewer words what a reader of a half-built server need not puzzle over."""
    if outcome.status != "FAIL":
        return outcome
    refused = re.search(r"^\$ (.*)\n.*?: (.*)\n.*usage", outcome.stderr, re.M | re.I)
    if outcome.text.startswith("no ready line") and "exit status 2" in outcome.text and refused:
        return replace(outcome, stderr="", text=f"`{refused[1]}` must start; the server refuses "
                       f"that command line: {refused[2]}")
    if outcome.text.startswith("unit/") and "does not compile" in outcome.text:
        name = outcome.text.split(" ")[0]
        return replace(outcome, text=f"{name} does not build with your parts: "
                       + first_error(outcome.text))
    return outcome


# -- the ladder of includes -------------------------------------------------------

def check_ladder(stage: Stage) -> Outcome:
    """No part includes one that stands higher; parts of the reader's own stand where they like."""
    files = ladder.sources(stage.folder)
    found = [use for use in ladder.uses(files) if use[4].startswith("includes")]
    up = [line.split(" ", 1)[1] for line in ladder.steps_up(stage.folder, found)
          if line.endswith("a step up the ladder")]
    text = ""
    if up:
        text = up[0] + "\n  the order is in tests/tools/stages.py, the lowest part first"
    elif ladder.circle(found):
        text = f"these include each other in a circle: {' -> '.join(ladder.circle(found))}"
    elif all(tools.is_program(name) for _, name, _ in files if name.endswith(".c")):
        text = "the program is one source still\n  what in it can stand alone, with a header of " \
               "its own?"
    return Outcome(stage.name, stage.number, "", LADDER_CHECK, OUTSIDE, "",
                   "FAIL" if text else "ok", 0.0, text)


# -- the compiler's words ------------------------------------------------------------

_ERROR = re.compile(r"^([\w.-]+\.[ch]):(\d+):(?:\d+:)? (?:fatal )?error: (.*)$", re.M)
_UNDEFINED = re.compile(r"\b(\w+\.[ch]):\S* undefined reference to [`'](\w+)'")
_TWICE = re.compile(r"\b(\w+\.c)\b.*multiple definition of [`'](\w+)'.*?(\w+\.c):")


def first_error(words: str, texts=None) -> str:
    """One line: what to mend first, parts from the ground up; empty when all is built."""
    if texts is not None and "echo_server.c" not in texts:
        return "there is no echo_server.c: the program's main file must have this name"
    errors = [(tools.reading_order(name), int(line), f"{name}:{line}: {text}")
              for name, line, text in _ERROR.findall(words)]
    undefined = [(tools.reading_order(name), 0, _undefined(name, called, texts or {}))
                 for name, called in _UNDEFINED.findall(words)]
    twice = [(tools.reading_order(one), 0, f"{name} is defined twice, in {one} and in {other}")
             for one, name, other in _TWICE.findall(words)]
    for found in (errors, twice, undefined):
        if found:
            return min(found)[2]
    return ([line for line in words.splitlines() if line.strip()] or [""])[-1]


def _undefined(caller: str, name: str, texts: dict) -> str:
    header = next((header for header, text in sorted(texts.items())
                   if header.endswith(".h") and re.search(rf"\b{name}\(", text)), "")
    return f"{caller} calls {name}, which " + (f"{header} declares and " if header else "") \
        + "no source defines yet"
