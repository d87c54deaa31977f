"""The message ladders of spec/cloud-protocol.md 15, the cloud's side: a plain MQTT client is the device."""
import pytest

from local.process import wait_until
from support.cloud import NS, Cloud
from support.folder import temporary_folder
from support.ladder import SHADOW, ladder_device
from support.mqtt_client import MqttClient

SUMMARY = {"jobId", "queuedAt", "lastUpdatedAt", "executionNumber", "versionNumber"}
EXECUTION = SUMMARY | {"status", "jobDocument"}
ARN = "arn:aws:greengrass:local:000000000000:configuration"


@pytest.fixture(scope="module")
def cloud(bin_dir):
    with temporary_folder() as folder:
        c = Cloud(folder, bin_dir)
        c.init()
        c.start_broker()
        c.start_service()
        yield c
        c.stop()


@pytest.fixture
def thing(cloud, request):
    """A thing of this test, alone in a group of the same name."""
    cloud.made = getattr(cloud, "made", 0) + 1
    name = f"cam-{cloud.made}"
    cloud.thing(name)
    cloud.run("group", "add-thing", name, name, "--create")
    return name


def deploy(cloud, target, version="1.0.0", **configuration):
    kind = "thing" if target.startswith("thing:") else "thinggroup"
    component = {"componentVersion": version}
    if configuration:
        component["configurationUpdate"] = configuration
    return cloud.json("deploy", "create", "--skip-resolve", "-f", cloud.document(
        {"x.one": component}, target=f"arn:aws:iot:r:a:{kind}/{target.split(':')[-1]}"))


def quiet(cloud, thing):
    """The service has told everything that it has to tell this thing, or that nobody is there."""
    wait_until(lambda: not cloud.query(f"SELECT 1 FROM dirty JOIN thing ON id=thing_id WHERE name='{thing}'"), 20, "quiet")


def offer(cloud, thing, *more, **configuration):
    """A deployment to the thing's group before the device comes: no notification of it is under way any more."""
    made = deploy(cloud, f"group:{thing}", *more, **configuration)
    quiet(cloud, thing)
    return made


def status(cloud, target):
    return cloud.json("deploy", "show", target, "--devices")["devices"][0]


# ---- 15.1 ----

def test_a_normal_group_deployment_is_eight_messages(cloud, thing):
    with ladder_device(cloud, thing) as d:
        assert set(d.ask("jobs/$next/ns/get", {})) == {"timestamp"}

        revision = deploy(cloud, f"group:{thing}")
        notify = d.expect("jobs/notify-ns")
        assert set(notify) == {"timestamp", "jobs"} and set(notify["jobs"]) == {"QUEUED"}
        queued = notify["jobs"]["QUEUED"]
        assert len(queued) == 1 and set(queued[0]) == SUMMARY
        job = queued[0]["jobId"]
        assert job == revision["jobId"]
        head = d.expect("jobs/notify-next-ns")
        assert set(head) == {"timestamp", "execution"} and set(head["execution"]) == EXECUTION
        document = head["execution"]["jobDocument"]
        assert document["configurationArn"] == f"{ARN}:thinggroup/{thing}:1"
        assert document["deploymentId"] == revision["deploymentId"]

        got = d.ask("jobs/$next/ns/get", {})
        assert set(got) == {"timestamp", "execution"} and set(got["execution"]) == EXECUTION | {"thingName"}
        assert (got["execution"]["jobId"], got["execution"]["status"], got["execution"]["versionNumber"]) == (job, "QUEUED", 1)
        assert got["execution"]["jobDocument"] == document

        assert set(d.update(job, "IN_PROGRESS")) == {"timestamp"}
        answer = d.update(job, "SUCCEEDED", statusDetails={"detailed-deployment-status": "SUCCESSFUL"}, clientToken="1f-7",
                          includeJobExecutionState=True)
        assert set(answer) == {"timestamp", "clientToken", "executionState"} and answer["clientToken"] == "1f-7"
        assert answer["executionState"] == {"status": "SUCCEEDED", "versionNumber": 3,
                                            "statusDetails": {"detailed-deployment-status": "SUCCESSFUL"}}
        over = d.expect("jobs/notify-ns")
        assert set(over) == {"timestamp", "jobs"} and over["jobs"] == {}
        assert set(d.expect("jobs/notify-next-ns")) == {"timestamp"}

        d.health(41, [{"componentName": "x.one", "version": "1.0.0", "fleetConfigArns": [document["configurationArn"]],
                       "componentStatusDetails": None, "isRoot": True, "status": "RUNNING"}],
                 deploymentInformation={"status": "SUCCEEDED", "deploymentId": revision["deploymentId"],
                                        "fleetConfigurationArnForStatus": document["configurationArn"],
                                        "statusDetails": None, "unchangedRootComponents": []})
        assert set(d.ask("jobs/$next/ns/get", {})) == {"timestamp"}
        assert len(d.client.seen) == 9  # the first answer, and the eight of the ladder
    wait_until(lambda: cloud.json("thing", "show", thing)["components"], 30, "the component")
    shown = cloud.json("deploy", "show", f"group:{thing}")
    assert (shown["state"], shown["outcome"], shown["counters"]) == ("ACTIVE", "OK", {"SUCCEEDED": 1})


