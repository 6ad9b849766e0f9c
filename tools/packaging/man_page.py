"""Man pages from Markdown: of the configurations' reference pages, and of scripts from their --help."""

import re
import subprocess

COMMENT = re.compile(r"^[ \t]*<!--.*?-->\n", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[([^\]]*)\]\(([^)\s]+)\)")
# A link that leads to another man page is its name; another one is its text.
PAGES = {
    "server-toml.md": "**mirror-server.toml**(5)",
    "agent-toml.md": "**mirror-agent.toml**(5)",
    "commands.md#mirrorctltoml": "**mirrorctl.toml**(5)",
}
NEEDED = ("needed", "required")
RULE = re.compile(r"\|[\s:|-]+\|")


def of_reference(text, name, about, see_also, date):
    """The page of a file's format; its tables become lists, which fit any terminal."""
    body = COMMENT.sub("", text.split("\n", 1)[1])
    body = LINK.sub(lambda link: link[0] if "://" in link[2] else PAGES.get(link[2], link[1]), body)
    body = re.sub(r"^##", "#", without_tables(body), flags=re.MULTILINE)
    return roff(f"# NAME\n\n{name} - {about}\n\n# DESCRIPTION\n{body}\n# SEE ALSO\n\n{see_also}\n", name, 5, date)


def of_help(text, name, date):
    """The page of a script: what it says itself, with its first sentence as its title."""
    about = text.split("\n\n")[1].replace("\n", " ").split(":")[0].rstrip(".")
    indented = "".join(f"    {line}\n" for line in text.splitlines())
    return roff(f"# NAME\n\n{name} - {about[0].lower()}{about[1:]}\n\n# DESCRIPTION\n\n{indented}", name, 1, date)


def section(text, heading):
    """The part of a page below a heading, which becomes its title; parts of that part belong to it."""
    level = heading.split(" ")[0]
    _, found, rest = text.partition(f"\n{heading}\n")
    if not found:
        raise SystemExit(f"man_page.py: no heading '{heading}'")
    return f"{heading}\n" + re.split(rf"^#{{1,{len(level)}}} ", rest, maxsplit=1, flags=re.MULTILINE)[0]


def without_tables(text):
    """Each row is its first cell, and below it the last one with those between."""
    done, head, fenced = [], None, False
    for line in text.splitlines():
        if line.startswith("```"):
            fenced = not fenced
            done += [""] if fenced else []
        if fenced or not line.startswith("|"):
            head = None
            done.append(line)
            continue
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if head is None:
            head = cells
        elif not RULE.fullmatch(line):
            named = [cell if cell in NEEDED else f"{name}: {cell}" for name, cell in zip(head, cells) if cell][1:-1]
            done += ["", cells[0], f":   {cells[-1]}" + (f" ({'; '.join(named)})" if named else "")]
    return "\n".join(done) + "\n"


def roff(markdown, title, number, date):
    metadata = {"title": title, "section": number, "date": date, "source": "Partner Mirror", "volume": "Partner Mirror"}
    words = [word for key, value in metadata.items() for word in ("-M", f"{key}={value}")]
    run = subprocess.run(
        ["lowdown", "-s", "-Tman", *words],
        input=markdown,
        capture_output=True,
        text=True,
        check=True,
    )
    # Words of a configuration are not to be spread. The terminal's own font has no name of this kind.
    return re.sub(r"^(\.TH .*\n)", r"\1.ad l\n", run.stdout, count=1, flags=re.MULTILINE).replace(r"\fC", r"\fB")
