#!/usr/bin/env python3
"""What zverse.py promises, on small stores in shared memory; ZVERSE_LIBRARY names the library under test."""

import datetime
import gc
import os
import subprocess
import sys
import tempfile
import threading
import unittest
from pathlib import Path

import zverse

SMALL = {"ring_bytes": 1 << 20, "shards": 1, "force_granularity": "cache_line", "write_timeout_ms": 1}


class StoreTest(unittest.TestCase):
    def setUp(self):
        parent = os.environ.get("ZVERSE_TEST_DIR") or ("/dev/shm" if os.path.isdir("/dev/shm") else None)
        folder = tempfile.TemporaryDirectory(prefix="zverse-python-", dir=parent)
        self.addCleanup(folder.cleanup)
        self.path = Path(folder.name) / "store"
        self.store = zverse.Store(self.path, **SMALL)
        self.addCleanup(lambda: self.store.close())

    def reopened(self, **options):
        self.store.close()
        self.store = zverse.Store(self.path, **{**SMALL, **options})
        return self.store

    def test_a_mapping_that_remembers(self):
        red = self.store.put(b"color", b"red")
        self.store[b"color"] = b"blue"
        self.assertEqual(self.store[b"color"], b"blue")
        self.assertEqual(self.store.get(b"color", as_of=red), b"red")
        self.assertIn(b"color", self.store)
        self.assertEqual(list(self.store), [b"color"])
        del self.store[b"color"]
        self.assertNotIn(b"color", self.store)
        self.assertRaises(KeyError, lambda: self.store[b"color"])
        self.assertEqual(self.store.get(b"color", b"none"), b"none")
        self.assertEqual(self.store.get_entry(b"color", as_of=red), zverse.Entry(b"color", b"red", red))
        self.assertIsNone(self.store.get_entry(b"color"))

    def test_bytes_of_every_kind(self):
        key, value = bytes(range(256)), bytes(reversed(range(256)))
        self.store[key] = value
        self.store[b"\0"] = b""
        self.assertEqual(self.store[key], value)
        self.assertEqual(self.store[b"\0"], b"")
        self.assertEqual([entry.key for entry in self.store.scan(b"\0", b"\0\1")], [b"\0"])

    def test_what_was_acknowledged_is_there_again(self):
        version = self.store.put(b"k", b"v")
        self.assertEqual(self.reopened().get(b"k", as_of=version), b"v")
        self.assertEqual(self.reopened(read_only=True)[b"k"], b"v")
        self.assertRaises(zverse.ReadOnly, self.store.put, b"k", b"v")

    def test_scans(self):
        for key in (b"a", b"ab", b"b"):
            version = self.store.put(key, key.upper())
        self.store.erase(b"ab")
        self.assertEqual([(entry.key, entry.value) for entry in self.store.scan()], [(b"a", b"A"), (b"b", b"B")])
        self.assertEqual([entry.key for entry in self.store.scan(as_of=version)], [b"a", b"ab", b"b"])
        self.assertEqual([entry.key for entry in self.store.scan(prefix=b"a", as_of=version)], [b"a", b"ab"])
        self.assertEqual([entry.key for entry in self.store.scan(as_of=version, reverse=True, limit=2)], [b"b", b"ab"])
        self.assertEqual([entry.value for entry in self.store.scan(keys_only=True)], [b"", b""])
        with self.store.scan() as cursor:
            self.assertEqual(cursor.seek(b"aa").key, b"b")
            self.assertIsNone(cursor.seek(b"c"))
        self.assertEqual(list(cursor), [])
        self.assertRaises(zverse.Closed, cursor.seek, b"a")

    def test_histories_and_changes(self):
        first = self.store.put(b"k", b"1")
        second = self.store.put(b"k", b"2")
        third = self.store.erase(b"k")
        records = [zverse.Entry(b"k", b"1", first), zverse.Entry(b"k", b"2", second),
                   zverse.Entry(b"k", b"", third, True)]
        self.assertEqual(list(self.store.history(b"k")), records[::-1])
        self.assertEqual(list(self.store.history(b"k", after=first, upto=second)), [records[1]])
        self.assertEqual(list(self.store.changes()), records)
        self.assertEqual(list(self.store.changes(second)), [records[2]])
        self.assertEqual(list(self.store.changes(prefix=b"x")), [])

    def test_entries_are_copies(self):
        self.store[b"a"] = b"1"
        self.store[b"b"] = b"2"
        cursor = self.store.scan()
        first = next(cursor)
        next(cursor)
        cursor.close()
        self.store.close()
        self.assertEqual(first, zverse.Entry(b"a", b"1", first.version))

    def test_batches(self):
        with self.store.batch() as batch:
            batch.put(b"a", b"first")
            batch[b"a"] = b"last"
            batch[b"b"] = b"2"
            del batch[b"b"]
            self.assertEqual(len(batch), 4)
        self.assertEqual([entry.version for entry in self.store.changes()], [batch.version] * 2)
        self.assertEqual(self.store[b"a"], b"last")
        with self.assertRaises(RuntimeError), self.store.batch() as batch:
            batch[b"a"] = b"never"
            raise RuntimeError
        self.assertEqual(self.store[b"a"], b"last")
        batch.clear()
        self.assertRaises(zverse.InvalidArgument, self.store.write, batch)

    def test_transactions(self):
        self.store[b"k"] = b"old"
        with self.store.begin() as transaction:
            transaction[b"k"] = b"new"
            transaction[b"other"] = b"1"
            self.assertEqual(transaction[b"k"], b"new")
            self.assertEqual([entry.key for entry in transaction.scan()], [b"k", b"other"])
            self.assertEqual(self.store[b"k"], b"old")
        self.assertEqual(self.store.get(b"k", as_of=transaction.version), b"new")
        with self.assertRaises(RuntimeError), self.store.begin() as transaction:
            del transaction[b"k"]
            raise RuntimeError
        self.assertEqual(self.store[b"k"], b"new")
        with self.assertRaises(zverse.Conflict) as raised, self.store.begin() as transaction:
            transaction[b"k"] = b"mine"
            theirs = self.store.put(b"k", b"theirs")
        self.assertEqual(raised.exception.version, theirs)
        self.assertEqual(self.store[b"k"], b"theirs")

    def test_conditional_puts(self):
        first = self.store.put_if(b"k", b"1", 0)
        with self.assertRaises(zverse.Conflict) as raised:
            self.store.put_if(b"k", b"2", 0)
        self.assertEqual((raised.exception.version, raised.exception.code), (first, 6))
        self.assertGreater(self.store.put_if(b"k", b"2", first), first)

    def test_many_at_once(self):
        version = self.store.put(b"a", b"1")
        self.store[b"b"] = b""
        self.assertEqual(self.store.multi_get([b"b", b"nobody", b"a"]), [b"", None, b"1"])
        self.assertEqual(self.store.multi_get([b"b", b"a"], as_of=version), [None, b"1"])
        self.assertEqual(self.store.multi_get([]), [])

    def test_snapshots_and_pins(self):
        self.store[b"k"] = b"old"
        with self.store.snapshot() as snapshot:
            self.store[b"k"] = b"new"
            self.assertEqual(self.store.get(b"k", as_of=snapshot.version), b"old")
            self.assertEqual(self.store.pin(b"then", snapshot.version), snapshot.version)
        self.store.pin(b"now")
        self.assertRaises(zverse.Exists, self.store.pin, b"now")
        self.assertEqual(self.reopened().pins()[b"then"], snapshot.version)
        self.store.unpin(b"now")
        self.assertRaises(zverse.NotFound, self.store.unpin, b"now")
        self.assertEqual(self.store.pins(), {b"then": snapshot.version})

    def test_versions_and_times(self):
        version = self.store.put(b"k", b"v")
        now = datetime.datetime.now()
        self.assertEqual(self.store.version_at(now + datetime.timedelta(hours=1)), self.store.latest_version)
        self.assertRaises(zverse.VersionTooOld, self.store.version_at, datetime.datetime(1960, 1, 1))
        self.assertRaises(zverse.VersionUnknown, self.store.get, b"k", as_of=self.store.latest_version + 1000)
        self.store.sync()
        self.assertGreaterEqual(self.store.durable_version, version)
        self.store.wait_durable(version)
        self.assertLessEqual(self.store.floor, version)
        self.assertEqual(self.store.wait_newer(version - 1, 5), self.store.latest_version)

    def test_maintenance(self):
        version = self.store.put(b"k", b"v")
        self.store.flush()
        self.store.compact()
        copy = self.path.with_name("copy")
        self.store.checkpoint(copy)
        self.assertRaises(zverse.Exists, self.store.checkpoint, copy)
        with zverse.Store(copy, **SMALL) as other:
            self.assertEqual(other.get(b"k", as_of=version), b"v")
        seen = self.store.verify()
        self.assertEqual((seen.findings, seen.segments), ([], 1))
        segment = next((self.path / "cold").glob("*.zseg"))
        with segment.open("r+b") as file:
            middle = segment.stat().st_size // 2
            byte = os.pread(file.fileno(), 1, middle)[0]
            os.pwrite(file.fileno(), bytes([byte ^ 1]), middle)
        finding = self.store.verify().findings[0]
        self.assertEqual((finding.file, finding.code[:7]), (str(segment), "ZV-SEG-"))
        self.assertEqual(self.store.scrubbed().findings, [])
        self.assertEqual(self.store.stats()["schema"], "zverse.stats/1")
        self.assertTrue(self.store.openmetrics().endswith("# EOF\n"))

    def test_bad_arguments(self):
        for bad in (b"", b"x" * 65536):
            self.assertRaises(zverse.InvalidArgument, self.store.put, bad, b"v")
        for wrong in ("text", None, 7):
            self.assertRaises((TypeError, zverse.ctypes.ArgumentError), self.store.get, wrong)
        self.assertRaises(zverse.InvalidArgument, self.store.get, b"k", as_of=-1)
        self.assertRaises(zverse.InvalidArgument, self.store.scan, as_of=2**64)
        self.assertRaises(zverse.InvalidArgument, self.store.scan, b"b", b"a")
        self.assertRaises(zverse.InvalidArgument, zverse.Store, "a\0b")
        self.assertRaises(zverse.InvalidArgument, zverse.Store, self.path, shards=2**32 + 1)
        self.assertRaises(ValueError, zverse.Store, self.path, sharding="by_mood")
        self.assertRaises(TypeError, zverse.Store, self.path, no_such_option=1)
        self.assertRaises(zverse.Locked, zverse.Store, self.path)
        self.assertRaises(zverse.NotFound, zverse.Store, self.path.with_name("no"), create_if_missing=False)

    def test_a_closed_store(self):
        self.store[b"k"] = b"v"
        cursor, transaction = self.store.scan(), self.store.begin()
        self.store.close()
        self.store.close()
        self.assertRaises(zverse.Closed, self.store.get, b"k")
        self.assertRaises(zverse.Closed, next, cursor)
        self.assertRaises(zverse.Closed, transaction.commit)

    def test_handles_outlive_their_store(self):
        with zverse.Store(self.path.with_name("other"), **SMALL) as other:
            other[b"k"] = b"v"
            cursor, snapshot, transaction = other.scan(), other.snapshot(), other.begin()
        del other
        gc.collect()
        self.assertRaises(zverse.Closed, next, cursor)
        self.assertGreater(snapshot.version, 0)
        transaction.rollback()

    def test_threads(self):
        def write(number):
            for i in range(200):
                self.store[b"%d-%d" % (number, i)] = b"%d" % i

        threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(sum(1 for _ in self.store), 800)

    def test_a_program_that_ends_without_closing(self):
        program = f"""if True:
            import zverse
            store = zverse.Store({str(self.path.with_name("left"))!r}, ring_bytes=1 << 20, shards=1)
            store[b"k"] = b"v"
            cursor, snapshot, transaction, batch = store.scan(), store.snapshot(), store.begin(), store.batch()
            """
        environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
        ended = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True)
        self.assertEqual((ended.returncode, ended.stderr), (0, b""))
        with zverse.Store(self.path.with_name("left"), **SMALL) as store:
            self.assertEqual(store[b"k"], b"v")

    def test_every_error_has_its_class(self):
        self.assertEqual(sorted(kind.code for kind in zverse.Error.__subclasses__()), list(range(1, 14)))
        self.assertRegex(zverse.version(), r"^\d+\.\d+\.\d+$")


if __name__ == "__main__":
    unittest.main()
