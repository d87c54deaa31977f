"""Fleet status messages of the device."""

import json

import pytest
from mqtt_bench import DRIVER, broker, line, pki, start  # noqa: F401 (fixtures)

from local import wait_until
from support.database import rows

pytestmark = pytest.mark.skipif(not DRIVER.exists(), reason=f"{DRIVER} has not been built")
ARN = "arn:aws:greengrass:local:000000000000:configuration:thinggroup/cameras:7"


def entry(name, status="RUNNING", version="1.0.0"):
    return {"componentName": name, "version": version, "fleetConfigArns": [ARN], "isRoot": True, "status": status,
            "componentStatusDetails": None}


@pytest.fixture
def cloud(broker, start):
    c = start.cloud(broker)
    c.wait("connected")
    c.send("subscribe", filters=["$aws/things/cam-1/greengrassv2/health/json", "dt/cam-1/#"])
    c.wait("granted")
    return c


@pytest.fixture
def device(broker, line, start, tmp_path):
    return lambda **o: start(broker, port=line.port, db=str(tmp_path / "nucleus.db"), **o)


def message(cloud):
    return json.loads(cloud.wait("message")["payload"])


def launch(cloud, device, *components, **options):
    d = device(**options)
    d.send("components", list=list(components))
    d.wait("connected")
    d.send("settled")
    m = message(cloud)
    assert (m["trigger"], m["messageType"]) == ("NUCLEUS_LAUNCH", "COMPLETE")
    return d, m


def taken(cloud, d):
    """The broker has taken all that the device has sent so far, so that nothing comes twice after a cut."""
    d.send("publish", topic="dt/cam-1/fence", payload="", tag="fence")
    d.wait("done", tag="fence")
    cloud.wait("message", topic="dt/cam-1/fence")


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
    d, _ = launch(cloud, device, entry("old"), gapMs=60000)  # the change alone is not told before the end
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


def errored(name):
    return {**entry(name, "ERRORED"), "componentStatusDetails": {"statusCodes": ["RUN_ERROR"], "statusReason": "exit code 1"}}


INFO = {"status": "SUCCEEDED", "deploymentId": "d-1", "unchangedRootComponents": ["A", "B"]}


def test_during_a_deployment_only_an_errored_component_is_told_alone_and_the_rest_with_the_end(cloud, device):
    d, _ = launch(cloud, device, entry("A"), entry("B"), entry("C"))
    d.send("deploying", id="d")
    d.send("components", list=[entry("A"), entry("B", "BROKEN"), errored("C")])
    d.send("component", name="B", state="STARTING")
    d.send("component", name="B", state="BROKEN")
    cloud.quiet("message", 0.4)
    d.send("component", name="C", state="ERRORED")
    m = message(cloud)
    assert m["trigger"] == "COMPONENT_STATUS_CHANGE" and [c["componentName"] for c in m["components"]] == ["C"]
    assert m["components"][0]["componentStatusDetails"]["statusReason"] == "exit code 1"
    d.send("deployed", id="d", kind=0, info=INFO)
    m = message(cloud)
    assert m["trigger"] == "THING_GROUP_DEPLOYMENT" and [c["componentName"] for c in m["components"]] == ["B"]
    assert m["deploymentInformation"]["unchangedRootComponents"] == ["A"]  # B is in the message itself


def test_the_end_of_another_deployment_does_not_end_the_one_under_way(cloud, device):
    d, _ = launch(cloud, device, entry("A"), entry("B"))
    d.send("deploying", id="d")
    d.send("deployed", id="queued", kind=0, info={"deploymentId": "queued", "status": "CANCELED"})
    assert message(cloud)["deploymentInformation"]["deploymentId"] == "queued"
    d.send("component", name="A", state="FINISHED")
    cloud.quiet("message", 0.4)
    d.send("deployed", id="d", kind=1, info=INFO)
    assert message(cloud)["trigger"] == "THING_DEPLOYMENT"


def test_other_changes_wait_until_everything_is_at_rest(cloud, device):
    d, _ = launch(cloud, device, entry("A"), entry("B"))
    d.send("components", list=[entry("A", "STARTING"), entry("B", "FINISHED")])
    d.send("component", name="B", state="FINISHED")
    cloud.quiet("message", 0.4)
    d.send("components", list=[entry("A"), entry("B", "FINISHED")])
    d.send("component", name="A", state="RUNNING")
    m = message(cloud)
    assert m["trigger"] == "COMPONENT_STATUS_CHANGE" and [c["componentName"] for c in m["components"]] == ["A", "B"]


def test_an_error_is_told_at_once_together_with_what_was_collected(cloud, device):
    d, _ = launch(cloud, device, entry("A"), entry("B"), entry("C"))
    d.send("components", list=[entry("A", "STARTING"), errored("B"), entry("C", "FINISHED")])
    d.send("component", name="C", state="FINISHED")
    d.send("component", name="B", state="ERRORED")
    m = message(cloud)
    assert [(c["componentName"], c["status"]) for c in m["components"]] == [("B", "ERRORED"), ("C", "FINISHED")]


def test_a_change_keeps_its_distance_and_the_end_of_a_deployment_does_not(cloud, device):
    d = device(gapMs=60000)
    d.send("components", list=[entry("A"), entry("B")])
    d.wait("connected")
    d.send("settled")
    assert message(cloud)["trigger"] == "NUCLEUS_LAUNCH"
    d.send("component", name="B", state="BROKEN")
    cloud.quiet("message", 0.4)
    d.send("deployed", kind=2, info=INFO)
    m = message(cloud)
    assert m["trigger"] == "LOCAL_DEPLOYMENT" and [c["componentName"] for c in m["components"]] == ["B"]


