"""nh-serve asked by curl, Python, Go, h2load, wrk, ab, and nginx as a proxy."""

import hashlib
import http.client
import re

from checks import BIG, BIG_SHA, connect, get, read_all, run, same, tool, write_file


def curl(world, *args, code=0):
    got, out, err = run([tool("curl"), "-sS", "--max-time", "30", *args])
    same(got, code, "curl's exit code (%s)" % err.strip())
    return out


def url(world, path):
    return world.serve.url + path


def curl_get(world):
    same(curl(world, url(world, "/hello")), b"hello", "body")
    same(curl(world, url(world, "/json")), b'{"message":"Hello, World!"}', "body")


def curl_big(world):
    same(hashlib.sha256(curl(world, url(world, "/big"))).hexdigest(), BIG_SHA, "sha256")


def curl_head(world):
    out = curl(world, "-I", url(world, "/bytes?n=1000"))
    assert b"200 OK" in out and b"1000" in out, out


def curl_post(world):
    same(curl(world, "-d", "a=b&c=d", url(world, "/echo")), b"a=b&c=d", "body")


def curl_upload_expect(world):
    path = write_file(world.temp / "upload", BIG * 3)
    out = curl(world, "-v", "-T", path, "-H", "Expect: 100-continue", url(world, "/echo"))
    same(hashlib.sha256(out).hexdigest(), hashlib.sha256(BIG * 3).hexdigest(), "sha256")
    _, _, err = run([tool("curl"), "-sSv", "-o", "/dev/null", "-T", path, "-H", "Expect: 100-continue",
                     url(world, "/sink")])
    assert "HTTP/1.1 100 Continue" in err and "HTTP/1.1 200 OK" in err, err[-600:]


def curl_upload_refused(world):
    path = write_file(world.temp / "upload413", BIG * 3)
    out = curl(world, "-o", "/dev/null", "-w", "%{http_code}", "-T", path, url(world, "/limit"))
    same(out, b"413", "status")


def curl_upload_chunked(world):
    path = write_file(world.temp / "chunked", BIG)
    out = curl(world, "-T", path, "-H", "Transfer-Encoding: chunked", url(world, "/echo"))
    same(hashlib.sha256(out).hexdigest(), BIG_SHA, "sha256")


def curl_http10(world):
    out = curl(world, "--http1.0", "-i", url(world, "/hello"))
    assert out.startswith(b"HTTP/1.0 200 OK\r\n") and out.endswith(b"hello"), out
    same(hashlib.sha256(curl(world, "--http1.0", url(world, "/big"))).hexdigest(), BIG_SHA, "sha256")
    same(curl(world, "--http1.0", "-d", "x", url(world, "/echo")), b"x", "body")


def curl_keep_alive(world):
    out = curl(world, "-w", " %{num_connects}\n", url(world, "/hello"), url(world, "/hello"))
    same(out, b"hello 1\nhello 0\n", "bodies and connections")


def curl_close(world):
    out = curl(world, "-i", "-H", "Connection: close", url(world, "/hello"))
    assert b"connection: close" in out.lower(), out


def curl_status(world):
    for path, want in (("/nowhere", b"404"), ("/tree/a", b"200"), ("/redirect?to=/hello", b"302")):
        same(curl(world, "-o", "/dev/null", "-w", "%{http_code}", url(world, path)), want, path)
    same(curl(world, "-L", url(world, "/tree")), b"tree:/tree/", "body")


def curl_aborts(world):
    curl(world, url(world, "/panic"), code=52)
    same(curl(world, url(world, "/panic?mid=1"), code=18), b"partial", "body")


def curl_trailers(world):
    out = curl(world, "-i", "--raw", url(world, "/trailers"))
    assert re.search(rb"\r\n0\r\nX-Sum: 8\r\n\r\n$", out, re.I), out


def python_client(world):
    conn = http.client.HTTPConnection(*world.serve.address, timeout=20)
    for i in range(20):
        body = b"%d" % i
        conn.request("POST", "/echo", body)
        r = conn.getresponse()
        same((r.status, r.read()), (200, body), "answer")
        sock = conn.sock
        conn.request("GET", "/hello", headers={"X-A": "1"})
        r = conn.getresponse()
        same((r.status, r.read()), (200, b"hello"), "answer")
        assert conn.sock is sock and sock is not None, "the connection was not kept"
    conn.request("HEAD", "/bytes?n=77")
    r = conn.getresponse()
    same((r.status, r.getheader("Content-Length"), r.read()), (200, "77", b""), "HEAD")
    conn.request("GET", "/big")
    same(hashlib.sha256(conn.getresponse().read()).hexdigest(), BIG_SHA, "sha256")
    conn.request("GET", "/nowhere")
    r = conn.getresponse()
    r.read()
    same(r.status, 404, "status")
    conn.close()


