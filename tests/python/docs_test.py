#!/usr/bin/python3
"""Asks the programs whether the pages of the documentation are right: excerpts of configurations are accepted, commands
and options that are shown exist, and blocks that say so (`<!-- run -->`, and those of the README) are typed: each command
ends as it should, and says each line that the block shows, but for numbers.
tests/scripts/markdown_pages.py says which comments a block can have.

Usage: docs_test.py BIN_DIR
"""

import concurrent.futures
import functools
import json
import os
import pathlib
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import tomllib
import unittest

import free_ports
import help_test
import sanitizer_words

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "scripts"))

import markdown_pages  # noqa: E402

BIN = None
PATIENCE_S = 120
# Blocks that say `<!-- not checked: why -->`. Whoever adds one finds another way first.
UNCHECKED_MAX = 2
# Blocks that are typed: there are more, and pages do not lose them unseen.
RUN_MIN = 100
PAGES_AT_ONCE = 4
PROGRAMS = help_test.PROGRAMS
SHELLS = ("console", "sh", "bash")
# Words that stand before a program.
BEFORE = ("sudo", "env", "nice", "time", "exec", "nohup", "watch", "timeout", "if", "then", "!", "while", "until", "do")
LISTED = re.compile(r"^  (-[\w,-]+)(.*)", re.MULTILINE)
OPTION = re.compile(r"--[a-z][a-z-]*")

# --- Configurations ---

SERVER_TABLES = {
    "listen", "admin", "application", "data", "tokens", "issuer", "limits", "breaker", "tenant", "hooks", "hook", "http", "hub",
}  # fmt: skip
AGENT_TABLES = {"identity", "agent", "source"}
MIRRORCTL_TABLES = {"audit"}
# In an array of tables: what an excerpt may leave out, and what it is then.
LEFT_OUT = {
    "tenant": {"context_id": "Cust*"},
    "issuer": {},
    "hook": {},
    "source": {"context_id": "Cust26759"},
}
# Where an excerpt names a file of its own, that of `init` is copied there.
COPIED = (
    ("listen", "certificate"), ("listen", "key"), ("admin", "certificate"), ("admin", "key"), ("admin", "client_ca"),
    ("application", "key"),
)  # fmt: skip
OF_FILES = {"file", "files", "types", "separator", "decimal", "quote", "encoding", "sheet"}


def kind_of(given, page, text):
    """Of which program an excerpt is, by its tables; [log] and [metrics] are of two: by its first comment, or its page."""
    tables = set(given)
    for program, own in (("mirror-server", SERVER_TABLES), ("mirror-agent", AGENT_TABLES), ("mirrorctl", MIRRORCTL_TABLES)):
        if tables & own:
            return program
    comment = re.match(r"# (mirror-server|mirror-agent|mirrorctl)\.toml", text)
    if comment:
        return comment[1]
    return "mirror-agent" if re.search(r"sources|agent", page) else "mirror-server"


def merged(base, given):
    """`base` with what an excerpt says in place of what it had."""
    whole = {name: dict(table) if isinstance(table, dict) else table for name, table in base.items()}
    for name, table in given.items():
        if name in LEFT_OUT:
            several = table if isinstance(table, list) else [table]
            first = (base.get(name) or [{}])[0] if name == "issuer" else {}
            whole[name] = [with_needed(name, {**LEFT_OUT[name], **first, **one}) for one in several]
        elif isinstance(table, dict):
            whole[name] = {**whole.get(name, {}), **table}
        else:
            whole[name] = table
    return whole


def with_needed(name, one):
    """A [[source]] with the kind and the place that its tables speak of."""
    if name == "source":
        speaks_of = {key for table in one.get("table", []) for key in table}
        if "kind" not in one and ("folder" in one or speaks_of & OF_FILES):
            one["kind"] = "xlsx" if "sheet" in speaks_of else "csv"
        kind = one.get("kind", "sqlite")
        files = kind in ("csv", "xlsx")
        if kind in ("postgres", "mariadb", "odbc"):
            one.setdefault("dsn", "host=db1 dbname=crm user=mirror_agent")
        else:
            one.setdefault("folder" if files else "path", "crm.db")
        if not files and any("key" in table and "strategy" not in table for table in one.get("table", [])):
            one.setdefault("strategy", "synthetic")
    return one


