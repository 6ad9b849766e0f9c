"""What a mirror keeps beside its rows: a journal of what was written, and what stood in rows before. It is read out of the
mirror's own tables, and held against the rows and against what earlier looks saw; none of the server's code is in it."""

import collections
import sqlite3

from tests.torture.broken import Broken

# Both kinds, and 'extra' with neither. What the tests make is younger than it is kept, unless they age it.
RULES = """
[[tenant]]
context_id = "{context}"
[[tenant.table]]
name = "people"
history = true
history_keep = "30d"
[[tenant.table]]
name = "visits"
history = true
[[tenant.table]]
name = "l*"
journal = "keys"
[[tenant.table]]
name = "businesspartner"
history = true
"""
KEYS = {"people": ("id",), "visits": ("room", "number"), "large": ("id",), "businesspartner": ("externalId",)}
RENAMED = {"note": "remark"}  # By scenarios that change definitions.
AGED_MS = 90 * 86_400_000
INSERT, UPDATE, DELETE, HEAD, POPULATED, COMPARE, GONE = range(1, 8)
NUMBER, UNTIL, WAS = "_mirror_number", "_mirror_until", "_mirror_was"
HASH_BYTES = 8

Entry = collections.namedtuple("Entry", "number table moment operation keys done_ms row_count")
Version = collections.namedtuple("Version", "until was row")


class KeyReader:
    """A block of keys: see server/journal/key_block.h."""

    def __init__(self, block):
        self.bytes, self.at = block[:-HASH_BYTES], 1

    def take(self, count):
        self.at += count
        if self.at > len(self.bytes):
            raise Broken("a block of keys ends early")
        return self.bytes[self.at - count : self.at]

    def number(self):
        number = shift = 0
        while True:
            byte = self.take(1)[0]
            number, shift = number | (byte & 0x7F) << shift, shift + 7
            if byte < 0x80:
                return number

    def column(self, rows):
        values, before = [], 0
        for _ in range(rows):
            kind = self.take(1)[0]
            if kind == 1:
                folded = self.number()
                before += (folded >> 1) ^ -(folded & 1)
                values.append((int, before))
            elif kind in (3, 5):
                values.append((bytes, self.take(self.number())))
            else:
                raise Broken(f"a key of kind {kind}, which no table of the torture has")
        return values

    def keys(self):
        rows, columns = self.number(), self.number()
        for _ in range(columns):
            self.take(self.number() + 1)
        keys = set(zip(*(self.column(rows) for _ in range(columns))))
        if self.at != len(self.bytes) or len(keys) != rows:
            raise Broken(f"a block of {rows} keys has {len(keys)} of them, and {len(self.bytes) - self.at} bytes more")
        return keys


def cell(value):
    """As a key or a row has it: 1, 1.0 and '1' differ."""
    return type(value), value


class Look:
    """All of it at one moment, out of a file."""

    def __init__(self, file):
        self.connection = sqlite3.connect(f"file:{file}?mode=ro", uri=True, timeout=10)
        self.connection.text_factory = bytes
        try:
            self.connection.execute("BEGIN")
            self.tables = {name.decode() for name, in self.ask("SELECT name FROM sqlite_schema")}
            self.entries = self.read_entries()
            self.floor = self.one("SELECT max(number) FROM _mirror_floor") if "_mirror_floor" in self.tables else 0
            self.last = max([self.floor, *(entry.number for entry in self.entries)])
            self.heads = {entry.number: entry for entry in self.entries if entry.number == entry.moment}
            self.histories = self.read_histories()
            self.rows = {table: self.read_rows(table) for table in KEYS if table in self.tables}
            self.versions = {table: self.read_versions(table) for table in self.histories}
            self.wrong_views = list(self.compare_views())
        finally:
            self.connection.close()

    def ask(self, sql, *values):
        return self.connection.execute(sql, values).fetchall()

    def one(self, sql):
        return self.ask(sql)[0][0] or 0

    def read_entries(self):
        if "_mirror_journal" not in self.tables:
            return []
        rows = self.ask(
            "SELECT number, table_name, moment, operation, keys, done_ms, row_count FROM _mirror_journal ORDER BY number"
        )
        return [
            Entry(number, table.decode(), moment, operation, keys and KeyReader(keys).keys(), *more)
            for number, table, moment, operation, keys, *more in rows
        ]

    def read_histories(self):
        if "_mirror_history" not in self.tables:
            return {}
        rows = self.ask("SELECT table_name, versions, view_name, known_from FROM _mirror_history")
        return {table.decode(): (versions.decode(), view.decode(), known) for table, versions, view, known in rows}

    def select(self, table):
        """Each row as column: cell."""
        found = self.connection.execute(f'SELECT * FROM "{table}"')
        names = [column[0] for column in found.description]
        return [dict(zip(names, map(cell, row))) for row in found]

    def read_rows(self, table):
        return {self.key_of(table, row): row for row in self.select(table)}

    @staticmethod
    def key_of(table, row):
        return tuple(row[column] for column in KEYS[table])

    def read_versions(self, table):
        """Those of each key, the oldest first."""
        versions = collections.defaultdict(list)
        for row in self.select(self.histories[table][0]):
            row.pop(NUMBER, None)
            until, was = row.pop(UNTIL)[1], row.pop(WAS)[1]
            versions[self.key_of(table, row)].append(Version(until, was, row))
        for of_key in versions.values():
            of_key.sort(key=lambda version: version.until)
        return versions

    # --- What follows from it ---

    def known_from(self, table):
        return self.histories[table][2]

    def closed(self, table):
        """The last moment of the table that its source has confirmed; 0: none."""
        return max((n for n, head in self.heads.items() if head.table == table and head.done_ms is not None), default=0)

    def is_open(self, table):
        return any(head.table == table and head.done_ms is None for head in self.heads.values())

    def as_of(self, table, moment):
        rows = {}
        for key in self.rows[table].keys() | self.versions[table].keys():
            ended = next((one for one in self.versions[table].get(key, ()) if one.until > moment), None)
            row = self.rows[table].get(key) if ended is None else ended.row if ended.was else None
            if row is not None:
                rows[key] = row
        return rows

    def compare_views(self):
        """What the views for people show of the last moment; a copy out of PostgreSQL has none."""
        for table, (_, view, _) in self.histories.items():
            moment = self.closed(table)
            if table not in self.rows or view not in self.tables or moment < self.known_from(table):
                continue
            columns = ", ".join(f'"{name}"' for name in KEYS[table])
            found = self.connection.execute(
                f'SELECT {columns} FROM "{view}" WHERE coalesce(from_moment, 0) <= ? AND (to_moment > ? OR to_moment IS NULL)',
                (moment, moment),
            ).fetchall()
            keys = [tuple(map(cell, row)) for row in found]
            if sorted(map(repr, keys)) != sorted(map(repr, self.as_of(table, moment))):
                yield f"{view} shows {len(keys)} rows as of moment {moment}, and {len(self.as_of(table, moment))} stood"


