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

THING = "cam-1"
FOREVER = "exec sleep 1000"
# So that a lost answer costs seconds. The device waits as long as mqtt.operationTimeoutMs for the answer to a request.
MQTT = {"operationTimeoutMs": 3000, "minimumReconnectDelaySeconds": 1, "maximumReconnectDelaySeconds": 2}


class Ladder:
    def __init__(self, device, broker, cloud, config):
        self.device, self.broker, self.cloud, self.config = device, broker, cloud, config

    def start(self, **more):
        """more: of Device.start."""
        self.device.start("--init-config", self.config, **more)
        return self.connected()

    def connected(self):
        wait_until(lambda: self.device.log().count("mqtt-connected") == self.device.launches(), 30, "the device to connect")
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

    def restart_broker(self, forget=True):
        """Everybody connects again; it has forgotten all sessions."""
        count = self.device.log().count("mqtt-reconnected")
        self.cloud.disconnect()
        self.broker.kill()
        if forget:
            shutil.rmtree(os.path.join(self.broker.folder, "data"))
            os.makedirs(os.path.join(self.broker.folder, "data"))
        self.broker.start()
        self.cloud.connect(self.broker)
        self.device.wait_log("greengrass", "mqtt-reconnected", 30, count + 1)

    def starts(self, deployment):
        return self.device.log().count(f"deployment-started. id={deployment} ")

    def job(self, name, *words, status="SUCCEEDED", group=None, revision=1, number=1, **more):
        """A job for components "name" or "name=version", carried out; its statusDetails."""
        components = dict(w.split("=") if "=" in w else (w, "1.0.0") for w in words)
        self.cloud.create(name, self.cloud.document(group or name, revision, components, **more), number=number)
        return self.cloud.wait_status(name, status)


def configuration(broker, ca, **nucleus):
    cert, key = ca.device(THING)
    system = {"thingName": THING, "rootCaPath": ca.cert, "certificateFilePath": cert, "privateKeyPath": key}
    settings = {"iotDataEndpoint": "127.0.0.1", "mqtt": {"port": broker.device_port, **MQTT, **nucleus.pop("mqtt", {})}, **nucleus}
    return {"system": system, "services": {"aws.greengrass.Nucleus": {"configuration": settings}}}


@contextlib.contextmanager
def ladder(bin_dir, ca, folder, start=True, **nucleus):
    cert, key = ca.server("localhost", "127.0.0.1")
    with Broker(os.path.join(folder, "broker"), ca.cert, cert, key) as broker, \
            temporary_device(bin_dir, start=False, kind=Machine) as device:
        path = device.write("config.json", json.dumps(configuration(broker, ca, **nucleus)))
        cloud = DeviceCloud(THING).connect(broker)
        site = Ladder(device, broker, cloud, path)
        try:
            yield site.start() if start else site
        finally:
            cloud.disconnect()
