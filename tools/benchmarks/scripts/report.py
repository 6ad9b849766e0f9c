"""The table for people, and the file for programs."""

import json

MET = {True: "yes", False: "no", None: "-"}


def _number(value):
    if value is None:
        return "-"
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.2f}"


def _rows(results):
    yield ("line", "median", "min", "max", "goal", "met", "measured", "reference", "unit")
    for result in results:
        row = result.as_json()
        unit = "" if row["unit"] == "x" else " " + row["unit"]
        yield (
            row["name"],
            _number(row["ratio"]) + (unit if row["ratio"] is not None else ""),
            _number(row["min"]),
            _number(row["max"]),
            result.line.goal_text(),
            "NO" if row["met"] is False else MET[row["met"]],
            _number(row["rows_per_s"]),
            _number(row["reference_rows_per_s"]),
            row["rate_unit"] if row["rows_per_s"] is not None else "",
        )


def table(results):
    rows = list(_rows(results))
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [
            cell.ljust(width) if i in (0, 5, 8) else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths))
        ]
        lines.append("  ".join(cells).rstrip())
    for result in results:
        if result.note:
            lines.append(f"  {result.line.name}: {result.note}")
    return "\n".join(lines)


def one_line(result):
    """For the progress."""
    row = result.as_json()
    if row["ratio"] is None:
        return f"{row['name']}: not measured"
    unit = "" if row["unit"] == "x" else " " + row["unit"]
    spread = f"{_number(row['ratio'])} ({_number(row['min'])} to {_number(row['max'])}){unit}"
    return f"{row['name']}: {spread}, goal {result.line.goal_text()}"


HEAD = "| line | work | against | median (min to max) | goal | met |\n|---|---|---|---|---|---|\n"


def _goal(row):
    if row["goal"] is None:
        return "-"
    sign, unit = "≤" if row["goal_is"] == "at most" else "≥", "" if row["unit"] == "x" else " " + row["unit"]
    return f"{sign} {row['goal']:g}{unit}"


def markdown(rows):
    """The same as a table of docs/performance.md, of what write_json() wrote of each line."""
    lines = []
    for row in rows:
        unit = "" if row["unit"] == "x" else " " + row["unit"]
        figure = "not measured"
        if row["ratio"] is not None:
            figure = f"{_number(row['ratio'])} ({_number(row['min'])} to {_number(row['max'])}){unit}"
        lines.append(
            f"| `{row['name']}` | {row['work']} | {row['reference']} | {figure} | {_goal(row)} | {MET[row['met']]} |\n"
        )
    return HEAD + "".join(lines)


def facts_text(facts):
    return "\n".join(f"  {name:20} {value}" for name, value in facts.items())


def micro_text(micro):
    return "\n".join(f"  {one['name']:40} {one['ns']:12,.0f} ns{one['rate']}" for one in micro)


def write_json(path, results, facts, micro):
    """A list of one object for each line; machine and micro-benchmarks are objects of their own at the end."""
    lines = [result.as_json() for result in results if result.figures or result.failed or result.absent]
    lines += [{"name": f"micro/{one['name']}", "ns": one["ns"], "rows_per_s": one["per_s"]} for one in micro]
    lines.append({"name": "machine", **facts})
    with open(path, "w") as text:
        json.dump(lines, text, indent=1)
        text.write("\n")
