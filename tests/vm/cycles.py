"""A store that lives through power cuts: one image, one ledger, boot after boot.

A cycle is one boot: init mounts the image as the last cut left it, zverse-fsck looks at the stores, the checker opens
them and says what is there, zverse-fsck looks again, and then the writer writes both stores until the power goes. The
verdict on a cut is thus given in the next boot, on the same image, by the kernel's and the store's own recovery.

What is kept of a cut that was judged bad: the image as the cut left it, the ledger, the serial logs, the seed.
`again()` judges such a folder once more.
"""

import json
import random
import shutil
from pathlib import Path

import host
import machine
from serial_lines import Line
from verdict import Facts, Ledger, Run, judge

FAILED = host.CACHE / "failed"
WORK = host.CACHE / "work"
IMAGE_BYTES = 512 << 20  # sparse; mkfs.xfs makes nothing below 300 MiB
CHECK_SECONDS_MAX = 120
FIRST_ACK_SECONDS_MAX = 60


class CaseFailed(Exception):
    """A verdict of a case: red, with the complaints."""


class Medium:
    """Where the image is in the machine, and what is on it."""

    def __init__(self, file_system, dax=True, disk=False, eadr=False):
        self.file_system, self.dax, self.disk, self.eadr = file_system, dax, disk, eadr

    def __str__(self):
        return self.file_system + (", eADR" if self.eadr else "" if self.dax or self.disk else ", page cache")

    def setup(self, image, **words):
        words.update(fs=self.file_system, dax="dax" if self.dax else "nodax")
        if self.disk:
            drive = f"driver=raw,node-name=disk,file.driver=file,file.filename={image}"
            return machine.Setup(dict(words, disk="virtio"),
                                 disks=["-blockdev", drive, "-device", "virtio-blk-pci,drive=disk"])
        return machine.Setup(words, nvdimms=[image], nvdimm_bytes=image.stat().st_size, caches_survive=self.eadr)


def new_folder(name):
    """An empty one for images and logs; gone after a green verdict."""
    folder = WORK / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def make_image(image, size):
    image.unlink(missing_ok=True)
    with open(image, "wb") as file:
        file.truncate(size)


class Victim:
    def __init__(self, name, medium, seed, size=IMAGE_BYTES):
        self.name, self.medium, self.random = name, medium, random.Random(f"{name} {seed}")
        self.seed = seed
        self.folder = new_folder(name)
        self.image, self.log = self.folder / "image", self.folder / "serial.log"
        self.at_cut = self.folder / "image-as-cut"
        self.ledger, self.last = Ledger(), None
        self.cuts = self.acknowledged = 0
        make_image(self.image, size)

    def prepare(self):
        """A file system with two stores that nobody has written to."""
        setup = self.medium.setup(self.image, mode="prepare")
        facts = Facts()
        for line in machine.run_steps(setup, self.log, CHECK_SECONDS_MAX):
            facts.take(line)
        self.require(judge(self.ledger, None, facts))

    def cycle(self, writes=True, plugin="", writer="", words="", cut_after=(0.05, 1.5)):
        """Checks what the last cut left; with `writes` goes on until the next cut. Complaints on the last one."""
        host.sparse_copy(self.image, self.at_cut)
        run = self.ledger.begin(f"{self.random.getrandbits(48) | 1:x}") if writes else None
        setup = self.medium.setup(self.image, mode="cycle", checked=self.last.name if self.last else 0,
                                  run=run.name if run else "none")
        setup.words.update({name: value for name, value in (("writer", writer), ("words", words)) if value})
        setup.plugin = plugin
        facts, complaints = Facts(), None
        with machine.Machine(setup, self.log, CHECK_SECONDS_MAX) as guest:
            for line in guest.lines():
                if line == Line("init", "begin write"):
                    complaints = self.settle(facts)
                    if complaints:
                        return complaints
                    guest.deadline += FIRST_ACK_SECONDS_MAX
                elif complaints is None:
                    facts.take(line)
                    self.look_at_mount(line)
                elif line.voice == "guest":
                    self.hear(guest, run, line.text, cut_after)
            if guest.timed_out:
                raise machine.MachineFailed(f"no end of the cycle within its time: see {self.log}")
        if not writes:
            return self.settle(facts)
        if complaints is None:
            return self.settle(facts) or ["the writer was not begun"]
        self.last = run
        self.cuts += 1
        self.acknowledged += run.acknowledgements()
        if len({store for store, _ in run.acked}) < 2:
            return run.failures + ["the writer acknowledged nothing"]
        return run.failures

    def hear(self, guest, run, text, cut_after):
        """The writer speaks; once both stores have acknowledged something, the power is about to go."""
        run.take(text)
        if guest.cut_at is None and len({store for store, _ in run.acked}) == 2:
            guest.cut_in(self.random.uniform(*cut_after))

    def look_at_mount(self, line):
        """xfs mounts without DAX when it can't have it."""
        if line.voice == "init" and line.text.startswith("mounted"):
            if self.medium.dax and not self.medium.disk and "dax=always" not in line.text:
                self.require([f"asked for DAX, {line.text}"])

    def settle(self, facts):
        complaints = judge(self.ledger, self.last, facts)
        if not complaints:
            self.ledger.settle(facts)
        return complaints

    def require(self, complaints):
        """The verdict on the last cut: none, or CaseFailed, with what is needed to judge it again left behind."""
        if complaints:
            case = {"name": self.name, "seed": self.seed, "complaints": complaints, "medium": vars(self.medium),
                    "last": self.last.name if self.last else None, "ledger": ledger_to_json(self.ledger)}
            (self.folder / "case.json").write_text(json.dumps(case, indent=1))
        require(self.name, self.folder, self.seed, complaints)

    def remove(self):
        shutil.rmtree(self.folder, ignore_errors=True)


