"""tests/checked.json: for each group the commit of its last green run, its seconds on two processors there, and the pace."""

import json
import pathlib
import re

FORMAT = 1


class BrokenRecord(Exception):
    """The file is not a valid record."""


# No group takes longer.
SECONDS_MAX = 1e6


def _is_entry(entry, runs):
    numbers = [entry.get(key) for key in ("run", "seconds", "pace")]
    if not all(isinstance(one, (int, float)) for one in numbers) or not isinstance(entry.get("commit"), str):
        return False
    is_commit = re.fullmatch(r"[0-9a-f]{7,64}", entry["commit"]) is not None
    return is_commit and 0 <= entry["run"] <= runs and 0 <= entry["seconds"] <= SECONDS_MAX and 0.001 <= entry["pace"] <= 1000


class Record:
    def __init__(self, path):
        self.path = pathlib.Path(path)
        self.runs, self.groups = 0, {}
        if not self.path.exists():
            return
        try:
            read = json.loads(self.path.read_text(encoding="utf-8"))
            if read["format"] != FORMAT:
                raise BrokenRecord(f"{self.path} has format {read['format']}, and this program knows {FORMAT}.")
            self.runs, self.groups = int(read["runs"]), dict(read["groups"])
            if not all(_is_entry(entry, self.runs) for entry in self.groups.values()):
                raise ValueError
        except (OSError, ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as wrong:
            raise BrokenRecord(f"{self.path} is not a record of tools/check: 'git checkout' restores the last one.") from wrong

    def seconds(self, group):
        """Returns the seconds that a group takes at pace 1 on two processors."""
        entry = self.groups.get(group.name)
        return entry["seconds"] / entry["pace"] if entry else group.seconds

    def age(self, group):
        """Returns how many recorded runs ago the group ran; for a group that never ran, one more than there are runs."""
        entry = self.groups.get(group.name)
        return self.runs - entry["run"] if entry else self.runs + 1

    def with_run(self, commit, pace, seconds):
        """Returns the text of the file after a run at `commit` in which the groups in `seconds` passed."""
        run = self.runs + 1
        groups = dict(self.groups)
        for name, took in seconds.items():
            groups[name] = {"commit": commit, "run": run, "seconds": round(took, 1), "pace": round(pace, 2)}
        lines = [f"    {json.dumps(name)}: {json.dumps(groups[name])}" for name in sorted(groups)]
        return '{\n  "format": %d,\n  "runs": %d,\n  "groups": {\n%s\n  }\n}\n' % (FORMAT, run, ",\n".join(lines))

    def write(self, text):
        """Replaces the file atomically."""
        new = self.path.with_suffix(".new")
        new.write_text(text, encoding="utf-8")
        new.replace(self.path)
