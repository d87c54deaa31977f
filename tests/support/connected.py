"""A device with a broker of its own, and somebody in the cloud who listens.

    with connected_device(bin_dir, ca, configuration={"telemetry": {...}}) as world:
        world.client.wait("greengrass/health/json")          # what the device tells (support/mqtt_client.py)
        world.outage(); world.outage_ends()"""
import contextlib
import json
import os

from local import Broker
from local.broker import SERVICE_USER

from .device import Device
from .folder import temporary_folder
from .mqtt_client import MqttClient

THING = "core-1"
TOPICS = ("$aws/things/+/greengrass/health/json", "$aws/things/+/greengrassv2/health/json", "dt/#")
QUICK = {"minimumReconnectDelaySeconds": 1, "maximumReconnectDelaySeconds": 1}


def merge(into, more):
    for key, value in more.items():
        if isinstance(value, dict) and isinstance(into.get(key), dict):
            merge(into[key], value)
        else:
            into[key] = value
    return into


class ConnectedDevice:
    def __init__(self, folder, bin_dir, ca, configuration=None, services=None, env=None, host="localhost", start=True):
        """configuration: of the nucleus; services: further ones of the file."""
        self.ca, self.env, self.client = ca, env, None
        cert, key = ca.server("localhost", "127.0.0.1")
        self.broker = Broker(os.path.join(folder, "broker"), ca.cert, cert, key, ca.crl()).start()
        self.listen()
        self.device = Device(folder, bin_dir)
        cert, key = ca.device(THING)
        own = {"iotDataEndpoint": host, "mqtt": {"port": self.broker.device_port, **QUICK}}
        self.config = {"system": {"thingName": THING, "rootCaPath": ca.cert, "certificateFilePath": cert, "privateKeyPath": key},
                       "services": {"aws.greengrass.Nucleus": {
                           "componentType": "NUCLEUS", "configuration": merge(own, configuration or {})}, **(services or {})}}
        if start:
            self.start()

    def start(self):
        self.device.start("--init-config", self.device.write("config.yaml", json.dumps(self.config)), env=self.env)
        self.device.wait_log("greengrass", "mqtt-connected", 30)
        return self

    def listen(self):
        self.client = MqttClient(self.broker.service_port, "listener", user=SERVICE_USER, password=self.broker.password,
                                 clean=False)
        self.client.__enter__()
        self.client.subscribe(TOPICS)

    def deaf(self):
        if self.client:
            self.client.__exit__(None, None, None)
        self.client = None

    def outage(self):
        """The broker is gone until outage_ends."""
        gone = self.device.log().count("mqtt-disconnected")
        self.deaf()
        self.broker.stop()
        self.device.wait_log("greengrass", "mqtt-disconnected", 30, gone + 1)

    def outage_ends(self):
        self.broker.start()
        self.listen()

    def configure(self, **more):
        """Of the nucleus, by a local deployment."""
        return self.device.deploy_ok("aws.greengrass.Nucleus=2.17.0", update={"aws.greengrass.Nucleus": {"MERGE": more}})

    def effective(self):
        with open(os.path.join(self.device.root, "config", "effectiveConfig.yaml"), encoding="utf-8") as f:
            return f.read()

    def stop(self):
        self.device.stop()
        self.deaf()
        self.broker.stop()


@contextlib.contextmanager
def connected_device(bin_dir, ca, **options):
    with temporary_folder() as folder:
        world = ConnectedDevice(folder, bin_dir, ca, **options)
        try:
            yield world
        finally:
            world.stop()
