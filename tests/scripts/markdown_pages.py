"""The pages of the documentation: their headings, links, blocks of code, and what a comment before a block says of it.

  <!-- run -->                the block's commands are typed by a test, and end with 0; so are those of the README
  <!-- run: exit 1 -->        its last command ends with 1
  <!-- run first: COMMAND --> typed before a block that is run, for what the page does not show; several, in their order;
                              "the tour" in place of a command: what the README's tour makes, made anew, with its
                              server at work
  <!-- numbers count -->      of a block that is run: its answers come in their order, and with their numbers, but for
                              ids and times
  <!-- the file: PATH -->     the block is that file, word for word; PATH goes from the page
  <!-- not checked: why -->   no test reads the block
"""

import dataclasses
import pathlib
import re
import shlex

ROOT = pathlib.Path(__file__).resolve().parents[2]
NAMED = ("README.md", "ARCHITECTURE.md", "proto/WRITING.md", "tests/README.md", "tests/bugs.md", "tests/scenarios.md", "tools/DEPLOYING.md")
FENCE = re.compile(r"^\s*(```+)\s*([\w-]*)")
COMMENT = re.compile(r"^\s*<!--\s*(.*?)\s*-->\s*$")
INLINE_CODE = re.compile(r"(?<!`)(`+)(?!`)(.+?)(?<!`)\1(?!`)", re.DOTALL)
LINK = re.compile(r"!?\[(?:[^\[\]]|\[[^\[\]]*\])*\]\(\s*<?([^()\s<>]+(?:\([^()]*\))?)>?(?:\s+\"[^\"]*\")?\s*\)")
REFERENCE = re.compile(r"^\s*\[[^\]]+\]:\s+<?(\S+?)>?(?:\s|$)", re.MULTILINE)
HEADING = re.compile(r"^(#{1,6})\s+(.*?)\s*#*$")
ANCHOR = re.compile(r"<a\s+(?:id|name)=\"([^\"]+)\"")
CONTINUED = re.compile(r"^\s*> ?")


@dataclasses.dataclass
class Block:
    """A fenced block; `line` is that of its first line of code."""

    page: "Page"
    line: int
    language: str
    code: list
    marks: list

    def __str__(self):
        return f"{self.page.name}:{self.line}"

    @property
    def text(self):
        return "\n".join(self.code) + "\n"

    @property
    def unchecked(self):
        return any(mark.startswith("not checked") for mark in self.marks)

    @property
    def run(self):
        """With which code its last command has to end; None: it is not run."""
        for mark in self.marks:
            if found := re.fullmatch(r"run(?:: exit (\d+))?", mark):
                return int(found[1] or 0)
        return 0 if self.page.name == "README.md" and self.language == "console" and not self.unchecked else None

    @property
    def file(self):
        """What it shows word for word; None: no file."""
        for mark in self.marks:
            if mark.startswith("the file: "):
                return (self.page.path.parent / mark.removeprefix("the file: ")).resolve()
        return None

    @property
    def numbers_count(self):
        return "numbers count" in self.marks

    @property
    def first(self):
        return [mark.removeprefix("run first: ") for mark in self.marks if mark.startswith("run first: ")]

    def commands(self):
        """(line, command) of each line behind a dollar, with those that go on with it."""
        found = []
        for number, line in enumerate(self.code, self.line):
            if line.lstrip().startswith("$ "):
                found.append((number, line.lstrip()[2:]))
            elif found and (found[-1][1].endswith("\\") or is_open(found[-1][1]) or CONTINUED.match(line)):
                found[-1] = (found[-1][0], found[-1][1] + "\n" + CONTINUED.sub("", line))
        return found


def is_open(command):
    """Whether a quotation has no end yet."""
    try:
        words_of(command)
    except ValueError:
        return True
    return False


def words_of(command):
    lexer = shlex.shlex(command.replace("\\\n", " "), posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    return list(lexer)


class Page:
    def __init__(self, path, root=ROOT):
        self.path, self.root = path, root
        self.name = path.relative_to(root).as_posix()
        self.lines = path.read_text().splitlines()
        self.blocks = []
        self.in_code = set()  # Numbers of lines.
        self._find_blocks()
        self.prose = "\n".join("" if n in self.in_code else line for n, line in enumerate(self.lines, 1))

    def _find_blocks(self):
        fence, block = None, None
        for number, line in enumerate(self.lines, 1):
            found = FENCE.match(line)
            if fence is None and found:
                fence, block = found[1], Block(self, number + 1, found[2], [], self._marks(number))
                self.in_code.add(number)
            elif fence is not None:
                self.in_code.add(number)
                if line.strip() == fence:
                    self.blocks.append(block)
                    fence = None
                else:
                    block.code.append(line)
        assert fence is None, f"{self.name}:{block.line}: this block has no end"

    def _marks(self, number):
        """What the comments right above a line say."""
        marks = []
        for line in reversed(self.lines[: number - 1]):
            found = COMMENT.match(line)
            if found:
                marks.append(found[1])
            elif line.strip():
                break
        return marks[::-1]

    def headings(self):
        for number, line in enumerate(self.lines, 1):
            found = HEADING.match(line)
            if found and number not in self.in_code:
                yield number, found[2]

    def anchors(self):
        """What a link may name behind '#', as GitHub makes it of headings."""
        found = set(ANCHOR.findall(self.prose))
        for _, heading in self.headings():
            plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()
            slug = re.sub(r"[^\w\- ]", "", plain).replace(" ", "-")
            number, name = 0, slug
            while name in found:
                number += 1
                name = f"{slug}-{number}"
            found.add(name)
        return found

    def without_code(self):
        """The prose with inline code blanked, line ends kept."""
        return INLINE_CODE.sub(lambda found: re.sub(r"[^\n]", " ", found[0]), self.prose)

    def links(self):
        """(line, target) of each."""
        text = self.without_code()
        for pattern in (LINK, REFERENCE):
            for found in pattern.finditer(text):
                yield text.count("\n", 0, found.start(1)) + 1, found[1]
        # The words of a link may be code.
        for found in re.finditer(r"\[`[^`\]]*`\]\(([^()\s]+)\)", self.prose):
            yield self.prose.count("\n", 0, found.start(1)) + 1, found[1]

    def inline_code(self):
        """(line, text) of what stands in backquotes."""
        for found in INLINE_CODE.finditer(self.prose):
            yield self.prose.count("\n", 0, found.start()) + 1, " ".join(found[2].split())


def pages(root=ROOT):
    named = [root / name for name in NAMED]
    return [Page(path, root) for path in named + sorted((root / "docs").rglob("*.md"))]
