"""Does the bench notice what is wrong? And does it measure what it says?"""
from __future__ import annotations

import itertools
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import unittest
from pathlib import Path

sys.dont_write_bytecode = True
sys.path[:0] = [str(Path(__file__).resolve().parent), str(Path(__file__).resolve().parents[1])]

import counts  # noqa: E402
import limits  # noqa: E402
import memory  # noqa: E402
import models  # noqa: E402
import progress  # noqa: E402
import servers  # noqa: E402
import slices  # noqa: E402
from loads import LOAD, Load, run  # noqa: E402
from servers import Running, Server, Trouble  # noqa: E402
from tables import Table, number  # noqa: E402

from plants import sow, stand  # noqa: E402
from plants.plant import plant  # noqa: E402

LOADS = ((), ("-c", "20", "-f", "16"), ("-c", "3", "-s", "300000"), ("-m", "rounds", "-c", "10"),
         ("-m", "connect", "-c", "4"), ("-c", "2", "-q", "50"))


def load(port, *args, **how):
    """Run the load generator; what it said and how it ended."""
    return subprocess.run([str(LOAD), "-p", str(port), "-e", "1500", "-l", "20", *args],
                          capture_output=True, text=True, check=False, **how)


class Faulty(threading.Thread):
    """A server for one client that answers with whatever `answer(data, so far)` makes of it."""

    def __init__(self, answer):
        super().__init__(daemon=True)
        self.answer, self.listener = answer, socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.start()

    def run(self):
        client, _ = self.listener.accept()
        seen = 0
        with client, self.listener:
            try:
                while data := client.recv(65536):
                    reply = self.answer(data, seen)
                    seen += len(data)
                    if reply is None:
                        return
                    client.sendall(reply)
            except ConnectionError:
                return


class Changed(threading.Thread):
    """A relay to a chat: what goes to its fourth client is changed on the way."""

    def __init__(self, to, change):
        super().__init__(daemon=True)
        self.to, self.change = to, change
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.start()

    def run(self):
        for number in itertools.count():
            client, _ = self.listener.accept()
            server = socket.create_connection(("127.0.0.1", self.to))
            change = self.change if number == 3 else lambda data: data
            for source, sink, what in ((client, server, lambda data: data),
                                       (server, client, change)):
                threading.Thread(target=self.relay, args=(source, sink, what),
                                 daemon=True).start()

    @staticmethod
    def relay(source, sink, change):
        """Whole lines, so that a change finds them whole."""
        rest = b""
        with source, sink:
            try:
                while data := source.recv(65536):
                    whole, _, rest = (rest + data).rpartition(b"\n")
                    sink.sendall(change(whole + b"\n") if whole else b"")
            except OSError:
                return


def flip_after(many):
    """One bit of one byte, once."""
    def answer(data, seen):
        at = many - seen
        if 0 <= at < len(data):
            return data[:at] + bytes([data[at] ^ 1]) + data[at + 1:]
        return data
    return answer


def lose_after(many):
    def answer(data, seen):
        at = many - seen
        return data[:at] + data[at + 1:] if 0 <= at < len(data) else data
    return answer


