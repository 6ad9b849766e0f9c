"""The table of docs/performance.md, which is that of the run whose figures stand in results/table.json."""

import json
import os

import report

FILE = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "results", "table.json")
PAGE = os.path.join("docs", "performance.md")


def of_file(path):
    with open(path) as text:
        return report.markdown([row for row in json.load(text) if "goal_is" in row])


def in_text(page):
    """Where it begins and ends; it is the only one with this head."""
    begin = page.index(report.HEAD)
    return begin, page.index("\n\n", begin) + 1


def write(root, path):
    page = os.path.join(root, PAGE)
    with open(page) as text:
        before = text.read()
    begin, end = in_text(before)
    with open(page, "w") as text:
        text.write(before[:begin] + of_file(path) + before[end:])
