"""Components are asked before a deployment of the cloud changes anything, and told after it (ipc-operations.md 6.2, 6.3; deployment.md 13)."""
import json
import os

import pytest

from local import wait_until
from support.fleet import Fleet
from support.folder import temporary_folder
from support.ipc_client import IpcError

FOREVER = "exec sleep 100000"
GROUP = "updates"
EAR, EYE, TARGET, SLOW = "com.x.Ear", "com.x.Eye", "com.x.Target", "com.x.Slow"


class Updates:
    """One device in one group; each deployment changes a number in the configuration of TARGET."""

    def __init__(self, fleet):
        self.fleet, self.revision, self.number = fleet, 0, 0
        for name in (EAR, EYE, TARGET):
            fleet.publish(name, "1.0.0", FOREVER, configuration={"n": 0})
        fleet.publish(TARGET, "1.1.0", {"startup": "exit 3"})
        fleet.publish(SLOW, "1.0.0", {"startup": "until [ -e gate ]; do sleep 0.05; done"})
        self.device = fleet.device("updates-1")
        fleet.join(GROUP, self.device)
        self.deploy(action="SKIP_NOTIFY_COMPONENTS")
        self.ends("SUCCEEDED")

    def deploy(self, target="1.0.0", merge=None, more=None, judge_s=1000, **policy):
        self.number += 1
        self.revision += 1
        update = {"merge": json.dumps(merge or {"n": self.number})}
        components = {EAR: "1.0.0", EYE: "1.0.0", TARGET: {"componentVersion": target, "configurationUpdate": update}, **(more or {})}
        self.fleet.deploy(GROUP, components, componentUpdatePolicy=policy,
                          configurationValidationPolicy={"timeoutInSeconds": judge_s})

    def ends(self, status, revision=None):
        return self.fleet.wait(GROUP, self.device, status, revision or self.revision)

    def configuration(self, name=TARGET):
        return self.device.details(name)["configuration"]


@pytest.fixture(scope="module")
def updates(site, bin_dir):
    with temporary_folder() as folder:
        fleet = Fleet(site, folder, bin_dir)
        try:
            yield Updates(fleet)
        finally:
            fleet.stop()


@pytest.fixture
def ear(updates):
    with updates.device.ipc(EAR) as ipc:
        yield ipc


@pytest.fixture
def eye(updates):
    with updates.device.ipc(EYE) as ipc:
        yield ipc


def listen(ipc):
    return ipc.subscribe("SubscribeToComponentUpdates")


def told(events, restarting=False):
    """The id of the deployment in the pre-update event that comes next."""
    event = events.next()
    assert list(event) == ["preUpdateEvent"], event
    assert event["preUpdateEvent"]["isGgcRestarting"] is restarting
    assert set(event["preUpdateEvent"]) == {"deploymentId", "isGgcRestarting"}
    return event["preUpdateEvent"]["deploymentId"]


def answer(ipc, deployment, ms=0, **more):
    assert ipc.call("DeferComponentUpdate", deploymentId=deployment, recheckAfterMs=ms, **more) == {}


LATE = "Time limit to respond to PreComponentUpdateEvent exceeded"


def test_every_stream_is_told_before_and_after_and_nothing_changes_before_all_have_answered(updates, ear, eye):
    streams = [listen(ear), listen(ear), listen(eye)]
    before = updates.configuration()
    updates.deploy(timeoutInSeconds=1000)
    ids = {told(events) for events in streams}
    assert len(ids) == 1
    deployment = ids.pop()
    answer(ear, deployment)
    assert updates.configuration() == before
    assert streams[2].so_far() == []
    answer(eye, deployment)
    updates.ends("SUCCEEDED")
    assert updates.configuration() == {"n": updates.number}
    for events in streams:
        assert events.next() == {"postUpdateEvent": {"deploymentId": deployment}}
        assert events.so_far() == []


def test_after_the_longest_pause_all_are_asked_again_as_often_as_one_asks_for_it(updates, ear, eye):
    ears, eyes = listen(ear), listen(eye)
    updates.deploy(timeoutInSeconds=1000)
    deployment = told(ears)
    for pause, other in ((1, 300), (200, 0), (1, 1)):
        assert told(eyes) == deployment
        answer(ear, deployment, pause, message="the door is open")
        answer(eye, deployment, other)
        assert told(ears) == deployment
    answer(ear, told(eyes))
    assert updates.configuration() != {"n": updates.number}
    answer(eye, deployment)
    updates.ends("SUCCEEDED")
    log = updates.device.log()
    assert f"component={EAR} pauseMs=200 the door is open" in log


def test_the_cloud_reads_who_defers_and_why(updates, ear):
    ears = listen(ear)
    updates.deploy(timeoutInSeconds=1000)
    deployment = told(ears)
    answer(ear, deployment, 10**9, message="a customer is served")
    wait_until(lambda: "a customer is served" in json.dumps(updates.fleet.row(GROUP, updates.device, updates.revision)), 20,
               "the cloud to know")
    updates.deploy(action="SKIP_NOTIFY_COMPONENTS")
    assert ears.next() == {"postUpdateEvent": {"deploymentId": deployment}}


