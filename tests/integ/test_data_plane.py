"""The device as client of the HTTPS data plane: a real nucleus, mosquitto, and a data plane that fails when told to."""
import json
import os
import threading
import time

import pytest

from local import Broker, wait_until
from local.broker import SERVICE_USER
from support.data_plane import DataPlane
from support.device import Device
from support.folder import temporary_folder
from support.jobs_cloud import JobsCloud

THING = "core-1"
GROUP = "cameras"
IDLE = "exec sleep 100000"


class World:
    """The device, its broker, the jobs and the data plane. Pauses between attempts are short."""

    def __init__(self, folder, bin_dir, ca):
        cert, key = ca.server("localhost", "127.0.0.1")
        self.broker = Broker(os.path.join(folder, "broker"), ca.cert, cert, key, ca.crl()).start()
        self.jobs = JobsCloud(THING, self.broker.service_port, SERVICE_USER, self.broker.password)
        self.jobs.__enter__()
        self.plane = DataPlane(ca)
        self.plane.groups[THING] = {GROUP: []}
        self.device = Device(folder, bin_dir)
        cert, key = ca.device(THING)
        config = {"system": {"thingName": THING, "rootCaPath": ca.cert, "certificateFilePath": cert, "privateKeyPath": key},
                  "services": {"aws.greengrass.Nucleus": {"componentType": "NUCLEUS", "configuration": {
                      "awsRegion": "local", "iotDataEndpoint": "localhost", "mqtt": {"port": self.broker.device_port},
                      "greengrassDataPlaneEndpoint": "iotdata", "greengrassDataPlanePort": self.plane.port,
                      "httpClient": {"retryMinMs": 50, "retryMaxMs": 200}}}}}
        self.config = self.device.write("config.yaml", json.dumps(config))
        self.device.start("--init-config", self.config)
        self.device.wait_log("greengrass", "mqtt-connected", 30)
        self.revision = self.made = 0

    def fresh(self):
        """A component name that no test has used."""
        self.made += 1
        return f"c{self.made}"

    def document(self, components, group=GROUP, **more):
        self.revision += 1
        return {"deploymentId": f"d{self.revision}", "schemaDate": "2021-05-17", "creationTimestamp": int(time.time() * 1000),
                "configurationArn": f"arn:aws:greengrass:local:000000000000:configuration:thinggroup/{group}:{self.revision}",
                "components": {n: {"version": v} if isinstance(v, str) else v for n, v in components.items()},
                "componentUpdatePolicy": {"timeout": 60, "action": "SKIP_NOTIFY_COMPONENTS"}, **more}

    def deploy(self, components, **more):
        return self.ended(self.document(components, **more))

    def ended(self, document):
        return self.jobs.wait(self.jobs.offer(document), 90)

    def deploy_ok(self, components, **more):
        status = self.deploy(components, **more)
        assert status["status"] == "SUCCEEDED", f"{status}\n{self.device.log()[-3000:]}"

    def stack(self, status):
        assert status["status"] == "FAILED", status
        assert status["statusDetails"]["detailed-deployment-status"] == "FAILED_NO_STATE_CHANGE"
        return status["statusDetails"]["deployment-error-stack"]

    def artifact(self, name, file, version="1.0.0"):
        with open(os.path.join(self.device.root, "packages/artifacts", name, version, file), "rb") as f:
            return f.read()

    def stop(self):
        self.device.stop()
        self.jobs.__exit__()
        self.plane.__exit__()
        self.broker.stop()


@pytest.fixture(scope="module")
def one_world(bin_dir, ca):
    with temporary_folder() as folder:
        w = World(folder, bin_dir, ca)
        yield w
        w.stop()


@pytest.fixture
def world(one_world):
    plane = one_world.plane
    plane.answers.clear()
    plane.calls.clear()
    plane.store.requests.clear()
    plane.store.cut = plane.store.gate = plane.store.uses = None
    plane.groups[THING], plane.page = {GROUP: []}, 100
    return one_world


# ---- versions ----

