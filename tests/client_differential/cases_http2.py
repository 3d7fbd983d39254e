"""What the scripted origins of HTTP/2 do: as in cases.py, but a step may be a function that makes bytes for the request's
stream. What is not in an answer is the same in all: settings, their acknowledgement, windows, pings."""

import struct

from cases import Case
from frames import (CONTINUATION, DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, PADDED, PING, PRIORITY, PUSH, RST_STREAM,
                    SETTINGS, WINDOW_UPDATE, frame)

PROTOCOL_ERROR, INTERNAL_ERROR, REFUSED, CANCEL, CALM, OLD = 1, 2, 7, 8, 11, 13
WITH_PRIORITY, HELLO = 32, frame(SETTINGS, 0, 0)


class CaseHttp2(Case):
    """`first` is said at once; with `early` an answer does not wait for the request's end; with `blind` no requests are
    noted, since a connection may have ended before they are read. Without `resets` those are not noted, either: Go's client
    resets streams that a GOAWAY leaves out, if the connection lives for long enough."""

    def __init__(self, name, *answers, first=HELLO, early=False, blind=False, resets=True, **kw):
        super().__init__("h2 " + name, *answers, **kw)
        self.first, self.early, self.blind, self.resets = first, early, blind, resets


# ---- what answers are made of


def literal(name, value):
    """A field that no table keeps, of any length below 16 K."""
    def text(t):
        if len(t) < 127:
            return bytes([len(t)]) + t
        rest = len(t) - 127
        return b"\x7f" + (bytes([rest]) if rest < 128 else bytes([128 | rest & 127, rest >> 7])) + t
    return b"\0" + text(name) + text(value)


def block(*fields, status=b"200"):
    lines = [(b":status", status)] if status is not None else []
    return b"".join(literal(n, v) for n, v in lines + list(fields))


def raw(kind, flags, payload):
    """A frame of the request's stream."""
    return lambda stream: frame(kind, flags, stream, payload)


def head(*fields, status=b"200", end=0):
    return raw(HEADERS, END_HEADERS | end, block(*fields, status=status))


def data(text, end=0):
    return raw(DATA, end, text)


def whole(*steps):
    """Several frames in one send."""
    return lambda stream: b"".join(s(stream) if callable(s) else s for s in steps)


def reset(code):
    return raw(RST_STREAM, 0, struct.pack(">I", code))


def goaway(last, code, debug=b""):
    return lambda stream: frame(GOAWAY, 0, 0, struct.pack(">II", stream if last is None else last, code) + debug)


def settings(*pairs, flags=0, stream=0):
    return frame(SETTINGS, flags, stream, b"".join(struct.pack(">HI", n, v) for n, v in pairs))


OK = whole(head(), data(b"ok", END_STREAM))


def with_ok(name, *steps, **kw):
    """The answer in question, then a good one: is the connection fit for it, or left?"""
    return CaseHttp2(name, list(steps), [OK], **kw)


# ---- the cases


