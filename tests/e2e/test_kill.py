"""kill -9 of the nucleus in the middle of deployments: at the next start they finish or go back, and nothing is left over."""
import os
import time

import pytest

from local import wait_until
from test_failure import slow_server  # noqa: F401  a fixture

FOREVER = "while :; do sleep 1; done"


def steady(device, name, version):
    device.wait_state(name, "RUNNING")
    assert device.components()[name]["version"] == version


def nothing_left_over(device, running):
    """One process for each running component, and no half-written file."""
    for marker, count in running.items():
        wait_until(lambda m=marker, c=count: len(device.processes(m)) == c, 30, f"{count} processes of \"{marker}\"")
    packages = os.path.join(device.root, "packages")
    wait_until(lambda: not os.listdir(os.path.join(packages, "trash")), 30, "the trash to be empty")
    odd = [os.path.join(folder, file) for folder, _, files in os.walk(packages) for file in files
           if file.endswith((".new", ".part", ".tmp")) or file.startswith(".")]
    assert not odd


def markers(device):
    """Scripts of app 1.0.0 and 1.1.0 that no other test's processes look like."""
    return {v: f"{FOREVER} # {device.root} {v}" for v in ("1.0.0", "1.1.0")}


@pytest.mark.parametrize("moment_ms", [0, 5, 10, 15, 25, 40, 100])
def test_killed_at_any_moment_of_an_update_the_device_finishes_it(device, moment_ms):
    script = markers(device)
    for version, text in script.items():
        device.recipe("app", version, text)
    device.deploy_ok("app=1.0.0")
    deployment = device.create("app=1.1.0")
    time.sleep(moment_ms / 1000)  # from "just accepted" to "waiting for the new version to prove itself"
    device.kill()
    device.start()
    assert device.wait(deployment)["status"] == "SUCCEEDED"
    steady(device, "app", "1.1.0")
    nothing_left_over(device, {script["1.0.0"]: 0, script["1.1.0"]: 1})


def test_killed_while_downloading_the_deployment_begins_again(device, slow_server):  # noqa: F811
    marker = f"{FOREVER} # {device.root}"
    device.recipe("old", "1.0.0", marker)
    device.deploy_ok("old=1.0.0")
    device.recipe("slow", "1.0.0", "true", artifacts=[{"URI": slow_server.url}])
    deployment = device.create("slow=1.0.0")
    assert slow_server.asked.wait(90)
    device.kill()
    slow_server.asked.clear()
    device.start()
    assert slow_server.asked.wait(90)
    device.wait_phase(deployment, "DOWNLOADING")
    device.sedge("deployment", "cancel", "-i", deployment)
    assert device.wait(deployment)["status"] == "CANCELED"
    steady(device, "old", "1.0.0")
    nothing_left_over(device, {marker: 1})


def test_killed_while_starting_the_deployment_finishes(device):
    gate, script = os.path.join(device.folder, "gate"), markers(device)
    device.recipe("app", "1.0.0", script["1.0.0"])
    device.recipe("app", "1.1.0", {"install": f"until [ -e {gate} ]; do sleep 0.1; done", "run": script["1.1.0"]})
    device.deploy_ok("app=1.0.0")
    deployment = device.create("app=1.1.0")
    device.wait_phase(deployment, "STARTING")
    device.kill()
    device.start()
    device.wait_phase(deployment, "STARTING")
    device.write("gate", "")
    assert device.wait(deployment)["status"] == "SUCCEEDED"
    steady(device, "app", "1.1.0")
    nothing_left_over(device, {script["1.0.0"]: 0, script["1.1.0"]: 1, gate: 0})


def test_killed_while_starting_a_version_that_breaks_the_device_rolls_back(device):
    gate, script = os.path.join(device.folder, "gate"), markers(device)
    device.recipe("app", "1.0.0", script["1.0.0"], configuration={"a": 1})
    device.recipe("app", "1.1.0", {"startup": f"until [ -e {gate} ]; do sleep 0.1; done; exit 4"})
    device.deploy_ok("app=1.0.0")
    deployment = device.create("app=1.1.0", policy="ROLLBACK", update={"app": {"MERGE": {"a": 2}}})
    device.wait_phase(deployment, "STARTING")
    device.kill()
    device.write("gate", "")
    device.start()
    status = device.wait(deployment)
    assert status["status"] == "FAILED"
    assert status["deploymentStatusDetails"]["detailedDeploymentStatus"] == "FAILED_ROLLBACK_COMPLETE"
    assert "code 4" in status["deploymentStatusDetails"]["deploymentFailureCause"]
    steady(device, "app", "1.0.0")
    assert device.details("app")["configuration"] == {"a": 1}
    nothing_left_over(device, {script["1.0.0"]: 1})


