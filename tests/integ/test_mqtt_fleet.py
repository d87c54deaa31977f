"""Fleet status messages of the device."""

import json

import pytest
from mqtt_bench import DRIVER, broker, pki, start  # noqa: F401 (fixtures)

pytestmark = pytest.mark.skipif(not DRIVER.exists(), reason=f"{DRIVER} has not been built")
ARN = "arn:aws:greengrass:local:000000000000:configuration:thinggroup/cameras:7"


def entry(name, status="RUNNING", version="1.0.0"):
    return {"componentName": name, "version": version, "fleetConfigArns": [ARN], "isRoot": True, "status": status,
            "componentStatusDetails": None}


@pytest.fixture
def cloud(broker, start):
    c = start.cloud(broker)
    c.wait("connected")
    c.send("subscribe", filters=["$aws/things/cam-1/greengrassv2/health/json"])
    c.wait("granted")
    return c


@pytest.fixture
def device(broker, start, tmp_path):
    return lambda **o: start(broker, db=str(tmp_path / "nucleus.db"), **o)


def message(cloud):
    return json.loads(cloud.wait("message")["payload"])


def launch(cloud, device, *components):
    d = device()
    d.send("components", list=list(components))
    d.wait("connected")
    d.send("settled")
    m = message(cloud)
    assert (m["trigger"], m["messageType"]) == ("NUCLEUS_LAUNCH", "COMPLETE")
    return d, m


def test_the_launch_message_is_complete(cloud, device):
    _, m = launch(cloud, device, entry("A"), entry("B", "FINISHED"))
    assert [c["componentName"] for c in m["components"]] == ["A", "B"]
    assert (m["ggcVersion"], m["platform"], m["thing"]) == ("2.17.0", "linux", "cam-1")
    assert m["overallDeviceStatus"] == "HEALTHY" and m["sequenceNumber"] > 0 and m["timestamp"] > 1.6e12
    assert "chunkInfo" not in m and "deploymentInformation" not in m


def test_nothing_is_sent_before_the_components_have_settled(cloud, device):
    d = device()
    d.send("components", list=[entry("A", "STARTING")])
    d.wait("connected")
    d.send("component", name="A", state="BROKEN")
    cloud.quiet("message", 0.7)


def test_the_sequence_number_grows_over_restarts(cloud, device):
    d, first = launch(cloud, device, entry("A"))
    d.kill()
    d, second = launch(cloud, device, entry("A"))
    assert second["sequenceNumber"] > first["sequenceNumber"]


def test_a_broken_component_is_told_at_once_and_makes_the_device_unhealthy(cloud, device):
    d, _ = launch(cloud, device, entry("A"), entry("B"))
    d.send("components", list=[entry("A"), entry("B", "BROKEN")])
    d.send("component", name="B", state="BROKEN")
    m = message(cloud)
    assert (m["trigger"], m["messageType"], m["overallDeviceStatus"]) == ("COMPONENT_STATUS_CHANGE", "PARTIAL", "UNHEALTHY")
    assert [c["componentName"] for c in m["components"]] == ["B"]


def test_a_deployment_is_told_with_its_information_and_removed_components(cloud, device):
    d, _ = launch(cloud, device, entry("old"))
    d.send("components", list=[entry("new")])
    d.send("component", name="new", state="RUNNING")
    info = {"status": "SUCCEEDED", "deploymentId": "d-7", "fleetConfigurationArnForStatus": ARN,
            "statusDetails": {"detailedStatus": "SUCCESSFUL", "failureCause": "", "errorStack": [], "errorTypes": []},
            "unchangedRootComponents": []}
    d.send("deployed", kind=0, info=info)
    m = message(cloud)
    assert m["trigger"] == "THING_GROUP_DEPLOYMENT" and m["deploymentInformation"] == info
    assert [(c["componentName"], c["status"], c["version"]) for c in m["components"]] == \
        [("new", "RUNNING", "1.0.0"), ("old", "UNINSTALLED", "")]
    cloud.quiet("message", 0.4)


def test_deployments_that_ended_offline_are_told_after_a_kill(broker, cloud, device):
    d, _ = launch(cloud, device, entry("A"))
    broker.stop()
    d.wait("disconnected")
    d.send("deployed", kind=0, info={"deploymentId": "d-8", "status": "FAILED"})
    d.send("deployed", kind=2, info={"deploymentId": "local"})
    d.quiet("connected", 0.7)
    d.kill()
    cloud.wait("disconnected")
    broker.start()
    cloud.wait("granted")
    launch(cloud, device, entry("A"))
    m = message(cloud)
    assert m["trigger"] == "THING_GROUP_DEPLOYMENT" and m["deploymentInformation"]["deploymentId"] == "d-8"


def test_a_reconnect_tells_what_changed_meanwhile(broker, cloud, device):
    d, _ = launch(cloud, device, entry("A"), entry("B"))
    broker.stop()
    d.wait("disconnected")
    cloud.wait("disconnected")
    d.send("components", list=[entry("A"), entry("B", "FINISHED")])
    d.send("component", name="B", state="FINISHED")
    broker.start()
    cloud.wait("granted")
    m = message(cloud)
    assert m["trigger"] == "RECONNECT" and [c["status"] for c in m["components"]] == ["FINISHED"]
