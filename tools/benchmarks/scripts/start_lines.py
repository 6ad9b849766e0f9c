"""Lines about a server's start."""

import glob
import os
import time

import progress
from endpoint import Endpoint
from processes import Failed, wait_until
from small_lines import harness

PAUSE = 0.001  # Between two looks for the line that says it is ready: an ordinary start takes tens of milliseconds.
PATIENCE = 120


def logs(endpoint):
    """How many mirrors have commits outside of their files."""
    found = glob.glob(os.path.join(glob.escape(endpoint.folder), "data", "Mirror_*.db-wal"))
    return sum(size(path) > 0 for path in found)


def size(path):
    try:
        return os.path.getsize(path)
    except FileNotFoundError:
        return 0


def ready_after(endpoint):
    """Seconds."""
    begin = time.monotonic()
    endpoint.start(PAUSE)
    return time.monotonic() - begin


def start(bench):
    """The start after a kill comes first in each round: an ordinary end leaves no logs for another one."""
    many = bench.size(1_000, 200)
    result = bench.result("start-after-kill")
    taking_in = []
    with Endpoint(bench, "start") as endpoint:
        for _ in bench.turns(f"a start with {many:,} mirrors, after a kill and after an ordinary end"):
            endpoint.fresh()
            harness(bench, endpoint, "--tenants", many, "--rows", 20, "--cycles", 1, "--changes", 10, "--clients", 4)
            endpoint.stop()
            if logs(endpoint) < many:
                raise Failed(f"the kill left logs of {logs(endpoint):,} mirrors, not of all {many:,}")
            killed = ready_after(endpoint)
            begin = time.monotonic()
            wait_until(lambda: logs(endpoint) == 0, "taking in all logs", PATIENCE)
            taking_in.append(killed + time.monotonic() - begin)
            endpoint.end(PATIENCE)
            ordinary = ready_after(endpoint)
            result.add(killed / ordinary, killed * 1_000, ordinary * 1_000)
            progress.say(f"  {killed * 1_000:.0f} ms and {ordinary * 1_000:.0f} ms; no logs after {taking_in[-1]:.1f} s")
    result.more["all_logs_taken_in_s"] = sorted(taking_in)[len(taking_in) // 2]
    result.note = f"{many:,} mirrors; all logs were taken in {result.more['all_logs_taken_in_s']:.1f} s after the start began"


GROUPS = {"start": start}
