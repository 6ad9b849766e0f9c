"""See tools/torture --help."""

import argparse
import os
import pathlib
import random
import shutil
import signal
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))

SHARES = {
    "sqlite": {"crashes": 0.55, "disk": 0.25, "network": 0.1, "records": 0.1},
    "postgres": {"crashes": 0.4, "servers": 0.15, "database": 0.25, "network": 0.1, "records": 0.1},
}
RUNS = {"sqlite": 400, "postgres": 40}
SOURCE_RUNS = 60
EXCHANGE_RUNS = 60
# With the store: what is not asked, and why.
LEFT_OUT = {
    "postgres": (
        "disk: PostgreSQL writes and syncs its files by itself",
        "no catalog: events and audit log are in the control database",
    )
}


def main():
    parser = argparse.ArgumentParser(
        prog="tools/torture",
        description="Kills the real server and the real agent at every fault point, lets disk and network fail, "
        "simulates power loss, and compares mirror and source row by row after each run. With --store postgres it "
        "starts a PostgreSQL of its own, kills that too, and reads the mirrors with psql. Builds `release` first.",
        epilog="Example: tools/torture --runs 5000. Exit code: 0 mirror and source were equal after every run, 1 not after one (its folder is "
        "kept and named), 2 wrong usage. About four runs a second on two cores.",
    )
    parser.add_argument("--source", choices=["sqlite", "postgres", "mariadb"], default="sqlite", help="where the rows come from (sqlite); postgres, mariadb: the agent, its stage and the source's own server are killed, restored and replaced, and the mirrors are SQLite's")
    parser.add_argument("--exchange", action="store_true", help="two systems and a hub: kills while deliveries go both ways, and restores of a system, a mirror, the hub and the server")
    parser.add_argument("--store", choices=list(SHARES), default="sqlite", help="what keeps the mirrors (sqlite)")
    runs = os.environ.get("MIRROR_TEST_TORTURE_RUNS")
    shown = runs or f"{RUNS['sqlite']}, with postgres {RUNS['postgres']}"
    parser.add_argument("--runs", type=int, default=runs and int(runs), help=f"approximate number of runs, at least one at each fault point ({shown})")
    seed = os.environ.get("MIRROR_TEST_TORTURE_SEED") or os.environ.get("MIRROR_TEST_SEED")
    parser.add_argument("--seed", type=int, default=seed and int(seed), help="repeats the random choices of a run, which prints it")
    parser.add_argument("--citus", metavar="URL", help="with --store postgres and --only crashes, servers or network: the database of a Citus coordinator, see tests/citus.sh")
    parser.add_argument("--build", help="use the programs of this build folder (build/release)")
    parser.add_argument("--only", choices=["crashes", "servers", "disk", "database", "network", "records", "days"], help="only this part")
    parser.add_argument("--all", action="store_true", help="let every write and sync fail, which takes hours")
    parser.add_argument("--keep", action="store_true", help="keep the folders of all runs")
    arguments = parser.parse_args()
    if arguments.source != "sqlite" and (arguments.store != "sqlite" or arguments.only or arguments.all):
        parser.error(f"--source {arguments.source} can be combined only with --runs, --seed, --build and --keep")
    if arguments.exchange and (arguments.source != "sqlite" or arguments.store != "sqlite" or arguments.only or arguments.all or arguments.keep):
        parser.error("--exchange can be combined only with --runs, --seed and --build")
    shares = {"exchange": 1} if arguments.exchange else SHARES[arguments.store] if arguments.source == "sqlite" else {"sources": 1}
    if arguments.runs is None:
        arguments.runs = RUNS[arguments.store] if arguments.source == "sqlite" else SOURCE_RUNS
        arguments.runs = EXCHANGE_RUNS if arguments.exchange else arguments.runs
    if arguments.runs < 1:
        parser.error("--runs must be at least 1")
    if arguments.only not in (None, "days", *shares):
        parser.error(f"--store {arguments.store} has no part '{arguments.only}'")

    if arguments.citus and (arguments.store != "postgres" or arguments.only not in ("crashes", "servers", "network")):
        parser.error("--citus needs --store postgres, and --only crashes, servers or network")

    seed = arguments.seed if arguments.seed is not None else random.SystemRandom().randrange(1 << 32)
    print(f"seed {seed}", flush=True)
    if arguments.build:
        os.environ["MIRROR_TORTURE_BUILD"] = str(pathlib.Path(arguments.build).absolute())
    # Only now that they know where the programs are.
    from tests.torture import crashes, database, days, disk, mariadb_source, network, place, postgres_place, postgres_source
    from tests.torture import exchange, records, servers, sources
    from tests.torture.report import Report

    report, begun, runs = Report(), time.monotonic(), 0
    parts = {
        "crashes": crashes.run,
        "servers": servers.run,
        "disk": disk.run,
        "database": database.run,
        "network": network.run,
        "records": records.run,
        "sources": sources.run,
        "exchange": lambda _kind, count, run_seed, _keep, said: exchange.run(count, run_seed, said),
    }
    kind, cluster, failed = place.Place, None, None
    source_kinds = {"postgres": postgres_source.PostgresSourcePlace, "mariadb": mariadb_source.MariadbSourcePlace}
    source_kind = source_kinds.get(arguments.source)
    # With finally, so that the database servers end, too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        if arguments.store == "postgres":
            kind = postgres_place.PostgresPlace
            if arguments.citus:
                kind.cluster = postgres_place.CitusCluster(arguments.citus)
            else:
                kind.cluster = cluster = postgres_place.make_cluster()
        if source_kind is not None:
            kind = source_kind
            kind.begin()
        for name, share in shares.items():
            if arguments.only not in (None, name):
                continue
            count = max(1, round(arguments.runs * (1 if arguments.only else share)))
            runs += parts[name](kind, None if arguments.all and name == "disk" else count, seed, arguments.keep, report)
            print(f"{name}: {runs} runs, {time.monotonic() - begun:.0f} s", flush=True)
        if arguments.source == "sqlite" and not arguments.exchange and arguments.only in (None, "days"):
            runs += days.run(kind, arguments.keep, report)
    except Exception as error:  # pylint: disable=broad-except
        failed = error
    finally:
        if source_kind is not None and source_kind.shared is not None:
            source_kind.end(arguments.keep or failed is not None)
        if cluster is not None:
            cluster.stop()
            if arguments.keep or failed is not None:
                print(f"The databases of what is kept: tests/support/postgres_cluster.py start {cluster.folder}")
            else:
                shutil.rmtree(cluster.folder.parent)
    report.print()
    if arguments.store in LEFT_OUT:
        print("\nnot asked of this store: " + "; ".join(LEFT_OUT[arguments.store]))
    if failed is not None:
        print(f"\nNOT EQUAL: {failed}\nRepeat it with --seed {seed}", file=sys.stderr)
        return 1
    print(f"\n{runs} runs in {time.monotonic() - begun:.0f} s: after each of them {'both systems agreed' if arguments.exchange else 'the mirror equalled its source'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
