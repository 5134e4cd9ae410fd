#!/usr/bin/env python3
"""Shows that the tests have teeth: breaks the library on purpose, one line at a time, and looks which test notices.

scripts/mutations.py lists the deletions and changes. Each is applied to a copy of the tree in build-mutate/ (the working
tree is never touched), built there, and judged by the tests it names, in their order, until one of them fails. Random
tests run with one seed and few states, so that a table can be made again. Python's standard library only.

  mutate.py                 all of them; exit status 1 when one survived that is not explained
  mutate.py NAME...         those whose name contains one of the words
  mutate.py --check         only that every text to be replaced is there exactly as often as stated; seconds
  mutate.py --resume        does not try again what was caught before, if it and the function it breaks are as they were
  mutate.py --write         also puts the table into docs/testing.md; all mutations only
  mutate.py --table         only that, from what the latest runs found; what changed since is named as such
  mutate.py --tsan          the weakened memory orders, under ThreadSanitizer
"""

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time

import mutations
from sources import ROOT

SCRATCH = ROOT / "build-mutate"
FOUND = SCRATCH / "found.json"  # what runs found, for --resume
DOCUMENT = ROOT / "docs" / "testing.md"
TABLE_BEGIN, TABLE_END = "<!-- mutations: begin -->", "<!-- mutations: end -->"
MESON_OPTIONS = ["-Doptimization=1", "-Ddebug=false", "-Ddefault_library=static", "-Dbench=false"]
TEST_SECONDS_MAX = 120  # a mutant that hangs is caught as well


