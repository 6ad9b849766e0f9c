"""What happens while the server or the agent is killed, or the disk fails: ordinary days of a mirror."""

import dataclasses
import signal
import time
from typing import Callable

TABLES = """
CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT, age INTEGER, photo BLOB);
CREATE TABLE visits (room TEXT, number INTEGER, note TEXT, PRIMARY KEY (room, number));
CREATE TABLE log (line TEXT);
CREATE TABLE large (id INTEGER PRIMARY KEY, name TEXT);
"""


def rows(table, values, first, last):
    return (
        f"WITH RECURSIVE n(i) AS (SELECT {first} UNION ALL SELECT i + 1 FROM n WHERE i < {last}) "
        f"INSERT INTO {table} SELECT {values} FROM n;"
    )


FILL = (
    rows("people", "i, 'name ' || i, i % 90, CASE i % 3 WHEN 0 THEN zeroblob(i % 500) END", 1, 400)
    + rows("visits", "'room ' || i % 9, i, 'note ' || i", 1, 300)
    + rows("log", "'line ' || i", 1, 40)
    + rows("large", "i, 'x'", 1, 1500)
)
CHANGES = (
    "UPDATE people SET name = name || '!' WHERE id % 5 = 0; DELETE FROM people WHERE id % 7 = 0;"
    + rows("people", "NULL, 'new ' || i, i, NULL", 1, 60)
    + "UPDATE visits SET number = number + 1000 WHERE number % 11 = 0; UPDATE log SET line = line || '.';"
)
SCHEMA = (
    "ALTER TABLE people ADD COLUMN city TEXT DEFAULT 'Oslo'; CREATE TABLE extra (k TEXT PRIMARY KEY, v);"
    "INSERT INTO extra VALUES ('a', 1), ('b', 2.5); ALTER TABLE visits RENAME COLUMN note TO remark;"
    "DROP TABLE log;"
)
MANY_DELETES = "DELETE FROM large WHERE id <= 1200;"


@dataclasses.dataclass(frozen=True)
class Scenario:
    name: str
    act: Callable  # With the place; errors of the programs are the scenario's own, not this function's.
    fresh: bool = False  # It begins without a mirror.
    starts: bool = False  # The faults are there already while the server starts.
    points: tuple = ()  # More points than those that every commit passes.
    in_postgres: tuple | None = None  # The same there, where they are others.
    prepare: Callable | None = None  # Before the faults, with a mirror that no server has open.
    is_alone: bool = False  # Its own points alone are died at.


def once(place, *more):
    return place.agent("once", *more)


def population(place):
    once(place)


def changes(place):
    place.sql(CHANGES)
    once(place)


def repopulation(place):
    place.sql("UPDATE people SET age = age + 1;")
    once(place, "--repopulate")


def schema(place):
    place.sql(SCHEMA)
    once(place)


def minus_one(place):
    place.ctl("invalidate", "Cust", "--table", "people", "visits")
    place.sql(CHANGES)
    once(place)


def hold(place):
    place.sql(MANY_DELETES)
    once(place)
    holds = place.ctl("hold", "list", "Cust").stdout.splitlines()[1:]
    for line in holds:
        place.ctl("hold", "commit", line.split()[0])
    once(place)


def backup(place):
    place.ctl("backup", "Cust", str(place.folder / "backup.db"), "--drill")
    place.sql(CHANGES)
    once(place)


def restore(place):
    place.ctl("backup", "Cust", str(place.folder / "backup.db"))
    place.sql(CHANGES)
    once(place)
    place.ctl("restore", "Cust", str(place.folder / "backup.db"), "--confirm", "Cust")
    once(place)


def repair(place):
    if place.has_mirror() and place.server is not None:
        place.damaged = True
        place.by_hand("DELETE FROM people WHERE id = 3", "UPDATE visits SET note = 0 WHERE number = 4")
    place.agent("verify", "--repair")


def admin(place):
    place.pauses = True
    place.ctl("pause", "Cust", "--reason", "torture")
    place.ctl("resume", "Cust")
    place.ctl("reset", "Cust", "--table", "people")
    once(place)
    place.ctl("verify", "Cust")
    once(place)


def reset(place):
    place.ctl("reset", "Cust", "--all", "--confirm", "Cust")
    once(place)


def rebuild(place):
    """The mirror is damaged, and what is left of it is set aside."""
    place.rebuilds = True
    if place.server is not None:
        place.by_hand("DROP TABLE _mirror_state CASCADE")
    reset(place)


def deletion(place):
    place.deletes = True
    place.ctl("delete", "Cust", "--confirm", "Cust")
    place.ctl("allow", "Cust")
    once(place)


def indexes(place):
    """They are made when the cycle is over, by and by."""
    place.sql(CHANGES, "CREATE INDEX people_age ON people (age);")
    once(place)
    for _ in range(100):
        if place.server is None or place.server.poll() is not None:
            return
        time.sleep(0.02)


def leave_log(place):
    """Of a cycle that a kill came behind: a population empties its own."""
    place.start()
    place.sql("UPDATE people SET age = age + 2 WHERE id = 1;")
    once(place)
    place.kill()


def start_and_stop(place):
    """Shutdown with a cycle's remains, and the start after it."""
    place.sql(CHANGES)
    once(place, "--repopulate")
    if place.server is not None and place.server.poll() is None:
        place.server.send_signal(signal.SIGTERM)
        place.server.wait(40)


