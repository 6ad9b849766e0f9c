"""Builds, runs tests, shows progress and reads the results."""

import collections
import contextlib
import ctypes
import datetime
import os
import pathlib
import re
import signal
import subprocess
import sys
import threading
import time
import xml.etree.ElementTree

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
import grouped_tests  # noqa: E402
from check import machine  # noqa: E402
from check.groups import group_of_test, not_for_threads  # noqa: E402

# seconds: here. on_two: as they would be on two processors. A single process takes the same time on any number of them.
Result = collections.namedtuple("Result", "passed failed skipped seconds on_two")
# The tests that run in one process.
Owner = collections.namedtuple("Owner", "group tests by_googletest")
# processes: those that failed. maybe: all of their tests. tests: those that failed, as far as a process says which.
Failures = collections.namedtuple("Failures", "processes maybe tests")
NINJA = re.compile(r"\[(\d+)/(\d+)\] ")
# The statement of build.ninja that runs CMake again, and the files that it depends on.
RUNS_CMAKE = re.compile(r"^build build\.ninja: [^|\n]*\|(.*)\n(?:  .*\n)*", re.MULTILINE)
# A line of ctest for a process that has ended: "12/961 Test #7: NAME ..... Passed". Names may have blanks.
CTEST = re.compile(r" *(\d+)/(\d+) Test +#(\d+): ")
# The tests that a googletest program lists at its end as failed.
FAILED_TEST = re.compile(r"^\[  FAILED  \] ([\w/]+\.[\w/]+)", re.MULTILINE)
# Lines at the end of a googletest program: how many tests passed, and how many were skipped.
PASSED_TESTS = re.compile(r"^\[  PASSED  \] (\d+) tests?\.$", re.MULTILINE)
SKIPPED_TESTS = re.compile(r"^\[  SKIPPED \] (\d+) tests?, listed below:$", re.MULTILINE)
# The same for unittest.
RAN_IN_PYTHON = re.compile(r"^Ran (\d+) tests? in ", re.MULTILINE)
SKIPPED_IN_PYTHON = re.compile(r"^OK \(.*\bskipped=(\d+)", re.MULTILINE)
# So many processes more than processors run at a time, because tests wait for servers, disks and time limits.
WAITING = 2
# Memory that a process of tests needs at most, with the programs that it starts.
PROCESS_GB = 1
# With at most so many failed tests or processes, the command that repeats them names them; else it repeats the batch.
NAMED_MAX = 10
# Bytes of output that ctest keeps for each process.
OUTPUT_MAX = 200_000
# ctest's --stop-time has no date. Seconds until which it is the right day.
STOP_TIME_MAX = 23 * 3600
# Seconds after which progress is printed again.
SECONDS_SILENT = 60
# Seconds between SIGTERM and SIGKILL.
END_SECONDS = 15
BEGIN = time.monotonic()


def set_environment():
    """Sets the variables that tests and builds need. What the caller set for a sanitizer stays, and counts more."""
    def more(name, words):
        os.environ[name] = words + (":" + os.environ[name] if os.environ.get(name) else "")

    more("ASAN_OPTIONS", "detect_leaks=1")
    more("UBSAN_OPTIONS", "print_stacktrace=1")
    more("TSAN_OPTIONS", "ignore_noninstrumented_modules=1:halt_on_error=0:exitcode=66")
    more("no_proxy", "127.0.0.1,localhost")
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
    os.environ["NINJA_STATUS"] = "[%f/%t] "
    # They would change what a program of googletest runs or prints.
    for name in [name for name in os.environ if name.startswith(("GTEST_", "TESTBRIDGE_", "TEST_SHARD", "TEST_TOTAL"))]:
        del os.environ[name]


def since_begin():
    return time.monotonic() - BEGIN


def clock(seconds):
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


def say(*lines):
    for line in lines:
        print(line, flush=True)


def begin_step(name):
    say("", f"{name}   ({clock(since_begin())} so far)")


class Progress:
    """Prints how much of the work is done, and how long the rest takes at this rate: for each tenth, and each minute."""

    def __init__(self):
        self.tenth, self.begin, self.said = 0, time.monotonic(), time.monotonic()

    def at(self, done, of, words=None):
        """`words`: what is printed in place of the two numbers."""
        now, tenth = time.monotonic(), int(10 * done / max(of, 1))
        if done > 0 and (tenth > self.tenth or now - self.said > SECONDS_SILENT):
            self.tenth, self.said = tenth, now
            took = now - self.begin
            left = "" if done >= of else f", about {clock(took * (of - done) / done)} left"
            say(f"  {int(100 * done / of):3d} % ({words or f'{done} of {of}'}), {clock(took)}{left}")


