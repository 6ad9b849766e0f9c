#!/usr/bin/python3
"""What the programs do on a terminal and elsewhere: lines of its width, colours, --watch; and which configuration they
find when none is named.

Usage: terminal_test.py BIN_DIR
"""

import fcntl
import json
import os
import pathlib
import re
import select
import shutil
import signal
import sqlite3
import struct
import subprocess
import sys
import tempfile
import termios
import time
import unittest
import unittest.mock

import free_ports
import programs
import sanitizer_words

BIN = None
PATIENCE_S = 120
HOME = "\x1b[H"  # How each look of --watch begins.
COLOUR = re.compile(r"\x1b\[[0-9;]*m")


class OnTerminal:
    """A program whose three streams are a terminal of so many columns and lines."""

    def __init__(self, *command, columns=100, lines=50, env=None):
        self.master, slave = os.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        self.program = subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave, env=env)
        os.close(slave)
        self.raw = b""

    @property
    def text(self):
        return self.raw.decode(errors="replace").replace("\r\n", "\n")

    def read(self):
        """False: nothing more will come."""
        ready, _, _ = select.select([self.master], [], [], PATIENCE_S)
        assert ready, f"silent: {self.text!r}"
        try:
            data = os.read(self.master, 65536)
        except OSError:  # The program has ended.
            return False
        self.raw += data
        return bool(data)

    def until(self, words, begin=0):
        """Where the words stand, behind `begin`."""
        deadline = time.monotonic() + PATIENCE_S
        while words not in self.text[begin:]:
            assert self.read() and time.monotonic() < deadline, f"no {words!r} in {self.text!r}"
        return self.text.index(words, begin)

    def until_interruptible(self):
        """Until it has a word to say at Ctrl-C."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            caught = re.search(r"(?m)^SigCgt:\s*([0-9a-f]+)$", pathlib.Path(f"/proc/{self.program.pid}/status").read_text())
            if caught and int(caught[1], 16) >> (signal.SIGINT - 1) & 1:
                return
            assert self.program.poll() is None and time.monotonic() < deadline, self.text
            time.sleep(0.01)

    def end(self):
        """The exit code."""
        while self.read():
            pass
        os.close(self.master)
        code = self.program.wait(PATIENCE_S)
        sanitizer_words.check(self.text)
        return code


class TerminalTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.work = pathlib.Path(tempfile.mkdtemp(prefix="terminal-"))
        cls.dev, cls.nobody = cls.work / "dev", cls.work / "nobody"
        cls.nobody.mkdir()
        database = sqlite3.connect(cls.work / "crm.db")
        for number in range(30):
            database.execute(f"CREATE TABLE a_table_of_some_length_{number:02} (id INTEGER PRIMARY KEY)")
        database.close()
        cls.run_program("mirrorctl", "init", "--dir", cls.dev, "--context-id", "Cust", "--source", cls.work / "crm.db")
        configuration = cls.dev / "mirror-server.toml"
        text = re.sub(r"^port = 744\d", "port = 0", configuration.read_text(), flags=re.MULTILINE)
        # A server that is started again is where it was: a watch reads its configuration once.
        admin = text.index("[admin]")
        (port,) = free_ports.free_ports(1)
        configuration.write_text(text[:admin] + text[admin:].replace("port = 0", f"port = {port}", 1))
        cls.server = None
        cls.start_server()
        cls.agent_config = cls.dev / "mirror-agent.toml"
        cls.run_program("mirror-agent", "install", "--config", cls.agent_config)
        assert cls.run_program("mirror-agent", "once", "--config", cls.agent_config).returncode == 0
        cls.control = ("--config", cls.dev / "mirrorctl.toml")
        for command in ("pause", "resume"):  # The audit has records of them.
            assert cls.run_program("mirrorctl", *cls.control, command, "Cust").returncode == 0
        assert cls.run_program("mirror-agent", "once", "--config", cls.agent_config).returncode == 0

    @classmethod
    def start_server(cls):
        with (cls.work / "server.err").open("ab") as log:
            cls.server = subprocess.Popen(
                [BIN / "mirror-server", "--config", cls.dev / "mirror-server.toml"],
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        ready = re.search(r"sources on (\S+), admin on (\S+)", cls.server.stdout.readline())
        assert ready, (cls.work / "server.err").read_text()
        for file, address in (("mirror-agent.toml", ready[1]), ("mirrorctl.toml", ready[2])):
            text = (cls.dev / file).read_text()
            (cls.dev / file).write_text(re.sub(r'^address = "127.0.0.1:\d+"', f'address = "{address}"', text, count=1, flags=re.MULTILINE))

    @classmethod
    def stop_server(cls):
        cls.server.terminate()
        code = cls.server.wait(PATIENCE_S)
        cls.server.stdout.close()
        assert code == 0, code

    @classmethod
    def tearDownClass(cls):
        cls.stop_server()
        sanitizer_words.check_file(cls.work / "server.err")
        shutil.rmtree(cls.work)

    @classmethod
    def run_program(cls, name, *arguments, cwd=None, **more):
        return programs.run(BIN / name, *arguments, cwd=cwd or cls.nobody, HOME=more.pop("HOME", cls.nobody), **more)

    def on_terminal(self, name, *arguments, columns=100, lines=50, **more):
        return OnTerminal(BIN / name, *map(str, arguments), columns=columns, lines=lines, env=programs.environment(**more))

    # --- Width and colours ---

    def test_lines_and_tables_fit_the_terminal(self):
        for columns in (50, 100, 160):
            for name, words in (
                ("mirrorctl", (*self.control, "tables", "Cust")),
                ("mirrorctl", ("tables", "--help")),
                ("mirror-agent", ("status", "--config", self.agent_config)),
                ("mirror-agent", ("--help",)),
            ):
                with self.subTest(columns=columns, name=name, words=words):
                    shown = self.on_terminal(name, *words, columns=columns)
                    self.assertEqual(shown.end(), 0, shown.text)
                    text = COLOUR.sub("", shown.text)
                    long = [line for line in text.splitlines() if len(line) > columns and " " in line.strip()]
                    self.assertEqual(long, [])
        narrow = self.on_terminal("mirrorctl", "tables", "--help", columns=160, COLUMNS=60)
        self.assertEqual(narrow.end(), 0)
        self.assertLessEqual(max(map(len, narrow.text.splitlines())), 60)

    def test_columns_go_where_a_terminal_has_no_room_for_them(self):
        tables = (*self.control, "tables", "Cust")
        for columns in (40, 50, 60, 79, 80):
            for words in (tables, (*self.control, "tenants"), (*self.control, "events"), (*self.control, "keys"), (*self.control, "audit", "list")):
                with self.subTest(columns=columns, words=words):
                    shown = self.on_terminal("mirrorctl", *words, columns=columns)
                    self.assertEqual(shown.end(), 0, shown.text)
                    lines = COLOUR.sub("", shown.text).splitlines()
                    self.assertLessEqual(max(map(len, lines)), columns, shown.text)
        shown = self.on_terminal("mirrorctl", *tables, columns=80)
        shown.end()
        *lines, left_out = COLOUR.sub("", shown.text).splitlines()
        self.assertEqual(len(lines), 31, "a line for each table, and the header")
        self.assertNotIn("cycle", lines[0])
        self.assertRegex(left_out, r"^not shown: (\w+, )*cycle(, \w+)* \(--wide\)$")
        self.assertIn("cycle", self.run_program("mirrorctl", *tables, COLUMNS=40).stdout, "for scripts they all stay")
        wide = self.on_terminal("mirrorctl", *tables, "--wide", columns=40)
        wide.end()
        self.assertIn("cycle", wide.text)
        self.assertNotIn("not shown", wide.text)

    def test_an_answer_that_cannot_be_written_is_an_error(self):
        for name, words in (
            ("mirrorctl", (*self.control, "tenants")),
            ("mirrorctl", (*self.control, "tables", "Cust", "--json")),
            ("mirror-agent", ("status", "--config", self.agent_config)),
            ("mirror-agent", ("check-config", "--config", self.agent_config)),
            ("mirror-server", ("--check-config", "--config", self.dev / "mirror-server.toml")),
            ("mirror-harness", ("hostile", "--list")),
        ):
            with self.subTest(name=name, words=words), open("/dev/full", "w", encoding="utf-8") as full:
                done = subprocess.run(
                    [BIN / name, *map(str, words)], stdout=full, stderr=subprocess.PIPE, text=True, check=False, timeout=PATIENCE_S
                )
                self.assertEqual(done.returncode, 1, done)
                self.assertIn(f"{name}: the output could not be written.", done.stderr)

    def test_colours_are_for_terminals_alone(self):
        tenants = (*self.control, "tenants")
        shown = self.on_terminal("mirrorctl", *tenants)
        self.assertEqual(shown.end(), 0)
        self.assertRegex(shown.text, r"Cust +\x1b\[32mgood\x1b\[0m  ")
        doctor = self.on_terminal("mirrorctl", *self.control, "doctor")
        doctor.end()
        self.assertIn("\x1b[32mOK\x1b[0m    configuration", doctor.text)
        wrong = self.on_terminal("mirrorctl", *self.control, "tables", "Nobody")
        self.assertEqual(wrong.end(), 1)
        self.assertTrue(wrong.text.startswith("\x1b[31mmirrorctl:\x1b[0m "), wrong.text)
        status = self.on_terminal("mirror-agent", "status", "--config", self.agent_config)
        status.end()
        self.assertIn("Cust: \x1b[32mgood\x1b[0m\n", status.text)
        for more in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
            plain = self.on_terminal("mirrorctl", *tenants, **more)
            plain.end()
            self.assertNotIn("\x1b", plain.text)
        self.assertNotIn("\x1b", self.run_program("mirrorctl", *tenants).stdout)
        for words in (("tenants",), ("tables", "Cust"), ("doctor",)):
            document = self.on_terminal("mirrorctl", *self.control, *words, "--json")
            document.end()
            self.assertNotIn("\x1b", document.text)
            json.loads(document.text)

    # --- --watch ---

    def test_a_watch_draws_over_what_stood_there_and_outlives_the_server(self):
        watch = self.on_terminal("mirrorctl", *self.control, "tables", "Cust", "--watch", "1", lines=10)
        at = watch.until("more than fit here")
        self.assertRegex(watch.text, r"mirrorctl tables Cust, every 1 s, \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\x1b\[K\n")
        at = watch.until(HOME, at)
        self.assertLessEqual(watch.text[:at].count("\n"), 9)
        self.stop_server()
        at = watch.until("no server answers", at)
        self.start_server()
        at = watch.until("a_table_of", at)
        watch.program.send_signal(signal.SIGINT)
        self.assertEqual(watch.end(), 0, watch.text[at:])
        self.assertTrue(watch.text.endswith("\n"))

    def test_a_watch_of_a_server_that_hangs_ends_with_ctrl_c(self):
        watches = [self.on_terminal("mirrorctl", *self.control, "tenants", "--watch", "1")]
        watches[0].until("Cust")
        self.server.send_signal(signal.SIGSTOP)
        try:
            # One that had a look, and two that wait for their first.
            watches.append(self.on_terminal("mirrorctl", *self.control, "tenants", "--watch", "1"))
            watches.append(self.on_terminal("mirrorctl", *self.control, "events", "--follow"))
            for watch in watches:
                watch.until_interruptible()
            begin = time.monotonic()
            for watch in watches:
                watch.program.send_signal(signal.SIGINT)
            codes = [watch.end() for watch in watches]
            # By itself a look ends after ten seconds.
            self.assertLess(time.monotonic() - begin, 5)
        finally:
            self.server.send_signal(signal.SIGCONT)
        self.assertEqual(codes, [0, 1, 0])
        self.assertNotIn("mirrorctl:", watches[0].text)
        self.assertEqual([watch.text for watch in watches[1:]], ["", ""])

    def test_a_watch_of_the_agent_has_the_exit_code_of_its_last_look(self):
        watch = self.on_terminal("mirror-agent", "status", "--config", self.agent_config, "--watch")
        watch.until("mirror-agent status, every 2 s, ")
        watch.until("good")
        watch.program.send_signal(signal.SIGINT)
        self.assertEqual(watch.end(), 0)
        wrong = self.on_terminal("mirror-agent", "status", "--config", self.nobody / "none.toml", "--watch")
        self.assertEqual(wrong.end(), 2)
        self.assertNotIn(HOME, wrong.text)

    def test_a_watch_without_a_terminal_prints_one_look_below_the_other(self):
        for more, begin in (((), "tenant  "), (("--json",), "[\n")):
            with subprocess.Popen(
                [BIN / "mirrorctl", *self.control, "tenants", "--watch", "1", *more],
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                env=programs.environment(),
            ) as watch:
                lines = []
                while sum(line.startswith(begin) for line in lines) < 2:
                    line = watch.stdout.readline()
                    self.assertTrue(line, watch.stderr.read() if watch.poll() is not None else lines)
                    lines.append(line)
                watch.send_signal(signal.SIGINT)
                lines += watch.stdout.readlines()
                self.assertEqual(watch.stderr.read(), "")
                self.assertEqual(watch.wait(PATIENCE_S), 0)
            self.assertNotIn("\x1b", "".join(lines))
            second = [at for at, line in enumerate(lines) if line.startswith(begin)][1]
            self.assertEqual(lines[second - 1], "]\n" if more else "\n")

    def test_how_often_is_said_within_bounds(self):
        for words in (("0",), ("3601",), ("x",)):
            done = self.run_program("mirrorctl", *self.control, "tables", "Cust", "--watch", *words)
            self.assertEqual(done.returncode, 2, done)
            self.assertEqual(done.stdout, "")

    # --- Which configuration ---

    def test_a_configuration_in_the_current_folder_is_taken_without_a_word(self):
        for name, words in (("mirrorctl", ("tenants",)), ("mirror-agent", ("status",))):
            done = self.run_program(name, *words, cwd=self.dev)
            self.assertEqual((done.returncode, done.stderr), (0, ""), done)

    def test_one_that_is_found_elsewhere_is_named(self):
        home = self.work / "home"
        (home / ".config").mkdir(parents=True)
        (home / ".config" / "partner-mirror").symlink_to(self.dev)
        place = home / ".config" / "partner-mirror"
        for name, words in (
            ("mirrorctl", ("tenants",)),
            ("mirror-agent", ("status",)),
            ("mirror-agent", ("check-config",)),
            ("mirror-server", ("--check-config",)),
        ):
            done = self.run_program(name, *words, HOME=home)
            self.assertEqual(done.returncode, 0, done)
            self.assertEqual(done.stderr.replace("\n  ", " "), f"{name}: configuration {place}/{self.file_of(name)}\n")
        doctor = json.loads(self.run_program("mirrorctl", "doctor", "--json", HOME=home).stdout)
        self.assertEqual(doctor[0]["step"], "configuration")
        self.assertIn(str(place / "mirrorctl.toml"), doctor[0]["words"])
        # Not whose it is that runs the tests.
        with unittest.mock.patch.dict(os.environ, HOME=str(home)):
            self.assertNotIn(str(home), programs.run(BIN / "mirrorctl", "tenants", cwd=self.nobody).stderr)

    @staticmethod
    def file_of(name):
        return f"{name}.toml"

    def test_a_variable_names_one_and_the_option_wins(self):
        for name, words, variable in (
            ("mirrorctl", ("tenants",), "MIRRORCTL_CONFIG"),
            ("mirror-agent", ("status",), "MIRROR_AGENT_CONFIG"),
            ("mirror-server", ("--check-config",), "MIRROR_SERVER_CONFIG"),
        ):
            with self.subTest(name=name):
                named = {variable: self.dev / self.file_of(name)}
                done = self.run_program(name, *words, **named)
                self.assertEqual((done.returncode, done.stderr), (0, ""), done)
                done = self.run_program(name, *words, "--config", "none.toml", **named)
                self.assertEqual(done.returncode, 2, done)
                self.assertIn("'none.toml' is not there", done.stderr)
                done = self.run_program(name, *words, "--config", "", **named)
                self.assertEqual(done.returncode, 2, done)
                self.assertIn("--config must name a file", done.stderr)

    def test_without_any_the_places_are_named_and_nothing_is_done(self):
        for name, words in (
            ("mirrorctl", ("tenants",)),
            ("mirror-agent", ("once",)),
            ("mirror-agent", ("receipts", "verify")),
            ("mirror-server", ()),
        ):
            with self.subTest(name=name, words=words):
                if any((pathlib.Path("/etc") / folder).exists() for folder in ("partner-mirror", "partner-mirror-agent")):
                    self.skipTest("this machine has configurations of its own")
                done = self.run_program(name, *words)
                self.assertEqual(done.returncode, 2, done)
                said = done.stderr.replace("\n  ", " ")
                file = self.file_of(name)
                for place in (f"'{file}'", f"'{self.nobody}/.config/partner-mirror/{file}'", f"'/etc/partner-mirror/{file}'"):
                    self.assertIn(place, said)
                self.assertIn("Nothing was done", said)

    def test_the_harness_searches_for_none(self):
        done = self.run_program("mirror-harness", "push", cwd=self.dev)
        self.assertEqual(done.returncode, 2, done)
        self.assertIn("--config or MIRROR_AGENT_CONFIG must name a file", done.stderr)


if __name__ == "__main__":
    BIN = pathlib.Path(sys.argv.pop(1)).resolve()
    unittest.main(verbosity=2)
