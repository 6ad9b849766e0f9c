"""Records over HTTP: the server, the program that reads a job's file, or a disk fails while clients write, import, delete,
make storages and remove them. Clients repeat what was not answered; then the mirrors have to be as a model of them."""

import contextlib
import random
import threading
import time

from tests.torture import disk, records_requests, records_run, scenarios
from tests.torture.place import Broken, place_of
from tests.torture.records_place import NOT_ANSWERED, PATIENCE_S, records_kind, wait_for

COMMIT = ("commit.begun", "commit.before", "commit.after", "rows.written")
DELETION = ("delete.before", "delete.marked", "delete.files_gone", "delete.after")
JOURNAL = ("journal.written", "history.kept")
JOB = ("job.begun", "job.committed")
PART = "job.part"  # Of a batch whose rows are too large for one commit.
# Points that only records have: those of their calls, of uploads and jobs, of storages.
OWN = (
    *("records.erasing", "records.erased", "upload.kept", "job.taken", "job.written", *JOB, PART, "job.ended"),
    *("storage.made", "storage.emptied", "datasource.made", "datasource.listed", "datasource.removed"),
)
POINTS = {
    "sqlite": (*COMMIT, *JOURNAL, *scenarios.SWAP, *DELETION, *OWN),
    "postgres": (*COMMIT, *JOURNAL, *scenarios.MERGE, *DELETION, *OWN, "import.taken", "import.committed", "restore.after"),
}
STRIKES = 4
WAIT_S = 0.01
LONG_IMPORT = 25_000  # Rows: three commits.
LARGE_ROWS = 22  # As they are stored these are more than 32 MB, also where a few were refused.


# --- What is done in a run ---


def steps_of(run, requests, long_import, large_import=False):
    """Each kind of request, in any order; what an owner does in that of its use."""
    dice = run.dice

    def source():
        storage = dice.choice(list(run.model.storages))
        return storage, dice.choice(list(run.model.storages[storage]))

    def upsert():
        run.send(requests.upsert(run.model, *source()))

    def delete():
        run.send(requests.delete(run.model, *source()))

    def import_file():
        run.run_job(*source(), requests, by_link=dice.random() < 0.4)

    def import_many():
        run.run_job("Acme", "crm", requests, by_link=dice.random() < 0.5, count=LONG_IMPORT)

    def clear():
        storage, of = source()
        run.send(requests.clear(run.model, storage, of if dice.random() < 0.7 else None, erases=dice.random() < 0.5))

    def come_and_go():
        run.send(requests.make_source(run.model, "Acme", "Gone"))
        run.send(requests.upsert(run.model, "Acme", "Gone"))
        run.send(requests.delete_source(run.model, "Acme", "Gone"))

    def storage_comes_and_goes():
        run.send(requests.make_storage(run.model, "Other"))
        # Whoever gives up does not know whether it is there.
        if run.send(requests.make_source(run.model, "Other", "x"), gives_up=dice.random() < 0.5) is not None:
            run.send(requests.upsert(run.model, "Other", dice.choice(("x", "default"))))
        run.send(requests.delete_storage(run.model, "Other"))

    steps = [upsert] * 8 + [delete] * 3 + [import_file] * 2 + [clear, come_and_go, storage_comes_and_goes, run.repeat_answers]
    steps += [lambda: erase(run, requests)] + ([import_many] if long_import else [])
    steps += [lambda: import_large(run, requests)] if large_import else []
    dice.shuffle(steps)
    return steps


def erase(run, requests):
    """What is deleted at once is in no file of the data folder."""
    secret = f"secret-{run.dice.randrange(1 << 60):x}"
    record = (("STREET", secret), ("Farbe", f"{secret}!"))
    items = [
        (records_requests.Item(f"{secret}-{number}", record), {"externalId": f"{secret}-{number}", "record": dict(record)})
        for number in range(3)
    ]
    run.send(requests.upsert(run.model, "Acme", "crm", items=items))
    run.send(requests.upsert(run.model, "Acme", "crm", items=items[:1]))
    ids = [item.external_id for item, _ in items if item.external_id in run.model.source("Acme", "crm").rows]
    is_erased = True
    while ids:
        answer = run.send(requests.delete(run.model, "Acme", "crm", ids=ids, erases=True)).json()
        is_erased = answer.get("erasedAt") is not None
        ids = [one for one in ids if one in run.model.source("Acme", "crm").rows]
    if is_erased and run.place.store == "sqlite" and (files := run.place.files_with(secret)):
        raise Broken(f"what was erased is in {files}")


