"""run.py BIN [--requests N] [--rounds R]: measures the programs in BIN on loopback.

Each row is one server under nh-bench-client with one number of connections. CPU time is user and system time of the
server's and the client's process over the requests answered: it hardly moves with noise from other processes, where
requests a second do. Rounds are interleaved; every figure is the median over them. Then, with --idle N, a server gets N
kept-alive connections that were asked once and say nothing more: its memory for each, and what 32 active ones beside
them get."""

import argparse
import os
import resource
import socket
import statistics
import subprocess
import sys
import time

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("bin")
parser.add_argument("--requests", type=int, default=200000)
parser.add_argument("--rounds", type=int, default=3)
parser.add_argument("--idle", type=int, default=0, metavar="N")
args = parser.parse_args()
TICK = os.sysconf("SC_CLK_TCK")


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def cpu_of(pid):
    with open(f"/proc/{pid}/stat") as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICK


class Server:
    def __init__(self, name):
        self.port = free_port()
        exe = os.path.join(args.bin, name)
        command = [exe, "--listen", f"127.0.0.1:{self.port}"] if name == "nh-serve" else [exe, str(self.port)]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        for _ in range(100):
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                time.sleep(0.05)
        self.stop()
        sys.exit(f"{name} did not start")

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def measure(server, connections):
    url = f"http://127.0.0.1:{server.port}/plaintext"
    client = os.path.join(args.bin, "nh-bench-client")
    cpu, child, start = cpu_of(server.process.pid), resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    subprocess.run([client, url, str(args.requests), str(connections)], check=True, stdout=subprocess.DEVNULL)
    seconds = time.monotonic() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    client_cpu = after.ru_utime + after.ru_stime - child.ru_utime - child.ru_stime
    each = 1e6 / args.requests
    return args.requests / seconds, (cpu_of(server.process.pid) - cpu) * each, client_cpu * each


names = [n for n in ("nh-bench-server", "nh-serve") if os.path.exists(os.path.join(args.bin, n))]
servers = {name: Server(name) for name in names}
try:
    rows = {(name, c): [] for c in (1, 8, 64) for name in names}
    for _ in range(args.rounds):
        for (name, c), row in rows.items():
            row.append(measure(servers[name], c))
finally:
    for server in servers.values():
        server.stop()

print(f"{'server':<18}{'connections':>12}{'requests/s':>12}{'server us/req':>15}{'client us/req':>15}")
for (name, c), row in rows.items():
    rate, server_cpu, client_cpu = (statistics.median(column) for column in zip(*row))
    print(f"{name:<18}{c:>12}{rate:>12.0f}{server_cpu:>15.2f}{client_cpu:>15.2f}")


def status_of(pid, field):
    with open(f"/proc/{pid}/status") as f:
        return int(next(line for line in f if line.startswith(field + ":")).split()[1])


def idle(count):
    """KiB of memory a connection, threads, and the requests a second of 32 active ones without and with the idle."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < count + 200:
        sys.exit(f"--idle {count} needs more than {hard} descriptors")
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    server = Server("nh-bench-server")
    sockets = []
    try:
        pid = server.process.pid
        without = statistics.median(measure(server, 32)[0] for _ in range(args.rounds))
        before = status_of(pid, "VmRSS")
        for _ in range(count):
            s = socket.create_connection(("127.0.0.1", server.port), 10)
            s.sendall(b"GET /plaintext HTTP/1.1\r\nHost: h\r\n\r\n")
            if not s.recv(4096).startswith(b"HTTP/1.1 200"):
                sys.exit("an idle connection was not answered")
            sockets.append(s)
        after, threads = status_of(pid, "VmRSS"), status_of(pid, "Threads")
        beside = statistics.median(measure(server, 32)[0] for _ in range(args.rounds))
        s = sockets[0]
        s.sendall(b"GET /plaintext HTTP/1.1\r\nHost: h\r\n\r\n")
        alive = s.recv(4096).startswith(b"HTTP/1.1 200")
    finally:
        for s in sockets:
            s.close()
        server.stop()
    print(f"\n{count} idle connections: {(after - before) / count:.2f} KiB each, {threads} threads, the first one "
          f"{'answers' if alive else 'is dead'}; 32 active ones beside them get {100 * beside / without:.0f} % of "
          f"{without:.0f} requests/s")


if args.idle:
    idle(args.idle)
mux = os.path.join(args.bin, "nh-bench-mux")
if os.path.exists(mux):
    print("\nA lookup in the mux, by the number of its routes:")
    sys.stdout.flush()
    subprocess.run([mux], check=True)
