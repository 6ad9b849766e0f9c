"""Building and running: what is said while it goes on, and what came of it."""

import collections
import pathlib
import re
import subprocess
import sys
import time
import xml.etree.ElementTree

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
import grouped_tests  # noqa: E402
from check.groups import group_of_test, not_for_threads  # noqa: E402

Result = collections.namedtuple("Result", "passed failed skipped seconds")
NINJA = re.compile(r"\[(\d+)/(\d+)\] ")
CTEST = re.compile(r" *(\d+)/(\d+) Test ")
FAILED_TEST = re.compile(r"^\[  FAILED  \] (\S+?)(?:,| \(|$)", re.MULTILINE)
BEGIN = time.monotonic()


def since_begin():
    return time.monotonic() - BEGIN


def clock(seconds):
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


def say(*lines):
    print(*lines, sep="\n", flush=True)


def begin_step(name):
    say("", f"{name}   ({clock(since_begin())} so far)")


class Progress:
    """A line for each tenth: how much is done, and how long the rest takes at the pace so far."""

    def __init__(self):
        self.tenth, self.begin = 0, time.monotonic()

    def at(self, done, of):
        tenth = 10 * done // max(of, 1)
        if tenth > self.tenth:
            self.tenth = tenth
            took = time.monotonic() - self.begin
            left = "" if done >= of else f", about {clock(took * (of - done) / done)} left"
            say(f"  {10 * tenth:3d} % ({done} of {of}), {clock(took)}{left}")


def _follow(command, cwd, line_told, deadline=None):
    """Runs it, hands each line on; ends it at the deadline. The exit code; None: it was ended."""
    with subprocess.Popen(
        command, cwd=cwd, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        errors="replace",
    ) as process:  # fmt: skip
        for line in process.stdout:
            line_told(line.rstrip("\n"))
            if deadline is not None and time.monotonic() > deadline:
                process.terminate()
                process.wait()
                return None
        return process.wait()


def configure(root, preset):
    """Configures build/PRESET. Empty: it went well; else what CMake said."""
    for _ in range(2):
        done = subprocess.run(
            ["cmake", "--preset", preset], cwd=root, stdin=subprocess.DEVNULL, capture_output=True, text=True,
            check=False,
        )  # fmt: skip
        if done.returncode != 0:
            return done.stdout + done.stderr or f"cmake ended with {done.returncode}"
        # A folder of another compiler: CMake began anew, and has lost the preset's flags.
        if "The following variables have changed" not in done.stdout + done.stderr:
            break
    return ""


def build(root, preset, targets=(), jobs=2, deadline=None):
    """Builds build/PRESET. True: it is built; False: it failed; None: the deadline came first."""
    begin_step(f"build {preset}")
    wrong = configure(root, preset)
    if wrong:
        say(wrong)
        return False
    progress = Progress()

    def told(line):
        found = NINJA.match(line)
        if found:
            progress.at(int(found.group(1)), int(found.group(2)))
        elif not line.startswith("ninja: ") or "error" in line or "stopped" in line:
            say(line)

    code = _follow(["ninja", "-C", f"build/{preset}", "-j", str(jobs), *targets], root, told, deadline)
    return None if code is None else code == 0


def tests_of(root, preset):
    """The tests of a build folder by their group: name -> [(name, command, properties)]. Of `dev` everything is built;
    the other presets build some programs only."""
    found = collections.defaultdict(list)
    unbuilt = None if preset == "dev" else []
    left_out = not_for_threads(root) if preset == "tsan" else None
    for name, command, properties in grouped_tests.read(str(root / "build" / preset), [], unbuilt):
        if left_out and left_out.search(name):
            continue
        label = (properties.get("LABELS") or [""])[0]
        found[group_of_test(preset, name, command, label)].append((name, command, properties))
    return found


def _failed_of(case, tests):
    """How many tests of a process failed: one at the least."""
    output = "".join(part.text or "" for part in case.iter("system-out"))
    return min(max(1, len(set(FAILED_TEST.findall(output)))), tests)


def run_tests(root, preset, tests_by_group, jobs):
    """Runs these tests of build/PRESET. Name of the group -> Result, and whether all is well."""
    folder = root / "build" / preset / "grouped"
    owners, processes = {}, []
    for group, tests in tests_by_group.items():
        for process in grouped_tests.grouped(tests):
            name, command, properties = grouped_tests.of_group(process, len(processes))
            owners[name] = (group, len(process))
            processes.append((name, command, properties))
    grouped_tests.write(folder, processes)
    begin = time.monotonic()
    progress = Progress()

    def told(line):
        say(line)
        found = CTEST.match(line)
        if found:
            progress.at(int(found.group(1)), int(found.group(2)))

    junit = folder / "junit.xml"
    junit.unlink(missing_ok=True)
    command = ["ctest", "--test-dir", str(folder), "-j", str(jobs), "--output-on-failure", "--no-tests=error"]
    code = _follow([*command, "--output-junit", str(junit)], root, told)
    return _results(junit, owners, time.monotonic() - begin), code == 0


def _results(junit, owners, wall):
    sums = collections.defaultdict(lambda: [0, 0, 0, 0.0])
    if junit.exists():
        for case in xml.etree.ElementTree.parse(junit).getroot().iter("testcase"):
            group, tests = owners[case.get("name")]
            one = sums[group]
            one[3] += float(case.get("time") or 0)
            status = case.get("status")
            if status == "run":
                one[0] += tests
            elif status == "fail":
                failed = _failed_of(case, tests)
                one[0] += tests - failed
                one[1] += failed
            elif any((skip.get("message") or "").startswith("SKIP_") for skip in case.iter("skipped")):
                one[2] += tests
            else:
                one[1] += tests  # It was never started.
    busy = sum(one[3] for one in sums.values()) or 1
    # Several run at a time: a group's seconds are its share of the clock's.
    return {group: Result(one[0], one[1], one[2], one[3] * wall / busy) for group, one in sums.items()}


def run_command(root, command):
    begin = time.monotonic()
    begin_step(" ".join(command))
    code = _follow(list(command), root, say)
    took = time.monotonic() - begin
    return Result(int(code == 0), int(code != 0), 0, took), code == 0
