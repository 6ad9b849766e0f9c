"""A server with tenants in many states, `mirrorctl web` before it, and a Chromium that looks at its pages."""

import json
import os
import pathlib
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.error
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests" / "python"), str(ROOT / "tests" / "support")]

import free_ports  # noqa: E402
import programs  # noqa: E402
import sanitizer_words  # noqa: E402

PATIENCE_S = 60
REQUIRED = os.environ.get("MIRROR_TEST_BROWSER") == "1"
NOT_THERE = 77  # Of ctest: skipped.
SCRIPT = "<script>document.title='run'</script>"
MARKUP = "<img src=x onerror=\"document.title='run'\">"


def wait_for(what, look, patience_s=PATIENCE_S):
    """What `look` gives, once it is something."""
    end = time.monotonic() + patience_s
    while True:
        found = look()
        if found:
            return found
        if time.monotonic() > end:
            raise AssertionError(f"{what} did not come in {patience_s} s")
        time.sleep(0.02)


def leave_without_browser():
    """Ends this program where no browser is installed, unless it must be."""
    try:
        import selenium  # noqa: F401

        missing = [name for name in ("chromium", "chromedriver") if not shutil.which(name)]
    except ModuleNotFoundError:
        missing = ["selenium"]
    if not missing:
        return
    print(f"skipped: no {', '.join(missing)}. Type: tools/setup --also browser")
    sys.exit(1 if REQUIRED else NOT_THERE)


