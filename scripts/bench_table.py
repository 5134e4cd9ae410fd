#!/usr/bin/env python3
"""Runs the benchmarks and prints what was measured beside the goals, as green or red.

    scripts/bench_table.py [--build DIR] [--repetitions N] [--filter REGEX] [PROGRAM ...]
    scripts/bench_table.py --read FILE.json ...        the table of runs made before

All programs run once, then all again, and so on, so that a repetition of each lies in every stretch of time; figures
are medians over the repetitions, with the smallest and the largest beside them. Goals in nanoseconds are those of the
machine they were set on: they are scaled by the raw write measured in the same run, those of single gets by the raw get
measured between their chunks. See docs/performance.md.
Python's standard library only.
"""

import argparse
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PROGRAMS = ("kernel_bench", "hot_bench", "page_bench", "cold_bench", "stream_bench")

# Counters that have a column of their own, or repeat one.
HIDDEN = {"ns", "raw_ns", "ratio_to_raw", "real_time", "items_per_second", "bytes_per_second"}
RAW_WRITE = "hot/raw_write"
# On the machine that the goals in nanoseconds were set on.
REFERENCE_RAW_NS = 150.0  # a raw write
REFERENCE_GET_NS = 304.0  # a raw get


@dataclass(frozen=True)
class Goal:
    benchmark: str
    counter: str  # of the benchmark; "ns" is nanoseconds per operation
    bound: float
    at_least: bool = False  # the counter must reach the bound; otherwise it must not exceed it
    scaled: bool = True  # the bound is an absolute time, and so depends on the machine
    by_get: bool = False  # by the raw get, which is the benchmark's own raw cost; else by the raw write
    note: str = ""


GOALS = (
    Goal("hot/put_known/power", "ratio_to_raw", 2.2, scaled=False, note="aim 1.6"),
    Goal("hot/put_fresh/power", "ratio_to_raw", 2.2, scaled=False, note="aim 1.6"),
    Goal("hot/put_known/process", "ns", 250),
    Goal("hot/put_fresh/process", "ns", 250),
    Goal("hot/batch32/power", "ns", 120),
    Goal("hot/get_into", "ns", 1e3 / 8, note="8 M/s", by_get=True),
    Goal("hot/multi_get16", "ns", 1e3 / 15, note="15 M/s"),
    Goal("hot/get_missing", "ns", 1e3 / 10, note="10 M/s", by_get=True),
    Goal("hot/two_threads/put/stepped", "times_one_thread", 1.6, at_least=True, scaled=False),
    Goal("hot/two_threads/get/stepped", "times_one_thread", 1.6, at_least=True, scaled=False),
    Goal("hot/recovery/one_core", "ns", 1e3 / 10, note="10 M records/s"),
    Goal("hot/scan100/writing", "ns", 1e4, note="100,000/s"),
    Goal("cold/get_into", "ns", 1e3 / 2, note="2 M/s", by_get=True),
    Goal("cold/get_missing", "ns", 1e3 / 4, note="4 M/s", by_get=True),
    Goal("cold/multi_get16", "ns", 1e3 / 4, note="4 M/s"),
    Goal("cold/scan100", "ns", 1e6 / 200, note="200,000/s"),
    Goal("cold/levels/scan100", "ns", 1e6 / 100, note="100,000/s"),
    Goal("cold/get_as_of8", "ns", 1e3, note="1 M/s", by_get=True),
    Goal("cold/fill/fresh", "ns", 1e3, note="1 M/s"),
    Goal("cold/fill/fresh", "p999_ns", 1e6),
    Goal("cold/fill/fresh", "amplification", 3.0, scaled=False),
    Goal("cold/fill/updates", "amplification", 1.8, scaled=False),
)


def plain_name(name):
    """Without what Google Benchmark appends: hot/put/iterations:100/manual_time."""
    return re.sub(r"/(iterations:\d+|manual_time|real_time|repeats:\d+)", "", name)


