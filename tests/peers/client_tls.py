"""nh-fetch over TLS: Go, nginx (TLS 1.2, 1.3, client certificates), Python's ssl, openssl s_server."""

import contextlib
import http.server
import re
import ssl
import subprocess
import threading

from checks import BIG, free_port, run, same, tool, until
from client_http1 import fetch, header, one, whole

NGINX = """
daemon off; master_process off; worker_processes 1; pid {dir}/pid; error_log {dir}/error.log;
events {{ worker_connections 512; }}
http {{
  access_log off; default_type text/plain; client_max_body_size 64m;
  client_body_temp_path {dir}/body; proxy_temp_path {dir}/proxy; fastcgi_temp_path {dir}/fastcgi;
  uwsgi_temp_path {dir}/uwsgi; scgi_temp_path {dir}/scgi;
  ssl_certificate {dir}/cert.pem; ssl_certificate_key {dir}/key.pem; keepalive_requests 100000;
  server {{ listen 127.0.0.1:{p12} ssl; ssl_protocols TLSv1.2; {rest} }}
  server {{ listen 127.0.0.1:{p13} ssl; ssl_protocols TLSv1.3; {rest} }}
  server {{ listen 127.0.0.1:{pcc} ssl; ssl_client_certificate {dir}/cert.pem; ssl_verify_client on; {rest} }}
}}
"""
REST = """location = /tls { return 200 "$ssl_protocol"; } location = /hello { return 200 "hello"; }
  location = /who { return 200 "$ssl_client_verify $ssl_client_s_dn"; }
  location /zipped/ { alias DIR/static/; gzip on; gzip_types text/plain; gzip_min_length 1; }
  location / { root DIR/static; }"""


def folder(world):
    """A folder with a certificate for this machine, and one for another name."""
    path = world.temp / "secure"
    if not path.exists():
        path.mkdir()
        (path / "static").mkdir()
        path.chmod(0o755)
        (path / "static" / "big").write_bytes(BIG)
        for name, san in (("cert", "DNS:localhost,IP:127.0.0.1"), ("other", "DNS:other.example")):
            code, _, err = run([tool("openssl"), "req", "-x509", "-newkey", "ec", "-pkeyopt",
                                "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", "/CN=nethttp",
                                "-addext", "subjectAltName=" + san, "-out", path / (name + ".pem"),
                                "-keyout", path / (name.replace("cert", "key") + ("" if name == "cert" else "-key")
                                                   + ".pem")])
            same(code, 0, err)
    return path


@contextlib.contextmanager
def child(command, ready, **kw):
    process = subprocess.Popen([str(c) for c in command], stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                               stdout=kw.get("stdout", subprocess.DEVNULL))
    try:
        yield ready(process)
    finally:
        process.kill()
        process.wait()


def listening(port):
    import socket

    def ready(process):
        def up():
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                return True
            except OSError as e:
                return str(e) if process.poll() is None else "ended with %d" % process.returncode
        until("a server", up, 10)
        return "https://localhost:%d" % port
    return ready


def nginx(world):
    program, path = tool("nginx"), folder(world)
    ports = [free_port() for _ in range(3)]
    conf = path / "nginx.conf"
    conf.write_text(NGINX.format(dir=path, p12=ports[0], p13=ports[1], pcc=ports[2],
                                 rest=REST.replace("DIR", str(path))))
    ca = ["--cacert", str(path / "cert.pem")]
    with child([program, "-p", path, "-c", conf, "-e", path / "error.log"], listening(ports[0])):
        for port, version in zip(ports, (b"TLSv1.2", b"TLSv1.3")):
            u = "https://127.0.0.1:%d" % port
            whole(one(world, "GET", u + "/tls", *ca), 200, version)
            whole(one(world, "GET", u + "/big", *ca), 200, BIG)
            whole(one(world, "HEAD", u + "/big", *ca), 200, b"")
            for line in fetch(world, "GET", u + "/hello", "--repeat", "200", *ca):
                whole(line, 200, b"hello")
            answer = one(world, "GET", u + "/tls", code=None)
            same((answer["status"], answer["error_kind"]), (0, "tls"), "an unknown authority")
            whole(one(world, "GET", u + "/tls", "--insecure"), 200, version)
            answer = one(world, "POST", u + "/hello", "--body-size", "3000000", *ca, code=None)
            assert answer["status"] in (200, 405) or answer["error"], answer
            for _ in range(3):
                answer = one(world, "GET", u + "/zipped/big", *ca)
                whole(answer, 200, BIG)
                same(header(answer, "Content-Encoding") + header(answer, "Content-Length"), [], "undone gzip")
            same(header(one(world, "GET", u + "/zipped/big", "-H", "Accept-Encoding: gzip", *ca),
                        "Content-Encoding"), ["gzip"], "gzip that the program asked for itself")
        mine = ["--cert", str(path / "cert.pem"), "--key", str(path / "key.pem")]
        u = "https://127.0.0.1:%d" % ports[2]
        for line in fetch(world, "GET", u + "/who", "--repeat", "20", *ca, *mine):
            whole(line, 200, b"SUCCESS CN=nethttp")
        stranger = ["--cert", str(path / "other.pem"), "--key", str(path / "other-key.pem")]
        same(one(world, "GET", u + "/who", *ca, *stranger)["status"], 400, "a certificate that nginx does not know")
        # nginx answers 400 where no certificate came.
        same(one(world, "GET", "https://127.0.0.1:%d/tls" % ports[2], *ca)["status"], 400, "no certificate")
        answer = one(world, "GET", "https://[::1]:%d/" % free_port(), *ca, code=None)
        same((answer["status"], answer["error_kind"]), (0, "connect"), "nobody there")


