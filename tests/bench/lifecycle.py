#!/usr/bin/python3
"""What components cost: the start of 200 of them, their memory, their idle time, and how fast a dead one is back.

    tests/bench/lifecycle.py [BUILD] [--components N] [--depth N] [--runs N] [--lives N] [--idle SECONDS]
                             [--only start,respawn] [--json] [--check]

BUILD is a build folder, by default build/release: figures of a debug build say nothing. The nucleus has the environment
of its systemd unit. Everything is made
in a folder for temporary files; cc compiles respawn.c. --check: exit 1 if a goal is missed.

start     N components whose script is "exec sleep infinity", in chains of --depth, deployed together; medians of --runs
          fresh nuclei with one component, so that what the first one loads (user data base, caches) is there. Then, of the
          last of them, memory and CPU time.
respawn   a component whose script fails: from the end of a life to the first instruction of the next one's program, in the
          shell's script; beside it, with the same script, a bare loop of fork, sh -c, wait, and s6-supervise (Debian: s6).
          s6-supervise waits for a second before it starts again, so there all live for 1.1 s and at the same time;
          without a pause (a tight loop) only sedge and the bare loop are compared.
"""
import datetime
import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
import time

from common import SOURCE, arguments, report, smaps_kb, steady_kb, unit_environment

from local import LocalError, wait_until
from support.device import ENDED, Device
from support.folder import temporary_folder

LOG_LINE = re.compile(r"^(\S+Z) \[\w+\] \(\S+\) (\w+): ([\w-]+)\. (.*)$", re.M)
PAUSE_MS = 1100
WARM_UP = 3


# ---- one nucleus ----

def monitors(pid):
    """The sedge-exec processes of a nucleus."""
    with open(f"/proc/{pid}/task/{pid}/children", encoding="utf-8") as f:
        return [int(p) for p in f.read().split()]


def steady_memory(pid):
    """(PSS, written by it alone) in KB, once it no longer changes for longer than the nucleus waits before it gives memory back."""
    return steady_kb(pid, 5)


def cpu_ns(pid):
    """Time that all threads of a process have run, in nanoseconds."""
    total = 0
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/schedstat", encoding="utf-8") as f:
            total += int(f.read().split()[0])
    return total


def wake_ups(pid):
    total = 0
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/status", encoding="utf-8") as f:
            total += int(re.search(r"^voluntary_ctxt_switches:\s+(\d+)", f.read(), re.M)[1])
    return total


def log_events(device):
    """(seconds since the epoch, logger, event, message) of greengrass.log."""
    for when, logger, event, message in LOG_LINE.findall(device.log()):
        yield datetime.datetime.fromisoformat(when.replace("Z", "+00:00")).timestamp(), logger, event, message


# ---- many components ----

def write_recipes(device, count, depth):
    """Chains of `depth`; returns the last of each, which need all the others."""
    ends = []
    for i in range(count):
        place = i % depth
        depends = {f"com.example.c{i - 1:04}": "1.0.0"} if place else None
        device.recipe(f"com.example.c{i:04}", "1.0.0", "exec sleep infinity", depends=depends)
        if place == depth - 1 or i == count - 1:
            ends.append(f"com.example.c{i:04}=1.0.0")
    return ends


def running(device):
    return device.log().count("newState=RUNNING")


def start_components(device, count, depth, seconds):
    """Times in ms of one deployment, from the call of the command line, by name."""
    ends = write_recipes(device, count, depth)
    before = running(device)
    cpu, began = cpu_ns(device.process.pid), time.time()
    deployment = device.create(*ends)
    returned = time.time()
    try:
        wait_until(lambda: running(device) >= before + count, seconds, "all components to be RUNNING", step=0.2)
    except LocalError:
        raise LocalError(f"{running(device)} of {count} components are RUNNING after {seconds} s:\n{device.log()[-3000:]}") from None
    cpu = (cpu_ns(device.process.pid) - cpu) / 1e6
    events = [e for e in log_events(device) if e[0] >= began - 0.001]  # the log's times have milliseconds
    first = {}
    for when, _, event, message in events:
        phase = re.search(r"phase=(\w+)", message) if event == "deployment-phase" else None
        first.setdefault(phase[1] if phase else event, when)
    last = max(when for when, _, _, message in events if "newState=RUNNING" in message)
    ms = lambda a, b: (b - a) * 1000
    wait_until(lambda: device.status(deployment)["status"] in ENDED, seconds, "the deployment to end")
    assert device.status(deployment)["status"] == "SUCCEEDED", device.status(deployment)
    return {"call": ms(began, last), "nucleus": ms(first["deployment-started"], last), "command": ms(began, returned),
            "import": ms(first["PREPARING"], first["RESOLVING"]), "plan": ms(first["RESOLVING"], first["APPLYING"]),
            "apply": ms(first["APPLYING"], first["STARTING"]), "components": ms(first["STARTING"], last), "cpu": cpu}


