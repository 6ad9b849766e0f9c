"""Lines about what receipts cost: the same work on two endpoints, one of which keeps none."""

import statistics

from endpoint import Endpoint

BLOCKS = 4  # They take turns: a disk that others use changes within seconds.


def receipts(bench):
    rows = bench.size(1_000_000, 200_000)
    pushes = bench.size(4_000, 1_000) // BLOCKS
    off = (("receipts", "false"),)
    with Endpoint(bench, "receipts") as kept, Endpoint(bench, "no-receipts", settings=off) as plain:
        for turn in bench.turns(f"{rows:,} rows and one-row pushes, with receipts and without"):
            tenants = kept.new_tenant(), plain.new_tenant()
            with kept.steps(tenants[0]) as with_them, plain.steps(tenants[1]) as without:
                both = (with_them, without)
                bench.result("receipts-population").add_rates(
                    *[mirror.rate(f"populate count={rows}") for mirror in both]
                )
                bench.result("receipts-upsert").add_rates(
                    *[mirror.rate(f"upsert count={rows} version={turn}") for mirror in both]
                )
                p50 = ([], [])
                for block in range(BLOCKS):
                    for mirror, times in zip(both, p50):
                        step = mirror.step(f"push count={pushes} version={10 * turn + block}")
                        times.append(step["p50_us"])
                times = [statistics.median(each) for each in p50]
                bench.result("receipts-push").add(times[0] / times[1], *times)


GROUPS = {"receipts": receipts}
