#!/usr/bin/python3
"""The systemd units call programs, commands and flags that there are, and keep what they promise.

Usage: systemd_units_test.py BIN_DIR
"""

import ctypes
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
UNITS = ROOT / "tools" / "systemd"
BIN = None
COMMANDS = ("ExecStartPre", "ExecStart", "ExecReload")
# Whoever loosens one of these says so here.
WALLS = {
    "NoNewPrivileges": "yes",
    "ProtectSystem": "strict",
    "ProtectHome": "yes",
    "PrivateTmp": "yes",
    "PrivateDevices": "yes",
    "ProtectKernelTunables": "yes",
    "ProtectKernelModules": "yes",
    "ProtectControlGroups": "yes",
    "RestrictNamespaces": "yes",
    "RestrictSUIDSGID": "yes",
    "LockPersonality": "yes",
    "CapabilityBoundingSet": "",
    "SystemCallFilter": "@system-service",
}
LOOSER = {
    # Of mirror-import, before it reads a file.
    ("mirror-server.service", "SystemCallFilter"): "@system-service landlock_create_ruleset landlock_restrict_self"
}


def settings(unit):
    """{(section, key): [values]} of a unit."""
    found, section = {}, None
    for line in (UNITS / unit).read_text().splitlines():
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        if line.startswith("["):
            section = line.strip("[]")
            continue
        key, value = line.split("=", 1)
        found.setdefault((section, key), []).append(value)
    return found


def system_calls(words):
    """Of the groups, which hold others, and of the names."""
    found = set()
    for word in words:
        if word.startswith("@"):
            text = subprocess.run(
                ["systemd-analyze", "syscall-filter", word], capture_output=True, text=True, check=True
            ).stdout
            found |= system_calls(
                line.strip() for line in text.splitlines() if line.startswith("    ") and "#" not in line
            )
        else:
            found.add(word)
    return found


def filter_of(calls):
    """What a process calls to be killed at any other system call, as systemd has it."""
    library = ctypes.CDLL("libseccomp.so.2")
    library.seccomp_init.restype = ctypes.c_void_p
    kill, allow = 0x80000000, 0x7FFF0000
    rules = ctypes.c_void_p(library.seccomp_init(ctypes.c_uint32(kill)))
    numbers = [library.seccomp_syscall_resolve_name(call.encode()) for call in sorted(calls)]
    # Below 0: another processor's.
    for number in filter(lambda number: number >= 0, numbers):
        if library.seccomp_rule_add(rules, ctypes.c_uint32(allow), number, 0) != 0:
            raise RuntimeError(f"libseccomp refuses system call {number}")

    def enter():
        if library.seccomp_load(rules) != 0:
            raise RuntimeError("the filter cannot be entered")

    return enter


def seconds(span):
    number, unit = re.fullmatch(r"(\d+)(s|min)?", span).groups()
    return int(number) * (60 if unit == "min" else 1)