def write_hash_key(path):
    path.write_text("5a" * 32 + "\n")
    path.chmod(0o600)


def make_program(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)


def inline(value):
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)} = {inline(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(inline, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


def written(whole):
    return "".join(f"{name} = {inline(value)}\n" for name, value in whole.items())


# --- Commands ---


def simple_commands(command):
    """The words of each command of a line: those between |, &&, ; and the like, without what is redirected."""
    words, skip = [], False
    for word in markdown_pages.words_of(command):
        if re.fullmatch(r"[();|&\n]+", word):
            yield words
            words = []
        elif re.fullmatch(r"[<>&]+", word):
            skip = True
        elif skip:
            skip = False
        else:
            words.append(word)
    yield words


def of_ours(words):
    """(program, its words) of a simple command; None: it is none of ours."""
    words = list(words)
    while words:
        if re.fullmatch(r"\w+=.*", words[0]) or words[0] in BEFORE or words[0] == "$":
            words.pop(0)
        elif words[0] in ("-u", "-n", "-c"):
            del words[:2]
        else:
            name = words[0].rpartition("/")[2]
            return (name, words[1:]) if name in PROGRAMS else None
    return None


def options_of(told, valued=False):
    """The names of each option that a help lists; `valued`: of those that take a value."""
    for names, more in LISTED.findall(told):
        if not valued or re.match(r"[=:]| (?:[A-Z]{2}|\[)", more):
            yield OPTION.findall(names)


def wrong_words(words, told):
    """What a program's words name that it does not have; `told` is its help, by command."""
    command, wrong, at = (), [], 0
    levels = [told[()]]
    while at < len(words):
        word = words[at]
        at += 1
        option = OPTION.match(word)
        if word.startswith("-") and not option:
            continue
        if option:
            known = {name for level in levels for names in options_of(level) for name in names}
            if option[0] not in known:
                wrong.append(option[0])
            valued = {name for level in levels for names in options_of(level, valued=True) for name in names}
            if option[0] in valued and "=" not in word:
                at += 1
        elif (*command, word) in told:
            command = (*command, word)
            levels.append(told[command])
        elif help_test.commands_of(levels[-1]):
            if word.isupper():
                break  # Stands for any of them.
            return [*wrong, word]
    return wrong


def wrong_in(command, told):
    for words in simple_commands(command):
        ours = of_ours(words)
        if ours:
            for word in wrong_words(ours[1], told[ours[0]]):
                yield f"{ours[0]} has no '{word}': {command}"


@functools.cache
def options_of_script(name):
    done = subprocess.run([ROOT / name, "--help"], capture_output=True, text=True, check=False, timeout=PATIENCE_S)
    return set(OPTION.findall(done.stdout)) | {"--help"}


def wrong_in_scripts(command):
    """Scripts of the repository that there are not, and options that their help does not name."""
    for words in simple_commands(command):
        if words and words[0].startswith("tools/"):
            if not (ROOT / words[0]).is_file():
                yield f"there is no {words[0]}"
                continue
            for option in (OPTION.match(word) for word in words[1:]):
                if option and option[0] not in options_of_script(words[0]):
                    yield f"{words[0]} has no '{option[0]}': {command}"


def inline_command(code):
    """A command that the text names: without the brackets of what may be left out, and what stands for others."""
    if not re.match(rf"(?:{'|'.join(PROGRAMS)}|tools/[a-z]+) \S", code):
        return None
    return re.sub(r"\[|\]|\.\.\.|…|<|>|'|\"|\(|\)", " ", code).replace("|", " ")


# --- Typing them ---

# What `<!-- run first: the tour -->` means: the pages' examples are of what the README's tour makes, here made anew.
TOUR = (
    "cp tests/data/chinook.sqlite /tmp/crm.db && cd /tmp",
    "mirrorctl init --dir dev --context-id Cust26759 --source crm.db",
    "export MIRRORCTL_CONFIG=dev/mirrorctl.toml",
    "mirror-server --config dev/mirror-server.toml &",
    "mirror-agent install --config dev/mirror-agent.toml",
    "mirror-agent once --config dev/mirror-agent.toml",
)


# Folders at the top of a machine that examples write to.
FOLDERS = ("var/backups/partner-mirror", "srv")


class Shell:
    """A shell in a folder that looks like the repository after a build; what it starts ends with it."""

    def __init__(self, folder):
        self.folder = folder
        self.out = folder / "said"
        self.tmp = folder / "tmp"
        place = folder / "repository"
        (place / "build" / "release").mkdir(parents=True)
        self.tmp.mkdir()
        for name in FOLDERS:
            (self.tmp / name).mkdir(parents=True)
        (place / "build" / "release" / "bin").symlink_to(BIN)
        for name in ("tools", "tests", "proto"):
            (place / name).symlink_to(ROOT / name)
        self.ports = dict(zip(("7443", "7444", "7445", "7446", "7447"), map(str, free_ports.free_ports(5))))
        environment = {key: value for key, value in os.environ.items() if not key.startswith("MIRROR")}
        environment["PATH"] = f"{BIN}:{environment['PATH']}"
        with self.out.open("wb") as out:
            self.bash = subprocess.Popen(
                ["/bin/bash"],
                cwd=place,
                env=environment,
                stdin=subprocess.PIPE,
                stdout=out,
                stderr=out,
                text=True,
                start_new_session=True,
            )

    def local(self, command):
        """What is to be typed here: other folders, ports that are free, and the server that was started here alone."""
        command = re.sub(rf"(?<![\w/.])(?:/tmp\b|(?=/(?:{'|'.join(FOLDERS)})\b))", str(self.tmp), command)
        command = command.replace("$(pidof mirror-server)", "$SERVER")
        for port, own in self.ports.items():
            command = re.sub(rf"\b{port}\b", own, command)
        if "mirrorctl init" in command and "--port" not in command:
            options = zip(("--port", "--admin-port", "--metrics-port"), self.ports.values())
            command = command.replace("mirrorctl init", "mirrorctl init " + " ".join(map(" ".join, options)))
        return command

    def type_in(self, command):
        """(its exit code, what was said). Of a server in the background: once it is ready."""
        begin = self.out.stat().st_size
        end = f"@@ended {random.randrange(10**9)}"
        self.bash.stdin.write(f"{{ {self.local(command)}\n}} < /dev/null\nprintf '\\n{end} %d\\n' $?\n")
        self.bash.stdin.flush()
        code = self.wait_for(command, begin, rf"^{end} (\d+)$")[1]
        if re.search(r"mirror-server .*&\s*(?:#.*)?$", command):
            if not self.wait_for(command, begin, r"^mirror-server (ready): | not started: ")[1]:
                return 1, self.said(begin)
            self.bash.stdin.write("SERVER=$!\n")
        return int(code), self.said(begin)

    def said(self, begin):
        return self.out.read_bytes()[begin:].decode(errors="replace")

    def wait_for(self, command, begin, pattern):
        end = time.monotonic() + PATIENCE_S
        while time.monotonic() < end:
            found = re.search(pattern, self.said(begin), re.MULTILINE)
            if found:
                return found
            assert self.bash.poll() is None, f"{command}: the shell ended: {self.said(begin)}"
            time.sleep(0.02)
        raise AssertionError(f"{command}: not done in {PATIENCE_S} s: {self.said(begin)}")

    def end(self):
        try:
            self.bash.communicate("kill $(jobs -p) 2> /dev/null; wait\n", timeout=PATIENCE_S)
        finally:
            if self.bash.poll() is None:
                os.killpg(self.bash.pid, signal.SIGKILL)
                self.bash.wait()
        sanitizer_words.check_file(self.out)


class Docs(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.pages = markdown_pages.pages()
        cls.blocks = [block for page in cls.pages for block in page.blocks]
        cls.told = {program: help_test.ask(program) for program in PROGRAMS}
        cls.work = pathlib.Path(tempfile.mkdtemp(prefix="docs-test-"))
        cls.addClassCleanup(shutil.rmtree, cls.work, ignore_errors=True)

    def assert_none(self, wrong):
        self.assertEqual(wrong, [], "\n" + "\n".join(wrong))

    # --- Configurations ---

    @classmethod
    def init(cls):
        folder = cls.work / "dev"
        if not folder.exists():
            shutil.copy(ROOT / "tests" / "data" / "chinook.sqlite", cls.work / "crm.db")
            subprocess.run(
                [BIN / "mirrorctl", "init", "--dir", folder, "--context-id", "Cust26759", "--source", "crm.db"],
                check=True,
                cwd=cls.work,
                stdout=subprocess.DEVNULL,
            )
        return folder

    def make_files(self, whole, base):
        """What the configuration names and `init` did not make; paths of a machine lead into a folder of the test's."""
        here = self.init()

        def local(path):
            return str(self.work / "machine") + path if path.startswith("/") else path

        def make(table, key, made):
            """The file that a key names, if it is not there, as `made` makes it."""
            if table.get(key) and not (here / table[key]).exists():
                table[key] = local(table[key])
                place = here / table[key]
                place.parent.mkdir(parents=True, exist_ok=True)
                if not place.exists():
                    made(place)

        for name, key in COPIED:
            of = here / base.get(name, {}).get(key, "")
            make(whole.get(name, {}), key, lambda place, of=of: shutil.copy(of, place))
        make(whole.get("listen", {}), "client_ca", lambda place: shutil.copy(here / "tls" / "ca.crt", place))
        for issuer in whole.get("issuer", []):
            make(issuer, "keys", lambda place: shutil.copytree(here / "issuers" / "development", place))
        for name in ("data", "agent"):
            make(whole.get(name, {}), "hash_key", write_hash_key)
        if whole.get("data", {}).get("dir", "").startswith("/"):
            make(whole["data"], "dir", pathlib.Path.mkdir)
        for hook in whole.get("hook", []):
            if "command" in hook:
                hook["command"][0] = local(hook["command"][0])
                make_program(pathlib.Path(hook["command"][0]))

    def refusal(self, block):
        """What the program says against an excerpt; None: nothing."""
        given = tomllib.loads(block.text)
        program = kind_of(given, block.page.name, block.text)
        folder = self.init()
        base = tomllib.loads((folder / f"{program}.toml").read_text())
        whole = merged(base, given)
        if program == "mirror-agent":
            needs_key = any("hash" in table for source in whole["source"] for table in source.get("table", []))
            if needs_key and not whole["agent"]["hash_key"]:
                whole["agent"]["hash_key"] = "columns.key"
        self.make_files(whole, base)
        file = folder / f"excerpt of {program}.toml"
        file.write_text(written(whole))
        arguments = {
            "mirror-server": ["--config", file, "--check-config"],
            # Reads nothing but configuration and its own files; 1: a source never ran.
            "mirror-agent": ["status", "--config", file],
            # Nobody listens; 1: no connection.
            "mirrorctl": ["--config", file, "keys"],
        }[program]
        done = help_test.run(program, *arguments)
        good = {"mirror-server": (0,), "mirror-agent": (0, 1), "mirrorctl": (0, 1)}[program]
        return None if done.returncode in good else f"{block}: {done.stderr.strip()}"

    def test_every_excerpt_of_a_configuration_is_accepted(self):
        excerpts = [block for block in self.blocks if block.language == "toml" and not block.unchecked]
        self.assertGreater(len(excerpts), 10)
        self.assert_none([said for said in map(self.refusal, excerpts) if said])

    def test_an_excerpt_that_is_wrong_is_refused(self):
        for text, said in (
            ("[limits]\ncolums_max = 1\n", "did you mean 'columns_max'"),
            ('[[tenant.table]]\nname = "a"\nmask_keep = 17\n', "mask_keep"),
            ('[data]\nhash_key = "/etc/a.key"\ndir = "/var/lib/a"\n', None),
            ('[listen]\nclient_ca = "/etc/a.crt"\ncertificate = "b/c.crt"\nkey = "b/c.key"\n', None),
            ('[[issuer]]\nname = "a"\nenvironment = "b"\nkeys = "issuers/b"\ncontexts = ["*"]\n', None),
            ('[[hook]]\nname = "a"\non = ["completed"]\ncommand = ["/usr/bin/no-such-program"]\n', None),
            ('[[hook]]\nname = "a"\non = ["complete"]\ncommand = ["/usr/bin/no-such-program"]\n', "on"),
            ('[[source.table]]\nname = "a"\nwatermark = "b"\n', "watermark"),
            ('[[source.table]]\nname = "a"\nstrategy = "watermark"\nwatermark = "b"\nhash = ["c"]\n', None),
            ('[[source.table]]\nname = "a"\nkey = ["b"]\ntypes = { c = "txt" }\n', "types"),
            ('[[source.table]]\nname = "a"\nkey = ["b"]\ntypes = { c = "text" }\n', None),
            ('[agent]\nwindows = 3\n', "did you mean 'window'"),
            ('[audit]\ncertificates = "a"\n', "certificate"),
            ('# mirror-agent.toml\n[metrics]\nport = 70000\n', "port"),
            ('# mirror-agent.toml\n[log]\nlevel = "info"\n', "level"),
        ):
            with self.subTest(text=text):
                page = self.work / "page.md"
                page.write_text(f"# Page\n\n```toml\n{text}```\n")
                refused = self.refusal(markdown_pages.Page(page, self.work).blocks[0])
                self.assertIn(said, refused) if said else self.assertIsNone(refused)

    # --- Commands ---

    def wrong(self, command):
        return [*wrong_in(command, self.told), *wrong_in_scripts(command)]

    def test_every_command_and_option_that_a_block_shows_exists(self):
        wrong, seen = [], 0
        for block in self.blocks:
            if block.language not in SHELLS or block.unchecked:
                continue
            commands = block.commands() if block.language == "console" else lines_of(block)
            for line, command in commands:
                seen += sum(1 for words in simple_commands(command) if of_ours(words))
                wrong += [f"{block.page.name}:{line}: {said}" for said in self.wrong(command)]
        self.assert_none(wrong)
        self.assertGreater(seen, 40)

    def test_every_command_and_option_that_the_text_names_exists(self):
        wrong, seen = [], 0
        for page in self.pages:
            for line, code in page.inline_code():
                command = inline_command(code)
                if command:
                    seen += 1
                    wrong += [f"{page.name}:{line}: {said}" for said in self.wrong(command)]
        self.assert_none(wrong)
        self.assertGreater(seen, 40)

    def test_every_command_and_option_of_the_programs_stands_in_the_reference(self):
        names, missing = ("commands", "mirrorctl", "mirrorctl-init"), []
        pages = [markdown_pages.Page(ROOT / "docs" / "reference" / f"{name}.md") for name in names]
        for program in PROGRAMS:
            # "In a shell": what each program has.
            codes = [code for page in pages for code in codes_of(page, program) + codes_of(page, "In")]
            for command, told in self.told[program].items():
                if help_test.commands_of(told):
                    continue
                name = " ".join(command)
                if not any(f"{code} ".startswith(f"{name} ") for code in codes):
                    missing.append(f"{program} {name}")
                shown = {option for code in codes for option in OPTION.findall(code)} | {"--help", "--version"}
                for names in options_of(told):
                    if not shown.intersection(names):
                        missing.append(f"{program} {name} {names[0]}")
        self.assert_none(missing)

    def test_every_key_of_a_configuration_stands_in_the_reference(self):
        folder, missing = self.init(), []
        for program in ("mirror-server", "mirror-agent"):
            name = program.removeprefix("mirror-")
            page = "".join(path.read_text() for path in sorted((ROOT / "docs" / "reference").glob(f"{name}-*toml.md")))
            keys = re.findall(r"^(?:# ?)?(\w+) = ", (folder / f"{program}.toml").read_text(), re.MULTILINE)
            self.assertGreater(len(keys), 20)
            missing += [f"{program}: {key}" for key in dict.fromkeys(keys) if not re.search(rf"\b{key}\b", page)]
        self.assert_none(missing)

    def test_few_blocks_say_that_nobody_checks_them(self):
        found = [str(block) for block in self.blocks if block.unchecked]
        self.assertLessEqual(len(found), UNCHECKED_MAX, found)

    # --- Typing them ---

    def test_the_blocks_that_are_to_be_run_do_what_they_say(self):
        tours = {}
        for block in self.blocks:
            if block.run is not None:
                tours.setdefault(block.page.name, []).append(block)
        self.assertIn("README.md", tours)
        self.assertTrue(any("mirror-agent verify" in block.text for block in tours["README.md"]))
        self.assertGreater(sum(map(len, tours.values())), RUN_MIN)
        # They wait more than they work.
        with concurrent.futures.ThreadPoolExecutor(PAGES_AT_ONCE) as pool:
            found = pool.map(lambda blocks: faults(blocks, self.work), tours.values())
            for page, wrong in zip(tours, found):
                with self.subTest(page=page):
                    self.assert_none(wrong)


def faults(blocks, folder):
    """What a page's blocks do not do as they say, typed one after the other."""
    shell, found = None, []

    def anew():
        if shell is not None:
            shell.end()
        return Shell(pathlib.Path(tempfile.mkdtemp(dir=folder)))

    def type_in(line, command, wanted=0):
        code, said = shell.type_in(command)
        if code != wanted:
            found.append(f"{line}: ended with {code}: {command}\n{said}")

    try:
        shell = anew()
        for block in blocks:
            for one in block.first:
                if one == "the tour":
                    shell = anew()
                for command in TOUR if one == "the tour" else (one,):
                    type_in(block, command)
            begin, commands = shell.out.stat().st_size, block.commands()
            for at, (line, command) in enumerate(commands, 1):
                type_in(f"{block.page.name}:{line}", command, block.run if at == len(commands) else 0)
            told = without_ids if block.numbers_count else without_numbers
            said, at = told(shell.said(begin)), 0
            for number, line in shown(block):
                wanted = told(shell.local(line))
                place = said.find(wanted, at)
                if place < 0:
                    found.append(f"{block.page.name}:{number}: not said: {line}")
                elif block.numbers_count:
                    at = place + len(wanted)
    finally:
        if shell is not None:
            shell.end()
    return found


def shown(block):
    """(number, line) of what a block says that its commands say; '...' stands for lines and for ends of them."""
    typed = {line + more for line, command in block.commands() for more in range(command.count("\n") + 1)}
    for number, line in enumerate(block.code, block.line):
        if number not in typed and line.strip() and "..." not in line:
            yield number, line


def without_numbers(text):
    """Counts, times, ports and ids differ; so does where lines end, since paths do."""
    text = re.sub(r"\b(?:[0-9a-fA-F]{8,}|\d[\d.,:TZ-]*)", "#", text)
    return " ".join(re.sub(r"-{3,}", "-", text).split())


def without_ids(text):
    """Random ids and times differ."""
    text = re.sub(r"\b(?:[0-9a-f]{32}|[0-9a-f]{12}|\d{4}-\d\d-\d\dT[\d:.]+Z)\b", "#", text)
    return " ".join(text.split())


def codes_of(page, program):
    """What stands in backquotes below the heading of a program; below one of a group of its commands behind that word."""
    found, title, headings = [""], "", dict(page.headings())
    codes = sorted(page.inline_code())
    for number in range(1, len(page.lines) + 1):
        if headings.get(number, "").split()[:1] == [program]:
            title = headings[number]
        elif number in headings and page.lines[number - 1].startswith("## "):
            title = ""
        if title:
            for code in (code for line, code in codes if line == number):
                found += [code.removeprefix(program).strip(), f"{title} {code}".removeprefix(program).strip()]
    return found


def lines_of(block):
    """(line, command) of a script. A quotation may go over lines."""
    begun = None
    for number, line in enumerate(without_heredocs(block.text).replace("\\\n", " ").split("\n"), block.line):
        begun = (begun[0], f"{begun[1]}\n{line}") if begun else (number, line)
        if not markdown_pages.is_open(begun[1]):
            yield begun
            begun = None
    if begun:
        yield begun


def without_heredocs(text):
    return re.sub(r"(<< ?'?(\w+)'?.*\n)(?:.*\n)*?\2\n", r"\1", text)


class Checks(unittest.TestCase):
    """What the checks above must notice."""

    TOLD = {
        "mirrorctl": {
            (): "Options:\n  --config,--conf TEXT=x  Which\n  --wide  All\n\nSubcommands:\n  hold   What waits\n  tables  Tables\n\n",
            ("hold",): "Options:\n  -h,--help  x\n\nSubcommands:\n  list  All\n\n",
            ("hold", "list"): "Options:\n  --json  As JSON\n",
            ("tables",): "Options:\n  --json  As JSON\n",
        }
    }

    def test_commands_that_there_are_not(self):
        for command, wrong in (
            ("mirrorctl --config a.toml hold list --json", []),
            ("mirrorctl tables CTX --wide | head # hold --all", []),
            ("mirrorctl tabels CTX", ["tabels"]),
            ("sudo -u x mirrorctl hold lst", ["lst"]),
            ("cd /tmp && build/bin/mirrorctl tables --no-such CTX > --out", ["--no-such"]),
            ("mirrorctl --config hold hold list --wide", []),
            ("kill $(mirrorctl tables --pid)", ["--pid"]),
            ("A=1 mirrorctl tables --jsn=1; mirrorctl nothing", ["--jsn", "nothing"]),
            ("systemctl start mirrorctl --now", []),
            ("mirrorctl COMMAND --any", []),
            ("mirrorctl --conf hold tabels", ["tabels"]),
        ):
            with self.subTest(command=command):
                found = [re.search("'(.*?)'", said)[1] for said in wrong_in(command, self.TOLD)]
                self.assertEqual(found, wrong)

    def test_scripts_that_there_are_not(self):
        for command, wrong in (
            ("tools/check --all; tools/bench --only upsert # --no", []),
            ("tools/chek", ["there is no tools/chek"]),
            ("tools/fuzz --secons 3 && tools/demo --help", ["tools/fuzz has no '--secons'"]),
        ):
            with self.subTest(command=command):
                self.assertEqual([said.partition(":")[0] for said in wrong_in_scripts(command)], wrong)

    def test_excerpts_find_their_place(self):
        base = {"agent": {"a": 1, "b": 2}, "source": [{"context_id": "A", "path": "p", "interval": "1s"}]}
        whole = merged(base, tomllib.loads('[agent]\nb = 3\n[[source.table]]\nname = "x"\ntypes = { y = "text" }\n'))
        self.assertEqual(whole["agent"], {"a": 1, "b": 3})
        table = [{"name": "x", "types": {"y": "text"}}]
        self.assertEqual(whole["source"], [{"context_id": "Cust26759", "kind": "csv", "folder": "crm.db", "table": table}])
        self.assertEqual(tomllib.loads(written(whole)), whole)

    def test_what_a_block_does_not_do_is_noticed(self):
        with tempfile.TemporaryDirectory(prefix="docs-test-") as folder:
            page = pathlib.Path(folder) / "page.md"
            page.write_text(
                "<!-- run first: X=5; echo one -->\n<!-- run: exit 2 -->\n```console\n$ echo $X rows\n17 rows\n17 columns\n...\n"
                "$ mirrorctl tabels\n```\n<!-- run -->\n```console\n$ false\n$ echo two\none\n```\n"
            )
            found = faults(markdown_pages.Page(page, page.parent).blocks, folder)
        told = [re.match(r"page\.md:(\d+: (?:ended|not said))", one)[1] for one in found]
        self.assertEqual(told, ["6: not said", "12: ended", "14: not said"])

    def test_numbers_count_where_a_block_says_so(self):
        with tempfile.TemporaryDirectory(prefix="docs-test-") as folder:
            page = pathlib.Path(folder) / "page.md"
            page.write_text(
                "<!-- numbers count -->\n<!-- run -->\n```console\n"
                "$ echo '{\"n\":1,\"id\":\"6d48966c3018cfbacf375e5c5c7d3f9b\"}'; echo two at 2026-11-26T12:49:03.381Z\n"
                '{"n":1,"id":"0d48966c3018cfbacf375e5c5c7d3f9c"}\ntwo at 2026-11-25T01:02:03.004Z\n'
                "$ echo one 1; echo two 2\none 2\ntwo 2\none 1\n```\n"
            )
            found = faults(markdown_pages.Page(page, page.parent).blocks, folder)
        self.assertEqual([one.split(" not said: ")[1] for one in found], ["one 2", "one 1"])

    def test_a_shell_ends_what_it_began(self):
        with tempfile.TemporaryDirectory(prefix="docs-test-") as folder:
            shell = Shell(pathlib.Path(folder))
            try:
                self.assertEqual(shell.type_in("cd /tmp && X=3")[0], 0)
                self.assertEqual(shell.type_in("cat; exit_code() { return $X; }; exit_code")[0], 3)
                code, said = shell.type_in("echo 7443 $PWD; sleep 1000 &")
                self.assertEqual(code, 0)
                self.assertIn(f"{shell.ports['7443']} {folder}/tmp", said)
                self.assertEqual(shell.type_in("mirrorctl tabels")[0], 2)
            finally:
                begun = time.monotonic()
                shell.end()
                self.assertLess(time.monotonic() - begun, PATIENCE_S)


if __name__ == "__main__":
    BIN = help_test.BIN = pathlib.Path(sys.argv.pop(1)).resolve()
    unittest.main(verbosity=2)
