"""nh-fetch over HTTP/2: Go, nginx, Node and nghttpd, under TLS and by prior knowledge."""

import contextlib

from checks import BIG, free_port, same, tool, write_file
from client_http1 import fetch, header, one, whole
from client_tls import child, folder, listening

UPLOAD = 5000000

NGINX = """
daemon off; master_process off; worker_processes 1; pid {dir}/pid2; error_log {dir}/error2.log;
events {{ worker_connections 512; }}
http {{
  access_log off; default_type text/plain; client_max_body_size 64m; keepalive_requests 150;
  client_body_temp_path {dir}/body; proxy_temp_path {dir}/proxy; fastcgi_temp_path {dir}/fastcgi;
  uwsgi_temp_path {dir}/uwsgi; scgi_temp_path {dir}/scgi;
  ssl_certificate {dir}/cert.pem; ssl_certificate_key {dir}/key.pem;
  server {{ listen 127.0.0.1:{tls} ssl http2; {rest} }}
  server {{ listen 127.0.0.1:{plain} http2; {rest} }}
}}
"""
REST = """location = /hello { return 200 "hello"; } location = /proto { return 200 "$server_protocol"; }
  location /zipped/ { alias DIR/static/; gzip on; gzip_types text/plain; gzip_min_length 1; }
  location / { root DIR/static; }"""

NODE = """
const http2 = require('http2'), fs = require('fs');
const on = (req, res) => {
  if (req.url === '/echo') return req.pipe(res);
  if (req.url === '/trailers') { res.write('trailers'); res.addTrailers({'x-sum': '8'}); return res.end(); }
  if (req.url === '/early') { res.writeEarlyHints({link: '<x>; rel=preload'}); return res.end('early'); }
  if (req.url === '/reset') return res.stream.close(2);
  if (req.url === '/enough') { res.statusCode = 413; return res.end('enough'); }
  res.end(req.httpVersion);
};
const tls = {cert: fs.readFileSync('DIR/cert.pem'), key: fs.readFileSync('DIR/key.pem')};
http2.createSecureServer(tls, on).listen(TLS, '127.0.0.1');
http2.createServer(on).listen(PLAIN, '127.0.0.1');
"""


def over_two(world, ways, check):
    """The same over TLS and by prior knowledge; every answer must have come in HTTP/2."""
    for url, options in ways:
        check(url, lambda *args, **kw: _of_two(one(world, *args, *options, **kw)),
              lambda *args, **kw: [_of_two(a) for a in fetch(world, *args, *options, **kw)])


def _of_two(answer):
    if answer["status"]:
        same(answer["proto"], "HTTP/2.0", "protocol")
    return answer


def ways(world, tls, plain):
    return [("https://127.0.0.1:%d" % tls, ["--cacert", str(folder(world) / "cert.pem")]),
            ("http://127.0.0.1:%d" % plain, ["--http2"])]


def go(world):
    from harness import servers
    path = folder(world)
    options = [world.go_programs()[0], "--listen", "127.0.0.1:0"]
    tls = servers.Server(options + ["--tls-cert", path / "cert.pem", "--tls-key", path / "key.pem"])
    plain = servers.Server(options + ["--h2c"])

    def check(u, one, fetch):
        whole(one("GET", u + "/hello"), 200, b"hello")
        whole(one("GET", u + "/big"), 200, BIG)
        whole(one("GET", u + "/trailers"), 200, b"trailers")
        whole(one("POST", u + "/echo", "--body-size", str(UPLOAD)), 200, b"x" * UPLOAD)
        whole(one("POST", u + "/sink", "--body-size", "50000000"), 200, b"")
        for answer in fetch("GET", u + "/hello", "--repeat", "200"):
            whole(answer, 200, b"hello")
        same(header(one("HEAD", u + "/bytes?n=99"), "Content-Length"), ["99"], "Content-Length")
        answer = one("GET", u + "/panic?mid=1", code=None)
        same((answer["status"], answer["body_len"], answer["error_kind"]), (200, 7, "protocol"), "a reset body")
        assert "INTERNAL_ERROR" in answer["error"], answer
        answer = one("POST", u + "/limit", "--body-size", "20000000", code=None)
        assert answer["status"] == 413 or answer["error"], answer
        answer = one("GET", u + "/sleep?ms=20000", "--timeout", "300", code=None)
        same((answer["status"], answer["error_kind"]), (0, "timeout"), "timeout")

    try:
        over_two(world, [(tls.url.replace("http:", "https:"), ["--cacert", str(path / "cert.pem")]),
                         (plain.url, ["--http2"])], check)
        # Who asks for HTTP/1.1 gets it from the same server.
        answer = one(world, "GET", tls.url.replace("http:", "https:") + "/hello", "--http1", "--cacert",
                     str(path / "cert.pem"))
        same(answer["proto"], "HTTP/1.1", "protocol")
    finally:
        tls.stop()
        plain.stop()


