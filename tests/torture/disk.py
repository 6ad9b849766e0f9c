"""The n-th write, truncation or sync of the server's files fails, or the power does: for every n of a cycle."""

import os
import pathlib
import random
import shutil

from tests.torture import scenarios
from tests.torture.place import SHIM, Place, place_of

PAGE = 4096
KINDS = ("power", "enospc", "eio", "short", "fsync")
BEHIND_THE_END = 1_000_000
NAMES = ("population", "changes", "repopulation", "schema", "restore")


def shim(place, fault, **more):
    return {
        "LD_PRELOAD": str(SHIM),
        "MIRROR_DISK_PATH": str(place.data) + "/",
        "MIRROR_DISK_FAULT": fault,
        **more,
    }


def count(scenario):
    """Calls that the scenario makes."""
    place = Place()
    try:
        scenarios.begin(place, scenario)
        counted = place.folder / "count"
        place.start(env=shim(place, "count:0", MIRROR_DISK_COUNT=str(counted)))
        scenario.act(place)
        place.stop()
        return int(counted.read_text())
    finally:
        place.close()


def lose_power(place, durable, dice, torn):
    """What was not synced is gone; with `torn` some pages of it are there all the same."""
    for path in place.data.iterdir():
        if path.is_dir() or path.name.endswith("-shm"):
            continue
        kept = durable / path.name
        if not kept.exists():
            path.unlink()
            continue
        now, then = path.read_bytes(), kept.read_bytes()
        if torn and now != then:
            size = dice.choice((len(now), len(then)))
            pages = []
            for at in range(0, size, PAGE):
                one = dice.choice((now, then))[at : at + PAGE]
                pages.append(one.ljust(min(PAGE, size - at), b"\0"))
            then = b"".join(pages)
        path.write_bytes(then)
    for kept in durable.iterdir():
        if kept.is_file() and not kept.name.endswith("-shm") and not (place.data / kept.name).exists():
            shutil.copy(kept, place.data)
    for index in place.data.glob("*-shm"):
        index.unlink()


def keep_durable(place):
    """A folder that has what is synced by now."""
    durable = place.folder / "durable"
    shutil.copytree(place.data, durable, ignore=shutil.ignore_patterns("*-shm"))
    return durable


def one(scenario, kind, n, dice, keep):
    with place_of(Place, keep, f"{scenario.name}, {kind}:{n}") as place:
        scenarios.begin(place, scenario)
        durable = keep_durable(place)
        env = shim(place, f"{kind}:{n}", MIRROR_DISK_DURABLE=str(durable) + "/")
        if place.start(env=env, may_die=True):
            scenario.act(place)
        if not place.died():
            place.kill()
        if kind == "power":
            # One that was not reached goes when all is done: nobody syncs behind a kill.
            lose_power(place, durable, dice, torn=dice.random() < 0.5)
        place.check_kept()
        place.settle()


def run(_, runs, seed, keep, report):
    """`runs`: None for all there are. The power goes at the end of each scenario in any case."""
    dice = random.Random(seed)
    chosen = [scenario for scenario in scenarios.SCENARIOS if scenario.name in NAMES]
    counts = {scenario.name: count(scenario) for scenario in chosen}
    cells = [
        (scenario, kind, n) for scenario in chosen for kind in KINDS for n in range(1, counts[scenario.name] + 1)
    ]
    report.disk_calls(counts)
    if runs is not None and runs < len(cells):
        cells = dice.sample(cells, runs)
    cells += [(scenario, "power", counts[scenario.name] + BEHIND_THE_END) for scenario in chosen]
    for scenario, kind, n in cells:
        one(scenario, kind, n, dice, keep)
        report.disk(kind, scenario.name)
    return len(cells)
