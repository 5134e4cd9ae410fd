"""Control builds: the guest program with one flush, fence or wait taken out of the library, which a case must notice.

What is broken, and where, comes from scripts/mutations*.py, so that there is one list. Only the file that is
broken is compiled again, with the command that ninja has for it, and linked in front of the libraries: its functions
are then the ones that count. Nothing in the build directory changes.
"""

import shlex
import sys

import host
from cycles import CaseFailed

sys.path.insert(0, str(host.ROOT / "scripts"))
import mutations  # noqa: E402: found by the line above

# On lines; every write of class power goes through the first two.
OF_LINES = ("persist-no-flush", "persist-no-drain", "persist-first-line", "body-not-flushed")
OF_PAGES = "group-not-waited-for"  # a write returns before the sync of its pages
CUTS_MAX = 6  # without a fence only what came after the last other fence is lost
GUEST_PROGRAM = "tests/vm/vm_guest"


def commands(build, target):
    listed = host.run("ninja", "-C", str(build), "-t", "commands", "-s", target, failure=host.BuildFailed)
    return listed.splitlines()[-1]


def with_output(command, output):
    words = shlex.split(command)
    words[words.index("-o") + 1] = str(output)
    return words


def build_control(build, name):
    """The guest program, broken; a file."""
    mutation = next(each for each in mutations.ALL if each.name == name)
    folder = host.CACHE / "controls" / name
    folder.mkdir(parents=True, exist_ok=True)
    text = (host.ROOT / mutation.file).read_text()
    if complaints := list(mutation.complaints(text)):
        raise host.BuildFailed("; ".join(complaints))
    source, object_file, program = folder / "broken.cpp", folder / "broken.o", folder / "vm_guest"
    source.write_text(mutation.apply(text))
    room, file = mutation.file.split("/")[1:]
    target = f"src/{room}/libzverse_{room}.a.p/{file}.o"
    compile_words = with_output(commands(build, target), object_file)
    compile_words[-1] = str(source)
    # Its own record of what it includes: ninja's must not change.
    compile_words[compile_words.index("-MF") + 1] = str(folder / "broken.d")
    link_words = with_output(commands(build, GUEST_PROGRAM), program)
    link_words.insert(link_words.index("-o"), str(object_file))
    for words in (compile_words, link_words):
        host.run(*words, cwd=build, failure=host.BuildFailed)
    return program


def program(name):
    """What it is called in the guest."""
    return f"vm_guest-{name}"


def must_be_caught(name, victim, cut, report):
    """A control whose cuts are all judged green makes the run red. `cut()` gives the complaints of one more."""
    for number in range(1, CUTS_MAX + 1):
        if complaints := cut():
            report.add(f"control {name}", f"caught by cut {number}, after {victim.acknowledged} acknowledged writes: "
                                          f"{len(complaints)} complaints, the first: {complaints[0]}")
            victim.remove()
            return
    raise CaseFailed(f"control {name} was not caught by {CUTS_MAX} cuts and {victim.acknowledged} acknowledged writes: "
                     "this case would not notice such a bug")
