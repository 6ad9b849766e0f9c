"""What was tried, with counts."""

import collections


class Report:
    def __init__(self):
        self.crashes = collections.Counter()
        self.deaths = collections.Counter()
        self.points = collections.defaultdict(set)
        self.disks = collections.Counter()
        self.calls = {}
        self.lines = collections.Counter()
        self.cut = collections.Counter()
        self.databases = collections.Counter()
        self.hit = collections.Counter()
        self.beside = collections.Counter()
        self.died = collections.Counter()
        self.doors = collections.Counter()
        self.cut_off = collections.Counter()
        self.restores = collections.Counter()
        self.days = []

    def crash(self, who, scenario, point, died):
        self.crashes[who, scenario] += 1
        self.deaths[who, scenario] += died
        if died:
            self.points[who].add(point)

    def disk_calls(self, counts):
        self.calls = counts

    def disk(self, kind, scenario):
        self.disks[kind, scenario] += 1

    def network(self, kind, faulted):
        self.lines[kind] += 1
        self.cut[kind] += faulted

    def database(self, fault, met):
        self.databases[fault] += 1
        self.hit[fault] += met

    def servers(self, scenario, died):
        self.beside[scenario] += 1
        self.died[scenario] += died

    def records(self, kind, met):
        self.doors[kind] += 1
        self.cut_off[kind] += met

    def restore(self, what):
        self.restores[what] += 1

    def day(self, name):
        self.days.append(name)

    def print(self):
        if self.crashes:
            print("\nkill -9 at fault points                 runs  killed")
            for (who, scenario), runs in sorted(self.crashes.items()):
                print(f"  {who:<7} {scenario:<29} {runs:>6} {self.deaths[who, scenario]:>7}")
            for who, points in sorted(self.points.items()):
                print(f"  {len(points)} points of the {who} were died at: {', '.join(sorted(points))}")
        if self.disks:
            kinds = sorted({kind for kind, _ in self.disks})
            print("\na disk that fails             calls  " + "  ".join(f"{kind:>6}" for kind in kinds))
            for scenario, calls in self.calls.items():
                counts = "  ".join(f"{self.disks[kind, scenario]:>6}" for kind in kinds)
                print(f"  {scenario:<26} {calls:>6}  {counts}")
        for title, runs_of, met in (
            ("a line that fails", self.lines, self.cut),
            ("a database or server ends", self.databases, self.hit),
            ("one of two servers is killed", self.beside, self.died),
            ("records over HTTP", self.doors, self.cut_off),
        ):
            if runs_of:
                print(f"\n{title:<29}  runs  met")
            for kind, runs in sorted(runs_of.items()):
                print(f"  {kind:<26} {runs:>6} {met[kind]:>4}")
        if self.restores:
            print("\nput back to what it was: " + ", ".join(f"{what} {runs}" for what, runs in sorted(self.restores.items())))
        if self.days:
            print("\nodd days: " + ", ".join(self.days))
