"""Remembers which tests passed in a build folder, and finds those whose inputs have not changed since.

The tests of a test program in C++ are in parts (check.parts), each with inputs of its own. The other groups have one part.
"""

import contextlib
import dataclasses
import hashlib
import json
import os
import pathlib

from check.parts import NoParts, Parts
from check.touched import git

# dpkg's list of the installed packages: the libraries that programs load, PostgreSQL, Python.
PACKAGES = "/var/lib/dpkg/status"
# Test programs that start our programs, and which. What they start is one of their inputs. Of a part's programs only those
# count that its test objects name, or that a program or object of these starts.
_ALL = ("mirror-server", "mirror-agent", "mirrorctl", "mirror-harness", "mirror-example", "mirror-import")
START_PROGRAMS = {
    "server_test": ("mirror-import",),
    "certs_test": ("mirrorctl", "mirror-server", "mirror-agent", "mirror-harness"),
    "mirrorctl_test": ("mirrorctl", "mirror-server", "mirror-agent"),
    "endpoint_test": _ALL,
    "crash_test": _ALL,
    "harness_test": ("mirror-harness",),
}
STARTED_BY = {"mirror-server": "mirror-import", "mirror-example": "mirror-import", "/mirror_server_import.dir/": "mirror-import"}
# Variables that a test can notice.
VARIABLES = ("MIRROR_", "ASAN_", "LSAN_", "UBSAN_", "TZ", "LANG", "LC_")
# Files and folders of the repository that groups read at run time. Those of the scripts are all.
READ = {
    "scripts": ("",),
    "server_test": ("tests/data/",),
    "client_test": ("tests/data/",),
    "endpoint_test": ("tests/data/",),
    "mirrorctl_test": ("tools/mirrorctl/web/pages/",),
    "harness_test": ("proto/WRITING.md",),
    "fuzz": ("tests/fuzz/corpus/",),
    "exchange_replay": ("tests/exchange/", "tests/support/"),
}


def _of_file(path):
    digest = hashlib.sha256()
    try:
        with open(path, "rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    except OSError as wrong:  # Missing, a folder, or not ours.
        return f"none: {wrong.errno}"
    return f"{digest.hexdigest()} {os.access(path, os.X_OK)}"


@dataclasses.dataclass
class Part:
    tests: list
    digest: str | None  # Of the inputs. None: they are not known.


class Green:
    """Keeps a digest of the inputs of each part that passed. A part with the same digest need not run again."""

    def __init__(self, root, preset):
        self.root = root
        self.folder = root / "build" / preset
        self.path = self.folder / "green.json"
        self._digests, self._names, self._files = {}, {}, None
        try:
            known = json.loads(self.path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            known = {}
        self.known = {group: parts for group, parts in known.items() if isinstance(parts, dict)} if isinstance(known, dict) else {}

    def _of(self, path):
        if path not in self._digests:
            self._digests[path] = _of_file(path)
        return self._digests[path]

    def _repository(self, prefixes):
        """Returns the files below these folders, without those that are compiled; None where git cannot list them."""
        if self._files is None:
            listed = git(self.root, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
            if listed is None:
                return None
            self._files = sorted(name for name in listed.split("\0") if name)
        return [self.root / name for name in self._files if name.startswith(prefixes) and (prefixes == ("",) or not name.endswith((".cc", ".h")))]

    def parts(self, chosen):
        """Returns the parts of these groups, {(group, part's name): Part}. `chosen` has the tests of each group."""
        programs = [group for group in chosen if group.endswith("_test")]
        try:
            linked = Parts(self.folder, programs) if programs else None
        except NoParts:
            linked = None
        found = {}
        for group, tests in chosen.items():
            for name, part in self._parts_of(group, tests, linked if group in programs else None):
                found[group, name] = part
        return found

    def _parts_of(self, group, tests, linked):
        """Yields (name, Part). A program whose parts are not known is one part, with its binary."""
        words = {os.path.realpath(word) for _, command, _ in tests for word in command if word.startswith("/")}
        paths = {word for word in words if word.startswith(os.path.realpath(self.folder))}
        split = [("", tests, paths, "")] if paths or group == "scripts" else []
        if linked is not None:
            with contextlib.suppress(NoParts):
                split = linked.split(group, tests)
        for name, some, read, flags in split:
            yield name, Part(some, self._digest(group, some, read, flags))

    def _digest(self, group, tests, paths, flags):
        """Returns the digest of what these tests are made of, the programs that they start, the files that they read, the user,
        and environment variables. None: git cannot list the files."""
        read = self._repository(READ.get(group, ()))
        if read is None:
            return None
        paths = {*paths, *map(str, read), PACKAGES}
        if group in START_PROGRAMS:
            paths.update(str(self.folder / "bin" / name) for name in self._started(group, paths))
            paths.update(map(str, (self.folder / "tests").glob("lib*.so")))
        told = [f"{path} {self._of(path)}" for path in sorted(paths) if not os.path.isdir(path)]
        # Not by its name, in which CMake writes parameters that may have addresses.
        told += [f"{command} {properties}" for _, command, properties in tests]
        told += sorted(f"{name}={value}" for name, value in os.environ.items() if name.startswith(VARIABLES) and name != "MIRROR_TEST_TIMES")
        return hashlib.sha256("\n".join([f"user {os.getuid()}", flags, *told]).encode(errors="surrogateescape")).hexdigest()

    def _started(self, group, paths):
        """Returns the names of the programs that a part starts; without objects, of all that its program starts."""
        objects = [path for path in paths if path.startswith(f"{self.folder}/tests/") and path.endswith(".o")]
        if not objects:
            return set(START_PROGRAMS[group])
        started = set()
        for path in objects:
            if path not in self._names:
                contents = pathlib.Path(path).read_bytes()
                self._names[path] = {name for name in _ALL if name.encode() in contents}
            started |= self._names[path]
        started |= {other for by, other in STARTED_BY.items() if by in started or any(by in path for path in paths)}
        return started & set(START_PROGRAMS[group])

    def same(self, parts):
        """Returns the keys of the parts that passed before with the same inputs."""
        return [(group, name) for (group, name), part in parts.items() if part.digest and self.known.get(group, {}).get(name) == part.digest]

    def keep(self, parts):
        """Stores the digests of parts that passed."""
        for (group, name), part in parts.items():
            if part.digest is not None:
                self.known.setdefault(group, {})[name] = part.digest
        self._write()

    def forget(self, parts, run):
        """Removes those of these parts that run, and in their groups what is no part any more."""
        for group in {group for group, _ in run}:
            self.known[group] = {name: digest for name, digest in self.known.get(group, {}).items() if (group, name) in parts and (group, name) not in run}
        self._write()

    def forget_all(self):
        self.known = {}
        self._write()

    def _write(self):
        self.path.write_text(json.dumps(self.known, indent=1, sort_keys=True), encoding="utf-8")
