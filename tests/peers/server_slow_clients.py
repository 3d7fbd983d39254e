"""Slow clients by the thousand beside a good one: it is served, and they cost neither a thread nor much memory."""

import os
import resource
import socket
import threading

from checks import answers, connect, get, read_all, until

MANY = 5000
# A connection with half a head: its slab entry, its bytes, and what the allocator rounds up to.
EACH = 3 * 1024


def memory(server):
    """The resident set in bytes."""
    with open("/proc/%d/statm" % server.pid) as f:
        return int(f.read().split()[1]) * resource.getpagesize()


def processor(server):
    """User and system time in clock ticks."""
    with open("/proc/%d/stat" % server.pid) as f:
        fields = f.read().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def allow_descriptors(count):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < count:
        resource.setrlimit(resource.RLIMIT_NOFILE, (count if hard == resource.RLIM_INFINITY else min(count, hard), hard))


def from_address(server, number):
    """A connection from one of many addresses of this machine."""
    s = socket.socket()
    s.settimeout(20)
    s.bind(("127.0.0.%d" % (2 + number % 20), 0))
    s.connect(server.address)
    return s


class GoodClient:
    """Asks for /hello on one connection until it is told to end; each answer must be whole."""

    def __init__(self, server):
        self.server, self.served, self.failure, self.stop = server, 0, None, threading.Event()
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _run(self):
        try:
            with connect(self.server) as s:
                while not self.stop.is_set():
                    s.sendall(get("/hello"))
                    got = b""
                    while not got.endswith(b"\r\n\r\nhello"):
                        piece = s.recv(4096)
                        assert piece, "the connection ended after %r" % got
                        got += piece
                    assert got.startswith(b"HTTP/1.1 200 OK\r\n"), got
                    self.served += 1
        except Exception as e:  # told by end()
            self.failure = e

    def more(self):
        """Waits for another hundred answers."""
        before = self.served
        until("the good client's answers", lambda: self.failure is not None or self.served > before + 100 or self.served)

    def end(self):
        self.stop.set()
        self.thread.join(30)
        assert self.failure is None, "the good client: %r after %d answers" % (self.failure, self.served)


def slowloris(world):
    allow_descriptors(MANY + 1000)
    server = world.start_serve("--read-header-timeout", "120000", "--no-seen")
    slow, good = [], GoodClient(server)
    try:
        good.more()
        memory_before, threads_before = memory(server), server.threads()
        for i in range(MANY):
            s = from_address(server, i)
            s.sendall(b"GET /hello HTTP/1.1\r\nHost: t\r\nX-Slow: ")
            slow.append(s)
        for _ in range(3):
            for s in slow:
                s.sendall(b"x")
            good.more()
        until("descriptors", lambda: server.fds() >= MANY or server.fds())
        grown = memory(server) - memory_before
        if os.environ.get("NH_SHOW"):
            print("slowloris: %d bytes for each of %d heads, %d threads, %d answers" %
                  (grown // MANY, MANY, server.threads(), good.served))
        assert grown < MANY * EACH, "%d bytes for each slow head" % (grown // MANY)
        assert server.threads() <= threads_before + 2, "%d threads, before %d" % (server.threads(), threads_before)
        for s in slow[::100]:
            s.sendall(b"\r\nConnection: close\r\n\r\n")
            got = read_all(s)
            assert got.endswith(b"\r\n\r\nhello"), "a slow head in the end: %r" % got
        for s in slow:
            s.close()
        until("descriptors", lambda: server.fds() < 50)
        good.more()
    finally:
        good.end()
        server.kill()


def drip(server, count):
    """Sends a head of count bytes one by one; the processor time that it takes the server."""
    before = processor(server)
    with connect(server) as s:
        s.sendall(b"GET /hello HTTP/1.1\r\nHost: t\r\nConnection: close\r\nX-Slow: ")
        for _ in range(count):
            s.send(b"x")
        s.sendall(b"\r\n\r\n")
        got = read_all(s)
    assert got.startswith(b"HTTP/1.1 200 "), got[:100]
    return processor(server) - before


def dripped_head(world):
    server = world.start_serve("--no-seen")
    try:
        drip(server, 2000)
        n = 40000
        one, four = drip(server, n), drip(server, 4 * n)
        if os.environ.get("NH_SHOW"):
            print("dripped head: %d ticks for %d bytes, %d for %d" % (one, n, four, 4 * n))
        # A tick more for what is rounded.
        assert four <= 8 * (one + 1), "%d bytes took %d ticks, %d took %d" % (n, one, 4 * n, four)
    finally:
        server.kill()


def unread_answers(world):
    """Clients that ask again and again and read nothing: their handlers have returned, and so have the threads."""
    server = world.start_serve("--no-seen", "--write-timeout", "120000")
    slow, good = [], GoodClient(server)
    try:
        good.more()
        before = server.threads()
        for _ in range(100):
            s = socket.socket()
            s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            s.settimeout(20)
            s.connect(server.address)
            s.setblocking(False)
            slow.append(s)
        full, asked = set(), get("/json") * 200
        while len(full) < len(slow):
            for s in slow:
                try:
                    s.send(asked)
                except BlockingIOError:
                    full.add(s)
        good.more()
        # Some that the monitor made while loops were preempted; far fewer than one for each client.
        assert server.threads() <= before + 25, "%d threads, before %d" % (server.threads(), before)
    finally:
        good.end()
        for s in slow:
            s.close()
        server.kill()


def unread_bodies(world):
    """Handlers that wait for clients that do not read 64 MiB hold threads up to the cap, and no other route's."""
    server = world.start_serve("--no-seen", "--max-handlers", "4")
    slow, good = [], GoodClient(server)
    try:
        good.more()
        before = server.threads()
        for _ in range(100):
            s = connect(server)
            s.sendall(get("/bytes?n=67108864"))
            slow.append(s)
        good.more()
        good.more()
        assert server.threads() <= before + 4 + 8, "%d threads, before %d" % (server.threads(), before)
        for s in slow:
            s.close()
        until("descriptors", lambda: server.fds() < 50)
        answers(server)
    finally:
        good.end()
        server.kill()


CHECKS = [
    ("slow 5,000 heads beside a good client", slowloris),
    ("slow head, byte by byte", dripped_head),
    ("slow readers of many small answers", unread_answers),
    ("slow readers of 64 MiB", unread_bodies),
]
