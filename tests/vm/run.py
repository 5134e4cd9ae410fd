#!/usr/bin/env python3
"""./dev vm: ZVerse in virtual machines with emulated persistent memory, whose power is cut. README.md says how.

  run.py [--quick] [CASE...]   all cases, or those named: media, power-cuts, lost-lines, write-log
  run.py --again FOLDER        judges a cut that was kept once more
  run.py --available           0 when the emulator is installed already, else 77 and why not

Exit status: 0 green, 1 red, 77 when this computer can't run it.
"""

import argparse
import json
import random
import signal
import sys
import time
from dataclasses import dataclass, field, replace
from pathlib import Path

import controls
import cycles
import guest_image
import host
import lost_lines
import machine
import media
import power_cuts
import write_log

# Of the build directory: what touches the medium (ZVERSE_TEST_DIR). The suites of the hot tier, but for those of its
# parts in DRAM (index, rebuild, interleavings), which take minutes under emulation; flushing and mapping; the store's
# public interface, and its way from rings to segments. Not platform_persist_domain_test: it sees by the clock whether a
# flush reached its line, and an emulated one goes nowhere.
TOOLS = {"bin/vm_guest": controls.GUEST_PROGRAM, "bin/zverse-fsck": "tools/zverse-fsck"}
QUICK_TESTS = ("hot_ring_test", "hot_tier_test", "hot_recovery_test", "engine_api_test")
ALL_TESTS = (*QUICK_TESTS, "hot_frame_test", "hot_hot_crash_test", "hot_space_queue_test", "hot_stamp_test",
             "hot_walk_test", "hot_chain_test", "platform_mapping_test", "engine_flush_test")
CASES = {"media": media.run, "power-cuts": power_cuts.run, "lost-lines": lost_lines.run, "write-log": write_log.run}
COLUMN = 40  # of the table
RED = (cycles.CaseFailed, machine.MachineFailed, host.BuildFailed)


@dataclass
class Size:
    """How much a run does."""

    power_cuts: int
    lossy_cycles: int
    log_cuts: int
    controls: tuple  # of lost-lines
    page_controls: tuple  # other cases that have one
    media: tuple
    medium_tests: tuple
    seed: int = 0


WHOLE = Size(power_cuts=20, lossy_cycles=8, log_cuts=200, controls=controls.OF_LINES,
             page_controls=("power-cuts", "write-log"), media=tuple(media.EXPECTED), medium_tests=ALL_TESTS)
QUICK = Size(power_cuts=3, lossy_cycles=2, log_cuts=40, controls=("persist-no-flush",), page_controls=(),
             media=("ext4-dax", "eadr-ext4-dax"), medium_tests=QUICK_TESTS[:2])


@dataclass
class Report:
    rows: list = field(default_factory=list)

    def begin(self):
        self.began = time.monotonic()

    def add(self, what, outcome):
        now = time.monotonic()
        self.rows.append((what, outcome, now - self.began))
        self.began = now
        host.say(f"vm: {what}: {outcome} ({self.rows[-1][2]:.0f} s)")

    def print(self):
        host.say("\n== virtual machines: what was done")
        for what, outcome, seconds in self.rows:
            host.say(f"{what:{COLUMN}} {seconds:4.0f} s  {outcome}")


def build_programs(size, names):
    """Everything the guest runs, by its path there."""
    build = host.ROOT / "build"
    if not (build / "build.ninja").is_file():
        host.run("meson", "setup", str(build), "-Dwerror=true", cwd=host.ROOT)
    tests = {f"tests/{test}": f"tests/{test}" for test in size.medium_tests} if "media" in names else {}
    programs = {path: build / target for path, target in {**TOOLS, **tests}.items()}
    targets = [str(file.relative_to(build)) for file in programs.values()]
    host.run("ninja", "-C", str(build), *targets, failure=host.BuildFailed)
    needed = list(size.controls) if "lost-lines" in names else []
    if set(size.page_controls) & set(names):
        needed.append(controls.OF_PAGES)
    for name in needed:
        programs[f"bin/{controls.program(name)}"] = controls.build_control(build, name)
    return programs


