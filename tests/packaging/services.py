"""Stands in for systemd in a clean root, where systemd cannot run: it starts exactly the unit's ExecStart, as the unit's
user and group, with its folders, umask, limits and environment, and stops it by the unit's signal within its time.

Not stood in for: the walls (Protect..., SystemCallFilter), restarts after a crash, dependencies between units.
tests/scripts/systemd_units_test.py looks at those.
"""

import os
import pathlib
import re
import shlex
import signal
import subprocess
import threading
import time

STAND_IN = """#!/bin/sh
# What is asked is done outside, by tests/packaging/services.py; the first line of the answer is the exit code.
here=/var/tmp/systemctl
mkfifo "$here/answer.$$" || exit 1
echo "$$ $*" > "$here/asked"
{ read -r code; cat; } < "$here/answer.$$"
rm -f "$here/answer.$$"
exit "$code"
"""
# In this order; systemd has them from the package and from whoever configured the machine.
UNITS = ("usr/lib/systemd/system", "etc/systemd/system")
WANTS = "etc/systemd/system/multi-user.target.wants"


def read_unit(*files):
    """{(section, key): [values]}; an empty value takes back what stood before."""
    found, section = {}, None
    for file in files:
        for line in file.read_text().replace("\\\n", " ").splitlines():
            line = line.strip()
            if line.startswith("["):
                section = line.strip("[]")
            elif line and line[0] not in "#;":
                key, value = line.split("=", 1)
                values = found.setdefault((section, key.strip()), [])
                values.append(value.strip())
                if not value.strip():
                    values.clear()
    return found


def seconds(span):
    number, unit = re.fullmatch(r"(\d+)(s|min)?", span).groups()
    return int(number) * (60 if unit == "min" else 1)


