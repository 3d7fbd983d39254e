"""HAProxy in front of two nh-serve, each of which is stopped and started again while requests go through: none of
them may fail."""

import http.client
import os
import subprocess
import threading
import time

from checks import free_port, same, tool, until

CONF = """
global
  maxconn 1000
defaults
  mode http
  timeout connect 5s
  timeout client 20s
  timeout server 20s
  retries 6
  option http-buffer-request
  retry-on conn-failure empty-response
  option redispatch 1
  http-reuse always
frontend in
  bind 127.0.0.1:{port}
  default_backend ours
backend ours
  balance roundrobin
  server one 127.0.0.1:{one}
  server two 127.0.0.1:{two}
"""

BODY = b"0123456789abcdef" * 256


class Load:
    """Threads that send requests over kept connections until they are told to end."""

    def __init__(self, port, threads):
        self.port, self.done, self.failed, self.stop = port, 0, [], threading.Event()
        self.lock = threading.Lock()
        self.threads = [threading.Thread(target=self._run, args=(i,)) for i in range(threads)]
        for t in self.threads:
            t.start()

    def _run(self, index):
        conn = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        turn = index
        while not self.stop.is_set():
            turn += 1
            post = turn % 3 == 0
            try:
                conn.request("POST" if post else "GET", "/echo" if post else "/hello", BODY if post else None)
                answer = conn.getresponse()
                got = answer.status, answer.read() == (BODY if post else b"hello")
            except (OSError, http.client.HTTPException) as e:
                got = repr(e)
                conn.close()
            with self.lock:
                self.done += 1
                if got != (200, True):
                    self.failed.append((self.done, "POST" if post else "GET", got))
        conn.close()

    def end(self):
        self.stop.set()
        for t in self.threads:
            t.join(30)


def rolling_restart(world):
    haproxy = tool("haproxy")
    ports = [free_port(), free_port()]
    port = free_port()
    conf = world.temp / "haproxy.cfg"
    conf.write_text(CONF.format(port=port, one=ports[0], two=ports[1]))

    def start(at):
        # The last --listen counts.
        return world.start_serve("--listen", "127.0.0.1:%d" % at, "--no-seen", "--lame-duck", "300")

    ours = [start(p) for p in ports]
    proxy = subprocess.Popen([haproxy, "-db", "-q", "-f", str(conf)], stdout=subprocess.DEVNULL,
                             stderr=subprocess.DEVNULL)
    load = None
    try:
        def passes():
            assert proxy.poll() is None, "haproxy ended with %s" % proxy.returncode
            conn = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            try:
                conn.request("GET", "/hello")
                return conn.getresponse().status == 200
            except OSError as e:
                return repr(e)
            finally:
                conn.close()

        until("haproxy", passes)
        load = Load(port, 6)
        for turn in range(8):
            before = load.done
            until("requests through haproxy", lambda: load.done > before + 200 or load.done)
            which = turn % 2
            same(ours[which].stop(), 0, "nh-serve's exit code")
            ours[which] = start(ports[which])
        before = load.done
        until("requests after the last restart", lambda: load.done > before + 200 or load.done)
    finally:
        if load:
            load.end()
        proxy.terminate()
        proxy.wait(10)
        for server in ours:
            server.kill()
    same(load.failed[:5], [], "failed of %d requests" % load.done)
    if os.environ.get("NH_SHOW"):
        print("restart: %d requests, %d failed" % (load.done, len(load.failed)))


CHECKS = [("restart behind HAProxy", rolling_restart)]
