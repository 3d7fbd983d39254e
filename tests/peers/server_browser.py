"""A browser shows a page of nh-serve --root with everything that belongs to it."""

import struct
import zlib

from checks import run, tool, write_file

PAGE = b"""<!doctype html>
<link rel=stylesheet href=style/main.css>
<img id=one src=one.png><img id=two src="images/two%20words.svg">
<p id=out>nothing</p>
<script src=script/classic.js></script>
<script type=module src=script/module.mjs></script>
"""
CLASSIC = b"window.classic = 'classic';"
MODULE = b"""import { word } from './inner.mjs';
const wait = (image) => image.complete ? image : new Promise(done => { image.onload = image.onerror = () => done(image); });
const one = await wait(document.getElementById('one')), two = await wait(document.getElementById('two'));
const data = await (await fetch('data.json')).json();
const part = await fetch('text.txt', { headers: { Range: 'bytes=4-7' } });
const missing = await fetch('missing');
document.getElementById('out').textContent = [window.classic, word, one.naturalWidth, two.naturalWidth, data.key,
    part.status, await part.text(), missing.status, getComputedStyle(document.body).zIndex].join(' ');
"""


def png(width):
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    rows = (b"\0" + b"\xff\0\0" * width) * 3
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, 3, 8, 2, 0, 0, 0)) +
            chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


def chromium(world):
    browser = tool("chromium")
    root = world.temp / "site"
    for folder in ("style", "images", "script"):
        (root / folder).mkdir(parents=True)
    write_file(root / "index.html", PAGE)
    write_file(root / "style/main.css", b"body { z-index: 7; position: relative }")
    write_file(root / "one.png", png(17))
    write_file(root / "images/two words.svg", b'<svg xmlns="http://www.w3.org/2000/svg" width="23" height="5"/>')
    write_file(root / "script/classic.js", CLASSIC)
    write_file(root / "script/module.mjs", MODULE)
    write_file(root / "script/inner.mjs", b"export const word = 'inner';")
    write_file(root / "data.json", b'{"key": "value"}')
    write_file(root / "text.txt", b"0123456789")
    serve = world.start_serve("--root", str(root))
    try:
        # A resource that never comes keeps the time from passing, and then the check's own time is up.
        code, out, err = run([browser, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
                              "--user-data-dir=%s" % (world.temp / "profile"), "--virtual-time-budget=20000", "--dump-dom",
                              serve.url + "/files/"], timeout=120)
        text = out.decode("utf-8", "replace")
        want = "classic inner 17 23 value 206 4567 404 7"
        assert code == 0 and want in text, "%s\n%s" % (text[-1500:], err[-1500:])
    finally:
        serve.stop()


CHECKS = [("a page in Chromium", chromium)]
