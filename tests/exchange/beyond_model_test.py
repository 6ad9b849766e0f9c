#!/usr/bin/python3
"""Random histories of what model.py does not play: cascades, two match keys, merges and parts by hand, rollbacks, members
taken out, columns that go, rules that change, and restores in the midst of that, with kills.

Usage: beyond_model_test.py BIN_DIR [unittest arguments]
MIRROR_TEST_SEED, MIRROR_TEST_BEYOND and MIRROR_TEST_TRACE in the environment: the first seed, how many histories, and
whether each action is printed.
"""

import json
import os
import pathlib
import random
import shutil
import sqlite3
import sys
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "support"))
import exchange_place  # noqa: E402

BIN = None
TABLES = (
    "CREATE TABLE company (id INTEGER PRIMARY KEY, vat TEXT, name TEXT, city TEXT)",
    "CREATE TABLE contact (id INTEGER PRIMARY KEY, email TEXT, phone TEXT, "
    "company_id INTEGER REFERENCES company ON DELETE CASCADE)",
)
MEMBER = """
[[hub.member]]
data_source = "{name}"
tenant = "{name}"
table = "{table}"
columns = {{ {columns} }}
write = ["insert", "update", "delete"]
"""
HUB = """
[[hub]]
storage = "Acme"
entity = "{entity}"
match = {match}
deletes = "{deletes}"
rows_percent = 0
{members}
[hub.attributes]
{attributes}
"""
COLUMNS = {"company": ("vat", "name", "city"), "contact": ("email", "phone")}
POINTS = ("agent.transported", "agent.row_written", "agent.importing", "agent.imported", "agent.completed", "agent.sent")
HUB_POINTS = ("hub.deriving", "hub.committed", "hub.acknowledged")
ROUNDS = 12  # Until all is at rest, at most.


def hubs(names, match, deletes, cities):
    text = ""
    for entity, columns in COLUMNS.items():
        members = "".join(MEMBER.format(name=name, table=entity, columns=", ".join(f'{c} = "{c}"' for c in columns))
                          for name in names)
        keys = match if entity == "company" else [["email"]]
        rules = "\n".join(f'{c} = {json.dumps(cities if c == "city" else "newest")}' for c in columns)
        text += HUB.format(entity=entity, match=json.dumps(keys), deletes=deletes, members=members, attributes=rules)
    return text


class Groups:
    """Labels that somebody has taken for one thing."""

    def __init__(self):
        self.into = {}

    def find(self, label):
        while self.into.get(label, label) != label:
            label = self.into[label]
        return label

    def join(self, one, other):
        self.into[self.find(one)] = self.find(other)


