"""Every kind of failure, told the same everywhere: on the command line, in the log, in the job, in the shadow, in the fleet status."""
import http.server
import os
import re
import socketserver
import threading
import time

import pytest

from local import wait_until
from support.device_ladder import FOREVER, THING, ladder
from support.folder import temporary_folder

NUCLEUS = "aws.greengrass.Nucleus"
NOTHING, BACK, LOST, LEFT = ("FAILED_NO_STATE_CHANGE", "FAILED_ROLLBACK_COMPLETE", "FAILED_UNABLE_TO_ROLLBACK", "FAILED_ROLLBACK_NOT_REQUESTED")
VERSIONS = ["DEPLOYMENT_FAILURE", "NO_AVAILABLE_COMPONENT_VERSION", "COMPONENT_VERSION_REQUIREMENTS_NOT_MET"]
DOWNLOAD = ["DEPLOYMENT_FAILURE", "ARTIFACT_DOWNLOAD_ERROR"]
BROKEN = ["DEPLOYMENT_FAILURE", "COMPONENT_UPDATE_ERROR", "COMPONENT_BROKEN"]
USER = ["USER_COMPONENT_ERROR"]

# name: what is wanted, detailed status, error stack, error types, words of the cause
FAILURES = {
    "no version": ({"nowhere": "1.0.0"}, NOTHING, VERSIONS, ["REQUEST_ERROR"], ["nowhere"]),
    "circle": ({"circle-a": "1.0.0"}, NOTHING, ["DEPLOYMENT_FAILURE", "COMPONENT_CIRCULAR_DEPENDENCY_ERROR"], ["REQUEST_ERROR"],
               ["circle-a -> circle-b -> circle-a"]),
    "platform": ({"elsewhere": "1.0.0"}, NOTHING, ["DEPLOYMENT_FAILURE", "COMPONENT_PACKAGE_LOADING_ERROR", "LOCAL_RECIPE_NOT_FOUND"], ["DEVICE_ERROR"],
                 ["elsewhere"]),
    "plugin": ({"plugin": "1.0.0"}, NOTHING, ["DEPLOYMENT_FAILURE", "CUSTOM_PLUGIN_NOT_SUPPORTED"], USER, ["plugin 1.0.0"]),
    "404": ({"missing": "1.0.0"}, NOTHING, [*DOWNLOAD, "HTTP_REQUEST_ERROR"], ["HTTP_ERROR"], ["missing 1.0.0", "not found"]),
    "403": ({"forbidden": "1.0.0"}, NOTHING, [*DOWNLOAD, "HTTP_REQUEST_ERROR"], ["HTTP_ERROR"], ["forbidden 1.0.0", "access denied"]),
    "checksum": ({"changed": "1.0.0"}, NOTHING, [*DOWNLOAD, "ARTIFACT_CHECKSUM_MISMATCH"], ["COMPONENT_RECIPE_ERROR"], ["changed 1.0.0"]),
    "user": ({NUCLEUS: {"version": "2.17.0", "configurationUpdate": {"merge": {"runWithDefault": {"posixUser": "nobody-of-this-name"}}}}}, NOTHING,
             ["DEPLOYMENT_FAILURE", "RUN_WITH_CONFIG_NOT_VALID"], ["REQUEST_ERROR"], ["nobody-of-this-name"]),
    "configuration": ({NUCLEUS: {"version": "2.17.0", "configurationUpdate": {"merge": {"mqtt": {"port": 99999}}}}}, NOTHING,
                      ["DEPLOYMENT_FAILURE", "COMPONENT_CONFIGURATION_NOT_VALID"], USER, ["mqtt.port"]),
    "install": ({"install": "1.0.0"}, BACK, BROKEN, USER, ["install 1.0.0", "code 4", "cannot install"]),
    "startup": ({"startup": "1.0.0"}, BACK, BROKEN, USER, ["startup 1.0.0", "code 9"]),
    "run": ({"crash": "1.0.0"}, BACK, BROKEN, USER, ["crash 1.0.0", "signal 11"]),
    "bootstrap": ({"boot": "1.0.0"}, BACK, ["DEPLOYMENT_FAILURE", "COMPONENT_BOOTSTRAP_ERROR"], USER, ["boot 1.0.0", "code 5"]),
    "bootstrap time-out": ({"slow-boot": "1.0.0"}, BACK, ["DEPLOYMENT_FAILURE", "COMPONENT_BOOTSTRAP_TIMEOUT"], USER, ["slow-boot 1.0.0"]),
}


