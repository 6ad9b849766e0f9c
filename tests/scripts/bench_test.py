#!/usr/bin/python3
"""tools/bench without a build: its command line, its arithmetic, its charts, and that it stops what it starts."""

import contextlib
import io
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import time
import unittest
import xml.etree.ElementTree

ROOT = pathlib.Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tools" / "benchmarks" / "scripts"))

import against_lines  # noqa: E402
import arguments  # noqa: E402
import capacity  # noqa: E402
import curves  # noqa: E402
import goals  # noqa: E402
import kept_table  # noqa: E402
import main  # noqa: E402
import peer_rows  # noqa: E402
import processes  # noqa: E402
import report  # noqa: E402
import statistics_of_rounds  # noqa: E402
import svg_chart  # noqa: E402
import tenant_costs  # noqa: E402

# What was promised: a line that disappears is noticed.
PROMISED = """
first-population repopulation repopulation-in-process upsert update delete update-composite delete-composite
update-spread delete-spread random-order sqlite-import changeset-insert changeset-update postgres-insert
postgres-update postgres-copy mariadb-insert mariadb-update push-p50 push-echo push-stream-echo push-p99
quiet-cycle small-cycles small-calls server-memory idle-tenant tenants-10000 start-after-kill digest-scan
agent-reader agent-population agent-memory
catch-up-appended catch-up-range catch-up-random triggers-insert triggers-delete triggers-random-update
triggers-single-update triggers-bulk-update receipts-population receipts-upsert receipts-push
journal-population journal-upsert journal-push history-upsert history-repopulation history-push history-as-of
journal-explain records-upsert records-upsert-64 records-import records-stream
synthetic-unchanged synthetic-memory csv-population csv-import csv-one-row
everything-population everything-repopulation everything-update everything-delete
exchange-derivation exchange-memory exchange-one-row exchange-one-row-1000 exchange-cycles
""".split()
# Measured where another build's programs are named.
AGAINST = "small-cycle-before small-cycle-before-slow-disk small-cycle-before-server push-p99-before".split()
IN_POSTGRES = """
pg-population pg-repopulation pg-repopulation-log pg-upsert pg-digest pg-logical-insert pg-logical-update pg-push-p50
pg-servers
pg-journal-population pg-journal-upsert pg-journal-push pg-history-upsert pg-history-repopulation pg-history-push
pg-history-as-of
""".split()
FROM_POSTGRES = """
source-read source-decode source-stage source-changes source-catch-up source-memory source-transaction-memory source-idle
""".split()
FROM_MARIADB = "mariadb-decode mariadb-stage".split()
BY_ODBC = "odbc-postgres odbc-mariadb odbc-sqlite".split()
LIVE = """
live-sqlite live-sqlite-p99 live-sqlite-syncs live-sqlite-idle live-postgres live-postgres-p99 live-postgres-syncs
live-postgres-idle live-ratio live-mariadb live-mariadb-p99 live-mariadb-syncs live-mariadb-idle
""".split()


def bench(*words):
    return subprocess.run([ROOT / "tools" / "bench", *words], capture_output=True, text=True, check=False)


