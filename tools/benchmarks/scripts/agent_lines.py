"""Lines about the source's side: reading it, catching up, and what the change log costs its owner."""

import json
import os
import subprocess
import time

from bench_run import remove_database
from endpoint import CONTEXT, Endpoint, contents
from processes import Failed, last_words, run


def once(bench, endpoint, *arguments):
    """One cycle of the agent: what it says, its seconds and its peak memory in MB."""
    log = bench.path("agent.log")
    with open(log, "wb") as errors:
        start = time.monotonic()
        agent = subprocess.Popen(
            [bench.program("mirror-agent"), "once", "--config", endpoint.config, "--json", *arguments],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors, start_new_session=True,
        )  # fmt: skip
        try:
            said = agent.stdout.read()
            _, status, usage = os.wait4(agent.pid, 0)
        except BaseException:
            agent.kill()
            agent.wait()
            raise
    seconds = time.monotonic() - start
    agent.stdout.close()
    agent.returncode = os.waitstatus_to_exitcode(status)
    if agent.returncode != 0:
        raise Failed(f"mirror-agent once ended with {agent.returncode}: {last_words(log)}")
    return json.loads(said)["sources"][0]["tables"], seconds, usage.ru_maxrss / 1024


def install(bench, endpoint):
    run([bench.program("mirror-agent"), "install", "--config", endpoint.config])


def a1(bench, rows):
    """The yardstick of this round, in a file that is gone afterwards."""
    file = bench.path("a1.db")
    with bench.raw(file) as raw:
        rate = raw.rate(f"populate count={rows}")
    remove_database(file)
    return rate


def reader(bench):
    rows = bench.size(2_000_000, 500_000)
    file = bench.path("source.db")
    with bench.raw(file) as raw:
        raw.step(f"populate count={rows}")
    with Endpoint(bench, "reader", source=file) as endpoint:
        install(bench, endpoint)
        for _ in bench.turns(f"a source of {rows:,} rows is read"):
            endpoint.fresh()
            reference = a1(bench, rows)
            reading = json.loads(run([bench.program("mirror-bench"), "read", "--file", file]))
            bench.result("agent-reader").add_rates(rows / reading["seconds"], reference)
            bench.result("agent-reader").more["first_look_seconds"] = reading["first_look_seconds"]
            tables, seconds, peak = once(bench, endpoint)
            if [table["inserts"] for table in tables] != [rows]:
                raise Failed("mirror-agent did not send every row")
            bench.result("agent-population").add_rates(rows / seconds, reference)
            bench.result("agent-memory").add(peak)
            bench.same(["agent-population"], contents(endpoint.mirror_file(CONTEXT)), contents(file))
    remove_database(file)


def catch_up(bench):
    rows, changes = bench.size((2_000_000, 500_000), (500_000, 100_000))
    file = bench.path("source.db")
    for _ in bench.turns(f"{changes:,} logged changes of a source of {rows:,} rows"):
        with bench.raw(file) as source:
            source.step(f"populate count={rows}")
            with Endpoint(bench, "catch-up", source=file) as endpoint:
                install(bench, endpoint)
                once(bench, endpoint)
                for line, step in (
                    ("appended", f"insert from={rows + 1} count={changes}"),
                    ("range", f"update count={changes} version=1"),
                    ("random", f"update count={rows} pick={changes} order=random version=2"),
                ):
                    source.step(step)
                    reference = a1(bench, changes)
                    tables, seconds, _ = once(bench, endpoint)
                    if tables[0]["inserts"] + tables[0]["updates"] != changes or tables[0]["action"] != "changes":
                        raise Failed(f"catching up with {line} changes, mirror-agent did: {tables[0]}")
                    bench.result(f"catch-up-{line}").add_rates(changes / seconds, reference)
                    bench.same([line], contents(endpoint.mirror_file(CONTEXT)), contents(file))
    remove_database(file)


def triggers(bench):
    rows, some, single = bench.size((1_000_000, 200_000, 2_000), (200_000, 50_000, 300))
    steps = (
        ("insert", f"insert from={rows + 1} count={some}"),
        ("bulk-update", f"update count={some} version=1"),
        ("random-update", f"update count={rows} pick={some // 5} order=random version=2"),
        ("single-update", f"update count={rows} pick={single} order=random group=1 version=3"),
        ("delete", f"delete count={some}"),
    )
    logged, plain = bench.path("logged.db"), bench.path("plain.db")
    for _ in bench.turns(f"writes into a source of {rows:,} rows, with its change log and without"):
        with bench.raw(logged) as with_log, bench.raw(plain) as without:
            for side in (with_log, without):
                side.step(f"populate count={rows}")
            endpoint = Endpoint(bench, "log", source=logged)  # Only its agent's configuration is needed.
            install(bench, endpoint)
            for line, step in steps:
                reference, rate = without.rate(step), with_log.rate(step)
                bench.result(f"triggers-{line}").add(reference / rate, rate, reference)
            endpoint.remove()
    remove_database(logged)
    remove_database(plain)


GROUPS = {"reader": reader, "catch-up": catch_up, "triggers": triggers}
