"""Remembers which groups passed in a build folder, and finds those whose inputs have not changed since."""

import hashlib
import json
import os

from check.touched import git

# dpkg's list of the installed packages: the libraries that programs load, PostgreSQL, Python.
PACKAGES = "/var/lib/dpkg/status"
# Test programs that start our programs, and which. What they start is one of their inputs.
_ALL = ("mirror-server", "mirror-agent", "mirrorctl", "mirror-harness", "mirror-example", "mirror-import")
START_PROGRAMS = {
    "server_test": ("mirror-import",),
    "certs_test": ("mirrorctl", "mirror-server", "mirror-agent", "mirror-harness"),
    "mirrorctl_test": ("mirrorctl", "mirror-server", "mirror-agent"),
    "endpoint_test": _ALL,
    "crash_test": _ALL,
    "harness_test": ("mirror-harness",),
}
# Variables that a test can notice.
VARIABLES = ("MIRROR_", "ASAN_", "LSAN_", "UBSAN_", "TZ", "LANG", "LC_")
# Files of the repository that tests in C++ read at run time.
READ = ("tests/data/", "tests/support/", "tests/exchange/", "tests/fuzz/corpus/", "proto/WRITING.md", "tools/mirrorctl/web/pages/")


def _of_file(path):
    digest = hashlib.sha256()
    try:
        with open(path, "rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    except OSError as wrong:  # Missing, a folder, or not ours.
        return f"none: {wrong.errno}"
    return digest.hexdigest()


class Green:
    """Keeps a digest of the inputs of each group that passed. A group with the same digest need not run again."""

    def __init__(self, root, preset):
        self.root = root
        self.path = root / "build" / preset / "green.json"
        self._digests, self._files = {}, None
        try:
            self.known = json.loads(self.path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            self.known = {}
        if not isinstance(self.known, dict):
            self.known = {}

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
        return [self.root / name for name in self._files if name.startswith(prefixes) and (not prefixes or not name.endswith((".cc", ".h")))]

    def digest(self, group, tests):
        """Returns the digest of the group's inputs: its programs, the programs that they start, the files that they read,
        the user, and environment variables. None: the inputs are not known."""
        folder = self.root / "build" / "dev"
        words = {os.path.realpath(word) for _, command, _ in tests for word in command if word.startswith("/")}
        paths = {word for word in words if word.startswith(str(folder))}
        everything = group == "scripts"
        read = self._repository("" if everything else READ)
        if read is None or not (paths or everything):
            return None
        if group in START_PROGRAMS:
            paths.update(str(folder / "bin" / name) for name in START_PROGRAMS[group])
            paths.update(map(str, (folder / "tests").glob("lib*.so")))
        paths.update(map(str, read))
        paths.add(PACKAGES)
        told = [f"{path} {self._of(path)}" for path in sorted(paths) if not os.path.isdir(path)]
        told += [f"{name} {command} {properties}" for name, command, properties in tests]
        told += sorted(f"{name}={value}" for name, value in os.environ.items() if name.startswith(VARIABLES) and name != "MIRROR_TEST_TIMES")
        return hashlib.sha256("\n".join([f"user {os.getuid()}", *told]).encode(errors="surrogateescape")).hexdigest()

    def same(self, digests):
        """Returns the groups that passed before with this digest."""
        return [group for group, digest in digests.items() if digest and self.known.get(group) == digest]

    def keep(self, digests):
        """Stores the digests of groups that passed."""
        self.known.update({group: digest for group, digest in digests.items() if digest is not None})
        self._write()

    def forget(self, groups):
        for group in groups:
            self.known.pop(group, None)
        self._write()

    def forget_all(self):
        self.known = {}
        self._write()

    def _write(self):
        self.path.write_text(json.dumps(self.known, indent=1, sort_keys=True), encoding="utf-8")
