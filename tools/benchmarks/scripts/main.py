"""tools/bench: see --help."""

import datetime
import os
import resource
import shutil
import signal
import sys
import tempfile

import against_lines
import agent_lines
import arguments
import curves
import database_source_lines
import everything_lines
import exchange_lines
import goals
import history_lines
import kept_table
import live_lines
import machine
import mariadb_source_lines
import micro_lines
import odbc_source_lines
import progress
import peer_lines
import postgres_history_lines
import postgres_store_lines
import raw_lines
import receipt_lines
import records_lines
import report
import small_lines
import source_lines
import start_lines
from bench_run import Bench
from postgres import postgres_cluster
from processes import Failed, whole

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
GROUPS = {
    **against_lines.GROUPS,
    **raw_lines.GROUPS,
    **peer_lines.GROUPS,
    **small_lines.GROUPS,
    **start_lines.GROUPS,
    **agent_lines.GROUPS,
    **receipt_lines.GROUPS,
    **history_lines.GROUPS,
    **records_lines.GROUPS,
    **source_lines.GROUPS,
    **everything_lines.GROUPS,
    **exchange_lines.GROUPS,
    **postgres_store_lines.GROUPS,
    **postgres_history_lines.GROUPS,
    **database_source_lines.GROUPS,
    **mariadb_source_lines.GROUPS,
    **odbc_source_lines.GROUPS,
    **live_lines.GROUPS,
}
RESULTS = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "results")
TARGETS = (
    "mirror-server mirror-agent mirrorctl mirror-harness mirror-bench mirror-bench-store mirror-bench-echo "
    "mirror-bench-micro"
)
SHIM = "slow_sync"  # Of the tests, in front of a server.


def show_lines(lines, micro):
    rows = [(line.name, line.group, line.goal_text(), line.work, line.reference) for line in lines]
    if micro:
        rows.append((goals.MICRO, goals.MICRO, "-", "codec, row digest, tokens, plans, each by itself", "-"))
    width, group_width = (max(len(row[i]) for row in rows) for i in range(2))
    for name, group, goal, work, reference in rows:
        print(f"{name:{width}}  {group:{group_width}}  {goal:12}  {work}; against: {reference}")


def build():
    """By the same steps as tools/check."""
    script = """
        set -euo pipefail
        . tools/lib/steps.sh
        steps_all=2
        begin_step packages
        tools/setup --also tools/benchmarks/packages.txt || fail_step packages \
            "tools/setup --also tools/benchmarks/packages.txt"
        build release $1
    """
    code, _ = whole(["bash", "-c", script, "tools/bench", f"{TARGETS} {SHIM}"], cwd=ROOT)
    if code != 0:
        sys.exit(1)


def measure(bench, keep=lambda: None):
    """Group by group; one that fails takes only its own lines with it. `keep` is called after each: a run that is
    interrupted leaves what it has measured."""
    groups = list(dict.fromkeys(result.line.group for result in bench.results.values()))
    for number, group in enumerate(groups, 1):
        progress.say(f"group {number} of {len(groups)}: {group}")
        try:
            if group not in GROUPS:
                raise Failed("it cannot be measured yet")
            GROUPS[group](bench)
        except (Failed, postgres_cluster.Failed) as failed:
            progress.say(f"{group}: {failed}")
            for result in bench.results.values():
                if result.line.group == group:
                    result.fail(str(failed))
        for result in bench.results.values():
            if result.line.group == group:
                progress.say("  " + report.one_line(result))
        keep()


def raise_limit():
    """A tenant takes three descriptors of the server, which inherits what is allowed here."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def interrupted(*_):
    """Once: whoever is impatient must not keep the servers from being stopped."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    print("tools/bench: stopping what was started", file=sys.stderr)
    raise KeyboardInterrupt


def main():
    options = arguments.read(sys.argv[1:])
    if options.list:
        try:
            show_lines(options.lines, options.micro)
            sys.stdout.flush()
        except BrokenPipeError:
            # Whoever reads has enough. Python would say so once more when it ends.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 1
        return 0
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    signal.signal(signal.SIGINT, interrupted)
    os.environ["no_proxy"] = "127.0.0.1,localhost," + os.environ.get("no_proxy", "")
    raise_limit()
    if not options.no_build:
        build()
    facts = machine.facts(ROOT)
    facts.update(quick=options.quick, rounds=options.rounds, date=datetime.date.today().isoformat())
    folder = tempfile.mkdtemp(prefix="mirror-bench-")
    # The servers of other users go through it to their own folders.
    os.chmod(folder, 0o711)
    try:
        bench = Bench(ROOT, folder, options.lines, options.rounds, options.quick, options.against)
        with bench.raw(bench.path("disk.db")) as raw:
            facts["fdatasync_4k_p50_us"] = round(raw.step("sync count=300")["p50_us"])
        if options.curves:
            curves.draw(bench, facts, RESULTS)
            print(f"The charts and curves.json are in {RESULTS}")
            return 0
        measure(bench, lambda: report.write_json(options.json, bench.results.values(), facts, bench.micro))
        if options.micro:
            bench.micro = bench.micro or micro_lines.measure(bench)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    facts["load_after"] = round(os.getloadavg()[0], 2)
    results = list(bench.results.values())
    if results:
        print(report.table(results))
    if bench.micro:
        print(f"\nThe parts by themselves\n{report.micro_text(bench.micro)}")
    print(f"\nMachine\n{report.facts_text(facts)}")
    if options.markdown:
        with open(options.markdown, "w") as text:
            text.write(report.markdown([result.as_json() for result in results]))
    report.write_json(options.json, results, facts, bench.micro)
    if options.keep:
        kept_table.write(ROOT, options.store, options.json)
    print(f"\n{sum(r.met is True for r in results)} of {sum(r.met is not None for r in results)} goals met. The figures are in {options.json}")
    return 1 if any(result.failed for result in results) else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Failed as failed:
        print(f"tools/bench: {failed}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        print("tools/bench: interrupted; everything it started is stopped", file=sys.stderr)
        sys.exit(130)