def import_large(run, requests):
    """A job over rows that have to be committed in parts. They go again, since whoever compares reads all of them."""
    items = requests.large_items(LARGE_ROWS)
    ids = [item.external_id for item, _ in items]
    for one in items:
        run.send(requests.upsert(run.model, "Acme", "crm", items=[one]))
    run.run_job("Acme", "crm", requests, by_link=run.dice.random() < 0.5, ids=ids)
    run.verify()
    run.send(requests.delete(run.model, "Acme", "crm", ids=ids))


def begin(run, requests):
    run.send(requests.make_storage(run.model, "Acme"))
    run.send(requests.make_source(run.model, "Acme", "crm"))
    for _ in range(3):
        run.send(requests.upsert(run.model, "Acme", run.dice.choice(("default", "crm"))))


def end(run):
    """Whoever was killed last comes back; then all is as it should be, also behind one more start."""
    run.revive_if_dead()
    run.may_be_busy = False
    run.verify()
    run.repeat_answers()
    run.place.kill()
    run.place.start()
    run.verify()


@contextlib.contextmanager
def run_of(kind, seed, keep, told):
    with place_of(kind, keep, f"records, {told}, seed {seed}") as place:
        dice = random.Random(seed)
        run, requests = records_run.Run(place, dice), records_requests.Requests(dice)
        place.start()
        place.start_beside()
        begin(run, requests)
        yield place, run, requests


# --- Kinds of runs ---


def at_point(kind, point, n, seed, keep):
    """Whether the server died there."""
    with run_of(kind, seed, keep, f"the server at {point}:{n}") as (place, run, requests):
        place.kill()
        run.waits_for_death = True
        if not place.start(env={"MIRROR_CRASH_AT": f"{point}:{n}"}, may_die=True):
            place.start()
            run.deaths += 1
        if point in JOURNAL:
            for _ in range(n + 2):  # Of some nothing is accepted.
                run.send(requests.upsert(run.model, place.journaled, "default"))
        for step in steps_of(run, requests, long_import=point in JOB and n > 1, large_import=point == PART):
            step()
        end(run)
        return run.deaths > 0


def at_any_moment(kind, seed, keep, children):
    """kill -9 of the server by and by, or of the program that reads a file."""
    with run_of(kind, seed, keep, "kill -9 of what reads a file" if children else "kill -9") as (place, run, requests):
        strikes, timers = [0], []

        def strike(server):
            if server.poll() is None:
                server.kill()

        def arm():
            strikes[0] += 1
            if strikes[0] <= STRIKES and not children:
                timer = threading.Timer(run.dice.uniform(0.0, 0.4), strike, [place.server])
                timers.append(timer)
                timer.start()

        run.kills_children = 0.7 if children else 0.0
        run.after_death = arm
        arm()
        try:
            for step in steps_of(run, requests, long_import=children):
                step()
        finally:
            for timer in timers:
                timer.cancel()
                timer.join()
        end(run)
        return run.deaths > 0


def many_clients(kind, seed, keep):
    """Requests of several clients are committed together, and the server is killed while they are."""
    with run_of(kind, seed, keep, "several clients") as (place, run, _):
        clients = [Client(place, random.Random(f"{seed} {number}"), number) for number in range(6)]
        threads = [threading.Thread(target=client.work) for client in clients]
        for thread in threads:
            thread.start()
        try:
            for strike in range(1, STRIKES):
                wanted = strike * 3 * len(clients)
                wait_for("answers", lambda wanted=wanted: sum(one.answered for one in clients) >= wanted or not any(one.is_at_work for one in clients))
                place.server.kill()
                place.reap_dead()
                place.start()
                run.deaths += 1
        finally:
            for client in clients:
                client.must_end = True
            for thread in threads:
                thread.join()
        for client in clients:
            if client.failure is not None:
                raise client.failure
            run.model.source("Acme", "crm").rows |= client.rows()
        end(run)
        return True


