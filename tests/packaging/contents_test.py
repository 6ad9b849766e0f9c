#!/usr/bin/python3
"""What tools/package made: the packages hold what the build says that is shipped, with pages and completions, and nothing
else; nobody but root may write it, no key is in it, and a service finds its user and its folders.

Usage: contents_test.py BUILD_DIR PACKAGES_DIR
"""

import gzip
import os
import pathlib
import re
import shutil
import stat
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "scripts"))
import markdown_pages  # noqa: E402

BUILD = PACKAGES = None
NAMES = [f"partner-mirror-{part}" for part in ("agent", "doc", "server", "tools")]
COMPLETIONS = (
    "usr/share/bash-completion/completions/{}",
    "usr/share/zsh/vendor-completions/_{}",
    "usr/share/fish/vendor_completions.d/{}.fish",
)
# What each package may hold beside the programs of the build's list, their pages and their completions.
EVERY = r"usr/share/doc/{package}/(?:copyright|changelog\.gz|changelog\.Debian\.gz)|usr/share/lintian/overrides/{package}"
SERVICE = (
    r"lib/systemd/system/mirror-{part}\.service|usr/lib/(?:sysusers|tmpfiles)\.d/{package}\.conf"
    r"|usr/share/man/man5/mirror-{part}\.toml\.5\.gz|usr/share/doc/{package}/examples/mirror-{part}\.toml"
)
MORE = {
    "server": SERVICE + r"|usr/share/doc/{package}/examples/monitoring/[\w.-]+",
    "agent": SERVICE,
    "tools": r"usr/share/man/man5/mirrorctl\.toml\.5\.gz|usr/share/doc/{package}/examples/mirrorctl\.toml",
    "doc": r"usr/share/doc/{package}/(?:[\w-]+/)*[\w.-]+\.(?:md|svg|proto|cc|h|py)|usr/share/doc/{package}/server/http/openapi\.json",
}


