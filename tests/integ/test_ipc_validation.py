"""SubscribeToValidateConfigurationUpdates and SendConfigurationValidityReport (ipc-operations.md 5.5, 5.6; deployment.md 14):
connections as components of a real nucleus, local deployments."""

import pytest

from support.device import ENDED, Device, temporary_device
from support.fixtures import connection_of
from support.ipc_client import IpcError

FOREVER = "exec sleep 100000"
NEVER = "Validation request either timed out or was never made"
REPORT = "SendConfigurationValidityReport"


class Judged(Device):
    """Components "a" and "b", each with a number in its configuration."""

    def set(self, wait=True, version="1.0.0", **numbers):
        update = {name: {"MERGE": value if isinstance(value, dict) else {"n": value}} for name, value in numbers.items()}
        deployment = self.create(*(f"{name}={version}" for name in numbers), update=update)
        return self.wait(deployment) if wait else deployment

    def configuration(self, name):
        return self.details(name)["configuration"]

    def untouched(self, deployment):
        return self.status(deployment)["status"] not in ENDED


@pytest.fixture(scope="module")
def device(bin_dir):
    with temporary_device(bin_dir, kind=Judged) as device:
        for name in ("a", "b"):
            for version in ("1.0.0", "1.1.0"):
                device.recipe(name, version, FOREVER, configuration={"n": 0, "list": [1, {"x": 2}], "_secret": 1, "inner": {"_p": 1, "q": None}})
        device.deploy_ok("a=1.0.0", "b=1.0.0")
        yield device


a = connection_of("a")
b = connection_of("b")


def validate(ipc):
    return ipc.subscribe("SubscribeToValidateConfigurationUpdates")


def asked(events):
    """(deployment id, configuration) of the question that comes next."""
    event = events.next()
    assert list(event) == ["validateConfigurationUpdateEvent"]
    assert set(event["validateConfigurationUpdateEvent"]) == {"configuration", "deploymentId"}
    return event["validateConfigurationUpdateEvent"]["deploymentId"], event["validateConfigurationUpdateEvent"]["configuration"]


def report(ipc, deployment, status="ACCEPTED", **more):
    return ipc.call(REPORT, configurationValidityReport={"status": status, "deploymentId": deployment, **more})


def failed(status, *words):
    assert status["status"] == "FAILED"
    details = status["deploymentStatusDetails"]
    assert details["detailedDeploymentStatus"] == "FAILED_NO_STATE_CHANGE"
    assert "COMPONENT_CONFIGURATION_NOT_VALID" in details["deploymentErrorStack"]
    for word in words:
        assert word in details["deploymentFailureCause"]


def test_the_complete_new_configuration_is_asked_about_before_it_changes(device, a):
    events, before = validate(a), device.configuration("a")
    deployment = device.set(wait=False, a={"n": 10, "new": {"k": [1]}})
    question, configuration = asked(events)
    assert configuration == {"n": 10, "list": [1, {"x": 2}], "inner": {"q": None}, "new": {"k": [1]}}
    assert device.configuration("a") == before and device.untouched(deployment)
    assert report(a, question) == {}
    assert device.wait(deployment)["status"] == "SUCCEEDED"
    assert device.configuration("a") == configuration


def test_a_rejection_fails_the_deployment_with_component_and_message_and_changes_nothing(device, a, b):
    events, others, before = validate(a), validate(b), device.components()
    deployment = device.set(wait=False, a=20, b=20)
    report(a, asked(events)[0], "REJECTED", message="n must be below 20")
    assert device.untouched(deployment), "the other one is still asked"
    report(b, asked(others)[0], "REJECTED")
    failed(device.wait(deployment), "Component a rejects", "n must be below 20", "Component b rejects")
    assert device.components() == before


def test_one_rejection_among_acceptances_fails_the_deployment(device, a, b):
    events, others = validate(a), validate(b)
    deployment = device.set(wait=False, a=30, b=30)
    report(b, asked(others)[0])
    report(a, asked(events)[0], "REJECTED", message="not now")
    failed(device.wait(deployment), "Component a rejects its new configuration: not now")


