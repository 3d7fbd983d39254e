"""nh-serve's HTTP/2, over TLS and in the clear: h2spec, curl, nghttp, h2load, Go, Python's h2 and httpx, Node, Chromium; many
streams on one connection; and floods, which are ended at a bounded price."""

import contextlib
import hashlib
import os
import re
import struct
import subprocess
import sys

import frames
from checks import BIG, BIG_SHA, Missing, run, same, tool, write_file
from server_floods import MEMORY
from frames import (CONTINUATION, DATA, END_HEADERS, END_STREAM, ENHANCE_YOUR_CALM, HEADERS, PING, PRIORITY, Peer, frame,
                    request, reset, setting, window)
from harness import servers
from server_tls import serving
from server_slow_clients import GoodClient, memory, processor


@contextlib.contextmanager
def in_the_clear(world, how="--h2c"):
    server = world.start_serve(how)
    try:
        yield server
    finally:
        server.stop()


def go_tool(world, module, name):
    """A program of a Go module's, built into a folder of this run."""
    go, why = servers.find_go()
    if not go:
        raise Missing(why)
    folder = world.temp / "go-tools"
    if not (folder / name).exists():
        env = dict(servers.go_env(), GOBIN=str(folder))
        got = subprocess.run([go, "install", module], env=env, capture_output=True, text=True, check=False, cwd=world.temp)
        if got.returncode:
            raise Missing("%s cannot be had: %s" % (module, got.stderr.strip()[-200:]))
    return folder / name


def python_with(world, *packages):
    """A folder with packages from PyPI."""
    folder = world.temp / ("python-" + "-".join(re.sub(r"\W", "", p) for p in packages))
    if not folder.exists():
        got = run([sys.executable, "-m", "pip", "install", "-q", "--disable-pip-version-check", "--target", folder, *packages], 180)
        if got[0]:
            raise Missing("%s cannot be had: %s" % (packages, got[2].strip()[-200:]))
    return folder


def h2spec(world):
    """Every rule of RFC 9113 and RFC 7541 that h2spec knows, strictly. In the clear the server takes nothing else, since what does
    not begin with the preface may be HTTP/1.1. The route takes its time, so that a stream is open while faults come for it."""
    spec = go_tool(world, "github.com/summerwind/h2spec/cmd/h2spec@v2.2.1+incompatible", "h2spec")

    def judge(server, *options):
        code, out, err = run([spec, "-S", "-P", "/sleep?ms=30", "-o", "5", "-h", server.address[0], "-p", server.address[1], *options], 180)
        text = out.decode("utf-8", "replace")
        told = re.search(r"(\d+) tests, (\d+) passed, 0 skipped, 0 failed", text)
        assert code == 0 and told and int(told[1]) > 100, text[text.find("Failures"):][-3000:] + err[-300:]

    with serving(world) as (server, _):
        judge(server, "-t", "-k")
    with in_the_clear(world, "--only-http2") as server:
        judge(server)


def curl(world):
    def ask(*args, code=0):
        got, out, err = run([tool("curl"), "-sS", "--max-time", "30", *args])
        same(got, code, "curl's exit code (%s)" % err.strip())
        return out

    def all_of(url, *base):
        same(ask(*base, "-w", " %{http_version}", url + "/hello"), b"hello 2", "body and version")
        same(hashlib.sha256(ask(*base, url + "/big")).hexdigest(), BIG_SHA, "sha256")
        same(len(ask(*base, url + "/bytes?n=300000")), 300000, "length")
        upload = write_file(world.temp / "h2-upload", BIG * 3)
        for extra in ([], ["-H", "Expect: 100-continue"]):
            out = ask(*base, "-T", upload, *extra, url + "/echo")
            same(hashlib.sha256(out).hexdigest(), hashlib.sha256(BIG * 3).hexdigest(), "sha256")
        out = ask(*base, "-D", "-", url + "/trailers")
        assert out.startswith(b"HTTP/2 200") and out.endswith(b"x-sum: 8\r\n") and b"transfer-encoding" not in out.lower(), out
        ask(*base, url + "/panic", code=92)
        assert ask(*base, "-I", url + "/hello").startswith(b"HTTP/2 200"), "HEAD"
        same(ask(*base, "-o", "/dev/null", "-w", "%{http_code}", url + "/none"), b"404", "status")

    with serving(world) as (server, ca):
        all_of(server.url, "--cacert", ca)
        # In the clear curl 7.88 cannot use a connection twice, with any server.
        out = ask("--cacert", ca, "-w", " %{num_connects}\n", server.url + "/hello", server.url + "/hello")
        same(out, b"hello 1\nhello 0\n", "bodies and connections")
        same(ask("--cacert", ca, "--http1.1", "-w", " %{http_version}", server.url + "/hello"), b"hello 1.1", "HTTP/1.1")
    with in_the_clear(world) as server:
        all_of(server.url, "--http2-prior-knowledge")
        same(ask("-w", " %{http_version}", server.url + "/hello"), b"hello 1.1", "HTTP/1.1")