# ---- 15.2 ----

def test_1_both_notifications_lost_the_next_poll_finds_the_job(cloud, thing):
    job = offer(cloud, thing)["jobId"]
    with ladder_device(cloud, thing) as d:
        assert d.get()["execution"]["jobId"] == job


def test_2_describing_any_number_of_times_changes_nothing(cloud, thing):
    job = offer(cloud, thing)["jobId"]
    with ladder_device(cloud, thing) as d:
        assert {d.get()["execution"]["versionNumber"] for _ in range(3)} == {1}
        assert d.get(job)["execution"]["status"] == "QUEUED"


def test_3_a_device_that_comes_back_finds_its_job_in_progress(cloud, thing):
    job = offer(cloud, thing)["jobId"]
    with ladder_device(cloud, thing) as d:
        d.get()
        d.update(job, "IN_PROGRESS")
    with ladder_device(cloud, thing) as d:
        execution = d.get()["execution"]
        assert (execution["jobId"], execution["status"], execution["versionNumber"]) == (job, "IN_PROGRESS", 2)
        assert 0 < execution["approximateSecondsBeforeTimedOut"] <= 3600


def test_5_a_repeated_terminal_update_is_accepted_again(cloud, thing):
    job = offer(cloud, thing)["jobId"]
    with ladder_device(cloud, thing) as d:
        d.get()
        d.update(job, "SUCCEEDED", clientToken="a")
        assert d.notified() == ({}, None)
        again = d.update(job, "SUCCEEDED", clientToken="a", includeJobExecutionState=True)
        assert again["executionState"]["versionNumber"] == 2 and again["clientToken"] == "a"
        d.silence()


def test_6_another_terminal_update_is_refused_with_the_state_that_stays(cloud, thing):
    job = offer(cloud, thing)["jobId"]
    with ladder_device(cloud, thing) as d:
        d.update(job, "SUCCEEDED")
        assert d.notified() == ({}, None)
        refused = d.update(job, "FAILED", "rejected", clientToken="b")
        assert set(refused) == {"code", "message", "clientToken", "timestamp", "executionState"}
        assert refused["code"] == "InvalidStateTransition"
        assert refused["executionState"] == {"status": "SUCCEEDED", "statusDetails": {}, "versionNumber": 2}
        d.silence()
    assert status(cloud, f"group:{thing}")["lateStatus"] == "FAILED"


def test_7_and_8_a_new_revision_takes_the_place_of_the_one_in_progress(cloud, thing):
    old = offer(cloud, thing)["jobId"]
    with ladder_device(cloud, thing) as d:
        d.get()
        d.update(old, "IN_PROGRESS")
        new = deploy(cloud, f"group:{thing}", "2.0.0")["jobId"]
        listed, head = d.notified()
        assert [j["jobId"] for j in listed["QUEUED"]] == [new] and head["jobId"] == new
        assert d.get(old)["execution"]["status"] == "CANCELED"
        refused = d.update(old, "SUCCEEDED", "rejected")
        assert (refused["code"], refused["executionState"]["status"]) == ("InvalidStateTransition", "CANCELED")
        assert d.get()["execution"]["jobId"] == new
        d.update(new, "SUCCEEDED")
        assert d.notified() == ({}, None)
        d.silence()


