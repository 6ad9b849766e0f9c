#!/usr/bin/python3
"""What the packages hold beside programs: man pages, completions, units, samples, pages, changelog, copyright.

Usage: package_files.py BUILD_DIR DEBIAN_DIR [--changelog]

BUILD_DIR is a build with its programs and its list of those that are shipped; DEBIAN_DIR has a folder for each package,
with the programs in it. debian/rules calls it; tools/package before that with --changelog, which writes that alone: it
says which version and time everything has.
"""

import os
import pathlib
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import textwrap
import time

import man_page

ROOT = pathlib.Path(__file__).resolve().parents[2]
DATE = time.gmtime(int(os.environ["SOURCE_DATE_EPOCH"]))
DAY = time.strftime("%Y-%m-%d", DATE)
COMPLETIONS = {
    "bash": "usr/share/bash-completion/completions/{}",
    "zsh": "usr/share/zsh/vendor-completions/_{}",
    "fish": "usr/share/fish/vendor_completions.d/{}.fish",
}
# Of a script: it has options, and its arguments are files.
SCRIPT_COMPLETIONS = {
    "bash": """_{function}() {{
  COMPREPLY=()
  [[ $2 == -* ]] && mapfile -t COMPREPLY < <(compgen -W '{options}' -- "$2")
}}
complete -o default -F _{function} {name}
""",
    "zsh": "#compdef {name}\n_arguments {options} '*:file:_files'\n",
    "fish": "complete -c {name} -a '{options}' -n 'string match -q -- \"-*\" (commandline -ct)'\n",
}
# Of the units: which package, who it runs as.
SERVICES = {"mirror-server": "partner-mirror", "mirror-agent": "partner-mirror-agent"}
# Where the pages begin, and what no page links to but authors of sources need.
PAGES = ("docs/README.md", "proto/mirror/v1/*.proto")
# Pages link to these, and they are for whoever has the repository.
LEFT_OUT = ("tests/data",)
LINK = re.compile(r"(\[(?:[^\[\]]|\[[^\[\]]*\])*\])\(([^()\s#]+)(#[^()\s]*)?\)")


def version(build):
    return re.search(r"^CMAKE_PROJECT_VERSION:STATIC=(.*)$", (build / "CMakeCache.txt").read_text(), re.MULTILINE)[1]


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def output_of(*command):
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode != 0 or not done.stdout:
        raise SystemExit(f"package_files.py: {' '.join(map(str, command))} ended with {done.returncode}: {done.stderr}")
    return done.stdout


def write_changelog(build, debian):
    """The section of this version in CHANGELOG.md."""
    maintainer = re.search(r"^Maintainer: (.*)$", (debian / "control").read_text(), re.MULTILINE)[1]
    number = version(build)
    changes = re.split(r"^## ", (ROOT / "CHANGELOG.md").read_text(), flags=re.MULTILINE)[1:]
    section = next((part for part in changes if part.split()[0] == number), None)
    if section is None:
        raise SystemExit(f"package_files.py: CHANGELOG.md has no section '## {number}'")
    lines = [f"partner-mirror ({number}-1) bookworm; urgency=medium", ""]
    for change in re.split(r"^- ", section, flags=re.MULTILINE)[1:]:
        lines += textwrap.wrap(" ".join(change.split()), 78, initial_indent="  * ", subsequent_indent="    ")
    lines += ["", f" -- {maintainer}  {time.strftime('%a, %d %b %Y %H:%M:%S +0000', DATE)}"]
    write(debian / "changelog", "\n".join(lines) + "\n")


def write_manual(folder, program, text):
    section = 8 if program.parent.name == "sbin" else 1
    write(folder / f"usr/share/man/man{section}/{program.name}.{section}", text)


def write_program_pages(build, debian):
    for line in (build / "shipped.txt").read_text().splitlines():
        package, kind, path = line.split()
        if kind == "private":  # Nobody types it.
            continue
        folder, program = debian / package, pathlib.PurePosixPath(path)
        installed = folder / path.lstrip("/")
        if kind == "script":
            text = output_of(installed, "--help")
            write_manual(folder, program, man_page.of_help(text, program.name, DAY))
            for shell, place in COMPLETIONS.items():
                write(folder / place.format(program.name), script_completion(shell, program.name, text))
            continue
        write_manual(folder, program, output_of(installed, "manual"))
        for shell, place in COMPLETIONS.items():
            write(folder / place.format(program.name), output_of(installed, "completion", shell))


def script_completion(shell, name, text):
    """Of the options that the script's --help lists."""
    options = re.findall(r"^  (?:-\w, )?(--[\w-]+)", text, re.MULTILINE)
    words = {"name": name, "function": name.replace("-", "_"), "options": " ".join(options)}
    return SCRIPT_COMPLETIONS[shell].format(**words)


