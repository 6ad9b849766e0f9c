#!/usr/bin/python3
"""tools/check: what it plans, runs, leaves out and records. Compiler, CMake and ninja are scripts; git and ctest are real."""

import fcntl
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest
import unittest.mock
import xml.etree.ElementTree

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools" / "lib"))

from check import green, groups, machine, plan, runs, touched  # noqa: E402
from check.record import BrokenRecord, Record  # noqa: E402

ROOMS = {"base": (), "proto/wire": ("base",), "server": ("base", "proto/wire"), "client": ("base",), "tools/mirrorctl": ("client",)}
SCRIPTS = """\
# NAME LABEL TIMEOUT BUILD PROPERTIES SCRIPT
scripts.one     scripts    60  all      -  tests/scripts/one_test.py
python.cycle    python     60  all      -  tests/python/cycle_test.py @BIN@
python.docs     python     60  all      -  tests/python/docs_test.py @BIN@
browser.pages   browser    60  release  -  tests/browser/pages_test.py @BIN@
packaging.make  packaging  60  shipped  -  tools/package
"""
# Writes the tests of a build folder: a program each, which says what the environment wants of it.
NINJA = r"""#!/usr/bin/python3
import json, os, pathlib, sys
if "-t" in sys.argv and "-C" in sys.argv: sys.exit(0)  # No test program starts another program.
if "-n" in sys.argv:
    print(os.environ.get("OUTDATED", "ninja: no work to do."))
    sys.exit(0)
if "-t" in sys.argv:  # For the parts of server_test, in a repository that has them. It runs in the build folder.
    if not pathlib.Path("tests/works.o").exists(): sys.exit(1)
    print("link" if "commands" in sys.argv else "\n".join(map(str, sorted(pathlib.Path("tests").rglob("*.o")))))
    sys.exit(0)
folder = pathlib.Path(sys.argv[sys.argv.index("-C") + 1])
preset = folder.name
if os.environ.get("BROKEN_BUILD") == preset:
    print("[1/2] compiling\nFAILED: it is wrong"); sys.exit(1)
(folder / "bin").mkdir(parents=True, exist_ok=True)
gtest = {"dev": "base wire certs server client contract endpoint mirrorctl harness crash bench".split(),
         "tsan": "base server client endpoint".split(), "release": ["random"]}[preset]
others = {"dev": {"scripts.one": "scripts", "exchange.replay": "exchange", "fuzz.codec_corpus": "fuzz"}, "tsan": {},
          "release": {"python.cycle": "python", "python.docs": "python", "browser.pages": "browser", "packaging.make": "packaging", "demo": "none"}}[preset]
lines = []
def add(name, label, program):
    path = folder / "bin" / program
    text = f'''#!/bin/sh
if [ "$1" = --gtest_list_tests ]; then cp tests/list.json "${{2#--gtest_output=json:}}"; exit; fi
passed=0
for test in $(echo "${{1#*=}}" | tr : ' '); do
  echo {preset} $test >> "$RAN"
  echo $MIRROR_TEST_ROUNDS $MIRROR_TEST_CRASH_RUNS $MIRROR_TEST_TORTURE_RUNS > "$RAN.rounds.{preset}"
  case " $FAILING " in *" $test "*) echo "[  FAILED  ] $test"; exit 1;; esac
  case " $ENDING_EARLY " in *" $test "*) exit 0;; esac
  case " $SKIPPING_AND_LEAKING " in *" $test "*) echo "[  SKIPPED ] 1 test, listed below:"; exit 1;; esac
  case " $SKIPPING " in *" $test "*) echo "[  SKIPPED ] 1 test, listed below:"; continue;; esac
  case " $LEAKING " in *" $test "*) echo "[  PASSED  ] 1 test."; exit 1;; esac
  passed=$((passed + 1))
done
test $passed = 0 || echo "[  PASSED  ] $passed tests."
'''
    if not path.exists() or path.read_text() != text: path.write_text(text); path.chmod(0o755)
    lines.append(f'add_test("{name}" "{path.resolve()}" "--gtest_filter={name}")\n'
                 f'set_tests_properties("{name}" PROPERTIES TIMEOUT 60 LABELS {label} SKIP_REGULAR_EXPRESSION "\\\\[  SKIPPED \\\\]")\n')
if preset == "dev" and pathlib.Path("parts").exists():
    add("ServerSuite.Rests", "server", "server_test")
    for name in ("works", "rests"):
        own = folder / "tests" / "CMakeFiles" / "server_test.dir" / f"{name}_test.cc.o"
        own.parent.mkdir(parents=True, exist_ok=True)
        own.write_text(pathlib.Path("parts").read_text() if name == "rests" else "the same")
    (folder / "tests" / "works.o").write_text("something of the product")
    tests = [{"name": name, "file": f"tests/{name.lower()}_test.cc"} for name in ("Works", "Rests")]
    (folder / "tests" / "list.json").write_text(json.dumps({"testsuites": [{"name": "ServerSuite", "testsuite": tests}]}))
if preset == "tsan": add("CallbackTest.CannotBeJudged", "endpoint", "endpoint_test")
for name in gtest: add(f"{name.title()}Suite.Works", name, f"{name}_test")
for name, label in others.items(): add(name, label, name)
if preset == "tsan": lines.append("add_test(other_test_NOT_BUILT other_test_NOT_BUILT)\n")
(folder / "CTestTestfile.cmake").write_text("".join(lines))
print("[1/2] compiling\n[2/2] linking")
"""


class Entry:
    """A record with one run of some groups."""

    def __init__(self, runs=1, **groups_):
        self.runs, self.groups = runs, groups_

    seconds = Record.seconds
    age = Record.age


