"""What the scripted origins do: one list of answers for each case, and how often the client asks.

A case has the answers to the requests in the order in which they arrive, over whatever connections. An answer is a list
of steps: bytes are sent, a number is a pause in seconds, "close" ends the connection, "reset" breaks it, "hang" says
nothing more. After an answer without an end the connection waits for the next request.
"""

import gzip
import zlib

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
CLOSE_OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"


class Case:
    def __init__(self, name, *answers, method="GET", body="", repeat=None, timeout=3000):
        self.name, self.answers, self.method, self.body = name, answers, method, body
        self.repeat = repeat or len(answers)
        self.timeout = timeout


def head(*lines, first=b"HTTP/1.1 200 OK"):
    return b"\r\n".join((first,) + lines) + b"\r\n\r\n"


def with_ok(name, *steps, **kw):
    """The answer in question, then a good one: is the connection fit for it, or left?"""
    return Case(name, list(steps), [OK], **kw)


def framing():
    chunked = head(b"Transfer-Encoding: chunked")
    yield with_ok("length", OK)
    yield with_ok("length 0", head(b"Content-Length: 0"))
    yield with_ok("chunked", chunked + b"3\r\nabc\r\n0\r\n\r\n")
    yield with_ok("chunked with a trailer", chunked + b"3\r\nabc\r\n0\r\nX-T: 1\r\n\r\n")
    yield with_ok("chunk extension", chunked + b"3;a=b\r\nabc\r\n0;c\r\n\r\n")
    yield with_ok("until close", head() + b"some text", "close")
    yield with_ok("until close, HTTP/1.0", head(first=b"HTTP/1.0 200 OK") + b"old", "close")
    yield with_ok("HTTP/1.0 keep-alive", head(b"Connection: keep-alive", b"Content-Length: 3", first=b"HTTP/1.0 200 OK") + b"old")
    yield with_ok("HTTP/1.0 length", head(b"Content-Length: 3", first=b"HTTP/1.0 200 OK") + b"old", "close")
    yield with_ok("HTTP/1.0 chunked", head(b"Transfer-Encoding: chunked", first=b"HTTP/1.0 200 OK") + b"3\r\nold\r\n0\r\n\r\n", "close")
    yield with_ok("Connection: close", CLOSE_OK, "close")
    yield with_ok("204", head(first=b"HTTP/1.1 204 No Content"))
    yield with_ok("304 with a length", head(b"Content-Length: 9", first=b"HTTP/1.1 304 Not Modified"))
    yield with_ok("HEAD", head(b"Content-Length: 9"), method="HEAD")
    yield with_ok("HEAD chunked", chunked, method="HEAD")
    yield with_ok("length beside chunked", head(b"Content-Length: 5", b"Transfer-Encoding: chunked") + b"3\r\nabc\r\n0\r\n\r\n")
    yield with_ok("chunked beside length", head(b"Transfer-Encoding: chunked", b"Content-Length: 3") + b"3\r\nabc\r\n0\r\n\r\n")
    yield with_ok("two lengths alike", head(b"Content-Length: 2", b"Content-Length: 2") + b"ok")
    yield with_ok("two lengths", head(b"Content-Length: 2", b"Content-Length: 3") + b"okk")
    yield with_ok("length list", head(b"Content-Length: 2, 2") + b"ok")
    for value in (b"+2", b"-2", b"2 ", b"", b"0x2", b"2 2", b"99999999999999999999", b"two"):
        yield with_ok("length %r" % value.decode(), head(b"Content-Length:" + value) + b"ok", "close")
    for value in (b"identity", b"gzip", b"gzip, chunked", b"chunked, gzip", b"chunked, chunked", b"xchunked", b"CHUNKED", b" chunked ", b"chunked;a"):
        yield with_ok("coding %r" % value.decode(), head(b"Transfer-Encoding: " + value) + b"2\r\nok\r\n0\r\n\r\n", "close")
    yield with_ok("two codings", head(b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked") + b"2\r\nok\r\n0\r\n\r\n", "close")


def chunks():
    chunked = head(b"Transfer-Encoding: chunked")
    bad = {
        "size is no number": b"zz\r\nabc\r\n", "size is empty": b"\r\nabc\r\n", "size is negative": b"-3\r\nabc\r\n",
        "size with a sign": b"+3\r\nabc\r\n0\r\n\r\n", "size with 0x": b"0x3\r\nabc\r\n0\r\n\r\n",
        "size overflows": b"fffffffffffffffff\r\nabc\r\n", "size is huge": b"7fffffffffffffff\r\nabc",
        "size with a space before": b" 3\r\nabc\r\n0\r\n\r\n", "size with a space behind": b"3 \r\nabc\r\n0\r\n\r\n",
        "bare LF behind size": b"3\nabc\r\n0\r\n\r\n", "bare LF behind data": b"3\r\nabc\n0\r\n\r\n",
        "bare CR behind size": b"3\rabc\r\n0\r\n\r\n", "no CRLF behind data": b"3\r\nabc0\r\n\r\n",
        "data too long": b"3\r\nabcd\r\n0\r\n\r\n", "leading zeros": b"0003\r\nabc\r\n0000\r\n\r\n",
        "many leading zeros": b"0" * 40 + b"3\r\nabc\r\n0\r\n\r\n",
        "extension of 5000 bytes": b"3;" + b"e" * 5000 + b"\r\nabc\r\n0\r\n\r\n",
        "trailer without a colon": b"3\r\nabc\r\n0\r\nnothing\r\n\r\n",
        "trailer with Content-Length": b"3\r\nabc\r\n0\r\nContent-Length: 3\r\n\r\n",
        "trailer with NUL": b"3\r\nabc\r\n0\r\nX: a\0b\r\n\r\n",
        "bytes behind the end": b"3\r\nabc\r\n0\r\n\r\nmore",
    }
    for name, body in bad.items():
        yield with_ok("chunk " + name, chunked + body, "close")
    yield with_ok("chunk extension flood", chunked + b"1;%s\r\na\r\n" % (b"x" * 200) * 2000 + b"0\r\n\r\n", "close")
    yield with_ok("chunks of one byte", chunked + b"1\r\na\r\n" * 3000 + b"0\r\n\r\n")
    yield with_ok("endless trailer", chunked + b"1\r\na\r\n0\r\n" + b"X: y\r\n" * 300000, "close")


def heads():
    body = b"Content-Length: 2\r\n\r\nok"
    lines = {
        "status without reason": b"HTTP/1.1 200\r\n", "status with an empty reason": b"HTTP/1.1 200 \r\n",
        "status of two digits": b"HTTP/1.1 20 OK\r\n", "status of four digits": b"HTTP/1.1 2000 OK\r\n",
        "status with letters": b"HTTP/1.1 2x0 OK\r\n", "status 099": b"HTTP/1.1 099 Odd\r\n",
        "status 999": b"HTTP/1.1 999 Odd\r\n", "status with a sign": b"HTTP/1.1 +20 OK\r\n",
        "no version": b"200 OK\r\n", "version 2.0": b"HTTP/2.0 200 OK\r\n", "version 1.2": b"HTTP/1.2 200 OK\r\n",
        "version of letters": b"HTTP/x.y 200 OK\r\n", "lower-case version": b"http/1.1 200 OK\r\n",
        "version with two digits": b"HTTP/1.10 200 OK\r\n", "two spaces": b"HTTP/1.1  200 OK\r\n", "a tab": b"HTTP/1.1\t200 OK\r\n",
        "ICY": b"ICY 200 OK\r\n", "garbage": b"\x00\x01\x02garbage\r\n", "empty line first": b"\r\nHTTP/1.1 200 OK\r\n",
        "bare LF": b"HTTP/1.1 200 OK\n", "NUL in the reason": b"HTTP/1.1 200 O\0K\r\n", "CR in the reason": b"HTTP/1.1 200 O\rK\r\n",
    }
    for name, line in lines.items():
        yield with_ok("head " + name, line + body, "close")
    fields = {
        "no colon": b"nothing\r\n", "space before colon": b"X-A : b\r\n", "empty name": b": b\r\n",
        "name with a space": b"X A: b\r\n", "name with NUL": b"X\0A: b\r\n", "value with NUL": b"X-A: a\0b\r\n",
        "value with CR": b"X-A: a\rb\r\n", "value with DEL": b"X-A: a\x7fb\r\n", "value of high bytes": b"X-A: \xff\x80\r\n",
        "folded": b"X-A: a\r\n b\r\n", "fold first": b" X-A: a\r\n", "bare LF": b"X-A: a\n", "tab in value": b"X-A: a\tb\r\n",
        "space before length's colon": b"Content-Length : 9\r\n", "space before coding's colon": b"Transfer-Encoding : chunked\r\n",
        "trailer announced": b"Trailer: X-T\r\n", "trailer announces framing": b"Transfer-Encoding: chunked\r\nTrailer: Content-Length\r\n",
    }
    for name, field in fields.items():
        yield with_ok("field " + name, b"HTTP/1.1 200 OK\r\n" + field + body, "close")
    yield with_ok("head of 2 MiB", b"HTTP/1.1 200 OK\r\n" + b"X-A: " + b"a" * (2 << 20) + b"\r\n" + body, "close")
    yield with_ok("head without end", b"HTTP/1.1 200 OK\r\n" + b"X-A: b\r\n" * 400000, "hang")
    yield with_ok("first line without end", b"HTTP/1.1 200 " + b"O" * (2 << 20), "hang")
    yield with_ok("HTML", b"<html><body>hello</body></html>", "close")
    yield with_ok("TLS alert", b"\x15\x03\x01\x00\x02\x02\x46", "close")


def informational():
    yield with_ok("100 first", b"HTTP/1.1 100 Continue\r\n\r\n" + OK)
    yield with_ok("103 first", b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n", 0.02, OK)
    yield with_ok("five 102", b"HTTP/1.1 102 Processing\r\n\r\n" * 5 + OK)
    yield with_ok("flood of 1xx", b"HTTP/1.1 102 Processing\r\nX: %s\r\n\r\n" % (b"y" * 1000) * 3000, "hang")
    yield with_ok("only 100", b"HTTP/1.1 100 Continue\r\n\r\n", "close")
    yield with_ok("1xx with a body", b"HTTP/1.1 103 Early Hints\r\nContent-Length: 3\r\n\r\nabc" + OK, "close")


def compressed():
    text = b"compressed text " * 400
    packed = gzip.compress(text, mtime=0)

    def sized(body, *lines):
        return head(b"Content-Encoding: gzip", b"Content-Length: %d" % len(body), *lines) + body

    yield with_ok("gzip", sized(packed))
    yield with_ok("gzip in chunks", head(b"Content-Encoding: gzip", b"Transfer-Encoding: chunked")
                  + b"".join(b"%x\r\n%s\r\n" % (len(packed[i:i + 7]), packed[i:i + 7]) for i in range(0, len(packed), 7)) + b"0\r\n\r\n")
    yield with_ok("gzip to the end", head(b"Content-Encoding: gzip") + packed, "close")
    yield with_ok("gzip of two members", sized(packed + gzip.compress(b"more", mtime=0)))
    yield with_ok("gzip of nothing", sized(gzip.compress(b"", mtime=0)))
    yield with_ok("gzip with an empty body", sized(b""))
    yield with_ok("gzip in capitals", head(b"Content-Encoding: GZIP", b"Content-Length: %d" % len(packed)) + packed)
    yield with_ok("gzip that is none", sized(b"this is no gzip stream at all"))
    yield with_ok("gzip with a wrong sum", sized(packed[:-8] + b"\0\0\0\0" + packed[-4:]))
    yield with_ok("gzip with a wrong length", sized(packed[:-4] + b"\0\0\0\0"))
    yield with_ok("gzip with rubbish behind", sized(packed + b"rubbish"))
    yield with_ok("gzip that is broken inside", sized(packed[:20] + b"\xff" * 8 + packed[28:]))
    for flag in (0x20, 0x40, 0x80):
        yield with_ok("gzip with reserved flag %#x" % flag, sized(packed[:3] + bytes([flag]) + packed[4:]))
    yield with_ok("gzip to HEAD", head(b"Content-Encoding: gzip", b"Content-Length: 99"), method="HEAD")
    yield with_ok("deflate", head(b"Content-Encoding: deflate", b"Content-Length: 20") + zlib.compress(text)[:20])
    for at in (0, 1, 5, 9, 10, 11, len(packed) // 2, len(packed) - 8, len(packed) - 1):
        yield with_ok("gzip cut at %d" % at, sized(packed)[: len(sized(packed)) - len(packed) + at], "close")
        yield with_ok("gzip whole of %d bytes" % at, sized(packed[:at]))


def ends():
    yield with_ok("close at once", "close")
    yield with_ok("reset at once", "reset")
    yield with_ok("cut head", b"HTTP/1.1 200 OK\r\nContent-", "close")
    yield with_ok("hang in the head", b"HTTP/1.1 200 OK\r\nContent-", "hang", timeout=300)
    yield with_ok("hang at once", "hang", timeout=300)
    yield with_ok("hang in the body", head(b"Content-Length: 9") + b"some", "hang", timeout=300)
    yield with_ok("reset in the body", head(b"Content-Length: 9") + b"some", 0.2, "reset")
    yield with_ok("bytes behind the answer", OK + b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")
    yield with_ok("garbage behind the answer", OK + b"\r\n\r\n")
    yield Case("close after the answer", [OK, "close"], [OK, "close"], [OK])
    yield Case("close in place of the second answer", [OK], ["close"], [OK], repeat=2)
    yield Case("reset in place of the second answer", [OK], ["reset"], [OK], repeat=2)
    yield Case("close again and again", [OK], ["close"], ["close"], ["close"], [OK], repeat=2)
    yield Case("half an answer in place of the second", [OK], [b"HTTP/1.1 2", "close"], [OK], repeat=3)
    yield Case("POST is not sent again", [OK], ["close"], [OK], method="POST", body="data", repeat=2)
    yield Case("PUT is not sent again", [OK], ["close"], [OK], method="PUT", body="data", repeat=2)
    yield Case("POST without a body is not sent again", [OK], ["close"], [OK], method="POST", repeat=2)
    yield Case("early answer to an upload", [b"HTTP/1.1 413 No\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno", "close"], [OK],
               method="POST", body="x" * 300000)


def cuts():
    answers = {
        "length": head(b"Content-Length: 5", b"X-A: b") + b"hello",
        "chunked": head(b"Transfer-Encoding: chunked", b"Trailer: X-T") + b"3\r\nabc\r\n2;e=1\r\nde\r\n0\r\nX-T: 1\r\n\r\n",
        "1xx": b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + OK,
    }
    for name, whole in answers.items():
        for at in range(len(whole)):
            yield with_ok("cut %s at %d" % (name, at), whole[:at], "close")


def all_cases():
    for group in (framing, chunks, heads, informational, compressed, ends, cuts):
        yield from group()