class History:
    """What users and operators did, and what follows from it."""

    def __init__(self, test, seed):
        self.test, self.seed, self.rng = test, seed, random.Random(seed)
        self.names = ("crm", "erp", "shop")[: self.rng.choice([2, 3, 3])]
        self.match = self.rng.choice([[["vat"]], [["vat"], ["name"]]])
        self.deletes, self.cities = self.rng.choice(["none", "any"]), "newest"
        self.members = list(self.names)
        self.place = exchange_place.ExchangePlace(test, BIN, names=self.names, tables=TABLES, member="",
                                                  hub=hubs(self.names, self.match, self.deletes, self.cities)
                                                  .replace("{", "{{").replace("}", "}}"))
        self.server_toml = self.place.server.folder / "mirror-server.toml"
        self.same, self.deleted, self.renamed, self.count = Groups(), set(), {}, 0
        self.mine = {}  # (system, table, key) -> label: rows that users made and nobody deleted
        self.kept = {}
        self.trace = bool(os.environ.get("MIRROR_TEST_TRACE"))

    def say(self, *words):
        if self.trace:
            print("  ", *words, flush=True)

    # Users.

    def sql(self, system, *statements):
        self.say(system.name, statements)
        return system.sql("PRAGMA foreign_keys = ON", *statements)

    def keys(self, system, table):
        return [key for (key,) in system.sql(f"SELECT id FROM {table} ORDER BY id")]

    def value(self):
        self.count += 1
        return f"v{self.count}"

    def town(self, system):
        return self.renamed.get(system.name, "city")

    def insert(self, system):
        label = str(self.rng.randrange(4))
        if self.rng.random() < 0.7:
            if system.sql(f"SELECT 1 FROM company WHERE vat = '{label}'"):
                return
            self.sql(system, f"INSERT INTO company (vat, name, {self.town(system)}) VALUES ('{label}', 'n{label}', '{self.value()}')")
            self.mine[system.name, "company", system.sql("SELECT max(id) FROM company")[0][0]] = label
            return
        if system.sql(f"SELECT 1 FROM contact WHERE email = 'e{label}'"):
            return
        company = self.rng.choice(["NULL", *map(str, self.keys(system, "company"))])
        self.sql(system, f"INSERT INTO contact (email, phone, company_id) VALUES ('e{label}', '{self.value()}', {company})")
        self.mine[system.name, "contact", system.sql("SELECT max(id) FROM contact")[0][0]] = f"e{label}"

    def update(self, system):
        table = self.rng.choice(["company", "company", "contact"])
        keys = self.keys(system, table)
        if not keys:
            return
        key, roll = self.rng.choice(keys), self.rng.random()
        column = "phone" if table == "contact" else self.town(system)
        value = f"'{self.value()}'" if roll < 0.8 else "NULL"
        if table == "company" and roll > 0.9:
            column, label = self.rng.choice(["vat", "name"]), self.rng.randrange(4)
            value = f"'{label}'" if column == "vat" else f"'n{label}'"
            for one in self.labels(system, table, key):
                self.same.join(one, str(label))
        self.sql(system, f"UPDATE {table} SET {column} = {value} WHERE id = {key}")

    def labels(self, system, table, key):
        if table == "contact":
            return [email for (email,) in system.sql(f"SELECT email FROM contact WHERE id = {key}")]
        found = system.sql(f"SELECT vat, substr(name, 2) FROM company WHERE id = {key}")
        labels = [one for row in found for one in row if one is not None]
        for one in labels:
            self.same.join(one, labels[0])
        return labels

    def delete(self, system):
        table = self.rng.choice(["company", "contact"])
        keys = self.keys(system, table)
        if keys:
            key = self.rng.choice(keys)
            self.deleted.update(self.labels(system, table, key))
            self.sql(system, f"DELETE FROM {table} WHERE id = {key}")
            self.forget(system, table, [key])

    def forget(self, system, table, keys):
        for key in keys:
            self.mine.pop((system.name, table, key), None)

    # Agents and server.

    def run(self, system, crash=None):
        self.say(system.name, "runs", crash or "")
        before = {key for (key,) in system.sql("SELECT id FROM company")}
        done = system.try_agent("once", **({"MIRROR_CRASH_AT": crash} if crash else {}))
        self.test.assertIn(done.returncode, (0, 1, -9), done.stdout + done.stderr)
        # What a cascade takes here is nobody's wish, and its right.
        if before - {key for (key,) in system.sql("SELECT id FROM company")}:
            there = set(self.keys(system, "contact"))
            gone = [key for (name, table, key) in self.mine if name == system.name and table == "contact" and key not in there]
            self.deleted.update(self.mine[system.name, "contact", key] for key in gone if self.deletes == "any")
            self.forget(system, "contact", gone)

    def kill_server(self):
        point = self.rng.choice([None, *HUB_POINTS])
        self.say("server killed", point)
        if point is None:
            self.place.server.kill()
            self.place.server.start()
            return
        self.place.server.kill()
        self.place.server.start(MIRROR_CRASH_AT=f"{point}:2")  # The first is of the start.
        self.rng.choice(self.place.systems).try_agent("once")
        if self.place.server.process.poll() is None:
            self.place.server.kill()
        self.place.server.start()

    # Faults.

    def backup(self):
        system = self.rng.choice(self.place.systems)
        self.say("backup of", system.name)
        copy = self.place.work / f"{system.name}.copy"
        copy.unlink(missing_ok=True)
        with sqlite3.connect(system.path) as database, sqlite3.connect(copy) as into:
            database.backup(into)
        mine = {ref: label for ref, label in self.mine.items() if ref[0] == system.name}
        self.kept[system.name] = (copy, mine, self.renamed.get(system.name))

    def restore(self):
        if not self.kept:
            return
        name = self.rng.choice(sorted(self.kept))
        copy, mine, renamed = self.kept[name]
        self.say("restore of", name)
        system = getattr(self.place, name)
        for suffix in ("", "-wal", "-shm"):
            pathlib.Path(f"{system.path}{suffix}").unlink(missing_ok=True)
        shutil.copy(copy, system.path)
        self.mine = {ref: label for ref, label in self.mine.items() if ref[0] != name} | mine
        self.renamed.pop(name, None)
        if renamed:
            self.renamed[name] = renamed

    def lose_hub(self):
        self.say("the hub's file is lost")
        self.place.server.kill()
        self.place.lose_hub()
        self.place.server.start()
        self.decide_soon()

    def decide_soon(self):
        """What follows is held."""
        if self.rng.random() < 0.6:
            for system in self.place.systems * 2:
                self.run(system)
            self.resume()
            self.decide(self.rng.random() < 0.5)

    # Operators.

    def ctl(self, *words):
        done = self.place.ctl("hub", *words)
        self.say("hub", *words, "->", done.returncode, done.stderr.strip()[:200])
        return done

    def hub_is_there(self):
        there = bool(list(self.place.server.folder.glob("**/Mirror_Acme.hub.db")))
        return there and bool(self.place.ask_hub("SELECT 1 FROM sqlite_schema WHERE name = 'golden_company_member'"))

    def records(self):
        if not self.hub_is_there():
            return {}
        rows = self.place.ask_hub("SELECT golden_id, data_source, key FROM golden_company_member ORDER BY 2, 3")
        found = {}
        for golden, name, key in rows:
            found.setdefault(golden, []).append((name, json.loads(key)[0]))
        return found

    def merge(self):
        records = self.records()
        if len(records) < 2:
            return
        one, other = self.rng.sample(sorted(records), 2)
        labels = [label for name, key in records[one] + records[other]
                  for label in self.labels(getattr(self.place, name), "company", key)]
        if self.ctl("merge", "Acme", one, other).returncode == 0 and labels:
            for label in labels:
                self.same.join(label, labels[0])

    def part(self):
        records = {golden: rows for golden, rows in self.records().items() if len(rows) > 1}
        if records:
            golden = self.rng.choice(sorted(records))
            name, key = self.rng.choice(records[golden])
            self.ctl("part", "Acme", golden, "--row", name, "company", str(key))

    def decide(self, commit=None):
        commit = self.rng.random() < 0.7 if commit is None else commit
        self.ctl("hold", "commit" if commit else "rollback", "Acme")

    def resume(self):
        suspended = self.suspended()
        for name in [name for name, own in suspended.items() if own]:
            self.ctl("resume", "Acme", name, "--take", self.rng.choice(["theirs", "ours"]))
        if suspended:
            self.ctl("resume", "Acme", *(["--insert"] if self.rng.random() < 0.5 else []))

    def suspended(self):
        if not self.hub_is_there():
            return {}
        found = self.place.ask_hub("SELECT data_source, own_restore FROM _hub_feeds WHERE suspended IS NOT NULL")
        return {name: bool(own) for name, own in found}

    def rules(self):
        """Of the configuration; a member that is taken out comes back later."""
        if self.rng.random() < 0.5:
            self.cities = self.rng.choice(["newest", "most", "longest", list(self.members)])
        elif len(self.members) == 3:
            self.members.remove(self.rng.choice(self.members))
        else:
            self.members = list(self.names)
        if isinstance(self.cities, list):
            self.cities = list(self.members)
        text = self.server_toml.read_text()
        text = text[: text.index("\n[[hub]]")] + hubs(self.members, self.match, self.deletes, self.cities)
        self.say("rules:", self.members, self.cities)
        self.server_toml.write_text(text)
        self.place.start_again()
        self.decide_soon()

    def rename_column(self):
        system = self.rng.choice(self.place.systems)
        was, becomes = self.town(system), "town" if self.town(system) == "city" else "city"
        self.sql(system, f"ALTER TABLE company RENAME COLUMN {was} TO {becomes}")
        self.renamed[system.name] = becomes

    # All of it.

    def act(self):
        system, roll = self.rng.choice(self.place.systems), self.rng.random()
        for below, act in ((0.14, lambda: self.insert(system)), (0.34, lambda: self.update(system)),
                           (0.38, lambda: self.delete(system)), (0.70, lambda: self.run(system)),
                           (0.75, lambda: self.run(system, f"{self.rng.choice(POINTS)}:{self.rng.choice([1, 2])}")),
                           (0.78, self.kill_server), (0.81, self.backup), (0.83, self.restore), (0.845, self.lose_hub),
                           (0.88, self.merge), (0.915, self.part), (0.935, self.decide), (0.965, self.resume),
                           (0.985, self.rules), (1, self.rename_column)):
            if roll < below:
                return act()

    def settle(self):
        """Everything is mended and decided, then agents run until nothing moves."""
        for system in self.place.systems:
            if self.town(system) != "city":
                self.sql(system, "ALTER TABLE company RENAME COLUMN town TO city")
                self.renamed.pop(system.name)
        for _ in range(ROUNDS):
            for system in self.place.systems:
                self.run(system)
            self.resume()
            self.decide(True)
            if not self.suspended():
                reports = self.place.rounds(1)
                if all(not any(done.get(word) for word in ("fetched", "applied", "conflicts", "refused", "waiting"))
                       for done in reports):
                    return
        self.test.fail(f"seed {self.seed}: not at rest after {ROUNDS} rounds: {reports}, {self.place.ctl('hub', 'status', 'Acme').stdout}")

    def check(self):
        for (name, table, key), label in self.mine.items():
            may = self.deletes == "any" and any(self.same.find(one) == self.same.find(label) for one in self.deleted)
            there = getattr(self.place, name).sql(f"SELECT 1 FROM {table} WHERE id = {key}")
            self.test.assertTrue(there or may, f"seed {self.seed}: {name}'s row {key} of {table} went, and nobody deleted it")
        frozen = {golden for golden, what in self.place.ask_hub("SELECT golden_id, frozen FROM _hub_records") if what != "[]"}
        dropped = {golden for (golden,) in self.place.ask_hub("SELECT golden_id FROM _hub_deliveries WHERE state <> 1")}
        for table, columns in COLUMNS.items():
            says = {row[0]: row[1:] for row in self.place.ask_hub(f"SELECT golden_id, {', '.join(columns)} FROM golden_{table}")}
            for golden, name, key in self.place.ask_hub(f"SELECT golden_id, data_source, key FROM golden_{table}_member"):
                if golden in frozen | dropped:
                    continue
                row = getattr(self.place, name).sql(
                    f"SELECT {', '.join(columns)} FROM {table} WHERE id = {json.loads(key)[0]}")
                self.test.assertEqual(row, [says[golden]], f"seed {self.seed}: {name}'s row {key} of {table} in record {golden}")

    def check_it_lives(self):
        """Whatever came before: an edit of today arrives wherever its record has a row."""
        records = [rows for rows in self.records().values() if len({name for name, _ in rows}) > 1]
        self.test.assertIsInstance(records, list)
        if not records or self.cities != "newest":
            return
        rows = self.rng.choice(records)
        name, key = rows[0]
        value = self.value()
        self.sql(getattr(self.place, name), f"UPDATE company SET city = '{value}' WHERE id = {key}")
        for _ in range(3):
            for system in self.place.systems:
                self.run(system)
            self.decide(True)
        self.place.rounds(1)
        for name, key in rows:
            city = getattr(self.place, name).sql(f"SELECT city FROM company WHERE id = {key}")
            self.test.assertEqual(city, [(value,)], f"seed {self.seed}: {name}'s row {key} does not hear of an edit")


class BeyondModel(unittest.TestCase):
    def test_histories(self):
        first = int(os.environ.get("MIRROR_TEST_SEED", random.randrange(1 << 30)))
        for seed in range(first, first + int(os.environ.get("MIRROR_TEST_BEYOND", "4"))):
            print(f"seed {seed}", flush=True)
            with self.subTest(seed=seed):
                history = History(self, seed)
                for _ in range(45):
                    history.act()
                history.settle()
                history.check()
                history.check_it_lives()
                history.place.server.stop()


if __name__ == "__main__":
    BIN = pathlib.Path(sys.argv[1]).resolve()
    unittest.main(argv=[sys.argv[0], *sys.argv[2:]])
