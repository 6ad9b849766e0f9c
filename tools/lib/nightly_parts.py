"""Splits the units of tools/nightly into parts that take about the same time.

Usage: nightly_parts.py PARTS [BUILD=MINUTES...] < UNITS

A line of UNITS is: UNIT MINUTES BUILD [WORD...], and BUILD is - when the unit needs none. Prints a line for each part:
MINUTES [UNIT...]. A part consists of units that follow each other in UNITS. It may begin with empty build folders, so each
build that its units need counts once. With more parts than units the last parts are empty.
"""

import sys


def minutes_of(units, builds):
    needed = {build for _, _, build in units if build != "-"}
    return sum(minutes for _, minutes, _ in units) + sum(builds[build] for build in needed)


def split(units, parts, builds):
    """Returns the parts, lists of units. The least sum of fourth powers of minutes: the longest part is as short as can be,
    or nearly so, and the others are balanced."""
    ends = range(len(units) + 1)
    costs = {(begin, end): minutes_of(units[begin:end], builds) ** 4 for end in ends for begin in range(end + 1)}
    # By the number of units in the parts so far: the least sum, and where each of the parts ends.
    best = {0: (0, ())}
    for _ in range(parts):
        best = {end: min((best[b][0] + costs[b, end], (*best[b][1], end)) for b in best if b <= end) for end in ends}
    _, cuts = best[len(units)]
    found = [units[begin:end] for begin, end in zip((0, *cuts), cuts) if begin < end]
    return found + [[]] * (parts - len(found))


def main():
    builds = {name: int(minutes) for name, minutes in (word.split("=") for word in sys.argv[2:])}
    lines = [line.split() for line in sys.stdin]
    units = [(name, int(minutes), build) for name, minutes, build, *_ in lines]
    for part in split(units, int(sys.argv[1]), builds):
        print(minutes_of(part, builds), *(name for name, _, _ in part))


if __name__ == "__main__":
    main()
