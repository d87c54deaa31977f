"""How one sedge-cloud serves a fleet: devices a second, CPU, memory, bytes for each device, and how they grow with the number of devices.

  tests/bench/fleet.py [build/release] [--sizes 250,500,1000,2000] [--json] [--check]

Real parts: mosquitto with the files of `sedge-cloud broker-config`, TLS with a certificate for each device, one `sedge-cloud serve`. The
devices live in one process (fleet_devices.c, compiled here with cc): real connections, the job protocol, status documents of the usual
size; they do no work between IN_PROGRESS and the end, so that all load falls at once. Each hundredth device fails. A revision is created
by `deploy create` with a rate of 60000 a minute; the time counts from that call until the database has all terminal statuses. Then, at the
largest size, sedge-cloud is killed (kill -9) when a third has ended, and started again: nothing may be lost or run twice.

Needs mosquitto. --check: exit 1 if a goal is missed.
"""
import contextlib
import json
import os
import resource
import shutil
import sqlite3
import subprocess
import sys
import time

from common import SOURCE, arguments, report, smaps_kb
from local import LocalError, wait_until
from local.site import Site
from support.folder import temporary_folder

FAIL_EVERY = 100
TICKS = os.sysconf("SC_CLK_TCK")
ROOTS = ("variant.DLR.ImageClassification.ModelStore", "variant.DLR", "aws.greengrass.DLRImageClassification")


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat", encoding="utf-8") as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


