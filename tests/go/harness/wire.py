"""Sends a case over a socket and reads what comes back, as a client that trusts nothing."""

import hashlib
import random
import select
import socket
import time

PROBE = b"GET /hello HTTP/1.1\r\nHost: probe\r\n\r\n"


class Answer:
    """One response as it was on the wire."""

    def __init__(self):
        self.proto = self.reason = self.framing = ""
        self.status = 0
        self.headers = []
        self.body = b""
        self.trailers = []
        self.whole = False
        self.broken = ""

    def values(self, name):
        return [v for n, v in self.headers if n.lower() == name]

    def view(self):
        """What is compared between two servers."""
        body = self.body
        if len(body) > 600:
            body = ("%d bytes, sha256 %s" % (len(body), hashlib.sha256(body).hexdigest()[:16])).encode()
        connection = sorted(t.strip().lower() for v in self.values("connection") for t in v.split(","))
        view = {
            "status": "%s %d %s" % (self.proto, self.status, self.reason),
            "framing": self.framing,
            "connection": ",".join(connection),
            "body": repr(body)[2:-1],
            "end": "whole" if self.whole else "cut",
            "date": bool(self.values("date")),
        }
        for name in ("content-type", "location", "allow", "x-a", "x-b", "trailer", "x-content-type-options"):
            if self.values(name):
                view[name] = "|".join(self.values(name))
        if self.framing == "length":
            view["content-length"] = "|".join(self.values("content-length"))
        if self.trailers:
            view["trailers"] = "|".join(sorted("%s: %s" % (n.lower(), v) for n, v in self.trailers))
        if self.broken:
            view["broken"] = self.broken
        return view


def _fields(block):
    out = []
    for line in block.split(b"\r\n"):
        if line:
            name, _, value = line.decode("latin-1").partition(":")
            out.append((name, value.strip(" \t")))
    return out


def parse(data, methods, eof):
    """Splits what was received into answers; returns (answers, bytes left over)."""
    answers, pos, finals = [], 0, 0
    while pos < len(data):
        end = data.find(b"\r\n\r\n", pos)
        if end < 0:
            break
        head = data[pos:end]
        line, _, rest = head.partition(b"\r\n")
        parts = line.decode("latin-1").split(" ", 2)
        a = Answer()
        if len(parts) < 2 or not parts[0].startswith("HTTP/") or not parts[1].isdigit():
            a.broken = "not a status line: %r" % line[:80]
            answers.append(a)
            return answers, b""
        a.proto, a.status, a.reason = parts[0], int(parts[1]), parts[2] if len(parts) > 2 else ""
        a.headers = _fields(rest)
        answers.append(a)
        pos = end + 4
        if a.status < 200:
            a.framing, a.whole = "none", True
            continue
        method = methods[finals] if finals < len(methods) else "GET"
        finals += 1
        pos = _body(a, method, data, pos, eof)
        if not a.whole:
            break
    return answers, data[pos:]


def _body(a, method, data, pos, eof):
    length = a.values("content-length")
    coded = a.values("transfer-encoding")
    if coded and length:
        a.broken = "both Transfer-Encoding and Content-Length"
    if method == "HEAD" or a.status in (204, 304):
        a.framing, a.whole = "none", True
        if length:
            a.framing = "none, length %s" % length[0]
        return pos
    if coded:
        a.framing = "chunked" if coded == ["chunked"] else "coded %s" % coded
        return _chunks(a, data, pos)
    if length:
        a.framing = "length"
        if len(set(length)) > 1 or not length[0].isdigit():
            a.broken = "Content-Length %s" % length
            return len(data)
        n = int(length[0])
        a.body = data[pos : pos + n]
        a.whole = len(a.body) == n
        return pos + len(a.body)
    a.framing, a.body, a.whole = "close", data[pos:], eof
    return len(data)


def _chunks(a, data, pos):
    body = []
    while True:
        end = data.find(b"\r\n", pos)
        if end < 0:
            break
        try:
            size = int(data[pos:end].split(b";")[0], 16)
        except ValueError:
            a.broken = "chunk size %r" % data[pos:end][:40]
            break
        start = end + 2
        if size == 0:
            stop = data.find(b"\r\n\r\n", end)
            if stop < 0:
                break
            a.trailers = _fields(data[start:stop])
            a.whole = True
            pos = stop + 4
            break
        body.append(data[start : start + size])
        if len(data) < start + size + 2:
            pos = len(data)
            break
        if data[start + size : start + size + 2] != b"\r\n":
            a.broken = "no line end after a chunk"
            break
        pos = start + size + 2
    a.body = b"".join(body)
    return pos