def nginx(world):
    program, path = tool("nginx"), folder(world)
    tls, plain = free_port(), free_port()
    conf = path / "nginx2.conf"
    conf.write_text(NGINX.format(dir=path, tls=tls, plain=plain, rest=REST.replace("DIR", str(path))))

    def check(u, one, fetch):
        whole(one("GET", u + "/proto"), 200, b"HTTP/2.0")
        whole(one("GET", u + "/big"), 200, BIG)
        whole(one("HEAD", u + "/big"), 200, b"")
        # nginx ends a connection by GOAWAY behind 150 requests.
        for answer in fetch("GET", u + "/hello", "--repeat", "500"):
            whole(answer, 200, b"hello")
        answer = one("POST", u + "/hello", "--body-size", "3000000", code=None)
        assert answer["status"] in (200, 405) or answer["error"], answer
        answer = one("GET", u + "/zipped/big")
        whole(answer, 200, BIG)
        same(header(answer, "Content-Encoding"), [], "undone gzip")

    with child([program, "-p", path, "-c", conf, "-e", path / "error2.log"], listening(tls)):
        over_two(world, ways(world, tls, plain), check)


def node(world):
    program, path = tool("node"), folder(world)
    tls, plain = free_port(), free_port()
    text = NODE.replace("DIR", str(path)).replace("TLS", str(tls)).replace("PLAIN", str(plain))
    script = write_file(world.temp / "node2.js", text.encode())

    def check(u, one, fetch):
        whole(one("GET", u + "/"), 200, b"2.0")
        whole(one("POST", u + "/echo", "--body-size", str(UPLOAD)), 200, b"x" * UPLOAD)
        whole(one("GET", u + "/trailers"), 200, b"trailers")
        whole(one("GET", u + "/early"), 200, b"early")
        same(one("POST", u + "/enough", "--body-size", "3000000", code=None)["status"], 413, "status")
        answer = one("GET", u + "/reset", code=None)
        assert answer["error"] and "INTERNAL_ERROR" in answer["error"], answer
        for answer in fetch("GET", u + "/", "--repeat", "300"):
            whole(answer, 200, b"2.0")

    with child([program, script], listening(plain)):
        over_two(world, ways(world, tls, plain), check)


def nghttpd(world):
    program, path = tool("nghttpd"), folder(world)
    tls, plain = free_port(), free_port()
    static = ["-d", path / "static", "--echo-upload", "-a", "127.0.0.1"]

    def check(u, one, fetch):
        whole(one("GET", u + "/big"), 200, BIG)
        whole(one("POST", u + "/echo", "--body-size", str(UPLOAD)), 200, b"x" * UPLOAD)
        same(one("GET", u + "/nowhere")["status"], 404, "status")
        for answer in fetch("GET", u + "/big", "--repeat", "20"):
            whole(answer, 200, BIG)

    with contextlib.ExitStack() as both:
        both.enter_context(child([program, *static, tls, path / "key.pem", path / "cert.pem"], listening(tls)))
        both.enter_context(child([program, *static, "--no-tls", plain], listening(plain)))
        over_two(world, ways(world, tls, plain), check)


CHECKS = [
    ("HTTP/2 from Go", go),
    ("HTTP/2 from nginx", nginx),
    ("HTTP/2 from Node", node),
    ("HTTP/2 from nghttpd", nghttpd),
]