def test_no_answer_in_time_is_a_consent_and_a_late_answer_is_refused(updates, ear):
    ears = listen(ear)
    updates.deploy(timeoutInSeconds=1)
    deployment = told(ears)
    updates.ends("SUCCEEDED")
    assert ears.next() == {"postUpdateEvent": {"deploymentId": deployment}}
    ear.fails("ServiceError", LATE, "DeferComponentUpdate", deploymentId=deployment, recheckAfterMs=1000)


def test_an_answer_counts_once_and_only_from_a_subscriber_about_this_deployment(updates, ear, eye):
    ear.fails("InvalidArgumentsError", "Component is not subscribed to component update events", "DeferComponentUpdate")
    ears, eyes = listen(ear), listen(eye)
    ear.fails("InvalidArgumentsError", "Cannot defer the update, the deployment ID provided was null", "DeferComponentUpdate", recheckAfterMs=1)
    ear.fails("ServiceError", LATE, "DeferComponentUpdate", deploymentId="nothing pends", recheckAfterMs=1)
    updates.deploy(timeoutInSeconds=1000)
    deployment = told(ears)
    told(eyes)
    ear.fails("ServiceError", LATE, "DeferComponentUpdate", deploymentId=deployment + "x", recheckAfterMs=1)
    answer(ear, deployment)
    ear.fails("ServiceError", LATE, "DeferComponentUpdate", deploymentId=deployment, recheckAfterMs=1)
    eyes.close()
    eye.fails("InvalidArgumentsError", "Component is not subscribed to component update events", "DeferComponentUpdate", deploymentId=deployment)
    listen(eye)
    answer(eye, deployment, -5)
    updates.ends("SUCCEEDED")


def test_an_answer_without_a_time_means_go_ahead(updates, ear):
    ears = listen(ear)
    updates.deploy(timeoutInSeconds=1000)
    assert ear.call("DeferComponentUpdate", deploymentId=told(ears)) == {}
    updates.ends("SUCCEEDED")


def test_a_stream_that_opens_while_components_are_asked_is_told_unless_its_component_has_answered(updates, ear, eye):
    ears = listen(ear)
    updates.deploy(timeoutInSeconds=1000)
    deployment = told(ears)
    again = listen(ear)
    assert told(again) == deployment
    eyes = listen(eye)
    assert told(eyes) == deployment
    answer(ear, deployment)
    assert listen(ear).so_far() == []
    answer(eye, deployment)
    updates.ends("SUCCEEDED")


def test_with_skip_nobody_is_told(updates, ear):
    ears = listen(ear)
    updates.deploy(action="SKIP_NOTIFY_COMPONENTS", timeoutInSeconds=1000)
    updates.ends("SUCCEEDED")
    assert ears.so_far() == []


def test_a_local_deployment_tells_nobody(updates, ear):
    ears = listen(ear)
    updates.device.recipe("com.x.Local", "1.0.0", FOREVER)
    updates.device.deploy_ok("com.x.Local=1.0.0")
    updates.device.deploy_ok(remove=["com.x.Local"])
    assert ears.so_far() == []


def test_a_failed_update_is_over_too(updates, ear):
    ears = listen(ear)
    updates.deploy("1.1.0", timeoutInSeconds=1000)
    deployment = told(ears)
    answer(ear, deployment)
    assert updates.ends("FAILED")
    assert ears.next() == {"postUpdateEvent": {"deploymentId": deployment}}


def test_a_deployment_that_is_superseded_while_it_waits_is_over_and_the_next_one_asks(updates, ear):
    ears = listen(ear)
    updates.deploy(timeoutInSeconds=1000)
    first = told(ears)
    answer(ear, first, 10**9)
    updates.deploy(timeoutInSeconds=1000)
    assert ears.next() == {"postUpdateEvent": {"deploymentId": first}}
    second = told(ears)
    assert second != first
    answer(ear, second)
    updates.ends("SUCCEEDED")
    assert updates.configuration() == {"n": updates.number}


def test_a_deployment_that_is_cancelled_while_it_asks_is_over_and_changes_nothing(updates, ear):
    ears = listen(ear)
    before = updates.configuration()
    updates.deploy(timeoutInSeconds=1000)
    deployment = told(ears)
    updates.fleet.site.cloud("deploy", "cancel", f"group:{GROUP}", "--force")
    assert ears.next() == {"postUpdateEvent": {"deploymentId": deployment}}
    assert updates.configuration() == before
    ear.fails("ServiceError", LATE, "DeferComponentUpdate", deploymentId=deployment)


