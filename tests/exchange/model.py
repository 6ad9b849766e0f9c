#!/usr/bin/env python3
"""The exchange, as a model that runs: sources, agents, mirrors, hub, and a simulation that attacks them.

Names are the product's. What the parts are, in the order in which a change travels:

  Source    the database of one system: tables, change log, lineage records, `_mirror_ledger`, `_mirror_inbox`
  Agent     one run: push, fetch, import, push. Every `yield` is a point where it can be killed, and where
            everybody else may act
  Mirror    the mirror file of one data source: rows, positions, cycle, journal
  Hub       the hub file: member rows, golden records, open deliveries, feeds
  HubRun    look at the mirrors, derive (one transaction), acknowledge

Pure functions: match_plan, golden_plan, delivery_plan. Each method of Source, Mirror and Hub that changes
something is one transaction. Times are unix milliseconds of the server in the product and ticks here.

Everything that stands in class Witness, and the fields called `born` and `edits`, is what an all-seeing
observer knows; no rule of the product reads it.

  model.py run   [--histories N] [--seed S] [--kind KIND]      attack the rules; --local checks what a
                                                               derivation may change, too
  model.py scenarios                                           each rule with the history that needs it: it must
                                                               hold with the rule and fail without
  model.py rules [--histories N] [--only RULE]                 leave out each rule in turn, print the smallest
                                                               random history that fails
  model.py show  SEED [--kind KIND] [--without RULE]           one history, step by step
  model.py trace [--histories N] [--seed S] [--kind KIND]      what goes into each derivation and what comes out, as
                                                               JSON lines: for tests/exchange/replay.cc
"""

import argparse
import copy
import dataclasses
import json
import random
import sys
import time
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Optional

# --- What can be left out ----------------------------------------------------------------------------------


@dataclass
class Rules:
    """Each is needed: `model.py scenarios` has a history that fails without it."""

    # Import at a source.
    digest_lock: bool = True  # a row is written only if its mapped columns are as the hub saw them
    absence_lock: bool = True  # no INSERT where a row matches
    one_transaction: bool = True  # the ledger row is written with the row
    accepts: bool = True  # the source's own list says which operations it takes
    inbox_until_push: bool = True  # what was fetched and not imported goes when the next push begins
    backoff: bool = True  # what was refused is tried again ever more rarely
    conflict_noted: bool = True  # the row that stood in the way is noted in the change log, and pushed
    cascade_noted: bool = True  # other rows that the statement removed are in the ledger, too
    # Push.
    one_snapshot: bool = True  # all member tables of a source are read in one snapshot
    # Hand-out.
    derived_first: bool = True  # nothing before the hub has taken in the caller's last cycle
    all_read: bool = True  # nothing before every member was read once
    complete: bool = True  # nothing before the members of `complete` are as new as the record
    look_again: bool = True  # a derivation whose looks are older than another's commit looks again
    hub_time: bool = True  # versions and `needs` count the hub's own time, which never goes back
    # Reading a member.
    ledger_tells: bool = True  # ledger rows say version, wish and result of each column
    completed_only: bool = True  # a mirror is read as its last completed cycle left it
    one_before: bool = True  # a journal that knows the hub's token before the last is in step, too
    acknowledge_last: bool = True  # the journal is trimmed after the hub's commit
    # After a restore.
    anchors: bool = True  # hub and journal know each other's last token, or all is suspended
    salt: bool = True  # and only if it still has the very entry that the hub read last
    agreed_cycles: bool = True  # source and mirror agree on the last completed cycle, or it is suspended
    all_wait: bool = True  # while one member is suspended, what may concern it is handed out to nobody
    others_go_on: bool = True  # updates of records that neither have nor had a row there are handed out
    lost_held: bool = True  # after a lost hub, differences wait for an operator
    no_wish: bool = True  # what is missing at a resume is nobody's deletion
    undeleted: bool = True  # the resume of a restored source takes back deletions of records that had a row there
    former: bool = True  # a restored row is known by what it was found by before
    in_doubt: bool = True  # where another row stands in its place, nothing is given back
    not_spread: bool = True  # a record first seen at a resume is inserted nowhere else, unless `theirs`
    # What a value is.
    side_effects: bool = True  # what a trigger or default did when the exchange wrote is not news
    took: bool = True  # what a system made of a delivered value says what was delivered
    own: bool = True  # a delivered value is nobody's opinion
    later_than_seen: bool = True  # an edit is later than the version that it was made on
    silent_null: bool = True  # NULL in a row that is seen first says nothing
    clearing: bool = True  # NULL where a value was says something
    # Which rows are one.
    origin: bool = True  # a row that the exchange made belongs to the record that it was made for
    each_made: bool = True  # nor is one made again that went before it was read, though its key was used again
    made_anew: bool = True  # a key that was deleted and inserted with another identity is another row
    sticky: bool = True  # a row does not leave by an edit that the exchange will carry to the others
    mapped_later: bool = True  # an attribute that is mapped later is seen first, not changed
    compared: bool = True  # a comparison that finds a row unlike any former holds what it would write
    moves: bool = True  # a row that came to match another record alone moves there, records do not merge
    # Deliveries.
    had: bool = True  # never inserted where the record once had a row
    gone_known: bool = True  # a row of a member's first reading joins the record of rows that all went
    dead_stay: bool = True  # a record without rows is remembered: a row may be on its way into it
    apart: bool = True  # records that both have rows in one system do not merge, and are inserted nowhere else
    identified: bool = True  # inserted only what can be found again
    no_insert_of_doomed: bool = True  # nor while a deletion is under way
    last_row: bool = True  # a record is deleted in a system when its last row there is
    own_deletes: bool = True  # what the exchange deleted is nobody's wish
    edited_since: bool = True  # a row with news since a deletion elsewhere stays
    random_ids: bool = True  # no restore makes the id of a delivery come again
    freeze: bool = True  # an attribute that goes back and forth stops


NAMES = [f.name for f in dataclasses.fields(Rules)]

# --- Configuration -------------------------------------------------------------------------------------------


@dataclass
class Member:
    """[[hub.member]]: a table of a data source that holds records of an entity."""

    data_source: str
    table: str
    entity: str
    columns: dict  # attribute -> column
    write: tuple = ()  # of insert, update, delete
    key: str = "database"  # who makes keys of new rows: "database", or the attribute that is the key
    accept: Optional[tuple] = None  # the source's own list; None: the same

    def Accepts(self):
        return self.write if self.accept is None else self.accept


@dataclass
class Entity:
    """[[hub]]"""

    name: str
    match: list  # of lists of attributes: any of these, transitively
    attributes: dict  # attribute -> "newest" | "most" | "longest" | list of data sources; absent: matched only
    deletes: str = "none"  # "any": deleted in one, deleted in all
    complete: tuple = ()  # data sources
    changed: Optional[str] = None  # a column that says when a row changed


@dataclass
class Config:
    sources: list
    members: list
    entities: dict
    formats: dict = field(default_factory=dict)  # data source -> what its triggers make of a text
    stamps: tuple = ()  # data sources whose triggers set `rev` at each write, and `city` of a new row without one
    jobs: dict = field(default_factory=dict)  # data source -> what a nightly job makes of a text
    skew: dict = field(default_factory=dict)  # data source -> how far its clock is ahead
    rows_percent: int = 0  # of the breaker; 0: off
    freeze_after: int = 50  # times that systems changed back what the exchange wrote, within `freeze_window`
    freeze_window: int = 2000  # an hour
    retention: int = 0  # of ledger rows
    limit: int = 1000  # of deliveries in one fetch
    heal: dict = field(default_factory=dict)  # data source -> theirs | ours | newest, after its restore
    insert: bool = False  # after a restore of server, hub or mirror: resume --insert
    cascades: dict = field(default_factory=dict)  # data source -> (table, table whose rows go with its rows)

    def MemberOf(self, data_source, table):
        for member in self.members:
            if member.data_source == data_source and member.table == table:
                return member
        return None

    def Tables(self, data_source):
        return [m.table for m in self.members if m.data_source == data_source]

    def Order(self, data_source):
        return self.sources.index(data_source)


FORMATS = {
    "upper": lambda text: text.upper(),
    "lower": lambda text: text.lower(),
    "strip": lambda text: text.strip(),
    "pad": lambda text: text.strip() + " ",
}


def Fold(value):
    """Normalisation of match values: `fold`."""
    return value.strip().casefold() if isinstance(value, str) else value


def KeyText(key):
    """A key as the product has it."""
    return json.dumps([key], ensure_ascii=False)


def InOrder(config, ref):
    """Order of member rows: by data source, table, key; whole numbers by value."""
    text = KeyText(ref[2])
    return config.Order(ref[0]), ref[1], len(text), text


def KeyOrder(key):
    """Order of match keys."""
    return key[1], tuple(map(str, key[2]))


def MatchKeys(entity, values):
    """What a row is found by: one key for each rule all of whose attributes have a value."""
    keys = set()
    for i, rule in enumerate(entity.match):
        parts = tuple(Fold(values.get(a)) for a in rule)
        if all(p not in (None, "") for p in parts):
            keys.add((entity.name, i, parts))
    return keys


# --- Values --------------------------------------------------------------------------------------------------


class Row(NamedTuple):
    """A stored row. Never changed in place."""

    values: dict  # column -> value
    edits: dict = {}  # witness: column -> the user's edit that the value stems from
    born: int = 0  # witness: which row it is, whatever its key


class Position(NamedTuple):
    lsn: int
    lineage: str


NOTHING = Position(-1, "")
LEDGER = "_mirror_ledger"


class Aborted(Exception):
    """A call was refused: the run ends, the next one goes on."""


class Violation(Exception):
    """An invariant does not hold."""


# --- A source ------------------------------------------------------------------------------------------------


@dataclass
class Delivery:
    """What should be written into one row of one system. A row of `_hub_deliveries`."""

    id: str
    data_source: str
    table: str
    operation: str  # INSERT | UPDATE | DELETE
    key: Any  # None: INSERT
    golden: str
    columns: dict  # column -> (value, version ms)
    locked: dict  # column -> value as the hub saw it; the product sends their digest
    match_keys: frozenset = frozenset()  # INSERT: what rows of the record are found by
    needs: int = 0  # hub time of the newest input of the record
    state: str = "OPEN"  # OPEN | HELD
    number: int = 0  # the lower, the older
    borns: tuple = ()  # witness
    edits: dict = field(default_factory=dict)  # witness: column -> edit
    handed: int = 0  # witness: when it was fetched

    def Content(self):
        return (self.data_source, self.table, self.operation, self.key, self.golden,
                tuple(sorted(self.columns.items())), tuple(sorted(self.locked.items(), key=repr)),
                self.match_keys)


class Source:
    """The database of one system. All of it is in one backup."""

    def __init__(self, name, config, world):
        self.name, self.config, self.world = name, config, world
        # _mirror_exchange: the last cycle that it was about to complete, the last that it knows completed, and
        # the number of the newest ledger row.
        self.completing, self.completed, self.number = 0, 0, 0
        self.tables = {t: {} for t in [LEDGER] + config.Tables(name)}
        self.log = {t: [] for t in self.tables}  # _mirror_log_<n>: (key, kind); seq is the index + 1
        self.lineage = {}  # _mirror_lineage: token -> {table: lsn}
        self.inbox = []  # _mirror_inbox: fetched, not yet imported
        self.refuses = False  # a constraint that no delivered city passes

    def Backup(self):
        return ({t: dict(r) for t, r in self.tables.items()}, {t: list(l) for t, l in self.log.items()},
                dict(self.lineage), list(self.inbox), self.completing, self.completed, self.number)

    def Restore(self, backup):
        tables, log, lineage, inbox, self.completing, self.completed, self.number = backup
        self.tables = {t: dict(r) for t, r in tables.items()}
        self.log = {t: list(l) for t, l in log.items()}
        self.lineage, self.inbox = dict(lineage), list(inbox)

    # What applications do. `kind` of a log entry: the changed columns, "row" (the whole row) or "end".

    def Format(self, column, value):
        how = self.config.formats.get(self.name)
        return FORMATS[how](value) if how and isinstance(value, str) and column in ("name", "city") else value

    def Triggered(self, values, new):
        if self.name in self.config.stamps and "rev" in values:
            values["rev"] = self.world.Fresh("rev")
            if new and values.get("city", "") is None:
                values["city"] = "n/a"
        return values

    def Put(self, table, key, values, edits, born, kind):
        self.tables[table][key] = Row(values, edits, born)
        self.log[table].append((key, kind))

    def NextKey(self, table):
        """As SQLite without AUTOINCREMENT: the highest key may come again."""
        return max(self.tables[table], default=0) + 1

    def Remove(self, table, key):
        del self.tables[table][key]
        self.log[table].append((key, "end"))

    # The change log, as the agent reads it.

    def Decide(self, table, position, pending):
        """Why a table has to be populated; None: its net changes do."""
        if position.lsn < 0:
            return "MINUS_ONE"
        if position.lsn > len(self.log[table]):
            return "AHEAD"
        if self.lineage.get(position.lineage, {}).get(table) != position.lsn:
            return "LINEAGE_MISS"
        if pending is not None and pending.lineage not in self.lineage:
            return "PENDING_MISS"
        return None

    def Seal(self, table):
        """A durable record of where the log is, before rows go out under it."""
        token = self.world.Fresh("L")
        self.lineage[token] = {t: len(log) for t, log in self.log.items()}
        return Position(len(self.log[table]), token)

    def NetChanges(self, table, lsn):
        """One look: (target, [(operation, key, row, changed columns, anew)])."""
        kinds = {}
        for key, kind in self.log[table][lsn:]:
            kinds.setdefault(key, []).append(kind)
        changes = []
        for key, named in kinds.items():
            row = self.tables[table].get(key)
            if row is None:
                changes.append(("DELETE", key, None, None, False))
            elif any(k in ("row", "end") for k in named):
                changes.append(("INSERT", key, row, None, "end" in named))
            else:
                changes.append(("UPDATE", key, row, set().union(*named), False))
        changes.sort(key=lambda c: ("DELETE", "UPDATE", "INSERT").index(c[0]))
        return self.Seal(table), changes

    def AllRows(self, table):
        return self.Seal(table), [("INSERT", k, r, None, False) for k, r in self.tables[table].items()]

    # The ledger: what the exchange did here. It is mirrored as every other table.

    def WriteLedger(self, delivery, now, **what):
        old = self.tables[LEDGER].get(delivery.id)
        self.number += 1
        values = dict(n=self.number, operation=delivery.operation, table=delivery.table, key=delivery.key,
                      state="APPLIED", wrote={}, at=now, attempts=old.values["attempts"] if old else 0, next=0)
        values.update(what)
        self.Put(LEDGER, delivery.id, values, {}, 0, "row")

    def Transport(self, deliveries, whole, now):
        """One transaction: what was fetched stands in the inbox, and nothing else. The hub has read all of the
        ledger by now."""
        self.inbox = list(deliveries)
        offered = {d.id for d in deliveries}
        for id, row in list(self.tables[LEDGER].items()):
            v = row.values
            if whole and id not in offered if v["state"] == "REFUSED" else now - v["at"] > self.config.retention:
                del self.tables[LEDGER][id]
                self.log[LEDGER].append((id, "end"))
        self.ForgetValuesOfGone()

    def ForgetValuesOfGone(self):
        """What was written into rows that are not there any more, or that a delivery removed since: values of a
        row that is gone stay nowhere. That they were there stays told."""
        removed = defaultdict(int)
        for row in self.tables[LEDGER].values():
            v = row.values
            if v["operation"] == "DELETE" and v["state"] == "APPLIED":
                removed[(v["table"], v["key"])] = max(removed[(v["table"], v["key"])], v["n"])
        for id, row in list(self.tables[LEDGER].items()):
            v = row.values
            gone = v["key"] not in self.tables[v["table"]] or v["n"] < removed[(v["table"], v["key"])]
            if v["wrote"] and gone:
                self.Put(LEDGER, id, dict(v, wrote={}), {}, 0, "row")

    def Import(self, d, now):
        """One delivery, one transaction. Returns what became of it."""
        self.inbox = [o for o in self.inbox if o.id != d.id]
        rules, witness = self.world.rules, self.world.witness
        entry = self.tables[LEDGER].get(d.id)
        if entry is not None and entry.values["state"] == "APPLIED":
            return "ALREADY"
        if entry is not None and now < entry.values["next"] and rules.backoff:
            return "LATER"
        witness.Attempt(self, d)
        member = self.config.MemberOf(self.name, d.table)
        if d.operation.lower() not in member.Accepts():
            if rules.accepts:
                return self.Refuse(d, now, "not accepted here")
            witness.Fail(f"{Short(d)}: {self.name} does not accept that")
        table = self.tables[d.table]
        if d.operation == "INSERT":
            return self.ImportInsert(d, now, member, table)
        row = table.get(d.key)
        if row is None or rules.digest_lock and any(row.values.get(c) != v for c, v in d.locked.items()):
            return self.Conflict(d.table, d.key)
        witness.Overwrites(self, d, row)
        if d.operation == "DELETE":
            witness.ExchangeDeletes(self, d, row)
            self.Remove(d.table, d.key)
            self.ThenLedger(d, now)
            self.Cascade(d, now)
            return "APPLIED"
        if self.refuses and "city" in d.columns:
            return self.Refuse(d, now, "constraint")
        values, edits = dict(row.values), dict(row.edits)
        wrote = self.Write(d, values, edits, row.values, member, False)
        changed = frozenset(c for c in values if values[c] != row.values.get(c))
        if changed:
            self.Put(d.table, d.key, values, edits, row.born, changed)
        else:
            table[d.key] = Row(values, edits, row.born)
        self.ThenLedger(d, now, wrote=wrote)
        return "APPLIED"

    def ImportInsert(self, d, now, member, table):
        rules, witness = self.world.rules, self.world.witness
        entity = self.config.entities[member.entity]
        if rules.absence_lock:
            for other in self.config.members:
                if other.data_source == self.name and other.entity == entity.name:
                    for at, row in self.tables[other.table].items():
                        if MatchKeys(entity, {a: row.values.get(c) for a, c in other.columns.items()}) & d.match_keys:
                            return self.Conflict(other.table, at)
        if member.key == "database":
            key = self.NextKey(d.table)
        else:
            key = d.columns[member.columns[member.key]][0]
            if key in table:
                return self.Refuse(d, now, "key taken")
        if self.refuses and "city" in d.columns:
            return self.Refuse(d, now, "constraint")
        values, edits = {c: None for c in self.world.Columns(self.name, d.table)}, {}
        wrote = self.Write(d, values, edits, {}, member, True)
        born = self.world.NewBorn()
        witness.ExchangeInserts(self, d, born, values)
        self.Put(d.table, key, values, edits, born, "row")
        self.ThenLedger(d, now, wrote=wrote, key=key)
        return "APPLIED"

    def Conflict(self, table, key):
        """Whoever changed that row past the change log: the next push sends it."""
        if self.world.rules.conflict_noted:
            self.log[table].append((key, "row"))
        return "CONFLICT"

    def Cascade(self, d, now):
        """What the database removes with a row. In the product: member rows with change log entries of this very
        transaction, and those that its foreign keys reach."""
        parent, child = self.config.cascades.get(self.name, (None, None))
        if d.table == parent:
            for key in list(self.tables[child]):
                self.Remove(child, key)
                if self.world.rules.cascade_noted:
                    self.WriteLedger(dataclasses.replace(d, id=f"{d.id}/{child}/{key}", table=child, key=key), now)

    def Write(self, d, values, edits, before, member, new):
        """Columns as the database left them, read back in the same transaction: (version, wish, result)."""
        wrote = {}
        for column, (value, version) in d.columns.items():
            values[column], edits[column] = self.Format(column, value), d.edits.get(column)
            wrote[column] = (version, value)
        self.Triggered(values, new)
        for column in member.columns.values():
            if column in wrote:
                wrote[column] += (values[column],)
            elif values[column] != before.get(column) and self.world.rules.side_effects:
                wrote[column] = (None, None, values[column])
        return wrote

    def ThenLedger(self, d, now, **what):
        if self.world.rules.one_transaction:
            self.WriteLedger(d, now, **what)
        else:
            self.world.later.append((self, d, now, what))

    def Refuse(self, d, now, reason):
        old = self.tables[LEDGER].get(d.id)
        attempts = (old.values["attempts"] if old is not None else 0) + 1
        self.WriteLedger(d, now, state="REFUSED", reason=reason, attempts=attempts,
                         next=now + min(20 * 2 ** attempts, 2_000))
        return "REFUSED"


