"""Shadows of the device and of the cloud in step: a real nucleus, mosquitto, and a shadow service of the tests."""
import base64
import contextlib
import json
import os

import pytest

from local import Broker, wait_until
from local.broker import SERVICE_USER
from support.device import Device
from support.folder import temporary_folder
from support.ipc_client import IpcError
from support.shadow_cloud import ShadowCloud

THING = "core-1"
MANAGER = "aws.greengrass.ShadowManager"
NAMES = [f"s{n}" for n in range(20)]
POLICY = {MANAGER: {"keeper:1": {"operations": ["*"], "resources": ["*"]}},
          "aws.greengrass.ipc.pubsub": {"keeper:2": {"operations": ["*"], "resources": ["*"]}}}
# JSON is YAML, too
CONFIG = {"system": {"thingName": THING}, "services": {
    "aws.greengrass.Nucleus": {"componentType": "NUCLEUS", "configuration": {
        "iotDataEndpoint": "localhost", "mqtt": {"minimumReconnectDelaySeconds": 1, "maximumReconnectDelaySeconds": 1}}},
    MANAGER: {"configuration": {
        "rateLimits": {"maxLocalRequestsPerSecondPerThing": 1000, "maxTotalLocalRequestsRate": 1000},
        "synchronize": {"coreThing": {"classic": True, "namedShadows": NAMES},
                        "shadowDocuments": [{"thingName": "sensor", "classic": False, "namedShadows": ["a"]}]}}}}}


class World:
    """The device, its broker and the cloud."""

    def __init__(self, folder, bin_dir, ca):
        cert, key = ca.server("localhost", "127.0.0.1")
        self.broker = Broker(os.path.join(folder, "broker"), ca.cert, cert, key, ca.crl(),
                             topics=("$aws/things/+/shadow/#",)).start()
        self.cloud = ShadowCloud()
        self.connect()
        self.device = Device(folder, bin_dir)
        cert, key = ca.device(THING)
        config = json.loads(json.dumps(CONFIG))
        config["system"].update(rootCaPath=ca.cert, certificateFilePath=cert, privateKeyPath=key)
        config["services"]["aws.greengrass.Nucleus"]["configuration"]["mqtt"]["port"] = self.broker.device_port
        self.device.start("--init-config", self.device.write("config.yaml", json.dumps(config)))
        self.device.recipe("keeper", "1.0.0", "exec sleep 100000", configuration={"accessControl": POLICY})
        self.device.deploy_ok("keeper=1.0.0")
        self.device.wait_log("greengrass", "mqtt-connected", 30)

    def connect(self):
        self.cloud.connect(self.broker.service_port, SERVICE_USER, self.broker.password)

    def outage(self):
        """The broker is gone until outage_ends."""
        self.cloud.disconnect()
        self.gone = self.device.log().count("mqtt-disconnected")
        self.broker.stop()
        self.device.wait_log("greengrass", "mqtt-disconnected", 30, self.gone + 1)

    def outage_ends(self):
        self.broker.start()
        self.connect()

    def configure(self, **more):
        """Of the shadow manager; lists replace what was there."""
        self.device.deploy_ok(f"{MANAGER}=2.3.10", "keeper=1.0.0", update={MANAGER: {"MERGE": more}})

    def stop(self):
        self.device.stop()
        self.cloud.disconnect()
        self.broker.stop()

    # ---- the device's side ----

    def ipc(self):
        return self.device.ipc("keeper")

    def update(self, state, name="", thing=THING, ipc=None):
        """ipc: the connection of several updates."""
        blob = base64.b64encode(json.dumps({"state": state}).encode()).decode()
        with contextlib.nullcontext(ipc) if ipc else self.ipc() as connection:
            connection.call("UpdateThingShadow", thingName=thing, shadowName=name, payload=blob)

    def delete(self, name="", thing=THING):
        with self.ipc() as ipc:
            ipc.call("DeleteThingShadow", thingName=thing, shadowName=name)

    def state(self, name="", thing=THING):
        """None: there is none."""
        try:
            with self.ipc() as ipc:
                answer = ipc.call("GetThingShadow", thingName=thing, shadowName=name)
        except IpcError as error:
            assert error.code == "ResourceNotFoundError"
            return None
        state = json.loads(base64.b64decode(answer["payload"]))["state"]
        state.pop("delta", None)
        return state

    def in_step(self, state, name="", thing=THING):
        wait_until(lambda: self.cloud.state(thing, name) == state and self.state(name, thing) == state, 40,
                   f"both sides to have {state}; the cloud has {self.cloud.state(thing, name)}, the device "
                   f"{self.state(name, thing)}\n{self.device.log()[-2000:]}")