def group(name, rooms=(), **more):
    return groups.Group(name, more.pop("preset", "dev"), rooms, **more)


class Touched(unittest.TestCase):
    graph = touched.RoomGraph(ROOMS, {})

    def touches(self, path, **of):
        return touched.touches(self.graph, path, group("g", **of))

    def test_a_room_touches_the_tests_of_all_that_include_it(self):
        self.assertEqual(self.graph.closure("proto/wire"), {"proto/wire", "server"})
        self.assertTrue(self.touches("base/file.cc", rooms=("server",)))
        self.assertTrue(self.touches("proto/mirror/v1/table.proto", rooms=("server",)))
        self.assertFalse(self.touches("server/server.cc", rooms=("client",)))
        self.assertTrue(self.touches("server/server.cc", rooms=("server",), below=True))
        self.assertFalse(self.touches("client/command/main.cc", rooms=("server",), below=True))

    def test_a_folder_that_is_no_room_belongs_to_the_room_above_it(self):
        self.assertEqual(self.graph.room_of("tools/mirrorctl/pages/index.html"), "tools/mirrorctl")

    def test_tools_cmake_and_the_support_of_tests_touch_everything(self):
        for path in ("tools/check", "CMakeLists.txt", "base/CMakeLists.txt", "tests/support/rows.h", "CMakePresets.json",
                     "tests/data/chinook.sqlite", "tests/scripts.txt", "tools/lib/steps.sh", "tools/mariadb-packages.txt"):  # fmt: skip
            self.assertTrue(self.touches(path, rooms=("client",)), path)

    def test_another_tool_touches_the_groups_that_name_it(self):
        of = {name: {one.name for one in groups.all_groups() if touched.touches(self.graph, name, one)} for name in (
            ".ci/run", "tools/nightly", "tools/demo", "tools/torture", "tools/package", "tools/systemd/mirror-server.service",
            "tools/monitoring/alerts.yml")}  # fmt: skip
        self.assertEqual(of[".ci/run"], {"scripts"})
        self.assertNotIn("demo", of["tools/nightly"])
        self.assertLessEqual({"demo", "demo.store_postgres", "python.docs", "exchange.demo"}, of["tools/demo"])
        self.assertIn("torture", of["tools/torture"])
        for name in ("tools/package", "tools/systemd/mirror-server.service", "tools/monitoring/alerts.yml"):
            self.assertIn("packaging", of[name])
        self.assertIn("python.metrics", of["tools/monitoring/alerts.yml"])
        for name, touching in of.items():
            self.assertNotIn("tsan.server_test", touching, name)

    def test_prose_touches_no_program(self):
        for path in ("README.md", "docs/security.md", "base/README.md", "CHANGELOG.md"):
            self.assertFalse(self.touches(path, rooms=("server",)), path)
        self.assertTrue(self.touches("docs/security.md", paths=("docs/",)))

    def test_a_script_is_touched_by_what_it_imports_or_names_and_by_files_beside_it(self):
        with tempfile.TemporaryDirectory() as folder:
            texts = {
                "python/a_test.py": "import programs, json\nimport unittest\nunittest.main()",
                "python/programs.py": "from of_the_other.folder import x\n'walk.py'",
                "python/b_test.py": "import json",
                "exchange/folder.py": "",
                "exchange/walk.py": "    import model",
                "exchange/model.py": "",
                "torture/main.py": "import programs",
            }
            for name, text in texts.items():
                path = pathlib.Path(folder, "tests", name)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
            paths = groups.reads(pathlib.Path(folder), "tests/python/a_test.py")
        for name in ("python/a_test.py", "python/programs.py", "exchange/folder.py", "exchange/model.py", "exchange/data.json"):
            self.assertTrue(self.touches(f"tests/{name}", paths=paths), name)
        for name in ("python/b_test.py", "torture/main.py", "torture/data.json"):
            self.assertFalse(self.touches(f"tests/{name}", paths=paths), name)

    def test_pages_touch_the_tests_of_pages_and_the_packages(self):
        made = {one.name: one for one in groups.all_groups()}
        for name in ("python.docs", "python.help", "packaging"):
            self.assertTrue(touched.touches(self.graph, "docs/security.md", made[name]), name)
        self.assertFalse(touched.touches(self.graph, "docs/security.md", made["python.cycle"]))

    def why(self, entry, paths, runs=1):
        record = Entry(runs, **({"g": entry} if entry else {}))
        return touched.why_touched(None, self.graph, group("g", ("server",)), record, lambda *_: paths)

    def test_what_has_no_record_or_one_of_an_unknown_commit_is_touched(self):
        entry = {"commit": "abc", "run": 1, "seconds": 1, "pace": 1}
        self.assertIsNone(self.why(entry, []))
        self.assertIn("no run of it is recorded", self.why(None, []))
        self.assertIn("abc", self.why(entry, None))
        self.assertEqual(self.why(entry, ["docs/x.md", "base/file.cc"]), "base changed")

    def test_what_ran_more_than_four_recorded_runs_ago_is_touched(self):
        entry = {"commit": "abc", "run": 1, "seconds": 1, "pace": 1}
        self.assertIsNone(self.why(entry, [], runs=5))
        self.assertIn("5 recorded runs", self.why(entry, [], runs=6))

    def test_what_is_there_to_run_is_known_from_the_repository_alone(self):
        names = [one.name for one in groups.all_groups()]
        self.assertEqual(len(names), len(set(names)))
        for name in ("server_test", "fuzz", "python.cycle", "tsan.server_test", "packaging", "demo", "torture", "random_test"):
            self.assertIn(name, names)