class Devices:
    """The process with the devices."""

    def __init__(self, program, site, bundles, count):
        self.count = count
        self.popen = subprocess.Popen([program, "127.0.0.1", str(site.device_port), bundles, str(count), str(FAIL_EVERY)],
                                      stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def tally(self):
        """What happened since the last call."""
        self.popen.stdin.write("\n")
        self.popen.stdin.flush()
        return json.loads(self.popen.stdout.readline())

    def wait_ready(self, seconds=180):
        wait_until(lambda: self.tally()["ready"] == self.count, seconds, f"{self.count} devices to be connected", step=0.5)

    def stop(self):
        self.popen.stdin.close()
        self.popen.wait(30)


class Fleet:
    """A site with `count` devices in one group; the things, their certificates and the CA are those of `base`."""

    def __init__(self, base, folder, count):
        self.site, self.count, self.folder = Site(folder, base.site.bin), count, folder
        self.base, self.devices = base, None
        shutil.copytree(base.site.state, self.site.state)
        self.site.cloud("init", "--broker-port", str(self.site.device_port), "--service-port", str(self.site.service_port))
        self.site.cloud("broker-config", "--out", self.site.broker_dir, "--names", "localhost,127.0.0.1", "--bind", "127.0.0.1")
        self.site.cloud("group", "add-thing", "fleet", *[f"dev-{i + 1}" for i in range(count)], "--create")
        self.revision = 0

    def __enter__(self):
        self.site.start_broker()
        self.site.start_serve()
        self.devices = Devices(self.base.program, self.site, self.base.bundles, self.count)
        self.devices.wait_ready()
        return self

    def __exit__(self, *exc):
        self.devices.stop()
        self.site.stop()

    def ended(self):
        """Executions of the current revision with a terminal status."""
        with contextlib.closing(sqlite3.connect(f"file:{self.site.state}/cloud.db?mode=ro", uri=True, timeout=30)) as db:
            return db.execute("SELECT count(*) FROM execution e JOIN deployment d ON d.id = e.deployment_id WHERE d.revision = ? AND "
                              "e.status >= 2", (self.revision,)).fetchone()[0]

    def create(self):
        self.revision += 1
        document = {"targetArn": "arn:aws:iot:local:000000000000:thinggroup/fleet",
                    "components": {name: {"componentVersion": f"2.1.{self.revision}"} for name in ROOTS},
                    "deploymentPolicies": {"failureHandlingPolicy": "ROLLBACK"},
                    "iotJobConfiguration": {"jobExecutionsRolloutConfig": {"maximumPerMinute": 60000}}}
        path = os.path.join(self.folder, "deployment.json")
        with open(path, "w", encoding="utf-8") as f:
            json.dump(document, f)
        began = time.monotonic()
        self.site.cloud("deploy", "create", "-f", path, "--skip-resolve")
        return began

    def finish(self, seconds=180):
        """Waits for the last terminal status; the largest PSS of sedge-cloud meanwhile."""
        peak = 0

        def done():
            nonlocal peak
            peak = max(peak, smaps_kb(self.site.serve.pid)[0])
            return self.ended() == self.count

        wait_until(done, seconds, f"{self.count} terminal statuses (there are {self.ended()})", step=0.05)
        return peak

    def statuses(self):
        shown = self.site.cloud_json("deploy", "show", f"group:fleet:{self.revision}", "--devices")
        found = {}
        for row in shown["devices"]:
            found[row["status"]] = found.get(row["status"], 0) + 1
        return found


class Base:
    """Things, certificates and the program of the devices, made once."""

    def __init__(self, folder, bin_dir, most):
        self.site = Site(os.path.join(folder, "base"), bin_dir)
        self.bundles = os.path.join(folder, "things")
        self.program = os.path.join(folder, "fleet_devices")
        flags = subprocess.run(["pkg-config", "--cflags", "--libs", "libmosquitto", "json-c"], check=True, capture_output=True, text=True)
        subprocess.run([os.environ.get("CC", "cc"), "-D_GNU_SOURCE", "-O2", "-o", self.program,
                        os.path.join(SOURCE, "tests", "bench", "fleet_devices.c"), *flags.stdout.split()], check=True)
        self.site.cloud("init", "--broker-host", "127.0.0.1", "--broker-port", str(self.site.device_port), "--service-port",
                        str(self.site.service_port), "--s3-endpoint", "http://127.0.0.1:9", "--bucket", "components")
        os.makedirs(self.bundles)
        for i in range(most):
            self.site.cloud("thing", "create", f"dev-{i + 1}", "--out", os.path.join(self.bundles, f"dev-{i + 1}"))


def measure(fleet):
    """One revision to all devices: a dictionary of what it took."""
    fleet.devices.tally()
    idle = smaps_kb(fleet.site.serve.pid)[0]
    cpu = {name: cpu_seconds(p.pid) for name, p in (("cloud", fleet.site.serve), ("broker", fleet.site.broker))}
    began = fleet.create()
    peak = fleet.finish()
    seconds = time.monotonic() - began
    time.sleep(1)  # the fleet statuses behind the last job statuses belong to the price
    used = {name: cpu_seconds(p.pid) - cpu[name] for name, p in (("cloud", fleet.site.serve), ("broker", fleet.site.broker))}
    told = fleet.devices.tally()
    failed = fleet.count // FAIL_EVERY
    if fleet.statuses() != {"SUCCEEDED": fleet.count - failed, **({"FAILED": failed} if failed else {})} or told["run"] != fleet.count:
        raise LocalError(f"the cloud has {fleet.statuses()}, the devices {told}")
    return {"rate": fleet.count / seconds, "idle": idle / 1024, "peak": peak / 1024, "cpu": used["cloud"], "broker": used["broker"],
            "sent": told["sentBytes"] / fleet.count, "received": told["receivedBytes"] / fleet.count,
            "messages": (told["sent"] + told["received"]) / fleet.count, "again": told["sentAgain"]}


def kill_in_the_middle(fleet):
    """(seconds until all had ended, executions run by devices, requests sent again)"""
    fleet.devices.tally()
    began = fleet.create()
    wait_until(lambda: fleet.ended() >= fleet.count // 3, 120, "a third of the statuses", step=0.02)
    fleet.site.serve.kill()
    ended = fleet.ended()
    fleet.site.start_serve()
    fleet.finish()
    seconds = time.monotonic() - began
    told = fleet.devices.tally()
    failed = fleet.count // FAIL_EVERY
    if fleet.statuses() != {"SUCCEEDED": fleet.count - failed, "FAILED": failed} or told["run"] != fleet.count or ended == fleet.count:
        raise LocalError(f"after the kill at {ended} the cloud has {fleet.statuses()}, the devices {told}")
    return seconds, told["run"], told["sentAgain"]


def rows(folder, options):
    sizes = [int(n) for n in options.sizes.split(",")]
    base = Base(folder, os.path.join(os.path.abspath(options.build), "bin"), max(sizes))
    found = {}
    for n in sizes:
        with Fleet(base, os.path.join(folder, f"fleet-{n}"), n) as fleet:
            found[n] = m = measure(fleet)
            last = n == max(sizes)
            yield f"{n} devices: terminal statuses recorded", m["rate"], "1/s", -200 if last else None
            yield "  CPU of sedge-cloud for each device", m["cpu"] * 1000 / n, "ms", None
            yield "  CPU, sedge-cloud / mosquitto", m["cpu"] / max(m["broker"], 0.01), "times", None
            yield "  PSS of sedge-cloud, devices connected", m["idle"], "MB", None
            yield "  PSS of sedge-cloud, largest", m["peak"], "MB", 60 if last else None
            yield "  from a device (topics and payloads)", m["sent"], "bytes", None
            yield "  to a device", m["received"], "bytes", None
            yield "  messages of a device, both ways", m["messages"], "", None
            yield "  requests sent again after 30 s", m["again"], "", None
            if last:
                seconds, run, again = kill_in_the_middle(fleet)
                yield f"{n} devices, sedge-cloud killed at a third: all ended after", seconds, "s", None
                yield "  executions run by devices / devices", run / n, "", 1
                yield "  requests sent again after 30 s", again, "", None
    small, large = min(sizes), max(sizes)
    if small != large:
        for what, key in (("CPU of sedge-cloud", "cpu"), ("bytes", "received")):
            grown = found[large][key] / found[small][key]
            per = grown if key == "received" else grown / (large / small)
            yield f"{what} for each device, {large} / {small} devices", per, "times", None


def main():
    parser = arguments(__doc__)
    parser.add_argument("--sizes", default="250,500,1000,2000")
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with temporary_folder() as folder:
        table = list(rows(folder, options))
    return report(table, options)


if __name__ == "__main__":
    sys.exit(main())