def test_9_a_rejected_revision_shows_its_reason(cloud, thing):
    job = offer(cloud, thing)["jobId"]
    with ladder_device(cloud, thing) as d:
        d.update(job, "REJECTED", statusDetails={"deployment-error-stack": "[\"DEPLOYMENT_REJECTED\",\"REJECTED_STALE_DEPLOYMENT\"]"})
        assert d.notified() == ({}, None)
    assert status(cloud, f"group:{thing}")["errorStack"] == ["DEPLOYMENT_REJECTED", "REJECTED_STALE_DEPLOYMENT"]


def test_10_the_same_revision_offered_again_has_another_number_and_a_later_time(cloud, thing):
    job = offer(cloud, thing)["jobId"]
    with ladder_device(cloud, thing) as d:
        first = d.get()["execution"]
        d.update(job, "FAILED")
        assert d.notified() == ({}, None)
        cloud.run("group", "rm-thing", thing, thing)
        cloud.run("group", "add-thing", thing, thing)
        listed, head = d.notified()
        again = listed["QUEUED"][0]
        assert again["jobId"] == head["jobId"] == job and again["executionNumber"] == 2
        assert again["queuedAt"] > first["queuedAt"]
        assert d.get(job, executionNumber=1)["execution"]["status"] == "FAILED"
        d.update(job, "SUCCEEDED")


def test_12_after_a_failed_one_the_next_is_offered(cloud, thing):
    first = offer(cloud, thing)["jobId"]
    cloud.run("group", "add-thing", f"{thing}-b", thing, "--create")
    second = deploy(cloud, f"group:{thing}-b")["jobId"]
    quiet(cloud, thing)
    with ladder_device(cloud, thing) as d:
        assert d.get()["execution"]["jobId"] == first
        d.update(first, "FAILED")
        listed, head = d.notified()
        assert [j["jobId"] for j in listed["QUEUED"]] == [second] and head["jobId"] == second


def test_13_a_document_of_31_kilobytes_is_delivered_as_it_is(cloud, thing):
    text = "x" * 30500
    offer(cloud, thing, merge='{"text":"%s","five":"5"}' % text)
    with ladder_device(cloud, thing) as d:
        merge = d.get()["execution"]["jobDocument"]["components"]["x.one"]["configurationUpdate"]["merge"]
        assert merge == {"text": text, "five": "5"}


def test_18_and_19_the_shadow_carries_a_deployment_to_one_thing(cloud, thing):
    with ladder_device(cloud, thing) as d:
        assert d.ask(f"{SHADOW}/get", b"", "rejected")["code"] == 404
        revision = deploy(cloud, f"thing:{thing}")
        pushed = d.expect(f"{SHADOW}/update/accepted")
        assert set(pushed) == {"state", "metadata", "version", "timestamp"} and set(pushed["state"]) == {"desired"}
        assert set(pushed["state"]["desired"]) == {"desiredStatus", "fleetConfig"} and pushed["version"] == 1
        arn = f"{ARN}:thing/{thing}:1"
        assert f'"configurationArn":"{arn}"' in pushed["state"]["desired"]["fleetConfig"]
        assert "execution" not in d.get()  # not a job, too

        def report(text, version, kind="accepted"):
            return d.ask(f"{SHADOW}/update", {"state": {"reported": {
                "ggcVersion": "0.1.0", "fleetConfigurationArnForStatus": arn, "status": text,
                "statusDetails": {"detailedStatus": "SUCCESSFUL", "failureCause": "", "errorStack": [], "errorTypes": []}}},
                "version": version, "clientToken": "1f-9"}, kind)

        answer = report("IN_PROGRESS", 1)
        assert set(answer) == {"state", "metadata", "version", "timestamp", "clientToken"} and answer["version"] == 2
        stale = report("SUCCEEDED", 1, "rejected")
        assert set(stale) == {"code", "message", "timestamp", "clientToken"} and stale["code"] == 409
        assert d.ask(f"{SHADOW}/get")["version"] == 2
        assert report("SUCCEEDED", 2)["version"] == 3
        refused = d.ask(f"{SHADOW}/update", {"state": {"desired": {"desiredStatus": "CANCELED"}}}, "rejected")
        assert refused["code"] == 403
        state = d.ask(f"{SHADOW}/get")["state"]
        assert (state["desired"]["desiredStatus"], state["reported"]["status"]) == ("SUCCEEDED", "SUCCEEDED")
        assert status(cloud, f"thing:{thing}")["status"] == "SUCCEEDED"
        assert revision["revision"] == 1
        cloud.run("deploy", "cancel", f"thing:{thing}", status=4)  # it is over

        deploy(cloud, f"thing:{thing}", "2.0.0")
        assert f"thing/{thing}:2" in d.expect(f"{SHADOW}/update/accepted")["state"]["desired"]["fleetConfig"]
        cloud.run("deploy", "cancel", f"thing:{thing}")
        assert d.expect(f"{SHADOW}/update/accepted")["state"]["desired"]["desiredStatus"] == "CANCELED"
        d.silence()


