#!/usr/bin/env python3
"""What judges the virtual machines is judged here, without a machine: each thing that must turn a verdict red does."""

import binascii
import copy
import struct
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from block_log import FLUSH, MAGIC, SECTOR, Replay  # noqa: E402: found by the line above
from cycles import ledger_from_json, ledger_to_json  # noqa: E402
from serial_lines import Line, Lines  # noqa: E402
from verdict import STORES, Facts, Ledger, crc_of, judge  # noqa: E402


def said(number, text):
    return f"zv {number} {binascii.crc32(f'{number} {text}'.encode()):08x} {text}\r\n".encode()


class SerialLines(unittest.TestCase):
    def test_whole_lines_are_heard_however_they_come(self):
        data, lines, heard = said(1, "ack power 0 0 7") + b"init: end mkfs 0\r\n", Lines(), []
        for byte in data:
            heard += lines.feed(bytes([byte]))
        self.assertEqual(heard, [Line("guest", "ack power 0 0 7", 1), Line("init", "end mkfs 0")])

    def test_a_torn_line_is_never_said(self):
        data = said(1, "ack power 0 0 7")
        for cut in range(len(data)):
            self.assertEqual(Lines().feed(data[:cut]), [])

    def test_a_changed_line_is_never_said(self):
        data = said(1, "ack power 0 0 7")
        for place in range(len(data) - 2):
            changed = bytearray(data)
            changed[place] ^= 1
            self.assertNotIn("guest", [line.voice for line in Lines().feed(bytes(changed))])


class Verdict(unittest.TestCase):
    """One run of two threads in each store: versions 1, 3, 5 of thread 0 and 2, 4 of thread 1."""

    VERSIONS = {0: [1, 3, 5], 1: [2, 4]}

    def setUp(self):
        self.ledger, self.facts = Ledger(), Facts()
        self.run_ = self.ledger.begin("ab")
        for store in STORES:
            for thread, versions in self.VERSIONS.items():
                for number, version in enumerate(versions):
                    self.run_.take(f"ack {store} {thread} {number} {version}")
                self.find(store, thread, versions)
            self.facts.checked.add(store)
            self.facts.statuses[f"fsck-recovered-{store}"] = 0
        self.run_.take("durable process 2")

    def find(self, store, thread, versions):
        self.facts.versions[(store, thread)] = versions
        self.facts.found[(store, "ab", thread)] = (len(versions), crc_of(versions))

    def verdict(self):
        return judge(self.ledger, self.run_, self.facts)

    def test_all_there_is_green(self):
        self.assertEqual(self.verdict(), [])

    def test_more_than_was_acknowledged_is_green(self):
        self.find("power", 0, [1, 3, 5, 6])
        self.assertEqual(self.verdict(), [])

    def test_a_lost_acknowledged_write_is_red(self):
        self.find("power", 1, [2])
        self.assertRegex(self.verdict()[0], "operation 1 of thread 1, acknowledged as version 4, is lost")

    def test_another_version_is_red(self):
        self.find("power", 0, [1, 3, 6])
        self.assertRegex(self.verdict()[0], "is there as 6")

    def test_class_process_may_lose_its_newest(self):
        self.find("process", 0, [1])
        self.find("process", 1, [2])
        self.assertEqual(self.verdict(), [])

    def test_class_process_may_not_lose_what_was_called_durable(self):
        self.find("process", 0, [1])
        self.find("process", 1, [])
        self.assertRegex(self.verdict()[0], "called everything up to 2 durable")

    def test_class_process_keeps_a_prefix(self):
        self.find("process", 0, [1, 3, 5])
        self.find("process", 1, [2])
        self.assertRegex(self.verdict()[0], "version 4, is lost, and version 5 is there")

    def test_a_run_that_never_was_is_red(self):
        self.facts.found[("power", "cd", 0)] = (1, crc_of([9]))
        self.assertRegex(self.verdict()[0], "never was")

    def test_an_earlier_run_that_changed_or_went_is_red(self):
        self.ledger.settle(self.facts)
        self.ledger.begin("cd")
        later = copy.deepcopy(self.facts)
        later.versions = {}
        self.assertEqual(judge(self.ledger, self.ledger.runs["cd"], later), [])
        later.found[("power", "ab", 0)] = (2, crc_of([1, 3]))
        self.assertRegex(judge(self.ledger, self.ledger.runs["cd"], later)[0], "was .* and is")
        del later.found[("power", "ab", 0)]
        self.assertRegex(judge(self.ledger, self.ledger.runs["cd"], later)[0], "is gone")

    def test_a_store_that_was_not_read_is_red(self):
        self.facts.checked.remove("process")
        self.assertRegex(self.verdict()[0], "could not be read")

    def test_a_step_that_failed_or_did_not_run_is_red(self):
        self.facts.statuses["fsck-cut-power"] = 4
        self.assertRegex(self.verdict()[0], "fsck-cut-power ended with status 4")
        del self.facts.statuses["fsck-cut-power"], self.facts.statuses["fsck-recovered-power"]
        self.assertRegex(self.verdict()[0], "did not run")

    def test_a_missing_line_of_the_checker_is_red(self):
        self.facts.take(Line("guest", "checked power", 1))
        self.facts.take(Line("guest", "checked process", 3))
        self.assertRegex(self.verdict()[0], "line 2 of the checker is missing")

    def test_what_the_checker_calls_wrong_is_red(self):
        self.facts.take(Line("guest", "wrong power version 3 is of no writer", 1))
        self.assertRegex(self.verdict()[0], "of no writer")

    def test_a_kept_ledger_gives_the_same_verdict(self):
        self.find("power", 1, [2])
        kept = ledger_from_json(ledger_to_json(self.ledger))
        self.assertEqual(judge(kept, kept.runs["ab"], self.facts), self.verdict())