class Lists(unittest.TestCase):
    def test_every_test_in_python_is_in_the_list_or_in_tools_nightly(self):
        listed = {script for _, _, _, script in groups.scripts()}
        nightly = (ROOT / "tools" / "nightly").read_text()
        for path in sorted((ROOT / "tests").rglob("*_test.py")):
            name = str(path.relative_to(ROOT))
            if "node_modules" not in name:
                self.assertTrue(name in listed or name in nightly, f"no list has {name}, so nothing runs it")

    def test_the_files_that_a_test_program_reads_are_among_its_inputs(self):
        for path in sorted((ROOT / "tests").rglob("*.cc")):
            group = f"{path.relative_to(ROOT / 'tests').parts[0]}_test"
            for name in re.findall(r'SourceDir\(\)(?:,| \+) "/([\w./-]+)', path.read_text()):
                self.assertTrue(name.startswith(green.READ.get(group, ())) and group in green.READ, f"{path} reads {name}")
            if path.name != "places.cc":
                self.assertEqual(path.read_text().count("SourceDir()"), len(re.findall(r'SourceDir\(\)(?:,| \+) "/', path.read_text())), path)

    def test_each_line_has_a_group_that_builds_what_it_needs(self):
        by_name = {one.name: one for one in groups.all_groups()}
        for name, label, build, script in groups.scripts():
            one = by_name.get(groups.group_of_test("release", name, ("python3", script), label))
            self.assertIsNotNone(one, f"no group runs {name}")
            self.assertTrue(build == "all" or one.preset == "release", f"{name} is built with {build}, and its group runs in {one.preset}")

    def test_each_shipped_program_is_in_a_folder_of_programs(self):
        shipped = []
        for lists in ROOT.glob("[!b]*/**/CMakeLists.txt"):
            for package, sources in re.findall(r"mirror_(?:private_)?command\([\w-]+ PACKAGE ([\w-]+)[^)]*SOURCES (\S+)", lists.read_text()):
                if package != "none":
                    shipped.append(str((lists.parent / sources).relative_to(ROOT).parent))
        self.assertEqual(len(shipped), 5)
        self.assertEqual([folder for folder in shipped if folder not in groups.PROGRAMS], [])

    def test_pages_and_files_that_a_script_reads_touch_it(self):
        by_name = {one.name: one for one in groups.all_groups()}
        graph = touched.RoomGraph(groups.room_dependencies(), groups.built_in())
        for path, name in (("docs/reference/metrics.md", "python.metrics"), ("docs/sources/postgres.md", "python.postgres_page"),
                           ("docs/examples/search_index.py", "history.search_index"), ("tests/client/source/server/stage_test.cc", "python.layouts"),
                           ("client/import/sandbox.cc", "python.imports"), ("client/import/sandbox.cc", "packaging"),
                           ("server/config/keys.toml", "mirrorctl_test"), ("server/config/keys.toml", "server_test")):  # fmt: skip
            self.assertTrue((ROOT / path).exists(), path)
            self.assertTrue(touched.touches(graph, path, by_name[name]), f"{path} does not touch {name}")


