"""The whole site on one machine: object store, broker, cloud side, one device. Used by the demo and by end-to-end tests."""
import json
import os
import pwd
import subprocess
import time

from .observer import Observer
from .process import LocalError, Process, check_free, find_program, free_ports, wait_until
from .swift import Swift

TOPIC = "ml/dlr/image-classification"
THING = "meter-reader-1"
GROUP = "meter-readers"
BUCKET = "components"


class Command(LocalError):
    """A command of ours failed; `code` is its exit code, the text what it printed."""

    def __init__(self, argv, done):
        super().__init__(f"{' '.join(argv)}: exit code {done.returncode}\n{done.stdout}{done.stderr}")
        self.code, self.stdout, self.stderr = done.returncode, done.stdout, done.stderr


def run(argv, timeout=120, **more):
    done = subprocess.run(argv, capture_output=True, text=True, timeout=timeout, **more)
    if done.returncode != 0:
        raise Command(argv, done)
    return done.stdout


class Site:
    def __init__(self, folder, bin_dir):
        self.folder = os.path.abspath(folder)
        self.bin = os.path.abspath(bin_dir)
        self.state = os.path.join(self.folder, "cloud")
        self.root = os.path.join(self.folder, "device")
        self.bundle = os.path.join(self.folder, "bundle")
        self.broker_dir = os.path.join(self.folder, "broker")
        self.swift = Swift(os.path.join(self.folder, "swift"), self.bin)
        self.device_port, self.service_port = free_ports(2)
        self.broker = self.serve = self.nucleus = self.observer = None
        os.makedirs(self.folder, exist_ok=True)

    def program(self, name):
        return os.path.join(self.bin, name)

    def log(self, name):
        return os.path.join(self.folder, f"{name}.log")

    # ---- cloud side ----

    def cloud(self, *words, timeout=120):
        return run([self.program("sedge-cloud"), *words, "--state", self.state], timeout=timeout)

    def cloud_json(self, *words):
        return json.loads(self.cloud(*words, "--json"))

    def start_store(self):
        self.swift.start()

    def init_cloud(self):
        self.cloud("init", "--broker-host", "127.0.0.1", "--broker-port", str(self.device_port), "--service-port", str(self.service_port),
                   "--s3-endpoint", self.swift.endpoint, "--s3-region", self.swift.region, "--bucket", BUCKET,
                   "--s3-access-key", self.swift.access_key, "--s3-secret-key", self.swift.secret_key, "--create-bucket")
        self.cloud("broker-config", "--out", self.broker_dir, "--names", "localhost,127.0.0.1", "--bind", "127.0.0.1",
                   "--device-topic", TOPIC, "--reader", "observer")

    def start_broker(self):
        check_free((self.service_port, self.device_port))
        self.broker = Process("mosquitto", [find_program("mosquitto"), "-c", os.path.join(self.broker_dir, "mosquitto.conf")], self.log("mosquitto"))
        self.broker.wait_port(self.service_port)
        self.broker.wait_port(self.device_port)

    def stop_broker(self):
        self.broker.stop()

    def start_serve(self):
        log = self.log("sedge-cloud")
        before = os.path.getsize(log) if os.path.exists(log) else 0
        self.serve = Process("sedge-cloud", [self.program("sedge-cloud"), "serve", "--state", self.state], log)

        def ready():
            with open(log, "rb") as f:
                f.seek(before)
                return b"sedge-cloud: ready" in f.read() or not self.serve.running()

        wait_until(ready, 20, "sedge-cloud serve to reach the broker")
        if not self.serve.running():
            raise LocalError(f"sedge-cloud serve ended:\n{self.serve.log_tail()}")

    def start_observer(self):
        with open(os.path.join(self.broker_dir, "reader-observer.password"), encoding="utf-8") as f:
            password = f.read().strip()
        self.observer = Observer(self.service_port, "observer", password, TOPIC)

    # ---- device ----

    def start_nucleus(self, *words):
        argv = [self.program("sedge-nucleus"), "--root", self.root, *words]
        if os.geteuid() == 0:
            argv += ["--component-default-user", "nobody:nogroup"]
        self.nucleus = Process("sedge-nucleus", argv, self.log("sedge-nucleus"))
        wait_until(lambda: self._socket_answers() or not self.nucleus.running(), 20, "sedge-nucleus to listen")
        if not self.nucleus.running():
            raise LocalError(f"sedge-nucleus ended:\n{self.nucleus.log_tail()}")

    def _socket_answers(self):
        try:
            self.sedge("component", "list")
            return True
        except Command:
            return False

    def sedge(self, *words):
        return run([self.program("sedge"), "--ggcRootPath", self.root, *words])

    def components(self):
        """Name -> {version, state, configuration} as the command line tells it."""
        return {c["componentName"]: c for c in json.loads(self.sedge("component", "list", "--json"))}

    def details(self, name):
        return json.loads(self.sedge("component", "details", "--name", name, "--json"))

    # ---- deployments ----

    def device_status(self, revision):
        """What the cloud knows of the device's execution of a revision: (status, the whole row)."""
        shown = self.cloud_json("deploy", "show", f"group:{GROUP}:{revision}", "--devices")
        rows = [d for d in shown.get("devices", []) if d.get("thing", d.get("thingName")) == THING]
        return (rows[0].get("status"), rows[0]) if rows else (None, {})

    def wait_deployment(self, revision, wanted, seconds):
        def ended():
            status, row = self.device_status(revision)
            return row if status in ("SUCCEEDED", "FAILED", "REJECTED", "CANCELED", "TIMED_OUT") else None

        row = wait_until(ended, seconds, f"the device to finish revision {revision}", step=0.2)
        if row["status"] != wanted:
            raise LocalError(f"revision {revision}: expected {wanted}, the cloud has {json.dumps(row)}")
        return row

    def stop(self):
        for part in (self.observer, self.nucleus, self.serve, self.broker):
            if part:
                part.stop() if not isinstance(part, Process) or part.running() else None
        self.swift.stop()


def process_alive(pid):
    try:
        os.kill(pid, 0)
        return True
    except ProcessLookupError:
        return False
    except PermissionError:
        return True


def user_name():
    return pwd.getpwuid(os.geteuid()).pw_name


def now():
    return time.monotonic()
