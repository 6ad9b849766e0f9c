#!/usr/bin/python3
"""Checks the sources against the rules of ARCHITECTURE.md that a program can check.

Usage: source_rules.py includes|files|format ROOT

  includes   who may include whom
  files      header guards, line lengths, file names, what stands at the top, no private key
  format     every .h and .cc is as clang-format writes it

Prints one line for each violation. Exit code: 0 none, 1 some, 2 wrong usage.
"""

import concurrent.futures
import os
import pathlib
import re
import shutil
import subprocess
import sys

COLUMNS_MAX = 110
CODE = (".h", ".cc")
FOLDERS = ("base", "proto", "server", "client", "certs", "tests", "tools")
TOP = FOLDERS + ("CMakeLists.txt", "CMakePresets.json", "README.md", "ARCHITECTURE.md", "CHANGELOG.md")

# What an include may be, by name of the group.
GROUPS = {
    "the standard library": r"<(?:[a-z_]+|c?(?:math|stdint|stddef|string|time|errno|signal)\.h)>",
    "the system": r"<(?:(?:sys|netinet|arpa|linux)/[a-z_]+\.h|(?:unistd|fcntl|signal|poll|dirent|netdb|pwd|spawn|"
    r"endian|errno|time|string|termios|sysexits|dlfcn|sched|pthread)\.h)>",
    "absl": r"[<\"]absl/",
    "xxhash": r"[<\"]xxh",
    "OpenSSL": r"[<\"]openssl/",
    "nlohmann-json": r"[<\"]nlohmann/",
    "spdlog": r"[<\"](?:spdlog|fmt)/",
    "protobuf": r"[<\"](?:google/protobuf/|[\w/.]*\.pb\.h)",
    "grpc": r"[<\"](?:grpc|grpcpp|grpc\+\+|src/core)/|[<\"][\w/.]*\.grpc\.pb\.h",
    "the codec (it brings protobuf)": r"\"proto/wire/(?:[a-z_]*codec[a-z_]*|table_pack_codec)\.h\"",
    "CLI11": r"<CLI/",
    "prometheus-cpp": r"[<\"]prometheus/",
    "cpp-httplib": r"[<\"]httplib\.h",
    "Boost": r"<boost/",
    "base": r"\"base/",
    "the HTTP door": r"\"base/http/",
    "the exposition": r"\"proto/exposition/",
    "SQLite": r"[<\"](?:sqlite3(?:ext)?\.h|SQLiteCpp/)",
    "what both do with SQLite": r"\"proto/sqlite/",
    "PostgreSQL": r"[<\"](?:libpq|pqxx|postgresql)[/\w-]*|[<\"]libpq-fe\.h",
    "libcsv": r"[<\"]csv\.h",
    "libzip": r"[<\"]zip(?:conf)?\.h",
    "expat": r"[<\"]expat\w*\.h",
    "wire": r"\"proto/wire/",
    "certs": r"\"certs/",
    "server": r"\"server/",
    "the plans": r"\"server/(?:[a-z_]*_)?plan\.h\"",
    "the store": r"\"server/store/",
    "store.h and the position in it": r"\"server/store/(?:store|sql)\.h\"",
    "client": r"\"client/",
    "the readers themselves": r"\"client/source/(?!(?:reader|history)\.h)",
    "tools": r"\"tools/",
    "tests": r"\"tests/",
}
SQL = ("SQLite", "PostgreSQL")
STD = ("the standard library", "the system")

