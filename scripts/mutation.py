"""One thing that scripts/mutate.py breaks, and which tests must notice. The entries are in mutations*.py.

Each entry names a file, what is broken in words, the tests in the order in which they are tried, and the edits: old
text, new text, and how often the old text occurs when that is not once. White space is free, so that a formatter does
not make an entry stale.
"""

import re

CRASH = "hot/hot_crash_test"
INTERLEAVE = "hot/interleave_test"
SCENARIO = "hot/interleave_scenario_test"
REBUILD = "hot/rebuild_test"
RECOVERY = "hot/recovery_test"
RING = "hot/ring_test"
FRAME = "hot/frame_test"
INDEX = "hot/index_test"
CHAIN = "hot/chain_test"
RUN = "warm/run_test"
BUILDER = "warm/run_builder_test"
BUILDER_RACE = "warm/run_builder_race_test"
SUPERBLOCK = "engine/superblock_crash_test"
DIRECTORY = "engine/bad_directory_test"
POWER_CUT = "engine/power_cut_test"
TIER = "hot/tier_test"
QUEUE = "hot/space_queue_test"

# Few states: a mutant that needs many more would be caught by luck only.
ENVIRONMENT = {"ZVERSE_CRASH_STATES": "12000", "ZVERSE_INTERLEAVINGS": "3000", "ZVERSE_RECOVERIES": "400"}


# Survivors that are right to survive, and why.
EXPLAINED = {
    "merge-names-what-is-gone": "the merge ends early and goes on as an unfinished one: slower",
    "space-wanted-untold": "workers look by themselves every 200 ms at least: slower",
    "refusal-holds-on": "writers are held back for a millisecond at most",
    "blocks-down-over-keys": "what is passed has no answer; but zones that have nothing to do with the key are looked at",
    "blocks-down-over-newer": "what lies behind is newer still, and ends the search as well",
    "skip-down-from-before": "the search ends at the first restart record, which is newer: slower",
    "walk-down-over-newer": "what it meets in the next stretch is found by that stretch's own posting, too",
    "append-after-failure": "belt and braces: the failed edit is overwritten in place; a new file leaves no doubt",
    "persist-all-lines": "the same durability, only slower",
    "seal-persists-fillers": "belt and braces: fillers are born clean, and clean frames are left alone",
    "prefix-past-pending": "implied: below the oldest announcement every frame is stamped",
    "length-not-confirmed": "the same frames are met, line by line: slower",
    "walk-by-lines": "the same frames are met: slower",
    "index-earlier-wins-not": "still at most one is confirmed; but two may clear each other again and again",
    "whole-with-gaps": "implied: below settled a gap is either corruption or, not accepted, a stray",
    "resume-deep": "the same answers; a deep one ends the program only where stacks are small, or watched",
    "rebuild-merge": "the same chains: an operation that comes late is put in its place; merging makes that rare",
}


class Mutation:
    def __init__(self, name, file, what, tests, *edits):
        self.name, self.file, self.what, self.tests = name, in_tree(file), what, tests
        if INTERLEAVE in tests:
            at = tests.index(INTERLEAVE)
            self.tests = [*tests[:at], SCENARIO, *tests[at:]]
        self.explained = EXPLAINED.get(name, "")
        self.edits = [(*edit, 1)[:3] for edit in edits]

    @staticmethod
    def pattern(old):
        words = [re.escape(word).replace(r"\(", r"\(\s*") for word in old.split()]
        return re.compile(r"\s+".join(words))

    def apply(self, text):
        for old, new, _ in self.edits:
            text = self.pattern(old).sub(lambda _, new=new: new, text)
        return text

    def places(self, text):
        """The functions (at least: what lies between two closing braces in the first column) that the edits change."""
        found = []
        for old, _, _ in self.edits:
            for match in self.pattern(old).finditer(text):
                begin = text.rfind("\n}\n", 0, match.start()) + 3
                end = text.find("\n}\n", match.end())
                found.append(text[begin : end if end >= 0 else len(text)])
        return found

    def complaints(self, text):
        for old, _, times in self.edits:
            if (found := len(self.pattern(old).findall(text))) != times:
                yield f"{self.name}: {found} times in {self.file} instead of {times}: {old!r}"


def in_tree(file):
    return file if file.startswith("tools/") else "src/" + file


def room(file, *entries):
    return [Mutation(name, file, *rest) for name, *rest in entries]
