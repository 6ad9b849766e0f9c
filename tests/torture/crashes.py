"""kill -9 of the server at every fault point, at every pass of it, and of the agent at each of its points."""

import random
import signal

from tests.torture import scenarios
from tests.torture.place import Broken, place_of

PASSES_MAX = 400  # Of one point in one scenario.


def crash_server(kind, scenario, point, n, keep):
    """Whether the server died there."""
    with place_of(kind, keep, f"{scenario.name} at {point}:{n}") as place:
        scenarios.begin(place, scenario)
        if place.start(env={"MIRROR_CRASH_AT": f"{point}:{n}"}, may_die=True):
            scenario.act(place)
        # Who dies closes his connections first and is gone later; who lives ends when he is told to.
        died = place.died() or place.stop() == -signal.SIGKILL
        place.check_kept()
        place.settle()
        return died


def crash_agent(kind, scenario, point, n, keep):
    with place_of(kind, keep, f"{scenario.name}, the agent at {point}:{n}") as place:
        scenarios.begin(place, scenario)
        place.start()
        plain, died = place.agent, []

        def agent(*arguments, env=None):
            done = plain(*arguments, env=env if died else {"MIRROR_CRASH_AT": f"{point}:{n}"})
            if done.returncode == -9:
                died.append(True)
            return done

        place.agent = agent
        scenario.act(place)
        place.agent = plain
        place.settle()
        return bool(died)


def plan(store, runs, seed):
    """(scenario, point, which kind) with how many passes are tried of each; all of them are begun with the first."""
    cells = []
    for scenario in scenarios.of_store(store):
        for point in scenarios.points_of(scenario):
            cells.append((crash_server, scenario, point))
        if scenario.name in ("population", "changes", "repopulation", "schema", "repair"):
            cells.extend((crash_agent, scenario, point) for point in scenarios.agent_points(scenario))
    random.Random(seed).shuffle(cells)
    return cells, -(-runs // len(cells))


def run(kind, runs, seed, keep, report):
    cells, each = plan(kind.store, runs, seed)
    dice = random.Random(seed)
    done = 0
    for crash, scenario, point in cells:
        n, step = 1, 1
        for _ in range(max(each, 1)):
            died = crash(kind, scenario, point, n, keep)
            done += 1
            who = "server" if crash is crash_server else "agent"
            report.crash(who, scenario.name, point, died)
            if n == 1 and not died:
                raise Broken(f"{scenario.name}: the {who} passed {point} and lived, or never passed it")
            if not died or n > PASSES_MAX:
                break
            # The first passes one by one, then here and there.
            n += step if n < 4 else dice.randint(1, 6)
    return done
