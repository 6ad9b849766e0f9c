"""What all measurements share: the folder, the programs, the size of the work, the results."""

import os

import progress
from processes import Failed, Steps
from statistics_of_rounds import Result


class Bench:
    def __init__(self, root, folder, lines, rounds, quick, against=None):
        """`against`: the folder of another build's programs."""
        self.root = root
        self.folder = folder
        self.rounds = rounds
        self.quick = quick
        self.against = against
        self.results = {line.name: Result(line) for line in lines}
        self.micro = []

    def program(self, name):
        return os.path.join(self.root, "build", "release", "bin", name)

    def path(self, *parts):
        return os.path.join(self.folder, *parts)

    def size(self, full, quick):
        return quick if self.quick else full

    def wants(self, *names):
        return any(name in self.results for name in names)

    def result(self, name):
        """Of a line that nobody asked for: something that takes figures and forgets them."""
        return self.results.get(name) or _Nobody()

    def turns(self, what):
        """The rounds, said aloud."""
        for turn in range(1, self.rounds + 1):
            progress.say(f"{what}: round {turn} of {self.rounds}")
            yield turn

    def raw(self, file, *shape):
        """mirror-bench on a bare SQLite file."""
        return Steps([self.program("mirror-bench"), "raw", "--file", file, *shape], self.path("raw.log"))

    def copy(self, conninfo):
        """mirror-bench on a bare table of a PostgreSQL."""
        return Steps([self.program("mirror-bench"), "copy", "--conninfo", conninfo], self.path("copy.log"))

    def store(self, folder, *words):
        """mirror-bench-store on a mirror in SQLite."""
        os.makedirs(folder, exist_ok=True)
        return Steps([self.program("mirror-bench-store"), "--folder", folder, *words], self.path("store.log"))

    def store_in_postgres(self, conninfo, *words):
        """The same on one in an empty database of a PostgreSQL."""
        return Steps([self.program("mirror-bench-store"), "--conninfo", conninfo, *words], self.path("store.log"))

    def same(self, names, one, other):
        """Figures count only if both sides hold the same rows afterwards."""
        if one != other:
            raise Failed(f"the mirror does not hold what the reference holds after {', '.join(names)}")


class _Nobody:
    def __init__(self):
        self.more = {}
        self.note = ""

    def add(self, *_):
        pass

    def add_rates(self, *_):
        pass

    def fail(self, _):
        pass

    def lacks(self, _):
        pass


def remove_database(path):
    for suffix in ("", "-wal", "-shm", "-journal"):
        try:
            os.unlink(path + suffix)
        except FileNotFoundError:
            pass
