"""The pure parts by themselves, with google-benchmark; and the line that waits for the server's digest."""

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


def digest(bench):
    """What is there is the digest of rows in memory; it is an upper bound, and no proof of the goal."""
    bench.micro = bench.micro or measure(bench)
    rate = next(one["per_s"] for one in bench.micro if one["name"] == "digest/row")
    bench.result("digest-scan").more["row_digest_per_s"] = rate
    bench.result("digest-scan").lacks(
        "the server does not scan yet (DigestRanges is not there). "
        f"Hashing rows in memory alone makes {rate:,.0f} rows/s"
    )


GROUPS = {"digest": digest}
