"""What a store makes of real media: two NUMA nodes with an NVDIMM each, with and without DAX, with and without eADR.

Nothing is forced here: libpmem2 says what it finds, the kernel is asked for MAP_SYNC and for the node of the rings'
pages, and both must be what the machine was made of. `EXPECTED` has a row for each medium that guest/init goes
through.
"""

import re
import shutil

import cycles
import machine
from serial_lines import Line

CPUS = 4  # two on each node, so that a node has more than one ring
SECONDS_MAX = 900
# medium: granularity, MAP_SYNC, what the reason for nothing better says
EXPECTED = {
    "raw-ext4": ("page", False, "no DAX"),
    "ext4-dax": ("cache_line", True, "eADR"),
    "xfs-dax": ("cache_line", True, "eADR"),
    "ext4-without-dax": ("page", False, "no DAX"),
    "eadr-ext4-dax": ("byte", True, ""),
}
EADR = {"eadr-ext4-dax"}  # the CPU caches are saved, too
RING = re.compile(r"ring (\d+) (\S+) \| (.*) \| (.*)")


def node_of_cpu(cpu):
    return cpu // (CPUS // 2)


def cpus_of(text):
    """The kernel's way to write a set: 0-1,3."""
    found = set()
    for part in text.split(","):
        first, _, last = part.partition("-")
        found |= set(range(int(first), int(last or first) + 1))
    return found


class Medium:
    """What the guest said of one medium."""

    def __init__(self, name):
        self.name, self.statuses = name, {}
        self.rings, self.mappings, self.threads, self.writers = {}, {}, [], {}
        self.probed = False

    def take(self, line):
        words = line.text.split(" ")
        if line.voice == "init" and words[0] == "end":
            self.statuses[words[1]] = int(words[2])
        elif line.voice == "guest" and words[0] == "ring" and (ring := RING.fullmatch(line.text)):
            self.rings[int(ring[1])] = ring.groups()[1:]
        elif line.voice == "guest" and words[0] == "mapping":
            self.mappings[int(words[1])] = (words[2] == "sync", [int(node) for node in words[3:]])
        elif line.voice == "guest" and words[0] == "thread":
            self.threads.append((words[1], cpus_of(words[2]), words[3]))
        elif line.voice == "guest" and words[0] == "writer":
            self.writers[int(words[1])] = [int(ring) for ring in words[3:]]
        elif line.voice == "guest":
            self.probed |= words[0] == "probed"

    def complaints(self, tests):
        granularity, synchronous, reason = EXPECTED[self.name]
        for step in ["probe", "fsck", *(f"test-{test}" for test in tests)]:
            if self.statuses.get(step) != 0:
                yield f"{step} ended with status {self.statuses.get(step, 'unknown: it did not run')}"
        if not self.probed or set(self.rings) != set(range(CPUS)) or set(self.mappings) != set(range(CPUS)):
            yield f"{CPUS} rings were to be told of: {self.rings} {self.mappings}"
        for ring, (found, used, why_not) in self.rings.items():
            if found != granularity or not used.startswith(granularity) or ("DAX" in used) != synchronous:
                yield f"ring {ring} is {found}, used as {used}; expected {granularity}"
            if reason not in why_not or bool(reason) != bool(why_not):
                yield f"ring {ring}: the platform report says \"{why_not}\" and not why it is {granularity}"
        if any(sync != synchronous for sync, _ in self.mappings.values()):
            yield f"MAP_SYNC should be {'on' if synchronous else 'off'}: {self.mappings}"
        if synchronous:
            yield from self.placement_complaints()

    def placement_complaints(self):
        """Where rings really are is known on DAX alone: elsewhere their pages are wherever the page cache put them."""
        for ring, (_, nodes) in self.mappings.items():
            if len(set(nodes)) != 1:
                yield f"ring {ring} has pages on nodes {nodes}"
        if {nodes[0] for _, nodes in self.mappings.values() if nodes} != {0, 1}:
            yield f"the rings are not spread over both nodes: {self.mappings}"
        for cpu, rings in self.writers.items():
            nodes = {self.mappings[ring][1][0] for ring in rings}
            if nodes != {node_of_cpu(cpu)}:
                own = node_of_cpu(cpu)
                yield f"a writer on CPU {cpu} of node {own} wrote to rings {rings} on nodes {sorted(nodes)}"
        if set(self.writers) != set(range(CPUS)):
            yield f"writers were to run on {CPUS} CPUs: {self.writers}"
        workers = [(sorted(cpus), policy) for name, cpus, policy in self.threads if name.startswith("zverse-work")]
        wanted = [([cpu for cpu in range(CPUS) if node_of_cpu(cpu) == node], f"prefer:{node}") for node in (0, 1)]
        if sorted(workers) != wanted:
            yield f"a worker for each node, bound to its CPUs and preferring its memory, was expected: {self.threads}"


def boot(images, names, tests, seed, log):
    """Complaints about each of these media, which one machine can have."""
    for image in images:
        cycles.make_image(image, cycles.IMAGE_BYTES)
    words = {"mode": "media", "seed": seed, "media": ",".join(names), "tests": ",".join(tests)}
    setup = machine.Setup(words, nvdimms=images, nvdimm_bytes=cycles.IMAGE_BYTES, cpus=CPUS,
                          caches_survive=any(name in EADR for name in names))
    media, complaints = {}, []
    current = None
    for line in machine.run_steps(setup, log, SECONDS_MAX):
        if line.voice == "init" and line.text.startswith("medium "):
            current = media.setdefault(line.text.removeprefix("medium "), Medium(line.text.removeprefix("medium ")))
        elif current is not None:
            current.take(line)
        if line.voice == "init" and line.text.startswith("end raw-refuses-dax") and line != Line(
                "init", "end raw-refuses-dax 0"):
            complaints.append("a raw namespace could be mounted with DAX")
    for name, medium in media.items():
        complaints += [f"{name}: {complaint}" for complaint in medium.complaints(tests)]
    return complaints + [f"{name}: was not looked at" for name in names if name not in media]


def run(options, report):
    """One machine for what needs eADR, one for everything else."""
    folder = cycles.new_folder("media")
    images = [folder / f"node-{node}" for node in (0, 1)]
    complaints = []
    for with_eadr in (False, True):
        names = [name for name in options.media if (name in EADR) == with_eadr]
        if names:
            complaints += boot(images, names, options.medium_tests, options.seed, folder / "serial.log")
    cycles.require("media", folder, options.seed, complaints)
    report.add("media and nodes", f"{', '.join(options.media)}; {len(options.medium_tests)} test programs in each")
    shutil.rmtree(folder)