def test_parts_of_the_nucleus_have_the_arns_of_the_whole_message(cloud, device):
    other = ARN.replace("cameras", "lamps")
    own = {**entry("DeploymentService"), "fleetConfigArns": None, "isRoot": False}
    _, m = launch(cloud, device, entry("A"), {**entry("B"), "fleetConfigArns": [ARN, other]}, own)
    assert m["components"][2]["fleetConfigArns"] == [ARN, other] and m["components"][2]["isRoot"] is False


def test_the_launch_message_is_sent_in_time_even_if_nothing_comes_to_rest(cloud, device):
    device(launchMs=500, components=[entry("A", "STARTING")])
    m = message(cloud)
    assert (m["trigger"], m["components"][0]["status"]) == ("NUCLEUS_LAUNCH", "STARTING")


def test_a_complete_message_comes_with_each_interval_and_at_once_when_a_new_one_is_over(cloud, device):
    d = device(cadenceS=1)
    d.send("components", list=[entry("A")])
    d.wait("connected")
    d.send("settled")
    numbers = [message(cloud) for _ in range(3)]
    assert [(m["trigger"], m["messageType"]) for m in numbers] == [("NUCLEUS_LAUNCH", "COMPLETE")] + 2 * [("CADENCE", "COMPLETE")]
    assert [m["sequenceNumber"] - numbers[0]["sequenceNumber"] for m in numbers] == [0, 1, 2]
    d.send("cadence", seconds=86400)
    d.send("publish", topic="dt/cam-1/fence", payload="", tag="")
    cloud.wait("message", topic="dt/cam-1/fence")  # those of the short interval came before it
    d.kill()
    d, _ = launch(cloud, device, entry("A"))
    cloud.quiet("message", 1.2)
    d.send("cadence", seconds=1)
    assert message(cloud)["trigger"] == "CADENCE"


def test_a_message_that_is_too_large_comes_in_chunks_with_one_number(cloud, device):
    names = [f"component-{i:04}-{'x' * 90}" for i in range(600)]
    d = device()
    d.send("components", list=[entry(n) for n in names])
    d.wait("connected")
    d.send("settled")
    first = message(cloud)
    chunks = [first] + [message(cloud) for _ in range(first["chunkInfo"]["totalChunks"] - 1)]
    assert [c["chunkInfo"]["chunkId"] for c in chunks] == list(range(1, len(chunks) + 1)) and len(chunks) > 1
    assert len({(c["sequenceNumber"], c["timestamp"]) for c in chunks}) == 1
    assert [c["componentName"] for m in chunks for c in m["components"]] == names
    assert all(len(json.dumps(c, separators=(",", ":"))) <= 128000 for c in chunks)


def test_a_removed_component_is_told_once_even_if_the_message_was_lost(line, cloud, device):
    d, _ = launch(cloud, device, entry("A"), entry("old"))
    taken(cloud, d)
    line.cut_all(refuse=True)
    d.wait("disconnected")
    d.send("components", list=[entry("A")])
    d.send("deployed", kind=2, info={"deploymentId": "local"})  # told by RECONNECT
    d.send("component", name="old", state="FINISHED")
    d.send("publish", topic="dt/cam-1/x", payload="", tag="heard")
    d.wait("refused", tag="heard")
    line.refuse = False
    m = message(cloud)
    assert m["trigger"] == "RECONNECT" and "deploymentInformation" not in m
    assert [(c["componentName"], c["status"]) for c in m["components"]] == [("old", "UNINSTALLED")]
    d.send("component", name="A", state="RUNNING")
    assert [c["componentName"] for c in message(cloud)["components"]] == ["A"]


def test_a_reconnect_without_changes_is_told_once_a_minute(line, cloud, device):
    d, _ = launch(cloud, device, entry("A"))
    for told in (True, False):
        taken(cloud, d)
        line.cut_all()
        d.wait("disconnected")
        d.wait("connected")
        if told:
            m = message(cloud)
            assert (m["trigger"], m["components"]) == ("RECONNECT", [])
        else:
            cloud.quiet("message", 0.8)


def test_deployments_that_ended_offline_are_told_after_a_kill(line, cloud, device, tmp_path):
    d, _ = launch(cloud, device, entry("A"))
    taken(cloud, d)
    line.cut_all(refuse=True)
    d.wait("disconnected")
    d.send("deployed", kind=2, info={"deploymentId": "local"})
    d.send("deployed", kind=0, info={"deploymentId": "d-8", "status": "FAILED"})
    wait_until(lambda: rows(tmp_path / "nucleus.db", "SELECT 1 FROM bridge_event"), 30, "the end to be on the disk")
    d.kill()
    line.refuse = False
    launch(cloud, device, entry("A"))
    m = message(cloud)
    assert m["trigger"] == "THING_GROUP_DEPLOYMENT" and m["deploymentInformation"]["deploymentId"] == "d-8"


def test_a_reconnect_tells_what_changed_meanwhile(line, cloud, device):
    d, _ = launch(cloud, device, entry("A"), entry("B"))
    taken(cloud, d)
    line.cut_all(refuse=True)
    d.wait("disconnected")
    d.send("components", list=[entry("A"), entry("B", "FINISHED")])
    d.send("component", name="B", state="FINISHED")
    d.send("publish", topic="dt/cam-1/x", payload="", tag="heard")
    d.wait("refused", tag="heard")
    line.refuse = False
    m = message(cloud)
    assert m["trigger"] == "RECONNECT" and [c["status"] for c in m["components"]] == ["FINISHED"]
