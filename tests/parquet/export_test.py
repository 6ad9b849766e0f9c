#!/usr/bin/python3
"""`mirrorctl export` of the real server: what readers that know nothing of ours find in the files is what the mirror
holds, row by row; and a table of large values takes little memory.

Usage: export_test.py BIN_DIR [unittest arguments]

The readers of Parquet are packages of npm: tools/lib/npm_packages.sh tests/parquet. Without them the rest is tested and
the exit code is 77, unless MIRROR_TEST_PARQUET is set: then they have to be there.
"""

import base64
import csv
import datetime
import decimal
import io
import json
import os
import pathlib
import random
import shutil
import subprocess
import sys
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "python"))

import cycle_test  # noqa: E402
import programs  # noqa: E402

READ = ROOT / "tests" / "parquet" / "read.mjs"
PACKAGES = ROOT / "build" / "npm" / "parquet"
IS_DEMANDED = "MIRROR_TEST_PARQUET"
SKIPPED = 77
ROWS = 2_500
ROWS_PER_BATCH = 500
LSN = 100
# A row group is 32 MB before it is packed; with what is packed of it, a part of the stream and the program itself.
MEMORY_MAX = 300 << 20
# In a small process: the kernel counts what whoever starts a program has, and this one has the rows.
MEASURE = """import resource, subprocess, sys
code = subprocess.call(sys.argv[1:], stdout=subprocess.DEVNULL)
print(code, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"""
LARGE_VALUES, LARGE_BYTES = 100, 4_000_000


def decimal_text(text, scale):
    """With all digits behind the dot, as Parquet's number has them."""
    with decimal.localcontext(decimal.Context(prec=100)):
        return f"{decimal.Decimal(text):.{scale}f}"


def ticks_of_day(text):
    """Of 23:59:59.1234567, in ten millionths of a second."""
    hours, minutes, rest = text.split(":")
    seconds, _, fraction = rest.partition(".")
    return ((int(hours) * 60 + int(minutes)) * 60 + int(seconds)) * 10_000_000 + int(fraction.ljust(7, "0") or 0)


def days(text):
    return datetime.date.fromisoformat(text).toordinal() - datetime.date(1970, 1, 1).toordinal()


def micros(text):
    """Of 1970-01-01 00:00:00.123 or 1970-01-01 00:00:00Z."""
    day, time = text.rstrip("Z").split(" ")
    return days(day) * 86_400_000_000 + ticks_of_day(time) // 10


def any_text(value):
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return value if isinstance(value, str) else repr(value)


def any_kind(value):
    return {int: "integer", float: "real", str: "text", bytes: "blob"}[type(value)]


def as_number(text):
    """The same double has several texts."""
    try:
        return float(text)
    except ValueError:
        return text


