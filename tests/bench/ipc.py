#!/usr/bin/python3
"""How close the IPC comes to the socket under it, and what a connection costs.

    tests/bench/ipc.py [BUILD] [--rounds N] [--count N] [--only memory,pubsub,calls,iotcore,slow] [--json] [--check]

BUILD is a build folder, by default build/release: figures of a debug build say nothing. Everything is made in a folder
for temporary files; cc compiles ipc_load.c. --check: exit 1 if a goal is missed. The load generator runs as a component
of a real nucleus, with its identity and accessControl, also when it talks to the others. Each round measures all that is
compared one after the other; the figures are medians of the rounds, ratios are medians of the rounds' ratios.

memory    1,000 idle connections with two subscriptions each
pubsub    100-byte JSON messages: one at a time until the subscriber has it; 100 in flight to one and to ten subscribers.
          Beside sedge (PublishToTopic) a bare relay between two sockets that parses nothing (the floor) and mosquitto
          over a Unix socket, QoS 0
calls     publish and GetConfiguration until the answer
iotcore   PublishToIoTCore over TLS to mosquitto, until another client of it has the message; 12 ms after each, because
          the nucleus sends the cloud no more than 100 in a second
slow      one at a time, beside a subscriber of the same topic that is stopped
Every message is numbered: one that is lost, repeated or out of order ends the run.
"""
import json
import os
import signal
import statistics
import subprocess
import sys

from common import SOURCE, arguments, report, steady_kb

from local import CA, LocalError, Process, find_program, free_port, wait_until
from support.device import Device
from support.folder import temporary_folder

LOAD, SLOW = "com.bench.Load", "com.bench.Slow"
SOURCES = ("tests/bench/ipc_load.c", "tests/bench/ipc_peer.c", "ipc/crc.c", "ipc/frame.c", "ipc/message.c", "ipc/payload.c",
           "nucleus/base/buf.c", "nucleus/base/err.c", "nucleus/base/mem.c", "nucleus/base/str.c")
ACCESS = {"aws.greengrass.ipc.pubsub": {"bench:pubsub:1": {"operations": ["*"], "resources": ["bench/*"]}},
          "aws.greengrass.ipc.mqttproxy": {"bench:mqttproxy:1": {"operations": ["*"], "resources": ["bench/#"]}}}
CONNECTIONS = 1000
MOSQUITTO = """\
user root
log_type error
max_queued_messages 0
allow_anonymous true
listener 0 {folder}/mqtt.socket
listener {port} 127.0.0.1
cafile {ca}
certfile {cert}
keyfile {key}
require_certificate true
"""


def steady_written_kb(pid):
    """Memory that the process has written, once it no longer changes for longer than the nucleus waits before it gives memory back."""
    return steady_kb(pid, 5, part=1, slack=4)[1]


# ---- what runs ----

class Shell:
    """A component that does what it is told. shell.run("latency", ...) gives what ipc_load prints."""

    def __init__(self, device, name, program, version="1.0.0"):
        self.folder = os.path.join(device.folder, name)
        self.program, self.n = program, 0
        os.makedirs(self.folder)
        os.chmod(self.folder, 0o777)
        self.fifo = os.path.join(self.folder, "commands")
        os.mkfifo(self.fifo)
        os.chmod(self.fifo, 0o666)
        device.recipe(name, version, f'exec 3<>{self.fifo}; while read -r line <&3; do eval "$line"; done', configuration={
            "accessControl": ACCESS, "settings": {"rate": 12, "name": "x"}})

    def start(self, *words):
        self.n += 1
        out = os.path.join(self.folder, f"{self.n}")
        line = f"{self.program} {' '.join(map(str, words))} >{out} 2>{out}.err; echo $? >{out}.part; mv {out}.part {out}.code"
        with open(self.fifo, "w", encoding="utf-8") as f:
            f.write(f"({line}) &\n")
        return out

    def result(self, out):
        with open(out, encoding="utf-8") as f:
            return json.load(f)

    def run(self, *words):
        out = self.start(*words)
        wait_until(lambda: os.path.exists(f"{out}.code"), 120, f"the end of ipc_load {words}", step=0.05)
        with open(f"{out}.code", encoding="utf-8") as code, open(f"{out}.err", encoding="utf-8") as err:
            if code.read().strip() != "0":
                raise LocalError(f"ipc_load {' '.join(map(str, words))}: {err.read()}")
        return self.result(out)

    def hold(self, *words):
        """The process id of connections that stay."""
        out = self.start("hold", *words)
        wait_until(lambda: os.path.exists(f"{out}.code") or (os.path.exists(out) and os.path.getsize(out)), 60, "the connections", step=0.05)
        if os.path.exists(f"{out}.code"):
            with open(f"{out}.err", encoding="utf-8") as f:
                raise LocalError(f.read())
        return self.result(out)["pid"]


