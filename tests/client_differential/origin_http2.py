"""A scripted origin of HTTP/2, by prior knowledge: frames as a case says, in the order in which requests come. It
remembers which requests came, and by which codes the client reset streams. That a client ends a connection shows in the
next request; Go's says no GOAWAY, and ours may be gone before it is read."""

from frames import ACK, DATA, END_STREAM, HEADERS, PING, PREFACE, RST_STREAM, SETTINGS, frame, window
from origin import Origin


class OriginHttp2(Origin):
    answered = 0

    def exactly(self, conn, n):
        got = b""
        while len(got) < n:
            piece = conn.recv(n - len(got))
            if not piece:
                raise OSError("the client has left")
            got += piece
        return got

    def serve(self, conn, number):
        try:
            if self.exactly(conn, len(PREFACE)) != PREFACE:
                return conn.close()
            conn.sendall(self.case.first)
            while True:
                head = self.exactly(conn, 9)
                length, kind, flags = int.from_bytes(head[:3], "big"), head[3], head[4]
                stream, payload = int.from_bytes(head[5:], "big"), self.exactly(conn, length)
                if kind in (SETTINGS, PING) and not flags & ACK:
                    conn.sendall(frame(kind, ACK, 0, payload if kind == PING else b""))
                elif kind == RST_STREAM and self.case.resets:
                    self.note(number, "reset %d by %d" % (stream, int.from_bytes(payload, "big")))
                elif kind == DATA and length and not self.case.early:
                    conn.sendall(window(0, length) + window(stream, length))
                asked = kind == HEADERS if self.case.early else kind in (HEADERS, DATA) and flags & END_STREAM
                if asked and not self.answer(conn, number, stream):
                    return None
        except OSError:
            return conn.close()

    def note(self, number, what):
        if self.case.blind:
            return
        with self.lock:
            self.requests.append((number, what))

    def answer(self, conn, number, stream):
        with self.lock:
            index, self.answered = self.answered, self.answered + 1
        self.note(number, "stream %d" % stream)
        steps = self.case.answers[index] if index < len(self.case.answers) else ["close"]
        return self.play(conn, [step(stream) if callable(step) else step for step in steps])
