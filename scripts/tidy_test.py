#!/usr/bin/env python3
"""Shows that each rule of tidy.py fires on a bad sample and stays quiet on a good one."""

import contextlib
import io
import json
import os
import shutil
import sys
import tempfile
import unittest
from pathlib import Path

import cpp_text
import test_summary
import tidy

GOOD_HEADER = """\
// Ring: a good file.
//
// Invariants
//   I1  tail never falls.
#pragma once

#include <platform/mapping.h>

#include <atomic>

namespace zverse::hot {

class Ring {
public:
    Ring(int a, int b) : a_{a}, b_(b) {}
    // acquire: pairs with the release in append().
    int tail() const { return tail_.load(std::memory_order_acquire); }

private:
    int a_, b_;
    std::atomic<int> tail_{0};
};

}  // namespace zverse::hot
"""


class Sample:
    """A small tree of sources in a temporary folder."""

    def __init__(self, files):
        self.root = Path(tempfile.mkdtemp(prefix="zverse-tidy-test-"))
        for name, text in files.items():
            path = self.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    def findings(self, name):
        return [str(finding) for finding in tidy.check_file(self.root, Path(name))]

    def remove(self):
        shutil.rmtree(self.root)


def in_hot(body, top="// Ring.\n#pragma once\n"):
    return f"{top}namespace zverse::hot {{\n{body}\n}}\n"