def check_alone(look, is_damaged=False):
    """What holds of any state, whatever came before it."""
    for entry in look.entries:
        if entry.moment > entry.number or (entry.moment > look.floor and entry.moment not in look.heads):
            raise Broken(f"entry {entry.number} of '{entry.table}' has moment {entry.moment}, which nothing heads")
    opened = collections.Counter(head.table for head in look.heads.values() if head.done_ms is None)
    if opened and max(opened.values()) > 1:
        raise Broken(f"moments are open twice: {dict(opened)}")
    for table, versions in look.versions.items():
        for one in (one for of_key in versions.values() for one in of_key):
            head = look.heads.get(one.until)
            if head is None and one.until > look.known_from(table) or head is not None and head.table != table:
                raise Broken(f"a version of '{table}' ended with moment {one.until}, of which the journal does not know")
    if look.wrong_views:
        raise Broken(f"views of versions: {look.wrong_views}")
    for table, rows in look.rows.items():
        head = look.heads.get(look.closed(table))
        if head is None or head.row_count is None or head.row_count < 0 or is_damaged or look.is_open(table):
            continue
        if head.row_count != len(rows):
            raise Broken(f"'{table}' has {len(rows)} rows, and moment {head.number} says {head.row_count}")


def same_row(then, now, is_read_as_of=False):
    """Columns that came or went since do not count. In a source that does not number its columns one that is renamed goes, and
    another comes: what stood in the rows goes with it."""
    for name, value in then.items():
        renamed = RENAMED.get(name)
        there = name if name in now else renamed
        if there not in now or (is_read_as_of and renamed in now and now[there] == cell(None)):
            continue
        if now[there] != value:
            return False
    return True


def check_between(before, after):
    """Rows and entries came together, or neither did."""
    if after.floor > before.last:
        return
    news = [entry for entry in after.entries if entry.number > before.last and entry.operation != HEAD]
    for table in before.rows.keys() & after.rows.keys():
        of_table = [entry for entry in news if entry.table == table]
        then, now = before.rows[table], after.rows[table]
        if all(entry.keys is not None for entry in of_table):
            named = set().union(*(entry.keys for entry in of_table))
            silent = [
                key
                for key in then.keys() | now.keys()
                if key not in named and (key not in then or key not in now or not same_row(then[key], now[key]))
            ]
            if silent:
                raise Broken(f"{len(silent)} rows of '{table}' changed, and no entry of the journal names them: {silent[:3]}")
        stands = {}
        for entry in of_table:
            stands = {} if entry.keys is None else stands | {key: entry.operation != DELETE for key in entry.keys}
        wrong = [key for key, is_there in stands.items() if is_there != (key in now)]
        if wrong:
            raise Broken(f"the journal tells of {len(wrong)} rows of '{table}' that were not written: {wrong[:3]}")


class Memory:
    """Of one mirror: how it was at each moment that somebody looked at."""

    def __init__(self):
        self.last = None  # The look before.
        self.states = {}  # (table, moment): its rows.
        self.is_lost = False  # The operator took back what was there, or wrote to it.
        self.is_aged = False  # What is older than it is kept may go.
        self.erased = set()  # (table, key): an operator may have removed what was kept of it.

    def lose(self):
        self.is_lost, self.last, self.states = True, None, {}

    def check(self, look, is_damaged=False):
        check_alone(look, is_damaged or self.is_lost)
        if is_damaged:
            self.lose()
        if self.is_lost:
            return
        if self.last is not None:
            check_between(self.last, look)
        for (table, moment), rows in self.states.items():
            self.check_state(look, table, moment, rows)
        self.last = look
        for table in look.histories:
            moment = look.closed(table)
            if table in look.rows and moment >= look.known_from(table) and not look.is_open(table):
                self.states[table, moment] = look.rows[table]

    def check_state(self, look, table, moment, rows):
        if table not in look.rows:
            return  # It was dropped.
        if table not in look.histories or look.known_from(table) > moment:
            if not self.is_aged:
                raise Broken(f"'{table}' cannot be read as of moment {moment} any more")
            return
        found = look.as_of(table, moment)
        keys = {key for key in rows.keys() | found.keys() if (table, key) not in self.erased}
        wrong = [key for key in keys if key not in rows or key not in found or not same_row(rows[key], found[key], True)]
        if wrong:
            raise Broken(f"as of moment {moment} {len(wrong)} rows of '{table}' are not as they were then: {wrong[:3]}")
