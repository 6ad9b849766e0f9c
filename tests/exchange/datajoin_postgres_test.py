#!/usr/bin/python3
"""D9: DataJoin's walk where one of the two systems is a database of PostgreSQL, in both directions, and what only such a
one has. Its agent's role has the rights that its own script gives it.

Usage: datajoin_postgres_test.py BIN_DIR [unittest arguments]
"""

import pathlib
import sys
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "support"))
sys.path.insert(0, str(ROOT / "tests" / "exchange"))
import datajoin_test  # noqa: E402
import exchange_postgres  # noqa: E402
import postgres_cluster  # noqa: E402
from datajoin_test import COLUMNS, ORD2, SALES_ORDER, Place, entries, highest, insert, outbox, pick, program, rows, words  # noqa: E402

OWN = ["_mirror_datajoin", "_mirror_datajoin_change", "_mirror_datajoin_entry", "_mirror_datajoin_unread"]


def setUpModule():
    try:
        exchange_postgres.start()
    except postgres_cluster.Missing as missing:
        raise unittest.SkipTest(str(missing)) from None
    unittest.addModuleCleanup(exchange_postgres.stop)


class PostgresSystem(exchange_postgres.PostgresSystem):
    CLOSED = (
        "CREATE FUNCTION closed() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''closed''; END'",
        "CREATE TRIGGER no_change BEFORE UPDATE OF quantity ON sales_order FOR EACH ROW EXECUTE FUNCTION closed()",
    )
    OPENED = "DROP TRIGGER no_change ON sales_order"
    NEEDS_QUANTITY = "not-null constraint"

    def own_tables(self):
        return ["_mirror_datajoin_change"]


class ToPostgres(datajoin_test.Walks, datajoin_test.Kills, unittest.TestCase):
    """D9: testapp1 in SQLite, testapp2 in PostgreSQL."""

    capture = "log"
    kinds = {"testapp2": PostgresSystem}


class FromPostgres(datajoin_test.Walks, datajoin_test.Kills, unittest.TestCase):
    """D9: testapp1 in PostgreSQL, testapp2 in SQLite."""

    capture = "log"
    kinds = {"testapp1": PostgresSystem}


class FromPostgresByOutbox(datajoin_test.Walks, unittest.TestCase):
    """D9: the same, and the application writes the outbox."""

    capture = "outbox"
    kinds = {"testapp1": PostgresSystem}


if __name__ == "__main__":
    datajoin_test.BIN = pathlib.Path(sys.argv[1]).resolve()
    unittest.main(argv=[sys.argv[0], *sys.argv[2:]])