class Session:
    """One connection, over which a case is played."""

    def __init__(self, address, quiet):
        self.quiet = quiet
        self.sock = socket.create_connection(address, timeout=5)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock.setblocking(False)
        self.data = bytearray()
        self.eof = False
        self.reset = False
        self.send_closed = False

    def close(self):
        self.sock.close()

    def _pump(self, timeout, out=None):
        """Waits for the socket once; returns the count of bytes sent, or None after silence."""
        want_write = [self.sock] if out is not None and not self.send_closed else []
        want_read = [] if self.eof else [self.sock]
        if not want_write and not want_read:
            return None
        readable, writable, _ = select.select(want_read, want_write, [], timeout)
        if not readable and not writable:
            return None
        if readable:
            try:
                got = self.sock.recv(1 << 18)
            except BlockingIOError:
                got = None
            except OSError:
                got, self.reset = b"", True
            if got == b"":
                self.eof = True
            elif got:
                self.data += got
        if writable:
            try:
                return self.sock.send(out)
            except BlockingIOError:
                return 0
            except OSError:
                self.send_closed = True
        return 0

    def send(self, data, deadline):
        view = memoryview(data)
        while view and not self.send_closed and time.monotonic() < deadline:
            n = self._pump(0.2, view)
            if n:
                view = view[n:]
            elif n == 0 and self.eof and self.send_closed:
                return

    def settle(self, quiet, deadline, done=None):
        """Reads until end of file, silence of `quiet` seconds, or done()."""
        last = time.monotonic()
        while not self.eof and time.monotonic() < deadline:
            if done and done():
                return
            left = last + quiet - time.monotonic()
            if left <= 0:
                return
            if self._pump(min(left, 0.1)) is not None:
                last = time.monotonic()

    def play(self, case, rng):
        """Plays the steps; rng not None drips them."""
        deadline = time.monotonic() + 25
        for step in case.steps:
            if step[0] == "send" and rng is None:
                self.send(step[1], deadline)
            elif step[0] == "send":
                for piece in _pieces(step[1], rng):
                    self.send(piece, deadline)
                    self.settle(0.0007, deadline)
                    if self.send_closed:
                        break
            elif step[0] == "pause":
                self.settle(0.06, time.monotonic() + 0.06)
            elif step[0] == "wait":
                before = len(self.data)
                self.settle(1.5, deadline, lambda: len(self.data) > before)
            elif step[0] == "half":
                self.send_closed = True
                try:
                    self.sock.shutdown(socket.SHUT_WR)
                except OSError:
                    pass
        half = any(s[0] == "half" for s in case.steps)
        self.settle(3 if half else self.quiet, deadline)


def _pieces(data, rng):
    """Splits into small pieces: single bytes at first, larger ones where the whole would take too many."""
    largest = max(3, len(data) // 25)
    out, pos = [], 0
    while pos < len(data):
        n = rng.randint(1, largest)
        out.append(data[pos : pos + n])
        pos += n
    return out


def exchange(address, case, seed, quiet):
    """Plays a case and returns what is compared: the answers' views and the connection's state afterwards."""
    session = Session(address, quiet)
    try:
        session.play(case, None if seed is None else random.Random(seed))
        answers, left = parse(bytes(session.data), case.methods, session.eof)
        views = [a.view() for a in answers]
        state = "closed"
        if not session.eof:
            state = "open"
            if case.probe and not session.send_closed:
                views, left, state = _probe(session, case, len(answers))
            elif session.send_closed:
                state = "open after half close"
        return {"answers": views, "state": state, "left": repr(left[:80]), "reset": session.reset}
    finally:
        session.close()


def _probe(session, case, before):
    """Whether the connection serves another request, and what it answers."""
    deadline = time.monotonic() + 5
    session.send(PROBE, deadline)

    def answered():
        answers, _ = parse(bytes(session.data), case.methods, session.eof)
        return len(answers) > before and answers[-1].whole

    session.settle(max(session.quiet * 2, 0.4), deadline, answered)
    # The bytes of the probe may have ended another request's body: then more is to come.
    session.settle(0.02 if before else session.quiet, deadline)
    answers, left = parse(bytes(session.data), case.methods, session.eof)
    views = [a.view() for a in answers]
    if len(answers) == before:
        return views, left, "closed" if session.eof else "waiting for more"
    if len(answers) == before + 1 and answers[-1].status == 200 and answers[-1].body == b"hello":
        return views[:-1], left, "open"
    return views, left, "closed after more" if session.eof else "open after more"
