"""One virtual machine: one QEMU process, read line by line, with a time limit, and cut off by SIGKILL.

A machine that does not come up is started once more: nothing was written yet, so this hides nothing. Emulation is by
TCG, since KVM is not to be had everywhere, and its clwb does nothing: what it proves is said in docs/testing.md.
"""

import os
import selectors
import subprocess
import time
from dataclasses import dataclass, field

import guest_image
import host
from serial_lines import Line, Lines

UP_SECONDS_MAX = 90  # a boot takes 3 to 8 s, and took 44 s on a busy machine


class MachineFailed(Exception):
    """The machine did not come up twice, or took longer than its limit."""


@dataclass
class Setup:
    """What the machine is made of."""

    words: dict  # for guest/init
    nvdimms: list = field(default_factory=list)  # images, each one NVDIMM; two: one on each of two NUMA nodes
    nvdimm_bytes: int = 256 << 20
    caches_survive: bool = False  # eADR: the CPU caches are in the power-fail domain
    disks: list = field(default_factory=list)  # arguments of QEMU that make disks
    plugin: str = ""
    cpus: int = 1

    def command(self):
        persistence = "cpu" if self.caches_survive else "mem-ctrl"
        memory = 1024
        words = " ".join(f"zv.{name}={value}" for name, value in self.words.items())
        command = ["nice", "-n", "5", host.QEMU, "-machine", f"q35,nvdimm=on,nvdimm-persistence={persistence}",
                   "-accel", f"tcg,thread={'multi' if self.cpus > 1 else 'single'}", "-cpu", "max",
                   "-m", f"{memory}M,slots=4,maxmem=16G",
                   "-kernel", str(guest_image.VMLINUX), "-initrd", str(guest_image.INITRAMFS),
                   "-append", f"console=ttyS0 quiet panic=-1 {words}",
                   "-nodefaults", "-no-user-config", "-display", "none", "-monitor", "none", "-serial", "stdio",
                   "-no-reboot"]
        command += self.node_arguments(memory) if len(self.nvdimms) > 1 else ["-smp", str(self.cpus)]
        for number, image in enumerate(self.nvdimms):
            node = f",node={number}" if len(self.nvdimms) > 1 else ""
            backend = f"memory-backend-file,id=nv{number},share=on,mem-path={image},size={self.nvdimm_bytes}"
            command += ["-object", backend, "-device", f"nvdimm,id=nvdimm{number},memdev=nv{number}{node}"]
        command += self.disks
        return command + (["-plugin", self.plugin] if self.plugin else [])

    def node_arguments(self, memory):
        """Half of the CPUs and of the memory on each of two nodes."""
        half = self.cpus // 2
        arguments = ["-smp", f"{self.cpus},sockets=2,cores={half}"]
        for node in (0, 1):
            arguments += ["-object", f"memory-backend-ram,id=ram{node},size={memory // 2}M",
                          "-numa", f"node,nodeid={node},cpus={node * half}-{node * half + half - 1},memdev=ram{node}"]
        return arguments + ["-numa", "dist,src=0,dst=1,val=21"]


class Machine:
    """Used as a context; whatever happens, the process is gone at its end."""

    def __init__(self, setup, log, seconds_max):
        self.setup, self.seconds_max = setup, seconds_max
        self.log = open(log, "ab")
        self.process = None
        self.waiting = []
        self.cut_at = None

    def __enter__(self):
        try:
            self.boot()
        except BaseException:  # of an end by a signal, too: there is no __exit__ then
            self.kill()
            raise
        return self

    def __exit__(self, *_):
        self.kill()
        self.log.close()

    def boot(self):
        """Until the guest's init runs; a second time if it does not."""
        for attempt in (1, 2):
            self.start(UP_SECONDS_MAX)
            for line in self.lines():
                if line == Line("init", "up"):
                    self.deadline = time.monotonic() + self.seconds_max
                    return
            self.kill()
            host.say(f"vm: the machine did not come up (attempt {attempt} of 2), see {self.log.name}")
        raise MachineFailed(f"the machine did not come up within {UP_SECONDS_MAX} s, twice: see {self.log.name}")

    def start(self, seconds):
        self.log.write((" ".join(self.setup.command()) + "\n").encode())
        self.log.flush()
        self.process = subprocess.Popen(self.setup.command(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=self.log)
        self.text, self.waiting = Lines(), []
        self.deadline = time.monotonic() + seconds
        self.timed_out = False

    def lines(self):
        """Each line as it comes, to the end of the machine: its own, the cut, or its time limit (`timed_out`)."""
        pipe = self.process.stdout
        with selectors.DefaultSelector() as ready:
            ready.register(pipe, selectors.EVENT_READ)
            while True:
                while self.waiting:
                    yield self.waiting.pop(0)
                until = self.deadline if self.cut_at is None else min(self.cut_at, self.deadline)
                if ready.select(max(0, until - time.monotonic())):
                    data = os.read(pipe.fileno(), 65536)
                    if not data:
                        return
                    self.take(data)
                elif self.process.poll() is None:
                    self.timed_out = self.cut_at is None
                    self.kill_process()  # what it had written before is read to the end
                    self.deadline = time.monotonic() + 10

    def take(self, data):
        self.log.write(data)
        self.log.flush()
        self.waiting += self.text.feed(data)

    def cut_in(self, seconds):
        """The power goes so many seconds from now."""
        self.cut_at = time.monotonic() + seconds

    def kill_process(self):
        self.process.kill()
        self.process.wait()

    def kill(self):
        if self.process is not None:
            self.kill_process()
            self.process.stdout.close()
            self.process = None


def run_steps(setup, log, seconds_max):
    """A machine that runs to its own end: every line. Raises MachineFailed when it doesn't get there."""
    with Machine(setup, log, seconds_max) as machine:
        heard = list(machine.lines())
        if machine.timed_out:
            raise MachineFailed(f"the machine was not done within {seconds_max} s: see {log}")
    if Line("init", "done") not in heard:
        raise MachineFailed(f"the machine ended before it was done: see {log}")
    return heard
