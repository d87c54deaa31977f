"""How long a deployment takes, where the time goes, and what memory it needs.

  tests/bench/deploy.py [build/release] [--runs N] [--only local,cloud] [--json] [--check]

local: HelloWorld by the command line, from the call of `sedge deployment create` to the first command of the script and to SUCCEEDED; a
version that prints and ends as in the tutorial, and one that stays (which counts as up after it has run for a second).
cloud: on loopback with mosquitto, `sedge-cloud serve` and OpenStack Swift: from the call of `sedge-cloud deploy create` of a revision
with a new 10 MB artifact to the first command of its script. The parts come from the log of the device: until it has the job, the work of
its engine, what it asks of the store, the download (fetch, verify: sedge-fetch). Memory is sampled meanwhile.

Needs mosquitto and Swift. --check: exit 1 if a goal is missed.
"""
import datetime
import json
import os
import re
import statistics
import sys
import threading
import time

from common import arguments, report, smaps_kb, steady_kb, unit_environment
from local import wait_until
from local.site import Site
from support.device import Device
from support.fleet import Fleet
from support.folder import temporary_folder

HELLO = "com.example.HelloWorld"
MODEL = "com.example.Model"
SIZE = 10_000_000
LINE = re.compile(r"^(\S+Z) \[\w+\] \(\S+\) (\w+): ([\w-]+)\. (.*)$", re.M)


def log_events(device):
    """[(ms since 1970, box, event, text)] of greengrass.log."""
    return [(datetime.datetime.fromisoformat(m[1].replace("Z", "+00:00")).timestamp() * 1000, m[2], m[3], m[4])
            for m in LINE.finditer(device.log())]


def when(events, event, text):
    return next(ms for ms, _, name, line in events if name == event and text in line)


# ---- by the command line ----

def hello(device, marker, version, script):
    """(ms to the first command, ms to SUCCEEDED)"""
    device.recipe(HELLO, version, f"date +%s%N >{marker}/{version}; {script}")
    began = time.time_ns() / 1e6
    deployment = device.create(f"{HELLO}={version}")
    device.wait_log("greengrass", f"deployment-finished. id={deployment}", 20)
    with open(os.path.join(marker, version), encoding="utf-8") as f:
        running = int(f.read()) / 1e6
    os.remove(os.path.join(device.recipes, f"{HELLO}-{version}.json"))
    return running - began, when(log_events(device), "deployment-finished", deployment) - began


def measure_local(folder, bin_dir, runs):
    device, marker = Device(folder, bin_dir).start(), os.path.join(folder, "ran")
    os.mkdir(marker)
    os.chmod(marker, 0o777)
    try:
        ends = [hello(device, marker, f"1.0.{i}", "echo Hello world") for i in range(runs)]
        stays = [hello(device, marker, f"2.0.{i}", "echo Hello world; exec sleep 1000") for i in range(runs)]
    finally:
        device.stop()
    yield "HelloWorld by the command line, to the script running", statistics.median(a for a, _ in ends), "ms", 50
    yield "  to SUCCEEDED, a script that prints and ends", statistics.median(b for _, b in ends), "ms", 150
    yield "  to SUCCEEDED, a script that stays", statistics.median(b for _, b in stays), "ms", None


# ---- from the cloud ----

class Memory(threading.Thread):
    """The largest PSS of the nucleus, and of it with its sedge-fetch, in KB."""

    def __init__(self, pid):
        super().__init__(daemon=True)
        self.pid, self.nucleus, self.both, self.ended = pid, 0, 0, threading.Event()

    def fetchers(self):
        with open(f"/proc/{self.pid}/task/{self.pid}/children", encoding="utf-8") as f:
            for child in f.read().split():
                try:
                    if os.path.basename(os.readlink(f"/proc/{child}/exe")) == "sedge-fetch":
                        yield int(child)
                except OSError:
                    pass

    def run(self):
        while not self.ended.wait(0.005):
            own, fetch = smaps_kb(self.pid)[0], 0
            for pid in self.fetchers():
                try:
                    fetch += smaps_kb(pid)[0]
                except (OSError, KeyError):
                    pass
            self.nucleus, self.both = max(self.nucleus, own), max(self.both, own + fetch)

    def stop(self):
        self.ended.set()
        self.join()
        return self