def copy_tree(target):
    """Makes `target` hold what git knows or would add; unchanged files keep their times, so that little is built anew."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT, check=True, capture_output=True, text=True,
    )
    wanted = {name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()}
    for name in wanted:
        source, copy = ROOT / name, target / name
        if not copy.is_file() or source.read_bytes() != copy.read_bytes():
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, copy)
    for path in [path for path in target.rglob("*") if path.is_file()]:
        if str(path.relative_to(target)) not in wanted:
            path.unlink()


class Workplace:
    """A copy of the tree with its build directory, in which one mutant lives at a time."""

    def __init__(self, name, options, environment):
        self.tree, self.build = SCRATCH / f"{name}-tree", SCRATCH / f"{name}-build"
        self.environment = environment
        self.tree.mkdir(parents=True, exist_ok=True)
        copy_tree(self.tree)
        if not (self.build / "build.ninja").is_file():
            command = ["meson", "setup", str(self.build), str(self.tree), *MESON_OPTIONS, *options]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)

    def compile(self, test):
        target = "tests/" + test.replace("/", "_")
        command = ["nice", "-n", "10", "ninja", "-C", str(self.build), f"-j{os.cpu_count()}", target]
        result = subprocess.run(command, capture_output=True, text=True)
        return None if result.returncode == 0 else result.stdout

    def run(self, test):
        """None when the test passes, else how it failed."""
        program = self.build / "tests" / test.split(" ")[0].replace("/", "_")
        command = [str(program), "--gtest_fail_fast", "--gtest_brief=1", *test.split(" ")[1:]]
        try:
            result = subprocess.run(
                command, env=self.environment, timeout=TEST_SECONDS_MAX, cwd=self.tree,
                capture_output=True, text=True, errors="replace",
            )
        except subprocess.TimeoutExpired:
            return "hangs"
        if result.returncode == 0:
            return None
        failed = [line for line in result.stdout.splitlines() if line.startswith("[  FAILED  ]")]
        if failed:
            return failed[0].removeprefix("[  FAILED  ]").strip().split(",")[0].split(" (")[0]
        return f"dies of signal {-result.returncode}" if result.returncode < 0 else f"exits {result.returncode}"


def mutate(workplace, mutation):
    """(verdict, by) of one mutation: caught, survived, or not built."""
    path = workplace.tree / mutation.file
    original = path.read_text(encoding="utf-8")
    path.write_text(mutation.apply(original), encoding="utf-8")
    try:
        for test in mutation.tests:
            if output := workplace.compile(test.split(" ")[0]):
                (SCRATCH / f"{mutation.name}.log").write_text(output, encoding="utf-8")
                return "did not build", "see build-mutate/" + mutation.name + ".log"
            if how := workplace.run(test):
                return "caught", f"{test.split(' ')[0]}: {how}"
    finally:
        path.write_text(original, encoding="utf-8")
    return "SURVIVED", ""


def key_of(mutation):
    """Changes when the mutation or a function that it breaks does."""
    text = (ROOT / mutation.file).read_text(encoding="utf-8")
    parts = repr((mutation.name, mutation.edits, mutation.tests, mutation.places(text)))
    return hashlib.sha256(parts.encode()).hexdigest()


def load_found():
    return json.loads(FOUND.read_text(encoding="utf-8")) if FOUND.is_file() else {}


def remember(mutation, verdict, by):
    found = load_found()
    found[mutation.name] = {"key": key_of(mutation), "verdict": verdict, "by": by}
    FOUND.write_text(json.dumps(found, indent=1, sort_keys=True), encoding="utf-8")


def recall(mutation):
    known = load_found().get(mutation.name, {})
    return (known["verdict"], known["by"]) if known.get("key") == key_of(mutation) and known["verdict"] == "caught" else None


def check(chosen):
    """Complaints about mutations whose text is not where they say."""
    found = []
    for mutation in chosen:
        path = ROOT / mutation.file
        text = path.read_text(encoding="utf-8") if path.is_file() else ""
        found += mutation.complaints(text)
    return found


def row_as_found(mutation):
    known = load_found().get(mutation.name)
    if known is None or known["key"] != key_of(mutation):
        return row(mutation, "not tried", "since it or what it breaks changed")
    return row(mutation, known["verdict"], known["by"])


def row(mutation, verdict, by):
    if verdict == "SURVIVED":
        verdict, by = ("survived", mutation.explained) if mutation.explained else ("open", "no test notices, and nobody said why")
    note = by
    return f"| {mutation.file.removeprefix('src/')} | {mutation.what} | {verdict.lower()} | {note} |"


def table(rows):
    return "\n".join(["| file | what is broken | verdict | by |", "| --- | --- | --- | --- |", *rows])


def write_document(rows):
    before, rest = DOCUMENT.read_text(encoding="utf-8").split(TABLE_BEGIN)
    after = rest.split(TABLE_END)[1]
    not_modelled = [f"| {what} | {why} |" for what, why in mutations.NOT_MODELLED]
    also = "\n".join(["", "Not modelled:", "", "| what | why |", "| --- | --- |", *not_modelled]) if not_modelled else ""
    caught = sum("| caught |" in each for each in rows)
    survived = sum("| survived |" in each for each in rows)
    unexplained = sum("| open |" in each for each in rows)
    other = len(rows) - caught - survived - unexplained
    tried = (
        f"{len(rows)} entries: {caught} caught, {survived} survived with reason, {unexplained} survived without, "
        f"{other} not tried or not built."
    )
    DOCUMENT.write_text(
        f"{before}{TABLE_BEGIN}\n{tried}\n\n{table(rows)}\n{also}\n{TABLE_END}{after}", encoding="utf-8"
    )


def run_baseline(workplace, chosen):
    """Every test must pass before anything is broken."""
    for test in dict.fromkeys(test for mutation in chosen for test in mutation.tests):
        if output := workplace.compile(test.split(" ")[0]):
            sys.exit(f"mutate: {test} does not build unchanged\n{output[-3000:]}")
        if how := workplace.run(test):
            sys.exit(f"mutate: {test} fails unchanged: {how}")


def main(arguments):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("words", nargs="*")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--resume", action="store_true")
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--table", action="store_true")
    parser.add_argument("--tsan", action="store_true")
    parser.add_argument("--seed", default="1")
    options = parser.parse_args(arguments)

    if options.write and (options.words or options.tsan):
        parser.error("--write needs all mutations")
    every = mutations.ORDERS if options.tsan else mutations.ALL
    chosen = [each for each in every if not options.words or any(word in each.name for word in options.words)]
    if complaints := check(mutations.ALL + mutations.ORDERS if options.check else chosen):
        print("\n".join(complaints))
        return 1
    if options.check:
        print(f"mutate: {len(mutations.ALL)} mutations and {len(mutations.ORDERS)} weakened orders are up to date")
        return 0

    if options.table:
        write_document([row_as_found(each) for each in mutations.ALL])
        return 0

    environment = dict(os.environ, ZVERSE_SEED=options.seed, **mutations.ENVIRONMENT)
    name, sanitize = ("tsan", ["-Db_sanitize=thread", "-Db_lundef=false"]) if options.tsan else ("plain", [])
    workplace = Workplace(name, sanitize, environment)
    known = {each.name: recall(each) for each in chosen} if options.resume else {}
    run_baseline(workplace, [each for each in chosen if not known.get(each.name)])
    rows, survivors = [], []
    for number, mutation in enumerate(chosen, 1):
        began = time.monotonic()
        verdict, by = known.get(mutation.name) or mutate(workplace, mutation)
        if not known.get(mutation.name) and not options.tsan:
            remember(mutation, verdict, by)
        if verdict != "caught" and not mutation.explained:
            survivors.append(mutation.name)
        rows.append(row(mutation, verdict, by))
        print(f"{number:3}/{len(chosen)} {verdict:13} {mutation.name:34} {by}  ({time.monotonic() - began:.0f} s)",
              flush=True)
    if options.write:
        write_document(rows)
    caught = sum("| caught |" in each for each in rows)
    print(f"mutate: {caught} of {len(rows)} caught; not caught and not explained: {', '.join(survivors) or 'none'}")
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
