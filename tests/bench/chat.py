"""What does a chat cost? One member talks, and each line goes to all others."""
from __future__ import annotations

import json
import subprocess
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass

import progress
import servers
import slices
from compare_stages import is_threaded
from loads import LOAD
from servers import Running, Trouble
from silent import descriptors
from tables import Results, Table

DELIVERIES = 20_000     # in a slice
ROUNDS = 5
IDLE = 3600             # seconds: members wait while other chats are measured
LIMIT = 360             # seconds, for all that the members of a chat do
BASE, AGAIN = "minimal chat", "minimal chat again"
JOINED, SLICE = 2e-3, 0.2   # seconds, planned: a member that joins; a slice


@dataclass(frozen=True)
class Size:
    """Of a chat: its members, and how many lines are on their way at once."""

    members: int
    flight: int = 1

    @property
    def words(self) -> str:
        return f"{self.members:,} members" + (f" × {self.flight}" if self.flight > 1 else "")


SIZES = (Size(100), Size(100, 8), Size(1000))


class Chat:
    """A chat server with its members, which wait until they are told to talk."""

    def __init__(self, server, size: Size):
        self.place = slices.all_cpus() if is_threaded(server) else slices.one_cpu()
        self.running = Running(server, cpus=self.place.server)
        self.load = subprocess.Popen(
            [str(LOAD), "-m", "chat", "-p", str(self.running.port), "-P", str(self.running.pid),
             "-c", str(size.members), "-f", str(size.flight), "-l", str(LIMIT)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            preexec_fn=lambda: slices.stay(self.place.load))

    def _answer(self) -> str:
        line = self.load.stdout.readline()
        if not line:
            raise Trouble(f"{self.running.server.name}: {self.load.stderr.read().strip()}"
                          f"{self.running.words()}")
        return line

    def join(self):
        self._answer()

    def talk(self, lines: int) -> dict:
        self.load.stdin.write(f"lines {lines}\n")
        self.load.stdin.flush()
        return json.loads(self._answer())

    def close(self):
        self.load.kill()
        self.load.communicate()
        self.running.kill()


def chosen(quick: bool) -> list:
    """Two threads beside none where there are threads."""
    def stage(number, *args):
        name = " ".join(map(str, (f"v{number:02}", *args)))
        args = args or (("-t", 0) if number >= 8 else ())
        args += ("-i", IDLE) if number >= 10 else ()
        return servers.stage(number, *args, program="chat_server", name=name)

    found = [stage(10)] if quick else [stage(7), stage(8), stage(9), stage(10),
                                       stage(8, "-t", 2), stage(10, "-t", 2)]
    return [servers.peer("minimal_chat", shown=BASE), *(s for s in found if s.exists()),
            servers.peer("minimal_chat", shown=AGAIN)]


def measure(servers_, size: Size, rounds: int, deliveries: int) -> dict:
    """{(server's name, size): [a dict for each round]}; all chats are there all the time."""
    samples = {}
    lines = max(deliveries // size.members, 1)
    with ExitStack() as stack, ThreadPoolExecutor(2) as pool:
        progress.now(f"{size.words} join")
        chats = {}
        for server in servers_:
            chats[server] = Chat(server, size)
            stack.callback(chats[server].close)
        for _ in pool.map(Chat.join, chats.values()):
            progress.step(JOINED * size.members)
        for turn in range(-1, rounds):      # the first one warms up
            for server in slices.in_turn(servers_, max(turn, 0), rounds):
                progress.now(f"a chat of {size.words}: {server.name}")
                found = chats[server].talk(lines)
                progress.step(SLICE)
                if turn >= 0:
                    samples.setdefault((server.name, size), []).append(found)
    return samples


def tables_of(samples, servers_, sizes) -> list:
    columns = ["server", *(size.words for size in sizes)]
    table = Table("A chat: CPU of the server for a line delivered to a member, to that of a "
                  "minimal one", columns)
    for server in servers_[1:]:
        table.add(server.name, *(
            _ratio(samples, server.name, size).words(
                None if server.name == AGAIN else _ratio(samples, AGAIN, size)) for size in sizes))
    found = [table]
    for title, key in (("The same in microseconds", "server_cpu_us"),
                       ("Lines delivered per second", "per_second")):
        table = Table(title, columns)
        for server in servers_:
            table.add(server.name, *(slices.middle(samples, server.name, size, key)
                                     for size in sizes))
        found.append(table)
    return found


def _ratio(samples, name, size):
    return slices.ratio(samples, name, BASE, [size], "server_cpu_us")


def main(results: Results, quick=False) -> dict:
    """{server's name: the ratio of its CPU for a delivery, in the largest chat}."""
    servers_ = chosen(quick)
    sizes = [Size(20)] if quick else [
        Size(descriptors(size.members + 100) - 100, size.flight) for size in SIZES]
    rounds, deliveries = (2, 2000) if quick else (ROUNDS, DELIVERIES)
    samples = {}
    for size in sizes:
        samples.update(measure(servers_, size, rounds, deliveries))
    tables = tables_of(samples, servers_, sizes)
    tables[-1].notes = [
        "One member sends lines of 64 bytes, each of which goes to all others; × 8: eight are on",
        f"their way at once. Median of {rounds} rounds, and where the middle half of them lies.",
        "~: inside the noise, that is, what the minimal chat differs from itself. v08 to v10 with",
        "-t 0 unless it says -t 2. Server and load share one CPU; with -t 2 they share all. v09",
        "and v10 gather what is posted to a member meanwhile, and send it in one piece."]
    results.show("chat", *tables)
    return {server.name: _ratio(samples, server.name, sizes[-1]) for server in servers_[1:]}