def require(name, folder, seed, complaints):
    """Keeps the folder and raises CaseFailed when there are complaints."""
    if not complaints:
        return
    kept = FAILED / f"{name}-{seed}"
    shutil.rmtree(kept, ignore_errors=True)
    kept.parent.mkdir(parents=True, exist_ok=True)
    folder.rename(kept)
    shown = "".join(f"\n    {complaint}" for complaint in complaints[:10])
    judge_again = f"; judged again by ./dev vm --again {kept}" if (kept / "case.json").is_file() else ""
    raise CaseFailed(f"{name}, seed {seed}: {len(complaints)} complaints{shown}\n"
                     f"  image, serial log and acknowledgements are in {kept}{judge_again}")


def keep_rest(name, seed):
    """What a case that did not come to a verdict left in its folder; where it is now, or nothing."""
    if not WORK.is_dir() or not any(WORK.iterdir()):
        return None
    kept = FAILED / f"{name}-{seed}-unfinished"
    shutil.rmtree(kept, ignore_errors=True)
    kept.parent.mkdir(parents=True, exist_ok=True)
    return WORK.rename(kept)


def ledger_to_json(ledger):
    runs = [{"name": run.name, "durable": run.durable,
             "acked": [[*writer, versions] for writer, versions in run.acked.items()]} for run in ledger.runs.values()]
    return {"runs": runs, "settled": [[*key, *seen] for key, seen in ledger.settled.items()]}


def ledger_from_json(text):
    ledger = Ledger()
    for each in text["runs"]:
        acked = {(store, thread): {int(number): version for number, version in versions.items()}
                 for store, thread, versions in each["acked"]}
        ledger.runs[each["name"]] = Run(each["name"], acked, each["durable"])
    ledger.settled = {(store, run, thread): (count, crc) for store, run, thread, count, crc in text["settled"]}
    return ledger


def again(folder):
    """Judges a cut that was kept once more, on a copy of its image; complaints."""
    case = json.loads((Path(folder) / "case.json").read_text())
    victim = Victim(case["name"] + "-again", Medium(**case["medium"]), case["seed"])
    host.sparse_copy(Path(folder) / "image-as-cut", victim.image)
    victim.ledger = ledger_from_json(case["ledger"])
    victim.last = victim.ledger.runs.get(case["last"])
    complaints = victim.cycle(writes=False)
    victim.remove()
    return complaints
