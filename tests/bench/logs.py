#!/usr/bin/python3
"""What a component that prints without measure costs the nucleus, the disk and the other components.

    tests/bench/logs.py [BUILD] [--seconds N] [--json]

BUILD is a build folder, by default build/release. A component measures publish -> own subscription over IPC all the
time; beside it, one after the other: nothing, the same writers into `cat >/dev/null` without a nucleus (what the
processor alone costs the others: the floor), and floods of several kinds through the nucleus. Printed for each: MB/s
that the writers managed, processor time of the nucleus (of the bare reader), its memory before and after, log on disk,
and the latencies, as ratios to the quiet time and to the floor.
"""
import json
import os
import shutil
import subprocess
import sys
import time

from common import arguments

from local import wait_until
from support.device import Device
from support.folder import temporary_folder

PING = "com.bench.Ping"
LONG = "{yes} " + "0123456789" * 10
KINDS = (  # name, script, how many components; {yes} and {tr} are copies of those programs, to know them by
    ("lines of 101 bytes", f"exec {LONG}", 1),
    ("lines of 2 bytes", "exec {yes}", 1),
    ("both streams", f"{LONG} & exec {LONG} >&2", 1),
    ("no line at all", r"exec {tr} '\000' x </dev/zero", 1),
    ("20 components", f"exec {LONG}", 20))

# The component that measures: a line "time latency" for each message, both in seconds.
PING_PROGRAM = '''
import ctypes, json, os, sys, time
lib = ctypes.CDLL(sys.argv[1])
lib.sedge_ipc_connect.restype = ctypes.c_void_p
CB = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p)
got = []
cb = CB(lambda message, user: got.append(time.monotonic()))
client = ctypes.c_void_p(lib.sedge_ipc_connect(None, None))
sub = ctypes.c_int32()
if lib.sedge_ipc_subscribe_topic(client, b"bench/ping", None, cb, None, None, ctypes.byref(sub), None):
    sys.exit("cannot subscribe")
with open(sys.argv[2], "w", buffering=1) as out:
    while True:
        began = time.monotonic()
        if lib.sedge_ipc_publish_json(client, b"bench/ping", b"{}", None):
            sys.exit("cannot publish")
        while not got:
            if lib.sedge_ipc_client_dispatch(client, 1000, None) < 0:
                sys.exit("the connection has ended")
        print(f"{began} {got.pop() - began}", file=out)
        time.sleep(0.002)
'''


def stat_of(pid):
    """Seconds of processor time, and resident KiB."""
    with open(f"/proc/{pid}/stat", encoding="utf-8") as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK"), int(fields[21]) * os.sysconf("SC_PAGE_SIZE") // 1024


def written(pids):
    """Bytes that these processes have given to write() so far."""
    total = 0
    for pid in pids:
        try:
            with open(f"/proc/{pid}/io", encoding="utf-8") as f:
                total += int(f.read().split("wchar: ")[1].split()[0])
        except OSError:
            pass
    return total


