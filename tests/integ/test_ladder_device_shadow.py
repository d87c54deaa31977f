"""Message ladders of the shadow carrier (cloud-protocol.md 12, 15.2): deployments to one thing, and how they go together with
those of groups and of the command line. The device speaks MQTT 3.1.1 here, where an acknowledgement proves nothing."""
import json

import pytest

from local import free_port, wait_until
from support.device import temporary_device
from support.device_cloud import NS, SHADOW
from support.folder import temporary_folder
from support.device_ladder import FOREVER, THING, configuration, ladder
from support.machine import Machine
from support.mqtt_client import MqttClient


@pytest.fixture(scope="module")
def site(bin_dir, ca):
    with temporary_folder() as folder, ladder(bin_dir, ca, folder, mqtt={"version": "mqtt3"}) as site:
        device = site.device
        site.recipes({name: "true" for name in ("one", "two", "three", "four", "lonely", "shared")})
        site.recipes({"steady": FOREVER, "bad": {"startup": "exit 9"}})
        site.recipes({"shared": "true"}, version="2.0.0")
        site.recipes({f"held-{n}": {"startup": device.wait_for(f"open-{n}")} for n in range(5)})
        device.recipe("away", "1.0.0", "true", artifacts=[{"URI": f"http://127.0.0.1:{free_port()}/gone"}])
        site.load_recipes()
        site.revision = 0
        yield site


@pytest.fixture(autouse=True)
def honest(site):
    site.cloud.answer = lambda *_: None


@pytest.fixture
def want(site):
    """want({"one": "1.0.0"}) puts the next revision into the shadow; returns its ARN."""
    def put(components, status="SUCCEEDED", tell=True, **more):
        site.revision += 1
        site.cloud.want(site.cloud.document(THING, site.revision, components, kind="thing", **more), status, tell)
        return site.cloud.arn(THING, site.revision, "thing")
    return put


def hold(site, number):
    """A local deployment that keeps the queue busy until the returned function is called."""
    local = site.device.create(f"held-{number}=1.0.0")
    wait_until(lambda: f"id={local} phase=STARTING" in site.device.log(), 20, "the local deployment to hold the queue")

    def leave():
        site.device.open_gate(f"open-{number}")
        site.device.wait(local)
    return leave


def downloading(site, arn):
    """It is under way, and the cloud knows."""
    site.device.wait_log("greengrass", f"id={arn} phase=DOWNLOADING", 20)
    site.cloud.wait_reported(arn, "IN_PROGRESS")


def shadow_talk(site, mark):
    return [n for n in site.cloud.names(mark) if n.startswith("shadow")]


def test_the_ladder_of_a_deployment_to_one_thing(site, want):
    cloud = site.cloud
    cloud.wait("health NUCLEUS_LAUNCH")
    cloud.wait("shadow get")
    assert [n for n in cloud.names() if not n.startswith("health")] == ["get $next", "shadow get"]  # first contact: there is no shadow
    mark = cloud.mark()
    arn = want({"one": "1.0.0"})
    cloud.wait_reported(arn, "SUCCEEDED")
    cloud.wait("shadow get", mark)
    assert shadow_talk(site, mark) == ["shadow update IN_PROGRESS", "shadow update SUCCEEDED", "shadow get"]
    begun, ended = (body for topic, body in cloud.since(mark, f"{SHADOW}/update"))
    assert set(begun) == set(ended) == {"state", "version", "clientToken"}
    assert (begun["version"], ended["version"]) == (1, 2)
    assert set(ended["state"]["reported"]) == {"ggcVersion", "fleetConfigurationArnForStatus", "statusDetails", "status"}
    assert ended["state"]["reported"]["statusDetails"] == {"detailedStatus": "SUCCESSFUL", "failureCause": "", "errorStack": [], "errorTypes": []}
    assert begun["state"]["reported"]["statusDetails"].get("detailedStatus") is None
    told = cloud.wait_health("THING_DEPLOYMENT", f"{THING}-1", mark)
    assert told["deploymentInformation"]["fleetConfigurationArnForStatus"] == arn
    assert [c["fleetConfigArns"] for c in told["components"] if c["componentName"] == "one"] == [[arn]]


def test_a_document_that_is_told_three_times_is_one_deployment(site, want):
    arn = want({"two": "1.0.0"})
    for _ in range(2):
        site.cloud._say(f"{SHADOW}/update/accepted", {"state": site.cloud.shadow["state"], "version": site.cloud.shadow["version"]})
    site.cloud.wait_reported(arn, "SUCCEEDED")
    assert site.starts(arn) == 1