# (which files, only these groups or None, never these groups). Every line that fits a file holds for it.
RULES = [
    # proto/wire is the agreement: plain values. The codec, and the packing beside it, know the messages.
    (r"proto/wire/log_format\.", STD + ("wire", "spdlog", "nlohmann-json"), ()),
    (r"proto/wire/receipt\.", STD + ("absl", "wire", "OpenSSL", "nlohmann-json"), ("the codec (it brings protobuf)",)),
    (r"proto/wire/command_line\.", STD + ("absl", "wire", "CLI11"), ("the codec (it brings protobuf)",)),
    (r"proto/wire/(?!\w*codec|table_pack\.cc|log_format\.|receipt\.|command_line\.)", STD + ("absl", "xxhash", "wire"), ("the codec (it brings protobuf)",)),
    (r"proto/wire/\w*codec|proto/wire/table_pack\.cc", STD + ("absl", "xxhash", "wire", "protobuf"), ("grpc",)),
    (r"base/http/listener\.cc", STD + ("absl", "the HTTP door", "Boost"), ()),
    (r"base/(?!http/listener\.cc)", STD + ("absl", "base"), ()),
    (r"(?!base/http/listener\.cc)", None, ("Boost",)),
    (r"proto/exposition/", STD + ("absl", "prometheus-cpp", "the HTTP door", "the exposition"), ()),
    (r"proto/sqlite/", STD + ("absl", "SQLite", "what both do with SQLite"), ()),
    (r"(?!proto/exposition/)", None, ("prometheus-cpp",)),
    (r"(?!server/hooks/delivery/hook_url|tests/)", None, ("cpp-httplib",)),
    (r"certs/(?!tls)", STD + ("absl", "OpenSSL", "nlohmann-json", "certs"), ()),
    (r"certs/tls", STD + ("absl", "OpenSSL", "nlohmann-json", "certs", "grpc"), ()),
    (
        r"server/(?:\w+_)?plan\.",
        STD + ("absl", "wire", "the plans"),
        ("the codec (it brings protobuf)",),
    ),
    (r"server/store/", None, ("grpc", "protobuf", "the codec (it brings protobuf)")),
    (r"server/store/(?!postgres)", None, ("PostgreSQL",)),
    (r"server/store/postgres", None, ("SQLite",)),
    (r"server/store/(?:store|sql)\.", None, SQL),
    (
        r"server/(?:tenants?|commit_queue|row_planner|row_request)(?:\b|_)",
        None,
        SQL + ("grpc", "protobuf", "the codec (it brings protobuf)"),
    ),
    (r"server/(?:gate|rpc_status)\b", None, SQL + ("the store", "the plans")),
    (r"server/\w*_service\b", None, SQL),
    (r"server/", None, ("client", "tools", "tests")),
    (r"client/", None, ("server", "tools", "tests")),
    (r"client/source/", None, ("grpc", "protobuf", "the codec (it brings protobuf)")),
    (r"client/source/(?!postgres|outbox)", None, ("PostgreSQL",)),
    (r"(?!client/source/files/csv_rows|tests/)", None, ("libcsv",)),
    (r"(?!client/source/files/xlsx_rows|tests/)", None, ("libzip", "expat")),
    (r"client/(?:cycle|decision|row_sender)\b", None, SQL + ("the readers themselves",)),
    (r"tools/", None, ("server", "tests")),
    (r"tools/(?!mirror_harness/|benchmarks/|mirrorctl/doctor)", None, ("client",)),
]
# What passes the sources' door goes through one function, which knows what a source may read.
SOURCES_DOOR = ("mirror_service", "stream_calls", "range_calls", "encode_outcome", "checked_service")
INCLUDE = re.compile(r'^\s*#\s*include\s+([<"][^>"]+[>"])')


def files_of(root):
    """Paths below root, as git sees them: tracked, or new and not ignored."""
    git = ["git", "-c", "safe.directory=*", "-C", str(root)]
    top = subprocess.run(git + ["rev-parse", "--show-toplevel"], capture_output=True, text=True)
    if top.returncode == 0 and pathlib.Path(top.stdout.strip()).resolve() == root:
        listed = subprocess.run(
            git + ["ls-files", "-z", "--cached", "--others", "--exclude-standard"], capture_output=True, check=True
        ).stdout
        names = {name.decode() for name in listed.split(b"\0") if name}
    else:
        names = {p.relative_to(root).as_posix() for p in root.rglob("*") if "build" not in p.relative_to(root).parts}
    return sorted(name for name in names if (root / name).is_file())


def code_of(root):
    folders = tuple(folder + "/" for folder in FOLDERS)
    return [name for name in files_of(root) if name.endswith(CODE) and name.startswith(folders)]


def includes_of(root, name):
    for number, line in enumerate((root / name).read_text(errors="replace").splitlines(), 1):
        found = INCLUDE.match(line)
        if found:
            yield number, found.group(1)