def messages():
    yield with_ok("data", OK)
    yield with_ok("no data", head(end=END_STREAM))
    yield with_ok("empty data at the end", whole(head(), data(b"ok"), data(b"", END_STREAM)))
    yield with_ok("empty data between", whole(head(), data(b"o"), data(b""), data(b"k", END_STREAM)))
    yield with_ok("padding", whole(head(), raw(DATA, PADDED | END_STREAM, b"\3ok\0\0\0")))
    yield with_ok("padding alone", whole(head(), raw(DATA, PADDED, b"\3\0\0\0"), data(b"ok", END_STREAM)))
    yield with_ok("padding that is no zero", whole(head(), raw(DATA, PADDED | END_STREAM, b"\3ok\1\2\3")))
    yield with_ok("padding beyond the frame", whole(head(), raw(DATA, PADDED | END_STREAM, b"\3ok")))
    yield with_ok("padded head", whole(raw(HEADERS, PADDED | END_HEADERS, b"\2" + block() + b"\0\0"), data(b"ok", END_STREAM)))
    yield with_ok("head with a priority",
                  whole(raw(HEADERS, WITH_PRIORITY | END_HEADERS, b"\0\0\0\0\20" + block()), data(b"ok", END_STREAM)))
    yield with_ok("head that depends on itself",
                  lambda s: frame(HEADERS, WITH_PRIORITY | END_HEADERS | END_STREAM, s, struct.pack(">IB", s, 1) + block()))
    half = block((b"x-long", b"v" * 100))
    yield with_ok("head in three frames", whole(raw(HEADERS, 0, half[:5]), raw(CONTINUATION, 0, half[5:50]),
                                                raw(CONTINUATION, END_HEADERS, half[50:]), data(b"ok", END_STREAM)))
    yield with_ok("head cut by data", whole(raw(HEADERS, 0, half[:5]), data(b"ok", END_STREAM)))
    yield with_ok("head cut by a ping", whole(raw(HEADERS, 0, half[:5]), frame(PING, 0, 0, bytes(8))))
    yield with_ok("continuation of another stream",
                  whole(raw(HEADERS, 0, half[:5]), frame(CONTINUATION, END_HEADERS, 99, half[5:])))
    yield with_ok("continuation of nothing", raw(CONTINUATION, END_HEADERS, half))
    trailer = raw(HEADERS, END_HEADERS | END_STREAM, block((b"x-t", b"1"), status=None))
    yield with_ok("trailer", whole(head((b"trailer", b"x-t")), data(b"ok"), trailer))
    yield with_ok("trailer behind no data", whole(head(), trailer))
    yield with_ok("trailer without an end", whole(head(), data(b"ok"), raw(HEADERS, END_HEADERS, block((b"x-t", b"1"), status=None))))
    yield with_ok("trailer with a status", whole(head(), data(b"ok"), head(end=END_STREAM)))
    yield with_ok("trailer in capitals",
                  whole(head(), data(b"ok"), raw(HEADERS, END_HEADERS | END_STREAM, block((b"X-T", b"1"), status=None))))
    yield with_ok("data behind the end", whole(OK, data(b"more")))
    yield with_ok("head behind the end", whole(OK, head()))
    yield with_ok("data without a head", data(b"ok", END_STREAM))
    yield with_ok("HEAD", head((b"content-length", b"9"), end=END_STREAM), method="HEAD", resets=False)
    yield with_ok("HEAD with data", whole(head((b"content-length", b"2")), data(b"ok", END_STREAM)), method="HEAD", resets=False)
    yield with_ok("204", head(status=b"204", end=END_STREAM))
    yield with_ok("304 with a length", head((b"content-length", b"9"), status=b"304", end=END_STREAM))
    yield with_ok("data of 16384 bytes", whole(head(), data(b"x" * 16384, END_STREAM)))
    yield with_ok("data of 100 frames", whole(head(), *[data(b"y" * 100)] * 100, data(b"", END_STREAM)))


def fields():
    for status in (None, b"", b"20", b"2000", b"abc", b"+20", b" 200", b"099", b"100", b"101", b"600", b"999"):
        yield with_ok("status %r" % (status if status is None else status.decode()), head(status=status, end=END_STREAM))
    yield with_ok("two statuses", raw(HEADERS, END_HEADERS | END_STREAM, block() + block()))
    yield with_ok("status behind a field",
                  raw(HEADERS, END_HEADERS | END_STREAM, block((b"a", b"b"), status=None) + block()))
    for name in (b"X-Upper", b"", b"a b", b"a:b", b":path", b":other", b"a\0b", b"a\xe9", b"a\n"):
        yield with_ok("name %r" % name.decode("latin-1"), head((name, b"v"), end=END_STREAM))
    for value in (b"a\0b", b"a\rb", b"a\nb", b" a", b"a ", b"\xe9", b"a\tb", b"a\x01b", b""):
        yield with_ok("value %r" % value.decode("latin-1"), head((b"x", value), end=END_STREAM))
    for name, value in ((b"connection", b"close"), (b"keep-alive", b"1"), (b"proxy-connection", b"close"),
                        (b"transfer-encoding", b"chunked"), (b"upgrade", b"h3"), (b"te", b"gzip")):
        yield with_ok("field %s" % name.decode(), head((name, value), end=END_STREAM))
    yield with_ok("length", whole(head((b"content-length", b"2")), data(b"ok", END_STREAM)))
    yield with_ok("length too long", whole(head((b"content-length", b"5")), data(b"ok", END_STREAM)))
    yield with_ok("length too short", whole(head((b"content-length", b"1")), data(b"ok", END_STREAM)))
    yield with_ok("length of what does not come", head((b"content-length", b"5"), end=END_STREAM))
    for value in (b"+2", b"-2", b"2, 2", b"0x2", b"", b"99999999999999999999"):
        yield with_ok("length %r" % value.decode(), whole(head((b"content-length", value)), data(b"ok", END_STREAM)))
    yield with_ok("two lengths alike",
                  whole(head((b"content-length", b"2"), (b"content-length", b"2")), data(b"ok", END_STREAM)))
    yield with_ok("two lengths", whole(head((b"content-length", b"2"), (b"content-length", b"3")), data(b"ok", END_STREAM)))
    # 4 KiB in the table, then named again and again.
    big = block() + b"\x40" + literal(b"x", b"v" * 3900)[1:]
    yield with_ok("head of 1 MiB", raw(HEADERS, END_HEADERS | END_STREAM, big + b"\xbe" * 240))
    yield with_ok("head of more than 1 MiB", raw(HEADERS, END_HEADERS, big + b"\xbe" * 300))
    yield with_ok("trailer of more than 1 MiB", whole(head(), data(b"ok"), raw(
        HEADERS, END_HEADERS | END_STREAM, b"\x40" + literal(b"x", b"v" * 3900)[1:] + b"\xbe" * 300)))
    for name, broken in (("index 0", b"\x80"), ("index beyond the tables", b"\xff\x20"), ("text that is cut", b"\0\5ab"),
                         ("bad Huffman", b"\0\1a\x81\0"), ("table too large", b"\x3f\xe1\xff\3"), ("number without an end", b"\xff" * 12)):
        yield with_ok("block with " + name, raw(HEADERS, END_HEADERS | END_STREAM, block() + broken))
    yield with_ok("table resized in the middle", raw(HEADERS, END_HEADERS | END_STREAM, block() + b"\x20"))


