"""A time-out for a silent client: who is closed, when, and who is not."""
from __future__ import annotations

import select
import time

from checks.check_usage import Usage
from exercises.marks import judges
from harness.check import Check
from harness.client import difference, noise
from harness.server import Broken
from harness.spec import ONLY_ECHO

BAD = ("", "x", " 1", "1 ", "12x", "0x10", "-1", "1e3", "1.5", "86400001", "99999999999999999999")


class SilentClient(Check):
    group = "silent_client"

    def silence(self, ms: int) -> int:
        """A silence that is long for the mode at hand: tools make everything slow."""
        return ms * (3 if self.mode.light else 1)

    @judges(ONLY_ECHO, modes=("plain",))
    def usage_of_s(self):
        """-s takes a number from 0 to 86400000; whatever else is wrong use, and -h names it."""
        for value in ("0", "1", "86400000"):
            self.serve("-s", value).stop()
        for value in BAD:
            Usage.expect_usage(self, "-p", "0", "-s", value, about=value.strip() or "s")
        Usage.expect_usage(self, "-s", about="s")
        server = self.start("-h")
        server.wait_exit(self.limit(10))
        if "-s" not in server.out.text:
            raise Broken(f"-h does not mention -s: {server.out.text!r}")

    @judges(ONLY_ECHO)
    def closed_after_the_silence(self):
        """-s MS: who sends nothing for so long is closed in order, not sooner, without a word."""
        for ms in (self.silence(300), self.silence(1100)):
            server = self.serve("-s", ms)
            for talk in (b"", b"hello\n"):
                client = self.connect(server)
                if talk:
                    client.echo(talk)
                start = time.monotonic()
                client.expect_end(f"-s {ms}: a silent client is closed in order")
                spent = (time.monotonic() - start) * 1000
                if not ms * 0.9 <= spent <= ms + self.limit(0.8) * 1000:
                    raise Broken(f"-s {ms}: the client was closed after {spent:.0f} ms of silence")
                client.close()
            if server.err.text:
                raise Broken(f"-s {ms}: a silent client was closed, and stderr has "
                             f"{server.err.text!r}")

    @judges(ONLY_ECHO)
    def who_waits_is_served(self):
        """The first client says nothing: the second one's turn comes after the silence."""
        server = self.serve("-s", self.silence(300))
        first, second = self.connect_many(server, 2)
        second.send(b"hello")
        second.expect(b"hello", "the first client was silent for too long: close it, and the "
                      "second one's turn comes")
        first.expect_end()

    @judges(ONLY_ECHO)
    def each_byte_begins_a_new_silence(self):
        """A client that sends a byte now and then is kept, however long it stays."""
        ms = self.silence(900)
        client = self.connect(self.serve("-s", ms))
        for number in range(5):
            client.echo(b"%d" % number, f"-s {ms}, and the client sends a byte every {ms // 3} ms: "
                        "does each byte begin a new silence?")
            time.sleep(ms / 3000)

    @judges(ONLY_ECHO)
    def zero_is_for_ever(self):
        """-s 0, as without the option: a silent client is kept."""
        for arguments in (("-s", "0"), ("-s", self.silence(100), "-s", "0")):
            client = self.connect(self.serve(*arguments))
            if not client.quiet(0.4):
                raise Broken(f"{' '.join(map(str, arguments))}: a silent client was closed")
            client.echo()

    @judges(ONLY_ECHO)
    def nobody_there_is_no_silence(self):
        """No client is there for longer than the silence: no word, and the next one is served."""
        server = self.serve("-s", self.silence(50))
        time.sleep(self.silence(300) / 1000)
        if server.err.text:
            raise Broken("nobody is connected, and stderr has "
                         f"{server.err.text!r}\n  is the time-out set on the listening socket?")
        self.connect(server).echo()

    @judges(ONLY_ECHO)
    def who_reads_late_is_not_silent(self):
        """The server waits longer in a write than the silence lasts: nothing is lost."""
        ms = self.silence(400)
        server = self.serve("-s", ms)
        client = self.connect(server, sndbuf=65536, rcvbuf=4096)
        data, sent = noise(1 << 20) * 24, 0
        try:
            # Asleep, and there is input: the server waits in a write.
            while select.select([], [client.sock], [], self.limit(0.2))[1] \
                    or not (server.unread(client) and self.stays(server.sleeps)):
                sent += client.send_some(data[sent:sent + (1 << 18)])
        except ConnectionError as error:
            raise Broken(f"-s {ms}: the client sent {sent:,} bytes and did not read yet: "
                         f"{error.strerror}") from None
        time.sleep(ms * 8 / 1000)
        wrong = difference(data[:sent], client.read(sent))
        if wrong:
            raise Broken(f"-s {ms}: the client sent {sent:,} bytes, and began to read {8 * ms} ms "
                         f"later: {wrong}\n  only the time in which the server waits for the "
                         "client's bytes is silence")

    @judges(ONLY_ECHO)
    def stops_during_a_silence(self):
        """-s 60000, a silent client, and SIGTERM: the server does not wait for its end."""
        server = self.serve("-s", "60000")
        self.connect(server).echo()
        server.stop()
