#!/usr/bin/python3
"""Roles of a PostgreSQL that holds mirrors, against the whole server: what they make under the server's names runs
nothing as the server's role.

Usage: hostile_roles_test.py BIN_DIR [unittest arguments]
"""

import pathlib
import re
import sys
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "support"))
import many_servers  # noqa: E402
import postgres_cluster  # noqa: E402

BIN = pathlib.Path()
RAN = re.compile(r"analyst's function ran as (\w+)")
MIRROR = f"Mirror_{many_servers.CONTEXT}"
# Says who runs it.
FUNCTION = """CREATE FUNCTION {schema}.f() RETURNS text LANGUAGE plpgsql AS $$ BEGIN
  IF current_user <> 'analyst' THEN RAISE LOG 'analyst''s function ran as %', current_user; END IF;
  RETURN '{value}'; END $$;"""


def setUpModule():
    many_servers.start_cluster()
    unittest.addModuleCleanup(many_servers.remove_cluster)
    many_servers.OfModule.cluster.sql("CREATE ROLE analyst LOGIN;")


class HostileRoles(unittest.TestCase):
    def setUp(self):
        self.cluster = many_servers.OfModule.cluster
        self.url = many_servers.make_database()
        self.database = many_servers.database_of(self.url)
        self.log_begin = len((self.cluster.folder / "log").read_text(errors="replace"))

    def started(self):
        """A server with a mirror, and analyst may make schemas in its database."""
        here = many_servers.install(self, BIN, 1, self.url, people=20)
        self.assertEqual(here.agent("once").returncode, 0)
        self.let_analyst_create()
        return here

    def let_analyst_create(self):
        self.as_role("postgres", f"GRANT CREATE ON DATABASE {self.database} TO analyst;")

    def as_role(self, role, script):
        return postgres_cluster.psql(self.cluster.url(self.database, role), script)

    def make_view(self, schema, name, columns, value="x"):
        quoted = postgres_cluster.quoted(schema)
        self.as_role(
            "analyst",
            f"CREATE SCHEMA IF NOT EXISTS {quoted};"
            + FUNCTION.format(schema=quoted, value=value)
            + f"GRANT USAGE, CREATE ON SCHEMA {quoted} TO mirror;"
            f"CREATE VIEW {quoted}.{name} AS SELECT {columns} FROM (SELECT {quoted}.f() AS x OFFSET 0) AS one;"
            f"GRANT ALL ON {quoted}.{name} TO mirror;",
        )

    def make_mirror(self, context):
        """What looks like one."""
        columns = "x AS context_id, 1::bigint AS epoch, NULL::text AS moved_to, 'serving'::text AS state"
        self.make_view(f"Mirror_{context}", "_mirror_tenant", columns, context)

    def ran_as(self):
        """The roles that ran analyst's function since this test began."""
        log = (self.cluster.folder / "log").read_text(errors="replace")
        return RAN.findall(log[self.log_begin :])

    def check_nothing_ran(self):
        self.assertEqual(self.ran_as(), [])

    def check_serves(self, here):
        self.assertEqual(here.agent("once").returncode, 0)
        here.check_equal()

    def test_the_function_would_run(self):
        """So that the other tests can fail."""
        self.started()
        self.make_mirror("Evil")
        self.as_role("mirror", 'SELECT context_id FROM "Mirror_Evil"._mirror_tenant;')
        self.assertEqual(self.ran_as(), ["mirror"])

    def test_at_a_start_schemas_of_others_run_nothing(self):
        here = self.started()
        for context in ("Evil", "Evil-2"):
            self.make_mirror(context)
        self.assertEqual(here.servers[0].stop(), 0)
        here.servers[0].start()
        here.point_agent(0)
        listed = here.ctl(0, "tenants", "--json").stdout
        self.assertNotIn("Evil", listed)
        self.check_serves(here)
        self.check_nothing_ran()

    def test_at_a_first_contact_a_schema_of_another_is_refused_by_name(self):
        here = self.started()
        here.point_agent(0)
        context = f"{many_servers.CONTEXT}-b"
        self.make_mirror(context)
        here.agent("uninstall")
        here.set_agent("context_id", f'"{context}"')
        self.assertEqual(here.agent("install").returncode, 0)
        done = here.agent("once")
        self.assertNotEqual(done.returncode, 0)
        self.assertIn(f'the schema "Mirror_{context}" belongs to the role \'analyst\'', done.stderr)
        self.assertIn(f'DROP SCHEMA "Mirror_{context}" CASCADE', done.stderr)
        self.check_nothing_ran()
        # What the words advise is enough.
        self.as_role("analyst", f'DROP SCHEMA "Mirror_{context}" CASCADE;')
        here.agent("install")
        self.assertEqual(here.agent("once").returncode, 0)

    def test_before_the_first_start_schemas_of_others_are_refused_by_name(self):
        for schema, table, columns in (
            ("mirror_place", "mark", "x AS control, x AS place, x AS name"),
            ("mirror_control", "fleet", "x AS id, 1 AS layout, 1 AS layout_min, x AS program"),
        ):
            with self.subTest(schema):
                self.url = many_servers.make_database()
                self.database = many_servers.database_of(self.url)
                self.let_analyst_create()
                self.make_view(schema, table, columns)
                with self.assertRaisesRegex(AssertionError, f"{schema}.* belongs to the\\s+role 'analyst'"):
                    many_servers.install(self, BIN, 1, self.url, people=20)
        self.check_nothing_ran()

    def test_in_a_mirrors_schema_no_own_name_is_free(self):
        here = self.started()
        here.point_agent(0)
        self.as_role("mirror", f'GRANT USAGE, CREATE ON SCHEMA "{MIRROR}" TO analyst;')
        for name in ("documents", "history", "journal", "floor", "receipts", "hooks"):
            with self.subTest(name), self.assertRaisesRegex(postgres_cluster.Failed, "already exists"):
                self.as_role("analyst", f'CREATE VIEW "{MIRROR}"._mirror_{name} AS SELECT 1 AS one;')
        here.sql("UPDATE people SET name = 'eve' WHERE id = 2")
        self.check_serves(here)

    def test_a_view_that_takes_the_name_of_a_new_table_runs_nothing(self):
        here = self.started()
        here.point_agent(0)
        self.as_role("mirror", f'GRANT USAGE, CREATE ON SCHEMA "{MIRROR}" TO analyst;')
        quoted = postgres_cluster.quoted(MIRROR)
        self.as_role(
            "analyst",
            FUNCTION.format(schema=quoted, value="x")
            + f"CREATE VIEW {quoted}.later AS SELECT {quoted}.f() AS id; GRANT ALL ON {quoted}.later TO mirror;",
        )
        here.sql("CREATE TABLE later (id INTEGER PRIMARY KEY, x TEXT)", "INSERT INTO later VALUES (1, 'a')")
        here.agent("install")
        here.agent("once")
        here.agent("once")
        self.check_nothing_ran()
        self.as_role("analyst", f"DROP VIEW {quoted}.later;")
        here.agent("once")
        self.check_serves(here)


if __name__ == "__main__":
    BIN = pathlib.Path(sys.argv.pop(1)).resolve()
    unittest.main()
