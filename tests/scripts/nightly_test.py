#!/usr/bin/python3
"""tools/nightly, with scripts in the place of those that it calls."""

import pathlib
import re
import shutil
import signal
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(__file__).parents[2]
NIGHTLY = ROOT / "tools" / "nightly"
COPIED = ("tools/nightly", "tools/lib/steps.sh", "tools/lib/nightly_parts.py")
TARGETS = [f"target{n}" for n in range(1, 13)]
FUZZ = f'if [ "$1" = --list ]; then printf "%s\\n" {" ".join(TARGETS)}; else echo "$0 $*"; fi'
PACKAGE = 'mkdir -p "$2"; touch "$2/partner-mirror-server.deb"; echo "$*" >> build/calls'


class Nightly(unittest.TestCase):
    def setUp(self):
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="nightly "))
        self.addCleanup(shutil.rmtree, self.root)
        (self.root / "tools" / "lib").mkdir(parents=True)
        for name in COPIED:
            shutil.copy(ROOT / name, self.root / name)
        for script in ("setup", "torture", "mutants"):
            self.script(script, 'echo "$0 $*"')
        self.script("fuzz", FUZZ)

    def script(self, name, body):
        path = self.root / "tools" / name
        path.write_text(f"#!/bin/sh\n{body}\n")
        path.chmod(0o755)

    def nightly(self, *words):
        return subprocess.run([self.root / "tools" / "nightly", *words], capture_output=True, text=True, check=False)

    def log(self, unit):
        return (self.root / "build" / "nightly" / f"{unit}.log").read_text()

    def git(self, *words):
        command = ["git", "-C", self.root, "-c", "user.name=n", "-c", "user.email=n@localhost", *words]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    def commit(self):
        """Commits all files. Returns the commit as the record shows it."""
        self.git("init", "--quiet")
        (self.root / ".gitignore").write_text("/build/\n")
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", "all")
        return self.git("rev-parse", "--short=8", "HEAD")

    def parts(self, *words):
        """The listed parts: (K/N, minutes, [(unit, minutes)...]) of each."""
        run = self.nightly("--list", *words)
        self.assertEqual((run.returncode, run.stderr), (0, ""))
        found = []
        for line in run.stdout.splitlines():
            if head := re.fullmatch(r"part (\d+/\d+): about (\d+) min with what it builds", line):
                found.append((head[1], int(head[2]), []))
            else:
                unit = re.fullmatch(r"  (\S+) +(\d+) min", line)
                found[-1][2].append((unit[1], int(unit[2])))
        return found

    def units(self):
        ((_, _, units),) = self.parts("--parts", "1")
        return units


