"""See tools/torture --help."""

import argparse
import os
import pathlib
import random
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))

SHARES = {"crashes": 0.6, "disk": 0.3, "network": 0.1}


def main():
    parser = argparse.ArgumentParser(
        prog="tools/torture",
        description="Kills the real server and the real agent at every fault point, lets the disk and the line fail, "
        "takes the power away, and compares mirror and source row by row after each run. Builds `release` first.",
        epilog="Example: tools/torture --runs 5000. Exit code: 0 every run ended equal, 1 one did not (its folder is "
        "kept and named), 2 wrong usage. About four runs a second on two cores.",
    )
    runs = int(os.environ.get("MIRROR_TEST_TORTURE_RUNS", 400))
    parser.add_argument("--runs", type=int, default=runs, help=f"about so many runs in all ({runs})")
    seed = os.environ.get("MIRROR_TEST_TORTURE_SEED") or os.environ.get("MIRROR_TEST_SEED")
    parser.add_argument("--seed", type=int, default=seed and int(seed), help="repeats a choice; printed")
    parser.add_argument("--build", help="the programs are those of this build folder (build/release)")
    parser.add_argument("--only", choices=[*SHARES, "days"], help="only this part")
    parser.add_argument("--all", action="store_true", help="every write and sync that can fail, which takes hours")
    parser.add_argument("--keep", action="store_true", help="keep the folders of all runs")
    arguments = parser.parse_args()
    if arguments.runs < 1:
        parser.error("--runs must be at least 1")

    seed = arguments.seed if arguments.seed is not None else random.SystemRandom().randrange(1 << 32)
    print(f"seed {seed}", flush=True)
    if arguments.build:
        os.environ["MIRROR_TORTURE_BUILD"] = str(pathlib.Path(arguments.build).absolute())
    # Only now that they know where the programs are.
    from tests.torture import crashes, days, disk, network
    from tests.torture.report import Report

    report, begun, runs = Report(), time.monotonic(), 0
    parts = {"crashes": crashes.run, "disk": disk.run, "network": network.run}
    failed = None
    try:
        for name, run in parts.items():
            if arguments.only not in (None, name):
                continue
            share = 1 if arguments.only else SHARES[name]
            count = max(1, round(arguments.runs * share))
            runs += run(None if arguments.all and name == "disk" else count, seed, arguments.keep, report)
            print(f"{name}: {runs} runs, {time.monotonic() - begun:.0f} s", flush=True)
        if arguments.only in (None, "days"):
            runs += days.run(arguments.keep, report)
    except Exception as error:  # pylint: disable=broad-except
        failed = error
    report.print()
    if failed is not None:
        print(f"\nNOT EQUAL: {failed}\nRepeat it with --seed {seed}", file=sys.stderr)
        return 1
    print(f"\n{runs} runs in {time.monotonic() - begun:.0f} s: after each of them the mirror equalled its source")
    return 0


if __name__ == "__main__":
    sys.exit(main())