class CommandLine(unittest.TestCase):
    def test_the_list_names_every_line_with_its_goal(self):
        listed = bench("--list")
        self.assertEqual(listed.returncode, 0, listed.stderr)
        lines = [line.split() for line in listed.stdout.splitlines()]
        wanted = PROMISED + AGAINST + IN_POSTGRES + FROM_POSTGRES + FROM_MARIADB + BY_ODBC + LIVE + ["micro"]
        self.assertEqual([words[0] for words in lines], wanted)
        self.assertIn(">= 2 ", listed.stdout.splitlines()[0])

    def test_the_list_of_what_was_chosen_names_nothing_else(self):
        listed = bench("--list", "--only", "upsert")
        self.assertEqual([line.split()[0] for line in listed.stdout.splitlines()], ["upsert"])
        self.assertIn("pg-upsert", bench("--list", "--store", "postgres").stdout)
        self.assertNotIn("first-population", bench("--list", "--store", "postgres").stdout)
        self.assertEqual(bench("--list", "--quick").stdout, bench("--list").stdout)

    def test_who_reads_only_the_begin_of_the_list_is_not_told_of_a_broken_pipe(self):
        read, write = os.pipe()
        os.close(read)
        with os.fdopen(write, "w") as pipe:
            words = [ROOT / "tools" / "bench", "--list", "--only", "upsert"]
            buffered = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
            run = subprocess.run(words, stdout=pipe, stderr=subprocess.PIPE, env=buffered, check=False)
        self.assertEqual((run.returncode, run.stderr), (1, b""))

    def test_wrong_usage_is_exit_code_2_and_a_sentence(self):
        for words, said in (
            (["--frob"], "unrecognized arguments: --frob"),
            (["--only", "frob"], "no such line or group"),
            (["--only", "upzert"], "but upsert"),
            (["--rounds", "2"], "3 rounds at least"),
            (["--rounds", "many"], "many"),
            (["--json", "/not/there/bench.json"], "there is no folder /not/there"),
            (["--json", "/"], "/ cannot be written"),
            (["--curves", "--only", "upsert"], "leave out --only"),
            (["--curves", "--store", "postgres"], "leave out --only, --store"),
            (["--store", "paper"], "invalid choice: 'paper'"),
            (["--keep", "--quick"], "in full size"),
            (["--only", "small-cycle-before"], "name the folder of its programs with --against"),
            (["--against", "/not/there"], "/not/there has no program mirror-server, mirrorctl, mirror-harness"),
        ):
            run = bench(*words)
            self.assertEqual(run.returncode, 2, words)
            self.assertIn(said, run.stderr)
            self.assertIn("see tools/bench --help", run.stderr)

    def test_only_takes_lines_groups_and_beginnings(self):
        self.assertEqual([line.name for line in arguments.read(["--only", "upsert"]).lines], ["upsert"])
        peers = arguments.read(["--only", "postgres", "--only", "mariadb-insert"]).lines
        self.assertEqual([line.name for line in peers], PROMISED[14:18])
        self.assertEqual(len(arguments.read(["--only", "changeset"]).lines), 2)
        self.assertFalse(arguments.read(["--only", "upsert"]).micro)
        self.assertTrue(arguments.read(["--only", "micro"]).micro)
        self.assertEqual([line.name for line in arguments.read([]).lines], PROMISED)
        self.assertTrue(arguments.read([]).micro)

    def test_lines_against_another_build_are_measured_where_one_is_named(self):
        with tempfile.TemporaryDirectory() as folder:
            for name in against_lines.PROGRAMS:
                program = pathlib.Path(folder, name)
                program.touch()
                program.chmod(0o755)
            read = arguments.read(["--against", folder])
            self.assertEqual([line.name for line in read.lines], PROMISED + AGAINST)
            self.assertEqual(read.against, folder)
            read = arguments.read(["--only", "small-cycle-before", "--against", folder])
            self.assertEqual([line.name for line in read.lines], AGAINST[:1])
            program.chmod(0o644)
            self.assertEqual(against_lines.missing(folder), [program.name])
        self.assertEqual([*against_lines.LINES, "push-p99-before"], AGAINST)

    def test_each_store_has_its_lines_and_its_table(self):
        read = arguments.read(["--store", "postgres", "--keep"])
        self.assertEqual([line.name for line in read.lines], IN_POSTGRES)
        self.assertFalse(read.micro)
        self.assertEqual(read.json, kept_table.file("postgres"))
        self.assertEqual([line.name for line in arguments.read(["--source", "postgres"]).lines], FROM_POSTGRES)
        self.assertEqual([line.name for line in arguments.read(["--only", "pg-bulk"]).lines], IN_POSTGRES[:5])

    def test_every_line_has_somebody_who_measures_it(self):
        self.assertEqual({line.group for line in goals.LINES}, set(main.GROUPS))
        self.assertEqual(len({line.name for line in goals.LINES}), len(goals.LINES))