class Steps(Nightly):
    def test_each_step_that_is_listed_can_be_run(self):
        names = re.findall(r"^([\w-]+): \S", self.nightly("--list").stdout, re.MULTILINE)
        self.assertGreater(len(names), 5)
        functions = re.findall(r"^run_([\w-]+)\(\) ", NIGHTLY.read_text(), re.MULTILINE)
        self.assertEqual(sorted(names), sorted(functions))

    def test_each_step_has_units_in_the_order_of_the_steps(self):
        names = re.findall(r"^([\w-]+): \S", self.nightly("--list").stdout, re.MULTILINE)
        units = [unit for unit, _ in self.units()]
        self.assertEqual(len(units), len(set(units)))
        self.assertEqual(list(dict.fromkeys(unit.partition(".")[0] for unit in units)), names)

    def test_a_unit_takes_an_hour_at_most(self):
        self.assertEqual([unit for unit, minutes in self.units() if not 0 < minutes <= 60], [])

    def test_gcc_builds_each_test_program(self):
        labels = set(re.findall(r"^ *mirror_test\((\w+)", (ROOT / "tests" / "CMakeLists.txt").read_text(), re.MULTILINE))
        labels = (labels - {"random"}) | {"exchange", "fuzz"}  # random: only in builds without sanitizers.
        self.assertEqual({unit.partition(".")[2] for unit, _ in self.units() if unit.startswith("gcc.")}, labels)

    def test_each_file_that_it_names_is_there(self):
        text = NIGHTLY.read_text().replace("$exchange", "tests/exchange")
        named = set(re.findall(r"\b((?:tools|tests)/[\w./-]*\w)", text))
        self.assertGreater(len(named), 10)
        self.assertEqual([name for name in named if not (ROOT / name).exists() and name != "tests/python/servers_"], [])

    def test_a_step_that_fails_does_not_keep_the_next_one_from_running(self):
        self.script("torture", "echo it broke; exit 3")
        run = self.nightly("--only", "torture-exchange", "--only", "mutants")
        self.assertEqual(run.returncode, 1)
        self.assertRegex(run.stdout, r"\[1/2\] torture-exchange .*\n  FAILED after 0:0")
        self.assertRegex(run.stdout, r"\[2/2\] mutants .*\n  good, 0:0")
        self.assertIn("1 of 2 units went well", run.stdout)
        self.assertIn("it broke", run.stderr)
        self.assertIn("Failed: torture-exchange.", run.stderr)
        self.assertIn("tools/nightly --only torture-exchange\n", run.stderr)

    def test_a_step_is_all_of_its_units_and_a_unit_is_one_of_them(self):
        run = self.nightly("--only", "torture")
        self.assertEqual(run.returncode, 0, run.stderr)
        units = re.findall(r"^\[\d/5\] (\S+)", run.stdout, re.MULTILINE)
        self.assertEqual(units, ["torture.crashes", "torture.disk", "torture.network", "torture.records", "torture.days"])
        self.assertIn("tools/torture --only disk --runs 1250\n", self.log("torture.disk"))
        run = self.nightly("--only", "torture.disk", "--only", "torture.disk")
        self.assertEqual(re.findall(r"^\[.*\] (\S+)", run.stdout, re.MULTILINE), ["torture.disk"])
        self.assertEqual(self.nightly("--list", "--only", "fuzz.1").stdout.split()[0], "fuzz.1")

    def test_each_target_is_fuzzed_once(self):
        self.assertEqual(self.nightly("--only", "fuzz").returncode, 0)
        units = [unit for unit, _ in self.units() if unit.startswith("fuzz.")]
        words = [self.log(unit).split("tools/fuzz --seconds 300 ")[1].split() for unit in units]
        self.assertEqual(sorted(sum(words, [])), sorted(TARGETS))

    def test_a_command_that_fails_ends_its_step(self):
        self.script("package", "exit 1")
        run = self.nightly("--only", "container")
        self.assertEqual(run.returncode, 1)
        self.assertNotIn("container_test", run.stderr)

    def test_packages_are_made_once_for_each_commit(self):
        self.script("package", PACKAGE)
        (self.root / "tests" / "packaging").mkdir(parents=True)
        for name in ("clean_root", "container"):
            (self.root / "tests" / "packaging" / f"{name}_test.py").write_text("import sys; print(sys.argv[-1])\n")
        calls, made = self.root / "build" / "calls", 0
        for change, more in (
            (self.commit, 1),
            (lambda: None, 0),  # Those of this commit are there.
            (self.commit, 1),
            (lambda: shutil.rmtree(self.root / "build" / "nightly" / "packages"), 1),
            ((self.root / "new").touch, 1),  # No commit has them: they are those of one run.
            (lambda: None, 1),
        ):
            change()
            run = self.nightly("--only", "clean-root", "--only", "container")
            self.assertEqual(run.returncode, 0, run.stderr)
            made += more
            self.assertEqual(len(calls.read_text().splitlines()), made)
        self.assertEqual(self.nightly("--only", "packages").returncode, 0)
        self.assertEqual(len(calls.read_text().splitlines()), made + 1)
        self.assertEqual(self.log("container").strip(), str(self.root / "build" / "nightly" / "packages"))

    def test_a_folder_that_cannot_be_written_ends_it_with_words(self):
        (self.root / "build").touch()
        run = self.nightly("--only", "mutants")
        self.assertEqual((run.returncode, run.stdout), (1, ""))
        self.assertIn("build/nightly cannot be written by ", run.stderr)

    def test_all_is_well(self):
        run = self.nightly("--only", "mutants")
        self.assertEqual((run.returncode, run.stderr), (0, ""), run.stdout)

    def test_wrong_usage(self):
        for words in (
            *(["--only"], ["--only", "nothing"], ["--only", ""], ["--only", "*"], ["--only", "fuzz.9"], ["now"]),
            *(["--part"], *(["--part", part] for part in ("0/8", "9/8", "a/b", "3", "3/", "/8", "1/100", "01/8", "1/8x", ""))),
            *(["--list", "--part"], ["--part", "--list"], ["--list", "--part", "0/8"], ["--list", "--now"]),
            *(["--list", "--parts"], ["--list", "--parts", "0"], ["--list", "--parts", "100"], ["--parts", "8"]),
            *(["--only", "fuzz", "--part", "1/8"], ["--list", "--part", "1/8", "--parts", "8"]),
            *(["--ran", "--list"], ["--ran", "--only", "fuzz"], ["--ran", "--part", "1/8"]),
        ):
            run = self.nightly(*words)
            self.assertEqual((run.returncode, run.stdout), (2, ""), words)
            self.assertIn("see tools/nightly --help", run.stderr)


