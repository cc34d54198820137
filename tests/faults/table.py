"""The table: a line a call, with the errors that it was made to fail with and their cost."""
from __future__ import annotations

from dataclasses import dataclass, field

from faults import catalogue as cat
from faults.inject import LIBRARY
from faults.plan import fits

TITLES = {cat.SERVING: "While it serves", cat.STOPPING: "While it stops",
          cat.STARTING: "At the start", cat.WHOLE: "From the start to the end"}
HEAD = """# What fails, and what is survived

Written by `make faults`; `tests/README.md` says what is done. Each call was made to fail with each
of its errors, in each of the servers named beside it, and that was **survived**: no crash, no hang,
no spin, no descriptor or memory lost, no wrong byte, no loss for anybody but whom the table names;
a line on stderr where it says `yes` (`-v`: with that option); afterwards a new client is served,
and SIGTERM ends the server with status 0. What was not survived stands at the end. `late` is a call
that does not fail, but comes 20 ms late. `v10 chat` is the `chat_server` of v10, `v10` alone its
`echo_server`.

| cost | who may lose what |
| --- | --- |
| nobody | every client gets every byte |
| client | the client whose call failed may lose its connection |
| newcomer | as many clients as calls failed may lose theirs, most of them before they are served |
| start | the server does not start: a line on stderr, exit status 1, nothing left open |
| child | one process of several ends and is replaced, after a second at the earliest |
| fatal | the server can't go on: a line on stderr, exit status 1 |
"""
COLUMNS = "| call | errors | cost | said | servers |\n| --- | --- | --- | --- | --- |\n"
SERVERS, FAILED = "Servers: ", "## Not survived"
SPLIT = ("read", "write")       # calls that are told apart by what they are for


IGNORED = {"message", LIBRARY}  # not what a server serves with


def labels(result):
    """What a run made fail: a call may be told apart by what it was for."""
    fault = result.fault
    what = fault.what or " ".join([fault.call, fault.row.only]).strip()
    kinds = {hit.on for hit in result.hits if hit.call == fault.call}
    if fault.row.phase == cat.STARTING or not kinds:
        return [what]
    kinds -= IGNORED
    if fault.call not in SPLIT:
        return [what] if kinds else []
    return [f"{what} ({kind})" if kind else what for kind in sorted(kinds)]


@dataclass
class Line:
    """One of the table."""

    what: str
    row: cat.Row
    errors: list = field(default_factory=list)
    servers: set = field(default_factory=set)

    @property
    def concerns_client(self):
        """Whether it is not a call for a descriptor of the loop alone."""
        return not self.what.endswith(("(eventfd)", "(signalfd)", "(timerfd)"))

    @property
    def cost(self):
        return cat.NOBODY if self.row.cost == cat.CLIENT and not self.concerns_client \
            else self.row.cost

    @property
    def said(self):
        if not self.row.says or self.what.endswith(("(eventfd)", "(signalfd)")):
            return "-"
        return "`-v`" if "-v" in self.row.args else "yes"

    def adds_nothing_to(self, other):
        return self is not other and self.servers <= other.servers and \
            set(self.errors) < set(other.errors) and \
            (self.what, self.cost, self.said) == (other.what, other.cost, other.said)

    def text(self, servers):
        errors = ", ".join(sorted(self.errors, key=_place(self.row.errors)))
        return (f"| {self.what} | {errors} | {self.cost} | {self.said} | "
                f"{where(self.servers, servers)} |")


def _place(errors):
    """Where an error stands in the catalogue."""
    return lambda error: (errors + " " + error).split().index(error.split()[0])


