#!/usr/bin/env python3
"""Prints figures of build/bench/hot_bench as the last lines of ./dev run.

    scripts/speed_lines.py FILE.json

A line: nanoseconds per operation, operations per second, the raw cost measured beside them and how many times that the
operation took, and what the operation is. See docs/performance.md.
"""

import json
import sys

# What a line is, by the beginning of its name.
MEANINGS = (
    ("raw_write", "192 bytes flushed and fenced, without a store"),
    ("put_known/power", "put of a key that is there, survives power loss on such a medium"),
    ("put_known/process", "the same, survives the death of the process"),
    ("batch32", "batches of 32 such puts, per put"),
    ("get_into", "get of a random key"),
    ("get_missing", "get of a key that is not there"),
    ("multi_get16", "multi_get of 16 random keys, per key"),
    ("recovery", "reopening after a kill, per record, on one core"),
)


def speed_line(figures):
    name = figures["name"].split("/iterations")[0].removeprefix("hot/")
    ns = figures["ns"]
    raw = ""
    if "ratio_to_raw" in figures and not name.startswith("raw_"):
        kind = "read" if "get" in name else "write"
        raw = f"{figures['ratio_to_raw']:.2f} x raw {kind} of {figures['raw_ns']:.0f} ns"
    meaning = next((text for beginning, text in MEANINGS if name.startswith(beginning)), "")
    return f"  {name:<20}{ns:6.0f} ns {1000 / ns:7.2f} M/s  {raw:<28}  {meaning}".rstrip()


def main(path):
    with open(path, encoding="utf-8") as file:
        benchmarks = json.load(file)["benchmarks"]
    for figures in benchmarks:
        failure = f"  {figures['name']}: {figures.get('error_message', 'failed')}"
        print(speed_line(figures) if "ns" in figures else failure)
    print("  raw write: the same 192 bytes without a store; raw read: a random line of a table and 100 bytes it names")


if __name__ == "__main__":
    main(sys.argv[1])
