"""One device, one broker, and the cloud played by a plain MQTT client: what the message ladders are tested with.

    with ladder(bin_dir, ca, folder) as site:
        site.recipes({"com.x.A": "true"})           # before anything is deployed: all versions 1.0.0
        site.cloud.create(...); site.device.kill(); site.broker.stop(); ..."""
import contextlib
import json
import os
import shutil

from local import Broker, wait_until

from .device import temporary_device
from .device_cloud import DeviceCloud
from .machine import Machine
from .proxy import CuttingProxy

THING = "cam-1"
FOREVER = "exec sleep 1000"
# The device waits as long as mqtt.operationTimeoutMs for the answer to a request: a busy machine may answer late, and one
# that was lost is asked for again.
MQTT = {"operationTimeoutMs": 15000, "minimumReconnectDelaySeconds": 1, "maximumReconnectDelaySeconds": 2}


class Ladder:
    def __init__(self, device, broker, line, cloud, config):
        """line: the way of the device to the broker."""
        self.device, self.broker, self.line, self.cloud, self.config = device, broker, line, cloud, config

    def start(self, **more):
        """more: of Device.start."""
        self.device.start("--init-config", self.config, **more)
        return self.connected()

    def connected(self):
        wait_until(lambda: "mqtt-connected" in self.device.log().rpartition(" main: launch. ")[2], 30, "the device to connect")
        return self

    def kill_and_start(self, **more):
        self.device.kill()
        return self.start(**more)

    def recipes(self, lifecycles, version="1.0.0", **more):
        for name, lifecycle in lifecycles.items():
            self.device.recipe(name, version, lifecycle, **more)

    def load_recipes(self):
        """Into the store of the device: jobs carry no recipes."""
        self.device.deploy_ok()

    def lose_broker(self):
        """Until broker.start() and cloud.connect(); the device has noticed."""
        count = self.device.log().count("mqtt-disconnected")
        self.cloud.disconnect()
        self.broker.kill()
        self.device.wait_log("greengrass", "mqtt-disconnected", 30, count + 1)

    def restart_broker(self):
        """It has forgotten all sessions. Everybody connects again, the device when there is somebody to hear it."""
        count = self.device.log().count("mqtt-reconnected")
        self.line.cut_all(refuse=True)
        self.cloud.disconnect()
        self.broker.kill()
        shutil.rmtree(os.path.join(self.broker.folder, "data"))
        os.makedirs(os.path.join(self.broker.folder, "data"))
        self.broker.start()
        self.cloud.connect(self.broker)
        self.line.refuse = False
        self.device.wait_log("greengrass", "mqtt-reconnected", 30, count + 1)

    def starts(self, deployment):
        return self.device.log().count(f"deployment-started. id={deployment} ")

    def job(self, name, *words, status="SUCCEEDED", group=None, revision=1, number=1, **more):
        """A job for components "name" or "name=version", carried out; its statusDetails."""
        components = dict(w.split("=") if "=" in w else (w, "1.0.0") for w in words)
        self.cloud.create(name, self.cloud.document(group or name, revision, components, **more), number=number)
        return self.cloud.wait_status(name, status)


def configuration(port, ca, **nucleus):
    cert, key = ca.device(THING)
    system = {"thingName": THING, "rootCaPath": ca.cert, "certificateFilePath": cert, "privateKeyPath": key}
    settings = {"iotDataEndpoint": "127.0.0.1", "mqtt": {"port": port, **MQTT, **nucleus.pop("mqtt", {})}, **nucleus}
    return {"system": system, "services": {"aws.greengrass.Nucleus": {"configuration": settings}}}


@contextlib.contextmanager
def ladder(bin_dir, ca, folder, start=True, **nucleus):
    cert, key = ca.server("localhost", "127.0.0.1")
    with Broker(os.path.join(folder, "broker"), ca.cert, cert, key) as broker, CuttingProxy(broker.device_port) as line, \
            temporary_device(bin_dir, start=False, kind=Machine) as device:
        path = device.write("config.json", json.dumps(configuration(line.port, ca, **nucleus)))
        cloud = DeviceCloud(THING).connect(broker)
        site = Ladder(device, broker, line, cloud, path)
        try:
            yield site.start() if start else site
        finally:
            cloud.disconnect()
