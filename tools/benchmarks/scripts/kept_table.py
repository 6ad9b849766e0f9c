"""The tables of docs/performance*.md, which are those of the runs whose figures stand in results."""

import json
import os

import report

RESULTS = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "results")
FIRST, OTHER = (os.path.join("docs", name) for name in ("performance.md", "performance-databases.md"))
# Of each store: its file, the page, and the heading of its table, which is the first one below.
TABLES = {
    "sqlite": ("table.json", FIRST, "## The figures\n"),
    "postgres": ("postgres.json", OTHER, "## Mirrors in PostgreSQL\n"),
    "postgres-source": ("postgres-source.json", OTHER, "## Sources in PostgreSQL\n"),
    "mariadb-source": ("mariadb-source.json", OTHER, "## Sources in MariaDB\n"),
    "odbc-source": ("odbc-source.json", OTHER, "## Sources by ODBC\n"),
    "live-source": ("live-source.json", OTHER, "## Followed sources\n"),
}


def file(store):
    return os.path.join(RESULTS, TABLES[store][0])


def of_file(path):
    with open(path) as text:
        return report.markdown([row for row in json.load(text) if "goal_is" in row])


def in_text(page, store):
    """Where it begins and ends."""
    begin = page.index(report.HEAD, page.index(TABLES[store][2]))
    end = page.find("\n\n", begin) + 1
    return begin, end or len(page)


def write(root, store, path):
    page = os.path.join(root, TABLES[store][1])
    with open(page) as text:
        before = text.read()
    begin, end = in_text(before, store)
    with open(page, "w") as text:
        text.write(before[:begin] + of_file(path) + before[end:])