def adopt_orphans():
    """Makes this process the parent of orphaned descendants, so that end_all() finds them."""
    pr_set_child_subreaper = 36
    ctypes.CDLL(None).prctl(pr_set_child_subreaper, 1, 0, 0, 0)


def _descendants(pid):
    children = collections.defaultdict(list)
    for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            parent = int(stat.read_text(errors="replace").rpartition(")")[2].split()[1])
            children[parent].append(int(stat.parent.name))
    found, waiting = [], [pid]
    while waiting:
        one = waiting.pop()
        found += children[one]
        waiting += children[one]
    return found


def end_all():
    """Stops all descendants of this process. SIGTERM goes once to those that run now, so that they can clean up, also with
    commands; SIGKILL goes to what still runs after END_SECONDS."""
    patience = time.monotonic() + END_SECONDS
    _signal(_descendants(os.getpid()), signal.SIGTERM)
    while alive := _descendants(os.getpid()):
        if time.monotonic() > patience:
            _signal(alive, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):  # Reaps adopted processes.
            while os.waitpid(-1, os.WNOHANG)[0] != 0:
                pass
        time.sleep(0.1)


def _signal(processes, which):
    for process in processes:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, which)


def _follow(command, cwd, on_line, deadline=None):
    """Runs a command and passes each line to `on_line`. Returns the exit code; None when the deadline stopped it."""
    ended = threading.Event()

    def end():
        ended.set()
        end_all()

    with subprocess.Popen(
        command, cwd=cwd, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        errors="replace",
    ) as process:  # fmt: skip
        timer = threading.Timer(max(0, deadline - time.monotonic()), end) if deadline is not None else None
        if timer:
            timer.daemon = True
            timer.start()
        try:
            for line in process.stdout:
                on_line(line.rstrip("\n"))
            code = process.wait()
        except BaseException:  # As for a signal. Popen would wait for the command.
            end_all()
            raise
        finally:
            if timer:
                timer.cancel()
            if ended.is_set():  # So that it does not end what is started next.
                timer.join()
        return None if ended.is_set() else code


def configure(root, preset):
    """Configures build/PRESET. Returns CMake's output when it failed, else an empty text."""
    # tools/nightly sets this option in the same folder.
    words = ["-DMIRROR_ALL_THREADED=OFF"] if preset == "tsan" else []
    for _ in range(2):
        done = subprocess.run(
            ["cmake", "--preset", preset, *words], cwd=root, stdin=subprocess.DEVNULL, capture_output=True, text=True,
            check=False,
        )  # fmt: skip
        if done.returncode != 0:
            return done.stdout + done.stderr or f"cmake ended with {done.returncode}"
        # The compiler has changed: CMake started over without the preset's flags, so configure again.
        if "The following variables have changed" not in done.stdout + done.stderr:
            break
    return ""


def build(root, preset, targets=(), jobs=2, deadline=None):
    """Builds build/PRESET. True: it is built; False: it failed; None: the deadline stopped it."""
    begin_step(f"build {preset}")
    wrong = configure(root, preset)
    if wrong:
        say(wrong)
        return False
    progress = Progress()
    warned, made = False, None

    def on_line(line):
        nonlocal warned, made
        found = NINJA.match(line)
        if found:
            progress.at(int(found.group(1)), int(found.group(2)))
            made = line.split()[-1]
        elif not line.startswith("ninja: ") or "error" in line or "stopped" in line:
            say(line)
        if " warning: " in line:
            warned = True
            if made and (root / "build" / preset / made).is_file():  # So that the next build warns again.
                (root / "build" / preset / made).unlink()

    code = _follow(["ninja", "-C", f"build/{preset}", "-j", str(jobs), *targets], root, on_line, deadline)
    if code == 0 and warned:
        say(f"The compiler warned in the build of {preset}. In a check a warning is an error.")
    return None if code is None else code == 0 and not warned


