"""Builds and runs every test. See tools/check --help."""

import argparse
import collections
import fcntl
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "tools" / "lib"))

from check import groups, machine, pace, plan, runs, touched  # noqa: E402
from check.green import Green  # noqa: E402
from check.record import BrokenRecord, Record  # noqa: E402

USAGE = """\
Usage: tools/check [--all] [--plan] [--again] [--record] [--filter REGEX] [--help]

Installs what is missing (tools/setup), builds `dev` (clang, warnings as errors, address and undefined-behaviour
sanitizers) and runs every test in C++ and those of the scripts. Tests that passed before in this build folder are
skipped if none of their inputs changed, and listed as "green before".

  --all            Also runs whole programs (in Python), the thread sanitizer, and with the release build the packages,
                   tools/demo with each store and source, torture, a browser, and long random tests. Skips nothing.
                   MIRROR_CHECK_MINUTES=N in the environment: the C++ tests of `dev` run in any case; another group
                   starts only if it is expected to end within N minutes. Groups that the change can touch come first,
                   then those that have waited longest by tests/checked.json. What is left out is listed, with the commit
                   at which it last ran. Tests that still run 10 minutes after N are stopped and count as failed.
  --plan           Print which groups would run here, in which order, for how long and why. Nothing is built.
  --again          Without --all: also run tests that were green before.
  --record         With --all: write the green groups into tests/checked.json, for the commit that is checked out.
  --filter REGEX   Only tests of `dev` whose name matches, as with ctest -R.

Example: tools/check --filter 'Codec|Lsn'
Exit code: 0 every test passed, 1 something failed (it says what and how to repeat it), 2 wrong usage.

{minutes}
Random tests print their seed. MIRROR_TEST_ROUNDS and MIRROR_TEST_CRASH_RUNS in the environment set how many
rounds they take, here as in the tests themselves. With --all they take more rounds than without, except where the
C++ tests would then need most of MIRROR_CHECK_MINUTES.
"""
# Disk space for the builds: of a plain check, of --all, and once they exist; and for the temporary files of tests.
DISK_GB, DISK_ALL_GB, DISK_BUILT_GB, DISK_TESTS_GB = 8, 20, 3, 1
# A build that was completed once has this program.
LAST_BUILT = "bin/mirror-server"
# Minutes after MIRROR_CHECK_MINUTES. Tests that still run then are stopped.
HARD_END_MINUTES = 10
TARGETS = {
    "dev": (),
    "tsan": groups.THREADED,
    "release": ("shipped", "mirror-example", "slow_sync", "bad_disk", "disk_calls", "random_test"),
}
# Rounds of random tests, unless the caller sets them. Fewer run without --all, because a developer waits for it, and where
# all of them would leave too little of MIRROR_CHECK_MINUTES for the other groups.
ROUNDS = {"dev": "20", "tsan": "20", "release": "500"}
ROUNDS_FEW = "8"
RUNS = {"MIRROR_TEST_CRASH_RUNS": "3", "MIRROR_TEST_TORTURE_RUNS": "60"}
RUNS_FEW = {"MIRROR_TEST_CRASH_RUNS": "1", "MIRROR_TEST_HISTORIES": "15", "MIRROR_TEST_TORTURE_RUNS": "60"}
ROUNDS_OF_CALLER = os.environ.get("MIRROR_TEST_ROUNDS")
# Numbers that the caller may set, each with its maximum. Tests that read no number would take no rounds, and pass.
NUMBERS = {"MIRROR_TEST_TIMES": 99, **dict.fromkeys(("MIRROR_TEST_ROUNDS", *RUNS, *RUNS_FEW), 999_999)}


def fail(*lines, code=1):
    print(*lines, sep="\n", file=sys.stderr, flush=True)
    sys.exit(code)


