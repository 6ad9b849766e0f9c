#!/usr/bin/python3
"""What the pages say of themselves and of the repository: links and anchors lead somewhere, files that they name are
there, excerpts of configurations are TOML, and no page grows out of hand. tests/python/docs_test.py asks the programs
about the rest."""

import itertools
import os
import pathlib
import re
import subprocess
import tempfile
import tomllib
import unittest

import markdown_pages

ROOT = markdown_pages.ROOT
LINES_MAX = {"README.md": 160}
PAGE_LINES_MAX = 400
WORDS_OF_GLOSSARY_MAX = 40
COLUMNS_MAX = 120
# Written before there was a limit, and for other readers.
WIDE = {"tests/bugs.md", "tests/scenarios.md", "tools/DEPLOYING.md"}
FOLDERS = ("base", "certs", "client", "docs", "proto", "server", "tests", "tools")
FILE = re.compile(rf"(?:{'|'.join(FOLDERS)})/[\w./*{{}},-]*[\w*}}/]|[A-Z][A-Z_]+\.(?:md|txt)|CMake\w+\.(?:txt|json)")
# What `mirrorctl init` makes in a folder of its own, and what is none of this repository's files.
ELSEWHERE = re.compile(r".*\.(?:crt|key|pem|db|toml|csv|xlsx)$")


def dead_links(page, known):
    """(line, target, why) of each link that leads nowhere."""
    for line, target in page.links():
        if re.match(r"[a-z][a-z0-9+.-]*:", target):
            continue
        path, _, anchor = target.partition("#")
        there = (page.path.parent / path).resolve() if path else page.path.resolve()
        if path.startswith("/") or not there.is_relative_to(page.root.resolve()):
            yield line, target, "leads out of the repository"
        elif not there.exists():
            yield line, target, "is not there"
        elif anchor and there.suffix == ".md" and anchor not in anchors_of(there, page.root, known):
            yield line, target, "has no such heading"


def anchors_of(path, root, known):
    if path not in known:
        known[path] = markdown_pages.Page(path, root.resolve()).anchors()
    return known[path]


def spread(name):
    """`a/{b,c}.h` is two names."""
    parts = [part.split(",") for part in re.split(r"[{}]", name)]
    choices = [part if at % 2 else [",".join(part)] for at, part in enumerate(parts)]
    return ["".join(one) for one in itertools.product(*choices)]


def is_there(name, folder, root):
    """From the root or from the page; a header and its source may go by one name without an ending."""
    name = name.rstrip("/")
    return any(next(place.glob(one), None) for place in (root, folder) for one in (name, name + ".h", name + ".cc"))


def missing_files(page):
    for line, code in page.inline_code():
        if not FILE.fullmatch(code) or ELSEWHERE.match(code) or "NNNN" in code:
            continue
        for name in spread(code):
            if not is_there(name, page.path.parent, page.root):
                yield line, name


def long_lines(page):
    """Numbers of lines, but for code, tables and lines that one link or image fills."""
    for number, line in enumerate(page.lines, 1):
        if number in page.in_code or len(line) <= COLUMNS_MAX or line.lstrip().startswith("|"):
            continue
        if not re.fullmatch(r"\s*(?:[-*] )?!?\[[^\]]*\]\([^)]*\)[.,]?", line):
            yield number


def bad_toml(page):
    for block in page.blocks:
        if block.language == "toml" and not block.unchecked:
            try:
                tomllib.loads(block.text)
            except tomllib.TOMLDecodeError as wrong:
                yield block.line, str(wrong)


def other_files(page):
    """Lines of blocks that are not the file that they show."""
    for block in page.blocks:
        if block.file and (not block.file.is_file() or block.file.read_text() != block.text):
            yield block.line


def unreachable(root):
    """Pages of docs/ to which no links lead from its index."""
    index = (root / "docs" / "README.md").resolve()
    known, to_read = {index}, [index]
    while to_read:
        page = markdown_pages.Page(to_read.pop(), root.resolve())
        for _, target in page.links():
            there = (page.path.parent / target.partition("#")[0]).resolve()
            there = there / "README.md" if there.is_dir() else there
            if there.suffix == ".md" and there.is_file() and there.is_relative_to(index.parent) and there not in known:
                known.add(there)
                to_read.append(there)
    return sorted(os.fspath(path) for path in index.parent.rglob("*.md") if path not in known)


def glossary_words(page):
    """The first words of the rows of its tables, and what stands in bold at the beginning of a line."""
    found = []
    for line in page.prose.splitlines():
        row = re.match(r"\|\s*([^|]+?)\s*\|", line)
        if row and not re.fullmatch(r":?-+:?", row[1]):
            found.append(row[1])
        elif bold := re.match(r"(?:[-*] )?\*\*(.+?)\*\*", line):
            found.append(bold[1])
    return found