def test_the_data_plane_decides_on_versions_and_gives_recipes_and_artifacts(world):
    name, lib = world.fresh(), world.fresh()
    world.plane.publish(name, "1.0.0", files={"model.bin": b"m" * 5000}, depends={lib: "^1.0.0"})
    for version in ("1.0.0", "1.2.0", "2.0.0"):
        world.plane.publish(lib, version)
    world.deploy_ok({name: "1.0.0"})
    assert world.artifact(name, "model.bin") == b"m" * 5000
    assert world.device.components()[lib]["version"] == "1.2.0"
    assert set(world.plane.things) == {THING}
    asked, = world.plane.asked_for(lib)
    assert asked["versionRequirements"] == {f"{name} 1.0.0": "^1.0.0"} and "componentVersion" not in asked
    platform = json.loads(next(b for k, _, b in world.plane.calls if k == "resolveComponentCandidates"))["platform"]
    assert platform["name"] == "linux" and platform["attributes"]["os"] == "linux" and platform["attributes"]["architecture"]


def test_what_the_device_has_is_proposed_and_what_is_settled_not_asked_again(world):
    name, lib = world.fresh(), world.fresh()
    world.plane.publish(name, "1.0.0", depends={lib: "^1.0.0"})
    world.plane.publish(lib, "1.0.0")
    world.deploy_ok({name: "1.0.0"})
    world.plane.calls.clear()
    world.plane.publish(lib, "1.1.0")
    world.deploy_ok({name: {"version": "1.0.0", "configurationUpdate": {"merge": {"a": 1}}}})
    assert world.plane.asked_for(name) == []
    asked, = world.plane.asked_for(lib)
    assert asked["componentVersion"] == "1.0.0"


def test_a_version_that_nobody_has_fails_with_the_words_of_the_cloud(world):
    status = world.deploy({"com.example.Nobody": "1.0.0"})
    assert world.stack(status) == ["DEPLOYMENT_FAILURE", "NO_AVAILABLE_COMPONENT_VERSION", "COMPONENT_VERSION_REQUIREMENTS_NOT_MET"]
    cause = status["statusDetails"]["deployment-failure-cause"]
    assert "thinggroup/cameras requires 1.0.0" in cause and "no usable version" in cause


@pytest.mark.parametrize("answer, codes, words", [
    ((404, {}, {"message": "the components do not claim platform compatibility"}), ["NO_AVAILABLE_COMPONENT_VERSION"], "platform of this device"),
    ((403, {}, {"message": "no"}), ["COMPONENT_PACKAGE_LOADING_ERROR", "RESOLVE_COMPONENT_CANDIDATES_ACCESS_DENIED", "CLOUD_API_ERROR",
                                    "ACCESS_DENIED"], "certificate"),
    ((400, {}, {"message": "what?"}), ["COMPONENT_PACKAGE_LOADING_ERROR", "CLOUD_API_ERROR", "BAD_REQUEST"], "what?"),
    ((409, {}, {"message": "busy"}), ["COMPONENT_PACKAGE_LOADING_ERROR", "CLOUD_API_ERROR", "CONFLICTED_REQUEST"], "busy"),
    ((200, {}, {"resolvedComponentVersions": []}), ["COMPONENT_PACKAGE_LOADING_ERROR", "RESOLVE_COMPONENT_CANDIDATES_BAD_RESPONSE"],
     "one resolved version"),
    ((200, {}, b"<html>"), ["COMPONENT_PACKAGE_LOADING_ERROR", "RESOLVE_COMPONENT_CANDIDATES_BAD_RESPONSE"], "answer about component"),
])
def test_what_the_data_plane_answers_instead_of_a_version_is_told(world, answer, codes, words):
    world.plane.refuse("resolveComponentCandidates", answer)
    status = world.deploy({world.fresh(): "1.0.0"})
    assert world.stack(status) == ["DEPLOYMENT_FAILURE", *codes]
    assert words in status["statusDetails"]["deployment-failure-cause"]


def test_an_overloaded_or_broken_data_plane_is_waited_for(world):
    name = world.fresh()
    world.plane.publish(name, "1.0.0", files={"f": b"x"})
    world.plane.refuse("resolveComponentCandidates", (503, {"Retry-After": "0"}, {"message": "later"}), None, (429, {}, {"message": "slow"}))
    world.plane.refuse("artifacts", (500, {}, {"message": "broken"}), None)
    world.deploy_ok({name: "1.0.0"})
    assert world.plane.count("resolveComponentCandidates") >= 4


def test_without_an_answer_the_version_of_the_device_will_do(world):
    name, lib = world.fresh(), world.fresh()
    world.plane.publish(name, "1.0.0", depends={lib: "^1.0.0"})
    world.plane.publish(lib, "1.0.0")
    world.deploy_ok({name: "1.0.0"})
    world.plane.refuse_always("resolveComponentCandidates", (403, {}, {"message": "no"}))
    world.deploy_ok({name: {"version": "1.0.0", "configurationUpdate": {"merge": {"b": 1}}}})
    assert f"going on with {lib} 1.0.0" in world.device.log()


