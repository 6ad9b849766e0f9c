#!/usr/bin/python3
"""minimal_source.py against the real server: it populates, sends changes, and loses nothing when it dies.

Usage: minimal_source_test.py BIN_DIR [unittest arguments]
"""

import json
import pathlib
import subprocess
import sys
import unittest

import cycle_test
import minimal_source


class Dies(Exception):
    """The source, between two steps."""


class MinimalSourceTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = cycle_test.Server(BIN_DIR)

    @classmethod
    def tearDownClass(cls):
        cls.server.channel.close()
        cls.server.admin_channel.close()
        cls.server.stop()

    def setUp(self):
        self.tenant = cycle_test.Tenant(self.server, f"{cycle_test.CONTEXT}-{self._testMethodName[-30:]}")
        self.path = self.server.work / f"{self._testMethodName}.state"

    def run_source(self, rows):
        state = minimal_source.State(self.path)
        return minimal_source.run_cycle(
            self.server.channel, self.server.identity, self.tenant.context_id, state, rows
        )

    def mirrored(self):
        return dict(self.tenant.mirror("SELECT id, name FROM names"))

    def end_cycle(self):
        """As ten minutes without progress do: the operator's pause ends it too."""
        from mirror.v1 import mirror_admin_pb2, mirror_admin_pb2_grpc

        admin = mirror_admin_pb2_grpc.MirrorAdminStub(self.server.admin_channel)
        admin.PauseTenant(mirror_admin_pb2.PauseTenantRequest(context_id=self.tenant.context_id, reason="test"))
        admin.ResumeTenant(mirror_admin_pb2.ResumeTenantRequest(context_id=self.tenant.context_id))

    def test_it_populates_and_then_sends_what_changed(self):
        rows = {1: "Ada", 2: None, 3: "Grüße"}
        self.assertEqual(self.run_source(rows), "populated")
        self.assertEqual(self.mirrored(), rows)
        rows = {1: "Ada", 3: "changed", 4: "new"}
        self.assertEqual(self.run_source(rows), "changed")
        self.assertEqual(self.mirrored(), rows)
        self.assertEqual(self.run_source(rows), "changed")

    def test_a_state_that_is_lost_or_old_leads_to_a_population(self):
        self.run_source({1: "Ada"})
        old = self.path.read_text()
        self.run_source({1: "Eva"})
        self.path.write_text(old)
        self.assertEqual(self.run_source({1: "Ida", 2: "Bob"}), "populated")
        self.assertEqual(self.mirrored(), {1: "Ida", 2: "Bob"})

    def test_a_value_that_an_interrupted_cycle_sent_and_that_is_old_again_is_sent_again(self):
        self.run_source({1: "Ada", 2: "Bob"})

        def die_once_sent(stub_class):
            original = stub_class.__init__

            def init(stub, channel):
                original(stub, channel)
                send, sent = stub.RowData, []

                def row_data(*arguments, **more):
                    if sent:
                        raise Dies
                    sent.append(True)
                    return send(*arguments, **more)

                stub.RowData = row_data

            return original, init

        from mirror.v1 import mirror_client_pb2_grpc

        stub_class = mirror_client_pb2_grpc.MirrorClientServiceStub
        original, stub_class.__init__ = die_once_sent(stub_class)
        try:
            with self.assertRaises(Dies):
                self.run_source({1: "between"})
        finally:
            stub_class.__init__ = original
        self.assertEqual(self.mirrored()[1], "between", "the first batch is applied, its position is not")
        self.end_cycle()
        self.assertEqual(self.run_source({1: "Ada", 2: "Bob"}), "changed")
        self.assertEqual(self.mirrored(), {1: "Ada", 2: "Bob"})

    def test_it_runs_as_a_program(self):
        command = [sys.executable, "-B", minimal_source.__file__, self.server.dev / "mirror-agent.toml"]
        ran = subprocess.run(
            [*command, self.tenant.context_id, self.path], input=json.dumps([[1, "Ada"]]), text=True, capture_output=True
        )
        self.assertEqual((ran.returncode, ran.stdout.strip()), (0, "populated"), ran.stderr)
        self.assertEqual(self.mirrored(), {1: "Ada"})
        wrong = subprocess.run([sys.executable, "-B", minimal_source.__file__], text=True, capture_output=True)
        self.assertEqual(wrong.returncode, 1)
        self.assertIn("Usage:", wrong.stderr)

    def test_it_stays_short(self):
        lines = pathlib.Path(minimal_source.__file__).read_text().splitlines()
        self.assertLess(len([line for line in lines if line.strip()]), 200)


if __name__ == "__main__":
    if len(sys.argv) < 2 or not pathlib.Path(sys.argv[1], "mirror-server").exists():
        print(__doc__.strip(), file=sys.stderr)
        sys.exit(2)
    BIN_DIR = pathlib.Path(sys.argv.pop(1)).resolve()
    unittest.main()
