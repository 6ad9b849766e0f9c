"""The agent is killed between a database server that is the source and its mirror, and the source itself; it is restored,
and its standby takes over. Which server that is, is its place's business."""

import itertools
import json
import random
import threading
import time

from tests.torture import scenarios
from tests.torture.place import Broken, place_of


def population(place):
    scenarios.once(place)


def changes(place):
    place.sql(place.CHANGES)
    scenarios.once(place)


def repopulation(place):
    place.sql("UPDATE people SET age = age + 1;")
    scenarios.once(place, "--repopulate")


def schema(place):
    place.sql(place.SCHEMA)
    scenarios.once(place)
    place.sql("UPDATE people SET city = 'Bergen' WHERE id % 3 = 0;")


def emptied(place):
    place.sql(place.EMPTY)
    scenarios.once(place)
    # Most rows are gone, which waits for the operator.
    for line in place.ctl("hold", "list", "Cust").stdout.splitlines()[1:]:
        place.ctl("hold", "commit", line.split()[0])


class Writer:
    """The application goes on, a statement after the other, while a block is run."""

    STATEMENTS = (
        "UPDATE people SET age = age + 1 WHERE id % 13 = {n} % 13;",
        "INSERT INTO large VALUES ({n} + 100000, 'busy'); DELETE FROM large WHERE id = {n} + 99995;",
        "UPDATE visits SET number = number + 100000 WHERE number % 17 = {n} % 17 AND number < 100000;",
    )

    def __init__(self, place):
        self.place, self.over, self.failed = place, threading.Event(), []
        self.thread = threading.Thread(target=self.work)

    def __enter__(self):
        self.thread.start()

    def work(self):
        try:
            for number in itertools.count():
                if self.over.is_set():
                    return
                self.place.sql(self.STATEMENTS[number % len(self.STATEMENTS)].format(n=number))
        except Exception as error:  # pylint: disable=broad-except
            self.failed.append(error)

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()
        if self.failed:
            raise self.failed[0]


def busy_population(place):
    with Writer(place):
        scenarios.once(place)


def busy(place):
    with Writer(place):
        for _ in range(3):
            scenarios.once(place)


def running(place):
    """The agent's service, which keeps its stream of the log."""
    with place.agent_runs() as still:
        for _ in range(2):
            place.sql(place.CHANGES)
            until = time.monotonic() + PATIENCE_S
            while still() and place.differences():
                if time.monotonic() > until:
                    raise Broken("the agent runs, and does not send what changed")
                time.sleep(0.05)


SCENARIOS = {
    one.__name__: one
    for one in (population, changes, repopulation, schema, emptied, busy_population, busy, running)
}
FRESH = ("population", "busy_population")
PATIENCE_S = 60


def begin(place, name):
    place.sql(place.CREATE, place.FILL)
    install(place)
    place.start()
    if name in FRESH:
        return
    done = scenarios.once(place)
    if done.returncode != 0:
        raise Broken(f"the first cycle: {done.stderr[-2000:]}")


def install(place):
    place.run_plain("mirror-agent", "install", "--config", place.dir / "mirror-agent.toml")


def goes_on(place):
    """What changes behind all that goes alone again: no table is sent whole."""
    place.sql("UPDATE people SET age = age + 1 WHERE id % 4 = 1;")
    done = scenarios.once(place)
    source = json.loads(done.stdout)["sources"][0]
    actions = {table["table"]: table["action"] for table in source["tables"]}
    if actions != {"people": "changes", "large": "none", "visits": "none"}:
        raise Broken(f"only people changed, and this was done: {actions}; {source['notes']}")


def kill_agent(kind, name, point, n, keep):
    """Whether it died there."""
    with place_of(kind, keep, f"{name}, the agent at {point}:{n}") as place:
        begin(place, name)
        place.crash_at = f"{point}:{n}"
        SCENARIOS[name](place)
        died, place.crash_at = place.crash_at is None, None
        # What was changed behind the kill is not lost either.
        place.sql("UPDATE people SET age = age + 1 WHERE id % 2 = 0;")
        place.settle()
        goes_on(place)
        return died


