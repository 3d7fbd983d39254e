"""HTTP/2 by the frame, for checks that say what no client would: sent as it is written, read as (type, flags, stream, payload)."""

import select
import socket
import struct

from checks import connect

DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
END_STREAM, ACK, END_HEADERS, PADDED = 1, 1, 4, 8
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
CANCEL, ENHANCE_YOUR_CALM = 8, 11


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def field(name, value):
    """A literal that no table keeps, without Huffman's code."""
    return b"\0" + bytes([len(name)]) + name + bytes([len(value)]) + value


def block(path, method=b"GET", *more):
    fields = [(b":method", method), (b":scheme", b"http"), (b":authority", b"t"), (b":path", path), *more]
    return b"".join(field(n, v) for n, v in fields)


def request(stream, path, method=b"GET", flags=END_STREAM, *more):
    return frame(HEADERS, flags | END_HEADERS, stream, block(path, method, *more))


def setting(number, value):
    return frame(SETTINGS, 0, 0, struct.pack(">HI", number, value))


def window(stream, by):
    return frame(WINDOW_UPDATE, 0, stream, struct.pack(">I", by))


def reset(stream, code=CANCEL):
    return frame(RST_STREAM, 0, stream, struct.pack(">I", code))


class Peer:
    """A connection that has said hello."""

    def __init__(self, server, *settings):
        self.sock = connect(server)
        self.file = self.sock.makefile("rb")
        self.sock.sendall(PREFACE + (b"".join(settings) or frame(SETTINGS, 0, 0)))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()
        self.sock.close()

    def send(self, data):
        self.sock.sendall(data)

    def read(self):
        """The next frame, or None at the end of the connection."""
        try:
            head = self.file.read(9)
            if len(head) < 9:
                return None
            payload = self.file.read(int.from_bytes(head[:3], "big"))
        except (ConnectionResetError, socket.timeout):
            return None
        return head[3], head[4], int.from_bytes(head[5:], "big"), payload

    def pour(self, make, most, reads=True):
        """Sends make(0), make(1) and so on, up to so many, until the server ends the connection. Its GOAWAY's code, or
        None where there was none. One that reads takes meanwhile what has come; a GOAWAY can only reach one who does."""
        got = bytearray()
        try:
            for i in range(most):
                self.send(make(i))
                while reads and select.select([self.sock], [], [], 0)[0] and (piece := self.sock.recv(1 << 16)):
                    got += piece
            while piece := self.sock.recv(1 << 16):
                got += piece
        except OSError:
            pass
        at, code = 0, None
        while at + 9 <= len(got):
            end = at + 9 + int.from_bytes(got[at:at + 3], "big")
            if got[at + 3] == GOAWAY and end <= len(got):
                code = int.from_bytes(got[at + 13:at + 17], "big")
            at = end
        return code