class Units(unittest.TestCase):
    def setUp(self):
        self.units = {unit.name: settings(unit.name) for unit in sorted(UNITS.glob("*.service"))}
        self.assertEqual(list(self.units), ["mirror-agent.service", "mirror-server.service"])

    def service(self, unit, key):
        values = self.units[unit].get(("Service", key))
        self.assertIsNotNone(values, f"{unit} has no {key}=")
        return values[-1]

    def calls(self):
        """(unit, arguments) of each call of one of ours."""
        for unit, found in self.units.items():
            for key in COMMANDS:
                for command in found.get(("Service", key), []):
                    words = shlex.split(command)
                    if words[0] != "kill":
                        yield unit, words

    def test_programs_commands_and_flags_are_there(self):
        calls = list(self.calls())
        self.assertEqual({words[0] for _, words in calls}, {"mirror-server", "mirror-agent"})
        for unit, words in calls:
            program = BIN / words[0]
            self.assertTrue(program.is_file(), f"{unit}: {program} is not there")
            command = [word for word in words[1:2] if not word.startswith("-")]
            help_of = subprocess.run([program, *command, "--help"], capture_output=True, text=True, check=False)
            self.assertEqual(help_of.returncode, 0, f"{unit}: {words}: {help_of.stderr}")
            for flag in (word for word in words if word.startswith("--")):
                self.assertRegex(help_of.stdout, rf"(?m)^\s+{flag}\b", f"{unit}: {words}")

    def test_a_wrong_configuration_is_not_tried_again(self):
        for unit, words in self.calls():
            run = subprocess.run(
                [BIN / words[0], *(word.replace("/etc/", "/none/") for word in words[1:])],
                capture_output=True,
                check=False,
                timeout=60,
            )
            self.assertEqual(str(run.returncode), self.service(unit, "RestartPreventExitStatus"), words)

    def test_only_the_server_is_reloaded_and_by_the_signal_that_it_takes(self):
        reload = self.units["mirror-server.service"][("Service", "ExecReload")]
        self.assertEqual(reload[-1], "kill -HUP $MAINPID")
        self.assertIn("--check-config", reload[0])
        self.assertIn("SIGHUP", (ROOT / "server" / "main.cc").read_text())
        # The agent does not take it: it would end.
        self.assertNotIn(("Service", "ExecReload"), self.units["mirror-agent.service"])

    def test_a_stop_may_take_as_long_as_a_drain_does(self):
        drain = int(re.search(r"kDrainTime\{(\d+)\}", (ROOT / "server" / "server.cc").read_text()).group(1))
        for unit in self.units:
            self.assertEqual(self.service(unit, "KillSignal"), "SIGTERM")
            self.assertGreaterEqual(seconds(self.service(unit, "TimeoutStopSec")), 3 * drain)

    def test_walls_stand_and_state_has_its_place(self):
        for unit in self.units:
            for key, value in WALLS.items():
                self.assertEqual(self.service(unit, key), LOOSER.get((unit, key), value), f"{unit}: {key}")
            self.assertEqual(self.service(unit, "LimitCORE"), "0", "keys are in its memory")
            name = self.service(unit, "User")
            self.assertEqual(self.service(unit, "StateDirectory"), name)
            self.assertIn(f"/etc/{name}/", self.service(unit, "ExecStart"))
            users = (UNITS / "sysusers.d" / f"{name}.conf").read_text()
            self.assertRegex(users, rf"(?m)^u {name} - .* /var/lib/{name}$")
        self.assertGreaterEqual(int(self.service("mirror-server.service", "LimitNOFILE")), 12_033)

    @unittest.skipUnless(shutil.which("systemd-analyze"), "systemd-analyze is not installed")
    def test_uploaded_files_are_parsed_within_the_walls(self):
        words = self.service("mirror-server.service", "SystemCallFilter").split()
        with tempfile.TemporaryFile(buffering=0) as file:
            file.write(b"id,name\n1,Anna\n")
            run = subprocess.run(
                [BIN / "mirror-import"],
                stdin=file,
                capture_output=True,
                preexec_fn=filter_of(system_calls(["@default", *words])),
                check=False,
            )
        self.assertEqual((run.returncode, run.stderr), (0, b""))
        self.assertIn(b"Anna", run.stdout)

    def test_the_page_names_the_files_and_the_folders(self):
        page = (ROOT / "docs" / "operate" / "service.md").read_text()
        for unit in self.units:
            self.assertIn(unit.removesuffix(".service"), page)
            self.assertIn(f"/var/lib/{self.service(unit, 'StateDirectory')}", page)
        self.assertIn("tools/systemd", page)

    @unittest.skipUnless(shutil.which("systemd-analyze"), "systemd-analyze is not installed")
    def test_systemd_finds_nothing_wrong(self):
        with tempfile.TemporaryDirectory() as folder:
            for unit in self.units:
                text = (UNITS / unit).read_text()
                text = re.sub(r"(?m)^(Exec\w+=)(mirror-)", lambda found: f"{found[1]}{BIN}/{found[2]}", text)
                (pathlib.Path(folder) / unit).write_text(text)
            run = subprocess.run(
                ["systemd-analyze", "verify", "--man=no", *(f"{folder}/{unit}" for unit in self.units)],
                capture_output=True,
                text=True,
                check=False,
            )
            # A key that it does not know is a line and no exit code.
            self.assertEqual((run.returncode, run.stdout + run.stderr), (0, ""))


if __name__ == "__main__":
    BIN = pathlib.Path(sys.argv.pop(1)).resolve()
    unittest.main()
