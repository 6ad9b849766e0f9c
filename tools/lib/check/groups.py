"""Lists what a check can run. A group is a test program or a script, with the rooms that it tests."""

import dataclasses
import functools
import importlib.util
import os
import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parents[3]

# Test programs in C++, and the folders whose rooms they test. Every check runs those of `dev`.
CPP = {
    "base_test": ("base",),
    "wire_test": ("proto/wire",),
    "certs_test": ("certs",),
    "server_test": ("server",),
    "client_test": ("client",),
    "contract_test": ("server/store",),
    "endpoint_test": ("server", "client", "tools/mirror_harness"),
    "mirrorctl_test": ("tools/mirrorctl",),
    "harness_test": ("tools/mirror_harness",),
    "crash_test": ("server", "client"),
    "bench_test": ("tools/benchmarks",),
    "exchange_replay": ("server/hub",),
    "fuzz": ("base", "proto/wire", "certs", "server", "client"),
}
THREADED = ("base_test", "server_test", "client_test", "endpoint_test")
# These tests run many attacks or strategies one by one, which takes minutes with the thread sanitizer. Other tests cover
# each of them; tools/nightly runs all.
LONG_WITH_THREADS = "EveryAttackIsRefusedRightly|StrategyChange|^EqualityTest"
# Folders of the shipped programs. Tests of whole programs test all of their rooms.
PROGRAMS = ("server", "client/command", "client/import", "tools/mirrorctl", "tools/mirror_harness")
# Pages for users, which the packages contain.
PAGES = ("docs/", "README.md", "CHANGELOG.md", "LICENSE")
# Tools that the tests of packages start, and what tools/package reads.
PACKAGING = ("tools/package", "tools/packaging/", "tools/systemd/", "tools/monitoring/", "tools/release", "tools/DEPLOYING.md")
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
def _text(root, path):
    return (root / path).read_text(encoding="utf-8", errors="replace")


@functools.cache
def _named_in(root, path):
    """Returns the Python files of tests/ that this file imports or names."""
    text = _text(root, path)
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
    """Returns the script, all Python files that it imports directly or indirectly, and the other files in their folders."""
    reached, waiting = set(), [script]
    while waiting:
        path = waiting.pop()
        if path not in reached:
            reached.add(path)
            if path.endswith(".py") and (root / path).exists():
                waiting.extend(_named_in(root, path))
    return tuple(sorted(reached | {f"{os.path.dirname(path)}/*" for path in reached}))


def _tools_named_in(texts):
    """Returns the files and folders of tools/ that these texts name."""
    names = {name for text in texts for name in re.findall(r'(?:\btools/|"tools" / ")([\w-]+)', text)}
    return tuple(f"tools/{name}{end}" for name in sorted(names) for end in ("", "/"))


def _of_script(root, name, label, script):
    paths = reads(root, script)
    texts = [_text(root, path) for path in paths if path.endswith(".py") and (root / path).exists()]
    if name == "python.help" or any('ROOT / "docs"' in text for text in texts):
        paths += PAGES
    paths += tuple(path for text in texts for path in re.findall(r'"(tests/[\w/]+\.(?:cc|h))"', text))
    paths += _tools_named_in(texts)
    # They use the release build: with sanitizers they take three times as long, and some limit a server's memory. The tests
    # in C++ start sanitized programs.
    return Group(name, "release", PROGRAMS, paths, seconds=240 if label == "torture" else 30)


def scripts(root=ROOT):
    """Yields (name, label, build, script) for each line of tests/scripts.txt."""
    for line in (root / "tests" / "scripts.txt").read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            name, label, _, build, _, script, *_ = line.split()
            yield name, label, build, script


def all_groups(root=ROOT):
    """Yields every group in the default order. The groups of every check come first."""
    yield Group("scripts", "dev", (), ("",), always=True, seconds=90)
    for program, rooms in CPP.items():
        folder = "tests/exchange/" if program == "exchange_replay" else f"tests/{program.removesuffix('_test')}/"
        yield Group(program, "dev", rooms, (folder,), below=True, always=True)
    for program in THREADED:
        folders = (f"tests/{program.removesuffix('_test')}/", "tests/endpoint/")  # Others include helpers of the latter.
        yield Group(f"tsan.{program}", "tsan", threaded(root, CPP[program]), folders, seconds=120)
    for name, label, build, script in scripts(root):
        if label == "python" and build == "all":
            yield _of_script(root, name, label, script)
    yield Group("packaging", "release", PROGRAMS, ("tests/packaging/", *PACKAGING, *PAGES))
    for name, words in DEMOS.items():
        yield Group(name, "release", PROGRAMS, ("tools/demo",), command=("tools/demo", "--build", "release", *words), seconds=40)
    for name, label, build, script in scripts(root):
        if label not in ("scripts", "packaging") and build == "release":
            yield _of_script(root, name, label, script)
    yield Group("random_test", "release", PROGRAMS, ("tests/server/tenant/", "tests/endpoint/"), seconds=240)


@functools.cache
def room_dependencies(root=ROOT):
    """Returns each room with the rooms that it may include, from ROOMS in tests/scripts/source_rules.py."""
    spec = importlib.util.spec_from_file_location("source_rules", root / "tests" / "scripts" / "source_rules.py")
    rules = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(rules)
    return {room: tuple(may.split()) for room, (may, _) in rules.ROOMS.items()}


@functools.cache
def built_in(root=ROOT):
    """Returns each file that CMake builds into another folder's program (mirror_embed), with the rooms of these programs."""
    rooms = {}
    for lists in root.glob("[!b]*/**/CMakeLists.txt"):
        room = lists.parent.relative_to(root)
        for folder, names in re.findall(r"mirror_embed\([\w\s]+ FOLDER (\S+)\s+FILES ([^)]+)\)", lists.read_text(encoding="utf-8")):
            for name in names.split():
                path = os.path.normpath(room / folder / name)
                if not path.startswith(f"{room}/"):
                    rooms.setdefault(path, set()).add(str(room))
    return rooms


def threaded(root, folders):
    """Returns the rooms in these folders that start threads or use locks."""
    starts = re.compile(r'"base/mutex\.h"|std::(?:thread|jthread|async|atomic)\b')
    found = []
    for room in room_dependencies(root):
        if any(room == folder or room.startswith(folder + "/") for folder in folders):
            files = [path for path in (root / room).glob("*") if path.suffix in (".h", ".cc")]
            if any(starts.search(path.read_text(encoding="utf-8", errors="replace")) for path in files):
                found.append(room)
    return tuple(found)


def not_for_threads(root=ROOT):
    """Returns a pattern for tests that the thread sanitizer cannot judge (tools/lib/threads.sh) or that take too long."""
    script = (root / "tools" / "lib" / "threads.sh").read_text(encoding="utf-8")
    callbacks = re.search(r"^callbacks='(.+)'$", script, re.MULTILINE).group(1)
    return re.compile(f"{callbacks}|{LONG_WITH_THREADS}")


def group_of_test(preset, name, command, label):
    """Returns the name of the group that a ctest test belongs to."""
    if label in ("scripts", "fuzz", "packaging"):
        return label
    program = os.path.basename(command[0])
    if program.endswith("_test"):
        return f"tsan.{program}" if preset == "tsan" else program
    return "exchange_replay" if name == "exchange.replay" else name
