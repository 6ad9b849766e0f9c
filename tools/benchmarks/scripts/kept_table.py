"""The tables of docs/performance.md, which are those of the runs whose figures stand in results."""

import json
import os

import report

RESULTS = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "results")
# Of each store: its file, and the heading of its table, which is the first one below.
TABLES = {
    "sqlite": ("table.json", "## The figures\n"),
    "postgres": ("postgres.json", "## Mirrors in PostgreSQL\n"),
    "postgres-source": ("postgres-source.json", "## Sources in PostgreSQL\n"),
    "mariadb-source": ("mariadb-source.json", "## Sources in MariaDB\n"),
    "odbc-source": ("odbc-source.json", "## Sources by ODBC\n"),
}
PAGE = os.path.join("docs", "performance.md")


def file(store):
    return os.path.join(RESULTS, TABLES[store][0])


def of_file(path):
    with open(path) as text:
        return report.markdown([row for row in json.load(text) if "goal_is" in row])


def in_text(page, store):
    """Where it begins and ends."""
    begin = page.index(report.HEAD, page.index(TABLES[store][1]))
    return begin, page.index("\n\n", begin) + 1


def write(root, store, path):
    page = os.path.join(root, PAGE)
    with open(page) as text:
        before = text.read()
    begin, end = in_text(before, store)
    with open(page, "w") as text:
        text.write(before[:begin] + of_file(path) + before[end:])
