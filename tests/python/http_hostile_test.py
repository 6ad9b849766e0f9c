#!/usr/bin/python3
"""mirror-harness hostile against the door for JSON of a real server: each attack ends as it should, beside an honest
source over gRPC and an honest client over HTTP. A door that does not hold is found out.

Usage: http_hostile_test.py BIN_DIR
"""

import http.server
import json
import pathlib
import shutil
import sys
import tempfile
import threading
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "support"))
import records_server

BIN = None
# A key may have as many requests under way as the door has connections by half; slow ones are cut soon.
LIMITS = 'head_time = "2s"\nbody_time = "3s"'
# Of the whole theme, with a margin for a busy machine.
SECONDS_MAX = 60
DOOR_THAT_HOLDS = (
    ("body-behind-401", "401"),
    ("two-lengths", "400"),
    ("length-and-chunked", "400"),
    ("slow-head", "CLOSED"),
    ("slow-body", "408"),
    ("promised-uploads", "404"),
    ("pipelined", "200"),
    ("idle", "OK"),
    ("deep-json", "400"),
    ("small-objects", "400"),
    ("wrong-keys", "401"),
    ("beyond-key", "429"),
    ("unread-streams", "OK"),
)

BY_TLS = (
    ("body-behind-401", "401"),
    ("length-and-chunked", "400"),
    ("half-body", "CLOSED"),
    ("slow-head", "CLOSED"),
    ("slow-body", "408"),
    ("promised-uploads", "404"),
    ("pipelined", "200"),
    ("deep-json", "400"),
    ("idle", "OK"),
    ("unread-streams", "OK"),
    ("wrong-keys", "401"),
    ("storm", "OK"),
)


def hostile(server, *arguments):
    return server.run(
        *("mirror-harness", "hostile", "--config", server.folder / "mirror-agent.toml", "--context-id", "Cust"),
        *("--seconds", 0.5, "--json", "--server-pid", server.process.pid),
        *arguments,
    )