def parts(job_events, began, running):
    """{what: ms} of one revision."""
    taken = next(ms for ms, box, event, _ in job_events if box == "jobs" and event == "taken")
    phases = [(ms, re.search(r"phase=(\w+)", text)[1]) for ms, _, event, text in job_events if event == "deployment-phase"]
    phases.append((running, "RUNNING"))
    took = {name: sum(after - ms for (ms, phase), (after, _) in zip(phases, phases[1:]) if phase == name)
            for name in ("RESOLVING", "DOWNLOADING")}
    return {"job": taken - began, "resolve": took["RESOLVING"], "download": took["DOWNLOADING"],
            "engine": running - taken - sum(took.values())}


def revision(fleet, device, marker, version):
    fleet.publish(MODEL, version, f"date +%s%N >{marker}/{version}; exec sleep 1000", files={"model.bin": os.urandom(SIZE)})
    path = os.path.join(fleet.folder, "deployment.json")
    with open(path, "w", encoding="utf-8") as f:
        json.dump({"targetArn": "arn:aws:iot:local:000000000000:thinggroup/bench", "components": {MODEL: {"componentVersion": version}}}, f)
    before, idle = len(log_events(device)), steady_kb(device.process.pid, 1)[0]
    memory = Memory(device.process.pid)
    memory.start()
    began = time.time_ns() / 1e6
    fleet.site.cloud("deploy", "create", "-f", path)
    file = os.path.join(marker, version)
    wait_until(lambda: os.path.exists(file) and os.path.getsize(file), 60, f"{version} to run", step=0.005)
    memory.stop()
    with open(file, encoding="utf-8") as f:
        running = int(f.read()) / 1e6
    found = parts(log_events(device)[before:], began, running)
    device.wait_log("greengrass", "deployment-finished", 20, int(version.rsplit(".", 1)[1]) + 1)
    return {**found, "total": running - began, "over": memory.nucleus - idle, "both": memory.both}


def measure_cloud(folder, bin_dir, runs):
    site = Site(os.path.join(folder, "site"), bin_dir)
    marker = os.path.join(folder, "ran")
    os.mkdir(marker)
    os.chmod(marker, 0o777)
    fleet = Fleet(site, folder, bin_dir)
    try:
        site.start_store()
        site.init_cloud()
        site.start_broker()
        site.start_serve()
        device = fleet.device("bench-1")
        fleet.join("bench", device)
        found = [revision(fleet, device, marker, f"1.0.{i}") for i in range(runs)]
    finally:
        fleet.stop()
        site.stop()
    middle = {key: statistics.median(row[key] for row in found[1:] or found) for key in found[0]}
    yield "revision with a 10 MB artifact, deploy create to RUNNING", middle["total"], "ms", 1000
    yield "  until the device has the job", middle["job"], "ms", None
    yield "  versions asked of the store (sedge-fetch)", middle["resolve"], "ms", None
    yield "  download of 10 MB, verified", middle["download"], "ms", None
    yield "  the engine itself, with the start of the component", middle["engine"], "ms", None
    yield "  PSS of the nucleus, most over idle", max(row["over"] for row in found) / 1024, "MB", 1
    yield "  PSS of nucleus and sedge-fetch, most", max(row["both"] for row in found) / 1024, "MB", 10


PARTS = {"local": measure_local, "cloud": measure_cloud}


def rows(folder, options):
    os.environ.update(unit_environment())
    for name in options.only.split(","):
        place = os.path.join(folder, name)
        os.makedirs(place)
        os.chmod(place, 0o755)
        yield from PARTS[name](place, os.path.join(os.path.abspath(options.build), "bin"), options.runs)


def main():
    parser = arguments(__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--only", default=",".join(PARTS))
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    with temporary_folder() as folder:
        table = list(rows(folder, options))
    return report(table, options)


if __name__ == "__main__":
    sys.exit(main())
