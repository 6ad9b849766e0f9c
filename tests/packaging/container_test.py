#!/usr/bin/python3
"""The container file and the compose file: what their instructions and keys are, and that they keep what
docs/operate/containers.md promises. With --steps (as root) the images' steps are done in clean roots and the page's
commands typed in them, with a root that nobody can write.

Usage: container_test.py [--steps PACKAGES_DIR]
"""

import contextlib
import json
import os
import pathlib
import re
import shlex
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
import unittest

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
FOLDER = ROOT / "tools" / "packaging"
PAGE = ROOT / "docs" / "operate" / "containers.md"
PACKAGES = None
TENANT = "Cust26759"
PATIENCE_S = 120
KNOWN = {"ARG", "FROM", "RUN", "COPY", "VOLUME", "EXPOSE", "STOPSIGNAL", "HEALTHCHECK", "CMD", "USER"}
ROLES = {
    "server": ("partner-mirror", "mirror-server", ["/etc/partner-mirror", "/var/lib/partner-mirror"]),
    "agent": (
        "partner-mirror-agent",
        "mirror-agent",
        ["/etc/partner-mirror-agent", "/var/lib/partner-mirror-agent", "/srv/source"],
    ),
}


def instructions():
    """{image: [(word, rest)]} of Containerfile; what stands before the first image is under ''."""
    images, current = {"": []}, ""
    for line in (FOLDER / "Containerfile").read_text().replace("\\\n", " ").splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        word, rest = line.split(None, 1)
        if word == "FROM":
            base, _, current = rest.split()
            assert base == "${BASE}", line
            images[current] = []
        images[current].append((word, rest))
    return images


def of(image, word):
    return [rest for found, rest in instructions()[image] if found == word]


class File(unittest.TestCase):
    def test_each_instruction_is_known_and_has_its_form(self):
        images = instructions()
        self.assertEqual(set(images), {"", *ROLES})
        for image, found in images.items():
            for word, rest in found:
                self.assertIn(word, KNOWN, f"{image}: {rest}")
                if word in ("VOLUME", "CMD"):
                    self.assertIsInstance(json.loads(rest), list)  # Without a shell that would swallow SIGTERM.

    def test_the_base_is_debian_12_and_stands_once(self):
        self.assertEqual(of("", "ARG"), ["BASE=debian:12-slim"])

    def test_each_image_runs_its_program_as_its_own_user_from_its_own_folders(self):
        numbers = set()
        for image, (user, program, folders) in ROLES.items():
            self.assertEqual(instructions()[image][-1], ("USER", f"{user}:{user}"), "the last word, so that nothing follows as root")
            (volumes,) = of(image, "VOLUME")
            self.assertEqual(json.loads(volumes), folders)
            (command,) = of(image, "CMD")
            self.assertEqual(json.loads(command)[0], program)
            self.assertTrue(json.loads(command)[-1].startswith(folders[0]), command)
            self.assertEqual(of(image, "STOPSIGNAL"), ["SIGTERM"])
            made = of(image, "RUN")[0]
            numbers.add(re.search(r"--uid (\d+) ", made)[1])
            self.assertTrue(made.endswith(f" {user}"), made)
        self.assertEqual(len(numbers), len(ROLES))

    def test_only_sources_can_reach_a_port(self):
        self.assertEqual(of("server", "EXPOSE"), ["7443"])
        self.assertEqual(of("agent", "EXPOSE"), [])

    def test_the_health_check_asks_the_metrics(self):
        for image, port in (("server", 7445), ("agent", 7446)):
            (check,) = of(image, "HEALTHCHECK")
            words = json.loads(check[check.index(" CMD ") + 5 :])
            self.assertEqual(words[:2], ["bash", "-c"])
            self.assertIn(f"/dev/tcp/127.0.0.1/{port}", words[2])
            self.assertIn("/healthz", words[2])
            # As the configuration that `init` writes has it.
            page = (ROOT / "docs" / "reference" / f"{image}-toml.md").read_text()
            self.assertRegex(page, rf"\| `?{port}`? \|")

    def test_no_secret_and_no_key_is_in_an_image(self):
        text = (FOLDER / "Containerfile").read_text() + (FOLDER / "compose.yaml").read_text()
        self.assertEqual(re.findall(r"(?i:password|secret|token)|BEGIN|\.key\b|\.pem\b|\bENV\b|\bADD\b", text), [])
        for image in ROLES:
            self.assertNotRegex(" ".join(of(image, "RUN")), r"mirrorctl|init")

    def test_what_is_copied_are_packages(self):
        for image, (_, program, _) in ROLES.items():
            (copied,) = of(image, "COPY")
            *patterns, into = copied.split()
            self.assertEqual(patterns, [f"partner-{program}_*.deb", "partner-mirror-tools_*.deb"])
            self.assertIn(f"{into}*.deb ", of(image, "RUN")[1])
            if PACKAGES is not None:
                for pattern in patterns:
                    self.assertEqual(len(list(PACKAGES.glob(pattern))), 1, pattern)


