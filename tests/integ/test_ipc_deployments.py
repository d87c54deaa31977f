"""CreateLocalDeployment, CancelLocalDeployment, GetLocalDeploymentStatus, ListLocalDeployments as they are on the wire
(ipc-operations.md 7.5 to 7.8). What deployments do is in tests/e2e."""
import calendar
import os
import re
import time

import pytest

from local import wait_until
from support.device import temporary_device
from support.fixtures import connection_of

FOREVER = "exec sleep 100000"
GATED = {"startup": {"Timeout": 1000, "Script": "until [ -e gate ]; do sleep 0.05; done"}}
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
UNKNOWN = "11111111-2222-4333-8444-555555555555"
FORMAT = "Invalid deploymentId format received. DeploymentId is a UUID"
OPERATIONS = ("CreateLocalDeployment", "CancelLocalDeployment", "ListLocalDeployments", "GetLocalDeploymentStatus")
POLICY = {"aws.greengrass.Cli": {"p": {"operations": [f"aws.greengrass#{o}" for o in OPERATIONS], "resources": ["*"]}}}


@pytest.fixture(scope="module")
def device(bin_dir):
    with temporary_device(bin_dir) as device:
        for name in ("a", "b"):
            device.recipe(name, "1.0.0", FOREVER, configuration={"n": 0, "list": [1]})
        device.recipe("gated", "1.0.0", GATED)
        device.recipe("boss", "1.0.0", FOREVER, configuration={"accessControl": POLICY})
        device.recipe("nobody", "1.0.0", FOREVER)
        device.deploy_ok("boss=1.0.0", "nobody=1.0.0")
        yield device


nobody = connection_of("nobody")


def create(ipc, **request):
    answer = ipc.call("CreateLocalDeployment", **request)
    assert list(answer) == ["deploymentId"] and UUID.fullmatch(answer["deploymentId"])
    return answer["deploymentId"]


def status(ipc, deployment):
    answer = ipc.call("GetLocalDeploymentStatus", deploymentId=deployment)
    assert list(answer) == ["deployment"]
    return answer["deployment"]


def ended(ipc, deployment):
    return wait_until(lambda: (s := status(ipc, deployment))["status"] not in ("QUEUED", "IN_PROGRESS") and s, 60, "the deployment to end")


def cancel(ipc, deployment):
    answer = ipc.call("CancelLocalDeployment", deploymentId=deployment)
    assert list(answer) == ["message"]
    return answer["message"]


# ---- CreateLocalDeployment ----

def test_a_request_to_deploy_is_checked_in_this_order(device, cli, nobody):
    store = os.path.join(device.root, "packages", "artifacts")
    recursive = ("Requested artifacts directory path is parent of kernel artifacts directory path. Specify another path to avoid recursive "
                 "copy")
    nobody.fails("UnauthorizedError", None, "CreateLocalDeployment", artifactsDirectoryPath=store, groupName="a:b")
    link = os.path.join(device.folder, "link")
    os.symlink(device.root, link)
    for path in (store, os.path.dirname(store), device.root, "/", store + "/../artifacts/", link):
        cli.fails("InvalidArtifactsDirectoryPathError", recursive, "CreateLocalDeployment", artifactsDirectoryPath=path, groupName="a:b")
    cli.fails("InvalidArgumentsError", "Thing group name cannot contain colon characters", "CreateLocalDeployment", groupName="a:b")
    cli.fails("InvalidArgumentsError", None, "CreateLocalDeployment", rootComponentVersionsToAdd={"a": 1})


def test_a_folder_that_only_begins_like_the_store_is_none_of_its_parents(device, cli):
    beside = os.path.join(device.root, "packages", "art")
    os.makedirs(beside)
    assert ended(cli, create(cli, artifactsDirectoryPath=beside))["status"] == "SUCCEEDED"


def test_all_members_may_be_absent_and_the_present_set_is_deployed_again(device, cli):
    before = {n: (c["version"], c["state"]) for n, c in device.components().items()}
    pid = device.pid("boss")
    assert ended(cli, create(cli))["status"] == "SUCCEEDED"
    assert {n: (c["version"], c["state"]) for n, c in device.components().items()} == before and device.pid("boss") == pid


