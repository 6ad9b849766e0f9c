"""How the rate changes with the size of everything: a chart and a list of points for each."""

import json
import os
import statistics

import progress
import svg_chart
from bench_run import remove_database
from endpoint import Endpoint
from processes import run
from small_lines import Calls

MIRROR, RAW, CALLS = "first population of a mirror", "raw prepared INSERT", "calls of 10 rows, 4 at a time"
BYTES = 200_000_000  # Of a table whose rows become wider: as many rows as fit.


class Points:
    """Rates by series and x; the series in the order in which they are drawn."""

    def __init__(self, *names):
        self.rates = {name: {} for name in names}

    def add(self, series, x, rate):
        self.rates[series].setdefault(x, []).append(rate)

    def series(self):
        return [
            svg_chart.Series(
                name, [(x, statistics.median(each), min(each), max(each)) for x, each in sorted(by_x.items())]
            )
            for name, by_x in self.rates.items()
        ]

    def as_json(self):
        return {one.name: [dict(zip(("x", "median", "min", "max"), p)) for p in one.points] for one in self.series()}


def _populations(bench, name, cases):
    """`cases`: x, rows and shape of each table, which both sides fill in turn."""
    points = Points(MIRROR, RAW)
    file = bench.path("curve.db")
    with Endpoint(bench, name) as endpoint:
        for _ in bench.turns(f"curve: {name}"):
            for x, rows, shape in cases:
                endpoint.fresh()
                progress.say(f"  {name} {x:,}")
                with bench.raw(file, *shape) as raw:
                    points.add(RAW, x, raw.rate(f"populate count={rows}"))
                remove_database(file)
                with endpoint.steps(endpoint.new_tenant(), *shape) as mirror:
                    points.add(MIRROR, x, mirror.rate(f"populate count={rows}"))
    return points


def by_rows(bench):
    sizes = bench.size((100_000, 300_000, 1_000_000, 3_000_000, 10_000_000), (100_000, 300_000, 1_000_000))
    return _populations(bench, "rows", [(rows, rows, ()) for rows in sizes])


def by_columns(bench):
    rows = {3: 1_000_000, 12: 1_000_000, 111: 100_000}
    share = bench.size(1, 5)
    return _populations(
        bench, "columns", [(columns, count // share, ("--columns", str(columns))) for columns, count in rows.items()]
    )


def by_width(bench):
    total = BYTES // bench.size(1, 4)
    cases = []
    for width in (20, 100, 1_000, 10_000, 100_000):
        cases.append((width, min(1_000_000, total // width), ("--width", str(width))))
    return _populations(bench, "width", cases)


def by_tenants(bench):
    points = Points(CALLS)
    calls = bench.size(10_000, 2_000)
    with Endpoint(bench, "curve-tenants") as endpoint:
        for _ in bench.turns("curve: tenants"):
            for many in bench.size((1, 10, 100, 1_000, 5_000), (1, 10, 100)):
                endpoint.fresh()
                progress.say(f"  tenants {many:,}")
                with Calls(bench, endpoint, many, calls) as load:
                    done = load.go()
                points.add(CALLS, many, done["rows"] / done["seconds"])
    return points


def _pushes(bench, name, cases):
    """`cases`: x, and arguments of mirror-harness push."""
    points = Points(MIRROR)
    with Endpoint(bench, "curve-" + name) as endpoint:
        for _ in bench.turns(f"curve: {name}"):
            for x, arguments in cases:
                endpoint.fresh()
                progress.say(f"  {name} {x:,}")
                command = [
                    bench.program("mirror-harness"),
                    "push",
                    "--config",
                    endpoint.config,
                    "--json",
                    "--context-id",
                ]
                said = run([*command, endpoint.new_tenant(), *map(str, arguments)], timeout=1800)
                points.add(MIRROR, x, json.loads(said)["rows_per_s"])
    return points


def by_tables(bench):
    total = bench.size(2_000_000, 200_000)
    many = (1, 10, 100, 413, 2_000)
    return _pushes(bench, "tables", [(tables, ("--tables", tables, "--rows", total // tables)) for tables in many])


def by_clients(bench):
    rows = bench.size(200_000, 20_000)
    return _pushes(
        bench,
        "clients",
        [(clients, ("--tenants", 16, "--rows", rows, "--clients", clients)) for clients in (1, 2, 4, 8, 16)],
    )


# File, title, x axis, what measures it, whether the rates differ by so much that ratios are what counts.
CURVES = (
    ("rows", "Rows per second by size of the table", "rows of the table (12 columns, 184 bytes)", by_rows, False),
    ("columns", "Rows per second by columns", "columns", by_columns, True),
    ("width", "Rows per second by width of a row", "bytes of a row: a key and one text", by_width, True),
    ("tenants", "Rows per second by tenants", "open tenants", by_tenants, False),
    ("tables", "Rows per second by tables", "tables of the tenant, the same rows in all", by_tables, False),
    ("clients", "Rows per second by clients", "clients at a time, 16 tenants in all", by_clients, False),
)


def draw(bench, facts, folder):
    os.makedirs(folder, exist_ok=True)
    machine = f"{facts['cores']} cores of {facts['cpu']}, shared by client and server; "
    machine += f"{bench.rounds} rounds, median and spread"
    if bench.quick:
        machine += "; quick"
    figures = {"machine": facts, "quick": bench.quick, "rounds": bench.rounds}
    for name, title, x_name, measure, log_y in CURVES:
        points = measure(bench)
        figures[name] = points.as_json()
        svg = svg_chart.chart(title, machine, x_name, "rows/s", points.series(), log_y=log_y)
        with open(os.path.join(folder, f"{name}.svg"), "w") as text:
            text.write(svg)
        progress.say(f"drawn: {name}.svg")
    with open(os.path.join(folder, "curves.json"), "w") as text:
        json.dump(figures, text, indent=1)
        text.write("\n")
