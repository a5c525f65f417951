# SPDX-License-Identifier: Apache-2.0
"""bench_test.py - what the bench makes of its samples: reading, medians, the stopping of slow cells, slopes, tables."""

import os
import re
import tempfile
import unittest

import charts
import columns
import growth
import report
import samples
import table


class Column:
    """A system that answers from a list."""

    def __init__(self, name, answers, own=False):
        self.name, self.own, self.answers = name, own, list(answers)

    def sample(self, *_):
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def parked(self, *_):
        return self.sample()


def row_of(*columns_, case="WorkPingPong", group="workloads", procs=1, parked=0, rounds=1):
    row = samples.Row(group, case, "workload", procs, columns_, parked)
    for _ in range(rounds):
        for column in columns_:
            row.measure(column, 1, 0, 10)
    return row


class Reading(unittest.TestCase):
    def test_results(self):
        read = samples.parse_result
        self.assertEqual(read("BenchmarkChanSync\t100\t48.8 ns/op\n"), {"ns": 48.8})
        self.assertEqual(read("goos: linux\nBenchmarkX/a=1-2   \t 5\t  1.5e+03 ns/op\nPASS\n"), {"ns": 1500.0})
        self.assertEqual(read("BenchmarkS\t1\t1.2e+09 ns/op\t3e+08 cpu-ns/op\t-5 early-ns\n"),
                         {"ns": 1.2e9, "cpu": 3e8, "early": -5.0})

    def test_no_results(self):
        with self.assertRaisesRegex(samples.Skipped, "two processors"):
            samples.parse_result("--- SKIP: BenchmarkX: needs two processors\n")
        with self.assertRaises(samples.Skipped):
            samples.parse_result("PASS\n")
        for output in ("", "BenchmarkX\t1\tfast ns/op\n", "something else"):
            with self.assertRaises(samples.Failed):
                samples.parse_result(output)

    def test_parked(self):
        self.assertEqual(samples.parse_parked("parked 100 rss 4000.5 pte 8 create 10 end 20\n"),
                         {"bytes": 4008.5, "rss": 4000.5, "page tables": 8, "create ns": 10, "end ns": 20})
        with self.assertRaises(samples.Failed):
            samples.parse_parked("parked 100 rss\n")

    def test_commands(self):
        self.assertEqual(samples.run(["echo", "x"], 10), "x\n")
        with self.assertRaisesRegex(samples.Failed, "exit 3: why"):
            samples.run(["sh", "-c", "echo why >&2; exit 3"], 10)


class Cells(unittest.TestCase):
    def test_median_and_spread(self):
        summary = samples.summary([1, 2, 3, 4, 100])
        self.assertEqual((summary["median"], summary["min"], summary["max"]), (3, 1, 100))
        self.assertAlmostEqual(summary["spread"], 100 * 2 / 3)
        self.assertEqual(samples.summary([0, 0, 0, 0])["spread"], 0)

    def test_ratios(self):
        row = row_of(Column("Weft", [{"ns": 10}], True), Column("Go", [{"ns": 40}], True), Column("a", [{"ns": 20}]),
                     Column("b", [{"ns": 8}]), Column("c", [samples.Failed("no")]))
        self.assertEqual((row.ratio(), row.best_peer(), row.ratio("b")), (0.25, "b", 1.25))
        self.assertEqual(row.as_json()["columns"]["c"], {"error": "no"})

    def test_a_failure_ends_a_cell(self):
        row = row_of(Column("Weft", [{"ns": 1}, samples.Failed("crash"), {"ns": 1}], True), rounds=3)
        self.assertEqual(row.errors, {"Weft": "crash"})
        self.assertIsNone(row.cell("Weft"))

    def test_budget(self):
        own, peer = Column("Weft", [], True), Column("a", [])
        row = samples.Row("workloads", "WorkX", "workload", 1, [own, peer])
        for column, count, seconds, wants in ((own, 2, 99, True), (own, 3, 99, False), (own, 3, 1, True),
                                              (peer, 0, 0, True), (peer, 1, 99, False), (peer, 9, 1, True)):
            row.samples[column.name], row.seconds[column.name] = [{"ns": 1}] * count, seconds
            self.assertEqual(row.wants(column, 10), wants, (column.name, count, seconds))


