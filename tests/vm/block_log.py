"""The log of a disk's writes that QEMU's blklogwrites keeps, and the disk as a power cut could have left it.

The format is that of dm-log-writes, version 1: a header sector, then for each write or flush a sector that describes
it, and the data. An entry is logged when it is complete, so whatever the guest knows to be done is in the log before.

A cut comes behind an entry. All that was logged before the last flush up to there is on the medium. Each later write,
which sat in the disk's cache, arrived or did not, in any order, and one time in four only some of its sectors did.
"""

import os
import random
import struct
from dataclasses import dataclass

import host

SECTOR = 512
MAGIC = 0x6A736677736872
FLUSH, FUA, DISCARD = 1, 2, 4


@dataclass(frozen=True)
class Entry:
    sector: int
    sectors: int
    flags: int
    data: int  # where in the log

    @property
    def end(self):
        return self.data + (0 if self.flags & DISCARD else self.sectors * SECTOR)


def read_entries(path):
    """All whole entries; one that the machine died in is none."""
    size = os.path.getsize(path)
    with open(path, "rb") as log:
        magic, version, _, sector_bytes = struct.unpack("<QQQI", log.read(28))
        if (magic, version, sector_bytes) != (MAGIC, 1, SECTOR):
            raise ValueError(f"{path} is no log of writes that is understood here")
        entries, offset = [], SECTOR
        while offset + SECTOR <= size:
            log.seek(offset)
            sector, sectors, flags, _ = struct.unpack("<QQQQ", log.read(32))
            entry = Entry(sector, sectors, flags, offset + SECTOR)
            if (sectors == 0 and flags == 0) or entry.end > size:
                break
            entries.append(entry)
            offset = entry.end
        return entries


class Replay:
    """Disks as cuts left them. Cuts are asked for in rising order, since what is durable only grows."""

    def __init__(self, base, log_path, durable):
        self.entries = read_entries(log_path)
        self.log = open(log_path, "rb")
        self.base, self.durable = base, durable
        self.start_again()

    def start_again(self):
        self.applied = 0
        host.sparse_copy(self.base, self.durable)

    def close(self):
        self.log.close()

    def barrier(self, cut):
        """How many entries are surely on the medium when the power goes behind entry number `cut`."""
        flushes = (i for i in range(cut, -1, -1) if self.entries[i].flags & FLUSH)
        return next(flushes, -1) + 1

    def data_of(self, entry):
        self.log.seek(entry.data)
        return self.log.read(entry.sectors * SECTOR)

    def advance(self, upto):
        with open(self.durable, "r+b") as disk:
            for entry in self.entries[self.applied : upto]:
                if entry.sectors and not entry.flags & DISCARD:
                    disk.seek(entry.sector * SECTOR)
                    disk.write(self.data_of(entry))
        self.applied = max(self.applied, upto)

    def rebuild(self, cut, seed, image):
        """The disk after a cut behind entry number `cut`; (writes that were in the cache, those that arrived whole)."""
        first = self.barrier(cut)
        self.advance(first)
        host.sparse_copy(self.durable, image)
        draw = random.Random(f"cut {seed} {cut}")
        cached = arrived = 0
        with open(image, "r+b") as disk:
            for entry in self.entries[first : cut + 1]:
                if entry.sectors == 0 or entry.flags & DISCARD:
                    continue
                cached += 1
                fate = draw.random()
                if fate >= 0.5 and not entry.flags & FUA:
                    continue
                torn = fate < 0.125 and not entry.flags & FUA
                arrived += not torn
                data = self.data_of(entry)
                for sector in range(entry.sectors):
                    if torn and draw.random() < 0.5:
                        continue
                    disk.seek((entry.sector + sector) * SECTOR)
                    disk.write(data[sector * SECTOR : (sector + 1) * SECTOR])
        return cached, arrived
