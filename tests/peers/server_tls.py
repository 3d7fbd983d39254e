"""nh-serve --tls asked by curl, openssl s_client, Go, Python's ssl, wrk and h2load."""

import contextlib
import hashlib
import http.client
import re
import select
import socket
import ssl
import struct
import subprocess
import time

from checks import BIG, BIG_SHA, connect, get, read_all, run, same, tool, until, write_file
from client_tls import folder

ECHO = b"POST /echo HTTP/1.1\r\nHost: t\r\nContent-Length: %d\r\n\r\n"


@contextlib.contextmanager
def serving(world, *options):
    path = folder(world)
    server = world.start_serve("--tls", path / "cert.pem", path / "key.pem", *options)
    try:
        yield server, path / "cert.pem"
    finally:
        server.stop()


def context(ca, version=ssl.TLSVersion.TLSv1_3):
    c = ssl.create_default_context(cafile=str(ca))
    c.minimum_version = c.maximum_version = version
    return c


def secure(server, ca, version=ssl.TLSVersion.TLSv1_3, session=None):
    return context(ca, version).wrap_socket(connect(server), server_hostname="localhost", session=session,
                                             suppress_ragged_eofs=False)


def curl(world):
    with serving(world) as (server, ca):
        def ask(*args, code=0):
            got, out, err = run([tool("curl"), "-sS", "--http1.1", "--max-time", "30", "--cacert", ca, *args])
            same(got, code, "curl's exit code (%s)" % err.strip())
            return out
        upload = write_file(world.temp / "tls-upload", BIG * 3)
        for version in ("1.2", "1.3"):
            v = ["--tlsv" + version, "--tls-max", version]
            same(ask(*v, server.url + "/hello", server.url + "/json"), b'hello{"message":"Hello, World!"}', version)
            same(hashlib.sha256(ask(*v, server.url + "/big")).hexdigest(), BIG_SHA, "sha256")
            for extra in ([], ["-H", "Transfer-Encoding: chunked"], ["-H", "Expect: 100-continue"]):
                out = ask(*v, "-T", upload, *extra, server.url + "/echo")
                same(hashlib.sha256(out).hexdigest(), hashlib.sha256(BIG * 3).hexdigest(), "sha256")
            out = ask(*v, "-w", " %{num_connects}\n", server.url + "/hello", server.url + "/hello")
            same(out, b"hello 1\nhello 0\n", "bodies and connections")
            same(ask(*v, "--http1.0", "--no-alpn", server.url + "/trailers"), b"trailers", "a body that close_notify ends")
            ask(*v, server.url + "/panic", code=52)
            same(ask(*v, server.url + "/panic?mid=1", code=18), b"partial", "body")
        got, _, err = run([tool("curl"), "-sS", server.url + "/hello"])
        same(got, 60, "an authority that curl does not know (%s)" % err)
        out = ask("http" + server.url[5:] + "/hello", "--http0.9")
        same(out, b"Client sent an HTTP request to an HTTPS server.\n", "plain HTTP")


def s_client(world):
    with serving(world) as (server, ca):
        for options in (["-tls1_2"], ["-tls1_3"], ["-tls1_2", "-cipher", "ECDHE-ECDSA-CHACHA20-POLY1305"],
                        ["-tls1_3", "-groups", "P-384"], ["-tls1_3", "-alpn", "http/1.1"]):
            _, out, _ = run([tool("openssl"), "s_client", "-ign_eof", "-connect", "%s:%d" % server.address, "-CAfile", ca,
                             *options], data=get("/hello", close=True))
            assert b"Verify return code: 0" in out and b"\r\n\r\nhello" in out, (options, out[-500:])
            assert b"ALPN protocol: http/1.1" in out or "-alpn" not in options, out
        for offered, chosen in (("h2,http/1.1", b"ALPN protocol: h2"), ("spdy/1", b"no application protocol")):
            _, out, err = run([tool("openssl"), "s_client", "-connect", "%s:%d" % server.address, "-alpn", offered], data=b"")
            assert chosen in out + err.encode(), (offered, out)
        for version in ("-tls1_2", "-tls1_3"):
            kept = world.temp / ("session" + version)
            base = [tool("openssl"), "s_client", "-ign_eof", "-connect", "%s:%d" % server.address, version]
            run([*base, "-sess_out", kept], data=get("/hello", close=True))
            _, out, _ = run([*base, "-sess_in", kept], data=get("/hello", close=True))
            assert b"Reused, " in out and b"\r\n\r\nhello" in out, out[-900:]
        # A new key in the middle of the connection (RFC 8446, 4.6.3), and one that is asked for.
        for command in (b"k\n", b"K\n"):
            child = subprocess.Popen([tool("openssl"), "s_client", "-connect", "%s:%d" % server.address, "-tls1_3"],
                                     stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, bufsize=0)
            try:
                for text, answer in ((get("/hello"), b"hello"), (command, b"KEYUPDATE"),
                                     (get("/hello", close=True), b"hello")):
                    child.stdin.write(text)
                    said = b""
                    while answer not in said:
                        more = child.stdout.read(4096)
                        assert more, "s_client ended: %r" % said
                        said += more
            finally:
                child.kill()
                child.wait()
                child.stdin.close()
                child.stdout.close()