class Refusing(http.server.BaseHTTPRequestHandler):
    """/404 and /403 answer so; everything else is a file."""

    def do_HEAD(self):
        code = int(self.path[1:]) if self.path[1:].isdigit() else 200
        self.send_response(code)
        self.send_header("Content-Length", "4")
        self.end_headers()

    def do_GET(self):
        self.do_HEAD()
        self.wfile.write(b"data")

    def log_message(self, *_):
        pass


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True


@pytest.fixture(scope="module")
def site(bin_dir, ca):
    server = Server(("127.0.0.1", 0), Refusing)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}"
    with temporary_folder() as folder, ladder(bin_dir, ca, folder, httpClient={"retryMinMs": 1, "retryMaxMs": 20}) as site:
        device = site.device
        site.recipes({"circle-a": "true"}, depends={"circle-b": "*"})
        site.recipes({"circle-b": "true"}, depends={"circle-a": "*"})
        site.recipes({"elsewhere": "true"}, Manifests=[{"Platform": {"os": "windows"}, "Lifecycle": {"run": "true"}}])
        site.recipes({"plugin": "true"}, ComponentType="aws.greengrass.plugin")
        for name, path in (("missing", "404"), ("forbidden", "403")):
            device.recipe(name, "1.0.0", "true", artifacts=[{"URI": f"{url}/{path}"}])
        device.recipe("changed", "1.0.0", "true", artifacts=[{"URI": f"{url}/x", "Digest": "A" * 43 + "=", "Algorithm": "SHA-256"}])
        site.recipes({"install": {"install": "echo cannot install; exit 4", "run": "true"}, "startup": {"startup": "exit 9"}, "crash": "kill -11 $$",
                      "boot": {"bootstrap": "exit 5", "run": "true"},
                      "slow-boot": {"bootstrap": {"Script": "sleep 1000", "Timeout": 1}, "run": "true"}})
        first = f"[ -e {device.notes}/once ] && exit 8; touch {device.notes}/once; exec sleep 1000"
        site.recipes({"return": first, "valve": FOREVER, "other": "true"})
        site.recipes({"return": {"startup": "exit 3"}}, version="1.1.0")
        site.load_recipes()
        yield site
    server.shutdown()
    server.server_close()


def told(details, *names):
    """The four things that are told, from details that name them so; a job's values have no line ends."""
    detailed, stack, types, cause = (details.get(name) for name in names)
    return detailed, stack, types or [], " ".join(cause.split())


def without_target(report, target):
    """Who wants a component is part of some causes."""
    return *report[:3], report[3].replace(target, "TARGET")


def now():
    """Values of a document that is older than those of the device are passed over, good or bad."""
    return {"creationTimestamp": int(time.time() * 1000)}


def told_to_jobs(site, job, wanted):
    site.cloud.create(job, site.cloud.document(job, 1, wanted, **now()))
    return told(site.cloud.wait_status(job, "FAILED"), "detailed-deployment-status", "deployment-error-stack", "deployment-error-types",
                "deployment-failure-cause")


def told_to_the_shadow(site, revision, wanted):
    site.cloud.want(site.cloud.document(THING, revision, wanted, kind="thing", **now()))
    details = site.cloud.wait_reported(site.cloud.arn(THING, revision, "thing"), "FAILED")
    return told(details, "detailedStatus", "errorStack", "errorTypes", "failureCause")


def told_to_the_fleet(site, trigger, deployment):
    details = site.cloud.wait_health(trigger, deployment)["deploymentInformation"]["statusDetails"]
    return told(details, "detailedStatus", "errorStack", "errorTypes", "failureCause")


def told_on_the_command_line(device, deployment):
    details = device.wait(deployment)["deploymentStatusDetails"]
    report = told(details, "detailedDeploymentStatus", "deploymentErrorStack", "deploymentErrorTypes", "deploymentFailureCause")
    text = " ".join(device.sedge("deployment", "status", "-i", deployment).split())
    for words in (report[0], *report[1], *report[2], report[3]):
        assert words in text, text
    return report


def told_in_the_log(device, deployment):
    found = re.findall(rf"deployment-finished\. id={re.escape(deployment)} status=FAILED detailedStatus=(\S+) errorStack=(\S+) "
                       r"errorTypes=(\S*) cause=(.*)\. \{", device.log())
    assert len(found) == 1, device.log()[-3000:]
    detailed, stack, types, cause = found[0]
    return detailed, stack.split(","), [t for t in types.split(",") if t], " ".join(cause.split())


