#!/usr/bin/python3
"""A PostgreSQL of one's own, in a folder: an ordinary account runs it, and only that folder's socket leads to it.

Usage: postgres_cluster.py start FOLDER   prints the URL of a database in it; makes what is not there: the folder, role
                                          and rights of a mirror-server
       postgres_cluster.py stop FOLDER
       postgres_cluster.py programs       prints the folder of psql
"""

import os
import pathlib
import pwd
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.parse

ROLE = "mirror"
SUPERUSER = "postgres"
VERSION_MIN = 15
PATIENCE_S = 60
ROOM_MIN = 1 << 30
SETTINGS = {
    "listen_addresses": "''",
    "shared_buffers": "32MB",
    "max_connections": "60",
    "max_locks_per_transaction": "256",
    "min_wal_size": "64MB",
    "max_wal_size": "256MB",
}


class Failed(RuntimeError):
    """A sentence for people."""


class Missing(Failed):
    """What is not on this machine, and how it gets there."""


def programs():
    """The newest version's."""
    found = [
        path.parent for path in pathlib.Path("/usr/lib/postgresql").glob("*/bin/initdb") if path.parts[-3].isdigit()
    ]
    newest = max(found, key=lambda path: int(path.parts[-2]), default=None)
    if newest is None or int(newest.parts[-2]) < VERSION_MIN:
        raise Missing(f"PostgreSQL {VERSION_MIN} or later is not installed. Type: tools/setup --also postgres")
    return newest


def account():
    """PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return {}
    for name in ("postgres", "nobody"):
        try:
            found = pwd.getpwnam(name)
            return {"user": found.pw_uid, "group": found.pw_gid, "extra_groups": []}
        except KeyError:
            continue
    raise Missing("PostgreSQL does not run as root, and there is neither a user postgres nor nobody")


def environment():
    """Nothing of whoever runs this leads to another PostgreSQL."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    return kept | {"PGCLIENTENCODING": "UTF8"}


def quoted(name):
    return '"' + name.replace('"', '""') + '"'


