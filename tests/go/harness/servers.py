"""Starts and stops the programs under test, finds Go, counts results."""

import os
import pathlib
import re
import shutil
import signal
import subprocess
import threading

ROOT = pathlib.Path(__file__).resolve().parents[3]
GO_DIR = ROOT / "tests" / "go"


class Tally:
    """Counts and prints results; its end is the runner's summary line and exit code."""

    def __init__(self):
        self.passed = self.failed = self.skipped = 0
        self.failures = []
        self.lock = threading.Lock()
        self.require_all = os.environ.get("NH_REQUIRE_ALL") == "1"

    def ok(self, name=None):
        with self.lock:
            self.passed += 1
            if name:
                print("ok %s" % name, flush=True)

    def fail(self, name, why):
        with self.lock:
            self.failed += 1
            self.failures.append("FAIL %s: %s" % (name, why))
            print(self.failures[-1], flush=True)

    def skip(self, name, why):
        with self.lock:
            self.skipped += 1
            print("SKIP: %s: %s" % (name, why), flush=True)

    def finish(self):
        # Once more, since only the end of a long log may be seen.
        for failure in self.failures[:50]:
            print(failure)
        print("%d passed, %d failed, %d skipped" % (self.passed, self.failed, self.skipped))
        if self.failed:
            return 1
        if self.skipped and self.require_all:
            print("NH_REQUIRE_ALL=1: a skip is a failure")
            return 1
        return 0


def find_go():
    """The go command of $GO, build/go/go/bin/go or PATH that is at least 1.24, or None and the reason."""
    places = [os.environ.get("GO"), str(ROOT / "build/go/go/bin/go"), shutil.which("go")]
    why = "no Go: neither $GO, build/go/go/bin/go nor PATH has it"
    for place in places:
        if not place or not os.access(place, os.X_OK):
            continue
        run = subprocess.run([place, "env", "GOVERSION"], capture_output=True, text=True, env=go_env(), check=False)
        version = re.match(r"go(\d+)\.(\d+)", run.stdout)
        if version and (int(version.group(1)), int(version.group(2))) >= (1, 24):
            return place, run.stdout.strip()
        why = "%s is %s, need go1.24" % (place, run.stdout.strip() or "broken")
    return None, why


def go_env():
    env = dict(os.environ)
    env.update(GOFLAGS="-mod=mod", GOTOOLCHAIN="local", GO111MODULE="on", GOWORK="off", CGO_ENABLED="0")
    env.pop("GOROOT", None)
    return env


def build_go(go, out):
    """Builds the Go server and client into the folder `out`."""
    out.mkdir(parents=True, exist_ok=True)
    run = subprocess.run([go, "build", "-o", str(out) + "/", "./server", "./client"], cwd=GO_DIR, env=go_env(),
                         capture_output=True, text=True, check=False)
    if run.returncode != 0:
        raise RuntimeError("go build: " + run.stderr.strip())
    return out / "server", out / "client"


def build_fetch(go, out):
    """Builds nh-fetch's Go twin into the folder `out`."""
    run = subprocess.run([go, "build", "-o", str(out) + "/", "./fetch"], cwd=GO_DIR, env=go_env(), capture_output=True,
                         text=True, check=False)
    if run.returncode != 0:
        raise RuntimeError("go build: " + run.stderr.strip())
    return out / "fetch"


def build_heads(go, out):
    """Builds the client that sends a table of requests over HTTP/2 into the folder `out`."""
    run = subprocess.run([go, "build", "-o", str(out) + "/", "./heads"], cwd=GO_DIR, env=go_env(), capture_output=True,
                         text=True, check=False)
    if run.returncode != 0:
        raise RuntimeError("go build: " + run.stderr.strip())
    return out / "heads"


def find_program(build_dir, name):
    """The program below a build directory: at its usual places first, then anywhere."""
    build = pathlib.Path(build_dir)
    for place in (build / name, build / "bin" / name, build / "c-examples" / name):
        if place.is_file() and os.access(place, os.X_OK):
            return place
    for place in sorted(build.rglob(name)):
        if place.is_file() and os.access(place, os.X_OK):
            return place
    return None


class Server:
    """A child that prints `listening on http://HOST:PORT`, or https."""

    def __init__(self, command, env=None):
        self.command = [str(c) for c in command]
        self.child = subprocess.Popen(self.command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env,
                                      restore_signals=True)
        line = self._first_line()
        found = re.match(r"listening on (https?://(.+):(\d+))", line)
        if not found:
            self.kill()
            raise RuntimeError("%s did not start: %r %s" % (self.command[0], line, self.errors()))
        self.url, self.address = found.group(1), (found.group(2).strip("[]"), int(found.group(3)))
        self.notes = []
        self.reader = threading.Thread(target=self._drain, daemon=True)
        self.reader.start()

    def _first_line(self):
        watchdog = threading.Timer(15, self.child.kill)
        watchdog.start()
        try:
            return self.child.stdout.readline().decode("utf-8", "replace").strip()
        finally:
            watchdog.cancel()

    def _drain(self):
        for line in self.child.stderr:
            if len(self.notes) < 50:
                self.notes.append(line.decode("utf-8", "replace").rstrip())

    def errors(self):
        if hasattr(self, "notes"):
            return " / ".join(self.notes[-5:])
        return self.child.stderr.read().decode("utf-8", "replace").strip()

    @property
    def pid(self):
        return self.child.pid

    def alive(self):
        return self.child.poll() is None

    def fds(self):
        """The sockets it has open: other descriptors come and go with its threads, which are counted apart."""
        folder, count = "/proc/%d/fd" % self.pid, 0
        for name in os.listdir(folder):
            try:
                count += os.readlink("%s/%s" % (folder, name)).startswith("socket:")
            except FileNotFoundError:
                pass
        return count

    def threads(self):
        return len(os.listdir("/proc/%d/task" % self.pid))

    def stop(self, timeout=20):
        """SIGTERM; returns the exit code, or None if it had to be killed."""
        if self.alive():
            self.child.send_signal(signal.SIGTERM)
        try:
            return self.child.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            return None

    def kill(self):
        if self.child.poll() is None:
            self.child.kill()
        self.child.wait()