class Runs:
    """The figures of all repetitions: counter values by benchmark, one per repetition."""

    def __init__(self):
        self.values = {}
        self.labels = {}
        self.failures = {}
        self.context = {}
        self.repetitions = 0

    def add(self, document):
        self.context.update(document.get("context", {}))
        for row in document.get("benchmarks", ()):
            if row.get("run_type", "iteration") != "iteration":
                continue
            name = plain_name(row["name"])
            if row.get("error_occurred"):
                self.failures[name] = row.get("error_message", "failed")
                continue
            counters = self.values.setdefault(name, {})
            self.labels[name] = row.get("label", "")
            known = {"cpu_time", "iterations", "repetitions", "repetition_index", "threads", "family_index",
                     "per_family_instance_index"}
            for counter, value in row.items():
                if isinstance(value, (int, float)) and not isinstance(value, bool) and counter not in known:
                    counters.setdefault(counter, []).append(float(value))
            if "ns" not in row:
                unit = {"ns": 1, "us": 1e3, "ms": 1e6, "s": 1e9}[row["time_unit"]]
                counters.setdefault("ns", []).append(row["real_time"] * unit)

    def median(self, name, counter):
        values = self.values.get(name, {}).get(counter)
        return statistics.median(values) if values else None

    def spread(self, name, counter):
        values = self.values[name][counter]
        return min(values), max(values)


def scale(runs, goal=None):
    """What times may take here, of those on the machine of the goals; None where it was not measured."""
    if goal and not goal.scaled:
        return 1.0
    by_get = goal and goal.by_get
    raw = runs.median(goal.benchmark, "raw_ns") if by_get else runs.median(RAW_WRITE, "ns")
    return raw / (REFERENCE_GET_NS if by_get else REFERENCE_RAW_NS) if raw else None


def judge(runs, goal):
    """True, False, or None where it can't be told."""
    value = runs.median(goal.benchmark, goal.counter)
    factor = scale(runs, goal)
    if value is None or factor is None:
        return None
    bound = goal.bound * factor
    return value >= bound if goal.at_least else value <= bound


def number(value):
    if value is None:
        return "-"
    if value >= 1e5:
        return f"{value / 1e3:.0f}k"
    return f"{value:.0f}" if value >= 1000 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def colored(text, verdict):
    if not sys.stdout.isatty():
        return text
    return f"\033[{'32' if verdict else '31'}m{text}\033[0m"


def print_columns(rows):
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]) - 1)]
    for row in rows:
        cells = [row[0].ljust(widths[0])] + [cell.rjust(width) for cell, width in zip(row[1:-1], widths[1:])]
        print("  ".join(cells) + "  " + row[-1])


def goal_rows(runs):
    rows = [("goal", "measured", "least .. most", "goal", "scaled", "raw ns", "ratio", "")]
    red = 0
    for goal in GOALS:
        value = runs.median(goal.benchmark, goal.counter)
        verdict = judge(runs, goal)
        factor = scale(runs, goal)
        red += verdict is False
        spread = " .. ".join(number(v) for v in runs.spread(goal.benchmark, goal.counter)) if value else "-"
        bound = f"{'>=' if goal.at_least else '<='} {number(goal.bound)}"
        scaled = number(goal.bound * factor) if goal.scaled and factor else "-"
        unit = {"ratio_to_raw": "x raw", "times_one_thread": "x one", "p999_ns": "ns, p99.9"}.get(goal.counter, goal.counter)
        word = {True: "green", False: "RED", None: "not measured"}[verdict]
        if goal.benchmark in runs.failures:
            word = "FAILED: " + runs.failures[goal.benchmark]
        rows.append((f"{goal.benchmark} ({unit})", number(value), spread, bound, scaled,
                     number(runs.median(goal.benchmark, "raw_ns")),
                     number(runs.median(goal.benchmark, "ratio_to_raw")),
                     colored(word, verdict) + (f"  {goal.note}" if goal.note else "")))
    return rows, red


def other_rows(runs):
    rows = [("benchmark", "ns", "least .. most", "per second", "raw ns", "ratio", "")]
    for name, counters in runs.values.items():
        ns = runs.median(name, "ns")
        least, most = runs.spread(name, "ns")
        more = [f"{counter} {number(statistics.median(values))}" for counter, values in counters.items()
                if counter not in HIDDEN]
        rows.append((name, number(ns), f"{number(least)} .. {number(most)}",
                     f"{1e9 / ns:,.0f}" if ns else "-", number(runs.median(name, "raw_ns")),
                     number(runs.median(name, "ratio_to_raw")), ", ".join([runs.labels[name], *more]).strip(", ")))
    return rows