class Services:
    """`asked` has each call of systemctl; `ended` the (unit, exit code, seconds) of each stop."""

    def __init__(self, root):
        self.root = root
        self.asked, self.ended, self.findings = [], [], []
        self.running = {}  # By the unit's name: what nsenter runs as.
        self.starts = {}
        self.known = {}  # Units as they were read last: what stops a service whose package is gone.
        self.here = root.path / "var" / "tmp" / "systemctl"
        self.here.mkdir(parents=True)
        # Diverted, so that an upgrade of systemd's package or a call by its path changes nothing.
        root.run("dpkg-divert", "--local", "--quiet", "--rename", "--add", "/bin/systemctl")
        (root.path / "bin" / "systemctl").write_text(STAND_IN)
        (root.path / "bin" / "systemctl").chmod(0o755)
        # By this the packages' own scripts know that there is a systemd to ask.
        (root.path / "run" / "systemd" / "system").mkdir(parents=True, exist_ok=True)
        os.mkfifo(self.here / "asked")
        self.asking = os.fdopen(os.open(self.here / "asked", os.O_RDWR), "r")
        self.stopping = False
        self.thread = threading.Thread(target=self.answer, daemon=True)
        self.thread.start()

    def end(self):
        self.stopping = True
        os.write(self.asking.fileno(), b"end\n")
        self.thread.join(30)
        self.asking.close()

    def answer(self):
        for line in self.asking:
            if self.stopping:
                return
            number, *words = line.split()
            self.asked.append(words)
            try:
                code, said = self.do(words)
            except Exception as error:  # pylint: disable=broad-except
                code, said = 1, f"{error}\n"
                self.findings.append(f"systemctl {' '.join(words)}: {error!r}")
            (self.here / f"answer.{number}").write_text(f"{code}\n{said}")

    def do(self, words):
        flags = [word for word in words if word.startswith("-")]
        verb, *units = [word for word in words if not word.startswith("-")] or ["--version"]
        names = [unit.removesuffix(".service") for unit in units]
        if verb in ("enable", "disable"):
            for name in names:
                self.enable(name, verb == "enable")
            verb = {"enable": "start", "disable": "stop"}[verb] if "--now" in flags else ""
        if verb in ("start", "stop", "restart", "try-restart", "reload", "is-active", "is-enabled"):
            results = [getattr(self, verb.replace("-", "_"))(name) for name in names]
            return max(code for code, _ in results), "".join(said for _, said in results)
        if verb not in ("", "daemon-reload", "preset", "reset-failed", "show", "--version", "list-units"):
            self.findings.append(f"systemctl {' '.join(words)} is asked for, and not stood in for")
        return 0, ""

    # --- What systemctl does ---

    def enable(self, name, wanted):
        link = self.root.path / WANTS / f"{name}.service"
        link.unlink(missing_ok=True)
        if wanted:
            unit = self.unit(name)
            assert unit[("Install", "WantedBy")] == ["multi-user.target"], name
            link.parent.mkdir(exist_ok=True)
            link.symlink_to(f"/lib/systemd/system/{name}.service")

    def is_enabled(self, name):
        enabled = (self.root.path / WANTS / f"{name}.service").is_symlink()
        return (0, "enabled\n") if enabled else (1, "disabled\n")

    def is_active(self, name):
        return (0, "active\n") if self.is_running(name) else (3, "inactive\n")

    def is_running(self, name):
        return name in self.running and self.running[name].poll() is None

    def start(self, name):
        if self.is_running(name):
            return 0, ""
        unit = self.unit(name)
        self.make_folders(unit)
        log = (self.root.work / f"{name}.log").open("ab")
        for before in unit.get(("Service", "ExecStartPre"), []):
            code = subprocess.run(self.command(unit, before), env={}, stdout=log, stderr=log, check=False).returncode
            if code != 0:
                return 1, f"{name}: ExecStartPre ended with {code}\n"
        (start,) = unit[("Service", "ExecStart")]
        self.running[name] = subprocess.Popen(self.command(unit, start), env={}, stdout=log, stderr=log)
        self.starts[name] = self.starts.get(name, 0) + 1
        log.close()
        time.sleep(0.1)
        return (0, "") if self.is_running(name) else (1, f"{name} ended at once\n")

    def stop(self, name):
        if not self.is_running(name):
            return 0, ""
        unit, process, begin = self.known[name], self.running[name], time.monotonic()
        self.signal(name, getattr(signal, unit.get(("Service", "KillSignal"), ["SIGTERM"])[-1]))
        code = process.wait(seconds(unit.get(("Service", "TimeoutStopSec"), ["90"])[-1]))
        self.ended.append((name, code, time.monotonic() - begin))
        return 0, ""

    def restart(self, name):
        self.stop(name)
        return self.start(name)

    def try_restart(self, name):
        return self.restart(name) if self.is_running(name) else (0, "")

    def reload(self, name):
        for command in self.unit(name)[("Service", "ExecReload")]:
            if command == "kill -HUP $MAINPID":
                self.signal(name, signal.SIGHUP)
            elif subprocess.run(self.command(self.unit(name), command), env={}, check=False).returncode != 0:
                return 1, ""
        return 0, ""

    # --- A unit ---

    def unit(self, name):
        """As the package and the drop-ins have it."""
        files = []
        for folder in UNITS:
            unit = self.root.path / folder / f"{name}.service"
            if unit.is_file():
                files = [unit]
        assert files, f"there is no unit {name}"
        files += sorted((self.root.path / UNITS[1] / f"{name}.service.d").glob("*.conf"))
        self.known[name] = read_unit(*files)
        return self.known[name]

    def make_folders(self, unit):
        """As systemd does: made, and given to the unit's user; configuration stays whose it is."""
        user = self.root.as_user(unit[("Service", "User")][-1])
        for key, parent in (("StateDirectory", "var/lib"), ("ConfigurationDirectory", "etc")):
            for name in " ".join(unit.get(("Service", key), [])).split():
                folder = self.root.path / parent / name
                folder.mkdir(exist_ok=True)
                folder.chmod(int(unit[("Service", f"{key}Mode")][-1], 8))
                if key == "StateDirectory":
                    os.chown(folder, user.pw_uid, user.pw_gid)

    def command(self, unit, command):
        last = {key: values[-1] for (section, key), values in unit.items() if section == "Service" and values}
        user = self.root.as_user(last["User"])
        groups = " ".join(unit.get(("Service", "SupplementaryGroups"), [])).split()
        environment = {
            "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin",
            "LANG": "C.UTF-8",
            "USER": user.pw_name,
            "LOGNAME": user.pw_name,
            "HOME": user.pw_dir,
            "SHELL": user.pw_shell,
            "STATE_DIRECTORY": f"/var/lib/{last['StateDirectory']}",
            "CONFIGURATION_DIRECTORY": f"/etc/{last['ConfigurationDirectory']}",
        }
        for words in unit.get(("Service", "Environment"), []):
            environment.update(word.split("=", 1) for word in shlex.split(words))
        assert ("Service", "EnvironmentFile") not in unit, "not stood in for"
        drop = ["setpriv", f"--reuid={last['User']}", f"--regid={last['Group']}", "--no-new-privs"]
        drop += [f"--groups={','.join([last['Group'], *groups])}"] if groups else ["--init-groups"]
        limits = f"umask {last['UMask']}; ulimit -n {last['LimitNOFILE']}; ulimit -c {last['LimitCORE']}; exec \"$@\""
        own = [f"{key}={value}" for key, value in environment.items()]
        words = ["env", "-i", *own, "sh", "-c", limits, "sh", *drop, "--", *shlex.split(command)]
        return self.root.command(words)

    def signal(self, name, number):
        """To what nsenter started, which does not hand it on."""
        process = self.running[name].pid
        (child,) = pathlib.Path(f"/proc/{process}/task/{process}/children").read_text().split()
        os.kill(int(child), number)

    def logs(self):
        texts = []
        for log in sorted(self.root.work.glob("*.log")):
            texts.append(f"--- {log.name}\n{log.read_text(errors='replace')[-4000:]}")
        return "\n".join([*texts, *self.findings])
