#!/usr/bin/python3
"""Checks the sources against the rules of ARCHITECTURE.md that a program can check.

Usage: source_rules.py includes|files|lengths|format ROOT

  includes   which room may include which and call SQLite, and that nothing includes itself
  files      header guards, line lengths, file names, what stands at the top, no private key
  lengths    product files of at most 1,000 lines and functions of at most 60, but for those of too_long.txt; classes of
             at most 30 methods
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
LINES_MAX = 1_000
FUNCTION_LINES_MAX = 60
METHODS_MAX = 30
FORMATTED_AT_ONCE = 100
# Files ("path") and functions ("path name") that are longer; below the root. One that is not needed any more is refused,
# so that the list only shrinks.
TOO_LONG = "tests/scripts/too_long.txt"
CODE = (".h", ".cc")
FOLDERS = ("base", "proto", "server", "client", "certs", "tests", "tools")
TOP = FOLDERS + ("docs", "CMakeLists.txt", "CMakePresets.json", "README.md", "ARCHITECTURE.md", "CHANGELOG.md")

# Libraries of others, and what of ours a rule is about.
GROUPS = {
    "xxhash": r"[<\"]xxh",
    "OpenSSL": r"[<\"]openssl/",
    "nlohmann-json": r"[<\"]nlohmann/",
    "spdlog": r"[<\"](?:spdlog|fmt)/",
    "toml++": r"<toml\+\+/",
    "CLI11": r"<CLI/",
    "protobuf": r"[<\"](?:google/protobuf/|[\w/]*(?<!\.grpc)\.pb\.h)",
    "grpc": r"[<\"](?:grpc|grpcpp|grpc\+\+|src/core)/|[<\"][\w/.]*\.grpc\.pb\.h",
    "SQLite": r"[<\"](?:sqlite3(?:ext)?\.h|SQLiteCpp/)",
    "PostgreSQL": r"[<\"](?:libpq|pqxx|postgresql)[/\w-]*|[<\"]libpq-fe\.h",
    "MariaDB": r"[<\"](?:mariadb/)?(?:mysql|mysqld_error|errmsg|mariadb_\w+)\.h",
    "ODBC": r"[<\"](?:sql|sqlext|sqltypes|sqlucode|odbcinst\w*)\.h",
    "Boost": r"<boost/",
    "prometheus-cpp": r"[<\"]prometheus/",
    "cpp-httplib": r"[<\"]httplib\.h",
    "libcsv": r"[<\"]csv\.h",
    "libzip": r"[<\"]zip(?:conf)?\.h",
    "expat": r"[<\"]expat\w*\.h",
    "utf8proc": r"[<\"]utf8proc\.h",
    "zlib": r"<zlib\.h",
    "zstd": r"[<\"]z(?:std|dict)\w*\.h",
    "the codec (it brings protobuf)": r"\"proto/wire/[a-z_]*codec[a-z_]*\.h\"",
    "certs": r"\"certs/",
    "a plan": r"\"server/plan/(?:[a-z_]*_)?plan\.h\"",
    "an opening of databases": r"\"server/store/(?:sqlite/sqlite_home|catalog/sqlite_\w+|catalog/catalog_file|postgres/place/postgres_(?:catalog|audit_log|hook_cursor|look_log)|postgres/home/\w+)\.h\"",
    "client": r"\"client/",
    "a reader by its name (client/run/open_source opens it)": r"\"client/source/(?:sqlite/sqlite|files/file|postgres/postgres|mariadb/mariadb|odbc/odbc)_reader\.h\"",
}
# What every room may include: the standard library, the system, absl, and how an error is returned.
ANYBODY = re.compile(
    r"<(?:[a-z_]+|c?(?:math|stdint|stddef|string|time|errno|signal)\.h)>|"
    r"<(?:(?:sys|netinet|arpa|linux)/[a-z_]+\.h|(?:unistd|stdlib|stdio|grp|fcntl|signal|poll|dirent|netdb|"
    r"pwd|spawn|malloc|endian|errno|time|string|termios|sysexits|dlfcn|sched|pthread)\.h)>|[<\"]absl/|"
    r"\"base/status_macros\.h\""
)

# A room: which rooms it may include, and which libraries of others. What is not listed is refused. The order is that of
# the house, from the ground up: a room includes none below it.
ROOMS = {
    "base/db/sqlite": ("", ("SQLite",)),
    "base": ("", ("xxhash", "nlohmann-json", "spdlog")),
    "base/db/postgres": ("base", ("PostgreSQL",)),
    "base/db/mariadb": ("base", ("MariaDB",)),
    "base/db/odbc": ("base", ("ODBC",)),
    "base/parquet": ("", ("zstd",)),
    "base/text": ("base", ("CLI11", "toml++")),
    "base/http": ("base base/text", ("Boost", "OpenSSL", "prometheus-cpp")),
    "proto/wire": ("base", ("xxhash", "OpenSSL", "nlohmann-json", "protobuf")),
    "proto/wire/exchange": ("base proto/wire", ("utf8proc",)),
    "certs": ("base base/text", ("OpenSSL", "nlohmann-json", "grpc")),
    "server/plan": ("base certs proto/wire", ("nlohmann-json",)),
    "server/journal": ("base proto/wire", ("xxhash", "nlohmann-json")),
    "server/hub/plan": ("base proto/wire proto/wire/exchange", ()),
    "server/own_records": ("base/db/postgres base/db/sqlite proto/wire", ()),
    "server/records": ("base proto/wire server/plan", ()),
    "server/config": (
        "base base/db/postgres base/db/sqlite base/http base/text proto/wire server/hub/plan server/journal "
        "server/plan",
        (),
    ),
    "server/store/catalog": ("base base/db/sqlite certs server/own_records", ()),
    "server/hooks": ("base server/store/catalog", ("nlohmann-json",)),
    "server/store": ("base proto/wire server/journal server/own_records server/plan", ()),
    "server/store/sqlite/file": ("base base/db/sqlite proto/wire server/own_records server/plan server/store", ("SQLite",)),
    "server/store/sqlite/rows": (
        "base base/db/sqlite proto/wire server/journal server/own_records server/plan server/store "
        "server/store/sqlite/file",
        ("SQLite",),
    ),
    "server/store/sqlite": (
        "base base/db/sqlite server/own_records server/plan server/store server/store/sqlite/file "
        "server/store/sqlite/rows",
        ("SQLite",),
    ),
    "server/store/postgres/place": (
        "base base/db/postgres proto/wire server/own_records server/store server/store/catalog",
        (),
    ),
    "server/store/postgres/rows": (
        "base base/db/postgres proto/wire server/own_records server/plan server/store "
        "server/store/postgres/place",
        (),
    ),
    "server/store/postgres/tables": (
        "base base/db/postgres proto/wire server/journal server/plan server/store server/store/postgres/place "
        "server/store/postgres/rows",
        (),
    ),
    "server/store/postgres": (
        "base base/db/postgres proto/wire server/plan server/store server/store/postgres/place "
        "server/store/postgres/rows server/store/postgres/tables",
        (),
    ),
    "server/store/postgres/home": (
        "base base/db/postgres server/plan server/store server/store/postgres server/store/postgres/place "
        "server/store/postgres/rows",
        (),
    ),
    "server/watch": (
        "base base/http base/text certs proto/wire server/config server/plan server/store/catalog",
        ("spdlog",),
    ),
    "server/tenant/mirror": ("base proto/wire server/hooks server/journal server/plan server/store server/watch", ()),
    "server/tenant": (
        "base certs proto/wire server/journal server/plan server/records server/store server/store/catalog "
        "server/tenant/mirror server/watch",
        ("spdlog",),
    ),
    "server/hooks/delivery": (
        "base base/db/sqlite proto/wire server/config server/hooks server/store/catalog server/tenant "
        "server/watch",
        ("spdlog", "SQLite", "cpp-httplib"),
    ),
    "server/storages": ("base server/plan server/records server/store server/tenant server/watch", ()),
    "server/hub": (
        "base base/db/postgres base/db/sqlite proto/wire proto/wire/exchange server/hub/plan server/journal "
        "server/own_records server/storages server/store/postgres/place server/tenant server/tenant/mirror "
        "server/watch",
        (),
    ),
    "server/jobs": ("base base/http proto/wire server/records server/store/postgres/place server/tenant server/watch", ()),
    "server/http": (
        "base base/http certs proto/wire server/config server/jobs server/plan server/records server/storages "
        "server/store server/tenant server/watch",
        (),
    ),
    "server/source": (
        "base certs proto/wire proto/wire/exchange server/config server/hooks/delivery server/hub server/plan "
        "server/tenant server/watch",
        ("spdlog", "protobuf"),
    ),
    "server/rpc/listener": ("base certs server/config", ("spdlog", "protobuf", "grpc")),
    "server/rpc": (
        "base proto/wire server/config server/plan server/rpc/listener server/source server/watch",
        ("protobuf", "grpc"),
    ),
    "server/rpc/admin": (
        "base certs proto/wire proto/wire/exchange server/http server/hub server/jobs server/journal "
        "server/plan server/records server/rpc server/rpc/listener server/source server/storages server/store "
        "server/store/catalog server/tenant server/watch",
        ("spdlog", "grpc"),
    ),
    "server": (
        "base base/db/postgres base/http base/text certs proto/wire server/config server/hooks "
        "server/hooks/delivery server/http server/hub server/hub/plan server/jobs server/plan server/rpc "
        "server/rpc/admin server/rpc/listener server/source server/storages server/store server/store/catalog "
        "server/store/postgres/home server/store/postgres/place server/store/sqlite server/tenant "
        "server/watch",
        ("spdlog", "grpc"),
    ),
    "client/source": ("base proto/wire", ()),
    "client/source/sqlite/file": ("base base/db/sqlite client/source proto/wire", ("SQLite",)),
    "client/source/steps": (
        "base base/db/sqlite certs client/source client/source/sqlite/file proto/wire",
        ("nlohmann-json", "SQLite"),
    ),
    "client/config": (
        "base base/db/mariadb base/db/odbc base/db/postgres base/http base/text client/source "
        "client/source/steps proto/wire",
        (),
    ),
    "client/state": ("base base/db/sqlite certs client/source proto/wire", ("nlohmann-json",)),
    "client/wire": ("base base/http certs client/config client/source proto/wire", ("protobuf", "grpc", "xxhash")),
    "client/cycle": ("base certs client/source client/state client/wire proto/wire proto/wire/exchange", ("protobuf",)),
    "client/source/sqlite/log": (
        "base base/db/sqlite client/source client/source/sqlite/file proto/wire",
        ("xxhash", "SQLite"),
    ),
    "client/source/files/rows": ("base proto/wire", ("libcsv", "libzip", "expat")),
    "client/import": ("base client/source/files/rows proto/wire", ()),
    "client/source/files": (
        "base certs client/source client/source/files/rows client/source/sqlite/file client/source/sqlite/log "
        "client/source/steps proto/wire",
        ("xxhash", "nlohmann-json"),
    ),
    "client/source/capture": (
        "base base/db/sqlite client/source client/source/files/rows client/source/sqlite/file "
        "client/source/sqlite/log proto/wire",
        ("xxhash",),
    ),
    "client/source/server": (
        "base base/db/sqlite certs client/source client/source/capture client/source/sqlite/log "
        "client/source/steps proto/wire",
        (),
    ),
    "client/source/sqlite": (
        "base base/db/sqlite certs client/source client/source/files/rows client/source/sqlite/file "
        "client/source/sqlite/log client/source/steps proto/wire",
        ("SQLite",),
    ),
    "client/source/mariadb": (
        "base base/db/mariadb client/source client/source/capture client/source/server proto/wire "
        "proto/wire/exchange",
        ("MariaDB", "xxhash", "zlib"),
    ),
    "client/source/postgres": (
        "base base/db/postgres client/source client/source/capture client/source/server "
        "client/source/sqlite/file proto/wire",
        (),
    ),
    "client/source/odbc": (
        "base base/db/odbc client/source client/source/capture client/source/mariadb client/source/postgres "
        "client/source/server client/source/sqlite/file proto/wire",
        (),
    ),
    "client/exchange": (
        "base base/db/mariadb base/db/postgres base/db/sqlite client/source client/source/capture "
        "client/source/mariadb client/source/postgres client/source/sqlite/file client/source/sqlite/log "
        "client/source/steps proto/wire proto/wire/exchange",
        ("protobuf", "xxhash", "SQLite"),
    ),
    "client/exchange/datajoin": (
        "base base/db/sqlite client/exchange client/source/sqlite/file client/source/sqlite/log "
        "client/source/steps proto/wire proto/wire/exchange",
        ("protobuf",),
    ),
    "client/run": (
        "base base/db/mariadb base/db/postgres base/db/sqlite certs client/config client/cycle "
        "client/exchange client/exchange/datajoin client/source client/source/capture client/source/files "
        "client/source/mariadb client/source/odbc client/source/postgres client/source/server "
        "client/source/sqlite client/source/sqlite/file client/source/sqlite/log client/source/steps "
        "client/state client/wire proto/wire proto/wire/exchange",
        ("nlohmann-json",),
    ),
    "client/command": (
        "base base/db/postgres base/db/sqlite base/http base/text certs client/config client/cycle client/run "
        "client/source client/source/capture client/source/files/rows client/state client/wire proto/wire",
        ("nlohmann-json", "spdlog"),
    ),
    "tools/mirror_harness/synthetic": (
        "base base/db/sqlite client/config client/wire proto/wire",
        ("nlohmann-json", "protobuf", "SQLite"),
    ),
    "tools/benchmarks": (
        "base base/db/mariadb base/db/postgres client/config client/run client/source/mariadb "
        "client/source/odbc client/source/postgres client/source/sqlite client/state client/wire proto/wire "
        "tools/mirror_harness/synthetic",
        ("CLI11", "ODBC", "protobuf", "SQLite"),
    ),
    "tools/mirror_harness/attack": (
        "base certs client/config client/wire proto/wire tools/mirror_harness/synthetic",
        ("OpenSSL", "nlohmann-json", "grpc", "zlib"),
    ),
    "tools/mirror_harness": (
        "base/text certs client/config client/wire proto/wire tools/mirror_harness/attack "
        "tools/mirror_harness/synthetic",
        ("nlohmann-json", "protobuf", "grpc"),
    ),
    "tools/mirrorctl/admin": ("base base/text certs proto/wire", ("nlohmann-json", "protobuf", "grpc")),
    "tools/mirrorctl/init": (
        "base base/db/mariadb base/db/postgres base/db/sqlite base/text certs client/command client/config "
        "client/run client/source/mariadb client/source/sqlite/file client/source/sqlite/log client/wire "
        "proto/wire tools/mirrorctl/admin",
        ("nlohmann-json",),
    ),
    "tools/mirrorctl/web": ("base base/http base/text certs tools/mirrorctl/admin", ("nlohmann-json", "protobuf")),
    "tools/mirrorctl": (
        "base base/db/postgres base/parquet base/text certs proto/wire tools/mirrorctl/admin "
        "tools/mirrorctl/init tools/mirrorctl/web",
        ("protobuf",),
    ),
}
# For some files of a room: what of the above they may not include.
NEVER = [
    (r"base/(?!log_format\.|json_)", ("spdlog", "nlohmann-json")),
    (r"base/text/(?!command_line\.cc)", ("CLI11",)),
    (r"base/text/(?!config_node\.cc)", ("toml++",)),
    (r"base/http/(?!listener\.cc|connection\.)", ("Boost", "OpenSSL")),
    # Plain values know neither messages nor keys.
    (r"proto/wire/(?!\w*codec|table_pack\.cc|receipt\.)", ("protobuf", "the codec (it brings protobuf)", "OpenSSL")),
    (r"proto/wire/(?!receipt\.)", ("nlohmann-json",)),
    (r"certs/(?!tls)", ("grpc",)),
    (r"server/plan/(?:\w+_)?plan\.", ("certs", "nlohmann-json")),
    (r"server/(?:plan|store|tenant)/|client/source/", ("the codec (it brings protobuf)",)),
    (r"server/(?:source/gate|rpc/rpc_status)\.", ("a plan",)),
    (
        r"server/(?!open_store\.cc|store/sqlite/sqlite_home\.|store/catalog/|store/postgres/place/postgres_|store/postgres/home/)",
        ("an opening of databases",),
    ),
    (r"server/hooks/delivery/(?!hook_url\.)", ("cpp-httplib",)),
    (r"client/source/files/rows/(?!csv_rows\.)", ("libcsv",)),
    (r"client/source/files/rows/(?!workbook|xlsx_rows\.)", ("libzip", "expat")),
    (r"proto/wire/exchange/(?!match_key\.)", ("utf8proc",)),
    (r"client/(?!source/|run/open_source\.)", ("a reader by its name (client/run/open_source opens it)",)),
    # A generated service costs seconds of each file that includes it.
    (r"client/wire/(?!(?:mirror_client|connect)\.cc)|tools/mirrorctl/(?!admin/admin_client\.cc)", ("grpc",)),
]
# Locks that the thread-safety analysis does not see.
STD_LOCKS = re.compile(
    r"\bstd::(?:(?:recursive_|shared_|timed_)*mutex|(?:lock_guard|scoped_lock|unique_lock|shared_lock)\b"
    r"|condition_variable)|#include <(?:mutex|shared_mutex|condition_variable)>"
)
# Of SQLite's C API: all but the names of what is handed on.
SQLITE_CALL = re.compile(r"\bsqlite3_(?!(?:stmt|value)\b)\w+")
# What passes the sources' door goes through one function, which knows what a source may read.
SOURCES_DOOR = (
    "announcements",
    "checked_service",
    "delivery_calls",
    "encode_outcome",
    "mirror_service",
    "range_calls",
    "row_decoder",
    "row_stream",
    "source_calls",
)
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


def refusal(name, include):
    """Why this file may not include it; None: it may."""
    if re.search(r'\.(?:cc|cpp|c)[>"]$', include):
        return "a .cc file is compiled, not included"
    if "../" in include:
        return "written from the root of the repository, without '..'"
    if include.strip('<>"').startswith("absl/synchronization/") and name != "certs/grpc_locks.h":
        return "base/mutex.h is what is used here"
    room = os.path.dirname(name)
    if room.startswith("tests") or ANYBODY.match(include):
        return None
    if room not in ROOMS:
        return f"{room} is no room of the house; see ROOMS in this script"
    for files, groups in NEVER:
        for group in groups if re.match(files, name) else ():
            if re.match(GROUPS[group], include):
                return f"{group} has no business here"
    rooms, libraries = ROOMS[room]
    if include.startswith('"') and not include.endswith('.pb.h"'):
        other = os.path.dirname(include.strip('"'))
        if other == room or other in rooms.split():
            return None
        return f"{room} may include {rooms or 'no other room'}"
    if any(re.match(GROUPS[library], include) for library in libraries):
        return None
    return f"{room} may include {', '.join(libraries) or 'no library of others'}"


def circles(edges):
    """One circle for each knot of things that lead to each other, as a list of them."""
    found, left = [], dict(edges)
    while left:
        loose = [one for one, others in left.items() if not any(other in left for other in others)]
        if loose:
            for one in loose:
                del left[one]
            continue
        path = [next(iter(sorted(left)))]
        while path.count(path[-1]) == 1:
            path.append(next(other for other in sorted(left[path[-1]]) if other in left))
        circle = path[path.index(path[-1]) : -1]
        found.append(circle)
        for one in circle:
            del left[one]
    return found


def check_circles(root):
    files, rooms = {}, {}
    names = set(code_of(root))
    for name in names:
        room = os.path.dirname(name)
        for _, include in includes_of(root, name):
            other = include.strip('<>"')
            if other not in names:
                continue
            files.setdefault(name, set()).add(other)
            if os.path.dirname(other) != room:
                rooms.setdefault(room, set()).add(os.path.dirname(other))
    for edges in (files, rooms):
        for circle in circles(edges):
            yield f"{circle[0]}: includes itself: {' → '.join(circle + circle[:1])}"
    order = list(ROOMS)
    for room, (allowed, _) in ROOMS.items():
        for other in allowed.split():
            if order.index(other) > order.index(room):
                yield f"tests/scripts/source_rules.py: {room} stands above {other}, which it may include"


def check_sqlite(root):
    """base/db/sqlite/value.h brings SQLite's own header along: that is no leave to call it."""
    for name in code_of(root):
        room = os.path.dirname(name)
        if room not in ROOMS or "SQLite" in ROOMS[room][1]:
            continue
        code = code_alone((root / name).read_text(errors="replace"))
        for call in SQLITE_CALL.finditer(code):
            line = code.count("\n", 0, call.start()) + 1
            yield f"{name}:{line}: {call.group()}: {room} uses SQLite through base/db/sqlite"