def informational():
    yield with_ok("100", whole(head(status=b"100"), OK))
    yield with_ok("103", whole(head((b"link", b"x"), status=b"103"), OK))
    yield with_ok("103 at the end", head(status=b"103", end=END_STREAM))
    yield with_ok("data behind 103", whole(head(status=b"103"), data(b"ok", END_STREAM)))
    yield with_ok("five of 103", whole(*[head(status=b"103")] * 5, OK))
    yield with_ok("103 for more than 1 MiB", whole(*[head((b"link", b"v" * 12000), status=b"103")] * 90))


def resets():
    for name, code in (("PROTOCOL_ERROR", 1), ("INTERNAL_ERROR", 2), ("CANCEL", 8), ("ENHANCE_YOUR_CALM", 11),
                       ("HTTP_1_1_REQUIRED", 13), ("99", 99)):
        yield with_ok("reset by %s" % name, reset(code))
        yield with_ok("reset by %s in the body" % name, whole(head(), data(b"some")), 0.1, reset(code))
    yield with_ok("reset by NO_ERROR", reset(0))
    yield with_ok("reset by NO_ERROR in the body", whole(head(), data(b"some")), 0.1, reset(0))
    yield with_ok("reset by REFUSED_STREAM", reset(REFUSED), repeat=1)
    yield with_ok("reset by REFUSED_STREAM, of a POST", reset(REFUSED), method="POST", body="text", repeat=1)
    yield with_ok("reset by REFUSED_STREAM in the body", whole(head(), data(b"some")), 0.1, reset(REFUSED))
    yield with_ok("reset behind the end", whole(OK, reset(CANCEL)))
    yield with_ok("reset of another stream", lambda s: frame(RST_STREAM, 0, s + 10, struct.pack(">I", 8)))
    yield with_ok("reset of stream 0", frame(RST_STREAM, 0, 0, struct.pack(">I", 8)))
    yield with_ok("reset of three bytes", raw(RST_STREAM, 0, b"abc"))
    yield with_ok("answer to a part of an upload", whole(head(status=b"413"), data(b"no", END_STREAM), reset(0)),
                  method="POST", body="x" * 300000, early=True, blind=True)


def farewells():
    yield with_ok("goaway behind the answer", whole(OK, goaway(None, 0)))
    yield with_ok("goaway before the answer", whole(goaway(None, 0), OK))
    yield with_ok("goaway of 2^31-1 before the answer", whole(goaway(0x7fffffff, 0), OK))
    yield with_ok("goaway without the stream", goaway(0, 0), repeat=1, resets=False)
    yield with_ok("goaway without the stream, of a POST", goaway(0, 0), method="POST", body="text", repeat=1, resets=False)
    yield with_ok("goaway by an error without the stream", goaway(0, CALM, b"slow down"), resets=False)
    yield CaseHttp2("goaway by an error without the second stream", [OK], [goaway(1, CALM, b"slow down")], [OK], repeat=2,
                    resets=False)
    yield with_ok("goaway by an error and the answer", whole(goaway(None, INTERNAL_ERROR), OK))
    yield with_ok("goaway and the end", goaway(None, 0, b"bye"), "close")
    yield with_ok("goaway by an error and the end", goaway(None, INTERNAL_ERROR, b"oops"), "close")
    yield with_ok("goaway in the body and the end", whole(head(), data(b"some"), goaway(None, 0)), "close")
    yield with_ok("two goaways", whole(goaway(0x7fffffff, 0), goaway(None, 0), OK))
    yield with_ok("goaway that grows", whole(goaway(1, 0), goaway(3, 0), OK))
    yield with_ok("goaway of four bytes", frame(GOAWAY, 0, 0, b"abcd"))
    yield with_ok("goaway on a stream", lambda s: frame(GOAWAY, 0, s, bytes(8)))