def create_locally(device, wanted):
    update = {n: {"MERGE": c["configurationUpdate"]["merge"]} for n, c in wanted.items() if isinstance(c, dict)}
    return device.create(*[f"{n}={c if isinstance(c, str) else c['version']}" for n, c in wanted.items()], policy="ROLLBACK", update=update or None)


@pytest.mark.parametrize("kind", FAILURES)
def test_a_failure_is_told_the_same_everywhere(site, kind):
    wanted, detailed, stack, types, words = FAILURES[kind]
    number = list(FAILURES).index(kind) + 1
    group = f"F{number}"
    job = told_to_jobs(site, group, wanted)
    assert job[:3] == (detailed, stack, types), job
    for word in words:
        assert word in job[3], job
    assert told_to_the_fleet(site, "THING_GROUP_DEPLOYMENT", f"{group}-1") == job
    assert told_in_the_log(site.device, group) == job
    job = without_target(job, f"thinggroup/{group}")
    shadow = told_to_the_shadow(site, number, wanted)
    assert told_to_the_fleet(site, "THING_DEPLOYMENT", f"{THING}-{number}") == shadow
    assert without_target(shadow, f"thing/{THING}") == job
    local = create_locally(site.device, wanted)
    line = told_on_the_command_line(site.device, local)
    assert told_in_the_log(site.device, local) == line
    assert without_target(line, "LOCAL_DEPLOYMENT") == job
    assert not {n for n in wanted if n != NUCLEUS} & set(site.device.components())


def test_two_groups_that_disagree(site):
    site.recipes({"valve": FOREVER}, version="2.0.0")
    site.load_recipes()
    site.job("disagree-1", "valve", group="one")
    details = site.job("disagree-2", "valve=2.0.0", group="two", status="FAILED")
    assert details["deployment-error-stack"] == VERSIONS and details["detailed-deployment-status"] == NOTHING
    for word in ("thinggroup/one requires 1.0.0", "thinggroup/two requires 2.0.0"):
        assert word in details["deployment-failure-cause"]
    site.job("disagree-3", group="one", revision=2)


def test_a_roll_back_that_fails_itself(site):
    site.job("return-1", "return", group="return")
    wait_until(lambda: os.path.exists(os.path.join(site.device.notes, "once")), 60, "its script to have run once")
    details = site.job("return-2", "return=1.1.0", group="return", revision=2, status="FAILED")
    assert details["detailed-deployment-status"] == LOST and details["deployment-error-stack"] == BROKEN
    assert "return 1.1.0" in details["deployment-failure-cause"]
    site.job("return-3", group="return", revision=3)


def test_do_nothing_is_told_as_such(site):
    details = site.job("left", "startup", status="FAILED", failureHandlingPolicy="DO_NOTHING")
    assert details["detailed-deployment-status"] == LEFT and details["deployment-error-stack"] == BROKEN
    site.job("left-2", group="left", revision=2)
    assert "startup" not in site.device.components()


def test_a_store_that_is_full(site):
    device = site.device
    device.deploy_ok(f"{NUCLEUS}=2.17.0", update={NUCLEUS: {"MERGE": {"componentStoreMaxSizeBytes": 1}}})
    try:
        details = site.job("full", "missing", status="FAILED")
        assert details["deployment-error-stack"] == [*DOWNLOAD, "DISK_SPACE_CRITICAL"] and details["deployment-error-types"] == ["DEVICE_ERROR"]
        assert "componentStoreMaxSizeBytes" in details["deployment-failure-cause"] and details["detailed-deployment-status"] == NOTHING
    finally:
        device.deploy_ok(f"{NUCLEUS}=2.17.0", update={NUCLEUS: {"RESET": ["/componentStoreMaxSizeBytes"]}})


def test_a_component_that_cannot_be_removed_cleanly_is_removed_all_the_same(site):
    site.recipes({"sticky": {"run": FOREVER, "uninstall": "exit 6"}})
    site.load_recipes()
    site.job("sticky-1", "sticky", group="sticky")
    site.job("sticky-2", "other", group="sticky", revision=2)
    wait_until(lambda: "sticky" not in site.device.components(), 20, "sticky to be gone")
