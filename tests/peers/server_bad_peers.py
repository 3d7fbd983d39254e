"""Peers that vanish, reset, half-close and talk garbage; blocked handlers; shutdown. nh-serve must outlive them, and
keep no descriptor and no thread for them. It runs with the default SIGPIPE."""

import concurrent.futures
import random
import resource
import signal
import socket
import struct
import subprocess
import threading
import time

from checks import answers, connect, get, read_all, same, tool, until


def reset(sock):
    """Closes with RST instead of FIN."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def unharmed(world, deed):
    """Does it, then waits until the server has as many sockets as before and its threads become fewer."""
    server = world.serve
    answers(server)
    time.sleep(0.3)
    fds, tasks = server.fds(), server.threads()
    deed(server)
    assert server.alive(), "nh-serve died: %s %s" % (server.child.poll(), server.errors())
    answers(server)
    until("sockets back to %d" % fds, lambda: server.fds() <= fds or server.fds(), 30)
    # Threads that blocked handlers needed stay for a while as standbys, and leave one after the other.
    peak = server.threads()
    until("threads going back from %d to %d" % (peak, tasks),
          lambda: server.threads() <= max(tasks + 8, peak - 1) or server.threads(), 30)
    answers(server)


def vanish_in_big(world):
    def deed(server):
        for i in range(40):
            s = connect(server)
            s.sendall(get("/bytes?n=50000000") if i % 2 else get("/big") * 20)
            s.recv(1000)
            if i % 4 < 2:
                s.close()
            else:
                reset(s)
    unharmed(world, deed)


def vanish_before_answer(world):
    def deed(server):
        for i in range(40):
            s = connect(server)
            s.sendall(get("/sleep?ms=100") + get("/big"))
            s.close() if i % 2 else reset(s)
    unharmed(world, deed)


def vanish_in_upload(world):
    def deed(server):
        for i in range(60):
            s = connect(server)
            path = ("/echo", "/sink", "/limit", "/hello")[i % 4]
            s.sendall(b"POST %s HTTP/1.1\r\nHost: t\r\nContent-Length: 100000\r\n\r\n%s" % (path.encode(), b"x" * 900))
            if i % 3 == 0:
                time.sleep(0.01)
            s.close() if i % 2 else reset(s)
    unharmed(world, deed)


def vanish_in_head(world):
    def deed(server):
        head = get("/hello")
        for i in range(len(head)):
            s = connect(server)
            s.sendall(head[:i])
            s.close() if i % 2 else reset(s)
    unharmed(world, deed)


def killed_client(world):
    def deed(server):
        for _ in range(5):
            child = subprocess.Popen([tool("curl"), "-s", server.url + "/bytes?n=20000000000"],
                                     stdout=subprocess.DEVNULL)
            time.sleep(0.15)
            child.send_signal(signal.SIGKILL)
            child.wait()
    unharmed(world, deed)


def garbage(world):
    def deed(server):
        rng = random.Random(7)
        seeds = [get("/hello"), b"POST /echo HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"]
        for i in range(300):
            if i % 3 == 0:
                data = rng.randbytes(rng.randint(1, 3000))
            else:
                data = bytearray(seeds[i % 2] * 3)
                for _ in range(rng.randint(1, 6)):
                    data[rng.randrange(len(data))] = rng.randrange(256)
                data = bytes(data)
            s = connect(server)
            try:
                s.sendall(data)
                s.shutdown(socket.SHUT_WR)
                s.settimeout(20)
                read_all(s)
            except (BrokenPipeError, ConnectionResetError, OSError) as e:
                assert not isinstance(e, TimeoutError), "no end after garbage %r" % data[:200]
            s.close()
    unharmed(world, deed)


def half_close(world):
    def deed(server):
        for path, end in (("/hello", b"hello"), ("/slow", b""), ("/big", b"0\r\n\r\n")):
            with connect(server) as s:
                s.sendall(get(path))
                s.shutdown(socket.SHUT_WR)
                got = read_all(s)
                assert got.startswith(b"HTTP/1.1 200 OK\r\n") and got.endswith(end), "%s: %r" % (path, got[:200])
    unharmed(world, deed)


def refused_upload(world):
    """A client that sends 8 MiB and reads only then must still find the 413."""
    def deed(server):
        with connect(server) as s:
            s.sendall(b"POST /limit HTTP/1.1\r\nHost: t\r\nContent-Length: 8388608\r\n\r\n")
            sent = 0
            try:
                while sent < 8388608:
                    sent += s.send(b"x" * 65536)
                    if sent < 200000:
                        time.sleep(0.01)
            except (BrokenPipeError, ConnectionResetError):
                pass
            got = read_all(s)
        assert not got or b" 413 " in got.split(b"\r\n")[0], got[:100]
    unharmed(world, deed)


def slow_reader(world):
    """A client that takes the answer in sips gets all of it."""
    def deed(server):
        with connect(server) as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            s.sendall(get("/big", close=True))
            got = 0
            while True:
                piece = s.recv(8192)
                if not piece:
                    break
                got += len(piece)
                if got < 300000:
                    time.sleep(0.005)
            assert got > 1 << 20, got
    unharmed(world, deed)


def blocking(world):
    """A hundred blocked handlers beside /plaintext: all are answered, and the fast one meanwhile."""
    def deed(server):
        def one():
            with connect(server) as s:
                s.sendall(get("/sleep?ms=300", close=True))
                return read_all(s)

        with concurrent.futures.ThreadPoolExecutor(100) as pool:
            slow = [pool.submit(one) for _ in range(100)]
            worst = 0
            while not all(f.done() for f in slow):
                start = time.monotonic()
                answers(server)
                worst = max(worst, time.monotonic() - start)
            for f in slow:
                assert f.result().startswith(b"HTTP/1.1 200 OK"), f.result()[:100]
        assert worst < 3, "/hello took %.1f s beside sleepers" % worst
    unharmed(world, deed)


def blocking_at_the_cap(world):
    """Two threads for 100 sleepers: each is answered in its turn, or by 503, and the fast route meanwhile."""
    server = world.start_serve("--max-handlers", "2")
    try:
        def one():
            with connect(server) as s:
                s.sendall(get("/sleep?ms=50", close=True))
                return read_all(s)

        with concurrent.futures.ThreadPoolExecutor(100) as pool:
            slow = [pool.submit(one) for _ in range(100)]
            while not all(f.done() for f in slow):
                answers(server)
            for f in slow:
                assert f.result()[:12] in (b"HTTP/1.1 200", b"HTTP/1.1 503"), f.result()[:100]
        answers(server)
    finally:
        same(server.stop(), 0, "exit code")


def graceful_stop(world):
    """SIGTERM in the middle of /slow: the answer is finished, new connections are refused, exit 0."""
    server = world.start_serve()
    try:
        s, idle = connect(server), connect(server)
        idle.sendall(get("/hello"))
        idle.recv(4096)
        s.sendall(get("/slow"))
        time.sleep(0.1)
        server.child.send_signal(signal.SIGTERM)
        got = read_all(s)
        assert got.startswith(b"HTTP/1.1 200 OK\r\n"), "answer %r" % got[:200]
        same(read_all(idle), b"", "bytes on the idle connection")
        same(server.child.wait(20), 0, "exit code")
    finally:
        server.kill()


def graceful_stop_sigint(world):
    server = world.start_serve()
    try:
        answers(server)
        server.child.send_signal(signal.SIGINT)
        same(server.child.wait(20), 0, "exit code")
    finally:
        server.kill()


def idle_thousand(world):
    """1,000 idle connections, each having served a request: no thread each, and shutdown ends them."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < 4096:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(4096, hard), hard))
    server = world.start_serve()
    try:
        socks = []
        for _ in range(1000):
            s = connect(server)
            s.sendall(get("/hello"))
            assert s.recv(4096).startswith(b"HTTP/1.1 200"), "no answer"
            socks.append(s)
        assert server.threads() < 100, "%d threads" % server.threads()
        assert server.fds() >= 1000, "%d descriptors" % server.fds()
        answers(server)
        for s in socks[::50]:
            s.sendall(get("/hello"))
            assert s.recv(4096).startswith(b"HTTP/1.1 200"), "no second answer"
        server.child.send_signal(signal.SIGTERM)
        for s in socks:
            same(read_all(s), b"", "bytes at the end")
            s.close()
        same(server.child.wait(20), 0, "exit code")
    finally:
        server.kill()