def nghttp(world):
    with in_the_clear(world) as server:
        _, out, _ = run([tool("nghttp"), "-nv", "-m", "5", server.url + "/hello", server.url + "/big"])
        same(out.count(b":status: 200"), 10, "answers")
        same(out.count(b"error_code=NO_ERROR"), 1, "ends")
        for url, count in (("/plaintext", 20000), ("/bytes?n=50000", 1000), ("/sleep?ms=5", 500)):
            _, out, _ = run([tool("h2load"), "-n", str(count), "-c", "4", "-m", "50", server.url + url])
            assert b"%d succeeded, 0 failed, 0 errored" % count in out, out[-600:]
    with serving(world) as (server, _):
        _, out, _ = run([tool("h2load"), "-n", "20000", "-c", "8", "-m", "20", server.url + "/plaintext"])
        assert b"20000 succeeded, 0 failed, 0 errored" in out, out[-600:]


def go_client(world):
    """Go's client, which speaks HTTP/2 where ALPN agrees on it."""
    with serving(world) as (server, ca):
        code, out, err = run(["env", "SSL_CERT_FILE=%s" % ca, world.go_programs()[1], server.url], 120)
        lines = out.decode().splitlines()
        bad = [line for line in lines if not line.startswith("ok ")]
        assert code == 0 and not bad and len(lines) >= 16, "%s %s" % ("; ".join(bad), err[-300:])


HTTPX = """
import asyncio, sys, httpx
async def main(base, ca):
    async with httpx.AsyncClient(http2=True, verify=ca, timeout=20) as c:
        got = await asyncio.gather(*[c.get(base + "/bytes?n=%d" % n) for n in range(0, 100000, 1000)])
        assert all(r.http_version == "HTTP/2" and len(r.content) == i * 1000 for i, r in enumerate(got))
        async def pieces():
            for i in range(50):
                yield b"%d," % i * 500
        want = b"".join([b"%d," % i * 500 for i in range(50)])
        r = await c.post(base + "/echo", content=pieces())
        assert r.content == want, len(r.content)
        r = await c.get(base + "/headers", headers={"Cookie": "a=1"})
        assert "cookie: a=1" in r.text.lower(), r.text
        try:
            await c.get(base + "/panic")
        except httpx.RemoteProtocolError:
            print("ok")
asyncio.run(main(*sys.argv[1:]))
"""


def httpx(world):
    folder = python_with(world, "httpx[http2]")
    with serving(world) as (server, ca):
        code, out, err = run(["env", "PYTHONPATH=%s" % folder, sys.executable, "-c", HTTPX, server.url, ca])
        assert code == 0 and out == b"ok\n", err[-1500:]


