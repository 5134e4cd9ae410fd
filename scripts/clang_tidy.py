#!/usr/bin/env python3
"""Runs clang-tidy 19 over every source that a build directory compiles. Slow: not part of the default suite."""

import argparse
import json
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from sources import CPP_FOLDERS, ROOT

TOOL = "clang-tidy-19"
EXTRA = [
    "--extra-arg=-Wno-unknown-warning-option", "--extra-arg=-Wno-unused-command-line-argument",
    "--extra-arg=-Wno-deprecated-declarations",  # of libstdc++'s own headers
    "--quiet",
]


def sources_of(build):
    """The C++ sources below our folders that the build directory compiles."""
    found = set()
    for entry in json.loads((build / "compile_commands.json").read_text()):
        path = (Path(entry["directory"]) / entry["file"]).resolve()
        if path.is_relative_to(ROOT) and path.relative_to(ROOT).parts[0] in CPP_FOLDERS:
            found.add(path)
    return sorted(found)


def run(build, source):
    return subprocess.run([TOOL, "-p", str(build), *EXTRA, str(source)], capture_output=True, text=True)


def main(arguments):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=Path, default=ROOT / "build")
    parser.add_argument("sources", nargs="*", type=Path, help="only these")
    options = parser.parse_args(arguments)
    if shutil.which(TOOL) is None:
        print(f"clang-tidy: SKIPPED, {TOOL} is not installed (./dev setup installs it)")
        return 77
    build = options.build.resolve()
    sources = [path.resolve() for path in options.sources] or sources_of(build)
    bad = 0
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for source, result in zip(sources, pool.map(lambda path: run(build, path), sources)):
            if result.returncode != 0:
                bad += 1
                print(result.stdout.strip() or result.stderr.strip())
    print(f"clang-tidy: {len(sources)} files, {bad} with findings")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
