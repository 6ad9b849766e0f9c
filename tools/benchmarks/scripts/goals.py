"""Every line that tools/bench measures: what is done, against what, and the goal."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Line:
    name: str
    group: str  # Lines of one group are measured together, in one module.
    work: str
    reference: str  # What the figure is a ratio to, or what it is compared with.
    goal: float | None = None  # None: shown, but nothing was promised.
    at_most: bool = False  # The goal is an upper limit.
    unit: str = "x"  # "x": a ratio of rates in the same round, else the unit of the figure itself.
    rate: str = "rows/s"  # What rows_per_s and reference_per_s count.
    store: str = "sqlite"  # What keeps the mirrors; "KIND-source": SQLite, of rows that come from there.

    def met(self, figure):
        if self.goal is None:
            return None
        return figure <= self.goal if self.at_most else figure >= self.goal

    def goal_text(self):
        if self.goal is None:
            return "-"
        return f"{'<=' if self.at_most else '>='} {self.goal:g}{'' if self.unit == 'x' else ' ' + self.unit}"


AGAINST = "against"  # The group of the lines that need another build.
RAW = "raw prepared INSERT, A(1)"
TRIGGERS = "the same writes without the change log"


def _bulk():
    group = "bulk"
    yield Line("first-population", group, "first population of a new mirror, until ReplicationCompleted", RAW, 2.0)
    yield Line("repopulation", group, "population of a table in use", RAW, 1.45)
    yield Line("repopulation-in-process", group, "population of a table in use", "the same apply in process", 0.9)
    yield Line("upsert", group, "upsert of existing rows", "raw prepared upsert", 1.55)
    yield Line("update", group, "update of 2 columns, one integer key, ascending", "raw prepared UPDATE", 1.25)
    yield Line("delete", group, "delete, one integer key, ascending", "raw prepared DELETE", 1.1)


def _keys():
    for kind, words in (("composite", "composite key, ascending"), ("spread", "keys of a batch spread over the table")):
        yield Line(f"update-{kind}", kind, f"update of 2 columns, {words}", "raw prepared UPDATE", 0.95)
        yield Line(f"delete-{kind}", kind, f"delete, {words}", "raw prepared DELETE", 0.95)
    yield Line(
        "random-order",
        "random",
        "upsert of 10 % of the rows in random order",
        "raw prepared upsert in the order of arrival",
        5.0,
    )


def _peers():
    yield Line("sqlite-import", "import", "population of a table in use", "sqlite3 .import of CSV", 3.0)
    changesets = "sqlite3changeset_apply"
    yield Line("changeset-insert", "changesets", "rows inserted into a table in use", f"{changesets}, inserts", 4.0)
    yield Line("changeset-update", "changesets", "upsert of existing rows", f"{changesets}, updates", 4.0)
    postgres = "PostgreSQL logical replication"
    yield Line("postgres-insert", "postgres", "rows inserted into a table in use", f"{postgres}, streamed", 10.0)
    yield Line("postgres-update", "postgres", "upsert of existing rows", f"{postgres}, streamed", 15.0)
    yield Line("postgres-copy", "postgres", "population of a table in use", f"{postgres}, initial copy", 3.0)
    mariadb = "MariaDB row replication"
    yield Line("mariadb-insert", "mariadb", "rows inserted into a table in use", mariadb, 6.0)
    yield Line("mariadb-update", "mariadb", "upsert of existing rows", mariadb, 6.0)


def _small():
    yield Line(
        "push-p50", "pushes", "one-row push, p50, minus the reference", "fdatasync of 4 KB, p50", 150, True, "us", "us"
    )
    echo = "the same gRPC and TLS, 12 KB written and synced, p50"
    yield Line("push-echo", "pushes", "time of a one-row push, p50", echo, 1.6, True, "x", "us")
    yield Line("push-stream-echo", "pushes", "the same over one open stream", f"{echo}, over one stream", 1.6, True, "x", "us")
    yield Line("push-p99", "pushes", "one-row push, p99", "its own p50", 2.0, True, "x", "us")
    yield Line("quiet-cycle", "quiet", "cycle without changes, 413 tables, p50", "-", 20, True, "ms", "cycles/s")
    yield Line(
        "small-cycles", "tenants", "cycles of 10 rows in turn over open tenants", "one tenant", 0.9, rate="cycles/s"
    )
    yield Line(
        "small-calls", "calls", "calls of 10 rows, 4 at a time, over open tenants", "one tenant", 0.9, rate="calls/s"
    )
    yield Line("server-memory", "memory", "server's peak memory in bulk work (VmHWM)", "-", 64, True, "MB")
    yield Line("idle-tenant", "tenants", "memory of an open tenant that does nothing", "-", 0.15, True, "MB")
    yield Line(
        "tenants-10000", "fleet", "a cycle of 10 rows for each of many tenants, p99", "-", None, True, "ms", "calls/s"
    )
    yield Line(
        "start-after-kill",
        "start",
        "time until ready after a kill with 1,000 open mirrors",
        "the same after an ordinary end",
        10,
        True,
        rate="ms",
    )
    yield Line("digest-scan", "digest", "DigestRanges over all rows of a table", RAW, 1.2)


def _agent():
    yield Line("agent-reader", "reader", "agent's reader, 12 columns, nothing sent", RAW, 1.8)
    yield Line("agent-population", "reader", "mirror-agent once, first population of a new mirror", RAW, 1.15)
    yield Line("agent-memory", "reader", "agent's peak memory in that population (VmHWM)", "-", None, True, "MB")
    for name, words in (("appended", "appended rows"), ("range", "updates of a range"), ("random", "random updates")):
        yield Line(f"catch-up-{name}", "catch-up", f"mirror-agent once, logged changes: {words}", RAW, 0.35)
    for name, words, limit in (
        ("insert", "inserts", 2.0),
        ("delete", "deletes", 2.0),
        ("random-update", "updates in random order", 2.0),
        ("single-update", "updates, a transaction each", 2.0),
        ("bulk-update", "updates in key order", 3.0),
    ):
        yield Line(
            f"triggers-{name}", "triggers", f"time of {words} at a source with its change log", TRIGGERS, limit, True
        )


def _receipts():
    group, without = "receipts", "the same without receipts"
    yield Line("receipts-population", group, "first population of a new mirror, with receipts", without, 0.9)
    yield Line("receipts-upsert", group, "upsert of existing rows, with receipts", without, 0.9)
    yield Line("receipts-push", group, "time of a one-row push with receipts, p50", without, 1.1, True, "x", "us")


def _history():
    """Ratios of times, so less is better."""
    group, without = "history", "the same without"
    population = "first population of a new mirror"
    again = "population of a table in use, 1 % of the rows changed"
    yield Line("journal-population", group, f"time of a {population}, with a journal", without, 1.1, True)
    yield Line("journal-upsert", group, "time of an upsert of existing rows, with a journal", without, 1.1, True)
    yield Line("journal-push", group, "time of a one-row push with a journal, p50", without, 1.1, True, "x", "us")
    yield Line("history-upsert", group, "time of an upsert of existing rows, with a history", without, 2.2, True)
    yield Line("history-repopulation", group, f"time of a {again}, with a history", without, 1.3, True)
    yield Line("history-push", group, "time of a one-row push with a history, p50", without, 1.25, True, "x", "us")
    before = "time of reading a table as it was before all its rows changed"
    yield Line("history-as-of", "history-as-of", before, "reading it as it is", 8.0, True)


def _explain():
    words = "who wrote a row, when 10 M later changes of other rows are in 2,000 journal entries, p50"
    yield Line("journal-explain", "journal-explain", words, "-", 50, True, "ms")


def _sources():
    yield Line("synthetic-unchanged", "synthetic", "mirror-agent once without a change log, no row changed", RAW, 0.6)
    yield Line("synthetic-memory", "synthetic", "agent's peak memory in that (VmHWM)", "-", 300, True, "MB")
    yield Line("csv-population", "csv", "mirror-agent once, first population from a CSV file", RAW, 0.8)
    yield Line("csv-import", "csv", "the same", "sqlite3 .import of the same file", 2.0)
    yield Line("csv-one-row", "csv", "one changed row of a CSV file found and sent", "-", 2, True, "s")


def _records():
    group, files = "records", "records-files"
    raw = "raw INSERT, a transaction each"
    yield Line("records-upsert", group, "durable upserts over HTTP, one connection", raw, 0.8, rate="upserts/s")
    yield Line("records-upsert-64", group, "the same over 64 connections", "one connection", 5.0, rate="upserts/s")
    yield Line("records-import", files, "time of an import job of a CSV file", "mirror-agent once of that file", 3.0, True)
    yield Line("records-stream", files, "a table as lines of JSON, on loopback", "-", 200, False, "k rows/s")


def _exchange():
    group, of = "exchange", "golden records of three members"
    yield Line("exchange-derivation", group, f"first derivation of 100,000 {of}", "-", 60, True, "s")
    yield Line("exchange-memory", group, "the server's peak memory in that (VmHWM)", "-", None, True, "MB")
    yield Line("exchange-one-row", group, f"one changed row among 100,000 {of}, from its cycle's end, p50", "-", 10, True, "ms")
    yield Line("exchange-one-row-1000", group, "the same among 1,000", "-", 10, True, "ms")
    yield Line("exchange-cycles", group, "cycles of each agent until a change is in the other systems", "-", 1, True, "cycles")


def _against():
    """Left out of every run that names no other build."""
    group, other = AGAINST, "the server of '--against'"
    work, whole = "cycles of one row, two clients", "server and source of '--against'"
    yield Line("small-cycle-before", group, work, whole, 1.5, rate="cycles/s")
    yield Line(
        "small-cycle-before-slow-disk", group, f"{work}, each sync 1 ms longer", whole, 2.0, rate="cycles/s"
    )
    yield Line("small-cycle-before-server", group, f"{work}, both with this build's source", other, None, rate="cycles/s")
    yield Line("push-p99-before", group, "time of a one-row push, p99", other, 1.1, True, "x", "us")


def _everything():
    group, agent = "everything", "mirror-agent once, everything on:"
    yield Line("everything-population", group, f"{agent} first population of a new mirror", RAW)
    yield Line("everything-repopulation", group, f"{agent} population of a table in use", RAW)
    yield Line("everything-update", group, f"{agent} logged updates of 2 columns of all rows", "raw prepared UPDATE")
    yield Line("everything-delete", group, f"{agent} logged deletes of a fifth of the rows", "raw prepared DELETE")


def _postgres():
    copy, rewrite = "COPY BINARY in process, table with its key", "COPY BINARY of all rows"
    for line in (
        Line("pg-population", "pg-bulk", "first population of a table", copy, 0.9),
        Line("pg-repopulation", "pg-bulk", "population of a table in use, 1 % of the rows changed", copy, 0.35),
        Line("pg-repopulation-log", "pg-bulk", "bytes of PostgreSQL's log for that", rewrite, 1.5, True, "x", "MB"),
        Line("pg-upsert", "pg-bulk", "upsert of existing rows", "DELETE = ANY and COPY BINARY in process", 0.9),
        Line("pg-digest", "pg-bulk", "DigestRanges over all rows of a table", "-", 1.0, False, "M rows/s"),
        Line("pg-logical-insert", "pg-logical", "rows inserted into a table in use", "its logical replication", 3.0),
        Line("pg-logical-update", "pg-logical", "upsert of existing rows", "its logical replication", 3.0),
        Line(
            "pg-push-p50",
            "pg-pushes",
            "one-row push, p50, minus the reference",
            "a commit's flush, plus SQLite's push minus its sync",
            200,
            True,
            "us",
            "us",
        ),
        Line(
            "pg-servers",
            "pg-servers",
            "cycles of 10 rows in turn over open tenants, at two servers on one processor",
            "one server on that processor",
            0.9,
            rate="cycles/s",
        ),
        *(dataclasses.replace(line, name=f"pg-{line.name}", group=f"pg-{line.group}") for line in _history()),
    ):
        yield dataclasses.replace(line, store="postgres")


def _followed(kind, words):
    group, change = f"live-{kind}", f"a change in a followed {words} source"
    work = f"{change}, from its commit until a reader of the mirror sees it, p50, minus 3 of the reference"
    quiet = f"processor time of agent and server for a quiet followed {words} source"
    yield Line(group, group, work, "fdatasync of 4 KB, p50", 8, True, "ms", "ms")
    yield Line(f"{group}-p99", group, f"{change}, the same, p99", "its own p50", 4, True, "x", "ms")
    yield Line(f"{group}-syncs", group, f"syncs of agent and server for {change}", "-", 3, True, "syncs")
    yield Line(f"{group}-idle", group, quiet, "-", 0.1, True, "s/min")


def _live():
    yield from _followed("sqlite", "SQLite")
    yield from _followed("postgres", "PostgreSQL")
    subscription = "PostgreSQL's subscription to the same table, synced"
    work = "a change in a followed PostgreSQL source, from its commit until a reader of the mirror sees it, p50"
    yield Line("live-ratio", "live-postgres", work, subscription, 3.0, True, "x", "ms")
    yield from _followed("mariadb", "MariaDB")


def _database_sources():
    for store, lines in (
        ("postgres-source", _from_postgres()),
        ("mariadb-source", _from_mariadb()),
        ("odbc-source", _by_odbc()),
        ("live-source", _live()),
    ):
        for line in lines:
            yield dataclasses.replace(line, store=store)


def _from_mariadb():
    group, client = "mariadb-log", "mariadb-binlog -v of the same binlog, from the server"
    yield Line("mariadb-decode", group, "MariaDB's binlog decoded, updates in transactions of 5,000", client, 1.0)
    yield Line("mariadb-stage", group, "the same written into the agent's stage, synced", client, 0.5)


def _by_odbc():
    for name, words in (("postgres", "PostgreSQL"), ("mariadb", "MariaDB"), ("sqlite", "SQLite")):
        yield Line(
            f"odbc-{name}",
            f"odbc-{name}",
            f"all rows of a table in {words}, read by the agent's ODBC reader",
            "bare SQLFetch of the same columns as texts",
            0.9,
        )


def _from_postgres():
    yield Line("source-read", "source-read", "all rows of a PostgreSQL table, read by the agent's reader", "COPY TO in text", 0.7)
    client = "pg_recvlogical of the same log"
    yield Line("source-decode", "source-log", "PostgreSQL's log decoded, updates in transactions of 5,000", f"{client}, into nothing", 0.9)
    yield Line("source-stage", "source-log", "the same written into the agent's stage, synced", f"{client}, into a file", 0.6)
    yield Line(
        "source-changes",
        "source-changes",
        "updates of a PostgreSQL source, until they are in a mirror in SQLite, the updates' own time included",
        "its logical replication into PostgreSQL",
        3.0,
    )
    yield Line(
        "source-catch-up",
        "source-changes",
        "updates that are in the source's log, until they are in a mirror in SQLite",
        "its logical replication into PostgreSQL, enabled after them",
        3.0,
    )
    yield Line("source-memory", "source-changes", "the agent's peak memory for that", "-", 300, True, "MB")
    yield Line(
        "source-transaction-memory",
        "source-transaction",
        "the agent's peak memory for one transaction of 5 M rows",
        "-",
        300,
        True,
        "MB",
    )
    yield Line(
        "source-idle", "source-idle", "'mirror-agent once', 413 PostgreSQL tables without a change", "-", None, True, "ms"
    )


STORES = ("sqlite", "postgres")
SOURCES = ("postgres", "mariadb", "odbc", "live")  # Their lines are of the store "KIND-source".
LINES = [
    *_bulk(),
    *_keys(),
    *_peers(),
    *_small(),
    *_agent(),
    *_receipts(),
    *_history(),
    *_explain(),
    *_records(),
    *_sources(),
    *_everything(),
    *_exchange(),
    *_against(),
    *_postgres(),
    *_database_sources(),
]
MICRO = "micro"  # Not a line: google-benchmark's own figures of the pure parts.


def select(name):
    """The lines that `--only NAME` means: a line, a group, or all whose name begins with it."""
    return [line for line in LINES if name in (line.name, line.group)] or [
        line for line in LINES if line.name.startswith(name + "-")
    ]