def test_what_components_write_while_a_deployment_waits_is_kept(updates, ear):
    ears = listen(ear)
    updates.deploy(timeoutInSeconds=1000, more={EAR: {"componentVersion": "1.0.0", "configurationUpdate": {"merge": json.dumps({"given": 1})}}})
    deployment = told(ears)
    ear.call("UpdateConfiguration", timestamp=0, valueToMerge={"counted": 7})
    answer(ear, deployment)
    updates.ends("SUCCEEDED")
    assert updates.configuration(EAR) == {"n": 0, "given": 1, "counted": 7}


def test_the_new_configuration_is_judged_after_all_have_agreed_to_the_update(updates, ear):
    with updates.device.ipc(TARGET) as target:
        ears, questions = listen(ear), target.subscribe("SubscribeToValidateConfigurationUpdates")
        updates.deploy(timeoutInSeconds=1000)
        deployment = told(ears)
        assert questions.so_far() == []
        answer(ear, deployment)
        question = questions.next()["validateConfigurationUpdateEvent"]
        assert question["configuration"] == {"n": updates.number}
        assert ears.so_far() == []
        target.call("SendConfigurationValidityReport", configurationValidityReport={
            "status": "REJECTED", "deploymentId": question["deploymentId"], "message": "odd numbers only"})
        updates.ends("FAILED")
        assert ears.next() == {"postUpdateEvent": {"deploymentId": deployment}}
    shown = updates.fleet.show(GROUP, updates.revision)
    for words in ("FAILED_NO_STATE_CHANGE", f"Component {TARGET} rejects", "odd numbers only"):
        assert words in shown
    assert updates.configuration() != {"n": updates.number}


def test_a_validator_that_does_not_answer_in_time_fails_the_deployment(updates):
    with updates.device.ipc(TARGET) as target:
        questions = target.subscribe("SubscribeToValidateConfigurationUpdates")
        updates.deploy(judge_s=1, action="SKIP_NOTIFY_COMPONENTS")
        question = questions.next()["validateConfigurationUpdateEvent"]
        updates.ends("FAILED")
        target.fails("InvalidArgumentsError", "Validation request either timed out or was never made", "SendConfigurationValidityReport",
                     configurationValidityReport={"status": "ACCEPTED", "deploymentId": question["deploymentId"]})
    shown = updates.fleet.show(GROUP, updates.revision)
    assert "FAILED_NO_STATE_CHANGE" in shown and "No answer within 1 s" in shown and TARGET in shown
    assert updates.configuration() != {"n": updates.number}


@pytest.mark.parametrize("end, times", [("kill", 6), ("stop", 1)])
def test_after_a_start_of_the_nucleus_the_same_components_are_asked_again(updates, end, times):
    device = updates.device
    with device.ipc(EAR) as ear:
        ears, before = listen(ear), device.log().count("phase=WAITING")
        updates.deploy(timeoutInSeconds=1000)
        deployment = told(ears)
        answer(ear, deployment, 10**9)
        device.wait_log("greengrass", "phase=WAITING", count=before + 1)
        for _ in range(times):
            before = device.log().count("phase=NOTIFYING")
            getattr(device, end)()
            device.start()
            device.wait_log("greengrass", "phase=NOTIFYING", count=before + 1)  # it waits for the component to listen again
    assert updates.configuration() != {"n": updates.number}
    with device.ipc(EAR) as ear:
        ears = listen(ear)
        assert told(ears) == deployment
        answer(ear, deployment)
        updates.ends("SUCCEEDED")
        assert ears.next() == {"postUpdateEvent": {"deploymentId": deployment}}


def test_it_is_told_that_the_nucleus_restarts_and_when_that_is_over(updates):
    device = updates.device
    gate = os.path.join(device.root, "work", SLOW, "gate")
    with device.ipc(EAR) as ear:
        ears = listen(ear)
        merge = json.dumps({"runWithDefault": {"posixShell": "bash"}})
        updates.deploy(timeoutInSeconds=1000, more={SLOW: "1.0.0", "aws.greengrass.Nucleus": {
            "componentVersion": "2.17.0", "configurationUpdate": {"merge": merge}}})
        deployment = told(ears, restarting=True)
        answer(ear, deployment)
        with pytest.raises(IpcError, match="closed"):
            ears.next()
    wait_until(device.answers, 20, "the nucleus to be back")
    with device.ipc(EAR) as ear:
        ears = listen(ear)
        wait_until(lambda: os.path.isdir(os.path.dirname(gate)), 20, f"{SLOW} to start")
        with open(gate, "w", encoding="utf-8"):
            pass
        assert ears.next() == {"postUpdateEvent": {"deploymentId": deployment}}
    updates.ends("SUCCEEDED")


def test_the_command_line_is_no_component_that_could_listen(updates):
    with updates.device.cli_ipc() as ipc, pytest.raises(IpcError) as failure:
        listen(ipc)
    assert failure.value.code == "ResourceNotFoundError"
    assert failure.value.message == "Component with given name not found currently in Greengrass"
    assert failure.value.content["resourceType"] == "Component"
    assert failure.value.content["resourceName"].startswith("greengrass-cli#")