class Place:
    """A folder with an installation. `bin_dir`: where the programs are."""

    def __init__(self, bin_dir):
        self.bin = pathlib.Path(bin_dir)
        self.work = pathlib.Path(tempfile.mkdtemp(prefix="browser test "))
        self.dev = self.work / "dev"
        self.ports = free_ports.free_ports(3)
        self.running = []
        self.sources = []

    def close(self):
        for process, _ in reversed(self.running):
            process.terminate()
        for process, out in reversed(self.running):
            process.wait(PATIENCE_S)
            sanitizer_words.check_file(out)
        self.running = []
        shutil.rmtree(self.work, ignore_errors=True)

    def run(self, program, *arguments, check=True):
        done = programs.run(self.bin / program, *arguments, cwd=self.work)
        if check:
            assert done.returncode == 0, f"{program} {arguments}: {done.stdout}{done.stderr}"
        return done

    def start(self, name, *command):
        out = self.work / f"{name}.out"
        with out.open("wb") as stream:
            process = subprocess.Popen(
                [self.bin / command[0], *map(str, command[1:])], stdout=stream, stderr=stream, cwd=self.work,
                env=programs.environment(),
            )  # fmt: skip
        self.running.append((process, out))
        return process, out

    def ctl(self, *arguments, check=True):
        return self.run("mirrorctl", "--config", self.dev / "mirrorctl.toml", *arguments, check=check)

    def ctl_json(self, *arguments):
        return json.loads(self.ctl(*arguments, "--json").stdout)

    def init(self, more_server="", http=False):
        """`http`: with the door for records, and `key` for all of it."""
        self.database("Cust26759", "CREATE TABLE first(id INTEGER PRIMARY KEY)").close()
        made = self.run(
            "mirrorctl", "init", "--dir", self.dev, "--context-id", "Cust26759", "--source", self.work / "Cust26759.db",
            "--contexts", "*", "--port", self.ports[0], "--admin-port", self.ports[1], "--metrics-port", "0",
            *(("--http-port", self.ports[2]) if http else ()),
        )  # fmt: skip
        self.key = made.stdout.splitlines()[-1] if http else None
        with (self.dev / "mirror-server.toml").open("a") as config:
            config.write(more_server)
        viewer = (self.dev / "mirrorctl.toml").read_text().replace("operator.", "viewer.")
        (self.dev / "viewer.toml").write_text(viewer)

    def start_server(self):
        process, out = self.start("server", "mirror-server", "--config", self.dev / "mirror-server.toml")
        wait_for("the server", lambda: "ready" in out.read_text() or process.poll() is not None)
        assert process.poll() is None, out.read_text()
        return process

    def stop(self, process):
        (entry,) = [one for one in self.running if one[0] is process]
        process.terminate()
        process.wait(PATIENCE_S)
        self.running.remove(entry)

    def database(self, tenant, script):
        """The tenant's source; its connection commits by itself."""
        database = sqlite3.connect(self.work / f"{tenant}.db", isolation_level=None)
        database.executescript(script)
        return database

    def configure_agent(self, tenants, **keys):
        """`keys`: of single tenants, more lines of their block."""
        config = self.dev / "mirror-agent.toml"
        text = config.read_text().split("[[source]]")[0]
        for tenant in tenants:
            text += (
                f'[[source]]\ncontext_id = "{tenant}"\nkind = "sqlite"\npath = "{self.work / tenant}.db"\n'
                f'strategy = "cdc"\ninterval = "1h"\n{keys.get(tenant, "")}\n'
            )
        config.write_text(text)
        self.run("mirror-agent", "install", "--config", config)

    def agent(self, command, tenant, check=True):
        return self.run(
            "mirror-agent", command, "--config", self.dev / "mirror-agent.toml", "--context-id", tenant, check=check
        )

    def once(self, tenant, check=True):
        return self.agent("once", tenant, check)

    def verify(self, tenant):
        return self.agent("verify", tenant)

    def api(self, method, path, body=None, form=None):
        """(status, answer) of the HTTP door. `body`: JSON; `form`: [(name, value)], and a file as (name, (name, text))."""
        headers, data = {"X-API-KEY": self.key}, None
        if body is not None:
            headers["Content-Type"], data = "application/json", json.dumps(body).encode()
        if form is not None:
            headers["Content-Type"] = "multipart/form-data; boundary=edge"
            parts = []
            for name, value in form:
                file = f'; filename="{value[0]}"' if isinstance(value, tuple) else ""
                text = value[1] if isinstance(value, tuple) else value
                parts.append(f'--edge\r\nContent-Disposition: form-data; name="{name}"{file}\r\n\r\n{text}\r\n')
            data = ("".join(parts) + "--edge--\r\n").encode()
        request = urllib.request.Request(f"http://127.0.0.1:{self.ports[2]}{path}", data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
                return answer.status, json.loads(answer.read())
        except urllib.error.HTTPError as refused:
            return refused.code, json.loads(refused.read())

    def make(self, path, body):
        status, answer = self.api("POST", path, body)
        assert status == 201, answer
        return answer

    def upsert(self, storage, source, partners):
        return self.api("PUT", f"/v4/storages/{storage}/businesspartners",
                        {"dataSource": source, "featuresOn": ["UPSERT_BY_EXTERNAL_ID"], "businessPartners": partners})  # fmt: skip

    def begin_import(self, storage, source, text):
        """Gives the id of the job that imports `text`, a CSV file."""
        status, answer = self.api("POST", "/jobs/importjobs", form=[
            ("storageId", storage), ("dataSource", source), ("featuresOn", "UPSERT_BY_EXTERNAL_ID"), ("file", ("a.csv", text))])
        assert status == 201, answer
        return answer["id"]

    def import_processes(self):
        """Ids of the programs that read files."""
        (server,) = [process for process, out in self.running if out.name == "server.out"]
        return [one for task in pathlib.Path(f"/proc/{server.pid}/task").glob("*/children") for one in task.read_text().split()]

    def wait_for_import(self, job):
        over = ("FINISHED", "COULDNT_START", "DIED")
        return wait_for("the end of the import", lambda: (one := self.api("GET", f"/jobs/importjobs/{job}")[1])["status"] in over and one)

    def web(self, config="mirrorctl.toml"):
        """Starts the pages; gives {address, secret, process}."""
        name = f"web-{len(self.running)}"
        process, out = self.start(name, "mirrorctl", "--config", self.dev / config, "web")

        def look():
            assert process.poll() is None, out.read_text()
            return re.search(r"(http://127\.0\.0\.1:\d+)/#(\w+)\n", out.read_text())

        found = wait_for("the address", look)
        return {"address": found.group(1), "secret": found.group(2), "process": process}


TENANTS = ["Cust26759", "Again-1", "Held-1", "Decide-1", "Decide-2", "Paused-1", "Late-1", "Differs-1", "Good-2", "Past-1",
           "Script-1"]  # fmt: skip


def partners(count, first=1):
    """A file of so many."""
    lines = [f"{i};Partner {i} GmbH;{['Basel', 'Chur', 'Thun'][i % 3]}" for i in range(first, first + count)]
    return "\n".join(["CUSTOMER NUMBER;COMPANY_NAME;CITY", *lines, ""])


def fill_records(place):
    """Storages, data sources and imports in the states that a page shows."""
    place.run("mirrorctl", "apikey", "issue", "loader", "--dir", place.dev, "--storages", "Acme*", "--role", "writer")
    place.run("mirrorctl", "apikey", "issue", "reports", "--dir", place.dev, "--storages", "Acme*,Weird", "--role", "reader")
    place.make("/v2/storages", {"name": "Acme Holding AG", "id": "Acme"})
    place.make("/storages/Acme/datasources", {"dataSource": "crm", "name": "CRM Europe"})
    place.make("/storages/Acme/datasources", {"dataSource": "erp", "name": "ERP of the plants"})
    place.make("/storages/Acme/datasources", {"dataSource": "sales", "door": "cycles", "tenant": "Held-1"})
    place.make("/v2/storages", {"name": MARKUP, "id": "Weird"})
    assert place.upsert("Acme", "default", [{"externalId": str(i), "name": f"Partner {i}"} for i in range(40)])[0] == 200
    for text in (partners(2500), partners(300, 2400) + ";without an id;Bern\n", "NAME;TOWN\nA;Bern\n"):
        place.wait_for_import(place.begin_import("Acme", "crm", text))
    place.ctl("pause", "Acme--erp", "--reason", "the ERP is exchanged")


def fill_past(place):
    """Versions of the rows 1 (four), 2 (deleted) and 3 to 252 (two)."""
    markup = MARKUP.replace("'", "''")
    for statement in (
        "UPDATE person SET name = 'Ada' WHERE id = 1",
        f"UPDATE person SET name = '{markup}' WHERE id = 1; DELETE FROM person WHERE id = 2",
        "UPDATE person SET name = NULL WHERE id = 1; UPDATE person SET name = 'New ' || id WHERE id BETWEEN 3 AND 252",
    ):
        place.database("Past-1", statement).close()
        place.once("Past-1")


def fill(place):
    """Tenants in the states that a page shows."""
    place.init(
        '\n[[tenant]]\ncontext_id = "Late*"\nfreshness = "1s"\n'
        '\n[[tenant]]\ncontext_id = "Decide*"\nrows_min = 10\n'
        '\n[[tenant]]\ncontext_id = "Past*"\n[[tenant.table]]\nname = "*"\nhistory = true\n',
        http=True,
    )
    shutil.copy(ROOT / "tests" / "data" / "chinook.sqlite", place.work / "Cust26759.db")
    people = (
        "CREATE TABLE person(id INTEGER PRIMARY KEY, name TEXT);"
        "INSERT INTO person WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {})"
        " SELECT i, 'Person ' || i FROM n;"
    )
    rows = {"Held-1": 4000, "Decide-1": 400, "Decide-2": 500}
    for tenant in TENANTS[1:-1]:
        place.database(tenant, people.format(rows.get(tenant, 1200))).close()
    place.database("Again-1", "CREATE TABLE sale(id INTEGER PRIMARY KEY); INSERT INTO sale VALUES (1), (2);").close()
    script = f'CREATE TABLE "{SCRIPT}"(id INTEGER PRIMARY KEY); INSERT INTO "{SCRIPT}" VALUES (1), (2);'
    place.database("Script-1", script).close()
    place.configure_agent(TENANTS, **{"Differs-1": "repair = false"})
    place.start_server()
    for tenant in TENANTS:
        place.once(tenant)
    for tenant, kept in (("Held-1", 500), ("Decide-1", 10), ("Decide-2", 10)):
        place.database(tenant, f"DELETE FROM person WHERE id > {kept}").close()
        place.once(tenant, check=False)
    fill_past(place)
    place.ctl("pause", "Paused-1", "--reason", f"moves to another machine {MARKUP}")
    with sqlite3.connect(place.dev / "data" / "Mirror_Differs-1.db") as mirror:
        mirror.execute("UPDATE person SET name = 'another' WHERE id < 4")
    place.ctl("verify", "Differs-1")
    place.once("Differs-1", check=False)
    # Whose name stands in an event: the table is populated once more.
    place.ctl("invalidate", "Script-1", "--all")
    place.once("Script-1")
    fill_records(place)
