"""user_mode.py URL NAME=PATH ...: what a request costs a client's own code, in us, with one thread.

Each client is a program like nh-bench-client: `PATH URL N C`; they speak to the server at URL, in turns, with user_mode.c
preloaded. A row is the median and the range of the time between the calls to the kernel, and how far the median is over
that of the client named first. The kernel's own count of user mode looks at its clock a few hundred times a second: it
tells this to a tenth of a microsecond only after minutes."""

import argparse
import os
import pathlib
import statistics
import subprocess
import tempfile

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("url")
parser.add_argument("client", nargs="+", metavar="NAME=PATH")
parser.add_argument("--requests", type=int, default=30000)
parser.add_argument("--rounds", type=int, default=9)
args = parser.parse_args()

clients = dict(c.split("=", 1) for c in args.client)
source = pathlib.Path(__file__).with_name("user_mode.c")
with tempfile.TemporaryDirectory() as made:
    library = os.path.join(made, "user_mode.so")
    cc = os.environ.get("CC", "cc")
    subprocess.run([cc, "-O2", "-shared", "-fPIC", "-o", library, str(source), "-ldl"], check=True)
    rows = {name: [] for name in clients}
    for _ in range(args.rounds):
        for name, path in clients.items():
            ran = subprocess.run([path, args.url, str(args.requests), "1"], env=dict(os.environ, LD_PRELOAD=library),
                                 stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=True, timeout=120)
            total, gaps = ran.stderr.split()[-2:]
            if gaps == "0":
                parser.error("%s makes none of the calls that are watched" % name)
            # A request is two gaps: before it is sent, and before its answer is waited for.
            rows[name].append(2 * float(total) / int(gaps) / 1000)

first = statistics.median(rows[next(iter(rows))])
print("| one thread, us/request | in user mode (min-max) | over %s |\n| --- | ---: | ---: |" % next(iter(rows)))
for name, seen in rows.items():
    median = statistics.median(seen)
    print("| %s | %.2f (%.2f-%.2f) | %.2f |" % (name, median, min(seen), max(seen), median - first))
