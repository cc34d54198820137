"""A descriptor's number decides whether it fits into an fd_set, not how many clients there are."""
from __future__ import annotations

import os
import resource

from exercises.marks import judges
from harness import build
from harness.check import Check
from harness.modes import PLAIN
from harness.server import Broken

INHERITED = 900

# Before main, so many descriptors are open, as if the server's parent had left them open.
OPEN_BEFORE_MAIN = r"""
#include <unistd.h>

__attribute__((constructor)) static void open_before_main(void)
{
    for (int i = 0; i < INHERITED; i++)
        dup(0);
}
"""


class FdSetsize(Check):
    group = "fd_setsize"

    @judges(("select_server",), modes=("plain",))
    def the_number_counts(self):
        """The server has inherited 900 descriptors: there is room for fewer clients."""
        if resource.getrlimit(resource.RLIMIT_NOFILE)[0] < 1200:
            self.skipTest("this machine allows too few descriptors (ulimit -n)")
        server = self.serve(env=(("LD_PRELOAD", str(open_before_main())),))
        clients = self.connect_many(server, 1024 - server.fds())
        for client in clients:
            client.echo(b"in", "this client's descriptor is below FD_SETSIZE")
        for _ in range(3):
            self.expect_refused(server, len(clients))
        if not server.err.wait(lambda text: "\n" in text, self.limit(5)):
            raise Broken("clients beyond FD_SETSIZE were closed; nothing on stderr says so")
        for client in clients[::20]:
            client.echo(b"still in", "clients beyond FD_SETSIZE were closed; this one is not")

    def expect_refused(self, server, count):
        try:
            client = self.connect(server)
            client.expect_gone()
            client.close()
        except Broken as broken:
            raise Broken(f"{INHERITED} descriptors were open before the server began, and {count} "
                         "clients are served; one more has descriptor 1024 or more, which does not "
                         f"fit into an fd_set, and must be closed: {broken}\n  is the number of "
                         "the descriptor compared with FD_SETSIZE, or are the clients "
                         "counted?") from None


def open_before_main():
    """The library that leaves descriptors open."""
    source = build.scratch() / f"open_before_main.{os.getpid()}.c"
    source.write_text(OPEN_BEFORE_MAIN, encoding="ascii")
    return build.compile_c("fd_setsize/open_before_main.so", [source], PLAIN,
                           options=("-shared", "-fPIC", f"-DINHERITED={INHERITED}"))