# Finds a value at namespace scope (its line is not indented) whose initializer changes the whole process.
SETS_PROCESS = re.compile(
    r"^(?![ #}])(?!.*\)(?: const)?(?: noexcept)? \{)[^\n]*[={(][^\n]*\b"
    r"(setenv|unsetenv|putenv|signal|sigaction|setlocale|umask|srand|tzset|setrlimit|atexit|mallopt|CRYPTO_set_mem_functions"
    r"|AddGlobalTestEnvironment)\(",
    re.MULTILINE,
)
# tools/lib/check/parts.py runs all tests of a program when one of these changes.
MAY_SET_PROCESS = ("tests/base/http/http_tls_test.cc", "tests/grpc_ends.cc")


def check_initializers(root):
    """Refuses initializers that change the process: tools/check would not run the program's other tests again."""
    for name in code_of(root):
        if name in MAY_SET_PROCESS:
            continue
        code = code_alone((root / name).read_text(errors="replace"))
        for found in SETS_PROCESS.finditer(code):
            yield f"{name}:{code.count(chr(10), 0, found.start()) + 1}: {found[1]}() changes the process before main(); call it in a function"


def check_types(root):
    """Two types of one name are one to the linker: a program that has both runs the code of one on the other."""
    where = {}
    for name in code_of(root):
        if not name.endswith(".h") or name.startswith("tests/"):
            continue
        text = (root / name).read_text(errors="replace")
        space = "::".join(re.findall(r"^(?:inline )?namespace ([\w:]+) \{", text, re.MULTILINE))
        for found in re.finditer(r"^(?:struct|class|enum class) (\w+)(?: (?:final )?: ?[^;{(]+| final)? \{", text, re.MULTILINE):
            where.setdefault((space, found[1]), []).append((name, text.count("\n", 0, found.start()) + 1))
    for (_, word), places in where.items():
        for name, line in places[1:]:
            if name != places[0][0]:
                yield f"{name}:{line}: {places[0][0]} has a type {word}, too: a program may hold both"


