#!/usr/bin/env python3
"""Formats the C++ sources with clang-format 19, or with --check says which are not."""

import shutil
import subprocess
import sys

from sources import ROOT, cpp_files

TOOL = "clang-format-19"


def main(arguments):
    check = "--check" in arguments
    files = [name for name in arguments if not name.startswith("--")] or [str(path) for path in cpp_files()]
    if shutil.which(TOOL) is None:
        print(f"format: SKIPPED, {TOOL} is not installed (./dev setup installs it)")
        return 77 if check else 1
    if not check:
        return subprocess.run([TOOL, "-i", *files], cwd=ROOT).returncode
    wrong = []
    for name in files:
        result = subprocess.run([TOOL, "--dry-run", "--Werror", name], capture_output=True, text=True, cwd=ROOT)
        if result.returncode != 0:
            wrong.append(name)
    for name in wrong:
        print(f"{name}: not formatted; ./dev format {name}")
    print(f"format: {len(files)} files, {len(wrong)} not formatted")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
