#!/usr/bin/env python3
"""exports_test.py LIBRARY: what libzverse.so exports to C is what zverse/c.h declares and exports.txt lists.

A function that is gone from the library is a program that no longer starts. exports.txt only grows within a major
version; its numbers of structs and enums are checked by the compiler (src/c_api) and by opening.c.
"""

import re
import subprocess
import sys
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
FUNCTIONS_MAX = 60
LIBRARY = ""


class ExportsTest(unittest.TestCase):
    def setUp(self):
        self.listed = (HERE / "exports.txt").read_text().split()

    def test_the_library_exports_what_is_listed(self):
        output = subprocess.run(["nm", "-D", "--defined-only", LIBRARY], capture_output=True, text=True, check=True)
        exported = sorted(re.findall(r"^[0-9a-f]+ T (zverse_\w+)$", output.stdout, re.MULTILINE))
        self.assertEqual(exported, self.listed)

    def test_the_header_declares_what_is_listed(self):
        header = (HERE.parent.parent / "include/zverse/c.h").read_text()
        declarations = re.sub(r"//[^\n]*", "", header)
        declared = re.findall(r"^ZVERSE_(?:API|FALLIBLE) [^(;]*?\b(zverse_\w+)\(", declarations, re.MULTILINE)
        self.assertEqual(sorted(declared), self.listed)

    def test_rust_declares_what_is_listed(self):
        declared = re.findall(r"pub fn (zverse_\w+)", (HERE.parent.parent / "bindings/rust/src/sys.rs").read_text())
        self.assertEqual(sorted(declared), self.listed)

    def test_the_list_is_short_and_sorted(self):
        self.assertEqual(self.listed, sorted(set(self.listed)))
        self.assertLessEqual(len(self.listed), FUNCTIONS_MAX)

    def test_a_program_that_runs_can_load_it(self):
        """The loader keeps 1,664 bytes for thread-local variables of all that is loaded at run time (by dlopen)."""
        output = subprocess.run(["readelf", "-lW", LIBRARY], capture_output=True, text=True, check=True).stdout
        segment = re.search(r"^\s*TLS\s+(?:0x\w+\s+){4}(0x\w+)", output, re.MULTILINE)
        self.assertLessEqual(int(segment.group(1), 16), 512)

    def test_the_name_that_programs_load(self):
        output = subprocess.run(["objdump", "-p", LIBRARY], capture_output=True, text=True, check=True).stdout
        self.assertRegex(output, r"SONAME\s+libzverse\.so\.1\n")


if __name__ == "__main__":
    LIBRARY = sys.argv.pop()
    unittest.main()