class Compose(unittest.TestCase):
    def setUp(self):
        self.text = yaml.safe_load((FOLDER / "compose.yaml").read_text())

    def test_it_is_one_endpoint_and_one_agent_of_the_two_images(self):
        services = self.text["services"]
        self.assertEqual(list(services), ["endpoint", "agent"])
        for service, target in (("endpoint", "server"), ("agent", "agent")):
            build = services[service]["build"]
            self.assertEqual(build["target"], target)
            context = (FOLDER / build["context"]).resolve()
            self.assertEqual(context, ROOT / "build" / "packages")
            self.assertEqual((context / build["dockerfile"]).resolve(), FOLDER / "Containerfile")
            self.assertEqual(services[service]["image"], f"partner-mirror-{target}")

    def test_nothing_is_writable_but_volumes(self):
        named = set()
        for service, image in (("endpoint", "server"), ("agent", "agent")):
            found = self.text["services"][service]
            self.assertIs(found["read_only"], True)
            self.assertEqual(found["tmpfs"], ["/tmp"])
            self.assertEqual(found["cap_drop"], ["ALL"])
            self.assertEqual(found["security_opt"], ["no-new-privileges:true"])
            self.assertEqual(found["stop_grace_period"], "60s")
            volumes = dict(reversed(volume.split(":")) for volume in found["volumes"])
            self.assertEqual(sorted(volumes), sorted(ROLES[image][2]))
            self.assertEqual(named & set(volumes.values()), set(), "no volume is shared by both")
            named |= set(volumes.values())
            for key in ("privileged", "network_mode", "environment", "user", "pid"):
                self.assertNotIn(key, found)
        self.assertEqual(set(self.text["volumes"]), named)
        for name in named:
            self.assertIn(f"`{name}`", PAGE.read_text())

    def test_the_administration_is_not_published(self):
        self.assertEqual(self.text["services"]["endpoint"]["ports"], ["7443:7443"])
        self.assertNotIn("ports", self.text["services"]["agent"])