def writers(folder):
    """The processes that flood: their programs are in the folder."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            if os.readlink(f"/proc/{pid}/exe").startswith(folder):
                found.append(int(pid))
        except OSError:
            pass
    return found


def on_disk(device, prefix):
    folder = os.path.join(device.root, "logs")
    return sum(os.path.getsize(os.path.join(folder, f)) for f in os.listdir(folder) if f.startswith(prefix))


class Bench:
    def __init__(self, folder, build, seconds):
        self.device, self.seconds = Device(folder, os.path.join(build, "bin")), seconds
        self.results = os.path.join(folder, "results")
        self.programs = {name: shutil.copy(shutil.which(name), os.path.join(folder, f"flood-{name}")) for name in ("yes", "tr")}
        os.makedirs(self.results)
        os.chmod(self.results, 0o777)
        self.device.start()
        library = shutil.copy(os.path.join(build, "lib", "libsedge-ipc.so"), folder)
        program = self.device.write("ping.py", PING_PROGRAM)
        self.device.recipe(PING, "1.0.0", f"exec {sys.executable} {program} {library} {self.results}/ping", configuration={
            "accessControl": {"aws.greengrass.ipc.pubsub": {"bench": {
                "operations": ["*"], "resources": ["bench/ping"]}}}})
        self.device.deploy_ok(f"{PING}=1.0.0")
        wait_until(lambda: os.path.exists(f"{self.results}/ping") and os.path.getsize(f"{self.results}/ping") > 1000, 20,
                   f"the pings; {self.device.log(PING)}")

    def writers(self):
        return writers(os.path.join(self.device.folder, "flood-"))

    def latencies(self, began, ended):
        with open(f"{self.results}/ping", encoding="utf-8") as f:
            lines = [line.split() for line in f.read().split("\n")[:-1]]
        return sorted(float(us) * 1000 for at, us in lines if began <= float(at) < ended)

    def observe(self, name, reader, prefix=None):
        """`reader`: whose processor time and memory count. The writers run already."""
        pids = self.writers()
        time.sleep(0.5)  # the burst that the log takes is over soon; it belongs to the figures all the same
        cpu, rss = stat_of(reader)
        bytes_before, began = written(pids), time.monotonic()
        time.sleep(self.seconds)
        ended, bytes_after = time.monotonic(), written(pids)
        cpu_after, rss_after = stat_of(reader)
        ms = self.latencies(began, ended)
        return {"what": name, "mb_per_s": (bytes_after - bytes_before) / (ended - began) / 1e6,
                "cpu_percent": (cpu_after - cpu) / (ended - began) * 100, "rss_kb": rss, "rss_after_kb": rss_after,
                "log_mb": on_disk(self.device, prefix) / 1e6 if prefix else 0, "samples": len(ms),
                "p50_ms": ms[len(ms) // 2], "p99_ms": ms[len(ms) * 99 // 100], "max_ms": ms[-1]}

    def bare(self, script, count):
        """The same writers, as the same user would run them, into a reader that does nothing."""
        reader = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
        shells = [subprocess.Popen(["sh", "-c", script], stdout=reader.stdin, stderr=reader.stdin) for _ in range(count)]
        reader.stdin.close()
        try:
            return reader, shells
        finally:
            wait_until(lambda: len(self.writers()) >= count, 20, "the writers")

    def floor(self, name, script, count):
        reader, shells = self.bare(script, count)
        try:
            return self.observe(f"{name}, into cat", reader.pid)
        finally:
            for pid in [s.pid for s in shells] + self.writers():
                try:
                    os.kill(pid, 15)
                except OSError:
                    pass
            for process in shells + [reader]:
                process.wait()

    def flood(self, number, name, script, count):
        names = [f"com.bench.Flood{number}x{i}" for i in range(count)]
        for component in names:
            self.device.recipe(component, "1.0.0", script)
        cpu, rss = stat_of(self.device.process.pid)
        self.device.deploy_ok(*[f"{c}=1.0.0" for c in names])
        wait_until(lambda: len(self.writers()) >= count, 20, "the writers")
        row = self.observe(name, self.device.process.pid, f"com.bench.Flood{number}x")
        began = time.monotonic()
        self.device.sedge("component", "details", "--name", names[0])
        row["cli_ms"] = (time.monotonic() - began) * 1000
        row["rss_kb"] = rss
        self.device.deploy_ok(remove=names)
        return row

    def run(self):
        quiet = self.observe("nothing", self.device.process.pid)
        rows = [quiet]
        for number, (name, script, count) in enumerate(KINDS):
            script = script.format(**self.programs)
            floor = self.floor(name, script, count)
            flood = self.flood(number, name, script, count)
            for row in (floor, flood):
                row["p50_to_quiet"], row["p99_to_quiet"] = row["p50_ms"] / quiet["p50_ms"], row["p99_ms"] / quiet["p99_ms"]
            flood["p50_to_floor"], flood["p99_to_floor"] = flood["p50_ms"] / floor["p50_ms"], flood["p99_ms"] / floor["p99_ms"]
            rows += [floor, flood]
        return rows


COLUMNS = (("MB/s", "mb_per_s", "9.1f"), ("cpu %", "cpu_percent", "7.1f"), ("RSS KiB", "rss_kb", "8d"), ("after", "rss_after_kb", "8d"),
           ("log MB", "log_mb", "7.2f"), ("p50 ms", "p50_ms", "8.3f"), ("p99 ms", "p99_ms", "8.3f"), ("max ms", "max_ms", "8.2f"),
           ("p50/quiet", "p50_to_quiet", "10.2f"), ("p99/quiet", "p99_to_quiet", "10.2f"), ("p50/floor", "p50_to_floor", "10.2f"),
           ("p99/floor", "p99_to_floor", "10.2f"), ("CLI ms", "cli_ms", "7.1f"))


def print_table(rows):
    print(f"{'beside the pings':<30}" + "".join(f"{title:>{int(form.split('.')[0].rstrip('d'))}}" for title, _, form in COLUMNS))
    for row in rows:
        cells = (f"{row[key]:{form}}" if key in row else " " * int(form.split(".")[0].rstrip("d")) for _, key, form in COLUMNS)
        print(f"{row['what']:<30}" + "".join(cells))


def main():
    parser = arguments(__doc__)
    parser.add_argument("--seconds", type=float, default=5)
    options = parser.parse_args()
    bench = None
    with temporary_folder() as folder:
        try:
            bench = Bench(folder, os.path.abspath(options.build), options.seconds)
            rows = bench.run()
        finally:
            if bench:
                bench.device.stop()
    if options.json:
        print(json.dumps(rows, indent=1))
    else:
        print_table(rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