def psql(url, script, patience=PATIENCE_S):
    """What it prints: rows without headers. Errors end it."""
    command = [programs() / "psql", "-X", "-w", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", url]
    done = subprocess.run(
        command, input=script, env=environment(), capture_output=True, text=True, timeout=patience, check=False
    )
    if done.returncode != 0:
        raise Failed(f"psql: {done.stderr.strip()}")
    return done.stdout


class Session:
    """psql that stays, so that a transaction can stay open."""

    def __init__(self, url):
        command = [programs() / "psql", "-X", "-w", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", url]
        self.process = subprocess.Popen(
            command, env=environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait(timeout=PATIENCE_S)

    def run(self, *statements):
        """Until they are done."""
        self.process.stdin.write("".join(f"{one};\n" for one in statements) + "\\echo done\n")
        self.process.stdin.flush()
        said = ""
        for line in self.process.stdout:
            if line == "done\n":
                return
            said += line
        raise Failed(f"psql: {said.strip()}")


def fast_folder(prefix):
    """Where a sync costs little, if there is room: for tests that take nobody's power away."""
    memory = pathlib.Path("/dev/shm")
    roomy = memory.is_dir() and shutil.disk_usage(memory).free >= ROOM_MIN
    folder = pathlib.Path(tempfile.mkdtemp(prefix=prefix, dir=memory if roomy else None))
    folder.chmod(0o711)  # PostgreSQL's account passes through.
    return folder


class Cluster:
    """`settings`: what is to be otherwise than SETTINGS."""

    def __init__(self, folder, settings=None):
        self.settings = SETTINGS | (settings or {})
        self.folder = pathlib.Path(folder).absolute()
        self.data = self.folder / "data"
        self.account = account()

    def make(self):
        """Of nothing, and started, with the role of a mirror-server."""
        initdb = programs() / "initdb"
        self._make_folder()
        self._run(initdb, "-D", self.data, "-U", SUPERUSER, "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync")
        with open(self.data / "postgresql.conf", "a", encoding="utf-8") as file:
            file.writelines(f"{name} = {value}\n" for name, value in self.settings.items())
            file.write(f"unix_socket_directories = '{self.folder}'\n")
        self.start()
        self.sql(f"CREATE ROLE {ROLE} LOGIN; GRANT SET ON PARAMETER session_replication_role TO {ROLE};")

    def _make_folder(self):
        self.folder.mkdir(mode=0o700)
        if self.account:
            os.chown(self.folder, self.account["user"], self.account["group"])

    def _run(self, program, *arguments):
        done = subprocess.run(
            [program, *arguments], cwd="/", env=environment(), stdin=subprocess.DEVNULL, capture_output=True, text=True,
            timeout=PATIENCE_S, check=False, **self.account,
        )  # fmt: skip
        if done.returncode != 0:
            raise Failed(f"{program}: {done.stderr.strip()}{self.log()}")

    def start(self):
        # What it prints goes to files: as a child it would keep a pipe open for as long as it runs.
        done = subprocess.run(
            [programs() / "pg_ctl", "-D", self.data, "-l", self.folder / "log", "-w", "-t", str(PATIENCE_S), "start"],
            cwd="/", env=environment(), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            start_new_session=True, check=False, **self.account,
        )  # fmt: skip
        if done.returncode != 0:
            raise Failed(f"PostgreSQL does not start: {self.log()}")

    def log(self):
        path = self.folder / "log"
        return path.read_text(encoding="utf-8", errors="replace")[-2000:] if path.exists() else ""

    def make_standby(self, folder, name):
        """A streaming one with a slot, as docs/operate/postgres-standby.md says."""
        standby = Cluster(folder)
        standby._make_folder()
        self._run(
            programs() / "pg_basebackup", "-d", f"host={self.folder} user={SUPERUSER} application_name={name}",
            "-D", standby.data, "-X", "stream", "-C", "-S", name, "-R", "-c", "fast", "--no-sync",
        )  # fmt: skip
        with open(standby.data / "postgresql.conf", "a", encoding="utf-8") as file:
            file.write(f"unix_socket_directories = '{standby.folder}'\n")
        standby.start()
        return standby

    def process(self):
        return process_of(self.data)

    def stop(self):
        """Nothing of it is needed any more."""
        if self.process():
            self._run(programs() / "pg_ctl", "-D", self.data, "-w", "-m", "immediate", "stop")

    def stop_gently(self):
        """What it has in memory is written: its files are a copy that is whole."""
        self._run(programs() / "pg_ctl", "-D", self.data, "-w", "-m", "fast", "stop")

    def promote(self):
        """A standby becomes the primary."""
        self._run(programs() / "pg_ctl", "-D", self.data, "-w", "promote")

    def remove(self):
        if self.folder.exists():
            self.stop()
            shutil.rmtree(self.folder)

    def hang(self):
        """Nobody is answered until go_on()."""
        signal_server(self.data, signal.SIGSTOP)

    def go_on(self):
        signal_server(self.data, signal.SIGCONT)

    def kill(self):
        """kill -9 of all its processes."""
        kill_server(self.data, self.folder)

    # --- Databases ---

    def url(self, database, role=ROLE):
        return f"postgresql://{role}@/{database}?host={urllib.parse.quote(str(self.folder))}"

    def sql(self, script, patience=PATIENCE_S):
        return psql(self.url("postgres", SUPERUSER), script, patience)

    def make_database(self, name):
        """As the documentation says; the URL of it."""
        self.sql(f"CREATE DATABASE {quoted(name)} OWNER {ROLE} ENCODING 'UTF8' TEMPLATE template0;")
        return self.url(name)

    def drop_database(self, name):
        self.sql(f"DROP DATABASE IF EXISTS {quoted(name)} WITH (FORCE);")


def process_of(data):
    """The first one of a server in this folder; 0: there is none."""
    try:
        return int((data / "postmaster.pid").read_text(encoding="utf-8").split()[0])
    except (FileNotFoundError, IndexError):
        return 0


def signal_server(data, number):
    """To all processes of the server in the folder `data`, which it gives."""
    parent = process_of(data)
    if not parent:
        return []
    try:
        # Its children end themselves when it is gone; stopped, it starts none meanwhile.
        os.kill(parent, signal.SIGSTOP)
        children = pathlib.Path(f"/proc/{parent}/task/{parent}/children").read_text(encoding="utf-8")
    except (ProcessLookupError, FileNotFoundError):
        children = ""
    everybody = [parent, *map(int, children.split())]
    for one in everybody:
        try:
            os.kill(one, number)
        except ProcessLookupError:
            pass
    return everybody


def kill_server(data, sockets):
    """kill -9 of all processes of the server in the folder `data`."""
    everybody = signal_server(data, signal.SIGKILL)
    deadline = time.monotonic() + PATIENCE_S
    while any(map(is_there, everybody)):
        if time.monotonic() > deadline:
            raise Failed("PostgreSQL does not end")
        time.sleep(0.005)
    # The dead keep their numbers where nobody waits for them, and it would take that for a server.
    for path in (data / "postmaster.pid", *sockets.glob(".s.PGSQL.*.lock")):
        path.unlink(missing_ok=True)


def is_there(process):
    """Zombies are not."""
    try:
        state = pathlib.Path(f"/proc/{process}/stat").read_text(encoding="utf-8")
    except (FileNotFoundError, ProcessLookupError):
        return False
    return not re.search(r"\) [ZX]", state)


def main(words):
    try:
        if words == ["programs"]:
            print(programs())
        elif len(words) == 2 and words[0] == "start":
            cluster = Cluster(words[1])
            if cluster.folder.exists():
                cluster.start()
            else:
                cluster.make()
                cluster.make_database("mirrors")
            print(cluster.url("mirrors"))
        elif len(words) == 2 and words[0] == "stop":
            Cluster(words[1]).stop()
        else:
            print(__doc__, file=sys.stderr)
            return 2
    except Failed as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