@pytest.fixture(scope="module")
def world(bin_dir, ca):
    with temporary_folder() as folder:
        world = World(folder, bin_dir, ca)
        yield world
        world.stop()


@pytest.fixture
def name(world, request):
    """A named shadow of the core thing that no other test uses."""
    world.used = getattr(world, "used", -1) + 1
    return NAMES[world.used]


@pytest.mark.parametrize("thing, shadow", [(THING, ""), ("sensor", "a")], ids=["classic", "of another thing"])
def test_a_shadow_of_the_device_is_made_in_the_cloud(world, thing, shadow):
    world.update({"reported": {"t": 1}}, shadow, thing)
    world.in_step({"reported": {"t": 1}}, shadow, thing)


def test_a_shadow_of_the_cloud_is_made_on_the_device(world, name):
    world.cloud.change(THING, {"desired": {"mode": "day"}}, name)
    world.in_step({"desired": {"mode": "day"}}, name)


def test_changes_go_both_ways(world, name):
    world.update({"reported": {"a": 1, "o": {"x": 1, "y": 1}}}, name)
    world.in_step({"reported": {"a": 1, "o": {"x": 1, "y": 1}}}, name)
    world.cloud.change(THING, {"desired": {"a": 2}, "reported": {"o": {"y": None}}}, name)
    world.in_step({"reported": {"a": 1, "o": {"x": 1}}, "desired": {"a": 2}}, name)
    world.update({"reported": {"a": 2}, "desired": None}, name)
    world.in_step({"reported": {"a": 2, "o": {"x": 1}}}, name)


def test_a_change_in_the_cloud_reaches_local_subscribers(world, name):
    with world.ipc() as ipc:
        ipc.call("SubscribeToTopic", topic=f"$aws/things/{THING}/shadow/name/{name}/update/delta")
        world.cloud.change(THING, {"desired": {"fps": 5}}, name)
        _, payload = ipc._receive()
        delta = json.loads(base64.b64decode(json.loads(payload)["binaryMessage"]["message"]))
        assert delta["state"] == {"fps": 5} and delta["version"] == 1


def test_deletion_goes_both_ways(world, name):
    world.update({"reported": {"a": 1}}, name)
    world.in_step({"reported": {"a": 1}}, name)
    world.delete(name)
    world.in_step(None, name)
    world.update({"reported": {"a": 2}}, name)
    world.in_step({"reported": {"a": 2}}, name)
    world.cloud.forget(THING, name)
    world.in_step(None, name)


def test_an_update_says_the_version_that_was_seen_and_a_conflict_is_merged(world, name):
    world.update({"reported": {"a": 1}}, name)
    world.in_step({"reported": {"a": 1}}, name)
    world.cloud.change(THING, {"desired": {"b": 2}}, name, tell=False)  # the device does not hear of it
    world.update({"reported": {"a": 3}}, name)
    world.in_step({"reported": {"a": 3}, "desired": {"b": 2}}, name)
    versions = [r[3].get("version") for r in world.cloud.requests if r[:3] == ("update", THING, name)]
    assert versions == [None, 1, 2]


def test_a_cloud_that_fails_is_asked_again(world, name):
    world.update({"reported": {"a": 1}}, name)
    world.in_step({"reported": {"a": 1}}, name)
    world.cloud.refuse_next = 500
    world.update({"reported": {"a": 2}}, name)
    world.in_step({"reported": {"a": 2}}, name)


def test_what_the_cloud_refuses_waits_for_the_next_change(world, name):
    world.update({"reported": {"a": 1}}, name)
    world.in_step({"reported": {"a": 1}}, name)
    world.cloud.refuse_next = 413
    world.update({"reported": {"a": 2}}, name)
    world.device.wait_log("greengrass", f"sync-refused. thing={THING} shadow={name}: the cloud refuses: 413", 20)
    world.update({"reported": {"b": 1}}, name)
    world.in_step({"reported": {"a": 2, "b": 1}}, name)