class Pages(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.pages = markdown_pages.pages()

    def assert_none(self, found):
        """`found`: generator of (line, words...) of each page."""
        wrong = [f"{page.name}:{one}" for page in self.pages for one in map(self.told, found(page))]
        self.assertEqual(wrong, [], "\n" + "\n".join(wrong))

    @staticmethod
    def told(one):
        return ": ".join(map(str, one)) if isinstance(one, tuple) else str(one)

    def test_every_link_and_anchor_leads_somewhere(self):
        known = {}
        self.assert_none(lambda page: dead_links(page, known))
        self.assertGreater(sum(len(list(page.links())) for page in self.pages), 50)

    def test_every_file_that_is_named_is_there(self):
        self.assert_none(missing_files)

    def test_every_excerpt_of_a_configuration_is_toml(self):
        self.assert_none(bad_toml)
        found = [block for page in self.pages for block in page.blocks if block.language == "toml"]
        self.assertGreater(len(found), 10)

    def test_examples_are_shown_as_they_are(self):
        self.assert_none(other_files)
        shown = {block.file for page in self.pages for block in page.blocks}
        examples = set((ROOT / "docs" / "examples").iterdir())
        self.assertGreater(len(examples), 0)
        self.assertEqual(examples - shown, set())

    def test_every_page_of_docs_can_be_reached(self):
        self.assertEqual(unreachable(ROOT), [])

    def test_backups_go_where_the_unit_lets_the_server_write(self):
        unit = (ROOT / "tools" / "systemd" / "mirror-server.service").read_text()
        page = (ROOT / "docs" / "operate" / "upgrade.md").read_text()
        self.assertEqual(set(re.findall(r"mirrorctl backup \S+ (\S+)/[^/\s]+$", page, re.MULTILINE)), {"$B"})
        (folder,) = re.findall(r"^B=\$\(mktemp -d (/\S+)/\$\(date [^)]+\)\.X+\) && chown partner-mirror: \$B ", page, re.MULTILINE)
        self.assertRegex(unit, rf"(?m)^ReadWritePaths=-{folder}$")
        self.assertIn(f"install -d -o partner-mirror -g partner-mirror -m 0700 {folder}\n", page)

    def type_in_machine(self, machine, commands):
        """Commands of a page, with the machine's folders below another one, and without services and users."""
        commands = commands.replace("/var/", f"{machine}/var/")
        commands = f"systemctl() {{ :; }}\nchown() {{ :; }}\ninstall() {{ mkdir -p \"${{@: -1}}\"; }}\n{commands}"
        return subprocess.run(["bash", "-c", commands], capture_output=True, text=True, check=False)

    def test_the_copies_before_an_upgrade_can_be_made_again_and_put_back(self):
        page = markdown_pages.Page(ROOT / "docs" / "operate" / "upgrade.md")
        scripts = [block.text for block in page.blocks if block.language == "sh"]
        last, catalog, agent = (
            next(text for text in scripts if words in text) for words in ("agent-state", "B=/var/backups", "newer-agent")
        )
        copies = "".join(scripts[: scripts.index(last) + 1])
        with tempfile.TemporaryDirectory(prefix="docs-test-") as folder:
            machine = pathlib.Path(folder)
            server, state = machine / "var/lib/partner-mirror", machine / "var/lib/partner-mirror-agent"
            for name in (server, state):
                name.mkdir(parents=True)
            made = []
            for version in "12":
                for name in (server / "catalog.db", server / "audit.head", state / "state"):
                    name.write_text(version)
                (state / f"only-{version}").write_text("")
                done = self.type_in_machine(folder, copies)
                self.assertEqual((done.returncode, done.stderr), (0, ""))
                made.append(re.search(r"The copies go to (\S+)$", done.stdout)[1])
            (state / "only-3").write_text("")
            (server / "catalog.db-wal").write_text("of another catalog")
            self.assertEqual(len(set(made)), 2)
            back = re.sub(r"(?m)^ *B=.*$", f"B={made[0].removeprefix(folder)}", catalog) + agent
            for again in (False, True):
                done = self.type_in_machine(folder, back)
                self.assertEqual(done.returncode == 0, not again, "a second time nothing is put aside over the first")
                self.assertEqual(sorted(path.name for path in server.iterdir()), ["audit.head", "catalog.db"])
                self.assertEqual(sorted(path.name for path in state.iterdir()), ["only-1", "state"])
                self.assertEqual({path.read_text() for path in (server / "catalog.db", state / "state")}, {"1"})
            self.assertTrue((pathlib.Path(made[0]) / "newer-agent" / "only-3").exists())
            self.assertTrue((pathlib.Path(made[0]) / "newer" / "catalog.db-wal").exists())

    def test_the_copies_of_mirrors_in_postgresql_need_no_catalog(self):
        page = markdown_pages.Page(ROOT / "docs" / "operate" / "upgrade.md")
        scripts = [block.text for block in page.blocks if block.language == "sh"]
        copies, back = (next(text for text in scripts if words in text) for words in ("pg_dump", "pg_restore"))
        # What stands in for PostgreSQL: the dump is what control was, and a restore refuses a schema that is there.
        tools = """
            pg_dump() { cp "$CONTROL" "$5"; }
            psql() { [[ $4 == 'ALTER SCHEMA mirror_control RENAME TO mirror_control_newer' ]] && mv "$CONTROL" "$CONTROL-newer"; }
            pg_restore() { [[ ! -e $CONTROL ]] && cp "$3" "$CONTROL"; }
        """
        with tempfile.TemporaryDirectory(prefix="docs-test-") as folder:
            machine = pathlib.Path(folder)
            server, kept, control = machine / "var/lib/partner-mirror", machine / "var/kept", machine / "control"
            for name in (server, kept):
                name.mkdir(parents=True)
            for name in (server / "audit.head", control):
                name.write_text("1")
            named = f"CONTROL={control}\nB=/var/kept\n{tools}\nset -e\n"
            done = self.type_in_machine(folder, named + copies)
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            for name in (server / "audit.head", control):
                name.write_text("2")
            done = self.type_in_machine(folder, named + re.sub(r"(?m)^ *B=[^;]*;", "", back))
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            self.assertEqual([name.read_text() for name in (server / "audit.head", control)], ["1", "1"])
            aside = (kept / "newer" / "audit.head", machine / "control-newer")
            self.assertEqual([name.read_text() for name in aside], ["2", "2"])

    def test_who_installs_finds_how_mirrors_in_postgresql_begin(self):
        install = (ROOT / "README.md").read_text().split("\n## Install\n")[1].split("\n## Five minutes")[0]
        self.assertIn("--store postgres --postgres URL", install)
        self.assertIn("(docs/operate/postgres.md#begin)", install)

    def test_numbers_of_holds_are_told_to_be_examples(self):
        page = (ROOT / "docs" / "operate" / "holds.md").read_text()
        said = page.index("`hold list` shows the number")
        self.assertLess(page.index("$ mirrorctl hold list"), said)
        self.assertLess(said, page.index("$ mirrorctl hold commit"))

    def test_what_is_removed_by_hand_is_everything_that_packages_leave(self):
        page = (ROOT / "docs" / "operate" / "install.md").read_text()
        by_hand = page[page.index("What nobody needs any more goes by hand") :]
        removed = {path for line in re.findall(r"^rm -rf (.*?)(?: &&.*)?$", by_hand, re.MULTILINE) for path in line.split()}
        left = re.findall(r"^\| `(/(?:etc|var)/\S+?)`(?:, `(/\S+?)`)? \|", page[page.index("## Know where files are") :], re.MULTILINE)
        self.assertEqual(removed, {path for row in left for path in row if path} | {"/etc/systemd/system/mirror-agent.service.d"})
        postrm = (ROOT / "tools" / "packaging" / "debian" / "service.postrm").read_text()
        for path in removed:
            known = re.sub("partner-mirror(-agent)?$", "#USER#", path) if "backups" not in path else path
            self.assertIn(known.replace("mirror-agent.service", "#PROGRAM#.service"), postrm)
        # Their numbers go to others: whatever is left is looked for before.
        users = "-user partner-mirror -o -user partner-mirror-agent"
        self.assertLess(by_hand.index("find / -xdev \\( " + users), by_hand.index("\nuserdel "))

    def test_the_program_that_fetches_a_key_is_installed_before(self):
        for name in ("docs/operate/install.md", "tools/package"):
            text = (ROOT / name).read_text()
            self.assertRegex(text, r"(?m)^ *apt install ca-certificates wget\n *wget -O ", name)

    def test_pages_stay_short(self):
        for page in self.pages:
            if page.name in LINES_MAX or page.name.startswith("docs/"):
                with self.subTest(page=page.name):
                    self.assertLessEqual(len(page.lines), LINES_MAX.get(page.name, PAGE_LINES_MAX))

    def test_lines_fit_an_editor(self):
        self.assert_none(lambda page: () if page.name in WIDE else long_lines(page))

    def test_the_glossary_stays_small(self):
        words = glossary_words(markdown_pages.Page(ROOT / "docs" / "glossary.md"))
        self.assertGreater(len(words), 10)
        # The head of its table is one of them.
        self.assertLessEqual(len(words), WORDS_OF_GLOSSARY_MAX + 1, words)

    def test_every_page_begins_with_its_title(self):
        for page in self.pages:
            with self.subTest(page=page.name):
                self.assertRegex(page.lines[0], r"^# \S")

    def test_every_comment_before_a_block_is_one_that_is_known(self):
        for page in self.pages:
            for block in page.blocks:
                for mark in block.marks:
                    with self.subTest(block=str(block)):
                        self.assertRegex(mark, r"^(?:run(?:: exit \d+| first: .+)?|numbers count|the file: \S+|not checked: \S.*)$")


class Checks(unittest.TestCase):
    """Each of them is broken once, in a tree of its own."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="docs test ")
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name).resolve()
        (self.root / "docs" / "sources").mkdir(parents=True)
        (self.root / "server").mkdir()
        (self.root / "server" / "a.h").write_text("")

    def page(self, text, name="docs/README.md"):
        path = self.root / name
        path.write_text(text)
        return markdown_pages.Page(path, self.root)

    def test_links(self):
        self.page("# Two words, `code`\n\n## Again\n\n## Again\n", "docs/b.md")
        good = self.page("[a](b.md) [`b`](b.md#two-words-code) [c](#here) [d](b.md#again-1) ![e](../server/a.h)\n# Here\n")
        self.assertEqual(list(dead_links(good, {})), [])
        bad = self.page("[a](c.md) [`b`](b.md#three) [c](#there)\n[d](b.md#again-2) [e](/etc) [f](../../x) `[g](no)`\n")
        found = [(line, target) for line, target, _ in dead_links(bad, {})]
        self.assertEqual(
            sorted(set(found)),
            [(1, "#there"), (1, "b.md#three"), (1, "c.md"), (2, "../../x"), (2, "/etc"), (2, "b.md#again-2")],
        )

    def test_files(self):
        page = self.page("`server/a.h` `server/a` `server/` `server/*.h` `server/{a,b}.h`\n`server/c.cc` `tls/ca.crt` `SECURITY.md`\n")
        self.assertEqual(list(missing_files(page)), [(1, "server/b.h"), (2, "server/c.cc"), (2, "SECURITY.md")])

    def test_lines(self):
        page = self.page("\n".join(["x" * 120, "x" * 121, "|" + "x" * 130, "```", "x" * 130, "```", f"[a]({'x' * 130})"]))
        self.assertEqual(list(long_lines(page)), [2])

    def test_toml(self):
        page = self.page("```toml\na = 1\n```\n```toml\na = \n```\n<!-- not checked: shows a mistake -->\n```toml\na = \n```\n")
        self.assertEqual([line for line, _ in bad_toml(page)], [5])

    def test_shown_files(self):
        (self.root / "docs" / "a.py").write_text("a = 1\n\nb = 2\n")
        block = "<!-- the file: {} -->\n```python\na = 1\n\nb = {}\n```\n"
        page = self.page(block.format("a.py", 2) + block.format("a.py", 3) + block.format("b.py", 2))
        self.assertEqual(list(other_files(page)), [9, 15])

    def test_reach(self):
        self.page("[a](a.md)\n")
        self.page("[b](sources/)\n", "docs/a.md")
        self.page("# b\n", "docs/sources/README.md")
        self.page("# c\n", "docs/sources/c.md")
        self.assertEqual(unreachable(self.root), [str(self.root / "docs" / "sources" / "c.md")])

    def test_glossary(self):
        page = self.page("| word | means |\n|---|---|\n| **lag** | late |\n\n**Mirror** is one.\n")
        self.assertEqual(glossary_words(page), ["word", "**lag**", "Mirror"])

    def test_blocks(self):
        page = self.page(
            "<!-- run: exit 3 -->\n```console\n$ a 'b\nc'\nout\n$ d \\\n  e\n$ f << END\n> g\n> END\nout\n```\n"
            "<!-- not checked: why -->\n\n```console\n$ a\n```\ntext\n```sh\na\n```\n"
        )
        commands = [command for _, command in page.blocks[0].commands()]
        self.assertEqual(commands, ["a 'b\nc'", "d \\\n  e", "f << END\ng\nEND"])
        self.assertEqual([(block.run, block.unchecked) for block in page.blocks], [(3, False), (None, True), (None, False)])


if __name__ == "__main__":
    unittest.main()