def test_roots_are_added_configured_and_removed(device, cli):
    deployment = create(cli, recipeDirectoryPath=device.recipes, rootComponentVersionsToAdd={"a": "1.0.0", "b": "1.0.0"}, failureHandlingPolicy=None,
                        componentToConfiguration={"a": {"MERGE": {"n": 5, "list": []}}, "b": {"merge": {"n": 5}}, "elsewhere": {"MERGE": {}}})
    assert ended(cli, deployment)["status"] == "SUCCEEDED"
    assert device.details("a")["configuration"] == {"n": 5, "list": []}
    assert device.details("b")["configuration"] == {"n": 0, "list": [1]}, "MERGE is written in upper case"
    deployment = create(cli, rootComponentsToRemove=["b"], rootComponentVersionsToAdd={"a": "1.0.0"},
                        componentToConfiguration={"a": {"RESET": [""], "MERGE": {"n": 7}}})
    assert ended(cli, deployment)["status"] == "SUCCEEDED"
    assert device.details("a")["configuration"] == {"n": 7, "list": [1]}
    assert "b" not in device.components()


def test_the_group_that_is_named_has_roots_of_its_own(device, cli):
    assert ended(cli, create(cli, groupName="lamps", rootComponentVersionsToAdd={"b": "1.0.0"}))["status"] == "SUCCEEDED"
    assert {"a", "b"} <= set(device.components())
    assert ended(cli, create(cli, rootComponentsToRemove=["b"]))["status"] == "SUCCEEDED"
    assert "b" in device.components(), "another group wants it"
    assert ended(cli, create(cli, groupName="lamps", rootComponentsToRemove=["b"]))["status"] == "SUCCEEDED"
    assert "b" not in device.components()


def test_bad_folders_fail_the_deployment_and_not_the_call(device, cli):
    for member in ("recipeDirectoryPath", "artifactsDirectoryPath"):
        assert ended(cli, create(cli, **{member: os.path.join(device.folder, "missing")}))["status"] == "FAILED"


def test_the_policy_for_a_failure_is_to_do_nothing_unless_rollback_is_asked_for(device, cli):
    device.recipe("bad", "1.0.0", {"startup": "exit 1"})
    for policy, detailed in ((None, "FAILED_ROLLBACK_NOT_REQUESTED"), ("WHATEVER", "FAILED_ROLLBACK_NOT_REQUESTED"),
                             ("ROLLBACK", "FAILED_ROLLBACK_COMPLETE")):
        done = ended(cli, create(cli, recipeDirectoryPath=device.recipes, rootComponentVersionsToAdd={"bad": "1.0.0"}, failureHandlingPolicy=policy))
        assert done["deploymentStatusDetails"]["detailedDeploymentStatus"] == detailed
        if detailed.endswith("NOT_REQUESTED"):
            assert ended(cli, create(cli, rootComponentsToRemove=["bad"]))["status"] == "SUCCEEDED"


# ---- CancelLocalDeployment ----

def test_a_cancel_is_checked_in_this_order(cli, nobody):
    for ipc in (cli, nobody):
        for request in ({"deploymentId": "nonsense"}, {"deploymentId": ""}, {}):
            ipc.fails("InvalidArgumentsError", FORMAT, "CancelLocalDeployment", **request)
    nobody.fails("UnauthorizedError", None, "CancelLocalDeployment", deploymentId=UNKNOWN)
    error = cli.fails("ResourceNotFoundError", f"Cannot find the deployment id provided {UNKNOWN}", "CancelLocalDeployment", deploymentId=UNKNOWN)
    assert (error.content["resourceType"], error.content["resourceName"]) == ("LocalDeployment", UNKNOWN)


def test_a_deployment_that_waits_is_dropped_and_one_that_has_begun_to_change_components_runs_to_its_end(device, cli):
    running = create(cli, recipeDirectoryPath=device.recipes, rootComponentVersionsToAdd={"gated": "1.0.0"})
    waiting = create(cli, rootComponentVersionsToAdd={"b": "1.0.0"})
    wait_until(lambda: device.state("gated") == "STARTING", 60, "gated to start")
    assert status(cli, waiting)["status"] == "QUEUED"
    assert cancel(cli, waiting) == f"Cancel request submitted. Deployment ID: {waiting}"
    assert status(cli, waiting)["status"] == "CANCELED"
    assert cancel(cli, running) == f"Cancel request submitted. Deployment ID: {running}"
    assert status(cli, running)["status"] == "IN_PROGRESS"
    with open(os.path.join(device.root, "work", "gated", "gate"), "wb"):
        pass
    assert ended(cli, running)["status"] == "SUCCEEDED"
    assert "b" not in device.components()
    for deployment in (running, waiting):
        assert cancel(cli, deployment) == "Cancellation request is not processed because deployment is already finished"