def outdated(root, preset):
    """Returns the paths of the files that a build of build/PRESET would make anew. None: CMake has to run first."""
    folder = root / "build" / preset
    try:
        text = (folder / "build.ninja").read_text(encoding="utf-8", errors="replace")
        configured = RUNS_CMAKE.search(text)
        made = (folder / "build.ninja").stat().st_mtime
        read = [re.sub(r"\$(.)", r"\1", path) for path in re.split(r"(?<!\$) ", configured.group(1))] if configured else []
        if not read or any(os.stat(path).st_mtime > made for path in read if path.startswith(f"{root}/")):
            return None
        # CMake looks for new files at each run of ninja, so ninja -n would stop there.
        plan = text.replace(configured.group(), "", 1)
        done = subprocess.run(["ninja", "-C", str(folder), "-f", "/dev/stdin", "-n"], input=plan, capture_output=True, text=True, check=False)
    except OSError:
        return None
    return {str(folder / line.split()[-1]) for line in done.stdout.splitlines() if NINJA.match(line)} if done.returncode == 0 else None


def tests_of(root, preset, chosen=()):
    """Returns the tests of a build folder by group: name -> [(name, command, properties)]. `chosen` are words for ctest. In
    `dev` all programs are built, in the other presets only some."""
    found = collections.defaultdict(list)
    left_out = not_for_threads(root) if preset == "tsan" else None
    for name, command, properties in grouped_tests.read(str(root / "build" / preset), chosen, skip_unbuilt=preset != "dev"):
        if left_out and left_out.search(name):
            continue
        label = (properties.get("LABELS") or [""])[0]
        found[group_of_test(preset, name, command, label)].append((name, command, properties))
    return found


def run_tests(root, preset, tests_by_group, processors, number=0, deadline=None, partial=(), seconds=None):
    """Runs these tests of build/PRESET, as its batch `number` (or a word). Of the groups in `partial` other tests passed before, so
    these may all be skipped. `seconds`: what each group is expected to take. Returns the Result of each group by its name, and the
    Failures."""
    folder = batch_folder(root, preset, number)
    owners, processes, work = {}, [], []
    for group, tests in tests_by_group.items():
        for process in grouped_tests.grouped(tests):
            name, command, properties = grouped_tests.of_group(process, len(processes))
            if name in owners:
                raise SystemExit(f"tools/check: two tests have the name '{name}'.")
            owners[name] = Owner(group, [test for test, _, _ in process], grouped_tests.filter_of(command) is not None)
            processes.append((name, command, properties))
            work.append((seconds or {}).get(group, len(tests)) * len(process) / len(tests))
    grouped_tests.write(folder, processes)
    begin = time.monotonic()
    progress, done = Progress(), set()

    def on_line(line):
        say(line)
        found = CTEST.match(line)
        if found and int(found.group(3)) <= len(work):
            done.add(int(found.group(3)) - 1)
            progress.at(sum(work[one] for one in done), sum(work), f"{found.group(1)} of {found.group(2)} processes")

    junit = folder / "junit.xml"
    junit.unlink(missing_ok=True)
    at_a_time = machine.fitting(processors + WAITING, PROCESS_GB)
    command = ["ctest", "--test-dir", str(folder), "-j", str(at_a_time), "--output-on-failure", "--no-tests=error",
               "--test-output-size-passed", str(OUTPUT_MAX), "--test-output-truncation", "middle"]  # fmt: skip
    if deadline is not None and deadline - time.monotonic() < STOP_TIME_MAX:
        # ctest stops its tests then, and still writes the results of the others.
        end = datetime.datetime.now() + datetime.timedelta(seconds=max(1, deadline - time.monotonic()))
        command += ["--stop-time", end.strftime("%H:%M:%S")]
    if deadline is not None:
        deadline += 2 * END_SECONDS
    code = _follow([*command, "--output-junit", str(junit)], root, on_line, deadline)
    results, failures = _results(junit, owners, time.monotonic() - begin, processors, partial)
    if code != 0 and not failures.processes:
        say("", f"ctest ended with {code}, although no test failed.")
        failures = _failures(owners, {name: [] for name in owners})
    return results, failures


def batch_folder(root, preset, number):
    """Returns the folder in which ctest finds the tests of a batch."""
    return root / "build" / preset / "grouped" / str(number)


def _last_number(pattern, output):
    """Returns the number in the last match, because a test may start its own program before the program's end. 0: no match."""
    found = pattern.findall(output)
    return int(found[-1]) if found else 0


def _output(case):
    return "".join(part.text or "" for part in case.iter("system-out"))


