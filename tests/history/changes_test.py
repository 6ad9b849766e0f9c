#!/usr/bin/python3
"""What was written to a mirror, as real readers get it: mirrorctl and HTTP, over restores, trims and deletes.

Usage: changes_test.py BIN_DIR
"""

import json
import pathlib
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import threading
import unittest
import urllib.error
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "python"))

import programs  # noqa: E402
import sanitizer_words  # noqa: E402

PATIENCE_S = 120
JOURNAL = '\n[[tenant]]\ncontext_id = "*"\n[[tenant.table]]\nname = "*"\njournal = "keys"\n'
HISTORY = JOURNAL + "history = true\n"
BIN = None


class Place:
    """A server with a journal, and a SQLite source."""

    def __init__(self, test, rules=JOURNAL):
        self.work = pathlib.Path(tempfile.mkdtemp(prefix="changes-"))
        test.addCleanup(shutil.rmtree, self.work, ignore_errors=True)
        self.dev = self.work / "dev"
        made = programs.run(BIN / "mirrorctl", "init", "--dir", self.dev, "--context-id", "Cust", "--http-port", "7446")
        self.key = made.stdout.splitlines()[-1]
        configuration = self.dev / "mirror-server.toml"
        text = re.sub(r"^port = 744\d", "port = 0", configuration.read_text(), flags=re.MULTILINE)
        configuration.write_text(text + rules)
        with (self.work / "server.err").open("wb") as log:
            self.server = subprocess.Popen(
                [BIN / "mirror-server", "--config", configuration], stdout=subprocess.PIPE, stderr=log, text=True
            )
        test.addCleanup(self.stop)
        ready = re.search(r"sources on (\S+), admin on (\S+)", self.server.stdout.readline())
        assert ready, (self.work / "server.err").read_text()
        self.url = re.search(r"JSON: (\S+)", self.server.stdout.readline())[1]
        for file, address in (("mirror-agent.toml", ready[1]), ("mirrorctl.toml", ready[2])):
            kept = (self.dev / file).read_text()
            kept = re.sub(r'^address = "127.0.0.1:\d+"', f'address = "{address}"', kept, count=1, flags=re.MULTILINE)
            (self.dev / file).write_text(kept)
        self.source("PRAGMA journal_mode = WAL")
        self.source("CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT, age INTEGER)")
        self.source("INSERT INTO people VALUES (1, 'Ada', 36), (2, 'Bob', NULL)")
        with (self.dev / "mirror-agent.toml").open("a") as file:
            file.write(f'\n[[source]]\ncontext_id = "Cust"\npath = "{self.work}/source.db"\nstrategy = "cdc"\n')
        self.agent("install")
        self.agent("once")

    def stop(self):
        self.server.terminate()
        self.server.wait(PATIENCE_S)
        self.server.stdout.close()
        sanitizer_words.check_file(self.work / "server.err")

    def source(self, *statements):
        database = sqlite3.connect(self.work / "source.db")
        for statement in statements:
            database.execute(statement)
        database.commit()
        database.close()

    def agent(self, *words):
        done = programs.run(BIN / "mirror-agent", *words, "--config", self.dev / "mirror-agent.toml")
        assert done.returncode == 0, done.stderr
        return done

    def write(self, *statements):
        """In the source, and by a cycle in the mirror."""
        self.source(*statements)
        self.agent("once")

    def ctl(self, *words):
        return programs.run(BIN / "mirrorctl", "--config", self.dev / "mirrorctl.toml", *words)

    def changes(self, *words):
        done = self.ctl("changes", "Cust", "--json", *words)
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]

    def get(self, path, **fields):
        request = urllib.request.Request(self.url + path, headers={"X-API-KEY": self.key} | fields)
        return urllib.request.urlopen(request, timeout=PATIENCE_S)


