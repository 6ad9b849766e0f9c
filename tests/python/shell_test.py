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
import shlex
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
FRAME = {"Usage", "Positionals", "Options", "Subcommands", "OPTIONS", "SUBCOMMAND", "Exit", "code", "codes", "Example", "Examples"}
# A line as a user has typed it, and the words that the shell then has.
LINES = {
    "mirrorctl tab": ["tables"],
    "mirrorctl hold ": ["commit", "list", "rollback", "show"],
    "mirrorctl hub hold ": ["commit", "list", "rollback"],
    "mirrorctl hub resume Acme crm --take ": ["newest", "ours", "theirs"],
    "mirrorctl tenants --sort=pr": ["--sort=problems"],
    "mirrorctl events --severity ": ["error", "information", "warning"],
    "mirror-agent receipts v": ["verify"],
    "mirror-server --check": ["--check-config"],
    "mirror-harness pu": ["push"],
    "mirrorctl help hold l": ["list"],
    "mirrorctl completion ": ["bash", "fish", "zsh"],
    "mirror-server compl": ["completion"],
    "mirror-server completion f": ["fish"],
    "mirror-agent once --config a\\ b/mirror-agent.toml --context-id Cu": ["Cust26759"],
}
# The same within quotes that are open, or behind quotes.
QUOTED = {
    'mirror-agent status --config "a b/mirror-agent.toml" --context-id Cu': ["Cust26759"],
    "mirror-agent verify --config 'a b/mirror-agent.toml' --context-id \"Cu": ["Cust26759"],
    "mirror-agent pointers --config a' 'b/mirror-agent.toml --context-id 'Cu": ["Cust26759"],
    'mirrorctl tenants --sort "pro': ["problems"],
    'mirrorctl tenants "--so': ["--sort"],
    "mirrorctl events --severity \\w": ["warning"],
}
# Readline takes '=' for the end of a word, and only what stands behind it is put in.
BASH = {"--sort=problems": "problems"}
# Of the environment, and the programs that do not know it.
VARIABLES = {"COLUMNS": (), "NO_COLOR": (), "XDG_CONFIG_HOME": ("mirror-harness",)}
FULL = pathlib.Path("/dev/full")


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

    def test_the_page_names_what_the_program_reads_of_the_environment(self):
        for program in SECTIONS:
            page = plain(run(program, "manual").stdout)
            section = page.partition(".SH ENVIRONMENT\n")[2].partition("\n.SH ")[0].splitlines()
            for variable, without in VARIABLES.items():
                self.assertEqual(variable in section, program not in without, (program, variable))

    def test_the_page_names_each_folder_that_is_searched(self):
        for program, folders in (
            ("mirrorctl", ("/etc/partner-mirror",)),
            ("mirror-agent", ("/etc/partner-mirror-agent", "/etc/partner-mirror")),
            ("mirror-server", ("/etc/partner-mirror",)),
        ):
            section = plain(run(program, "manual").stdout).partition(".SH FILES\n")[2].partition("\n.SH ")[0]
            for folder in ("~/.config/partner-mirror", *folders):
                self.assertRegex(section, rf"{folder}(?![\w-])", program)

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
            (("mirror-server", "hlep"), "help"),
            (("mirror-server", "help", "hlep"), "help"),
        ):
            with self.subTest(typed=typed):
                done = run(*typed)
                self.assertEqual((done.returncode, done.stdout), (2, ""))
                self.assertIn(f"Did you mean '{meant}'?", whole_lines.joined(done.stderr))

    def test_a_program_without_commands_has_its_two_words_at_the_front(self):
        for word in ("help", "completion"):
            done = run("mirror-server", "--config", "x", word)
            self.assertEqual((done.returncode, done.stdout), (2, ""))
            self.assertIn(f"'{word}' must be the first word, as in 'mirror-server {word}", whole_lines.joined(done.stderr))
        self.assertIn("source <(mirror-server completion bash)", run("mirror-server", "help", "completion").stdout)

    def test_a_word_where_there_are_none_is_named(self):
        done = run("mirror-server", "run")
        self.assertEqual((done.returncode, done.stdout), (2, ""))
        self.assertIn("Leave it out: mirror-server takes only options.", whole_lines.joined(done.stderr))

    def test_of_shells_that_are_all_named_none_is_guessed(self):
        for shell in ("ksh", "zhs"):
            done = run("mirror-agent", "completion", shell)
            self.assertEqual((done.returncode, done.stdout), (2, ""))
            self.assertRegex(whole_lines.joined(done.stderr), f"'{shell}', only for these: bash, zsh, fish. Nothing was printed.\n")

    def test_what_cannot_be_written_is_an_error(self):
        for program in SECTIONS:
            for words in (("--help",), ("--version",), ("help",), ("manual",), ("completion", "bash")):
                with self.subTest(program=program, words=words), FULL.open("w") as full:
                    done = subprocess.run(
                        [help_test.BIN / program, *words], stdout=full, stderr=subprocess.PIPE, text=True, check=False, timeout=PATIENCE_S
                    )
                    self.assertEqual(done.returncode, 1, done)
                    self.assertIn(f"{program}: the output could not be written.", done.stderr)


