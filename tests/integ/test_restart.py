"""The way of a deployment over a restart of the nucleus: killed, stopped, replaced, rebooted on it."""
import os
import shutil

import pytest

from local import wait_until
from support.device import temporary_device
from support.machine import Machine


@pytest.fixture
def own(bin_dir):
    """A device for a test that kills its nucleus, or starts it in another way."""
    with temporary_device(bin_dir, start=False, kind=Machine) as machine:
        yield machine


# ---- killed, stopped, replaced ----

def test_killed_in_the_middle_of_a_bootstrap_script_it_runs_again_and_those_that_were_done_do_not(own):
    own.start()
    own.recipe("first", "1.0.0", {"bootstrap": own.note("first")})
    own.recipe("second", "1.0.0", {"bootstrap": f"{own.note('second')}; {own.wait_for('go')}"}, depends={"first": "1.0.0"})
    deployment = own.create("second=1.0.0")
    own.wait_noted("first", "second")
    own.kill()
    own.open_gate("go")
    own.start()
    assert own.wait(deployment)["status"] == "SUCCEEDED"
    assert own.noted() == ["first", "second", "second"]
    assert own.state("second") == "FINISHED"


def test_stopped_in_the_middle_of_a_bootstrap_script_it_runs_again_at_the_next_start(own):
    own.start()
    own.recipe("app", "1.0.0", {"bootstrap": f"{own.note('app')}; {own.wait_for('go')}"})
    deployment = own.create("app=1.0.0")
    own.wait_noted("app")
    own.stop()
    assert own.process.popen.returncode == 0
    own.open_gate("go")
    own.start()
    assert own.wait(deployment)["status"] == "SUCCEEDED"
    assert own.noted() == ["app", "app"]


@pytest.mark.parametrize("moment", ["STOPPING", "bootstrap-ended", "main: restart", "STARTING"])
def test_killed_between_two_parts_of_the_way_the_deployment_is_finished(own, moment):
    """The log says when; the kill comes at once, or a little later."""
    own.start()
    own.recipe("app", "1.0.0", {"bootstrap": own.note("bootstrap"), "run": "while :; do sleep 1; done"})
    deployment = own.create("app=1.0.0")
    wait_until(lambda: moment in own.log(), 30, moment, step=0.001)
    own.kill()
    own.start()
    assert own.wait(deployment)["status"] == "SUCCEEDED"
    assert own.noted() in (["bootstrap"], ["bootstrap", "bootstrap"])
    assert own.state("app") == "RUNNING"
    assert not os.path.exists(os.path.join(own.root, "restarting"))


def test_after_three_starts_that_came_to_nothing_the_old_configuration_is_back(own):
    own.start()
    own.recipe("app", "1.0.0", {"run": own.note("old")}, configuration={"a": 1})
    own.deploy_ok("app=1.0.0")
    own.recipe("app", "1.1.0", {"bootstrap": f"{own.note('new')}; {own.wait_for('never')}"})
    deployment = own.create("app=1.1.0", update={"app": {"MERGE": {"a": 2}}})
    for i in range(1, 5):  # the first one, and three starts
        own.wait_noted("old", *["new"] * i)
        own.kill()
        own.start()
    details = own.wait(deployment)["deploymentStatusDetails"]
    assert details["detailedDeploymentStatus"] == "FAILED_ROLLBACK_COMPLETE"
    assert details["deploymentErrorStack"] == ["DEPLOYMENT_FAILURE", "NUCLEUS_RESTART_FAILURE"]
    own.wait_noted("old", "new", "new", "new", "new", "old")
    assert own.components()["app"]["version"] == "1.0.0"
    assert own.details("app")["configuration"] == {"a": 1}
    own.restart()
    assert own.details("app")["configuration"] == {"a": 1}


def test_starts_that_fail_before_the_deployment_is_looked_at_count_too(own):
    own.start()
    own.recipe("app", "1.0.0", {"bootstrap": f"{own.note('new')}; {own.wait_for('never')}"})
    deployment = own.create("app=1.0.0")
    own.wait_noted("new")
    own.kill()
    os.remove(own.socket)
    os.makedirs(os.path.join(own.socket, "in-the-way"))
    for _ in range(3):
        own.start(wait=False)
        wait_until(lambda: not own.process.running(), 30, "the nucleus to give up")
        assert own.process.popen.returncode != 0
    shutil.rmtree(own.socket)
    own.start()
    assert own.wait(deployment)["deploymentStatusDetails"]["detailedDeploymentStatus"] == "FAILED_ROLLBACK_COMPLETE"
    assert "app" not in own.components() and own.noted() == ["new"]


def test_a_nucleus_that_was_replaced_on_the_disk_starts_again_as_the_new_one(own, bin_dir):
    copies = os.path.join(own.folder, "bin")
    shutil.copytree(bin_dir, copies, ignore=lambda _, names: [n for n in names if not n.startswith("sedge")])
    own.bin = copies
    own.start()
    before = os.stat(f"/proc/{own.process.pid}/exe").st_ino
    shutil.copy(os.path.join(bin_dir, "sedge-nucleus"), os.path.join(copies, "new"))
    os.rename(os.path.join(copies, "new"), os.path.join(copies, "sedge-nucleus"))
    own.recipe("app", "1.0.0", {"bootstrap": "exit 100"})
    own.deploy_ok("app=1.0.0")
    after = os.stat(f"/proc/{own.process.pid}/exe").st_ino
    assert before != after and after == os.stat(os.path.join(copies, "sedge-nucleus")).st_ino


# ---- reboot ----

def with_reboot(own, script):
    """Starts the nucleus with a program `reboot` of ours in front of the system's."""
    own.write("path/reboot", f"#!/bin/sh\n{script}\n", 0o755)
    return {"PATH": f"{own.folder}/path:{os.environ['PATH']}"}


def test_exit_code_101_reboots_the_machine_once_and_goes_on_after_it(own):
    env = with_reboot(own, own.note("reboot"))
    own.start(env=env)
    own.recipe("first", "1.0.0", {"bootstrap": own.note("first") + "; exit 101"})
    own.recipe("second", "1.0.0", {"bootstrap": own.note("second")}, depends={"first": "1.0.0"})
    deployment = own.create("second=1.0.0")
    own.wait_noted("first", "reboot")
    own.wait_phase(deployment, "REBOOTING")
    wait_until(lambda: not own.reboot_is_due(), 30, "the journal to know that the machine has been told")
    assert own.status(deployment)["status"] == "IN_PROGRESS"
    own.stop()
    own.start(env=env)
    assert own.wait(deployment)["status"] == "SUCCEEDED"
    assert own.noted() == ["first", "reboot", "second"]


def test_a_machine_that_cannot_be_rebooted_takes_the_deployment_back(own):
    own.start(env=with_reboot(own, "exit 4"))
    own.recipe("app", "1.0.0", {"bootstrap": "exit 101"})
    detailed, stack, cause = own.failure( "app=1.0.0", policy="DO_NOTHING")
    assert detailed == "FAILED_ROLLBACK_COMPLETE" and stack[-1] == "COMPONENT_BOOTSTRAP_ERROR"
    assert "reboot" in cause and "exit code 4" in cause
    assert "app" not in own.components()