class Mistakes(unittest.TestCase):
    """What a server does wrong must end the load with a line that says what."""

    def expect(self, port, words, *args):
        done = load(port, *args)
        self.assertEqual(done.returncode, 1, done)
        self.assertEqual(done.stdout, "")
        self.assertRegex(done.stderr, words)

    def test_no_mistake(self):
        self.assertEqual(load(Faulty(lambda data, _: data).port, "-n", "500").returncode, 0)

    def test_wrong_byte(self):
        self.expect(Faulty(flip_after(5000)).port, r"byte 5000 that came back is 0x", "-n", "500")

    def test_wrong_byte_of_a_large_message(self):
        self.expect(Faulty(flip_after(700001)).port, r"byte 700001 that came", "-s", "1000000")

    def test_lost_byte(self):
        self.expect(Faulty(lose_after(5000)).port, r"byte 50\d\d that came back|lost some",
                    "-n", "500", "-f", "4")

    def test_lost_last_byte(self):
        self.expect(Faulty(lose_after(128 * 64 - 1)).port, r"8256 bytes sent, 8255 came back|lost",
                    "-n", "127")

    def test_surplus_byte(self):
        self.expect(Faulty(lambda data, seen: data + b"x" if seen == 640 else data).port,
                    r"1 bytes came back that were never sent", "-n", "20")

    def test_close_in_between(self):
        self.expect(Faulty(lambda data, seen: None if seen >= 640 else data).port,
                    r"closed the connection, 640 bytes of 704", "-n", "20")

    def test_silence(self):
        self.expect(Faulty(lambda data, seen: b"" if seen >= 640 else data).port,
                    r"704 bytes sent, 640 came back, and then none for 1.5 s", "-n", "20")

    def test_nobody_listens(self):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
        self.expect(port, r"Connection refused")

    def test_limit_of_time(self):
        start = time.monotonic()
        done = load(Faulty(lambda data, _: data).port, "-t", "60000", "-l", "1")
        self.assertEqual(done.returncode, 1)
        self.assertIn("gave up", done.stderr)
        self.assertLess(time.monotonic() - start, 5)

    def test_wrong_use(self):
        for args in ((), ("-p", "0"), ("-p", "x"), ("-p", "1", "-m", "x"), ("-p", "1", "stray"),
                     ("-p", "1", "-c", "0"), ("-x",)):
            done = subprocess.run([str(LOAD), *args], capture_output=True, text=True, check=False)
            self.assertEqual(done.returncode, 2, args)
            self.assertIn("usage:", done.stderr)


LARGE = plant(10, "large-connections", "sets 16 KiB aside for each connection", "connection.c",
              "malloc(sizeof(*connection));", "malloc(sizeof(*connection) + 16384);",
              also=(("connection.c", "    *connection = (Connection){.group = group,",
                     "    memset(connection + 1, 1, 16384);\n"
                     "    *connection = (Connection){.group = group,"),
                    ("connection.c", "#include <stdlib.h>", "#include <stdlib.h>\n"
                     "#include <string.h>")))


def planted(mistake) -> Server:
    """The stage's echo_server with that mistake in it."""
    return Server(mistake.label, (str(sow.build(mistake).folder / "echo_server"), "-p", "0"))


class WrongServers(unittest.TestCase):
    """Mistakes of the catalogue that a load must trip over."""

    def tripped(self, server, *args):
        with Running(server) as running:
            return load(running.port, *args)

    def test_no_mistake(self):
        for args in LOADS:
            done = self.tripped(servers.stage(2), "-n", "400", *args)
            self.assertEqual(done.returncode, 0, done.stderr)

    def test_each(self):
        for mistake, args in (
                ("v02-mixes-clients", ("-c", "4")),
                ("v07-loses-a-byte-now-and-then", ()),
                ("v02-loses-single-bytes", ("-s", "1")),
                ("v02-stops-at-nul", ("-s", "4096")),
                ("v02-closes-with-a-reset", ())):
            with self.subTest(mistake):
                done = self.tripped(planted(stand.find(mistake)), "-n", "200", *args)
                self.assertEqual(done.returncode, 1, f"{mistake} was not noticed: {done}")
                self.assertEqual(done.stdout, "")

    def test_server_dies(self):
        """In the midst of a load: it must end soon, with a line; and the bench must say so."""
        start = time.monotonic()
        with self.assertRaisesRegex(Trouble, "ended by itself, status -9"):
            with Running(servers.stage(2)) as running:
                killer = threading.Timer(0.3, os.kill, (running.pid, signal.SIGKILL))
                killer.start()
                done = load(running.port, "-t", "8000", "-c", "5")
                killer.join()
                running.process.wait(10)
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, "closed the connection|Connection reset|Broken pipe")
        self.assertLess(time.monotonic() - start, 5)


