#!/usr/bin/python3
"""Scrapes a server and an agent at work, and holds tools/monitoring and docs/reference/metrics.md against what they show.

Usage: metrics_test.py BIN_DIR
"""

import json
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

import yaml

import sanitizer_words

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "support"))
import http_door
import postgres_cluster

MONITORING = ROOT / "tools" / "monitoring"
PATIENCE_S = 60
NAME = re.compile(r"\b(?:mirror|process)_[a-z0-9_]+\b")
OF_POSTGRES = ("mirror_place_", "mirror_control_", "mirror_fleet_")
# Of agents whose source is a server with a log; what MariaDB alone has is in no page here.
OF_SOURCES = ("mirror_agent_source_", "mirror_agent_slot_", "mirror_agent_stage_", "mirror_agent_decoded_",
              "mirror_agent_snapshot_")  # fmt: skip
OF_MARIADB = "mirror_agent_binlog_"
# Of servers that serve JSON.
OF_DOOR = "mirror_http_"
PARTS = ("_bucket", "_sum", "_count")
# Of two systems, one of which never comes.
HUB = """
[[hub]]
storage = "Acme"
entity = "thing"
match = [["v"]]
[[hub.member]]
data_source = "crm"
tenant = "Cust"
table = "a"
columns = { v = "v" }
write = ["update"]
[[hub.member]]
data_source = "erp"
tenant = "Other"
table = "a"
columns = { v = "v" }
[hub.attributes]
v = "newest"
"""
BIN = None


def wait_for(what, look):
    """What `look` gives, once it is something."""
    end = time.monotonic() + PATIENCE_S
    while True:
        found = look()
        if found:
            return found
        if time.monotonic() > end:
            raise AssertionError(f"{what} did not come in {PATIENCE_S} s")
        time.sleep(0.05)


def get(url):
    with urllib.request.urlopen(url, timeout=10) as answer:
        return answer.read().decode()


def series(page):
    """{(name, labels as written): value} of a page."""
    found = {}
    for line in page.splitlines():
        if line and not line.startswith("#"):
            name, labels, value = re.fullmatch(r"(\w+)(\{.*\})? (\S+)", line).groups()
            assert (name, labels) not in found, f"twice: {line}"
            found[(name, labels or "")] = float(value)
    return found


def types(page):
    return dict(re.findall(r"^# TYPE (\w+) (\w+)$", page, re.MULTILINE))


class Program:
    """A server or an agent; says on its standard output where its metrics are."""

    def __init__(self, work, *command):
        self.out = work / (command[0] + ".out")
        with self.out.open("wb") as out:
            self.process = subprocess.Popen([BIN / command[0], *command[1:]], stdout=out, stderr=out)

    def url(self):
        def look():
            assert self.process.poll() is None, self.out.read_text()
            return re.search(r" metrics: (http://\S+)\n", self.out.read_text())

        return wait_for("the line with the metrics", look).group(1)

    def stop(self):
        self.process.terminate()
        self.process.wait(PATIENCE_S)
        sanitizer_words.check_file(self.out)


class MetricsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.work = pathlib.Path(tempfile.mkdtemp(prefix="metrics test "))
        cls.addClassCleanup(shutil.rmtree, cls.work, ignore_errors=True)
        source = cls.work / "crm.db"
        database = sqlite3.connect(source)
        database.executescript(
            "PRAGMA journal_mode = WAL; CREATE TABLE a(id INTEGER PRIMARY KEY, v TEXT); INSERT INTO a VALUES(1, 'x'), (2, 'y');"
            "CREATE TABLE b(id INTEGER PRIMARY KEY); INSERT INTO b VALUES(1);"
        )
        database.close()
        dev = cls.work / "dev"
        made = subprocess.run(
            [BIN / "mirrorctl", "init", "--dir", dev, "--context-id", "Cust", "--source", source, "--metrics-port", "0",
             "--http-port", "7446"],
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        )  # fmt: skip
        server_toml, agent_toml = dev / "mirror-server.toml", dev / "mirror-agent.toml"
        text = re.sub(r"^port = 744[346]", "port = 0", server_toml.read_text(), flags=re.MULTILINE)
        server_toml.write_text(text + HUB)
        server = Program(cls.work, "mirror-server", "--config", server_toml)
        cls.addClassCleanup(server.stop)
        cls.server_url = server.url()
        ready = wait_for("the ready line", lambda: re.search(r"sources on (\S+),", server.out.read_text()))
        text = agent_toml.read_text()
        text = re.sub(r'^address = "127.0.0.1:7443"', f'address = "{ready.group(1)}"', text, flags=re.MULTILINE)
        text = text.replace("enabled = false", "enabled = true").replace("port = 7446", "port = 0")
        agent_toml.write_text(re.sub(r"^accept = .*", 'accept = ["update"]', text, flags=re.MULTILINE))
        subprocess.run([BIN / "mirror-agent", "install", "--config", agent_toml], check=True, stdout=subprocess.DEVNULL)
        agent = Program(cls.work, "mirror-agent", "run", "--config", agent_toml)
        cls.addClassCleanup(agent.stop)
        cls.agent_url = agent.url()
        good = ("mirror_agent_cycles_total", '{tenant="Cust",outcome="done"}')
        wait_for("the first run", lambda: series(get(cls.agent_url)).get(good))
        found = wait_for("the door's line", lambda: re.search(r"JSON: (http://\S+)", server.out.read_text()))
        cls.use_the_door(found.group(1), made.stdout.rstrip().split("\n")[-1])
        read = ("mirror_hub_member_last_read_timestamp_seconds", '{hub="Acme",data_source="crm"}')
        wait_for("the look at the hub", lambda: series(get(cls.server_url)).get(read))
        cls.server_page, cls.agent_page = get(cls.server_url), get(cls.agent_url)
        cls.source_page = ""
        cls.postgres_page = cls.page_with_postgres(agent_toml)

    @classmethod
    def use_the_door(cls, url, key):
        """Each thing that it counts, at least once."""
        door = http_door.HttpDoor(url, key=key, tells=False)
        partners = "/v4/storages/Acme/businesspartners"
        door.request("POST", "/v2/storages", json={"name": "Acme"}).expect(201)
        two = [{"externalId": one, "name": "x"} for one in ("1", "2")]
        for _ in range(2):
            door.request("PUT", partners, json={"businessPartners": two}, headers={"Idempotency-Key": "k"}).expect(200)
        body = {"businessPartners": [two[0], {"externalId": "3", "record": "{"}], "featuresOn": ["UPSERT_BY_EXTERNAL_ID"]}
        door.request("PUT", partners, json=body).expect(200)
        body = {"externalId": "2", "featuresOn": ["DELETE_BY_EXTERNAL_ID"]}
        door.request("POST", f"{partners}/delete", json=body).expect(200)
        door.request("GET", partners).expect(200)
        lines = {"Accept": "application/x-ndjson"}
        door.request("GET", "/v4/storages/Cust/records/a", headers=lines).expect(200).lines()
        door.request("GET", partners, key=http_door.NO_KEY).expect(401)
        door.request("GET", "/v2/storages/Nowhere").expect(404)
        door.request("PUT", partners, body=b" " * (5 << 20)).expect(413)
        for file in (b"CUSTOMER NUMBER\n7\n8\n", b"NAME\nx\n"):
            form = http_door.multipart_form({"storageId": "Acme"}, http_door.File("p.csv", file))
            job = door.request("POST", "/jobs/importjobs", body=form).expect(201).json()["id"]

            def is_over(job=job):
                return door.request("GET", f"/jobs/importjobs/{job}").json()["status"] not in ("SCHEDULED", "RUNNING")

            wait_for("the end of the job", is_over)
        door.close()

        def are_counted():
            found = series(get(cls.server_url))
            return sum(value for (name, _), value in found.items() if name == "mirror_http_import_jobs_total") == 2

        wait_for("the count of the jobs", are_counted)

    @classmethod
    def page_of_a_source_with_a_log(cls, cluster, like):
        """Of an agent whose source is in this PostgreSQL. Its endpoint is another one, which knows it not: the metrics of
        a source do not wait for an endpoint."""
        cluster.sql("CREATE DATABASE crm;")
        url = cluster.url("crm", postgres_cluster.SUPERUSER)
        postgres_cluster.psql(url, "CREATE TABLE t(id int PRIMARY KEY, v text); INSERT INTO t VALUES (1, 'x'), (2, 'y')")
        text = like.read_text()
        text = text[: text.index("[[source]]")].replace("agent-state", "source-state")
        toml = like.with_name("source-agent.toml")
        toml.write_text(
            text + f'[[source]]\ncontext_id = "Logged"\nkind = "postgres"\nstrategy = "cdc"\ninterval = "1s"\n'
            f"dsn = \"host='{cluster.folder}' dbname=crm user={postgres_cluster.SUPERUSER}\"\n"
        )
        subprocess.run([BIN / "mirror-agent", "install", "--config", toml], check=True, stdout=subprocess.DEVNULL)
        agent = Program(cls.work / "dev", "mirror-agent", "run", "--config", toml)
        cls.addClassCleanup(agent.stop)

        def look():
            page = get(agent.url())
            return page if series(page).get(("mirror_agent_source_lag_bytes", '{tenant="Logged"}')) is not None else ""

        return wait_for("the figures of the source's log", look)

    @classmethod
    def page_with_postgres(cls, agent_toml):
        """Of another server, whose mirrors are in PostgreSQL; empty: that is not installed."""
        try:
            postgres_cluster.programs()
        except postgres_cluster.Missing:
            return ""
        folder = postgres_cluster.fast_folder("metrics-")
        cls.addClassCleanup(shutil.rmtree, folder, ignore_errors=True)
        cluster = postgres_cluster.Cluster(folder / "pg", {"wal_level": "logical", "max_slot_wal_keep_size": "1GB"})
        cls.addClassCleanup(cluster.remove)
        cluster.make()
        cls.source_page = cls.page_of_a_source_with_a_log(cluster, agent_toml)
        dev = cls.work / "postgres"
        subprocess.run(
            [BIN / "mirrorctl", "init", "--dir", dev, "--context-id", "Cust", "--metrics-port", "0", "--store", "postgres",
             "--postgres", cluster.url("postgres", postgres_cluster.SUPERUSER)],
            check=True,
            stdout=subprocess.DEVNULL,
        )  # fmt: skip
        file = dev / "mirror-server.toml"
        file.write_text(re.sub(r"^port = 744[34]", "port = 0", file.read_text(), flags=re.MULTILINE))
        server = Program(dev, "mirror-server", "--config", file)
        cls.addClassCleanup(server.stop)
        url = server.url()

        def look():
            page = get(url)
            return page if "\nmirror_fleet_servers " in page and "\nmirror_tenants " in page else ""

        return wait_for("the duty to show the tenants", look)

    def test_databases_are_shown_where_there_are_any(self):
        self.assertEqual([name for name in types(self.server_page) if name.startswith(OF_POSTGRES)], [])
        if not self.postgres_page:
            self.skipTest("PostgreSQL is not installed")
        found = series(self.postgres_page)
        self.assertEqual(found[("mirror_control_up", "")], 1)
        self.assertEqual(found[("mirror_place_up", '{place="p1"}')], 1)
        self.assertEqual(found[("mirror_fleet_servers", "")], 1)
        self.assertEqual(found[("mirror_place_standbys", '{place="p1"}')], 0)
        self.assertGreater(found[("mirror_place_relations", '{place="p1"}')], 100)
        pools = [value for (name, _), value in found.items() if name == "mirror_place_pool_connections"]
        self.assertEqual((len(pools), sum(pools)), (9, 24))
        self.assertNotIn("mirror_disk_free_bytes", types(self.postgres_page))

    def test_a_cycle_shows_in_the_metrics_of_both_sides(self):
        server, agent = series(self.server_page), series(self.agent_page)
        self.assertEqual(server[("mirror_rows_total", '{operation="insert"}')], 3)
        self.assertEqual(server[("mirror_cycles_total", '{outcome="completed"}')], 1)
        self.assertEqual(server[("mirror_tenant_rows", '{tenant="Cust"}')], 3)
        # The ledger, too.
        self.assertEqual(server[("mirror_tenant_tables", '{tenant="Cust"}')], 3)
        self.assertEqual(server[("mirror_tenant_tables_unpopulated", '{tenant="Cust"}')], 0)
        self.assertLess(server[("mirror_tenant_lag_seconds", '{tenant="Cust"}')], PATIENCE_S)
        self.assertGreater(server[("mirror_row_bytes_total", "")], 0)
        self.assertGreater(server[("mirror_commit_seconds_count", "")], 0)
        self.assertGreater(server[("process_open_fds", "")], 5)
        self.assertEqual(agent[("mirror_agent_rows_total", '{tenant="Cust",operation="insert"}')], 3)
        self.assertEqual(agent[("mirror_agent_tables", '{tenant="Cust",result="ok"}')], 3)
        self.assertGreater(agent[("mirror_agent_sent_bytes_total", '{tenant="Cust"}')], 0)
        count = ("mirror_agent_call_seconds_count", '{call="RowData"}')
        self.assertGreater(agent[count], 0)

    def test_hubs_are_shown_where_there_are_any(self):
        server, agent = series(self.server_page), series(self.agent_page)
        self.assertEqual([name for name in types(self.postgres_page) if name.startswith("mirror_hub_")], [])
        self.assertEqual(server[("mirror_hub_records", '{hub="Acme"}')], 2)
        self.assertEqual(server[("mirror_hub_members", '{hub="Acme",state="read"}')], 1)
        self.assertEqual(server[("mirror_hub_members", '{hub="Acme",state="absent"}')], 1)
        self.assertEqual(server[("mirror_hub_member_suspended", '{hub="Acme",data_source="crm"}')], 0)
        self.assertLess(server[("mirror_hub_behind_seconds", '{hub="Acme"}')], PATIENCE_S)
        self.assertEqual(agent[("mirror_agent_deliveries_refused", '{tenant="Cust"}')], 0)
        self.assertIn(("mirror_agent_deliveries_total", '{tenant="Cust",outcome="applied"}'), agent)

    def test_what_the_door_does_is_shown(self):
        self.assertEqual([name for name in types(self.postgres_page) if name.startswith(OF_DOOR)], [])
        server = series(self.server_page)

        def of(name, **labels):
            text = ",".join(f'{label}="{value}"' for label, value in labels.items())
            return server[(f"mirror_http_{name}", f"{{{text}}}" if labels else "")]

        self.assertEqual(of("requests_total", call="upsertBusinessPartners", status="2xx"), 3)
        self.assertEqual(of("requests_total", call="upsertBusinessPartners", status="4xx"), 1)
        self.assertEqual(of("requests_total", call="createStorage", status="2xx"), 1)
        self.assertEqual(of("requests_total", call="none", status="2xx"), 0)
        self.assertEqual(of("request_seconds_count", call="upsertBusinessPartners"), 4)
        self.assertGreater(of("request_seconds_sum", call="upsertBusinessPartners"), 0)
        self.assertEqual(of("keys_refused_total", status="401"), 1)
        self.assertEqual(of("keys_refused_total", status="403"), 0)
        self.assertEqual(of("keys_refused_total", status="404"), 1)
        self.assertEqual(of("bodies_refused_total"), 1)
        limits = {re.search('limit="(.*)"', labels)[1] for name, labels in server if name == "mirror_http_limited_total"}
        values = re.search(r"\n\| `limit` \|.*?(?=\n\| `)", (ROOT / "docs" / "reference" / "metrics.md").read_text(), re.DOTALL)
        told = [name for row in values[0].strip().splitlines() for name in re.findall("`(.*?)`", row.split("|")[2])]
        self.assertEqual(sorted(limits), sorted(told), "docs/reference/metrics.md tells which limits there are")
        self.assertEqual(of("replays_total"), 1)
        rows = {one: of("rows_total", operation=one, by="request") for one in ("insert", "update", "delete", "failed")}
        self.assertEqual(rows, {"insert": 2, "update": 1, "delete": 1, "failed": 1})
        self.assertEqual(of("rows_total", operation="insert", by="import"), 2)
        self.assertEqual((of("pages_total"), of("read_rows_total", form="page")), (1, 1))
        self.assertEqual((of("streams_total", end="whole"), of("streams_total", end="cut")), (1, 0))
        self.assertEqual((of("read_rows_total", form="stream"), of("streams_open")), (2, 0))
        ended = {end: of("import_jobs_total", end=end) for end in ("finished", "could_not_start", "died", "cancelled")}
        self.assertEqual(ended, {"finished": 1, "could_not_start": 1, "died": 0, "cancelled": 0})
        self.assertEqual(of("import_jobs", state="running") + of("import_jobs", state="waiting"), 0)
        self.assertEqual((of("upload_bytes"), of("upload_max_bytes")), (0, 10_000_000_000))
        self.assertEqual((of("erasures_waiting"), of("erase_within_seconds")), (1, 86_400))
        self.assertLess(of("erasure_age_seconds"), PATIENCE_S)

    def test_the_calls_of_the_door_are_those_of_its_document(self):
        document = json.loads((ROOT / "server" / "http" / "openapi.json").read_text())
        calls = {one["operationId"] for path in document["paths"].values() for one in path.values()}
        shown = {labels for name, labels in series(self.server_page) if name == "mirror_http_request_seconds_count"}
        self.assertEqual(shown, {f'{{call="{call}"}}' for call in calls | {"none"}})

    def test_what_a_source_with_a_log_costs_is_shown(self):
        self.assertEqual([name for name in types(self.agent_page) if name.startswith(OF_SOURCES)], [])
        if not self.source_page:
            self.skipTest("PostgreSQL is not installed")
        found = {name: value for (name, labels), value in series(self.source_page).items() if labels == '{tenant="Logged"}'}
        self.assertLess(found["mirror_agent_source_lag_bytes"], 1_000_000)
        self.assertGreater(found["mirror_agent_slot_retained_bytes"], 0)
        self.assertGreater(found["mirror_agent_slot_safe_bytes"], 900_000_000)
        self.assertGreater(found["mirror_agent_stage_bytes"], 0)
        self.assertEqual(found["mirror_agent_snapshot_wait_seconds"], 0)

    def test_keys_that_end_are_there(self):
        ends = {key: value for key, value in series(self.server_page).items() if "_expiry_" in key[0]}
        self.assertTrue(any("source-1" in labels for _, labels in ends), ends)
        for value in ends.values():
            self.assertGreater(value, time.time())

    def test_health(self):
        self.assertEqual(get(self.server_url.replace("/metrics", "/healthz")), "ok\n")
        with self.assertRaises(urllib.error.HTTPError) as refused:
            get(self.server_url.replace("/metrics", "/"))
        self.assertEqual(refused.exception.code, 404)

    def test_all_that_the_dashboard_and_the_alerts_use_is_shown(self):
        pages = (self.server_page, self.agent_page, self.postgres_page, self.source_page)
        shown = {name for page in pages for name, _ in series(page)}
        dashboard = json.loads((MONITORING / "grafana-dashboard.json").read_text())
        asked = [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", [])]
        asked += [variable["query"] for variable in dashboard["templating"]["list"]]
        alerts = yaml.safe_load((MONITORING / "alerts.yml").read_text())
        rules = [rule for group in alerts["groups"] for rule in group["rules"]]
        asked += [rule["expr"] for rule in rules]
        self.assertGreater(len(asked), 50)
        for expression in asked:
            for name in NAME.findall(expression):
                of_postgres = name.startswith((*OF_POSTGRES, *OF_SOURCES))
                if not name.startswith(OF_MARIADB) and (self.postgres_page or not of_postgres):
                    self.assertIn(name, shown, expression)
        for rule in rules:
            self.assertTrue(rule["alert"] and rule["annotations"]["summary"] and rule["labels"]["severity"])

    def test_the_page_lists_each_metric_with_its_type(self):
        page = "".join((ROOT / "docs" / "reference" / name).read_text() for name in ("metrics.md", "hub-metrics.md"))
        listed = dict(re.findall(r"^\| `(\w+)` \| (\w+) \|", page, re.MULTILINE))
        listed = {name: kind for name, kind in listed.items() if not name.startswith(OF_MARIADB)}
        if not self.postgres_page:
            others = (*OF_POSTGRES, *OF_SOURCES)
            listed = {name: kind for name, kind in listed.items() if not name.startswith(others)}
        pages = (self.server_page, self.agent_page, self.postgres_page, self.source_page)
        self.assertEqual(listed, {name: kind for page in pages for name, kind in types(page).items()})

    def test_the_page_lists_what_the_labels_of_the_door_can_be(self):
        page = (ROOT / "docs" / "reference" / "metrics.md").read_text()
        labels = re.findall(r"^\|([^|]*)\|([^|]*)\|", page[page.index("## What the labels say") :], re.MULTILINE)
        told, of = {}, ""
        for label, values in labels:
            of = label if label.strip() else of
            for name in re.findall(r"`(\w+)`", of):
                told.setdefault(name, set()).update(re.findall(r"`(\w+)`", values))
        seen = 0
        for name, shown in series(self.server_page):
            if not name.startswith(OF_DOOR):
                continue
            for label, value in re.findall(r'(\w+)="([^"]*)"', shown):
                if label not in ("call", "le"):
                    self.assertIn(value, told.get(label, ()), f"{name}{shown}")
                    seen += 1
        self.assertGreater(seen, 20)

    def test_the_dashboard_begins_with_the_problems(self):
        panels = json.loads((MONITORING / "grafana-dashboard.json").read_text())["panels"]
        first, *_ = rows = [panel for panel in panels if panel["type"] == "row"]
        self.assertEqual((first["title"], first["gridPos"]["y"]), ("Problems", 0))
        shown = [panel["title"] for panel in panels if 0 < panel["gridPos"]["y"] < rows[1]["gridPos"]["y"]]
        self.assertLessEqual(
            {"Holds", "Tables that differ", "Tenants with problems", "Tables older than their target", "Calls that failed", "Events"}, set(shown)
        )

    def test_what_the_dashboard_shows_has_its_unit(self):
        """By the names of the metrics; a graph's own unit stands in an override of its panel."""
        dashboard = json.loads((MONITORING / "grafana-dashboard.json").read_text())
        units = {"s": r"_seconds", "rowsps": r"rows", "bytes": r"bytes", "binBps": r"bytes", "Bps": r"bytes"}
        wrong, looked = [], 0
        for panel in dashboard["panels"]:
            asked = [one for one in panel.get("targets", []) if OF_DOOR in one["expr"]]
            for target in asked:
                unit = panel["fieldConfig"]["defaults"].get("unit", "short")
                for override in panel["fieldConfig"]["overrides"]:
                    named = override["matcher"]["options"]
                    if override["matcher"]["id"] == "byRegexp":
                        found = re.search(named.strip("/"), target["legendFormat"])
                    else:
                        found = named == target["legendFormat"]
                    if found:
                        unit = next(one["value"] for one in override["properties"] if one["id"] == "unit")
                looked += 1
                names = NAME.findall(target["expr"])
                if unit in units and not all(re.search(units[unit], name) for name in names):
                    wrong.append((panel["title"], target["legendFormat"], unit))
        self.assertEqual(wrong, [])
        self.assertGreater(looked, 15)


if __name__ == "__main__":
    BIN = pathlib.Path(sys.argv.pop(1)).resolve()
    unittest.main()