def connections():
    good = [OK]
    for name, first in (
            ("HTTP/1.1", b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"), ("nothing", b""),
            ("a ping", frame(PING, 0, 0, bytes(8))), ("an acknowledgement", settings(flags=1)),
            ("settings on a stream", settings(stream=1)), ("settings of five bytes", frame(SETTINGS, 0, 0, b"abcde")),
            ("an acknowledgement with settings", settings((3, 1), flags=1)), ("unknown settings", settings((99, 1))),
            ("ENABLE_PUSH 1", settings((2, 1))), ("ENABLE_PUSH 0", settings((2, 0))), ("ENABLE_PUSH 2", settings((2, 2))),
            ("INITIAL_WINDOW_SIZE 2^31", settings((4, 1 << 31))), ("MAX_FRAME_SIZE 100", settings((5, 100))),
            ("MAX_FRAME_SIZE 2^24", settings((5, 1 << 24))), ("MAX_FRAME_SIZE 2^24-1", settings((5, (1 << 24) - 1))),
            ("HEADER_TABLE_SIZE 0", settings((1, 0))), ("HEADER_TABLE_SIZE 2^32-1", settings((1, 0xffffffff))),
            ("a setting twice", settings((3, 5), (3, 6))), ("MAX_HEADER_LIST_SIZE 10", settings((6, 10))),
            ("ENABLE_CONNECT_PROTOCOL 2", settings((8, 2))), ("a frame too large", settings() + frame(DATA, 0, 1, bytes(16385))),
            ("a window", settings() + frame(WINDOW_UPDATE, 0, 0, struct.pack(">I", 5)))):
        yield CaseHttp2("hello of " + name, good, good, first=first, blind=True, timeout=1000)
    yield with_ok("two settings", whole(settings((3, 50)), settings((3, 60)), OK))
    yield with_ok("settings beyond the window", whole(settings((4, 0x7fffffff)), OK))
    yield with_ok("PUSH_PROMISE", raw(PUSH, END_HEADERS, struct.pack(">I", 2) + block()))
    for name, window in (("of 0", 0), ("beyond 2^31", 0x7fffffff)):
        yield with_ok("stream's window " + name, whole(raw(WINDOW_UPDATE, 0, struct.pack(">I", window)), OK))
        yield with_ok("connection's window " + name, whole(frame(WINDOW_UPDATE, 0, 0, struct.pack(">I", window)), OK))
    yield with_ok("window of three bytes", raw(WINDOW_UPDATE, 0, b"abc"))
    yield with_ok("window of an idle stream", whole(frame(WINDOW_UPDATE, 0, 99, struct.pack(">I", 1)), OK))
    yield with_ok("ping of seven bytes", frame(PING, 0, 0, b"1234567"))
    yield with_ok("ping on a stream", raw(PING, 0, bytes(8)))
    yield with_ok("ping that nobody sent", whole(frame(PING, 1, 0, bytes(8)), OK))
    yield with_ok("priority", whole(raw(PRIORITY, 0, b"\0\0\0\0\1"), OK))
    yield with_ok("priority of four bytes", whole(raw(PRIORITY, 0, b"abcd"), OK))
    yield with_ok("unknown frame", whole(raw(99, 255, b"anything"), OK))
    yield with_ok("unknown frame in a head", whole(raw(HEADERS, 0, block()), raw(99, 0, b"anything")))
    yield with_ok("frame of 16385 bytes", raw(DATA, 0, bytes(16385)))
    yield with_ok("data on stream 0", frame(DATA, 0, 0, b"ok"))
    yield with_ok("head on stream 0", frame(HEADERS, END_HEADERS, 0, block()))
    yield with_ok("head of a stream of the server's", frame(HEADERS, END_HEADERS, 2, block()))
    yield with_ok("head of an idle stream", lambda s: frame(HEADERS, END_HEADERS, s + 10, block()))
    yield with_ok("data of an idle stream", lambda s: frame(DATA, 0, s + 10, b"ok"))
    yield with_ok("close at once", "close")
    yield with_ok("reset of TCP", 0.1, "reset")
    yield with_ok("hang", "hang", timeout=300)
    yield with_ok("hang in the body", whole(head(), data(b"some")), "hang", timeout=300)
    yield CaseHttp2("close behind the answer", [OK, "close"], [OK, "close"], [OK])


def cuts():
    answer = whole(head((b"trailer", b"x-t")), data(b"hello"), raw(HEADERS, END_HEADERS | END_STREAM, block((b"x-t", b"1"), status=None)))
    for at in range(len(answer(1))):
        yield with_ok("cut at %d" % at, lambda s, at=at: answer(s)[:at], "close")


def all_cases():
    for group in (messages, fields, informational, resets, farewells, connections, cuts):
        yield from group()
