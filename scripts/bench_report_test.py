#!/usr/bin/env python3
"""Shows that bench_report.py judges goals by what was measured, and draws what it was given."""

import contextlib
import io
import json
import sys
import tempfile
import unittest
from pathlib import Path

import bench_report

LAYOUTS = """
uniform: 10 records of 5 keys in 3 blocks; zones, jumps, both
                 optimum | k..                  | v..
history              1.0 |     1.3 all     1.4 |    37.6 all    37.7
changes 64           2.0 | 1721.4 1793.0 1721.5 |    3.3    3.4    3.5
"""


def result(row, engine, per_second, **more):
    label_suite, phase, threads, durability = row.split("/")
    *label, suite = label_suite.split(" ")
    return {
        "row": row, "label": " ".join(label), "suite": suite, "phase": phase, "engine": engine, "threads": int(threads),
        "durability": durability, "per_second": per_second, "per_second_of_repeats": [per_second],
        "latency_ns": {"p50": 100.0, "p99": 2000.0}, "bytes_written": 0, "steps": [], **more,
    }


def report(results):
    request = {"key_bytes": 16, "value_bytes_min": 50, "value_bytes_max": 150}
    return {"schema": bench_report.SCHEMA, "emulated": True, "circumstances": {"cpu": "<one>"}, "settings": {"a": "b"},
            "request": request, "results": results}


class BenchReportTest(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.path = Path(directory.name)

    def run_program(self, results, *arguments):
        (self.path / "report.json").write_text(json.dumps(report(results)))
        (self.path / "layouts.txt").write_text(LAYOUTS)
        with contextlib.redirect_stdout(io.StringIO()) as output:
            status = bench_report.main([str(self.path / "report.json"), *arguments])
        self.assertEqual(status, 0)
        return output.getvalue()

    def verdicts(self, results):
        (self.path / "report.json").write_text(json.dumps(report(results)))
        loaded, _ = bench_report.load([self.path / "report.json"])
        return {(what, goal): (measured, met) for what, goal, measured, met in bench_report.judge(loaded)}

    def test_goals_are_judged_by_ratio(self):
        goal = ("durable put", "at least 10 x rocksdb")
        for ours, met in ((1000.0, True), (999.0, False)):
            put = "micro/overwrite/1/power"
            judged = self.verdicts([result(put, "zverse", ours), result(put, "rocksdb", 100.0)])[goal]
            self.assertIs(judged[1], met)

    def test_the_best_peer_is_the_fastest(self):
        put = "4k micro/fillrandom/1/power"
        judged = self.verdicts([result(put, "zverse", 100.0), result(put, "lmdb", 101.0), result(put, "leveldb", 5.0)])
        self.assertIs(judged["put of 4 KiB", "at least 1 x the best peer"][1], False)

    def test_percentiles_are_judged(self):
        goal = ("99th percentile of a durable put", "at most 3 us")
        put = "micro/overwrite/1/power"
        self.assertIs(self.verdicts([result(put, "zverse", 1.0)])[goal][1], True)
        slow = result(put, "zverse", 1.0, latency_ns={"p50": 1.0, "p99": 3001.0})
        self.assertIs(self.verdicts([slow])[goal][1], False)

    def test_what_was_not_measured_is_red(self):
        output = self.run_program([result("ycsb/a/1/power", "zverse", 5.0)])
        self.assertIn("| recovery | at least 5 x rocksdb | not measured | red |", output)
        self.assertNotIn("green", output)

    def test_every_goal_is_a_row(self):
        judged = bench_report.judge({})
        self.assertEqual(len(judged), len(bench_report.GOALS) + len(bench_report.P99_GOALS))
        self.assertTrue(all(met is None for *_, met in judged))

    def test_the_page_needs_nothing_but_itself(self):
        steps = [{"operations": 10, "bytes_written": 2320}, {"operations": 20, "bytes_written": 2320}]
        page_path = self.path / "page.html"
        results = [result(f"ycsb/a/{threads}/power", engine, 5.0 * threads) for threads in (1, 2)
                   for engine in ("zverse", "rocksdb")]
        results += [result(f"scale/read_{size}/1/power", "zverse", 7.0) for size in ("quarter", "once", "four_times")]
        results.append(result("versions/update_all_kept/1/power", "zverse", 5.0, steps=steps))
        self.run_program(results, "--html", str(page_path), "--layouts", str(self.path / "layouts.txt"))
        page = page_path.read_text()
        for word in ("Scaling", "ycsb a power, operations per second", "of read, operations per second",
                     "Write amplification over time", "Blocks touched per query", "uniform", "&lt;one&gt;", "What must hold"):
            self.assertIn(word, page)
        for word in ("http:", "https:", "src=", "<script", "url("):
            self.assertNotIn(word, page)

    def test_amplification_is_per_byte_put(self):
        drawn = {}
        self.addCleanup(setattr, bench_report, "lines_plot", bench_report.lines_plot)
        bench_report.lines_plot = lambda title, series, *_: drawn.update({title: series}) or ""
        steps = [{"operations": 10, "bytes_written": 1160}, {"operations": 20, "bytes_written": 6960}]
        (self.path / "report.json").write_text(
            json.dumps(report([result("versions/update_all_kept/1/power", "zverse", 5.0, steps=steps)])))
        bench_report.amplification_plots(bench_report.load([self.path / "report.json"])[0])
        self.assertEqual(list(drawn.values()), [{"zverse": [("1", 1.0), ("2", 3.0)]}])

    def test_layouts_are_read_by_column(self):
        (self.path / "layouts.txt").write_text(LAYOUTS)
        worlds = bench_report.read_layouts(self.path / "layouts.txt")
        self.assertEqual(worlds, {"uniform: 10 records of 5 keys in 3 blocks": {
            "optimum": [("history", 1.0), ("changes 64", 2.0)],
            "k..": [("history", 1.4), ("changes 64", 1721.5)],
            "v..": [("history", 37.7), ("changes 64", 3.5)],
        }})

    def test_other_files_are_refused(self):
        (self.path / "other.json").write_text('{"schema": "else"}')
        with self.assertRaises(SystemExit) as refused:
            bench_report.load([self.path / "other.json"])
        self.assertIn("other.json", str(refused.exception))


if __name__ == "__main__":
    sys.exit(unittest.main(verbosity=1))
