"""The guest: Debian's kernel, unpacked once, and an initramfs with ZVerse's programs, made anew for each run.

The kernel's own package is not installed, only looked into. Its payload is unpacked to the ELF file that QEMU can start
directly (PVH), which saves the decompression in the guest: two seconds under emulation.
"""

import re
import shutil
import struct
import subprocess
from pathlib import Path

import host

KERNEL = host.CACHE / "kernel"
VMLINUX = KERNEL / "vmlinux"
INITRAMFS = host.CACHE / "initramfs"
HERE = Path(__file__).resolve().parent
# By what they are needed for; each group is loaded by guest/init when a machine has such hardware.
MODULE_GROUPS = {
    "pmem": ("nfit", "nd_pmem", "dax_pmem"),
    "virtio": ("virtio_pci", "virtio_blk"),
    "xfs": ("xfs",),
}
SYSTEM_PROGRAMS = ("/usr/bin/ndctl", "/usr/sbin/mkfs.ext4", "/usr/sbin/mkfs.xfs")
UNPACKERS = {
    b"\xfd7zX": ["xz", "-dc", "--single-stream"],
    b"\x1f\x8b": ["gzip", "-dc"],
    b"\x28\xb5\x2f\xfd": ["zstd", "-dc"],
    b"\x02\x21\x4c\x18": ["lz4", "-dc"],
}


def vmlinux_of(image):
    """The ELF kernel inside a bzImage; Documentation/x86/boot.rst says where it lies."""
    setup_sectors = image[0x1F1] or 4
    offset, length = struct.unpack_from("<II", image, 0x248)
    begin = (setup_sectors + 1) * 512 + offset
    payload = image[begin : begin + length]
    for magic, command in UNPACKERS.items():
        if payload.startswith(magic):
            # The size behind the payload makes unpackers complain about garbage at its end.
            unpacked = subprocess.run(command, input=payload, capture_output=True).stdout
            if unpacked.startswith(b"\x7fELF"):
                return unpacked
    raise host.CannotRun("the kernel's package has an image that nothing here can unpack")


def kernel_package():
    depends = host.run("apt-cache", "depends", "linux-image-cloud-amd64")
    found = re.search(r"Depends: (linux-image-\S+-cloud-amd64)", depends)
    if not found:
        raise host.CannotRun("no package linux-image-cloud-amd64 in the lists of apt (apt-get update?)")
    return found.group(1)


def ensure_kernel():
    """Downloads and unpacks the kernel, once."""
    if (KERNEL / "complete").is_file():
        return
    shutil.rmtree(KERNEL, ignore_errors=True)
    KERNEL.mkdir(parents=True)
    try:
        package = kernel_package()
    except host.CannotRun:
        host.apt_get("update")
        package = kernel_package()
    host.say(f"vm: downloading {package}")
    host.apt_get("download", package, root=False, cwd=KERNEL)
    deb = next(KERNEL.glob("*.deb"))
    host.run("dpkg", "-x", str(deb), str(KERNEL / "root"))
    VMLINUX.write_bytes(vmlinux_of(next((KERNEL / "root/boot").glob("vmlinuz-*")).read_bytes()))
    host.run("/sbin/depmod", "-b", str(KERNEL / "root"), modules_folder().name)
    deb.unlink()
    (KERNEL / "complete").touch()


def modules_folder():
    return next((KERNEL / "root/lib/modules").iterdir())


def modules_of(names):
    """Files below modules_folder(), each behind those it needs. What is built into the kernel is not among them."""
    needs = {}
    for line in (modules_folder() / "modules.dep").read_text().splitlines():
        module, _, others = line.partition(":")
        needs[module] = others.split()
    by_name = {Path(module).name.removesuffix(".ko").replace("-", "_"): module for module in needs}
    ordered = []
    for name in names:
        # modules.dep names what must be loaded first last.
        for module in [*reversed(needs.get(by_name.get(name), [])), by_name.get(name)]:
            if module and module not in ordered:
                ordered.append(module)
    return ordered


def libraries_of(program):
    """What the dynamic linker would load, by the paths at which it looks for them."""
    listed = subprocess.run(["ldd", str(program)], capture_output=True, text=True).stdout
    return re.findall(r"(/\S+) \(0x", listed)


class Archive:
    """A cpio archive in the kernel's format "newc", which needs no tool to be written."""

    def __init__(self):
        self.entries = {}

    def add(self, path, data, mode=0o100755):
        parents = Path(path).parents
        for parent in [str(each) for each in reversed(parents)][1:]:
            self.entries.setdefault(parent, (b"", 0o40755))
        self.entries[path] = (data, mode)

    def add_program(self, path, file, stripped=False):
        """With the libraries that it needs, at the places where it looks for them."""
        data = Path(file).read_bytes()
        if stripped:
            copy = host.CACHE / "stripped"
            host.run("strip", "-o", str(copy), str(file))
            data = copy.read_bytes()
            copy.unlink()
        self.add(path, data)
        for library in libraries_of(file):
            if library.lstrip("/") not in self.entries:
                self.add(library.lstrip("/"), Path(library).resolve().read_bytes())

    def write(self, file):
        with open(file, "wb") as out:
            entries = [*self.entries.items(), ("TRAILER!!!", (b"", 0))]
            for number, (path, (data, mode)) in enumerate(entries, 1):
                name = path.encode() + b"\0"
                fields = [number, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name), 0]
                header = b"070701" + b"".join(b"%08X" % field for field in fields) + name
                out.write(header + b"\0" * (-len(header) % 4))
                out.write(data + b"\0" * (-len(data) % 4))


def build(programs):
    """Makes the initramfs; `programs` are paths inside it to files outside."""
    archive = Archive()
    for folder in ("dev", "proc", "sys", "tmp", "mnt", "etc"):
        archive.add(folder, b"", 0o40755)
    archive.add("init", (HERE / "guest/init").read_bytes())
    archive.add_program("bin/busybox", "/bin/busybox")
    archive.add("bin/sh", b"busybox", 0o120777)
    for program in SYSTEM_PROGRAMS:
        archive.add_program("bin/" + Path(program).name, program)
    archive.add("etc/mke2fs.conf", Path("/etc/mke2fs.conf").read_bytes(), 0o100644)
    for path, file in programs.items():
        archive.add_program(path, file, stripped=True)
    for group, names in MODULE_GROUPS.items():
        modules = modules_of(names)
        for module in modules:
            archive.add("lib/modules/" + module, (modules_folder() / module).read_bytes(), 0o100644)
        listed = "".join(f"/lib/modules/{module}\n" for module in modules)
        archive.add(f"lib/modules.{group}", listed.encode(), 0o100644)
    archive.write(INITRAMFS)