class Parts(Nightly):
    def test_each_unit_is_in_one_part_and_the_order_stays(self):
        units = self.units()
        for count in (2, 3, 8, 24, 99):
            parts = self.parts("--parts", str(count))
            self.assertEqual([name for name, _, _ in parts], [f"{k}/{count}" for k in range(1, count + 1)])
            self.assertEqual([unit for _, _, of_part in parts for unit in of_part], units)

    def test_the_same_number_gives_the_same_parts(self):
        parts = self.parts("--parts", "8")
        self.assertEqual(self.parts("--parts", "8"), parts)
        for part in parts:
            self.assertEqual(self.parts("--part", part[0]), [part])

    def test_parts_are_balanced(self):
        builds = dict(re.findall(r"(\w+)=(\d+)", re.search(r"^builds=\((.*)\)$", NIGHTLY.read_text(), re.MULTILINE)[1]))
        total, longest = sum(minutes for _, minutes in self.units()), max(minutes for _, minutes in self.units())
        for count in (2, 8, 16, 24):
            for name, minutes, units in self.parts("--parts", str(count)):
                own = sum(of_unit for _, of_unit in units)
                self.assertLessEqual(own, minutes, name)
                self.assertLessEqual(own, total / count + longest, name)
                self.assertLessEqual(minutes - own, sum(map(int, builds.values())), name)

    def test_parts_of_the_number_in_the_example_take_an_hour_at_most(self):
        (count,) = set(re.findall(r"--parts? (?:\d+/)?(\d+) ", NIGHTLY.read_text().replace("\n", " ") + (ROOT / "docs/testing.md").read_text()))
        self.assertEqual([part for part in self.parts("--parts", count) if part[1] > 60], [])

    def test_a_part_runs_what_is_listed_for_it(self):
        commit = self.commit()
        numbers = {}
        for name, _, units in self.parts("--parts", "60"):
            numbers.update({unit: (name, units) for unit, _ in units})
        name, units = numbers["mutants"]
        run = self.nightly("--part", name)
        self.assertEqual(run.returncode, 0, run.stderr)
        self.assertRegex(run.stdout, rf"^At commit {commit}, part {name}: {len(units)} units, about \d+ min at pace 1\n")
        self.assertEqual(re.findall(r"^\[.*\] (\S+)", run.stdout, re.MULTILINE), [unit for unit, _ in units])
        self.assertIn(f" units of part {name} went well at commit {commit}, ", run.stdout)

    def test_a_part_without_units_ends_well(self):
        self.assertEqual(self.parts("--part", "99/99"), [("99/99", 0, [])])
        run = self.nightly("--part", "99/99")
        self.assertEqual((run.returncode, run.stderr), (0, ""))
        self.assertIn("0 of 0 units of part 99/99 went well", run.stdout)


