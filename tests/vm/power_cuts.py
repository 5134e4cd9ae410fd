"""Power cuts by SIGKILL of the machine, while both durability classes are written.

A SIGKILL loses what is in the guest's memory, page cache and all, but not what a store instruction has put into the
NVDIMM's file. With eADR that is just what a power cut does. With DAX alone flushes are not tested here (lost_lines.py
does that), but recovery and the kernel's paths are; without DAX every missing sync is.
"""

from cycles import Medium, Victim

MEDIA = (Medium("ext4", eadr=True), Medium("ext4"), Medium("xfs"), Medium("ext4", dax=False))


def run(options, report):
    """`options.power_cuts` cuts, on each medium in its turn."""
    for number, medium in enumerate(MEDIA):
        cuts = (options.power_cuts + number) // len(MEDIA)
        if cuts == 0:
            continue
        victim = Victim(f"power-cuts-{number}", medium, options.seed)
        victim.prepare()
        for _ in range(cuts):
            victim.require(victim.cycle())
        victim.require(victim.cycle(writes=False))
        report.add(f"power cuts on {medium}",
                   f"{victim.cuts} cuts, {victim.acknowledged} acknowledged writes, none lost")
        victim.remove()
