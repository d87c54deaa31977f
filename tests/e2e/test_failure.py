"""What a failed deployment leaves behind and what it tells: DO_NOTHING, ROLLBACK, cancel."""
import http.server
import socketserver
import threading

import pytest

FOREVER = "while :; do sleep 1; done"
BROKEN = {"startup": "echo cannot open the valve >&2; exit 3"}


@pytest.fixture
def slow_server():
    """A web server whose only file never ends; .asked is set when somebody reads it."""
    asked, leave = threading.Event(), threading.Event()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_HEAD(self):
            self.send_response(200)
            self.send_header("Content-Length", "1000000")
            self.end_headers()

        def do_GET(self):
            self.do_HEAD()
            self.wfile.write(b"x" * 1000)
            self.wfile.flush()
            asked.set()
            leave.wait(600)

        def log_message(self, *_):
            pass

    class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
        daemon_threads = True

    server = Server(("127.0.0.1", 0), Handler)
    server.asked, server.url = asked, f"http://127.0.0.1:{server.server_port}/model.bin"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    leave.set()
    server.shutdown()
    server.server_close()


def two_versions(device):
    device.recipe("base", "1.0.0", FOREVER)
    device.recipe("app", "1.0.0", FOREVER, configuration={"mode": "old"}, depends={"base": "*"})
    device.recipe("app", "1.1.0", BROKEN, configuration={"mode": "new"}, depends={"base": "*"})
    device.deploy_ok("app=1.0.0")


def test_do_nothing_leaves_the_broken_version_and_says_why(device):
    two_versions(device)
    text, details = device.deploy_failing("app=1.1.0", policy="DO_NOTHING")
    assert details["detailedDeploymentStatus"] == "FAILED_ROLLBACK_NOT_REQUESTED"
    assert details["deploymentErrorStack"] == ["DEPLOYMENT_FAILURE", "COMPONENT_UPDATE_ERROR", "COMPONENT_BROKEN"]
    assert details["deploymentErrorTypes"] == ["USER_COMPONENT_ERROR"]
    for word in ("app 1.1.0", "BROKEN", "code 3", "logs/app.log"):
        assert word in details["deploymentFailureCause"]
    assert "Deployment Error Stack: DEPLOYMENT_FAILURE, COMPONENT_UPDATE_ERROR, COMPONENT_BROKEN" in text
    assert device.components()["app"]["version"] == "1.1.0"
    assert device.state("app") == "BROKEN"
    assert "cannot open the valve" in device.log("app")


def test_rollback_brings_the_old_version_and_configuration_back(device):
    two_versions(device)
    base = device.pid("base")
    _, details = device.deploy_failing("app=1.1.0", policy="ROLLBACK", update={"app": {"MERGE": {"mode": "third", "x": 1}}})
    assert details["detailedDeploymentStatus"] == "FAILED_ROLLBACK_COMPLETE"
    assert details["deploymentErrorStack"] == ["DEPLOYMENT_FAILURE", "COMPONENT_UPDATE_ERROR", "COMPONENT_BROKEN"]
    assert "app 1.1.0" in details["deploymentFailureCause"]
    now = device.components()["app"]
    assert (now["version"], now["state"], now["configuration"]) == ("1.0.0", "RUNNING", {"mode": "old"})
    assert device.pid("base") == base
    device.deploy_ok()  # the roots of before are still the roots
    assert device.components()["app"]["version"] == "1.0.0"


def test_rollback_removes_what_the_deployment_had_added(device):
    two_versions(device)
    marker = f"{FOREVER} # extra of {device.root}"
    device.recipe("extra", "1.0.0", marker)
    _, details = device.deploy_failing("app=1.1.0", "extra=1.0.0", policy="ROLLBACK")
    assert details["detailedDeploymentStatus"] == "FAILED_ROLLBACK_COMPLETE"
    assert "extra" not in device.components()
    assert not device.processes(marker)