def read_arguments(words):
    parser = argparse.ArgumentParser(prog="tools/check", add_help=False, allow_abbrev=False)
    parser.error = lambda what: fail(f"tools/check: {what}; see tools/check --help", code=2)
    for flag in ("--all", "--plan", "--again", "--record", "--help", "-h"):
        parser.add_argument(flag, action="store_true")
    parser.add_argument("--filter", metavar="REGEX")
    arguments = parser.parse_args(words)
    if arguments.help or arguments.h:
        print(USAGE.format(minutes=pace.sentence()), end="")
        sys.exit(0)
    if arguments.record and not arguments.all:
        parser.error("--record needs --all")
    if arguments.filter is not None and (arguments.all or arguments.plan or arguments.record or arguments.again):
        parser.error("--filter cannot be combined with --all, --plan, --again or --record")
    if arguments.again and arguments.all:
        parser.error("--all skips nothing: leave out --again")
    if arguments.filter == "":
        parser.error("--filter needs a part of a test's name")
    try:
        re.compile(arguments.filter or "")
    except re.error as wrong:
        parser.error(f"'{arguments.filter}' is not a regular expression: {wrong}")
    minutes = read_number(parser, "MIRROR_CHECK_MINUTES", 9999, "a number of minutes")
    os.environ.pop("MIRROR_CHECK_MINUTES", None)  # Servers refuse unknown variables with this prefix.
    arguments.minutes = minutes if arguments.all else None
    if minutes and not arguments.all:
        print("tools/check: MIRROR_CHECK_MINUTES is a limit for --all, and has no effect without it.", file=sys.stderr)
    for name, most in NUMBERS.items():
        read_number(parser, name, most)
    return arguments


def read_number(parser, name, most, what="a number"):
    """Returns the number from 1 to `most` in this environment variable. None: it is empty or not set, and not set afterwards."""
    text = os.environ.get(name, "")
    if not text:
        os.environ.pop(name, None)
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(most)) and 1 <= int(text) <= most):
        parser.error(f"{name} is '{text[:20]}', but must be {what} from 1 to {most}")
    return int(text)


def need_space(folder, shown, wanted, what, advice):
    """Exits when fewer GB than `wanted` are free on the disk of this folder."""
    free = shutil.disk_usage(folder).free / 1e9
    if free < wanted:
        fail(f"tools/check: {free:.1f} GB are free on the disk of {shown}, and {what} need about {wanted} GB.",
             f"Nothing was built. Make room, or {advice}.")  # fmt: skip


def check_disk_and_memory(arguments, cores, compilers):
    """Warns about a small machine; exits when a disk is full."""
    wanted = DISK_ALL_GB if arguments.all else DISK_GB
    if all((ROOT / "build" / preset / LAST_BUILT).exists() for preset in (TARGETS if arguments.all else ("dev",))):
        wanted = DISK_BUILT_GB
    need_space(ROOT / "build", ROOT, wanted, "builds and tests", "clone to another disk")
    temporary = tempfile.gettempdir()
    need_space(temporary, temporary, DISK_TESTS_GB, "temporary files of tests", "set TMPDIR to a folder on another disk")
    if cores == 1:
        runs.say("This machine has one processor: everything takes about twice as long as for two.")
    if compilers < cores + 1:
        runs.say(f"This machine has {machine.gigabytes():.1f} GB of memory: {compilers} of {cores + 1} compilers run at a time.")


def install(arguments):
    runs.begin_step("packages")
    lists = ["postgres", "mariadb", "odbc"]
    if arguments.all:
        lists += ["browser", "tools/packaging/packages.txt"]
    commands = [["tools/setup", *(word for name in lists for word in ("--also", name))]]
    if arguments.all:
        commands += [["tools/lib/npm_packages.sh", f"tests/{folder}"] for folder in ("openapi", "browser", "parquet")]
        # Without --all, tests that need these packages or a browser are skipped when those are missing.
        os.environ.update(MIRROR_TEST_OPENAPI_LINT="1", MIRROR_TEST_BROWSER="1", MIRROR_TEST_PARQUET="1")
    for command in commands:
        if subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, check=False).returncode != 0:
            fail("", "tools/check: packages are missing. To repeat it alone:", "  " + " ".join(command))


def is_green(result):
    return result.failed == 0 and result.passed > 0


def set_rounds(preset, few):
    rounds = ROUNDS_FEW if few and preset != "release" else ROUNDS[preset]
    os.environ["MIRROR_TEST_ROUNDS"] = ROUNDS_OF_CALLER or rounds


def set_patience(pace_here, few):
    for name, runs_ in (RUNS_FEW if few else RUNS).items():
        os.environ.setdefault(name, runs_)
    if pace_here > 2:
        os.environ.setdefault("MIRROR_TEST_TIMES", "3")  # Multiplies the time limits of tests.