class DoorThatHoldsNothing(http.server.BaseHTTPRequestHandler):
    """Answers everybody, whatever they send, and reads what it is told to read."""

    protocol_version = "HTTP/1.1"

    def answer(self):
        length = (self.headers.get("Content-Length") or "0").split(",")[0]
        self.rfile.read(int(length))
        made = self.command == "POST" and self.path == "/v2/storages"
        self.send_response(201 if made else 200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    do_GET = do_PUT = do_POST = do_DELETE = answer

    def log_message(self, *_):
        pass


class CarelessServer(http.server.ThreadingHTTPServer):
    def handle_error(self, *_):
        """Whoever attacks it breaks its connections, too: that is no news."""


class HttpHostileTest(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.work = pathlib.Path(tempfile.mkdtemp(prefix="hostile test "))
        cls.addClassCleanup(shutil.rmtree, cls.work, ignore_errors=True)
        cls.server = records_server.RecordsServer(BIN, cls.work / "dev", sections={"http": LIMITS})
        cls.server.start()
        cls.addClassCleanup(cls.server.stop)
        cls.attacker = cls.server.issue("attacker", "owner", "Hostile-*")

    def test_each_attack_ends_as_it_should_and_honest_clients_are_served(self):
        keys = ("--http", self.server.url, "--api-key", self.server.owner, "--attackers-key", self.attacker)
        done = hostile(self.server, "--only", "http", *keys)
        report = json.loads(done.stdout)
        attacks = {attack["name"].removeprefix("http/"): attack for attack in report["attacks"]}
        wrong = [attack for attack in report["attacks"] if not attack["ok"]]
        shown = {name: report[name] for name in report if name.startswith(("honest", "server"))}
        self.assertEqual((wrong, done.returncode), ([], 0), f"{shown}\n{done.stderr}")
        for name, got in DOOR_THAT_HOLDS:
            self.assertEqual(attacks[name]["got"], [got], attacks[name])
        self.assertGreaterEqual(len(attacks), 45)
        for quiet in ("honest_quiet", "honest_http_quiet", "honest_attacked", "honest_http_attacked"):
            self.assertGreater(report[quiet]["calls"], 0)
            self.assertEqual(report[quiet]["failures"], 0)
        self.assertLess(report["server_attacked"]["memory_mb"], report["memory_allowed_mb"])
        self.assertLess(sum(attack["seconds"] for attack in report["attacks"]), SECONDS_MAX)
        # What it made is gone.
        with self.server.door() as door:
            left = door.request("GET", "/v2/storages").expect(200).json()
        self.assertEqual([one for one in left["values"] if one["id"].startswith("Hostile-")], [])

    def test_a_door_that_does_not_hold_is_found_out(self):
        door = CarelessServer(("127.0.0.1", 0), DoorThatHoldsNothing)
        thread = threading.Thread(target=door.serve_forever)
        thread.start()
        try:
            url = f"http://127.0.0.1:{door.server_address[1]}"
            names = ("body-behind-401", "two-lengths", "no-host", "wrong-keys", "deep-json")
            done = hostile(self.server, "--http", url, "--api-key", "mk_any", "--only", *(f"http/{name}" for name in names))
        finally:
            door.shutdown()
            thread.join()
            door.server_close()
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertEqual([attack["ok"] for attack in json.loads(done.stdout)["attacks"]], [False] * len(names))

    def test_it_says_what_it_needs(self):
        without = hostile(self.server, "--http", self.server.url)
        self.assertEqual(without.returncode, 2)
        self.assertIn("--http needs --api-key", without.stderr)
        shared = hostile(self.server, "--http", self.server.url, "--api-key", self.server.owner, "--only", "http")
        self.assertEqual((shared.returncode, shared.stdout), (2, ""))
        for word in ("http/unread-pages takes all places", "--attackers-key", "mirrorctl apikey issue attacker"):
            self.assertIn(word, " ".join(shared.stderr.split()))
        lonely = hostile(self.server, "--api-key", "mk_any")
        self.assertEqual(lonely.returncode, 2)
        self.assertIn("need --http", lonely.stderr)
        wrong = hostile(self.server, "--http", "127.0.0.1:1", "--api-key", "mk_any", "--only", "ranges")
        self.assertEqual(wrong.returncode, 1)
        self.assertIn("does not begin with http://", wrong.stderr)
        unknown = hostile(self.server, "--http", self.server.url, "--api-key", "mk_any", "--only", "ranges")
        self.assertEqual(unknown.returncode, 1)
        self.assertIn("answers POST /v2/storages with 401", unknown.stderr)


class HttpsHostileTest(unittest.TestCase):
    """Against a door that speaks TLS."""

    def test_attacks_by_tls_end_as_they_do_in_plain_text(self):
        work = pathlib.Path(tempfile.mkdtemp(prefix="hostile https "))
        self.addCleanup(shutil.rmtree, work, ignore_errors=True)
        server = records_server.RecordsServer(BIN, work / "dev", sections={"http": LIMITS}, is_tls=True)
        server.start()
        self.addCleanup(server.stop)
        keys = ("--api-key", server.owner, "--attackers-key", server.issue("attacker", "owner", "Hostile-*"))
        done = hostile(server, "--http", server.url, *keys, "--only", *(f"http/{name}" for name, _ in BY_TLS))
        report = json.loads(done.stdout)
        self.assertEqual((done.returncode, [one for one in report["attacks"] if not one["ok"]]), (0, []), done.stderr)
        got = {attack["name"].removeprefix("http/"): attack["got"] for attack in report["attacks"]}
        self.assertEqual(got, {name: [expected] for name, expected in BY_TLS})
        for quiet in ("honest_http_quiet", "honest_http_attacked"):
            self.assertGreater(report[quiet]["calls"], 0)
            self.assertEqual(report[quiet]["failures"], 0)
        self.assertLess(report["server_attacked"]["memory_mb"], report["memory_allowed_mb"])


if __name__ == "__main__":
    BIN = pathlib.Path(sys.argv.pop(1))
    unittest.main()
