"""Power cuts by SIGKILL of the machine, while both durability classes are written.

A SIGKILL loses what is in the guest's memory, page cache and all, but not what a store instruction has put into the
NVDIMM's file. With eADR that is just what a power cut does. With DAX alone flushes are not tested here (lost_lines.py
does that), but recovery and the kernel's paths are; without DAX every missing sync is.
"""

import controls
from cycles import Medium, Victim

PAGES = Medium("ext4", dax=False)
MEDIA = (Medium("ext4", eadr=True), Medium("ext4"), Medium("xfs"), PAGES)


def run(options, report):
    """`options.power_cuts` cuts, shared by the media."""
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
    if "power-cuts" in options.page_controls:
        run_control(options, report)


def run_control(options, report):
    """That a SIGKILL loses what the page cache alone has, and that this is noticed."""
    victim = Victim("power-cuts-control", PAGES, options.seed)
    victim.prepare()
    writer = controls.program(controls.OF_PAGES)
    controls.must_be_caught(f"{controls.OF_PAGES}, page cache", victim,
                            lambda: victim.cycle(writer=writer) or victim.cycle(writes=False), report)
