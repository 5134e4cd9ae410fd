#!/usr/bin/env python3
"""Adds up the logs of `meson test` into one line, and names what failed or was skipped.

Counted are test cases, not programs: a case that GoogleTest skipped inside a program that passed must not look
green. A program that is no GoogleTest program may print "cases: N passed, N failed, N skipped"; otherwise it is one
case. The last line printed is always

    tests: N passed, N failed, N skipped

and the exit status is 0 only when nothing failed and something passed.
"""

import argparse
import json
import re
import sys
from pathlib import Path

GTEST_CASE = re.compile(r"\[(       OK |  FAILED  |  SKIPPED )\] (\S+?),?(?: where .*?)? \(\d+ ms\)")
OWN_COUNT = re.compile(r"^cases: (\d+) passed, (\d+) failed, (\d+) skipped$", re.MULTILINE)
SKIP_REASON = re.compile(r"^\S+:\d+: Skipped\n(.*)$", re.MULTILINE)


class Tally:
    def __init__(self):
        self.passed = 0
        self.failed = []
        self.skipped = []

    def add_gtest(self, name, output, cases):
        reasons = SKIP_REASON.findall(output)
        for kind, case in cases:
            if "OK" in kind:
                self.passed += 1
            elif "FAILED" in kind:
                self.failed.append(f"{name}: {case}")
            else:
                reason = reasons.pop(0) if reasons else "no reason given"
                self.skipped.append(f"{name}: {case}: {reason}")

    def add_program(self, stage, entry):
        # Meson writes "project:suites / name".
        name = stage + " " + entry["name"].split(" / ", 1)[-1]
        result, output = entry["result"], entry.get("stdout", "")
        failures_before = len(self.failed)
        cases = GTEST_CASE.findall(output)
        own = OWN_COUNT.findall(output)
        if cases:
            self.add_gtest(name, output, cases)
        elif own:
            passed, failed, skipped = map(int, own[-1])
            self.passed += passed
            self.failed += [f"{name}: see its output"] * failed
            self.skipped += [f"{name}: see its output"] * skipped
        elif result == "SKIP":
            last = output.strip().splitlines()[-1:] or ["no reason given"]
            self.skipped.append(f"{name}: {last[0]}")
        elif result in ("OK", "EXPECTEDFAIL"):
            self.passed += 1
        # A program that crashed or ran out of time fails even if each case it got to passed.
        if result not in ("OK", "SKIP", "EXPECTEDFAIL") and len(self.failed) == failures_before:
            self.failed.append(f"{name}: {result.lower()}, status {entry.get('returncode')}")

    def add_log(self, path):
        if not path.exists():
            self.failed.append(f"{path}: no such log, the stage did not run")
            return
        for line in path.read_text().splitlines():
            self.add_program(path.stem, json.loads(line))


def main(arguments):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("logs", nargs="*", type=Path)
    parser.add_argument("--failed", action="append", default=[], help="count one more failure, with its reason")
    parser.add_argument("--skipped", action="append", default=[], help="count one more skip, with its reason")
    options = parser.parse_args(arguments)

    tally = Tally()
    for log in options.logs:
        tally.add_log(log)
    tally.failed += options.failed
    tally.skipped += options.skipped
    for line in tally.skipped:
        print(f"SKIPPED {line}")
    for line in tally.failed:
        print(f"FAILED  {line}")
    print(f"tests: {tally.passed} passed, {len(tally.failed)} failed, {len(tally.skipped)} skipped")
    return 0 if tally.passed and not tally.failed else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
