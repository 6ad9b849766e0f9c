"""Runs the tests of a build folder that have a label, as tools/check runs them. For tools/nightly.

Usage: label.py PRESET LABEL [CTEST ARGUMENT...]

The arguments select among these tests. Exit code: 0 every test passed, 1 one failed or none was found.
"""

import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "tools" / "lib"))

import grouped_tests  # noqa: E402
from check import machine, runs  # noqa: E402


def main():
    preset, label, *chosen = sys.argv[1:]
    runs.set_environment()
    tests = list(grouped_tests.read(str(ROOT / "build" / preset), ["-L", f"^{label}$", *chosen]))
    if not tests:
        sys.exit(f"build/{preset} has no such test with the label {label}.")
    results, failures = runs.run_tests(ROOT, preset, {label: tests}, machine.processors(), f"nightly.{label}")
    runs.say("", f"{results[label].passed} passed, {results[label].failed} failed, {results[label].skipped} skipped")
    if failures.processes:
        runs.say("To repeat what failed:", f"  {runs.repeat_command(ROOT, preset, f'nightly.{label}', failures)}")
        sys.exit(1)


if __name__ == "__main__":
    main()
