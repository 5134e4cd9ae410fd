"""Power cuts that lose what was not flushed and fenced: the emulator's plugin keeps only what was (pmemsim.c).

The correct build must lose no acknowledged write. Control builds, each with one flush or one fence less, must: a
control that no cut catches makes the run red, because then the correct build's green means nothing.
"""

import re

import controls
import cycles
import host
import machine
from cycles import Medium, Victim

IMAGE_BYTES = 256 << 20  # compared once, when the plugin begins
SAW = re.compile(rb"pmemsim: (\d+) stores, (\d+) flushes, (\d+) fences, (\d+) lines arrived")


class LossyVictim(Victim):
    """Its NVDIMM holds after a cut what the plugin's shadow holds."""

    def __init__(self, name, seed, plugin, evict):
        super().__init__(name, Medium("ext4"), seed, IMAGE_BYTES)
        self.plugin, self.evict = plugin, evict
        self.shadow = self.folder / "shadow"
        self.lines = 0

    def lossy_cycle(self, writer=""):
        cycles.make_image(self.shadow, IMAGE_BYTES)
        argument = f"file={self.plugin},image={self.image},shadow={self.shadow},seed={self.random.getrandbits(40) | 1}"
        if self.evict:
            argument += f",evict={self.evict}"
        heard = self.log.stat().st_size
        complaints = self.cycle(plugin=argument, writer=writer, words="--power-lost", cut_after=(0.5, 2.5))
        if complaints:
            return complaints
        saw = SAW.findall(self.log.read_bytes()[heard:])
        if not saw or int(saw[-1][3]) == 0:
            raise machine.MachineFailed(f"the plugin saw no line arrive: see {self.log}")
        self.lines += int(saw[-1][3])
        self.shadow.replace(self.image)
        return []


def run_correct(options, report, plugin):
    # Half of the cycles with spontaneous eviction: what was not flushed may be there as well.
    for evict, count in ((0, (options.lossy_cycles + 1) // 2), (4, options.lossy_cycles // 2)):
        if count == 0:
            continue
        victim = LossyVictim(f"lost-lines-evict-{evict}", options.seed, plugin, evict)
        victim.prepare()
        for _ in range(count):
            victim.require(victim.lossy_cycle())
        victim.require(victim.cycle(writes=False))
        report.add(f"un-flushed lines lost{', 1 in 4 evicted' if evict else ''}",
                   f"{victim.cuts} cuts, {victim.acknowledged} acknowledged writes, none lost; {victim.lines} lines "
                   "arrived")
        victim.remove()


def run_control(options, report, plugin, name):
    victim = LossyVictim(f"control-{name}", options.seed, plugin, 0)
    victim.prepare()
    writer = controls.program(name)
    controls.must_be_caught(name, victim, lambda: victim.lossy_cycle(writer) or victim.cycle(writes=False), report)


def run(options, report):
    plugin = host.build_plugin()
    run_correct(options, report, plugin)
    for name in options.controls:
        run_control(options, report, plugin, name)
