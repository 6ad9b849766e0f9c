#!/usr/bin/python3
"""What the programs tell shells: 'help COMMAND', manual pages (man reads them without a warning, and each word of each
--help stands in them) and completion in bash, zsh and fish. The test of a shell that is not installed is skipped.

Usage: shell_test.py BIN_DIR
"""

import os
import pathlib
import pty
import re
import select
import shutil
import subprocess
import sys
import tempfile
import time
import unittest

import help_test
import whole_lines
from help_test import run

SECTIONS = {"mirrorctl": 1, "mirror-agent": 1, "mirror-harness": 1, "mirror-server": 8}
SHELLS = ("bash", "zsh", "fish")
PATIENCE_S = 120
# What frames a help, and has another form in a page.
FRAME = {"Usage", "Positionals", "Options", "Subcommands", "OPTIONS", "SUBCOMMAND"}
# A line as a user has typed it, and the words that the shell then has.
LINES = {
    "mirrorctl tab": ["tables"],
    "mirrorctl hold ": ["commit", "list", "rollback", "show"],
    "mirrorctl tenants --sort=pr": ["--sort=problems"],
    "mirrorctl events --severity ": ["error", "information", "warning"],
    "mirror-agent receipts v": ["verify"],
    "mirror-server --check": ["--check-config"],
    "mirror-harness pu": ["push"],
    "mirrorctl help hold l": ["list"],
    "mirrorctl completion ": ["bash", "fish", "zsh"],
}
# Readline takes '=' for the end of a word, and only what stands behind it is put in.
BASH = {"--sort=problems": "problems"}


def words_of(text):
    return set(re.findall(r"[\w/.:*-]*\w", text))


def plain(page):
    """A page without the marks of its language."""
    text = re.sub(r"\\f[BIR]|\\[&:]", "", page)
    for mark, character in (("\\(aq", "'"), ("\\(dq", '"'), ("\\(ga", "`"), ("\\(ha", "^"), ("\\(ti", "~"), ("\\-", "-"), ("\\e", "\\")):
        text = text.replace(mark, character)
    return text


class Manual(unittest.TestCase):
    def test_each_word_of_each_help_stands_in_the_page(self):
        for program in SECTIONS:
            page = run(program, "manual").stdout
            there = words_of(plain(page))
            for command, text in help_test.ask(program).items():
                with self.subTest(program=program, command=command):
                    # The server's help has its path.
                    said = text.replace(str(help_test.BIN / program), program)
                    self.assertEqual(sorted(words_of(said) - there - FRAME), [])

    def test_man_reads_the_pages(self):
        names = ("man", "mandoc", "lexgrog")
        readers = [name for name in names if shutil.which(name)]
        with tempfile.TemporaryDirectory() as folder:
            for program, section in SECTIONS.items():
                page = pathlib.Path(folder) / f"{program}.{section}"
                page.write_text(run(program, "manual").stdout)
                self.assertRegex(page.read_text(), rf'(?m)^\.TH {program.upper()} {section} "" "{program} \d'.replace("-", r"\\-"))
                with self.subTest(program=program):
                    if "man" in readers:
                        shown = self.read("man", "--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z", page)
                        self.assertEqual(shown.stderr, "")
                    if "mandoc" in readers:
                        self.read("mandoc", "-man", "-Wunsupp", page)
                    if "lexgrog" in readers:
                        self.assertIn(f'{program} - ', self.read("lexgrog", page).stdout)
        if len(readers) < len(names):
            self.skipTest(f"tested with {readers} alone: tools/setup installs the others")

    def read(self, *command):
        environment = {**os.environ, "MANWIDTH": "80", "LC_ALL": "C.UTF-8", "MANROFFSEQ": ""}
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=PATIENCE_S, env=environment)
        self.assertEqual(done.returncode, 0, done)
        return done

    def test_the_date_is_that_of_the_sources(self):
        done = subprocess.run(
            [help_test.BIN / "mirrorctl", "manual"], capture_output=True, text=True, check=True, env={**os.environ, "SOURCE_DATE_EPOCH": "86400"}
        )
        self.assertIn('"1970\\-01\\-02"', done.stdout.splitlines()[0])


class Helps(unittest.TestCase):
    def test_help_says_what_the_option_says(self):
        for program in SECTIONS:
            for command, text in help_test.ask(program).items():
                with self.subTest(program=program, command=command):
                    self.assertEqual(run(program, "help", *command).stdout, text)

    def test_what_there_is_not_is_answered_with_what_was_meant(self):
        for typed, meant in (
            (("mirrorctl", "help", "tabels"), "tables"),
            (("mirrorctl", "help", "hold", "lst"), "list"),
            (("mirrorctl", "hlep"), "help"),
            (("mirror-agent", "completion", "zhs"), "zsh"),
            (("mirror-server", "completion", "fihs"), "fish"),
        ):
            with self.subTest(typed=typed):
                done = run(*typed)
                self.assertEqual((done.returncode, done.stdout), (2, ""))
                self.assertIn(f"Did you mean '{meant}'?", whole_lines.joined(done.stderr))