class Results(unittest.TestCase):
    def result(self, **line):
        return statistics_of_rounds.Result(goals.Line("name", "group", "work", "reference", **line))

    def test_the_median_of_the_ratios_is_compared_with_the_goal(self):
        result = self.result(goal=1.4)
        for rate, reference in ((300, 100), (150, 100), (100, 100)):
            result.add_rates(rate, reference)
        row = result.as_json()
        self.assertEqual((row["ratio"], row["min"], row["max"], row["rounds"]), (1.5, 1.0, 3.0, 3))
        self.assertEqual((row["rows_per_s"], row["reference_rows_per_s"], row["met"]), (150, 100, True))

    def test_an_upper_limit_is_met_from_below(self):
        result = self.result(goal=20, at_most=True, unit="ms")
        result.add(20.0)
        self.assertTrue(result.met)
        result.add(20.1)
        result.add(20.2)
        self.assertFalse(result.met)

    def test_what_was_not_measured_is_not_met_and_says_why(self):
        result = self.result(goal=1)
        result.add(5)
        result.fail("no such server")
        row = result.as_json()
        self.assertEqual((row["met"], row["ratio"], row["note"]), (False, None, "no such server"))
        self.assertIn("name: no such server", report.table([result]))
        self.assertIn("| not measured |", report.markdown([result.as_json()]))
        forgotten = self.result()
        self.assertFalse(forgotten.as_json()["met"])

    def test_without_a_goal_nothing_is_met_or_missed(self):
        result = self.result()
        result.add(5)
        self.assertIsNone(result.as_json()["met"])
        self.assertIn("| - | - |", report.markdown([result.as_json()]))

    def test_the_table_of_the_page_is_replaced_and_nothing_else(self):
        result = self.result(goal=20, at_most=True, unit="ms")
        result.add(1.5)
        row = "| `name` | work | reference | 1.50 (1.50 to 1.50) ms | ≤ 20 ms | yes |\n"
        other = "\n" + report.HEAD + "| `other` |\n\nbehind\n"
        headings = [heading for _, _, heading in kept_table.TABLES.values()]
        for store, (_, name, heading) in kept_table.TABLES.items():
            text = "before\n\n" + "".join(one + other for one in headings)
            with tempfile.TemporaryDirectory() as folder:
                page, figures = pathlib.Path(folder, name), folder + "/table.json"
                page.parent.mkdir()
                page.write_text(text)
                report.write_json(figures, [result], {"cores": 2}, [])
                kept_table.write(folder, store, figures)
                wanted = text.replace(heading + other, heading + other.replace("| `other` |\n", row))
                self.assertEqual(page.read_text(), wanted)

    def test_a_table_may_end_its_page(self):
        page = kept_table.TABLES["sqlite"][2] + "\n" + report.HEAD + "| `last` |\n"
        self.assertEqual(kept_table.in_text(page, "sqlite")[1], len(page))

    def test_the_tables_of_the_page_are_those_of_the_figures_beside_the_charts(self):
        for store, lines in (("sqlite", PROMISED), ("postgres", IN_POSTGRES)):
            text = (ROOT / kept_table.TABLES[store][1]).read_text()
            begin, end = kept_table.in_text(text, store)
            names = re.findall("^\\| `(.+?)`", text[begin:end], re.MULTILINE)
            self.assertEqual([name for name in names if name not in AGAINST], lines)
            if pathlib.Path(kept_table.file(store)).exists():
                self.assertEqual(text[begin:end], kept_table.of_file(kept_table.file(store)))

    def test_what_the_product_lacks_is_not_met_and_is_no_failure(self):
        result = self.result(goal=1)
        result.lacks("it does not fly")
        row = result.as_json()
        self.assertEqual((row["met"], row["ratio"], row["note"]), (False, None, "it does not fly"))
        self.assertFalse(result.failed)

    def test_a_group_that_fails_takes_only_its_own_lines_with_it(self):
        class Run:
            results = {
                name: statistics_of_rounds.Result(goals.Line(name, name, "work", "-")) for name in ("bulk", "spread")
            }

        def fail(_):
            raise processes.Failed("it burns")

        groups = main.GROUPS
        main.GROUPS = {"bulk": fail, "spread": lambda run: run.results["spread"].add(1.0)}
        try:
            kept = []
            with contextlib.redirect_stderr(io.StringIO()) as said:
                main.measure(Run, lambda: kept.append(1))
        finally:
            main.GROUPS = groups
        self.assertEqual(len(kept), 2)
        self.assertIn("spread: 1.00 (1.00 to 1.00), goal -", said.getvalue())
        self.assertEqual(Run.results["bulk"].note, "it burns")
        self.assertEqual(Run.results["spread"].figure, 1.0)


