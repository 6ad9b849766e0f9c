#!/usr/bin/python3
"""Keys and certificates of the HTTP door: issued by root for a server of another user, in folders that cannot be read, in
a folder of their own, replaced while the server runs; and what 'mirrorctl doctor' and '--check-config' say of them. What
clients do in plain text elsewhere, they do here by TLS.

Usage: door_keys_test.py BIN_DIR
"""

import http.client
import json
import os
import pathlib
import re
import shutil
import ssl
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "support"))
import http_door
import records_server

import programs

BIN = None
SERVICE = 65534  # A user who is not root.


class DoorTest(unittest.TestCase):
    def setUp(self):
        self.work = pathlib.Path(tempfile.mkdtemp(prefix="door keys "))
        self.addCleanup(shutil.rmtree, self.work, ignore_errors=True)
        self.server = records_server.RecordsServer(BIN, self.work / "dev")
        self.addCleanup(self.server.stop)
        self.keys = self.work / "dev" / "apikeys"

    def status(self, key):
        with self.server.door(key) as door:
            return door.request("GET", "/v2/storages").status

    def issue(self, name, *more):
        return self.server.run("mirrorctl", "apikey", "issue", name, "--dir", self.server.folder, "--storages", "*", *more)

    def doctor(self):
        """(outcome, words) of the steps that are about the door."""
        done = self.server.run("mirrorctl", "--config", self.server.folder / "mirrorctl.toml", "doctor", "--json")
        return [(step["outcome"].lower(), step["words"]) for step in json.loads(done.stdout) if step["step"] == "HTTP door"]

    def told(self, kind):
        """Messages of the events of a kind."""
        return [event["message"] for event in json.loads(self.server.ctl("events", "--kind", kind, "--json"))]


@unittest.skipIf(os.geteuid() != 0, "only root runs a server as another user")
class ServiceTest(DoorTest):
    def setUp(self):
        super().setUp()
        self.work.chmod(0o755)
        for path in (self.server.folder, *self.server.folder.rglob("*")):
            os.chown(path, SERVICE, SERVICE)
        self.server.user = SERVICE

    def check_config(self):
        return subprocess.run(
            [BIN / "mirror-server", "--check-config", "--config", self.server.folder / "mirror-server.toml"],
            capture_output=True,
            text=True,
            check=False,
            env=programs.environment(),
            user=SERVICE,
            group=SERVICE,
            extra_groups=[],
        )

    def test_the_first_key_that_root_issues_is_taken(self):
        shutil.rmtree(self.keys)
        self.assertIn("no key of the HTTP door", self.check_config().stdout)
        self.server.start()
        self.assertEqual(self.status(self.server.owner), 401)
        made = self.issue("first")
        self.assertEqual(made.returncode, 0, made.stderr)
        self.server.wait_for(lambda: self.status(made.stdout.strip()) == 200)
        self.assertEqual([path.stat().st_uid for path in (self.keys, self.keys / "first.toml")], [SERVICE] * 2)
        self.server.stop()
        checked = self.check_config()
        self.assertEqual((checked.returncode, "note:" in checked.stdout), (0, False), checked.stderr)
        self.server.start()
        self.assertEqual(self.status(made.stdout.strip()), 200)

    def test_a_folder_that_cannot_be_read_shuts_the_door_alone(self):
        os.chown(self.keys, 0, 0)
        checked = self.check_config()
        self.assertEqual(checked.returncode, 2)
        self.assertRegex(re.sub(r"\s+", " ", checked.stderr), "keys of .http. cannot be read: .*apikeys': Permission denied")
        self.server.start()
        self.assertEqual(self.status(self.server.owner), 401)
        self.assertEqual(len(self.told("http.not_reloaded")), 1)
        self.assertIn("the keys of the HTTP door cannot be read; it refuses everybody", self.told("http.not_reloaded")[0])
        self.assertEqual([outcome for outcome, _ in self.doctor()], ["warn", "warn"])
        self.assertIn("Permission denied", self.doctor()[0][1])
        os.chown(self.keys, SERVICE, SERVICE)
        self.server.wait_for(lambda: self.status(self.server.owner) == 200)
        self.assertEqual(len(self.told("http.not_reloaded")), 1, "it is tried each second and told once")
        self.assertEqual(self.doctor(), [("ok", f"{self.server.url} is served, for 1 key")])


