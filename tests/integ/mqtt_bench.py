"""A broker as the fleet uses it (mutual TLS, name = certificate CN, ACL), and processes that speak lines of JSON."""

import contextlib
import getpass
import json
import os
import pathlib
import queue
import shutil
import socket
import subprocess
import threading
import time

import pytest

from local.process import free_port, free_ports
from support.proxy import CuttingProxy

AMPLE = 90  # seconds; only a hang lasts so long
ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("SEDGE_BIN", ROOT / "build/dev/bin"))
DRIVER = pathlib.Path(os.environ.get("SEDGE_MQTT_DRIVER", BIN.parent / "tests/mqtt_driver"))
MOSQUITTO = shutil.which("mosquitto") or "/usr/sbin/mosquitto"

DEVICE_ACL = """pattern read  $aws/things/%u/#
pattern write $aws/things/%u/jobs/+/namespace-aws-gg-deployment/get
pattern write $aws/things/%u/jobs/+/namespace-aws-gg-deployment/update
pattern write $aws/things/%u/shadow/name/+/get
pattern write $aws/things/%u/shadow/name/+/update
pattern write $aws/things/%u/greengrassv2/health/json
pattern readwrite dt/%u/#
"""


def openssl(*args):
    subprocess.run(["openssl", *args], check=True, capture_output=True)


class CA:
    """A certificate authority in a folder; makes certificates for a server and for things."""

    def __init__(self, folder, name="test CA"):
        self.dir = pathlib.Path(folder)
        self.dir.mkdir(parents=True, exist_ok=True)
        self.crt, self.key = self.dir / "ca.crt", self.dir / "ca.key"
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30",
                "-keyout", str(self.key), "-out", str(self.crt), "-subj", f"/CN={name}")

    def issue(self, cn, san=None, days=10):
        crt, key, csr = (self.dir / f"{cn}.{e}" for e in ("crt", "key", "csr"))
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", str(key),
                "-out", str(csr), "-subj", f"/CN={cn}")
        ext = self.dir / f"{cn}.ext"
        ext.write_text(f"subjectAltName={san}\n" if san else "basicConstraints=CA:FALSE\n")
        openssl("x509", "-req", "-in", str(csr), "-CA", str(self.crt), "-CAkey", str(self.key), "-CAcreateserial",
                "-days", str(days), "-extfile", str(ext), "-out", str(crt))
        return crt, key


class Broker:
    """mosquitto with a TLS port for devices and an open loopback port for the cloud side."""

    def __init__(self, folder, ca, server):
        self.dir = pathlib.Path(folder)
        self.dir.mkdir(parents=True, exist_ok=True)
        self.port, self.plain = free_ports(2)
        self.process = None
        (self.dir / "devices.acl").write_text(DEVICE_ACL)
        (self.dir / "mosquitto.conf").write_text(f"""per_listener_settings true
user {getpass.getuser()}
persistence false
max_inflight_messages 20
message_size_limit 131072
log_dest file {self.dir}/broker.log
log_type all
listener {self.port} 127.0.0.1
allow_anonymous false
cafile {ca.crt}
certfile {server[0]}
keyfile {server[1]}
require_certificate true
use_identity_as_username true
use_username_as_clientid true
tls_version tlsv1.2
acl_file {self.dir}/devices.acl
listener {self.plain} 127.0.0.1
allow_anonymous true
""")

    def start(self):
        self.process = subprocess.Popen([MOSQUITTO, "-c", str(self.dir / "mosquitto.conf")])
        for port in (self.port, self.plain):
            self._wait(port)
        return self

    def _wait(self, port):
        deadline = time.monotonic() + AMPLE
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), AMPLE).close()
                return
            except OSError:
                assert self.process.poll() is None, "the broker ended"
                assert time.monotonic() < deadline, "the broker did not come up"
                time.sleep(0.02)

    def stop(self):
        if self.process:
            self.process.terminate()
            self.process.wait(AMPLE)
            self.process = None


class Driver:
    """One mqtt_driver process."""

    def __init__(self, **options):
        self.log = []
        self.events, self.lock = queue.Queue(), threading.Lock()
        self.process = subprocess.Popen([str(DRIVER), json.dumps(options)], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        threading.Thread(target=self._read, args=(self.process.stdout, True), daemon=True).start()
        threading.Thread(target=self._read, args=(self.process.stderr, False), daemon=True).start()

    def _read(self, stream, events):
        for line in stream:
            if events:
                self.events.put(json.loads(line))
            else:
                self.log.append(line)

    def send(self, op, **members):
        with self.lock, contextlib.suppress(ValueError, BrokenPipeError):  # it has ended meanwhile: nobody listens any more
            self.process.stdin.write(json.dumps({"op": op, **members}) + "\n")
            self.process.stdin.flush()

    def wait(self, name, timeout=AMPLE, **members):
        """The next event of that name (and with those members); others on the way are dropped."""
        deadline = time.monotonic() + timeout
        seen = []
        while True:
            try:
                e = self.events.get(timeout=max(0.001, deadline - time.monotonic()))
            except queue.Empty:
                raise AssertionError(f"no {name} {members}; seen {seen}; log:\n" + "".join(self.log[-30:])) from None
            seen.append(e)
            if e["event"] == name and all(e.get(k) == v for k, v in members.items()):
                return e

    def quiet(self, name, seconds, **members):
        """Nothing of that name comes for so long."""
        try:
            e = self.wait(name, seconds, **members)
        except AssertionError:
            return
        raise AssertionError(f"unexpected {e}")

    def close(self):
        if self.process.poll() is None:
            with contextlib.suppress(BrokenPipeError):
                self.process.stdin.close()
            code = self.process.wait(AMPLE)
            assert code == 0, f"driver ended with {code}:\n" + "".join(self.log[-60:])

    def kill(self):
        self.process.kill()
        self.process.wait(AMPLE)


@pytest.fixture(scope="module")
def pki(tmp_path_factory):
    ca = CA(tmp_path_factory.mktemp("ca"))
    other = CA(tmp_path_factory.mktemp("other"), "other CA")
    return {"ca": ca, "server": ca.issue("server", "DNS:localhost,IP:127.0.0.1"), "thing": ca.issue("cam-1"),
            "other": other, "stranger": other.issue("cam-1"), "wrong-name": ca.issue("elsewhere", "DNS:elsewhere.example")}


@pytest.fixture
def broker(pki, tmp_path):
    b = Broker(tmp_path / "broker", pki["ca"], pki["server"]).start()
    yield b
    b.stop()


@pytest.fixture
def line(broker):
    """The way of a device to the broker. When a test cuts it, the cloud's side stays there and misses nothing."""
    with CuttingProxy(broker.port) as proxy:
        yield proxy


@pytest.fixture
def start(pki):
    running = []

    def begin(broker, **options):
        crt, key = pki["thing"]
        o = {"host": "localhost", "port": broker.port, "thing": "cam-1", "ca": str(pki["ca"].crt), "cert": str(crt),
             "key": str(key)}
        o.update(options)
        d = Driver(**{k: v for k, v in o.items() if v is not None})
        running.append(d)
        return d

    begin.cloud = lambda broker, name="cloud": begin(broker, host="127.0.0.1", port=broker.plain, thing=name, ca=None,
                                                     cert=None, key=None)
    yield begin
    for d in reversed(running):  # devices before the cloud that answers them
        d.close()