def test_killed_while_rolling_back_the_rollback_finishes(device):
    gate, script = os.path.join(device.folder, "gate"), markers(device)
    device.write("gate", "")
    device.recipe("app", "1.0.0", {"install": f"until [ -e {gate} ]; do sleep 0.1; done", "run": script["1.0.0"]})
    device.recipe("app", "1.1.0", {"startup": "exit 5"})
    device.recipe("added", "1.0.0", script["1.1.0"])
    device.deploy_ok("app=1.0.0")
    os.remove(gate)
    deployment = device.create("app=1.1.0", "added=1.0.0", policy="ROLLBACK")
    device.wait_phase(deployment, "ROLLING_BACK")
    device.kill()
    device.start()
    device.wait_phase(deployment, "ROLLING_BACK")
    device.write("gate", "")
    status = device.wait(deployment)
    assert status["deploymentStatusDetails"]["detailedDeploymentStatus"] == "FAILED_ROLLBACK_COMPLETE"
    assert "code 5" in status["deploymentStatusDetails"]["deploymentFailureCause"]
    steady(device, "app", "1.0.0")
    assert "added" not in device.components()
    nothing_left_over(device, {script["1.0.0"]: 1, script["1.1.0"]: 0})


def test_killed_when_idle_the_same_components_come_back_without_a_deployment(device):
    script = markers(device)
    device.recipe("app", "1.0.0", script["1.0.0"])
    device.deploy_ok("app=1.0.0")
    before = device.sedge("deployment", "list")
    device.kill()
    wait_until(lambda: not device.processes(script["1.0.0"]), 10, "the component to end with its nucleus")
    device.start()
    steady(device, "app", "1.0.0")
    nothing_left_over(device, {script["1.0.0"]: 1})
    assert device.sedge("deployment", "list") == before


@pytest.mark.parametrize("moment_ms", [0, 10, 30, 60, 120, 250])
def test_killed_at_any_moment_of_an_update_that_breaks_the_device_goes_back(device, moment_ms):
    script = markers(device)
    device.recipe("app", "1.0.0", script["1.0.0"], configuration={"a": 1})
    device.recipe("app", "1.1.0", {"startup": "exit 6"})
    device.recipe("added", "1.0.0", script["1.1.0"])
    device.deploy_ok("app=1.0.0")
    deployment = device.create("app=1.1.0", "added=1.0.0", policy="ROLLBACK", update={"app": {"MERGE": {"a": 2}}})
    time.sleep(moment_ms / 1000)  # from "just accepted" to "rolled back"
    device.kill()
    device.start()
    details = device.wait(deployment)["deploymentStatusDetails"]
    assert details["detailedDeploymentStatus"] == "FAILED_ROLLBACK_COMPLETE"
    assert "app 1.1.0" in details["deploymentFailureCause"]
    steady(device, "app", "1.0.0")
    assert device.details("app")["configuration"] == {"a": 1}
    assert "added" not in device.components()
    nothing_left_over(device, {script["1.0.0"]: 1, script["1.1.0"]: 0})


def test_a_deployment_that_kills_the_nucleus_each_time_is_given_up(device):
    """Five interrupted starts are enough: the device goes back to what worked."""
    gate, script = os.path.join(device.folder, "gate"), markers(device)
    device.recipe("app", "1.0.0", script["1.0.0"])
    device.recipe("app", "1.1.0", {"install": f"until [ -e {gate} ]; do sleep 0.1; done", "run": script["1.1.0"]})
    device.deploy_ok("app=1.0.0")
    deployment = device.create("app=1.1.0", policy="ROLLBACK")
    for _ in range(5):
        device.wait_phase(deployment, "STARTING")
        device.kill()
        device.start()
    device.write("gate", "")  # an installation that is under way is waited for
    details = device.wait(deployment)["deploymentStatusDetails"]
    assert details["detailedDeploymentStatus"] == "FAILED_ROLLBACK_COMPLETE"
    assert "DEPLOYMENT_INTERRUPTED" in details["deploymentErrorStack"]
    steady(device, "app", "1.0.0")
    nothing_left_over(device, {script["1.0.0"]: 1, script["1.1.0"]: 0})


def chain(device):
    """a needs b needs c; each notes what it does. Returns how to read the notes."""
    notes = device.write("notes", "", 0o666)
    for name, depends in (("c", {}), ("b", {"c": "*"}), ("a", {"b": "*"})):
        device.recipe(name, "1.0.0", {"startup": f"echo up-{name} >> {notes}", "shutdown": f"echo down-{name} >> {notes}"},
                      depends=depends)
    device.deploy_ok("a=1.0.0")

    def read():
        with open(notes, encoding="utf-8") as f:
            return f.read().split()

    return read


UP, DOWN = ["up-c", "up-b", "up-a"], ["down-a", "down-b", "down-c"]


def test_stopped_and_started_again_the_components_stop_in_reverse_order_and_start_in_the_same_order(device):
    notes = chain(device)
    device.stop()
    assert notes() == UP + DOWN
    device.start()
    wait_until(lambda: notes() == UP + DOWN + UP, 20, "the components to start in order")


def test_killed_the_components_start_again_in_the_same_order_and_once(device):
    notes = chain(device)
    device.kill()
    device.start()
    steady(device, "a", "1.0.0")
    assert notes() == UP + UP