def timeouts(world):
    """The head's and the idle timeout end connections; a byte of the head does not extend it for ever."""
    server = world.start_serve("--read-header-timeout", "400", "--idle-timeout", "400")
    try:
        start = time.monotonic()
        never, dripping, idle = connect(server), connect(server), connect(server)
        idle.sendall(get("/hello"))
        assert idle.recv(4096).startswith(b"HTTP/1.1 200"), "no answer"
        stop = threading.Event()

        def drip():
            try:
                for byte in get("/hello")[:-2] + b"X: y" * 1000:
                    dripping.sendall(bytes([byte]))
                    if stop.wait(0.05):
                        return
            except OSError:
                pass

        t = threading.Thread(target=drip)
        t.start()
        for s in (never, dripping, idle):
            got = read_all(s)
            assert not got or got.startswith((b"HTTP/1.1 408", b"HTTP/1.1 400")), got
        stop.set()
        t.join()
        assert time.monotonic() - start < 15, "the timeouts came late"
        answers(server)
        until("descriptors", lambda: server.fds() < 60 or server.fds(), 10)
    finally:
        server.stop()


def head_limit(world):
    server = world.start_serve("--max-header-bytes", "8192")
    try:
        with connect(server) as s:
            s.sendall(b"GET /hello HTTP/1.1\r\nHost: t\r\nX: " + b"x" * 40000 + b"\r\n\r\n")
            assert read_all(s).startswith(b"HTTP/1.1 431 "), "no 431"
        with connect(server) as s:
            s.sendall(b"GET /hello HTTP/1.1\r\nHost: t\r\nConnection: close\r\nX: " + b"x" * 4000 + b"\r\n\r\n")
            assert read_all(s).startswith(b"HTTP/1.1 200 "), "no 200"
    finally:
        server.stop()


def many_connections(world):
    """Connections that come and go leave nothing behind."""
    def deed(server):
        for _ in range(2000):
            s = connect(server)
            s.sendall(get("/hello"))
            assert s.recv(4096).startswith(b"HTTP/1.1 200"), "no answer"
            s.close()
    unharmed(world, deed)


CHECKS = [
    ("mistreat vanish in /big", vanish_in_big),
    ("mistreat vanish before the answer", vanish_before_answer),
    ("mistreat vanish in an upload", vanish_in_upload),
    ("mistreat vanish in the head", vanish_in_head),
    ("mistreat killed curl", killed_client),
    ("mistreat garbage", garbage),
    ("mistreat half close", half_close),
    ("mistreat refused upload", refused_upload),
    ("mistreat slow reader", slow_reader),
    ("mistreat many connections", many_connections),
    ("block 100 sleepers beside a fast route", blocking),
    ("block 100 sleepers at a cap of two", blocking_at_the_cap),
    ("stop SIGTERM in the middle of /slow", graceful_stop),
    ("stop SIGINT", graceful_stop_sigint),
    ("idle 1,000 connections", idle_thousand),
    ("limit head and idle timeouts", timeouts),
    ("limit head bytes", head_limit),
]
