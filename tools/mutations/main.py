"""See tools/mutants --help."""

import argparse
import contextlib
import dataclasses
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from edits import EDITS  # pylint: disable=wrong-import-position

ROOT = pathlib.Path(__file__).resolve().parents[2]
WARNINGS = "-Wall -Wextra -Wconversion -Wshadow -Wno-sign-conversion -Wno-missing-field-initializers"
FLAGS = f"-O0 -g1 -Werror {WARNINGS}"  # Quickly built, and for all mutants the same.
FAILED = re.compile(r"^\[  FAILED  \] ([^\s,]+)", re.MULTILINE)
RUNNING = re.compile(r"^\[ RUN      \] (\S+)", re.MULTILINE)
RAN = re.compile(r"^\[==========\] Running (\d+) tests?", re.MULTILINE)


class Trouble(Exception):
    """What says that no answer can be given, for people."""


@dataclasses.dataclass
class Answer:
    verdict: str  # killed, lived, not built
    words: str = ""


def place_of(edit, text):
    """Where the edit's text stands; it has to be there once."""
    found = text.count(edit.old)
    if found != 1:
        raise Trouble(f"{edit.path}: the text of '{edit.rule}' is there {found} times; it has to be there once")
    return text.index(edit.old)


def changed(edit, text):
    at = place_of(edit, text)
    return text[:at] + edit.new + text[at + len(edit.old):]


def run(command, seconds=None, **more):
    """Its exit code, None when its time was over, and what it printed. It and what it started are gone then."""
    with tempfile.TemporaryFile("w+", errors="replace") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                                   start_new_session=True, **more)
        try:
            code = process.wait(seconds)
        except subprocess.TimeoutExpired:
            code = None
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        output.seek(0)
        return code, output.read()


def must(command, what, **more):
    code, output = run([str(word) for word in command], **more)
    if code != 0:
        raise Trouble(f"{what} failed:\n{output[-4000:]}")


def make_tree(tree):
    """A worktree of the commit that is checked out here, so that nothing is broken where somebody works."""
    if not (tree / ".git").exists():
        tree.parent.mkdir(parents=True, exist_ok=True)
        must(["git", "-C", ROOT, "worktree", "prune"], "git worktree prune")
        must(["git", "-C", ROOT, "worktree", "add", "--detach", tree, "HEAD"], "git worktree add")
    head = subprocess.run(["git", "-C", str(ROOT), "rev-parse", "HEAD"], check=True, capture_output=True, text=True)
    # What a run left that was killed goes, too.
    must(["git", "-C", tree, "checkout", "--force", "--detach", head.stdout.strip()], "git checkout")
    return head.stdout.strip()[:10]


def configure(tree, build):
    must(["cmake", "-S", tree, "-B", build, "-G", "Ninja", "-DCMAKE_BUILD_TYPE=None", f"-DCMAKE_CXX_FLAGS={FLAGS}"],
         "cmake")


class Tree:
    def __init__(self, path, build, jobs, seconds):
        self.path, self.build, self.jobs, self.seconds = path, build, jobs, seconds

    def make(self, binaries):
        return run(["ninja", "-C", str(self.build), "-j", str(self.jobs), *binaries])

    def test(self, edit, fail_fast):
        command = [str(self.build / "bin" / edit.binary), f"--gtest_filter={edit.tests}", "--gtest_color=no"]
        if fail_fast:
            command.append("--gtest_fail_fast")
        return run(command, self.seconds, cwd=self.build)

    def check_unbroken(self, edits):
        """A suite that fails as it is would kill everything, and one without tests nothing."""
        code, output = self.make(sorted({edit.binary for edit in edits}))
        if code != 0:
            raise Trouble(f"the tests cannot be built, even without a mutant:\n{output[-4000:]}")
        for edit in {(edit.binary, edit.tests): edit for edit in edits}.values():
            code, output = self.test(edit, fail_fast=False)
            ran = RAN.search(output)
            if code == 0 and ran and int(ran[1]) > 0:
                continue
            names = ", ".join(sorted(set(FAILED.findall(output)))[:5]) or ("no test has that name" if code == 0 else
                                                                          "it reached the time limit" if code is None else
                                                                          f"exit code {code}")
            raise Trouble(f"{edit.binary} --gtest_filter='{edit.tests}' fails without a mutant: {names}")

    def judge(self, edit):
        path = self.path / edit.path
        before = path.read_text()
        path.write_text(changed(edit, before))
        try:
            code, output = self.make([edit.binary])
            if code != 0:
                errors = [line for line in output.splitlines() if "error" in line]
                return Answer("not built", (errors or output.splitlines())[0][:200])
            code, output = self.test(edit, fail_fast=True)
        finally:
            path.write_text(before)
        if code == 0:
            return Answer("lived", f"{edit.binary} --gtest_filter='{edit.tests}'")
        if failed := FAILED.findall(output):
            return Answer("killed", failed[0])
        last = (RUNNING.findall(output) or ["its start"])[-1]
        return Answer("killed", f"{last} (it {'did not end' if code is None else 'crashed'})")


