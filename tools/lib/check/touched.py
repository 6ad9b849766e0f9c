"""Finds the groups that a change can affect, from the changed files, their rooms, and the rooms that include those."""

import os
import subprocess

# A change of one of these affects every group. Of the other tools, groups have those in their paths that they read or start.
EVERYTHING = (
    "tools/check", "tools/lib/", "tools/setup", "tests/support/", "tests/shims/", "tests/data/", "tests/scripts.",
    "tests/grpc_ends.cc", "CMakeLists.txt", "CMakePresets.json",
)  # fmt: skip
# A list of packages: tools/packages.txt, tools/postgres-packages.txt and so on.
PACKAGES = "packages.txt"
# A group that missed more recorded runs than this counts as touched.
RUNS_MAX = 4


def git(root, *words):
    """Returns what git prints. None: it failed, or is not installed."""
    command = ["git", "-c", "safe.directory=*", "-c", "status.showUntrackedFiles=normal", "-C", str(root), *words]
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="surrogateescape", check=False)
    except FileNotFoundError:
        return None
    return done.stdout if done.returncode == 0 else None


def changed_since(root, commit):
    """Returns the files that differ from the commit, uncommitted ones included. None: the commit is not in this clone."""
    if not commit or git(root, "cat-file", "-e", f"{commit}^{{commit}}") is None:
        return None
    differ = git(root, "diff", "--name-only", "-z", "--no-renames", commit)
    new = git(root, "ls-files", "-z", "--others", "--exclude-standard")
    if differ is None or new is None:
        return None
    return sorted({name for name in (differ + new).split("\0") if name})


class RoomGraph:
    def __init__(self, rooms, built_in):
        """Takes each room with those that it includes, and each file that is built into other rooms with these."""
        self.rooms = rooms
        self._built_in = built_in
        self._above = {}
        for room, may in rooms.items():
            for lower in may:
                self._above.setdefault(lower, set()).add(room)

    def room_of(self, path):
        """Returns the room of a file, or None."""
        if path.startswith("proto/"):
            return "proto/wire" if not path.endswith(".md") else None
        folder = os.path.dirname(path)
        while folder and folder not in self.rooms:
            folder = os.path.dirname(folder)
        return folder or None

    def closure(self, path):
        """Returns the room of a file, those that it is built into, and all rooms that include these, directly or indirectly."""
        reached, waiting = set(), [self.room_of(path), *self._built_in.get(path, ())]
        while waiting:
            one = waiting.pop()
            if one not in reached:
                reached.add(one)
                waiting.extend(self._above.get(one, ()))
        return reached


def _is_under(path, pattern):
    if pattern.endswith("/*"):  # Files of a folder, except Python files.
        return path.startswith(pattern[:-1]) and not path.endswith(".py")
    return path == pattern or (path.startswith(pattern) if pattern.endswith("/") or not pattern else False)


def _tests(group, reached):
    if group.below:
        return any(room == folder or room.startswith(folder + "/") for room in reached for folder in group.rooms)
    return not reached.isdisjoint(group.rooms)


def touches(graph, path, group):
    """Returns whether a change of this file can affect the group."""
    if any(_is_under(path, pattern) for pattern in group.paths):
        return True
    room = graph.room_of(path)
    if os.path.basename(path).startswith("CMake") or (room is None and (path.startswith(EVERYTHING) or path.endswith(PACKAGES))):
        return True
    if path.endswith(".md"):
        return False
    return room is not None and _tests(group, graph.closure(path))


def why_touched(root, graph, group, record, changed=changed_since):
    """Returns why the group has to run, or None."""
    entry = record.groups.get(group.name)
    if entry is None:
        return "no run of it is recorded, so its minutes are a guess"
    paths = changed(root, entry["commit"])
    if paths is None:
        return f"commit {entry['commit'][:9]} of its record is not known here"
    for path in paths:
        if touches(graph, path, group):
            return f"{graph.room_of(path) or path} changed"
    if record.runs - entry["run"] > RUNS_MAX:
        return f"{record.runs - entry['run']} recorded runs have passed without it"
    return None
