"""See tools/fleet --help."""

import argparse
import os
import pathlib
import random
import signal
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))

from tests.fleet import compare, plan, report  # noqa: E402
from tests.fleet.fleet import CONTEXT, Fleet, check_programs, make_folder  # noqa: E402
from tests.fleet.parts import ROOT, Broken, postgres_cluster  # noqa: E402
from tests.fleet.source import Tenant  # noqa: E402

CLIENTS = 16


def parse():
    parser = argparse.ArgumentParser(
        prog="tools/fleet",
        description="Starts a whole fleet on this machine, in a temporary folder and on free ports: etcd, a "
        "PostgreSQL primary with standbys under Patroni, three mirror-server, haproxy before them. Sources of many "
        "tenants run cycles through it while its parts are killed in turn. At the end each mirror is compared with "
        "its source, and a table says what was lost. Builds `release` first, and installs what is missing "
        "(tools/setup --also fleet).",
        epilog="Example: tools/fleet --tenants 100 --kills 6. Exit code: 0 nothing was lost and every mirror equals "
        "its source, 1 otherwise, 2 wrong usage. 1,000 tenants take about ten minutes on two cores.",
    )
    number = lambda least: lambda text: checked(text, least)  # noqa: E731
    add = parser.add_argument
    add("--tenants", type=number(1), default=1000, metavar="N", help="number of tenants (1000)")
    add("--cycles", type=number(0), default=2, metavar="N", help="minimum of cycles of each tenant after its population (2)")
    add("--kills", type=number(0), default=12, metavar="N", help="how many times a part is killed or stopped (12)")
    add("--standbys", type=number(1), default=2, metavar="N", help="standbys of PostgreSQL; one is synchronous (2)")
    add("--seed", type=int, help="repeats the plan of a run, which prints it")
    add("--build", metavar="FOLDER", help="use the programs of this build folder, and build none")
    add("--keep", action="store_true", help="leave the fleet running, and say how to look at it")
    return parser.parse_args()


def checked(text, least):
    value = int(text)
    if value < least:
        raise argparse.ArgumentTypeError(f"at least {least}")
    return value


def run_plan(fleet, load, strikes, done):
    """Over all of the work; adds to `done` what the table shows of each strike."""
    begun = time.monotonic()
    for number, strike in enumerate(strikes):
        load.wait_for(number / len(strikes))
        load.wait_for_all(time.monotonic())
        time.sleep(strike.pause_s)
        struck = fleet.strike(strike)
        load.wait_for_all(time.monotonic())
        fleet.wait_whole()
        whole = time.monotonic() - struck
        next_commit = load.next_commit(struck)
        done.append((struck - begun, str(strike), next_commit, load.longest_wait(struck), whole))
        print(f"  {struck - begun:6.1f} s  {strike}: next commit after {report.seconds(next_commit)}", flush=True)


def make_load(fleet, arguments, seed, log):
    from tests.fleet import wire
    from tests.fleet.load import Load

    with tempfile.TemporaryDirectory() as stubs:
        wire.prepare(stubs)
        identity = wire.Identity(fleet.folder / "dev" / "mirror-agent.toml")
        tenants = [Tenant(f"{CONTEXT}-{number}", seed) for number in range(1, arguments.tenants + 1)]
        return Load(identity, tenants, min(CLIENTS, len(tenants)), arguments.cycles, log)


def run(fleet, arguments, seed):
    """Whether all promises were kept."""
    begun, done, stuck, rows, promotions = time.monotonic(), [], [], 0, 0
    with open(fleet.folder / "load.log", "w", encoding="utf-8") as log:
        load = make_load(fleet, arguments, seed, log)
        try:
            load.start()
            run_plan(fleet, load, plan.make(seed, arguments.kills), done)
            load.finish()
            fleet.wait_whole()
            took = time.monotonic() - begun
            promotions = fleet.promotions()
            rows = compare.check(lambda script: fleet.primary().sql("mirrors", script), load.tenants)
        except Broken as error:
            took = time.monotonic() - begun
            stuck.append(str(error))
        finally:
            load.abandon()
    report.print_strikes(done)
    report.print_counts(load.tenants, rows, took)
    print(f"promotions of PostgreSQL: {promotions}")
    print("memory of the servers at most: " + ", ".join(f"{one.name} {one.memory_mb()} MB" for one in fleet.servers))
    return report.print_verdict(report.findings_of(load.tenants) | {"stuck": stuck, "ended": fleet.ended()})


def main():
    arguments = parse()
    seed = arguments.seed if arguments.seed is not None else random.SystemRandom().randrange(1 << 32)
    programs = pathlib.Path(arguments.build or ROOT / "build/release").absolute() / "bin"
    # With finally, so that all parts end, too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    os.environ["no_proxy"] = "127.0.0.1"
    fleet, good = None, False
    try:
        check_programs(programs)
        print(f"seed {seed}: " + "; ".join(map(str, plan.make(seed, arguments.kills))), flush=True)
        fleet = Fleet(make_folder(arguments.tenants), programs, arguments.standbys)
        fleet.start()
        print(f"The fleet runs in {fleet.folder}", flush=True)
        good = run(fleet, arguments, seed)
    except (Broken, RuntimeError, postgres_cluster.Missing) as error:
        print(f"\ntools/fleet: {error}", file=sys.stderr)
    finally:
        if fleet is not None and not good:
            print(f"Repeat it with --seed {seed}", file=sys.stderr)
        if fleet is not None:
            if arguments.keep:
                print(fleet.how_to_look())
            else:
                fleet.remove(keep_logs=not good)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