def test_an_outage_is_made_up_for(world):
    world.used = getattr(world, "used", -1) + 4
    mine, theirs, both, gone = NAMES[world.used - 3:world.used + 1]
    for shadow in (mine, theirs, both, gone):
        world.update({"reported": {"a": 1, "b": 1}}, shadow)
    for shadow in (mine, theirs, both, gone):
        world.in_step({"reported": {"a": 1, "b": 1}}, shadow)
    world.outage()
    world.update({"reported": {"a": 2}}, mine)
    world.cloud.change(THING, {"reported": {"a": 3}}, theirs, tell=False)
    world.update({"reported": {"a": 4, "b": 4}}, both)
    world.cloud.change(THING, {"reported": {"a": 5, "c": 5}}, both, tell=False)
    world.delete(gone)
    world.outage_ends()
    world.in_step({"reported": {"a": 2, "b": 1}}, mine)
    world.in_step({"reported": {"a": 3, "b": 1}}, theirs)
    world.in_step({"reported": {"a": 5, "b": 4, "c": 5}}, both)  # the cloud wins where both have changed
    world.in_step(None, gone)


def test_what_changed_while_the_nucleus_was_killed_is_found(world):
    world.used = getattr(world, "used", -1) + 3
    kept, forgotten, deleted = NAMES[world.used - 2:world.used + 1]
    for shadow in (kept, forgotten, deleted):
        world.update({"reported": {"a": 1, "b": 1}}, shadow)
        world.in_step({"reported": {"a": 1, "b": 1}}, shadow)
    world.outage()
    world.update({"reported": {"b": None}}, kept)
    world.delete(deleted)
    world.device.kill()
    world.outage_ends()
    world.cloud.change(THING, {"reported": {"a": 2}}, kept, tell=False)
    world.cloud.forget(THING, forgotten, tell=False)
    world.device.start()
    world.in_step({"reported": {"a": 2}}, kept)  # the key that was deleted here does not come back
    world.in_step(None, forgotten)
    world.in_step(None, deleted)


def test_what_is_not_configured_stays_on_its_side(world, name):
    world.update({"reported": {"a": 1}}, "private")
    world.cloud.change(THING, {"reported": {"a": 1}}, "elsewhere")
    world.update({"reported": {"a": 1}}, name)
    world.in_step({"reported": {"a": 1}}, name)  # a whole round later
    assert world.cloud.state(THING, "private") is None and world.state("elsewhere") is None


def test_the_configuration_of_the_synchronisation_is_live(world, name):
    world.update({"reported": {"a": 1}}, "late")
    world.configure(synchronize={"coreThing": {"namedShadows": [*NAMES, "late"]}})
    world.in_step({"reported": {"a": 1}}, "late")


def test_one_direction_leaves_the_other_alone(world, name):
    world.update({"reported": {"a": 1}}, name)
    world.in_step({"reported": {"a": 1}}, name)
    world.configure(synchronize={"direction": "deviceToCloud"})
    world.cloud.change(THING, {"reported": {"a": 7, "cloud": 1}}, name)
    world.update({"reported": {"a": 2}}, name)
    world.in_step({"reported": {"a": 2}}, name)  # the cloud has become what the device has
    world.configure(synchronize={"direction": "cloudToDevice"})
    world.update({"reported": {"device": 1}}, name)
    world.cloud.change(THING, {"reported": {"a": 8}}, name)
    world.in_step({"reported": {"a": 8}}, name)
    world.configure(synchronize={"direction": "betweenDeviceAndCloud"})


def test_a_periodic_strategy_waits_for_its_turn(world, name):
    world.update({"reported": {"a": 1}}, name)
    world.in_step({"reported": {"a": 1}}, name)
    world.configure(strategy={"type": "periodic", "delay": 2})
    before = world.cloud.count("update", THING, name)
    with world.ipc() as ipc:
        for n in range(2, 12):
            world.update({"reported": {"a": n}}, name, ipc=ipc)
    world.in_step({"reported": {"a": 11}}, name)
    assert world.cloud.count("update", THING, name) - before < 10  # not one for each
    world.configure(strategy={"type": "realTime"})