def check_includes(root):
    for name in code_of(root):
        for number, include in includes_of(root, name):
            why = refusal(name, include)
            if why:
                yield f"{name}:{number}: {include}: {why}"
    yield from check_sqlite(root)
    yield from check_circles(root)
    yield from check_types(root)
    yield from check_initializers(root)


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
                yield f"{name}:{number}: absl::Mutex; base/mutex.h is what is used here"
            if top != "tests" and name != "base/mutex.h" and STD_LOCKS.search(line):
                yield f"{name}:{number}: clang knows nothing of the standard library's locks; base/mutex.h"
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


# What is no code: comments, texts, directives.
NO_CODE = re.compile(
    r'//[^\n]*|/\*.*?\*/|R"(\w*)\(.*?\)\1"|"(?:\\.|[^"\\\n])*"|(?<!\w)\'(?:\\.|[^\'\\\n])+\'|'
    r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*",
    re.DOTALL | re.MULTILINE,
)


def code_alone(text):
    """Returns the text with blanks for what is no code. Lines and columns stay."""
    return NO_CODE.sub(lambda match: re.sub(r"[^\n]", " ", match.group()), text)


SCOPE = re.compile(r"(?:template\s*<.*>\s*)?(?:inline\s+)?(?:namespace|class|struct|union|enum|extern)\b[^()]*$", re.DOTALL)
LABEL = re.compile(r"\s*(?:(?:public|private|protected)\s*:\s*)*")
CLASS = re.compile(
    r"\b(?:class|struct)\s(?:\s*[A-Z_]+\([^()]*\))?\s*(?:\w+::)*(\w+)(?:\s+final)?\s*(?::(?!:).*)?$", re.DOTALL
)
# Before a brace that begins a value. One that begins a body has a space before it: clang-format sees to that.
VALUE = re.compile(r"(?:\S|[=,]\s)$")
# In a class: promises to the thread-safety analysis, and what declares no method of its own.
PROMISE = re.compile(r"\b[A-Z]+_[A-Z_]+\((?:[^()]|\([^()]*\))*\)")
NO_METHOD = re.compile(
    r"(?:template\s+)?(?:using|friend|typedef|static_assert|enum|class|struct)\b|.*=\s*(?:delete|default)\b", re.DOTALL
)
METHOD = re.compile(r"[^=(]*?(operator(?!=\s*\()\W+|\w+)\s*\(")