# --- An agent ------------------------------------------------------------------------------------------------


def AgentRun(world, name, half="run"):
    """`mirror-agent once`: push, fetch, import, push. `transport` is push and fetch, `import` is import and
    push. One run at a time, under the agent's lock."""
    source = world.sources[name]
    if half in ("run", "push", "transport"):
        cycle = yield from Push(world, source)
    if half in ("run", "transport"):
        for patience in range(3):
            answer = world.server.FetchDeliveries(name, cycle)
            if answer is not None:
                break
            yield "wait for the hub"
        if answer is None:
            return
        yield "fetched"
        source.Transport(*answer, world.now)
        yield "transported"
    if half in ("run", "import") and source.inbox:
        tried = half == "import"
        for delivery in list(source.inbox):
            result = source.Import(delivery, world.now)
            tried = tried or result not in ("ALREADY", "LATER")
            if result == "APPLIED" and not world.rules.one_transaction:
                yield "row written"
                world.FlushLedger()
            world.Note(f"    import {Short(delivery)}: {result}")
            yield "imported"
        if tried:  # else nothing of it is new to the mirror
            yield from Push(world, source)


def Push(world, source):
    """One cycle."""
    server, name = world.server, source.name
    if world.rules.inbox_until_push:
        source.inbox = []
    # What an earlier cycle may have begun has to be finished: only then, and with rows, anything is written here.
    moves = source.completing != source.completed
    cycle = server.Authenticate(name, source.completing, source.completed)
    yield "authenticated"
    tables = [LEDGER] + world.config.Tables(name)
    status = server.TableSchema(name, cycle, tables)
    yield "announced"
    reads = {}
    if world.rules.one_snapshot:
        for table in tables:
            reads[table] = ReadTable(world, source, table, *status[table])
    for table in tables:
        read = reads[table] if table in reads else ReadTable(world, source, table, *status[table])
        if read is None:
            continue
        reason, target, changes = read
        moves, source.completing = True, cycle  # in one transaction with the lineage record
        batches = [changes[i:i + 2] for i in range(0, len(changes), 2)] or [[]]
        for i, batch in enumerate(batches):
            yield "read"
            server.RowData(name, cycle, table, status[table][0].lsn, target, batch, first=i == 0,
                           last=i == len(batches) - 1, populate=reason)
    yield "sent"
    if moves:
        source.completing = cycle
    yield "completing"
    server.ReplicationCompleted(name, cycle, moves)
    yield "completed"
    if moves:
        source.completed = cycle
    return cycle


def ReadTable(world, source, table, position, pending):
    """None: nothing to send. Else why it is populated (None: it is not), the target, the changes."""
    reason = source.Decide(table, position, pending)
    if reason is None:
        if position.lsn == len(source.log[table]) and pending is None:
            return None
        return None, *source.NetChanges(table, position.lsn)
    world.Note(f"    {source.name}.{table} is populated: {reason}")
    return reason, *source.AllRows(table)


# --- A mirror file -------------------------------------------------------------------------------------------


class Mirror:
    """Mirror_<data source>.db."""

    def __init__(self, tables, world):
        self.world = world
        self.tables = {t: {} for t in tables}
        self.position = {t: NOTHING for t in tables}
        self.pending = {t: None for t in tables}
        self.shadow = {}
        self.cycle, self.active, self.completed_cycle = 0, False, 0
        self.data_cycle = 0  # the last completed cycle of which the source keeps a note
        self.completed_number = 0  # where the journal stood when that cycle was completed
        # The last cycle at whose begin the source knew of fewer completed cycles than this file, or of more.
        self.source_older, self.mirror_older = 0, 0
        self.journal = {}  # _mirror_journal: number -> (table, key, ended); key None: the table was populated
        self.number = 0
        self.salts = {}  # number -> random: of the entries, and of the last one that was trimmed (the floor)
        # _mirror_feed: the journal's own id, and number and token of what the hub has taken
        self.acked = (world.Fresh("j"), 0, None)

    def Backup(self):
        other = copy.copy(self)
        other.tables = {t: dict(r) for t, r in self.tables.items()}
        other.position, other.pending = dict(self.position), dict(self.pending)
        other.shadow, other.journal = {t: dict(r) for t, r in self.shadow.items()}, dict(self.journal)
        other.salts = dict(self.salts)
        return other

    def Journal(self, table, key, ended):
        """`ended`: the row under this key was deleted, whatever stands there now."""
        self.number += 1
        self.journal[self.number] = (table, key, ended)
        self.salts[self.number] = self.world.Fresh("s")

    def Acknowledge(self, acked):
        """One transaction behind the hub's."""
        if self.acked != acked:
            self.acked = acked
            self.journal = {n: e for n, e in self.journal.items() if n > acked[1]}
            self.salts = {n: s for n, s in self.salts.items() if n >= acked[1]}


class Look(NamedTuple):
    """What the hub sees of a mirror: a snapshot of when a cycle was completed."""

    tables: dict
    journal: dict
    salts: dict
    number: int
    acked: tuple
    completed_cycle: int
    source_older: int
    mirror_older: int


class Server:
    def __init__(self, world):
        self.world, self.config = world, world.config
        self.mirrors = {}
        self.hub = Hub(self.config)

    def MirrorOf(self, name):
        if name not in self.mirrors:
            self.mirrors[name] = Mirror([LEDGER] + self.config.Tables(name), self.world)
        return self.mirrors[name]

    def CompletedCycle(self, name):
        return self.MirrorOf(name).completed_cycle

    # The mirror protocol, as it is, in short.

    def Authenticate(self, name, completing, completed):
        mirror = self.MirrorOf(name)
        mirror.cycle = max(mirror.cycle + 1, self.world.now)
        if completing < mirror.data_cycle and self.world.rules.agreed_cycles:
            mirror.source_older = mirror.cycle
        if completed > mirror.completed_cycle and self.world.rules.agreed_cycles:
            mirror.mirror_older = mirror.cycle
        mirror.active = True
        mirror.shadow = {}
        return mirror.cycle

    def Fence(self, name, cycle):
        mirror = self.MirrorOf(name)
        if not mirror.active or mirror.cycle != cycle:
            raise Aborted("the cycle ended")
        return mirror

    def TableSchema(self, name, cycle, tables):
        mirror = self.Fence(name, cycle)
        return {t: (mirror.position[t], mirror.pending[t]) for t in tables}

    def RowData(self, name, cycle, table, base_lsn, target, batch, first, last, populate):
        """One transaction: rows, journal, position."""
        mirror = self.Fence(name, cycle)
        if mirror.position[table].lsn != (base_lsn if populate is None or first else -1):
            raise Aborted("base LSN")
        mirror.pending[table] = target
        if populate is not None:
            if first:
                mirror.shadow[table] = {}
                mirror.position[table] = NOTHING
            for _, key, row, _, _ in batch:
                mirror.shadow[table][key] = row
            if last:
                mirror.tables[table] = mirror.shadow.pop(table)
                mirror.Journal(table, None, False)
        else:
            rows = mirror.tables[table]
            for operation, key, row, columns, anew in batch:
                if operation == "DELETE":
                    rows.pop(key, None)
                    anew = True
                elif operation == "UPDATE" and key in rows:
                    old = rows[key]
                    rows[key] = Row({**old.values, **{c: row.values[c] for c in columns}},
                                    {**old.edits, **{c: row.edits.get(c) for c in columns}}, row.born)
                else:
                    rows[key] = row
                mirror.Journal(table, key, anew)
        if last:
            mirror.position[table], mirror.pending[table] = target, None

    def ReplicationCompleted(self, name, cycle, moves):
        mirror = self.Fence(name, cycle)
        if moves:
            mirror.data_cycle = cycle
        mirror.active, mirror.completed_cycle, mirror.completed_number = False, cycle, mirror.number
        self.world.witness.completed[name] = cycle

    # What is new.

    def Look(self, name):
        """None: the mirror is not as a completed cycle left it."""
        mirror = self.MirrorOf(name)
        whole = (mirror.completed_cycle > 0 and mirror.number == mirror.completed_number and
                 all(p.lsn >= 0 for p in mirror.position.values()) and
                 all(p is None for p in mirror.pending.values()))
        if not whole and (self.world.rules.completed_only or mirror.completed_cycle == 0):
            return None
        return Look({t: dict(r) for t, r in mirror.tables.items()}, dict(mirror.journal), dict(mirror.salts),
                    mirror.number, mirror.acked, mirror.completed_cycle, mirror.source_older,
                    mirror.mirror_older)

    def FetchDeliveries(self, name, cycle):
        """Reads only. None: not now, and the product says why."""
        mirror, hub, rules = self.MirrorOf(name), self.hub, self.world.rules
        if mirror.active or mirror.completed_cycle != cycle:
            raise Aborted("the cycle is not the last completed one")
        feed, suspended = hub.feeds[name], {s for s, f in hub.feeds.items() if f.suspended is not None}
        if name in suspended or suspended and rules.all_wait and not rules.others_go_on:
            return None
        if rules.derived_first and feed.cycle != cycle:
            return None
        if rules.all_read and any(f.cycle == 0 for f in hub.feeds.values()):
            return None
        answer = []
        for d in hub.deliveries.values():
            if d.data_source != name or d.state != "OPEN" or rules.complete and not hub.Complete(self.config, d):
                continue
            if suspended and rules.all_wait and (
                    d.operation != "UPDATE" or suspended & hub.golden[d.golden].had or
                    any(r[0] in suspended for r in hub.RowsOf(d.golden))):
                continue
            answer.append(copy.copy(d))
        # Parents first, then the oldest; what was refused behind all others, the one that is due first before.
        ranks, ledger = list(self.config.entities), mirror.tables[LEDGER]

        def Turn(d):
            refused = ledger.get(d.id)
            rank = ranks.index(self.config.MemberOf(d.data_source, d.table).entity)
            return (refused.values["next"] if refused is not None else -1,
                    ("INSERT", "UPDATE", "DELETE").index(d.operation),
                    -rank if d.operation == "DELETE" else rank, d.number)

        answer.sort(key=Turn)
        whole = len(answer) <= self.config.limit and not suspended
        for d in answer[:self.config.limit]:
            self.world.witness.HandedOut(d)
        return answer[:self.config.limit], whole


# --- The hub file --------------------------------------------------------------------------------------------


class Attribute(NamedTuple):
    """What a member row says of an attribute. A row of golden_<entity>_value."""

    value: Any  # what stands there
    word: Any = None  # what it says: `value`, or the golden value of which the system made `value`
    ms: Optional[int] = None  # when it was said; None: it says nothing
    own: bool = False  # a user or program of that system said it; False: the exchange wrote it
    edit: Optional[int] = None  # witness


@dataclass
class MemberRow:
    """A row of golden_<entity>_member."""

    golden: Optional[str]
    attributes: dict
    touched: int = 0  # hub time of its last news
    doomed: bool = False  # deleted elsewhere, and no news of its own since
    joined_by: str = ""
    former: list = field(default_factory=list)  # match keys that it had before: for a source that is restored
    unsure: bool = False  # a comparison found it unlike any former: it may be another one
    born: int = 0  # witness

    def Values(self):
        return {a: v.value for a, v in self.attributes.items()}


class Given(NamedTuple):
    value: Any
    ms: int
    giver: tuple  # ref of the row that gives it
    edit: Optional[int] = None  # witness


@dataclass
class Golden:
    id: str
    entity: str
    number: int  # the lower, the older
    values: dict = field(default_factory=dict)  # attribute -> Given
    had: set = field(default_factory=set)  # data sources that have or had a row of it: inserted there no more
    keys: set = field(default_factory=set)  # without rows: match keys by which they were found
    # attribute -> [(when, kind, value)]: "replaced" by the exchange, "said" in the place of what it wrote, or the same
    # and come "back"; "undone": (version, kind, None), see FreezeUndone
    turns: dict = field(default_factory=dict)
    frozen: set = field(default_factory=set)


@dataclass
class Feed:
    """A row of _hub_feeds: how far a member was read."""

    journal_id: str = ""
    number: int = 0
    token: Optional[str] = None
    salt: Optional[str] = None  # of the entry of that number, which was read
    before: Optional[tuple] = None  # what the member had acknowledged before the last commit
    cycle: int = 0  # completed cycle that was read; 0: none yet
    at: int = 0  # hub time at which it was
    ledger_number: int = 0
    source_older: int = 0
    mirror_older: int = 0
    suspended: Optional[int] = None  # when; an operator resumes it once a cycle that began later is completed
    own_restore: bool = False  # it is the source that was restored: the operator says --take

    def Acked(self):
        return (self.journal_id, self.number, self.token)


class Hub:
    """Mirror_<storage>.hub.db."""

    def __init__(self, config):
        self.rows = {}  # (data source, table, key) -> MemberRow
        self.golden = {}  # id -> Golden
        self.alias = {}  # id of a merged record -> the one it is in
        self.issued = {}  # id of an INSERT -> id of the record that it is for
        self.feeds = {name: Feed() for name in config.sources}
        self.deliveries = {}
        self.created = self.next_id = 0
        self.time = 0  # as the clock, but it never goes back
        self.hold = False  # made after another was lost: what it derives waits for an operator

    def Alive(self, golden_id):
        while golden_id in self.alias:
            golden_id = self.alias[golden_id]
        return golden_id if golden_id in self.golden else None

    def RowsOf(self, golden_id):
        return [r for r, row in self.rows.items() if row.golden == golden_id]

    def Complete(self, config, d):
        entity = config.entities[config.MemberOf(d.data_source, d.table).entity]
        return all(self.feeds[s].at >= d.needs for s in entity.complete)


class Derivation:
    """What one derivation needs to know and does not keep."""

    def __init__(self):
        self.read = set()  # refs
        self.fresh = set()  # refs of rows with news, or that somebody made
        # (ref, column) and (ref, attribute): the database changed again, beside another delivery, what was delivered
        self.undone_columns, self.undone = set(), set()
        self.applied = set()  # (ref, id of a delivery): the source applied it since the last reading
        self.departed = []  # (id of a record, data source): a user deleted a row of it there
        self.identity_changed = set()  # refs: by its own news
        self.origin = {}  # ref -> id of the record that the exchange made it for
        self.resumed = set()  # refs of rows first seen at a resume
        self.first = set()  # refs of rows that a member's first reading found
        self.lost = defaultdict(set)  # id of a record -> match keys of rows that are gone
        self.spared = set()  # ids of records that are not deleted after all
        self.founded = {}  # ref -> id of the record that it founded
        self.made_once = set()  # ids of records of which a row was made and went before it was read
        self.given_back = {}  # (id of a record, data source): whether rows that a restore lost are inserted again


def HubRun(world, modes={}):
    """Looks at all members, derives in one transaction of the hub file, then acknowledges. `modes`: of members
    that are resumed by this run, what counts: theirs | ours | newest | as_is."""
    looks, known = {}, {n: (f.Acked(), f.cycle) for n, f in world.server.hub.feeds.items()}
    for name in world.config.sources:
        looks[name] = world.server.Look(name)
        yield "looked"
    if not world.rules.acknowledge_last:
        for name, look in looks.items():
            if look is not None and world.server.hub.feeds[name].cycle:
                world.server.MirrorOf(name).journal.clear()
                yield "trimmed"
    hub = world.server.hub
    if world.rules.look_again and known != {n: (f.Acked(), f.cycle) for n, f in hub.feeds.items()}:
        yield "looks again"
        yield from HubRun(world, modes)
        return
    read = Derive(world, hub, looks, modes)
    world.witness.Derived(hub)
    yield "derived"
    for name in read:
        mirror = world.server.MirrorOf(name)
        # Only the file that was looked at: another one may stand there by now.
        if mirror.acked == looks[name].acked and mirror.number >= looks[name].number:
            mirror.Acknowledge(hub.feeds[name].Acked())
        yield "acknowledged"


