#!/usr/bin/python3
"""Random edits in three systems, with agents and the server killed at random: in the end all that is the same company
says the same, and an idle round sends nothing.

Usage: random_test.py BIN_DIR [unittest arguments]
MIRROR_TEST_SEED and MIRROR_TEST_EXCHANGES in the environment: the first seed, and how many histories.
"""

import os
import pathlib
import random
import sys
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "support"))
import exchange_place  # noqa: E402

BIN = None
POINTS = ["agent.transported", "agent.row_written", "agent.importing", "agent.imported"]
CITIES = ["Rome", "Oslo", "Bern", None]


class Random(unittest.TestCase):
    def test_what_is_one_company_says_the_same_in_the_end(self):
        first = int(os.environ.get("MIRROR_TEST_SEED", random.randrange(1 << 30)))
        for seed in range(first, first + int(os.environ.get("MIRROR_TEST_EXCHANGES", "3"))):
            print(f"seed {seed}", flush=True)
            with self.subTest(seed=seed):
                self.play(seed)

    def play(self, seed):
        rng = random.Random(seed)
        deletes = rng.choice(["none", "any"])
        place = exchange_place.ExchangePlace(self, BIN, names=("crm", "erp", "shop")[: rng.choice([2, 3])], deletes=deletes)
        for _ in range(30):
            self.act(rng, place)
        place.rounds(5)
        for done in place.rounds(1):
            self.assertEqual((done["applied"], done["conflicts"], done["refused"], done["waiting"]), (0, 0, 0, ""), done)
        said = {}
        for system in place.systems:
            vats = [vat for vat, _, _ in system.rows()]
            self.assertLessEqual(len(vats), 9)
            for vat, name, city in system.rows():
                said.setdefault(vat, set()).add((name, city))
        for vat, all_say in said.items():
            self.assertEqual(len(all_say), 1, f"{vat}: {all_say}")
        place.server.stop()

    def act(self, rng, place):
        system, vat = rng.choice(place.systems), str(rng.randrange(3))
        roll = rng.random()
        if roll < 0.2:
            there = system.sql(f"SELECT count(*) FROM company WHERE vat = '{vat}'")[0][0]
            if not there:
                system.sql(f"INSERT INTO company (vat, name, city) VALUES ('{vat}', 'n{rng.randrange(9)}', 'Ulm')")
        elif roll < 0.45:
            city = rng.choice(CITIES)
            system.sql("UPDATE company SET city = " + ("NULL" if city is None else f"'{city}'") + f" WHERE vat = '{vat}'")
        elif roll < 0.55:
            system.sql(f"UPDATE company SET name = 'n{rng.randrange(9)}' WHERE vat = '{vat}'")
        elif roll < 0.6:
            system.sql(f"DELETE FROM company WHERE vat = '{vat}'")
        elif roll < 0.9:
            system.try_agent("once")
        elif roll < 0.96:
            system.try_agent("once", MIRROR_CRASH_AT=f"{rng.choice(POINTS)}:{rng.choice([1, 2])}")
        else:
            place.server.kill()
            place.server.start()


if __name__ == "__main__":
    BIN = pathlib.Path(sys.argv[1]).resolve()
    unittest.main(argv=[sys.argv[0], *sys.argv[2:]])
