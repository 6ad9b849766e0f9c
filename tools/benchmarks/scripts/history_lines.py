"""Lines about what journal and history cost, and how fast they answer. What is written goes to three mirrors of one
server in turn: one has neither, one a journal, one a history, too."""

import collections
import contextlib
import shutil
import sqlite3
import statistics

from endpoint import Endpoint, contents
from processes import Failed

BLOCKS = 4  # Pushes take turns: a disk that others use changes within seconds.
PLAIN, JOURNAL, HISTORY = SIDES = ("plain", "journal", "history")  # Ends of the tenants' names.
RULES = "".join(
    f'\n[[tenant]]\ncontext_id = "*-{side}"\n[[tenant.table]]\nname = "*"\n{rule}\n'
    for side, rule in ((JOURNAL, 'journal = "keys"'), (HISTORY, "history = true"))
)
# Whom each line is about, and the work of which it says how much longer it takes there.
WRITTEN = (
    ("journal-population", JOURNAL, "population"),
    ("journal-upsert", JOURNAL, "upsert"),
    ("history-upsert", HISTORY, "upsert"),
    ("history-repopulation", HISTORY, "repopulation"),
)
PUSHED = (("journal-push", JOURNAL), ("history-push", HISTORY))
NOTED = "SELECT coalesce(sum(row_total), 0) FROM _mirror_journal WHERE keys IS NOT NULL"
VERSIONS = "_mirror_versions_"  # How the names of their tables begin.
SOUGHT, STEPS = 20, 20  # Rows of the table that is asked, and commits of 100 batches that are none of theirs.

# What a mirror holds: its rows, as contents() has them, how many the journal names, and how many versions there are.
Kept = collections.namedtuple("Kept", "rows noted versions")


def kept(rows, tables, ask):
    """`tables`: names of all that the mirror has; `ask`: gives the number that a statement gives."""
    noted = ask(NOTED) if "_mirror_journal" in tables else 0
    versions = sum(ask(f"SELECT count(*) FROM {name}") for name in tables if name.startswith(VERSIONS))
    return Kept(rows, noted, versions)


def in_file(endpoint, tenant):
    path = endpoint.mirror_file(tenant)
    database = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        tables = [name for (name,) in database.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
        return kept(contents(path), tables, lambda sql: database.execute(sql).fetchone()[0])
    except sqlite3.Error as error:
        raise Failed(f"{path}: {error}") from None
    finally:
        database.close()


class Written:
    """What one round came to: seconds of each work and p50s of pushes, by side."""

    def __init__(self, endpoint, turn, rows, settle):
        """`settle`: called before each step, so that none has to do what is left of another."""
        self.endpoint, self.turn, self.rows, self.settle = endpoint, turn, rows, settle
        first = turn % len(SIDES)
        self.order = SIDES[first:] + SIDES[:first]
        self.tenants = {side: endpoint.new_tenant(f"-{side}") for side in SIDES}
        self.seconds, self.p50 = {}, {}

    def run(self, pushes):
        with contextlib.ExitStack() as stack:
            self.steps = {side: stack.enter_context(self.endpoint.steps(self.tenants[side])) for side in SIDES}
            everything = f"count={self.rows}"
            self._time("population", f"populate {everything}")
            self._time("changes", f"upsert {everything} pick={self.rows // 100} version=1")
            self._time("repopulation", f"populate {everything}")
            self._time("upsert", f"upsert {everything} version=2")
            times = {side: [] for side in SIDES}
            for block in range(BLOCKS):
                for side in self.order:
                    push = f"push count={pushes} version={10 * (self.turn + 1) + block}"
                    times[side].append(self.steps[side].step(push)["p50_us"])
            self.p50 = {side: statistics.median(each) for side, each in times.items()}

    def _time(self, work, step):
        self.seconds[work] = {}
        for side in self.order:
            self.settle()
            self.seconds[work][side] = self.steps[side].step(step)["seconds"]

    def check(self, bench, names, look):
        """A figure counts only where each side has kept what it was to keep."""
        have = {side: look(self.endpoint, self.tenants[side]) for side in SIDES}
        for side in (JOURNAL, HISTORY):
            bench.same(names, have[side].rows, have[PLAIN].rows)
        # All rows were upserted; each of them stood before.
        wanted = {PLAIN: (False, False), JOURNAL: (True, False), HISTORY: (True, True)}
        for side, (noted, versions) in wanted.items():
            for what, is_wanted, count in (
                ("rows in its journal", noted, have[side].noted),
                ("versions", versions, have[side].versions),
            ):
                if (is_wanted and count < self.rows) or (not is_wanted and count > 0):
                    raise Failed(f"the mirror '{self.tenants[side]}' has {count:,} {what}, of a table of {self.rows:,}")


def write(bench, endpoint, look, rows, pushes, prefix="", settle=lambda: None):
    names = [prefix + name for name, *_ in WRITTEN + PUSHED]
    for turn in bench.turns(f"{rows:,} rows and one-row pushes, with a journal, a history, and neither"):
        endpoint.fresh()
        Written(endpoint, turn, rows // 20, settle).run(pushes // 10)  # All are warm then; nothing of it counts.
        done = Written(endpoint, turn, rows, settle)
        done.run(pushes)
        done.check(bench, names, look)
        for name, side, work in WRITTEN:
            seconds = done.seconds[work]
            bench.result(prefix + name).add(seconds[side] / seconds[PLAIN], rows / seconds[side], rows / seconds[PLAIN])
        for name, side in PUSHED:
            p50 = done.p50
            bench.result(prefix + name).add(p50[side] / p50[PLAIN], p50[side], p50[PLAIN])


def change_all(store, rows):
    store.step(f"populate count={rows}")
    store.step(f"upsert count={rows} version=1")


def read_as_of(bench, store, rows, name):
    """Before change_all()'s last commit, which left a version of each row."""
    for turn in bench.turns(f"{rows:,} rows read as they are and as they were"):
        done = {step: store.step(step) for step in (("scan", "as-of") if turn % 2 else ("as-of", "scan"))}
        bench.same([name], *(each["rows"] for each in done.values()))
        seconds = {step: each["seconds"] for step, each in done.items()}
        bench.result(name).add(seconds["as-of"] / seconds["scan"], rows / seconds["as-of"], rows / seconds["scan"])


def history(bench):
    rows, pushes = bench.size(1_000_000, 200_000), bench.size(4_000, 1_000) // BLOCKS
    with Endpoint(bench, "history", rules=RULES) as endpoint:
        write(bench, endpoint, in_file, rows, pushes)


def as_of(bench):
    rows = bench.size(1_000_000, 200_000)
    folder = bench.path("as-of")
    with bench.store(folder, "--history") as store:
        change_all(store, rows)
        read_as_of(bench, store, rows, "history-as-of")
    shutil.rmtree(folder)


def explain(bench):
    """Keys of the changes are odd, and those of each batch are spread over all of them: a row with an even key is
    sought in every one. Most of the rows are not there, which the journal does not know."""
    folder = bench.path("explain")
    asked = f"from=500000 count={SOUGHT}"
    with bench.store(folder, "--journal") as store:
        store.step(f"populate {asked}")
        for _ in range(STEPS):
            store.step("delete count=1000000 pick=500000 order=spread")
        for _ in bench.turns("rows whose last change is behind 10 M others"):
            p50 = store.step(f"explain {asked} pick={SOUGHT // 2}")["p50_us"]
            bench.result("journal-explain").add(p50 / 1_000)
    shutil.rmtree(folder)


GROUPS = {"history": history, "history-as-of": as_of, "journal-explain": explain}