def Derive(world, hub, looks, modes):
    """One transaction of the hub file."""
    looks = {name: look for name, look in looks.items() if look is not None}
    hub.time = max(hub.time + 1, world.now)
    for name, look in looks.items():
        Distrust(world, hub, name, look)
    work, local = Derivation(), Local(world, hub)
    read = [name for name, look in looks.items() if ReadMember(world, hub, name, look, modes.get(name), work)]
    for entity in world.config.entities.values():
        match_plan(world, hub, entity, work)
        golden_plan(world, hub, entity)
    FreezeUndone(world, hub, work)
    delivery_plan(world, hub, work)
    local.Check(work, Local(world, hub))
    world.tracer.Derived(world, hub, looks, modes, work)
    return read


class Local:
    """What a derivation may change: records of rows that were read, records that they were made for or left, and
    records that have a key, of a row or by their own values, which such a row gained or lost; and, since a merge
    may wait for a row to leave, the records that share a key with these, and so on. The product plans these alone."""

    def __init__(self, world, hub):
        self.hub, self.of, self.keys, self.says = hub, {}, {}, {}
        if not world.local:
            return
        deliveries = defaultdict(list)
        for d in hub.deliveries.values():
            deliveries[d.golden].append(d.Content())
        for r, row in hub.rows.items():
            entity = world.config.entities[world.config.MemberOf(r[0], r[1]).entity]
            self.of[r], self.keys[r] = row.golden, MatchKeys(entity, row.Values())
        for g in hub.golden.values():
            rows, values = hub.RowsOf(g.id), {a: v.value for a, v in g.values.items()}
            state = (sorted((repr(r), hub.rows[r].doomed) for r in rows), repr(sorted(g.values.items())),
                     sorted(g.had), sorted(map(repr, deliveries[g.id])))
            self.says[g.id] = state, MatchKeys(world.config.entities[g.entity], values).union(
                g.keys, *(self.keys[r] for r in rows))

    def Check(self, work, after):
        touched = set(work.origin.values()) | work.spared | work.made_once
        touched |= {self.hub.Alive(g) for g, _ in work.departed}
        touched |= {at.of.get(r) for at in (self, after) for r in work.read}
        keys = set().union(*(self.keys.get(r, set()) ^ after.keys.get(r, set()) for r in work.read))
        keys_of = {g: self.says.get(g, (None, set()))[1] | after.says.get(g, (None, set()))[1]
                   for g in set(self.says) | set(after.says)}
        near, more = set(), {g for g, k in keys_of.items() if g in touched or keys & k}
        while more:
            near |= more
            reach = set().union(*(keys_of[g] for g in more))
            more = {g for g, k in keys_of.items() if g not in near and k & reach}
        for g in keys_of:
            was, now = self.says.get(g, (None,))[0], after.says.get(g, (None,))[0]
            if was != now and g not in near:
                raise Violation(f"{g} changed though none of its rows was read: {was} {now}")


# --- Reading a member ----------------------------------------------------------------------------------------


def Distrust(world, hub, name, look):
    """Suspends a member whose source was restored, and all of them when a mirror or this file was."""
    feed, rules = hub.feeds[name], world.rules
    if feed.cycle == 0:
        other_life = look.acked[2] is not None  # a hub was here before
        hub.hold = hub.hold or other_life
    else:
        # A kill between the hub's commit and the acknowledgement leaves what was acknowledged before.
        other_life = not (look.acked == feed.Acked() or rules.one_before and
                          look.acked == feed.before and look.completed_cycle >= feed.cycle)
        # A file that was put back to what it was before that commit, and has grown since, looks the same but for
        # the entries that were read then.
        other_life = other_life or rules.salt and look.salts.get(feed.number) != feed.salt
    other_life = other_life and rules.anchors and feed.suspended is None
    if other_life or look.mirror_older > feed.mirror_older:
        for other in world.config.sources:
            Suspend(world, hub, other)
    if look.source_older > feed.source_older:
        Suspend(world, hub, name)
        feed.own_restore = True
        world.witness.undone.update((born, world.now) for born in world.witness.back.get(name, ()))
    feed.source_older, feed.mirror_older = look.source_older, look.mirror_older


def Suspend(world, hub, name):
    if not world.witness.faults:
        world.witness.Fail(f"{name} was suspended though nothing was restored")
    hub.feeds[name].suspended = max(world.now, world.server.MirrorOf(name).cycle)


def ReadMember(world, hub, name, look, mode, work):
    """True: it was read."""
    rules, config, feed = world.rules, world.config, hub.feeds[name]
    first = feed.cycle == 0
    if feed.suspended is None:
        mode = None
    elif mode is None or look.completed_cycle <= feed.suspended:
        return False
    else:
        if feed.own_restore and rules.undeleted:  # the restore may have taken back the wish: off everywhere
            for r, row in hub.rows.items():
                if row.doomed and name in hub.golden[row.golden].had:
                    row.doomed = False
                    work.spared.add(row.golden)
        feed.suspended, feed.own_restore = None, False
        world.witness.Resumed(name, mode)
    # Which keys.
    news = [e for n, e in look.journal.items() if n > feed.number or mode is not None]
    compare = first or mode is not None or any(key is None for _, key, _ in news)
    anew = {(table, key) for table, key, ended in news if ended and mode is None}
    refs = {(table, key) for table, key, _ in news if table != LEDGER and key is not None}
    if compare:
        refs |= {(table, key) for table in config.Tables(name) for key in look.tables[table]}
        refs |= {(t, k) for s, t, k in hub.rows if s == name}
    # What the exchange did since.
    wrote, removed, made = {}, set(), {}
    for id, row in sorted(look.tables[LEDGER].items(), key=lambda item: item[1].values["n"]):
        v = row.values
        if v["state"] != "APPLIED" or v["n"] <= feed.ledger_number and mode is None:
            continue
        ref = (v["table"], v["key"])
        refs.add(ref)
        known = id in hub.deliveries
        if v["operation"] == "DELETE":
            removed.add(ref)
            if ref in made and rules.each_made:  # the exchange took away what it had made: nobody's wish
                MadeAndGone(world, hub, work, name, made.pop(ref), False)
                wrote.pop(ref)
        elif v["operation"] == "INSERT":
            if ref in made and rules.each_made:  # a user deleted that one, and its key came again
                MadeAndGone(world, hub, work, name, made[ref], mode is None or not rules.no_wish)
            made[ref], wrote[ref] = id, dict(v["wrote"])
        elif rules.ledger_tells or known:
            for column, (version, _, _) in v["wrote"].items():
                if version is None and wrote.get(ref, {}).get(column, (None,))[0] is not None:
                    work.undone_columns.add((ref, column))
            wrote.setdefault(ref, {}).update(v["wrote"])
            work.applied.add((ref, id))
    for table, key in sorted(refs, key=lambda ref: InOrder(config, (name, *ref))):
        ReadRow(world, hub, look, work, (name, table, key), mode, first, compare, (table, key) in anew,
                wrote.get((table, key), {}), (table, key) in removed, made.get((table, key)))
    if feed.cycle != look.completed_cycle:
        feed.at = hub.time if rules.hub_time else look.completed_cycle
    feed.cycle = look.completed_cycle
    feed.ledger_number = max([r.values["n"] for r in look.tables[LEDGER].values()] +
                             [feed.ledger_number if mode is None else 0])
    if compare or look.number != feed.number:
        feed.before = look.acked
        feed.journal_id, feed.number, feed.token = look.acked[0], look.number, world.Fresh("k")
        feed.salt = look.salts.get(look.number)
    return True


def MadeAndGone(world, hub, work, name, id, wish):
    """What an INSERT made was deleted before it was ever read: it is not made again. `wish`: a user did it."""
    golden_id = hub.Alive(hub.issued.get(id)) if world.rules.origin else None
    if golden_id is not None:
        hub.golden[golden_id].had.add(name)
        work.made_once.add(golden_id)
        if wish:
            work.departed.append((golden_id, name))


def ReadRow(world, hub, look, work, ref, mode, first, compare, anew, wrote, removed, made):
    """What one row says now, against what it said."""
    work.read.add(ref)
    rules, config = world.rules, world.config
    name, table, key = ref
    member = config.MemberOf(name, table)
    entity = config.entities[member.entity]
    cycle = hub.time if rules.hub_time else look.completed_cycle
    row, old = look.tables[table].get(key), hub.rows.get(ref)
    wish = mode is None or not rules.no_wish
    now = set() if row is None else MatchKeys(entity, {a: row.values.get(c) for a, c in member.columns.items()})
    if mode is not None and old is not None:
        if made is not None and rules.each_made:  # where it is not, its row went, too
            MadeAndGone(world, hub, work, name, made, False)
        made = None  # an entry of the life before: known
    if made is not None:
        golden_id = hub.Alive(hub.issued.get(made)) if rules.origin else None
        took = MatchKeys(entity, {a: wrote.get(c, (None, None, None))[2] for a, c in member.columns.items()})
        as_made = took & now or not took and row is not None and all(row.values[c] == w[2] for c, w in wrote.items())
        # A source forgets what it wrote into a row that is gone: another one stands there then.
        if row is not None and wrote and (not anew and mode is None or as_made):
            work.origin[ref] = golden_id
        else:
            wrote = {}  # made by the exchange and deleted before it was ever seen
            MadeAndGone(world, hub, work, name, made, wish and (row is None or took))
    if row is None:
        if old is not None:
            Leave(world, hub, work, ref, wish and not removed, mode in ("ours", "newest"))
        return
    if old is not None:
        was = MatchKeys(entity, old.Values())
        same = was & now or mode is not None and any(
            now & f or now == f for f in (old.former if rules.former else []) + [was])
        if made is not None or (anew or removed or mode is not None) and not same and rules.made_anew:
            # Where nobody can tell, nothing is deleted elsewhere for it.
            Leave(world, hub, work, ref, wish and not removed and (was or now), None)
            old = None
            if made is None:
                wrote = {}
    unseen = old is None
    if unseen:
        old = hub.rows[ref] = MemberRow(None, {}, cycle, born=row.born)
        work.identity_changed.add(ref)
        if ref not in work.origin:
            work.fresh.add(ref)
            if first:
                work.first.add(ref)
        if mode == "theirs":
            world.witness.Moves(row.born)
        elif mode is not None:
            work.resumed.add(ref)
    else:
        world.witness.StaysTheSame(hub, entity, ref, old, row, now, compare)
        old.born = row.born
        if mode is not None:
            old.doomed = False
        if was != now:
            old.former = (old.former + [was])[-8:]
        if compare and mode is None and was and now and not any(now & f for f in old.former + [was]):
            old.unsure = True  # event golden.unsure
        if anew:
            work.fresh.add(ref)  # somebody wants it to be there
    claimed = row.values.get(entity.changed) if entity.changed else None
    stamp = min(claimed, world.now) if claimed is not None and (
        unseen or claimed != old.attributes["#changed"].value) else None
    for attribute, column in member.columns.items():
        before, value = old.attributes.get(attribute), row.values.get(column)
        edit = world.witness.Said(row.edits.get(column), unseen)
        version, asked, result = wrote.get(column, (None, None, None))
        if column in wrote and version is None and value == result:
            # The database itself did that: nobody said it, and it is as old as what it replaced.
            was_delivered = before is not None and before.value != value and not before.own and before.ms is not None
            if was_delivered or (ref, column) in work.undone_columns:
                work.undone.add((ref, attribute))
            new = Attribute(value, value, before.ms if before else None, False, edit)
        elif column in wrote and value == (result if rules.took else asked):
            if before is not None and before.value != value:
                Replaced(world, hub, old, attribute, before.value)
            new = Attribute(value, asked, version, not rules.own, edit)
        elif column not in wrote and before is not None and value == before.value:
            new = before
        elif not unseen and (mode == "ours" or mode == "newest" and (stamp or 0) <= (before.ms or 0)):
            new = Attribute(value, edit=edit)  # as old as the backup: nobody says it
        elif before is None and not unseen and column not in wrote and rules.mapped_later:
            new = Attribute(value, value, None if value is None else 0, value is not None, edit)
        elif unseen and column not in wrote and value is None and rules.silent_null:
            new = Attribute(value, edit=edit)
        elif unseen and column not in wrote:
            new = Attribute(value, value, (stamp or 0) if first else stamp or cycle, True, edit)
        else:
            base = max((ms for ms in (version, before.ms if before else None) if ms is not None), default=-1)
            ms = stamp or cycle
            if rules.later_than_seen:
                ms = max(ms, base + 1)
            new = Attribute(value, value, ms if value is not None or rules.clearing else None, True, edit)
            world.witness.echoes.discard(edit)  # it was seen
            work.fresh.add(ref)
            if column in wrote or before is not None and not before.own:
                if column in wrote and before is not None:
                    Replaced(world, hub, old, attribute, before.value)
                TakenBack(world, hub, old, attribute, value)
            if any(attribute in rule for rule in entity.match):
                work.identity_changed.add(ref)
        old.attributes[attribute] = new
    old.attributes["#changed"] = Attribute(claimed)
    if ref in work.fresh:
        old.touched = cycle
        old.doomed = old.doomed and not rules.edited_since


TURNS_MAX, UNDONE_MAX = 64, 3


def RecentTurns(world, golden, attribute):
    golden.turns[attribute] = [turn for turn in golden.turns.get(attribute, [])
                               if turn[1] == "undone" or world.now - turn[0] < world.config.freeze_window]
    return golden.turns[attribute]


def Replaced(world, hub, row, attribute, value):
    """The exchange wrote over this value: a fight, when it comes back."""
    golden = hub.golden.get(row.golden)
    if golden is None:
        return
    turns = RecentTurns(world, golden, attribute)
    turns[:] = [turn for turn in turns if turn[1:] != ("replaced", value)]
    replaced = [turn for turn in turns if turn[1] == "replaced"]
    if len(replaced) >= TURNS_MAX:
        turns.remove(replaced[0])
    turns.append((world.now, "replaced", value))


def TakenBack(world, hub, row, attribute, value):
    """A system changed what the exchange had written there. New values are people at work; the same ones again and
    again are a program."""
    golden, config = hub.golden.get(row.golden), world.config
    if golden is None:
        return
    turns = RecentTurns(world, golden, attribute)
    came_back = any(turn[1] != "undone" and turn[2] == value for turn in turns)
    turns.append((world.now, "back" if came_back else "said", value))
    back, said = (sum(turn[1] == kind for turn in turns) for kind in ("back", "said"))
    if world.rules.freeze and (back >= config.freeze_after or back + said >= TURNS_MAX):
        golden.frozen.add(attribute)  # event golden.pingpong
        world.Note(f"    {golden.id}.{attribute} is frozen")


def FreezeUndone(world, hub, work):
    """A database undoes again and again, beside other deliveries, what was delivered."""
    for ref, attribute in sorted(work.undone):
        row = hub.rows.get(ref)
        if row is None:
            continue
        golden = hub.golden[row.golden]
        entity, given, here = world.config.entities[golden.entity], golden.values.get(attribute), row.attributes[attribute]
        if attribute not in entity.attributes or given is None or here.value == given.value or (
                here.word == given.value and here.ms is not None):
            continue
        turns = [turn for turn in golden.turns.get(attribute, []) if turn[1] != "undone" or turn[0] == given.ms]
        golden.turns[attribute] = turns + [(given.ms, "undone", None)]
        if world.rules.freeze and sum(turn[1] == "undone" for turn in golden.turns[attribute]) >= UNDONE_MAX:
            golden.frozen.add(attribute)  # event golden.pingpong
            world.Note(f"    {golden.id}.{attribute} is frozen")


def Leave(world, hub, work, ref, wish, give_back):
    """A row is not there any more. `give_back`: lost by a restore; None: another stands there, who can tell."""
    row = hub.rows.pop(ref)
    golden = hub.golden[row.golden]
    work.lost[golden.id] |= MatchKeys(world.config.entities[golden.entity], row.Values())
    golden.turns.clear()
    if wish or not world.rules.own_deletes:
        work.departed.append((golden.id, ref[0]))
    if give_back is None and not world.rules.in_doubt:
        give_back = True
    work.given_back[(golden.id, ref[0])] = bool(give_back) and work.given_back.get((golden.id, ref[0]), True)


# --- Which rows are one --------------------------------------------------------------------------------------


def Sticky(entity):
    """Whether there is a rule whose attributes the exchange carries from one row to the others."""
    return any(all(a in entity.attributes for a in rule) for rule in entity.match)


def Remembered(entity, golden, work):
    """What the rows of a record were found by, if it has none any more."""
    lost = work.lost.get(golden.id, set())
    return golden.keys | (lost | MatchKeys(entity, {a: v.value for a, v in golden.values.items()}) if lost else set())


