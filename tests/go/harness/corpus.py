"""Reads the corpus: named cases of exact bytes. The format is described in corpus/README.md."""

import re
from dataclasses import dataclass, field

_SIMPLE = {"r": b"\r", "n": b"\n", "t": b"\t", "0": b"\0", "\\": b"\\", "{": b"{"}
_MARKS = ("pause", "wait", "half")


@dataclass
class Case:
    name: str
    steps: list = field(default_factory=list)  # ("send", bytes) | ("pause",) | ("wait",) | ("half",)
    methods: list = field(default_factory=list)
    drip: bool = True
    probe: bool = True


class CorpusError(Exception):
    pass


def _unescape(text):
    out, i = bytearray(), 0
    while i < len(text):
        c = text[i]
        if c != "\\":
            out += c.encode("utf-8")
            i += 1
        elif text[i + 1] == "x":
            out.append(int(text[i + 2 : i + 4], 16))
            i += 4
        else:
            out += _SIMPLE[text[i + 1]]
            i += 2
    return bytes(out)


def _close(text, start):
    """The index of the brace that ends the one at start; escaped braces do not count."""
    depth, i = 0, start
    while i < len(text):
        if text[i] == "\\":
            i += 2
            continue
        if text[i] == "{":
            depth += 1
        elif text[i] == "}":
            depth -= 1
            if depth == 0:
                return i
        i += 1
    raise CorpusError("a brace is not closed")


def _expand(text):
    """Steps of one text: literal bytes and marks."""
    steps, i, literal = [], 0, ""
    buf = bytearray()
    while i < len(text):
        c = text[i]
        if c == "\\":
            literal += text[i : i + 2]
            i += 2
            continue
        if c != "{":
            literal += c
            i += 1
            continue
        end = _close(text, i)
        inner, i = text[i + 1 : end], end + 1
        buf += _unescape(literal)
        literal = ""
        repeat = re.match(r"(\d+)\*", inner)
        count = re.match(r"(\d+)\.\.(\d+):", inner)
        if inner == "E":
            buf += b"Host: h\r\n\r\n"
        elif inner in _MARKS:
            if buf:
                steps.append(("send", bytes(buf)))
                buf.clear()
            steps.append((inner,))
        elif repeat:
            buf += _flat(inner[repeat.end() :]) * int(repeat.group(1))
        elif count:
            for n in range(int(count.group(1)), int(count.group(2)) + 1):
                buf += _flat(inner[count.end() :].replace("%d", str(n)))
        else:
            raise CorpusError("unknown form {%s}" % inner)
    buf += _unescape(literal)
    if buf:
        steps.append(("send", bytes(buf)))
    return steps


def _flat(text):
    steps = _expand(text)
    if any(s[0] != "send" for s in steps):
        raise CorpusError("a mark inside a repetition")
    return b"".join(s[1] for s in steps)


def _finish(case, lines, where):
    try:
        case.steps = _expand("".join(lines))
    except (CorpusError, KeyError, IndexError, ValueError) as e:
        raise CorpusError("%s: case %s: %s" % (where, case.name, e)) from e
    if not case.steps:
        raise CorpusError("%s: case %s is empty" % (where, case.name))


def load(folder):
    cases, names = [], set()
    for path in sorted(folder.glob("*.txt")):
        case, lines = None, []
        for line in path.read_text(encoding="utf-8").split("\n"):
            line = line.rstrip(" \t")
            if line.startswith("== "):
                if case:
                    _finish(case, lines, path.name)
                head, _, options = line[3:].partition("|")
                case, lines = Case(head.strip()), []
                if case.name in names:
                    raise CorpusError("%s: case %s is there twice" % (path.name, case.name))
                names.add(case.name)
                cases.append(case)
                for option in options.split():
                    if option == "nodrip":
                        case.drip = False
                    elif option == "noprobe":
                        case.probe = False
                    elif option.startswith("methods="):
                        case.methods = option[8:].split(",")
                    else:
                        raise CorpusError("%s: unknown option %s" % (path.name, option))
            elif case and line and not line.startswith("# "):
                lines.append(line)
        if case:
            _finish(case, lines, path.name)
    return cases