def test_a_lost_notification_is_healed_by_the_next_connection(site, want):
    arn = want({"one": "1.0.0"}, tell=False)
    site.restart_broker()
    site.cloud.wait_reported(arn, "SUCCEEDED")


def test_18_a_report_with_an_old_version_reads_the_shadow_and_is_repeated(site, want):
    cloud = site.cloud

    def disturb(verb, what, body):
        if verb == "update" and what == "shadow" and body["state"]["reported"]["status"] == "SUCCEEDED":
            cloud.answer = lambda *_: None
            cloud.change({"desired": {"note": "somebody else"}}, tell=False)

    cloud.answer = disturb
    wait_until(lambda: shadow_talk(site, 0)[-1] == "shadow get", 20, "the end before to be told")
    mark = cloud.mark()
    cloud.wait_reported(want({"three": "1.0.0"}), "SUCCEEDED")
    cloud.wait("shadow get", mark, 2)
    assert shadow_talk(site, mark) == ["shadow update IN_PROGRESS", "shadow update SUCCEEDED", "shadow get", "shadow update SUCCEEDED", "shadow get"]
    versions = [body["version"] for _, body in cloud.since(mark, f"{SHADOW}/update")]
    assert versions[2] == versions[1] + 1


def test_19_a_cancelled_one_at_the_start_is_not_deployed(site, want):
    site.device.stop()
    arn = want({"four": "1.0.0"}, status="CANCELED")
    mark = site.cloud.mark()
    site.start()
    site.cloud.wait("shadow get", mark)
    arn2 = want({"one": "1.0.0"})
    site.cloud.wait_reported(arn2, "SUCCEEDED")
    assert site.starts(arn) == 0


def test_a_failure_is_told_with_stack_types_and_cause(site, want):
    details = site.cloud.wait_reported(want({"bad": "1.0.0"}), "FAILED")
    assert details["detailedStatus"] == "FAILED_ROLLBACK_COMPLETE"
    assert details["errorStack"] == ["DEPLOYMENT_FAILURE", "COMPONENT_UPDATE_ERROR", "COMPONENT_BROKEN"]
    assert details["errorTypes"] == ["USER_COMPONENT_ERROR"] and "bad 1.0.0" in details["failureCause"]
    assert "one" in site.device.components()


def test_a_success_overwrites_the_details_of_a_failure(site, want):
    assert site.cloud.wait_reported(want({"one": "1.0.0"}), "SUCCEEDED") == \
        {"detailedStatus": "SUCCESSFUL", "failureCause": "", "errorStack": [], "errorTypes": []}


def test_an_older_revision_is_rejected(site):
    site.cloud.want(site.cloud.document(THING, 1, {"two": "1.0.0"}, kind="thing"))
    details = site.cloud.wait_reported(site.cloud.arn(THING, 1, "thing"), "REJECTED")
    assert details["errorStack"] == ["DEPLOYMENT_REJECTED", "REJECTED_STALE_DEPLOYMENT"] and details["errorTypes"] == []


def test_a_document_that_cannot_be_used_fails_when_it_has_an_arn(site):
    arn = site.cloud.arn(THING, 900, "thing")
    site.cloud.want({"configurationArn": arn, "components": 5})
    details = site.cloud.wait_reported(arn, "FAILED")
    assert details["errorStack"] == ["DEPLOYMENT_FAILURE", "DEPLOYMENT_DOCUMENT_NOT_VALID", "DEPLOYMENT_DOCUMENT_PARSE_ERROR"]
    assert details["errorTypes"] == ["CLOUD_SERVICE_ERROR"] and details.get("detailedStatus") is None


@pytest.mark.parametrize("text, word", [("{", "not a JSON object"), ("{}", "no configurationArn")])
def test_a_document_without_an_arn_is_ignored_and_logged(site, text, word):
    site.cloud.want(text)
    site.device.wait_log("greengrass", word)


def test_desired_state_that_comes_in_parts_is_read_as_a_whole(site, want):
    arn = want({"away": "1.0.0"})
    downloading(site, arn)
    mark = site.cloud.mark()
    site.cloud.change({"desired": {"desiredStatus": "CANCELED"}})
    site.cloud.wait_reported(arn, "CANCELED")
    assert shadow_talk(site, mark)[0] == "shadow get"
    assert "away" not in site.device.components()


