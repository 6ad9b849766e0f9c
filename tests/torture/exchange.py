"""Two systems and a hub: kill -9 of the server and of an agent at every point that they pass while deliveries go both
ways, and what is older put in the place of a system, a mirror, the hub's file or all of the server's files. Whatever
happens, each change is in both systems once, and an idle round sends nothing."""

import contextlib
import os
import pathlib
import random
import sys

from tests.torture import scenarios
from tests.torture.broken import Broken

ROOT = pathlib.Path(__file__).resolve().parents[2]
for folder in ("support", "exchange"):
    sys.path.insert(0, str(ROOT / "tests" / folder))
import exchange_place  # noqa: E402
import real_programs  # noqa: E402

PASSES_MAX = 30
HUB_POINTS = ("hub.deriving", "hub.committed", "hub.acknowledged")
SERVER_POINTS = (*HUB_POINTS, "commit.begun", "commit.before", "commit.after", "rows.written", "apply.committed")
# Nothing is compared here, and no outbox is kept.
NEVER = ("agent.comparing", "agent.outbox")
AGENT_POINTS = tuple(p for p in (*scenarios.AGENT_POINTS, *scenarios.EXCHANGE_POINTS) if p not in NEVER)
RESTORED = ("crm", "mirror", "hub", "server")
INSERT = "INSERT INTO company (vat, name, city) VALUES ('{0}', 'n{0}', 'Rome')"
IN_THE_END = [("1", "n1", "Oslo"), ("2", "new", "Rome"), ("3", "n3", "Rome"), ("5", "n5", "Rome"), ("6", "n6", "Rome")]


class Place:
    def __init__(self, bin_dir, stack):
        self.addCleanup = stack.callback
        self.place = exchange_place.ExchangePlace(self, bin_dir, deletes="any")
        self.server, self.crm, self.erp = self.place.server, self.place.crm, self.place.erp
        self.copies = {}

    def begin(self):
        # What is deleted later is not the last one, whose key would be used again.
        self.crm.sql(*(INSERT.format(n) for n in (4, 1, 2, 3)))
        self.place.rounds(3)

    def change(self):
        """On both sides."""
        self.crm.sql("UPDATE company SET city = 'Oslo' WHERE vat = '1'", "DELETE FROM company WHERE vat = '4'", INSERT.format(5))
        self.erp.sql("UPDATE company SET name = 'new' WHERE vat = '2'", INSERT.format(6))

    def start(self, **environment):
        with contextlib.suppress(AssertionError):  # It may die at once.
            self.server.start(**environment)

    def alive(self):
        return self.server.process.poll() is None

    def run_agents(self, rounds=2, **environment):
        """Whether one was killed; only the first is."""
        killed = False
        for system in self.place.systems * rounds:
            done = system.try_agent("once", **({} if killed else environment))
            killed = killed or done.returncode == -9
        return killed

    def files(self, what):
        data = self.server.folder / "data"
        mirrors = [data / f"Mirror_{system.name}.db" for system in self.place.systems]
        return {"crm": [self.crm.path], "mirror": mirrors[:1], "hub": [self.place.hub], "server": [*mirrors, self.place.hub]}[what]

    def keep(self, what):
        for path in self.files(what):
            self.copies[path] = self.place.work / f"{path.name}.kept"
            real_programs.copy_database(path, self.copies[path])

    def put_back(self, what):
        for path in self.files(what):
            real_programs.put_database(self.copies[path], path)

    def operator(self):
        """Says what counts, once each member has completed a cycle since."""
        self.run_agents(1)
        self.place.ctl("hub", "resume", "Acme")
        for system in self.place.systems:
            self.place.ctl("hub", "resume", "Acme", system.name, "--take", "ours")
        self.place.ctl("hub", "hold", "commit", "Acme")

    def check(self, allowed=()):
        self.place.rounds(4)
        done = self.place.rounds(1)
        for one in done:
            if one["fetched"] or one["applied"] or one["refused"] or one["conflicts"] or one["waiting"]:
                raise Broken(f"not at rest: {one}")
        for system in self.place.systems:
            rows = [row for row in system.rows() if row not in allowed]
            if rows != IN_THE_END:
                raise Broken(f"{system.name} has {rows}, and not {IN_THE_END}")
        golden = self.place.ask_hub("SELECT vat, name, city FROM golden_company AS g WHERE EXISTS (SELECT 1 FROM "
                                    "golden_company_member AS m WHERE m.golden_id = g.golden_id) ORDER BY vat")
        if [row for row in golden if row not in allowed] != IN_THE_END:
            raise Broken(f"golden records are {golden}")


def crash(bin_dir, who, point, n):
    """Whether it died there."""
    with contextlib.ExitStack() as stack:
        place = Place(bin_dir, stack)
        place.begin()
        place.change()
        if who == "server":
            place.server.stop()
            place.start(MIRROR_CRASH_AT=f"{point}:{n}")
            if place.alive():
                place.run_agents()
            died = not place.alive()
            place.server.kill()
            place.server.start()
        else:
            died = place.run_agents(MIRROR_CRASH_AT=f"{point}:{n}")
        place.check()
        return died


def restore(bin_dir, what, who, point):
    """With a kill before it, so that not all that changed is where it belongs."""
    with contextlib.ExitStack() as stack:
        place = Place(bin_dir, stack)
        place.begin()
        place.keep(what)
        place.change()
        place.place.rounds(2)
        if who == "agent":
            place.run_agents(1, MIRROR_CRASH_AT=f"{point}:1")
        place.server.kill()
        place.put_back(what)
        place.server.start()
        for _ in range(3):
            place.operator()
        # What was deleted there is back by the restore, and stays there alone.
        place.check(allowed=[("4", "n4", "Rome")])


def run(runs, seed, report):
    """Every point once at least."""
    bin_dir = pathlib.Path(os.environ.get("MIRROR_TORTURE_BUILD", ROOT / "build/release")) / "bin"
    dice = random.Random(seed)
    cells = [("server", point) for point in SERVER_POINTS] + [("agent", point) for point in AGENT_POINTS]
    dice.shuffle(cells)
    each, done = max(1, round(runs * 0.8 / len(cells))), 0
    for who, point in cells:
        for n in range(1, min(each, PASSES_MAX) + 1):
            died = crash(bin_dir, who, point, n)
            done += 1
            report.crash(who, "exchange", point, died)
            if n == 1 and not died:
                raise Broken(f"the {who} passed {point} and lived, or never passed it")
            if not died:
                break
    for number in range(max(len(RESTORED), round(runs * 0.2))):
        what = RESTORED[number % len(RESTORED)]
        who, point = dice.choice(cells)
        restore(bin_dir, what, who, point)
        done += 1
        report.restore(what)
    return done
