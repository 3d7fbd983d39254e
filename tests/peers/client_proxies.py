"""nh-fetch by way of proxies: tinyproxy, and a small SOCKS5 server."""

import os
import socket
import socketserver
import threading

from checks import BIG, free_port, same, tool
from client_http1 import fetch, one, whole
from client_tls import child, folder, listening

CONF = """
Port {port}
Listen 127.0.0.1
Timeout 60
MaxClients 50
Allow 127.0.0.1
{more}
"""


def tinyproxy(world):
    from harness import servers
    program, path = tool("tinyproxy"), folder(world)
    ports = free_port(), free_port()
    for port, more in zip(ports, ("", "BasicAuth me pass")):
        (path / ("tiny%d.conf" % port)).write_text(CONF.format(port=port, more=more))
    run = [[program, "-d", "-c", path / ("tiny%d.conf" % p)] for p in ports]
    ca = ["--cacert", str(path / "cert.pem")]
    server = servers.Server([world.go_programs()[0], "--listen", "127.0.0.1:0", "--tls-cert", path / "cert.pem",
                             "--tls-key", path / "key.pem"])
    plain, secure = world.go.url, server.url.replace("http:", "https:")
    try:
        with child(run[0], listening(ports[0])), child(run[1], listening(ports[1])):
            for user, port in (("", ports[0]), ("me:pass@", ports[1])):
                by = ["--proxy", "http://%s127.0.0.1:%d" % (user, port)]
                whole(one(world, "GET", plain + "/hello", *by), 200, b"hello")
                whole(one(world, "GET", plain + "/big", *by), 200, BIG)
                whole(one(world, "POST", plain + "/echo", "--body-size", "300000", *by), 200, b"x" * 300000)
                whole(one(world, "GET", secure + "/big", *by, *ca), 200, BIG)
                whole(one(world, "POST", secure + "/echo", "--body-size", "3000000", *by, *ca), 200, b"x" * 3000000)
                for line in fetch(world, "GET", secure + "/hello", "--repeat", "50", *by, *ca):
                    whole(line, 200, b"hello")
                # The proxy's credentials are not for the server.
                _, out, _ = world.fetch("GET", plain + "/headers", *by)
                assert b"Proxy-Authorization" not in out, out
            by = ["--proxy", "http://me:wrong@127.0.0.1:%d" % ports[1]]
            same(one(world, "GET", plain + "/hello", *by)["status"] in (401, 407), True, "a wrong password")
            answer = one(world, "GET", secure + "/hello", *by, *ca, code=None)
            same((answer["status"], answer["error_kind"]), (0, "proxy"), "a wrong password")
            assert "wrong" not in answer["error"], answer
        answer = one(world, "GET", plain + "/hello", "--proxy", "http://127.0.0.1:%d" % ports[0], code=None)
        same((answer["status"], answer["error_kind"]), (0, "proxy"), "no proxy there")
    finally:
        server.stop()


class Socks(socketserver.BaseRequestHandler):
    """RFC 1928 with the password of RFC 1929; names lead to this machine."""

    def exactly(self, n):
        got = b""
        while len(got) < n:
            piece = self.request.recv(n - len(got))
            if not piece:
                raise ConnectionError("the client has left")
            got += piece
        return got

    def handle(self):
        version, count = self.exactly(2)
        assert version == 5 and 2 in self.exactly(count), "no password was offered"
        self.request.sendall(b"\x05\x02")
        _, n = self.exactly(2)
        name = self.exactly(n)
        password = self.exactly(self.exactly(1)[0])
        good = (name, password) == (b"me", b"pass")
        self.request.sendall(b"\x01\x00" if good else b"\x01\x01")
        if not good:
            return
        kind = self.exactly(4)[3]
        self.exactly({1: 4, 4: 16}.get(kind) or self.exactly(1)[0])
        port = int.from_bytes(self.exactly(2), "big")
        try:
            there = socket.create_connection(("127.0.0.1", port), 5)
        except OSError:
            self.request.sendall(b"\x05\x05\x00\x01" + bytes(6))
            return
        self.request.sendall(b"\x05\x00\x00\x01" + bytes(6))
        back = threading.Thread(target=self.pump, args=(there, self.request), daemon=True)
        back.start()
        self.pump(self.request, there)
        back.join(20)
        there.close()

    @staticmethod
    def pump(a, b):
        try:
            while True:
                piece = a.recv(65536)
                if not piece:
                    break
                b.sendall(piece)
            b.shutdown(socket.SHUT_WR)
        except OSError:
            pass


class Threads(socketserver.ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False


def socks(world):
    with Threads(("127.0.0.1", 0), Socks) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        at = "127.0.0.1:%d" % server.server_address[1]
        for scheme in ("socks5", "socks5h"):
            by = ["--proxy", "%s://me:pass@%s" % (scheme, at)]
            whole(one(world, "GET", world.go.url + "/big", *by), 200, BIG)
            url = world.go.url.replace("127.0.0.1", "known.to.the.proxy.invalid")
            whole(one(world, "POST", url + "/echo", "--body-size", "3000000", *by), 200, b"x" * 3000000)
            for line in fetch(world, "GET", url + "/hello", "--repeat", "50", *by):
                whole(line, 200, b"hello")
            answer = one(world, "GET", "http://127.0.0.1:%d/" % free_port(), *by, code=None)
            same((answer["status"], answer["error_kind"]), (0, "proxy"), "nobody there")
            assert "unknown error connection refused" in answer["error"], answer
        answer = one(world, "GET", world.go.url + "/hello", "--proxy", "socks5://me:no@" + at, code=None)
        same((answer["status"], answer["error_kind"]), (0, "proxy"), "a wrong password")
        server.shutdown()


def environment(world):
    """The variables count, but not for this machine."""
    port = free_port()
    os.environ["http_proxy"] = "http://127.0.0.1:%d" % port
    try:
        whole(one(world, "GET", world.go.url + "/hello"), 200, b"hello")
        answer = one(world, "GET", "http://some.invalid/", code=None)
        same((answer["status"], answer["error_kind"]), (0, "proxy"), "the environment's proxy")
        os.environ["no_proxy"] = ".invalid"
        answer = one(world, "GET", "http://some.invalid/", "--timeout", "20000", code=None)
        assert answer["error_kind"] in ("dns", "timeout"), answer
    finally:
        del os.environ["http_proxy"]
        os.environ.pop("no_proxy", None)


CHECKS = [
    ("proxies: tinyproxy", tinyproxy),
    ("proxies: SOCKS5", socks),
    ("proxies: the environment", environment),
]