# ---- groups ----

def test_leaving_a_group_removes_its_components_with_the_next_deployment(world):
    mine, theirs, parents = world.fresh(), world.fresh(), world.fresh()
    for name in (mine, theirs, parents):
        world.plane.publish(name, "1.0.0")
    world.plane.groups[THING] = {GROUP: ["all"], "second": []}
    world.plane.page = 1
    world.deploy_ok({theirs: "1.0.0"}, group="second")
    world.deploy_ok({parents: "1.0.0"}, group="all")
    again = world.document({theirs: "1.0.0"}, group="second")
    world.deploy_ok({mine: "1.0.0"})
    assert {mine, theirs, parents} <= set(world.device.components())
    assert world.plane.calls[-1][1].endswith("nextToken=1") or world.plane.count("thingGroups") >= 6
    world.plane.groups[THING] = {GROUP: ["all"]}
    world.deploy_ok({mine: "1.0.0"})
    assert theirs not in world.device.components() and {mine, parents} <= set(world.device.components())
    world.plane.groups[THING] = {GROUP: ["all"], "second": []}
    assert world.ended(again)["status"] == "SUCCEEDED"  # back in the group, and its revision counts as new
    assert theirs in world.device.components()
    world.plane.groups[THING] = {}
    world.deploy_ok({mine: "1.0.0"})
    assert not {theirs, parents} & set(world.device.components()) and mine in world.device.components()


def test_a_revision_that_is_executed_again_is_work_only_if_a_group_was_left(world):
    mine, theirs = world.fresh(), world.fresh()
    for name in (mine, theirs):
        world.plane.publish(name, "1.0.0", IDLE)
    world.plane.groups[THING] = {GROUP: [], "second": []}
    world.deploy_ok({theirs: "1.0.0"}, group="second")
    document = world.document({mine: "1.0.0"})

    def was_work():
        job = world.jobs.offer(document)
        assert world.jobs.wait(job, 90)["status"] == "SUCCEEDED"
        return f"deployment-repeated. id={job} " not in world.device.log()

    assert was_work()
    pid = world.device.pid(mine)
    assert not was_work() and {mine, theirs} <= set(world.device.components())
    world.plane.groups[THING] = {GROUP: []}
    assert was_work() and theirs not in world.device.components() and world.device.pid(mine) == pid
    assert not was_work()


def test_a_refused_membership_is_the_one_that_was_told_last(world):
    mine, theirs = world.fresh(), world.fresh()
    for name in (mine, theirs):
        world.plane.publish(name, "1.0.0")
    world.plane.groups[THING] = {GROUP: [], "second": []}
    world.deploy_ok({theirs: "1.0.0"}, group="second")
    world.plane.refuse_always("thingGroups", (403, {}, {"message": "no"}))
    world.deploy_ok({mine: "1.0.0"})
    assert {mine, theirs} <= set(world.device.components())


def test_a_deployment_waits_for_the_membership_while_the_data_plane_does_not_answer(world):
    name = world.fresh()
    world.plane.publish(name, "1.0.0")
    world.plane.refuse("thingGroups", (503, {}, {}), None, (200, {}, b"nonsense"))
    world.deploy_ok({name: "1.0.0"})
    assert world.plane.count("thingGroups") == 4


def test_a_local_deployment_asks_for_the_membership_once(world):
    name = world.fresh()
    world.plane.refuse_always("thingGroups", (503, {}, {}))
    world.device.recipe(name, "1.0.0", IDLE)
    world.device.deploy_ok(f"{name}=1.0.0")
    assert world.plane.count("thingGroups") == 1 and world.plane.asked_for(name) == []
    world.plane.answers.clear()
    world.device.deploy_ok(remove=[name])


# ---- artifacts ----

def test_a_url_that_expires_is_asked_for_again_and_the_transfer_goes_on(world):
    name = world.fresh()
    data = os.urandom(1 << 20)
    world.plane.publish(name, "1.0.0", files={"big": data})
    world.plane.store.uses = 2  # the size, and one transfer
    world.plane.store.cut = 400000
    world.deploy_ok({name: "1.0.0"})
    assert world.artifact(name, "big") == data
    ranges = [h.get("Range") for k, h in world.plane.store.requests if k.endswith("/big")]
    assert ranges[0] == "bytes=0-0" and any(r and r.endswith("-") and r != "bytes=0-" for r in ranges)
    assert world.plane.count("artifacts") >= 2


