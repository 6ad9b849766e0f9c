"""What there is to run: a group is a program of tests, or a script, with the rooms that it tests."""

import dataclasses
import functools
import os
import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parents[3]

# Programs of tests in C++ and the folders whose rooms they test. Those of `dev` run in every check.
CPP = {
    "base_test": ("base",),
    "wire_test": ("proto/wire",),
    "certs_test": ("certs",),
    "server_test": ("server",),
    "client_test": ("client",),
    "contract_test": ("server/store",),
    "endpoint_test": ("server", "client"),
    "mirrorctl_test": ("tools/mirrorctl",),
    "harness_test": ("tools/mirror_harness",),
    "crash_test": ("server", "client"),
    "bench_test": ("tools/benchmarks",),
    "exchange_replay": ("server/hub",),
    "fuzz": ("base", "proto/wire", "certs", "server", "client"),
}
THREADED = ("base_test", "server_test", "client_test", "endpoint_test")
# Of these tests one attack or strategy after the other takes minutes with the thread sanitizer, and each has tests of its
# own; tools/nightly runs them.
LONG_WITH_THREADS = "EveryAttackIsRefusedRightly|StrategyChange|^EqualityTest"
# The rooms of the programs that are shipped: tests of whole programs are tests of these.
PROGRAMS = ("server", "client", "tools/mirrorctl", "tools/mirror_harness")
# What users read, which packages hold.
PAGES = ("docs/", "README.md", "CHANGELOG.md", "LICENSE")
DEMOS = {
    "demo": [],
    "demo.store_postgres": ["--store", "postgres"],
    "demo.source_postgres": ["--source", "postgres"],
    "demo.source_mariadb": ["--source", "mariadb"],
}


@dataclasses.dataclass(frozen=True)
class Group:
    name: str
    preset: str  # The build that it needs: dev, tsan or release.
    rooms: tuple  # Rooms that it tests; with below=True all rooms in these folders.
    paths: tuple = ()  # More files and folders whose change touches it.
    below: bool = False
    always: bool = False  # Part of every check, with and without --all.
    command: tuple = ()  # Empty: a test of ctest.
    seconds: float = 60  # At pace 1, until one is recorded.


@functools.cache
def _named_in(root, path):
    """The files in Python of tests/ that this one imports or names."""
    text = (root / path).read_text(encoding="utf-8", errors="replace")
    by_stem = _python_files(root)
    stems = set(re.findall(r"(\w+)\.py\b", text))
    for names in re.findall(r"^\s*(?:import|from) ([\w., ]+)", text, re.MULTILINE):
        stems.update(re.findall(r"\w+", names))
    return {other for stem in stems & by_stem.keys() for other in by_stem[stem]} - {path}


@functools.cache
def _python_files(root):
    found = {}
    for path in sorted((root / "tests").rglob("*.py")):
        found.setdefault(path.stem, []).append(str(path.relative_to(root)))
    return found


def reads(root, script):
    """The script, all files in Python that it can read, and what else is in their folders."""
    reached, waiting = set(), [script]
    while waiting:
        path = waiting.pop()
        if path not in reached:
            reached.add(path)
            if path.endswith(".py") and (root / path).exists():
                waiting.extend(_named_in(root, path))
    return tuple(sorted(reached | {f"{os.path.dirname(path)}/*" for path in reached}))


def _of_script(root, name, label, script):
    paths = reads(root, script)
    if name in ("python.docs", "python.help"):
        paths += PAGES
    # With sanitizers they take three times as long, and some bound a server's memory. Sanitized programs are started by
    # the tests in C++.
    return Group(name, "release", PROGRAMS, paths, seconds=240 if label == "torture" else 30)


def scripts(root=ROOT):
    """(name, label, build, script) of each line of tests/scripts.txt."""
    for line in (root / "tests" / "scripts.txt").read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            name, label, _, build, _, script, *_ = line.split()
            yield name, label, build, script


def all_groups(root=ROOT):
    """Every group, those of every check first, in the order in which they run where nothing else decides."""
    yield Group("scripts", "dev", (), ("",), always=True, seconds=90)
    for program, rooms in CPP.items():
        folder = "tests/exchange/" if program == "exchange_replay" else f"tests/{program.removesuffix('_test')}/"
        yield Group(program, "dev", rooms, (folder,), below=True, always=True)
    for program in THREADED:
        folder = f"tests/{program.removesuffix('_test')}/"
        yield Group(f"tsan.{program}", "tsan", threaded(root, CPP[program]), (folder,), seconds=120)
    for name, label, build, script in scripts(root):
        if label == "python" and build == "all":
            yield _of_script(root, name, label, script)
    yield Group("packaging", "release", PROGRAMS, ("tests/packaging/", *PAGES))
    for name, words in DEMOS.items():
        yield Group(name, "release", PROGRAMS, ("tools/demo",), command=("tools/demo", "--build", "release", *words), seconds=40)
    for name, label, build, script in scripts(root):
        if label not in ("scripts", "packaging") and build == "release":
            yield _of_script(root, name, label, script)
    yield Group("random_test", "release", PROGRAMS, ("tests/server/tenant/", "tests/endpoint/"), seconds=240)


@functools.cache
def rooms_of_house(root=ROOT):
    """Each room with those that it may include: ROOMS of tests/scripts/source_rules.py."""
    space = {"__name__": "source_rules"}
    path = root / "tests" / "scripts" / "source_rules.py"
    exec(compile(path.read_text(encoding="utf-8"), path, "exec"), space)  # It is ours; it lies in no package.
    return {room: tuple(may.split()) for room, (may, _) in space["ROOMS"].items()}


def threaded(root, folders):
    """The rooms in these folders that start threads or guard something with a lock."""
    starts = re.compile(r'"base/mutex\.h"|std::(?:thread|jthread|async|atomic)\b')
    found = []
    for room in rooms_of_house(root):
        if any(room == folder or room.startswith(folder + "/") for folder in folders):
            files = [path for path in (root / room).glob("*") if path.suffix in (".h", ".cc")]
            if any(starts.search(path.read_text(encoding="utf-8", errors="replace")) for path in files):
                found.append(room)
    return tuple(found)


def not_for_threads(root=ROOT):
    """What the thread sanitizer cannot judge, as tools/lib/threads.sh says, and what takes too long with it."""
    script = (root / "tools" / "lib" / "threads.sh").read_text(encoding="utf-8")
    callbacks = re.search(r"^callbacks='(.+)'$", script, re.MULTILINE).group(1)
    return re.compile(f"{callbacks}|{LONG_WITH_THREADS}")


def group_of_test(preset, name, command, label):
    """The name of the group that a test of ctest belongs to."""
    if label in ("scripts", "fuzz", "packaging"):
        return label
    program = os.path.basename(command[0])
    if program.endswith("_test"):
        return f"tsan.{program}" if preset == "tsan" else program
    return "exchange_replay" if name == "exchange.replay" else name
