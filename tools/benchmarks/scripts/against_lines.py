"""Lines against another build: small cycles, on this disk and on a slower one, each build with its own source or both
servers with this build's; and pushes, of this build's source."""

import os
import statistics

import progress
from endpoint import Endpoint
from processes import Failed
from small_lines import harness

SERVER = ("mirror-server", "mirrorctl")
PROGRAMS = (*SERVER, "mirror-harness")
BLOCKS = 2  # Both builds take turns so often in a round, and the other one begins each time.
SLOWER_US = 1_000  # Of each sync, on a slower disk.
CLIENTS = 2
LINES = {
    "small-cycle-before": (0, PROGRAMS),
    "small-cycle-before-slow-disk": (SLOWER_US, PROGRAMS),
    "small-cycle-before-server": (0, SERVER),
}


def missing(folder):
    """Of the programs, which `folder` lacks."""
    return [name for name in PROGRAMS if not os.access(os.path.join(folder, name), os.X_OK)]


class OtherBuild:
    """What an endpoint and a source ask of a Bench: these programs are another build's, the others those of here."""

    def __init__(self, bench, programs=SERVER):
        self.folder = bench.path("other")
        self._bench = bench
        self._programs = programs
        os.makedirs(self.folder, exist_ok=True)

    def program(self, name):
        return os.path.join(self._bench.against, name) if name in self._programs else self._bench.program(name)


def slower_disk(bench, us):
    """Variables of a server whose syncs take so many microseconds more."""
    if us == 0:
        return {}
    library = os.path.join(bench.root, "build", "release", "tests", "libslow_sync.so")
    if not os.path.exists(library):
        raise Failed(f"there is no {library}; tools/bench without --no-build makes it")
    return {"LD_PRELOAD": library, "MIRROR_SLOW_PATH": "/data/", "MIRROR_SLOW_US": str(us)}


def rate(endpoint, cycles):
    """Cycles a second, of tenants that were populated before the clock started."""
    done = harness(
        endpoint.bench, endpoint, "--tenants", CLIENTS, "--clients", CLIENTS, "--rows", 100, "--changes", 1, "--cycles", cycles
    )
    return done["cycles_per_s"]


def compare(bench, line, us, programs):
    cycles = bench.size(500, 100)
    environment = slower_disk(bench, us)
    other = OtherBuild(bench, programs)
    with Endpoint(other, line, environment=environment) as old, Endpoint(bench, line, environment=environment) as new:
        rates = {old: [], new: []}
        for turn in bench.turns(f"{cycles} cycles of one row for each of {CLIENTS} clients, of both builds in turn"):
            for block in range(BLOCKS):
                for endpoint in (old, new) if (turn + block) % 2 else (new, old):
                    rates[endpoint].append(rate(endpoint, cycles))
            before, now = (statistics.mean(rates[endpoint][-BLOCKS:]) for endpoint in (old, new))
            bench.result(line).add_rates(now, before)
            progress.say(f"  {now:.0f} cycles/s, the other build {before:.0f}")


def pushes(bench):
    """How long the slowest hundredth takes."""
    part = bench.size(4_000, 1_000) // BLOCKS
    other = OtherBuild(bench)
    with Endpoint(other, "pushes-before") as old, Endpoint(bench, "pushes-now") as new:
        for turn in bench.turns(f"{part * BLOCKS} one-row pushes, to both builds in turn"):
            with old.steps(old.new_tenant()) as before, new.steps(new.new_tenant()) as now:
                p99 = {before: [], now: []}
                for side in p99:
                    side.step("populate count=10000")
                for block in range(BLOCKS):
                    for side in (before, now) if (turn + block) % 2 else (now, before):
                        p99[side].append(side.step(f"push count={part} version={block + 1}")["p99_us"])
                was, is_now = (statistics.mean(p99[side]) for side in (before, now))
            bench.result("push-p99-before").add(is_now / was, is_now, was)


def against(bench):
    wanted = {line: how for line, how in LINES.items() if bench.wants(line)}
    for us, _ in wanted.values():
        slower_disk(bench, us)  # What is missing is told before minutes have gone by.
    for line, (us, programs) in wanted.items():
        compare(bench, line, us, programs)
    if bench.wants("push-p99-before"):
        pushes(bench)


GROUPS = {"against": against}