def chosen(text):
    """'3', '3-9', '3,7-9'."""
    numbers = set()
    for part in text.split(","):
        first, _, last = part.partition("-")
        if not first.isdigit() or (last and not last.isdigit()):
            raise argparse.ArgumentTypeError(f"'{text}' is not a list of numbers")
        numbers.update(range(int(first), int(last or first) + 1))
    if not numbers or min(numbers) < 1 or max(numbers) > len(EDITS):
        raise argparse.ArgumentTypeError(f"there are mutants 1 to {len(EDITS)}")
    return sorted(numbers)


def main():
    parser = argparse.ArgumentParser(
        prog="tools/mutants",
        description="Breaks important rules, one at a time, in a worktree of its own (of the commit that is checked out, "
        "without uncommitted changes), builds the tests that are listed for the rule, without optimisation, and runs them: "
        f"one must fail. The first run builds the tests; then each of the {len(EDITS)} mutants takes about half a minute "
        "on two cores.",
        epilog="Example: tools/mutants --only 3-5. Exit code: 0 the tests killed all, 1 one survived or was not built, or an "
        "edit no longer fits its file, 2 wrong usage.",
    )
    parser.add_argument("--only", type=chosen, metavar="N", help="only these: 7, 3-9 or 3,7-9, as --list numbers them")
    parser.add_argument("--list", action="store_true", help="print what each one breaks; build nothing")
    parser.add_argument("--tree", type=pathlib.Path, default=ROOT / "build" / "mutants",
                        help="folder of the worktree, which is kept for the next run (build/mutants)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="compilers at a time (number of processors)")
    parser.add_argument("--seconds", type=int, default=300, help="time limit of each run of tests; a mutant that reaches it counts as killed (300)")
    arguments = parser.parse_args()
    numbers = arguments.only or range(1, len(EDITS) + 1)
    edits = {number: EDITS[number - 1] for number in numbers}

    if arguments.list:
        for number, edit in edits.items():
            place_of(edit, (ROOT / edit.path).read_text())
            print(f"{number:3}  {edit.rule}  ({edit.path})")
        return 0

    commit = make_tree(arguments.tree)
    build = arguments.tree / "build" / "mutants"
    configure(arguments.tree, build)
    for edit in edits.values():
        place_of(edit, (arguments.tree / edit.path).read_text())
    print(f"{len(edits)} mutants of {commit}; first the tests without a mutant", flush=True)
    tree = Tree(arguments.tree, build, arguments.jobs, arguments.seconds)
    tree.check_unbroken(edits.values())

    begun, others = time.monotonic(), []
    for number, edit in edits.items():
        answer = tree.judge(edit)
        print(f"{number:3}  {answer.verdict:9}  {edit.rule}: {answer.words}", flush=True)
        if answer.verdict != "killed":
            others.append(number)
    seconds = time.monotonic() - begun
    if others:
        print(f"{len(edits) - len(others)} of {len(edits)} killed in {seconds:.0f} s. Not killed: "
              f"{', '.join(map(str, others))}. Repeat one with --only N", file=sys.stderr)
        return 1
    print(f"all {len(edits)} killed in {seconds:.0f} s")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Trouble as trouble:
        sys.exit(f"tools/mutants: {trouble}")
    except KeyboardInterrupt:
        sys.exit(130)