class Completion(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.place = pathlib.Path(cls.folder.name)
        (cls.place / "folder").mkdir()
        (cls.place / "file").touch()
        for program in SECTIONS:
            for shell in SHELLS:
                (cls.place / f"{program}.{shell}").write_text(run(program, "completion", shell).stdout)
        cls.environment = {
            **os.environ,
            "PATH": f"{help_test.BIN}:{os.environ['PATH']}",
            "HOME": cls.folder.name,
            "TERM": "dumb",
            "MIRRORCTL_CONFIG": str(cls.place / "none.toml"),
        }

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def need(self, shell):
        if shutil.which(shell) is None:
            self.skipTest(f"{shell} is not installed: tools/setup installs it")

    def ask(self, shell, script):
        done = subprocess.run(
            [shell, "-c", script], cwd=self.place, env=self.environment, capture_output=True, text=True, check=False, timeout=PATIENCE_S
        )
        self.assertEqual((done.returncode, done.stderr), (0, ""), done)
        return sorted(line.split("\t")[0] for line in done.stdout.splitlines() if line)

    def in_bash(self, line):
        """As readline calls the function, which it has split the line for."""
        program = line.split()[0]
        words = re.findall(r"[=:]+|[^\s=:]+", line) + ([""] if line.endswith(" ") else [])
        quoted = " ".join(f"'{word}'" for word in words)
        return self.ask(
            "bash",
            f"source ./{program}.bash; COMP_LINE='{line}' COMP_POINT={len(line)} COMP_WORDS=({quoted}) COMP_CWORD={len(words) - 1};"
            f" compopt() {{ echo \":$2\"; }}; \"_{program.replace('-', '_')}_completion\" {program};"
            ' printf "%s\\n" "${COMPREPLY[@]}"',
        )

    def test_bash(self):
        for line, meant in LINES.items():
            with self.subTest(line=line):
                self.assertEqual(self.in_bash(line), [BASH.get(word, word) for word in meant])
        self.assertEqual(self.in_bash("mirrorctl --config "), [":default"])
        self.assertEqual(self.in_bash("mirrorctl init --dir fo"), [":dirnames"])
        self.assertEqual(self.in_bash("mirrorctl tables Cust"), [], "no server, and nothing said of it")

    def test_fish(self):
        self.need("fish")
        for line, meant in LINES.items():
            with self.subTest(line=line):
                program = line.split()[0]
                self.assertEqual(self.ask("fish", f"source ./{program}.fish; complete -C '{line}'"), meant)
        self.assertEqual(self.ask("fish", "source ./mirrorctl.fish; complete -C 'mirrorctl --config fi'"), ["file"])
        self.assertEqual(self.ask("fish", "source ./mirrorctl.fish; complete -C 'mirrorctl init --dir fo'"), ["folder/"])

    def test_zsh(self):
        self.need("zsh")
        for line, meant in (*((line, meant[0]) for line, meant in LINES.items() if len(meant) == 1), ("mirrorctl --config fi", "file")):
            with self.subTest(line=line):
                before = line.rpartition(" ")[0]
                self.assertIn(f"{before} {meant} ", self.typed_in_zsh(line.split()[0], line))

    def typed_in_zsh(self, program, line):
        """What stands on the terminal when the line was typed and completed: zsh completes nowhere else."""
        child, terminal = pty.fork()
        if child == 0:
            os.chdir(self.place)
            os.execvpe("zsh", ["zsh", "-f", "-i"], self.environment)
        try:
            os.write(terminal, f"autoload -U compinit; compinit -u -D; source ./{program}.zsh; setopt nobeep; PS1='% '; echo REA''DY\r".encode())
            self.wait_for(terminal, r"READY\r")
            os.write(terminal, f"{line}\t".encode())
            # Completed: the line with a blank behind its last word.
            shown = self.wait_for(terminal, re.escape(line) + r"[\w-]+ $")
        finally:
            os.close(terminal)
            os.waitpid(child, 0)
        return shown

    def wait_for(self, terminal, pattern):
        shown, end = "", time.monotonic() + PATIENCE_S / 4
        while time.monotonic() < end and not re.search(pattern, shown):
            if select.select([terminal], [], [], 0.1)[0]:
                shown += os.read(terminal, 4096).decode(errors="replace")
        return shown


if __name__ == "__main__":
    help_test.BIN = pathlib.Path(sys.argv.pop(1)).resolve()
    unittest.main(verbosity=2)