def test_a_broken_component_is_replaced_by_the_next_deployment(device):
    two_versions(device)
    device.deploy_failing("app=1.1.0")
    device.recipe("app", "1.1.1", FOREVER, depends={"base": "*"})
    device.deploy_ok("app=1.1.1")
    assert device.state("app") == "RUNNING"


def test_a_failure_before_anything_changed_changes_nothing(device):
    two_versions(device)
    before = {name: device.pid(name) for name in ("app", "base")}
    _, details = device.deploy_failing("app=9.0.0", policy="ROLLBACK")
    assert details["detailedDeploymentStatus"] == "FAILED_NO_STATE_CHANGE"
    assert {name: device.pid(name) for name in ("app", "base")} == before


def test_two_groups_that_disagree_are_both_named(device):
    for version in ("1.2.0", "1.3.0"):
        device.recipe("b", version, FOREVER)
    device.deploy_ok("b=1.2.0", more=("--groupId", "g"))
    _, details = device.deploy_failing("b=1.3.0")
    assert details["deploymentErrorStack"] == ["DEPLOYMENT_FAILURE", "NO_AVAILABLE_COMPONENT_VERSION", "COMPONENT_VERSION_REQUIREMENTS_NOT_MET"]
    assert details["deploymentErrorTypes"] == ["REQUEST_ERROR"]
    for word in ("thinggroup/g requires 1.2.0", "LOCAL_DEPLOYMENT requires 1.3.0", "there are: 1.3.0, 1.2.0"):
        assert word in details["deploymentFailureCause"]


def test_a_deployment_that_downloads_can_be_cancelled(device, slow_server):
    device.recipe("slow", "1.0.0", "true", artifacts=[{"URI": slow_server.url}])
    deployment = device.create("slow=1.0.0")
    assert slow_server.asked.wait(90)
    device.wait_phase(deployment, "DOWNLOADING")
    device.sedge("deployment", "cancel", "-i", deployment)
    assert device.wait(deployment)["status"] == "CANCELED"
    assert "slow" not in device.components()
    device.recipe("next", "1.0.0", "true")
    device.deploy_ok("next=1.0.0")


def test_a_deployment_that_waits_can_be_cancelled(device, slow_server):
    device.recipe("slow", "1.0.0", "true", artifacts=[{"URI": slow_server.url}])
    device.recipe("next", "1.0.0", "true")
    first = device.create("slow=1.0.0")
    assert slow_server.asked.wait(90)
    waiting = device.create("next=1.0.0")
    device.sedge("deployment", "cancel", "-i", waiting)
    device.sedge("deployment", "cancel", "-i", first)
    assert device.wait(waiting)["status"] == "CANCELED"
    assert device.wait(first)["status"] == "CANCELED"
    assert "next" not in device.components()


def test_cancel_of_a_finished_or_unknown_deployment_is_answered(device):
    device.recipe("x", "1.0.0", "true")
    done = device.deploy_ok("x=1.0.0")
    assert "finished" in device.sedge("deployment", "cancel", "-i", done)
    unknown = device.cli("deployment", "cancel", "-i", "11111111-2222-4333-8444-555555555555")
    assert unknown.returncode == 1
    assert "11111111-2222-4333-8444-555555555555" in unknown.stderr
    bad = device.cli("deployment", "cancel", "-i", "nonsense")
    assert bad.returncode == 1
    assert "nonsense" in bad.stderr or "UUID" in bad.stderr


def test_a_component_that_crashes_is_explained_with_its_signal_and_its_last_lines(device):
    device.recipe("app", "1.0.0", {"run": "for i in $(seq 1 25); do echo line $i; done; kill -11 $$"})
    text, details = device.deploy_failing("app=1.0.0", policy="ROLLBACK")
    cause = details["deploymentFailureCause"]
    assert "app 1.0.0 is BROKEN" in cause and "signal 11 (Segmentation fault)" in cause and "core dumped" in cause
    lines = cause.split("Last lines of its output:\n", 1)[1].split("\n")
    assert lines == [f"  line {i}" for i in range(6, 26)]
    assert "line 25" in text
