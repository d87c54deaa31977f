"""Shadows of a device and of sedge-cloud in step: a real nucleus, mosquitto, and the operator's commands."""
import base64
import json
import os

import pytest

from local.process import wait_until
from support.cloud import Cloud
from support.device import Device
from support.folder import temporary_folder
from support.ipc_client import IpcError

THING = "core-1"
MANAGER = "aws.greengrass.ShadowManager"
POLICY = {MANAGER: {"keeper:1": {"operations": ["*"], "resources": ["*"]}}}


class World:
    def __init__(self, folder, bin_dir):
        self.cloud = Cloud(folder, bin_dir)
        self.cloud.init()
        self.cloud.start_broker()
        self.cloud.start_service()
        bundle = self.cloud.thing(THING)
        self.device = Device(folder, bin_dir)
        config = {"system": {"thingName": THING, "rootCaPath": f"{bundle}/ca.crt", "certificateFilePath": f"{bundle}/device.crt",
                             "privateKeyPath": f"{bundle}/device.key"},
                  "services": {"aws.greengrass.Nucleus": {"componentType": "NUCLEUS", "configuration": {
                      "iotDataEndpoint": "127.0.0.1", "mqtt": {"port": self.cloud.device_port}}},
                      MANAGER: {"configuration": {"synchronize": {"coreThing": {"classic": True, "namedShadows": ["a", "b", "c"]}}}}}}
        self.device.start("--init-config", self.device.write("config.yaml", json.dumps(config)))
        self.device.recipe("keeper", "1.0.0", "exec sleep 100000", configuration={"accessControl": POLICY})
        self.device.deploy_ok("keeper=1.0.0")
        self.device.wait_log("greengrass", "mqtt-connected", 30)

    def stop(self):
        self.device.stop()
        self.cloud.stop()

    def update(self, state, name):
        blob = base64.b64encode(json.dumps({"state": state}).encode()).decode()
        with self.device.ipc("keeper") as ipc:
            ipc.call("UpdateThingShadow", thingName=THING, shadowName=name, payload=blob)

    def on_device(self, name):
        try:
            with self.device.ipc("keeper") as ipc:
                answer = ipc.call("GetThingShadow", thingName=THING, shadowName=name)
        except IpcError as error:
            assert error.code == "ResourceNotFoundError"
            return None
        state = json.loads(base64.b64decode(answer["payload"]))["state"]
        state.pop("delta", None)
        return state

    def in_cloud(self, name):
        rows = self.cloud.query(f"SELECT desired, reported FROM shadow WHERE name='{name}' AND gone=0")
        return {k: json.loads(v) for k, v in zip(("desired", "reported"), rows[0]) if v} if rows else None

    def in_step(self, state, name):
        wait_until(lambda: self.in_cloud(name) == state and self.on_device(name) == state, 40,
                   f"both sides to have {state}; the cloud has {self.in_cloud(name)}, the device {self.on_device(name)}")


@pytest.fixture(scope="module")
def world(bin_dir):
    with temporary_folder() as folder:
        w = World(folder, bin_dir)
        yield w
        w.stop()


@pytest.mark.parametrize("name", ["", "a"], ids=["classic", "named"])
def test_what_a_component_reports_reaches_the_cloud(world, name):
    world.update({"reported": {"t": 1, "o": {"x": 1, "y": 2}}}, name)
    world.in_step({"reported": {"t": 1, "o": {"x": 1, "y": 2}}}, name)
    world.update({"reported": {"o": {"y": None}}, "desired": {"t": 2}}, name)
    world.in_step({"reported": {"t": 1, "o": {"x": 1}}, "desired": {"t": 2}}, name)


def test_what_the_operator_desires_reaches_the_device(world):
    world.cloud.run("shadow", "update", THING, "b", "--desired", '{"mode":"night"}')
    world.in_step({"desired": {"mode": "night"}}, "b")
    world.update({"reported": {"mode": "night"}}, "b")
    world.in_step({"desired": {"mode": "night"}, "reported": {"mode": "night"}}, "b")


def test_a_shadow_that_the_operator_deletes_goes_on_the_device(world):
    world.update({"reported": {"a": 1}}, "c")
    world.in_step({"reported": {"a": 1}}, "c")
    world.cloud.run("shadow", "delete", THING, "c")
    world.in_step(None, "c")
