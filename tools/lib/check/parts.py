"""Splits the tests of a program into parts, one for each object of its tests, and finds the objects that each part is made of.

A part is made of its own object and, directly or indirectly, of each object that defines a symbol which another object of the
part lacks. A definition that any object could give counts, whichever the linker takes. In addition each part has the objects of
generated code, which register themselves, those of the program's own objects that have no tests, and those that set something
for the whole program (SETS_FOR_ALL). A change of another object does not change what the tests of the part do, as long as
 - the functions of a test file have names of its own (its namespace), so that no other file defines the same inline function;
 - no initializer changes what another object has, or the process (tests/scripts/source_rules.py: SETS_PROCESS);
 - no library of the system calls a function that a test file defines in its place.
"""

import collections
import json
import os
import pathlib
import re
import subprocess
import tempfile

import grouped_tests

GENERATED = "proto/"
# Where CMake puts the objects of test programs, each program's in PROGRAM.dir/.
OWN_OBJECTS = "tests/CMakeFiles/"
# nm's letters for what an object lacks; w and v may be missing.
LACKS = "Uwv"
# Functions by which an object of tests changes how all tests of its program run.
SETS_FOR_ALL = {
    "CRYPTO_set_mem_functions",
    "_ZN7testing8UnitTest14AddEnvironmentEPNS_11EnvironmentE",
    "_ZN7testing18TestEventListeners6AppendEPNS_17TestEventListenerE",
}
UNITY_INCLUDE = re.compile(r'^#include "(.+)"$', re.MULTILINE)


class NoParts(Exception):
    """A tool is missing or says something else than expected: the program is one part."""


def _output(command, folder):
    try:
        done = subprocess.run(command, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", check=False)
    except OSError as wrong:
        raise NoParts(str(wrong)) from wrong
    if done.returncode != 0:
        raise NoParts(f"{command[0]} ended with {done.returncode}")
    return done.stdout


def _symbols(folder, objects):
    """Returns what each object lacks, and which objects define each symbol."""
    lacks, defined = collections.defaultdict(set), collections.defaultdict(set)
    for line in _output(["nm", "-g", "-A", "-P", *objects], folder).splitlines():
        path, _, rest = line.partition(": ")
        symbol, letter, *_ = rest.split()
        if letter in LACKS:
            lacks[path].add(symbol)
        else:
            defined[symbol].add(path)
    if not defined:
        raise NoParts("nm listed no symbols")
    return lacks, defined


class Parts:
    """The objects of the test programs of one build folder, as they are now."""

    def __init__(self, folder, programs):
        self.folder = folder
        inputs = _output(["ninja", "-t", "inputs", *(f"bin/{program}" for program in programs)], folder).splitlines()
        objects = [path for path in inputs if path.endswith(".o")]
        self._own = {program: [path for path in objects if path.startswith(f"{OWN_OBJECTS}{program}.dir/")] for program in programs}
        self._generated = {path for path in objects if path.startswith(GENERATED)}
        self._lacks, self._defined = _symbols(folder, objects)

    def split(self, program, tests):
        """Returns (name, tests, paths, flags) for each part that has some of these tests: the paths of its objects, and how the
        program is linked. Tests are those of grouped_tests.read()."""
        try:
            return self._split(program, tests)
        except (OSError, ValueError, LookupError, TypeError) as wrong:  # A file is missing, or has something else in it.
            raise NoParts(f"the parts of {program}: {wrong}") from wrong

    def _split(self, program, tests):
        objects = self._objects_of_tests(program)
        by_object = collections.defaultdict(list)
        for test in tests:
            by_object[objects.get(grouped_tests.filter_of(test[1]))].append(test)
        if None in by_object:
            raise NoParts(f"a test of {program} is in none of its source files")
        others = {path for other, paths in self._own.items() if other != program for path in paths}
        without_tests = set(self._own[program]) - set(objects.values())
        for_all = {path for path in self._own[program] if SETS_FOR_ALL & self._lacks[path]}
        always = self._closure(without_tests | for_all | self._generated, others)
        flags = self._flags(program)
        return [(path, some, {str(self.folder / one) for one in self._closure({path}, others) | always}, flags) for path, some in by_object.items()]

    def _flags(self, program):
        """Returns the command that links the program, without the objects and libraries of the build folder."""
        command = _output(["ninja", "-t", "commands", "-s", f"bin/{program}"], self.folder).splitlines()[-1]
        return " ".join(word for word in command.split() if word.startswith("/") or not word.endswith((".o", ".a")))

    def _objects_of_tests(self, program):
        """Returns the object of each test, which has the name that googletest gives it."""
        files = {source: path for path in self._own[program] for source in self._sources(path)}
        return {test: files.get(os.path.realpath(file)) for test, file in self._tests(program)}

    def _sources(self, path):
        """Returns the files that are compiled into an object."""
        source = self.folder / path.removesuffix(".o")
        if source.parent.name == "Unity":
            return {os.path.realpath(file) for file in UNITY_INCLUDE.findall(source.read_text(encoding="utf-8"))}
        below = path.removesuffix(".o").removeprefix(OWN_OBJECTS).partition("/")[2]
        return {os.path.realpath(self.folder.parents[1] / "tests" / below)}

    def _tests(self, program):
        """Yields each test of a program, and its file."""
        with tempfile.TemporaryDirectory() as temporary:
            listed = pathlib.Path(temporary, "tests.json")
            _output([str(self.folder / "bin" / program), "--gtest_list_tests", f"--gtest_output=json:{listed}"], self.folder)
            suites = json.loads(listed.read_text(encoding="utf-8"))["testsuites"]
        for suite in suites:
            for test in suite["testsuite"]:
                # ccache gives the compiler a path from the build folder on where a file is compiled alone.
                base = self.folder if test["file"].startswith("../") else self.folder.parents[1]
                yield f"{suite['name']}.{test['name']}", base / test["file"]

    def _closure(self, paths, others):
        reached, waiting = set(paths), list(paths)
        while waiting:
            for symbol in self._lacks[waiting.pop()]:
                more = self._defined.get(symbol, set()) - reached - others
                reached |= more
                waiting += more
        return reached
