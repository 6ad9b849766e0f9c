"""Lines about small work: one row, no rows, many tenants; and what the server needs for all of it."""

import json
import os
import re
import statistics
import subprocess
import threading

import progress
from endpoint import Endpoint
from processes import Failed, Process, Steps, last_words, run

MEBI = 1024.0  # /proc counts in KiB.
BLOCKS = 4  # Pushes and syncs of a round take turns: a disk that others use changes within seconds.


def memory(pid, what="VmRSS"):
    """MB of a process: VmRSS now, VmHWM at most."""
    with open(f"/proc/{pid}/status") as text:
        return int(re.search(rf"{what}:\s+(\d+)", text.read()).group(1)) / MEBI


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def harness(bench, endpoint, *arguments, timeout=1800):
    command = [bench.program("mirror-harness"), "cycle", "--config", endpoint.config, "--json"]
    return json.loads(run([*command, "--context-id", endpoint.new_tenant(), *map(str, arguments)], timeout=timeout))


class Echo(Process):
    """mirror-bench-echo beside the endpoint, with its certificate; and an agent's configuration that leads there."""

    def __init__(self, bench, endpoint):
        command = [bench.program("mirror-bench-echo"), "--config", os.path.join(endpoint.folder, "mirror-server.toml")]
        command += ["--file", bench.path("echo.dat")]
        super().__init__(command, bench.path("echo.log"), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        port = self.popen.stdout.readline().strip()
        if not port:
            raise Failed(f"{self.name}: {last_words(self.log)}")
        self.config = os.path.join(endpoint.folder, "echo-agent.toml")
        with open(endpoint.config) as text, open(self.config, "w") as echo:
            echo.write(re.sub(r'(?m)^(address = "[^"]*:)\d+"', rf'\g<1>{port}"', text.read(), count=1))

    def steps(self, bench):
        return Steps([bench.program("mirror-bench"), "echo", "--config", self.config], bench.path("echoes.log"))


def pushes(bench):
    count = bench.size(4_000, 1_000)
    with Endpoint(bench, "pushes") as endpoint, Echo(bench, endpoint) as echo:
        for turn in bench.turns(f"{count} one-row pushes, and as many over a stream"):
            with (
                bench.raw(bench.path("pushes.db")) as raw,
                echo.steps(bench) as floor,
                endpoint.steps(endpoint.new_tenant()) as mirror,
            ):
                mirror.step("populate count=10000")
                _push(bench, turn, count // BLOCKS, raw, floor, mirror)


def _push(bench, turn, part, raw, floor, mirror):
    works = {
        "sync": lambda version: raw.step(f"sync count={part}"),
        "push": lambda version: mirror.step(f"push count={part} version={version}"),
        "stream": lambda version: mirror.step(f"push-stream count={part} version={version + 100}"),
        "echo": lambda version: floor.step(f"push count={part} version={version}"),
        "echo-stream": lambda version: floor.step(f"push-stream count={part} version={version}"),
    }
    # Who is first in one block is last in the next.
    orders = [list(works), list(reversed(works))]
    blocks = [{name: works[name](10 * turn + block) for name in orders[block % 2]} for block in range(BLOCKS)]
    p50 = {name: statistics.median(block[name]["p50_us"] for block in blocks) for name in works}
    p99 = statistics.median(block["push"]["p99_us"] for block in blocks)
    bench.result("push-p50").add(p50["push"] - p50["sync"], p50["push"], p50["sync"])
    bench.result("push-echo").add(p50["push"] / p50["echo"], p50["push"], p50["echo"])
    bench.result("push-stream-echo").add(p50["stream"] / p50["echo-stream"], p50["stream"], p50["echo-stream"])
    bench.result("push-p99").add(p99 / p50["push"], p99, p50["push"])


def quiet(bench):
    schema = os.path.join(bench.root, "tests", "data", "superoffice-tables.json")
    cycles = bench.size(50, 20)
    with Endpoint(bench, "quiet") as endpoint:
        for _ in bench.turns(f"{cycles} cycles without changes over 413 tables"):
            done = harness(
                bench, endpoint, "--schema", schema, "--rows", 20, "--cycles", cycles, "--changes", 0, "--clients", 1
            )
            bench.result("quiet-cycle").add(done["cycle_p50_ms"], done["cycles_per_s"])
            bench.result("quiet-cycle").more["p99_ms"] = done["cycle_p99_ms"]


def tenants(bench):
    """One client in both cases: a tenant has one cycle at a time."""
    many, cycles = bench.size((1_000, 2_000), (100, 200))
    rows = ("--rows", 100, "--changes", 10, "--clients", 1)
    with Endpoint(bench, "tenants") as endpoint:
        for _ in bench.turns(f"{cycles:,} cycles of 10 rows, on one tenant and on {many:,}"):
            endpoint.fresh()
            one = harness(bench, endpoint, *rows, "--tenants", 1, "--cycles", cycles)
            before = memory(endpoint.pid)
            all_of_them = harness(bench, endpoint, *rows, "--tenants", many, "--cycles", cycles // many)
            bench.result("small-cycles").add_rates(all_of_them["cycles_per_s"], one["cycles_per_s"])
            # Open, and their cycles have ended.
            bench.result("idle-tenant").add((memory(endpoint.pid) - before) / many)


class Calls(Process):
    """mirror-bench calls: stands still between opening the tenants and the calls."""

    def __init__(self, bench, endpoint, many, calls):
        command = [bench.program("mirror-bench"), "calls", "--config", endpoint.config, "--context-id",
                   endpoint.new_tenant(), "--tenants", str(many), "--calls", str(calls)]  # fmt: skip
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        super().__init__(command, bench.path("calls.log"), **pipes)
        self._line("ready")

    def _line(self, wanted=""):
        line = self.popen.stdout.readline()
        if not line.startswith(wanted or "{"):
            self.popen.wait()
            raise Failed(f"{self.name}: {last_words(self.log)}")
        return line

    def go(self):
        self.popen.stdin.write("go\n")
        self.popen.stdin.flush()
        return json.loads(self._line())


def calls(bench):
    many, count = bench.size((1_000, 20_000), (100, 2_000))
    with Endpoint(bench, "calls") as endpoint:
        for _ in bench.turns(f"{count:,} calls of 10 rows, on one tenant and on {many:,}"):
            endpoint.fresh()
            with Calls(bench, endpoint, 1, count) as one:
                reference = one.go()
            with Calls(bench, endpoint, many, count) as load:
                done = load.go()
            rates = [count / each["seconds"] for each in (done, reference)]
            bench.result("small-calls").add_rates(*rates)
            bench.result("small-calls").more.update(p99_us=done["p99_us"], one_tenant_p99_us=reference["p99_us"])


def bulk_memory(bench):
    rows = bench.size(2_000_000, 500_000)
    result = bench.result("server-memory")
    result.note = "the goal's 'configured cache' is taken as 0: nothing in mirror-server.toml sets one"
    with Endpoint(bench, "memory") as endpoint:
        for _ in bench.turns(f"the server's memory with {rows:,} rows"):
            endpoint.fresh()
            with endpoint.steps(endpoint.new_tenant()) as mirror:
                rate = mirror.rate(f"populate count={rows}")
                for verb in ("populate", "upsert", "update", "delete"):
                    mirror.step(f"{verb} count={rows} version=1")
            result.add(memory(endpoint.pid, "VmHWM"), rate)


class Watcher(threading.Thread):
    """The most descriptors that a process has had."""

    def __init__(self, pid):
        super().__init__(daemon=True)
        self.pid, self.most, self._done = pid, 0, threading.Event()

    def run(self):
        while not self._done.wait(0.2):
            self.most = max(self.most, descriptors(self.pid))

    def stop(self):
        self._done.set()
        self.join()


def fleet(bench):
    many = bench.size(10_000, 300)
    result = bench.result("tenants-10000")
    with Endpoint(bench, "fleet") as endpoint:
        for _ in bench.turns(f"a small cycle on each of {many:,} tenants"):
            endpoint.fresh()
            watcher = Watcher(endpoint.pid)
            watcher.start()
            try:
                done = harness(
                    bench, endpoint, "--tenants", many, "--rows", 20, "--cycles", 1, "--changes", 10, "--clients", 4
                )
            finally:
                watcher.stop()
            result.add(done["cycle_p99_ms"], done["calls_per_s"])
            result.more = {
                "tenants": many,
                "cycles_per_s": done["cycles_per_s"],
                "cycle_p50_ms": done["cycle_p50_ms"],
                "server_memory_mb": memory(endpoint.pid, "VmHWM"),
                "server_descriptors": watcher.most,
            }
            progress.say(f"{many:,} tenants: {result.more['server_memory_mb']:.0f} MB, {watcher.most} descriptors")
    result.note = ", ".join(
        f"{value:,.0f} {words}"
        for value, words in (
            (many, "tenants"),
            (result.more["cycles_per_s"], "cycles/s"),
            (result.more["server_memory_mb"], "MB"),
            (result.more["server_descriptors"], "descriptors of the server"),
        )
    )


GROUPS = {
    "pushes": pushes,
    "quiet": quiet,
    "tenants": tenants,
    "calls": calls,
    "memory": bulk_memory,
    "fleet": fleet,
}
