#!/usr/bin/python3
"""tools/package --repository: apt, with a configuration of its own and nothing but this repository, takes what a
throw-away key signed, and refuses what was changed afterwards or signed by another one.

Usage: repository_test.py PACKAGES_DIR
"""

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
PACKAGES = None
KEY = "releases@partner-mirror.example"
NAMES = [f"partner-mirror-{part}" for part in ("agent", "doc", "server", "tools")]


def run(*command, **more):
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, **more)


class Repository(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        # Short, since gpg-agent's socket is in it; without a blank, since sources.list has none.
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="repository-"))
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        # apt reads as its own user.
        cls.folder.chmod(0o755)
        cls.keys = cls.home_with_key("keys")
        cls.repository = cls.folder / "repository"
        made = cls.make(cls.repository, cls.keys)
        assert made.returncode == 0, made.stdout + made.stderr

    @classmethod
    def home_with_key(cls, name, key=KEY):
        home = cls.folder / name
        home.mkdir(mode=0o700)
        environment = {**os.environ, "GNUPGHOME": str(home)}
        made = run("gpg", "--batch", "--passphrase", "", "--quick-generate-key", key, "ed25519", "sign", "1d",
                   env=environment)
        assert made.returncode == 0, made.stderr
        cls.addClassCleanup(run, "gpgconf", "--kill", "all", env=environment)
        return environment

    @classmethod
    def make(cls, repository, keys, key=KEY):
        return run(ROOT / "tools" / "packaging" / "make_repository", PACKAGES, repository, key, env=keys)

    def setUp(self):
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="apt-", dir=self.folder))
        self.root.chmod(0o755)
        for place in ("etc/apt/apt.conf.d", "etc/apt/preferences.d", "etc/apt/trusted.gpg.d", "lists/partial", "cache/archives/partial"):
            (self.root / place).mkdir(parents=True)
        (self.root / "status").write_text("")

    def apt(self, repository, *words, key=None):
        key = key or repository / "partner-mirror.asc"
        (self.root / "sources.list").write_text(f"deb [signed-by={key}] file:{repository} ./\n")
        (self.root / "apt.conf").write_text(
            f'Dir "{self.root}/";\nDir::State "{self.root}";\nDir::State::status "{self.root}/status";\n'
            f'Dir::Cache "{self.root}/cache";\nDir::Etc::sourcelist "{self.root}/sources.list";\n'
            f'Dir::Etc::sourceparts "-";\nAPT::Sandbox::User "root";\nAPT::Update::Error-Mode "any";\n'
        )
        environment = {**os.environ, "APT_CONFIG": str(self.root / "apt.conf"), "LC_ALL": "C"}
        return run("apt-get", *words, env=environment, cwd=self.root)

    def test_apt_takes_it_and_finds_every_package(self):
        update = self.apt(self.repository, "update")
        self.assertEqual(update.returncode, 0, update.stdout + update.stderr)
        self.assertNotIn("W:", update.stderr)
        got = self.apt(self.repository, "download", *NAMES)
        self.assertEqual(got.returncode, 0, got.stdout + got.stderr)
        for name in NAMES:
            there, made = (next(folder.glob(f"{name}_*.deb")) for folder in (self.root, PACKAGES))
            self.assertEqual(there.read_bytes(), made.read_bytes())

    def test_a_repository_that_was_changed_is_refused(self):
        changed = self.root / "changed"
        shutil.copytree(self.repository, changed)
        lists = (changed / "Packages").read_text()
        (changed / "Packages").write_text(lists.replace("Priority: optional", "Priority: required"))
        self.assertEqual(run("gzip", "-9nkf", changed / "Packages").returncode, 0)
        update = self.apt(changed, "update")
        self.assertNotEqual(update.returncode, 0)
        self.assertIn("Hash Sum mismatch", update.stderr)

    def test_another_key_is_refused(self):
        stranger = self.home_with_key("stranger")
        key = self.root / "stranger.asc"
        key.write_text(run("gpg", "--armor", "--export", KEY, env=stranger).stdout)
        update = self.apt(self.repository, "update", key=key)
        self.assertNotEqual(update.returncode, 0)
        self.assertIn("is not signed", update.stderr)

    def test_no_private_key_is_in_it(self):
        for path in self.repository.iterdir():
            self.assertNotIn(b"PRIVATE KEY", path.read_bytes() if path.suffix != ".deb" else b"")
        self.assertIn("BEGIN PGP PUBLIC KEY BLOCK", (self.repository / "partner-mirror.asc").read_text())

    def test_it_is_added_to_and_a_missing_key_is_an_error(self):
        old = self.folder / "older"
        shutil.copytree(self.repository, old)
        shutil.copy(next(old.glob("partner-mirror-doc_*.deb")), old / "partner-mirror-doc_0.0.1-1_all.deb")
        self.assertEqual(self.make(old, self.keys).returncode, 0)
        self.assertTrue((old / "partner-mirror-doc_0.0.1-1_all.deb").exists())
        nobody = {**self.keys, "GNUPGHOME": str(self.root)}
        self.assertNotEqual(self.make(self.root / "unsigned", nobody).returncode, 0)

    def test_a_strange_key_leaves_the_repository_as_it_was(self):
        same = self.folder / "same"
        shutil.copytree(self.repository, same)
        (same / "of-somebody").mkdir(mode=0o700)
        before = {path.name: path.read_bytes() for path in same.iterdir() if path.is_file()}
        made = self.make(same, self.keys, key="stranger@example.org")
        self.assertEqual(made.returncode, 1)
        self.assertIn("no secret key 'stranger@example.org'", made.stderr)
        self.assertEqual({path.name: path.read_bytes() for path in same.iterdir() if path.is_file()}, before)
        update = self.apt(same, "update")
        self.assertEqual(update.returncode, 0, update.stdout + update.stderr)
        self.assertEqual(self.make(same, self.keys).returncode, 0)
        self.assertEqual((same / "of-somebody").stat().st_mode & 0o777, 0o700, "what is not ours")

    def test_what_fails_on_the_way_leaves_the_repository_as_it_was(self):
        same, programs, newer = self.folder / "whole", self.root / "programs", self.root / "newer"
        shutil.copytree(self.repository, same)
        before = {path.name: path.read_bytes() for path in same.iterdir()}
        shutil.copytree(PACKAGES, newer)
        shutil.copy(next(newer.glob("partner-mirror-doc_*.deb")), newer / "partner-mirror-doc_9.9.9-1_all.deb")
        next(newer.glob("partner-mirror-tools_*.deb")).write_bytes(b"another one, and damaged")
        programs.mkdir()
        environment = {**self.keys, "PATH": f"{programs}:{os.environ['PATH']}"}
        # As with a passphrase that nobody types, and on a full disk.
        for name, words in (("gpg", "--clearsign"), ("gzip", ""), ("apt-ftparchive", "packages"), ("true", "the package")):
            real = shutil.which(name)
            (programs / name).write_text(f'#!/bin/sh\ncase "$*" in *{words}*) exit 2 ;; esac\nexec {real} "$@"\n')
            (programs / name).chmod(0o755)
            made = run(ROOT / "tools" / "packaging" / "make_repository", newer, same, KEY, env=environment)
            self.assertNotEqual(made.returncode, 0, name)
            self.assertIn("the repository is as it was", made.stderr, name)
            self.assertEqual({path.name: path.read_bytes() for path in same.iterdir()}, before, name)
            (programs / name).unlink()

    def test_what_fails_in_the_end_is_mended_by_another_run(self):
        # Its name is no pattern.
        half, programs = self.folder / "ha[l]f", self.root / "programs"
        shutil.copytree(self.repository, half)
        programs.mkdir()
        (programs / "mv").write_text('#!/bin/sh\ncase "$*" in *InRelease*) exit 1 ;; esac\nexec /bin/mv "$@"\n')
        (programs / "mv").chmod(0o755)
        made = self.make(half, {**self.keys, "PATH": f"{programs}:{os.environ['PATH']}"})
        self.assertEqual(made.returncode, 1, made.stderr)
        self.assertIn("the new packages are there, but the lists may not match them: run it again", made.stderr)
        self.assertNotIn("as it was", made.stderr)
        again = self.make(half, self.keys)
        self.assertEqual((again.returncode, again.stderr.count("run it again")), (0, 0), again.stderr)

    def test_two_at_a_time_are_refused(self):
        same = self.folder / "busy"
        shutil.copytree(self.repository, same)
        (same / ".made" / "packages").mkdir(parents=True)
        (same / ".made" / "packages" / "partner-mirror-doc_1_all.deb").write_text("of a run that was killed")
        self.assertEqual(self.make(same, self.keys).returncode, 0)
        self.assertFalse((same / ".made").exists())
        with subprocess.Popen(["flock", same, "sh", "-c", "echo has it; read end"], stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE, text=True) as other:
            other.stdout.readline()
            made = self.make(same, self.keys)
            other.communicate("\n")
        self.assertEqual(made.returncode, 1)
        self.assertIn("another make_repository runs in", made.stderr)
        self.assertEqual(self.make(same, self.keys).returncode, 0)

    def test_the_key_of_another_whose_name_has_ours_within_is_not_published(self):
        keys, other = self.home_with_key("ours"), self.home_with_key("others", KEY + ".evil.example")
        public = self.root / "other.asc"
        public.write_text(run("gpg", "--armor", "--export", env=other).stdout)
        self.assertEqual(run("gpg", "--batch", "--import", public, env=keys).returncode, 0)
        self.assertEqual(self.make(self.root / "repository", keys).returncode, 0)
        shown = run("gpg", "--batch", "--show-keys", self.root / "repository" / "partner-mirror.asc", env=keys).stdout
        self.assertEqual((shown.count("pub "), "evil" in shown), (1, False), shown)

    def test_what_is_not_ours_is_not_signed(self):
        same = self.root / "same"
        shutil.copytree(self.repository, same)
        (same / "below").mkdir()
        shutil.copy(next(same.glob("partner-mirror-doc_*.deb")), same / "below" / "libssl3_99_all.deb")
        made = self.make(same, self.keys)
        self.assertEqual(made.returncode, 1)
        self.assertIn("libssl3_99_all.deb' is not a package of this product", made.stderr)

    def test_packages_are_not_made_into_a_repository(self):
        before = sorted(self.repository.iterdir())
        for words, said in (
            (("--output", self.repository), "is a repository"),
            (("--output", self.root, "--repository", self.root, "--key", KEY), "is for packages: name another folder"),
            (("--repository", ROOT / "build" / "packages", "--key", KEY), "is for packages: name another folder"),
        ):
            used = run(ROOT / "tools" / "package", "--no-build", *words)
            self.assertEqual((used.returncode, used.stdout), (2, ""), words)
            self.assertIn(said, used.stderr)
        self.assertEqual(sorted(self.repository.iterdir()), before)

    def test_a_time_that_is_none(self):
        used = run(ROOT / "tools" / "package", "--no-build", env={**os.environ, "SOURCE_DATE_EPOCH": "yesterday"})
        self.assertEqual((used.returncode, used.stdout), (2, ""))
        self.assertIn("SOURCE_DATE_EPOCH is 'yesterday', which is not a time", used.stderr)

    def test_wrong_usage(self):
        for words in (["--repository", "x"], ["--key", "x"], ["--repository"], ["x"]):
            used = run(ROOT / "tools" / "package", *words)
            self.assertEqual((used.returncode, used.stdout), (2, ""), words)
            self.assertIn("see tools/package --help", used.stderr)


if __name__ == "__main__":
    PACKAGES = pathlib.Path(sys.argv.pop(1)).resolve()
    unittest.main()
