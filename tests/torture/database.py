"""PostgreSQL is killed, or the server, or both, at any moment; and a server hangs."""

import os
import random
import signal
import subprocess
import threading
import time

from tests.torture import scenarios
from tests.torture.place import BIN, Broken, place_of

FAULTS = ("primary killed", "server killed", "both killed", "server stopped")
STOPPED_SECONDS = 0.5
TAKEN_OVER_SECONDS = 60  # After 15 s a server that says nothing loses its transaction.
# Their steps are all the server's: nothing is written by hand, and they begin with a server that is there.
NAMES = ("population", "changes", "repopulation", "schema", "minus one", "hold", "backup", "restore", "administration")


def strike(place, fault):
    if fault == "server stopped":
        place.server.send_signal(signal.SIGSTOP)
        time.sleep(STOPPED_SECONDS)
        place.server.send_signal(signal.SIGCONT)
    if fault in ("server killed", "both killed"):
        place.server.send_signal(signal.SIGKILL)
    if fault in ("primary killed", "both killed"):
        place.cluster.kill()
        place.cluster.start()


def one(kind, scenario, fault, delay, keep):
    """How long the scenario took, and whether the fault came before its end."""
    with place_of(kind, keep, f"{scenario.name}, {fault} after {delay:.3f} s") as place:
        scenarios.begin(place, scenario)
        place.start()
        begun, over = time.monotonic(), threading.Event()
        met, failures = [], []

        def later():
            try:
                time.sleep(delay)
                met.append(not over.is_set())
                strike(place, fault)
            except Exception as error:  # pylint: disable=broad-except
                failures.append(error)

        thread = threading.Thread(target=later)
        if fault is not None:
            thread.start()
        scenario.act(place)
        took = time.monotonic() - begun
        over.set()
        if fault is not None:
            thread.join()
        if failures:
            raise failures[0]
        killed = fault in ("server killed", "both killed")
        if killed:
            place.kill()
        elif place.server.poll() is not None:
            raise Broken(f"the server ended, with {place.server.returncode}")
        place.check_kept()
        place.settle()
        return took, any(met)


def run(kind, runs, seed, keep, report):
    dice = random.Random(seed)
    chosen = [scenario for scenario in scenarios.of_store(kind.store) if scenario.name in NAMES]
    lasts = {}
    done = 0
    for number in range(runs):
        scenario, fault = dice.choice(chosen), FAULTS[number % len(FAULTS)]
        if scenario.name not in lasts:
            lasts[scenario.name], _ = one(kind, scenario, None, 0, keep)
            done += 1
        _, met = one(kind, scenario, fault, dice.uniform(0, lasts[scenario.name]), keep)
        report.database(fault, met)
        done += 1
    return done


def a_server_hangs(place):
    """With a transaction open. Another one on the same database goes on with the mirror; then both serve it."""
    place.sql(scenarios.rows("large", "NULL, 'more'", 1, 20_000))
    agent = subprocess.Popen(
        [BIN / "mirror-agent", "once", "--repopulate", "--config", place.dir / "mirror-agent.toml"],
        env={**os.environ, "MIRROR_AGENT_BATCH_BYTES": "4000"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        place.stop_in_transaction()
    finally:
        agent.kill()
        agent.wait()
    hung = place.server
    place.start_other()
    deadline = time.monotonic() + TAKEN_OVER_SECONDS
    while (last := scenarios.once(place)).returncode != 0:
        if time.monotonic() > deadline:
            raise Broken(f"nothing goes on beside a server that hangs: {last.stderr[-1000:]}")
    wrong = place.differences()
    if wrong:
        raise Broken(f"what the other server wrote differs: {wrong}")
    hung.send_signal(signal.SIGCONT)
    place.check_kept()
    place.swap_servers()
    place.sql("UPDATE people SET age = age + 1;")
    for _ in range(3):
        if scenarios.once(place).returncode == 0:
            break
    place.check_kept()
    place.swap_servers()
    place.sql("UPDATE people SET age = age + 1;")
    place.settle()
    place.kill()
    place.swap_servers()
    place.kill()
