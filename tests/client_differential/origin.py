"""A scripted origin: gives the answers of one case, in the order in which requests come, and remembers what came."""

import socket
import struct
import threading
import time


class Origin:
    def __init__(self, case):
        self.case = case
        self.lock = threading.Lock()
        self.requests = []  # (connection, request line, body length)
        self.connections = 0
        self.open = []
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.url = "http://127.0.0.1:%d/x" % self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                conn, _ = self.listener.accept()
            except OSError:
                return
            with self.lock:
                number = self.connections
                self.connections += 1
                self.open.append(conn)
            threading.Thread(target=self.serve, args=(conn, number), daemon=True).start()

    def serve(self, conn, number):
        data = b""
        try:
            while True:
                while b"\r\n\r\n" not in data:
                    piece = conn.recv(65536)
                    if not piece:
                        return conn.close()
                    data += piece
                head, _, data = data.partition(b"\r\n\r\n")
                with self.lock:
                    index = len(self.requests)
                    self.requests.append((number, head.split(b"\r\n")[0].decode("latin-1")))
                length = 0
                for line in head.split(b"\r\n")[1:]:
                    if line.lower().startswith(b"content-length:"):
                        length = int(line.split(b":")[1])
                steps = self.case.answers[index] if index < len(self.case.answers) else ["close"]
                early = any(isinstance(s, bytes) and b" 413 " in s[:20] for s in steps)
                while len(data) < length and not early:
                    piece = conn.recv(65536)
                    if not piece:
                        return conn.close()
                    data += piece
                data = data[length:]
                if not self.play(conn, steps):
                    return None
        except OSError:
            return conn.close()

    def play(self, conn, steps):
        """Does the steps; False: the connection has ended."""
        for step in steps:
            if isinstance(step, bytes):
                conn.sendall(step)
            elif step == "close":
                # Not with bytes unread, which would make it a reset.
                conn.shutdown(socket.SHUT_WR)
                conn.settimeout(0.5)
                try:
                    while conn.recv(65536):
                        pass
                except OSError:
                    pass
                conn.close()
                return False
            elif step == "reset":
                conn.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                conn.close()
                return False
            elif step == "hang":
                while conn.recv(65536):
                    pass
                conn.close()
                return False
            else:
                time.sleep(step)
        return True

    def stop(self):
        self.listener.close()
        with self.lock:
            for conn in self.open:
                try:
                    conn.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass
                conn.close()