def check_includes(root):
    for name in code_of(root):
        for number, include in includes_of(root, name):
            at = f"{name}:{number}: {include}"
            if re.search(r'\.(?:cc|cpp|c)[>"]$', include):
                yield f"{at}: a .cc file is compiled, not included"
            if "../" in include:
                yield f"{at}: written from the root of the repository, without '..'"
            if include.strip('<>"').startswith("absl/synchronization/"):
                yield f"{at}: std::mutex and std::condition_variable are what is used here"
            for files, only, never in RULES:
                if not re.match(files, name):
                    continue
                bad = next((group for group in never if re.match(GROUPS[group], include)), None)
                if bad:
                    yield f"{at}: {bad} has no business here"
                    break
                if only is not None and not any(re.match(GROUPS[group], include) for group in only):
                    yield f"{at}: only {', '.join(only)} may be included here"
                    break


def check_files(root):
    for name in files_of(root):
        path = pathlib.PurePosixPath(name)
        top = path.parts[0]
        if not top.startswith(".") and top not in TOP and not top.startswith("LICENSE"):
            yield f"{name}: only {', '.join(TOP)} and dot files stand at the top"
        if re.search(r"(?:^|_)(?:utils?|managers?|misc)(?:$|_|\.)", path.name.lower()):
            yield f"{name}: a name that says nothing; say what it is about"
        data = (root / name).read_bytes()
        if re.search(rb"-----BEGIN [A-Z ]*PRIVATE KEY-----\s+[A-Za-z0-9+/=]{40}", data):
            yield f"{name}: holds a private key; tests make their own"
        if path.suffix not in CODE + (".proto",):
            continue
        text = data.decode(errors="replace")
        for number, line in enumerate(text.splitlines(), 1):
            if len(line) > COLUMNS_MAX:
                yield f"{name}:{number}: {len(line)} columns, {COLUMNS_MAX} are the limit"
            if "\t" in line or "\r" in line or line != line.rstrip():
                yield f"{name}:{number}: a tab, a carriage return or a space at the end"
            if re.search(r"\babsl::(?:Mutex|MutexLock|CondVar)\b", line) and not line.lstrip().startswith("//"):
                yield f"{name}:{number}: absl::Mutex; std::mutex is what is used here"
            if top != "tests" and re.search(r"(?<!temp\.)\bpragma_(?:table|index)_", line):
                yield f"{name}:{number}: a table of this name would hide the function; say temp.pragma_..."
        if name.startswith("server/") and path.stem in SOURCES_DOOR:
            for word in re.findall(r"\b(?:ToRpcStatus|CutMessage|grpc::Status)\(", text):
                yield f"{name}: {word}...): words for a source go through SourceWords() or SourceStatus()"
        if path.suffix == ".h":
            guard = "MIRROR_" + re.sub(r"\W", "_", name.upper()) + "_"
            words = re.findall(r"^#(ifndef|define|endif)\b *(?:// *)?(\w*)", text, re.MULTILINE)
            if len(words) < 3 or words[0] != ("ifndef", guard) or words[1] != ("define", guard) or words[-1] != (
                "endif",
                guard,
            ):
                yield f"{name}:1: the header guard has to be {guard}, with '#endif  // {guard}' at the end"


def check_format(root):
    if shutil.which("clang-format") is None:
        yield "clang-format is not installed; tools/setup installs it"
        return

    def differs(name):
        run = subprocess.run(["clang-format", "--dry-run", "-Werror", root / name], capture_output=True, text=True)
        return name, run.returncode != 0, run.stderr.split("\n")[0]

    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for name, different, first in pool.map(differs, code_of(root)):
            if different:
                at = re.search(r":(\d+):\d+:", first)
                yield f"{name}:{at.group(1) if at else 1}: not as clang-format writes it: clang-format -i {name}"


CHECKS = {"includes": check_includes, "files": check_files, "format": check_format}


def main():
    if len(sys.argv) != 3 or sys.argv[1] not in CHECKS:
        print(__doc__.strip(), file=sys.stderr)
        return 2
    root = pathlib.Path(sys.argv[2]).resolve()
    violations = list(CHECKS[sys.argv[1]](root))
    for violation in violations:
        print(violation)
    return 1 if violations else 0


if __name__ == "__main__":
    sys.exit(main())
