"""Restart back-off, readiness by report, watchdog and periodic starts, as users see them (docs/extensions.md)."""
import os
import re
import shutil

import pytest

from local import wait_until

LONG = {"initial": 3000, "max": 3000}  # a pause that no test waits for


@pytest.fixture
def report(tmp_root, bin_dir):
    """A program that calls UpdateState, where the components' user can run it."""
    path = os.path.join(tmp_root, "report_state")
    shutil.copy(os.path.join(os.path.dirname(bin_dir), "tests", "report_state"), path)
    os.chmod(path, 0o755)
    return path


def flag(device, name):
    return device.write(name, "")


def crash_on(device, name, code=3):
    """A script that runs until the flag is there."""
    path = os.path.join(device.folder, name)
    return f"echo up; while [ ! -e {path} ]; do sleep 0.1; done; exit {code}"


def ups(device, name):
    return device.output(name).count("up")


def test_a_crash_is_followed_by_a_pause_that_people_see_and_end(device):
    device.recipe("a", "1.0.0", {"run": crash_on(device, "crash"), "sedge": {"backoff": LONG}})
    device.deploy_ok("a=1.0.0")
    crash = flag(device, "crash")
    device.wait_state("a", "INSTALLED")
    details = device.details("a")
    assert details["statusCode"] == "RUN_ERROR"
    assert re.search(r"exited with code 3\. Starts again in \d+ s \(attempt 2\)\.$", details["statusReason"]), details
    assert "Starts again in" in device.sedge("component", "details", "--name", "a")
    os.unlink(crash)
    device.sedge("component", "restart", "--names", "a")
    wait_until(lambda: ups(device, "a") == 2, 20, "the restart to end the pause")
    device.wait_state("a", "RUNNING")
    assert device.details("a")["statusReason"] == ""


def test_a_stop_ends_the_pause_and_the_component(device):
    device.recipe("a", "1.0.0", {"run": crash_on(device, "crash"), "sedge": {"backoff": LONG}})
    device.deploy_ok("a=1.0.0")
    flag(device, "crash")
    device.wait_state("a", "INSTALLED")
    device.sedge("component", "stop", "--names", "a")
    device.wait_state("a", "FINISHED")
    assert ups(device, "a") == 1


def test_a_component_that_keeps_failing_fails_its_deployment_at_the_third_error(device):
    device.recipe("a", "1.0.0", {"run": "echo up; exit 3", "SEDGE": {"BackOff": {"initial": 0.1}}})
    text, details = device.deploy_failing("a=1.0.0", policy="ROLLBACK")
    assert "fails again and again: The run script exited with an error. It exited with code 3." in text, text
    assert "COMPONENT_BROKEN" in str(details)
    assert "a" not in device.components()


def test_a_deployment_does_not_wait_for_a_long_pause(device):
    device.recipe("a", "1.0.0", {"install": "exit 3", "sedge": {"backoff": LONG}})
    text, _ = device.deploy_failing("a=1.0.0", policy="DO_NOTHING")
    assert "The install script exited with an error. It exited with code 3." in text, text
    device.wait_state("a", "NEW")  # it goes on trying
    assert "Starts again in" in device.details("a")["statusReason"]


def test_a_deployment_ends_a_pause_that_began_before_it(device):
    device.recipe("a", "1.0.0", {"run": crash_on(device, "crash"), "sedge": {"backoff": LONG}})
    device.recipe("b", "1.0.0", "while :; do sleep 1; done")
    device.deploy_ok("a=1.0.0")
    crash = flag(device, "crash")
    device.wait_state("a", "INSTALLED")
    os.unlink(crash)
    device.deploy_ok("b=1.0.0")
    assert device.state("a") == "RUNNING"


def test_a_component_is_running_when_it_reports_it_and_dependents_wait(device, report):
    go = os.path.join(device.folder, "go")
    device.recipe("a", "1.0.0",
                  {"run": f"echo up; while [ ! -e {go} ]; do sleep 0.1; done; {report} RUNNING; while :; do sleep 1; done",
                   "sedge": {"readiness": "{configuration:/how}", "startTimeout": "{configuration:/seconds}"}},
                  configuration={"how": "report", "seconds": 600})
    device.recipe("b", "1.0.0", "while :; do sleep 1; done", depends={"a": "*"})
    deployment = device.create("b=1.0.0")
    wait_until(lambda: ups(device, "a") == 1, 20, "a to be launched")
    assert device.state("a") == "STARTING"
    device.wait_state("b", "INSTALLED")
    flag(device, "go")
    assert device.wait(deployment)["status"] == "SUCCEEDED"
    assert device.state("a") == "RUNNING" and device.state("b") == "RUNNING"
    assert "sedge." not in device.log("a"), device.log("a")


def test_a_component_that_never_reports_fails_its_deployment(device):
    device.recipe("a", "1.0.0", {"run": "while :; do sleep 1; done", "sedge": {"readiness": "report", "startTimeout": 1}})
    text, _ = device.deploy_failing("a=1.0.0")
    assert "BROKEN: The startup script did not end or report RUNNING within its timeout." in text, text


def test_a_component_that_falls_silent_is_killed_and_started_again(device, report):
    hang = os.path.join(device.folder, "hang")
    device.recipe("a", "1.0.0", {"run": f"echo up; (while :; do sleep 7654; done) & {report} RUNNING 100 1000000 & "
                                        f"while [ ! -e {hang} ]; do sleep 0.1; done; kill $!; wait",
                                 "sedge": {"watchdog": 5, "backoff": {"initial": 0.1}}})
    device.deploy_ok("a=1.0.0")
    before = device.processes("sleep\0007654")
    assert before
    flag(device, "hang")
    device.wait_log("a", "gave no sign of life for 5 s (watchdog)", 30)
    os.unlink(hang)
    wait_until(lambda: ups(device, "a") >= 2, 30, "the second start")
    wait_until(lambda: not set(before) & set(device.processes("sleep\0007654")), 20, "the old processes to end")
    assert "report-ignored" not in device.log("a")


def test_settings_that_make_no_sense_are_said_in_the_component_s_log_and_it_runs(device):
    device.recipe("a", "1.0.0", {"run": "while :; do sleep 1; done",
                                 "sedge": {"watchdog": "often", "backoff": {"initial": -1, "intial": 2}, "wachdog": 3}})
    device.deploy_ok("a=1.0.0")
    for text in ("sedge.watchdog of the lifecycle is", "sedge.backoff.initial of the lifecycle is -1: expected a number from 0.1 to 86400",
                 "sedge.backoff.intial of the lifecycle is not known", "sedge.wachdog of the lifecycle is not known"):
        device.wait_log("a", text)
    assert device.state("a") == "RUNNING"


def test_a_component_of_a_start_up_file_may_be_periodic(stopped_device):
    device = stopped_device
    path = device.write("init.yaml", "services:\n  tick:\n    componentType: GENERIC\n    version: 1.0.0\n"
                                     "    lifecycle: {run: echo tick}\n    periodic: {interval: 1, fuzz: 0}\n")
    device.start("--init-config", path)
    wait_until(lambda: device.output("tick").count("tick") >= 3, 30, "three runs")
    device.sedge("component", "stop", "--names", "tick")
    device.wait_state("tick", "FINISHED")