def go_client(world):
    with serving(world) as (server, ca):
        code, out, err = run(["env", "SSL_CERT_FILE=%s" % ca, "GODEBUG=http2client=0", world.go_programs()[1], server.url], 120)
        lines = out.decode().splitlines()
        bad = [line for line in lines if not line.startswith("ok ")]
        assert code == 0 and not bad and len(lines) >= 16, "%s %s" % ("; ".join(bad), err[-300:])


def python_client(world):
    with serving(world) as (server, ca):
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            conn = http.client.HTTPSConnection(*server.address, timeout=20, context=context(ca, version))
            for i in range(20):
                conn.request("POST", "/echo", b"%d" % i)
                same(conn.getresponse().read(), b"%d" % i, "body")
            conn.request("GET", "/big")
            same(hashlib.sha256(conn.getresponse().read()).hexdigest(), BIG_SHA, "sha256")
            pieces = [b"%d," % i * (i % 50 + 1) for i in range(300)]
            conn.request("POST", "/echo", iter(pieces), encode_chunked=True, headers={"Transfer-Encoding": "chunked"})
            same(conn.getresponse().read(), b"".join(pieces), "body")
            conn.close()


def pipelined(world):
    """Requests that come in one record, in many, and cut anywhere."""
    with serving(world) as (server, ca):
        all_of = get("/hello") * 499 + get("/hello", close=True)
        for piece in (len(all_of), 16384, 37, 1):
            with secure(server, ca) as s:
                data = all_of if piece > 1 else get("/hello") * 9 + get("/hello", close=True)
                for i in range(0, len(data), piece):
                    s.sendall(data[i:i + piece])
                same(read_all(s).count(b"\r\n\r\nhello"), 10 if piece == 1 else 500, "answers in pieces of %d" % piece)
        with secure(server, ca) as s:
            s.sendall(get("/big") * 9 + get("/big", close=True))
            same(read_all(s).count(b"HTTP/1.1 200 OK"), 10, "large answers")


def full_duplex(world):
    """More is echoed than the buffers of both sides have: the server reads while it writes."""
    with serving(world) as (server, ca):
        with secure(server, ca) as s:
            size = len(BIG) * 30
            answer = exchange(s, ECHO % size + BIG * 30)
            head, _, chunks = answer.partition(b"\r\n\r\n")
            got, have = hashlib.sha256(), 0
            while True:
                line = chunks.index(b"\r\n", have)
                n = int(chunks[have:line], 16)
                got.update(memoryview(chunks)[line + 2:line + 2 + n])
                have = line + 2 + n + 2
                if n == 0:
                    break
            same(head.split(b"\r\n")[0], b"HTTP/1.1 200 OK", "status")
            same((have, got.hexdigest()), (len(chunks), hashlib.sha256(BIG * 30).hexdigest()), "echo")


def exchange(s, data):
    """Sends all, receives meanwhile, up to the last chunk. One thread, since an OpenSSL connection is for one at a time."""
    s.setblocking(False)
    poller = select.poll()
    left, got = memoryview(data), bytearray()
    while not got.endswith(b"\r\n0\r\n\r\n"):
        wants, progress = 0, False
        try:
            part = s.recv(1 << 16)
            assert part, "the stream ended after %d bytes" % len(got)
            got += part
            progress = True
        except ssl.SSLWantReadError:
            wants |= select.POLLIN
        if left:
            try:
                # A write that must be repeated is repeated with the same bytes.
                left = left[s.send(left[:1 << 16]):]
                progress = True
            except ssl.SSLWantWriteError:
                wants |= select.POLLOUT
        if not progress:
            poller.register(s, wants)
            assert poller.poll(20000), "nothing moves: %d bytes sent, %d received" % (len(data) - len(left), len(got))
    s.setblocking(True)
    return bytes(got)


