#!/usr/bin/python3
"""What was written to a mirror, as real readers get it: mirrorctl and HTTP, over restores, trims and deletes.

Usage: changes_test.py BIN_DIR [unittest arguments]
"""

import json
import pathlib
import re
import subprocess
import sys
import threading
import unittest
import urllib.error

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "support"))
import journal_place  # noqa: E402
import programs  # noqa: E402

PATIENCE_S = journal_place.PATIENCE_S
BIN = None


def Place(test, rules=journal_place.JOURNAL):
    return journal_place.JournalPlace(test, BIN, rules)


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
            [BIN / "mirrorctl", "--config", place.server.folder / "mirrorctl.toml", "changes", "Cust", "--json", "--follow"],
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
        self.assertEqual(place.ctl("backup", "Cust", place.server.folder / "copy.db").returncode, 0)
        place.write("INSERT INTO people VALUES (3, 'Cyd', 1)")
        token = place.changes()[-1]["token"]
        done = place.ctl("restore", "Cust", place.server.folder / "copy.db", "--confirm", "Cust")
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
        place = Place(self, journal_place.HISTORY)
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