class Plan(unittest.TestCase):
    def rows(self, *seconds, kind="rotation", preset="dev"):
        return [plan.Row(group(f"g{i}", preset=preset), kind, "", one) for i, one in enumerate(seconds)]

    def test_no_group_is_begun_that_would_end_behind_the_time(self):
        run, left_out = plan.fitting(self.rows(50, 100, 40), 1, 100, {"dev"})
        self.assertEqual([row.group.name for row in run], ["g0", "g2"])
        self.assertEqual([(row.group.name, row.kind) for row in left_out], [("g1", "left out")])

    def test_a_build_costs_time_once(self):
        build = plan.BUILD_SECONDS["tsan"]
        run, _ = plan.fitting(self.rows(10, 10, preset="tsan"), 1, build + 20, {"dev"})
        self.assertEqual(len(run), 2)
        self.assertEqual(plan.fitting(self.rows(10, preset="tsan"), 1, build, {"dev"})[0], [])
        self.assertEqual(len(plan.fitting(self.rows(10, preset="tsan"), 1, 10, {"tsan"})[0]), 1)

    def test_a_batch_is_of_one_build_and_kind_and_ends_before_it_takes_too_long(self):
        rows = [*self.rows(200, 90, 20, preset="release"), *self.rows(5, kind="touched", preset="release")]
        self.assertEqual(plan.batch(rows, 1), [rows[0], rows[1]])
        self.assertEqual(plan.batch(self.rows(1e6), 1), self.rows(1e6))
        self.assertEqual(plan.batch([*self.rows(5, preset="tsan"), *self.rows(5, preset="release")], 1), self.rows(5, preset="tsan"))

    def test_without_an_end_everything_runs(self):
        self.assertEqual(plan.fitting(self.rows(1e9), 1, None, set()), (self.rows(1e9), []))

    def test_touched_ones_come_first_and_then_those_that_have_waited_longest(self):
        entry = {"commit": "abc", "seconds": 1, "pace": 1}
        record = Entry(3, old={**entry, "run": 1}, new={**entry, "run": 3}, changed={**entry, "run": 3})
        made = [group("new"), group("old"), group("changed", paths=("x",)), group("every", always=True)]
        changed = touched.changed_since
        self.addCleanup(setattr, touched, "changed_since", changed)
        touched.changed_since = lambda *_: ["x"]
        rows = plan.rows(None, touched.RoomGraph(ROOMS, {}), made, record, 1, only_always=False)
        self.assertEqual([row.group.name for row in rows], ["every", "changed", "old", "new"])

    def test_seconds_are_those_of_the_record_at_pace_1_on_two_processors(self):
        record = Entry(g={"commit": "abc", "run": 1, "seconds": 30, "pace": 3})
        self.assertEqual(record.seconds(group("g")), 10)

    def test_a_single_process_takes_the_same_time_on_more_processors(self):
        with tempfile.TemporaryDirectory() as folder:
            junit = pathlib.Path(folder, "junit.xml")
            names = ["long", *(f"short{n}" for n in range(8))]
            cases = "".join(f'<testcase name="{name}" status="run" time="{80 if name == "long" else 40}"/>' for name in names)
            junit.write_text(f"<testsuite>{cases}</testsuite>")
            owners = {name: runs.Owner("long" if name == "long" else "short", [name], False) for name in names}
            found, failures = runs._results(junit, owners, 100, 4)
        self.assertEqual(failures, ([], set(), []))
        self.assertEqual((found["long"].seconds, found["long"].on_two), (80, 80))
        self.assertEqual((found["short"].seconds, found["short"].on_two), (80, 160))

    def test_the_tests_that_failed_are_named_as_their_process_names_them(self):
        owners = {"a 0 (2)": runs.Owner("a", ["S.One", "S.Two/0  # GetParam() = 1"], True), "b": runs.Owner("b", ["b"], False)}
        with tempfile.TemporaryDirectory() as folder:
            junit = pathlib.Path(folder, "junit.xml")
            output = "[  FAILED  ] S.Two/0 (3 ms)\n[  PASSED  ] 1 test.\n[  FAILED  ] 1 test, listed below:\n[  FAILED  ] S.Two/0\n"
            junit.write_text(f"""<testsuite><testcase name="a 0 (2)" status="fail" time="1"><system-out>{output}</system-out></testcase>
                             <testcase name="b" status="fail" time="1"/></testsuite>""")
            _, failures = runs._results(junit, owners, 100, 4)
        self.assertEqual(failures, (["a 0 (2)", "b"], {"S.One", "S.Two/0  # GetParam() = 1", "b"}, ["S.Two/0", "b"]))
        self.assertEqual(runs.repeat_command(ROOT, "dev", 0, failures), "tools/check --filter '^(S[.]Two/0|b)( |$)'")
        self.assertIn("-R '^(a 0 [(]2[)]|b)$'", runs.repeat_command(ROOT, "tsan", 0, failures))

    def test_the_limits_of_a_container_count(self):
        with tempfile.TemporaryDirectory() as folder:
            cgroup = pathlib.Path(folder)
            here = machine.processors(cgroup), machine.gigabytes(cgroup)
            self.assertEqual(here[0], len(os.sched_getaffinity(0)))
            for limits, expected in ((("max 100000", "max"), here), (("100000 100000", "500000000"), (1, 0.5)), (("10000 100000", "max"), (1, here[1]))):
                (cgroup / "cpu.max").write_text(limits[0] + "\n")
                (cgroup / "memory.max").write_text(limits[1] + "\n")
                self.assertEqual((machine.processors(cgroup), machine.gigabytes(cgroup)), expected)


class HardEnd(unittest.TestCase):
    def test_what_hangs_is_ended_with_all_that_it_started(self):
        with tempfile.TemporaryDirectory() as folder:
            pid = pathlib.Path(folder, "pid")
            # In a session of its own, as ninja's compilers and the servers of the demo are.
            command = ("sh", "-c", f"setsid sleep 1000 & echo $! > '{pid}.new'; mv '{pid}.new' '{pid}'; wait")
            result = runs.run_command(folder, command, 2, time.monotonic() + 1)
            self.assertEqual((result.passed, result.failed), (0, 1))
            self.assertFalse(pathlib.Path("/proc", pid.read_text().strip(), "exe").exists())

    def test_what_is_ended_cleans_up_and_what_comes_next_is_left_alone(self):
        with tempfile.TemporaryDirectory() as folder:
            cleaned = pathlib.Path(folder, "cleaned")
            clean = f"sleep 1; touch '{cleaned}'"
            result = runs.run_command(folder, ("sh", "-c", f"trap \"{clean}; exit 1\" TERM; while :; do sleep 0.1; done"), 2, time.monotonic() + 1)
            self.assertEqual((result.passed, result.failed), (0, 1))
            self.assertTrue(cleaned.exists())
            self.assertEqual(runs.run_command(folder, ("sleep", "1"), 2).passed, 1)

    def test_what_ignores_the_end_is_killed(self):
        with tempfile.TemporaryDirectory() as folder, unittest.mock.patch.object(runs, "END_SECONDS", 1):
            command = ("sh", "-c", "trap '' TERM; while :; do sleep 0.1; done")
            self.assertEqual(runs.run_command(folder, command, 2, time.monotonic() + 0.5).failed, 1)