class Client:
    """One of many: its own ids, of one data source."""

    def __init__(self, place, dice, number):
        self.place = place
        self.run = records_run.Run(place, dice)
        self.requests = records_requests.Requests(dice, prefix=f"c{number}-", ids=("a,b", "Ä"))
        self.run.model.storages = {"Acme": {"crm": records_requests.Source()}}
        # Whoever kills it starts it again; it opens its door before it can serve.
        self.run.may_be_busy = True
        self.run.revive = self.wait
        self.run.check_whole = lambda _: None
        self.answered, self.waited, self.waited_for = 0, 0, 0
        self.is_at_work, self.must_end, self.failure = True, False, None

    def wait(self):
        self.waited = 0 if self.waited_for != self.answered else self.waited + 1
        self.waited_for = self.answered
        if self.waited > PATIENCE_S / WAIT_S:
            raise Broken("the server does not come back")
        time.sleep(WAIT_S)

    def rows(self):
        return self.run.model.source("Acme", "crm").rows

    def work(self):
        try:
            while not self.must_end:
                make = self.requests.upsert if self.run.dice.random() < 0.8 else self.requests.delete
                self.run.send(make(self.run.model, "Acme", "crm"))
                self.answered += 1
            self.run.repeat_answers()
        except (Broken, AssertionError, *NOT_ANSWERED) as error:
            self.failure = error
        finally:
            self.is_at_work = False


def failing_disk(kind, seed, keep, fault, n):
    """Whether the server died of it: a disk that is full refuses, and is full no more."""
    with run_of(kind, seed, keep, f"{fault}:{n}") as (place, run, requests):
        place.kill()
        durable = disk.keep_durable(place)
        run.may_be_busy = fault != "power"
        env = disk.shim(place, f"{fault}:{n}", MIRROR_DISK_DURABLE=str(durable) + "/")
        started = place.start(env=env, may_die=True)
        if fault == "power":
            place.before_start = lambda: disk.lose_power(place, durable, run.dice, torn=run.dice.random() < 0.5)
        if not started:
            place.start()
        for step in steps_of(run, requests, long_import=False):
            step()
        place.kill()
        place.start()
        end(run)
        return run.deaths > 0 or run.busy > 0


def count_calls(kind, seed):
    """Writes, truncations and syncs that a run makes."""
    with run_of(kind, seed, False, "counted") as (place, run, requests):
        place.kill()
        counted = place.folder / "count"
        place.start(env=disk.shim(place, "count:0", MIRROR_DISK_COUNT=str(counted)))
        for step in steps_of(run, requests, long_import=False):
            step()
        place.stop()
        return int(counted.read_text())


# --- All of them ---


def run(kind, runs, seed, keep, report):
    """Each point is died at at its first pass, and each fault comes once; then they come by and by."""
    dice = random.Random(seed)
    records = records_kind(kind)
    disks = [] if kind.store == "postgres" else list(disk.KINDS)
    firsts = [("point", point, 1) for point in POINTS[kind.store]] + [(what, None, 0) for what in ("kill", "child", "clients", *disks)]
    dice.shuffle(firsts)
    calls = count_calls(records, dice.randrange(1 << 32)) if disks else 0
    done = 0
    while done < max(runs, len(firsts)):
        what, point, n = firsts[done] if done < len(firsts) else dice.choice(firsts)
        if done >= len(firsts):
            n = dice.randrange(2, 12)
        of_run = dice.randrange(1 << 32)
        if what == "point":
            died = at_point(records, point, n, of_run, keep)
            if n == 1 and not died:
                raise Broken(f"records: the server passed {point} and lived, or never passed it")
            report.crash("server", "records", point, died)
        elif what == "clients":
            report.records("several clients", many_clients(records, of_run, keep))
        elif what in disks:
            report.records(f"disk: {what}", failing_disk(records, of_run, keep, what, dice.randint(1, calls)))
        else:
            report.records("kill -9" if what == "kill" else "kill -9 of the reader", at_any_moment(records, of_run, keep, what == "child"))
        done += 1
    return done
