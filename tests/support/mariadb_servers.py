"""MariaDB servers of a test's own: an ordinary account runs them, and only their folders' sockets lead to them."""

import json
import os
import pathlib
import pwd
import select
import shutil
import signal
import subprocess
import tempfile
import time

SERVER, INSTALLER, CLIENT = "/usr/sbin/mariadbd", "/usr/bin/mariadb-install-db", "/usr/bin/mariadb"
# A server is made in 2 to 5 s, and on a machine that is busy with other things took more than 60.
PATIENCE_S = 300
ROOM_MIN = 1 << 30
SETTINGS = {
    "skip_networking": "ON",
    "skip_name_resolve": "ON",
    "performance_schema": "OFF",
    "max_connections": "60",
    "innodb_buffer_pool_size": "24M",
    "innodb_log_file_size": "8M",
    "innodb_use_native_aio": "0",
    "innodb_buffer_pool_load_at_startup": "OFF",
    "innodb_buffer_pool_dump_at_shutdown": "OFF",
    "key_buffer_size": "1M",
    "aria_pagecache_buffer_size": "1M",
    "log_warnings": "1",
}
# As a source whose binlog is read has them.
BINLOG = {
    "log_bin": "binlog",
    "server_id": "1",
    "binlog_format": "ROW",
    "binlog_row_image": "FULL",
    "binlog_row_metadata": "FULL",
}


class Failed(RuntimeError):
    """A sentence for people."""


class Missing(Failed):
    """What is not on this machine, and how it gets there."""


def programs():
    """What a server of one's own takes."""
    for program in (SERVER, INSTALLER, CLIENT):
        if not os.path.exists(program):
            raise Missing(f"{program} is not there. Type: tools/setup --also mariadb")
    return pathlib.Path(CLIENT).parent


def account():
    """MariaDB refuses to run as root."""
    if os.geteuid() != 0:
        return {}
    for name in ("mysql", "nobody"):
        try:
            found = pwd.getpwnam(name)
            return {"user": found.pw_uid, "group": found.pw_gid, "extra_groups": []}
        except KeyError:
            continue
    raise Missing("MariaDB does not run as root, and there is neither a user mysql nor nobody")


def own(folder):
    folder.mkdir(mode=0o700)
    if who := account():
        os.chown(folder, who["user"], who["group"])


def install(data):
    """The data of a server that has nothing of anybody's, whose superuser has no password."""
    with subprocess.Popen(
        [
            INSTALLER, "--no-defaults", f"--datadir={data}", "--auth-root-authentication-method=normal",
            "--skip-test-db", "--skip-name-resolve", "--innodb-log-file-size=8M", "--innodb-use-native-aio=0",
        ],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd="/", start_new_session=True, **account(),
    ) as done:  # fmt: skip
        try:
            said = done.communicate(timeout=PATIENCE_S)[0]
        except subprocess.TimeoutExpired:
            raise Failed(f"{INSTALLER} does not end within {PATIENCE_S} s") from None
        finally:
            if done.returncode is None:
                # The script's own server, too, which would go on writing there.
                os.killpg(done.pid, signal.SIGKILL)
    if done.returncode != 0:
        raise Failed(f"{INSTALLER}: {said}")


class Home:
    """The folder of a test's servers, where a sync costs little if there is room. A unix socket's path is short."""

    def __init__(self):
        programs()
        memory = pathlib.Path("/dev/shm")
        roomy = memory.is_dir() and shutil.disk_usage(memory).free >= ROOM_MIN
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="maria-", dir=memory if roomy else "/tmp"))
        self.folder.chmod(0o711)  # MariaDB's account passes through.
        self.servers = []
        self.empty = None

    def make(self, name, settings=None):
        """A started server. `settings`: what is to be otherwise than SETTINGS and BINLOG; None as a value: left out."""
        server = Server(self.folder / name, SETTINGS | BINLOG | (settings or {}))
        self.servers.append(server)
        own(server.folder)
        if self.empty is None:  # Which takes seconds, and a copy none.
            self.empty = server.folder / "empty"
            install(self.empty)
        subprocess.run(["cp", "-a", self.empty, server.data], check=True)
        server.start()
        return server

    def remove(self):
        for server in self.servers:
            server.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


