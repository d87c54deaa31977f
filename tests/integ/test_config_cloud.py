"""What parameters do to the connection, the spool and what is told, with a real nucleus and broker."""
import base64
import json
import os
import socket
import ssl
import threading

import pytest

from local import wait_until
from support.connected import THING, connected_device
from support.ipc_client import IpcError
from support.tunnel_proxy import TunnelProxy

POLICY = {"aws.greengrass.ipc.mqttproxy": {"talker:1": {"operations": ["*"], "resources": ["*"]}}}


@pytest.fixture(scope="module")
def world(bin_dir, ca):
    with connected_device(bin_dir, ca, start=False) as world:
        mqtt = world.config["services"]["aws.greengrass.Nucleus"]["configuration"].pop("mqtt")
        mqtt["PORT"] = str(mqtt.pop("port"))  # neither the case of a key nor the type of a number matters
        world.config["services"]["aws.greengrass.Nucleus"]["configuration"]["Mqtt"] = mqtt
        world.start()
        world.launch = world.client.wait("greengrassv2/health/json")
        world.device.recipe("talker", "1.0.0", "exec sleep 100000", configuration={"accessControl": POLICY})
        world.device.recipe("broken", "1.0.0", {"run": "exit 1"})
        world.device.deploy_ok("talker=1.0.0")
        yield world


@pytest.fixture
def untouched(world):
    """Neither the nucleus nor its components are restarted by the test."""
    before = world.device.process.pid, world.device.pid("talker"), world.device.log().count("main: launch")
    yield
    assert (world.device.process.pid, world.device.pid("talker"), world.device.log().count("main: launch")) == before


def publish(world, payload, qos=1, topic=f"dt/{THING}/x"):
    with world.device.ipc("talker") as ipc:
        ipc.call("PublishToIoTCore", topicName=topic, qos=str(qos), payload=base64.b64encode(payload).decode())


def arrived(world):
    return [payload for topic, payload in list(world.client.seen) if topic == f"dt/{THING}/x"]


def test_the_launch_message_has_the_parts_of_the_nucleus(world):
    own = {c["componentName"]: c for c in world.launch["components"]}
    assert (world.launch["trigger"], world.launch["messageType"]) == ("NUCLEUS_LAUNCH", "COMPLETE")
    assert own["DeploymentService"] == {"componentName": "DeploymentService", "version": "0.0.0", "fleetConfigArns": [],
                                        "isRoot": False, "status": "RUNNING", "componentStatusDetails": None}


def test_only_a_component_that_does_not_work_has_details(world):
    world.device.wait(world.device.create("broken=1.0.0", policy="DO_NOTHING"))
    while "broken" not in (found := {c["componentName"]: c for c in world.client.wait("greengrassv2/health/json")["components"]}):
        pass
    assert found["broken"]["status"] in ("ERRORED", "BROKEN")
    assert found["broken"]["componentStatusDetails"]["statusCodes"] == ["RUN_ERROR"]
    world.device.deploy_ok("talker=1.0.0", remove=["broken"])
    while not [c for c in world.client.wait("greengrassv2/health/json")["components"]
               if (c["componentName"], c["version"], c["status"]) == ("broken", "", "UNINSTALLED")]:
        pass


@pytest.mark.parametrize("change", [{"mqtt": {"keepAliveTimeoutMs": 90000}}, {"iotDataEndpoint": "127.0.0.1"}], ids=str)
def test_a_change_of_the_connection_connects_anew_and_restarts_nothing(world, untouched, change):
    connected = world.device.log().count("mqtt-reconnected")
    world.configure(**change)
    world.device.wait_log("greengrass", "mqtt-reconnected", 30, connected + 1)
    publish(world, b"still there")
    wait_until(lambda: b"still there" in arrived(world), 20, "the message")


def test_the_bounds_of_the_spool_and_qos_0_count_at_once(world, untouched):
    world.outage()
    with pytest.raises(IpcError, match="Device is offline. Dropping QoS 0 message"):
        publish(world, b"zero", qos=0)
    world.configure(mqtt={"spooler": {"maxSizeInBytes": 400, "keepQos0WhenOffline": True}})
    publish(world, b"old zero" + bytes(60), qos=0)
    publish(world, b"first" + bytes(60))
    publish(world, b"second" + bytes(60))  # room is made by the one of QoS 0
    with pytest.raises(IpcError, match="Message spool is full"):
        publish(world, b"third" + bytes(60))
    with pytest.raises(IpcError, match="larger than the size of message spool"):
        publish(world, bytes(500))
    world.configure(mqtt={"maxMessageSizeInBytes": 100})
    with pytest.raises(IpcError, match="exceeds the configured limit of 100 bytes"):
        publish(world, bytes(101))
    world.outage_ends()
    wait_until(lambda: b"second" + bytes(60) in arrived(world), 30, "what was kept")
    assert [p.rstrip(b"\0") for p in arrived(world) if p.endswith(bytes(60))] == [b"first", b"second"]


def test_a_value_that_is_not_possible_fails_the_deployment_and_changes_nothing(world, untouched):
    for change, words in (({"mqtt": {"port": 70000}}, "mqtt.port: 70000 is outside 1..65535"),
                          ({"mqtt": {"keepAliveTimeoutMs": 10000}}, "must be above mqtt.pingTimeoutMs"),
                          ({"networkProxy": {"proxy": {"url": "gopher://p"}}}, "networkProxy.proxy.url")):
        text, _ = world.device.deploy_failing("aws.greengrass.Nucleus=2.17.0", update={"aws.greengrass.Nucleus": {"MERGE": change}})
        assert words in text


def test_port_443_is_asked_for_with_the_protocol_of_aws(bin_dir, ca):
    cert, key = ca.server("localhost", "127.0.0.1")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    context.set_alpn_protocols(["x-amzn-mqtt-ca"])
    chosen = []
    with socket.create_server(("127.0.0.1", 0)) as server, TunnelProxy("http") as proxy:
        def serve():
            client = context.wrap_socket(server.accept()[0], server_side=True)
            chosen.append(client.selected_alpn_protocol())
            client.close()
        threading.Thread(target=serve, daemon=True).start()
        proxy.ports = {443: server.getsockname()[1]}
        settings = {"mqtt": {"port": 443}, "networkProxy": {"proxy": {"url": proxy.url}}}
        with connected_device(bin_dir, ca, configuration=settings, start=False) as world:
            world.device.start("--init-config", world.device.write("config.yaml", json.dumps(world.config)))
            wait_until(lambda: chosen, 30, "the connection")
    assert chosen == ["x-amzn-mqtt-ca"] and proxy.targets[0] == "localhost:443"


def test_the_effective_configuration_is_written_at_the_end_too(world):
    world.configure(logging={"level": "DEBUG"})
    assert "DEBUG" not in world.effective()
    world.device.stop()
    assert "DEBUG" in world.effective()
    assert os.stat(os.path.join(world.device.root, "config", "effectiveConfig.yaml")).st_mode & 0o777 == 0o600
