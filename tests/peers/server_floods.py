"""Floods: heads, chunk extensions and trailers without end, bad requests by the thousand, bodies of tiny chunks. Each is
ended by the server, or answered, at a bounded price, and a good client beside it is served."""

import os
import socket

from checks import connect, get, same
from server_slow_clients import GoodClient, memory, processor

# The price of one flood: memory beyond what there was, and processor time in clock ticks (usually 10 ms each).
MEMORY, TICKS = 16 << 20, 200
# More than a connection takes in the half second in which the rest of a refused message is thrown away.
MUCH = 64 << 30
CHUNKED = b"POST /sink HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n"


def pour(server, head, piece, most):
    """Sends pieces until the server ends the connection; how many bytes it took, and the answer."""
    took, answer = 0, b""
    with connect(server) as s:
        try:
            s.sendall(head)
            while took < most:
                s.sendall(piece)
                took += len(piece)
        except OSError:
            pass
        try:
            s.shutdown(socket.SHUT_WR)
            while True:
                got = s.recv(65536)
                if not got:
                    break
                answer += got
        except OSError:
            pass
    return took, answer


def flood(world, deed):
    server = world.start_serve()
    good = GoodClient(server)
    try:
        good.more()
        before, ticks = memory(server), processor(server)
        deed(server)
        spent = processor(server) - ticks
        good.more()
        grown = memory(server) - before
        if os.environ.get("NH_SHOW"):
            print("%s: %d KiB, %d ticks beside %d good answers" % (deed.__name__, grown >> 10, spent, good.served))
        assert grown < MEMORY, "memory grew by %d" % grown
        # What the good client costs meanwhile is in it.
        assert spent < TICKS + good.served // 100, "%d ticks" % spent
        with connect(server) as s:
            s.sendall(get("/seen", close=True))
            text = b""
            while piece := s.recv(65536):
                text += piece
        assert b"/evil" not in text, "a smuggled request reached a handler"
    finally:
        good.end()
        server.kill()


def endless(head, piece, most):
    """A stream that the server must cut off long before its end."""
    def deed(server):
        for _ in range(2):
            took, answer = pour(server, head, piece, most)
            assert took < most, "all of %d bytes were taken; %r" % (took, answer[:100])
            assert not answer or answer[:12] in (b"HTTP/1.1 400", b"HTTP/1.1 431", b"HTTP/1.1 413"), answer[:100]
    return deed


def endless_field(world):
    flood(world, endless(b"GET /evil HTTP/1.1\r\nHost: t\r\nX: ", b"x" * 16384, MUCH))


def endless_fields(world):
    flood(world, endless(b"GET /evil HTTP/1.1\r\nHost: t\r\n", b"X: y\r\n" * 2000, MUCH))


def endless_line(world):
    flood(world, endless(b"GET /evil?", b"x" * 16384, MUCH))


def endless_extension(world):
    flood(world, endless(CHUNKED + b"5;", b"x" * 16384, MUCH))


def endless_extensions(world):
    flood(world, endless(CHUNKED, b"1;" + b"x" * 3000 + b"\r\ny\r\n", MUCH))


def endless_trailer(world):
    flood(world, endless(CHUNKED + b"0\r\n", b"X: GET /evil\r\n" * 1000, MUCH))


def bad_requests(world):
    """10,000 pipelined requests of which each is bad: the first is answered, and nothing behind it."""
    def deed(server):
        bad = b"GET /evil HTTP/1.1\r\nHost: a b\r\n\r\n"
        for _ in range(20):
            _, answer = pour(server, bad, bad * 1000, 10000 * len(bad))
            assert answer.count(b"HTTP/1.1") <= 1, answer[:300]
    flood(world, deed)


def tiny_chunks(world):
    """A body of 500,000 chunks of a byte is read, in linear time."""
    def deed(server):
        with connect(server) as s:
            s.sendall(CHUNKED.replace(b"Host", b"Connection: close\r\nHost"))
            for _ in range(500):
                s.sendall(b"1\r\nx\r\n" * 1000)
            s.sendall(b"0\r\n\r\n")
            answer = s.recv(4096)
        assert answer.startswith(b"HTTP/1.1 200 "), answer[:100]
    flood(world, deed)


def unread_smuggle(world):
    """Bodies that no handler reads hold what looks like requests, many on one connection."""
    def deed(server):
        evil = b"GET /evil HTTP/1.1\r\nHost: t\r\n\r\n"
        one = b"POST /hello HTTP/1.1\r\nHost: t\r\nContent-Length: %d\r\n\r\n%s" % (len(evil), evil)
        with connect(server) as s:
            for _ in range(200):
                s.sendall(one)
                got = b""
                while not got.endswith(b"hello"):
                    piece = s.recv(4096)
                    assert piece, got
                    got += piece
                same(got.count(b"HTTP/1.1 200 OK"), 1, "answers")
    flood(world, deed)


CHECKS = [
    ("flood of one field", endless_field),
    ("flood of fields", endless_fields),
    ("flood of the request line", endless_line),
    ("flood of one chunk extension", endless_extension),
    ("flood of chunk extensions", endless_extensions),
    ("flood of a trailer", endless_trailer),
    ("flood of bad requests", bad_requests),
    ("flood of tiny chunks", tiny_chunks),
    ("flood of requests in unread bodies", unread_smuggle),
]
