"""What a guest says on its serial line, taken apart.

Two voices count: guest/init, which says which step begins and how it ended, and the guest program, whose lines carry a
number and a checksum (guest/report.h). A line that does not fit its checksum was not said. Everything else is the
kernel or a tool, and goes into the log only.
"""

import binascii
import re
from dataclasses import dataclass

SAID = re.compile(r"zv (\d+) ([0-9a-f]{8}) (.*)")


@dataclass(frozen=True)
class Line:
    voice: str  # "init", "guest" or "other"
    text: str
    number: int = 0  # of the guest program's lines


def parse(raw):
    """A whole line, without its end."""
    text = raw.decode("utf-8", errors="replace")
    if text.startswith("init: "):
        return Line("init", text.removeprefix("init: "))
    if said := SAID.fullmatch(text):
        number, sum_, words = said.groups()
        if binascii.crc32(f"{number} {words}".encode()) == int(sum_, 16):
            return Line("guest", words, int(number))
    return Line("other", text)


class Lines:
    """Bytes in, lines out. A line without its end is not one yet, and never becomes one when the machine dies."""

    def __init__(self):
        self.rest = b""

    def feed(self, data):
        *whole, self.rest = (self.rest + data).split(b"\n")
        return [parse(line.rstrip(b"\r")) for line in whole]
