"""What was green before in a build folder, and cannot say anything else now: nothing that it reads has changed."""

import hashlib
import json
import os

from check.touched import git

# These start programs of ours; what they start is a part of what they test.
START_PROGRAMS = {"server_test", "certs_test", "mirrorctl_test", "endpoint_test", "crash_test", "harness_test"}
# What tests in C++ read of the repository beside what is compiled into them.
READ = ("tests/data/", "tests/support/", "tests/exchange/", "tests/fuzz/corpus/", "proto/WRITING.md", "tools/mirrorctl/web/pages/")


def _of_file(path):
    digest = hashlib.sha256()
    try:
        with open(path, "rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    except FileNotFoundError:
        return "none"
    return digest.hexdigest()


class Green:
    """Digests of what each group reads. A group with the digest of its last green run here is not started again."""

    def __init__(self, root, preset):
        self.root = root
        self.path = root / "build" / preset / "green.json"
        self._digests, self._files = {}, None
        try:
            self.known = json.loads(self.path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            self.known = {}

    def _of(self, path):
        if path not in self._digests:
            self._digests[path] = _of_file(path)
        return self._digests[path]

    def _repository(self, prefixes):
        if self._files is None:
            listed = git(self.root, "ls-files", "-z", "--cached", "--others", "--exclude-standard") or ""
            self._files = sorted(name for name in listed.split("\0") if name)
        return [self.root / name for name in self._files if name.startswith(prefixes)]

    def digest(self, group, tests):
        """Of the programs, what they start, what they read, and the variables of ours that they look at."""
        folder = self.root / "build" / "dev"
        paths = {word for _, command, _ in tests for word in command if word.startswith(str(folder))}
        if group in START_PROGRAMS:
            paths.update(str(path) for path in (folder / "bin").glob("mirror*") if not path.name.endswith("_test"))
            paths.update(map(str, (folder / "tests").glob("lib*.so")))
        everything = group == "scripts"
        paths.update(map(str, self._repository("" if everything else READ)))
        variables = sorted(f"{name}={value}" for name, value in os.environ.items() if name.startswith("MIRROR_") and name != "MIRROR_TEST_TIMES")
        told = [f"{path} {self._of(path)}" for path in sorted(paths) if not os.path.isdir(path)]
        told += [f"{name} {command} {properties}" for name, command, properties in tests]
        return hashlib.sha256("\n".join(told + variables).encode()).hexdigest()

    def keep(self, digests):
        """These groups were green with these digests."""
        self.known.update(digests)
        self.path.write_text(json.dumps(self.known, indent=1, sort_keys=True), encoding="utf-8")

    def forget(self, groups):
        for group in groups:
            self.known.pop(group, None)
        self.keep({})
