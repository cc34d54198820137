"""The greeting: a line on standard error for each client, as it comes in."""
from __future__ import annotations

from exercises.marks import judges
from harness.check import Check
from harness.server import Broken
from harness.spec import ONLY_ECHO


class Greeting(Check):
    group = "greeting"

    def expect_greeted(self, server, clients: int, when: str):
        """Standard error holds that many greetings, and nothing else."""
        lines = "".join(f"{server.name}: hello, client {n + 1}\n" for n in range(clients))
        if not server.err.wait(lambda text: len(text) >= len(lines), self.limit(3)) \
                or server.err.text != lines:
            raise Broken(f"{when}; standard error should hold {lines!r}\n"
                         f"  it holds {server.err.text!r}{self.cause(server)}")

    def cause(self, server) -> str:
        """What may have gone wrong."""
        text = server.err.text
        if "hello" in server.out.text:
            return "; the greeting went to standard output"
        if text and not text.startswith(f"{server.name}: "):
            return f"; does each line begin with `{server.name}: `?"
        if text.count("client 1\n") > 1:
            return "; does the counter keep its value until the next client comes?"
        return "" if text else "; is the client greeted before it is served?"

    @judges(ONLY_ECHO)
    def hello(self):
        """The first client is greeted as soon as it has connected, and then echoed as before."""
        server = self.serve()
        self.expect_greeted(server, 0, "nobody has connected yet")
        client = self.connect(server)
        self.expect_greeted(server, 1, "one client has connected, and has sent nothing yet")
        client.echo(b"hello yourself\n")
        self.expect_greeted(server, 1, "the client has sent a line")

    @judges(ONLY_ECHO)
    def each_has_its_number(self):
        """Five clients, one after the other, are clients 1 to 5."""
        server = self.serve()
        for number in range(5):
            client = self.connect(server)
            client.echo(b"who am I?\n")
            self.expect_greeted(server, number + 1, f"{number + 1} clients have come")
            (client.close, client.reset, client.half_close)[number % 3]()

    @judges(ONLY_ECHO)
    def in_their_turn(self):
        """Who waits for its turn is greeted when the turn comes, and not before."""
        server = self.serve()
        first, second = self.connect_many(server, 2)
        first.echo(b"I was here first\n")
        self.expect_greeted(server, 1, "a second client waits until the first has left")
        first.close()
        second.echo(b"my turn\n")
        self.expect_greeted(server, 2, "the first client has left, so it is the second one's turn")