class Bench:
    def __init__(self, folder, build, options):
        self.folder, self.options, self.processes = folder, options, []
        self.program = os.path.join(folder, "ipc_load")
        includes = [f"-I{build}/include/{box}" for box in ("base", "ipc_wire")]
        subprocess.run([os.environ.get("CC", "cc"), "-D_GNU_SOURCE", "-O2", *includes, "-o", self.program,
                        *(os.path.join(SOURCE, s) for s in SOURCES), "-lz", "-ljson-c"], check=True)
        self.device = Device(folder, os.path.join(build, "bin"))
        self.start_broker()
        self.shell, self.slow = Shell(self.device, LOAD, self.program), Shell(self.device, SLOW, self.program)
        self.device.start("--init-config", self.configuration())
        self.device.wait_log("greengrass", "mqtt-connected", 20)
        self.device.deploy_ok(f"{LOAD}=1.0.0", f"{SLOW}=1.0.0")
        self.sedge = f"sedge:{self.device.root}/ipc.socket"
        self.mqtt = f"mqtt:{folder}/mqtt.socket"
        self.nucleus = self.device.process.pid

    def start_broker(self):
        ca = CA(os.path.join(self.folder, "ca"))
        cert, key = ca.server("localhost", "127.0.0.1")
        self.port, self.identity, self.ca = free_port(), ca.device("bench-1"), ca.cert
        conf = self.device.write("mosquitto.conf", MOSQUITTO.format(folder=self.folder, port=self.port, ca=ca.cert, cert=cert, key=key))
        broker = Process("mosquitto", [find_program("mosquitto"), "-c", conf], os.path.join(self.folder, "mosquitto.log"))
        self.processes.append(broker)
        broker.wait_port(self.port, 20)
        os.chmod(os.path.join(self.folder, "mqtt.socket"), 0o666)

    def configuration(self):
        cert, key = self.identity
        return self.device.write("config.json", json.dumps({
            "system": {"thingName": "bench-1", "certificateFilePath": cert, "privateKeyPath": key, "rootCaPath": self.ca},
            "services": {"aws.greengrass.Nucleus": {"configuration": {
                "iotDataEndpoint": "127.0.0.1", "mqtt": {"port": self.port}}}}}))

    def relay(self, subs):
        path = os.path.join(self.folder, f"relay{subs}.socket")
        if not os.path.exists(path):
            self.processes.append(Process("relay", [self.program, "relay", path, str(subs)], f"{path}.log"))
            wait_until(lambda: os.path.exists(path), 10, "the relay")
            os.chmod(path, 0o666)
        return f"raw:{path}"

    def latency(self, where, subs=1, op="publish", sub=None, count=None):
        return self.shell.run("latency", where, sub or where, subs, op, count or self.options.count)

    def flood(self, where, subs=1, op="publish", sub=None, count=None):
        return self.shell.run("flood", where, sub or where, subs, op, count or 5 * self.options.count)

    def rounds(self, measure):
        """{key: [a value for each round]}"""
        found = [measure() for _ in range(self.options.rounds)]
        return {key: [f[key] for f in found] for key in found[0]}

    def stop(self):
        self.device.stop()
        for process in self.processes:
            process.stop()


median = statistics.median


def ratio(found, a, b):
    return median(x / y for x, y in zip(found[a], found[b]))


# ---- what is measured: (what, value, unit, goal) as common.report prints it ----

