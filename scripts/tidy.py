#!/usr/bin/env python3
"""What the compiler can't check about this code base: layers, sizes, seams, and reasons for memory orders.

Each rule below is a function from a source file to findings; scripts/tidy_test.py shows that each one fires.
Python's standard library only. Run by `./dev lint` and as a test.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

import cpp_text
from sources import CPP_FOLDERS, ROOT, cpp_files

LINE_COLUMNS_MAX = 120
FUNCTION_LINES_MAX = 70
COMMENT_REACH = 4  # lines above a memory order within which its reason must begin

# Who may include whom: include <- platform <- hot, cold <- warm <- engine <- tools, tests, bench. What is made for other
# languages sees the contract alone, as a program would.
ROOMS = {
    "include": {"zverse"},
    "platform": {"zverse", "platform"},
    "hot": {"zverse", "platform", "hot"},
    "cold": {"zverse", "platform", "cold"},
    "warm": {"zverse", "platform", "hot", "cold", "warm"},
    "engine": {"zverse", "platform", "hot", "cold", "warm", "engine"},
    "c_api": {"zverse", "c_api"},
    "tools": {"zverse", "platform", "hot", "cold", "warm", "engine", "tools"},
    "tests": {"zverse", "platform", "hot", "cold", "warm", "engine", "c_api", "tools", "support", "bench"},
    "bench": {"zverse", "platform", "hot", "cold", "warm", "engine", "tools", "support", "bench"},
    "examples": {"zverse"},
}
ROOM_PREFIXES = set().union(*ROOMS.values())
C_HEADERS = {"stddef.h", "stdint.h"}  # of the standard library, for zverse/c.h, which C programs include
# Headers of the system that only the platform room may name; what they offer has a seam there.
SEAM_HEADERS = re.compile(
    r"(liburing|libpmem2|hwloc|numa|numaif|zstd|zdict|fcntl|sys/mman|sys/stat|sys/file|sys/uio|immintrin|arm_neon)(\.h|/.*)"
)

SEAM_CALLS = re.compile(
    r"(?<![\w.:>])(?:::)?(msync|fsync|fdatasync|syncfs|sync_file_range|pwritev?2?|preadv?2?|mmap|munmap|mremap|madvise"
    r"|ftruncate|fallocate|posix_fallocate|flock|fopen|io_uring_\w+|pmem2_\w+|numa_\w+|hwloc_\w+|ZSTD_\w+|ZDICT_\w+|membarrier"
    r"|_mm_clwb|_mm_clflush|_mm_clflushopt|_mm_sfence|_mm_mfence|_mm\d*_stream_\w+)\s*\("
    r"|(?<![\w>:])::(open|openat|close|write|read|rename|unlink|mkdir|stat|fstat|lseek)\s*\("
    r"|\bstd::(?:basic_)?[io]?fstream\b"
    r"|\b(?:std::filesystem|fs)::(create_director\w+|remove|remove_all|rename|resize_file|copy|copy_file|exists"
    r"|is_directory|directory_iterator|recursive_directory_iterator|file_size)\b"
    r"|\basm\b"
)
NOT_IN_LIBRARY = re.compile(
    r"\bthrow\b|\bstd::(cout|cerr|clog)\b|(?<![\w.:>])(?:std::|::)?(printf|fprintf|puts|abort|exit|_exit|sleep|usleep)"
    r"\s*\(|\bsleep_(?:for|until)\s*\("
)
FORBIDDEN_WORDS = re.compile(r"\b(TO" r"DO|FIX" r"ME|X" r"XX|HA" r"CK)\b")
ORDER_WORDS = re.compile(r"\b(invariants?|orders?)\b", re.IGNORECASE)
UNORDERED_ATOMIC = re.compile(r"\.(load|fetch_\w+|compare_exchange_\w+|test_and_set)\s*\(")


@dataclass
class Finding:
    path: Path
    line: int
    text: str

    def __str__(self):
        return f"{self.path}:{self.line}: {self.text}"


class Source:
    """One file, read once, with the views on it that the rules need."""

    def __init__(self, root, path):
        self.root = root
        self.path = path
        self.text = (root / path).read_text(encoding="utf-8", errors="replace")

    @property
    def room(self):
        parts = self.path.parts
        return parts[1] if parts[0] == "src" and len(parts) > 2 else parts[0]

    @property
    def in_library(self):
        return self.path.parts[0] in ("src", "include")

    @cached_property
    def lines(self):
        return self.text.split("\n")

    @cached_property
    def code(self):
        return cpp_text.blanked(self.text)

    @cached_property
    def code_lines(self):
        return self.code.split("\n")

    @cached_property
    def includes(self):
        matches = re.finditer(r'^[ \t]*#[ \t]*include[ \t]*[<"]([^>"]+)[>"]', self.text, re.MULTILINE)
        return [(self.text.count("\n", 0, match.start()) + 1, match.group(1)) for match in matches]

    def finding(self, line, text):
        return Finding(self.path, line, text)

    def line_of(self, offset):
        return self.text.count("\n", 0, offset) + 1


def check_arrows(source):
    allowed = ROOMS.get(source.room, set())
    for line, name in source.includes:
        prefix = name.split("/")[0] if "/" in name else ""
        if prefix in ROOM_PREFIXES and prefix not in allowed:
            yield source.finding(line, f"{source.room} must not include {name}: arrows run one way")
        if source.in_library and source.room != "platform":
            if SEAM_HEADERS.fullmatch(name):
                yield source.finding(line, f"<{name}> belongs to the platform room")
            if name == "zverse_config.h":
                yield source.finding(line, "what was found at configure time is the platform room's business")
        foreign = prefix != "zverse" and ("/" in name or name.endswith(".h")) and name not in C_HEADERS
        if source.room == "include" and foreign:
            yield source.finding(line, f"<{name}> in a public header: only the standard library and zverse/ may be")
        if name.startswith("."):
            yield source.finding(line, f"include {name} from the source root, not by a relative path")


def check_sizes(source):
    for number, line in enumerate(source.lines, 1):
        if len(line) > LINE_COLUMNS_MAX:
            yield source.finding(number, f"{len(line)} columns, more than {LINE_COLUMNS_MAX}")
    for function in cpp_text.functions(source.text):
        if function.lines > FUNCTION_LINES_MAX:
            text = f"{function.name} has {function.lines} lines, more than {FUNCTION_LINES_MAX}"
            yield source.finding(function.first_line, text)


def check_words(source):
    for number, line in enumerate(source.lines, 1):
        if match := FORBIDDEN_WORDS.search(line):
            yield source.finding(number, f"{match.group()}: do it, or write an issue")


def check_header(source):
    if source.path.suffix == ".h" and not re.search(r"^#pragma once$", source.text, re.MULTILINE):
        yield source.finding(1, "header without #pragma once")
    if source.path.suffix == ".h" and (match := re.search(r"^\s*using namespace\b", source.code, re.MULTILINE)):
        yield source.finding(source.line_of(match.start()), "using namespace in a header")
    if source.path.parts[0] == "src" and "namespace" in source.code:
        # The engine room also defines the members of the public classes.
        public = r"|zverse \{" if source.room == "engine" else ""
        if not re.search(rf"\bnamespace (zverse::{source.room}\b{public})", source.code):
            yield source.finding(1, f"namespace is the folder: zverse::{source.room}")
    described_by_header = source.path.suffix == ".cpp" and (source.root / source.path.with_suffix(".h")).is_file()
    if not described_by_header and not cpp_text.top_comment(source.text):
        yield source.finding(1, "a file begins with a comment that says what it is for")


def check_seams(source):
    """Every store that must survive goes through PersistDomain, every file operation through FileIo."""
    if not source.in_library:
        return
    if source.room != "platform":
        for match in SEAM_CALLS.finditer(source.code):
            text = f"{match.group().strip(' (')}: only platform may do that"
            yield source.finding(source.line_of(match.start()), text)
    for match in NOT_IN_LIBRARY.finditer(source.code):
        text = f"{match.group().strip(' (')}: the library never throws, prints, exits or sleeps"
        yield source.finding(source.line_of(match.start()), text)


def check_order_reasons(source):
    """A line that names a memory order has a comment on it or within the lines above it."""
    if source.path.parts[0] != "src":
        return
    for index, line in enumerate(source.code_lines):
        if "memory_order" not in line or re.match(r"\s*using\b", line):
            continue
        reach = source.lines[max(0, index - COMMENT_REACH) : index + 1]
        if not any("//" in above for above in reach):
            yield source.finding(index + 1, "memory order without a comment that says why")


def check_explicit_orders(source):
    """An atomic operation names its order: silent seq_cst hides that nobody thought about it."""
    if source.path.parts[0] != "src":
        return
    for match in UNORDERED_ATOMIC.finditer(source.code):
        call = match.group(1)
        arguments = source.code[match.end() : closing_parenthesis(source.code, match.end())]
        if call == "load" and arguments.strip():
            continue  # either an order is named, or it is no atomic's load()
        if call == "load" or "order" not in arguments:
            yield source.finding(source.line_of(match.start()), f"{call}() without an explicit memory order")


def closing_parenthesis(code, position):
    depth = 1
    while position < len(code) and depth > 0:
        depth += {"(": 1, ")": -1}.get(code[position], 0)
        position += 1
    return position - 1


def check_protocol_comment(source):
    """A file that orders memory says at its top which invariants or orders hold, or names the file that does.

    A .cpp file's own header may say it. Relaxed alone orders nothing: a reason beside it is enough.
    """
    if source.path.parts[0] != "src" or not re.search(r"memory_order(_|::)(?!relaxed)", source.code):
        return
    top = cpp_text.top_comment(source.text)
    if ORDER_WORDS.search(top):
        return
    for name in [source.path.with_suffix(".h").name, *re.findall(r"\b([\w/]+\.(?:h|cpp))\b", top)]:
        for other in (source.root / source.path.parent / name, source.root / "src" / name):
            if other.is_file() and ORDER_WORDS.search(cpp_text.top_comment(other.read_text(encoding="utf-8"))):
                return
    yield source.finding(1, "atomics, but no invariants or orders in the comment at the top")


def check_built(source):
    """Every .cpp and .c file is named by a meson.build: no dead files."""
    if source.path.suffix in (".cpp", ".c") and source.path.with_suffix("") not in built_files(source.root):
        yield source.finding(1, "in no meson.build: a dead file")


@cache
def built_files(root):
    """What the meson.build files name, without suffix: relative to their folder, or to tests/ and bench/."""
    named = set()
    for top in CPP_FOLDERS:
        for build_file in (root / top).rglob("meson.build"):
            for name in re.findall(r"'([\w./-]+)'", build_file.read_text(encoding="utf-8")):
                for folder in (build_file.parent, root / top):
                    named.add(Path(os.path.relpath(folder / name.removesuffix(".cpp").removesuffix(".c"), root)))
    return named


RULES = (
    check_arrows,
    check_sizes,
    check_words,
    check_header,
    check_seams,
    check_order_reasons,
    check_explicit_orders,
    check_protocol_comment,
    check_built,
)


def check_file(root, path):
    source = Source(root, path)
    return [finding for rule in RULES for finding in rule(source)]


INCLUDE_FOLDERS = ("include", "src", "tests", ".")
FIRST_INCLUDE = re.compile(r'\s*#[ \t]*include[ \t]*[<"]([^>"]+)[>"]')


def is_compiled(entry, build, source):
    """Whether its object is there, and newer than the file: the build compiled what is here now."""
    built = build / entry["directory"] / entry["output"]
    return built.is_file() and built.stat().st_mtime >= source.stat().st_mtime


def proved_by_build(root, build):
    """Headers that are the first line of a file which the build compiled: were one not whole, it would have failed."""
    commands = build / "compile_commands.json"
    if not commands.is_file():
        return set()
    proved = set()
    for entry in json.loads(commands.read_text()):
        path = (build / entry["directory"] / entry["file"]).resolve()
        if path.suffix != ".cpp" or not path.is_file() or not path.is_relative_to(root):
            continue
        if "-include" in entry.get("command", "") or not is_compiled(entry, build, path):
            continue
        source = Source(root, path.relative_to(root))
        # The comments are blanks; the include's name is one too, so it is read from the text behind the same offset.
        at = len(source.code) - len(source.code.lstrip())
        if first := FIRST_INCLUDE.match(source.text, at):
            headers = [Path(folder) / first.group(1) for folder in INCLUDE_FOLDERS]
            proved |= {header for header in headers
                       if (root / header).is_file() and is_compiled(entry, build, root / header)}
    return proved


def compile_alone(root, header, include_folders, scratch):
    """Compiles a file that holds nothing but the header; ccache makes the second time quick."""
    stub = scratch / (header.as_posix().replace("/", "_") + ".cpp")
    wanted = f'#include "{(root / header).as_posix()}"\n'
    if not stub.exists() or stub.read_text() != wanted:
        stub.write_text(wanted)
    compiler = [*(["ccache"] if shutil.which("ccache") else []), os.environ.get("CXX", "g++")]
    flags = ["-std=c++23", "-D_GNU_SOURCE", "-O0", "-Wall", "-Wextra", "-Werror"]
    flags += [f"-I{root / folder}" for folder in include_folders]
    command = [*compiler, *flags, "-c", str(stub), "-o", str(stub.with_suffix(".o"))]
    result = subprocess.run(command, capture_output=True, text=True)
    if result.returncode == 0:
        return []
    errors = [line for line in result.stderr.splitlines() if "error" in line]
    return [Finding(header, 1, "does not compile alone: " + (errors[0] if errors else result.stderr.strip()))]


def check_headers_alone(root, headers, build):
    """`build` holds the generated zverse_config.h."""
    folders = [*INCLUDE_FOLDERS, build / "src"]
    scratch = build / "lint"
    scratch.mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        jobs = [pool.submit(compile_alone, root, header, folders, scratch) for header in headers]
        return [finding for job in jobs for finding in job.result()]


def check_readme(root):
    """The example in README.md is made of lines of examples/quickstart.cpp, in order, so it compiles and is tested."""
    readme, example = root / "README.md", root / "examples" / "quickstart.cpp"
    if not readme.is_file() or not example.is_file():
        return []
    text = readme.read_text(encoding="utf-8")
    shown = re.search(r"```cpp\n(.*?)```", text, re.DOTALL)
    real = iter(example.read_text(encoding="utf-8").splitlines())
    first = text.count("\n", 0, shown.start(1)) + 1 if shown else 1
    for number, line in enumerate(shown.group(1).splitlines() if shown else [], first):
        if line.strip() and line not in real:
            return [Finding(Path("README.md"), number, "not in examples/quickstart.cpp, or not in this order")]
    return []


def main(arguments):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", type=Path, default=ROOT)
    parser.add_argument("--build", type=Path, help="build directory; without it headers are not compiled")
    options = parser.parse_args(arguments)
    root = options.root.resolve()

    files = cpp_files(root)
    findings = [finding for path in files for finding in check_file(root, path)]
    findings += check_readme(root)
    headers = [path for path in files if path.suffix == ".h"]
    if options.build:
        build = options.build.resolve()
        proved = proved_by_build(root, build)
        unproved = [header for header in headers if header not in proved]
        findings += check_headers_alone(root, unproved, build)
    for finding in findings:
        print(finding)
    alone = "headers not compiled: no --build"
    if options.build:
        alone = f"{len(unproved)} headers compiled alone, {len(headers) - len(unproved)} first in a file of the build"
    print(f"tidy: {len(files)} files, {alone}, {len(findings)} findings")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
