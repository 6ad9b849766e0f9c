"""The command line of tools/bench."""

import argparse
import difflib
import os
import sys

import against_lines
import goals
import kept_table

DESCRIPTION = """\
Measures every goal of the product against its reference and prints the table. Installs what is missing
(tools/setup, with tools/benchmarks/packages.txt), builds `release`, makes an endpoint, PostgreSQL and MariaDB
servers of its own in a temporary folder, and stops and removes all of it at the end, also after Ctrl-C.

In each round the work and its reference run in turn; what counts is the median of the rounds' ratios.
"""
EPILOG = """\
Examples:
  tools/bench --quick                   every line, with little data, in under ten minutes; the figures are rough
  tools/bench --only upsert --rounds 5
  tools/bench --only postgres           all lines of a group
  tools/bench --store postgres          every line about mirrors in PostgreSQL
  tools/bench --keep --against ../old/build/release/bin
                                        the table of docs/performance.md, from this run, and its figures beside the charts
  tools/bench --store postgres --keep   the table of mirrors in PostgreSQL, in docs/performance-databases.md
  tools/bench --only against --against ../old/build/release/bin
                                        small cycles and pushes against another build
  tools/bench --curves                  rows/s against rows, columns, width, tenants, tables, clients

A ratio of rates is above 1 where the product is faster than the reference; triggers-*, journal-* and history-* are ratios
of times, where less is better. --curves writes the charts that docs/performance.md shows, in tools/benchmarks/results.

Exit code: 0 measured (also when goals were missed), 1 a line could not be measured or a step failed,
2 wrong usage, 130 interrupted.
"""
ROUNDS = 3


class Parser(argparse.ArgumentParser):
    def error(self, message):
        print(f"tools/bench: {message}; see tools/bench --help", file=sys.stderr)
        sys.exit(2)


def rounds(text):
    number = int(text)
    if number < ROUNDS:
        raise argparse.ArgumentTypeError(f"{ROUNDS} rounds at least: fewer give no useful median")
    return number


def writable(path):
    folder = os.path.dirname(os.path.abspath(path))
    if not os.path.isdir(folder):
        raise argparse.ArgumentTypeError(f"there is no folder {folder}")
    if os.path.isdir(path) or not os.access(path if os.path.exists(path) else folder, os.W_OK):
        raise argparse.ArgumentTypeError(f"{path} cannot be written")
    return os.path.abspath(path)


def other_build(path):
    if missing := against_lines.missing(path):
        raise argparse.ArgumentTypeError(f"{path} has no program {', '.join(missing)}")
    return os.path.abspath(path)


def alike(name):
    known = dict.fromkeys(each for line in goals.LINES for each in (line.name, line.group))
    found = difflib.get_close_matches(name, known)
    return f", but {', '.join(found)}" if found else ""


def read(argv):
    parser = Parser(
        prog="tools/bench",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--quick", action="store_true", help="fewer rows: ratios are rougher")
    parser.add_argument(
        "--only", metavar="NAME", action="append", default=[], help="a line or a group of --list; may be repeated"
    )
    parser.add_argument(
        "--store", choices=goals.STORES, help="all lines about mirrors in it (default: sqlite)"
    )
    parser.add_argument(
        "--source", choices=goals.SOURCES, help="all lines about sources that are its databases, or about followed sources (live); the mirrors are in SQLite"
    )
    parser.add_argument("--list", action="store_true", help="print the lines with their goals, all or the chosen ones, and measure nothing")
    parser.add_argument(
        "--rounds", type=rounds, default=ROUNDS, metavar="N", help=f"{ROUNDS} at least, which is the default"
    )
    parser.add_argument("--json", type=writable, metavar="FILE", help="where the figures go (default: bench.json)")
    parser.add_argument(
        "--keep", action="store_true", help="all lines: figures into tools/benchmarks/results, table into docs/performance.md"
    )
    parser.add_argument("--markdown", type=writable, metavar="FILE", help="also write the table as docs/performance.md has it")
    parser.add_argument(
        "--against", type=other_build, metavar="FOLDER",
        help="programs of another build (its build/release/bin): also the lines of group against",
    )  # fmt: skip
    parser.add_argument("--curves", action="store_true", help="draw the scaling curves instead of the table, all of them")
    parser.add_argument("--no-build", action="store_true", help="measure the programs of build/release without a build")
    options = parser.parse_args(argv)
    chosen = options.only or options.store or options.source
    options.store = options.store or goals.STORES[0]
    if options.source:
        if options.store != "sqlite":
            parser.error("--source measures with mirrors in SQLite: leave out --store")
        options.store = f"{options.source}-source"
    options.lines, options.micro = [], not options.only and options.store == "sqlite"
    for name in options.only:
        if name == goals.MICRO:
            options.micro = True
        elif chosen := goals.select(name):
            options.lines += [line for line in chosen if line not in options.lines]
        else:
            parser.error(f"--only '{name}': no such line or group{alike(name)}; tools/bench --list shows them")
    if not options.only:
        options.lines = [line for line in goals.LINES if line.store == options.store]
    if options.list:
        if not chosen:
            options.lines = goals.LINES
        return options
    if not options.against:
        named = [line.name for line in options.lines if line.group == goals.AGAINST]
        if options.only and named:
            parser.error(f"{named[0]} is measured against another build: name the folder of its programs with --against")
        options.lines = [line for line in options.lines if line.group != goals.AGAINST]
    if options.curves and (options.only or options.json or options.markdown or options.store != "sqlite"):
        others = "--only, --store, --json and --markdown"
        parser.error(f"--curves draws all curves of SQLite and writes its own files: leave out {others}")
    if options.keep and (options.only or options.json or options.curves or options.quick):
        parser.error("--keep needs one run of all lines in full size: leave out --only, --json, --curves and --quick")
    if options.keep:
        options.json = kept_table.file(options.store)
    if not options.json and not options.curves:
        try:
            options.json = writable("bench.json")
        except argparse.ArgumentTypeError as error:
            parser.error(f"{error}; name another place with --json")
    return options
