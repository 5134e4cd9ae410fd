"""Control builds: the guest program with one flush or one fence taken out of the library, which the test must notice.

What is broken, and where, comes from scripts/mutations_medium.py, so that there is one list. Only the file that is
broken is compiled again, with the command that ninja has for it, and linked in front of the libraries: its functions
are then the ones that count. Nothing in the build directory changes.
"""

import shlex
import sys

import host

sys.path.insert(0, str(host.ROOT / "scripts"))
import mutations_medium  # noqa: E402: found by the line above

# Every write of class power goes through the first two.
NAMES = ("persist-no-flush", "persist-no-drain", "persist-first-line", "body-not-flushed")
GUEST_PROGRAM = "tests/vm/vm_guest"


def commands(build, target):
    return host.run("ninja", "-C", str(build), "-t", "commands", "-s", target).splitlines()[-1]


def with_output(command, output):
    words = shlex.split(command)
    words[words.index("-o") + 1] = str(output)
    return words


def build_control(build, name):
    """The guest program, broken; a file."""
    mutation = next(each for each in mutations_medium.PERSIST if each.name == name)
    folder = host.CACHE / "controls" / name
    folder.mkdir(parents=True, exist_ok=True)
    text = (host.ROOT / mutation.file).read_text()
    if complaints := list(mutation.complaints(text)):
        raise host.CannotRun("; ".join(complaints))
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
        host.run(*words, cwd=build)
    return program
