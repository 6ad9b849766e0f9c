"""tests/checked.json: for each group the commit of its last green run, its seconds there, and the pace."""

import json
import pathlib

FORMAT = 1


class Record:
    def __init__(self, path):
        self.path = pathlib.Path(path)
        self.runs, self.groups = 0, {}
        if self.path.exists():
            read = json.loads(self.path.read_text(encoding="utf-8"))
            if read.get("format") != FORMAT:
                raise ValueError(f"{self.path} has format {read.get('format')}, and this program knows {FORMAT}")
            self.runs, self.groups = read["runs"], read["groups"]

    def seconds(self, group):
        """What a group takes at pace 1."""
        entry = self.groups.get(group.name)
        return entry["seconds"] / entry["pace"] if entry else group.seconds

    def age(self, group):
        """How many recorded runs ago it ran; more than all of them for one that never did."""
        entry = self.groups.get(group.name)
        return self.runs - entry["run"] if entry else self.runs + 1

    def with_run(self, commit, pace, seconds):
        """The text of the file behind a run at `commit` in which the groups of `seconds` were green."""
        run = self.runs + 1
        groups = dict(self.groups)
        for name, took in seconds.items():
            groups[name] = {"commit": commit, "run": run, "seconds": round(took, 1), "pace": round(pace, 2)}
        lines = [f"    {json.dumps(name)}: {json.dumps(groups[name])}" for name in sorted(groups)]
        return '{\n  "format": %d,\n  "runs": %d,\n  "groups": {\n%s\n  }\n}\n' % (FORMAT, run, ",\n".join(lines))
