"""Does the bench notice what is wrong? And does it measure what it says?"""
from __future__ import annotations

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
import servers  # noqa: E402
import slices  # noqa: E402
from loads import LOAD, Load, run  # noqa: E402
from servers import Running, Server, Trouble  # noqa: E402
from tables import Table, number  # noqa: E402

from harness import build  # noqa: E402

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


class WrongServers(unittest.TestCase):
    """Mistakes of the catalogue that a load must trip over."""

    @classmethod
    def setUpClass(cls):
        cls.path = str(build.build_wrong() / "echo_server")

    def tripped(self, mistake, *args):
        server = Server(mistake, (self.path, "-p", "0"))
        os.environ["WRONG"] = mistake
        self.addCleanup(os.environ.pop, "WRONG", None)
        with Running(server) as running:
            return load(running.port, *args)

    def test_no_mistake(self):
        for args in LOADS:
            done = self.tripped("", "-n", "400", *args)
            self.assertEqual(done.returncode, 0, done.stderr)

    def test_each(self):
        for mistake, args in (
                ("mixes-clients", ("-c", "4")),
                ("loses-a-byte-now-and-then", ()),
                ("loses-single-bytes", ("-s", "1")),
                ("stops-at-nul", ("-s", "4096")),
                ("closes-with-a-reset", ())):
            with self.subTest(mistake):
                done = self.tripped(mistake, "-n", "200", *args)
                self.assertEqual(done.returncode, 1, f"{mistake} was not noticed: {done}")
                self.assertEqual(done.stdout, "")

    def test_server_dies(self):
        """In the midst of a load: it must end soon, with a line; and the bench must say so."""
        start = time.monotonic()
        with self.assertRaisesRegex(Trouble, "ended by itself, status -9"):
            with Running(Server("dies", (self.path, "-p", "0"))) as running:
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

    def test_server_cpu_counts_children(self):
        prefork = servers.stage(10, "-n", 2, program="prefork_server")
        with Running(prefork) as running:
            found = run(running, Load(20), ms=100)
        self.assertGreater(found["server_share"], 0.05)

    def test_memory_of_a_connection(self):
        """A wrong server that sets 16 KiB aside for each connection is found out."""
        os.environ["WRONG"] = "large-connections"
        self.addCleanup(os.environ.pop, "WRONG", None)
        wrong = Server("wrong", (str(build.build_wrong() / "echo_server"), "-p", "0"))
        for each in memory.each(wrong, 100):
            self.assertGreater(each, 14_000)
        self.assertLess(memory.each(servers.peer("minimal"), 100)[0], 4_000)

    def test_system_calls(self):
        if not counts.can_trace():
            self.skipTest("strace is missing")
        calls = counts.system_calls(servers.peer("minimal"), counts.rounds(1, 0), few=50, many=250)
        for name in ("epoll_wait", "read", "write"):
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
