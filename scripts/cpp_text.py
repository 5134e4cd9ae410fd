"""Just enough of C++ for the checks in tidy.py: code without comments, and where functions begin and end."""

import re
from dataclasses import dataclass

TOKEN = re.compile(
    r'(?P<comment>//[^\n]*|/\*.*?\*/)'
    r'|(?P<raw>R"(?P<delimiter>[^()\\\s]{0,16})\(.*?\)(?P=delimiter)")'
    r'|(?P<string>"(?:\\.|[^"\\\n])*")'
    r"|(?P<char>(?<![0-9A-Fa-f])'(?:\\.|[^'\\\n])+')",
    re.DOTALL,
)
SCOPE = re.compile(r"\b(namespace|class|struct|union|enum|extern)\b")


def blanked(text, keep_strings=False):
    """The text with comments, strings and characters replaced by spaces; every line keeps its length and number."""

    def blank(match):
        if keep_strings and match.lastgroup != "comment":
            return match.group()
        return re.sub(r"[^\n]", " ", match.group())

    return TOKEN.sub(blank, text)


def top_comment(text):
    """The // comment a file begins with."""
    lines = []
    for line in text.splitlines():
        if not line.startswith("//"):
            break
        lines.append(line)
    return "\n".join(lines)


@dataclass
class Function:
    name: str
    first_line: int
    last_line: int

    @property
    def lines(self):
        return self.last_line - self.first_line + 1


def functions(text):
    """Every outermost function body: from the line its declaration begins on to the line of its closing brace."""
    code = re.sub(r"^[ \t]*#.*$", lambda match: " " * len(match.group()), blanked(text), flags=re.MULTILINE)
    found = []
    header_start = 0
    position = 0
    while position < len(code):
        char = code[position]
        if char in ";}":
            header_start = position + 1
        elif char == "{":
            header = code[header_start:position]
            if is_function(header):
                end = matching_brace(code, position)
                found.append(describe(code, header, header_start, end))
                position, header_start = end, end + 1
            elif not opens_scope(header):
                position = matching_brace(code, position)  # an initializer: the declaration goes on behind it
            else:
                header_start = position + 1
        position += 1
    return found


def opens_scope(header):
    return SCOPE.search(re.sub(r"<[^<>]*>", "", header).split("(")[0]) is not None


def is_function(header):
    if "(" not in header or opens_scope(header):
        return False
    return header[-1:].isspace() and not header.rstrip().endswith(("=", ",", "return"))


def matching_brace(code, start):
    depth = 0
    for position in range(start, len(code)):
        if code[position] == "{":
            depth += 1
        elif code[position] == "}":
            depth -= 1
            if depth == 0:
                return position
    return len(code) - 1


def describe(code, header, header_start, end):
    begin = header_start + len(header) - len(header.lstrip())
    name = re.search(r"([~\w:]+)\s*\(", re.sub(r"\[\[.*?\]\]", "", header))
    return Function(name.group(1) if name else "?", code.count("\n", 0, begin) + 1, code.count("\n", 0, end) + 1)