def prepare(size, names, report):
    host.install()
    guest_image.ensure_kernel()
    guest_image.build(build_programs(size, names))
    report.add("packages, kernel, programs", host.qemu_version())


def run_cases(size, names, report):
    """OK, FAIL or SKIP for each case, and why."""
    results = {}
    for name in names:
        try:
            CASES[name](size, report)
            results[name] = ("OK", "")
        except RED as failure:
            kept = cycles.keep_rest(name, size.seed)
            why = f"{failure}" + (f"; what it left is in {kept}" if kept else "")
            report.add(f"{name}: FAILED", why)
            results[name] = ("FAIL", why)
        except host.CannotRun as reason:
            report.add(f"{name}: NOT RUN", str(reason))
            results[name] = ("SKIP", str(reason))
    return results


def write_log_of(results, file):
    """As `meson test` would, for scripts/test_summary.py."""
    entries = [{"name": name, "result": result, "stdout": why, "returncode": int(result == "FAIL")}
               for name, (result, why) in results.items()]
    Path(file).write_text("".join(json.dumps(entry) + "\n" for entry in entries))


def left_out(size, names):
    """What the whole form does and this run did not."""
    for name in CASES:
        if name not in names:
            yield f"the case {name}"
    for what in ("power_cuts", "lossy_cycles", "log_cuts"):
        if getattr(size, what) < getattr(WHOLE, what):
            yield f"{getattr(WHOLE, what) - getattr(size, what)} {what.replace('_', ' ')}"
    for what in ("controls", "page_controls", "media", "medium_tests"):
        if missing := [each for each in getattr(WHOLE, what) if each not in getattr(size, what)]:
            yield f"{what.replace('_', ' ')}: {', '.join(missing)}"


def judge_again(folder):
    host.install()
    guest_image.ensure_kernel()
    guest_image.build(build_programs(QUICK, ()))
    complaints = cycles.again(Path(folder))
    host.say("\n".join(complaints) or "vm: nothing wrong was found this time")
    return 1 if complaints else 0


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("cases", nargs="*", metavar="CASE", help=", ".join(CASES) + "; all when none is named")
    parser.add_argument("--quick", action="store_true", help="what fits into six minutes on two cores")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().getrandbits(32), help="of all random choices")
    parser.add_argument("--again", metavar="FOLDER", help="judge a cut that was kept once more")
    parser.add_argument("--log", metavar="FILE", help="the results as scripts/test_summary.py reads them")
    parser.add_argument("--available", action="store_true", help="only say whether the emulator is installed")
    options = parser.parse_args()
    if unknown := [case for case in options.cases if case not in CASES]:
        parser.error(f"no case {', '.join(unknown)}; there are {', '.join(CASES)}")
    return options


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that no machine is left behind
    options = arguments()
    if options.available:
        host.check_installed()
        return 0
    with host.lock_cache():
        return judge_again(options.again) if options.again else run_all(options)


def run_all(options):
    size = replace(QUICK if options.quick else WHOLE, seed=options.seed)
    names = options.cases or list(CASES)
    host.say(f"vm: seed {size.seed}; --seed {size.seed} makes the same choices again")
    report = Report()
    began = time.monotonic()
    report.begin()
    prepare(size, names, report)
    results = run_cases(size, names, report)
    if options.log:
        write_log_of(results, options.log)
    report.print()
    for each in left_out(size, names):
        host.say(f"{'left out':{COLUMN}}         {each}")
    green, red, skipped = (sum(result == each for result, _ in results.values()) for each in ("OK", "FAIL", "SKIP"))
    host.say(f"vm: {green} of {len(names)} cases green, {red} red, {skipped} not run, {time.monotonic() - began:.0f} s")
    return 1 if red else 0 if green else 77


if __name__ == "__main__":
    try:
        sys.exit(main())
    except host.CannotRun as why:
        host.complain(f"vm: SKIPPED, this computer can't run the virtual machines: {why}")
        sys.exit(77)
    except RED as failure:
        host.complain(f"vm: {failure}")
        sys.exit(1)
