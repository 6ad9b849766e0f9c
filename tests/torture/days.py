"""Odd days: two of a kind, a clock that jumps, a catalog that is gone."""

import signal
import subprocess
import threading

from tests.torture import database, scenarios
from tests.torture.place import BIN, SHIM, Broken, place_of

CHANGES = next(s for s in scenarios.SCENARIOS if s.name == "changes")
DAY = 86_400


def two_servers(place):
    """The second one on the same folder refuses to start and disturbs nothing."""
    second = subprocess.run(
        [BIN / "mirror-server", "--config", place.dir / "mirror-server.toml"],
        capture_output=True, text=True, timeout=30, check=False,
    )
    if second.returncode != 1 or "another" not in second.stderr.lower():
        raise Broken(f"two servers on one folder: exit {second.returncode}, {second.stderr}")
    CHANGES.act(place)


def two_agents(place):
    """One identity, two state folders: one of them is told that the other is at work, or they follow each other."""
    other = place.dir / "other-agent.toml"
    other.write_text((place.dir / "mirror-agent.toml").read_text())
    text = other.read_text().replace('state_dir = "agent-state"', 'state_dir = "other-state"')
    other.write_text(text)
    for _ in range(4):
        place.sql("UPDATE people SET age = age + 1;")
        results = []
        threads = [
            threading.Thread(
                target=lambda config=config: results.append(
                    place.run_plain("mirror-agent", "once", "--config", config, check=False)
                )
            )
            for config in (place.dir / "mirror-agent.toml", other)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        bad = [one for one in results if one.returncode not in (0, 1)]
        if bad:
            raise Broken(f"two agents: {bad[0].stderr}")


def take_over(place):
    """An agent that was killed in its cycle; the next one takes over without waiting ten minutes."""
    place.sql("UPDATE people SET age = age + 1;")
    died = place.agent("once", env={"MIRROR_CRASH_AT": "agent.sent"})
    if died.returncode != -9:
        raise Broken("the agent did not die")
    again = scenarios.once(place)
    if again.returncode != 0:
        raise Broken(f"no take-over: {again.stderr}")


def clock_jumps(place):
    """The server's clock a day ahead and a day behind is said; both a day ahead works, and so does the way back."""

    def shifted(seconds):
        return {"LD_PRELOAD": str(SHIM), "MIRROR_CLOCK_SHIFT": str(seconds)}

    place.stop()
    if place.start(env=shifted(-DAY), may_die=True):
        raise Broken("a server a day behind believes its new certificates")
    place.start(env=shifted(DAY))
    refused = scenarios.once(place)
    if refused.returncode == 0 or "clock" not in refused.stderr:
        raise Broken(f"a server a day ahead is not told from a good one: {refused.stderr}")
    place.sql("UPDATE people SET age = age + 1;")
    both = place.agent("once", env=shifted(DAY))
    if both.returncode != 0:
        raise Broken(f"a day ahead on both sides: {both.stderr}")
    place.stop()
    place.start()
    place.sql("UPDATE people SET age = age + 1;")
    back = scenarios.once(place)
    if back.returncode == 0 or "resume" not in back.stderr:
        raise Broken(f"tokens from before the latest time that was seen are taken: {back.stderr}")
    place.ctl("resume", "Cust")
    forgiven = scenarios.once(place)
    if forgiven.returncode != 0:
        raise Broken(f"after 'mirrorctl resume': {forgiven.stderr}")


def no_catalog(place):
    """Events and audit are gone; no row, LSN, cycle or pause is."""
    place.ctl("pause", "Cust")
    place.stop()
    for path in place.data.glob("catalog.db*"):
        path.unlink()
    place.start()
    told = scenarios.once(place)
    if '"outcome": "do_not_replicate"' not in told.stdout:
        raise Broken(f"the pause was lost with the catalog: {told.stdout}{told.stderr}")
    place.ctl("resume", "Cust")
    CHANGES.act(place)


def stopped_in_a_cycle(place):
    """SIGTERM while an agent is at work."""
    place.sql("UPDATE large SET name = name || 'y';")
    agent = threading.Thread(target=lambda: scenarios.once(place, "--repopulate"))
    agent.start()
    place.server.send_signal(signal.SIGTERM)
    code = place.reap()
    agent.join()
    if code != 0:
        raise Broken(f"SIGTERM: exit {code}")


EVERY_DAY = (two_servers, two_agents, take_over, clock_jumps, stopped_in_a_cycle)
DAYS = {"sqlite": (*EVERY_DAY, no_catalog), "postgres": (*EVERY_DAY, database.a_server_hangs)}


def run(kind, keep, report):
    for day in DAYS[kind.store]:
        with place_of(kind, keep, day.__name__) as place:
            scenarios.begin(place, CHANGES)
            place.start()
            day(place)
            place.settle()
            report.day(day.__name__.replace("_", " "))
    return len(DAYS[kind.store])
