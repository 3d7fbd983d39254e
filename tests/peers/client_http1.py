"""nh-fetch against Go, nginx, Python's http.server, and origins that break in the middle."""

import contextlib
import hashlib
import http.server
import json
import socket
import struct
import subprocess
import sys
import threading
import time

from checks import BIG, BIG_SHA, free_port, run, same, tool, until, write_file


def fetch(world, *args, code=0, timeout=60):
    """nh-fetch --json; returns the lines, decoded. code None allows any exit code but a signal's."""
    got, out, err = world.fetch(*args, "--json", timeout=timeout)
    if code is None:
        assert got >= 0, "nh-fetch died of signal %d" % -got
    else:
        same(got, code, "nh-fetch's exit code (%s %s)" % (err.strip(), out[:200]))
    return [json.loads(line) for line in out.splitlines()]


def one(world, *args, **kw):
    lines = fetch(world, *args, **kw)
    same(len(lines), 1, "lines")
    return lines[0]


def whole(answer, status, body):
    same(answer["status"], status, "status")
    same((answer["error"], answer["error_kind"]), (None, ""), "error")
    same((answer["body_len"], answer["body_sha256"]), (len(body), hashlib.sha256(body).hexdigest()), "body")


def header(answer, name):
    return [v for n, v in answer["headers"] if n.lower() == name.lower()]


def go_server(world):
    u = world.go.url
    whole(one(world, "GET", u + "/hello"), 200, b"hello")
    whole(one(world, "POST", u + "/echo", "-d", "abc"), 200, b"abc")
    head = one(world, "HEAD", u + "/bytes?n=99")
    whole(head, 200, b"")
    same(header(head, "Content-Length"), ["99"], "Content-Length")
    same(one(world, "GET", u + "/nowhere")["status"], 404, "status")
    whole(one(world, "GET", u + "/big"), 200, BIG)
    whole(one(world, "GET", u + "/trailers"), 200, b"trailers")
    whole(one(world, "GET", u + "/bytes?n=0"), 200, b"")
    whole(one(world, "PUT", u + "/echo", "-d", ""), 200, b"")


def go_headers(world):
    code, out, err = world.fetch("GET", world.go.url + "/headers", "-H", "X-One: 1", "-H", "X-Two: b c")
    same(code, 0, "exit code (%s)" % err)
    assert b"X-One: 1\n" in out and b"X-Two: b c\n" in out, out


def go_upload(world):
    u = world.go.url
    size = 5000000
    whole(one(world, "POST", u + "/echo", "--body-size", str(size)), 200, b"x" * size)
    whole(one(world, "POST", u + "/sink", "--body-size", "50000000"), 200, b"")
    path = write_file(world.temp / "fetch-upload", BIG)
    whole(one(world, "POST", u + "/echo", "-d", "@%s" % path), 200, BIG)


def go_early_answer(world):
    """The server answers 413 and closes while the upload is under way."""
    answer = one(world, "POST", world.go.url + "/limit", "--body-size", "20000000", code=None)
    assert answer["status"] == 413 or answer["error"], answer


def go_repeat(world):
    """--repeat uses one connection."""
    lines = fetch(world, "GET", world.go.url + "/hello", "--repeat", "200")
    same(len(lines), 200, "lines")
    for line in lines:
        whole(line, 200, b"hello")
    whole(fetch(world, "POST", world.go.url + "/echo", "-d", "abc", "--repeat", "20")[19], 200, b"abc")


def go_cut(world):
    answer = one(world, "GET", world.go.url + "/panic?mid=1", code=None)
    same((answer["status"], answer["body_len"], answer["error_kind"]), (200, 7, "eof"), "cut body")
    answer = one(world, "GET", world.go.url + "/panic", code=None)
    same((answer["status"], answer["error_kind"]), (0, "eof"), "no answer")


def go_timeout(world):
    start = time.monotonic()
    answer = one(world, "GET", world.go.url + "/sleep?ms=20000", "--timeout", "300", code=None)
    same((answer["status"], answer["error_kind"]), (0, "timeout"), "timeout")
    assert time.monotonic() - start < 10, "the timeout came late"