def idle(device, seconds):
    """(ms of CPU per second of the nucleus, of all its helpers, wake-ups per second of all)."""
    pid = device.process.pid
    helpers = monitors(pid)
    everyone = [pid, *helpers]
    before = [(cpu_ns(p), wake_ups(p)) for p in everyone]
    began = time.monotonic()
    time.sleep(seconds)
    spent = time.monotonic() - began
    after = [(cpu_ns(p), wake_ups(p)) for p in everyone]
    used = [(b[0] - a[0]) / 1e6 / spent for a, b in zip(before, after)]
    return used[0], sum(used[1:]), sum(b[1] - a[1] for a, b in zip(before, after)) / spent


def measure_start(folder, bin_dir, options):
    times, n = [], options.components
    for i in range(options.runs):
        place = os.path.join(folder, f"start{i}")
        os.makedirs(place)
        device = Device(place, bin_dir).start()
        try:
            device.recipe("com.example.First", "1.0.0", "exec sleep infinity")
            device.deploy_ok("com.example.First=1.0.0")
            pss_0, dirty_0 = steady_memory(device.process.pid)
            times.append(start_components(device, n, options.depth, 120))
            if i < options.runs - 1:
                continue
            pss_n, dirty_n = steady_memory(device.process.pid)
            helpers = [smaps_kb(p) for p in monitors(device.process.pid)]
            assert len(helpers) == n + 1, f"{len(helpers)} helpers for {n} components"
            busy = idle(device, options.idle)
            device.restart()
            wait_until(lambda: running(device) >= 2 * (n + 1), 120, "all components to be RUNNING again")
            pss_again, dirty_again = steady_memory(device.process.pid)
        finally:
            device.stop()
            shutil.rmtree(device.root, ignore_errors=True)
    median = {key: statistics.median(t[key] for t in times) for key in times[0]}
    yield f"{n} components: call of sedge to all RUNNING", median["call"], "ms", 2000
    yield f"{n} components: the nucleus begins to all RUNNING", median["nucleus"], "ms", 2000
    yield "  of that: the command itself", median["command"], "ms", None
    yield "  of that: recipes and artifacts into the store", median["import"], "ms", None
    yield "  of that: versions, artifacts, plan", median["plan"], "ms", None
    yield "  of that: configuration and journal to the disk", median["apply"], "ms", None
    yield "  of that: starting the components", median["components"], "ms", None
    yield "  CPU time of the nucleus in all that", median["cpu"], "ms", None
    yield "PSS of the nucleus with one component", pss_0, "KB", None
    yield "PSS growth of the nucleus for each component", (pss_n - pss_0) / n, "KB", 8
    yield "  of that written by it (private dirty)", (dirty_n - dirty_0) / n, "KB", None
    yield "PSS growth for each, after a restart", (pss_again - pss_0) / n, "KB", 8
    yield "  of that written by it (private dirty)", (dirty_again - dirty_0) / n, "KB", None
    yield "sedge-exec beside each component: PSS", statistics.mean(h[0] for h in helpers), "KB", None
    yield "  of that written by it (private dirty)", statistics.mean(h[1] for h in helpers), "KB", None
    yield f"idle: CPU of nucleus and helpers, {n} components", busy[0] + busy[1], "ms/s", 1
    yield "  of that: the nucleus", busy[0], "ms/s", None
    yield "  wake-ups", busy[2], "/s", None


# ---- one that dies ----

def read_notes(path):
    """[("b" or "e", ns)]"""
    with open(path, encoding="utf-8") as f:
        return [(line[0], int(line[2:])) for line in f if line.endswith("\n")]


def gaps(notes):
    """ms from each end to the next beginning; the first lives warm up."""
    pairs = zip(notes, notes[1:])
    return [(b[1] - a[1]) / 1e6 for a, b in pairs if a[0] == "e" and b[0] == "b"][WARM_UP:]


def service_directory(path, script):
    os.makedirs(path)
    with open(os.path.join(path, "run"), "w", encoding="utf-8") as f:
        f.write(f"#!/bin/sh\n{script}\n")
    os.chmod(os.path.join(path, "run"), 0o755)
    return path


def build_helper(folder):
    helper = os.path.join(folder, "respawn")
    subprocess.run([os.environ.get("CC", "cc"), "-D_GNU_SOURCE", "-O2", "-static", "-o", helper, os.path.join(SOURCE, "tests/bench/respawn.c")],
                   check=True)
    return helper


class Loop:
    """Something that starts a failing script again and again."""

    def __init__(self, folder, helper, ms):
        os.makedirs(folder)
        os.chmod(folder, 0o755)
        self.folder, self.helper, self.processes = folder, helper, []
        self.notes = os.path.join(folder, "notes")
        with open(self.notes, "wb"):
            pass
        os.chmod(self.notes, 0o666)
        self.script = f"exec {helper} life {self.notes} {ms}"

    def start(self, *argv):
        self.processes.append(subprocess.Popen(argv, stderr=subprocess.DEVNULL, start_new_session=True))
        return self

    def bare(self):
        return self.start(self.helper, "loop", self.script)

    def s6(self):
        return self.start("s6-supervise", service_directory(os.path.join(self.folder, "service"), self.script))

    def sedge(self, device):
        """errorResetTime 0: no error counts for the next one, so the component never becomes BROKEN."""
        device.recipe("com.example.Crash", "1.0.0", {"run": self.script, "errorResetTime": 0})
        device.create("com.example.Crash=1.0.0")
        return self

    def wait(self, count):
        wait_until(lambda: len(gaps(read_notes(self.notes))) >= count, 120, f"{count} lives in {self.notes}", step=0.2)
        return gaps(read_notes(self.notes))[:count]

    def end(self):
        for process in reversed(self.processes):
            os.killpg(process.pid, signal.SIGKILL)  # with the script that it has started
            process.wait(30)
        subprocess.run(["pkill", "-KILL", "-f", self.notes], check=False)  # s6 gives it a session of its own