class RuleTest(unittest.TestCase):
    def check(self, name, text, expected, others=None):
        sample = Sample({name: text, **(others or {})})
        self.addCleanup(sample.remove)
        found = sample.findings(name)
        if expected is None:
            self.assertEqual(found, [])
        else:
            self.assertTrue(any(expected in finding for finding in found), f"{expected!r} not in {found}")

    def test_a_good_file_has_no_findings(self):
        self.check("src/hot/ring.h", GOOD_HEADER, None)

    def test_arrows(self):
        cases = [
            ("src/platform/a.h", "hot/ring.h"),
            ("src/hot/a.h", "cold/segment.h"),
            ("src/cold/a.h", "hot/ring.h"),
            ("src/hot/a.h", "warm/worker.h"),
            ("src/warm/a.h", "engine/engine.h"),
            ("src/engine/a.h", "tools/progress.h"),
            ("src/engine/a.h", "c_api/call.h"),
            ("src/c_api/a.h", "engine/engine.h"),
            ("src/c_api/a.h", "platform/answer.h"),
            ("include/zverse/a.h", "platform/mapping.h"),
            ("examples/a.h", "engine/engine.h"),
        ]
        for name, included in cases:
            for opening, closing in ("<>", '""'):
                with self.subTest(name=name, included=included):
                    self.check(name, f"// A.\n#pragma once\n#include {opening}{included}{closing}\n", "must not include")

    def test_arrows_allow_what_is_below(self):
        for name, included in (("src/hot/a.h", "platform/mapping.h"), ("src/warm/a.h", "hot/ring.h"),
                               ("src/engine/a.h", "warm/worker.h"), ("tests/hot/a.h", "engine/engine.h")):
            with self.subTest(name=name, included=included):
                self.check(name, f"// A.\n#pragma once\n#include <{included}>\n", None)

    def test_system_headers_of_the_platform(self):
        for header in ("liburing.h", "libpmem2.h", "hwloc.h", "zstd.h", "sys/mman.h", "zverse_config.h"):
            with self.subTest(header=header):
                self.check("src/hot/a.h", f"// A.\n#pragma once\n#include <{header}>\n", "platform room")
                self.check("src/platform/a.h", f"// A.\n#pragma once\n#include <{header}>\n", None)

    def test_public_headers_include_the_standard_library_only(self):
        for name in ("xxhash.h", "sys/types.h"):
            self.check("include/zverse/a.h", f"// A.\n#pragma once\n#include <{name}>\n", "in a public header")
        self.check("include/zverse/a.h", "// A.\n#pragma once\n#include <vector>\n#include <zverse/b.h>\n", None)
        self.check("include/zverse/c.h", "// A.\n#pragma once\n#include <stdint.h>\n", None)

    def test_relative_include(self):
        self.check("src/hot/a.h", '// A.\n#pragma once\n#include "../platform/mapping.h"\n', "relative path")

    def test_long_line(self):
        self.check("src/hot/a.h", "// " + "x" * 118 + "\n#pragma once\n", "121 columns")
        self.check("src/hot/a.h", "// " + "x" * 117 + "\n#pragma once\n", None)

    def test_long_function(self):
        body = "int f(int a) {\n" + "    a++;\n" * 69 + "    return a; }"
        self.check("src/hot/a.h", in_hot(body), "f has 71 lines")
        self.check("src/hot/a.h", in_hot(body.replace("    a++;\n", "", 1)), None)

    def test_long_test_body(self):
        self.check("tests/a.h", "// A.\n#pragma once\nTEST(A, B) {\n" + "    f();\n" * 70 + "}\n", "TEST has 72 lines")

    def test_forbidden_words(self):
        for word in ("TO" + "DO", "FIX" + "ME", "X" * 3):
            with self.subTest(word=word):
                self.check("src/hot/a.h", f"// A.\n#pragma once\n// {word}: later\n", "do it")

    def test_header_rules(self):
        self.check("src/hot/a.h", "// A.\n", "#pragma once")
        self.check("src/hot/a.h", in_hot("using namespace std;"), "using namespace")
        self.check("src/hot/a.h", "// A.\n#pragma once\nnamespace zverse::cold {}\n", "zverse::hot")
        self.check("src/hot/a.h", "// A.\n#pragma once\nnamespace zverse {}\n", "zverse::hot")
        self.check("src/engine/a.h", "// A.\n#pragma once\nnamespace zverse {}\n", None)
        self.check("src/hot/a.h", "#pragma once\n", "begins with a comment")
        self.check("src/hot/a.cpp", "int a;\n", "begins with a comment")

    def test_seams(self):
        calls = ("msync(p, n, 0)", "::fsync(fd)", "pwrite(fd, p, n, 0)", "::open(path, 0)", "_mm_clwb(p)", "_mm_sfence()",
                 "::rename(a, b)", "std::ofstream out(path)", "std::filesystem::remove(path)", 'asm volatile("")',
                 "io_uring_submit(&ring)", "pmem2_map_new(a, b, c)")
        for call in calls:
            with self.subTest(call=call):
                self.check("src/hot/a.h", in_hot(f"void f() {{ {call}; }}"), "only platform")

    def test_seams_leave_methods_and_comments_alone(self):
        body = 'void f() { io.rename(a, b); file->write(d, 0); Store::open(dir); /* msync(p) */ name = "fsync(1)"; }'
        self.check("src/hot/a.h", in_hot(body), None)

    def test_platform_may_use_the_system(self):
        text = "// A.\n#pragma once\nnamespace zverse::platform {\nvoid f() { ::fsync(1); }\n}\n"
        self.check("src/platform/a.h", text, None)

    def test_library_never_throws_prints_exits_or_sleeps(self):
        for call in ("throw 1", "std::cout << 1", "printf(x)", "std::abort()", "exit(1)", "std::this_thread::sleep_for(1s)"):
            with self.subTest(call=call):
                text = f"// A.\n#pragma once\nnamespace zverse::platform {{\nvoid f() {{ {call}; }}\n}}\n"
                self.check("src/platform/a.h", text, "the library never")

    def test_memory_order_without_a_reason(self):
        top = "// Ring.\n//\n// Orders: one.\n#pragma once\n"
        far = "// a reason\nint a;\nint b;\nint c;\nint d;\nint f() { return x.load(std::memory_order_relaxed); }"
        self.check("src/hot/a.h", in_hot(far, top), "memory order without a comment")
        self.check("src/hot/a.h", in_hot(far.replace("int d;\n", ""), top), None)

    def test_order_left_to_the_default(self):
        for call in ("x.load()", "x.fetch_add(1)", "x.compare_exchange_weak(a, b)"):
            with self.subTest(call=call):
                self.check("src/hot/a.h", in_hot(f"int f() {{ return {call}; }}"), "without an explicit memory order")

    def test_atomics_without_protocol(self):
        line = "int f() { return x.load(std::memory_order_acquire); }  // acquire: pairs with the release in g()"
        self.check("src/hot/a.h", in_hot(line), "no invariants or orders")
        self.check("src/hot/a.h", in_hot(line.replace("acquire", "relaxed")), None)
        self.check("src/hot/a.h", in_hot(line, "// A. Orders: see b.h.\n#pragma once\n"), None)
        named = in_hot(line, "// A. See b.h.\n#pragma once\n")
        self.check("src/hot/a.h", named, None, {"src/hot/b.h": "// B.\n// Invariants\n//  I1 it holds\n"})
        self.check("src/hot/a.h", named, "no invariants or orders", {"src/hot/b.h": "// B.\n"})

    def test_dead_file(self):
        text = "// Ring.\nnamespace zverse::hot {}\n"
        self.check("src/hot/ring.cpp", text, "dead file", {"src/hot/meson.build": "files('other.cpp')"})
        self.check("src/hot/ring.cpp", text, None, {"src/hot/meson.build": "files('ring.cpp')"})
        self.check("tests/hot/a.c", "// A.\n", "dead file", {"tests/hot/meson.build": "files('b.c')"})
        self.check("tests/hot/a.c", "// A.\n", None, {"tests/hot/meson.build": "files('a.c')"})
        self.check("tests/hot/a_test.cpp", "// A.\n", None, {"tests/hot/meson.build": "{'hot/a_test': {}}"})
        shared = {"tests/hot/meson.build": "files('../support/sim.cpp')"}
        self.check("tests/support/sim.cpp", "// A.\n", None, shared)

    def test_header_that_leans_on_its_includer(self):
        sample = Sample({"src/hot/good.h": "#include <string>\nstd::string a();\n", "src/hot/bad.h": "std::string a();\n"})
        self.addCleanup(sample.remove)
        headers = [Path("src/hot/bad.h"), Path("src/hot/good.h")]
        found = tidy.check_headers_alone(sample.root, headers, sample.root / "build")
        self.assertEqual([finding.path.name for finding in found], ["bad.h"])
        self.assertIn("does not compile alone", str(found[0]))

    def test_headers_that_the_build_compiled_first_need_no_more(self):
        compiled = ("src/hot/a", "src/hot/b", "src/hot/old", "tests/hot/d", "tests/hot/e")
        flags = {"tests/hot/e": "c++ -include support/all.h"}
        sample = Sample({
            "src/hot/a.cpp": '// About "hot/c.h".\n#include "hot/a.h"\n#include "hot/b.h"\n',
            "src/hot/b.cpp": '#define HELP\n#include "hot/b.h"\n',
            "src/hot/c.cpp": '#include "hot/c.h"\n',
            "src/hot/old.cpp": '#include "hot/old.h"\n',
            "tests/hot/d.cpp": '#include <tools/d.h>\n',
            "tests/hot/e.cpp": '#include <tools/e.h>\n',
            "src/hot/a.h": "", "src/hot/b.h": "", "src/hot/c.h": "", "src/hot/old.h": "", "tools/d.h": "",
            "tools/e.h": "",
            "build/compile_commands.json": json.dumps(
                [{"directory": ".", "file": f"../{name}.cpp", "output": f"{Path(name).name}.o",
                  "command": flags.get(name, "c++")} for name in compiled]),
            **{f"build/{Path(name).name}.o": "" for name in compiled},
        })
        self.addCleanup(sample.remove)
        os.utime(sample.root / "build/old.o", (1, 1))  # the header was changed since
        proved = tidy.proved_by_build(sample.root, sample.root / "build")
        self.assertEqual({header.as_posix() for header in proved}, {"src/hot/a.h", "tools/d.h"})
        self.assertEqual(tidy.proved_by_build(sample.root, sample.root), set())

    def test_readme_shows_what_compiles(self):
        for shown, bad in (("a;\nc;\n", []), ("c;\na;\n", [6]), ("d;\n", [5])):
            with self.subTest(shown=shown):
                sample = Sample({"README.md": f"# R\n\n\n```cpp\n{shown}```\n", "examples/quickstart.cpp": "a;\nb;\nc;\n"})
                self.addCleanup(sample.remove)
                self.assertEqual([finding.line for finding in tidy.check_readme(sample.root)], bad)


