#!/usr/bin/python3
"""What --help says: of every command of every program, with an example that the program itself reads, and what is said of
a command or an option that there is not. Every line fits a terminal.

Usage: help_test.py BIN_DIR
"""

import pathlib
import re
import shlex
import subprocess
import sys
import unittest

import sanitizer_words
import whole_lines

BIN = None
PATIENCE_S = 120
PROGRAMS = ("mirrorctl", "mirror-agent", "mirror-server", "mirror-harness")
COMMAND = re.compile(r"^  ([a-z][a-z-]*)  +\S", re.MULTILINE)
MANY = 45  # There are more than so many commands; fewer would mean that they are not found.


def run(program, *arguments):
    done = subprocess.run(
        [BIN / program, *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S,
    )
    sanitizer_words.check(done.stderr)
    return done


def commands_of(text):
    _, _, listed = text.partition("\nSubcommands:\n")
    return COMMAND.findall(listed.partition("\n\n")[0])


def ask(program, command=()):
    """{command: its help}, the program's own is that of ()."""
    done = run(program, *command, "--help")
    assert done.returncode == 0, (program, command, done)
    told = {command: done.stdout}
    for name in commands_of(done.stdout):
        told |= ask(program, (*command, name))
    return told


def examples(program, text):
    """Lines that can be typed, in words."""
    joined = re.sub(r"\$\([^)]*\)", "1", text)
    for line in joined.splitlines():
        typed = re.search(rf"(?:^  |\| |&& ){re.escape(program)} (.*)", line)
        if typed:
            yield shlex.split(typed[1].partition(" && ")[0].removesuffix(" &"))


def command_in(words, told):
    """The command that the words name; options may stand in front of it."""
    command = ()
    for word in words:
        if (*command, word) in told:
            command = (*command, word)
    return command


class Help(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.told = {program: ask(program) for program in PROGRAMS}

    def test_every_command_has_an_example_of_itself(self):
        self.assertGreater(sum(map(len, self.told.values())), MANY)
        for program, told in self.told.items():
            for command, text in told.items():
                with self.subTest(program=program, command=command):
                    self.assertRegex(text, r"\bExamples?:")
                    named = [command_in(words, told) for words in examples(program, text)]
                    self.assertTrue(any(name[: len(command)] == command for name in named), text)

    def test_every_line_fits_a_terminal(self):
        for program, told in self.told.items():
            for command, text in told.items():
                with self.subTest(program=program, command=command):
                    self.assertEqual(whole_lines.too_long(text), [])

    def test_the_options_of_every_example_are_there(self):
        for program, told in self.told.items():
            for text in told.values():
                for words in examples(program, text):
                    command = command_in(words, told)
                    levels = [told[command[:depth]] for depth in range(len(command) + 1)]
                    known = {option for level in levels for option in re.findall(r"--[a-z][a-z-]*", level.partition("Options:")[2])}
                    with self.subTest(program=program, words=words):
                        self.assertEqual({word for word in words if word.startswith("--")} - known, set())

    def test_a_command_that_there_is_not_is_answered_with_the_one_that_was_meant(self):
        for program, typed, meant in (
            ("mirrorctl", ["tabels", "Cust"], "tables"),
            ("mirrorctl", ["tenant"], "tenants"),
            ("mirrorctl", ["hold", "lst"], "list"),
            ("mirrorctl", ["certs", "isue-tls"], "issue-tls"),
            ("mirror-agent", ["onec"], "once"),
            ("mirror-agent", ["verfy", "--config", "x"], "verify"),
            ("mirror-agent", ["receipts", "verfy"], "verify"),
            ("mirrorctl", ["tenants", "--wid"], "--wide"),
            ("mirrorctl", ["events", "--sevrity=error"], "--severity"),
            ("mirrorctl", ["hold", "list", "--confg", "x"], "--config"),
            ("mirror-agent", ["once", "--confg", "x"], "--config"),
            ("mirror-agent", ["status", "--config", "x", "--detials"], "--details"),
            ("mirror-server", ["--confg", "x"], "--config"),
            ("mirror-server", ["--config", "x", "--chek-config"], "--check-config"),
            ("mirror-harness", ["pusch"], "push"),
            ("mirror-harness", ["soak", "--config", "/dev/null", "--minuts", "1"], "--minutes"),
        ):
            with self.subTest(program=program, typed=typed):
                done = run(program, *typed)
                self.assertEqual(done.returncode, 2, done)
                self.assertIn(f"Did you mean '{meant}'?", whole_lines.joined(done.stderr))
                self.assertIn("Nothing was done", done.stderr)
                self.assertEqual(done.stdout, "")

    def test_a_command_of_the_other_program_is_answered_with_it(self):
        for program, sister in (("mirrorctl", "mirror-agent"), ("mirror-agent", "mirrorctl")):
            here, there = ({command[0] for command in self.told[one] if len(command) == 1} for one in (program, sister))
            self.assertTrue(there - here)
            for word in sorted(there - here):
                with self.subTest(program=program, word=word):
                    done = run(program, word)
                    self.assertEqual((done.returncode, done.stdout), (2, ""))
                    self.assertIn(f"Did you mean '{sister} {word}'?", whole_lines.joined(done.stderr))

    def test_the_option_for_help_wins_wherever_it_stands(self):
        for program, told in self.told.items():
            for command, text in told.items():
                with self.subTest(program=program, command=command):
                    done = run(program, "--help", *command)
                    self.assertEqual((done.returncode, done.stdout), (0, text))


if __name__ == "__main__":
    BIN = pathlib.Path(sys.argv.pop(1)).resolve()
    unittest.main(verbosity=2)
