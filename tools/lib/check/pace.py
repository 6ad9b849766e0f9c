"""Measures how fast this machine compiles, and estimates how long our commands take here."""

import pathlib
import resource
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from check import machine  # noqa: E402

# A file of medium size. The user seconds to compile it are the pace: a machine of pace 3 is three times slower than one of
# pace 1.
PACE_FILE = "server/plan/cycle_check.cc"
COMMAND = ["g++", "-std=c++20", "-fsyntax-only", "-I.", PACE_FILE]
# Minutes at pace 1 on two processors, from an empty compiler cache with packages installed. Measured: docs/testing.md.
MINUTES = {"tools/demo": 5, "tools/demo --build release": 9, "tools/check": 36, "tools/check --all": 95}


class NoPace(Exception):
    """The compiler, or a header that it needs, is not installed."""


def measure(root, runs=2):
    """Returns the pace: the fewest user seconds of `runs` runs."""
    best = None
    for _ in range(runs):
        before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
        try:
            done = subprocess.run(COMMAND, cwd=root, capture_output=True, text=True, check=False)
        except FileNotFoundError as missing:
            raise NoPace("g++ is not installed") from missing
        if done.returncode != 0:
            raise NoPace(done.stderr.strip().splitlines()[0] if done.stderr.strip() else "g++ failed")
        took = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before
        best = took if best is None else min(best, took)
    return max(best, 0.01)


def speed(pace, processors):
    """Returns how many times longer everything takes than at pace 1 on two processors."""
    return pace * 2 / processors


def sentence():
    """Returns a sentence for --help on how long the commands take."""
    of = MINUTES
    return (
        f"From an empty compiler cache, on two processors of pace 1 (tools/pace tells yours): {of['tools/check']} minutes, "
        f"with --all {of['tools/check --all']}.\nAfter a change of one file it takes a few minutes, with a filled compiler cache."
    )


def expectation(here, command, warm, minutes=None):
    """Returns the lines that a command prints first. warm: minutes with a filled compiler cache."""
    most = round(MINUTES[command] * here)
    budget = f" The limit is {minutes} minutes: what does not fit is left out and listed." if minutes is not None else ""
    filled = f"at least {warm:.0f}" if minutes is not None else f"about {warm:.0f}"
    less = " Tests that are green before take none." if command == "tools/check" else ""
    return [f"{command} takes about {most} minutes here from an empty compiler cache, and {filled} with a filled one.{less}{budget}"]


def main():
    root = pathlib.Path(__file__).resolve().parents[3]
    try:
        here = measure(root)
    except NoPace as missing:
        print(f"tools/pace: {missing}. tools/setup installs what is missing.", file=sys.stderr)
        sys.exit(1)
    print(f"pace {here:.2f}")
    processors = machine.processors()
    for command, minutes in MINUTES.items():
        print(f"{command:27} about {max(1, round(minutes * speed(here, machine.workers())))} min from an empty compiler cache, on {processors} processor{'s' if processors > 1 else ''}")


if __name__ == "__main__":
    main()