def test_wanted_again_after_a_cancellation_it_runs(site, want):
    arn = want({"away": "1.0.0"})
    downloading(site, arn)
    site.cloud.change({"desired": {"desiredStatus": "CANCELED"}})
    site.cloud.wait_reported(arn, "CANCELED")
    site.cloud.change({"desired": {"desiredStatus": "SUCCEEDED"}})
    wait_until(lambda: site.starts(arn) == 2, 20, "the second start")
    site.cloud.wait_reported(arn, "IN_PROGRESS")
    site.cloud.change({"desired": {"desiredStatus": "CANCELED"}})
    site.cloud.wait_reported(arn, "CANCELED")


def test_a_newer_one_cancels_what_has_not_changed_anything(site, want):
    old = want({"away": "1.0.0"})
    downloading(site, old)
    new = want({"two": "1.0.0"})
    site.cloud.wait_reported(new, "SUCCEEDED")
    assert f"deployment-finished. id={old} status=CANCELED" in site.device.log()


def test_at_most_one_waits_and_it_is_the_newest(site, want):
    leave, mark = hold(site, 0), site.cloud.mark()
    arns = [want({name: "1.0.0"}) for name in ("one", "two", "three")]
    site.device.wait_log("greengrass", f"deployment-replaced. id={arns[1]} by={arns[2]}", 20)
    site.device.kill()  # the one that waits is on the disk
    site.start()
    site.device.open_gate("open-0")
    site.cloud.wait_reported(arns[2], "SUCCEEDED")
    assert [site.starts(a) for a in arns] == [0, 0, 1]
    assert shadow_talk(site, mark).count("shadow update IN_PROGRESS") == 1
    assert leave


def test_a_cancelled_one_that_waits_never_starts(site, want):
    leave = hold(site, 1)
    arn = want({"four": "1.0.0"})
    wait_until(lambda: f"wanted. arn={arn}" in site.device.log(), 20, "it to wait")
    site.cloud.change({"desired": {"desiredStatus": "CANCELED"}})
    site.cloud.wait_reported(arn, "CANCELED")
    leave()
    assert site.starts(arn) == 0


def test_a_newer_one_waits_for_what_changes_components(site, want):
    old = want({"held-2": "1.0.0"})
    site.device.wait_log("greengrass", f"id={old} phase=STARTING", 20)
    new = want({"one": "1.0.0"})
    wait_until(lambda: f"wanted. arn={new}" in site.device.log(), 20, "the newer one to wait")
    site.device.open_gate("open-2")
    site.cloud.wait_reported(new, "SUCCEEDED")
    assert f"deployment-finished. id={old} status=SUCCEEDED" in site.device.log()


def test_killed_while_it_changes_components_it_goes_on_and_reports(site, want):
    arn = want({"held-3": "1.0.0"})
    site.device.wait_log("greengrass", f"id={arn} phase=STARTING", 20)
    site.device.kill()
    site.device.open_gate("open-3")
    mark = site.cloud.mark()
    site.start()
    site.cloud.wait_reported(arn, "SUCCEEDED")
    assert shadow_talk(site, mark).count("shadow update SUCCEEDED") == 1


def test_an_end_that_could_not_be_told_is_told_after_a_kill_without_a_second_run(site, want):
    arn = want({"held-4": "1.0.0"})
    site.device.wait_log("greengrass", f"id={arn} phase=STARTING", 20)
    site.lose_broker()
    site.device.open_gate("open-4")
    site.device.wait_log("greengrass", f"deployment-finished. id={arn} status=SUCCEEDED", 20)
    site.device.kill()
    site.broker.start()
    site.cloud.connect(site.broker)
    site.start()
    site.cloud.wait_reported(arn, "SUCCEEDED")
    assert site.starts(arn) == 1


def test_messages_that_are_older_than_what_is_known_are_ignored(site, want):
    arn = want({"one": "1.0.0"})
    site.cloud.wait_reported(arn, "SUCCEEDED")
    late = site.cloud.document(THING, site.revision + 1, {"lonely": "1.0.0"}, kind="thing")
    site.cloud._say(f"{SHADOW}/update/accepted", {"state": {"desired": {"desiredStatus": "SUCCEEDED", "fleetConfig": json.dumps(late)}}, "version": 2})
    site.cloud.wait_reported(want({"two": "1.0.0"}), "SUCCEEDED")
    assert "lonely" not in site.device.components()


