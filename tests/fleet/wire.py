"""The calls of one cycle, over several connections in turn: through the balancer they reach several servers."""

import base64
import collections
import itertools
import json
import pathlib
import secrets
import sys
import time
import tomllib

from tests.fleet.source import KEYED, TABLES, Retry, batches_of

CALL_S = 40
CONNECTIONS = 3
CYCLES_OF_CONNECTION = 5
TOKEN_S = 300


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def prepare(stubs):
    """Compiles the .proto files into that folder, where imports find them."""
    root = pathlib.Path(__file__).resolve().parents[2]
    sys.path.insert(0, str(root / "tests" / "python"))
    import minimal_source

    minimal_source.make_stubs(stubs)


class Identity:
    """What mirror-agent.toml says: who the source is. Signs by itself, a process for each token would take too long."""

    def __init__(self, config):
        from cryptography.hazmat.primitives.serialization import load_pem_private_key

        self.folder = pathlib.Path(config).parent
        text = tomllib.loads(pathlib.Path(config).read_text(encoding="utf-8"))
        self.identity, self.endpoint = text["identity"], text["endpoint"]
        self.key = load_pem_private_key((self.folder / self.identity["key"]).read_bytes(), None)

    def token(self, kind, context_id, nonce):
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import ec, utils

        now = int(time.time())
        header = {"alg": "ES256", "typ": f"mirror-{kind}+jwt", "kid": self.identity["key_id"]}
        claims = {
            "iss": self.identity["issuer"],
            "aud": self.identity["application_id"],
            self.identity["context_claim"]: context_id,
            "nonce": nonce,
            "nbf": now - 30,
            "exp": now + TOKEN_S,
        }
        signed = f"{base64url(json.dumps(header).encode())}.{base64url(json.dumps(claims).encode())}"
        r, s = utils.decode_dss_signature(self.key.sign(signed.encode(), ec.ECDSA(hashes.SHA256())))
        return f"{signed}.{base64url(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"