class Counts(unittest.TestCase):
    def counts(self, status, output, tests=1, by_googletest=False):
        case = xml.etree.ElementTree.Element("testcase", name="x", status=status)
        xml.etree.ElementTree.SubElement(case, "system-out").text = output
        return runs._counts(case, tests, by_googletest)

    def test_scripts_that_skip_all_or_some_of_their_tests(self):
        self.assertEqual(self.counts("run", "Ran 3 tests in 1s\n\nOK\n"), (1, 0, 0))
        self.assertEqual(self.counts("run", "Ran 3 tests in 1s\n\nOK (skipped=1)\n"), (1, 0, 1))
        self.assertEqual(self.counts("run", "Ran 3 tests in 1s\n\nOK (skipped=3)\n"), (0, 0, 3))
        self.assertEqual(self.counts("run", "Ran 0 tests in 1s\n\nOK (skipped=1)\n"), (0, 0, 1))
        self.assertEqual(self.counts("run", "all is well"), (1, 0, 0))

    def test_a_script_without_tests_has_failed(self):
        self.assertEqual(self.counts("run", "Ran 0 tests in 0.000s\n\nOK\n"), (0, 1, 0))
        self.assertEqual(self.counts("run", "a script of another kind\n"), (1, 0, 0))

    def test_of_a_program_that_starts_itself_the_last_line_counts(self):
        output = "[  PASSED  ] 1 test.\n[  PASSED  ] 2 tests.\n"
        self.assertEqual(self.counts("run", output, 3, True), (2, 1, 0))
        self.assertEqual(self.counts("fail", "[  SKIPPED ] 1 test, listed below:\n", 1, True), (0, 1, 1))


