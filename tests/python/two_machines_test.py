#!/usr/bin/python3
"""Types the commands of tools/DEPLOYING.md, on two folders that stand for two machines: what the page says is enough to
get from nothing to a second customer, over a certificate with a host's name.

Usage: two_machines_test.py BIN_DIR
"""

import os
import pathlib
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import unittest

import sanitizer_words
import whole_lines

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGE = ROOT / "tools" / "DEPLOYING.md"
BIN = None
PATIENCE_S = 120
BLOCK = re.compile(r"^```sh (mirror|source)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
DROP_IN = "etc/systemd/system/mirror-agent.service.d/sources.conf"
# What a folder is not: `scp FILE HOST:` puts a file into the other one.
PRELUDE = """set -eu
chown() { :; }
runuser() { shift 3; "$@"; }
scp() { cp "$1" "$OTHER/"; }
mirrorctl() {
  if [ "${1-} ${2-}" != "init --system" ]; then command mirrorctl "$@"; return; fi
  shift 2
  command mirrorctl init --system --root "$ROOT" "$@"
}
"""


def blocks():
    """(machine, commands), in the page's order."""
    return BLOCK.findall(PAGE.read_text())


def host_name():
    """A name that leads to this machine's loopback and that a certificate can have."""
    name = socket.gethostname()
    try:
        here = all(info[4][0].startswith("127.") for info in socket.getaddrinfo(name, 0))
    except OSError:
        here = False
    return name if here and re.fullmatch(r"[a-zA-Z0-9][a-zA-Z0-9.-]*", name) else "localhost"


def replace_in(path, pattern, text):
    before = path.read_text()
    after, count = re.subn(pattern, text, before, flags=re.MULTILINE)
    assert count == 1, f"{path}: {pattern} stands {count} times:\n{before}"
    path.write_text(after)


class TwoMachines(unittest.TestCase):
    def setUp(self):
        self.work = pathlib.Path(tempfile.mkdtemp(prefix="two-machines-"))
        self.addCleanup(shutil.rmtree, self.work, ignore_errors=True)
        for machine in ("mirror", "source"):
            for folder in ("etc", "var/lib", "srv", "home"):
                (self.work / machine / folder).mkdir(parents=True)
        # What the packages bring: their users, here whoever runs the test or, for root, another; and the agent's folders.
        self.user = (os.getuid(), os.getgid()) if os.getuid() != 0 else (61001, 61001)
        (self.work / "mirror" / "etc" / "passwd").write_text("partner-mirror:x:{}:{}::/:/bin/sh\n".format(*self.user))
        self.work.chmod(0o711)  # That user comes this way.
        (self.work / "source" / "etc" / "partner-mirror-agent").mkdir(mode=0o750)
        self.host = host_name()
        self.port = None
        self.server = None
        self.known = None  # What systemd has read of the agent's drop-in.
        self.addCleanup(self.end_server)
        for number in (26759, 26760, 26761, 26762):
            database = sqlite3.connect(self.work / "source" / "srv" / f"Cust{number}.db")
            database.execute("CREATE TABLE contact (id INTEGER PRIMARY KEY, name TEXT)")
            database.execute("INSERT INTO contact VALUES (1, 'Ada'), (2, ?)", (str(number),))
            database.commit()
            database.close()

    def etc(self, machine, file):
        return self.work / machine / "etc" / ("partner-mirror" if machine == "mirror" else "partner-mirror-agent") / file

    # --- The page's commands ---

    def type_in(self, machine, commands):
        """A block line by line; what it asks of services the test does."""
        for part in re.split(r"^(systemctl .*\n)", commands, flags=re.MULTILINE):
            if part.startswith("systemctl "):
                self.do_service(part.split())
            elif part:
                done = self.shell(machine, part)
                self.assertEqual(done.returncode, 0, f"{part}\n{done.stdout}\n{done.stderr}")

    def shell(self, machine, commands):
        for path, own in (("/etc/", "etc/"), ("/var/lib/", "var/lib/"), ("/srv/crm/", "srv/")):
            commands = commands.replace(path, f"{self.work}/{machine}/{own}")
        commands = commands.replace("mirror.example.org", self.host)
        commands = commands.replace(" || true\n", " > doctor.txt || [ $? = 1 ]\n")
        other = self.work / ("source" if machine == "mirror" else "mirror") / "home"
        environment = dict(os.environ, PATH=f"{BIN}:{os.environ['PATH']}", OTHER=str(other), ROOT=str(self.work / machine))
        environment.pop("MIRRORCTL_CONFIG", None)
        done = subprocess.run(
            ["/bin/bash", "-c", PRELUDE + commands],
            cwd=self.work / machine / "home",
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
        sanitizer_words.check(done.stderr)
        return done

    def do_service(self, words):
        if words[1:] == ["daemon-reload"]:
            self.known = (self.work / "source" / DROP_IN).read_text()
            return
        if words[-1] == "mirror-agent":
            # Its cycles are those of the page, outside of the service's walls.
            self.assertEqual(self.known, "[Service]\nReadWritePaths=/srv/crm\n", "the service is kept out of the folder")
            return
        if words[1] == "reload":
            self.server.send_signal(signal.SIGHUP)
            # Answered when the server has read its configuration again.
            done = self.shell("mirror", "mirrorctl --config /etc/partner-mirror/mirrorctl.toml keys --reload\n")
            self.assertEqual(done.returncode, 0, done.stderr)
            return
        self.assertEqual(words[1:], ["enable", "--now", "mirror-server"])
        self.start_server()

    def start_server(self):
        """On free ports, which are then told to both sides; who listens where is the page's. The folders of data are of
        these machines."""
        configuration = self.etc("mirror", "mirror-server.toml")
        replace_in(configuration, r'^dir = "/var/lib/partner-mirror"', f'dir = "{self.work}/mirror/var/lib/partner-mirror"')
        for port in ("7443", "7444", "7445"):
            replace_in(configuration, rf"^port = {port}\b", "port = 0")
        with (self.work / "server.err").open("ab") as log:
            self.server = subprocess.Popen(
                [BIN / "mirror-server", "--config", configuration],
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                **({"user": self.user[0], "group": self.user[1], "extra_groups": []} if os.getuid() == 0 else {}),
            )
        line = self.server.stdout.readline()
        ready = re.search(r"sources on 0\.0\.0\.0:(\d+), admin on 127\.0\.0\.1:(\d+)", line)
        self.assertTrue(ready, line + (self.work / "server.err").read_text())
        agent = self.etc("source", "mirror-agent.toml")
        state = f"{self.work}/source/var/lib/partner-mirror-agent"
        replace_in(agent, r'^state_dir = "/var/lib/partner-mirror-agent"', f'state_dir = "{state}"')
        replace_in(agent, rf'^address = "{re.escape(self.host)}:7443"', f'address = "{self.host}:{ready[1]}"')
        replace_in(self.etc("mirror", "mirrorctl.toml"), r'^address = "127\.0\.0\.1:7444"', f'address = "127.0.0.1:{ready[2]}"')

    def end_server(self):
        if self.server is None:
            return
        self.server.terminate()
        self.assertEqual(self.server.wait(PATIENCE_S), 0)
        self.server.stdout.close()
        sanitizer_words.check_file(self.work / "server.err")

    def once(self, tenant):
        agent = "/etc/partner-mirror-agent/mirror-agent.toml"
        return self.shell("source", f"mirror-agent once --json --config {agent} --context-id {tenant}\n")

    def contacts(self, tenant):
        mirror = sqlite3.connect(self.work / "mirror" / "var" / "lib" / "partner-mirror" / f"Mirror_{tenant}.db")
        try:
            return mirror.execute("SELECT id, name FROM contact ORDER BY id").fetchall()
        finally:
            mirror.close()

    # --- What it claims ---

    def test_the_page_leads_from_nothing_to_further_customers(self):
        page = blocks()
        self.assertEqual([machine for machine, _ in page], ["mirror", "source"] * 2 + ["mirror", "mirror", "source"])
        *first, (_, allow), (_, second) = page
        for machine, commands in first:
            self.type_in(machine, commands)
        self.assertEqual(self.contacts("Cust26759"), [(1, "Ada"), (2, "26759")])
        doctor = (self.work / "source" / "home" / "doctor.txt").read_text()
        self.assertEqual(re.findall(r"^(?:WARN|FAIL|SKIP).*", doctor, re.MULTILINE), re.findall(r"^WARN  Cust26759 proof .*", doctor, re.MULTILINE))
        self.assertIn("11 steps, 1 need", doctor)
        self.check_files()

        # As `init` has it, each customer but the first is refused, in words that say by what.
        block = second[second.index("\n[[source]]") : second.index("END\nrunuser")]
        agent = self.etc("source", "mirror-agent.toml")
        before = agent.read_text()
        agent.write_text(before + self.local(block))
        refused = self.once("Cust26760")
        self.assertEqual(refused.returncode, 1, refused.stdout)
        self.assertIn("add it to 'contexts'", whole_lines.joined(refused.stderr))
        agent.write_text(before)

        self.type_in("mirror", allow)
        self.type_in("source", second)
        self.assertEqual(self.contacts("Cust26760"), [(1, "Ada"), (2, "26760")])
        # And so on, without a word to the mirror.
        for tenant in ("Cust26761", "Cust26762"):
            self.type_in("source", second.replace("Cust26760", tenant))
            self.assertEqual(self.contacts(tenant), [(1, "Ada"), (2, tenant[4:])])

    def init(self, *arguments):
        folder = tempfile.mkdtemp(dir=self.work)
        done = subprocess.run(
            [BIN / "mirrorctl", "init", "--dir", f"{folder}/m", "--context-id", "Cust", *arguments],
            capture_output=True,
            text=True,
            check=False,
        )
        sanitizer_words.check(done.stderr)
        return done, pathlib.Path(folder) / "m"

    def names_in(self, certificate):
        return subprocess.run(
            ["openssl", "x509", "-noout", "-ext", "subjectAltName", "-in", certificate],
            capture_output=True,
            text=True,
            check=True,
        ).stdout

    def test_hosts_are_in_both_certificates_and_the_agent_calls_the_first(self):
        for hosts, listens, calls, named in (
            (["*.example.org,mirror.example.org"], "0.0.0.0", "mirror.example.org:7443", "DNS:*.example.org, DNS:mirror.example.org"),
            (["2001:db8::7", "--host", "m.example.org"], "::", "[2001:db8::7]:7443", "IP Address:2001:DB8:0:0:0:0:0:7, DNS:m.example.org"),
            (["10.0.0.7"], "0.0.0.0", "10.0.0.7:7443", "IP Address:10.0.0.7"),
        ):
            with self.subTest(hosts=hosts):
                done, folder = self.init("--host", *hosts)
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertIn("The source's machine gets", done.stdout)
                for listener in ("tls", "admin"):
                    self.assertIn(named, self.names_in(folder / listener / "server.crt"))
                server = (folder / "mirror-server.toml").read_text()
                self.assertEqual(re.findall(r'^address = "([^"]*)"', server, re.MULTILINE), [listens, *["127.0.0.1"] * 3])
                self.assertIn(f'address = "{calls}"', (folder / "mirror-agent.toml").read_text())
                self.assertIn('address = "127.0.0.1:7444"', (folder / "mirrorctl.toml").read_text())
                checked = subprocess.run(
                    [BIN / "mirror-server", "--config", folder / "mirror-server.toml", "--check-config"],
                    capture_output=True,
                    text=True,
                    check=False,
                )
                self.assertEqual(checked.returncode, 0, checked.stderr)

    def test_without_hosts_everything_is_on_loopback(self):
        done, folder = self.init()
        self.assertEqual(done.returncode, 0, done.stderr)
        server = (folder / "mirror-server.toml").read_text()
        self.assertEqual(re.findall(r'^address = "([^"]*)"', server, re.MULTILINE), ["127.0.0.1"] * 4)
        self.assertIn('contexts = ["Cust", "Cust-*"]', server)
        self.assertNotIn("The source's machine gets", done.stdout)

    def test_contexts_are_patterns_of_ids(self):
        done, folder = self.init("--contexts", "Cust*,Other_1")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn('contexts = ["Cust*", "Other_1"]', (folder / "mirror-server.toml").read_text())

    def test_what_is_no_host_and_no_pattern_makes_nothing(self):
        for wrong in (
            ["--host", "mirror.example.org:7443"],
            ["--host", "https://mirror.example.org"],
            ["--host", "*.example.org"],
            ["--host", "a.example.org,b c"],
            ["--contexts", "Cust.*"],
            ["--contexts", "Cust*\n"],
        ):
            with self.subTest(wrong=wrong):
                done, folder = self.init(*wrong)
                self.assertEqual(done.returncode, 1, done)
                self.assertRegex(whole_lines.joined(done.stderr), "Nothing was (made|written)")
                self.assertFalse(folder.exists())

    def local(self, text):
        return text.replace("/srv/crm/", f"{self.work}/source/srv/")

    def check_files(self):
        """No secret of one side is on the other, and the certificate names the host."""
        mirror, source = self.work / "mirror", self.work / "source"
        keys = {file.relative_to(source / "etc" / "partner-mirror-agent") for file in source.rglob("*.key")}
        self.assertEqual(keys, {pathlib.Path("source/source-1.key")})
        secret = (self.etc("source", "source/source-1.key")).read_bytes()
        for file in mirror.rglob("*"):
            self.assertFalse(file.is_file() and file.read_bytes() == secret, file)
        self.assertFalse(self.etc("mirror", "source").exists())
        self.assertIn(f"DNS:{self.host}", self.names_in(self.etc("mirror", "tls/server.crt")))


if __name__ == "__main__":
    BIN = pathlib.Path(sys.argv.pop(1)).resolve()
    unittest.main(verbosity=2)
