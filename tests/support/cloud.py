"""A cloud side as an operator runs it: state folder, broker, service; and a device that a test speaks for.

    def test_x(fleet):                      # one thing, cam-1, in group cams; broker and service run
        with fleet.device("cam-1") as d:
            d.get()
"""
import contextlib
import json
import os
import sqlite3
import subprocess
import time

import pytest

from local.process import Process, find_program, free_ports, wait_until
from support.mqtt_client import MqttClient

NS = "namespace-aws-gg-deployment"


class Cloud:
    """A state folder, its broker and its service; commands are run as an operator would."""

    def __init__(self, folder, bin_dir):
        self.folder, self.program = folder, os.path.join(bin_dir, "sedge-cloud")
        self.state, self.broker_dir = os.path.join(folder, "state"), os.path.join(folder, "broker")
        self.device_port, self.service_port = free_ports(2)
        self.broker = self.service = None

    def run(self, *args, status=0, state=None):
        done = subprocess.run([self.program, *args, "--state", state or self.state], capture_output=True, text=True,
                              timeout=180)
        assert done.returncode == status, f"{args}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout if status in (0, 5) else done.stderr

    def json(self, *args, status=0):
        return json.loads(self.run(*args, "--json", status=status))

    def init(self, *more):
        self.run("init", "--broker-host", "127.0.0.1", "--broker-port", str(self.device_port), "--service-port",
                 str(self.service_port), *more)
        self.run("broker-config", "--out", self.broker_dir, "--bind", "127.0.0.1", "--device-topic",
                 "ml/dlr/image-classification", "--reader", "observer")

    def start_broker(self):
        self.broker = Process("mosquitto", [find_program("mosquitto"), "-c", os.path.join(
            self.broker_dir, "mosquitto.conf")], os.path.join(self.folder, "mosquitto.out"))
        self.broker.wait_port(self.service_port)
        self.broker.wait_port(self.device_port)

    def start_service(self, env=None):
        log = os.path.join(self.folder, "serve.log")
        size = os.path.getsize(log) if os.path.exists(log) else 0
        self.service = Process("sedge-cloud serve", [self.program, "serve", "--state", self.state], log, env=env)

        def ready():
            with open(log) as f:
                f.seek(size)
                return "sedge-cloud: ready" in f.read() or not self.service.running()

        wait_until(ready, 20, "sedge-cloud serve is not ready")
        assert self.service.running(), self.service.log_tail()

    def stop(self):
        for p in (self.service, self.broker):
            if p:
                p.stop()

    def thing(self, name):
        bundle = os.path.join(self.folder, name)
        self.run("thing", "create", name, "--out", bundle)
        return bundle

    def device(self, name):
        bundle = os.path.join(self.folder, name)
        return Device(name, MqttClient(self.device_port, name, ca=f"{bundle}/ca.crt", cert=f"{bundle}/device.crt",
                                       key=f"{bundle}/device.key"))

    def document(self, components, target="arn:aws:iot:us-west-2:REPLACEME_ACCOUNTID:thinggroup/cams", **more):
        path = os.path.join(self.folder, f"d{time.monotonic_ns()}.json")
        with open(path, "w") as f:
            json.dump({"targetArn": target, "components": components, **more}, f)
        return path

    def query(self, sql):
        with contextlib.closing(sqlite3.connect(os.path.join(self.state, "cloud.db"), timeout=60)) as db, db:
            return db.execute(sql).fetchall()

    def execute(self, sql):
        with contextlib.closing(sqlite3.connect(os.path.join(self.state, "cloud.db"), timeout=60)) as db, db:
            db.executescript(sql)


class Device:
    def __init__(self, name, client):
        self.name, self.client = name, client
        self.base = f"$aws/things/{name}"

    def __enter__(self):
        self.client.__enter__()
        self.client.subscribe([f"{self.base}/jobs/notify-{NS}", f"{self.base}/jobs/notify-next-{NS}",
                               f"{self.base}/jobs/+/{NS}/get/+", f"{self.base}/jobs/+/{NS}/update/+",
                               f"{self.base}/jobs/+/get/+", f"{self.base}/jobs/get/+", f"{self.base}/jobs/start-next/+",
                               f"{self.base}/shadow/name/+/get/+", f"{self.base}/shadow/name/+/update/+"])
        return self

    def __exit__(self, *exc):
        self.client.__exit__(*exc)

    def get(self, job="$next", body=b""):
        return self.client.request(f"{self.base}/jobs/{job}/{NS}/get", body)

    def update(self, job, status, **more):
        return self.client.request(f"{self.base}/jobs/{job}/{NS}/update", {"status": status, **more})

    def notify(self):
        return self.client.wait(f"jobs/notify-{NS}")

    def notify_next(self):
        return self.client.wait(f"jobs/notify-next-{NS}")


@pytest.fixture
def site(tmp_root, bin_dir):
    """Settings and broker files, nothing running."""
    c = Cloud(tmp_root, bin_dir)
    c.init()
    yield c
    c.stop()


@pytest.fixture
def cloud(site):
    site.start_broker()
    site.start_service()
    return site


@pytest.fixture
def fleet(cloud):
    """One thing in group cams."""
    cloud.thing("cam-1")
    cloud.run("group", "create", "cams")
    cloud.run("group", "add-thing", "cams", "cam-1")
    return cloud


def write_component(folder, version="1.0.0", script="echo hello\n", uri="run.sh", name="x.one", needs=None,
                    run="sh {artifacts:path}/run.sh"):
    """Recipe and artifact of a component; needs: {component: range}."""
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "run.sh"), "w") as f:
        f.write(script)
    dependencies = "".join(f"  {n}:\n    VersionRequirement: \"{r}\"\n" for n, r in (needs or {}).items())
    with open(os.path.join(folder, "recipe.yaml"), "w") as f:
        f.write(f"""---
RecipeFormatVersion: "2020-01-25"
ComponentName: {name}
ComponentVersion: "{version}"
{"ComponentDependencies:" if dependencies else ""}
{dependencies}Manifests:
  - Platform:
      os: linux
    Lifecycle:
      run: "{run}"
    Artifacts:
      - URI: "{uri}"
""")
    return folder


@pytest.fixture
def store(site, swift, bucket):
    site.bucket = bucket
    site.run("init", "--s3-endpoint", swift.endpoint, "--bucket", bucket, "--prefix", "fleet", "--s3-access-key",
             swift.access_key, "--s3-secret-key", swift.secret_key)
    return site