def mistreated(world):
    with serving(world, "--read-header-timeout", "2000") as (server, ca):
        # A goodbye without more, one in the middle of a body, and none at all.
        with secure(server, ca) as s:
            s.sendall(get("/hello"))
            s.recv(1000)
            s.unwrap()
        for say_goodbye in (True, False):
            with secure(server, ca) as s:
                s.sendall(ECHO % 1000 + b"some")
                if say_goodbye:
                    try:
                        s.unwrap()
                    except (ssl.SSLError, OSError):
                        pass
                else:
                    s.shutdown(socket.SHUT_WR)
        # Garbage before, inside and after the handshake; a reset at any moment.
        for junk in (b"\x16\x03\x01\xff\xff" + b"x" * 70000, b"\x00" * 100, b"\x17\x03\x03\x00\x05hello"):
            with connect(server) as s:
                try:
                    s.sendall(junk)
                except OSError:
                    pass
                read_all(s)
        for after in (0, 1, 2):
            raw = connect(server)
            s = context(ca).wrap_socket(raw, server_hostname="localhost", do_handshake_on_connect=after > 0)
            if after > 1:
                s.sendall(get("/big"))
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            s.close()
        s = secure(server, ca, ssl.TLSVersion.TLSv1_2)
        with socket.socket(fileno=s.detach()) as below:
            below.settimeout(20)
            below.sendall(b"\x17\x03\x03\x00\x20" + b"y" * 32)
            assert b"\x15\x03\x03" in read_all(below), "no alert for a record that cannot be decrypted"
        # An answer that was aborted must not look whole.
        with secure(server, ca) as s:
            s.sendall(b"GET /panic?mid=1 HTTP/1.0\r\n\r\n")
            got = b""
            try:
                while True:
                    more = s.recv(1000)
                    assert more, "a goodbye behind an aborted answer"
                    got += more
            except ssl.SSLEOFError:
                pass
            assert got.endswith(b"partial"), got
        # Silence ends by the timeout, before and after the handshake.
        start = time.monotonic()
        with connect(server) as one, secure(server, ca) as two:
            same((read_all(one), read_all(two)), (b"", b""), "silence")
        assert time.monotonic() - start < 15
        with secure(server, ca) as s:
            s.sendall(get("/hello", close=True))
            assert read_all(s).endswith(b"hello")


def flood(world):
    """Connections that only ever begin: those that are there go on."""
    with serving(world, "--shards", "1") as (server, ca):
        with secure(server, ca) as kept:
            for _ in range(50):
                begun = [connect(server) for _ in range(20)]
                for s in begun:
                    s.sendall(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
                kept.sendall(get("/hello"))
                assert kept.recv(1000).endswith(b"hello")
                for s in begun:
                    s.close()


def seen(server, ca, path):
    with secure(server, ca) as s:
        s.sendall(get("/seen", close=True))
        return path in read_all(s)


def stops(world):
    with serving(world) as (server, ca):
        with secure(server, ca) as idle, secure(server, ca) as busy, connect(server) as begun:
            idle.sendall(get("/hello"))
            idle.recv(1000)
            busy.sendall(get("/sleep?ms=500"))
            until("the request", lambda: seen(server, ca, b"/sleep"))
            server.child.terminate()
            same(read_all(idle), b"", "an idle connection's end, with a goodbye")
            got = read_all(busy)
            assert got.endswith(b"slept") and b"Connection: close" in got, got
            begun.close()
            server.child.wait(20)


def load(world):
    with serving(world) as (server, ca):
        _, out, err = run([tool("wrk"), "-t2", "-c32", "-d2s", server.url + "/plaintext"])
        out = out.decode()
        assert "Socket errors" not in out and "Non-2xx" not in out, out + err
        assert int(re.search(r"(\d+) requests in", out).group(1)) > 1000, out
        _, out, err = run([tool("h2load"), "--npn-list=http/1.1", "-n10000", "-c32", "-m4", server.url + "/json"], 120)
        found = re.search(r"requests: (\d+) total.* (\d+) succeeded, (\d+) failed, (\d+) errored", out.decode())
        same(found and found.groups(), ("10000", "10000", "0", "0"), "h2load's counts (%s)" % err)


CHECKS = [
    ("serve TLS curl", curl),
    ("serve TLS openssl s_client", s_client),
    ("serve TLS Go's client", go_client),
    ("serve TLS Python's ssl", python_client),
    ("serve TLS pipelined", pipelined),
    ("serve TLS full duplex", full_duplex),
    ("serve TLS mistreated", mistreated),
    ("serve TLS begun connections", flood),
    ("serve TLS stops", stops),
    ("serve TLS load", load),
]