def only_one(root):
    """Locks build/check.lock until this process ends. A second check, or tools/nightly, would write the same folders."""
    try:
        (root / "build").mkdir(exist_ok=True)
        lock = open(root / "build" / "check.lock", "w", encoding="utf-8")  # Stays open while the process lives.
    except OSError as wrong:
        fail(f"tools/check: {wrong.filename} cannot be written: {wrong.strerror}. Nothing was run. Make it yours, or use another clone.")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        fail(f"tools/check: tools/check or tools/nightly runs in {root} already. Nothing was run; wait for it, or use another clone.")
    return lock


class Check:
    def __init__(self, arguments):
        self.arguments = arguments
        try:
            self.record = Record(ROOT / "tests" / "checked.json")
        except BrokenRecord as wrong:
            fail(f"tools/check: {wrong}", "Nothing was run.", code=2)
        self.groups = list(groups.all_groups(ROOT))
        self.graph = touched.RoomGraph(groups.room_dependencies(ROOT), groups.built_in(ROOT))
        self.results, self.seconds, self.built, self.waiting = {}, {}, set(), []
        self.unbuilt, self.without_build = set(), []  # Presets whose build failed, and the rows that need them.
        self.to_repeat = []  # Lines that say what failed and how to repeat it.
        self.green_before = {}  # Groups of which some or all tests passed before: (tests that run again, all tests).
        self.batches = 0
        self.commit = (touched.git(ROOT, "rev-parse", "HEAD") or "").strip()
        self.pace, self.cores, self.compilers = None, machine.processors(), machine.compilers()
        self.few_rounds = False  # choose_rounds() decides it.

    def rows(self):
        share = plan.FEW_ROUNDS_SHARE if self.few_rounds else 1
        return plan.rows(ROOT, self.graph, self.groups, self.record, self.speed(), not self.arguments.all, share)

    def speed(self):
        """Returns how many times longer everything takes here than at pace 1 on two processors."""
        return pace.speed(self.pace, machine.workers())

    def seconds_with_builds(self, rows):
        """Returns how long these rows and the builds that they need take here, with a filled compiler cache."""
        builds = {"dev", *(row.group.preset for row in rows)}
        return sum(row.seconds for row in rows) + sum(plan.BUILD_SECONDS[preset] for preset in builds) * self.speed()

    def seconds_left(self):
        return None if self.arguments.minutes is None else self.arguments.minutes * 60 - runs.since_begin()

    def deadline(self, more_minutes=0):
        return None if self.arguments.minutes is None else runs.BEGIN + (self.arguments.minutes + more_minutes) * 60

    def measure_pace(self):
        try:
            self.pace = pace.measure(ROOT)
            runs.say(f"pace {self.pace:.2f}")
        except pace.NoPace as missing:
            self.pace = 1.0
            runs.say(f"The pace of this machine is not known: {missing}. The minutes are those at pace 1.")

    def choose_rounds(self):
        """Decides whether random tests take fewer rounds here."""
        self.few_rounds = not self.arguments.all
        if self.arguments.minutes is not None:
            cpp = self.seconds_with_builds([row for row in self.rows() if row.group.always])
            if cpp * plan.FEW_ROUNDS_SHARE > (self.arguments.minutes + HARD_END_MINUTES) * 60:
                runs.say(f"MIRROR_CHECK_MINUTES={self.arguments.minutes} is too short here: the C++ tests run in any case, need about "
                         f"{runs.clock(cpp)}, and are stopped after {self.arguments.minutes + HARD_END_MINUTES} minutes.")  # fmt: skip
            self.few_rounds = cpp > plan.CPP_SHARE_MAX * self.arguments.minutes * 60
            if self.few_rounds:
                runs.say(f"Random tests take fewer rounds: with all, the C++ tests need {runs.clock(cpp)} of {self.arguments.minutes} minutes.")

    def print_plan(self):
        rows = self.rows()
        always = [row for row in rows if row.group.always]
        waiting = [row for row in rows if not row.group.always]
        left = None if self.arguments.minutes is None else self.arguments.minutes * 60 - self.seconds_with_builds(always)
        run, left_out = plan.fitting(waiting, self.speed(), left, {"dev"})
        for preset in dict.fromkeys(["dev", *(row.group.preset for row in run)]):
            took = runs.clock(plan.BUILD_SECONDS[preset] * self.speed())
            runs.say(f"{'build ' + preset:28} {'always' if preset == 'dev' else 'needed':9} {took:>7}  with a filled compiler cache")
        if not self.arguments.all:
            self.find_green()
        rows = plan.without_green(always, self.green_before) + run
        runs.say(*plan.text(rows + left_out, self.record, self.arguments.all))
        for name, (left, _) in self.green_before.items():
            if not left:
                runs.say(f"{name:28} green before")
        minutes = self.seconds_with_builds(rows) / 60
        budget = "" if self.arguments.minutes is None else f" of {self.arguments.minutes}"
        touched_ones = sum(row.kind == "touched" for row in waiting) - sum(row.kind == "touched" for row in run)
        of_them = f", {touched_ones} of them touched" if touched_ones else ""
        runs.say(
            f"{len(rows)} groups run and {len(left_out)} are left out{of_them}: about {minutes:.0f} min{budget} with a filled "
            "compiler cache."
        )

    def find_green(self):
        """Finds the tests that passed before with the inputs that are there now, also after the next build."""
        if self.arguments.again or not (ROOT / "build" / "dev" / "green.json").exists():
            return
        try:
            tests = runs.tests_of(ROOT, "dev")
        except (SystemExit, subprocess.CalledProcessError):
            return
        outdated = runs.outdated(ROOT, "dev")
        if outdated is None:
            return
        set_rounds("dev", self.few_rounds)
        green = Green(ROOT, "dev", outdated)
        known = {name: found for name, found in tests.items() if name in green.known}
        self.drop_green(known, green, green.parts(known))

    def drop_green(self, chosen, green, parts):
        """Removes the tests that passed before from `chosen`, and groups of which none is left. Returns the parts that passed."""
        before, same = collections.defaultdict(set), green.same(parts)
        for group, name in same:
            before[group].update(test for test, _, _ in parts[group, name].tests)
        for group, names in before.items():
            left = [test for test in chosen[group] if test[0] not in names]
            self.green_before[group] = len(left), len(chosen[group])
            if left:
                chosen[group] = left
            else:
                del chosen[group]
        return same

    def build(self, preset):
        """Builds a preset once. False: the time was over."""
        if preset in self.built:
            return True
        deadline = self.deadline(HARD_END_MINUTES if preset == "dev" else 0)
        built = runs.build(ROOT, preset, TARGETS[preset], self.compilers, deadline)
        if built is False or (built is None and preset == "dev"):
            targets = " ".join(["--target", *TARGETS[preset]]) if TARGETS[preset] else ""
            repeat = f"cmake --preset {preset} && cmake --build --preset {preset} {targets}".rstrip()
            self.failed(f"the build of {preset}", repeat)
            self.unbuilt.add(preset)
            if preset == "dev":
                self.finish()
        if built:
            self.built.add(preset)
        return bool(built)

    def failed(self, what, repeat):
        self.to_repeat += [f"tools/check: failed: {what}. To repeat it alone:", f"  {repeat}"]

    def run_batch(self, rows):
        """Runs groups of one build. A failure does not stop the check; finish() reports it."""
        preset = rows[0].group.preset
        if rows[0].group.command:
            name = rows[0].group.name
            result = runs.run_command(ROOT, rows[0].group.command, self.cores, self.deadline(HARD_END_MINUTES))
            good, results, repeat = is_green(result), {name: result}, " ".join(rows[0].group.command)
        else:
            set_rounds(preset, self.few_rounds)
            tests = runs.tests_of(ROOT, preset)
            ungrouped = sorted(set(tests) - {group.name for group in self.groups}) if preset != "tsan" else []
            if ungrouped:
                fail("", f"tools/check: no group of tools/lib/check/groups.py has the tests of {' '.join(ungrouped)}.")
            chosen = {row.group.name: tests.get(row.group.name, []) for row in rows}
            missing = [name for name, found in chosen.items() if not found]
            if missing:
                fail("", f"tools/check: build/{preset} has no tests of {' '.join(missing)}, which tests/scripts.txt or tests/CMakeLists.txt name.")
            parts = self.skip_green(chosen) if preset == "dev" else {}
            number = self.batches
            self.batches += 1
            results, failures = {}, runs.Failures([], set(), [])
            if chosen:
                names = " ".join(chosen)
                runs.begin_step(f"test {preset}: {names}" if len(chosen) < 8 else f"test {preset}: {len(chosen)} groups")
                seconds = {row.group.name: row.seconds for row in plan.without_green(rows, self.green_before)}
                runs.say(f"about {runs.clock(sum(seconds.values()))} here")
                deadline = self.deadline(HARD_END_MINUTES)
                results, failures = runs.run_tests(ROOT, preset, chosen, self.cores, number, deadline, self.green_before, seconds)
            good, repeat = not failures.processes, runs.repeat_command(ROOT, preset, number, failures)
            if preset == "dev" and (good or any(one.failed for one in results.values())):  # Otherwise the test runner itself failed.
                if self.arguments.all:
                    self.forget_failed(failures)
                else:
                    self.keep_green(parts, results, failures)
        self.results.update(results)
        self.seconds.update({name: one.on_two for name, one in results.items() if is_green(one)})
        if not good:
            self.failed(" ".join(name for name, one in results.items() if one.failed) or "the test runner itself", repeat)

    def keep_green(self, parts, results, failures):
        """Stores the parts that passed. skip_green() has removed all that run; a group of which all was skipped shows nothing."""
        passed = {name for name, one in results.items() if one.passed}
        Green(ROOT, "dev").keep({key: part for key, part in parts.items() if key[0] in passed and not part.has(failures.maybe)})

    def forget_failed(self, failures):
        """Removes the parts of failed tests from what was green before."""
        if failures.maybe:
            green, tests = Green(ROOT, "dev"), runs.tests_of(ROOT, "dev")
            parts = green.parts({name: tests[name] for name in green.known if name in tests})
            green.forget(parts, {key: part for key, part in parts.items() if part.has(failures.maybe)})

    def skip_green(self, chosen):
        """Removes the tests that passed before from `chosen`, except with --all. Returns the parts that run."""
        if self.arguments.all:
            return {}
        green = Green(ROOT, "dev")
        parts = green.parts(chosen)
        same = [] if self.arguments.again else self.drop_green(chosen, green, parts)
        whole = [name for name, (left, _) in self.green_before.items() if not left]
        if whole:
            runs.say("", f"green before, and nothing that they read has changed: {' '.join(whole)}")
        some = [f"{name} ({left} of {tests} tests run)" for name, (left, tests) in self.green_before.items() if left]
        if some:
            runs.say("", f"partly green before: {', '.join(some)}")
        run = {key: part for key, part in parts.items() if key not in same}
        green.forget(parts, run)
        return run

    def run(self, rows):
        self.waiting = [row for row in rows if not row.group.always]
        self.build("dev")
        self.run_batch([row for row in rows if row.group.always])
        while self.waiting:
            run, _ = plan.fitting(self.waiting, self.speed(), self.seconds_left(), self.built)
            if not run:
                break
            batch = plan.batch(run, self.speed())
            if batch[0].group.preset not in self.built:
                if not self.build(batch[0].group.preset):
                    if batch[0].group.preset not in self.unbuilt:
                        runs.say("", f"The build of {batch[0].group.preset} was stopped at the time limit.")
                        break
                    self.without_build += [row for row in self.waiting if row.group.preset in self.unbuilt]
                    self.waiting = [row for row in self.waiting if row.group.preset not in self.unbuilt]
                continue  # The build took time: choose again what fits.
            self.waiting = [row for row in self.waiting if row not in batch]
            self.run_batch(batch)
        self.finish()

    def finish(self):
        """Prints what ran, what was left out and the new record. Exits with 1 after a failure."""
        runs.say("")
        for name, one in self.results.items():
            runs.say(f"  {name:28} {one.passed:5} passed {one.failed:3} failed {one.skipped:3} skipped  {runs.clock(one.seconds)}")
        for row in self.without_build:
            runs.say(f"  {row.group.name:28} not run: the build of {row.group.preset} failed")
        for row in self.waiting:
            runs.say(f"  {row.group.name:28} left out: {plan.left_out_words(row, self.record)}")
        if self.arguments.minutes is not None and any(row.kind == "touched" for row in self.waiting):
            runs.say("  Some of these are touched: run tools/check --all without a time limit, or on a faster machine.")
        if self.arguments.all:
            self.write_record()
        before = sum(tests - left for left, tests in self.green_before.values())
        if before:
            runs.say("", f"{before} tests are not started: they passed before, with the same inputs. tools/check --again runs all.")
        sums = [sum(one[at] for one in self.results.values()) for at in range(3)]
        runs.say("", f"{runs.clock(runs.since_begin())} at pace {self.pace:.2f}",
                 f"{sums[0]} passed, {sums[1]} failed, {sums[2]} skipped")  # fmt: skip
        if self.to_repeat:
            fail("", *self.to_repeat)

    def seconds_with_all_rounds(self):
        share = plan.FEW_ROUNDS_SHARE if self.few_rounds else 1
        always = {group.name for group in self.groups if group.always}
        return {name: took / share if name in always else took for name, took in self.seconds.items()}

    def write_record(self):
        commit = self.commit
        if self.arguments.record and (touched.git(ROOT, "status", "--porcelain") != "" or commit != (touched.git(ROOT, "rev-parse", "HEAD") or "").strip()):
            runs.say("", "Nothing is recorded: files or the commit changed while the tests ran.")
            return
        text = self.record.with_run(commit, self.pace, self.seconds_with_all_rounds())
        if self.arguments.record:
            self.record.write(text)
            runs.say("", f"tests/checked.json has this run at {commit[:9]}: commit it.")
        else:
            runs.say("", "tools/check --all --record would record this run as follows:", text.rstrip("\n"))