def write_format_pages(debian):
    pages = ROOT / "docs" / "reference"
    for package, name, of, text in (
        ("server", "mirror-server.toml", "mirror-server(8)", (pages / "server-toml.md").read_text()),
        ("agent", "mirror-agent.toml", "mirror-agent(1)", (pages / "agent-toml.md").read_text()),
        ("tools", "mirrorctl.toml", "mirrorctl(1)",
         man_page.section((pages / "commands.md").read_text(), "### mirrorctl.toml")),
    ):
        see = f"{of}, and values.md and the other pages in /usr/share/doc/partner-mirror-doc/docs/reference"
        page = man_page.of_reference(text, name, f"configuration of {of.split('(')[0]}", see, DAY)
        write(debian / f"partner-mirror-{package}/usr/share/man/man5/{name}.5", page)


def write_samples(debian):
    """The configurations that `init` writes, without its keys."""
    with tempfile.TemporaryDirectory() as folder:
        made, source = pathlib.Path(folder) / "made", pathlib.Path(folder) / "crm.db"
        sqlite3.connect(source).execute("CREATE TABLE customer (id INTEGER PRIMARY KEY, name TEXT)")
        mirrorctl = debian / "partner-mirror-tools/usr/bin/mirrorctl"
        output_of(mirrorctl, "init", "--dir", made, "--context-id", "Cust26759", "--source", source)
        for package, name in (("server", "mirror-server"), ("agent", "mirror-agent"), ("tools", "mirrorctl")):
            text = (made / f"{name}.toml").read_text().replace(str(source), "/srv/crm/crm.db")
            if folder in text:
                raise SystemExit(f"package_files.py: the {name}.toml that init makes names its temporary folder")
            write(debian / f"partner-mirror-{package}/usr/share/doc/partner-mirror-{package}/examples/{name}.toml", text)
    examples = debian / "partner-mirror-server/usr/share/doc/partner-mirror-server/examples"
    shutil.copytree(ROOT / "tools" / "monitoring", examples / "monitoring")


def copy_units(debian):
    """To where debhelper looks for them, and what dpkg runs."""
    for part in ("server", "agent", "tools"):
        shutil.copyfile(debian / "program.postinst", debian / f"partner-mirror-{part}.postinst")
    units = ROOT / "tools" / "systemd"
    for program, user in SERVICES.items():
        package = f"partner-mirror-{program.removeprefix('mirror-')}"
        shutil.copyfile(units / f"{program}.service", debian / f"{package}.{program}.service")
        shutil.copyfile(units / "sysusers.d" / f"{user}.conf", debian / f"{package}.sysusers")
        shutil.copyfile(units / "tmpfiles.d" / f"{user}.conf", debian / f"{package}.tmpfiles")
        script = (debian / "service.postrm").read_text().replace("#USER#", user).replace("#PROGRAM#", program)
        write(debian / f"{package}.postrm", script)


def copy_pages(debian):
    """The pages and what they link to, as they lie beside each other in the repository."""
    place = debian / "partner-mirror-doc/usr/share/doc/partner-mirror-doc"
    waiting = [path for pattern in PAGES for path in sorted(ROOT.glob(pattern))]
    known = set(waiting)
    while waiting:
        page = waiting.pop()
        text = page.read_bytes()
        if page.suffix == ".md":
            text = LINK.sub(lambda link: followed(page, link, known, waiting), text.decode()).encode()
        there = place / page.relative_to(ROOT)
        there.parent.mkdir(parents=True, exist_ok=True)
        there.write_bytes(text)


def followed(page, link, known, waiting):
    """The link as it stands, when what it leads to is shipped; otherwise its words."""
    if ":" in link[2]:
        return link[0]
    there = (page.parent / link[2]).resolve()
    there = there / "README.md" if there.is_dir() and (there / "README.md").is_file() else there
    if not there.is_file():
        raise SystemExit(f"package_files.py: {page}: {link[2]} is not there")
    if there.is_relative_to(ROOT) and not str(there.relative_to(ROOT)).startswith(LEFT_OUT):
        if there not in known:
            known.add(there)
            waiting.append(there)
        return link[0]
    return link[1][1:-1]


def main():
    build, debian = map(pathlib.Path, sys.argv[1:3])
    if sys.argv[3:] == ["--changelog"]:
        write_changelog(build, debian)
        return
    write_program_pages(build, debian)
    write_format_pages(debian)
    write_samples(debian)
    copy_units(debian)
    copy_pages(debian)


if __name__ == "__main__":
    main()