class Peers(unittest.TestCase):
    """A peer that is wrong would be compared with at no cost."""

    def test_every_load(self):
        for peer in servers.peers():
            for args in LOADS:
                with self.subTest(peer=peer.name, args=args), Running(peer) as running:
                    done = load(running.port, "-n", "300", *args)
                    self.assertEqual(done.returncode, 0, done.stderr)

    def test_threads(self):
        with Running(servers.peer("minimal", "-t", "2")) as running:
            self.assertEqual(load(running.port, "-c", "9", "-t", "50").returncode, 0)

    def test_half_close_with_megabytes_outstanding(self):
        """What is still to be sent when the client has ended its side must come."""
        for peer in servers.peers():
            with self.subTest(peer.name), Running(peer) as running, \
                    socket.create_connection(("127.0.0.1", running.port)) as client:
                sent = os.urandom(100_000) * 40
                sender = threading.Thread(target=lambda c=client, s=sent: (
                    c.sendall(s), c.shutdown(socket.SHUT_WR)))
                sender.start()
                time.sleep(0.1)     # lets the server's output fill up first
                got = bytearray()
                while piece := client.recv(1 << 20):
                    got += piece
                sender.join()
                self.assertEqual(len(got), len(sent))
                self.assertTrue(got == sent)

    def test_slow_reader(self):
        """None of them buffers without bound."""
        for peer in servers.peers():
            with self.subTest(peer.name):
                grown, _ = limits.growth(peer, 20_000_000)
                self.assertLess(grown, 3 * limits.HIGH_WATER)


class Chats(unittest.TestCase):
    """The members' ears: what does not come to all of them, whole and in order, is noticed."""

    SERVERS = [servers.peer("minimal_chat"), *(
        chat for chat in (servers.stage(n, *args, program="chat_server", name=f"v{n:02} {args}")
                          for n in (7, 8, 9, 10)
                          for args in ((("-t", 0), ("-t", 2)) if n >= 8 else ((),)))
        if chat.exists())]

    def hear(self, port, talk="lines 30\n", *args):
        return load(port, "-m", "chat", "-c", "12", *args, input=talk)

    def test_every_chat(self):
        for server in self.SERVERS:
            for args in ((), ("-f", "8"), ("-s", "8000")):
                with self.subTest(server=server.name, args=args), Running(server) as running:
                    done = self.hear(running.port, "lines 30\nlines 10\n", *args)
                    self.assertEqual(done.returncode, 0, done.stderr)
                    ready, first, second = done.stdout.splitlines()
                    self.assertEqual(ready, "ready")
                    self.assertEqual([json.loads(line)["messages"] for line in (first, second)],
                                     [330, 110])

    def through(self, change):
        """A chat whose lines to one member are changed on their way."""
        with Running(servers.peer("minimal_chat")) as running:
            return self.hear(Changed(running.port, change).port)

    def test_no_mistake(self):
        self.assertEqual(self.through(lambda data: data).returncode, 0)

    def test_mistakes(self):
        def lose_fifth(data):
            return b"".join(line for line in data.splitlines(True) if b" 0000000005" not in line)
        for change, words in ((lambda data: data.replace(b"0000000007x", b"0000000007y"),
                               "client 3: line 7 is not what was sent"),
                              (lose_fifth, "client 3: line 5 is not what was sent|5 came|lost"),
                              (lambda data: data.replace(b"0000000029", b"0000000030"),
                               "client 3: line 29 is not what was sent"),
                              (lambda data: b"" if b"0000000009" in data else data,
                               "lines were sent, .* came to members, and then none")):
            done = self.through(change)
            self.assertEqual(done.returncode, 1, done)
            self.assertRegex(done.stderr, words)

    def test_slow_member(self):
        """The minimal chat keeps no more than its high-water mark for one who does not read."""
        with Running(servers.peer("minimal_chat")) as running, \
                socket.create_connection(("127.0.0.1", running.port)) as talker, \
                socket.create_connection(("127.0.0.1", running.port)):
            sink = threading.Thread(target=lambda: [None for _ in iter(
                lambda: talker.recv(65536), b"")], daemon=True)
            sink.start()
            for _ in range(300):
                talker.sendall(b"x" * 7999 + b"\n" + b"y" * 7999 + b"\n" * 1)
            time.sleep(0.2)
            self.assertLess(memory.own_bytes(running), 3 * limits.HIGH_WATER)
            talker.shutdown(socket.SHUT_RDWR)

    def test_wrong_use(self):
        with Running(servers.peer("minimal_chat")) as running:
            self.assertEqual(self.hear(running.port, "hello\n").returncode, 2)
            self.assertEqual(self.hear(running.port, "", "-s", "5").returncode, 2)


