"""One round of the soak test: a server, its clients, signals in between, a drain at the end."""
from __future__ import annotations

import asyncio
import os
import random
import signal
import time

from harness.server import Broken, Server
from soak import balance
from soak.clients import Client
from soak.plan import draw_clients, draw_drain, draw_options

NAMED = 5       # clients that are named when several fail


class Round:
    """Everything about it follows from the seed and its number."""

    def __init__(self, seed: str, number: int, program, mode):
        self.dice = random.Random(f"{seed}/{number}")
        self.program, self.mode = program, mode
        self.patience = max(1.0, mode.scale)
        self.options = draw_options(self.dice)
        self.seconds = self.dice.uniform(0.5, 2.5)
        self.plans = draw_clients(self.dice, self.options, self.seconds)
        self.at_the_end = draw_drain(self.dice, self.options)
        self.server, self.clients, self.names = None, [], set()
        self.reports = balance.Reports(max(1, self.options.threads), self.options.connections)

    @property
    def words(self) -> str:
        limit = f"ulimit -n {self.options.nofile}; " if self.options.nofile else ""
        return f"{limit}{self.program.name} {' '.join(self.options.words())}"

    def play(self):
        """Raises Broken when a promise was."""
        self.server = Server(self.program, self.options.words(), self.mode,
                             nofile=self.options.nofile)
        try:
            self.server.wait_ready()
            asyncio.run(self._play())
        except Broken as error:
            raise Broken(f"{error}\n--- stderr, the end:\n{self._stderr(2000)}") from None
        finally:
            self.server.kill()

    def _client(self, plan):
        return Client(self.server, plan, self.names)

    def _stderr(self, most: int) -> str:
        return self.server.err.text[-most:]

    # -- while clients are there --------------------------------------------

    async def _play(self):
        for plan in self.plans + self.at_the_end:
            plan.patience = self.patience
        nuisance = asyncio.ensure_future(self._disturb())
        try:
            self.clients = [self._client(plan) for plan in self.plans]
            await asyncio.gather(*(client.run() for client in self.clients))
        finally:
            nuisance.cancel()
        await asyncio.gather(nuisance, return_exceptions=True)
        if not nuisance.cancelled():
            nuisance.result()
        self._signal(signal.SIGCONT)
        await self._settle()
        await self._drain()

    def _signal(self, number):
        if not self.server.alive():
            raise Broken(self.server.gone_words())
        os.kill(self.server.process.pid, number)

    async def _disturb(self):
        """Now and then it is stopped for a moment, or asked for its counts."""
        dice = random.Random(self.dice.random())
        while True:
            await asyncio.sleep(dice.uniform(0.05, 0.6))
            if dice.random() < 0.4:
                self._signal(signal.SIGSTOP)
                await asyncio.sleep(dice.uniform(0.01, 0.25))
                self._signal(signal.SIGCONT)
            else:
                self._signal(signal.SIGUSR1)
                self._look()

    def _look(self):
        """Check what has been reported since."""
        self.reports.look(self.server.err.text)

    # -- when all have gone -------------------------------------------------

    async def _becomes(self, test, limit=5.0) -> bool:
        until = time.monotonic() + limit * self.patience
        while not test():
            if time.monotonic() > until:
                return False
            await asyncio.sleep(0.005)
        return True

    async def _settle(self):
        """No client is left: the counts must be what they saw."""
        failed = [client for client in self.clients if client.failure]
        if failed:
            raise Broken(_named(failed, [client.failure for client in failed]))
        await self._all_closed()
        await self._report()
        refusals = balance.Refusals(self.server.err.text)
        refused = len(refusals.words)
        accounts, wrong = [], []
        for client in self.clients:
            try:
                accounts.append(balance.account(client, self.options, refusals))
            except Broken as error:
                wrong.append((client, str(error)))
        if wrong:
            raise Broken(_named(*zip(*wrong)))
        balance.check_total(self.reports.total(), balance.add_up(accounts))
        too_long = sum(1 for client, one in zip(self.clients, accounts)
                       if client.plan.kind == "oversize" and "bytes in" in one)
        served = sum(1 for one in accounts if "bytes in" in one)
        balance.check_words(self.server.err.text, refused, too_long, self.options.verbose, served)

    async def _all_closed(self):
        if not await self._becomes(lambda: self.server.fds() <= self.server.base_fds):
            raise Broken(f"all clients have gone; the server had {self.server.base_fds} "
                         f"descriptors open at the start and has {self.server.fds()} now")

    async def _report(self):
        """A report that was asked for with nobody there is the last word."""
        def whole(least):
            self._look()
            return self.reports.even and self.reports.whole >= least

        await asyncio.sleep(0.02)       # one that was asked for before may be on its way
        if await self._becomes(lambda: whole(0)):
            before = self.reports.whole
            self._signal(signal.SIGUSR1)
            if await self._becomes(lambda: whole(before + 1)):
                return
        raise Broken(f"SIGUSR1: not every loop has said its line: {self.reports.seen}")

    # -- the end ------------------------------------------------------------

    async def _drain(self):
        """What has reached the server when it is told to stop is answered, then it ends."""
        clients = [self._client(plan) for plan in self.at_the_end]
        lives = [asyncio.ensure_future(client.run()) for client in clients]
        there = await self._becomes(lambda: all(self._has_arrived(c) for c in clients))
        how = self.dice.choice((signal.SIGTERM, signal.SIGINT))
        start = time.monotonic()
        self._signal(how)
        await asyncio.gather(*lives)
        if not await self._becomes(lambda: not self.server.alive(), 4.0):
            raise Broken(f"{how.name} was sent {time.monotonic() - start:.1f} s ago, and the "
                         "server still runs, although no client is there")
        self.server.check_end(how, self.server.wait_exit(1))
        failed = [client for client in clients if client.failure]
        if failed:
            raise Broken(f"while it drained: {_named(failed, [c.failure for c in failed])}")
        if there:
            self._check_drained(clients)

    @staticmethod
    def _has_arrived(client) -> bool:
        return client.connected and client.sent == len(client.stream.data)

    def _check_drained(self, clients):
        refusals = balance.Refusals(self.server.err.text)
        for client in clients:
            if refusals.why(client) or client.got == client.stream.replies:
                continue
            if self.options.high_water > len(client.stream.data):
                raise Broken(f"while it drained: {client.name} had sent {client.sent:,} bytes and "
                             f"got {client.got:,} of {client.stream.replies:,}, then: {client.end}")


def _named(clients, failures) -> str:
    lines = [f"{client.plan.kind} {client.name}: {failure}"
             for client, failure in zip(clients, failures)][:NAMED]
    more = len(failures) - len(lines)
    return "\n".join(lines) + (f"\nand {more} clients more" if more else "")