def print_table(runs):
    factor = scale(runs)
    for name in ("cpu_kernels", "line_flush", "huge_pages_tmpfs", "membarrier"):
        if name in runs.context:
            print(f"{name}: {runs.context[name]}")
    print(f"{runs.repetitions} repetitions, medians; ", end="")
    if factor:
        print(f"raw write {runs.median(RAW_WRITE, 'ns'):.0f} ns, so times may be {factor:.2f} of those on the machine "
              f"of the goals ({REFERENCE_RAW_NS:.0f} ns)")
    else:
        print("no raw write measured, so goals in ns can't be judged")
    print()
    print_columns(other_rows(runs))
    print()
    rows, red = goal_rows(runs)
    print_columns(rows)
    for name, why in runs.failures.items():
        print(f"FAILED {name}: {why}")
    return red


def realtime_prefix():
    """A real-time policy keeps other processes away; `nice` does not."""
    wanted = ["chrt", "-f", "5"]
    if shutil.which("chrt") and subprocess.run([*wanted, "true"], capture_output=True).returncode == 0:
        return wanted
    print("bench: no right to a real-time policy; other processes will be in the figures")
    return []


def run_all(options, programs, place):
    runs = Runs()
    prefix = realtime_prefix()
    environment = dict(os.environ)
    environment.setdefault("ZVERSE_BENCH_DIR", str(place))
    for repetition in range(options.repetitions):
        for program in programs:
            path = options.build / "bench" / program
            out = place / f"{program}.json"
            command = [*prefix, str(path), f"--benchmark_out={out}", "--benchmark_out_format=json"]
            if options.filter:
                command.append(f"--benchmark_filter={options.filter}")
            print(f"bench: {repetition + 1}/{options.repetitions} {program}", file=sys.stderr, flush=True)
            out.unlink(missing_ok=True)
            result = subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                    text=True)
            if result.returncode != 0:
                sys.exit(f"bench: {program} failed ({result.returncode}): {result.stderr.strip()[-2000:]}")
            if out.exists() and out.stat().st_size > 0:
                document = json.loads(out.read_text())
                runs.add(document)
                if options.out:
                    options.out.mkdir(parents=True, exist_ok=True)
                    (options.out / f"{program}.{repetition + 1}.json").write_text(json.dumps(document, indent=1))
    runs.repetitions = options.repetitions
    return runs


def main(arguments):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("programs", nargs="*", help=f"of {', '.join(PROGRAMS)}; all when none is named")
    parser.add_argument("--build", type=Path, default=ROOT / "build")
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--filter", help="regular expression of benchmark names")
    parser.add_argument("--out", type=Path, help="directory to keep each run's JSON in")
    parser.add_argument("--read", type=Path, nargs="+", help="print the table of these files, run nothing")
    parser.add_argument("--strict", action="store_true", help="exit with 1 when a goal is red")
    options = parser.parse_args(arguments)
    for program in options.programs:
        if program not in PROGRAMS:
            parser.error(f"there is no program {program}; there are {', '.join(PROGRAMS)}")

    if options.read:
        runs = Runs()
        for path in options.read:
            runs.add(json.loads(path.read_text()))
        runs.repetitions = max((len(v["ns"]) for v in runs.values.values()), default=0)
    else:
        load = os.getloadavg()[0]
        if load > 0.5:
            print(f"bench: the machine is busy (load {load:.1f}); ratios hold, times do not")
        memory = Path("/dev/shm") if Path("/dev/shm").is_dir() else Path(tempfile.gettempdir())
        with tempfile.TemporaryDirectory(prefix="zverse-bench-", dir=memory) as place:
            runs = run_all(options, options.programs or PROGRAMS, Path(place))
    red = print_table(runs)
    return 1 if options.strict and (red or runs.failures) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