def match_plan(world, hub, entity, work):
    rules, config = world.rules, world.config
    tables = {(m.data_source, m.table) for m in config.members if m.entity == entity.name}
    refs = sorted((r for r in hub.rows if r[:2] in tables), key=lambda r: InOrder(config, r))
    keys = {r: MatchKeys(entity, hub.rows[r].Values()) for r in refs}
    found_by, mates_of = defaultdict(list), defaultdict(list)
    for r in refs:
        for k in keys[r]:
            found_by[k].append(r)
        mates_of[hub.rows[r].golden].append(r)
    # 1. Who leaves: by its own news alone.
    leaving = []
    for r in refs:
        row = hub.rows[r]
        if row.golden is None or r not in work.identity_changed:
            continue
        mates = [m for m in mates_of[row.golden] if m != r]
        if any(keys[r] & keys[m] for m in mates):
            continue
        elsewhere = any(hub.rows[o].golden not in (None, row.golden) for k in keys[r] for o in found_by[k])
        if mates and not (rules.sticky and Sticky(entity)) or elsewhere and rules.moves:
            leaving.append(r)
            if elsewhere or not Sticky(entity):
                world.witness.Moves(row.born)
    for r in leaving:
        hub.rows[r].golden, hub.rows[r].joined_by = None, ""
    # 2. Who joins.
    for r in refs:
        row = hub.rows[r]
        if row.golden is not None:
            continue
        origin = work.origin.get(r)
        found = [hub.Alive(origin)] if origin is not None else []
        row.joined_by = "origin" if found else ""
        for k in sorted(keys[r], key=KeyOrder):
            for o in found_by[k]:
                if hub.rows[o].golden is not None:
                    found.append(hub.rows[o].golden)
                    row.joined_by = row.joined_by or "+".join(entity.match[k[1]])
        if not found and r in work.first and rules.gone_known:
            gone = [g for g in hub.golden.values() if g.entity == entity.name and not hub.RowsOf(g.id) and
                    keys[r] & Remembered(entity, g, work)]
            if gone:
                found = [min(gone, key=lambda g: g.number).id]
                known = keys[r] & Remembered(entity, hub.golden[found[0]], work)
                row.joined_by = "+".join(entity.match[min(known, key=KeyOrder)[1]])
        if not found:
            hub.created += 1
            golden = Golden(world.Fresh("g"), entity.name, hub.created)
            hub.golden[golden.id] = golden
            work.founded[r] = golden.id
            found, row.joined_by = [golden.id], "first"
            if r in work.resumed and rules.not_spread:
                golden.had = set(config.sources)
        # Its origin's record, lest a value that the database made draws it away; else the oldest.
        row.golden = min(found[:1] if origin is not None and rules.apart else found,
                         key=lambda g: hub.golden[g].number)
        for g in found:
            pair = sorted({row.golden, hub.Alive(g)}, key=lambda g: hub.golden[g].number)
            Merge(rules, hub, pair[0], pair[-1])
        if origin is None:
            for o in hub.RowsOf(row.golden):
                hub.rows[o].doomed = False  # somebody made it again
    # 3. Records that share a key are one.
    for k in sorted(found_by, key=KeyOrder):
        ids = sorted({hub.rows[r].golden for r in found_by[k]}, key=lambda g: hub.golden[g].number)
        for g in ids[1:]:
            Merge(rules, hub, ids[0], g)
    # 4. Who had it, and who asked to delete it.
    for (golden_id, name), yes in work.given_back.items():
        golden = hub.golden.get(hub.Alive(golden_id))
        if yes and golden is not None and golden.entity == entity.name:
            golden.had.discard(name)
    for r in refs:
        hub.golden[hub.rows[r].golden].had.add(r[0])
    for golden_id, name in work.departed:
        golden = hub.golden.get(hub.Alive(golden_id))
        if golden is None or golden.entity != entity.name:
            continue
        rows = hub.RowsOf(golden.id)
        if rules.last_row and any(r[0] == name for r in rows):
            continue
        for r in rows:
            if r[0] != name and (r not in work.fresh or not rules.edited_since):
                hub.rows[r].doomed = True
    for golden in hub.golden.values():
        if golden.entity == entity.name:
            golden.keys = set() if hub.RowsOf(golden.id) else Remembered(entity, golden, work)
    if not rules.dead_stay:
        alive = {row.golden for row in hub.rows.values()}
        for id in [g.id for g in hub.golden.values() if g.entity == entity.name and g.id not in alive]:
            del hub.golden[id]


def Merge(rules, hub, into, other):
    """Not where a system has rows of both: there an operator decides."""
    if other == into or other not in hub.golden:
        return
    if rules.apart and {r[0] for r in hub.RowsOf(into)} & {r[0] for r in hub.RowsOf(other)}:
        return
    golden, gone = hub.golden[into], hub.golden.pop(other)
    hub.alias[other] = into
    for row in hub.rows.values():
        if row.golden == other:
            row.golden = into
    golden.had |= gone.had
    golden.frozen |= gone.frozen


# --- What a record says --------------------------------------------------------------------------------------


def Pick(rule, said):
    """`said`: [(ref, Attribute)], in the order of members. None: nobody says anything."""
    said = [(ref, a) for ref, a in said if a.ms is not None]
    if not said:
        return None
    pool = [(ref, a) for ref, a in said if a.own and a.word is not None]
    if pool and isinstance(rule, (list, tuple)):
        return min(pool, key=lambda p: rule.index(p[0][0]) if p[0][0] in rule else len(rule))
    if pool and rule == "longest":
        return max(pool, key=lambda p: len(str(p[1].word)))
    if pool and rule == "most":
        counts = defaultdict(int)
        for _, a in pool:
            counts[a.word] += 1
        return max(pool, key=lambda p: counts[p[1].word])
    if rule == "first":
        return next(((ref, a) for ref, a in said if a.word is not None), said[0])
    latest = max((a.ms, a.own) for _, a in said)
    return next((ref, a) for ref, a in said if (a.ms, a.own) == latest)


def golden_plan(world, hub, entity):
    config = world.config
    attributes = sorted({a for m in config.members if m.entity == entity.name for a in m.columns})
    members = defaultdict(list)
    for ref in sorted(hub.rows, key=lambda r: InOrder(config, r)):
        members[hub.rows[ref].golden].append(ref)
    for golden in hub.golden.values():
        if golden.entity == entity.name:
            golden.values = {}
            for a in attributes:
                picked = Pick(entity.attributes.get(a, "first"), [
                    (r, hub.rows[r].attributes[a]) for r in members[golden.id] if a in hub.rows[r].attributes])
                if picked is not None:
                    golden.values[a] = Given(picked[1].word, picked[1].ms, picked[0], picked[1].edit)


# --- What has to be written ----------------------------------------------------------------------------------


def delivery_plan(world, hub, work):
    """All that golden records and member rows differ in. What stands already keeps its id."""
    config, rules = world.config, world.rules
    wanted, members, found_by = [], defaultdict(list), defaultdict(set)
    for ref in sorted(hub.rows, key=lambda r: InOrder(config, r)):
        members[hub.rows[ref].golden].append(ref)
        for k in MatchKeys(config.entities[config.MemberOf(*ref[:2]).entity], hub.rows[ref].Values()):
            found_by[k].add(hub.rows[ref].golden)
    for golden in hub.golden.values():
        entity, refs = config.entities[golden.entity], members[golden.id]
        if not refs:
            continue
        who = dict(golden=golden.id, needs=max(hub.rows[r].touched for r in refs),
                   borns=tuple(hub.rows[r].born for r in refs))
        dying = entity.deletes == "any" and any(hub.rows[r].doomed for r in refs)
        for r in refs:
            row, member = hub.rows[r], config.MemberOf(r[0], r[1])
            there = dict(who, data_source=r[0], table=r[1], key=r[2],
                         locked={c: row.attributes[a].value for a, c in member.columns.items() if a in row.attributes})
            if entity.deletes == "any" and row.doomed and "delete" in member.write:
                wanted.append(Delivery(id="", operation="DELETE", columns={}, **there))
                continue
            if "update" not in member.write:
                continue
            columns, edits = {}, {}
            for a, c in member.columns.items():
                given, here = golden.values.get(a), row.attributes.get(a)
                if a not in entity.attributes or given is None or here is None or a == member.key or a in golden.frozen:
                    continue
                if here.value == given.value or here.word == given.value and here.ms is not None:
                    continue
                columns[c], edits[c] = (given.value, given.ms), given.edit
            if columns:
                wanted.append(Delivery(id="", operation="UPDATE", columns=columns, edits=edits, **there))
        says = MatchKeys(entity, {a: g.value for a, g in golden.values.items()})
        match_keys = says.union(*(MatchKeys(entity, hub.rows[r].Values()) for r in refs))
        for member in config.members:
            s = member.data_source
            if member.entity != entity.name or "insert" not in member.write or dying and rules.no_insert_of_doomed:
                continue
            if any(r[0] == s for r in refs) or s in golden.had and rules.had or not says and rules.identified:
                continue
            if rules.apart and any(found_by[k] - {golden.id} for k in match_keys):
                continue  # the two will be one, or an operator says what they are
            columns = {c: (golden.values[a].value, golden.values[a].ms) for a, c in member.columns.items()
                       if a in golden.values and golden.values[a].value is not None}
            if member.key != "database" and member.columns[member.key] not in columns:
                continue
            wanted.append(Delivery(
                id="", data_source=s, table=member.table, operation="INSERT", key=None, columns=columns, locked={},
                match_keys=frozenset(match_keys),
                edits={c: golden.values[a].edit for a, c in member.columns.items() if a in golden.values}, **who))
    open_now = {d.Content(): d for d in hub.deliveries.values()}
    planned, new = {}, defaultdict(list)
    for d in wanted:
        before = open_now.get(d.Content())
        # One that was applied, and whose row is as it was before: its source would not apply that id again.
        if before is not None and ((d.data_source, d.table, d.key), before.id) not in work.applied:
            d.id, d.state, d.number = before.id, before.state, before.number
        else:
            hub.next_id += 1
            d.number = hub.next_id
            unsure = any(hub.rows[r].unsure for r in members[d.golden])
            if hub.hold and rules.lost_held or unsure and rules.compared:
                d.state = "HELD"
            d.id = world.Fresh("d") if rules.random_ids else f"d{hub.next_id}"
            if d.operation == "INSERT":
                hub.issued[d.id] = d.golden
            new[d.data_source].append(d)
        planned[d.id] = d
    # The breaker: so many at once wait for an operator.
    for s, fresh in new.items():
        rows = sum(1 for r in hub.rows if r[0] == s)
        writes = [d for d in planned.values() if d.data_source == s and d.operation != "INSERT"]
        inserts = [d for d in planned.values() if d.data_source == s and d.operation == "INSERT"]
        for kind, limit in ((writes, rows * config.rows_percent / 100), (inserts, max(rows, 1))):
            if config.rows_percent and rows >= 3 and len(kind) > limit:
                for d in kind:
                    if d in fresh:
                        d.state = "HELD"
    hub.deliveries = planned


def Short(d):
    columns = ", ".join(f"{c}={v[0]!r}" for c, v in d.columns.items())
    return f"{d.id} {d.operation} {d.data_source}.{d.table}/{d.key} of {d.golden} ({columns})"


# --- The observer --------------------------------------------------------------------------------------------


class Witness:
    """Knows what really happened, and says when a promise is broken."""

    def __init__(self, world):
        self.world = world
        self.edits = {}  # edit -> (born, column, value, parent)
        self.linked = {}  # pairs of rows that were ever members of one record -> since when
        self.reborn = set()  # born: made anew by a user, with the same identity
        self.ever_linked, self.ever_deleted = set(), set()  # the same, whatever was forgotten since
        self.user_deleted = set()  # born
        self.again = {}  # edit of a row that was made anew -> the one of the row before that said the same
        self.echoes = set()  # edits to the very value that the exchange wrote there last, not seen as one
        self.back, self.undone = {}, {}  # deletions that a restore took back; and since when the hub knows
        self.renamed = set()  # (data source, born): found by other values since a restore
        self.last_keys = {}  # ref -> what the row that was deleted there last was found by
        self.refused_again = set()  # (data source, born): the counterpart of that row was deleted there
        self.made_for = {}  # born -> borns that it was made for
        self.home = {}  # born -> data source
        self.made_golden = {}  # born -> id of the record it was made for
        self.attempts = defaultdict(int)
        self.completed = defaultdict(int)  # data source -> its last completed cycle
        self.deleted_mirrors = set()
        self.restored = set()  # data sources that were, until an operator has decided
        self.faults = False  # something was restored or lost
        self.fence = 0  # edits up to this one may be lost to a fault; later ones may not
        self.excused = set()  # "times", "deletes": a fault took knowledge that nobody else has

    def Forgotten(self):
        """The hub lost what nobody else knows: times, links that rows do not tell, deletions."""
        self.excused |= {"times", "deletes"}
        self.fence = len(self.edits)
        self.linked, self.made_for, self.refused_again = {}, {}, set()

    def SourceRestored(self, name):
        """What was deleted there and not pushed is forgotten; what is deleted next is for the operator to say."""
        self.restored.add(name)
        self.fence = len(self.edits)
        if name in self.deleted_mirrors:
            self.excused |= {"times", "deletes"}
        hub = self.world.server.hub
        live = {row.born for row in hub.rows.values()
                if any(o[0] == name for o in hub.RowsOf(row.golden))}
        # Made, deleted and restored before the hub knew of any of it.
        live |= {row.born for row in hub.rows.values() if name not in hub.golden[row.golden].had}
        self.refused_again = {(s, b) for s, b in self.refused_again if s != name or b not in live}
        source = self.world.sources[name]
        back = {r.born for t in self.world.config.Tables(name) for r in source.tables[t].values()}
        for ref, known in hub.rows.items():
            here = source.tables[ref[1]].get(ref[2]) if ref[0] == name else None
            if here is not None and here.born != known.born and self.SaysTheSame(ref, known):
                # A former row stands where somebody has since made one that says the same.
                self.refused_again = {(s, b) for s, b in self.refused_again if b != here.born}
        self.user_deleted -= back
        self.back[name] = back & self.ever_deleted

    def Resumed(self, name, mode):
        """An operator has decided about what a restore left."""
        self.restored.discard(name)
        self.excused.add("times")
        self.fence = len(self.edits)
        for source, born in self.renamed:
            if source == name:
                self.Moves(born)
        for born in self.back.get(name, ()):
            self.Unlink(born)  # deleted, and back by the restore: a row as any other
        if mode == "theirs":
            self.excused.add("deletes")  # what the restore brought back counts

    def Fail(self, what):
        raise Violation(what)

    def NewEdit(self, born, column, value, parent):
        edit = len(self.edits) + 1
        self.edits[edit] = (born, column, value, parent)
        return edit

    def SaidAgain(self, edit, former):
        """A row was made anew and says what the one before said."""
        if former is not None:
            self.again[edit] = former
            self.edits[edit] = self.edits[edit][:3] + (former,)

    def Said(self, edit, unseen):
        """The edit that the hub reads. Of a row whose end it did not see: the former one. Of a row that is new to
        it, this one: somebody said it after the row was gone."""
        return edit if unseen else self.again.get(edit, edit)

    def KeysOf(self, name, table, row):
        member = self.world.config.MemberOf(name, table)
        return MatchKeys(self.world.config.entities[member.entity],
                         {a: row.values.get(c) for a, c in member.columns.items()})

    def UserDeletes(self, source, table, key):
        row = source.tables[table][key]
        self.user_deleted.add(row.born)
        self.ever_deleted.add(row.born)
        self.undone.pop(row.born, None)
        self.back.get(source.name, set()).discard(row.born)
        self.last_keys[(source.name, table, key)] = self.KeysOf(source.name, table, row)
        hub = self.world.server.hub
        mine = [m for m in hub.rows.values() if m.born == row.born]
        others = set(self.made_for.get(row.born, ())) if not mine else set()
        others -= {o.born for ref, o in hub.rows.items() if not self.Unchanged(ref, o)}
        for m in mine:
            others |= {o.born for ref, o in hub.rows.items() if o.golden == m.golden and self.Unchanged(ref, o)}
        here = {r.born for t in self.world.config.Tables(source.name) for r in source.tables[t].values()}
        others -= {row.born}
        if source.name in self.restored:
            return  # whether that counts is the operator's decision
        if not any(frozenset((b, o)) in self.linked for b in here - {row.born} for o in others):
            self.refused_again |= {(source.name, o) for o in others - here}

    def Unchanged(self, ref, row):
        """Whether the row is still found by what the hub knows of it."""
        config = self.world.config
        member, here = config.MemberOf(ref[0], ref[1]), self.world.sources[ref[0]].tables[ref[1]].get(ref[2])
        if here is None or here.born != row.born:
            return False
        was = MatchKeys(config.entities[member.entity], row.Values())
        now = self.KeysOf(ref[0], ref[1], here)
        return bool(was & now) or was == now

    def SaysTheSame(self, ref, row):
        member = self.world.config.MemberOf(ref[0], ref[1])
        was = MatchKeys(self.world.config.entities[member.entity], row.Values())
        return bool(was & self.KeysOf(ref[0], ref[1], self.world.sources[ref[0]].tables[ref[1]][ref[2]]))

    def Heir(self, name, born):
        """Another row that says the same."""
        heir = self.world.NewBorn()
        self.home[heir] = name
        self.Inherit(born, heir)
        return heir

    def Inherit(self, born, heir):
        self.reborn.add(heir)
        for pair, since in list(self.linked.items()):
            if born in pair:
                self.linked[pair - {born} | {heir}] = since
        self.ever_linked |= {pair - {born} | {heir} for pair in self.ever_linked if born in pair}

    def Moves(self, born):
        """It became a row of another record."""
        self.Unlink(born)
        self.refused_again = {(s, b) for s, b in self.refused_again if b != born}

    def Unlink(self, born):
        self.linked = {pair: since for pair, since in self.linked.items() if born not in pair}
        for others in self.made_for.values():
            others.discard(born)
        self.made_for.pop(born, None)

    def NewIdentity(self, ref, born):
        """An edit of what a row is found by. Of a row that was also made anew since the hub saw it, nobody can
        say any more that it is the same."""
        known = self.world.server.hub.rows.get(ref)
        if known is not None and known.born != born:
            self.Moves(born)
        if ref[0] in self.restored:
            self.renamed.add((ref[0], born))  # after a restore, too
        self.refused_again = {(s, b) for s, b in self.refused_again if b != born}

    def Derived(self, hub):
        by_golden = defaultdict(list)
        for row in hub.rows.values():
            by_golden[row.golden].append(row.born)
        for borns in by_golden.values():
            for i, a in enumerate(borns):
                for b in borns[i + 1:]:
                    self.linked.setdefault(frozenset((a, b)), self.world.now)
                    self.ever_linked.add(frozenset((a, b)))

    def HandedOut(self, d):
        world = self.world
        d.handed = world.now
        entity = world.config.entities[world.config.MemberOf(d.data_source, d.table).entity]
        for s in entity.complete:
            if world.server.hub.feeds[s].at < d.needs and not self.excused:
                self.Fail(f"{Short(d)} was handed out while {s}, which is in `complete`, was older")
        for s in world.config.sources:
            if world.server.hub.feeds[s].cycle == 0:
                self.Fail(f"{Short(d)} was handed out before {s} was populated")

    def Attempt(self, source, d):
        self.attempts[(source.name, d.id)] += 1
        if self.attempts[(source.name, d.id)] > 40:
            self.Fail(f"{Short(d)} was tried more than 40 times")

    def Overwrites(self, source, d, row):
        for column, value in d.locked.items():
            if (column in d.columns or d.operation == "DELETE") and row.values.get(column) != value:
                self.Fail(f"{Short(d)} overwrote {column}={row.values.get(column)!r}, which the hub had not "
                          f"seen: it knew {value!r}")
        # Another row under the same key, of which nobody said that it belongs to the record.
        if row.born not in d.borns and d.borns:
            entity = self.world.config.entities[self.world.config.MemberOf(d.data_source, d.table).entity]
            member = self.world.config.MemberOf(d.data_source, d.table)
            keys = MatchKeys(entity, {a: row.values.get(c) for a, c in member.columns.items()})
            known = MatchKeys(entity, {a: d.locked[c] for a, c in member.columns.items()})
            if (keys or known) and not keys & known:
                self.Fail(f"{Short(d)} was written to another row under the same key")

    def ExchangeInserts(self, source, d, born, values):
        config = self.world.config
        entity = config.entities[config.MemberOf(d.data_source, d.table).entity]
        if "deletes" not in self.excused:
            for o in d.borns:
                if (source.name, o) in self.refused_again:
                    self.Fail(f"{Short(d)}: what {source.name} had deleted came back")
        here = {}
        for t in config.Tables(source.name):
            member = config.MemberOf(source.name, t)
            if member.entity != entity.name:
                continue
            for k, r in source.tables[t].items():
                here[r.born] = (t, k, r, {a: r.values.get(c) for a, c in member.columns.items()})
        # Records that became one after the agent had fetched are nobody's fault.
        counterparts = [o for o in d.borns if any(self.linked.get(frozenset((o, b)), float("inf")) <= d.handed or o == b or
                                                  o in self.made_for.get(b, ()) for b in here)]
        if d.borns and len(counterparts) == len(d.borns) and (Sticky(entity) or any(
                o in self.made_for.get(b, ()) for o in d.borns for b in here)):
            self.Fail(f"{Short(d)}: a second row for a record that {source.name} has")
        for t, k, r, v in here.values():
            if MatchKeys(entity, v) & d.match_keys:
                self.Fail(f"{Short(d)}: {t}/{k} is there already and matches")
        self.made_for[born] = set(d.borns)
        self.made_golden[born] = d.golden
        self.home[born] = source.name
        self.refused_again |= {(self.home[o], born) for o in d.borns if o in self.user_deleted and
                               self.home[o] not in self.restored and not any(frozenset((o, b)) in self.linked
                                       for s in [self.world.sources[self.home[o]]]
                                       for t in config.Tables(s.name) for b in [r.born for r in s.tables[t].values()])}

    def ExchangeDeletes(self, source, d, row):
        alive = self.world.server.hub.Alive
        deleted = {u for u in self.ever_deleted if self.undone.get(u, d.handed) >= d.handed}
        if d.golden in {alive(self.made_golden[u]) for u in deleted if u in self.made_golden}:
            return
        if row.born in deleted:
            return
        if not any(frozenset((row.born, u)) in self.ever_linked or row.born in self.made_for.get(u, ()) or
                   u in self.made_for.get(row.born, ()) for u in deleted):
            self.Fail(f"{Short(d)}: nobody deleted that")

    def StaysTheSame(self, hub, entity, ref, old, row, keys, everything):
        if old.born == row.born:
            return
        self.reborn.add(row.born)
        if keys & MatchKeys(entity, old.Values()):
            self.Inherit(old.born, row.born)
        if everything:
            return  # a comparison cannot tell
        if keys & MatchKeys(entity, old.Values()):
            return
        mates = [hub.rows[r] for r in hub.RowsOf(old.golden) if r != ref]
        if mates and not any(keys & MatchKeys(entity, m.Values()) for m in mates):
            self.Fail(f"{ref} is another row by now and was taken for the former one")

    def Ancestors(self, edit):
        while edit is not None:
            edit = self.edits[edit][3]
            if edit is not None:
                yield edit