class Measures(unittest.TestCase):
    """The numbers: known inputs, known outcomes."""

    def test_counts_and_times(self):
        with Running(servers.peer("minimal")) as running:
            found = run(running, Load(10, messages=2000))
        self.assertEqual(found["messages"], 2000)
        self.assertGreater(found["server_cpu_us"], 0.1)
        self.assertLessEqual(found["p50_us"], found["p99_us"])
        self.assertLessEqual(found["p99_us"], found["max_us"] * 1.04)
        self.assertAlmostEqual(found["messages"] / found["seconds"] / found["per_second"], 1, 3)

    def test_times_of_a_slow_server(self):
        """A server that takes 20 ms for a message: the percentiles must say so."""
        def answer(data, _):
            time.sleep(0.02)
            return data
        found = json.loads(load(Faulty(answer).port, "-n", "10").stdout)
        self.assertGreater(found["p50_us"], 19_000)
        self.assertLess(found["load_share"], 0.3)

    def test_memory_of_a_process(self):
        """What a fork shares counts once; page tables and the stacks of threads count too."""
        fork = servers.stage(1, program="fork_server", name="fork")
        own, kernel = models.silent_client(fork, 20)
        self.assertGreater(own, 8_000)
        self.assertGreater(kernel, 16_384)
        own, kernel = models.silent_client(servers.stage(2), 20)
        self.assertLess(own + kernel, 4_000)

    def test_plan(self):
        """The bars: each question's steps count for it alone, and never beyond its plan."""
        progress.begin({"one": 10, "two": 20})
        progress.ask("one")
        progress.step(4)
        self.assertEqual([part.done for part in progress._bars.parts.values()], [4, 0])
        progress.step(40)
        progress.ask("two")
        progress.step(5)
        self.assertEqual([part.done for part in progress._bars.parts.values()], [10, 5])
        progress.end()
        self.assertEqual(progress.planned()["one"], 44)

    def test_reports_of_v10(self):
        """The line that the wake-ups are read from."""
        self.assertGreaterEqual(limits.wakeups_written(Load(2), 50), 0)

    def test_server_cpu_counts_children(self):
        prefork = servers.stage(10, "-n", 2, program="prefork_server")
        with Running(prefork) as running:
            found = run(running, Load(20), ms=100)
        self.assertGreater(found["server_share"], 0.05)

    def test_memory_of_a_connection(self):
        """A wrong server that sets 16 KiB aside for each connection is found out."""
        for each in memory.each(planted(LARGE), 100):
            self.assertGreater(each, 14_000)
        self.assertLess(memory.each(servers.peer("minimal"), 100)[0], 4_000)

    def test_system_calls(self):
        if not counts.can_trace():
            self.skipTest("strace is missing")
        calls = counts.system_calls(servers.peer("minimal"), counts.rounds(1, 0), few=50, many=250)
        for name in ("epoll_wait", "recvfrom", "sendto"):
            self.assertAlmostEqual(calls[name], 1, delta=0.05)

    def test_noise(self):
        """A ratio counts only where its spread leaves that of the base to itself."""
        noise = slices.Ratio(1.0, 0.98, 1.03)
        self.assertTrue(slices.Ratio(1.05, 1.02, 1.08).inside(noise))
        self.assertTrue(slices.Ratio(0.96, 0.95, 0.975).inside(noise), "noise has no direction")
        self.assertFalse(slices.Ratio(1.05, 1.04, 1.08).inside(noise))
        self.assertFalse(slices.Ratio(0.95, 0.94, 0.96).inside(noise))

    def test_ratio_of_rounds(self):
        samples = {("a", 1): [{"k": 2.0}, {"k": 4.0}], ("b", 1): [{"k": 1.0}, {"k": 2.0}]}
        self.assertEqual(slices.ratio(samples, "a", "b", [1], "k").middle, 2.0)

    def test_tables(self):
        table = Table("T", ["name", "n"])
        table.add("a", 1234.5)
        table.add("bcd", None)
        self.assertEqual(table.text(), "T\n\nname      n\n----  -----\na     1,234\nbcd       -\n")
        self.assertEqual([number(n) for n in (0.123, 12.34, 123.4)], ["0.12", "12.3", "123"])

    def test_own_server(self):
        """A reader's command, with the port in it; and one that does not start."""
        own = servers.own(f"{servers.peer('minimal').argv[0]} -p {{port}}")
        with Running(own) as running:
            self.assertEqual(run(running, Load(2), ms=20)["messages"] > 0, True)
        for command in ("/does/not/exist {port}", "false {port}"):
            with self.assertRaises(Trouble):
                Running(servers.own(command))


if __name__ == "__main__":
    unittest.main()