class Completion(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.place = pathlib.Path(cls.folder.name)
        (cls.place / "folder").mkdir()
        (cls.place / "file").touch()
        made = run("mirrorctl", "init", "--dir", str(cls.place / "a b"), "--context-id", "Cust26759", "--source", str(cls.place / "file"))
        assert made.returncode == 0, made
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
        """As readline calls the function."""
        program = line.split()[0]
        return self.ask(
            "bash",
            f"source ./{program}.bash; COMP_LINE={shlex.quote(line)} COMP_POINT={len(line)};"
            f" compopt() {{ echo \":$2\"; }}; \"_{program.replace('-', '_')}_completion\" {program};"
            ' printf "%s\\n" "${COMPREPLY[@]}"',
        )

    def test_bash(self):
        for line, meant in {**LINES, **QUOTED}.items():
            with self.subTest(line=line):
                self.assertEqual(self.in_bash(line), [BASH.get(word, word) for word in meant])
        self.assertEqual(self.in_bash("mirrorctl --config "), [":default"])
        self.assertEqual(self.in_bash("mirrorctl init --dir fo"), [":dirnames"])
        self.assertEqual(self.in_bash("mirrorctl tables Cust"), [], "no server, and nothing said of it")
        self.assertEqual(self.in_bash("mirrorctl tables "), [], "an argument belongs here, no option")
        for line in ("mirrorctl tables > ", "mirrorctl tables >fi", "mirrorctl tables 2>> fi", "mirrorctl >& "):
            self.assertEqual(self.in_bash(line), [":default"], line)
        for line in ("mirrorctl > file tab", "mirrorctl 2>&1 tab", "mirrorctl <'a b' tab", "mirrorctl \\> tab"):
            self.assertEqual(self.in_bash(line), ["tables"], line)

    def test_what_bash_puts_in_is_quoted_as_the_word_is(self):
        program = self.place / "bin" / "mirrorctl"
        program.parent.mkdir()
        names = ("a b", "it's", "is $x", "says \"so\"", "back\\slash", "at:3")
        program.write_text("#!/bin/sh\ncat <<'END'\n" + "".join(f"{name}\n" for name in names) + ":none\nEND\n")
        program.chmod(0o755)
        for quote in ("", "'", '"'):
            line = f"{shlex.quote(str(program))} tables {quote}"
            script = (
                f"source ./mirrorctl.bash; COMP_LINE={shlex.quote(line)} COMP_POINT={len(line)}; _mirrorctl_completion;"
                ' printf "%s\\n" "${COMPREPLY[@]}"'
            )
            done = subprocess.run(
                ["bash", "-c", script], cwd=self.place, env=self.environment, capture_output=True, text=True, check=True, timeout=PATIENCE_S
            )
            typed = done.stdout.splitlines()
            # Readline closes a quote, unless the word ends with one.
            whole = [quote + word + ("" if word.endswith(quote or word) else quote) for word in typed]
            self.assertEqual(self.ask("bash", 'printf "%s\\n" ' + " ".join(whole)), sorted(names), done.stdout)

    def test_fish(self):
        self.need("fish")
        for line, meant in {**LINES, **QUOTED}.items():
            with self.subTest(line=line):
                program = line.split()[0]
                typed = line.replace("\\", "\\\\").replace("'", "\\'")  # As fish has them in single quotes.
                self.assertEqual(self.ask("fish", f"source ./{program}.fish; complete -C '{typed}'"), meant)
        self.assertEqual(self.ask("fish", "source ./mirrorctl.fish; complete -C 'mirrorctl --config fi'"), ["file"])
        self.assertEqual(self.ask("fish", "source ./mirrorctl.fish; complete -C 'mirrorctl init --dir fo'"), ["folder/"])

    def test_zsh(self):
        self.need("zsh")
        for line, meant in (*((line, meant[0]) for line, meant in LINES.items() if len(meant) == 1), ("mirrorctl --config fi", "file")):
            with self.subTest(line=line):
                before = line.rpartition(" ")[0]
                self.assertIn(f"{before} {meant} ", self.typed_in_zsh(line.split()[0], line))
        self.assertIn("mirrorctl tables ", self.typed_in_zsh("mirrorctl", "mirrorctl tab", start=""))

    def typed_in_zsh(self, program, line, start="autoload -U compinit; compinit -u -D; "):
        """What stands on the terminal when the line was typed and completed: zsh completes nowhere else."""
        child, terminal = pty.fork()
        if child == 0:
            os.chdir(self.place)
            os.execvpe("zsh", ["zsh", "-f", "-i"], self.environment)
        try:
            os.write(terminal, f"{start}source ./{program}.zsh; setopt nobeep; PS1='% '; echo REA''DY\r".encode())
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
