"""Two servers of one database: one is killed at a fault point, and the other, which has the mirror open, goes on with it.
Then the first one comes back to what it did not see."""

import random
import signal
import time

from tests.torture import scenarios
from tests.torture.place import Broken, place_of

GOES_ON_SECONDS = 60  # A hung transaction of a server that is gone would take 15 of them.


def one(kind, scenario, point, n, keep):
    """Whether the first server died there."""
    with place_of(kind, keep, f"{scenario.name} at {point}:{n} beside another server") as place:
        scenarios.begin(place, scenario)
        place.start_other()
        if not scenario.fresh:
            place.sql("UPDATE people SET age = age + 1;")
            if (seen := scenarios.once(place)).returncode != 0:
                raise Broken(f"the second server does not serve the mirror: {seen.stderr[-1000:]}")
        place.swap_servers()
        if place.start(env={"MIRROR_CRASH_AT": f"{point}:{n}"}, may_die=True):
            scenario.act(place)
        # Who dies closes his connections first and is gone later; who lives ends when he is told to.
        died = place.died() or place.stop() == -signal.SIGKILL
        place.check_kept()
        place.swap_servers()
        since = time.monotonic()
        place.settle()
        took = time.monotonic() - since
        if took > GOES_ON_SECONDS:
            raise Broken(f"the other server went on only after {took:.0f} s")
        place.swap_servers()
        place.start()
        place.sql("UPDATE people SET age = age + 1;")
        place.settle()
        return died


def run(kind, runs, seed, keep, report):
    cells = [
        (scenario, point)
        for scenario in scenarios.of_store(kind.store)
        for point in scenarios.points_of(scenario)
    ]
    dice = random.Random(seed)
    dice.shuffle(cells)
    for number in range(runs):
        scenario, point = cells[number % len(cells)]
        report.servers(scenario.name, one(kind, scenario, point, dice.choice((1, 1, 2, 3, 5)), keep))
    return runs