class Record(Nightly):
    def ran(self, run=None):
        """What is printed of each unit: of --ran, or at the end of a run."""
        run = run or self.nightly("--ran")
        return dict(re.findall(r"^([\w.-]+) +(never$|(?:good|failed|stopped) .*)", run.stdout, re.MULTILINE))

    def line(self, unit):
        lines = (self.root / "build" / "nightly" / "ran.txt").read_text().splitlines()
        (found,) = [line for line in lines if line.startswith(f"{unit} ")]
        return found

    def test_units_that_never_ran(self):
        run = self.nightly("--ran")
        self.assertEqual((run.returncode, run.stderr), (0, ""))
        self.assertEqual(self.ran(run), {unit: "never" for unit, _ in self.units()})
        self.assertFalse((self.root / "build").exists())

    def test_good_and_failed_units_are_recorded_with_their_commit(self):
        commit = self.commit()
        self.script("torture", "exit 3")
        second = self.commit()
        self.assertNotEqual(second, commit)
        run = self.nightly("--only", "mutants", "--only", "torture.days")
        date = r"\d{4}-\d\d-\d\dT\d\d:\d\dZ"
        self.assertRegex(self.line("mutants"), rf"^mutants {second} good 0 {date}$")
        self.assertRegex(self.line("torture.days"), rf"^torture.days {second} failed 0 {date}$")
        ran = self.ran()
        self.assertEqual(self.ran(run), ran)
        self.assertRegex(ran["mutants"], rf"^good +at {second} +0 min  {date}$")
        self.assertRegex(ran["torture.days"], rf"^failed +at {second} +0 min  {date}$")
        self.assertEqual(ran["fuzz.1"], "never")

    def test_the_last_run_counts_and_the_other_units_stay(self):
        first = self.commit()
        self.nightly("--only", "mutants", "--only", "torture.days")
        self.script("mutants", "exit 1")
        second = self.commit()
        self.nightly("--only", "mutants")
        self.assertRegex(self.line("mutants"), f"^mutants {second} failed ")
        self.assertRegex(self.line("torture.days"), f"^torture.days {first} good ")

    def test_files_that_differ_from_the_commit_are_said(self):
        commit = self.commit()
        (self.root / "new").touch()
        self.nightly("--only", "mutants")
        self.assertRegex(self.line("mutants"), f"^mutants {commit}-dirty good ")

    def test_files_that_change_while_a_unit_runs_are_said(self):
        self.script("mutants", "touch new")
        commit = self.commit()
        self.nightly("--only", "mutants")
        self.assertRegex(self.line("mutants"), f"^mutants {commit}-dirty good ")

    def test_each_unit_is_recorded_when_it_ends(self):
        self.script("mutants", "cp build/nightly/ran.txt build/seen")
        self.nightly("--only", "torture.days", "--only", "mutants")
        self.assertRegex((self.root / "build" / "seen").read_text(), "^torture.days unknown good ")

    def test_one_that_is_interrupted_is_recorded_as_stopped_and_ends_what_it_started(self):
        self.script("mutants", "echo $$ > build/pid.new; mv build/pid.new build/pid; sleep 1000; exit 0")
        commit = self.commit()
        record = self.root / "build" / "nightly" / "ran.txt"
        record.parent.mkdir(parents=True)
        record.write_text("\ntorture.days 12345678 good 0 2026-01-01T00:00Z\n")
        words = [self.root / "tools" / "nightly", "--only", "mutants"]
        for which in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            run = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, process_group=0)
            self.addCleanup(run.kill)
            pid = self.root / "build" / "pid"
            while not pid.exists():
                self.assertIsNone(run.poll())
            second = self.nightly("--only", "mutants")
            self.assertEqual(second.returncode, 1)
            self.assertIn("runs in", second.stderr)
            run.send_signal(which)
            said = run.communicate(timeout=60)[1]
            self.assertEqual(run.returncode, -which)
            self.assertIn("stopped in mutants", said)
            self.assertRegex(self.line("mutants"), f"^mutants {commit}[-a-z]* stopped 0 ")
            self.assertEqual(self.ran()["torture.days"].split()[0], "good")
            self.assertFalse(pathlib.Path("/proc", pid.read_text().strip(), "exe").exists())
            pid.unlink()


if __name__ == "__main__":
    unittest.main()
