#!/usr/bin/python3
"""A source in another language: whole cycles against the real server, from the .proto files alone.

Usage: cycle_test.py BIN_DIR [unittest arguments]

Needs Debian's python3-grpcio, protoc with grpc_python_plugin, and openssl; no package from elsewhere. Stubs, keys and
the server's data are in a temporary folder. Each test is a tenant of its own.
"""

import datetime
import math
import os
import pathlib
import secrets
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
import unittest
import uuid

os.environ["GRPC_ENABLE_FORK_SUPPORT"] = "0"  # openssl is started from a process that has channels.
import grpc  # noqa: E402

import sanitizer_words  # noqa: E402
from minimal_source import Identity, base64url, from_base64url, make_stubs  # noqa: E402

CONTEXT = "Cust26759"
CALL_SECONDS = 20

# Standard services whose definitions Debian does not bring for Python.
STANDARD_PROTOS = {
    "health.proto": """
        syntax = "proto3";
        package grpc.health.v1;
        message HealthCheckRequest { string service = 1; }
        message HealthCheckResponse {
          enum ServingStatus { UNKNOWN = 0; SERVING = 1; NOT_SERVING = 2; SERVICE_UNKNOWN = 3; }
          ServingStatus status = 1;
        }
        service Health { rpc Check(HealthCheckRequest) returns (HealthCheckResponse); }
    """,
    "reflection.proto": """
        syntax = "proto3";
        package grpc.reflection.v1alpha;
        message ServerReflectionRequest { string host = 1; oneof message_request { string list_services = 7; } }
        message ServiceResponse { string name = 1; }
        message ListServiceResponse { repeated ServiceResponse service = 1; }
        message ServerReflectionResponse { oneof message_response { ListServiceResponse list_services_response = 6; } }
        service ServerReflection {
          rpc ServerReflectionInfo(stream ServerReflectionRequest) returns (stream ServerReflectionResponse);
        }
    """,
}


# --- The server -------------------------------------------------------------


def free_ports(count):
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


class Server:
    """mirrorctl init and mirror-server in a temporary folder, and the stubs."""

    def __init__(self, bin_dir):
        self.work = pathlib.Path(tempfile.mkdtemp(prefix="cycle test "))
        self.dev = self.work / "dev"
        self.process = None
        self.command = [bin_dir / "mirror-server", "--config", self.dev / "mirror-server.toml"]
        try:
            self.make_stubs()
            self.port, self.admin_port = free_ports(2)
            subprocess.run(
                [bin_dir / "mirrorctl", "init", "--dir", self.dev, "--context-id", CONTEXT]
                + ["--port", str(self.port), "--admin-port", str(self.admin_port), "--metrics-port", "0"],
                check=True,
                stdout=subprocess.DEVNULL,
            )
            self.identity = Identity(self.dev)
            self.log = self.work / "server.log"
            self.start()
            self.connect()
        except BaseException:
            self.stop()
            raise

    def connect(self):
        options = [("grpc.enable_http_proxy", 0)]
        self.channel = grpc.secure_channel(
            f"127.0.0.1:{self.port}",
            grpc.ssl_channel_credentials(self.read("tls/ca.crt")),
            options,
        )
        self.admin_channel = grpc.secure_channel(
            f"127.0.0.1:{self.admin_port}",
            grpc.ssl_channel_credentials(
                self.read("admin/ca.crt"), self.read("admin/operator.key"), self.read("admin/operator.crt")
            ),
            options,
        )
        for channel in (self.channel, self.admin_channel):
            self.wait_until_ready(channel)

    def start(self):
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(self.command, stdout=log, stderr=log)

    def read(self, name):
        return (self.dev / name).read_bytes()

    def make_stubs(self):
        protos, stubs = self.work / "protos", self.work / "stubs"
        protos.mkdir()
        stubs.mkdir()
        for name, text in STANDARD_PROTOS.items():
            (protos / name).write_text(text)
        make_stubs(stubs, *(protos / name for name in STANDARD_PROTOS))
        sys.dont_write_bytecode = True

    def wait_until_ready(self, channel):
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                break
            try:
                return grpc.channel_ready_future(channel).result(timeout=1)
            except grpc.FutureTimeoutError:
                pass
        raise RuntimeError(f"the server did not get ready:\n{self.log.read_text(errors='replace')[-4000:]}")

    def stop(self):
        """The exit code, and what the server printed."""
        code, log = None, ""
        if self.process is not None:
            self.process.terminate()
            try:
                code = self.process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
            log = self.log.read_text(errors="replace")
        shutil.rmtree(self.work, ignore_errors=True)
        sanitizer_words.check(log)
        return code, log