class Line:
    """Of one client: its connections, and its calls. `note` is told of each acknowledged commit: when it was sent."""

    def __init__(self, identity, note):
        import grpc
        from mirror.v1 import change_batch_pb2, mirror_client_pb2, mirror_client_pb2_grpc, table_pb2

        self.grpc, self.batches, self.client, self.types = grpc, change_batch_pb2, mirror_client_pb2, table_pb2
        self.identity, self.note = identity, note
        self.stub_of = mirror_client_pb2_grpc.MirrorClientServiceStub
        self.credentials = grpc.ssl_channel_credentials((identity.folder / identity.endpoint["ca"]).read_bytes())
        self.channels = collections.deque(self._connect() for _ in range(CONNECTIONS))
        self.numbers = itertools.count(1)

    def _connect(self):
        options = [
            ("grpc.enable_http_proxy", 0),
            ("grpc.use_local_subchannel_pool", 1),  # A connection of its own.
            ("grpc.initial_reconnect_backoff_ms", 100),
            ("grpc.min_reconnect_backoff_ms", 5000),  # As long as one attempt may take.
            ("grpc.max_reconnect_backoff_ms", 500),
        ]
        return self.grpc.secure_channel(self.identity.endpoint["address"], self.credentials, options)

    def close(self):
        for channel in self.channels:
            channel.close()

    def _next(self):
        """Each call goes over another connection."""
        self.channels.rotate()
        return self.stub_of(self.channels[0])

    def _renew(self):
        """A source connects anew for each run, and so a server that comes back is given work again."""
        if next(self.numbers) % CYCLES_OF_CONNECTION == 0:
            self.channels.popleft().close()
            self.channels.append(self._connect())

    def call(self, name, request, tenant, bearer=None):
        metadata = (("authorization", f"Bearer {bearer}"),) if bearer else ()
        try:
            return getattr(self._next(), name)(request, timeout=CALL_S, metadata=metadata, wait_for_ready=True)
        except self.grpc.RpcError as error:
            code = error.code().name
            tenant.counts[f"{name}: {code}"] += 1
            if code not in ("UNAVAILABLE", "ABORTED", "DEADLINE_EXCEEDED", "CANCELLED"):
                tenant.find("refused", f"{name}: {code}: {error.details()}")
            raise Retry(f"{name}: {code}: {error.details()}") from None

    # --- A cycle ---

    def cycle(self, tenant):
        """Raises Retry where it has to be tried again."""
        self._renew()
        cycle = self._authenticate(tenant)
        bearer = self.identity.token("call", tenant.name, secrets.token_hex(16))
        statuses = self.call("TableSchema", self._announcement(cycle), tenant, bearer).tables
        summaries = []
        for name, status in zip(TABLES, statuses):
            if not status.wanted:
                tenant.find("refused", f"table '{name}' is not wanted: {status.reason}")
                raise Retry(status.reason)
            pending = (status.pending.lsn, status.pending.lineage) if status.HasField("pending") else None
            populate = tenant.look(name, (status.position.lsn, status.position.lineage), pending)
            if populate or tenant.tables[name].behind:
                self._send(tenant, name, status, cycle, populate or name != KEYED, bearer)
            rows = len(tenant.rows) if name == KEYED else len(tenant.log)
            summaries.append(self.client.TableSummary(table=name, row_count=rows))
        self._complete(tenant, cycle, summaries, bearer)

    def _authenticate(self, tenant):
        token = self.identity.token("auth", tenant.name, secrets.token_hex(16))
        request = self.client.AuthenticateRequest(request_token=token, holder=tenant.holder)
        request.take_over = tenant.interrupted
        tenant.interrupted = True
        answer = self.call("Authenticate", request, tenant)
        if not answer.accepted:
            tenant.counts["busy" if answer.HasField("busy") else "not accepted"] += 1
            if answer.do_not_replicate:
                tenant.find("refused", f"Authenticate: {answer.reason}")
            raise Retry(answer.reason)
        return answer.cycle

    def _announcement(self, cycle):
        types = self.types
        key = types.Column(name="id", type=types.TYPE_INT64, key_position=1)
        text = types.Column(name="name", type=types.TYPE_TEXT, nullable=True)
        request = self.client.TableSchemaRequest(cycle=cycle, source_id="fleet")
        for name in TABLES:
            request.tables.add(name=name, columns=[key, text] if name == KEYED else [text])
        return request

    def _send(self, tenant, name, status, cycle, populate, bearer):
        steps = batches_of(tenant, name, populate)
        target = self.batches.Position(lsn=tenant.target[0], lineage=tenant.target[1])
        tenant.sent(name, populate)
        for seq, (operation, rows) in enumerate(steps, 1):
            batch = self._batch(name, operation, rows)
            batch.schema_hash, batch.seq = status.schema_hash, seq
            batch.base_lsn = -1 if populate else status.position.lsn
            batch.target.CopyFrom(target)
            if seq == 1:
                batch.populate = self._reason(name, status) if populate else 0
                deletes = sum(len(some) for kind, some in steps if kind == "delete")
                others = sum(len(some) for kind, some in steps) - deletes
                batch.planned.CopyFrom(self.batches.Planned(inserts=others, deletes=deletes))
            if seq == len(steps):
                batch.commit.CopyFrom(self.batches.Commit(batches=seq, position=target))
            self._send_batch(tenant, name, self.batches.RowDataRequest(cycle=cycle, batches=[batch]), bearer)

    def _reason(self, name, status):
        if status.position.lsn == -1:
            return self.batches.POPULATE_REASON_MINUS_ONE
        return self.batches.POPULATE_REASON_REQUESTED if name == KEYED else self.batches.POPULATE_REASON_KEYLESS

    def _send_batch(self, tenant, name, request, bearer):
        begun = time.monotonic()
        result = self.call("RowData", request, tenant, bearer).results[0]
        if result.code != 0:
            code = next((one.name for one in self.grpc.StatusCode if one.value[0] == result.code), str(result.code))
            tenant.counts[f"batch: {code}"] += 1
            if result.HasField("missing"):
                tenant.find("lost", f"rows of table '{name}' are missing in the mirror: {result.message}")
            elif code not in ("UNAVAILABLE", "ABORTED"):
                tenant.find("refused", f"a batch of table '{name}': {code}: {result.message}")
            raise Retry(result.message)
        if request.batches[0].HasField("commit"):
            tenant.acknowledged(name, result.durable)
            tenant.hear_receipt(result.receipt)
            self.note(begun)

    def _batch(self, name, operation, rows):
        kinds = {
            "insert": self.batches.OPERATION_INSERT,
            "update": self.batches.OPERATION_UPDATE,
            "delete": self.batches.OPERATION_DELETE,
        }
        batch = self.batches.ChangeBatch(table=name, operation=kinds[operation], row_count=len(rows))
        if not rows:
            return batch
        if name == KEYED:
            batch.columns.add(column=0, ints=[row[0] for row in rows])
        if operation != "delete":
            texts = [row[-1].encode() for row in rows]
            batch.columns.add(column=len(rows[0]) - 1, data=b"".join(texts), lengths=map(len, texts))
        return batch

    def _complete(self, tenant, cycle, summaries, bearer):
        request = self.client.ReplicationCompletedRequest(cycle=cycle, tables=summaries)
        answer = self.call("ReplicationCompleted", request, tenant, bearer)
        for verdict in answer.tables:
            if verdict.comparison == self.client.COMPARISON_DIFFERS:
                tenant.find("lost", f"table '{verdict.table}' differs in its count of rows: {verdict.reason}")
        tenant.completed()