def output_file(world):
    path = world.temp / "fetched"
    code, _, err = world.fetch("GET", world.go.url + "/big", "-o", path)
    same(code, 0, "exit code (%s)" % err)
    same(hashlib.sha256(path.read_bytes()).hexdigest(), BIG_SHA, "sha256")


def own_server(world):
    u = world.serve.url
    whole(one(world, "GET", u + "/hello"), 200, b"hello")
    whole(one(world, "GET", u + "/big"), 200, BIG)
    whole(one(world, "POST", u + "/echo", "--body-size", "3000000"), 200, b"x" * 3000000)
    for line in fetch(world, "GET", u + "/plaintext", "--repeat", "500"):
        whole(line, 200, b"Hello, World!")


def nginx(world):
    u = world.nginx.url
    whole(one(world, "GET", u + "/hello"), 200, b"hello")
    whole(one(world, "GET", u + "/static/big"), 200, BIG)
    whole(one(world, "HEAD", u + "/static/big"), 200, b"")
    same(one(world, "GET", u + "/static/none")["status"], 404, "status")
    same(one(world, "POST", u + "/static/big", "-d", "x")["status"], 405, "status")
    chunked = one(world, "GET", u + "/ssi/big")
    whole(chunked, 200, BIG)
    same(header(chunked, "Content-Length"), [], "Content-Length")
    for line in fetch(world, "GET", u + "/hello", "--repeat", "100"):
        whole(line, 200, b"hello")
    whole(one(world, "POST", u + "/ours/echo", "--body-size", "1000000"), 200, b"x" * 1000000)


