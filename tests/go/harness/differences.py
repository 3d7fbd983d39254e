"""Reads differences.txt: the cases in which we mean to differ from Go, under the names of docs/go-parity.md's rows.

    [Name of a row of docs/go-parity.md]
    The reason, one or more lines.
      case-name
      another-case

Indented lines name cases; one with a * stands for those of them that differ, at least one. `case-name: KIND KIND` lets
only these kinds of lines of what handlers saw differ (harness/described.py).
"""

import fnmatch
import re


def _rows(parity):
    """The first cell of each table row of the parity document, without its marks."""
    names = set()
    for line in parity.read_text(encoding="utf-8").splitlines():
        cell = re.match(r"\|\s*(.+?)\s*\|", line)
        if cell:
            names.add(cell.group(1).replace("`", "").strip())
    return names


def load(path, parity, known):
    """Returns ({case: row}, problems). A case that came from a pattern with * has the pattern as its row."""
    expected, problems, row, reason = {}, [], None, ""
    rows = _rows(parity) if parity.is_file() else set()
    for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else []:
        if not line.strip() or line.startswith("#"):
            continue
        if line.startswith("["):
            row, reason = line.strip()[1:-1], ""
            if row.replace("`", "") not in rows:
                problems.append("no row %r in docs/go-parity.md" % row)
        elif not line.startswith(" "):
            reason += line
        else:
            name = line.partition(":")[0].strip()
            if not row or not reason:
                problems.append("case %s stands under no row or no reason" % name)
            if "*" in name:
                cases = set(fnmatch.filter(known, name)) - set(expected)
                if not cases:
                    problems.append("no case like %s in the corpus" % name)
                expected.update((case, name) for case in cases)
                continue
            if name not in known:
                problems.append("no case %s in the corpus" % name)
            if name in expected:
                problems.append("case %s is listed twice" % name)
            expected[name] = row
    return expected, problems


def kinds(path):
    """{case: the kinds of lines of what handlers saw that may differ}, of the cases that are limited to some."""
    out = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        name, colon, some = line.partition(":")
        if line.startswith(" ") and colon:
            out[name.strip()] = set(some.split())
    return out


def undiffering(expected, differing):
    """What is listed and does not differ: a case, or a pattern none of whose cases does."""
    patterns = {row for case, row in expected.items() if "*" in row and case in differing}
    return sorted({row if "*" in row else case for case, row in expected.items()
                   if case not in differing and row not in patterns})