def percentile(values, p):
    return sorted(values)[min(len(values) - 1, int(len(values) * p))]


def with_device(folder, bin_dir, use):
    os.makedirs(folder)
    device = Device(folder, bin_dir).start()
    try:
        return use(device)
    finally:
        device.stop()


def tight(folder, bin_dir, helper, count):
    """The loops one after the other: each has both processors."""
    bare = Loop(os.path.join(folder, "bare"), helper, 0).bare()
    try:
        found = {"bare": bare.wait(count)}
    finally:
        bare.end()

    def use(device):
        loop = Loop(os.path.join(folder, "sedge"), helper, 0).sedge(device)
        try:
            return loop.wait(count)
        finally:
            loop.end()

    found["sedge"] = with_device(os.path.join(folder, "device"), bin_dir, use)
    return found


def paced(folder, bin_dir, helper, count, s6):
    """All at the same time, each for itself: they rarely meet."""
    names = ["bare", "sedge"] + (["s6"] if s6 else [])
    os.makedirs(folder)

    def use(device):
        loops = {name: Loop(os.path.join(folder, name), helper, PAUSE_MS) for name in names}
        try:
            loops["sedge"].sedge(device)
            for name in set(names) - {"sedge"}:
                time.sleep(0.35)
                getattr(loops[name], name)()
            return {name: loop.wait(count) for name, loop in loops.items()}
        finally:
            for loop in loops.values():
                loop.end()

    return with_device(os.path.join(folder, "device"), bin_dir, use)


def measure_respawn(folder, bin_dir, options):
    s6 = shutil.which("s6-supervise") is not None
    helper = build_helper(folder)
    fast = tight(folder, bin_dir, helper, options.lives)
    slow = paced(os.path.join(folder, "paced"), bin_dir, helper, options.paced, s6)
    p50 = {name: percentile(values, 0.5) for name, values in fast.items()}
    slow50 = {name: percentile(values, 0.5) for name, values in slow.items()}
    yield "death to respawn, tight loop, p50", p50["sedge"], "ms", 5
    yield "death to respawn, tight loop, p99", percentile(fast["sedge"], 0.99), "ms", None
    yield "  a bare loop of fork, sh -c, wait, p50", p50["bare"], "ms", None
    yield "  a bare loop, p99", percentile(fast["bare"], 0.99), "ms", None
    yield "  sedge / bare loop, of the p50", p50["sedge"] / p50["bare"], "times", None
    yield "death to respawn after 1.1 s of life, p50", slow50["sedge"], "ms", None
    yield "  a bare loop of fork, sh -c, wait, p50", slow50["bare"], "ms", None
    yield "  sedge / bare loop, of the p50", slow50["sedge"] / slow50["bare"], "times", None
    if s6:
        yield "  s6-supervise, p50", slow50["s6"], "ms", None
        yield "  s6-supervise without its pause of 1 s, p50", slow50["s6"] - 1000, "ms", None
        yield "  sedge / s6-supervise without it, of the p50", slow50["sedge"] / (slow50["s6"] - 1000), "times", None
    else:
        print("no comparison with s6-supervise: it is not installed (apt-get install s6)", file=sys.stderr)


# ---- the table ----

PARTS = {"start": measure_start, "respawn": measure_respawn}


def rows(folder, options):
    """(what, value, unit, goal or None)"""
    bin_dir = os.path.join(os.path.abspath(options.build), "bin")
    os.environ.update(unit_environment())
    for name in options.only.split(","):
        place = os.path.join(folder, name)
        os.makedirs(place)
        os.chmod(place, 0o755)
        yield from PARTS[name](place, bin_dir, options)


def main():
    parser = arguments(__doc__)
    parser.add_argument("--components", type=int, default=200)
    parser.add_argument("--depth", type=int, default=10, help="length of a chain of dependencies")
    parser.add_argument("--runs", type=int, default=3, help="fresh nuclei for the start")
    parser.add_argument("--lives", type=int, default=300, help="of the tight loops")
    parser.add_argument("--paced", type=int, default=20, help="lives of the loops that s6-supervise takes part in")
    parser.add_argument("--idle", type=float, default=20, help="seconds of doing nothing")
    parser.add_argument("--only", default=",".join(PARTS))
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    with temporary_folder() as folder:
        table = list(rows(folder, options))
    return report(table, options)


if __name__ == "__main__":
    sys.exit(main())