def test_only_components_whose_configuration_changes_are_asked(device, a, b):
    events, others = validate(a), validate(b)
    same = device.configuration("b")["n"]
    deployment = device.set(wait=False, a=40, b=same)
    report(a, asked(events)[0])
    assert device.wait(deployment)["status"] == "SUCCEEDED"
    assert others.so_far() == []


def test_components_without_a_validator_are_not_waited_for(device, a):
    events = validate(a)
    deployment = device.set(wait=False, a=50, b=50)
    report(a, asked(events)[0])
    assert device.wait(deployment)["status"] == "SUCCEEDED"
    assert device.configuration("b")["n"] == 50


def test_the_newest_open_stream_is_the_validator(device, a):
    old, new = validate(a), validate(a)
    deployment = device.set(wait=False, a=60)
    question, _ = asked(new)
    assert old.so_far() == []
    new.close()  # with the question open: it goes to the one that is left
    assert asked(old)[0] == question
    with device.ipc("a") as other:
        assert asked(validate(other))[0] == question
        report(other, question)
    assert device.wait(deployment)["status"] == "SUCCEEDED"
    assert old.so_far() == []


def test_without_an_open_stream_nobody_is_asked(device, a):
    events = validate(a)
    events.close()
    assert device.set(a=70)["status"] == "SUCCEEDED"
    assert device.configuration("a")["n"] == 70


def test_a_report_is_checked_in_this_order(device, a):
    events = validate(a)
    a.fails("ServiceError", "configurationValidityReport is missing", REPORT)
    missing = "Cannot accept configuration validity report, the deployment ID provided was null"
    a.fails("InvalidArgumentsError", missing, REPORT, configurationValidityReport={"status": "MAYBE"})
    a.fails("InvalidArgumentsError", NEVER, REPORT, configurationValidityReport={"status": "ACCEPTED", "deploymentId": "x"})
    deployment = device.set(wait=False, a=80)
    question, _ = asked(events)
    a.fails("InvalidArgumentsError", NEVER, REPORT, configurationValidityReport={"status": "ACCEPTED", "deploymentId": "x"})
    for status in ({}, {"status": "MAYBE"}):
        with pytest.raises(IpcError, match="InvalidArgumentsError: status must be"):
            a.call(REPORT, configurationValidityReport={"deploymentId": question, **status})
    with device.ipc("b") as stranger:
        stranger.fails("InvalidArgumentsError", NEVER, REPORT, configurationValidityReport={"status": "ACCEPTED", "deploymentId": question})
    report(a, question)
    a.fails("InvalidArgumentsError", NEVER, REPORT, configurationValidityReport={"status": "REJECTED", "deploymentId": question})
    assert device.wait(deployment)["status"] == "SUCCEEDED"


def test_what_the_component_wrote_later_than_the_deployment_was_made_stays_and_is_no_question(device, a):
    events = validate(a)
    a.call("UpdateConfiguration", timestamp=4e9, valueToMerge={"n": 90})
    assert device.set(a=91)["status"] == "SUCCEEDED"
    assert events.so_far() == []
    assert device.configuration("a")["n"] == 90
    deployment = device.set(wait=False, a={"n": 92, "m": 1})
    question, configuration = asked(events)
    assert (configuration["n"], configuration["m"]) == (90, 1)
    report(a, question)
    assert device.wait(deployment)["status"] == "SUCCEEDED"


def test_a_deployment_can_be_cancelled_while_components_judge_it(device, a):
    events = validate(a)
    deployment = device.set(wait=False, a={"k": "cancelled"})
    question, _ = asked(events)
    device.sedge("deployment", "cancel", "-i", deployment)
    assert device.wait(deployment)["status"] == "CANCELED"
    assert "k" not in device.configuration("a")
    a.fails("InvalidArgumentsError", NEVER, REPORT, configurationValidityReport={"status": "ACCEPTED", "deploymentId": question})


def test_a_component_whose_version_changes_is_not_asked(device, a):
    events = validate(a)
    deployment = device.set(wait=False, version="1.1.0", a={"k": "other version"})
    assert device.wait(deployment)["status"] == "SUCCEEDED"
    assert device.configuration("a")["k"] == "other version"
    assert events.so_far() == []