def test_a_store_that_refuses_each_url_fails_the_deployment(world):
    name = world.fresh()
    world.plane.publish(name, "1.0.0", files={"f": b"x"})
    world.plane.store.uses = 0
    status = world.deploy({name: "1.0.0"})
    assert world.stack(status) == ["DEPLOYMENT_FAILURE", "ARTIFACT_DOWNLOAD_ERROR", "DOWNLOAD_GREENGRASS_ARTIFACT_ERROR"]
    assert "X-Signature" not in json.dumps(status) + world.device.log()


@pytest.mark.parametrize("answer, codes", [
    ((403, {}, {"message": "no"}), ["GET_COMPONENT_VERSION_ARTIFACT_ACCESS_DENIED", "CLOUD_API_ERROR", "ACCESS_DENIED"]),
    ((404, {}, {"message": "none"}), ["CLOUD_API_ERROR", "RESOURCE_NOT_FOUND"]),
])
def test_an_artifact_that_the_data_plane_does_not_give_is_told(world, answer, codes):
    name = world.fresh()
    world.plane.publish(name, "1.0.0", files={"f": b"x"})
    world.plane.refuse_always("artifacts", answer)
    assert world.stack(world.deploy({name: "1.0.0"})) == ["DEPLOYMENT_FAILURE", "ARTIFACT_DOWNLOAD_ERROR", *codes]


def test_s3_artifacts_of_a_device_without_keys_come_through_the_data_plane(world):
    name = world.fresh()
    world.plane.publish(name, "1.0.0", files={"f": b"by s3"}, scheme="s3")
    world.deploy_ok({name: "1.0.0"})
    assert world.artifact(name, "f") == b"by s3"
    assert world.plane.count("artifacts") == 1  # the URL of the look for the size is used for the transfer


def test_a_wrong_digest_is_tried_ten_times(world):
    name = world.fresh()
    world.plane.publish(name, "1.0.0", files={"f": b"right"})
    key = f"greengrass:{name}-1.0.0/f"
    world.plane.store.files[key] = b"wrong"
    status = world.deploy({name: "1.0.0"})
    assert world.stack(status) == ["DEPLOYMENT_FAILURE", "ARTIFACT_DOWNLOAD_ERROR", "ARTIFACT_CHECKSUM_MISMATCH"]
    assert sum("Range" not in h for k, h in world.plane.store.requests if k == key) == 10


def test_a_digest_that_becomes_right_ends_well(world):
    name = world.fresh()
    world.plane.publish(name, "1.0.0", files={"f": b"right"})
    key = f"greengrass:{name}-1.0.0/f"
    world.plane.store.spoiled[key] = [b"wrong", b"wrong"]
    world.deploy_ok({name: "1.0.0"})
    assert sum("Range" not in h for k, h in world.plane.store.requests if k == key) == 3


def test_sizes_are_added_up_before_anything_comes(world):
    name = world.fresh()
    world.plane.publish(name, "1.0.0", files={"a": b"a" * 300000, "b": b"b" * 300000})
    world.deploy_ok({"aws.greengrass.Nucleus": {"version": "2.17.0", "configurationUpdate": {"merge": {"componentStoreMaxSizeBytes": 3500000}}}},
                    group="nucleus")
    filler = world.fresh()
    world.plane.publish(filler, "1.0.0", files={"f": b"f" * 3000000})
    world.deploy_ok({filler: "1.0.0"})
    world.plane.store.requests.clear()
    status = world.deploy({filler: "1.0.0", name: "1.0.0"})
    assert world.stack(status) == ["DEPLOYMENT_FAILURE", "ARTIFACT_DOWNLOAD_ERROR", "DISK_SPACE_CRITICAL"]
    assert "600000" in status["statusDetails"]["deployment-failure-cause"]
    assert all(h.get("Range") == "bytes=0-0" for _, h in world.plane.store.requests)
    world.deploy_ok({"aws.greengrass.Nucleus": {"version": "2.17.0", "configurationUpdate": {"reset": ["/componentStoreMaxSizeBytes"]}}},
                    group="nucleus")