# --- Batches ----------------------------------------------------------------

DAY = 864_000_000_000  # In units of 100 ns.
SECOND = 10_000_000


def days(year, month, day):
    return (datetime.date(year, month, day).toordinal() - 1) * DAY

def encode_column(v1, index, column, values):
    """One column of a batch. None is NULL."""
    data = v1.ColumnData(column=index)
    if column.type == v1.TYPE_ANY:
        kinds = bytearray()
        for value in values:
            if value is None:
                kinds.append(v1.KIND_NULL)
            elif isinstance(value, int):
                kinds.append(v1.KIND_INTEGER)
                data.ints.append(value)
            elif isinstance(value, float):
                kinds.append(v1.KIND_REAL)
                data.doubles.append(value)
            else:
                kinds.append(v1.KIND_TEXT if isinstance(value, str) else v1.KIND_BLOB)
                content = value.encode() if isinstance(value, str) else value
                data.lengths.append(len(content))
                data.data += content
        data.kinds = bytes(kinds)
        return data
    if any(value is None for value in values):
        nulls = bytearray((len(values) + 7) // 8)
        for row, value in enumerate(values):
            if value is None:
                nulls[row // 8] |= 1 << row % 8
        data.nulls = bytes(nulls)
    if column.type in (v1.TYPE_FLOAT, v1.TYPE_DOUBLE):
        data.doubles.extend(0.0 if value is None else value for value in values)
    elif column.type in (v1.TYPE_DECIMAL, v1.TYPE_TEXT, v1.TYPE_BYTES, v1.TYPE_UUID):
        contents = [b"" if v is None else v.encode() if isinstance(v, str) else v for v in values]
        data.data = b"".join(contents)
        data.lengths.extend(map(len, contents))
    else:
        data.ints.extend(0 if value is None else value for value in values)
    return data

def add_rows(v1, batch, table, rows, columns=None):
    """Puts rows, tuples in the order of `columns` (indexes; all of them by default), into a batch."""
    columns = range(len(table.columns)) if columns is None else columns
    batch.row_count = len(rows)
    for place, index in enumerate(columns):
        values = [row[place] for row in rows]
        batch.columns.append(encode_column(v1, index, table.columns[index], values))

class Tenant:
    """One tenant's end of the wire."""

    def __init__(self, server, context_id):
        from mirror.v1 import mirror_client_pb2_grpc

        self.server = server
        self.context_id = context_id
        self.stub = mirror_client_pb2_grpc.MirrorClientServiceStub(server.channel)
        self.cycle = 0

    def bearer(self):
        return {
            "metadata": (("authorization", "Bearer " + self.server.identity.token("call", self.context_id)),),
            "timeout": CALL_SECONDS,
        }

    def authenticate(self, token=None, **more):
        from mirror.v1 import mirror_client_pb2

        token = token or self.server.identity.token("auth", self.context_id)
        request = mirror_client_pb2.AuthenticateRequest(request_token=token, holder=secrets.token_hex(8), **more)
        return self.stub.Authenticate(request, timeout=CALL_SECONDS)

    def begin(self):
        answer = self.authenticate()
        if not answer.accepted:
            raise AssertionError(f"no cycle began: {answer}")
        self.cycle = answer.cycle

    def mirror(self, sql):
        """The rows that a query of the mirror gives, as any reader sees them."""
        path = self.server.dev / "data" / f"Mirror_{self.context_id}.db"
        connection = sqlite3.connect(path.as_uri() + "?mode=ro", uri=True)
        try:
            return connection.execute(sql).fetchall()
        finally:
            connection.close()

class CycleTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server(BIN_DIR)
        from mirror.v1 import change_batch_pb2, mirror_admin_pb2, mirror_client_pb2, table_pb2

        cls.client, cls.admin = mirror_client_pb2, mirror_admin_pb2

        class V1:
            """All messages and enum values that batches and tables are made of."""

        for module in (change_batch_pb2, table_pb2):
            for name in dir(module):
                setattr(V1, name, getattr(module, name))
        cls.v1 = V1

    @classmethod
    def tearDownClass(cls):
        cls.server.channel.close()
        cls.server.admin_channel.close()
        code, log = cls.server.stop()
        if code != 0:
            raise AssertionError(f"the server ended with {code} after SIGTERM:\n{log[-4000:]}")

    def tenant(self):
        return Tenant(self.server, f"{CONTEXT}-{self._testMethodName[-40:]}")

    def refused(self, code, call, *arguments, **more):
        with self.assertRaises(grpc.RpcError) as caught:
            result = call(*arguments, **more)
            list(result) if hasattr(result, "__next__") else None
        self.assertEqual(caught.exception.code(), code, caught.exception.details())
        return caught.exception.details()

    def assertApplied(self, results, *positions):
        for result in results:
            self.assertEqual(result.code, 0, f"{result.table} seq {result.seq}: {result.message}")
        self.assertEqual([(r.table, r.applied_seq, r.lsn) for r in results], list(positions))

    def announce(self, tenant, *tables):
        request = self.client.TableSchemaRequest(cycle=tenant.cycle, source_id="python-test", tables=tables)
        statuses = tenant.stub.TableSchema(request, **tenant.bearer()).tables
        self.assertEqual([s.table for s in statuses], [t.name for t in tables])
        for status in statuses:
            self.assertTrue(status.wanted, status.reason)
        return statuses

    def send(self, tenant, *batches, **more):
        request = self.v1.RowDataRequest(cycle=tenant.cycle, batches=batches, **more)
        return tenant.stub.RowData(request, **tenant.bearer()).results

    def complete(self, tenant, *summaries):
        request = self.client.ReplicationCompletedRequest(cycle=tenant.cycle, tables=summaries)
        return tenant.stub.ReplicationCompleted(request, **tenant.bearer()).tables

    def every_type(self):
        v1 = self.v1
        column = v1.Column
        return v1.Table(
            name='every "type"',
            columns=[
                column(name="id", type=v1.TYPE_INT64, key_position=1),
                column(name="bool", type=v1.TYPE_BOOL, nullable=True),
                column(name="int16", type=v1.TYPE_INT16, nullable=True),
                column(name="int32", type=v1.TYPE_INT32, nullable=True),
                column(name="int64", type=v1.TYPE_INT64, nullable=True),
                column(name="float", type=v1.TYPE_FLOAT, nullable=True),
                column(name="double", type=v1.TYPE_DOUBLE, nullable=True),
                column(name="decimal", type=v1.TYPE_DECIMAL, precision=38, scale=10, nullable=True),
                column(name="text", type=v1.TYPE_TEXT, length=20, nullable=True),
                column(name="bytes", type=v1.TYPE_BYTES, nullable=True),
                column(name="date", type=v1.TYPE_DATE, nullable=True),
                column(name="time", type=v1.TYPE_TIME, precision=7, nullable=True),
                column(name="timestamp", type=v1.TYPE_TIMESTAMP, precision=3, nullable=True),
                column(name="timestamp_tz", type=v1.TYPE_TIMESTAMP_TZ, precision=0, nullable=True),
                column(name="uuid", type=v1.TYPE_UUID, nullable=True),
                column(name="any", type=v1.TYPE_ANY, affinity=v1.AFFINITY_BLOB, nullable=True),
            ],
        )

    # Each row as it is sent and as SQLite then has it.
    SENT = [
        (-(2**63), 1, 2**15 - 1, 2**31 - 1, 2**63 - 1, 1.5, math.pi, "1234567890123456789012345678.0123456789"),
        (1, 0, -(2**15), -(2**31), -(2**63), -0.25, -0.0, "-12.50"),
        (2, None, None, None, None, None, None, None),
        (2**63 - 1, 0, 0, 0, 0, 0.0, 1e300, "0.10"),
    ]
    SENT_MORE = [
        ("Grüße 👋 [I:5]", b"\0\xff", days(1760, 1, 1), 23 * 3600 * SECOND + 1234567, days(9999, 12, 31) + 86399 * SECOND)
        + (days(2024, 2, 29) + 43200 * SECOND, uuid.UUID("00112233-4455-6677-8899-aabbccddeeff").bytes, 5),
        ("", b"", days(1, 1, 1), 0, days(1, 1, 1), days(1, 1, 1), bytes(16), "007"),
        (None, None, None, None, None, None, None, None),
        ("007", b"x", days(9999, 12, 31), DAY - 1, days(1760, 1, 1) + 5_000_000, days(1970, 1, 1), b"\xff" * 16, b"z"),
    ]
    STORED = [
        (-(2**63), 1, 2**15 - 1, 2**31 - 1, 2**63 - 1, 1.5, math.pi, "1234567890123456789012345678.0123456789")
        + ("Grüße 👋 [I:5]", b"\0\xff", "1760-01-01", "23:00:00.1234567", "9999-12-31 23:59:59.000")
        + ("2024-02-29 12:00:00Z", "00112233-4455-6677-8899-aabbccddeeff", 5),
        (1, 0, -(2**15), -(2**31), -(2**63), -0.25, 0.0, "-12.50", "", b"", "0001-01-01", "00:00:00.0000000")
        + ("0001-01-01 00:00:00.000", "0001-01-01 00:00:00Z", "00000000-0000-0000-0000-000000000000", "007"),
        (2,) + (None,) * 15,
        (2**63 - 1, 0, 0, 0, 0, 0.0, 1e300, "0.10", "007", b"x", "9999-12-31", "23:59:59.9999999")
        + ("1760-01-01 00:00:00.500", "1970-01-01 00:00:00Z", "ffffffff-ffff-ffff-ffff-ffffffffffff", b"z"),
    ]

    def populate(self, tenant):
        """The first cycle: every type by a unary call, two columns by a stream. Gives both tables and statuses."""
        v1 = self.v1
        types = self.every_type()
        pairs = v1.Table(
            name="pairs",
            columns=[
                v1.Column(name="a", type=v1.TYPE_INT32, key_position=1),
                v1.Column(name="b", type=v1.TYPE_TEXT, key_position=2),
                v1.Column(name="note", type=v1.TYPE_TEXT, nullable=True),
            ],
        )
        tenant.begin()
        types_status, pairs_status = self.announce(tenant, types, pairs)
        for status in (types_status, pairs_status):
            self.assertEqual(status.action, self.client.TABLE_ACTION_CREATED)
            self.assertEqual(status.position.lsn, -1)

        target = v1.Position(lsn=100, lineage=b"first")
        batch = v1.ChangeBatch(
            table=types.name,
            schema_hash=types_status.schema_hash,
            seq=1,
            base_lsn=-1,
            target=target,
            planned=v1.Planned(inserts=len(self.SENT)),
            populate=v1.POPULATE_REASON_MINUS_ONE,
            operation=v1.OPERATION_INSERT,
            commit=v1.Commit(batches=1, position=target),
        )
        add_rows(v1, batch, types, [a + b for a, b in zip(self.SENT, self.SENT_MORE)])
        results = self.send(tenant, batch)
        self.assertApplied(results, (types.name, 1, 100))

        def requests():
            for seq in (1, 2, 3):
                batch = v1.ChangeBatch(
                    table="pairs",
                    schema_hash=pairs_status.schema_hash,
                    seq=seq,
                    base_lsn=-1,
                    target=target,
                    operation=v1.OPERATION_INSERT,
                )
                if seq == 1:
                    batch.populate = v1.POPULATE_REASON_MINUS_ONE
                    batch.planned.inserts = 200
                if seq < 3:
                    add_rows(v1, batch, pairs, [(seq, f"k{i:03}", None if i % 3 else f"n{i}") for i in range(100)])
                else:  # The last batch of a table may have no rows.
                    batch.commit.CopyFrom(v1.Commit(batches=3, position=target))
                yield v1.RowDataRequest(cycle=tenant.cycle, batches=[batch])

        answers = list(tenant.stub.RowDataStream(requests(), **tenant.bearer()))
        self.assertEqual(len(answers), 3)
        self.assertApplied(
            [result for answer in answers for result in answer.results],
            ("pairs", 1, -1),
            ("pairs", 2, -1),
            ("pairs", 3, 100),
        )
        verdicts = self.complete(
            tenant,
            self.client.TableSummary(table=types.name, inserts=4, row_count=4),
            self.client.TableSummary(table="pairs", inserts=200, row_count=200),
        )
        self.assertEqual([v.comparison for v in verdicts], [self.client.COMPARISON_EQUAL] * 2, verdicts)
        return types, pairs

    def test_a_whole_cycle_lands_in_the_mirror(self):
        tenant = self.tenant()
        self.populate(tenant)
        rows = tenant.mirror('SELECT * FROM "every ""type""" ORDER BY id')
        for row, stored in zip(rows, self.STORED, strict=True):
            self.assertEqual(list(zip(map(type, row), row)), list(zip(map(type, stored), stored)))
        self.assertEqual(
            tenant.mirror("SELECT a, count(*), count(note), min(b), max(b) FROM pairs GROUP BY a"),
            [(1, 100, 34, "k000", "k099"), (2, 100, 34, "k000", "k099")],
        )
        self.assertEqual(
            tenant.mirror(f'SELECT table_name, lsn, lineage FROM "{tenant.context_id}_mirroring" ORDER BY 1'),
            [('every "type"', 100, b"first"), ("pairs", 100, b"first")],
        )

    def test_a_second_cycle_updates_and_deletes(self):
        v1, tenant = self.v1, self.tenant()
        types, pairs = self.populate(tenant)

        tenant.begin()
        types_status, pairs_status = self.announce(tenant, types, pairs)
        for status in (types_status, pairs_status):
            self.assertEqual(status.action, self.client.TABLE_ACTION_UNCHANGED, status.reason)
            self.assertEqual((status.position.lsn, status.position.lineage), (100, b"first"))
            self.assertFalse(status.HasField("pending"), status)
        target = v1.Position(lsn=250, lineage=b"second")

        def batch(seq, operation, rows, columns):
            made = v1.ChangeBatch(
                table="pairs",
                schema_hash=pairs_status.schema_hash,
                seq=seq,
                base_lsn=100,
                target=target,
                operation=operation,
            )
            add_rows(v1, made, pairs, rows, columns)
            return made

        first = batch(1, v1.OPERATION_UPDATE, [(1, "k000", "new"), (2, "k099", None)], [0, 1, 2])
        first.planned.CopyFrom(v1.Planned(inserts=1, updates=2, deletes=1))
        last = batch(3, v1.OPERATION_INSERT, [(3, "é", "")], None)
        last.commit.CopyFrom(v1.Commit(batches=3, position=target))
        results = self.send(
            tenant,
            first,
            batch(2, v1.OPERATION_DELETE, [(1, "k001"), (9, "not there")], [0, 1]),
            last,
            advance=v1.Advance(position=target, tables=[v1.Advance.Table(table=types.name, base_lsn=100)]),
        )
        for result in results:
            self.assertEqual(result.code, 0, result.message)
        self.assertEqual(
            [(r.table, r.seq, r.lsn) for r in results],
            [("pairs", 1, 250), ("pairs", 2, 250), ("pairs", 3, 250), (types.name, 0, 250)],
        )
        self.complete(tenant, self.client.TableSummary(table="pairs", inserts=1, updates=2, deletes=1, row_count=200))

        self.assertEqual(
            tenant.mirror("SELECT * FROM pairs WHERE b IN ('k000', 'k001', 'é') OR (a, b) = (2, 'k099') ORDER BY a, b"),
            [(1, "k000", "new"), (2, "k000", "n0"), (2, "k001", None), (2, "k099", None), (3, "é", "")],
        )
        self.assertEqual(
            tenant.mirror(f'SELECT DISTINCT lsn, lineage FROM "{tenant.context_id}_mirroring"'), [(250, b"second")]
        )

    def test_a_batch_that_cannot_be_stored_is_refused_by_itself(self):
        v1, tenant = self.v1, self.tenant()
        types, pairs = self.populate(tenant)
        tenant.begin()
        types_status, pairs_status = self.announce(tenant, types, pairs)
        target = v1.Position(lsn=300, lineage=b"third")
        batches = []
        for table, status, rows in (
            (types, types_status, [(5,) + (None,) * 7 + ("x" * 21,) + (None,) * 7]),
            (pairs, pairs_status, [(4, "fine", None)]),
        ):
            made = v1.ChangeBatch(
                table=table.name,
                schema_hash=status.schema_hash,
                seq=1,
                base_lsn=100,
                target=target,
                planned=v1.Planned(inserts=1),
                operation=v1.OPERATION_INSERT,
                commit=v1.Commit(batches=1, position=target),
            )
            add_rows(v1, made, table, rows)
            batches.append(made)
        wrong, fine = self.send(tenant, *batches)
        self.assertEqual(wrong.code, grpc.StatusCode.INVALID_ARGUMENT.value[0], wrong.message)
        for word in (types.name, "text", "0"):
            self.assertIn(word, wrong.message)
        self.assertEqual((wrong.applied_seq, wrong.lsn), (0, 100))
        self.assertEqual((fine.code, fine.lsn), (0, 300), fine.message)
        self.complete(tenant)
        self.assertEqual(tenant.mirror('SELECT count(*) FROM "every ""type"""'), [(4,)])
        self.assertEqual(tenant.mirror("SELECT count(*) FROM pairs WHERE b = 'fine'"), [(1,)])

    def test_the_endpoint_proves_who_it_is(self):
        tenant = self.tenant()
        nonce = secrets.token_hex(16)
        answer = tenant.authenticate(self.server.identity.token("auth", tenant.context_id, nonce=nonce))
        said = self.server.identity.verified_answer(answer.signed_response)
        self.assertEqual(said["nonce"], nonce)
        self.assertEqual(said["context_id"], tenant.context_id)
        self.assertEqual(said["iss"], self.server.identity.identity["application_id"])
        self.assertEqual(said["cycle"], answer.cycle)
        self.assertLess(abs(said["iat"] - time.time()), 60)

        header, payload, signature = answer.signed_response.split(".")
        other = base64url(from_base64url(payload).replace(b'"cycle":', b'"cycle":1'))
        with self.assertRaises(subprocess.CalledProcessError):
            self.server.identity.verified_answer(f"{header}.{other}.{signature}")

    def test_a_nonce_is_accepted_once(self):
        tenant = self.tenant()
        token = self.server.identity.token("auth", tenant.context_id)
        self.assertTrue(tenant.authenticate(token).accepted)
        self.assertIn("nonce", self.refused(grpc.StatusCode.UNAUTHENTICATED, tenant.authenticate, token))

    def test_a_token_for_calls_begins_no_cycle(self):
        tenant = self.tenant()
        token = self.server.identity.token("call", tenant.context_id)
        self.assertIn("typ", self.refused(grpc.StatusCode.UNAUTHENTICATED, tenant.authenticate, token))
        self.refused(
            grpc.StatusCode.UNAUTHENTICATED,
            tenant.stub.TableSchema,
            self.client.TableSchemaRequest(cycle=1),
            timeout=CALL_SECONDS,
        )

    def test_a_foreign_context_id_is_refused(self):
        stranger = Tenant(self.server, "Cust99999")
        self.refused(grpc.StatusCode.PERMISSION_DENIED, stranger.authenticate)

    def test_digests_of_a_table_that_is_not_agreed_are_refused(self):
        tenant = self.tenant()
        tenant.begin()
        refused = self.refused(
            grpc.StatusCode.FAILED_PRECONDITION,
            tenant.stub.DigestRanges,
            self.client.DigestRangesRequest(cycle=tenant.cycle, table="nowhere"),
            **tenant.bearer(),
        )
        self.assertIn("nowhere", refused)

    def test_operators_calls_about_equality_answer(self):
        from mirror.v1 import mirror_admin_pb2_grpc

        tenant = self.tenant()
        tenant.begin()
        admin = mirror_admin_pb2_grpc.MirrorAdminStub(self.server.admin_channel)
        holds = admin.ListHolds(self.admin.ListHoldsRequest(), timeout=CALL_SECONDS)
        self.assertEqual(list(holds.holds), [])
        for name, request in (
            ("AcceptSource", self.admin.AcceptSourceRequest(context_id=tenant.context_id)),
            ("CommitHold", self.admin.CommitHoldRequest(context_id=tenant.context_id, hold_id=1)),
            ("Restore", self.admin.RestoreRequest(context_id=tenant.context_id, path="relative.db")),
        ):
            with self.subTest(name), self.assertRaises(grpc.RpcError) as refused:
                getattr(admin, name)(request, timeout=CALL_SECONDS)
            self.assertGreater(len(refused.exception.details()), 30)

    def test_health_answers_on_both_ports_and_reflection_does_not(self):
        import health_pb2
        import health_pb2_grpc
        import reflection_pb2
        import reflection_pb2_grpc

        for channel, port in ((self.server.channel, "sources"), (self.server.admin_channel, "operators")):
            with self.subTest(port):
                health = health_pb2_grpc.HealthStub(channel)
                answer = health.Check(health_pb2.HealthCheckRequest(), timeout=CALL_SECONDS)
                self.assertEqual(answer.status, health_pb2.HealthCheckResponse.SERVING)
                reflection = reflection_pb2_grpc.ServerReflectionStub(channel)
                asked = iter([reflection_pb2.ServerReflectionRequest(list_services="*")])
                with self.assertRaises(grpc.RpcError) as refused:
                    list(reflection.ServerReflectionInfo(asked, timeout=CALL_SECONDS))
                self.assertEqual(refused.exception.code(), grpc.StatusCode.UNIMPLEMENTED)


if __name__ == "__main__":
    if len(sys.argv) < 2 or not pathlib.Path(sys.argv[1], "mirror-server").exists():
        print(__doc__.strip(), file=sys.stderr)
        sys.exit(2)
    BIN_DIR = pathlib.Path(sys.argv.pop(1)).resolve()
    unittest.main()
