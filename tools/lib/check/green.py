"""Remembers which tests passed in a build folder, and finds those whose inputs have not changed since.

The tests of a test program in C++ are in parts (check.parts), each with inputs of its own. The other groups have one part.
A test that was skipped counts as passed: what decides about that is an input, too (user, packages, the code).
"""

import contextlib
import dataclasses
import functools
import hashlib
import json
import os
import pathlib
import subprocess

from check.parts import NoParts, Parts
from check.touched import git

# dpkg's list of the installed packages: the libraries that programs load, PostgreSQL, Python.
PACKAGES = "/var/lib/dpkg/status"
# The program that a started program starts in its turn, and the one that the code of an object file starts.
STARTED_BY_PROGRAM = {"mirror-server": "mirror-import", "mirror-example": "mirror-import"}
STARTED_BY_CODE = {"/mirror_server_import.dir/": "mirror-import"}
# The packages for Node.js that tests use, where they are installed.
NODE_PACKAGES = "tests/*/node_modules/.package-lock.json"
# Variables that a test can notice.
VARIABLES = ("MIRROR_", "ASAN_", "LSAN_", "UBSAN_", "TZ", "LANG", "LC_")
# Files and folders of the repository that groups read at run time. The scripts read every file.
READ = {
    "scripts": ("",),
    "server_test": ("tests/data/",),
    "client_test": ("tests/data/",),
    "endpoint_test": ("tests/data/",),
    "mirrorctl_test": ("tools/mirrorctl/web/pages/", "tests/mirrorctl/message_json.txt"),
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

    def has(self, names):
        return any(name in names for name, _, _ in self.tests)


class Green:
    """Keeps a digest of the inputs of each part that passed. A part with the same digest need not run again."""

    def __init__(self, root, preset, outdated=()):
        """`outdated`: files that the next build makes anew, so what is there now is none of the inputs."""
        self.root = root
        self.folder = root / "build" / preset
        self.path = self.folder / "green.json"
        self._digests, self._files = dict.fromkeys(outdated, "outdated"), None
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
        and environment variables. None: git cannot list the files, or ninja cannot list the programs."""
        read, may_start = self._repository(READ.get(group, ())), self._may_start(group)
        if read is None or may_start is None:
            return None
        paths = {*paths, *map(str, read), PACKAGES}
        started = self._started(may_start, paths)
        if started:
            paths.update(str(self.folder / "bin" / name) for name in started)
            paths.update(map(str, (self.folder / "tests").glob("lib*.so")))
        if group == "scripts":
            paths.update(map(str, self.root.glob(NODE_PACKAGES)))
        lines = [f"{path} {self._of(path)}" for path in sorted(paths) if not os.path.isdir(path)]
        # Leaves out the test's name: CMake may put addresses into it.
        lines += [f"{command} {properties}" for _, command, properties in tests]
        lines += sorted(f"{name}={value}" for name, value in os.environ.items() if name.startswith(VARIABLES) and name != "MIRROR_TEST_TIMES")
        return hashlib.sha256("\n".join([f"user {os.getuid()}", flags, *lines]).encode(errors="surrogateescape")).hexdigest()

    @functools.cache  # noqa: B019: It lives as long as a check.
    def _may_start(self, group):
        """Returns the names of our programs that are built before this test program: the only ones that it can start. None: ninja
        does not know it."""
        if not group.endswith("_test"):
            return frozenset()
        done = subprocess.run(["ninja", "-C", self.folder, "-t", "inputs", f"bin/{group}"], capture_output=True, text=True, check=False)
        lines = done.stdout.splitlines()
        return frozenset(line.removeprefix("bin/") for line in lines if line.startswith("bin/")) if done.returncode == 0 else None

    def _started(self, may_start, paths):
        """Returns the names of the programs that a part starts: those that its test objects name, and what these or its code start.
        Without objects, all that its program may start count as named."""
        objects = [path for path in paths if path.startswith(f"{self.folder}/tests/") and path.endswith(".o")]
        started = set().union(*(self._named_in(path, may_start) for path in objects)) if objects else set(may_start)
        started |= {other for by, other in STARTED_BY_PROGRAM.items() if by in started}
        return started | {other for code, other in STARTED_BY_CODE.items() if any(code in path for path in paths)}

    @functools.cache  # noqa: B019
    def _named_in(self, path, names):
        contents = pathlib.Path(path).read_bytes()
        return {name for name in names if name.encode() in contents}

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

    def _write(self):
        """Replaces the file atomically. Where that fails, the old one has to go: it can name tests that run now."""
        new = self.path.with_suffix(".new")
        try:
            new.write_text(json.dumps(self.known, indent=1, sort_keys=True), encoding="utf-8")
            new.replace(self.path)
        except OSError as wrong:
            print(f"tools/check: {self.path} cannot be written ({wrong.strerror}), so the next check runs every test again.", flush=True)
            with contextlib.suppress(OSError):
                self.path.unlink()