class WholeCheck(unittest.TestCase):
    """In a small repository of its own."""

    def setUp(self):
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="check "))
        self.addCleanup(shutil.rmtree, self.root)
        self.bin = self.root / "bin"
        self.file("tools/lib/grouped_tests.py", (ROOT / "tools/lib/grouped_tests.py").read_text())
        self.file("tools/check", (ROOT / "tools/check").read_text(), 0o755)
        self.file("tools/lib/threads.sh", "callbacks='CallbackTest'\n")
        for path in (ROOT / "tools/lib/check").glob("*.py"):
            self.file(f"tools/lib/check/{path.name}", path.read_text())
        self.file("tests/scripts/source_rules.py", f"ROOMS = {({room: (' '.join(may), ()) for room, may in ROOMS.items()})!r}")
        self.file("tests/scripts.txt", SCRIPTS)
        for room in ROOMS:
            self.file(f"{room}/a.cc", "#include <mutex>\n std::thread x;")
        self.file(".gitignore", "build/\nran*\nbin/\n")
        for tool in ("tools/setup", "tools/lib/npm_packages.sh", "bin/cmake", "bin/g++"):
            self.file(tool, "#!/bin/sh\n", 0o755)
        # CMake writes what ninja reads, and when it has to run again.
        self.file("bin/cmake", '#!/bin/sh\nmkdir -p "build/$2"\necho "build build.ninja: RERUN_CMAKE x | $PWD/tools/check" | sed "s/check /check\\$ /" > "build/$2/build.ninja"\n', 0o755)
        self.file("tools/demo", '#!/bin/sh\necho "release demo $*" >> "$RAN"\n', 0o755)
        self.file("bin/ninja", NINJA, 0o755)
        self.git("init", "-q")
        self.commit()

    def file(self, path, text, mode=0o644):
        path = self.root / path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(mode)

    def git(self, *words):
        command = ["git", "-c", "user.name=a", "-c", "user.email=a@example.org", *words]
        return subprocess.run(command, cwd=self.root, capture_output=True, text=True, check=True).stdout.strip()

    def commit(self):
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", "a change")
        return self.git("rev-parse", "HEAD")

    def check(self, *words, **environment):
        for name in ("MIRROR_CHECK_MINUTES", "MIRROR_TEST_ROUNDS"):
            environment.setdefault(name, "")
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("MIRROR_TEST_")}
        environment = {**inherited, "PATH": f"{self.bin}:{os.environ['PATH']}", "RAN": str(self.root / "ran"), **environment}
        return subprocess.run(
            [self.root / "tools/check", *words], capture_output=True, text=True, check=False, env=environment
        )

    def ran(self):
        path = self.root / "ran"
        lines = path.read_text().splitlines() if path.exists() else []
        path.unlink(missing_ok=True)
        return lines

    def good(self, done):
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout

    def test_every_test_in_cpp_runs_and_the_count_is_the_last_word(self):
        out = self.good(self.check())
        ran = self.ran()
        for program in groups.CPP:
            if program.endswith("_test"):
                self.assertIn(f"dev {program.removesuffix('_test').title()}Suite.Works", ran)
        self.assertIn("dev scripts.one", ran)
        self.assertIn("dev fuzz.codec_corpus", ran)
        self.assertEqual(len(ran), 14)
        self.assertEqual(out.splitlines()[-1], "14 passed, 0 failed, 0 skipped")
        self.assertRegex(out, r"tools/check takes about \d+ minutes here")

    def test_what_was_green_before_is_listed_and_not_started(self):
        self.good(self.check())
        self.ran()
        out = self.good(self.check())
        self.assertEqual(self.ran(), [])
        self.assertIn("green before", out)
        self.file("docs/x.md", "what the scripts read")
        self.good(self.check())
        self.assertEqual(self.ran(), ["dev scripts.one"])
        self.good(self.check("--again"))
        self.assertEqual(len(self.ran()), 14)

    def with_parts(self):
        """Gives server_test two parts. What the tests of the second part are made of is in the file `parts`."""
        self.file("bin/nm", '#!/bin/sh\nshift 3\nfor path; do echo "$path: symbol T 0 0"; done\n', 0o755)
        self.file("parts", "one way")
        self.good(self.check())
        self.assertIn("dev ServerSuite.Rests", self.ran())
        self.good(self.check())
        self.assertEqual(self.ran(), [])
        self.file("parts", "another way")

    def test_of_a_program_whose_parts_are_known_only_those_run_that_changed(self):
        self.with_parts()
        out = self.good(self.check())
        self.assertEqual(sorted(self.ran()), ["dev ServerSuite.Rests", "dev scripts.one"])
        self.assertIn("partly green before: server_test (1 of 2 tests run)", out)
        self.assertEqual(out.splitlines()[-1], "2 passed, 0 failed, 0 skipped")
        self.good(self.check())
        self.assertEqual(self.ran(), [])
        self.good(self.check("--again"))
        self.assertIn("dev ServerSuite.Works", self.ran())

    def test_of_a_part_that_failed_nothing_is_kept(self):
        self.with_parts()
        done = self.check(FAILING="ServerSuite.Rests")
        self.assertEqual((done.returncode, done.stdout.splitlines()[-1]), (1, "1 passed, 1 failed, 0 skipped"))
        self.ran()
        self.assertRegex(self.good(self.check("--plan")), r"(?m)^server_test +runs +\d+:\d\d  1 of its 2 tests; the others were green before$")
        self.good(self.check())
        self.assertEqual(self.ran(), ["dev ServerSuite.Rests"])

    def test_a_part_may_be_skipped_where_others_passed_before(self):
        self.with_parts()
        out = self.good(self.check(SKIPPING="ServerSuite.Rests"))
        self.assertEqual(out.splitlines()[-1], "1 passed, 0 failed, 1 skipped")
        self.ran()
        self.good(self.check())
        self.assertEqual(self.ran(), ["dev ServerSuite.Rests"], "it was not green")

    def test_the_plan_of_a_plain_check_says_what_was_green_before(self):
        self.assertRegex(self.good(self.check("--plan")), r"(?m)^server_test +runs +\d+:\d\d$")
        self.good(self.check(FAILING="")) and self.ran()
        out = self.good(self.check("--plan"))
        self.assertRegex(out, r"(?m)^server_test +green before$")
        self.assertIn("\n0 groups run", out)
        self.assertRegex(self.good(self.check("--plan", "--again")), r"(?m)^server_test +runs ")
        self.assertEqual(self.ran(), [])

    def test_the_plan_knows_what_the_next_build_makes_anew(self):
        self.good(self.check()) and self.ran()
        out = self.good(self.check("--plan", OUTDATED="[1/1] Linking CXX executable bin/server_test"))
        self.assertRegex(out, r"(?m)^server_test +runs ")
        self.assertRegex(out, r"(?m)^client_test +green before$")
        os.utime(self.root / "tools/check")
        self.assertNotIn("green before", self.good(self.check("--plan")))
        self.assertFalse((self.root / "build/dev/plan.ninja").exists())

    def test_a_red_filter_or_all_takes_nothing_but_what_failed_from_what_was_green(self):
        for words in (("--filter", "ServerSuite"), ("--all",)):
            self.good(self.check("--again")) and self.ran()
            self.assertEqual(self.check(*words, FAILING="ServerSuite.Works").returncode, 1)
            self.ran()
            self.good(self.check())
            self.assertEqual(self.ran(), ["dev ServerSuite.Works"], words)
            self.good(self.check(*words)) and self.ran()
            self.assertIn("14 tests are not started: they passed before", self.good(self.check()))

    def test_a_program_that_failed_is_run_until_it_is_green(self):
        done = self.check(FAILING="ServerSuite.Works")
        self.assertEqual(done.returncode, 1)
        self.assertEqual(done.stdout.splitlines()[-1], "13 passed, 1 failed, 0 skipped")
        repeat = next(line for line in done.stderr.splitlines() if line.startswith("  tools/check "))
        environment = {**os.environ, "RAN": str(self.root / "ran"), "PATH": f"{self.bin}:{os.environ['PATH']}"}
        self.ran()
        subprocess.run(repeat, cwd=self.root, check=True, capture_output=True, env=environment, shell=True)
        self.assertEqual(self.ran(), ["dev ServerSuite.Works"])
        self.good(self.check())
        self.assertEqual(self.ran(), ["dev ServerSuite.Works"])

    def test_a_process_that_ends_early_or_leaks_has_failed_and_so_has_a_group_that_is_skipped(self):
        done = self.check(
            ENDING_EARLY="ServerSuite.Works", LEAKING="ClientSuite.Works", SKIPPING="BaseSuite.Works", SKIPPING_AND_LEAKING="WireSuite.Works"
        )
        self.assertEqual(done.returncode, 1)
        self.assertEqual(done.stdout.splitlines()[-1], "10 passed, 4 failed, 2 skipped")
        self.assertIn("1 of 1 tests printed no result", done.stdout)
        self.assertIn("base_test: all of its tests were skipped", done.stdout)
        self.assertIn("failed: base_test wire_test server_test client_test", done.stderr)
        self.ran()
        self.good(self.check())
        self.assertEqual(sorted(self.ran()), [f"dev {name}Suite.Works" for name in ("Base", "Client", "Server", "Wire")])

    def test_a_filter_counts_in_the_same_way(self):
        done = self.check("--filter", "^(Base|Wire)Suite")
        self.assertEqual(self.good(done).splitlines()[-1], "2 passed, 0 failed, 0 skipped")
        self.assertEqual(sorted(self.ran()), ["dev BaseSuite.Works", "dev WireSuite.Works"])
        done = self.check("--filter", "BaseSuite", ENDING_EARLY="BaseSuite.Works")
        self.assertEqual((done.returncode, done.stdout.splitlines()[-1]), (1, "0 passed, 1 failed, 0 skipped"))
        self.assertIn("\n  tools/check --filter '^(BaseSuite[.]Works)( |$)'\n", done.stderr)
        done = self.check("--filter", "NoSuchTest")
        self.assertEqual(done.returncode, 1)
        self.assertIn("no test's name matches 'NoSuchTest'", done.stderr)

    def test_a_label_for_tools_nightly_counts_in_the_same_way(self):
        self.good(self.check())
        for early, code, counts in (("", 0, "1 passed, 0 failed, 0 skipped"), ("BaseSuite.Works", 1, "0 passed, 1 failed, 0 skipped")):
            command = ["/usr/bin/python3", "-B", self.root / "tools/lib/check/label.py", "dev", "base"]
            environment = {**os.environ, "RAN": str(self.root / "ran"), "ENDING_EARLY": early}
            done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
            self.assertEqual(done.returncode, code, done.stdout + done.stderr)
            self.assertIn(counts, done.stdout)
        command[-1] = "nothing"
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
        self.assertEqual((done.returncode, done.stderr), (1, "build/dev has no such test with the label nothing.\n"))

    def test_a_failure_in_a_whole_check_takes_back_that_all_was_green(self):
        self.good(self.check())
        self.assertEqual(self.check("--all", FAILING="ServerSuite.Works").returncode, 1)
        self.ran()
        self.good(self.check())
        self.assertIn("dev ServerSuite.Works", self.ran())

    def test_a_variable_that_tests_notice_is_an_input(self):
        self.good(self.check(ASAN_OPTIONS="detect_leaks=0"))
        self.ran()
        self.good(self.check(ASAN_OPTIONS="detect_leaks=0"))
        self.assertEqual(self.ran(), [])
        self.good(self.check(GTEST_TOTAL_SHARDS="2", GTEST_SHARD_INDEX="1", GTEST_COLOR="yes"))
        self.assertIn("dev ServerSuite.Works", self.ran())

    def test_where_git_tells_of_no_files_nothing_is_green_before(self):
        shutil.rmtree(self.root / ".git")
        self.good(self.check())
        self.ran()
        self.good(self.check())
        self.assertEqual(len(self.ran()), 14)
        done = self.check("--all", "--record")
        self.assertEqual((done.returncode, done.stdout), (2, ""))

    def test_a_checkout_behind_a_link_sees_programs_that_changed(self):
        link = self.root.with_name(self.root.name + " link")
        link.symlink_to(self.root)
        self.addCleanup(link.unlink)
        self.root, real = link, self.root
        self.good(self.check())
        self.ran()
        self.file("bin/ninja", NINJA.replace("f'''#!/bin/sh\n", "f'''#!/bin/sh\n# changed\n"), 0o755)
        self.good(self.check())
        self.assertEqual(len(self.ran()), 14)
        self.root = real

    def test_of_two_at_once_the_second_ends_with_words(self):
        (self.root / "build").mkdir()
        with open(self.root / "build/check.lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            done = self.check()
        self.assertEqual((done.returncode, self.ran()), (1, []))
        self.assertIn("runs in", done.stderr)

    def test_one_that_is_ended_ends_its_tests_too(self):
        self.file("bin/ninja", NINJA.replace("f'''#!/bin/sh\n", 'f\'\'\'#!/bin/sh\necho $$ > "$RAN.pid"\nsleep 1000\n'), 0o755)
        environment = {**os.environ, "PATH": f"{self.bin}:{os.environ['PATH']}", "RAN": str(self.root / "ran")}
        check = subprocess.Popen([self.root / "tools/check"], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        self.addCleanup(check.kill)
        written = self.root / "ran.pid"
        os.mkfifo(written)
        pid = written.read_text().strip()  # Waits for the writer without taking its processor.
        check.terminate()
        self.assertRegex(check.communicate(timeout=60)[1], r"^\ntools/check: stopped by SIGTERM after \d+:\d\d\. [^\n]+\n$")
        self.assertEqual(check.returncode, 128 + signal.SIGTERM)
        self.assertFalse(pathlib.Path("/proc", pid, "exe").exists())

    def test_a_broken_record_ends_with_words(self):
        entry = '{"format": 1, "runs": %s, "groups": {"demo": {"commit": %s, "run": %s, "seconds": %s, "pace": 1}}}'
        entries = [entry % ("1", '"12345678"', "1", seconds) for seconds in ("NaN", "-1", "1e400", "1" + 400 * "0")]
        entries += [entry % ("1", '"HEAD"', "1", "1"), entry % ("1", '"12345678"', "1e99", "1"), entry % ("1e400", '"12345678"', "1", "1"), 9999 * "["]
        for text in ("{", "[]", '{"format": 1}', '{"format": 1, "runs": 1, "groups": {"demo": {}}}', '{"format": 9}', *entries):
            self.file("tests/checked.json", text)
            done = self.check("--all", "--plan")
            self.assertEqual((done.returncode, done.stdout), (2, ""), text)
            self.assertIn("tests/checked.json", done.stderr)
            self.assertNotIn("Traceback", done.stderr)

    def test_a_build_that_fails_says_how_to_repeat_it(self):
        done = self.check(BROKEN_BUILD="dev")
        self.assertEqual(done.returncode, 1)
        self.assertIn("FAILED: it is wrong", done.stdout)
        self.assertIn("cmake --preset dev && cmake --build --preset dev", done.stderr)

    def test_a_build_that_fails_keeps_only_its_own_groups_from_running(self):
        done = self.check("--all", BROKEN_BUILD="tsan")
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stdout, r"tsan.server_test +not run: the build of tsan failed")
        self.assertIn("failed: the build of tsan", done.stderr)
        ran = self.ran()
        self.assertIn("release python.cycle", ran)
        self.assertEqual([line for line in ran if line.startswith("tsan")], [])

    def test_all_runs_everything_and_records_it_for_the_commit(self):
        commit = self.git("rev-parse", "HEAD")
        out = self.good(self.check("--all", "--record"))
        ran = self.ran()
        for line in ("release python.cycle", "tsan ServerSuite.Works", "release RandomSuite.Works", "release browser.pages",
                     "release demo --build release --store postgres"):  # fmt: skip
            self.assertIn(line, ran)
        self.assertNotIn("tsan CallbackTest.CannotBeJudged", ran)
        read = json.loads((self.root / "tests/checked.json").read_text())
        self.assertEqual(read["runs"], 1)
        self.assertEqual({entry["commit"] for entry in read["groups"].values()}, {commit})
        names = {one.name for one in groups.all_groups(self.root)}
        self.assertEqual(set(read["groups"]), names)
        self.assertIn("commit it", out)
        self.assertIn("would record this run", self.good(self.check("--all")))

    def test_where_time_is_short_cpp_runs_first_and_the_rest_is_named(self):
        self.good(self.check("--all", "--record"))
        commit = self.commit()
        record = json.loads((self.root / "tests/checked.json").read_text())
        recorded = record["groups"]["python.docs"]["commit"]
        record["groups"]["python.docs"]["seconds"] = 1e6 * record["groups"]["python.docs"]["pace"]
        (self.root / "tests/checked.json").write_text(json.dumps(record))
        self.ran()
        out = self.good(self.check("--all", MIRROR_CHECK_MINUTES="30"))
        ran = self.ran()
        self.assertIn("dev ServerSuite.Works", ran)
        self.assertIn("release python.cycle", ran)
        self.assertNotIn("release python.docs", ran)
        self.assertRegex(out, rf"python.docs +left out: it last ran at {recorded[:9]}")
        self.assertNotEqual(commit, recorded)

    def rounds(self, preset):
        return (self.root / f"ran.rounds.{preset}").read_text().split()

    def test_random_tests_take_fewer_rounds_where_all_would_leave_no_time_for_the_others(self):
        self.good(self.check("--all", "--record"))
        self.assertEqual((self.rounds("dev"), self.rounds("release")), (["20", "3", "60"], ["500", "3", "60"]))
        record = json.loads((self.root / "tests/checked.json").read_text())
        entry = record["groups"]["server_test"]
        entry["seconds"] = 3600 * entry["pace"] / 0.01  # An hour at pace 0.01, which is the least that is measured.
        (self.root / "tests/checked.json").write_text(json.dumps(record))
        self.commit()
        out = self.good(self.check("--all", MIRROR_CHECK_MINUTES="30"))
        self.assertIn("Random tests take fewer rounds", out)
        self.assertEqual((self.rounds("dev"), self.rounds("release")), (["8", "1", "60"], ["500", "1", "60"]))
        out = self.good(self.check("--all", MIRROR_CHECK_MINUTES="9999"))
        self.assertNotIn("fewer rounds", out)
        self.assertEqual(self.rounds("dev"), ["20", "3", "60"])
        self.good(self.check())
        self.assertEqual(self.rounds("dev"), ["8", "1", "60"])

    def test_a_failure_in_the_rotation_fails_the_run(self):
        done = self.check("--all", FAILING="browser.pages")
        self.assertEqual(done.returncode, 1)
        self.assertIn("failed: browser.pages", done.stderr)
        self.assertIn("release demo --build release --store postgres", self.ran(), "the others run, and all that is red is told")

    def test_the_plan_needs_no_build_and_says_why(self):
        done = self.check("--all", "--record")
        self.good(done)
        shutil.rmtree(self.root / "build")
        self.commit()
        self.file("server/a.cc", "int changed;")
        self.ran()
        out = self.good(self.check("--all", "--plan"))
        self.assertEqual(self.ran(), [])
        self.assertFalse((self.root / "build").exists())
        self.assertRegex(out, r"(?m)^server_test +touched +0:00  server changed$")
        self.assertRegex(out, r"(?m)^client_test +always +0:00  it is part of every check$")
        self.assertRegex(out, r"(?m)^tsan.client_test +rotation +0:00  it last ran at \w{9}$")

    def test_a_record_is_refused_where_files_differ_from_the_commit(self):
        self.file("server/a.cc", "int changed;")
        done = self.check("--all", "--record")
        self.assertEqual((done.returncode, done.stdout), (2, ""))
        self.assertIn("Commit them first", done.stderr)

    def test_a_wrong_variable_of_the_tests_is_told_before_the_build(self):
        for name in ("MIRROR_TEST_TIMES", "MIRROR_TEST_ROUNDS", "MIRROR_TEST_CRASH_RUNS", "MIRROR_TEST_HISTORIES"):
            for number in ("x", "0", "-5", "1.5", "1e3", "9" * 7):
                done = self.check(**{name: number})
                self.assertEqual((done.returncode, done.stdout), (2, ""), (name, number))
                self.assertIn(name, done.stderr)

    def test_wrong_usage(self):
        for words, minutes in ((["--fast"], ""), (["--filter"], ""), (["--record"], ""), (["--all", "--filter", "x"], ""), (["--filter", "("], ""), (["--all", "--again"], ""),
                               (["--filter", ""], ""), (["--all"], "0"), (["--all"], "soon"), ([], "-1"), (["--all"], "1e3")):  # fmt: skip
            done = self.check(*words, MIRROR_CHECK_MINUTES=minutes)
            self.assertEqual((done.returncode, done.stdout), (2, ""), (words, minutes))
            self.assertIn("see tools/check --help", done.stderr)
        self.assertEqual(self.ran(), [])


if __name__ == "__main__":
    unittest.main()