# --- The world -----------------------------------------------------------------------------------------------


class Silence:
    """Writes no trace."""

    def Config(self, config):
        pass

    def Derived(self, world, hub, looks, modes, work):
        pass

    def Event(self, event, **more):
        pass


class Tracer(Silence):
    """Writes what goes into each derivation and what comes out, one JSON text a line, so that the product's
    planners can be given the same and compared."""

    def Event(self, event, **more):
        print(json.dumps(dict(event=event, **more), ensure_ascii=False, separators=(",", ":")))

    def Config(self, config):
        self.Event("config", sources=config.sources, rows_percent=config.rows_percent,
                   freeze_after=config.freeze_after, freeze_window=config.freeze_window, entities=[dict(
                       name=e.name, match=e.match, attributes=e.attributes, any=e.deletes == "any",
                       complete=list(e.complete), members=[dict(
                           data_source=m.data_source, table=m.table, columns=m.columns, write=list(m.write),
                           key=[] if m.key == "database" else [m.key], changed=e.changed or "")
                           for m in config.members if m.entity == e.name]) for e in config.entities.values()])

    def Keys(self, keys):
        return [[k[1], [str(part) for part in k[2]]] for k in sorted(keys, key=KeyOrder)]

    def Ref(self, ref):
        return [ref[0], ref[1], KeyText(ref[2])]

    def Look(self, world, name, look):
        tables = {t: [[KeyText(k), r.values] for k, r in sorted(
            look.tables[t].items(), key=lambda item: InOrder(world.config, (name, t, item[0])))]
            for t in world.config.Tables(name)}
        ledger = [dict(r.values, id=id, key=None if r.values["key"] is None else KeyText(r.values["key"]))
                  for id, r in look.tables[LEDGER].items()]
        return dict(tables=tables, ledger=ledger, number=look.number, acked=look.acked, salts=look.salts,
                    journal=[[n, t, None if k is None else KeyText(k), ended]
                             for n, (t, k, ended) in sorted(look.journal.items()) if t != LEDGER or k is None],
                    cycle=look.completed_cycle, source_older=look.source_older, mirror_older=look.mirror_older)

    def Derived(self, world, hub, looks, modes, work):
        rows = [[self.Ref(ref), row.golden, {a: v[:4] for a, v in row.attributes.items() if a != "#changed"},
                 row.touched, row.doomed, row.unsure, row.joined_by, [self.Keys(f) for f in row.former]]
                for ref, row in hub.rows.items()]
        golden = [[g.id, g.number, {a: [v.value, v.ms, self.Ref(v.giver)] for a, v in g.values.items()},
                   sorted(g.had), sorted(g.frozen), g.entity] for g in hub.golden.values()]
        deliveries = [[d.id, d.data_source, d.table, d.operation, "" if d.key is None else KeyText(d.key), d.golden,
                       d.columns, d.locked, self.Keys(d.match_keys), d.needs, d.state]
                      for d in hub.deliveries.values()]
        feeds = {n: [f.journal_id, f.number, f.token, f.salt, f.before, f.cycle, f.at, f.ledger_number,
                     f.source_older, f.mirror_older, f.suspended, f.own_restore] for n, f in hub.feeds.items()}
        self.Event("derive", now=world.now, modes=modes, cycles={n: m.cycle for n, m in world.server.mirrors.items()},
                   looks={n: self.Look(world, n, look) for n, look in looks.items()},
                   founded=[[self.Ref(ref), id] for ref, id in work.founded.items()], rows=rows, golden=golden,
                   deliveries=deliveries, feeds=feeds, time=hub.time, hold=hub.hold)