class CppTextTest(unittest.TestCase):
    def names(self, text):
        return [function.name for function in cpp_text.functions(text)]

    def test_finds_functions_among_other_braces(self):
        text = """\
namespace a { struct S { int x{1}; S() : x{2} { f(); } int get() const noexcept { return x; } };
enum class E { a, b }; constexpr int kTable[] = {1, 2}; const std::vector<int> v{1};
template <class T> requires (sizeof(T) > 1) T g(T t) { if (t) { return {}; } return t; }
extern "C" { void h() { const char* s = "}}}{"; char c = '{'; (void)R"(}{)"; } } }
"""
        self.assertEqual(self.names(text), ["S", "get", "requires", "h"])

    def test_digit_separators_are_no_characters(self):
        self.assertEqual(self.names("int f() { return 1'000'000; } int g() { return '\\''; }"), ["f", "g"])


class SummaryTest(unittest.TestCase):
    GTEST = ("[       OK ] A.a (1 ms)\n[ RUN      ] A.b\nx.cpp:3: Skipped\nno AVX-512\n[  SKIPPED ] A.b (0 ms)\n")

    def tally(self, **entry):
        tally = test_summary.Tally()
        tally.add_program("default", {"name": "zverse:default / t", "result": "OK", "stdout": "", "returncode": 0, **entry})
        return tally.passed, len(tally.failed), len(tally.skipped), tally

    def test_counts_cases_not_programs(self):
        passed, failed, skipped, tally = self.tally(stdout=self.GTEST)
        self.assertEqual((passed, failed, skipped), (1, 0, 1))
        self.assertEqual(tally.skipped, ["default t: A.b: no AVX-512"])

    def test_a_crash_after_passed_cases_is_a_failure(self):
        self.assertEqual(self.tally(stdout=self.GTEST, result="FAIL", returncode=-11)[:3], (1, 1, 1))
        self.assertEqual(self.tally(result="TIMEOUT")[:3], (0, 1, 0))

    def test_failed_case_with_parameter(self):
        line = "[  FAILED  ] X/Y.Z/0, where GetParam() = (1, 2) (0 ms)\n"
        self.assertEqual(self.tally(stdout=line, result="FAIL")[:3], (0, 1, 0))

    def test_other_programs(self):
        self.assertEqual(self.tally()[:3], (1, 0, 0))
        self.assertEqual(self.tally(stdout="why\n", result="SKIP")[:3], (0, 0, 1))
        self.assertEqual(self.tally(stdout="cases: 7 passed, 0 failed, 1 skipped\n")[:3], (7, 0, 1))

    def test_a_missing_log_fails(self):
        output = io.StringIO()
        with contextlib.redirect_stdout(output):
            status = test_summary.main(["/nonexistent/log.json"])
        self.assertEqual(status, 1)
        self.assertTrue(output.getvalue().endswith("tests: 0 passed, 1 failed, 0 skipped\n"))


if __name__ == "__main__":
    program = unittest.main(argv=[sys.argv[0]], exit=False, verbosity=1)
    result = program.result
    bad, skips = len(result.failures) + len(result.errors), len(result.skipped)
    print(f"cases: {result.testsRun - bad - skips} passed, {bad} failed, {skips} skipped")
    sys.exit(0 if result.wasSuccessful() else 1)
