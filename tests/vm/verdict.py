"""What was acknowledged, what was found, and whether the two go together.

Nouns
  run      one session of the writer (guest/write_stores.cpp) in one machine, named by a number that no other has
  ledger   what all runs of one image acknowledged, as the host heard it
  facts    what the checker (guest/check_stores.cpp) found after a cut
  verdict  complaints; none means that the cut took nothing that it may not take

Rules, for each store and for the last run (what earlier runs left must be as it was found after their own cut)
  V1  operations of each thread that are there are its first ones, whole, with rising versions (the checker says so)
  V2  class power: every acknowledged operation is there, under the version that was acknowledged
  V3  class process: so is every one up to the newest version that the store called durable
  V4  class process: what survives is a prefix by version: an operation that is missing is newer than all that are there
  V5  nothing is there of a run that never was; both stores could be read to the end; no line of the checker is missing
"""

import binascii
from dataclasses import dataclass, field

STORES = ("power", "process")
THREADS = (0, 1)


@dataclass
class Run:
    name: str  # in hex, as in the lines
    acked: dict = field(default_factory=dict)  # (store, thread) to {number: version}
    durable: dict = field(default_factory=dict)  # store to version
    moved: int = 0
    failures: list = field(default_factory=list)

    def take(self, text):
        """One line of the writer."""
        words = text.split(" ")
        if words[0] == "ack":
            _, store, thread, number, version = words
            self.acked.setdefault((store, int(thread)), {})[int(number)] = int(version)
        elif words[0] == "durable":
            self.durable[words[1]] = max(int(words[2]), self.durable.get(words[1], 0))
        elif words[0] == "moved":
            self.moved += 1
        elif words[0] == "failed":
            self.failures.append(text)

    def acknowledgements(self):
        return sum(len(versions) for versions in self.acked.values())


@dataclass
class Facts:
    found: dict = field(default_factory=dict)  # (store, run, thread) to (count, crc)
    versions: dict = field(default_factory=dict)  # (store, thread) to versions of the run asked for, by number
    segments: dict = field(default_factory=dict)  # store to count
    complaints: list = field(default_factory=list)
    checked: set = field(default_factory=set)
    statuses: dict = field(default_factory=dict)  # step to exit status
    lines: int = 0

    def take(self, line):
        """One line of guest/init or of the checker."""
        words = line.text.split(" ")
        if line.voice == "init" and words[0] == "end":
            self.statuses[words[1]] = int(words[2])
        if line.voice != "guest":
            return
        self.lines += 1
        if line.number != self.lines:
            self.complaints.append(f"line {self.lines} of the checker is missing")
            self.lines = line.number
        if words[0] == "found":
            self.found[(words[1], words[2], int(words[3]))] = (int(words[4]), words[5])
        elif words[0] == "versions":
            versions = self.versions.setdefault((words[1], int(words[2])), [])
            if len(versions) != int(words[3]):
                self.complaints.append("the checker's versions have a gap")
            versions += [int(word, 16) for word in words[4:]]
        elif words[0] == "segments":
            self.segments[words[1]] = int(words[2])
        elif words[0] == "checked":
            self.checked.add(words[1])
        else:
            self.complaints.append(line.text)


class Ledger:
    def __init__(self):
        self.runs = {}
        self.settled = {}  # (store, run, thread) to (count, crc), as first found

    def begin(self, name):
        self.runs[name] = Run(name)
        return self.runs[name]

    def settle(self, facts):
        """From now on what was found stays."""
        self.settled = dict(facts.found)


def crc_of(versions):
    return f"{binascii.crc32(''.join(f'{version:x} ' for version in versions).encode()):x}"


def judge_thread(store, run, thread, found, newest):
    """V2 to V4 for one thread: `found` versions by number; `newest` of all threads of the store."""
    for number, version in run.acked.get((store, thread), {}).items():
        which = f"{store}: operation {number} of thread {thread}, acknowledged as version {version},"
        if number < len(found):
            if found[number] != version:
                yield f"{which} is there as {found[number]}"
        elif store == "power":
            yield f"{which} is lost"
        elif version <= run.durable.get(store, 0):
            yield f"{which} is lost, and the store called everything up to {run.durable[store]} durable"
        elif version < newest:
            yield f"{which} is lost, and version {newest} is there"


def judge_run(store, run, facts):
    """The run that the cut ended."""
    found = {thread: facts.versions.get((store, thread), []) for thread in THREADS}
    newest = max((version for versions in found.values() for version in versions), default=0)
    for thread, versions in found.items():
        if (len(versions), crc_of(versions)) != facts.found.get((store, run.name, thread), (0, crc_of([]))):
            yield f"{store}: the checker's versions of thread {thread} are not those it counted"
        if versions != sorted(set(versions)):
            yield f"{store}: versions of thread {thread} do not rise"
        yield from judge_thread(store, run, thread, versions, newest)


def judge(ledger, last, facts):
    """Complaints. `last` is the run that the cut ended, or None for a store without one."""
    complaints = list(facts.complaints)
    for store in STORES:
        if store not in facts.checked:
            complaints.append(f"{store}: could not be read to its end")
            continue
        if last is not None:
            complaints += judge_run(store, last, facts)
    for key, seen in facts.found.items():
        store, run, thread = key
        if run not in ledger.runs or thread not in THREADS:
            complaints.append(f"{store}: records of run {run}, thread {thread}, which never was")
        elif (last is None or run != last.name) and seen != ledger.settled.get(key):
            complaints.append(f"{store}: run {run}, thread {thread} was {ledger.settled.get(key)} and is {seen}")
    for key in ledger.settled:
        if key not in facts.found and key[0] in facts.checked:
            complaints.append(f"{key[0]}: run {key[1]}, thread {key[2]} is gone")
    for step, status in facts.statuses.items():
        if status != 0 and step != "write":
            complaints.append(f"{step} ended with status {status}")
    for store in STORES:
        if f"fsck-recovered-{store}" not in facts.statuses:
            complaints.append(f"{store}: zverse-fsck did not run")
    return complaints
