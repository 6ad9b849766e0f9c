#!/usr/bin/python3
"""A server that is killed, and one that ends well: which tokens and which cycle numbers the next start takes and gives.

Usage: unclean_start_test.py BIN_DIR [unittest arguments]
"""

import pathlib
import sys
import time
import unittest

import cycle_test
import grpc


class UncleanStart(unittest.TestCase):
    def setUp(self):
        self.server = cycle_test.Server(BIN_DIR)
        self.addCleanup(self.end)
        self.tenant = cycle_test.Tenant(self.server, cycle_test.CONTEXT)
        self.tenant.begin()

    def end(self):
        self.server.channel.close()
        self.server.admin_channel.close()
        self.server.stop()

    def start_again(self, kill):
        end = self.server.process.kill if kill else self.server.process.terminate
        end()
        self.server.process.wait(30)
        self.server.start()
        # The channels of before need a while to notice.
        self.server.channel.close()
        self.server.admin_channel.close()
        self.server.connect()
        self.tenant = cycle_test.Tenant(self.server, cycle_test.CONTEXT)

    def mark(self):
        lines = (self.server.dev / "data" / "server-start").read_text().splitlines()
        return {name: int(number) for name, number in (line.split() for line in lines)}

    def token(self, **changes):
        return self.server.identity.token("auth", self.tenant.context_id, **changes)

    def end_cycle(self):
        from mirror.v1 import mirror_client_pb2, table_pb2

        column = table_pb2.Column(name="id", type=table_pb2.TYPE_INT64, key_position=1)
        self.tenant.stub.TableSchema(
            mirror_client_pb2.TableSchemaRequest(
                cycle=self.tenant.cycle, source_id="python-test", tables=[table_pb2.Table(name="t", columns=[column])]
            ),
            **self.tenant.bearer(),
        )
        self.tenant.stub.ReplicationCompleted(
            mirror_client_pb2.ReplicationCompletedRequest(
                cycle=self.tenant.cycle, source_time_ms=int(time.time() * 1000)
            ),
            **self.tenant.bearer(),
        )

    def refused(self, token):
        with self.assertRaises(grpc.RpcError) as refused:
            self.tenant.authenticate(token)
        self.assertEqual(refused.exception.code(), grpc.StatusCode.UNAUTHENTICATED)
        return refused.exception

    def test_after_a_kill_a_token_of_before_is_refused_once_and_in_words(self):
        unused = self.token(iat=int(time.time()) - 5)
        self.start_again(kill=True)
        told = self.refused(unused)
        self.assertIn("It is not known whether it was used, because the previous server process did not end cleanly. No cycle began", told.details())
        self.assertIn("mirror-new-token", dict(told.trailing_metadata()))
        answer = self.tenant.authenticate(self.token())
        self.assertTrue(answer.accepted or answer.HasField("busy"))

    def test_after_a_kill_a_token_that_was_used_a_moment_before_is_refused(self):
        # Its nonce waited in memory: the mirror is made by now, and nothing changed in this cycle.
        self.end_cycle()
        for _ in range(3):
            used = self.token()
            self.tenant.cycle = self.tenant.authenticate(used).cycle
            self.end_cycle()
            self.start_again(kill=True)
            self.assertIn("because the previous server process did not end cleanly", self.refused(used).details())
            self.tenant.begin()
            self.end_cycle()

    def test_after_an_ordinary_end_a_token_that_was_used_is_refused(self):
        self.end_cycle()
        used = self.token()
        self.tenant.cycle = self.tenant.authenticate(used).cycle
        self.end_cycle()
        self.start_again(kill=False)
        self.assertIn("nonce was used before", self.refused(used).details())

    def test_after_an_ordinary_end_every_token_that_is_good_is_taken(self):
        old = self.token(iat=int(time.time()) - 100)
        self.start_again(kill=False)
        self.assertTrue(self.mark()["ended"])
        self.tenant.authenticate(old)

    def test_cycle_numbers_go_on_behind_all_that_may_have_been_given(self):
        through = self.mark()["cycles_through"]
        self.assertGreater(through, self.tenant.cycle)
        self.start_again(kill=True)
        other = cycle_test.Tenant(self.server, cycle_test.CONTEXT + "-2")
        other.begin()
        self.assertGreater(other.cycle, through)
        self.assertFalse(self.mark()["ended"])


if __name__ == "__main__":
    BIN_DIR = pathlib.Path(sys.argv[1]).resolve()
    unittest.main(argv=[sys.argv[0], *sys.argv[2:]])