@contextlib.contextmanager
def python_server(world, protocol):
    folder = world.temp / "www"
    folder.mkdir(exist_ok=True)
    write_file(folder / "big", BIG)
    write_file(folder / "small", b"small")
    command = [sys.executable, "-u", "-m", "http.server", "--bind", "127.0.0.1", "--directory", str(folder)]
    if protocol:
        command += ["--protocol", protocol]
    port = free_port()
    child = subprocess.Popen(command + [str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        def up():
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                return True
            except OSError as e:
                return str(e)

        until("http.server", up, 10)
        yield "http://127.0.0.1:%d" % port
    finally:
        child.kill()
        child.wait()


def python_files(world):
    protocols = [""] if sys.version_info < (3, 11) else ["", "HTTP/1.1"]
    for protocol in protocols:
        with python_server(world, protocol) as u:
            answer = one(world, "GET", u + "/small")
            whole(answer, 200, b"small")
            same(answer["proto"], protocol or "HTTP/1.0", "proto")
            whole(one(world, "GET", u + "/big"), 200, BIG)
            whole(one(world, "HEAD", u + "/big"), 200, b"")
            same(one(world, "GET", u + "/none")["status"], 404, "status")
            same(one(world, "POST", u + "/small", "-d", "x")["status"], 501, "status")
            for line in fetch(world, "GET", u + "/small", "--repeat", "10"):
                whole(line, 200, b"small")


class Odd(http.server.BaseHTTPRequestHandler):
    """Bodies without a length, by HTTP/1.0 and 1.1, and a chunked one."""

    def log_message(self, *args):
        pass

    def do_GET(self):
        if self.path == "/close":
            self.send_response(200)
            self.end_headers()
            self.wfile.write(BIG)
        elif self.path == "/chunked":
            self.protocol_version = "HTTP/1.1"
            self.send_response(200)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for i in range(0, len(BIG), 5000):
                piece = BIG[i : i + 5000]
                self.wfile.write(b"%x;ext=1\r\n%s\r\n" % (len(piece), piece))
            self.wfile.write(b"0\r\nX-Sum: 1\r\n\r\n")
        else:
            self.send_error(404)

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.end_headers()
        self.wfile.write(body)


@contextlib.contextmanager
def odd_server():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Odd)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield "http://127.0.0.1:%d" % server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()


def python_odd(world):
    with odd_server() as u:
        answer = one(world, "GET", u + "/close")
        whole(answer, 200, BIG)
        same(answer["proto"], "HTTP/1.0", "proto")
        whole(one(world, "GET", u + "/chunked"), 200, BIG)
        whole(one(world, "POST", u + "/any", "--body-size", "200000"), 200, b"x" * 200000)


@contextlib.contextmanager
def raw_origin(play):
    """An origin that does what play(socket) does on each connection."""
    ln = socket.create_server(("127.0.0.1", 0))

    def serve():
        while True:
            try:
                s, _ = ln.accept()
            except OSError:
                return
            s.settimeout(20)
            try:
                play(s)
            except OSError:
                pass
            s.close()

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield "http://127.0.0.1:%d/" % ln.getsockname()[1]
    finally:
        ln.close()


def after_head(data, reset=False):
    def play(s):
        got = b""
        while b"\r\n\r\n" not in got:
            piece = s.recv(4096)
            if not piece:
                return
            got += piece
        s.sendall(data)
        if reset:
            time.sleep(0.1)
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return play


BROKEN = [
    # name, what the origin sends, status, body length or None, error kinds that are right
    ("cut length", b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n0123456789", 200, 10, {"eof"}),
    ("cut chunk", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\na\r\n01234", 200, 5, {"eof"}),
    ("cut last chunk", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", 200, 3, {"eof"}),
    ("bad chunk size", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", 200, 0, {"protocol"}),
    ("cut head", b"HTTP/1.1 200 OK\r\nContent-Le", 0, None, {"eof", "protocol"}),
    ("no head", b"", 0, None, {"eof"}),
    ("garbage", b"SSH-2.0-OpenSSH_9.0\r\n\r\n", 0, None, {"protocol"}),
    ("binary garbage", b"\x15\x03\x03\x00\x02\x02\x28\r\n\r\n", 0, None, {"protocol"}),
    ("bad version", b"HTTP/1.10 200 OK\r\n\r\n", 0, None, {"protocol"}),
    ("bad status", b"HTTP/1.1 2x0 OK\r\n\r\n", 0, None, {"protocol"}),
    ("differing lengths", b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", 0, None,
     {"protocol"}),
    ("length with a space", b"HTTP/1.1 200 OK\r\nContent-Length : 3\r\n\r\nabc", 0, None, {"protocol"}),
]


def broken_origins(world):
    for name, data, status, length, kinds in BROKEN:
        with raw_origin(after_head(data)) as u:
            answer = one(world, "GET", u, "--timeout", "20000", code=None)
        assert answer["status"] == status and answer["error_kind"] in kinds, "%s: %r" % (name, answer)
        if length is not None:
            same(answer["body_len"], length, name + ": body length")
        assert answer["error"], "%s: no error text" % name


def endless_head(world):
    def play(s):
        s.recv(4096)
        s.sendall(b"HTTP/1.1 200 OK\r\n")
        for _ in range(20000):
            s.sendall(b"X-Filler: " + b"x" * 1000 + b"\r\n")

    with raw_origin(play) as u:
        answer = one(world, "GET", u, "--timeout", "20000", code=None)
    same((answer["status"], bool(answer["error"])), (0, True), "an endless head")
    assert answer["error_kind"] in ("too_large", "protocol"), answer


def interim(world):
    data = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n"
    with raw_origin(after_head(data)) as u:
        whole(one(world, "GET", u), 204, b"")
    with raw_origin(after_head(b"HTTP/1.1 304 Not Modified\r\nContent-Length: 99\r\n\r\n")) as u:
        whole(one(world, "GET", u), 304, b"")


def stale_connection(world):
    """An origin that closes after each answer without a word: a reused connection is retried, not reported."""
    data = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
    with raw_origin(after_head(data)) as u:
        for line in fetch(world, "GET", u, "--repeat", "30"):
            whole(line, 200, b"ok")


def unasked_answer(world):
    """A second answer that nobody asked for must never answer the next request."""
    two = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"
    with raw_origin(after_head(two)) as u:
        for line in fetch(world, "GET", u, "--repeat", "10"):
            whole(line, 200, b"ok")


def vanished_origin(world):
    """The origin resets while the upload is under way: an error, not SIGPIPE."""
    with raw_origin(after_head(b"", reset=True)) as u:
        answer = one(world, "POST", u, "--body-size", "50000000", code=None)
    same((answer["status"], bool(answer["error"])), (0, True), "a reset upload")


def killed_origin(world):
    """The Go server is killed in the middle of a large answer."""
    from harness import servers
    server = servers.Server([world.go_programs()[0], "--listen", "127.0.0.1:0"])
    try:
        threading.Timer(0.5, server.child.kill).start()
        answer = one(world, "GET", server.url + "/bytes?n=100000000000", code=None)
    finally:
        server.kill()
    same((answer["status"], answer["error_kind"]), (200, "eof"), "a killed origin")
    assert answer["body_len"] > 0, answer


def unreachable(world):
    answer = one(world, "GET", "http://127.0.0.1:%d/" % free_port(), code=None)
    same((answer["status"], answer["error_kind"]), (0, "connect"), "a closed port")
    answer = one(world, "GET", "http://nowhere.invalid/", "--timeout", "20000", code=None)
    same(answer["status"], 0, "status")
    assert answer["error_kind"] in ("dns", "timeout"), answer


def cookie_file(world):
    """The same file serves nh-fetch and curl, in both directions."""
    curl, u, ours, theirs = tool("curl"), world.serve.url, world.temp / "ours.txt", world.temp / "theirs.txt"
    one(world, "GET", u + "/sethdr?k=Set-Cookie&v=a%3D1%3B%20Max-Age%3D99", "--jar=%s" % ours)
    _, out, _ = run([curl, "-sS", "-b", ours, u + "/headers"])
    assert b"Cookie: a=1\n" in out, out
    run([curl, "-sS", "-c", theirs, u + "/sethdr?k=Set-Cookie&v=b%3D2%3BMax-Age%3D99%3BHttpOnly"])
    _, out, _ = world.fetch("GET", u + "/headers", "--jar=%s" % theirs)
    assert b"Cookie: b=2\n" in out, out


def bad_arguments(world):
    for url in ("http://", "ftp://127.0.0.1/", "http://127.0.0.1:99999/", "http://a b/", "://x", "http://[::1/"):
        code, out, err = world.fetch("GET", url)
        assert code > 0 and (err or out), "%s: exit %d" % (url, code)
    for extra in (["-H", "X A: 1"], ["-H", "X: a\rb"], ["-H", "X: a\nb"], ["-H", "nocolon"]):
        code, out, err = world.fetch("GET", world.go.url + "/hello", *extra)
        same(code, 2, "exit code of a header that is refused (%s)" % extra)
        assert err and not out, "%s: sent all the same" % extra
    line = one(world, "GET", world.go.url + "/hello", "-H", "X: a\nb", code=2)
    same((line["status"], line["error_kind"]), (0, "invalid_request"), "a refused header")
    code, _, _ = world.fetch("G T", world.go.url + "/hello")
    assert code > 0, "a bad method was sent"


CHECKS = [
    ("fetch from Go", go_server),
    ("fetch from Go, headers", go_headers),
    ("fetch from Go, uploads", go_upload),
    ("fetch from Go, early answer", go_early_answer),
    ("fetch from Go, --repeat", go_repeat),
    ("fetch from Go, cut", go_cut),
    ("fetch from Go, timeout", go_timeout),
    ("fetch to a file", output_file),
    ("fetch from nh-serve", own_server),
    ("fetch from nginx", nginx),
    ("fetch from Python's http.server", python_files),
    ("fetch from Python, HTTP/1.0 close-delimited and chunked", python_odd),
    ("fetch from broken origins", broken_origins),
    ("fetch an endless head", endless_head),
    ("fetch 1xx, 204 and 304", interim),
    ("fetch over a stale connection", stale_connection),
    ("fetch with an unasked answer", unasked_answer),
    ("fetch from an origin that vanishes", vanished_origin),
    ("fetch from an origin that is killed", killed_origin),
    ("fetch from nobody", unreachable),
    ("fetch with curl's cookie file", cookie_file),
    ("fetch bad arguments", bad_arguments),
]