def test_a_thing_without_shadows_gets_its_deployment_as_a_job(cloud, thing):
    with ladder_device(cloud, thing) as d:
        deploy(cloud, f"thing:{thing}")
        d.expect(f"{SHADOW}/update/accepted")
        d.health(1, runtime="aws_nucleus_lite")
        messages = dict(d.next() for _ in range(3))
        assert messages[d.topic(f"{SHADOW}/update/accepted")]["state"]["desired"]["desiredStatus"] == "CANCELED"
        execution = messages[d.topic("jobs/notify-next-ns")]["execution"]
        assert execution["jobDocument"]["configurationArn"] == f"{ARN}:thing/{thing}:1"
        d.update(execution["jobId"], "SUCCEEDED")


def test_21_after_many_revisions_only_the_newest_is_offered(cloud, thing):
    with ladder_device(cloud, thing) as d:
        d.get()
    for n in range(6):
        last = offer(cloud, thing, f"1.0.{n}")
    with ladder_device(cloud, thing) as d:
        assert d.get()["execution"]["jobId"] == last["jobId"]
        d.update(last["jobId"], "SUCCEEDED")
        assert d.notified() == ({}, None)
        assert "execution" not in d.get()


def test_23_answers_go_by_topic_when_tokens_are_absent_or_the_same(cloud, thing):
    job = offer(cloud, thing)["jobId"]
    with ladder_device(cloud, thing) as d:
        assert d.get(clientToken="jobs-nucleus-lite")["clientToken"] == "jobs-nucleus-lite"
        assert d.get(job, clientToken="jobs-nucleus-lite")["clientToken"] == "jobs-nucleus-lite"
        assert "clientToken" not in d.get(job)


def test_24_what_the_broker_does_not_permit_is_acknowledged_and_never_answered(cloud, thing):
    job = offer(cloud, thing)["jobId"]
    cloud.thing(f"{thing}-x")
    with ladder_device(cloud, f"{thing}-x") as stranger, ladder_device(cloud, thing) as d:
        stranger.client.publish(d.topic(f"jobs/{job}/ns/update"), {"status": "FAILED"})  # PUBACK, no error
        stranger.client.publish(d.topic("jobs/notify-ns"), {"jobs": {}})
        stranger.silence()
        assert d.get()["execution"]["status"] == "QUEUED"
        d.silence()


def test_a_job_that_is_not_the_head_becomes_it_without_a_new_list(cloud, thing):
    offer(cloud, thing)
    cloud.run("group", "add-thing", f"{thing}-b", thing, "--create")
    second = deploy(cloud, f"group:{thing}-b")["jobId"]
    quiet(cloud, thing)
    with ladder_device(cloud, thing) as d:
        d.get()
        d.update(second, "IN_PROGRESS")
        assert d.expect("jobs/notify-next-ns")["execution"]["jobId"] == second
        d.silence()


def test_bad_requests_are_answered_with_their_codes(cloud, thing):
    job = offer(cloud, thing)["jobId"]
    with ladder_device(cloud, thing) as d:
        d.get()
        for body, code in [(b"{nonsense", "InvalidJson"), ({"status": "FAILURE"}, "InvalidRequest"),
                           ({"status": "IN_PROGRESS", "expectedVersion": 9}, "VersionMismatch"),
                           ({"status": "IN_PROGRESS", "statusDetails": {"a": ""}}, "InvalidRequest"),
                           ({"status": "IN_PROGRESS", "thingName": "cam-0"}, "InvalidRequest")]:
            assert d.ask(f"jobs/{job}/ns/update", body, "rejected")["code"] == code
        assert d.ask("jobs/nothing/ns/update", {"status": "FAILED"}, "rejected")["code"] == "ResourceNotFound"
        assert d.get()["execution"]["versionNumber"] == 1


