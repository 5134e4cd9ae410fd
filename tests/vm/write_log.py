"""Power cuts of a disk, from the log of its writes: rings, segments and manifests of a store that flushes and compacts.

One machine writes, both durability classes, on a disk whose every write is logged. Afterwards the disk is rebuilt on
the host as many different cuts could have left it (block_log.py), and each is mounted, recovered and checked in
further machines, many disks in each. What counts as acknowledged before a cut is what the host had heard when the log
was not longer than at that cut.
"""

import os
import random

import controls
import cycles
import host
import machine
from block_log import Replay
from cycles import CaseFailed, Medium, Victim
from verdict import Facts, Ledger, Run, judge

IMAGE_BYTES = 128 << 20
DISKS_PER_MACHINE = 16
CUTS_SECONDS_MAX = 300
WRITES_SECONDS = (2.0, 3.0)


class LoggedVictim(Victim):
    def __init__(self, name, seed, writer=""):
        super().__init__(name, Medium("ext4", dax=False, disk=True), seed, IMAGE_BYTES)
        self.writer = writer
        self.block_log = self.folder / "writes.log"
        self.heard = []  # (length of the log then, what the writer said)

    def write(self):
        """One machine, until the power goes. Its image is of no use: the log is."""
        make = ["driver=file,node-name=file,filename=" + str(self.image), "driver=raw,node-name=disk,file=file",
                "driver=file,node-name=log,filename=" + str(self.block_log),
                "driver=blklogwrites,node-name=logged,file=disk,log=log,log-sector-size=512"]
        self.block_log.touch()
        self.run_name = f"{self.random.getrandbits(48) | 1:x}"
        setup = self.medium.setup(self.image, mode="cycle", checked="none", run=self.run_name, words="--move")
        if self.writer:
            setup.words["writer"] = self.writer
        setup.disks = [word for node in make for word in ("-blockdev", node)]
        setup.disks += ["-device", "virtio-blk-pci,drive=logged,write-cache=on"]
        with machine.Machine(setup, self.log, cycles.CHECK_SECONDS_MAX) as guest:
            for line in guest.lines():
                if line.voice != "guest":
                    continue
                self.heard.append((os.path.getsize(self.block_log), line.text))
                if guest.cut_at is None and line.text.startswith("ack"):
                    guest.cut_in(self.random.uniform(*WRITES_SECONDS))
            if guest.timed_out:
                raise machine.MachineFailed(f"the writer acknowledged nothing in its time: see {self.log}")

    def run_at(self, log_bytes):
        """What was acknowledged when the log was so long."""
        run = Run(self.run_name)
        for length, text in self.heard:
            if length <= log_bytes:
                run.take(text)
        return run


