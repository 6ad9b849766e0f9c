#!/usr/bin/python3
"""What was written to a mirror, as real readers get it: by mirrorctl and over HTTP. Acceptance H3: a token of before a
restore is refused; H5: each column has its writer. kills_test.py has H1 and H2, stores_test.py H19.

Usage: changes_test.py BIN_DIR [unittest arguments]
"""

import json
import pathlib
import re
import signal
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


def Place(test, rules=journal_place.JOURNAL, tables=journal_place.PEOPLE):
    return journal_place.JournalPlace(test, BIN, rules, tables)


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
        follower = self.follow(place)
        seen = [json.loads(follower.stdout.readline()) for _ in place.changes()]
        writer = threading.Thread(target=place.write, args=("INSERT INTO people VALUES (4, 'Dee', 2)",))
        writer.start()
        news = json.loads(follower.stdout.readline())
        writer.join()
        follower.send_signal(signal.SIGINT)
        self.assertEqual(follower.communicate(timeout=PATIENCE_S), ("", ""))
        self.assertEqual(follower.returncode, 0)
        self.assertEqual(news["keys"], [["4"]])
        self.assertGreater(news["number"], seen[-1]["number"])

    def test_h3_a_token_of_before_a_restore_is_refused_though_the_mirror_has_grown_past_it(self):
        place = Place(self)
        token, next_token = self.outgrown(place)
        done = place.ctl("changes", "Cust", "--since", token)
        self.assertEqual(done.returncode, 1)
        self.assertEqual(self.told_to_go_on_from(done.stderr), next_token)
        self.assertEqual(place.changes("--since", next_token), [])
        for fields in ({}, {"Accept": "text/event-stream"}):
            with self.assertRaises(urllib.error.HTTPError) as refused:
                place.get(f"/v4/storages/Cust/changes?since={token}", **fields)
            with refused.exception as answer:
                self.assertEqual(answer.code, 410)
                self.assertEqual(json.loads(answer.read())["next"], next_token)

    def outgrown(self, place):
        """A token that the mirror had before it was restored, and the last one that it has now, of a larger number."""
        copy = place.work / "copy.db"
        self.assertEqual(place.ctl("backup", "Cust", copy).returncode, 0)
        place.write("INSERT INTO people VALUES (3, 'Cyd', 1)")
        token = place.changes()[-1]["token"]
        shown = place.ctl("restore", "Cust", copy, "--dry-run").stdout
        self.assertIn("1 entry of the journal came since the copy", shown.replace("\n", " "))
        done = place.ctl("restore", "Cust", copy, "--confirm", "Cust")
        self.assertEqual(done.returncode, 0, done.stderr)
        for i in range(4, 9):
            place.write(f"INSERT INTO people VALUES ({i}, 'x', {i})")
        last = place.changes()[-1]
        self.assertGreater(last["number"], int(token.split(".")[0]))
        return token, last["token"]

    def told_to_go_on_from(self, errors):
        found = re.search(r"OUT_OF_RANGE: .*compare all, then continue from (\S+)", errors.replace("\n", " "))
        self.assertTrue(found, errors)
        return found[1]

    def test_h3_followers_hear_that_the_mirror_was_restored(self):
        place = Place(self)
        copy = place.work / "copy.db"
        self.assertEqual(place.ctl("backup", "Cust", copy).returncode, 0)
        place.write("INSERT INTO people VALUES (3, 'Cyd', 1)")
        last = place.changes()[-1]
        follower = self.follow(place)
        with place.get("/v4/storages/Cust/changes?since=now", Accept="text/event-stream") as stream:
            # Both are behind the last entry.
            self.assertEqual(self.event(stream)[:2], [f"id: {last['token']}", "event: token"])
            self.assertEqual([json.loads(follower.stdout.readline())["number"] for _ in place.changes()][-1], last["number"])
            done = place.ctl("restore", "Cust", copy, "--confirm", "Cust")
            self.assertEqual(done.returncode, 0, done.stderr)
            event = self.event(stream)
            self.assertEqual(event[1], "event: gone", event)
            next_token = json.loads(event[2].removeprefix("data: "))["next"]
            self.assertEqual(event[0], f"id: {next_token}")
            self.assertEqual(stream.read(), b"")
        errors = follower.communicate(timeout=PATIENCE_S)[1]
        self.assertEqual(follower.returncode, 1)
        self.assertEqual(self.told_to_go_on_from(errors), next_token)

    def test_a_reader_from_before_the_backup_is_told_to_compare(self):
        place = Place(self)
        copy = place.work / "copy.db"
        token = place.changes()[-1]["token"]
        self.assertEqual(place.ctl("backup", "Cust", copy).returncode, 0)
        place.write("INSERT INTO people VALUES (3, 'Cyd', 1)")
        done = place.ctl("restore", "Cust", copy, "--confirm", "Cust")
        self.assertEqual(done.returncode, 0, done.stderr)
        told = place.changes("--since", token)
        self.assertEqual([(one["table"], one["operation"], one["keys"]) for one in told], [("people", "COMPARE", None)])

    def follow(self, place):
        follower = subprocess.Popen(
            [BIN / "mirrorctl", "--config", place.server.folder / "mirrorctl.toml", "changes", "Cust", "--json", "--follow"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=programs.environment(),
        )

        def end():
            follower.kill()
            follower.wait(PATIENCE_S)
            follower.stdout.close()
            follower.stderr.close()

        self.addCleanup(end)
        return follower

    @staticmethod
    def event(stream):
        """Its lines, without the empty one at its end."""
        return [stream.readline().decode().rstrip("\n") for _ in range(4)][:3]

    def writers(self, place, key):
        """{column: (operation, number)} of a row's columns."""
        done = place.ctl("explain", "Cust", "people", key, "--json")
        self.assertEqual(done.returncode, 0, done.stderr)
        explained = json.loads(done.stdout)
        self.assertTrue(explained["stands"])
        return {one["name"]: (one["writer"]["operation"], one["writer"]["number"]) for one in explained["columns"]}

    def test_h5_each_column_has_its_writer(self):
        place = Place(self)
        populated = ("POPULATED", place.changes()[-1]["number"])
        self.assertEqual(self.writers(place, "1"), {"name": populated, "age": populated})
        place.write("UPDATE people SET age = 37 WHERE id = 1")
        age = ("UPDATE", place.changes()[-1]["number"])
        self.assertEqual(self.writers(place, "1"), {"name": populated, "age": age})
        place.write("UPDATE people SET name = 'Ada L.' WHERE id = 1")
        name = ("UPDATE", place.changes()[-1]["number"])
        self.assertEqual(self.writers(place, "1"), {"name": name, "age": age})
        # Of another row they are not.
        self.assertEqual(self.writers(place, "2"), {"name": populated, "age": populated})
        self.assertEqual(place.ctl("invalidate", "Cust", "--table", "people").returncode, 0)
        place.agent("once")
        again = ("POPULATED", place.changes()[-1]["number"])
        self.assertGreater(again[1], name[1])
        self.assertEqual(self.writers(place, "1"), {"name": again, "age": again})
        place.write("UPDATE people SET age = 38 WHERE id = 1")
        self.assertEqual(self.writers(place, "1"), {"name": again, "age": ("UPDATE", again[1] + 1)})

    def test_a_key_that_is_none_is_refused(self):
        place = Place(self, journal_place.HISTORY)
        for command in ("explain", "history"):
            done = place.ctl(command, "Cust", "people", "x")
            self.assertEqual(done.returncode, 1)
            self.assertIn("INVALID_ARGUMENT", done.stderr)

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

    def test_changes_that_never_come_are_not_waited_for(self):
        rules = journal_place.JOURNAL.replace('name = "*"', 'name = "people"')
        tables = (*journal_place.PEOPLE, "CREATE TABLE words (word TEXT PRIMARY KEY)", "INSERT INTO words VALUES ('a')")
        place = Place(self, rules, tables)
        for table, code, status, words in (
            ("words", "FAILED_PRECONDITION", 409, "no journal is kept of table 'words'"),
            ("nosuch", "NOT_FOUND", 404, "there is no table 'nosuch'"),
        ):
            done = place.ctl("changes", "Cust", "--table", table)
            self.assertEqual(done.returncode, 1, done.stdout)
            self.assertIn(code, done.stderr)
            self.assertIn(words, done.stderr.replace("\n", " "))
            for fields in ({}, {"Accept": "text/event-stream"}):
                with self.assertRaises(urllib.error.HTTPError) as refused:
                    place.get(f"/v4/storages/Cust/changes?table={table}&since=now", **fields)
                self.assertEqual(refused.exception.code, status)
                self.assertIn(words, json.load(refused.exception)["message"])
        done = place.ctl("explain", "Cust", "words", "'a'")
        self.assertEqual(done.returncode, 1, done.stdout)
        self.assertIn("FAILED_PRECONDITION", done.stderr)
        self.assertIn("no journal is kept of table 'words'", done.stderr.replace("\n", " "))
        self.assertEqual(len(place.changes("--table", "PEOPLE")), 1)
        # One that went is named by the journal as long as that knows it.
        done = place.ctl("reset", "Cust", "--table", "people")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(place.changes("--table", "people")[-1]["operation"], "GONE")


if __name__ == "__main__":
    BIN = pathlib.Path(sys.argv.pop(1)).resolve()
    unittest.main()