def typed(name):
    """The commands of a block of the page."""
    found = re.search(rf"^```sh {name}\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    return found[1].splitlines()


class Steps(unittest.TestCase):
    """Two roots with one network, as a compose file makes them; both are what the container file's steps make of a base."""

    def setUp(self):
        if PACKAGES is None:
            self.skipTest("without --steps")
        import clean_root

        self.running = {}
        self.work = pathlib.Path(tempfile.mkdtemp(prefix="container-"))
        self.addCleanup(shutil.rmtree, self.work, ignore_errors=True)
        self.roots = {"endpoint": self.enterContext(clean_root.CleanRoot(included=""))}
        self.roots["agent"] = self.enterContext(clean_root.CleanRoot(included="", network=self.roots["endpoint"]))
        self.images = {"endpoint": "server", "agent": "agent"}
        for service, root in self.roots.items():
            self.make(root, self.images[service])

    def make(self, root, image):
        for word, rest in instructions()[image]:
            if word == "COPY":
                *patterns, into = rest.split()
                folder = root.path / into.strip("/")
                folder.mkdir(parents=True)
                for pattern in patterns:
                    (package,) = PACKAGES.glob(pattern)
                    shutil.copy(package, folder)
            elif word == "RUN":
                with root.online():
                    root.run("sh", "-c", rest, online=True)
        (root.path / "etc" / "hosts").write_text("127.0.0.1 localhost endpoint agent\n")
        root.make_read_only(ROLES[image][2])

    def words(self, service, command):
        """As the image's user, without capabilities; the root's own environment."""
        user = ROLES[self.images[service]][0]
        drop = ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", "--no-new-privs", "--bounding-set=-all", "--"]
        return self.roots[service].command([*drop, *command])

    def run_in(self, service, command, stdin=None, check=True):
        done = subprocess.run(
            self.words(service, command),
            env=self.roots[service].environment(),
            stdin=stdin or subprocess.DEVNULL,
            capture_output=True,
            timeout=PATIENCE_S,
            check=False,
        )
        if check:
            self.assertEqual(done.returncode, 0, f"{service} {command}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}")
        return done

    def type_in(self, lines):
        for line in lines:
            words = shlex.split(line)
            self.assertEqual(words[0], "compose")
            if words[1] == "up":
                self.up(words[-1])
                continue
            self.assertEqual(words[1 : words.index("-T") + 1], ["exec", "-T"] if words[1] == "exec" else ["run", "--rm", "-T"])
            service, *command = words[words.index("-T") + 1 :]
            with contextlib.ExitStack() as files:
                stdin = out = None
                if "<" in command:
                    stdin = files.enter_context((self.work / command[-1]).open("rb"))
                    command = command[:-2]
                elif ">" in command:
                    out, command = command[-1], command[:-2]
                done = self.run_in(service, command, stdin)
            if out is not None:
                (self.work / out).write_bytes(done.stdout)
            self.said = done.stdout.decode()

    def up(self, service):
        (command,) = of(self.images[service], "CMD")
        log = (self.work / f"{service}.log").open("ab")
        self.running[service] = subprocess.Popen(
            self.words(service, json.loads(command)), env=self.roots[service].environment(), stdout=log, stderr=log
        )
        log.close()
        self.until(lambda: self.healthy(service), f"{service} is not healthy")

    def healthy(self, service):
        (check,) = of(self.images[service], "HEALTHCHECK")
        return self.run_in(service, json.loads(check[check.index(" CMD ") + 5 :]), check=False).returncode == 0

    def until(self, holds, what):
        end = time.monotonic() + PATIENCE_S
        while not holds():
            logs = "\n".join(log.read_text()[-3000:] for log in self.work.glob("*.log"))
            self.assertLess(time.monotonic(), end, f"{what}\n{logs}")
            time.sleep(0.2)

    def test_the_commands_of_the_page(self):
        (toml,) = re.findall(r"^```toml\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
        (self.work / "customer.toml").write_text("\n" + toml)
        source = self.roots["agent"].path / "srv" / "source"
        shutil.copy(ROOT / "tests" / "data" / "chinook.sqlite", source / "crm.db")
        # An application's of another container, which shares the group and nothing else.
        group = self.roots["agent"].as_user("partner-mirror-agent").pw_gid
        for path, mode in ((source, 0o2770), (source / "crm.db", 0o660)):
            os.chown(path, 1000, group)
            path.chmod(mode)
        self.type_in(typed("keys"))
        self.type_in(typed("agent"))
        for service in self.roots:
            refused = self.run_in(service, ["touch", "/usr/x"], check=False)
            self.assertIn(b"Read-only file system", refused.stderr)
            self.assertFalse(self.healthy(service))
        *before, look = typed("work")
        self.type_in(before)
        mirror = self.roots["endpoint"].path / "var" / "lib" / "partner-mirror" / f"Mirror_{TENANT}.db"
        self.until(lambda: mirror.exists() and self.tracks(mirror) == 3503, "the table is not mirrored")
        self.type_in([look])
        self.assertRegex(self.said, r"(?m)^Track .* mirrored ")
        keys = {path.name for path in (self.roots["agent"].path / "etc" / "partner-mirror-agent").rglob("*.key")}
        self.assertEqual(keys, {"source-1.key"})
        for service in ("agent", "endpoint"):
            inner = pathlib.Path(f"/proc/{self.running[service].pid}/task/{self.running[service].pid}/children").read_text()
            subprocess.run(["kill", "-TERM", inner.strip()], check=True)
            self.assertEqual(self.running[service].wait(60), 0, service)

    @staticmethod
    def tracks(mirror):
        try:
            with contextlib.closing(sqlite3.connect(f"file:{mirror}?mode=ro", uri=True)) as database:
                return database.execute("SELECT count(*) FROM Track").fetchone()[0]
        except sqlite3.OperationalError:
            return 0


if __name__ == "__main__":
    if "--steps" in sys.argv:
        at = sys.argv.index("--steps")
        PACKAGES = pathlib.Path(sys.argv.pop(at + 1)).resolve()
        sys.argv.pop(at)
    unittest.main(verbosity=2)
