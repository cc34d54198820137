"""Servers with one mistake each, of the kind that only a failure shows: is each found?

A mutation replaces a text that stands once in a stage's sources (see wrong/mutations.py); the
runs named beside it must not be survived, and must say why.
"""
from __future__ import annotations

from dataclasses import dataclass

from faults import catalogue as cat
from faults import plan
from faults.model import Target
from harness import prove as mutations
from harness.bars import Bars
from harness.stages import find_stages
from wrong.mutations import Mutation


@dataclass(frozen=True)
class Mistake:
    """What is replaced by what, the run that shows it, and what that says."""

    words: str
    stage: int
    old: str
    new: str
    run: str
    says: str
    phase: str = cat.SERVING


_ACCEPT_SAID = '            log_error("accept");\n'
_REFUSED = '        log_error("refused %s", inet_address_format(&peer, text));\n'
MISTAKES = (
    Mistake("dies of ECONNABORTED", 3, _ACCEPT_SAID, "            exit(3);\n",
            "accept4:ECONNABORTED:1", "the server has gone"),
    Mistake("spins on EMFILE", 3, "            poll(NULL, 0, 10);", "            (void)poll;",
            "accept4:EMFILE:1+", "it spins"),
    Mistake("says nothing of ENOBUFS", 3, _ACCEPT_SAID, "            ;\n",
            "accept4:ENOBUFS:1", "no line on stderr"),
    Mistake("takes EINTR for the end", 3,
            "    if (size < 0 && errno == EINTR)\n        return true;",
            "    if (size < 0 && errno == EINTR)\n        return false;",
            "read:EINTR:1", "lost its connection"),
    Mistake("closes all when one fails", 3, '        say_failed("read", connection);',
            "        stopping = 1;", "read:ENOMEM:1", "the server has gone"),
    Mistake("leaves a descriptor open", 3, "        free(connection);\n        close(fd);",
            "        free(connection);\n        shutdown(fd, SHUT_RDWR);",
            "epoll_ctl:ENOMEM:1", "descriptors are lost"),
    Mistake("loses memory", 3, _REFUSED + "        free(connection);", _REFUSED,
            "epoll_ctl:ENOSPC:1", "blocks of memory are lost"),
    Mistake("does not check malloc", 3, "if (connection == NULL || make_place", "if (make_place",
            "FAULT_MALLOC=2,1", "the server has gone", cat.WHOLE),
    Mistake("ends with 0 when it can't start", 3,
            "    return result < 0;", "    return result > 0;",
            "epoll_create1:EMFILE:1", "not with status 1", cat.STARTING),
    Mistake("can't start, and does not say why", 3,
            '    if (epoll->fd < 0)\n        log_error("epoll_create1");\n', "",
            "epoll_create1:ENFILE:1", "no line on stderr", cat.STARTING),
    Mistake("repeats bytes after a short write", 3, "        next += written;",
            "        next += written - (written > 4);", "FAULT_SHORT=7", "wrong bytes", cat.WHOLE),
    Mistake("loses the rest of a short write", 7,
            "        keep(connection, (const char *)data + sent, size - sent);", "        ;",
            "FAULT_SHORT=7", "wrong bytes", cat.WHOLE),
    Mistake("dies when epoll_wait is interrupted", 7, "errno == EINTR)\n        return 0;",
            "errno == EINTR)\n        return -1;", "epoll_wait:EINTR:1", "the server has gone"),
)


class _Every(dict):
    """Stands for surveys in which each server makes each call."""

    def get(self, key, default=()):
        return {call for row in cat.ROWS for call in row.calls.split()}


def _fault(target, mistake):
    found = plan.faults(target, _Every(), False) + plan.library_faults(target, 5, False)
    for fault in found:
        if mistake.phase == fault.row.phase and fault.name == mistake.run:
            return fault
    raise SystemExit(f"run.py: tests/faults/prove.py names {mistake.run}, which is no run")


def _server(mistake):
    """The column of a server with the mistake, or what went wrong with making it."""
    stage = [s for s in find_stages() if s.number == mistake.stage][0]
    mutation = Mutation(mistake.words.replace(" ", "-"), mistake.words, mistake.old, mistake.new,
                        (), mistake.stage)
    made = mutations.mutate(mutation, stage)
    return made if isinstance(made, str) else Target(made, "echo_server")


def main(jobs, preload) -> int:
    todo, stale = [], 0
    for mistake in MISTAKES:
        server = _server(mistake)
        if isinstance(server, str):
            print(f"stale: tests/faults/prove.py, {mistake.words}: {server}")
            stale += 1
        else:
            todo.append((mistake, (server, _fault(server, mistake))))
    caught = 0
    usual = {server.name: (1, 0) for _, (server, _) in todo}    # stdout's buffer stays
    results = plan.run_all([job for _, job in todo], jobs, preload, usual)
    with Bars({"mistakes": len(todo)}) as bars:
        for (mistake, _), result in zip(todo, results):
            good = mistake.says in result.wrong
            caught += good
            bars.add("mistakes", "ok" if good else "FAIL")
            bars.say(f"{mistake.words:38} {mistake.run:24} "
                     f"{'caught' if good else 'NOT CAUGHT':10} {result.wrong or 'survived'}")
    print(f"{caught} passed, {len(MISTAKES) - caught} failed, 0 skipped")
    return 1 if stale or caught < len(MISTAKES) else 0