class World:
    def __init__(self, config, rules, trace=False, local=False, tracer=Silence()):
        self.config, self.rules, self.trace, self.local = config, rules, trace, local
        self.tracer = tracer
        tracer.Config(config)
        self.now = 10
        self.counter = defaultdict(int)
        self.witness = Witness(self)
        self.sources = {s: Source(s, config, self) for s in config.sources}
        self.server = Server(self)
        self.agents = {}
        self.hub_run, self.other_run = None, None
        self.backups = {}
        self.later = []

    def Fresh(self, prefix):
        """Stands for a random id: no restore of anything makes it come again."""
        self.counter[prefix] += 1
        return f"{prefix}{self.counter[prefix]}"

    def NewBorn(self):
        self.counter["born"] += 1
        return self.counter["born"]

    def Note(self, text):
        if self.trace:
            print(f"{self.now:5} {text}")

    def Columns(self, name, table):
        member = self.config.MemberOf(name, table)
        entity = self.config.entities[member.entity]
        return sorted(set(member.columns.values()) | {"note"} | ({entity.changed} if entity.changed else set()))

    def FlushLedger(self):
        for source, d, now, what in self.later:
            source.WriteLedger(d, now, **what)
        self.later = []

    # What applications do.

    def Pick(self, source, table, nth):
        keys = sorted(source.tables[table], key=repr)
        return keys[nth % len(keys)] if keys else None

    def UserInsert(self, source, table, values, key=None):
        member = self.config.MemberOf(source.name, table)
        entity = self.config.entities[member.entity]
        if key is None:
            if member.key != "database":
                key = values[member.key]
                if key is None or key in source.tables[table]:
                    return
            else:
                key = source.NextKey(table)
        born, row, edits = self.NewBorn(), {c: None for c in self.Columns(source.name, table)}, {}
        self.witness.home[born] = source.name
        for a, c in member.columns.items():
            row[c] = source.Format(c, values.get(a))
            edits[c] = self.witness.NewEdit(born, c, row[c], None)
        if entity.changed:
            row[entity.changed] = self.now + self.config.skew.get(source.name, 0)
        before = dict(row)
        for c, v in source.Triggered(row, True).items():
            if v != before[c]:
                edits[c] = self.witness.NewEdit(born, c, v, None)
        source.Put(table, key, row, edits, born, "row")
        ref = (source.name, table, key)
        known = self.server.hub.rows.get(ref)
        if (known is not None and source.name not in self.witness.restored and
                self.witness.SaysTheSame(ref, known) and
                self.witness.last_keys.get(ref) == self.witness.KeysOf(source.name, table, source.tables[table][key])):
            if key in self.server.MirrorOf(source.name).tables[table]:  # else the deletion is pushed already
                self.witness.Inherit(known.born, born)
            for a, c in member.columns.items():
                if known.attributes[a].value == row[c]:  # said again: nothing new, if the hub does not see it go
                    self.witness.SaidAgain(edits[c], known.attributes[a].edit)

    def UserUpdate(self, source, table, key, attribute, value, kind=None):
        member = self.config.MemberOf(source.name, table)
        entity = self.config.entities[member.entity]
        column = "note" if attribute == "note" else member.columns.get(attribute)
        if column is None or attribute == member.key:
            return
        row = source.tables[table][key]
        value = source.Format(column, value)
        if row.values[column] == value and kind is None:
            return
        values, edits, changed = dict(row.values), dict(row.edits), {column}
        if values[column] != value:
            values[column] = value
            edits[column] = self.witness.NewEdit(row.born, column, value, row.edits.get(column))
            wrote = [v for v in (entry.values for entry in source.tables[LEDGER].values())
                     if (v["table"], v["key"]) == (table, key) and column in v["wrote"] and
                     (v["operation"] == "UPDATE" or row.born in self.witness.made_golden)]
            if wrote and max(wrote, key=lambda v: v["n"])["wrote"][column][2] == value:
                self.witness.echoes.add(edits[column])
        if entity.changed:
            values[entity.changed] = self.now + self.config.skew.get(source.name, 0)
            changed.add(entity.changed)
        before = dict(values)
        for c, v in source.Triggered(values, False).items():
            if v != before[c]:
                changed.add(c)
                edits[c] = self.witness.NewEdit(row.born, c, v, row.edits.get(c))
        source.Put(table, key, values, edits, row.born, kind or frozenset(changed))
        if any(attribute in rule for rule in entity.match):
            self.witness.NewIdentity((source.name, table, key), row.born)

    def UserDelete(self, source, table, key):
        self.witness.UserDeletes(source, table, key)
        source.Remove(table, key)

    def Job(self, source):
        how = self.config.jobs.get(source.name)
        if how is None:
            return
        for table in self.config.Tables(source.name):
            for key, row in list(source.tables[table].items()):
                for a, c in self.config.MemberOf(source.name, table).columns.items():
                    if c in ("name", "city") and isinstance(row.values.get(c), str):
                        self.UserUpdate(source, table, key, a, FORMATS[how](row.values[c]))

    # What runs.

    def Step(self, name, half="run"):
        """One step of an agent; it begins a run when none is under way."""
        if name not in self.agents:
            self.agents[name] = AgentRun(self, name, half)
            self.Note(f"  {name}: {half} begins")
        try:
            self.at = next(self.agents[name])
            self.Note(f"  {name}: {self.at}")
            return True
        except (StopIteration, Aborted) as end:
            if isinstance(end, Aborted):
                self.Note(f"  {name}: aborted, {end}")
            del self.agents[name]
            return False

    def StepHub(self):
        if self.hub_run is None:
            self.hub_run = HubRun(self)
        try:
            self.Note(f"  hub: {next(self.hub_run)}")
            return True
        except StopIteration:
            self.hub_run = None
            return False

    def RunHub(self):
        while self.StepHub():
            pass

    def RunAgent(self, name, half="run"):
        """All of a run; the hub derives when a cycle is completed, as in a server that is alive."""
        for _ in range(400):
            completed = self.server.CompletedCycle(name)
            if not self.Step(name, half):
                break
            if self.server.CompletedCycle(name) != completed:
                self.RunHub()
        self.RunHub()

    def Kill(self, name):
        if self.agents.pop(name, None) is not None:
            self.Note(f"  {name}: killed")
        self.later = [l for l in self.later if l[0].name != name]

    # One action of a history.

    def Do(self, action):
        self.now += 1
        name = str(action[1]).split(":")[-1] if len(action) > 1 else ""
        if name in TABLES and (name not in self.sources or action[0] in (
                "insert", "update", "replace", "delete", "reinsert", "rewrite") and
                self.config.MemberOf(name, action[2]) is None):
            return  # left out by Simpler()
        self.Note(f"{action}")
        getattr(self, "Do_" + action[0])(*action[1:])

    def Do_insert(self, name, table, values):
        self.UserInsert(self.sources[name], table, values)

    def Do_update(self, name, table, nth, attribute, value):
        key = self.Pick(self.sources[name], table, nth)
        if key is not None:
            self.UserUpdate(self.sources[name], table, key, attribute, value)

    def Do_replace(self, name, table, nth, attribute, value):
        """INSERT OR REPLACE of an application: the same row, but the log cannot know."""
        key = self.Pick(self.sources[name], table, nth)
        if key is not None:
            self.UserUpdate(self.sources[name], table, key, attribute, value, kind="row")

    def Do_delete(self, name, table, nth):
        key = self.Pick(self.sources[name], table, nth)
        if key is not None:
            self.UserDelete(self.sources[name], table, key)

    def Do_reinsert(self, name, table, nth, values):
        """Delete, and another row under the same key."""
        source = self.sources[name]
        key = self.Pick(source, table, nth)
        if key is not None:
            self.UserDelete(source, table, key)
            member = self.config.MemberOf(name, table)
            if member.key != "database":
                values = dict(values, **{member.key: key})
            self.UserInsert(source, table, values, key)

    def Do_rewrite(self, name, table, nth):
        """Delete and insert of the same row, as some programs update."""
        source = self.sources[name]
        key = self.Pick(source, table, nth)
        if key is not None:
            row = source.tables[table][key]
            known = self.server.hub.rows.get((name, table, key))
            edits = row.edits
            if known is not None and self.witness.SaysTheSame((name, table, key), known):
                born = self.witness.Heir(name, row.born)
            else:
                born = self.NewBorn()
                self.witness.home[born] = name
                self.witness.reborn.add(born)
                edits = {c: self.witness.NewEdit(born, c, row.values[c], None) for c in edits}
            self.witness.user_deleted.add(row.born)
            self.witness.ever_deleted.add(row.born)
            source.Remove(table, key)
            source.Put(table, key, row.values, edits, born, "row")

    def Do_job(self, name):
        self.Job(self.sources[name])

    def Do_refuse(self, name, on):
        self.sources[name].refuses = on

    def Do_run(self, name):
        self.RunAgent(name)

    def Do_step(self, name, count):
        for _ in range(count):
            if not self.Step(name):
                break

    def Do_steps(self, name, at, count):
        """Until the agent came to that point so often; the hub derives when a cycle is completed."""
        for _ in range(200):
            completed = self.server.CompletedCycle(name)
            if not self.Step(name):
                break
            if self.server.CompletedCycle(name) != completed:
                self.RunHub()
            if self.at == at:
                count -= 1
                if count == 0:
                    break

    def Do_half(self, name, half):
        self.Kill(name)
        self.RunAgent(name, half)

    def Do_kill(self, name):
        self.Kill(name)

    def Do_hub(self, count):
        for _ in range(count):
            if not self.StepHub():
                break

    def Do_other(self, count):
        """Steps of another server that takes itself for the one that derives."""
        if self.other_run is None:
            self.other_run = HubRun(self)
        try:
            for _ in range(count):
                self.Note(f"  other hub: {next(self.other_run)}")
        except StopIteration:
            self.other_run = None

    def Do_bypass(self, name, table, nth, column, value):
        """A change past the log: a bulk load, a trigger that was switched off."""
        source = self.sources[name]
        key = self.Pick(source, table, nth)
        if key is not None:
            row = source.tables[table][key]
            source.tables[table][key] = row._replace(values=dict(row.values, **{column: value}))

    def Do_map(self, attribute):
        """The column of that name is mapped from now on; everything is read anew."""
        for member in self.config.members:
            member.columns[attribute] = attribute
            self.Do_invalidate(member.data_source, member.table)
        for entity in self.config.entities.values():
            entity.attributes[attribute] = "newest"
        self.tracer.Config(self.config)

    def Do_now(self, name, table, column, values):
        there = sorted((r.values[column] for r in self.sources[name].tables[table].values()), key=repr)
        if there != values:
            raise Violation(f"{name}.{table}.{column} should be {values} by now, it is {there}")

    def Do_kill_server(self):
        self.hub_run, self.other_run = None, None
        for name in list(self.agents):
            self.Kill(name)

    def Do_tick(self, count):
        self.now += count

    def Do_backup(self, what):
        self.backups[what] = self.Copy(what)
        if what in ("hub", "server"):
            self.tracer.Event("backup", what=what)

    def Copy(self, what):
        if what == "hub":
            return copy.deepcopy(self.server.hub)
        if what == "server":
            return ({n: m.Backup() for n, m in self.server.mirrors.items()}, copy.deepcopy(self.server.hub))
        kind, name = what.split(":")
        if kind == "source":
            return self.sources[name].Backup()
        return self.server.MirrorOf(name).Backup()

    def Do_restore(self, what):
        if what not in self.backups:
            return
        self.Do_kill_server()
        self.witness.faults, backup = True, self.backups[what]
        if what in ("hub", "server"):
            self.tracer.Event("restore", what=what)
        if what == "hub":
            self.server.hub = copy.deepcopy(backup)
            self.witness.Forgotten()
        elif what == "server":
            mirrors, hub = backup
            for name in self.server.mirrors:
                if name in mirrors:
                    self.server.mirrors[name] = mirrors[name].Backup()
                else:
                    self.server.mirrors[name] = Mirror([LEDGER] + self.config.Tables(name), self)
            self.server.hub = copy.deepcopy(hub)
            self.witness.Forgotten()
        else:
            kind, name = what.split(":")
            if kind == "source":
                self.sources[name].Restore(backup)
                self.witness.excused.add("times")
                self.witness.SourceRestored(name)
            else:
                self.server.mirrors[name] = backup.Backup()

    def Do_lose_hub(self):
        self.Do_kill_server()
        self.witness.faults, self.server.hub = True, Hub(self.config)
        for name, feed in self.server.hub.feeds.items():  # as of every hub that is made
            mirror = self.server.MirrorOf(name)
            feed.source_older, feed.mirror_older = mirror.source_older, mirror.mirror_older
        self.tracer.Event("lose", older={n: [f.source_older, f.mirror_older] for n, f in self.server.hub.feeds.items()})
        self.witness.Forgotten()

    def Do_reset_mirror(self, name):
        """mirrorctl reset --all: the tables go, the tenant's own row stays."""
        self.Do_kill_server()
        mirror = self.server.MirrorOf(name)
        for table in mirror.tables:
            mirror.tables[table], mirror.position[table], mirror.pending[table] = {}, NOTHING, None
        mirror.active = False

    def Do_delete_mirror(self, name):
        """The file is gone; the next cycle makes a new one."""
        self.Do_kill_server()
        self.server.mirrors[name] = Mirror([LEDGER] + self.config.Tables(name), self)
        self.witness.faults = True
        self.witness.deleted_mirrors.add(name)
        if name in self.witness.restored:
            self.witness.excused |= {"times", "deletes"}

    def Do_invalidate(self, name, table):
        """LSN -1, by hand."""
        mirror = self.server.MirrorOf(name)
        mirror.position[table] = NOTHING

    def Do_operator(self):
        hub = self.server.hub
        for d in hub.deliveries.values():
            d.state = "OPEN"
        for row in hub.rows.values():
            row.unsure = False
        hub.hold = hub.hold and any(f.suspended is not None or f.cycle == 0 for f in hub.feeds.values())
        self.tracer.Event("open", hold=hub.hold)
        self.Resume({name: self.config.heal.get(name, "ours") if feed.own_restore else
                     "theirs" if self.config.insert else "as_is" for name, feed in hub.feeds.items()})

    def Do_without(self, name):
        """`mirrorctl hub resume STORAGE --without NAME`: that one stays suspended."""
        feeds = self.server.hub.feeds
        self.Resume({other: "theirs" if self.config.insert else "as_is" for other, feed in feeds.items()
                     if other != name and not feed.own_restore})

    def Resume(self, modes):
        """`mirrorctl hub resume`: refused before each of them completed a cycle since."""
        feeds = self.server.hub.feeds
        modes = {name: mode for name, mode in modes.items() if feeds[name].suspended is not None}
        if modes and all(self.server.MirrorOf(name).completed_cycle > feeds[name].suspended and
                         self.server.Look(name) is not None for name in modes):
            self.Note(f"  operator: resume {modes}")
            for _ in HubRun(self, modes):
                pass

    # Quiet, and what must hold then.

    def Signature(self):
        return (tuple(sorted((s, t, len(l)) for s, src in self.sources.items() for t, l in src.log.items())),
                tuple((s, src.completing, src.completed) for s, src in self.sources.items()),  # idle: not written
                tuple(sorted((s, m.number) for s, m in self.server.mirrors.items())),
                tuple(sorted(self.server.hub.deliveries)))

    def Quiesce(self):
        self.Note("everybody stops writing")
        self.Do_kill_server()
        for source in self.sources.values():
            source.refuses = False
        quiet, rounds = 0, 40 if self.config.limit > 2 else 200
        for _ in range(rounds):
            before = self.Signature()
            self.Do_operator()
            self.RunHub()
            for name in self.config.sources:
                self.now += 1
                self.Job(self.sources[name])
                self.RunAgent(name)
            self.now += 60
            quiet = quiet + 1 if self.Signature() == before else 0
            if quiet >= 3:
                due = [t for t in map(self.TriedAgain, self.server.hub.deliveries.values()) if t > self.now]
                if not due:
                    break
                self.now, quiet = max(due), 0  # what was refused time and again has its turn, too
        else:
            raise Violation(f"it does not come to rest in {rounds} rounds")
        self.Check()

    def TriedAgain(self, d):
        """When what was refused is due; 0: it never was, or is not accepted there."""
        refused = self.sources[d.data_source].tables[LEDGER].get(d.id)
        accepted = d.operation.lower() in self.config.MemberOf(d.data_source, d.table).Accepts()
        return refused.values["next"] if refused is not None and accepted else 0

    def Check(self):
        hub, config, witness = self.server.hub, self.config, self.witness
        for name, source in self.sources.items():
            for table, rows in source.tables.items():
                mirror = self.server.mirrors[name].tables[table]
                if {k: r.values for k, r in rows.items()} != {k: r.values for k, r in mirror.items()}:
                    witness.Fail(f"the mirror of {name}.{table} is not equal")
            for table in config.Tables(name):
                known = {r[2] for r in hub.rows if r[:2] == (name, table)}
                if known != set(rows := source.tables[table]):
                    witness.Fail(f"the hub knows {sorted(known, key=repr)} of {name}.{table}, there are "
                                 f"{sorted(rows, key=repr)}")
        for ref, row in hub.rows.items():
            member, source = config.MemberOf(ref[0], ref[1]), self.sources[ref[0]]
            entity = config.entities[member.entity]
            golden = hub.golden.get(row.golden)
            if golden is None:
                witness.Fail(f"{ref} belongs to no record")
            here = source.tables[ref[1]][ref[2]]
            for a, c in member.columns.items():
                given, value = golden.values.get(a), here.values[c]
                if row.attributes[a].value != value:
                    witness.Fail(f"the hub takes {ref}.{a} for {row.attributes[a].value!r}, it is {value!r}")
                if given is None:
                    if value is not None and row.attributes[a].ms is not None:
                        witness.Fail(f"{golden.id}.{a} has no value though {ref} has {value!r}")
                    continue
                if given.giver not in hub.rows or hub.rows[given.giver].golden != golden.id:
                    witness.Fail(f"{golden.id}.{a} was given by {given.giver}, which is no member")
                at = hub.rows[given.giver].attributes[a]
                if given.value != at.word:
                    witness.Fail(f"{golden.id}.{a}={given.value!r} was not given by {given.giver}")
                if a not in entity.attributes or "update" not in set(member.write) & set(member.Accepts()):
                    continue
                if a == member.key or a in golden.frozen or self.rows_percent_holds(hub, ref):
                    continue
                if a == "rev" and ref[0] in config.stamps:
                    continue  # its own triggers have the last word there
                if value not in (given.value, source.Format(c, given.value)):
                    witness.Fail(f"{ref}.{a} is {value!r}, the record {golden.id} says {given.value!r}")
        left = [Short(d) for d in hub.deliveries.values()
                if d.operation.lower() in config.MemberOf(d.data_source, d.table).Accepts()]
        if left:
            witness.Fail(f"still waiting: {left}")
        if not witness.excused:
            self.CheckEdits(hub)
        else:
            self.CheckLater(hub)

    def rows_percent_holds(self, hub, ref):
        return any(d.state == "HELD" and (d.data_source, d.table, d.key) == ref for d in hub.deliveries.values())

    def CheckEdits(self, hub):
        """No edit lost to what it was made on; whose word counts first is heard."""
        config, witness = self.config, self.witness
        for golden in hub.golden.values():
            entity = config.entities[golden.entity]
            refs = hub.RowsOf(golden.id)
            for a, rule in entity.attributes.items():
                given = golden.values.get(a)
                if given is None or a in golden.frozen or any(hub.rows[r].born in witness.reborn for r in refs):
                    continue
                last, own = {}, {}
                for r in refs:
                    member = config.MemberOf(r[0], r[1])
                    if a not in member.columns:
                        continue
                    c, row = member.columns[a], self.sources[r[0]].tables[r[1]][r[2]]
                    for edit, (born, column, value, _) in witness.edits.items():
                        if born == row.born and column == c:
                            last[r] = edit
                    edit = row.edits.get(c)
                    if edit is not None and witness.edits[edit][0] == row.born and row.values[c] is not None and (
                            edit not in witness.echoes and edit not in witness.again):
                        own[r] = row.values[c]
                if rule == "newest":
                    for r, edit in last.items():
                        value = witness.edits[edit][2]
                        column = config.MemberOf(r[0], r[1]).columns[a]
                        if given.edit in witness.Ancestors(edit) and value not in (
                                given.value, self.sources[r[0]].Format(column, given.value)):
                            witness.Fail(f"{r}.{a}={value!r} was lost to {given.value!r}, which it replaced")
                elif isinstance(rule, (list, tuple)) and own:
                    rank = lambda r: rule.index(r[0]) if r[0] in rule else len(rule)
                    best = min(rank(r) for r in own)
                    values = {v for r, v in own.items() if rank(r) == best}
                    if given.value not in values:
                        witness.Fail(f"{golden.id}.{a}={given.value!r}, but first comes {sorted(values)}")


    def CheckLater(self, hub):
        """What can be said after a fault: no later edit is lost to what it was made on."""
        config, witness = self.config, self.witness
        for golden in hub.golden.values():
            refs = hub.RowsOf(golden.id)
            for a, rule in config.entities[golden.entity].attributes.items():
                given = golden.values.get(a)
                if rule != "newest" or given is None or a in golden.frozen or any(
                        hub.rows[r].born in witness.reborn for r in refs):
                    continue
                for r in refs:
                    c, born = config.MemberOf(r[0], r[1]).columns.get(a), hub.rows[r].born
                    last = max((e for e, (b, column, _, _) in witness.edits.items()
                                if b == born and column == c and e > witness.fence), default=None)
                    if last is None or last in witness.echoes or given.edit not in witness.Ancestors(last):
                        continue
                    value = witness.edits[last][2]
                    if value not in (given.value, self.sources[r[0]].Format(c, given.value)):
                        witness.Fail(f"{r}.{a}={value!r}, made after the fault, was lost to {given.value!r}")


# --- Histories -----------------------------------------------------------------------------------------------

VATS = ["1", "2", "3", None]
NAMES_OF = ["Ada", "bob ", "Cy", None]
CITIES = ["Rome", "oslo", "Bern ", None]
TABLES = {"crm": "contact", "erp": "customer", "shop": "client", "bank": "account"}


def RandomConfig(rng, kind):
    sources = ["crm", "erp", "shop", "bank"][:rng.choice([2, 2, 3, 3, 4])]
    members, entities, stamps = [], {}, ()
    exchange = kind == "exchange" or rng.random() < 0.25
    if kind != "exchange":
        match = rng.choice([[["vat"]], [["vat"]], [["vat"], ["name"]], [["vat"], ["name", "city"]], [["name"]]])
        rule = lambda: rng.choice(["newest", "newest", "newest", rng.sample(sources, len(sources)),
                                   rng.sample(sources, len(sources)), "most", "longest"])
        attributes = {"name": rule(), "city": rule()}
        if rng.random() < 0.5:
            attributes["vat"] = rng.choice(["newest", "newest", rng.sample(sources, len(sources))])
        entities["company"] = Entity("company", match, attributes, rng.choice(["any", "none"]),
                                     rng.choice([(), (), tuple(sources), (sources[0],)]),
                                     "changed" if rng.random() < 0.15 else None)
        stamped = rng.random() < 0.15
        if stamped:
            attributes["rev"] = "newest"
            stamps = tuple(s for s in sources if rng.random() < 0.7)
        for s in sources:
            columns = {"vat": "vat", "name": "name", "city": "city"}
            if stamped:
                columns["rev"] = "rev"
            if rng.random() < 0.2:
                columns.pop(rng.choice(["vat", "city"] if match == [["name"]] else ["city"]))
            write = rng.choice([("insert", "update", "delete")] * 5 + [("update",), ("insert", "update"), (),
                                                                       ("update", "delete")])
            members.append(Member(s, TABLES[s], "company", columns, write))
        if rng.random() < 0.2:
            members.append(Member("crm", "lead", "company", {"vat": "vat", "name": "name", "city": "city"},
                                  ("update", "delete")))
    if exchange:
        entities["order"] = Entity("order", [["id"]], {"id": "newest", "text": "newest", "city": "newest"}, "any",
                                   (), "changed" if rng.random() < 0.6 else None)
        for s in sources[:rng.choice([2, 2, len(sources)])]:
            members.append(Member(s, "sales_order", "order", {"id": "id", "text": "text", "city": "city"},
                                  ("insert", "update", "delete"), key="id"))
    formats = {s: rng.choice(list(FORMATS)) for s in sources if rng.random() < 0.3}
    jobs = {s: rng.choice(["upper", "lower"]) for s in sources if rng.random() < 0.06}
    return Config(sources, members, entities, formats, stamps, jobs,
                  {s: rng.choice([0, 0, 200, -200]) for s in sources}, rng.choice([0, 0, 0, 50]),
                  4 if jobs else 50, retention=rng.choice([0, 60, 1000]),
                  limit=rng.choice([1, 2, 1000, 1000]),
                  heal={s: rng.choice(["ours", "ours", "theirs", "newest"]) for s in sources},
                  insert=rng.random() < 0.2)


def RandomAction(rng, config, faults):
    s = rng.choice(config.sources)
    tables = config.Tables(s)
    table = rng.choice(tables) if tables else None
    nth = rng.randrange(3)
    values = {"vat": rng.choice(VATS), "name": rng.choice(NAMES_OF), "city": rng.choice(CITIES),
              "id": rng.choice(["o1", "o2"]), "text": rng.choice(NAMES_OF)}
    member = config.MemberOf(s, table) if table else None
    attributes = sorted(member.columns) + ["note"] if member else []
    roll = rng.random()
    if table and roll < 0.34:
        a = rng.choice(attributes)
        value = rng.choice({"vat": VATS, "id": ["o1"], "city": CITIES}.get(a, NAMES_OF))
        return (rng.choice(["update"] * 6 + ["replace"]), s, table, nth, a, value)
    if table and roll < 0.46:
        return ("insert", s, table, values)
    if table and roll < 0.51:
        return ("delete", s, table, nth)
    if table and roll < 0.535:
        return rng.choice([("reinsert", s, table, nth, values), ("rewrite", s, table, nth)])
    if roll < 0.70:
        return ("run", s)
    if roll < 0.80:
        return ("step", s, rng.choice([1, 2, 3, 5, 8, 12]))
    if roll < 0.83:
        return ("hub", rng.choice([1, 3, 4, 5, 6, 9]))
    if roll < 0.845:
        return ("kill", s)
    if roll < 0.86:
        return ("half", s, rng.choice(["push", "transport", "import"]))
    if roll < 0.87:
        return ("job", s)
    if roll < 0.88:
        return ("refuse", s, rng.random() < 0.5)
    if roll < 0.89:
        return ("tick", rng.choice([5, 50, 300]))
    if roll < 0.896:
        return ("other", rng.choice([1, 3, 5, 9]))
    if roll < 0.903:
        return ("kill_server",)
    if roll < 0.91 or not faults:
        return ("operator",) if rng.random() < 0.7 else ("without", s)
    what = rng.choice(faults)
    if what == "populate":
        return ("invalidate", s, table or LEDGER)
    if what == "lose_hub":
        return ("lose_hub",)
    if what == "mirror":
        return rng.choice([("backup", "mirror:" + s), ("restore", "mirror:" + s), ("restore", "mirror:" + s),
                           ("invalidate", s, table or LEDGER), ("reset_mirror", s),
                           ("delete_mirror", s)])
    if what == "source":
        return rng.choice([("backup", "source:" + s), ("restore", "source:" + s)])
    return rng.choice([("backup", what), ("restore", what)])


KINDS = {
    "plain": ["populate"],
    "exchange": ["populate"],
    "mirror": ["mirror"],
    "source": ["source"],
    "hub": ["hub", "hub", "lose_hub"],
    "server": ["server"],
    "all": ["mirror", "source", "hub", "server", "lose_hub"],
}


def RandomHistory(seed, kind):
    rng = random.Random(f"{kind}-{seed}")
    config = RandomConfig(rng, kind)
    actions = [RandomAction(rng, config, KINDS[kind]) for _ in range(rng.choice([12, 25, 40, 70]))]
    return config, actions


def Play(config, actions, rules, trace=False, local=False, tracer=Silence()):
    """None, or what does not hold. `expect` of a scenario: the values of a column when all is quiet."""
    world = World(copy.deepcopy(config) if any(a[0] == "map" for a in actions) else config, rules, trace, local, tracer)
    try:
        for action in actions:
            if action[0] != "expect":
                world.Do(action)
        world.Quiesce()
        for _, name, table, column, values in [a for a in actions if a[0] == "expect"]:
            there = sorted((r.values[column] for r in world.sources[name].tables[table].values()), key=repr)
            if there != values:
                raise Violation(f"{name}.{table}.{column} should be {values}, it is {there}")
    except Violation as violation:
        world.Note(f"VIOLATION: {violation}")
        return str(violation)
    return None