def functions_of(text):
    """(name, first line, lines) of each function that stands here, with its signature; not those inside another."""
    text = code_alone(text)
    open_braces, begin = [], 0
    for brace in re.finditer(r"[{};]", text):
        if brace.group() == "{":
            start = LABEL.match(text, begin).end()
            head = text[start : brace.start()]
            inside = any(kind == "function" for kind, _, _ in open_braces)
            kind = "scope" if SCOPE.match(head) else "function" if "(" in head and not inside else "other"
            open_braces.append((kind, start, head))
        elif brace.group() == "}" and open_braces:
            kind, start, head = open_braces.pop()
            if kind == "function":
                name = re.search(r"[~\w:]*(?:operator\W+)?(?=\s*\()", head)
                first = text.count("\n", 0, start) + 1
                yield name.group(), first, text.count("\n", 0, brace.start()) + 2 - first
        begin = brace.end()


def methods_of(text):
    """(name, first line, methods) of each class that stands here: those it names itself, without constructors."""
    text = code_alone(text)
    levels, begin = [["", 0]], 0  # What stands in each open brace itself, and where the brace is.
    for brace in re.finditer(r"[{};]", text):
        levels[-1][0] += text[begin : brace.start()] + (";" if brace.group() == ";" else "")
        begin = brace.end()
        if brace.group() == "{":
            levels.append(["", brace.start()])
        elif brace.group() == "}" and len(levels) > 1:
            body, at = levels.pop()
            head = levels[-1][0].rpartition(";")[2]
            levels[-1][0] += "" if VALUE.search(head) else ";"
            if found := CLASS.search(head):
                body, plain = None, PROMISE.sub("", body)
                while body != plain:
                    body, plain = plain, re.sub(r"<[^<>;]*>", "", plain)
                parts = (part[LABEL.match(part).end() :] for part in body.split(";"))
                names = [METHOD.match(part) for part in parts if not NO_METHOD.match(part)]
                count = sum(name is not None and name.group(1) != found.group(1) for name in names)
                yield found.group(1), text.count("\n", 0, at) + 1, count