def test_a_cancel_in_the_middle_of_a_transfer_ends_it(world):
    name, other = world.fresh(), world.fresh()
    world.plane.publish(name, "1.0.0", files={"big": os.urandom(1 << 20)})
    world.plane.publish(other, "1.0.0")
    world.plane.store.gate = threading.Event()
    job = world.jobs.offer(world.document({name: "1.0.0"}))
    part = os.path.join(world.device.root, "packages/artifacts", name, "1.0.0/big.part")
    wait_until(lambda: os.path.exists(part) and os.path.getsize(part) > 0, 30, "the transfer to begin")
    world.jobs.cancel(job)
    wait_until(lambda: f"id={job} status=CANCELED" in world.device.log(), 30, "the deployment to be cancelled")
    world.plane.store.gate.set()
    world.plane.store.gate = None
    world.deploy_ok({other: "1.0.0"})
    assert name not in world.device.components()


def test_a_cancel_while_the_data_plane_does_not_answer_ends_the_deployment(world):
    world.plane.refuse_always("thingGroups", None)
    job = world.jobs.offer(world.document({world.fresh(): "1.0.0"}))
    world.device.wait_log("greengrass", f"deployment-waits. id={job} ", 30)
    world.jobs.cancel(job)
    wait_until(lambda: f"id={job} status=CANCELED" in world.device.log(), 30, "the deployment to be cancelled")


def test_a_transfer_goes_on_after_a_kill(world):
    name = world.fresh()
    data = os.urandom(1 << 20)
    world.plane.publish(name, "1.0.0", files={"big": data})
    world.plane.store.gate = threading.Event()
    job = world.jobs.offer(world.document({name: "1.0.0"}))
    part = os.path.join(world.device.root, "packages/artifacts", name, "1.0.0/big.part")
    wait_until(lambda: os.path.exists(part) and os.path.getsize(part) >= len(data) // 2, 30, "half of it")
    world.device.kill()
    gate, world.plane.store.gate = world.plane.store.gate, None
    world.device.start()
    assert world.jobs.wait(job)["status"] == "SUCCEEDED"
    gate.set()  # nothing more comes to the transfer of before
    assert world.artifact(name, "big") == data
    assert [h.get("Range") for k, h in world.plane.store.requests if k.endswith("/big")][-1] == f"bytes={len(data) // 2}-"
    assert not os.path.exists(part)


# ---- large documents ----

def large(world, components, **more):
    """The document as it is offered; the data plane has the whole."""
    whole = world.document(components, **more)
    world.plane.documents[whole["deploymentId"]] = whole
    return {**whole, "components": {}, "requiredCapabilities": ["LARGE_CONFIGURATION"]}


def test_a_large_document_is_downloaded_and_counts_once(world):
    name = world.fresh()
    world.plane.publish(name, "1.0.0")
    document = large(world, {name: {"version": "1.0.0", "configurationUpdate": {"merge": {"text": "x" * 100000}}}})
    world.plane.refuse("deployments", (500, {}, {}), (200, {}, b""), None, (404, {}, {"message": "not yet"}))
    assert world.ended(document)["status"] == "SUCCEEDED"
    assert len(world.device.details(name)["configuration"]["text"]) == 100000
    assert os.listdir(os.path.join(world.device.root, "deployments")) == []
    asked = world.plane.count("deployments")
    assert world.ended(document)["status"] == "SUCCEEDED"
    assert world.plane.count("deployments") == asked  # the same deployment again has nothing to do


def test_a_large_document_with_the_wrong_digest_is_fetched_again(world):
    name = world.fresh()
    world.plane.publish(name, "1.0.0")
    document = large(world, {name: "1.0.0"})
    url = world.plane.store.sign("deployments/broken")
    world.plane.store.files["deployments/broken"] = b"{}"
    world.plane.refuse("deployments", (200, {}, {"preSignedUrl": url, "integrityCheck": {"algorithm": "SHA-256", "digest": "x" * 43 + "="}}))
    assert world.ended(document)["status"] == "SUCCEEDED"


@pytest.mark.parametrize("answer, codes, times", [
    ((403, {}, {"message": "no"}), ["GET_DEPLOYMENT_CONFIGURATION_ACCESS_DENIED", "CLOUD_API_ERROR", "ACCESS_DENIED"], 1),
    ((404, {}, {"message": "no"}), ["DOWNLOAD_DEPLOYMENT_DOCUMENT_ERROR", "CLOUD_API_ERROR", "RESOURCE_NOT_FOUND"], 10),
])
def test_a_large_document_that_is_refused_fails_the_deployment(world, answer, codes, times):
    document = large(world, {world.fresh(): "1.0.0"})
    world.plane.refuse_always("deployments", answer)
    assert world.stack(world.ended(document)) == ["DEPLOYMENT_FAILURE", *codes]
    assert world.plane.count("deployments") == times
