"""Before a stop drains: what it loses."""
from __future__ import annotations

import signal

from checks.check_drain import Drain, hurry, numbered
from harness.server import STOP_LIMIT, Broken
from harness.spec import limitation


class DrainNot(Drain):
    group = "drain"

    @limitation("drain", "1-6", "a stop loses what clients have been sent and have not read",
                ("echo_server", "select_server", "poll_server"))
    def stop_loses_what_waits(self):
        """A client that reads late finds less than the server took."""
        server = self.serve()
        client, _, sent = self.stalled(server)
        if self.stage in (5, 6):    # where the stop waits until the client reads
            self.tell(server)
            hurry(client)
        else:
            server.stop()
        rest = client.rest()
        if len(rest.got) == sent:
            raise Broken("a client read after SIGTERM and got all that it had sent")
        client.close()
        if self.stage in (5, 6):
            server.check_end(signal.SIGTERM, server.wait_exit(STOP_LIMIT))

    @limitation("drain", "7-8", "a stop loses messages that were read and not answered")
    def stop_loses_what_was_read(self):
        """Twenty lines have been read, one was answered; then SIGTERM."""
        server = self.serve("-f", "line", "-d", "50")
        client = self.connect(server)
        client.send(numbered(20))
        client.expect(b"message 0\n")
        server.stop()
        rest = client.rest()
        if len(rest.got) >= len(numbered(20)) - len(b"message 0\n"):
            raise Broken("all messages were answered after SIGTERM")