# For each column of `every`: its value in the mirror's file as it stands in Parquet, CSV and JSON.
PARQUET = {
    "id": str,
    "bool": bool,
    "int16": str,
    "int32": str,
    "int64": str,
    "float": float,
    "double": float,
    "short_decimal": lambda text: decimal_text(text, 4),
    "decimal": lambda text: decimal_text(text, 10),
    "endless_decimal": str,
    "text": str,
    "bytes": bytes.hex,
    "date": lambda text: str(days(text)),
    "time": lambda text: str(ticks_of_day(text) // 10),
    "fine_time": lambda text: str(ticks_of_day(text) * 100),
    "timestamp": lambda text: str(micros(text)),
    "fine_timestamp": str,
    "timestamp_tz": lambda text: str(micros(text)),
    "uuid": lambda text: text.replace("-", ""),
}
AS_NUMBERS = ("float", "double")
JSON_NUMBERS = ("int16", "int32", "float", "double")


class Exports(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = cycle_test.Server(BIN_DIR)
        cls.addClassCleanup(cls.server.stop)
        from mirror.v1 import change_batch_pb2, mirror_client_pb2, table_pb2

        class V1:
            """All messages and enum values that batches and tables are made of."""

        for module in (change_batch_pb2, table_pb2):
            for name in dir(module):
                setattr(V1, name, getattr(module, name))
        cls.v1, cls.client = V1, mirror_client_pb2

    def setUp(self):
        self.seed = int(os.environ.get("MIRROR_TEST_SEED") or random.SystemRandom().randrange(2**32))
        self.random = random.Random(self.seed)
        self.tenant = cycle_test.Tenant(self.server, f"{cycle_test.CONTEXT}-{self._testMethodName[-30:]}")
        self.out = self.server.work / f"{self._testMethodName}.out"

    def every_type(self):
        v1 = self.v1
        column = v1.Column

        def typed(name, kind, **more):
            return column(name=name, type=kind, nullable=True, **more)

        return v1.Table(
            name="every",
            columns=[
                column(name="id", type=v1.TYPE_INT64, key_position=1),
                typed("bool", v1.TYPE_BOOL),
                typed("int16", v1.TYPE_INT16),
                typed("int32", v1.TYPE_INT32),
                typed("int64", v1.TYPE_INT64),
                typed("float", v1.TYPE_FLOAT),
                typed("double", v1.TYPE_DOUBLE),
                typed("short_decimal", v1.TYPE_DECIMAL, precision=18, scale=4),
                typed("decimal", v1.TYPE_DECIMAL, precision=38, scale=10),
                typed("endless_decimal", v1.TYPE_DECIMAL, precision=60, scale=2),
                typed("text", v1.TYPE_TEXT),
                typed("bytes", v1.TYPE_BYTES),
                typed("date", v1.TYPE_DATE),
                typed("time", v1.TYPE_TIME, precision=6),
                typed("fine_time", v1.TYPE_TIME, precision=7),
                typed("timestamp", v1.TYPE_TIMESTAMP, precision=6),
                typed("fine_timestamp", v1.TYPE_TIMESTAMP, precision=7),
                typed("timestamp_tz", v1.TYPE_TIMESTAMP_TZ, precision=3),
                typed("uuid", v1.TYPE_UUID),
                typed("any", v1.TYPE_ANY, affinity=v1.AFFINITY_BLOB),
            ],
        )

    def random_decimal(self, digits, scale):
        number = self.random.randrange(10 ** self.random.randrange(1, digits + 1))
        sign = "-" if number and self.random.random() < 0.5 else ""
        text = str(number).zfill(scale + 1)
        return f"{sign}{text[:-scale]}.{text[-scale:]}"

    def random_row(self, key):
        chance = self.random
        day, year_10000 = cycle_test.DAY, cycle_test.days(9999, 12, 31) + cycle_test.DAY
        letters = ["a", '"', ",", "\r\n", "ä", "👋", " ", "\\", "'", ""]
        row = [
            chance.randrange(2),
            chance.randrange(-(2**15), 2**15),
            chance.randrange(-(2**31), 2**31),
            chance.randrange(-(2**63), 2**63),
            chance.randrange(-(2**20), 2**20) / 8,
            chance.uniform(-1e300, 1e300),
            self.random_decimal(18, 4),
            self.random_decimal(38, 10),
            self.random_decimal(60, 2),
            "".join(chance.choice(letters) for _ in range(chance.randrange(12))),
            chance.randbytes(chance.randrange(20)),
            chance.randrange(year_10000 // day) * day,
            chance.randrange(day // 10) * 10,
            chance.randrange(day),
            chance.randrange(year_10000 // 10) * 10,
            chance.randrange(year_10000),
            chance.randrange(year_10000 // 10_000) * 10_000,
            chance.randbytes(16),
            chance.choice([7, -1, 0.5, "7", "", b"7", None]),
        ]
        # Columns of NULLs, columns without, and all between.
        nulls = (0, 0.2, 1)[key // 100 % 3]
        return (key, *(None if chance.random() < nulls else value for value in row))

    def mirror(self, table, rows, per_batch=ROWS_PER_BATCH):
        """One cycle that populates the table."""
        v1, tenant = self.v1, self.tenant
        tenant.begin()
        announcement = self.client.TableSchemaRequest(cycle=tenant.cycle, source_id="export-test", tables=[table])
        status = tenant.stub.TableSchema(announcement, **tenant.bearer()).tables[0]
        self.assertTrue(status.wanted, status.reason)
        target = v1.Position(lsn=LSN, lineage=b"first")
        pieces = [rows[at : at + per_batch] for at in range(0, len(rows), per_batch)] or [[]]
        for seq, piece in enumerate(pieces, 1):
            batch = v1.ChangeBatch(
                table=table.name, schema_hash=status.schema_hash, seq=seq, base_lsn=-1, target=target
            )
            if piece:
                batch.operation = v1.OPERATION_INSERT
                cycle_test.add_rows(v1, batch, table, piece)
            if seq == 1:
                batch.populate = v1.POPULATE_REASON_MINUS_ONE
                batch.planned.inserts = len(rows)
            if seq == len(pieces):
                batch.commit.CopyFrom(v1.Commit(batches=seq, position=target))
            request = v1.RowDataRequest(cycle=tenant.cycle, batches=[batch])
            result = tenant.stub.RowData(request, **tenant.bearer()).results[0]
            self.assertEqual(result.code, 0, result.message)
        summary = self.client.TableSummary(table=table.name, row_count=len(rows))
        tenant.stub.ReplicationCompleted(
            self.client.ReplicationCompletedRequest(cycle=tenant.cycle, tables=[summary]), **tenant.bearer()
        )

    def mirror_every_type(self, rows=ROWS):
        """Gives the names of the columns, and the rows as the mirror's file has them."""
        table = self.every_type()
        self.mirror(table, [self.random_row(key) for key in range(rows)])
        names = [column.name for column in table.columns]
        quoted = ", ".join(f'"{name}"' for name in names)
        stored = self.tenant.mirror(f"SELECT {quoted} FROM every ORDER BY id")
        self.assertEqual(len(stored), rows)
        return names, stored

    def command(self, *arguments, table="every"):
        command = [BIN_DIR / "mirrorctl", "--config", self.server.dev / "mirrorctl.toml", "export"]
        return [*command, self.tenant.context_id, table, *map(str, arguments)]

    def export(self, how, table="every"):
        done = programs.run(*self.command("--format", how, "--out", self.out, table=table))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn(f"as of LSN {LSN}", done.stdout)
        self.assertFalse(self.out.with_name(self.out.name + ".part").exists())
        return done

    def read(self, reader):
        """What is said of the file and its columns, and its rows, by one of the readers."""
        node = shutil.which("node")
        is_there = node and (PACKAGES / "package-lock.json").exists()
        missing = "the readers are not installed: tools/lib/npm_packages.sh tests/parquet"
        if not is_there and not os.environ.get(IS_DEMANDED):
            self.skipTest(missing)
        self.assertTrue(is_there, f"{IS_DEMANDED} is set, and {missing}")
        command = [node, READ, self.out, PACKAGES, reader]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
        self.assertEqual(done.returncode, 0, done.stderr[-2000:])
        about, *rows = map(json.loads, done.stdout.splitlines())
        return about, rows

    def as_parquet(self, names, row):
        wanted = [None if value is None else PARQUET[name](value) for name, value in zip(names[:-1], row)]
        value = row[-1]
        return wanted + ([None, None] if value is None else [as_number(any_text(value)), any_kind(value)])

    def test_h18_two_readers_of_parquet_find_what_the_mirror_holds(self):
        names, stored = self.mirror_every_type()
        self.export("parquet")
        for reader in ("hyparquet", "arrow"):
            with self.subTest(reader=reader, seed=self.seed):
                about, rows = self.read(reader)
                self.assertEqual([column["name"] for column in about["columns"]], names + ["any_kind"])
                self.assertEqual([column["nullable"] for column in about["columns"]], [False] + [True] * len(names))
                self.assertEqual(about["notes"]["mirror_lsn"], str(LSN))
                self.assertEqual(about["notes"]["mirror_table"], "every")
                self.assertEqual(about["notes"]["mirror_context_id"], self.tenant.context_id)
                self.assertRegex(about["notes"]["mirror_schema_hash"], "^[0-9a-f]{32}$")
                self.assertEqual(len(rows), len(stored))
                for row, held in zip(rows, stored):
                    for place, name in enumerate(names):
                        if row[place] is not None and (name in AS_NUMBERS or name == "any"):
                            row[place] = as_number(row[place])
                    self.assertEqual(row, self.as_parquet(names, held), f"row {held[0]}")

    def test_an_empty_table_is_a_file_with_columns(self):
        self.mirror_every_type(rows=0)
        self.export("parquet")
        for reader in ("hyparquet", "arrow"):
            about, rows = self.read(reader)
            self.assertEqual((len(about["columns"]), rows), (21, []))

    def test_h18_csv_has_what_the_mirror_holds(self):
        names, stored = self.mirror_every_type()
        self.export("csv")
        with self.out.open(encoding="utf-8", newline="") as file:
            header, *rows = csv.reader(file, strict=True)
        self.assertEqual(header, names + ["any_kind"])
        self.assertEqual(len(rows), len(stored), f"seed {self.seed}")

        def text(name, value):
            if value is None:
                return ""
            if name == "bool":
                return "true" if value else "false"
            if isinstance(value, bytes):
                return base64.b64encode(value).decode()
            return value if isinstance(value, str) else str(value)

        for row, held in zip(rows, stored):
            wanted = [text(name, value) for name, value in zip(names, held)]
            wanted.append("" if held[-1] is None else any_kind(held[-1]))
            for place, name in enumerate(names):
                if isinstance(held[place], float):
                    row[place], wanted[place] = float(row[place]), held[place]
            self.assertEqual(row, wanted, f"row {held[0]}, seed {self.seed}")
        # The module of Python gives both as "": in the file they differ.
        raw = self.out.read_text(encoding="utf-8")
        self.assertIn(',"",', raw)
        self.assertIn(",,", raw)

    def test_h18_ndjson_has_what_the_mirror_holds(self):
        names, stored = self.mirror_every_type()
        self.export("ndjson")
        rows = [json.loads(line) for line in self.out.read_text(encoding="utf-8").split("\n")[:-1]]
        self.assertEqual(len(rows), len(stored), f"seed {self.seed}")

        def form(name, value):
            if name == "bool":
                return None if value is None else bool(value)
            if isinstance(value, bytes):
                return base64.b64encode(value).decode()
            is_text = name not in JSON_NUMBERS and isinstance(value, int)
            return str(value) if is_text else value

        for row, held in zip(rows, stored):
            wanted = {name: form(name, value) for name, value in zip(names, held)}
            self.assertEqual(row, wanted, f"row {held[0]}, seed {self.seed}")
            self.assertEqual(list(row), names)

    def test_stdout_is_what_the_file_is(self):
        self.mirror_every_type(rows=50)
        self.export("csv")
        done = subprocess.run(
            self.command("--format", "csv", "--out", "-"),
            capture_output=True, timeout=programs.PATIENCE_S, check=False, env=programs.environment(),
        )  # fmt: skip
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(done.stdout, self.out.read_bytes())
        self.assertTrue(list(csv.reader(io.StringIO(done.stdout.decode(), newline=""))))

    def test_what_is_refused_leaves_no_file(self):
        self.mirror_every_type(rows=1)
        for words, table, told in (
            ((), "nowhere", "mirrorctl tables"),
            (("--history",), "every", "no history"),
            (("--as-of", "7"), "every", "no history"),
        ):
            with self.subTest(table=table, words=words):
                done = programs.run(*self.command("--format", "csv", "--out", self.out, *words, table=table))
                self.assertEqual(done.returncode, 1, done.stderr)
                self.assertIn(told, " ".join(done.stderr.split()))
                self.assertEqual(list(self.out.parent.glob(self.out.name + "*")), [])

    def test_large_values_take_little_memory(self):
        v1 = self.v1
        table = v1.Table(
            name="large",
            columns=[
                v1.Column(name="id", type=v1.TYPE_INT64, key_position=1),
                v1.Column(name="value", type=v1.TYPE_BYTES, nullable=True),
            ],
        )
        self.mirror(table, [(key, self.random.randbytes(LARGE_BYTES)) for key in range(LARGE_VALUES)], per_batch=3)
        for how in ("parquet", "csv", "ndjson"):
            with self.subTest(how):
                command = self.command("--format", how, "--out", self.out, "--replace", table="large")
                measured = subprocess.run(
                    [sys.executable, "-c", MEASURE, *map(str, command)],
                    stdout=subprocess.PIPE, text=True, env=programs.environment(), check=True,
                )
                code, kilobytes = map(int, measured.stdout.split())
                self.assertEqual(code, 0)
                self.assertGreaterEqual(self.out.stat().st_size, LARGE_VALUES * LARGE_BYTES)
                self.assertLess(kilobytes * 1024, MEMORY_MAX)


class Packages(unittest.TestCase):
    def test_the_lock_names_no_registry(self):
        text = (ROOT / "tests" / "parquet" / "package-lock.json").read_text()
        self.assertNotIn("registry", text)
        packages = json.loads(text)["packages"]
        self.assertEqual([name for name, one in packages.items() if name and "integrity" not in one], [])


if __name__ == "__main__":
    if len(sys.argv) < 2 or not pathlib.Path(sys.argv[1], "mirrorctl").exists():
        print(__doc__.strip(), file=sys.stderr)
        sys.exit(2)
    BIN_DIR = pathlib.Path(sys.argv.pop(1)).resolve()
    result = unittest.main(exit=False).result
    sys.exit(1 if not result.wasSuccessful() else SKIPPED if result.skipped else 0)