def test_thing_group_and_local_deployments_go_together(site, want):
    device, cloud = site.device, site.cloud
    site.job("together", "steady", group="together")
    pid = device.pid("steady")
    device.deploy_ok("four=1.0.0")
    cloud.wait_reported(want({"one": "1.0.0", "shared": "1.0.0"}), "SUCCEEDED")
    assert {"steady", "four", "one", "shared"} <= set(device.components())
    details = site.job("conflict", "shared=2.0.0", group="other", status="FAILED")
    assert details["deployment-error-stack"] == ["DEPLOYMENT_FAILURE", "NO_AVAILABLE_COMPONENT_VERSION", "COMPONENT_VERSION_REQUIREMENTS_NOT_MET"]
    assert f"thing/{THING} requires 1.0.0" in details["deployment-failure-cause"]
    cloud.wait_reported(want({}), "SUCCEEDED")
    have = device.components()
    assert {"steady", "four"} <= set(have) and not {"one", "shared"} & set(have)
    assert device.pid("steady") == pid


def test_a_sub_deployment_is_booked_under_the_group_it_is_made_for(site):
    site.job("sub", "two", group="parent", onBehalfOf="arn:aws:iot:local:000000000000:thinggroup/child",
             parentTargetArn="arn:aws:iot:local:000000000000:thinggroup/parent", requiredCapabilities=["SUB_DEPLOYMENTS"])
    site.job("parent", "three", group="parent")
    assert {"two", "three"} <= set(site.device.components())
    site.job("sub-2", group="parent", revision=2, onBehalfOf="arn:aws:iot:local:000000000000:thinggroup/child")
    assert "two" not in site.device.components() and "three" in site.device.components()


def may_update(site, ca):
    """Whether the broker lets a device tell the status of a job."""
    cert, key = ca.device("probe")
    with MqttClient(site.broker.device_port, "probe", ca=ca.cert, cert=cert, key=key) as probe:
        probe.subscribe(["$aws/things/probe/#", "dt/probe/#"])
        probe.publish(f"$aws/things/probe/jobs/x/{NS}/update", {})
        probe.publish("dt/probe/fence", {})
        probe.wait("dt/probe/fence")
        return len(probe.seen) == 2


def test_24_a_status_that_the_broker_does_not_let_through_is_kept_and_sent_again(site, ca):
    """MQTT 3.1.1: the broker acknowledges what it drops. Nothing but the answer of the service counts."""
    cloud, acl = site.cloud, f"{site.broker.folder}/devices.acl"
    with open(acl, encoding="utf-8") as f:
        rules = f.read()

    def allow(text):
        with open(acl, "w", encoding="utf-8") as f:
            f.write(text)
        site.broker.reload()

    allow("".join(line for line in rules.splitlines(True) if "deployment/update" not in line))
    try:
        wait_until(lambda: not may_update(site, ca), 20, "the broker to have read its rules again")
        site.cloud.create("denied", cloud.document("denied", 1, {"four": "1.0.0"}))
        site.device.wait_log("greengrass", "no-answer. request=denied", 60)
    finally:
        allow(rules)
    cloud.wait_status("denied", "SUCCEEDED")
    assert site.starts("denied") == 1


def test_a_device_with_local_deployments_is_adopted_by_the_cloud(site, bin_dir, ca):
    """Without a name at first; then the bundle, and the cloud's deployments come on top of the local ones."""
    site.device.stop()
    with temporary_device(bin_dir, kind=Machine) as device:
        device.recipe("own", "1.0.0", FOREVER)
        device.recipe("one", "1.0.0", "true")
        device.recipe("own", "2.0.0", FOREVER)
        device.deploy_ok("own=1.0.0")
        site.cloud.shadow = None
        path = device.write("bundle/config.json", json.dumps(configuration(site.line.port, ca)))
        mark = site.cloud.mark()
        device.stop()
        device.start("--init-config", path)
        site.cloud.wait("health NUCLEUS_LAUNCH", mark)
        launch = next(b for t, b in site.cloud.since(mark) if b.get("trigger") == "NUCLEUS_LAUNCH")
        assert {"own": "1.0.0"}.items() <= {c["componentName"]: c["version"] for c in launch["components"]}.items()
        pid = device.pid("own")
        site.job("adopt", "one", group="adopt")
        assert device.pid("own") == pid
        wait_until(lambda: device.state("one") == "FINISHED", 20, "the component of the cloud to have run")
        details = site.job("adopt-2", "own=2.0.0", group="adopt", revision=2, status="FAILED")
        assert "LOCAL_DEPLOYMENT requires 1.0.0" in details["deployment-failure-cause"]
        device.deploy_ok(remove=["own"])
        site.job("adopt-3", "own=2.0.0", group="adopt", revision=3)
        assert device.components()["own"]["version"] == "2.0.0"
