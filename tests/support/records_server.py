"""A mirror-server with its HTTP door on, as 'mirrorctl init --http-port' makes it."""

import contextlib
import pathlib
import re
import signal
import socket
import sqlite3
import ssl
import subprocess
import sys
import time
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "python"))
import free_ports
import http_door
import programs
import sanitizer_words

PATIENCE_S = programs.PATIENCE_S


def metrics(log):
    """What the server shows whose log this is, and which runs."""
    address = re.findall(r"metrics: (http\S+)", log.read_text())[-1]
    with urllib.request.urlopen(address, timeout=PATIENCE_S) as page:
        return page.read().decode()


class RecordsServer:
    """`folder` is made. `sections`: lines to be put into sections of mirror-server.toml, as {"http": "jobs_max = 1"}.
    `is_tls`: with the pair of its gRPC, whose authority `init` made; door() trusts that alone."""

    def __init__(self, bin_dir, folder, context_id="Cust", sections=None, source=None, is_tls=False):
        self.bin, self.folder = pathlib.Path(bin_dir), pathlib.Path(folder)
        self.ports = free_ports.free_ports(3)
        init = [
            *("init", "--dir", folder, "--metrics-port", 0),
            *(("--context-id", context_id) if context_id else ()),
            *("--port", self.ports[0], "--admin-port", self.ports[1], "--http-port", self.ports[2]),
            *(("--source", source) if source else ()),
        ]
        made = self.run("mirrorctl", *init)
        assert made.returncode == 0, made.stderr
        self.owner = made.stdout.rstrip("\n").split("\n")[-1]
        self.init_output = made.stdout
        self.url = f"http{'s' if is_tls else ''}://127.0.0.1:{self.ports[2]}"
        self.tls = ssl.create_default_context(cafile=self.folder / "tls" / "ca.crt") if is_tls else None
        if is_tls:
            self.configure("http", "plaintext = false")
        for section, lines in (sections or {}).items():
            self.configure(section, lines)
        self.process, self.log = None, self.folder / "server.log"
        self.user = None  # As whom it runs; None: as whoever tests.

    def configure(self, section, lines):
        """`lines` take the place of keys of the section."""
        path = self.folder / "mirror-server.toml"
        text = path.read_text()
        begin = text.index(f"[{section}]")
        end = text.find("\n[", begin + 1)
        own = text[begin : end if end > 0 else len(text)]
        for line in lines.split("\n"):
            key = line.split("=")[0].strip()
            own = re.sub(rf"(?m)^{key} = .*$", lambda _: line, own)
        path.write_text(text[:begin] + own + (text[end:] if end > 0 else ""))

    def run(self, program, *arguments, **more):
        return programs.run(self.bin / program, *arguments, **more)

    def ctl(self, *arguments):
        done = self.run("mirrorctl", "--config", self.folder / "mirrorctl.toml", *arguments)
        assert done.returncode == 0, f"mirrorctl {arguments}: {done.stderr}"
        return done.stdout

    def start(self, **environment):
        begin = self.log.stat().st_size if self.log.exists() else 0
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [self.bin / "mirror-server", "--config", self.folder / "mirror-server.toml"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=programs.environment(**environment),
                user=self.user,
                group=self.user,
                extra_groups=None if self.user is None else [],
            )
        end = time.monotonic() + PATIENCE_S
        while time.monotonic() < end:
            assert self.process.poll() is None, self.log.read_text()
            if b"mirror-server JSON: " in self.log.read_bytes()[begin:]:
                return self
            time.sleep(0.02)
        raise AssertionError(f"the server did not start: {self.log.read_text()}")

    @property
    def first(self):
        """That of several which start() gives its environment."""
        return self

    def stop(self):
        if self.process is None or self.process.poll() is not None:
            return
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(PATIENCE_S) == 0, self.log.read_text()
        sanitizer_words.check_file(self.log)

    def kill(self):
        self.process.kill()
        self.process.wait(PATIENCE_S)

    def issue(self, name, role, storages):
        """The key itself, once the server knows it."""
        made = self.run("mirrorctl", "apikey", "issue", name, "--dir", self.folder, "--role", role, "--storages", storages)
        assert made.returncode == 0, made.stderr
        key = made.stdout.strip()
        if self.process is not None:
            with self.door(key) as door:
                self.wait_for(lambda: door.request("GET", "/v2/storages").status == 200)
        return key

    def wait_for(self, look):
        end = time.monotonic() + PATIENCE_S
        while not look():
            assert time.monotonic() < end, "it did not come"
            time.sleep(0.02)

    def door(self, key=None, **more):
        return http_door.HttpDoor(self.url, key=key or self.owner, **{"tls": self.tls, **more})

    def wait_until_up(self):
        """For a client whose server may be starting."""

        def look():
            try:
                with socket.create_connection(("127.0.0.1", self.ports[2]), timeout=1):
                    return True
            except OSError:
                return False

        self.wait_for(look)

    # --- What stands in its mirrors ---

    def exists(self, tenant):
        return self.database(tenant).exists()

    def query(self, tenant, sql):
        """Rows, as tuples. Names of ours with capitals are quoted."""
        with contextlib.closing(sqlite3.connect(self.database(tenant))) as mirror:
            return mirror.execute(sql).fetchall()

    def execute(self, tenant, sql):
        with contextlib.closing(sqlite3.connect(self.database(tenant))) as mirror, mirror:
            mirror.execute(sql)

    def contents(self):
        """(name, bytes) of all that is kept."""
        for file in sorted((self.folder / "data").rglob("*")):
            if file.is_file():
                yield file, file.read_bytes()

    def database(self, tenant):
        return self.folder / "data" / f"Mirror_{tenant}.db"

    # --- What its machine shows ---

    def uploads(self):
        """Files of uploads that are there."""
        return list((self.folder / "data" / ".uploads").iterdir())

    def memory(self):
        return memory_of(self.process)

    def forget_peak(self):
        """peak_memory() is from now on."""
        pathlib.Path(f"/proc/{self.process.pid}/clear_refs").write_text("5")

    def peak_memory(self):
        """The most that was resident."""
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmHWM:\s+(\d+) kB", status).group(1)) * 1024

    def import_processes(self):
        """Ids of the programs that read files."""
        return import_processes_of(self.process)

    def kill_imports(self):
        """The programs that read files; whether there were any."""
        return kill_children(self.process, "mirror-import")


def memory_of(process):
    status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
    return int(re.search(r"RssAnon:\s+(\d+) kB", status).group(1)) * 1024


def import_processes_of(process):
    """Without one that is only about to be such a program."""
    children = " ".join(one.read_text() for one in pathlib.Path(f"/proc/{process.pid}/task").glob("*/children"))
    found = []
    for child in children.split():
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            if pathlib.Path(f"/proc/{child}/comm").read_text() == "mirror-import\n":
                found.append(int(child))
    return found


def kill_children(process, name):
    """Whether there were any."""
    return subprocess.run(["pkill", "-KILL", "-P", str(process.pid), name], check=False).returncode == 0