class Growth(unittest.TestCase):
    def test_slope(self):
        self.assertAlmostEqual(growth.slope([(10, 5), (100, 5), (1000, 5)]), 0)
        self.assertAlmostEqual(growth.slope([(10, 3), (100, 30), (1000, 300)]), 1)
        self.assertIsNone(growth.slope([(10, 3)]))
        self.assertIsNone(growth.slope([]))

    def verdict(self, case, cost, key="ns"):
        rows = [row_of(Column("Weft", [{key: cost(size)}], True), case=f"{case}/{size}", group="growth")
                for size in growth.GOROUTINES]
        [verdict] = growth.verdicts(rows)
        return verdict["held"]

    def test_theory(self):
        self.assertTrue(self.verdict("GrowYield", lambda size: 30))
        self.assertTrue(self.verdict("GrowYield", lambda size: 30 * size ** 0.3))
        self.assertFalse(self.verdict("GrowYield", lambda size: 30 * size ** 0.5))
        self.assertFalse(self.verdict("GrowYield", lambda size: size))
        self.assertTrue(self.verdict("GrowIdle", lambda size: 2e6, "cpu"))
        self.assertFalse(self.verdict("GrowIdle", lambda size: 2 * size ** 1.5, "cpu"))

    def test_operations_are_those_of_weft_bench(self):
        with open(os.path.join(columns.ROOT, "bench", "growth.c"), encoding="utf-8") as file:
            text = file.read()
        cases = re.findall(r'GOROUTINES\("(\w+)", \w+, "growth", (\d+)\)', text)
        self.assertGreater(len(cases), 5)
        for name, least in cases:
            for size in growth.GOROUTINES:
                self.assertEqual(columns.operations(f"Grow{name}/{size}"), max(int(least), size))


class Tables(unittest.TestCase):
    def rows(self):
        weft, go = Column("Weft", [{"ns": 1.5e9}] * 3, True), Column("Go", [{"ns": 3e9}] * 3, True)
        peer = Column("a", [{"ns": 3e9, "cpu": 1e8, "early": 4e5}])
        memory = {"bytes": 4700, "page tables": 12, "create ns": 900, "end ns": 300, "rss": 4688}
        return [row_of(weft, go, case="ChanSync", group="names"),
                row_of(weft, go, peer, case="WorkSleepers100000"),
                row_of(Column("Weft", [memory], True), case="Parked100000", group="parked", parked=100_000)]

    def test_tables(self):
        rows = self.rows()
        tables = report.tables(rows, rows[1].columns, [1], [])
        self.assertEqual([name for name, _, _ in tables], ["names", "workloads", "speed-up", "parked"])
        for _, head, lines in tables:
            self.assertTrue(all(len(line) == len(head) for line in lines))
            self.assertEqual(len(set(map(len, report.text_table(head, lines).splitlines()))), 1)
        text = report.markdown_table(*tables[1][1:])
        self.assertIn("| Sleepers100000, 1 | ms | 1,500 | 0 % | 3,000 | 3,000 | 0.50 | 0.50 (a) |", text)
        self.assertEqual(report.geometric_means(rows)[1], {"mean": 0.5, "cases": 1, "above 1": 0})

    def test_marks(self):
        text = "a\n<!-- bench: names -->\nold\n<!-- bench: end of names -->\nb\n"
        new = report.replace_part(text, "names", r"| \1 |")
        self.assertEqual(new, "a\n<!-- bench: names -->\n| \\1 |\n<!-- bench: end of names -->\nb\n")
        with self.assertRaises(ValueError):
            report.replace_part(text, "growth", "")

    def test_the_page_has_every_mark(self):
        with open(os.path.join(columns.ROOT, "docs", "performance.md"), encoding="utf-8") as file:
            page = file.read()
        for name in ("run", "names", "workloads", "speed-up", "parked", "growth"):
            page = report.replace_part(page, name, "x")

    def test_charts(self):
        rows = self.rows()
        verdict = {"series": "GrowYield", "column": "Weft", "procs": 1, "points": [(100, 30.0), (1000, 40.0)]}
        self.assertEqual(charts.ratio_data(rows, [1, 2]), [["ChanSync", 0.5, "NaN"]])
        self.assertEqual(charts.parked_data(rows), [["Weft", 4700]])
        self.assertEqual(charts.growth_data([verdict], ("Grow",)), [[["Yield"], [100, 30.0], [1000, 40.0]]])
        with tempfile.TemporaryDirectory() as folder:
            for file in charts.draw(rows, [verdict], [1, 2], folder):
                self.assertGreater(os.path.getsize(file), 1000)

    def test_plan(self):
        options = type("Options", (), {"only": "", "quick": False, "groups": table.GROUPS, "procs": [1, 2],
                                       "benchtime": 60, "budget": 6.0, "rounds": 10})
        able = Column("Weft", [], True)
        able.has = lambda *_: True
        cases = [("ChanSync", "runtime"), ("WorkPingPong", "workload")]
        cases += [(case, "workload") for series in growth.SERIES if not series.sizes for _, case, _ in series.points()]
        cases += [(case, "growth") for series in growth.SERIES if series.sizes for _, case, _ in series.points()]
        rows = table.make_rows(cases, [able], options)
        self.assertEqual(len({(row.case, row.procs) for row in rows}), len(rows))
        self.assertEqual(set(table.estimate(rows, options)), set(table.GROUPS))


if __name__ == "__main__":
    unittest.main()