def go(world):
    from harness import servers
    path = folder(world)
    server = servers.Server([world.go_programs()[0], "--listen", "127.0.0.1:0", "--tls-cert", path / "cert.pem",
                             "--tls-key", path / "key.pem"])
    ca = ["--cacert", str(path / "cert.pem"), "--http1"]
    try:
        u = server.url.replace("http:", "https:")
        whole(one(world, "GET", u + "/hello", *ca), 200, b"hello")
        whole(one(world, "GET", u + "/big", *ca), 200, BIG)
        whole(one(world, "GET", u + "/trailers", *ca), 200, b"trailers")
        whole(one(world, "POST", u + "/echo", "--body-size", "5000000", *ca), 200, b"x" * 5000000)
        whole(one(world, "POST", u + "/sink", "--body-size", "50000000", *ca), 200, b"")
        for line in fetch(world, "GET", u + "/hello", "--repeat", "200", *ca):
            whole(line, 200, b"hello")
        same(header(one(world, "HEAD", u + "/bytes?n=99", *ca), "Content-Length"), ["99"], "Content-Length")
        answer = one(world, "GET", u + "/panic?mid=1", *ca, code=None)
        same((answer["status"], answer["body_len"], answer["error_kind"]), (200, 7, "eof"), "cut body")
        answer = one(world, "POST", u + "/limit", "--body-size", "20000000", *ca, code=None)
        assert answer["status"] == 413 or answer["error"], answer
        answer = one(world, "GET", u + "/sleep?ms=20000", "--timeout", "300", *ca, code=None)
        same((answer["status"], answer["error_kind"]), (0, "timeout"), "timeout")
        wrong = one(world, "GET", u + "/hello", "--cacert", str(path / "other.pem"), code=None)
        same(wrong["error_kind"], "tls", "another authority")
        assert "x509: certificate signed by unknown authority" in wrong["error"], wrong
        # http to a TLS port: Go says so in a plain 400.
        same(one(world, "GET", server.url + "/hello")["status"], 400, "plain HTTP to TLS")
    finally:
        server.stop()


class Files(http.server.BaseHTTPRequestHandler):
    """Keep-alive, and a body that the connection's end delimits, with and without a goodbye."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def do_GET(self):
        self.send_response(200)
        if self.path == "/big":
            self.send_header("Content-Length", str(len(BIG)))
        else:
            self.close_connection = True
        self.end_headers()
        self.wfile.write(BIG)
        if self.path == "/close":
            self.connection.unwrap()


def python(world):
    path = folder(world)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path / "cert.pem", path / "key.pem")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Files)
    server.daemon_threads = True
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    u, ca = "https://127.0.0.1:%d" % server.server_address[1], ["--cacert", str(path / "cert.pem")]
    try:
        for line in fetch(world, "GET", u + "/big", "--repeat", "20", *ca):
            whole(line, 200, BIG)
        whole(one(world, "GET", u + "/close", *ca), 200, BIG)
        cut = one(world, "GET", u + "/cut", *ca, code=None)
        same((cut["status"], cut["error_kind"]), (200, "eof"), "an end without a goodbye")
    finally:
        server.shutdown()
        server.server_close()


def openssl(world):
    path = folder(world)

    def ready(process):
        for line in process.stdout:
            found = re.search(rb"ACCEPT .*:(\d+)", line)
            if found:
                return "https://127.0.0.1:%d/" % int(found[1])
        raise AssertionError("openssl s_server ended")

    for options in (["-tls1_2"], ["-tls1_3"], ["-tls1_2", "-cipher", "ECDHE-ECDSA-CHACHA20-POLY1305"],
                    ["-tls1_3", "-num_tickets", "8"]):
        command = [tool("openssl"), "s_server", "-accept", "127.0.0.1:0", "-WWW", "-cert", path / "cert.pem", "-key",
                   path / "key.pem", *options]
        with child(["sh", "-c", "cd %s && exec \"$@\"" % (path / "static"), "sh", *command], ready,
                   stdout=subprocess.PIPE) as u:
            whole(one(world, "GET", u + "big", "--cacert", str(path / "cert.pem")), 200, BIG)


CHECKS = [
    ("TLS from nginx", nginx),
    ("TLS from Go", go),
    ("TLS from Python's ssl", python),
    ("TLS from openssl s_server", openssl),
]