# ---- GetLocalDeploymentStatus, ListLocalDeployments ----

def test_a_question_for_a_status_is_checked_in_this_order(cli, nobody):
    for ipc in (cli, nobody):
        for request in ({"deploymentId": "nonsense"}, {}):
            ipc.fails("InvalidArgumentsError", FORMAT, "GetLocalDeploymentStatus", **request)
    nobody.fails("UnauthorizedError", "Principal nobody is not authorized to perform aws.greengrass.Cli:"
                 f"aws.greengrass#GetLocalDeploymentStatus on resource {UNKNOWN}", "GetLocalDeploymentStatus", deploymentId=UNKNOWN)
    error = cli.fails("ResourceNotFoundError", "Cannot find deployment", "GetLocalDeploymentStatus", deploymentId=UNKNOWN)
    assert (error.content["resourceType"], error.content["resourceName"]) == ("LocalDeployment", UNKNOWN)


def test_a_status_has_the_day_first_and_its_details_once_there_are_any(device, cli):
    begin = int(time.time())
    deployment = create(cli, recipeDirectoryPath=device.recipes, rootComponentVersionsToAdd={"none.such": "1.0.0"})
    done = ended(cli, deployment)
    created = time.strptime(done["createdOn"], "%d-%m-%Y %H:%M:%S UTC")
    assert begin <= calendar.timegm(created) <= time.time()
    assert (done["deploymentId"], done["status"]) == (deployment, "FAILED")
    details = done["deploymentStatusDetails"]
    assert details["detailedDeploymentStatus"] == "FAILED_NO_STATE_CHANGE"
    assert details["deploymentErrorStack"][0] == "DEPLOYMENT_FAILURE" and len(details["deploymentErrorStack"]) > 1
    assert details["deploymentErrorTypes"] == ["REQUEST_ERROR"]
    assert "none.such" in details["deploymentFailureCause"]


def test_while_it_waits_a_deployment_has_no_details(device, cli):
    running = create(cli, rootComponentVersionsToAdd={"gated": "1.0.0"}, componentToConfiguration={})
    for deployment in (running, create(cli)):
        if (first := status(cli, deployment))["status"] in ("QUEUED", "IN_PROGRESS"):
            assert "deploymentStatusDetails" not in first
        ended(cli, deployment)


def test_the_list_has_all_deployments_without_details(device, cli, nobody):
    ids = [create(cli), create(cli)]
    for deployment in ids:
        assert ended(cli, deployment)["deploymentStatusDetails"] == {"detailedDeploymentStatus": "SUCCESSFUL"}
    answer = cli.call("ListLocalDeployments")
    assert list(answer) == ["localDeployments"]
    assert [d["deploymentId"] for d in answer["localDeployments"]][-2:] == ids
    assert all(set(d) == {"deploymentId", "status", "createdOn"} for d in answer["localDeployments"])
    nobody.fails("UnauthorizedError", None, "ListLocalDeployments")


def test_a_component_with_a_policy_may_deploy_and_ask(device):
    with device.ipc("boss") as boss:
        deployment = create(boss)
        assert deployment in [d["deploymentId"] for d in boss.call("ListLocalDeployments")["localDeployments"]]
        assert ended(boss, deployment)["status"] == "SUCCEEDED"
        assert "finished" in cancel(boss, deployment)


def test_records_are_kept_over_a_kill_of_the_nucleus(device, cli):
    done = ended(cli, create(cli, rootComponentVersionsToAdd={"none.such": "1.0.0"}))
    before = cli.call("ListLocalDeployments")
    device.kill()
    device.start()
    with device.cli_ipc() as again:
        assert status(again, done["deploymentId"]) == done
        assert again.call("ListLocalDeployments") == before
