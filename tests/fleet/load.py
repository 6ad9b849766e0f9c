"""Clients that run cycles of all tenants, and when each of their commits was acknowledged."""

import threading
import time

from tests.fleet.parts import Broken
from tests.fleet.source import Retry
from tests.fleet.wire import Line

PATIENCE_S = 180
PAUSE_S = 0.2
SAID_EVERY_S = 60


class Load:
    """`cycles`: so many of each tenant at least, behind its population; and until `finish` is called."""

    def __init__(self, identity, tenants, clients, cycles, log):
        """What was tried again, and why, goes to the file `log`."""
        self.tenants, self.cycles, self.log = tenants, cycles, log
        self.commits = [[] for _ in range(clients)]  # Of each client: when it was sent, when it was acknowledged.
        self._over, self._abandoned = threading.Event(), threading.Event()
        self._failures = []
        lines = [Line(identity, self._noter(commits)) for commits in self.commits]
        shares = [tenants[number::clients] for number in range(clients)]
        self._threads = [
            threading.Thread(target=self._run, args=pair, daemon=True) for pair in zip(lines, shares, strict=True)
        ]

    @staticmethod
    def _noter(commits):
        return lambda begun: commits.append((begun, time.monotonic()))

    def start(self):
        for thread in self._threads:
            thread.start()

    def finish(self):
        """Each tenant has had its cycles, and completed the last one."""
        self._over.set()
        self._wait_while(lambda: any(thread.is_alive() for thread in self._threads))
        self._check()

    def wait_for(self, share):
        """So much of the least that is to be done is done."""
        least = share * len(self.tenants) * (self.cycles + 1)
        self._wait_while(lambda: sum(min(tenant.cycles, self.cycles + 1) for tenant in self.tenants) < least)

    def _wait_while(self, true):
        said = time.monotonic()
        while true():
            self._check()
            time.sleep(0.2)
            if time.monotonic() - said > SAID_EVERY_S:
                said = time.monotonic()
                populated = sum(tenant.cycles > 0 for tenant in self.tenants)
                cycles = sum(tenant.cycles for tenant in self.tenants)
                print(f"  {populated:,} of {len(self.tenants):,} tenants have a mirror, {cycles:,} cycles", flush=True)

    def abandon(self):
        self._abandoned.set()
        for thread in self._threads:
            if thread.ident is not None:
                thread.join(60)

    def _check(self):
        if self._failures:
            raise self._failures[0]

    def _run(self, line, tenants):
        try:
            done = False
            while not (done and self._over.is_set()) and not self._abandoned.is_set():
                for tenant in tenants:
                    self._cycle(line, tenant)
                    if self._over.is_set() and done:
                        break
                done = all(tenant.cycles > self.cycles for tenant in tenants)
        except Exception as error:  # pylint: disable=broad-except
            self._failures.append(error)
        finally:
            line.close()

    def _cycle(self, line, tenant):
        """Until the mirror has taken it."""
        if tenant.cycles > 0:
            tenant.change()
        deadline = time.monotonic() + PATIENCE_S
        while not self._abandoned.is_set():
            try:
                line.cycle(tenant)
                return
            except Retry as error:
                self._say(f"{tenant.name}: {error}")
                if time.monotonic() > deadline:
                    raise Broken(f"{tenant.name} makes no progress for {PATIENCE_S} s: {error}") from None
                time.sleep(PAUSE_S)

    def _say(self, words):
        print(time.strftime("%H:%M:%S"), words, file=self.log, flush=True)

    # --- Times ---

    def next_commit(self, moment):
        """Seconds until one was acknowledged that was sent behind that moment, by whichever client."""
        return min(first_after(commits, moment) for commits in self.commits)

    def longest_wait(self, moment):
        """Of a client between two acknowledged commits, the second behind that moment; each has one there."""
        return max(longest_gap(commits, moment) for commits in self.commits)

    def wait_for_all(self, moment):
        """Each client sent one behind that moment, and it was acknowledged."""
        deadline = time.monotonic() + PATIENCE_S
        while None in (times := [first_after(commits, moment) for commits in self.commits]):
            self._check()
            if time.monotonic() > deadline:
                raise Broken(f"{times.count(None)} clients have no acknowledged commit for {PATIENCE_S} s")
            time.sleep(0.02)


def first_after(commits, moment):
    """Commits are in the order of time; new ones come meanwhile."""
    found = None
    for begun, ended in reversed(commits[:]):
        if begun < moment:
            break
        found = ended - moment
    return found


def longest_gap(commits, moment):
    ends = [ended for _, ended in commits[:]]
    return max(after - before for before, after in zip(ends, ends[1:]) if after > moment)