def test_a_device_that_floods_is_throttled_and_others_are_not(cloud, thing):
    cloud.thing(f"{thing}-x")
    job = offer(cloud, thing)["jobId"]
    with ladder_device(cloud, f"{thing}-x") as calm, ladder_device(cloud, thing) as d:
        d.get()
        d.tell(f"jobs/{job}/ns/update", {"status": "IN_PROGRESS"}, times=300)
        assert "execution" not in calm.get()
        wait_until(lambda: any(b"RequestThrottled" in p for _, p in list(d.client.seen)), 30, "RequestThrottled")


# ---- parts of the service that the ladders use ----

def test_a_lost_result_is_taken_from_the_fleet_status(cloud, thing):
    revision = offer(cloud, thing)
    with ladder_device(cloud, thing) as d:
        d.get()
        d.update(revision["jobId"], "IN_PROGRESS")
        d.health(1, deploymentInformation={"status": "FAILED", "deploymentId": revision["deploymentId"], "statusDetails": {
            "detailedStatus": "FAILED_NO_STATE_CHANGE", "failureCause": "no room", "errorStack": ["DEPLOYMENT_FAILURE"],
            "errorTypes": []}})
        assert d.notified() == ({}, None)
    row = status(cloud, f"group:{thing}")
    assert (row["status"], row["cause"], row["errorStack"]) == ("FAILED", "no room", ["DEPLOYMENT_FAILURE"])


def test_the_last_telemetry_is_shown(cloud, thing):
    with ladder_device(cloud, thing) as d:
        for cpu in (12.4, 15.5):
            d.tell("greengrass/health/json", {"Schema": "2022-06-30", "ADP": [
                {"TS": 1764588000000, "NS": "SystemMetrics", "M": [{"N": "CpuUsage", "Sum": cpu, "U": "Percent"}]},
                {"TS": 1764591600000, "NS": "SystemMetrics", "M": [{"N": "CpuUsage", "Sum": cpu + 1, "U": "Percent"}]}]})
        d.silence()
    assert cloud.json("thing", "show", thing)["telemetry"]["message"]["ADP"][0]["M"][0]["Sum"] == 15.5
    assert "SystemMetrics: CpuUsage 16.5 %" in cloud.run("device", "status", thing)


def test_the_operator_changes_a_shadow_and_the_device_is_told(cloud, thing):
    with ladder_device(cloud, thing) as d:
        d.client.subscribe([d.topic(f"shadow/{t}/+") for t in ("name/lamp/update", "name/lamp/delete", "update")])
        cloud.run("shadow", "update", thing, "lamp", "--desired", '{"mode":"night"}')
        assert d.expect("shadow/name/lamp/update/accepted")["state"] == {"desired": {"mode": "night"}}
        assert d.expect("shadow/name/lamp/update/delta")["state"] == {"mode": "night"}
        answer = d.ask("shadow/name/lamp/update", {"state": {"reported": {"mode": "night"}}})
        assert answer["version"] == 2
        documents = d.expect("shadow/name/lamp/update/documents")
        assert documents["previous"]["version"] == 1 and documents["current"]["state"]["reported"] == {"mode": "night"}
        assert d.ask("shadow/update", {"state": {"reported": {"a": 1}}})["version"] == 1
        d.expect("shadow/update/documents")
        assert [s["shadowName"] for s in cloud.json("shadow", "list", thing)] == ["", "lamp"]
        cloud.run("shadow", "delete", thing, "lamp")
        assert d.expect("shadow/name/lamp/delete/accepted")["version"] == 2


@pytest.mark.parametrize("version", ["311", "5"])
def test_devices_of_both_versions_of_mqtt_are_served(cloud, thing, version):
    import json
    import subprocess
    from local.process import find_program
    bundle, topic = f"{cloud.folder}/{thing}", f"$aws/things/{thing}/jobs/$next/{NS}/get"
    job = offer(cloud, thing)["jobId"]
    done = subprocess.run([find_program("mosquitto_rr"), "-V", version, "-h", "127.0.0.1", "-p", str(cloud.device_port),
                           "-i", thing, "--cafile", f"{bundle}/ca.crt", "--cert", f"{bundle}/device.crt", "--key",
                           f"{bundle}/device.key", "-q", "1", "-t", topic, "-e", f"{topic}/accepted", "-m", "{}", "-W", "90"],
                          capture_output=True, text=True, timeout=120)
    assert done.returncode == 0 and json.loads(done.stdout)["execution"]["jobId"] == job, done.stderr
