"""The pure parts by themselves, with google-benchmark."""

import json

import progress
from processes import run


def measure(bench):
    progress.say("micro-benchmarks")
    seconds = bench.size("0.5", "0.1")
    said = run([bench.program("mirror-bench-micro"), "--benchmark_format=json", f"--benchmark_min_time={seconds}"])
    figures = []
    for one in json.loads(said)["benchmarks"]:
        per_s = one.get("items_per_second")
        rate = f"   {per_s:14,.0f} rows/s" if per_s else ""
        figures.append({"name": one["name"], "ns": one["cpu_time"], "per_s": per_s, "rate": rate})
    return figures