NODE = """
const http2 = require('http2'), fs = require('fs'), [base, ca] = process.argv.slice(1);
const s = http2.connect(base, { ca: fs.readFileSync(ca), servername: 'localhost' });
const ask = (headers, body) => new Promise((done, fail) => {
  const r = s.request(headers), got = []; let status, trailers;
  r.on('response', h => status = h[':status']); r.on('trailers', t => trailers = t); r.on('data', d => got.push(d));
  r.on('end', () => done({ status, trailers, body: Buffer.concat(got) })); r.on('error', fail); r.end(body);
});
(async () => {
  const all = await Promise.all([...Array(100).keys()].map(i => ask({ ':path': '/bytes?n=' + i * 100 })));
  if (!all.every((a, i) => a.status === 200 && a.body.length === i * 100)) throw 'bytes';
  const big = Buffer.alloc(2000000, 'ab');
  if (!(await ask({ ':path': '/echo', ':method': 'POST' }, big)).body.equals(big)) throw 'echo';
  if ((await ask({ ':path': '/trailers' })).trailers['x-sum'] !== '8') throw 'trailers';
  const code = await ask({ ':path': '/panic' }).then(() => 'none', e => e.code);
  if (code !== 'ERR_HTTP2_STREAM_ERROR') throw code;
  s.close(() => console.log('ok'));
})().catch(e => { console.error(e); process.exit(1); });
"""


def node(world):
    with serving(world) as (server, ca):
        code, out, err = run([tool("node"), "-e", NODE, server.url, ca])
        assert code == 0 and out == b"ok\n", err[-1500:]


PAGE = """<p id=out>nothing</p><script type=module>
const all = await Promise.all([...Array(60).keys()].map(i => fetch('/sleep?ms=20&i=' + i).then(r => r.text())));
const how = performance.getEntriesByType('resource').filter(e => e.name.includes('/sleep') && e.nextHopProtocol === 'h2').length;
const up = await (await fetch('/echo', { method: 'POST', body: 'x'.repeat(200000) })).text();
document.getElementById('out').textContent = [all.filter(t => t === 'slept').length, how, up.length].join(' ');
</script>"""


def chromium(world):
    root = world.temp / "h2-site"
    root.mkdir()
    write_file(root / "index.html", PAGE.encode())
    with serving(world, "--root", str(root)) as (server, _):
        code, out, err = run([tool("chromium"), "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
                              "--ignore-certificate-errors", "--user-data-dir=%s" % (world.temp / "h2-profile"),
                              "--virtual-time-budget=20000", "--dump-dom", server.url + "/files/"], timeout=120)
        text = out.decode("utf-8", "replace")
        assert code == 0 and "60 60 200000" in text, "%s\n%s" % (text[-500:], err[-500:])


def side_by_side(world):
    """A hundred handlers that sleep, on one connection: the others on it pass by."""
    with in_the_clear(world) as server, Peer(server, setting(4, 1 << 20)) as peer:
        for first in (1, 1001):
            # The route has learned by the second time that it blocks.
            peer.send(b"".join(request(first + 2 * i, b"/sleep?ms=400") for i in range(100)))
            peer.send(b"".join(request(first + 200 + 2 * i, b"/plaintext") for i in range(20)))
            ended = []
            while len(ended) < 120:
                got = peer.read()
                assert got, "the connection ended"
                if got[0] == DATA and got[1] & END_STREAM:
                    ended.append(got[2])
        sleepers = [i for i, stream in enumerate(ended) if stream < first + 200]
        same(sleepers[0] >= 20, True, "20 answers before the first that sleeps (%r)" % sleepers[:3])


def flood(world, deed, code=ENHANCE_YOUR_CALM, cpu=400, memory_price=MEMORY):
    """What `deed` pours in ends its connection, if `code` says so, and costs a bounded price."""
    server = world.start_serve("--h2c")
    good = GoodClient(server)
    try:
        good.more()
        before, ticks = memory(server), processor(server)
        for _ in range(2):
            told = deed(server)
            assert code in (None, told), "GOAWAY's code is %r, not %r" % (told, code)
        spent = processor(server) - ticks
        good.more()
        grown = memory(server) - before
        if os.environ.get("NH_SHOW"):
            print("%s: %d KiB, %d ticks beside %d good answers" % (deed.__name__, grown >> 10, spent, good.served))
        assert grown < memory_price, "memory grew by %d" % grown
        assert spent < cpu + good.served // 100, "%d ticks" % spent
    finally:
        good.end()
        server.kill()


def poured(make, most=200_000, reads=True):
    def deed(server):
        with Peer(server) as peer:
            return peer.pour(make, most, reads)
    return deed


