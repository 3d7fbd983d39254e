"""What handlers saw of each request, as /described of both servers tells it."""

import re
import time


def requests(text):
    """The records of /described, one list of lines for each request in order; fields stand by name. The first line is
    `pending N`, the count of bodies that are being read."""
    found = {}
    for line in text.splitlines()[1:]:
        number, _, rest = line.partition(" ")
        found.setdefault(int(number), []).append(rest)
    return [_ordered(found[number]) for number in sorted(found)]


def _ordered(lines):
    out = {}
    for line in lines:
        kind, _, value = line.partition(" ")
        # Host is a field of its own in Go, and no part of the header.
        if not (kind == "field" and value.startswith("Host:")):
            out.setdefault(kind, []).append(value)
    for kind in ("field", "declared", "trailer"):
        # A stable sort: the values of one name keep their order.
        out[kind] = sorted(out.get(kind, []), key=lambda v: v.partition(":")[0])
    return out


def wait(ask, patience=5):
    """The records, once no handler reads a body any more."""
    end = time.monotonic() + patience
    while True:
        text = ask()
        if text.startswith("pending 0\n"):
            return requests(text)
        if time.monotonic() > end:
            raise RuntimeError("a handler still reads a body: %r" % text[:80])
        time.sleep(0.005)


def differ(go, ours):
    """The aspects in which two lists of records differ, readably."""
    out = []
    if len(go) != len(ours):
        out.append("described: go %d requests, ours %d" % (len(go), len(ours)))
    for i, (a, b) in enumerate(zip(go, ours)):
        for kind in sorted(set(a) | set(b)):
            if a.get(kind) != b.get(kind):
                out.append("request %d %s: go %s, ours %s" % (i, kind, str(a.get(kind))[:300], str(b.get(kind))[:300]))
    return out


def beyond(found, kinds):
    """The differences that are not of these kinds alone."""
    of = re.compile(r"request \d+ (\w+):")
    return [f for f in found if not of.match(f) or of.match(f).group(1) not in kinds]