def check_lengths(root):
    listed = root / TOO_LONG
    known = [line for line in listed.read_text().splitlines() if line] if listed.exists() else []
    needed = set()
    names = code_of(root)
    for name in names:
        if name.startswith("tests/"):
            continue
        text = (root / name).read_text(errors="replace")
        lines = len(text.splitlines())
        found = [(name, f"{name}:1: {lines} lines, {LINES_MAX} are the limit: find what is a job of its own")]
        found = found if lines > LINES_MAX else []
        for function, first, lines in functions_of(text):
            if lines > FUNCTION_LINES_MAX:
                words = f"{function}() has {lines} lines, {FUNCTION_LINES_MAX} are the limit: split it along its steps"
                found.append((f"{name} {function}", f"{name}:{first}: {words}"))
        for owner, first, methods in methods_of(text):
            if methods > METHODS_MAX:
                words = f"{owner} has {methods} methods, {METHODS_MAX} are the limit: find what is a job of its own"
                yield f"{name}:{first}: {words}"
        needed.update(entry for entry, _ in found)
        yield from (words for entry, words in found if entry not in known)
    for entry in known:
        if entry not in needed:
            yield f"{TOO_LONG}: '{entry}' is short by now: take the line away"


def check_format(root):
    if shutil.which("clang-format") is None:
        yield "clang-format is not installed; tools/setup installs it"
        return

    def differing(names):
        """The first place of each file that has one."""
        run = subprocess.run(["clang-format", "--dry-run", "-Werror", *names], cwd=root, capture_output=True, text=True)
        places = {}
        for at in re.finditer(r"^([^\s:]+):(\d+):\d+: error:", run.stderr, re.MULTILINE):
            places.setdefault(at[1], at[2])
        return places if run.returncode == 0 or places else {names[0]: "1"}

    # A process for each file takes ten times as long.
    names = list(map(str, code_of(root)))
    chunks = [names[at : at + FORMATTED_AT_ONCE] for at in range(0, len(names), FORMATTED_AT_ONCE)]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for places in pool.map(differing, chunks):
            for name, line in places.items():
                yield f"{name}:{line}: not as clang-format writes it: clang-format -i {name}"


CHECKS = {"includes": check_includes, "files": check_files, "lengths": check_lengths, "format": check_format}


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