def run_filter(arguments, check):
    check.build("dev")
    set_rounds("dev", check.few_rounds)
    tests = runs.tests_of(ROOT, "dev", ["-R", arguments.filter])
    if not tests:
        fail("", f"tools/check: no test's name matches '{arguments.filter}'. Nothing was run.")
    runs.begin_step(f"test dev: {arguments.filter}")
    results, failures = runs.run_tests(ROOT, "dev", tests, check.cores, "filter")
    if failures.processes:
        check.forget_failed(failures)
        check.failed(f"tests that match '{arguments.filter}'", runs.repeat_command(ROOT, "dev", "filter", failures))
    check.results = results
    check.finish()


def main():
    arguments = read_arguments(sys.argv[1:])
    runs.set_environment()
    if arguments.record:
        status = touched.git(ROOT, "status", "--porcelain")
        if status is None:
            fail("tools/check: --record needs a commit, but this folder is not a git clone. Nothing was run.", code=2)
        if status:
            fail("tools/check: --record needs a commit, but files differ from the one that is checked out.",
                 "Nothing was run. Commit them first (git status lists them).", code=2)  # fmt: skip
    check = Check(arguments)
    if arguments.plan:
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # For `tools/check --plan | head`.
        check.measure_pace()
        check.choose_rounds()
        set_patience(check.pace, check.few_rounds)
        check.print_plan()
        return
    lock = only_one(ROOT)
    try:
        check_disk_and_memory(arguments, check.cores, check.compilers)
        install(arguments)
        check.measure_pace()
        check.choose_rounds()
        set_patience(check.pace, check.few_rounds)
        if arguments.filter is not None:
            run_filter(arguments, check)
        else:
            rows = check.rows()
            warm = check.seconds_with_builds([row for row in rows if row.group.always or arguments.minutes is None]) / 60
            runs.say(*pace.expectation(check.speed(), "tools/check --all" if arguments.all else "tools/check", warm, arguments.minutes))
            check.run(rows)
    finally:
        runs.end_all()
        lock.close()


SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)


def end(number, _):
    for one in SIGNALS:  # A second one must not interrupt the end of what was started.
        signal.signal(one, signal.SIG_IGN)
    print(f"\ntools/check: stopped by {signal.Signals(number).name} after {runs.clock(runs.since_begin())}. Tests of this run count as not run.",
          file=sys.stderr, flush=True)  # fmt: skip
    sys.exit(128 + number)


if __name__ == "__main__":
    for number_of_signal in SIGNALS:
        if signal.getsignal(number_of_signal) is not signal.SIG_IGN:  # As nohup sets it.
            signal.signal(number_of_signal, end)
    runs.adopt_orphans()
    main()
