"""Lines about golden records: a hub of three members made from nothing, and one changed row of one of them."""

import contextlib
import glob
import json
import os
import re
import sqlite3
import subprocess
import time

from endpoint import Endpoint
from processes import Failed, run

NAMES = ("crm", "erp", "shop")
COLUMNS = ("vat", "name", "city", "phone", "street")
HUB = """
[[hub]]
storage = "Bench"
entity = "company"
match = [["vat"]]
normalise = { vat = "alnum" }
"""
MEMBER = """[[hub.member]]
data_source = "NAME"
tenant = "NAME"
table = "company"
columns = { vat = "vat", name = "name", city = "city", phone = "phone", street = "street" }
write = ["insert", "update"]
"""
CHANGES = 20  # Of one row each.


class Exchange(Endpoint):
    """Three systems of `records` companies each, which all have."""

    def __init__(self, bench, records):
        attributes = "\n[hub.attributes]\n" + "".join(f'{name} = "newest"\n' for name in COLUMNS)
        rules = HUB + "".join(MEMBER.replace("NAME", name) for name in NAMES) + attributes
        super().__init__(bench, f"exchange-{records}", rules=rules)
        path = os.path.join(self.folder, "mirror-server.toml")
        with open(path) as text:
            toml = re.sub(r"(?m)^contexts = .*$", 'contexts = ["*"]', text.read())
        with open(path, "w") as text:
            text.write(toml)
        self.records = records
        for name in NAMES:
            self.make(name)

    def make(self, name):
        with self.open(name) as database:
            database.execute("PRAGMA journal_mode = WAL")
            database.execute(f"CREATE TABLE company (id INTEGER PRIMARY KEY, {', '.join(COLUMNS)})")
            database.execute("BEGIN")
            rows = ((f"NO {n}", f"Company {n}", f"City {n % 900}", f"+47 {n}", f"Street {n % 7000}") for n in range(self.records))
            database.executemany("INSERT INTO company (vat, name, city, phone, street) VALUES (?, ?, ?, ?, ?)", rows)
            database.execute("COMMIT")
        with open(self.config) as text:
            toml = re.sub(r"(?m)^state_dir = .*$", f'state_dir = "state-{name}"', text.read())
        source = f'[[source]]\ncontext_id = "{name}"\npath = {json.dumps(self.file(name))}\naccept = ["insert", "update"]\n'
        head = toml[: toml.index("[[source]]")] if "[[source]]" in toml else toml
        with open(self.agent_config(name), "w") as text:
            text.write(head + source)
        run([self.bench.program("mirror-agent"), "install", "--config", self.agent_config(name)])

    def file(self, name):
        return os.path.join(self.folder, f"{name}.db")

    def agent_config(self, name):
        return os.path.join(self.folder, f"agent-{name}.toml")

    def open(self, name):
        return contextlib.closing(sqlite3.connect(self.file(name), isolation_level=None))

    def once(self, name):
        said = run([self.bench.program("mirror-agent"), "once", "--config", self.agent_config(name), "--json"])
        return json.loads(said)["sources"][0]["deliveries"] or {}

    def hub(self):
        return os.path.join(self.folder, "data", "Mirror_Bench.hub.db")

    def ctl(self, *words):
        return run([self.bench.program("mirrorctl"), "--config", os.path.join(self.folder, "mirrorctl.toml"), *words])

    def peak(self):
        with open(f"/proc/{self.pid}/status") as text:
            return int(re.search(r"VmHWM:\s+(\d+) kB", text.read()).group(1)) / 1024

    def derive_from_nothing(self):
        """Seconds, and the most memory that the server had: all rows of three mirrors are read into a new file."""
        self.stop()
        for file in glob.glob(self.hub() + "*"):
            os.remove(file)
        self.start()
        for name in NAMES:
            self.once(name)
        start = time.monotonic()
        self.ctl("hub", "resume", "Bench")
        seconds = time.monotonic() - start
        with contextlib.closing(sqlite3.connect(self.hub())) as hub:
            found = hub.execute("SELECT count(*), (SELECT count(*) FROM golden_company_member) FROM golden_company").fetchone()
        if found != (self.records, self.records * len(NAMES)):
            raise Failed(f"the hub made {found} of {self.records} companies")
        return seconds, self.peak()

    def derive_one(self, number):
        """Milliseconds from when the cycle is completed, in the mirror's file, to when the hub's file has taken it."""
        with self.open("crm") as database:
            database.execute("UPDATE company SET city = ? WHERE id = ?", (f"Town {number}", number + 1))
        command = [self.bench.program("mirror-agent"), "once", "--config", self.agent_config("crm")]
        with contextlib.ExitStack() as stack:
            ask = lambda path: stack.enter_context(contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)))  # noqa: E731
            mirror, hub = ask(self.mirror_file("crm")), ask(self.hub())
            cycle_of = lambda: mirror.execute("SELECT completed_cycle FROM _mirror_tenant").fetchone()[0]  # noqa: E731
            taken = lambda: hub.execute("SELECT cycle FROM _hub_feeds WHERE data_source = 'crm'").fetchone()[0]  # noqa: E731
            before = cycle_of()
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            end = time.monotonic() + 60
            while (cycle := cycle_of()) == before and time.monotonic() < end:
                time.sleep(0.0001)
            start = time.monotonic()
            while taken() != cycle and time.monotonic() < end:
                time.sleep(0.0001)
            took = (time.monotonic() - start) * 1000
            process.wait()
            if time.monotonic() >= end:
                raise Failed("the hub did not take a changed row in a minute")
        return took


def one_row(endpoint, figures):
    for number in range(CHANGES):
        figures.append(endpoint.derive_one(number))
    return sorted(figures)[len(figures) // 2]


def exchange(bench):
    for size, line in ((1_000, "exchange-one-row-1000"), (bench.size(100_000, 20_000), "exchange-one-row")):
        if not bench.wants(line, *(("exchange-derivation", "exchange-memory", "exchange-cycles") if size > 1_000 else ())):
            continue
        with Exchange(bench, size) as endpoint:
            for name in NAMES * 2:
                endpoint.once(name)
            for _ in bench.turns(f"{size:,} golden records of three members"):
                if size > 1_000:
                    seconds, peak = endpoint.derive_from_nothing()
                    bench.result("exchange-derivation").add(seconds)
                    bench.result("exchange-memory").add(peak)
                    endpoint.ctl("hub", "hold", "commit", "Bench")
                for name in NAMES * 2:
                    endpoint.once(name)
                bench.result(line).add(one_row(endpoint, []))
                for name in NAMES:
                    endpoint.once(name)
                if size > 1_000:
                    bench.result("exchange-cycles").add(delivered(endpoint))


def delivered(endpoint):
    """Cycles of each agent until a changed row is in the other two systems."""
    town = f"Town {time.monotonic()}"
    with endpoint.open("crm") as database:
        database.execute("UPDATE company SET city = ? WHERE id = 500", (town,))
    for cycles in range(1, 5):
        for name in NAMES:
            endpoint.once(name)
        there = []
        for name in NAMES:
            with endpoint.open(name) as database:
                there.append(database.execute("SELECT city FROM company WHERE id = 500").fetchone()[0])
        if there == [town] * len(NAMES):
            return cycles
    raise Failed("a changed row is not in all systems after four cycles of each")


GROUPS = {"exchange": exchange}
