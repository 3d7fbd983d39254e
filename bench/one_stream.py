"""one_stream.py BUILD_DIR CERT KEY [--client NAME=PATH ...]: 1 GiB over one stream of HTTP/2, down and up, over TLS.

Each client is a program like nh-bench-client: `PATH URL N C`, with BENCH_H2, BENCH_CAFILE and BENCH_UPLOAD in its
environment. The server is nh-bench-server, or what --server names; all clients speak to one, in turns. A row is the
median and the range of GiB a second, and the client's own CPU time in seconds."""

import argparse
import os
import pathlib
import resource
import socket
import statistics
import subprocess
import time

GIB = 1 << 30

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("build_dir", type=pathlib.Path)
parser.add_argument("cert")
parser.add_argument("key")
parser.add_argument("--client", action="append", default=[], metavar="NAME=PATH")
parser.add_argument("--server", help="a program like nh-bench-server, which takes a port")
parser.add_argument("--rounds", type=int, default=5)
args = parser.parse_args()

clients = {"nethttp": str(args.build_dir / "bin/nh-bench-client"), **dict(c.split("=", 1) for c in args.client)}
base = {k: v for k, v in os.environ.items() if not k.startswith("BENCH_")}


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def run(path, url, upload):
    """Seconds, and the CPU's."""
    env = dict(base, BENCH_H2="1", BENCH_CAFILE=args.cert, **({"BENCH_UPLOAD": str(GIB)} if upload else {}))
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    subprocess.run([path, url, "1", "1"], env=env, check=True, timeout=120, stdout=subprocess.DEVNULL)
    took, after = time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    return took, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


port = free_port()
server = subprocess.Popen([args.server or str(args.build_dir / "bin/nh-bench-server"), str(port)],
                          env=dict(base, BENCH_TLS="1", BENCH_CERT=args.cert, BENCH_KEY=args.key))
try:
    time.sleep(0.5)
    print("| 1 GiB, one stream | GiB/s (min-max) | client's CPU s |\n| --- | ---: | ---: |")
    for what, path in (("down", "/bytes?n=%d" % GIB), ("up", "/sink")):
        rows = {name: [] for name in clients}
        for _ in range(args.rounds):
            for name, client in clients.items():
                rows[name].append(run(client, "https://127.0.0.1:%d%s" % (port, path), what == "up"))
        for name, seen in rows.items():
            rates = [1 / took for took, _ in seen]
            cpu = statistics.median(c for _, c in seen)
            print("| %s, %s | %.2f (%.2f-%.2f) | %.2f |" % (what, name, statistics.median(rates), min(rates), max(rates), cpu))
finally:
    server.kill()
    server.wait()
