"""floods.py BUILD_DIR [--seconds N]: what HTTP/2 floods cost a good client beside them.

h2load asks /plaintext on one connection, one request at a time, first alone and then while the floods of
tests/peers/server_http2.py pour into the same nh-serve from one thread, again and again. Each row is the good client's
median and 99th percentile, in microseconds, and the server's CPU time in seconds a second. Alone is measured before each
flood, since the machine is not the same all the time."""

import argparse
import pathlib
import re
import subprocess
import sys
import tempfile
import threading

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "tests/go"), str(ROOT / "tests/peers")]
import checks  # noqa: E402
import server_http2  # noqa: E402
from server_slow_clients import processor  # noqa: E402

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("build_dir")
parser.add_argument("--seconds", type=int, default=3)
parser.add_argument("--only", default="", help="a part of the flood's name")
args = parser.parse_args()


def good_client(server, temp):
    """The median, the 99th percentile and how many were answered."""
    log = temp / "h2load.log"
    log.unlink(missing_ok=True)
    command = ["h2load", "-c1", "-m1", "-D%d" % args.seconds, "--warm-up-time=1s", "--log-file=%s" % log, server.url + "/plaintext"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    times, failed = [], 0
    for line in log.read_text().splitlines():
        _, status, took = line.split("\t")
        times.append(int(took))
        failed += status != "200"
    if failed or not times:
        sys.exit("%d of %d requests of the good client failed" % (failed, len(times)))
    times.sort()
    return times[len(times) // 2], times[len(times) * 99 // 100]


def beside(world, deed, *_, **__):
    server = world.start_serve("--h2c")
    alone = good_client(server, world.temp)
    stop, poured = threading.Event(), [0]

    def pour():
        while not stop.is_set():
            # Whoever does not read is at their worst while they stay.
            deed(server, stop.wait) if hasattr(deed, "stays") else deed(server)
            poured[0] += 1
    thread = threading.Thread(target=pour)
    before = processor(server)
    thread.start()
    flooded = good_client(server, world.temp)
    spent = (processor(server) - before) / 100 / (args.seconds + 1)
    stop.set()
    thread.join()
    server.kill()
    print("| %s | %d, %d | %d, %d | %.2f | %.2f | %d |" % (beside.name, *alone, *flooded, flooded[1] / alone[1], spent, poured[0]))
    sys.stdout.flush()


server_http2.flood = beside
with tempfile.TemporaryDirectory(prefix="nethttp-floods-") as folder:
    world = checks.World(args.build_dir, pathlib.Path(folder))
    print("| flood | alone: median, p99 | flooded: median, p99 | p99's ratio | server's CPU | connections ended |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    for name, check in server_http2.CHECKS:
        if ("flood" in name or "nobody reads" in name) and re.search(args.only, name):
            beside.name = name.replace("HTTP/2 ", "").replace("flood of ", "")
            check(world)