def _counts(case, tests, by_googletest):
    """Returns (passed, failed, skipped) for a process with this number of tests."""
    status, output = case.get("status"), _output(case)
    if status not in ("run", "fail"):
        was_skipped = any((skip.get("message") or "").startswith("SKIP_") for skip in case.iter("skipped"))
        return (0, 0, tests) if was_skipped else (0, tests, 0)  # Otherwise it never started.
    if not by_googletest:
        if status == "fail":
            return 0, tests, 0
        ran, skipped = _last_number(RAN_IN_PYTHON, output), _last_number(SKIPPED_IN_PYTHON, output)
        if ran == skipped == 0 and RAN_IN_PYTHON.search(output):
            say(f"{case.get('name')}: it ran no tests.")
            return 0, tests, 0
        return (0, 0, skipped) if skipped and skipped >= ran else (tests, 0, skipped)
    passed, skipped = min(_last_number(PASSED_TESTS, output), tests), _last_number(SKIPPED_TESTS, output)
    # A test without a result has failed, also when the process ended early with 0.
    failed = max(tests - passed - skipped, 0)
    if status == "fail" and failed == 0:
        passed, failed = max(passed - 1, 0), 1  # It failed at its end, for example by a leak.
    if status == "run" and failed:
        say(f"{case.get('name')}: {failed} of {tests} tests printed no result, although the program ended with 0.")
    return passed, failed, skipped


def _failures(owners, failed):
    """`failed`: the processes that failed, with those of their tests that say that they failed."""
    maybe = {test for name in failed for test in owners[name].tests}
    told = [test for name, tests in failed.items() for test in (tests or owners[name].tests)]
    return Failures(list(failed), maybe, list(dict.fromkeys(told)))


def _results(junit, owners, wall, processors, partial=()):
    try:
        cases = {case.get("name"): case for case in xml.etree.ElementTree.parse(junit).getroot().iter("testcase")}
    except (OSError, xml.etree.ElementTree.ParseError):
        cases = {}
    sums = collections.defaultdict(lambda: [0, 0, 0, 0.0, 0.0])
    failed = {}
    for name, (group, names, by_googletest) in owners.items():
        one, tests = sums[group], len(names)
        case = cases.get(name)
        if case is None:
            say(f"{name}: it did not run.")
        counts = _counts(case, tests, by_googletest) if case is not None else (0, tests, 0)
        for at, count in enumerate(counts):
            one[at] += count
        if counts[1]:
            failed[name] = FAILED_TEST.findall(_output(case)) if case is not None and by_googletest else []
        seconds = float(case.get("time") or 0) if case is not None else 0
        one[3] += seconds
        one[4] = max(one[4], seconds)
    for group, one in sums.items():
        if one[0] == one[1] == 0 and group not in partial:
            say(f"{group}: all of its tests were skipped, so it proves nothing.")
            one[1] = 1
            failed.update({name: [] for name, owner in owners.items() if owner.group == group})
    busy = sum(one[3] for one in sums.values()) or 1
    # Processes run in parallel. A group's seconds are its share of the elapsed time, and at least those of its longest process.
    found = {}
    for group, (passed, failures, skipped, seconds, longest) in sums.items():
        share = seconds * wall / busy
        found[group] = Result(passed, failures, skipped, max(share, longest), max(share * processors / 2, longest))
    return found, _failures(owners, failed)


def _pattern(names):
    return "|".join(re.sub(r"([][()+*?.^$|\\])", r"[\1]", name).replace("[^]", "\\^") for name in names)


def repeat_command(root, preset, number, failures):
    """Returns the command that repeats what failed in a batch. Tests of `dev` run alone, and are built before; of other builds the
    processes that failed."""
    names = [name.partition(" ")[0] for name in failures.tests]  # A parameter stands behind a blank.
    if preset == "dev" and 0 < len(names) <= NAMED_MAX:
        return f"tools/check --filter '^({_pattern(names)})( |$)'"
    folder = batch_folder(root, preset, number).relative_to(root)
    chosen = f" -R '^({_pattern(failures.processes)})$'" if len(failures.processes) <= NAMED_MAX else ""
    return f"ctest --test-dir {folder} --output-on-failure{chosen}"


def run_command(root, command, processors, deadline=None):
    begin = time.monotonic()
    begin_step(" ".join(command))
    code = _follow(list(command), root, say, deadline)
    took = time.monotonic() - begin
    if code is None:
        say("", f"{' '.join(command)} was stopped at the time limit.")
    return Result(int(code == 0), int(code != 0), 0, took, took * processors / 2)