class Server:
    def __init__(self, folder, settings):
        self.folder, self.data, self.settings = folder, folder / "data", settings
        self.socket = folder / "socket"
        self.process = None

    def start(self):
        self.socket.unlink(missing_ok=True)
        options = [f"--{name}={value}" for name, value in self.settings.items() if value is not None]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [
                    SERVER, "--no-defaults", f"--datadir={self.data}", f"--socket={self.socket}", f"--tmpdir={self.folder}",
                    f"--pid-file={self.folder}/pid", "--lc-messages-dir=/usr/share/mysql", *options,
                ],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/", start_new_session=True, **account(),
            )  # fmt: skip
        end = time.monotonic() + PATIENCE_S
        while self._client("mysql", "SELECT 1").returncode != 0:
            if self.process.poll() is not None or time.monotonic() > end:
                raise Failed(f"MariaDB does not start: {(self.folder / 'log').read_text(errors='replace')[-2000:]}")
            time.sleep(0.02)

    def process_of_another(self):
        """The id of the process that another program started here; None: none is there."""
        try:
            number = int((self.folder / "pid").read_text())
            words = pathlib.Path(f"/proc/{number}/cmdline").read_bytes().split(b"\0")
        except (OSError, ValueError):
            return None
        return number if f"--datadir={self.data}".encode() in words else None

    def _end(self, how):
        if self.process is not None:
            self.process.send_signal(how)
            self.process.wait(PATIENCE_S)
            self.process = None
        elif number := self.process_of_another():
            # It removes its pid file a while before it ends, longer on a busy machine: until then its data is its own.
            try:
                process = os.pidfd_open(number)
            except ProcessLookupError:
                return
            try:
                signal.pidfd_send_signal(process, how)
                if not select.select([process], [], [], PATIENCE_S)[0]:
                    raise Failed(f"MariaDB does not end: process {number}")
            finally:
                os.close(process)

    def kill(self):
        self._end(signal.SIGKILL)

    def stop(self):
        """All is on disk."""
        self._end(signal.SIGTERM)

    def copy_cold(self, name):
        """What the stopped server has, in a folder beside it."""
        copy = self.folder / name
        subprocess.run(["rm", "-rf", copy], check=True)
        subprocess.run(["cp", "-a", self.data, copy], check=True)

    def put_back(self, name):
        """Of the stopped server: it has what the copy had."""
        subprocess.run(["rm", "-rf", self.data], check=True)
        subprocess.run(["cp", "-a", self.folder / name, self.data], check=True)

    def _client(self, database, script, more=()):
        return subprocess.run(
            [
                CLIENT, "--no-defaults", f"--socket={self.socket}", "-uroot", "--default-character-set=utf8mb4", "-N", "-B",
                "--raw", *more, database,
            ],
            input=script, capture_output=True, text=True, check=False, timeout=5 * PATIENCE_S,
        )  # fmt: skip

    def sql(self, script, database="mysql", goes_on=False):
        """What it prints, in a session of its own. `goes_on`: also behind a statement that fails."""
        done = self._client(database, script, ["--force"] if goes_on else [])
        if done.returncode != 0 and not goes_on:
            raise Failed(f"{script[:300]}: {done.stderr.strip()}")
        return done.stdout

    def session(self, database):
        """A client that takes statements from its stdin until that is closed; each answer is flushed."""
        return subprocess.Popen(
            [CLIENT, "--no-defaults", f"--socket={self.socket}", "-uroot", "-N", "-B", "-n", database],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, bufsize=1,
        )  # fmt: skip

    def rows(self, table, database):
        """Of a table with numbers and texts: a dict for each, with what is stored."""
        columns = self.sql(
            f"SELECT COLUMN_NAME FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = '{database}' AND "
            f"TABLE_NAME = '{table}' AND IS_GENERATED = 'NEVER' ORDER BY ORDINAL_POSITION",
            database,
        ).split()
        pairs = ", ".join(f"'{column}', `{column}`" for column in columns)
        lines = self.sql(f"SELECT JSON_OBJECT({pairs}) FROM `{table}`", database).splitlines()
        return [json.loads(line, parse_float=str) for line in lines]  # A DECIMAL is a text in a mirror.
