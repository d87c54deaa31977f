#!/usr/bin/python3
"""What the nucleus costs: memory, start, sizes (deployments: deploy.py). Public tools only; prints a table with the goals.

    tests/bench/nucleus.py [BUILD] [--runs N] [--json] [--check]

BUILD is a build folder, by default build/release: figures of a debug build say nothing. Everything else (broker with
TLS, certificates, roots) is made in a folder for temporary files. --check: exit 1 if a goal is missed.
"""
import json
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import time

from common import arguments, report, smaps_kb, steady_kb

from local import CA, Broker, wait_until
from support.device import Device
from support.folder import temporary_folder

DEVICE_SIDE = ("sedge-nucleus", "sedge-exec", "sedge-fetch", "sedge", "sedge-classify")


def start_ms(root, bin_dir):
    """From exec to the first connection that the socket accepts; the nucleus is ended again."""
    path, program = os.path.join(root, "ipc.socket"), os.path.join(bin_dir, "sedge-nucleus")
    if os.path.exists(path):
        os.remove(path)
    user = ["--component-default-user", "nobody:nogroup"] if os.geteuid() == 0 else []
    began = time.perf_counter()
    pid = os.posix_spawn(program, [program, "--root", root, *user], os.environ)  # no copy of this interpreter first
    try:
        while True:
            with socket.socket(socket.AF_UNIX) as s:
                try:
                    s.connect(path)
                    return (time.perf_counter() - began) * 1000
                except OSError:
                    time.sleep(0.0002)
    finally:  # an end in order: it listens for signals by the time that it answers
        cli = [os.path.join(bin_dir, "sedge"), "--ggcRootPath", root, "component", "list"]
        wait_until(lambda: subprocess.run(cli, capture_output=True).returncode == 0, 10, "the nucleus to answer")
        os.kill(pid, signal.SIGTERM)
        os.waitpid(pid, 0)


def measure_start(folder, bin_dir, runs):
    fresh, again = [], []
    for i in range(runs):
        root = os.path.join(folder, f"start{i}")
        fresh.append(start_ms(root, bin_dir))
        again.append(start_ms(root, bin_dir))
    return statistics.median(fresh), statistics.median(again)


def measure_memory(folder, bin_dir):
    """PSS of (nucleus without a cloud, nucleus with TLS to the broker up, the broker), and what the second has written. The broker
    is there to compare with: mosquitto links the same TLS library."""
    os.makedirs(folder)
    os.chmod(folder, 0o755)
    ca = CA(os.path.join(folder, "ca"))
    server, key = ca.server("localhost", "127.0.0.1")
    cert, device_key = ca.device("bench-1")
    alone, online = (Device(os.path.join(folder, name), bin_dir) for name in made(folder, "alone", "online"))
    try:
        offline_kb = steady_kb(alone.start().process.pid, 1)[0]
        with Broker(os.path.join(folder, "broker"), ca.cert, server, key) as broker:
            online.write("config.json", json.dumps({
                "system": {"thingName": "bench-1", "certificateFilePath": cert, "privateKeyPath": device_key, "rootCaPath": ca.cert},
                "services": {"aws.greengrass.Nucleus": {"configuration": {
                    "iotDataEndpoint": "127.0.0.1", "mqtt": {"port": broker.device_port}}}}}))
            online.start("--init-config", os.path.join(online.folder, "config.json"))
            online.wait_log("greengrass", "mqtt-connected", 20)
            alone.stop()  # what two nuclei share would count half
            online_kb, written_kb = steady_kb(online.process.pid, 1)
            return offline_kb, online_kb, smaps_kb(broker.process.pid)[0], written_kb
    finally:
        alone.stop()
        online.stop()


def made(folder, *names):
    for name in names:
        os.makedirs(os.path.join(folder, name))
    return names


def measure_sizes(folder, bin_dir):
    """Bytes of the stripped programs."""
    sizes = {}
    for name in DEVICE_SIDE:
        copy = os.path.join(folder, name)
        shutil.copy(os.path.join(bin_dir, name), copy)
        subprocess.run(["strip", copy], check=True)
        sizes[name] = os.path.getsize(copy)
    return sizes


def rows(folder, bin_dir, runs):
    """(what, value, unit, goal or None)"""
    offline_kb, online_kb, broker_kb, own_kb = measure_memory(os.path.join(folder, "memory"), bin_dir)
    fresh, again = measure_start(folder, bin_dir, runs)
    sizes = measure_sizes(folder, bin_dir)
    yield "PSS of the nucleus, idle, no cloud", offline_kb / 1024, "MB", None
    yield "PSS of the nucleus, idle, TLS to the broker up", online_kb / 1024, "MB", 4.5
    yield "of which written by it (private dirty)", own_kb / 1024, "MB", None
    yield "PSS of mosquitto, with that one client", broker_kb / 1024, "MB", None
    yield "exec to socket accepting, first start of a root", fresh, "ms", 15
    yield "exec to socket accepting, later starts", again, "ms", 15
    for name, size in sizes.items():
        yield f"stripped size of {name}", size / 1e6, "MB", None
    yield "stripped size of the device side without libdlr", sum(sizes.values()) / 1e6, "MB", 1


def main():
    parser = arguments(__doc__)
    parser.add_argument("--runs", type=int, default=9)
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    with temporary_folder() as folder:
        table = list(rows(folder, os.path.join(os.path.abspath(options.build), "bin"), options.runs))
    return report(table, options)


if __name__ == "__main__":
    sys.exit(main())