class Table:
    """Lines, filled as the runs come in."""

    def __init__(self):
        self.lines = {}         # by call and row of the catalogue
        self.targets = {}       # by name
        self.failed = []        # (server, failure, what is wrong)

    def add(self, result):
        name, fault = result.target.name, result.fault
        self.targets.setdefault(name, result.target)
        if result.wrong:
            self.failed.append((name, fault.name, result.wrong))
        elif result.reached:
            for what in labels(result):
                self.record(what, fault.row, fault.error, name)

    def record(self, what, row, error, name):
        line = self.lines.setdefault((what, row), Line(what, row))
        line.servers.add(name)
        if error not in line.errors:
            line.errors.append(error)

    def text(self):
        servers = list(self.targets)
        parts = [HEAD, SERVERS + ", ".join(servers) + "\n"]
        for phase, title in TITLES.items():
            lines = [line.text(servers) for line in self.joined(phase)]
            if lines:
                parts.append(f"## {title}\n\n{COLUMNS}" + "\n".join(lines) + "\n")
        failed = [f"- {name}, `{fault}`: {wrong}" for name, fault, wrong in self.failed]
        return "\n".join([*parts, FAILED + "\n", *(failed or ["Nothing."])]) + "\n"

    def joined(self, phase):
        """The lines of a phase in the catalogue's order; those of a call that differ in nothing but
        the errors are one. Whether a call is made in a run at all may depend on who was faster: a
        line names all servers that ever made it, if the row is for them."""
        order = {row: at for at, row in enumerate(cat.ROWS)}
        lines = sorted((line for line in self.lines.values() if line.row.phase == phase),
                       key=lambda line: (order.get(line.row, len(order)), line.what))
        makers, found = {}, {}
        for line in lines:
            makers.setdefault(line.what, set()).update(line.servers)
        for line in lines:
            servers = {n for n in makers[line.what] if fits(line.row, self.targets[n])}
            key = (line.what, line.cost, line.said, frozenset(servers))
            one = found.setdefault(key, Line(line.what, line.row, [], servers))
            one.errors += [e for e in line.errors if e not in one.errors]
        found = {key: line for key, line in found.items()
                 if not any(line.adds_nothing_to(other) for other in found.values())}
        first = {}
        for at, line in enumerate(found.values()):
            first.setdefault(line.what, at)
        return sorted(found.values(), key=lambda line: first[line.what])


def where(some, servers):
    """Names of servers, shortened: `all from v07`, `v01–v10, chat v07–v10`."""
    for first in sorted({_stage(name) for name in servers}):
        if set(some) == {name for name in servers if _stage(name) >= first}:
            return "all" if first == _stage(servers[0]) else f"all from {first}"
    programs = {}
    for name in (name for name in servers if name in some):
        programs.setdefault(name[4:], []).append(_stage(name))
    return "; ".join(f"{program} {_range(stages)}".strip() for program, stages in programs.items())


def _stage(name):
    return name.split()[0]


def _range(stages):
    """`v03–v05, v10` for stages in order."""
    runs = []
    for stage in stages:
        if runs and int(stage[1:]) == int(runs[-1][-1][1:]) + 1:
            runs[-1].append(stage)
        else:
            runs.append([stage])
    return ", ".join(run[0] if len(run) == 1 else f"{run[0]}–{run[-1]}" for run in runs)


def read(text):
    """What a written table says: its servers; and {(section, call, cost, said): errors}."""
    servers, section, found = "", "", {}
    for line in text.splitlines():
        words = [word.strip() for word in line.strip("|").split("|")]
        if line.startswith(SERVERS):
            servers = line
        elif line.startswith("## "):
            section = line[3:]
        elif section and line.startswith("| ") and words[0] not in ("call", "---"):
            found.setdefault((section, words[0], words[2], words[3]), set()).update(
                words[1].split(", "))
    return servers, found


def differences(kept, made):
    """Lines that say where a table that was kept is not what was measured, with fewer errors
    perhaps. Which servers make a call may depend on who was faster: only that is not compared."""
    (kept_servers, kept), (servers, made) = read(kept), read(made)
    lines = [] if servers == kept_servers else [f"the table has `{kept_servers}`, not `{servers}`"]
    for key in sorted(made):
        missing = made[key] - kept.get(key, set())
        if missing:
            lines.append(f"the table does not have {', '.join(key)}: {', '.join(sorted(missing))}")
    calls = {what.split(" (")[0] for _, what, _, _ in made}
    return lines + [f"{', '.join(key)} stands in the table, and no server calls it"
                    for key in sorted(kept) if key[1].split(" (")[0] not in calls]
