#!/usr/bin/python3
"""tools/release in a small repository, with programs in the place of tools/check, tools/package and sbom.py that only
play. reproducible_test.py builds the real packages twice. And which time tools/package gives them."""

import fcntl
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
CMAKE = "cmake_minimum_required(VERSION 3.25)\nproject(mirror VERSION {} LANGUAGES C CXX)\n"
CHANGELOG = "# Changelog\n\n## 0.2.0 (not released)\n\n- New.\n\n## 0.1.0 (2026-01-01)\n\n- Old.\n"
PAGE = "It is 0.2.0.\n\n```console\n$ mirror-server --version\nmirror-server 0.2.0\n3|0.2.0\n```\n"
# Says what it was given, and makes packages whose bytes are those of commit and time.
PACKAGE = """
echo "package cache=$CCACHE_DISABLE epoch=$SOURCE_DATE_EPOCH" >> "$CALLS"
mkdir -p build/packages
for name in server tools; do echo "$name $(git rev-parse HEAD) $SOURCE_DATE_EPOCH" > build/packages/$name.deb; done
"""
SBOM = 'ls "$1" > "$2"; echo "$SOURCE_DATE_EPOCH" >> "$2"'
EPOCH = "1800000000"  # 2027-01-15


class Release(unittest.TestCase):
    def setUp(self):
        self.work = pathlib.Path(tempfile.mkdtemp(prefix="release "))
        self.addCleanup(shutil.rmtree, self.work)
        self.root, self.calls = self.work / "repository", self.work / "calls"
        self.calls.write_text("")
        for name in ("tools/release", "tools/lib/steps.sh"):
            (self.root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, self.root / name)
        self.script("tools/check", 'echo "check $*" >> "$CALLS"')
        self.script("tools/package", PACKAGE)
        self.script("tools/packaging/sbom.py", SBOM)
        self.write("CMakeLists.txt", CMAKE.format("0.2.0"))
        self.write("CHANGELOG.md", CHANGELOG)
        self.write("docs/page.md", PAGE)
        self.write("tools/nightly", "former_version=0.1.0\nformer_commit=cb72ee5\necho $former_version\n")
        self.write(".gitignore", "/build/\n")
        self.write("tests/data/old/0.2.0/files.tar.xz", "")
        self.git("init", "-q", "-b", "main")
        self.git("config", "user.name", "A Releaser")
        self.git("config", "user.email", "releaser@example.org")
        self.commit()
        self.out = self.root / "build" / "release-0.2.0"

    def write(self, name, text):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def script(self, name, body):
        self.write(name, f"#!/usr/bin/env bash\nset -e\n{body}\n").chmod(0o755)

    def git(self, *arguments):
        done = subprocess.run(["git", *arguments], cwd=self.root, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    def commit(self):
        self.git("add", "-A")
        self.git("commit", "-q", "-m", "what there is")

    def release(self, *arguments, **env):
        return subprocess.run(
            [self.root / "tools" / "release", *arguments],
            env={**os.environ, "CALLS": str(self.calls), "SOURCE_DATE_EPOCH": EPOCH, **env},
            cwd=self.work,
            capture_output=True,
            text=True,
            check=False,
        )

    def refused(self, words, *arguments, code=1):
        before = self.git("log", "--format=%H"), self.git("tag"), self.git("status", "--porcelain")
        done = self.release(*arguments)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        self.assertIn(words, done.stderr)
        self.assertEqual(before, (self.git("log", "--format=%H"), self.git("tag"), self.git("status", "--porcelain")))
        self.assertEqual(self.calls.read_text(), "", "nothing was begun")
        if code == 1:
            self.assertIn("Nothing was changed. Then: tools/release", done.stderr)

    # --- What is released ---

    def test_a_release(self):
        done = self.release("0.2.0")
        self.assertEqual((done.returncode, done.stderr), (0, ""), done.stdout)
        released = self.git("rev-parse", "v0.2.0^{commit}")
        self.assertEqual(self.git("rev-parse", "HEAD~1"), released)
        self.assertEqual(self.git("cat-file", "-t", "v0.2.0"), "tag")
        time = self.git("log", "-1", "--format=%ct", released)
        self.assertEqual(
            self.calls.read_text().splitlines(), ["check --all"] + [f"package cache=1 epoch={time}"] * 2
        )
        self.assertIn("## 0.2.0 (2027-01-15)\n", self.git("show", "v0.2.0:CHANGELOG.md"))
        self.assertNotIn("not released", self.git("show", "v0.2.0:CHANGELOG.md"))
        self.assertEqual(
            sorted(path.name for path in self.out.iterdir()), ["SHA256SUMS", "sbom.cdx.json", "server.deb", "tools.deb"]
        )
        self.assertIn(released, (self.out / "server.deb").read_text())
        self.assertIn(time, (self.out / "sbom.cdx.json").read_text())
        subprocess.run(["sha256sum", "--quiet", "--strict", "-c", "SHA256SUMS"], cwd=self.out, check=True)
        self.assertEqual(len((self.out / "SHA256SUMS").read_text().splitlines()), 3)
        self.assertIn("git push --follow-tags", done.stdout)

    def test_the_next_version_begins(self):
        self.assertEqual(self.release("0.2.0", "--skip-check").returncode, 0)
        self.assertEqual((self.root / "CMakeLists.txt").read_text(), CMAKE.format("0.3.0"))
        changelog = (self.root / "CHANGELOG.md").read_text()
        self.assertTrue(changelog.startswith("# Changelog\n\n## 0.3.0 (not released)\n\n## 0.2.0 (2027-01-15)\n\n- New."), changelog)
        page = (self.root / "docs" / "page.md").read_text()
        self.assertEqual(page, PAGE.replace("server 0.2.0", "server 0.3.0").replace("3|0.2.0", "3|0.3.0"), "what programs say")
        released = self.git("rev-parse", "v0.2.0^{commit}")
        nightly = (self.root / "tools" / "nightly").read_text()
        self.assertEqual(nightly, f"former_version=0.2.0\nformer_commit={released}\necho $former_version\n")
        self.assertEqual(self.git("status", "--porcelain"), "")
        self.assertNotIn("check", self.calls.read_text())

    def test_what_is_said_takes_it_back_and_nothing_else(self):
        before = self.git("rev-parse", "HEAD^{tree}")
        done = self.release("0.2.0", "--skip-check")
        undo = next(line for line in done.stdout.splitlines() if "git tag -d" in line)
        subprocess.run(["bash", "-c", undo], cwd=self.root, check=True, capture_output=True)
        self.assertEqual((self.git("tag"), self.git("rev-parse", "HEAD^{tree}")), ("", before))
        self.assertNotIn("reset", done.stdout + (ROOT / "tools" / "release").read_text())

    def test_a_signed_release(self):
        home = self.work / "gnupg"
        home.mkdir(mode=0o700)
        env = {"GNUPGHOME": str(home)}
        if shutil.which("gpg") is None:
            self.skipTest("no gpg here")
        self.addCleanup(subprocess.run, ["gpgconf", "--kill", "all"], env={**os.environ, **env}, check=False)
        subprocess.run(
            ["gpg", "--batch", "--quiet", "--passphrase", "", "--quick-gen-key", "releases@example.org", "ed25519", "sign"],
            env={**os.environ, **env},
            check=True,
            capture_output=True,
        )
        done = self.release("0.2.0", "--skip-check", "--key", "releases@example.org", **env)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        for command in (
            ["gpg", "--verify", self.out / "SHA256SUMS.asc", self.out / "SHA256SUMS"],
            ["git", "-C", self.root, "verify-tag", "v0.2.0"],
        ):
            subprocess.run(command, env={**os.environ, **env}, check=True, capture_output=True)

    # --- What is refused, before anything was done ---

    def test_usage(self):
        for words, arguments in {
            "three numbers, not '0.2'": ("0.2",),
            "not 'v0.2.0'": ("v0.2.0",),
            "not '0.02.0'": ("0.02.0",),
            "which version?": (),
            "unknown argument '--fast'": ("0.2.0", "--fast"),
            "--key needs": ("0.2.0", "--key"),
            "not '0.2.0' and '0.3.0'": ("0.2.0", "0.3.0"),
        }.items():
            with self.subTest(words=words):
                self.refused(words, *arguments, code=2)
        self.assertEqual(self.release("--help").returncode, 0)

    def test_a_tree_that_is_not_clean(self):
        self.write("new.txt", "")
        self.refused("the tree is not clean", "0.2.0")

    def test_no_branch(self):
        self.git("checkout", "-q", "--detach")
        self.refused("no branch is checked out", "0.2.0")

    def test_another_version_than_the_programs(self):
        self.refused("CMakeLists.txt says VERSION 0.2.0", "0.3.0")

    def test_a_version_that_is_not_higher(self):
        self.git("tag", "v0.10.0")
        self.refused("0.2.0 is not higher than 0.10.0", "0.2.0")
        self.git("tag", "-d", "v0.10.0")
        self.write("CHANGELOG.md", CHANGELOG.replace("## 0.1.0", "## 0.9.0"))
        self.commit()
        self.refused("0.2.0 is not higher than 0.9.0", "0.2.0")

    def test_a_former_version_that_nobody_moved_on(self):
        self.git("tag", "v0.1.5")
        self.refused("tries rolling updates from '0.1.0', and the last release is 0.1.5", "0.2.0")

    def test_a_time_that_is_none(self):
        done = self.release("0.2.0", SOURCE_DATE_EPOCH="yesterday")
        self.assertEqual((done.returncode, self.calls.read_text()), (2, ""))
        self.assertIn("SOURCE_DATE_EPOCH is 'yesterday', which is not a time", done.stderr)

    def test_a_version_that_is_tagged(self):
        self.git("tag", "v0.2.0")
        self.refused("v0.2.0 is there already", "0.2.0")

    def test_another_run_at_work(self):
        trees = self.write("build/releasing/one/x", "")
        folder = os.open(self.root, os.O_RDONLY)
        self.addCleanup(os.close, folder)
        fcntl.flock(folder, fcntl.LOCK_EX)
        self.refused("another tools/release runs in this folder: wait for it", "0.2.0")
        self.assertTrue(trees.exists(), "that one's")

    def test_a_changelog_without_its_section(self):
        self.write("CHANGELOG.md", CHANGELOG.replace("0.2.0 (not", "0.1.9 (not"))
        self.commit()
        self.refused("begins with '## 0.1.9 (not released)'", "0.2.0")

    def test_a_version_whose_files_are_not_kept(self):
        self.git("rm", "-q", "-r", "tests")
        self.commit()
        self.refused("tests/data/old/0.2.0 is not there", "0.2.0")

    def test_a_key_that_gpg_has_not(self):
        self.refused("gpg has no secret key 'none@example.org'", "0.2.0", "--key", "none@example.org")

    # --- What fails on the way ---

    def failed(self, step, state, *arguments):
        done = self.release("0.2.0", *arguments)
        self.assertEqual(done.returncode, 1, done.stdout)
        self.assertIn(step, done.stderr)
        self.assertIn(state, done.stderr)
        self.assertEqual(self.git("tag"), "", "nothing is tagged")
        self.assertEqual((self.root / "CMakeLists.txt").read_text(), CMAKE.format("0.2.0"))
        return done

    def test_the_check_fails(self):
        self.script("tools/check", "exit 1")
        self.commit()
        self.failed("step 2 of 8 failed: tools/check --all", "Nothing was changed. Then: tools/release 0.2.0")
        self.assertEqual((self.root / "CHANGELOG.md").read_text(), CHANGELOG)

    def test_a_build_fails_and_the_next_run_goes_on(self):
        self.script("tools/package", "echo 'no compiler' >&2; exit 1")
        self.commit()
        done = self.failed("step 3 of 7 failed: tools/package", "The changelog is dated and committed, nothing is tagged", "--skip-check")
        self.assertIn("no compiler", done.stderr)
        self.script("tools/package", PACKAGE)
        self.commit()
        self.assertEqual(self.release("0.2.0", "--skip-check").returncode, 0)
        self.assertEqual(self.git("show", "v0.2.0:CHANGELOG.md").count("0.2.0 (2027-01-15)"), 1)

    def test_builds_that_differ(self):
        self.script("tools/package", PACKAGE + "pwd >> build/packages/tools.deb")
        self.commit()
        done = self.failed("differ between two builds: tools.deb", "nothing is tagged", "--skip-check")
        self.assertNotIn("server.deb", done.stderr)
        self.assertTrue((self.out / "second" / "tools.deb").exists(), "both stay, to be compared")

    def test_a_commit_that_came_in_between_is_not_tagged(self):
        self.script("tools/packaging/sbom.py", SBOM + '\ngit commit -q --allow-empty -m "of somebody else"')
        self.commit()
        self.failed("HEAD is not the commit that was built", "git revert --no-edit", "--skip-check")
        self.assertEqual(self.git("log", "-1", "--format=%s"), "of somebody else")

    def test_a_tree_that_was_changed_in_between_is_not_tagged(self):
        self.script("tools/packaging/sbom.py", SBOM + "\ntouch new.txt")
        self.commit()
        self.failed("the tree is not clean any more", "nothing is tagged", "--skip-check")

    def test_builds_of_other_packages(self):
        self.script("tools/package", PACKAGE + 'case "$PWD" in *deeper*) rm build/packages/tools.deb ;; esac')
        self.commit()
        self.failed("the builds made different packages", "nothing is tagged", "--skip-check")

    def cut_off(self, number, where):
        """A release that a signal ends in `where`, with all that it started, as a terminal does it."""
        done = subprocess.run(
            [self.root / "tools" / "release", "0.2.0", "--skip-check"],
            env={**os.environ, "CALLS": str(self.calls), "SOURCE_DATE_EPOCH": EPOCH},
            capture_output=True,
            text=True,
            check=False,
            start_new_session=True,
        )
        self.assertEqual(done.returncode, -number, done.stdout + done.stderr)
        self.assertIn(f"{where} was interrupted\n", done.stderr)
        return done.stderr

    def test_a_signal_leaves_words_and_no_trees(self):
        for name in ("INT", "TERM", "HUP"):
            self.script("tools/package", f"kill -{name} 0; sleep 10")
            self.git("commit", "-q", "-a", "-m", name)
            said = self.cut_off(getattr(signal, f"SIG{name}"), "step 3 of 7")
            self.assertIn("The changelog is dated and committed, nothing is tagged", said)
            self.assertFalse((self.root / "build" / "releasing").exists())

    def test_a_begin_that_is_missing_is_all_that_the_next_run_does(self):
        hook = self.write(".git/hooks/pre-commit", "#!/bin/sh\nif grep -q 0.3.0 CMakeLists.txt; then kill -TERM 0; sleep 10; fi\n")
        hook.chmod(0o755)
        said = self.cut_off(signal.SIGTERM, "step 7 of 7")
        self.assertIn("v0.2.0 is made, and build/release-0.2.0 is whole. Only the begin of 0.3.0 is missing.", said)
        hook.unlink()
        (self.root / ".git" / "index.lock").unlink(missing_ok=True)
        self.git("restore", ".")
        tag, calls = self.git("rev-parse", "v0.2.0"), self.calls.read_text()
        done = self.release("0.2.0")
        self.assertEqual((done.returncode, done.stderr), (0, ""), done.stdout)
        self.assertEqual((self.git("rev-parse", "v0.2.0"), self.calls.read_text()), (tag, calls), "nothing is made again")
        self.assertEqual((self.root / "CMakeLists.txt").read_text(), CMAKE.format("0.3.0"))
        self.assertIn(f"former_commit={self.git('rev-parse', 'v0.2.0^{commit}')}\n", (self.root / "tools" / "nightly").read_text())
        self.assertIn("SHA256SUMS", [path.name for path in self.out.iterdir()])

    def test_what_a_killed_run_left_is_removed(self):
        self.write("build/releasing/one/x", "")
        self.assertEqual(self.release("0.2.0", "--skip-check").returncode, 0)
        self.assertFalse((self.root / "build" / "releasing").exists())

    def test_no_bill(self):
        self.script("tools/packaging/sbom.py", "exit 1")
        self.commit()
        self.failed("the bill of materials could not be written", "nothing is tagged", "--skip-check")


class TimeOfPackages(unittest.TestCase):
    def setUp(self):
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="time "))
        self.addCleanup(shutil.rmtree, self.root)
        (self.root / "tools" / "lib").mkdir(parents=True)
        (self.root / "tools" / "packaging" / "debian").mkdir(parents=True)
        for name in ("tools/package", "tools/lib/steps.sh"):
            shutil.copy(ROOT / name, self.root / name)
        (self.root / "tools" / "setup").write_text("#!/bin/sh\n")
        (self.root / "tools" / "setup").chmod(0o755)
        told = 'import os\nraise SystemExit("the time is " + os.environ["SOURCE_DATE_EPOCH"])\n'
        (self.root / "tools" / "packaging" / "package_files.py").write_text(told)
        (self.root / "CHANGELOG.md").write_text("")
        os.utime(self.root / "CHANGELOG.md", (1_500_000_000, 1_500_000_000))

    def git(self, *words):
        env = {**os.environ, "GIT_COMMITTER_DATE": f"{EPOCH} +0000"}
        subprocess.run(["git", "-C", self.root, *words], env=env, capture_output=True, check=True)

    def says(self):
        env = {name: value for name, value in os.environ.items() if name != "SOURCE_DATE_EPOCH"}
        done = subprocess.run([self.root / "tools" / "package", "--no-build"], env=env, capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        return done.stderr

    def test_it_is_the_commits_whoever_owns_the_clone(self):
        self.git("init", "-q")
        self.git("-c", "user.name=A", "-c", "user.email=a@example.org", "commit", "-q", "--allow-empty", "-m", "what there is")
        self.assertIn(f"the time is {EPOCH}\n", self.says())
        if os.geteuid() == 0:
            for path in (self.root, self.root / ".git"):
                os.chown(path, 61_007, 61_007)
            self.assertIn(f"the time is {EPOCH}\n", self.says())

    def test_a_repository_that_cannot_be_read_ends_it(self):
        self.git("init", "-q")
        said = self.says()
        self.assertNotIn("the time is", said)
        self.assertIn("fatal: ", said)

    def test_without_a_repository_it_is_the_changelogs(self):
        self.assertIn("the time is 1500000000\n", self.says())


if __name__ == "__main__":
    unittest.main()
