"""What this computer must have to run the machines, and how it gets it. Says in clear words when it can't."""

import fcntl
import os
import platform
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CACHE = ROOT / "build-vm"
QEMU = "qemu-system-x86_64"
# Of Debian 12. The kernel is downloaded and unpacked, not installed: see guest_image.py.
PACKAGES = ("qemu-system-x86", "busybox-static", "kmod", "ndctl", "xfsprogs", "e2fsprogs", "lz4", "binutils", "gcc")
# The plugin stands on private parts of this QEMU (pmemsim.c names them).
PLUGIN_QEMU = re.compile(r"version 7\.2\.\d+ \(Debian 1:7\.2\+dfsg-7\+deb12u\d+")


class CannotRun(Exception):
    """This computer can't run the machines, or a part of the cases; the reason is a sentence."""


class BuildFailed(Exception):
    """Something of this checkout does not compile, or does not fit together any more: red, and no reason to skip."""


def run(*command, failure=CannotRun, **options):
    """Runs a command quietly; its output is told when it fails."""
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", **options)
    if done.returncode != 0:
        raise failure(f"{' '.join(command)} failed: {(done.stderr or done.stdout).strip()[-500:]}")
    return done.stdout


def lock_cache():
    """One run at a time: it is held as long as the file that is returned is open."""
    CACHE.mkdir(exist_ok=True)
    lock = open(CACHE / "lock", "w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise CannotRun("another ./dev vm is running in this checkout") from None
    return lock


def as_root():
    if os.geteuid() == 0:
        return []
    if shutil.which("sudo"):
        return ["sudo"]
    raise CannotRun("packages are missing, and there is neither root nor sudo to install them: " + " ".join(missing()))


def missing():
    def installed(package):
        query = ["dpkg-query", "-W", "-f", "${db:Status-Status}", package]
        return subprocess.run(query, capture_output=True, text=True).stdout == "installed"

    return [package for package in PACKAGES if not installed(package)]


def apt_get(*words, root=True, cwd=None):
    environment = dict(os.environ, DEBIAN_FRONTEND="noninteractive")
    command = [*(as_root() if root else []), "apt-get", "-qq", "-o", "DPkg::Lock::Timeout=300", *words]
    return run(*command, env=environment, cwd=cwd)


def install():
    """Installs what is missing; nothing when all is there."""
    if platform.machine() != "x86_64":
        raise CannotRun(f"the guest is an x86-64 machine, and this is {platform.machine()}")
    if not shutil.which("dpkg-query") or not shutil.which("apt-get"):
        raise CannotRun("not a Debian system; needed are " + " ".join(PACKAGES) + " and a kernel with NVDIMM modules")
    if wanted := missing():
        print(f"vm: installing {' '.join(wanted)}", flush=True)
        apt_get("update")
        apt_get("install", "-y", "--no-install-recommends", *wanted)


def check_installed():
    """For continuous integration, which installs nothing for this."""
    if not shutil.which(QEMU):
        raise CannotRun(f"{QEMU} is not installed; ./dev vm installs it")


def qemu_version():
    return run(QEMU, "--version").splitlines()[0]


def check_plugin_qemu():
    if not PLUGIN_QEMU.search(qemu_version()):
        raise CannotRun(f"the plugin is written for Debian 12's QEMU 7.2, and this is {qemu_version()}")


def build_plugin():
    """The emulator's plugin as a file."""
    check_plugin_qemu()
    plugin, source = CACHE / "pmemsim.so", Path(__file__).with_name("pmemsim.c")
    if not plugin.is_file() or plugin.stat().st_mtime < source.stat().st_mtime:
        flags = ["-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror", "-fPIC", "-shared", "-fvisibility=hidden"]
        run("gcc", *flags, "-o", str(plugin), str(source), failure=BuildFailed)
    return plugin


def sparse_copy(source, target):
    """Images are mostly holes."""
    run("cp", "--sparse=always", "--reflink=auto", str(source), str(target))


def say(text):
    print(text, flush=True)


def complain(text):
    print(text, file=sys.stderr, flush=True)