class PlaceTest(DoorTest):
    def test_keys_are_where_the_configuration_says(self):
        self.server.configure("http", 'api_keys = "of the door"')
        made = self.issue("elsewhere")
        self.assertEqual(made.returncode, 0, made.stderr)
        self.assertTrue((self.server.folder / "of the door" / "elsewhere.toml").exists())
        self.assertFalse((self.keys / "elsewhere.toml").exists())
        self.server.start()
        self.assertEqual(self.status(made.stdout.strip()), 200)
        listed = self.server.run("mirrorctl", "apikey", "list", "--dir", self.server.folder, "--json")
        self.assertEqual([key["name"] for key in json.loads(listed.stdout)], ["elsewhere"])
        gone = self.server.run("mirrorctl", "apikey", "revoke", "elsewhere", "--dir", self.server.folder)
        self.assertEqual(gone.returncode, 0, gone.stderr)
        self.server.wait_for(lambda: self.status(made.stdout.strip()) == 401)

    def test_where_no_configuration_is_nothing_is_made(self):
        empty = self.work / "empty"
        empty.mkdir()
        for words in (["issue", "x", "--storages", "*"], ["list"], ["revoke", "x"]):
            done = self.server.run("mirrorctl", "apikey", *words, "--dir", empty)
            self.assertEqual(done.returncode, 1)
            self.assertIn("mirror-server.toml' is not there", re.sub(r"\s+", " ", done.stderr))
        self.assertEqual(list(empty.iterdir()), [])

    def test_json_has_what_the_words_have(self):
        made = json.loads(self.issue("loader", "--role", "writer", "--json").stdout)
        self.assertEqual((made["name"], made["role"], made["storages"]), ("loader", "writer", ["*"]))
        self.server.start()
        self.assertEqual(self.status(made["key"]), 200)
        listed = json.loads(self.server.run("mirrorctl", "apikey", "list", "--dir", self.server.folder, "--json").stdout)
        self.assertEqual([sorted(key) for key in listed], [["issued", "name", "role", "storages"]] * 2)

    def test_a_refusal_has_one_full_stop(self):
        again = self.issue("owner")
        self.assertEqual(again.returncode, 1)
        self.assertNotIn("..", again.stderr)
        self.assertIn("Nothing was made.", again.stderr)


class RecordsAloneTest(unittest.TestCase):
    def test_an_installation_for_records_alone_takes_them(self):
        with tempfile.TemporaryDirectory() as work:
            server = records_server.RecordsServer(BIN, pathlib.Path(work) / "dev", context_id=None)
            self.assertNotIn("mirror-agent", server.init_output)
            self.assertIn("apikeys/", server.init_output)
            self.assertIn(f"JSON :{server.ports[2]}", server.init_output)
            made = sorted(path.name for path in server.folder.iterdir())
            self.assertEqual(made, ["admin", "apikeys", "application", "issuers", "mirror-server.toml", "mirrorctl.toml", "tls"])
            server.start()
            self.addCleanup(server.stop)
            server.door().request("POST", "/v2/storages", json={"name": "Acme"}).expect(201)
            server.ctl("storages")
            server.stop()


class CertificateTest(DoorTest):
    """With a pair of its own."""

    def setUp(self):
        super().setUp()
        self.pair = self.server.folder / "tls" / "door.crt"
        self.renew()
        self.server.configure("http", 'plaintext = false\ncertificate = "tls/door.crt"\nkey = "tls/door.key"')
        self.server.start()

    def renew(self, *more):
        words = ("--dir", self.server.folder, "--name", "door", *more)
        made = self.server.run("mirrorctl", "certs", "issue-tls", *words)
        self.assertEqual(made.returncode, 0, made.stderr)
        return self.pair.read_text()

    def shown(self):
        return ssl.get_server_certificate(("127.0.0.1", self.server.ports[2]), timeout=60)

    def first_of(self, text):
        return text[text.index("-----BEGIN") : text.index("-----END CERTIFICATE-----")]

    def test_a_renewed_pair_is_shown_without_a_signal(self):
        before = self.shown()
        self.assertEqual(self.first_of(before), self.first_of(self.pair.read_text()))
        after = self.renew("--replace")
        self.server.wait_for(lambda: self.first_of(self.shown()) == self.first_of(after))
        self.assertEqual(self.told("http.not_reloaded"), [])

    def test_it_is_in_the_metrics_and_in_the_doctors_report(self):
        shown = records_server.metrics(self.server.log)
        self.assertRegex(shown, r'mirror_certificate_expiry\S*\{[^}]*kind="http"')
        self.renew("--replace", "--days", "3")
        done = self.server.run("mirrorctl", "--config", self.server.folder / "mirrorctl.toml", "doctor", "--json")
        self.assertIn("'certificate' and 'key' of [http]", done.stdout)
        self.assertEqual(self.doctor(), [("ok", f"https://127.0.0.1:{self.server.ports[2]} is served, for 1 key")])

    def test_a_pair_that_cannot_be_used_is_told_and_the_former_one_shown(self):
        before = self.shown()
        self.pair.write_text("no certificate")
        self.server.wait_for(lambda: self.told("http.not_reloaded"))
        self.assertEqual(self.shown(), before)
        reloaded = self.server.run("mirrorctl", "--config", self.server.folder / "mirrorctl.toml", "keys", "--reload")
        self.assertEqual(reloaded.returncode, 1)
        self.assertIn("certificate of the HTTP door stays as it was", re.sub(r"\s+", " ", reloaded.stderr))
        after = self.renew("--replace")
        self.server.wait_for(lambda: self.first_of(self.shown()) == self.first_of(after))