def measure_pubsub(bench):
    def one_round():
        found = {}
        for name, one, ten in (("floor", bench.relay(1), bench.relay(10)), ("mosquitto", bench.mqtt, bench.mqtt),
                               ("sedge", bench.sedge, bench.sedge)):
            times = bench.latency(one)
            found[f"{name} p50"], found[f"{name} p99"] = times["delivery_p50"], times["delivery_p99"]
            found[f"{name} 1"] = bench.flood(one)["deliveries"]
            found[f"{name} 10"] = bench.flood(ten, subs=10, count=bench.options.count)["deliveries"]
        return found

    found = bench.rounds(one_round)
    for name in ("floor", "mosquitto", "sedge"):
        yield f"{name}: publish to delivery, p50", median(found[f"{name} p50"]), "us", None
        yield f"{name}: publish to delivery, p99", median(found[f"{name} p99"]), "us", None
        yield f"{name}: 100 in flight, one subscriber", median(found[f"{name} 1"]) / 1000, "k/s", None
        yield f"{name}: 100 in flight, ten subscribers", median(found[f"{name} 10"]) / 1000, "k/s", None
    yield "p50, sedge / floor", ratio(found, "sedge p50", "floor p50"), "times", 1.6
    yield "p99, sedge / mosquitto", ratio(found, "sedge p99", "mosquitto p99"), "times", 1
    yield "one subscriber, sedge / mosquitto", ratio(found, "sedge 1", "mosquitto 1"), "times", -2
    yield "ten subscribers, deliveries, sedge / mosquitto", ratio(found, "sedge 10", "mosquitto 10"), "times", -3
    yield "one subscriber, sedge / floor", ratio(found, "sedge 1", "floor 1"), "times", None
    yield "ten subscribers, sedge / floor", ratio(found, "sedge 10", "floor 10"), "times", None


def measure_calls(bench):
    def one_round():
        publish, config = bench.latency(bench.sedge, subs=0), bench.latency(bench.sedge, subs=0, op="config")
        return {"publish p50": publish["answer_p50"], "publish p99": publish["answer_p99"],
                "config p50": config["answer_p50"], "config p99": config["answer_p99"],
                "publish": bench.flood(bench.sedge, subs=0)["rate"],
                "config": bench.flood(bench.sedge, subs=0, op="config", count=3 * bench.options.count)["rate"]}

    found = bench.rounds(one_round)
    for name, what in (("publish", "PublishToTopic"), ("config", "GetConfiguration")):
        yield f"{what} to the answer, p50", median(found[f"{name} p50"]), "us", None
        yield f"{what} to the answer, p99", median(found[f"{name} p99"]), "us", None
        yield f"{what}, 100 in flight", median(found[name]) / 1000, "k/s", None


def measure_iotcore(bench):
    for qos in (0, 1):
        found = bench.rounds(lambda: bench.latency(bench.sedge, op=f"iotcore{qos}", sub=bench.mqtt, count=bench.options.count // 100))
        for part, what in (("delivery", "the other client"), ("answer", "both that and the answer")):
            yield f"PublishToIoTCore QoS {qos} to {what}, p50", median(found[f"{part}_p50"]), "us", None
            yield f"PublishToIoTCore QoS {qos} to {what}, p99", median(found[f"{part}_p99"]), "us", None


def measure_slow(bench):
    def one_round():
        without = bench.latency(bench.sedge)
        pid = bench.slow.hold(bench.sedge, 1, "bench/a")
        os.kill(pid, signal.SIGSTOP)
        try:
            beside = bench.latency(bench.sedge)
        finally:
            os.kill(pid, signal.SIGKILL)
        return {"without": without["delivery_p99"], "beside": beside["delivery_p99"]}

    found = bench.rounds(one_round)
    yield "publish to delivery, p99, all read", median(found["without"]), "us", None
    yield "publish to delivery, p99, beside a stopped one", median(found["beside"]), "us", None
    yield "p99, beside a stopped subscriber / without", ratio(found, "beside", "without"), "times", 2


def measure_memory(bench):
    bench.latency(bench.sedge, count=1000)
    before = steady_written_kb(bench.nucleus)
    pid = bench.slow.hold(bench.sedge, CONNECTIONS, "-")
    after = steady_written_kb(bench.nucleus)
    os.kill(pid, signal.SIGKILL)
    gone = steady_written_kb(bench.nucleus)
    yield "a connection with two subscriptions", (after - before) * 1024 / CONNECTIONS, "bytes", 2048
    yield "  of that still there when all have gone", (gone - before) * 1024 / CONNECTIONS, "bytes", None


# Memory first: later the nucleus has memory of its own to use again.
PARTS = {"memory": measure_memory, "pubsub": measure_pubsub, "calls": measure_calls, "iotcore": measure_iotcore, "slow": measure_slow}


def main():
    parser = arguments(__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--count", type=int, default=20000, help="messages one at a time; more when they may overlap")
    parser.add_argument("--only", default=",".join(PARTS))
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    bench, table = None, []
    with temporary_folder() as folder:
        try:
            bench = Bench(folder, os.path.abspath(options.build), options)
            for name in options.only.split(","):
                table += PARTS[name](bench)
        finally:
            if bench:
                bench.stop()
    return report(table, options)


if __name__ == "__main__":
    sys.exit(main())