class Capacity(unittest.TestCase):
    def test_what_the_page_says_follows_from_its_constants(self):
        page = pathlib.Path(capacity.PAGE).read_text()
        measured = capacity.read_constants(page)
        self.assertEqual(set(measured), {0, 20, 413})
        self.assertTrue(all(figure > 0 for figures in measured.values() for figure in figures.values()))
        self.assertIn(capacity.follows(measured), page)
        for words, number in (
            ("{:,} relations at most", capacity.RELATIONS_OF_DATABASE),
            ("connections = {}", capacity.CONNECTIONS),
        ):
            self.assertIn(words.format(number), page)

    def test_what_was_measured_can_be_read_again(self):
        names = [name for name, *_ in capacity.CONSTANTS]
        measured = {20: dict.fromkeys(names, 2**20), 413: dict.fromkeys(names, 2**31)}
        measured[0] = {name: 2**20 for name, *_ in capacity.SESSIONS}
        self.assertEqual(capacity.read_constants(capacity.constants(measured)), measured)

    def test_databases_and_machines_follow_from_relations(self):
        figures = dict.fromkeys((name for name, *_ in capacity.CONSTANTS), 2**20) | {"relations": 1_700}
        rows = [line.split(" | ") for line in capacity.follows({0: {}, 413: figures}).splitlines()[2:]]
        # 58 mirrors of 1,700 relations are in a database.
        self.assertEqual([row[-3:-1] for row in rows], [["18", "2"], ["173", "18"], ["1,725", "173"]])
        self.assertEqual(rows[0][-1], f"{2 * (3 * 2 * 10 + 4)} |")

    def test_amounts_are_of_people(self):
        sizes = [capacity.amount(size * 2**20) for size in (1.5, 999, 1_000, 2_000_000)]
        self.assertEqual(sizes, ["1.5 MiB", "999 MiB", "1.0 GiB", "1.9 TiB"])

    def test_wrong_usage_says_how_it_is_called(self):
        for words in ((), ("--frob",), (".", "--frob")):
            run = subprocess.run([sys.executable, "-B", capacity.__file__, *words], capture_output=True, text=True, check=False)
            self.assertEqual(run.returncode, 1)
            self.assertIn("capacity.py BIN_DIR --keep", run.stderr)


class TenantCosts(unittest.TestCase):
    def test_the_page_has_a_line_for_each_figure(self):
        page = pathlib.Path(capacity.PAGE).read_text()
        for _, words, _ in tenant_costs.ROW_WORDS:
            self.assertIn(f"| {words} | ", page)

    def test_a_line_has_medians_and_how_they_grow(self):
        names = [name for name, *_ in tenant_costs.ROW_WORDS]
        found = {1_000: dict.fromkeys(names, [9 * 2**10, 3 * 2**10]), 100: dict.fromkeys(names, [2**10, 9 * 2**10, 2 * 2**10])}
        lines = tenant_costs.table(found).splitlines()
        self.assertEqual(lines[0], "| one server with | 100 tenants | 1,000 tenants | last / first |")
        self.assertIn("| WAL of a cycle without changes, cold | 2.0 KiB | 6.0 KiB | 3.00 |", lines)

    def test_wrong_usage_says_how_it_is_called(self):
        for words in ((), (".", "--tenants", str(tenant_costs.SAMPLE)), (".", "--rounds", "0")):
            run = subprocess.run([sys.executable, "-B", tenant_costs.__file__, *words], capture_output=True, text=True, check=False)
            self.assertEqual(run.returncode, 2)
            self.assertIn("BIN_DIR", run.stderr)