def python_chunked(world):
    conn = http.client.HTTPConnection(*world.serve.address, timeout=20)
    pieces = [b"%d," % i * (i % 50 + 1) for i in range(300)]
    conn.request("POST", "/echo", iter(pieces), encode_chunked=True, headers={"Transfer-Encoding": "chunked"})
    same(conn.getresponse().read(), b"".join(pieces), "body")
    conn.close()


def python_cut(world):
    conn = http.client.HTTPConnection(*world.serve.address, timeout=20)
    conn.request("GET", "/panic?mid=1")
    try:
        got = conn.getresponse().read()
    except http.client.IncompleteRead as e:
        same(e.partial, b"partial", "partial body")
    else:
        raise AssertionError("a cut body was read as whole: %r" % got)


def python_abort(world):
    conn = http.client.HTTPConnection(*world.serve.address, timeout=20)
    conn.request("GET", "/panic")
    try:
        conn.getresponse()
    except (http.client.RemoteDisconnected, ConnectionResetError):
        return
    raise AssertionError("an aborted exchange was answered")


def go_client(world):
    code, out, err = run([world.go_programs()[1], world.serve.url], 120)
    lines = out.decode().splitlines()
    bad = [line for line in lines if not line.startswith("ok ")]
    assert code == 0 and not bad and len(lines) >= 16, "%s %s" % ("; ".join(bad), err[-300:])


def h2load(world):
    for extra, path in (([], "/plaintext"), (["-m4"], "/json"), ([], "/bytes?n=20000")):
        code, out, err = run([tool("h2load"), "--h1", "-n10000", "-c32", *extra, url(world, path)], 120)
        out = out.decode()
        assert code == 0, err
        found = re.search(r"requests: (\d+) total.* (\d+) succeeded, (\d+) failed, (\d+) errored", out)
        same(found and found.groups(), ("10000", "10000", "0", "0"), "h2load's counts for " + path)


def wrk(world):
    code, out, err = run([tool("wrk"), "-t2", "-c32", "-d2s", url(world, "/plaintext")])
    out = out.decode()
    assert code == 0 and "Socket errors" not in out and "Non-2xx" not in out, out + err
    assert int(re.search(r"(\d+) requests in", out).group(1)) > 1000, out


def ab(world):
    for options in (["-k"], []):
        code, out, err = run([tool("ab"), "-q", "-n4000", "-c16", *options, url(world, "/plaintext")])
        out = out.decode()
        assert code == 0, err
        same(re.search(r"Failed requests:\s+(\d+)", out).group(1), "0", "ab's failures")
        same(re.search(r"Complete requests:\s+(\d+)", out).group(1), "4000", "ab's answers")
        assert "Non-2xx" not in out, out


def nginx_proxy(world):
    base = world.nginx.url + "/ours"
    same(curl(world, base + "/hello"), b"hello", "body")
    same(hashlib.sha256(curl(world, base + "/big")).hexdigest(), BIG_SHA, "sha256")
    path = write_file(world.temp / "proxied", BIG)
    for extra in ([], ["-H", "Transfer-Encoding: chunked"]):
        out = curl(world, "-T", path, *extra, base + "/sink", "-o", "/dev/null", "-w", "%{http_code}")
        same(out, b"200", "status")
    same(curl(world, "-d", "abc", base + "/echo"), b"abc", "body")
    same(curl(world, "-o", "/dev/null", "-w", "%{http_code}", base + "/panic"), b"502", "status")


def pipelined(world):
    with connect(world.serve) as s:
        s.sendall(get("/hello") * 499 + get("/hello", close=True))
        same(read_all(s).count(b"\r\n\r\nhello"), 500, "answers")


def pipelined_large(world):
    """Answers that fill the socket's buffer while the client does not read."""
    with connect(world.serve) as s:
        s.sendall(get("/big") * 9 + get("/big", close=True))
        got = read_all(s)
        same(got.count(BIG[:4096][:64]) > 0 and got.count(b"HTTP/1.1 200 OK"), 10, "answers")


CHECKS = [
    ("serve curl GET", curl_get),
    ("serve curl big GET", curl_big),
    ("serve curl HEAD", curl_head),
    ("serve curl POST", curl_post),
    ("serve curl upload with Expect", curl_upload_expect),
    ("serve curl upload refused", curl_upload_refused),
    ("serve curl chunked upload", curl_upload_chunked),
    ("serve curl HTTP/1.0", curl_http10),
    ("serve curl keep-alive", curl_keep_alive),
    ("serve curl Connection: close", curl_close),
    ("serve curl statuses", curl_status),
    ("serve curl aborted answers", curl_aborts),
    ("serve curl trailers", curl_trailers),
    ("serve Python http.client", python_client),
    ("serve Python chunked", python_chunked),
    ("serve Python cut body", python_cut),
    ("serve Python no answer", python_abort),
    ("serve Go client", go_client),
    ("serve h2load --h1", h2load),
    ("serve wrk", wrk),
    ("serve ab", ab),
    ("serve nginx as proxy", nginx_proxy),
    ("serve pipelined", pipelined),
    ("serve pipelined large answers", pipelined_large),
]