class Changes(unittest.TestCase):
    def test_entries_name_the_rows_that_were_written(self):
        place = Place(self)
        before = place.changes()
        self.assertEqual({one["operation"] for one in before}, {"POPULATED"})
        place.write("UPDATE people SET age = 37 WHERE id = 1", "DELETE FROM people WHERE id = 2")
        after = place.changes("--since", before[-1]["token"])
        self.assertEqual({(one["operation"], json.dumps(one["keys"])) for one in after}, {("UPDATE", '[["1"]]'), ("DELETE", '[["2"]]')})
        self.assertEqual(len({one["moment"] for one in after}), 1)
        for one in after:
            self.assertIsNotNone(one["lsn"])
            self.assertEqual(one["origin"], "cycle")
        self.assertEqual(place.changes("--since", after[-1]["token"]), [])
        self.assertEqual(place.changes("--since", "now"), [])

    def test_a_follower_gets_what_comes(self):
        place = Place(self)
        place.write("INSERT INTO people VALUES (3, 'Cyd', 1)")
        follower = subprocess.Popen(
            [BIN / "mirrorctl", "--config", place.dev / "mirrorctl.toml", "changes", "Cust", "--json", "--follow"],
            stdout=subprocess.PIPE,
            text=True,
            env=programs.environment(),
        )
        try:
            seen = [json.loads(follower.stdout.readline()) for _ in place.changes()]
            writer = threading.Thread(target=place.write, args=("INSERT INTO people VALUES (4, 'Dee', 2)",))
            writer.start()
            news = json.loads(follower.stdout.readline())
            writer.join()
        finally:
            follower.terminate()
            follower.wait(PATIENCE_S)
            follower.stdout.close()
        self.assertEqual(news["keys"], [["4"]])
        self.assertGreater(news["number"], seen[-1]["number"])

    def test_a_restored_mirror_is_noticed_though_it_has_grown_past_the_number(self):
        place = Place(self)
        self.assertEqual(place.ctl("backup", "Cust", place.dev / "copy.db").returncode, 0)
        place.write("INSERT INTO people VALUES (3, 'Cyd', 1)")
        token = place.changes()[-1]["token"]
        done = place.ctl("restore", "Cust", place.dev / "copy.db", "--confirm", "Cust")
        self.assertEqual(done.returncode, 0, done.stderr)
        for i in range(4, 9):
            place.write(f"INSERT INTO people VALUES ({i}, 'x', {i})")
        self.assertGreater(place.changes()[-1]["number"], int(token.split(".")[0]))
        done = place.ctl("changes", "Cust", "--since", token)
        self.assertEqual(done.returncode, 1)
        go_on = re.search(r"OUT_OF_RANGE: .*compare all, then go on from (\S+)", done.stderr.replace("\n", " "))
        self.assertTrue(go_on, done.stderr)
        self.assertEqual(place.changes("--since", go_on[1]), [])
        with self.assertRaises(urllib.error.HTTPError) as refused:
            place.get(f"/v4/storages/Cust/changes?since={token}")
        self.assertEqual(refused.exception.code, 410)
        self.assertEqual(json.loads(refused.exception.read())["next"], go_on[1])

    def test_each_column_has_its_writer(self):
        place = Place(self)
        place.write("UPDATE people SET age = 37 WHERE id = 1")
        number = place.changes()[-1]["number"]
        done = place.ctl("explain", "Cust", "people", "1", "--json")
        self.assertEqual(done.returncode, 0, done.stderr)
        explained = json.loads(done.stdout)
        self.assertTrue(explained["stands"])
        writers = {column["name"]: column["writer"] for column in explained["columns"]}
        self.assertEqual(writers["age"]["number"], number)
        self.assertIn(writers["name"]["operation"], ("POPULATED", "UPDATE"))
        self.assertEqual(place.ctl("explain", "Cust", "people", "x").returncode, 1)

    def test_versions_of_a_row(self):
        place = Place(self, HISTORY)
        place.write("UPDATE people SET age = 37 WHERE id = 1")
        place.write("DELETE FROM people WHERE id = 1")
        done = place.ctl("history", "Cust", "people", "1", "--json")
        self.assertEqual(done.returncode, 0, done.stderr)
        versions = [json.loads(line) for line in done.stdout.splitlines()]
        self.assertEqual([one["row"]["age"] for one in versions], ["37", "36"])
        self.assertEqual([one["to_moment"] is None for one in versions], [False, False])

    def test_pages_and_events_over_http(self):
        place = Place(self)
        place.write("INSERT INTO people VALUES (3, 'Cyd', 1)")
        with place.get("/v4/storages/Cust/changes?count=1") as answer:
            page = json.loads(answer.read())
        self.assertEqual(len(page["changes"]), 1)
        self.assertFalse(page["complete"])
        with place.get(f"/v4/storages/Cust/changes?since={page['next']}", Accept="text/event-stream") as stream:
            lines = [stream.readline().decode().strip() for _ in range(3)]
        self.assertTrue(lines[0].startswith("id: "), lines)
        self.assertEqual(lines[1], "event: change")
        self.assertEqual(json.loads(lines[2].removeprefix("data: "))["keys"], [["3"]])


if __name__ == "__main__":
    BIN = pathlib.Path(sys.argv.pop(1)).resolve()
    unittest.main()
