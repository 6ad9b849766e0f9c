#!/usr/bin/python3
"""The smallest source that loses nothing: one table, from the .proto files alone.

Usage: minimal_source.py MIRROR_AGENT_TOML CONTEXT_ID STATE_FILE < rows.json

rows.json is what the table holds now: [[1, "Ada"], [2, null]]. What was sent and not confirmed stands in the state
file. Needs Debian's python3-grpcio, protoc with grpc_python_plugin, and openssl. proto/WRITING.md says why each step is
as it is.
"""

import base64
import json
import os
import pathlib
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib

PROTO = pathlib.Path(__file__).resolve().parents[2] / "proto"


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def from_base64url(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def openssl(*arguments, data=b""):
    return subprocess.run(["openssl", *map(str, arguments)], input=data, capture_output=True, check=True).stdout


def der_to_raw(der):
    """SEQUENCE { INTEGER r, INTEGER s }, as openssl has signatures, as the 64 bytes that a token has."""
    at, numbers = 2, []
    for _ in range(2):
        length = der[at + 1]
        numbers.append(int.from_bytes(der[at + 2 : at + 2 + length], "big"))
        at += 2 + length
    return b"".join(number.to_bytes(32, "big") for number in numbers)


def raw_to_der(raw):
    body = b""
    for part in (raw[:32], raw[32:]):
        number = part.lstrip(b"\0") or b"\0"
        number = b"\0" + number if number[0] >= 0x80 else number
        body += bytes([2, len(number)]) + number
    return bytes([0x30, len(body)]) + body


def make_stubs(folder, *more):
    """Compiles our .proto files, and `more`, into `folder`, and lets Python find them there."""
    protos = [*map(str, sorted(PROTO.rglob("*.proto"))), *map(str, more)]
    paths = [f"-I{path}" for path in {str(PROTO), *(str(pathlib.Path(p).parent) for p in more)}]
    plugin = f"--plugin=protoc-gen-grpc={shutil.which('grpc_python_plugin')}"
    subprocess.run(["protoc", *paths, f"--python_out={folder}", f"--grpc_out={folder}", plugin, *protos], check=True)
    sys.path.insert(0, str(folder))


class Identity:
    """What mirror-agent.toml says: who the source is, and who must answer."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.config = tomllib.loads((self.folder / "mirror-agent.toml").read_text())
        self.identity = self.config["identity"]

    def token(self, kind, context_id, **changes):
        now = int(time.time())
        header = {"alg": "ES256", "typ": f"mirror-{kind}+jwt", "kid": self.identity["key_id"]}
        claims = {
            "iss": self.identity["issuer"],
            "aud": self.identity["application_id"],
            "http://schemes.superoffice.net/identity/ctx": context_id,
            "nonce": secrets.token_hex(16),
            "iat": now,
            "nbf": now - 120,
            "exp": now + 300,
            **changes,
        }
        signed = f"{base64url(json.dumps(header).encode())}.{base64url(json.dumps(claims).encode())}"
        der = openssl("dgst", "-sha256", "-sign", self.folder / self.identity["key"], data=signed.encode())
        return f"{signed}.{base64url(der_to_raw(der))}"

    def verified_answer(self, token):
        """What the endpoint signed; raises where the signature is not the application's."""
        header, payload, signature = token.split(".")
        said = json.loads(from_base64url(header))
        if said["alg"] != "ES256" or said["typ"] != "mirror-answer+jwt":
            raise ValueError(f"not an answer: {said}")
        with tempfile.TemporaryDirectory() as work:
            public, der = pathlib.Path(work, "public"), pathlib.Path(work, "signature")
            certificate = self.folder / self.identity["application_certificate"]
            public.write_bytes(openssl("x509", "-in", certificate, "-noout", "-pubkey"))
            der.write_bytes(raw_to_der(from_base64url(signature)))
            openssl("dgst", "-sha256", "-verify", public, "-signature", der, data=f"{header}.{payload}".encode())
        return json.loads(from_base64url(payload))


class State:
    """What has to survive this process: positions that went out, what the mirror holds, what it may hold."""

    def __init__(self, path):
        self.path = pathlib.Path(path)
        empty = {"record": [], "committed": None, "rows": {}, "unconfirmed": []}
        self.__dict__.update(json.loads(self.path.read_text()) if self.path.exists() else empty)

    def save(self):
        text = json.dumps({name: getattr(self, name) for name in ("record", "committed", "rows", "unconfirmed")})
        beside = self.path.with_suffix(".new")
        with beside.open("w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(self.path)


def run_cycle(channel, identity, context_id, state, rows):
    """One cycle; `rows` is {id: name}. Gives "populated", "changed", "busy" or why nothing is wanted."""
    from mirror.v1 import change_batch_pb2 as batches, mirror_client_pb2 as client, table_pb2 as tables
    from mirror.v1 import mirror_client_pb2_grpc

    stub = mirror_client_pb2_grpc.MirrorClientServiceStub(channel)
    nonce = secrets.token_hex(16)
    request = identity.token("auth", context_id, nonce=nonce)
    answer = stub.Authenticate(client.AuthenticateRequest(request_token=request, holder=secrets.token_hex(8)))
    said = identity.verified_answer(answer.signed_response)
    if (said["nonce"], said["context_id"], said["cycle"]) != (nonce, context_id, answer.cycle):
        raise ValueError("the endpoint cannot prove who it is")
    if not answer.accepted:
        return "busy" if answer.HasField("busy") else answer.reason
    bearer = {"metadata": (("authorization", "Bearer " + identity.token("call", context_id)),)}

    columns = [
        tables.Column(name="id", type=tables.TYPE_INT64, key_position=1),
        tables.Column(name="name", type=tables.TYPE_TEXT, nullable=True),
    ]
    announcement = client.TableSchemaRequest(cycle=answer.cycle, source_id="minimal-source")
    announcement.tables.add(name="names", columns=columns)
    status = stub.TableSchema(announcement, **bearer).tables[0]
    if not status.wanted:
        return status.reason

    # Where this cycle goes is on record before a row is on its way: whoever restores this state knows it.
    target = batches.Position(lsn=1 + max((lsn for lsn, _ in state.record), default=0), lineage=secrets.token_bytes(8))
    pending = [status.pending.lsn, status.pending.lineage.hex()] if status.HasField("pending") else None
    known = [status.position.lsn, status.position.lineage.hex()] == state.committed
    populate = not known or (pending is not None and pending not in state.record)
    old = {} if populate else {int(key): name for key, name in state.rows.items()}
    touched = set() if populate else set(state.unconfirmed)
    touched |= {key for key in rows.keys() | old.keys() if key not in rows or key not in old or rows[key] != old[key]}
    state.record.append([target.lsn, target.lineage.hex()])
    state.unconfirmed = sorted(touched)
    state.save()

    steps = [
        (batches.OPERATION_INSERT, sorted(key for key in touched if key in rows)),
        (batches.OPERATION_DELETE, sorted(key for key in touched if key not in rows)),
    ]
    summary = client.TableSummary(table="names", row_count=len(rows))
    completed = client.ReplicationCompletedRequest(cycle=answer.cycle, tables=[summary])
    # A batch without rows is for the commit alone.
    steps = [step for step in steps if step[1]] or [(batches.OPERATION_UNSPECIFIED, [])]
    for seq, (operation, keys) in enumerate(steps, 1):
        batch = batches.ChangeBatch(table="names", schema_hash=status.schema_hash, seq=seq, target=target)
        batch.base_lsn = -1 if populate else status.position.lsn
        batch.operation, batch.row_count = operation, len(keys)
        if seq == 1:
            deletes = sum(key not in rows for key in touched)
            batch.planned.CopyFrom(batches.Planned(inserts=len(touched) - deletes, deletes=deletes))
            batch.populate = batches.POPULATE_REASON_REQUESTED if populate else 0
        if keys:
            batch.columns.add(column=0, ints=keys)
        if keys and operation == batches.OPERATION_INSERT:
            texts = [(rows[key] or "").encode() for key in keys]
            nulls = sum(1 << place for place, key in enumerate(keys) if rows[key] is None)
            data = batch.columns.add(column=1, data=b"".join(texts), lengths=map(len, texts))
            data.nulls = nulls.to_bytes((len(keys) + 7) // 8, "little") if nulls else b""
        if seq == len(steps):
            batch.commit.CopyFrom(batches.Commit(batches=seq, position=target))
        request = batches.RowDataRequest(cycle=answer.cycle, batches=[batch])
        if seq == len(steps):
            # The end goes with the last rows; where the endpoint leaves it undone, it is a call of its own.
            request.completed.CopyFrom(completed)
        # A lost answer raises here, and the next run populates. A larger source sends this request again instead.
        rows_answer = stub.RowData(request, **bearer)
        if rows_answer.results[0].code != 0:
            raise RuntimeError(f"seq {seq} was refused: {rows_answer.results[0].message}")
    has_ended = rows_answer.HasField("completed")
    ended = rows_answer.completed if has_ended else stub.ReplicationCompleted(completed, **bearer)
    verdict = ended.tables[0]
    if verdict.comparison == client.COMPARISON_DIFFERS:
        raise RuntimeError(f"the mirror differs: {verdict.reason}")
    # Only now may be forgotten what was needed until now.
    state.committed, state.rows, state.unconfirmed = state.record[-1], rows, []
    state.save()
    return "populated" if populate else "changed"


def main(config, context_id, state_path):
    import grpc

    identity = Identity(pathlib.Path(config).parent)
    endpoint = identity.config["endpoint"]
    with tempfile.TemporaryDirectory() as stubs:
        make_stubs(stubs)
        credentials = grpc.ssl_channel_credentials((identity.folder / endpoint["ca"]).read_bytes())
        with grpc.secure_channel(endpoint["address"], credentials, [("grpc.enable_http_proxy", 0)]) as channel:
            print(run_cycle(channel, identity, context_id, State(state_path), dict(json.load(sys.stdin))))


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__.strip())
    main(*sys.argv[1:])