def kill_source(kind, name, delay, keep):
    """How long the scenario took, and whether the kill came before its end; without a delay nobody is killed."""
    with place_of(kind, keep, f"{name}, the source killed after {delay} s") as place:
        begin(place, name)
        begun, over, met = time.monotonic(), threading.Event(), []

        def later():
            time.sleep(delay)
            met.append(not over.is_set())
            place.server_of_source.kill()
            place.server_of_source.start()

        thread = threading.Thread(target=later)
        if delay is not None:
            thread.start()
        try:
            SCENARIOS[name](place)
        except place.failed:
            # The application's own statement was ended, and is taken back.
            if delay is None:
                raise
        took = time.monotonic() - begun
        over.set()
        if delay is not None:
            thread.join()
        place.settle()
        goes_on(place)
        return took, any(met)


def put_back(place):
    """A cold copy from before; then it is written to past where the mirror is."""
    copy = place.copy_cold()
    changes(place)
    place.put_back(copy)
    place.sql("UPDATE people SET age = age + 7;", place.CHANGES, place.CHANGES.replace("'!'", "'?'"))


def put_back_in_silence(place):
    copy = place.copy_cold()
    changes(place)
    place.put_back(copy)


def log_lost(place):
    changes(place)
    place.sql(place.CHANGES)
    place.lose_log()
    changes(place)
    place.sql("DELETE FROM people WHERE id % 3 = 0;")


def stage_lost(place):
    changes(place)
    for path in (place.dir / "agent-state").glob("*.stage.db*"):
        path.unlink()
    changes(place)


def promoted(place):
    """The standby takes over; the primary is gone."""
    place.make_standby()
    changes(place)
    place.wait_for_standby()
    place.sql("UPDATE people SET age = age + 1;")
    place.wait_for_standby()
    place.promote_standby()
    place.sql("UPDATE people SET age = age + 1;")


def promoted_behind(place):
    """The same, and the mirror has what the standby never got."""
    place.make_standby()
    changes(place)
    place.wait_for_standby()
    place.cut_off_standby()
    changes(place)
    place.promote_standby()
    place.sql("UPDATE people SET age = age + 1;")


ODD_DAYS = (put_back, put_back_in_silence, log_lost, stage_lost, promoted, promoted_behind)


def odd_day(kind, day, crash_at, keep):
    """`crash_at`: where the agent dies in the day or in the cycle behind it, as "point:n"; None: it does not. Whether it
    did."""
    with place_of(kind, keep, f"source: {day.__name__}, the agent at {crash_at}") as place:
        place.move_to_own_server()
        begin(place, "changes")
        place.crash_at = crash_at
        day(place)
        if place.crash_at is not None:
            scenarios.once(place)
        died, place.crash_at = crash_at is not None and place.crash_at is None, None
        # What has to be installed again is: the words say so.
        if scenarios.once(place).returncode != 0:
            install(place)
        place.settle()
        goes_on(place)
        return died


def run(kind, runs, seed, keep, report):
    dice, done = random.Random(seed), 0
    points = (*scenarios.AGENT_POINTS, *kind.points)
    cells = [(name, point) for name in SCENARIOS for point in points]
    dice.shuffle(cells)
    kills = max(len(cells) // 4, runs // 2)
    for number in range(kills):
        name, point = cells[number % len(cells)]
        died = kill_agent(kind, name, point, 1 + number // len(cells) * dice.randint(1, 3), keep)
        report.crash("agent", name, point, died)
        done += 1
    lasts = {}
    for _ in range(max(len(SCENARIOS), runs // 2)):
        name = dice.choice(list(SCENARIOS))
        if name not in lasts:
            lasts[name], _ = kill_source(kind, name, None, keep)
            done += 1
        _, met = kill_source(kind, name, dice.uniform(0, lasts[name]), keep)
        report.database(f"source killed, {name}", met)
        done += 1
    for day in (*ODD_DAYS, *kind.days):
        name = day.__name__.replace("_", " ")
        odd_day(kind, day, None, keep)
        report.day(f"source {name}")
        point = dice.choice(points)
        report.crash("agent", f"after {name}", point, odd_day(kind, day, f"{point}:{dice.randint(1, 3)}", keep))
        done += 2
    return done