def SameKind(a, b):
    """Whether two violations are of one kind: the words without names and values."""
    kind = lambda v: next((w for w in ("rest", "came back", "second row", "already and matches", "nobody deleted",
                                       "not seen", "lost to", "first comes", "waiting", "not equal", "knows",
                                       "handed out", "tried", "another row", "the record", "given by",
                                       "no value", "same key", "takes") if w in v), v)
    return a is not None and b is not None and kind(a) == kind(b)


def Shrink(config, actions, rules, violation, budget=4000):
    """A smaller history, and a simpler configuration, that fail in the same way."""
    tries = 0

    def Fails(c, a):
        nonlocal tries
        tries += 1
        return SameKind(Play(c, a, rules), violation)

    changed = True
    while changed and tries < budget:
        changed = False
        size = max(1, len(actions) // 2)
        while size >= 1 and tries < budget:
            at = 0
            while at < len(actions) and tries < budget:
                shorter = actions[:at] + actions[at + size:]
                if Fails(config, shorter):
                    actions, changed = shorter, True
                else:
                    at += size
            size //= 2
        for simpler in Simpler(config):
            if tries < budget and Fails(simpler, actions):
                config, changed = simpler, True
                break
        for i, action in enumerate(actions):
            if action[0] == "insert":
                for a, v in action[3].items():
                    if v is not None and a not in ("id",):
                        other = action[:3] + (dict(action[3], **{a: None}),)
                        if tries < budget and Fails(config, actions[:i] + [other] + actions[i + 1:]):
                            actions, changed = actions[:i] + [other] + actions[i + 1:], True
                            action = other
            elif action[0] == "step":
                other = ("run", action[1])
                if tries < budget and Fails(config, actions[:i] + [other] + actions[i + 1:]):
                    actions, changed = actions[:i] + [other] + actions[i + 1:], True
    return config, actions


def Simpler(config):
    for s in config.sources[::-1]:
        if len(config.sources) > 2:
            c = copy.deepcopy(config)
            c.sources.remove(s)
            c.members = [m for m in c.members if m.data_source != s]
            for e in c.entities.values():
                e.complete = tuple(x for x in e.complete if x != s)
                e.attributes = {a: [x for x in r if x != s] if isinstance(r, list) else r
                                for a, r in e.attributes.items()}
            yield c
    for name in list(config.entities):
        if len(config.entities) > 1:
            c = copy.deepcopy(config)
            del c.entities[name]
            c.members = [m for m in c.members if m.entity != name]
            yield c
    for i, m in enumerate(config.members):
        if m.table == "lead":
            c = copy.deepcopy(config)
            del c.members[i]
            yield c
        for a in list(m.columns):
            if len(m.columns) > 1 and a != m.key and not any(a in r for r in config.entities[m.entity].match):
                c = copy.deepcopy(config)
                del c.members[i].columns[a]
                yield c
    for field_name in ("formats", "jobs", "skew"):
        for s in getattr(config, field_name):
            c = copy.deepcopy(config)
            del getattr(c, field_name)[s]
            yield c
    for what, value in (("rows_percent", 0), ("stamps", ()), ("limit", 1000), ("retention", 0)):
        if getattr(config, what) != value:
            c = copy.deepcopy(config)
            setattr(c, what, value)
            yield c
    for name, e in config.entities.items():
        for what, value in (("complete", ()), ("changed", None), ("deletes", "none")):
            if getattr(e, what) != value:
                c = copy.deepcopy(config)
                setattr(c.entities[name], what, value)
                yield c
        if len(e.match) > 1:
            for i in range(len(e.match)):
                c = copy.deepcopy(config)
                del c.entities[name].match[i]
                yield c
        for a, r in e.attributes.items():
            if r != "newest":
                c = copy.deepcopy(config)
                c.entities[name].attributes[a] = "newest"
                yield c


def Describe(config, actions):
    lines = []
    for e in config.entities.values():
        lines.append(f"  {e.name}: match {e.match}, {e.attributes}, deletes={e.deletes}" +
                     (f", complete={e.complete}" if e.complete else "") +
                     (f", changed={e.changed}" if e.changed else ""))
    for m in config.members:
        lines.append(f"  {m.data_source}.{m.table}: {', '.join(sorted(m.columns))}; write {list(m.write)}" +
                     (f"; triggers: {config.formats[m.data_source]}" if m.data_source in config.formats else "") +
                     (f"; job: {config.jobs[m.data_source]}" if m.data_source in config.jobs else "") +
                     ("; triggers set rev" if m.data_source in config.stamps and "rev" in m.columns else "") +
                     (f"; clock {config.skew[m.data_source]:+}" if config.skew.get(m.data_source) else "") +
                     (f"; key from {m.key}" if m.key != "database" else ""))
    for i, action in enumerate(actions, 1):
        words = [str({k: v for k, v in w.items() if v is not None}) if isinstance(w, dict) else str(w)
                 for w in action]
        lines.append(f"  {i}. {' '.join(words)}")
    lines.append("  then everybody stops writing and all agents run until it is quiet")
    return "\n".join(lines)


# --- Scenarios -----------------------------------------------------------------------------------------------


def Setup(match, attributes, members, deletes="none", complete=(), changed=None, **config):
    """`members`: table of data source -> (attributes, write) or (attributes, write, accept)."""
    words = {"i": "insert", "u": "update", "d": "delete"}
    entity, rows = "order" if any("sales_order" in m for m in members) else "company", []
    for place, (columns, *allowed) in members.items():
        lists = [tuple(words[w] for w in a) for a in allowed]
        rows.append(Member(*place.split("."), entity, {c: c for c in columns.split()}, lists[0],
                           "id" if entity == "order" else "database", lists[1] if len(lists) > 1 else None))
    sources = list(dict.fromkeys(m.data_source for m in rows))
    return Config(sources, rows, {entity: Entity(entity, [m.split() for m in match], attributes, deletes, complete,
                                                 changed)}, **config)


def AsScenario(rule, config, actions):
    entity, = config.entities.values()
    members = {f"{m.data_source}.{m.table}": (" ".join(sorted(m.columns)), "".join(w[0] for w in m.write))
               for m in config.members}
    more = {f: getattr(entity, f) for f in ("deletes", "complete", "changed")
            if getattr(entity, f) != Entity.__dataclass_fields__[f].default}
    defaults = Config([], [], {})
    for f in ("formats", "stamps", "jobs", "skew", "rows_percent", "freeze_after", "retention", "limit", "heal",
              "insert", "cascades"):
        value = getattr(config, f)
        if isinstance(value, dict):
            value = {k: v for k, v in value.items() if k in config.sources and v}
        if value != getattr(defaults, f):
            more[f] = value
    extra = "".join(f", {k}={v!r}" for k, v in more.items())
    used = [tuple({k: v for k, v in w.items() if v is not None and (k != "id" or entity.name == "order")}
                  if isinstance(w, dict) else w for w in a) for a in actions]
    return (f"    ({rule!r}, Setup({[' '.join(m) for m in entity.match]}, {entity.attributes},\n"
            f"        {members}{extra}),\n        " + ",\n        ".join(map(str, used)) + "),")


NEWEST = {"vat": "newest", "name": "newest", "city": "newest"}
BOTH = {"crm.contact": ("vat name city", "iud"), "erp.customer": ("vat name city", "iud")}
THREE = dict(BOTH, **{"shop.client": ("vat name city", "iud")})
ADA = {"vat": "1", "name": "Ada", "city": "Rome"}
BEA = {"vat": "2", "name": "Bea", "city": "Bern"}


def Imported(name, count=1):
    """Steps of a run of an agent until `count` deliveries are imported, while the hub derives when it has to."""
    return ("steps", name, "imported", count)


LIVE = [("insert", "crm", "contact", ADA), ("run", "crm"), ("run", "erp"), ("run", "crm")]
UPDATES = {"crm.contact": ("vat name city", "ud"), "erp.customer": ("vat name city", "ud"),
           "shop.client": ("vat name city", "ud")}


def WithOrders(config):
    """Orders beside the companies, which go with them in erp."""
    orders = Setup(["id"], {"id": "newest", "text": "newest"}, {
        "crm.sales_order": ("id text", "iud"), "erp.sales_order": ("id text", "iud")}, deletes="any")
    return dataclasses.replace(config, members=config.members + orders.members,
                               entities={**config.entities, **orders.entities},
                               cascades={"erp": ("customer", "sales_order")})


SCENARIOS = [
    ("digest_lock", Setup(["vat"], NEWEST, BOTH),
     ("insert", "crm", "contact", ADA), ("run", "crm"), ("run", "erp"), ("run", "crm"),
     ("update", "erp", "customer", 0, "city", "Oslo"), ("run", "erp"), ("steps", "crm", "fetched", 1),
     ("update", "crm", "contact", 0, "city", "Bern"), ("run", "crm"),
     ("expect", "erp", "customer", "city", ["Bern"])),
    ("absence_lock", Setup(["vat"], NEWEST, BOTH),
     ("insert", "crm", "contact", ADA), ("run", "crm"), ("steps", "erp", "fetched", 1),
     ("insert", "erp", "customer", {"vat": "1"}), ("run", "erp"), ("expect", "erp", "customer", "vat", ["1"])),
    ("one_transaction", Setup(["vat"], {"city": "newest"}, BOTH),
     ("insert", "crm", "contact", ADA), ("run", "erp"), ("run", "crm"), ("steps", "erp", "row written", 1),
     ("kill", "erp"), ("update", "erp", "customer", 0, "vat", "2"), ("run", "erp"),
     ("expect", "erp", "customer", "vat", ["2"])),
    ("inbox_until_push", Setup(["vat"], NEWEST, BOTH),
     ("insert", "crm", "contact", ADA), ("run", "erp"), ("run", "crm"), ("half", "erp", "transport"),
     ("insert", "erp", "customer", ADA), ("half", "erp", "push"), ("delete", "erp", "customer", 0),
     ("half", "erp", "import"), ("expect", "erp", "customer", "vat", [])),
    ("accepts", Setup(["vat"], NEWEST, dict(BOTH, **{"erp.customer": ("vat name city", "iud", "u")})),
     ("insert", "crm", "contact", ADA), ("run", "crm"), ("run", "erp"), ("expect", "erp", "customer", "vat", [])),
    ("backoff", Setup(["vat"], NEWEST, BOTH),
     ("insert", "crm", "contact", ADA), ("refuse", "erp", True), ("run", "crm"), *[("run", "erp")] * 45,
     ("expect", "erp", "customer", "city", ["Rome"])),
    ("conflict_noted", Setup(["vat"], NEWEST, BOTH),
     *LIVE, ("bypass", "erp", "customer", 0, "name", "Bob"), ("update", "crm", "contact", 0, "city", "Ulm"),
     ("run", "crm"), ("run", "erp"), ("run", "erp"), ("expect", "erp", "customer", "city", ["Ulm"])),
    ("cascade_noted", WithOrders(Setup(["vat"], NEWEST, BOTH, deletes="any")),
     ("insert", "crm", "contact", ADA), ("insert", "crm", "sales_order", {"id": "o1", "text": "a"}), ("run", "crm"),
     ("run", "erp"), ("run", "crm"), ("delete", "crm", "contact", 0), ("run", "crm"), ("run", "erp"), ("run", "crm"),
     ("expect", "crm", "sales_order", "id", ["o1"])),
    ("one_snapshot", Setup(["vat"], NEWEST, dict(BOTH, **{"crm.lead": ("vat name city", "ud")}), deletes="any"),
     ("run", "erp"), ("insert", "crm", "contact", {"vat": "3", "name": "Cy"}), ("insert", "crm", "lead", ADA),
     ("run", "crm"), ("run", "erp"), ("update", "erp", "customer", 0, "note", "limit 5"),
     ("update", "erp", "customer", 1, "note", "limit 5"), ("run", "erp"), ("run", "crm"),
     ("update", "crm", "contact", 0, "note", "x"), ("steps", "crm", "read", 1), ("insert", "crm", "contact", ADA),
     ("delete", "crm", "lead", 0), ("steps", "crm", "completed", 1), ("hub", 20), ("run", "erp"), ("run", "crm"),
     ("expect", "erp", "customer", "note", ["limit 5", "limit 5"])),
    ("look_again", Setup(["vat"], NEWEST, BOTH),
     *LIVE, ("other", 2), ("update", "crm", "contact", 0, "city", "Oslo"), ("run", "crm"), ("run", "erp"),
     ("run", "crm"), ("update", "crm", "contact", 0, "city", "Ulm"), ("run", "crm"), ("other", 9), ("run", "erp"),
     ("expect", "erp", "customer", "city", ["Ulm"])),
    ("hub_time", Setup(["vat"], NEWEST, BOTH, complete=("crm", "erp")),
     ("run", "crm"), ("run", "erp"), ("tick", 100_000), ("insert", "crm", "contact", ADA), ("run", "crm"),
     ("tick", -100_000), ("run", "erp"), ("expect", "erp", "customer", "city", ["Rome"])),
    ("derived_first", Setup(["vat"], {"city": "newest"}, BOTH),
     ("insert", "crm", "contact", ADA), ("run", "erp"), ("run", "crm"), Imported("erp"), ("kill", "erp"), ("tick", 5),
     ("update", "erp", "customer", 0, "vat", "2"), ("step", "erp", 60), ("expect", "erp", "customer", "vat", ["2"])),
    ("all_read", Setup(["vat", "name"], NEWEST, THREE),
     ("insert", "crm", "contact", {"vat": "1"}), ("insert", "erp", "customer", {"vat": "1", "name": "Ada"}),
     ("insert", "shop", "client", {"name": "Ada"}), ("run", "crm"), ("run", "shop")),
    ("complete", Setup(["vat"], NEWEST, THREE, complete=("crm", "erp")),
     ("run", "crm"), ("run", "erp"), ("run", "shop"), ("insert", "crm", "contact", ADA), ("run", "crm"),
     ("run", "shop")),
    ("ledger_tells", Setup(["vat"], NEWEST, BOTH),
     ("insert", "crm", "contact", ADA), ("run", "crm"), ("run", "erp"), ("run", "crm"),
     ("update", "crm", "contact", 0, "city", "Bern"), ("run", "crm"), ("steps", "erp", "fetched", 1),
     ("update", "crm", "contact", 0, "city", "Oslo"), ("run", "crm"), ("run", "erp"),
     ("expect", "crm", "contact", "city", ["Oslo"])),
    ("own_deletes", Setup(["vat"], NEWEST, THREE, deletes="any"),
     ("insert", "crm", "contact", ADA), ("run", "crm"), ("run", "erp"), ("run", "shop"), ("run", "erp"),
     ("run", "crm"), ("delete", "crm", "contact", 0), ("run", "crm"), ("update", "shop", "client", 0, "city", "Oslo"),
     ("half", "shop", "push"), ("run", "erp"), ("run", "shop"),
     ("expect", "shop", "client", "city", ["Oslo"])),
    ("edited_since", Setup(["vat"], NEWEST, BOTH, deletes="any"),
     ("insert", "crm", "contact", ADA), ("run", "crm"), ("run", "erp"), ("run", "crm"),
     ("delete", "crm", "contact", 0), ("run", "crm"), ("update", "erp", "customer", 0, "city", "Oslo"),
     ("run", "erp"), ("run", "crm"), ("expect", "erp", "customer", "city", ["Oslo"])),
    ("last_row", Setup(["vat"], NEWEST, BOTH, deletes="any"),
     ("insert", "crm", "contact", ADA), ("insert", "crm", "contact", ADA), ("run", "crm"), ("run", "erp"),
     ("run", "crm"), ("delete", "crm", "contact", 0), ("run", "crm"), ("run", "erp"),
     ("expect", "erp", "customer", "city", ["Rome"])),
    ("no_insert_of_doomed", Setup(["vat"], NEWEST, THREE, deletes="any"),
     ("run", "shop"), ("insert", "crm", "contact", ADA), ("run", "crm"), ("run", "erp"), ("run", "crm"),
     ("delete", "crm", "contact", 0), ("run", "crm"), ("run", "shop"),
     ("expect", "shop", "client", "city", [])),
    ("dead_stay", Setup(["vat"], NEWEST, BOTH),
     ("run", "erp"), ("insert", "crm", "contact", ADA), ("run", "crm"), ("steps", "erp", "fetched", 1),
     ("delete", "crm", "contact", 0), ("run", "crm"), ("run", "erp"), ("run", "crm"),
     ("expect", "crm", "contact", "city", [])),
    ("apart", Setup(["vat", "name"], NEWEST, BOTH),
     *LIVE, ("insert", "crm", "contact", BEA), ("run", "crm"), ("run", "erp"),
     ("run", "crm"), ("update", "crm", "contact", 1, "name", "Ada"), ("run", "crm"), ("run", "erp"), ("run", "crm"),
     ("update", "crm", "contact", 1, "name", "Bea"), ("run", "crm"), ("run", "erp"),
     ("expect", "erp", "customer", "vat", ["1", "2"]), ("expect", "crm", "contact", "vat", ["1", "2"])),
    ("apart", Setup(["vat", "name city"], {"name": "newest", "city": "newest"}, {
        "crm.contact": ("vat name city", ""), "shop.client": ("vat name city", ""),
        "erp.customer": ("vat name city", "iud")}),
     ("insert", "crm", "contact", {"vat": "1", "name": "Ada"}),
     ("insert", "shop", "client", {"vat": "1", "city": "Rome"}),
     ("insert", "erp", "customer", {"name": "Ada", "city": "Rome"}), ("run", "crm"), ("run", "shop"), ("run", "erp"),
     ("expect", "erp", "customer", "city", ["Rome"])),
    ("sticky", Setup(["name"], NEWEST, BOTH),
     ("insert", "crm", "contact", ADA), ("run", "crm"), ("run", "erp"), ("run", "crm"),
     ("update", "crm", "contact", 0, "name", "Bea"), ("run", "crm"), ("run", "erp"),
     ("expect", "erp", "customer", "name", ["Bea"])),
    ("moves", Setup(["vat"], NEWEST, BOTH),
     ("insert", "crm", "contact", ADA), ("insert", "crm", "contact", {"vat": "2", "name": "Bea"}), ("run", "crm"),
     ("run", "erp"), ("run", "crm"), ("update", "crm", "contact", 0, "vat", "2"), ("run", "crm"), ("run", "erp"),
     ("expect", "erp", "customer", "vat", ["1", "2"])),
    ("silent_null", Setup(["vat"], NEWEST, BOTH),
     ("insert", "crm", "contact", ADA), ("run", "crm"), ("steps", "erp", "completed", 1), ("kill", "erp"),
     ("insert", "erp", "customer", {"vat": "1"}), ("run", "erp"), ("expect", "crm", "contact", "city", ["Rome"])),
    ("side_effects", Setup(["vat"], {"city": "newest", "name": "newest"}, dict(BOTH, **{
        "erp.customer": ("vat name city rev", "iud")}), stamps=("erp",)),
     ("insert", "crm", "contact", {"vat": "1", "name": "Ada"}), ("run", "crm"), ("run", "erp"), ("run", "crm"),
     ("expect", "crm", "contact", "city", [None])),
    # Reading a member.
    ("completed_only", Setup(["vat"], NEWEST, dict(BOTH, **{"crm.contact": ("vat name city", "ud")}), deletes="any"),
     ("insert", "crm", "contact", ADA), ("insert", "crm", "contact", {"vat": "2"}), ("run", "erp"), ("run", "crm"),
     ("run", "erp"), ("run", "crm"), ("insert", "erp", "customer", ADA), ("delete", "erp", "customer", 0),
     ("delete", "erp", "customer", 0), ("steps", "erp", "read", 2), ("hub", 9), ("run", "crm"),
     ("expect", "crm", "contact", "vat", ["1"])),
    ("acknowledge_last", Setup(["vat"], NEWEST, BOTH),
     ("run", "crm"), ("insert", "crm", "contact", ADA), ("half", "crm", "push"), ("run", "erp"),
     ("update", "crm", "contact", 0, "city", "Oslo"), ("step", "crm", 20), ("hub", 3), ("kill_server",),
     ("run", "erp"), ("expect", "erp", "customer", "city", ["Oslo"])),
    ("one_before", Setup(["vat"], NEWEST, BOTH),
     ("run", "crm"), ("run", "erp"), ("insert", "crm", "contact", ADA), ("step", "crm", 60), ("hub", 3),
     ("kill_server",), ("run", "erp"), ("expect", "erp", "customer", "city", ["Rome"])),
    # After a restore.
    ("salt", Setup(["vat"], NEWEST, BOTH),
     ("backup", "mirror:crm"), ("steps", "crm", "completed", 1), ("insert", "crm", "contact", ADA), ("run", "erp"),
     ("restore", "mirror:crm"), ("run", "crm"), ("now", "crm", "contact", "city", ["Rome"])),
    ("random_ids", Setup(["vat"], NEWEST, BOTH, retention=10_000, insert=True),
     ("run", "crm"), ("run", "erp"), ("backup", "hub"), ("insert", "crm", "contact", ADA), ("run", "crm"),
     ("run", "erp"), ("restore", "hub"), ("insert", "crm", "contact", {"vat": "2"}),
     ("expect", "erp", "customer", "vat", ["1", "2"])),
    ("anchors", Setup(["vat"], NEWEST, BOTH),
     ("run", "crm"), ("backup", "hub"), ("insert", "crm", "contact", ADA), ("run", "crm"), ("restore", "hub")),
    ("agreed_cycles", Setup(["vat"], NEWEST, BOTH, deletes="any", heal={"crm": "theirs"}),
     ("backup", "source:crm"), ("insert", "crm", "contact", ADA), ("run", "crm"), ("run", "erp"), ("run", "crm"),
     ("restore", "source:crm"), ("run", "crm"), ("run", "erp"), ("expect", "erp", "customer", "city", ["Rome"])),
    ("no_wish", Setup(["vat"], NEWEST, BOTH, deletes="any", heal={"crm": "theirs"}),
     ("backup", "source:crm"), ("insert", "crm", "contact", ADA), ("run", "crm"), ("run", "erp"), ("run", "crm"),
     ("restore", "source:crm"), ("run", "crm"), ("run", "erp"), ("expect", "erp", "customer", "city", ["Rome"])),
    ("undeleted", Setup(["name"], NEWEST, BOTH, deletes="any", heal={"crm": "ours"}),
     *LIVE, ("backup", "source:crm"), ("update", "crm", "contact", 0, "name", "Bea"), ("run", "crm"), ("run", "erp"),
     ("run", "crm"), ("delete", "crm", "contact", 0), ("run", "crm"), ("restore", "source:crm"), ("run", "crm"),
     ("run", "erp"), ("expect", "erp", "customer", "name", ["Bea"])),
    ("all_wait", Setup(["vat"], NEWEST, BOTH, deletes="any", heal={"crm": "theirs"}),
     ("insert", "crm", "contact", ADA), ("run", "crm"), ("run", "erp"), ("run", "crm"), ("backup", "source:crm"),
     ("delete", "crm", "contact", 0), ("run", "crm"), ("restore", "source:crm"), ("run", "crm"), ("run", "erp"),
     ("expect", "erp", "customer", "city", ["Rome"])),
    ("others_go_on", Setup(["vat"], NEWEST, UPDATES, heal={"crm": "theirs"}),
     ("insert", "crm", "contact", ADA), ("insert", "erp", "customer", {"vat": "2", "city": "Rome"}),
     ("insert", "shop", "client", {"vat": "2", "city": "Rome"}), ("run", "crm"), ("run", "erp"), ("run", "shop"),
     ("backup", "source:crm"), ("update", "crm", "contact", 0, "city", "Bern"), ("run", "crm"),
     ("restore", "source:crm"), ("run", "crm"), ("update", "erp", "customer", 0, "city", "Oslo"), ("run", "erp"),
     ("run", "shop"), ("now", "shop", "client", "city", ["Oslo"])),
    ("lost_held", Setup(["vat"], NEWEST, dict(BOTH, **{"crm.contact": ("vat name city", "")})),
     *LIVE, ("update", "erp", "customer", 0, "city", "Oslo"), ("run", "erp"), ("run", "crm"), ("lose_hub",),
     ("run", "crm"), ("run", "erp"), ("operator",), ("run", "crm"), ("run", "erp"), ("operator",), ("run", "erp"),
     ("now", "erp", "customer", "city", ["Oslo"])),
    ("not_spread", Setup(["vat"], NEWEST, BOTH, heal={"crm": "ours"}),
     ("insert", "crm", "contact", ADA), ("run", "crm"), ("run", "erp"), ("run", "crm"), ("backup", "source:crm"),
     ("delete", "erp", "customer", 0), ("run", "erp"), ("delete", "crm", "contact", 0), ("run", "crm"),
     ("restore", "source:crm"), ("run", "crm"), ("expect", "erp", "customer", "city", [])),
    ("former", Setup(["name"], NEWEST, BOTH, heal={"erp": "ours"}),
     ("insert", "crm", "contact", ADA), ("run", "crm"), ("run", "erp"), ("run", "crm"), ("backup", "source:erp"),
     ("update", "crm", "contact", 0, "name", "Bea"), ("run", "crm"), ("run", "erp"), ("restore", "source:erp"),
     ("expect", "erp", "customer", "name", ["Bea"])),
    ("in_doubt", Setup(["vat"], NEWEST, BOTH, heal={"erp": "ours"}),
     ("insert", "erp", "customer", ADA), ("backup", "source:erp"), ("update", "erp", "customer", 0, "vat", "3"),
     ("run", "erp"), ("run", "crm"), ("run", "erp"), ("restore", "source:erp"), ("run", "erp"),
     ("expect", "erp", "customer", "vat", ["1"])),
    # What a value is, and which rows are one.
    ("took", Setup(["vat"], NEWEST, BOTH, formats={"erp": "upper"}),
     ("insert", "crm", "contact", ADA), ("run", "crm"), ("run", "erp"),
     ("expect", "crm", "contact", "city", ["Rome"])),
    ("own", Setup(["vat"], {"vat": "newest", "city": ["erp", "crm"]}, BOTH),
     ("insert", "crm", "contact", ADA), ("run", "crm"), ("run", "erp"), ("run", "crm"),
     ("update", "crm", "contact", 0, "city", "Oslo"), ("expect", "erp", "customer", "city", ["Oslo"])),
    ("later_than_seen", Setup(["vat"], NEWEST, BOTH, changed="changed", skew={"crm": -200}),
     ("tick", 300), ("insert", "erp", "customer", ADA), ("run", "erp"), ("run", "crm"), ("run", "erp"),
     ("update", "crm", "contact", 0, "city", "Oslo"), ("expect", "erp", "customer", "city", ["Oslo"])),
    ("clearing", Setup(["vat"], NEWEST, BOTH),
     ("insert", "crm", "contact", ADA), ("run", "crm"), ("run", "erp"), ("run", "crm"),
     ("update", "erp", "customer", 0, "city", None), ("expect", "crm", "contact", "city", [None])),
    ("origin", Setup(["name city"], NEWEST, {"crm.contact": ("name city", "iud"), "erp.customer": ("name", "iud")}),
     ("insert", "crm", "contact", ADA)),
    ("each_made", Setup(["vat"], NEWEST, BOTH, retention=10_000),
     ("run", "erp"), ("insert", "crm", "contact", ADA), ("insert", "crm", "contact", BEA), ("run", "crm"),
     Imported("erp"), ("delete", "erp", "customer", 0), ("run", "erp"), ("expect", "erp", "customer", "vat", ["2"]),
     ("expect", "crm", "contact", "vat", ["1", "2"])),
    ("each_made", Setup(["vat"], NEWEST, BOTH, retention=10_000),
     ("run", "erp"), ("insert", "crm", "contact", ADA), ("run", "crm"), ("backup", "hub"), ("run", "erp"),
     ("delete", "erp", "customer", 0), ("insert", "crm", "contact", BEA), ("run", "crm"), ("run", "erp"),
     ("restore", "hub")),
    ("each_made", Setup(["vat"], NEWEST, BOTH, retention=10_000),
     ("insert", "erp", "customer", {"vat": "3", "name": "Cy"}), ("run", "erp"), ("run", "crm"),
     ("insert", "crm", "contact", ADA), ("half", "crm", "push"), ("backup", "hub"),
     ("delete", "erp", "customer", 0), ("run", "erp"), ("delete", "erp", "customer", 0), ("run", "erp"),
     ("restore", "hub")),
    ("each_made", WithOrders(Setup(["vat"], NEWEST, BOTH, deletes="any")),
     *LIVE, ("delete", "crm", "contact", 0), ("insert", "crm", "sales_order", {"id": "o1", "text": "a"}),
     ("run", "crm"), ("run", "erp"), ("run", "crm"), ("expect", "crm", "sales_order", "id", ["o1"])),
    ("made_anew", Setup(["vat"], NEWEST, BOTH),
     ("insert", "crm", "contact", ADA), ("run", "crm"), ("run", "erp"), ("run", "crm"),
     ("reinsert", "crm", "contact", 0, {"vat": "2", "name": "Bea"}),
     ("expect", "erp", "customer", "vat", ["1", "2"])),
    ("mapped_later", Setup(["vat"], {"vat": "newest", "name": "newest"}, {
        "crm.contact": ("vat name", "iud"), "erp.customer": ("vat name", "iud")}),
     ("insert", "crm", "contact", {"vat": "1", "name": "Ada"}), ("run", "crm"), ("run", "erp"),
     ("update", "crm", "contact", 0, "note", "call"), ("run", "crm"), ("run", "erp"), ("map", "note"), ("run", "crm"),
     ("run", "erp"), ("expect", "crm", "contact", "note", ["call"]), ("expect", "erp", "customer", "note", ["call"])),
    ("compared", Setup(["vat"], NEWEST, BOTH),
     *LIVE, ("reinsert", "crm", "contact", 0, {"vat": "2", "name": "Bea"}), ("invalidate", "crm", "contact"),
     ("run", "crm"), ("run", "erp"), ("now", "erp", "customer", "vat", ["1"])),
    ("had", Setup(["vat"], NEWEST, BOTH),
     ("insert", "crm", "contact", ADA), ("run", "crm"), ("run", "erp"), ("run", "crm"),
     ("delete", "erp", "customer", 0), ("expect", "erp", "customer", "vat", [])),
    ("gone_known", Setup(["vat"], NEWEST, BOTH, deletes="any"),
     ("insert", "crm", "contact", ADA), ("insert", "erp", "customer", ADA), ("run", "crm"),
     ("delete", "crm", "contact", 0), ("run", "crm"), ("run", "erp"), ("expect", "crm", "contact", "vat", [])),
    ("identified", Setup(["vat"], NEWEST, BOTH, heal={"erp": "ours"}),
     ("backup", "source:erp"), ("insert", "crm", "contact", {"name": "Ada"}), ("run", "crm"), ("run", "erp"),
     ("restore", "source:erp"), ("expect", "erp", "customer", "vat", [])),
    ("freeze", Setup(["vat"], {"city": ["crm", "erp"]}, BOTH, jobs={"erp": "upper"}, freeze_after=4),
     ("insert", "crm", "contact", ADA)),
]

# --- Commands ------------------------------------------------------------------------------------------------


def CommandRun(args):
    began, total = time.time(), 0
    kinds = [args.kind] if args.kind else list(KINDS)
    for seed in range(args.seed, args.seed + args.histories):
        for kind in kinds:
            config, actions = RandomHistory(seed, kind)
            total += 1
            violation = Play(config, actions, Rules(), local=args.local)
            if violation is not None:
                print(f"seed {seed} kind {kind}: {violation}")
                if not args.raw:
                    config, actions = Shrink(config, actions, Rules(), violation)
                    print(Describe(config, actions))
                    print("  ->", Play(config, actions, Rules()))
                    if args.trace:
                        Play(config, actions, Rules(), trace=True)
                return 1
        if total % 2000 < len(kinds) and total >= 2000:
            print(f"{total} histories, {time.time() - began:.0f} s", flush=True)
    print(f"{total} histories hold, {time.time() - began:.0f} s")
    return 0


def CommandRules(args):
    missing = []
    for name in [args.only] if args.only else NAMES:
        rules = dataclasses.replace(Rules(), **{name: False})
        found, best, count = None, None, 0
        began = time.time()
        for seed in range(args.seed, args.seed + args.histories):
            for kind in [args.kind] if args.kind else KINDS:
                config, actions = RandomHistory(seed, kind)
                count += 1
                violation = Play(config, actions, rules)
                if violation is not None and Play(config, actions, Rules()) is None:
                    found = (seed, kind, violation)
                    small = Shrink(config, actions, rules, violation)
                    if best is None or len(small[1]) < len(best[1]):
                        best = small
                    break
            if best is not None and (len(best[1]) <= 6 or time.time() - began > args.seconds):
                break
            if time.time() - began > args.seconds * 3:
                break
        if best is None:
            print(f"## {name}: no failing history in {count}\n", flush=True)
            missing.append(name)
            continue
        config, actions = best
        print(f"## without {name} (found in {count} histories)")
        print(Describe(config, actions))
        print("  ->", Play(config, actions, rules))
        print(AsScenario(name, config, actions), "\n", flush=True)
    if missing:
        print("not shown to be needed:", ", ".join(missing))
    return 0


def CommandScenarios(args):
    bad = 0
    for rule, config, *actions in SCENARIOS:
        with_it = Play(config, actions, Rules())
        without = Play(config, actions, dataclasses.replace(Rules(), **{rule: False}))
        if with_it is not None or without is None:
            bad += 1
        print(f"{rule:18} {'holds' if with_it is None else 'FAILS: ' + with_it}; without it: {without}")
    missing = [name for name in NAMES if name not in {s[0] for s in SCENARIOS}]
    if missing:
        print("no scenario:", ", ".join(missing))
    return 1 if bad or missing else 0


def CommandTrace(args):
    """For tests/exchange/replay.cc."""
    tracer = Tracer()
    histories = [(f"scenario {rule}", config, actions) for rule, config, *actions in SCENARIOS]
    for seed in range(args.seed, args.seed + args.histories):
        histories += [(f"seed {seed} kind {k}", *RandomHistory(seed, k)) for k in ([args.kind] if args.kind else KINDS)]
    for name, config, actions in histories[0 if args.seed == 1 else len(SCENARIOS):]:
        tracer.Event("history", name=name)
        violation = Play(config, actions, Rules(), tracer=tracer)
        if violation is not None:
            print(f"{name}: {violation}", file=sys.stderr)
            return 1
    return 0


def CommandShow(args):
    rules = Rules()
    if args.without:
        rules = dataclasses.replace(rules, **{args.without: False})
    config, actions = RandomHistory(args.seed, args.kind or "plain")
    violation = Play(config, actions, rules)
    if violation is not None and not args.raw:
        config, actions = Shrink(config, actions, rules, violation)
    print(Describe(config, actions))
    Play(config, actions, rules, trace=True)
    return 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("scenarios")
    run = commands.add_parser("run")
    rules = commands.add_parser("rules")
    show = commands.add_parser("show")
    trace = commands.add_parser("trace")
    for p in (run, rules, trace):
        p.add_argument("--histories", type=int, default=1000)
        p.add_argument("--seed", type=int, default=1)
    for p in (run, rules, show, trace):
        p.add_argument("--kind", choices=list(KINDS))
        p.add_argument("--raw", action="store_true")
        p.add_argument("--trace", action="store_true")
    run.add_argument("--local", action="store_true", help="check what a derivation changes, too")
    rules.add_argument("--only", choices=NAMES)
    rules.add_argument("--seconds", type=float, default=60)
    show.add_argument("seed", type=int)
    show.add_argument("--without", choices=NAMES)
    args = parser.parse_args()
    return {"run": CommandRun, "rules": CommandRules, "show": CommandShow, "trace": CommandTrace,
            "scenarios": CommandScenarios}[args.command](args)


if __name__ == "__main__":
    sys.exit(main())