class HttpsTest(unittest.TestCase):
    """With the pair of the endpoint's gRPC, as in production."""

    def setUp(self):
        work = pathlib.Path(tempfile.mkdtemp(prefix="https "))
        self.addCleanup(shutil.rmtree, work, ignore_errors=True)
        self.server = records_server.RecordsServer(BIN, work / "dev", is_tls=True)
        self.server.start()
        self.addCleanup(self.server.stop)
        self.door = self.server.door()
        self.addCleanup(self.door.close)

    def test_records_go_in_by_requests_and_by_files_and_come_out_by_pages_and_streams(self):
        self.door.request("POST", "/v2/storages", json={"name": "Acme"}).expect(201)
        ids = [f"{n:03}" for n in range(400)]
        # Together more than a record of TLS, and more than a piece of a stream.
        partners = [{"externalId": one, "record": json.dumps({"CITY": "Zürich", "NOTE": one * 900})} for one in ids]
        path = "/v4/storages/Acme/businesspartners"
        written = self.door.request("PUT", path, json={"businessPartners": partners}).expect(200).json()
        self.assertEqual(written["numberOfInserts"], len(ids))
        page = self.door.request("GET", path, query={"limit": 300}).expect(200).json()
        rest = self.door.request("GET", path, query={"startAfter": page["nextStartAfter"]}).expect(200).json()
        self.assertEqual([one["externalId"] for one in page["values"] + rest["values"]], ids)
        link = self.door.request("POST", "/files/upload", json={"url": "many.csv"}).expect(200).json()
        self.assertTrue(link["uploadLink"].startswith(self.server.url + "/"), link["uploadLink"])
        file = "BP_EXTERNAL_ID;CITY\n" + "".join(f"F{n:06};Genève\n" for n in range(6_000))
        self.door.request("PUT", link["uploadLink"], body=file.encode(), key=http_door.NO_KEY).expect(200)
        form = http_door.multipart_form({"storageId": "Acme", "url": link["url"]})
        job = f"/jobs/importjobs/{self.door.request('POST', '/jobs/importjobs', body=form).expect(201).json()['id']}"
        self.server.wait_for(lambda: self.door.request("GET", job).expect(200).json()["status"] not in ("SCHEDULED", "RUNNING"))
        ended = self.door.request("GET", job).expect(200).json()
        self.assertEqual((ended["status"], ended["numberOfInserts"]), ("FINISHED", 6_000), ended["statusMessage"])
        lines = {"Accept": "application/x-ndjson"}
        *rows, last = self.door.request("GET", "/v4/storages/Acme/records/businesspartner", headers=lines).expect(200).lines()
        self.assertEqual((last["_end"], last["rows"], len(rows)), (True, 6_400, 6_400))
        self.assertEqual({row["city"] for row in rows}, {"Zürich", "Genève"})
        self.assertEqual(self.door.connections_made, 1, "one connection is good for all of it")

    def test_nobody_is_served_in_plain_text_and_who_does_not_know_the_authority_leaves(self):
        with http_door.HttpDoor(self.server.url.replace("https:", "http:"), key=self.server.owner, tells=False) as plain:
            with self.assertRaises((OSError, http.client.HTTPException)):
                plain.request("GET", "/v2/storages")
        with self.server.door(tls=ssl.create_default_context(), tells=False) as stranger:
            with self.assertRaises(ssl.SSLCertVerificationError):
                stranger.request("GET", "/v2/storages")
        self.door.request("GET", "/v2/storages").expect(200)


if __name__ == "__main__":
    BIN = pathlib.Path(sys.argv.pop(1)).resolve()
    unittest.main(verbosity=2)
