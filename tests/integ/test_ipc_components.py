"""UpdateState, GetComponentDetails, ListComponents, RestartComponent, StopComponent as they are on the wire (ipc-operations.md 6.1,
7.1 to 7.4). What they do to components is in test_lifecycle_reports.py and test_lifecycle_requests.py."""
import pytest

from support.fixtures import connection_of
from support.lifecycle import FOREVER, watched_device

STATES = ("NEW", "INSTALLED", "STARTING", "RUNNING", "STOPPING", "ERRORED", "BROKEN", "FINISHED")
OPERATIONS = ("GetComponentDetails", "RestartComponent", "StopComponent")
POLICY = {"aws.greengrass.Cli": {"p": {"operations": [f"aws.greengrass#{o}" for o in OPERATIONS], "resources": ["com.x.App", "gone"]}}}


@pytest.fixture(scope="module")
def device(bin_dir):
    with watched_device(bin_dir) as device:
        device.recipe("com.x.App", "1.2.3", FOREVER, configuration={"n": 1, "_p": 2, "o": {"_q": 1, "l": [1]}})
        device.recipe("com.x.Boss", "1.0.0", FOREVER, configuration={"accessControl": POLICY})
        device.recipe("com.x.Broken", "1.0.0", {"startup": "exit 1"})
        device.recipe("com.x.Waits", "1.0.0", FOREVER, depends={"com.x.Broken": "1.0.0"})
        device.deploy("com.x.App=1.2.3", "com.x.Boss=1.0.0", "com.x.Waits=1.0.0")
        device.wait_state("com.x.Broken", "BROKEN")
        for name in ("com.x.App", "com.x.Boss"):  # what is broken ends the deployment, whether they are up or not
            device.wait_state(name, "RUNNING")
        yield device


boss = connection_of("com.x.Boss")


def test_a_caller_that_is_no_component_cannot_report_a_state_whatever_it_says(cli):
    for request in ({}, {"state": "RUNNING"}, {"state": "SLEEPING"}):
        error = cli.fails("ResourceNotFoundError", "Component with given name not found", "UpdateState", **request)
        assert error.content["resourceType"] == "Component"
        assert error.content["resourceName"].startswith("greengrass-cli#")


def test_a_report_without_a_known_state_is_refused(boss):
    for request in ({}, {"state": None}, {"state": "running"}, {"state": "FINISHED"}):
        boss.fails("ServiceError", None, "UpdateState", **request)
    assert boss.call("UpdateState", state="RUNNING") == {}


def test_details_have_name_version_state_and_the_whole_configuration(cli):
    answer = cli.call("GetComponentDetails", componentName="com.x.App")
    details = answer["componentDetails"]
    assert list(answer) == ["componentDetails"]
    assert {k: details[k] for k in ("componentName", "version", "state", "configuration")} == {
        "componentName": "com.x.App", "version": "1.2.3", "state": "RUNNING", "configuration": {"n": 1, "o": {"l": [1]}}}


def test_all_components_are_listed_with_configuration_and_without_main(cli):
    components = cli.call("ListComponents")["components"]
    names = [c["componentName"] for c in components]
    assert {"com.x.App", "com.x.Boss", "com.x.Broken", "com.x.Waits", "aws.greengrass.Nucleus"} <= set(names) and "main" not in names
    assert names.index("com.x.Broken") < names.index("com.x.Waits")
    app = components[names.index("com.x.App")]
    assert app == {"componentName": "com.x.App", "version": "1.2.3", "state": "RUNNING", "configuration": {"n": 1, "o": {"l": [1]}}}
    assert all(c["state"] in STATES for c in components)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_without_a_name_the_arguments_are_invalid_before_the_policy_is_asked(boss, operation):
    for request in ({}, {"componentName": ""}, {"componentName": None}):
        boss.fails("InvalidArgumentsError", "Component name cannot be empty", operation, **request)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_the_policy_is_asked_before_the_component_is_looked_for(boss, operation):
    for name in ("com.x.Broken", "nowhere"):
        boss.fails("UnauthorizedError", "Principal com.x.Boss is not authorized to perform aws.greengrass.Cli:"
                   f"aws.greengrass#{operation} on resource {name}", operation, componentName=name)
    boss.fails("UnauthorizedError", None, "ListComponents")


@pytest.mark.parametrize("operation, code", [("GetComponentDetails", "ResourceNotFoundError"), ("RestartComponent", "ComponentNotFoundError"),
                                             ("StopComponent", "ComponentNotFoundError")])
def test_an_unknown_component_is_not_found(boss, cli, operation, code):
    for ipc in (boss, cli):
        ipc.fails(code, "Component with name gone not found in Greengrass", operation, componentName="gone")


def test_a_policy_lets_a_component_stop_and_restart_another(device, boss):
    with device.then("com.x.App", "STOPPING FINISHED"):
        assert boss.call("StopComponent", componentName="com.x.App") == {"stopStatus": "SUCCEEDED"}
    assert boss.call("StopComponent", componentName="com.x.App") == {"stopStatus": "SUCCEEDED"}, "once more"
    with device.then("com.x.App", "INSTALLED STARTING RUNNING"):
        assert boss.call("RestartComponent", componentName="com.x.App") == {"restartStatus": "SUCCEEDED"}
    with device.then("com.x.App", "STOPPING INSTALLED STARTING RUNNING"):
        assert boss.call("RestartComponent", componentName="com.x.App") == {"restartStatus": "SUCCEEDED"}


def test_a_restart_of_a_broken_component_succeeds_and_it_stays_broken(device, cli):
    with device.nothing_happens_to("com.x.Broken"):
        assert cli.call("RestartComponent", componentName="com.x.Broken") == {"restartStatus": "SUCCEEDED"}
        cli.call("ListComponents")


def test_what_is_being_removed_cannot_be_restarted(device, cli):
    device.recipe("com.x.Slow", "1.0.0", {"run": FOREVER, "shutdown": {"Timeout": 1000, "Script": "until [ -e gate ]; do sleep 0.05; done"}})
    device.deploy("com.x.Slow=1.0.0", remove=["com.x.Waits"])
    deployment = device.deploy(remove=["com.x.Slow"], wait=False)
    device.wait_state("com.x.Slow", "STOPPING")
    answer = cli.call("RestartComponent", componentName="com.x.Slow")
    assert answer["restartStatus"] == "FAILED" and answer["message"]
    assert cli.call("StopComponent", componentName="com.x.Slow") == {"stopStatus": "SUCCEEDED"}
    device.open_gate("com.x.Slow", "gate")
    assert device.wait(deployment)["status"] == "SUCCEEDED"


def test_a_part_of_the_nucleus_is_neither_stopped_nor_restarted(device, cli):
    before = device.state("DeploymentService")
    assert cli.call("RestartComponent", componentName="DeploymentService")["restartStatus"] == "FAILED"
    assert cli.call("StopComponent", componentName="DeploymentService")["stopStatus"] == "FAILED"
    assert device.state("DeploymentService") == before