def erasure(place):
    """Of what is kept of a row that its source deleted."""
    place.sql("DELETE FROM people WHERE id = 5;")
    once(place)
    place.memory.erased.add(("people", ((int, 5),)))
    place.ctl("erase", "Cust", "people", "5", "--now")
    once(place)


def make_versions(place):
    """Of rows, with moments that are older than they are kept."""
    place.start()
    place.sql(CHANGES)
    once(place)
    place.kill()
    place.age()


def write_unseen(place):
    """Rows, while the server keeps neither a journal nor versions."""
    place.keep_rules(False)
    place.start()
    place.sql(CHANGES)
    once(place)
    place.kill()
    place.keep_rules(True)
    place.memory.lose()


def retention(place):
    """What is older than it is kept goes when the server looks at a mirror that it has open."""
    once(place)
    place.wait_for_trim()


EVERY_COMMIT = ("commit.begun", "commit.before", "commit.after", "rows.written", "apply.committed")
SWAP = ("shadow.beginning", "swap.exchanged", "swap.indexed")
MERGE = ("shadow.beginning", "merge.removed", "merge.written")  # How PostgreSQL's store populates a table anew.
STOP = ("stop.drained", "stop.ended")  # Where cycles end with the server: other servers go on with those in PostgreSQL.
BACKUP = ("backup.pages", "backup.synced", "backup.named")
JOURNAL = ("journal.written", "journal.closed", "history.kept")  # Commits of several batches.
RESTORE = ("restore.copied", "restore.before", "restore.after")

SCENARIOS = [
    Scenario(
        "population",
        population,
        fresh=True,
        points=("building.complete", "building.synced", "building.named", "history.begun"),
        in_postgres=("make.placed", "make.schema", "history.begun", *SWAP),
    ),
    Scenario("changes", changes, points=JOURNAL),
    Scenario(
        "repopulation",
        repopulation,
        points=(*SWAP, "history.compared"),
        in_postgres=(*MERGE, "history.compared"),
    ),
    Scenario(
        "schema",
        schema,
        points=("schema.altering", "schema.retiring", *SWAP),
        in_postgres=("schema.altering", "schema.retiring", *SWAP, *MERGE[1:]),
    ),
    Scenario("minus one", minus_one, points=SWAP, in_postgres=MERGE),
    Scenario("hold", hold, points=("hold.before", "hold.after")),
    Scenario("backup", backup, points=BACKUP),
    Scenario("restore", restore, points=RESTORE, in_postgres=(*RESTORE, "restore.kept", "restore.ended")),
    Scenario(
        "retention",
        retention,
        prepare=make_versions,
        points=("journal.trimmed", "history.cut"),
        is_alone=True,
    ),
    Scenario("rules that come back", population, prepare=write_unseen, points=("journal.missed",), is_alone=True),
    Scenario("erasure", erasure, points=("history.erased",)),
    Scenario("repair", repair),
    Scenario("administration", admin, points=SWAP),
    Scenario(
        "start and stop",
        start_and_stop,
        prepare=leave_log,
        starts=True,
        points=("start.locked", "start.tenant", *STOP),
        in_postgres=(),
    ),
]
# Those of files are in tests/crash.
OF_POSTGRES = [
    Scenario("reset", reset, points=("reset.kept",)),
    Scenario("rebuild", rebuild, points=("rebuild.before", "rebuild.file_gone", "rebuild.aside")),
    Scenario("indexes", indexes, points=("index.making", "index.changed")),
    Scenario("deletion", deletion, points=("delete.before", "delete.marked", "delete.files_gone", "delete.after")),
]


def of_store(store):
    if store == "sqlite":
        return SCENARIOS
    return [
        *(one if one.in_postgres is None else dataclasses.replace(one, points=one.in_postgres) for one in SCENARIOS),
        *OF_POSTGRES,
    ]


def points_of(scenario):
    return scenario.points if scenario.is_alone else (*EVERY_COMMIT, *scenario.points)


AGENT_POINTS = (
    "agent.locked",
    "agent.begun",
    "agent.announced",
    "agent.recorded",
    "agent.request",
    "agent.sent",
    "agent.comparing",
    "agent.compared",
    "agent.completed",
    "agent.forgot",
)


# Those that it passes only where its source has an exchange: see exchange.py.
EXCHANGE_POINTS = (
    "agent.outbox",
    "agent.transported",
    "agent.row_written",
    "agent.importing",
    "agent.imported",
)


def agent_points(scenario):
    """Those that it passes: ranges are asked for where mirror and source are compared."""
    return [point for point in AGENT_POINTS if point != "agent.comparing" or scenario.name == "repair"]


def begin(place, scenario):
    """A source with its log and, unless it is `fresh`, a mirror of it."""
    place.sql("PRAGMA journal_mode = WAL;", TABLES, FILL)
    place.run_plain("mirror-agent", "install", "--config", place.dir / "mirror-agent.toml")
    if scenario.fresh:
        return
    place.start()
    done = once(place)
    assert done.returncode == 0, done.stderr
    # A log is left behind, as by a server that was killed.
    place.kill()
    if scenario.prepare is not None:
        scenario.prepare(place)
    place.remember()