class Cuts:
    """The chosen cuts of one log, judged in batches."""

    def __init__(self, victim, base, count):
        self.victim = victim
        self.replay = Replay(base, victim.block_log, victim.folder / "durable")
        draw = random.Random(f"cuts {victim.seed}")
        entries = range(len(self.replay.entries))
        if len(entries) < count:
            raise CaseFailed(f"the log has {len(entries)} entries only: see {victim.block_log}")
        # Half of them anywhere, half where most writes are in the cache: most flushes follow a single write.
        fullest = sorted(entries, key=lambda cut: cut - self.replay.barrier(cut), reverse=True)
        chosen = set(draw.sample(fullest[: max(count, len(entries) // 8)], count // 2))
        others = [cut for cut in entries if cut not in chosen]
        self.chosen = sorted(chosen.union(draw.sample(others, count - len(chosen))))
        self.with_segments = self.cached = self.arrived = 0
        self.acknowledged, self.bad = [], []  # of each cut; (cut, complaints)

    def judge_all(self):
        """Up to the first batch with a bad cut."""
        for first in range(0, len(self.chosen), DISKS_PER_MACHINE):
            if not self.bad:
                self.judge_batch(self.chosen[first : first + DISKS_PER_MACHINE])

    def judge_batch(self, cuts):
        images = []
        for number, cut in enumerate(cuts):
            images.append(self.victim.folder / f"cut-{number}")
            cached, arrived = self.replay.rebuild(cut, self.victim.seed, images[-1])
            self.cached += cached
            self.arrived += arrived
        facts = self.boot(images)
        for number, cut in enumerate(cuts):
            self.judge_cut(cut, facts[number])
        for image in images:
            image.unlink()

    def boot(self, images):
        """What the guest found on each disk."""
        victim = self.victim
        setup = victim.medium.setup(images[0], mode="disks", checked=victim.run_name)
        setup.disks = []
        for number, image in enumerate(images):
            node = f"driver=raw,node-name=disk{number},file.driver=file,file.filename={image}"
            setup.disks += ["-blockdev", node, "-device", f"virtio-blk-pci,drive=disk{number}"]
        facts = []
        for line in machine.run_steps(setup, victim.log, CUTS_SECONDS_MAX):
            if line.voice == "init" and line.text.startswith("disk "):
                facts.append(Facts())
            elif facts:
                facts[-1].take(line)
        if len(facts) != len(images):
            raise machine.MachineFailed(f"the guest looked at {len(facts)} disks of {len(images)}: see {victim.log}")
        return facts

    def judge_cut(self, cut, facts):
        run = self.victim.run_at(self.replay.entries[cut].end)
        ledger = Ledger()
        ledger.runs[run.name] = run
        if complaints := judge(ledger, run, facts):
            self.bad.append((cut, complaints))
        self.with_segments += sum(facts.segments.values()) > 0
        self.acknowledged.append(run.acknowledgements())

    def require(self):
        """Green, or the first bad cut as it was, to be judged again."""
        if not self.bad:
            return
        cut, complaints = self.bad[0]
        self.replay.start_again()
        self.replay.rebuild(cut, self.victim.seed, self.victim.at_cut)
        run = self.victim.run_at(self.replay.entries[cut].end)
        self.victim.ledger, self.victim.last = Ledger(), run
        self.victim.ledger.runs[run.name] = run
        self.victim.require([f"cut behind entry {cut}: {complaint}" for complaint in complaints])


def write_and_judge(victim, count):
    """A machine that writes, and cuts of its log that were judged."""
    victim.prepare()
    base = victim.folder / "base"
    host.sparse_copy(victim.image, base)
    victim.write()
    cuts = Cuts(victim, base, count)
    cuts.judge_all()
    return cuts


def run_control(options, report):
    """That a write which no flush covers is lost by some cut, and that this is noticed."""
    victim = LoggedVictim("write-log-control", options.seed, controls.program(controls.OF_PAGES))
    cuts = write_and_judge(victim, DISKS_PER_MACHINE)
    if not cuts.bad:
        raise CaseFailed(f"control {controls.OF_PAGES} was not caught by {DISKS_PER_MACHINE} cuts of its log")
    report.add(f"control {controls.OF_PAGES}, write log",
               f"caught by {len(cuts.bad)} cuts of {DISKS_PER_MACHINE}; the first: {cuts.bad[0][1][0]}")
    victim.remove()


def run(options, report):
    victim = LoggedVictim("write-log", options.seed)
    cuts = write_and_judge(victim, options.log_cuts)
    cuts.require()
    whole = victim.run_at(os.path.getsize(victim.block_log))
    victim.require(list(whole.failures))
    if whole.moved == 0 or cuts.with_segments == 0:
        victim.require([f"{whole.moved} flushes and compactions, {cuts.with_segments} cuts with segments: too few"])
    report.add("cuts of a disk's write log",
               f"{len(cuts.chosen)} cuts of {len(cuts.replay.entries)} entries, {min(cuts.acknowledged)} to "
               f"{max(cuts.acknowledged)} acknowledged writes, none lost; {whole.moved} flushes and compactions, "
               f"segments in {cuts.with_segments} cuts; of {cuts.cached} cached writes {cuts.arrived} arrived whole")
    victim.remove()
    if "write-log" in options.page_controls:
        run_control(options, report)