def output(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


class Package:
    def __init__(self, deb, folder):
        self.deb, self.folder = deb, folder / deb.name.partition("_")[0]
        self.name, self.part = self.folder.name, self.folder.name.rpartition("-")[2]
        subprocess.run(["dpkg-deb", "--raw-extract", deb, self.folder], check=True)

    def files(self):
        """Paths without a slash before them."""
        found = {os.path.relpath(path, self.folder) for path in self.folder.rglob("*") if not path.is_dir()}
        return {path for path in found if not path.startswith("DEBIAN/")}

    def field(self, name):
        return output("dpkg-deb", "--field", self.deb, name).strip()

    def text(self, path):
        raw = (self.folder / path).read_bytes()
        return (gzip.decompress(raw) if path.endswith(".gz") else raw).decode()


class Contents(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.mkdtemp(prefix="packages test ")
        cls.addClassCleanup(shutil.rmtree, folder)
        debs = sorted(PACKAGES.glob("*.deb"))
        cls.packages = {one.name: one for one in (Package(deb, pathlib.Path(folder)) for deb in debs)}
        cls.shipped = [line.split() for line in (BUILD / "shipped.txt").read_text().splitlines()]

    def manual(self, path):
        number = 8 if "/sbin/" in path else 1
        return f"usr/share/man/man{number}/{pathlib.PurePosixPath(path).name}.{number}.gz"

    def of_programs(self, package):
        """The files that the build's list asks for."""
        for owner, kind, path in self.shipped:
            if owner == package:
                name = pathlib.PurePosixPath(path).name
                yield path.lstrip("/")
                if kind == "private":  # Another program starts it: no page, no completion.
                    continue
                yield self.manual(path)
                yield from (place.format(name) for place in COMPLETIONS)

    def test_the_four_packages_are_there_once(self):
        self.assertEqual(list(self.packages), NAMES)
        self.assertEqual(len(list(PACKAGES.glob("*.deb"))), len(NAMES))

    def test_they_hold_what_the_build_ships_and_nothing_that_is_not_listed(self):
        self.assertGreaterEqual(len(self.shipped), 5)
        self.assertLessEqual({package for package, _, _ in self.shipped}, set(NAMES))
        for package in self.packages.values():
            with self.subTest(package=package.name):
                wanted = set(self.of_programs(package.name))
                self.assertEqual(wanted - package.files(), set())
                known = f"{EVERY}|{MORE[package.part]}".format(package=package.name, part=package.part)
                self.assertEqual([one for one in package.files() - wanted if not re.fullmatch(known, one)], [])

    def test_root_owns_all_and_nobody_else_writes(self):
        for package in self.packages.values():
            programs = {path for _, _, path in self.shipped}
            for line in output("dpkg-deb", "--contents", package.deb).splitlines():
                mode, owner, _, _, _, path = line.split(maxsplit=5)
                path = path.removeprefix(".").partition(" -> ")[0]
                with self.subTest(package=package.name, path=path):
                    self.assertEqual(owner, "root/root")
                    wanted = "drwxr-xr-x" if path.endswith("/") else "-rwxr-xr-x" if path in programs else "-rw-r--r--"
                    self.assertEqual(mode, wanted)

    def test_no_key_no_database_and_no_folder_of_the_builder(self):
        for package in self.packages.values():
            for path in package.files():
                raw = (package.folder / path).read_bytes()
                raw = gzip.decompress(raw) if path.endswith(".gz") else raw
                with self.subTest(package=package.name, path=path):
                    self.assertNotRegex(path, r"\.(?:key|pem|crt|db|sqlite)$")
                    self.assertNotRegex(raw, rb"-----BEGIN [A-Z ]*PRIVATE KEY-----\n\w")
                    # A program may have the words; a database has its page size and fixed numbers behind them.
                    self.assertNotRegex(raw, rb"(?s)SQLite format 3\0..[\x01\x02]{2}.\x40\x20\x20")
                    self.assertNotIn(os.fsencode(ROOT), raw)

    def test_the_version_is_the_builds(self):
        cache = (BUILD / "CMakeCache.txt").read_text()
        version = re.search(r"^CMAKE_PROJECT_VERSION:STATIC=(.*)$", cache, re.MULTILINE)[1]
        for package in self.packages.values():
            self.assertEqual(package.field("Version"), f"{version}-1")
            changes = package.text(f"usr/share/doc/{package.name}/changelog.Debian.gz")
            self.assertTrue(changes.startswith(f"partner-mirror ({version}-1) "), changes[:100])
        for owner, _, path in self.shipped:
            said = output(self.packages[owner].folder / path.lstrip("/"), "--version")
            self.assertIn(version, said.split()[-1], path)

    def test_dependencies_are_computed(self):
        for owner, kind, path in self.shipped:
            if kind == "program":
                for library in ("libc6", "libgrpc", "libssl3", "libsqlite3-0"):
                    self.assertIn(library, self.packages[owner].field("Depends"), path)
        self.assertEqual(self.packages["partner-mirror-doc"].field("Depends"), "")

    def test_server_and_agent_compare_texts_by_one_library(self):
        for owner in ("partner-mirror-server", "partner-mirror-agent"):
            self.assertIn("libutf8proc2", self.packages[owner].field("Depends"), owner)

    def test_what_parses_uploaded_files_is_where_the_server_looks_for_it(self):
        self.assertIn("usr/lib/partner-mirror/mirror-import", self.packages["partner-mirror-server"].files())
        for library in ("libcsv3", "libexpat1", "libzip4"):
            self.assertIn(library, self.packages["partner-mirror-server"].field("Depends"))

    def test_pages_and_completions_name_their_program(self):
        for owner, kind, path in self.shipped:
            if kind == "private":
                continue
            name, package = pathlib.PurePosixPath(path).name, self.packages[owner]
            with self.subTest(program=name):
                title = re.search(r"^\.TH \"?([\w.\\-]+)\"? \"?(\d)", package.text(self.manual(path)), re.MULTILINE)
                self.assertEqual((title[1].lower().replace("\\-", "-"), title[2]), (name, self.manual(path)[-4]))
                for place in COMPLETIONS:
                    self.assertIn(name, package.text(place.format(name)))

    def test_man_shows_every_page_without_a_warning(self):
        for package in self.packages.values():
            for path in package.files():
                if "/man/" in path:
                    with self.subTest(path=path):
                        run = subprocess.run(
                            ["man", "--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z", package.folder / path],
                            env={**os.environ, "MANROFFSEQ": "", "MANWIDTH": "80"},
                            capture_output=True,
                            check=False,
                        )
                        self.assertEqual((run.returncode, run.stderr), (0, b""))
                        self.assertIn("\n.ad l\n", package.text(path), "spread to the page's width")

    def test_nothing_is_a_conffile_or_enabled(self):
        for package in self.packages.values():
            self.assertFalse((package.folder / "DEBIAN" / "conffiles").exists(), package.name)
            for script in ("preinst", "postinst", "prerm", "postrm"):
                path = package.folder / "DEBIAN" / script
                if path.exists():
                    self.assertNotRegex(path.read_text(), r"systemctl enable|deb-systemd-invoke (?:start|restart)\b")
        for part in ("server", "agent"):
            scripts = self.packages[f"partner-mirror-{part}"].folder / "DEBIAN"
            self.assertIn(f"deb-systemd-invoke try-restart 'mirror-{part}.service'", (scripts / "postinst").read_text())
            self.assertIn(f"deb-systemd-invoke stop mirror-{part}.service", (scripts / "prerm").read_text())

    def run_script(self, package, name, *words, files=(), here=False):
        """What a maintainer script says of `files`, below a root of its own (`here`: dpkg was given none), without the
        parts that debhelper added. A system is always there whose units it could stop."""
        root = pathlib.Path(tempfile.mkdtemp(prefix="root "))
        self.addCleanup(shutil.rmtree, root)
        for path, text in files:
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(text)
        (root / "dpkg-query").write_text("#!/bin/sh\n" + "".join(f"echo /{path}\n" for path in sorted(package.files())))
        (root / "deb-systemd-invoke").write_text('#!/bin/sh\necho "deb-systemd-invoke $*" >&2\n')
        for program in ("dpkg-query", "deb-systemd-invoke"):
            (root / program).chmod(0o755)
        text = (package.folder / "DEBIAN" / name).read_text().replace("-d /run/systemd/system", "-d .")
        text = re.sub(r"(?s)# Automatically added.*?# End automatically added section\n", "", text)
        env = {**os.environ, "PATH": f"{root}:{os.environ['PATH']}", "DPKG_ROOT": "" if here else str(root)}
        run = subprocess.run(["sh", "-c", text, name, *words], env=env, capture_output=True, text=True, check=False)
        self.assertEqual(run.returncode, 0, run.stderr)
        return run.stdout + run.stderr

    def test_what_was_installed_by_hand_is_named_in_one_line(self):
        for part, by_hand in {
            "server": ("usr/local/sbin/mirror-server", "etc/systemd/system/mirror-server.service"),
            "agent": ("usr/local/bin/mirror-agent", "etc/sysusers.d/partner-mirror-agent.conf"),
            "tools": ("usr/local/bin/mirrorctl", "usr/local/sbin/mirror-harness"),
        }.items():
            package = self.packages[f"partner-mirror-{part}"]
            of_others = "usr/local/bin/tar"
            said = self.run_script(package, "postinst", "configure", files=[(path, "") for path in (*by_hand, of_others)])
            self.assertEqual((said.count("\n"), of_others in said), (1, False), said)
            for path in by_hand:
                self.assertIn(f" /{path}", said)
            self.assertEqual(self.run_script(package, "postinst", "configure", files=[(of_others, "")]), "")
            self.assertEqual(self.run_script(package, "postinst", "abort-remove", files=[(by_hand[0], "")]), "")
            self.assertIn("upgrade.md of the package partner-mirror-doc, 'From an installation by hand'", said)

    def test_the_page_that_a_warning_names_removes_every_program(self):
        page = self.packages["partner-mirror-doc"].text("usr/share/doc/partner-mirror-doc/docs/operate/upgrade.md")
        removed = re.search(r"^rm -f /usr/local/\{bin,sbin\}/\{(.*)\}$", page, re.MULTILINE)[1].split(",")
        self.assertEqual(sorted(removed), sorted(os.path.basename(path) for _, kind, path in self.shipped if kind != "private"))

    def test_who_removes_the_agent_is_told_of_the_change_log(self):
        config = "etc/partner-mirror-agent/mirror-agent.toml"
        files = [(config, '[endpoint]\n\n[[source]]\npath = "/srv/crm/crm.db"\n')]
        package = self.packages["partner-mirror-agent"]
        told = f"runuser -u partner-mirror-agent -- mirror-agent uninstall --config /{config}\n"
        self.assertIn(f"install the package again, then type:\n  {told}", self.run_script(package, "prerm", "remove", files=files))
        self.assertEqual(self.run_script(package, "prerm", "upgrade", "9.9", files=files), "")
        self.assertEqual(self.run_script(package, "prerm", "remove", files=[(config, "[endpoint]\n# [[source]]\n")]), "")
        self.assertEqual(self.run_script(package, "prerm", "remove"), "")

    def test_who_purges_is_told_of_what_stays(self):
        for part in ("server", "agent"):
            package = self.packages[f"partner-mirror-{part}"]
            user = package.name.replace("-server", "")
            files = [(f"{place}/{user}/x", "") for place in ("etc", "var/lib")]
            files.append(("var/backups/partner-mirror/2026-11-23.x/catalog.db", ""))
            told = f"stay in /etc/{user} /var/lib/{user} /var/backups/partner-mirror.\n"
            self.assertIn(told, self.run_script(package, "postrm", "purge", files=files))
            self.assertEqual(self.run_script(package, "postrm", "purge"), "")
            self.assertEqual(self.run_script(package, "postrm", "remove", files=files), "")

    def test_who_has_the_agent_gets_what_makes_its_keys(self):
        for part in ("server", "agent"):
            self.assertEqual(self.packages[f"partner-mirror-{part}"].field("Recommends"), "partner-mirror-tools")

    def test_a_root_that_dpkg_was_given_is_what_is_worked_on(self):
        for part in ("server", "agent"):
            package = self.packages[f"partner-mirror-{part}"]
            stopped = f"deb-systemd-invoke stop mirror-{part}.service\n"
            self.assertTrue(self.run_script(package, "prerm", "remove", here=True).startswith(stopped))
            self.assertEqual(self.run_script(package, "prerm", "remove"), "")
            user = package.name.replace("-server", "")
            unit = f"etc/systemd/system/mirror-{part}.service.d"
            files = [(f"var/lib/{user}/catalog.db", ""), (f"{unit}/source.conf", "")]
            said = self.run_script(package, "postrm", "purge", files=files)
            self.assertIn(f" stay in /var/lib/{user}", said)
            self.assertIn(f" stay in /{unit}.\n", said)

    def test_users_and_folders_are_those_of_the_unit(self):
        for part in ("server", "agent"):
            package = self.packages[f"partner-mirror-{part}"]
            unit = package.text(f"lib/systemd/system/mirror-{part}.service")
            self.assertEqual(unit, (ROOT / "tools" / "systemd" / f"mirror-{part}.service").read_text())
            user = re.search(r"^User=(.*)$", unit, re.MULTILINE)[1]
            users = package.text(f"usr/lib/sysusers.d/{package.name}.conf")
            self.assertRegex(users, rf"(?m)^u {user} - .* /var/lib/{user}$")
            self.assertEqual(len(re.findall(r"(?m)^u ", users)), 1)
            folders = package.text(f"usr/lib/tmpfiles.d/{package.name}.conf")
            for kind, place in (("Configuration", "/etc"), ("State", "/var/lib")):
                mode = re.search(rf"^{kind}DirectoryMode=(.*)$", unit, re.MULTILINE)[1]
                # The operator's keys are root's, in the server's folder.
                owner = "root" if (part, kind) == ("server", "Configuration") else user
                self.assertRegex(folders, rf"(?m)^d {place}/{user} :{mode} :{owner} :{user} -$")
                self.assertIn(f"{place}/{user}", (package.folder / "DEBIAN" / "postrm").read_text())

    @unittest.skipUnless(shutil.which("systemd-analyze"), "systemd-analyze is not installed")
    def test_systemd_finds_nothing_wrong(self):
        for part in ("server", "agent"):
            package = self.packages[f"partner-mirror-{part}"]
            unit = package.folder / f"lib/systemd/system/mirror-{part}.service"
            program = next(path for owner, kind, path in self.shipped if (owner, kind) == (package.name, "program"))
            there = package.folder / program.lstrip("/")
            self.assertTrue(there.stat().st_mode & stat.S_IXUSR)
            place = pathlib.Path(tempfile.mkdtemp(prefix="unit-"))
            self.addCleanup(shutil.rmtree, place)
            shutil.copy(there, place)
            text = re.sub(rf"(?m)^(Exec\w+=){there.name}\b", rf"\g<1>{place}/{there.name}", unit.read_text())
            (place / unit.name).write_text(text)
            run = subprocess.run(
                ["systemd-analyze", "verify", "--man=no", place / unit.name], capture_output=True, text=True, check=False
            )
            self.assertEqual((run.returncode, run.stdout + run.stderr), (0, ""))

    def test_links_of_the_pages_lead_to_files_that_are_there(self):
        package = self.packages["partner-mirror-doc"]
        root = package.folder / "usr/share/doc" / package.name
        pages = [markdown_pages.Page(path, root) for path in sorted(root.rglob("*.md"))]
        shipped = {os.path.relpath(page.path, root) for page in pages}
        self.assertEqual({os.path.relpath(path, ROOT) for path in (ROOT / "docs").rglob("*.md")} - shipped, set())
        for page in pages:
            for line, target in page.links():
                path = target.partition("#")[0]
                if path and not re.match(r"[a-z][a-z0-9+.-]*:", target):
                    with self.subTest(page=page.name, line=line, target=target):
                        self.assertTrue((page.path.parent / path).exists())

    def test_lintian_finds_nothing_that_is_not_explained(self):
        # Of the overrides each says why. Machine code is no text, but has pieces that read like one ("characte").
        run = subprocess.run(
            ["lintian", "--allow-root", "--profile", "debian", "--display-info", "--fail-on", "none",
             "--suppress-tags", "spelling-error-in-binary", *sorted(PACKAGES.glob("*.deb"))],
            capture_output=True,
            text=True,
            check=False,
        )
        self.assertEqual((run.returncode, run.stdout, run.stderr), (0, "", ""))


if __name__ == "__main__":
    BUILD, PACKAGES = (pathlib.Path(word).resolve() for word in sys.argv[1:3])
    unittest.main(argv=sys.argv[:1] + sys.argv[3:])