def rapid_reset(world):
    """CVE-2023-44487."""
    flood(world, poured(lambda i: b"".join(request(s, b"/sleep?ms=5") + reset(s) for s in range(200 * i + 1, 200 * i + 201, 2)), 2000))


def made_you_reset(world):
    """CVE-2025-8671: the client has the server reset what it has begun."""
    def way(fault):
        return lambda i: b"".join(request(s, b"/echo", b"POST", 0) + fault(s) for s in range(200 * i + 1, 200 * i + 201, 2))
    for fault in (lambda s: window(s, 0), lambda s: window(s, 0x7fffffff), lambda s: frame(PRIORITY, 0, s, b"\0" * 4),
                  lambda s: frame(PRIORITY, 0, s, struct.pack(">IB", s, 1)), lambda s: frame(DATA, END_STREAM, s) + frame(DATA, 0, s, b"x")):
        flood(world, poured(way(fault), 2000))


def continuation(world):
    """CVE-2024-27316, with fields and without."""
    first = frame(HEADERS, 0, 1, frames.block(b"/hello"))
    flood(world, poured(lambda i: (first if i == 0 else b"") + frame(CONTINUATION, 0, 1, frames.field(b"x", b"y") * 2000), 100_000))
    flood(world, poured(lambda i: (first if i == 0 else b"") + frame(CONTINUATION, 0, 1) * 100, 100_000))


def control_frames(world):
    """CVE-2019-9512, -9515, -9518 and their like: frames that cost an answer, or carry nothing. Who does not read the answers
    may not hear the GOAWAY, either."""
    for one in (frame(PING, 0, 0, b"12345678"), setting(4, 65535), frame(PRIORITY, 0, 1, struct.pack(">IB", 3, 1)),
                window(0, 1), frame(0xfe, 0, 0, b"x")):
        flood(world, poured(lambda i, one=one: one * 500))
        flood(world, poured(lambda i, one=one: one * 500, reads=False), None)
    begun = request(1, b"/echo", b"POST", 0)
    flood(world, poured(lambda i: (begun if i == 0 else b"") + frame(DATA, 0, 1) * 500))


def hpack_bombs(world):
    """Blocks of some bytes each of which names a long field again and again."""
    big = b"\x40\x01x" + b"\x7f\x81\x1e" + b"y" * 4000
    head = frames.block(b"/hello")

    def bomb(i):
        stream = 2 * i + 1
        return frame(HEADERS, END_STREAM | END_HEADERS, stream, head + (big if i == 0 else b"") + b"\xbe" * 10000)
    flood(world, poured(bomb, 2000), cpu=1500)


def slow_readers(world):
    """Streams whose windows never open: what waits for them is bounded, and others are served."""
    def deed(server, stay=lambda: None):
        peers = [Peer(server, setting(4, 0)) for _ in range(4)]
        for peer in peers:
            peer.send(b"".join(request(2 * i + 1, b"/big") for i in range(200)))
        for peer in peers:
            peer.send(frame(PING, 0, 0, b"attended"))
            while (got := peer.read()) and got[0] != PING:
                pass
            assert got, "the connection ended"
        stay()
        for peer in peers:
            peer.__exit__()
    deed.stays = True
    # Each of the 800 handlers waits on a thread of its own, with what its stream may hold.
    flood(world, deed, None, memory_price=800 * 128 << 10)


CHECKS = [
    ("h2spec", h2spec),
    ("curl by HTTP/2", curl),
    ("nghttp and h2load", nghttp),
    ("Go's client by HTTP/2", go_client),
    ("httpx by HTTP/2", httpx),
    ("Node by HTTP/2", node),
    ("Chromium by HTTP/2", chromium),
    ("HTTP/2 streams side by side", side_by_side),
    ("HTTP/2 flood of resets", rapid_reset),
    ("HTTP/2 flood of provoked resets", made_you_reset),
    ("HTTP/2 flood of CONTINUATION", continuation),
    ("HTTP/2 flood of control frames", control_frames),
    ("HTTP/2 flood of HPACK bombs", hpack_bombs),
    ("HTTP/2 streams that nobody reads", slow_readers),
]