class Charts(unittest.TestCase):
    def draw(self, points, **axes):
        svg = svg_chart.chart("A < B", "sub & title", "x", "rows/s", [svg_chart.Series("one", points)], **axes)
        root = xml.etree.ElementTree.fromstring(svg)
        name = "{http://www.w3.org/2000/svg}"
        return [text.text for text in root.iter(name + "text")], list(root.iter(name + "circle"))

    def test_every_point_is_inside_of_the_axes(self):
        for axes in ({}, {"log_y": True}, {"log_x": False}):
            texts, circles = self.draw([(1, 5, 4, 6), (413, 0.5, 0.25, 9), (10_000, 700, 1, 800)], **axes)
            self.assertEqual(len(circles), 3)
            for circle in circles:
                self.assertTrue(svg_chart.LEFT <= float(circle.get("cx")) <= svg_chart.WIDTH - svg_chart.RIGHT)
                self.assertTrue(svg_chart.TOP <= float(circle.get("cy")) <= svg_chart.HEIGHT - svg_chart.BOTTOM)
            self.assertIn("A < B", texts)

    def test_one_point_and_a_flat_line_can_be_drawn(self):
        self.draw([(7, 5, 5, 5)])
        self.draw([(1, 0, 0, 0), (2, 0, 0, 0)])
        self.draw([(3, 10, 10, 10)], log_y=True)

    def test_ticks_are_round_and_reach_the_ends(self):
        axis = svg_chart.Axis(20, 100_000, True, 0, 100)
        self.assertEqual(axis.ticks, [10, 100, 1_000, 10_000, 100_000])
        self.assertEqual(svg_chart.Axis(3, 111, True, 0, 100).ticks, [2, 5, 10, 20, 50, 100, 200])
        linear = svg_chart.Axis(0, 870_000, False, 0, 100)
        self.assertEqual((linear.ticks[0], linear.ticks[1], linear.ticks[-1]), (0, 200_000, 1_000_000))

    def test_numbers_have_the_units_of_people(self):
        self.assertEqual(
            [svg_chart.number(n) for n in (0, 0.5, 413, 1_000, 1_500_000)], ["0", "0.5", "413", "1 k", "1.5 M"]
        )

    def test_there_is_a_curve_for_everything_that_grows(self):
        names = [name for name, *_ in curves.CURVES]
        self.assertEqual(names, ["rows", "columns", "width", "tenants", "tables", "clients"])
        points = curves.Points("one")
        for rate in (3, 1, 2):
            points.add("one", 10, rate)
        self.assertEqual(points.series()[0].points, [(10, 2, 1, 3)])


class Programs(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="bench test ")
        self.addCleanup(folder.cleanup)
        self.log = folder.name + "/log"

    def test_what_was_started_is_stopped_even_when_it_does_not_want_to(self):
        stubborn = "trap '' TERM; echo up; while :; do sleep 0.05; done"
        with processes.Process(["sh", "-c", stubborn], self.log, stdout=subprocess.PIPE, text=True) as process:
            process.popen.stdout.readline()
            process.stop(signal.SIGTERM, patience=0.1)
            self.assertFalse(process.running())

    def test_what_an_interrupted_program_started_does_not_go_on(self):
        with self.assertRaises(processes.Failed):
            processes.run(["sh", "-c", f"sh -c 'echo $$ > \"{self.log}\"; sleep 600' & wait"], timeout=1)
        child = int(pathlib.Path(self.log).read_text())
        # What is killed ends when its turn on a core comes.
        end = time.monotonic() + 20
        while self.runs(child) and time.monotonic() < end:
            time.sleep(0.01)
        self.assertFalse(self.runs(child))

    @staticmethod
    def runs(process):
        try:
            state = pathlib.Path(f"/proc/{process}/stat").read_text()
        except (FileNotFoundError, ProcessLookupError):
            return False
        return state.rsplit(")")[1].split()[0] != "Z"

    def test_a_step_that_fails_says_what_the_program_said(self):
        with self.assertRaisesRegex(processes.Failed, "step 'insert': no room"):
            with processes.Steps(["sh", "-c", "read line; echo no room >&2"], self.log) as steps:
                steps.step("insert")

    def test_a_program_that_is_not_there_is_a_sentence(self):
        with self.assertRaisesRegex(processes.Failed, "/not/there: No such file"):
            processes.run(["/not/there"])
        with self.assertRaisesRegex(processes.Failed, "sh ended with 3: oh"):
            processes.run(["sh", "-c", "echo oh >&2; exit 3"])

    def test_the_transactions_of_the_peers_hold_all_rows_once(self):
        self.assertEqual(peer_rows.ranges(12_000), [(1, 5_000), (5_001, 10_000), (10_001, 12_000)])
        path = pathlib.Path(self.log)
        path.write_text("".join(f"{i}\n" for i in range(10_001)))
        self.assertEqual([len(block) for block in peer_rows.chunks(path)], [5_000, 5_000, 1])


if __name__ == "__main__":
    unittest.main()
