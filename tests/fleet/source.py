"""A tenant's source: two small tables that change, and what the mirror acknowledged of them.

It is a careful source as proto/WRITING.md says, written from the .proto files alone. What it finds broken stands in its
`findings`; none of them ends it.
"""

import collections
import dataclasses
import hashlib
import json
import random
import secrets

KEYED, KEYLESS = "names", "log"
TABLES = (KEYED, KEYLESS)
ROWS, CHANGES = 30, 4
LSN_OF_NOTHING = -1


class Retry(Exception):
    """The mirror did not take it now: a new cycle begins where the mirror stands."""


@dataclasses.dataclass
class Table:
    committed: tuple = (LSN_OF_NOTHING, b"")  # As it was acknowledged.
    known: set = dataclasses.field(default_factory=set)  # Positions on record that may have been reached since.
    populating: bool = False  # A population went out whose end is not known.
    behind: bool = True  # The mirror does not have all of it yet.
    reached: tuple = None  # In this cycle, whether or not that survives a failover.


class Tenant:
    def __init__(self, name, seed):
        self.name = name
        self.dice = random.Random(f"{seed} {name}")
        self.holder = secrets.token_hex(8)
        self.rows = {key: self._text() for key in range(1, ROWS + 1)}
        self.log = [self._text() for _ in range(3)]
        self.tables = {table: Table() for table in TABLES}
        self.changes = {"insert": [], "update": [], "delete": []}
        self.target = (1, secrets.token_bytes(8))
        self.interrupted = False
        self.cycles = 0  # Completed ones.
        self.receipts = {}  # Number -> SHA-256 of its text.
        self.counts = collections.Counter()
        self.findings = []  # (kind, words)

    def _text(self):
        return f"{self.dice.choice(('Ada', 'Bjørn', 'Çelik', ''))} {self.dice.getrandbits(64):x}"

    def find(self, kind, words):
        self.findings.append((kind, f"{self.name}: {words}"))

    # --- The application ---

    def change(self):
        """What the next cycle sends."""
        dice, keys = self.dice, sorted(self.rows)
        deleted = dice.sample(keys, 2) if len(keys) > ROWS else []
        updated = dice.sample([key for key in keys if key not in deleted], CHANGES)
        inserted = [max(keys) + 1 + number for number in range(dice.randint(0, 3))]
        for key in deleted:
            del self.rows[key]
        for key in updated + inserted:
            self.rows[key] = self._text()
        self.changes = {"delete": deleted, "update": updated, "insert": inserted}
        self.tables[KEYED].behind = True
        if dice.random() < 0.25:
            self.log = self.log[-9:] + [self.log[-1], self._text()]  # One row twice: no key forbids it.
            self.tables[KEYLESS].behind = True
        self.target = (self.target[0] + dice.randint(1, 9), secrets.token_bytes(8))

    # --- What the mirror says ---

    def look(self, name, position, pending):
        """Whether the table has to be populated, by where the mirror stands."""
        table = self.tables[name]
        table.reached = None
        if position != table.committed:
            self._moved(name, table, position)
        if pending is not None and pending[0] != LSN_OF_NOTHING and pending not in table.known:
            self.find("lost", f"table '{name}' has a pending position that is not on record: {pending[0]}")
        return table.committed[0] == LSN_OF_NOTHING

    def _moved(self, name, table, position):
        before = table.committed
        if position in table.known:
            # Committed by a call whose answer was lost.
            self.counts["answers lost"] += 1
            table.committed, table.populating = position, False
            if position == self.target:
                table.behind = False
        elif position[0] == LSN_OF_NOTHING:
            if not table.populating and before[0] != LSN_OF_NOTHING:
                self.find("repopulated", f"table '{name}' is at -1, and was acknowledged at {before[0]}")
            table.committed = position
        else:
            self.find("lost", f"table '{name}' is at {position[0]}, and was acknowledged at {before[0]}")
            table.committed = (LSN_OF_NOTHING, b"")

    def sent(self, name, populate):
        table = self.tables[name]
        table.known.add(self.target)
        table.populating = table.populating or populate

    def acknowledged(self, name, durable):
        table = self.tables[name]
        self.counts["commits"] += 1
        table.reached = self.target
        if durable:
            self._keep(table)
        else:
            self.counts["not durable"] += 1

    def _keep(self, table):
        table.committed, table.known, table.reached = table.reached, {table.reached}, None
        table.populating = table.behind = False

    def completed(self):
        """All that was committed in it survives from now on."""
        for table in self.tables.values():
            if table.reached is not None:
                self._keep(table)
        self.cycles += 1
        self.interrupted = False

    def hear_receipt(self, text):
        """The chain of all commits: a number that comes again, or another predecessor, is a commit that was lost."""
        if not text:
            return
        receipt = json.loads(text)
        number, digest = receipt["number"], hashlib.sha256(text.encode()).hexdigest()
        if self.receipts.get(number, digest) != digest:
            self.find("lost", f"receipt {number} was signed twice, for other commits")
        before = self.receipts.get(number - 1)
        if before is not None and before != receipt["previous"]:
            self.find("lost", f"receipt {number} does not follow the receipt {number - 1} that came before")
        self.receipts[number] = digest


def batches_of(tenant, name, populate):
    """What is sent of a table: pairs of an operation and its rows, (key, text) or (text,)."""
    if name == KEYLESS:
        return [("insert", [(text,) for text in tenant.log])]
    if populate:
        rows = sorted(tenant.rows.items())
        return [("insert", rows[: ROWS // 2]), ("insert", rows[ROWS // 2 :])]
    steps = []
    for operation in ("delete", "update", "insert"):
        keys = tenant.changes[operation]
        if keys:
            steps.append((operation, [(key, tenant.rows.get(key)) for key in keys]))
    return steps