class BlockLog(unittest.TestCase):
    """Sector 0 gets 'a', a flush, sector 1 'b', sector 0 'c', a flush."""

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        path = Path(self.folder.name)
        self.base, self.log, self.image = path / "base", path / "log", path / "image"
        self.base.write_bytes(b"-" * 4 * SECTOR)
        log = struct.pack("<QQQI", MAGIC, 1, 5, SECTOR).ljust(SECTOR, b"\0")
        for entry in ((0, b"a"), None, (1, b"b"), (0, b"c"), None):
            header = struct.pack("<QQQQ", 0, 0, FLUSH, 0) if entry is None else struct.pack("<QQQQ", entry[0], 1, 0, 0)
            log += header.ljust(SECTOR, b"\0") + (b"" if entry is None else entry[1] * SECTOR)
        self.log.write_bytes(log)

    def tearDown(self):
        self.folder.cleanup()

    def disk(self, cut, seed):
        """What a cut leaves, by one letter for each of the first two sectors."""
        replay = Replay(self.base, self.log, Path(self.folder.name) / "durable")
        replay.rebuild(cut, seed, self.image)
        replay.close()
        disk = self.image.read_bytes()
        return chr(disk[0]) + chr(disk[SECTOR])

    def disks(self, cut):
        return {self.disk(cut, seed) for seed in range(64)}

    def test_cached_writes_arrive_or_do_not(self):
        self.assertEqual(self.disks(0), {"--", "a-"})
        self.assertEqual(self.disks(3), {"a-", "ab", "c-", "cb"})

    def test_flushed_writes_are_there(self):
        self.assertEqual(self.disks(1), {"a-"})
        self.assertEqual(self.disks(4), {"cb"})

    def test_the_same_seed_makes_the_same_disk(self):
        for seed in range(16):
            self.assertEqual(self.disk(3, seed), self.disk(3, seed))

    def test_half_an_entry_is_none(self):
        self.log.write_bytes(self.log.read_bytes()[: -SECTOR - 10])
        replay = Replay(self.base, self.log, Path(self.folder.name) / "durable")
        self.assertEqual(len(replay.entries), 3)
        replay.close()


if __name__ == "__main__":
    unittest.main()
