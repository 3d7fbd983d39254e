"""What the checks share: the servers that are up, and short ways to ask them."""

import hashlib
import os
import pathlib
import shutil
import socket
import subprocess
import time

from harness import servers

BIG = b"0123456789abcdef" * 65536
BIG_SHA = hashlib.sha256(BIG).hexdigest()


class Missing(Exception):
    """A peer that is not on this machine."""


def tool(name):
    path = shutil.which(name)
    if not path:
        raise Missing("no %s in PATH" % name)
    return path


def run(command, timeout=60, data=None):
    """Runs a child to its end; returns (exit code, stdout, stderr)."""
    child = subprocess.run([str(c) for c in command], input=data, capture_output=True, timeout=timeout, check=False,
                           stdin=None if data is not None else subprocess.DEVNULL)
    return child.returncode, child.stdout, child.stderr.decode("utf-8", "replace")


def same(got, want, what="value"):
    if got != want:
        raise AssertionError("%s is %.300r, want %.300r" % (what, got, want))


def until(what, true, seconds=20):
    """Waits until true() holds; its last value is in the failure's text."""
    end = time.monotonic() + seconds
    while True:
        value = true()
        if value is True:
            return
        if time.monotonic() > end:
            raise AssertionError("%s did not come within %d s (%r)" % (what, seconds, value))
        time.sleep(0.05)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class World:
    """The programs under test and their peers, each started when it is first asked for."""

    def __init__(self, build_dir, temp):
        self.build_dir, self.temp = build_dir, temp
        self._serve = self._go = self._go_programs = self._nginx = None

    def program(self, name):
        path = servers.find_program(self.build_dir, name)
        assert path, "%s is not below %s" % (name, self.build_dir)
        return path

    def start_serve(self, *options):
        return servers.Server([self.program("nh-serve"), "--listen", "127.0.0.1:0", *options])

    @property
    def serve(self):
        """The nh-serve that all checks share; a dead one is told of once, and started anew."""
        if self._serve is not None and not self._serve.alive():
            dead, self._serve = self._serve, None
            raise AssertionError("nh-serve died: exit %s %s" % (dead.child.returncode, dead.errors()))
        if self._serve is None:
            self._serve = self.start_serve()
        return self._serve

    def go_programs(self):
        if self._go_programs is None:
            go, why = servers.find_go()
            if not go:
                raise Missing(why)
            self._go_programs = servers.build_go(go, self.temp / "go")
        return self._go_programs

    @property
    def go(self):
        if self._go is None:
            self._go = servers.Server([self.go_programs()[0], "--listen", "127.0.0.1:0"])
        return self._go

    @property
    def nginx(self):
        if self._nginx is None:
            self._nginx = Nginx(self.temp / "nginx", self.serve.address)
        return self._nginx

    def fetch(self, *args, timeout=60):
        return run([self.program("nh-fetch"), *args], timeout)

    def stop(self):
        for child in (self._serve, self._go, self._nginx):
            if child is not None:
                child.stop()


NGINX_CONF = """
daemon off; master_process off; worker_processes 1; pid {dir}/pid; error_log {dir}/error.log;
events {{ worker_connections 512; }}
http {{
  access_log off; default_type text/plain; client_max_body_size 64m;
  client_body_temp_path {dir}/body; proxy_temp_path {dir}/proxy; fastcgi_temp_path {dir}/fastcgi;
  uwsgi_temp_path {dir}/uwsgi; scgi_temp_path {dir}/scgi;
  upstream ours {{ server {host}:{ours}; keepalive 8; }}
  server {{
    listen 127.0.0.1:{port};
    keepalive_requests 100000;
    location = /hello {{ return 200 "hello"; }}
    location = /redirect {{ return 302 /hello; }}
    location /static/ {{ alias {dir}/static/; }}
    location /ssi/ {{ ssi on; ssi_types *; alias {dir}/static/; }}
    location /ours/ {{
      proxy_http_version 1.1; proxy_set_header Connection ""; proxy_request_buffering off;
      proxy_buffering off; proxy_pass http://ours/;
    }}
  }}
}}
"""


class Nginx:
    """nginx on a free port with its files in a folder of its own: static files, and nh-serve behind /ours/."""

    def __init__(self, folder, ours):
        program = tool("nginx")
        (folder / "static").mkdir(parents=True)
        folder.chmod(0o755)
        (folder / "static" / "big").write_bytes(BIG)
        self.port = free_port()
        conf = folder / "nginx.conf"
        conf.write_text(NGINX_CONF.format(dir=folder, port=self.port, host=ours[0], ours=ours[1]))
        command = [program, "-p", str(folder), "-c", str(conf), "-e", str(folder / "error.log")]
        self.child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.url = "http://127.0.0.1:%d" % self.port
        until("nginx", self._answers, 10)

    def _answers(self):
        if self.child.poll() is not None:
            raise AssertionError("nginx ended with %d" % self.child.returncode)
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
            return True
        except OSError as e:
            return str(e)

    def stop(self):
        self.child.terminate()
        self.child.wait(10)


def connect(server):
    s = socket.create_connection(server.address, timeout=20)
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return s


def read_all(sock):
    """Reads to the end of the connection; a reset is an end."""
    out = b""
    try:
        while True:
            got = sock.recv(1 << 16)
            if not got:
                return out
            out += got
    except ConnectionResetError:
        return out


def get(path, close=False):
    return ("GET %s HTTP/1.1\r\nHost: t\r\n%s\r\n" % (path, "Connection: close\r\n" if close else "")).encode()


def answers(server):
    """That the server still serves: asked on a connection of its own."""
    with connect(server) as s:
        s.sendall(get("/hello", close=True))
        got = read_all(s)
    assert got.startswith(b"HTTP/1.1 200 ") and got.endswith(b"hello"), "answer %r" % got[:200]


def write_file(path, data):
    pathlib.Path(path).write_bytes(data)
    os.chmod(path, 0o644)
    return path
