"""Errors, the way to BROKEN and out of it, status codes and reasons (specification lifecycle.md 6 and 12)."""
import json
import os

import pytest

from local import wait_until
from support.lifecycle import FOREVER, did, gate, lines, patient, watched_device

HANGS = "exec sleep 1000"
STARTED = "NEW INSTALLED STARTING RUNNING"
AGAIN = "ERRORED STOPPING INSTALLED STARTING RUNNING"

ALL_STEPS = {"shutdown": patient(did("shutdown")), "recover": did("recover")}
CAST = {
    # name: (lifecycle, all states, all steps)
    "break.Install": ({"install": lines(did("install"), "exit 4"), "run": did("run"), **ALL_STEPS},
                      "NEW ERRORED NEW ERRORED NEW BROKEN", "install recover install recover install"),
    "break.InstallTimeout": ({"install": {"Timeout": 1, "Script": HANGS}}, "NEW ERRORED NEW ERRORED NEW BROKEN", ""),
    "break.Startup": ({"startup": lines(did("startup"), "exit 4"), **ALL_STEPS},
                      "NEW INSTALLED STARTING ERRORED STOPPING INSTALLED STARTING ERRORED STOPPING INSTALLED STARTING BROKEN",
                      "startup recover shutdown startup recover shutdown startup shutdown"),
    "break.StartupTimeout": ({"startup": {"Timeout": 1, "Script": HANGS}},
                             "NEW INSTALLED STARTING ERRORED STOPPING INSTALLED STARTING ERRORED STOPPING INSTALLED STARTING BROKEN", ""),
    "break.Run": ({"run": lines(did("run"), "exit 7"), **ALL_STEPS}, f"{STARTED} {AGAIN} {AGAIN} BROKEN",
                  "run recover shutdown run recover shutdown run shutdown"),
    # two errors in each of NEW and RUNNING
    "two.Each": ({"install": lines(did("install"), "[ $(grep -c install steps) -ge 3 ]"),
                  "run": lines(did("run"), "[ $(grep -c run steps) -ge 3 ] || exit 1", FOREVER)},
                 f"NEW ERRORED NEW ERRORED {STARTED} {AGAIN} {AGAIN}", "install install install run run run"),
    # four errors, each of them more than errorResetTime after the one before
    "slow.Crashes": ({"errorResetTime": 1, "run": lines(did("run"), "[ $(grep -c run steps) -ge 5 ] && " + FOREVER, "sleep 1.3; exit 1")},
                     f"{STARTED} {AGAIN} {AGAIN} {AGAIN} {AGAIN}", "run run run run run"),
}
TIMEOUT = {"run": {"Timeout": 20, "Script": lines(did("run"), "[ -e pid ] && exit 0", "echo $$ > pid", HANGS)}, "shutdown": patient(did("shutdown")),
           "recover": patient(gate("recovered"))}
CODES = {
    # name: (lifecycle, code, part of the reason)
    "code.Install": ({"install": "exit 7"}, "INSTALL_ERROR", "The install script exited with an error. It exited with code 7."),
    "code.InstallSkipif": ({"install": {"Skipif": "perhaps x", "Script": "true"}}, "INSTALL_CONFIG_NOT_VALID", "install step of the recipe is not valid"),
    "code.InstallMap": ({"install": {"Timeout": 5}}, "INSTALL_CONFIG_NOT_VALID", "install step of the recipe is not valid"),
    "code.InstallFolder": ({"install": "true"}, "INSTALL_IO_ERROR", "install script could not be set up"),
    "code.Startup": ({"startup": "exit 8"}, "STARTUP_ERROR", "The startup script exited with an error. It exited with code 8."),
    "code.StartupSkipif": ({"startup": {"Skipif": "perhaps x", "Script": "true"}}, "STARTUP_CONFIG_NOT_VALID", "startup step of the recipe is not valid"),
    "code.StartupMap": ({"startup": {"Timeout": 5}}, "STARTUP_CONFIG_NOT_VALID", "startup step of the recipe is not valid"),
    "code.StartupFolder": ({"startup": "true"}, "STARTUP_IO_ERROR", "startup script could not be set up"),
    "code.Run": ({"run": "exit 9"}, "RUN_ERROR", "The run script exited with an error. It exited with code 9."),
    "code.RunSignal": ({"run": "kill -9 $$"}, "RUN_ERROR", "It was ended by signal 9 (Killed)"),
    "code.RunSkipif": ({"run": {"Skipif": "perhaps x", "Script": "true"}}, "RUN_CONFIG_NOT_VALID", "run step of the recipe is not valid"),
    "code.RunMap": ({"run": {"Timeout": 5}}, "RUN_CONFIG_NOT_VALID", "run step of the recipe is not valid"),
    "code.RunFolder": ({"run": "true"}, "RUN_IO_ERROR", "run script could not be set up"),
}


@pytest.fixture(scope="module")
def device(bin_dir):
    with watched_device(bin_dir) as d:
        os.makedirs(f"{d.root}/work", exist_ok=True)
        for name in CODES:
            if "Folder" in name:  # a file in the place of the work folder
                d.write(f"root/work/{name}", "")
        d.cast({"run.Timeout": TIMEOUT, **{name: row[0] for name, row in {**CODES, **CAST}.items()}}, wait=False)
        yield d


# ---- the way to BROKEN (6) ----

@pytest.mark.parametrize("name", CAST)
def test_three_errors_in_the_same_state_break_a_component_and_fewer_do_not(device, name):
    _, states, steps = CAST[name]
    device.expect(name, states, seconds=60)
    if steps:
        device.wait_steps(name, steps)


# ---- codes (12) ----

@pytest.mark.parametrize("name", CODES)
def test_a_broken_component_tells_its_status_code_and_the_reason(device, name):
    device.wait_state(name, "BROKEN")
    code, reason = device.code(name)
    assert code == CODES[name][1]
    assert CODES[name][2] in reason


@pytest.mark.parametrize("name, code, reason", [
    ("break.InstallTimeout", "INSTALL_TIMEOUT", "The install script did not end within its timeout."),
    ("break.StartupTimeout", "STARTUP_TIMEOUT", "The startup script did not end or report RUNNING within its timeout.")])
def test_a_component_that_broke_by_timeouts_tells_so(device, name, code, reason):
    device.wait_state(name, "BROKEN")
    assert device.code(name) == (code, reason)
    wait_until(lambda: "pid" not in device.details(name), 60, "the script to be gone")


def test_a_run_script_with_a_timeout_is_ended_by_it(device):
    device.wait_state("run.Timeout", "ERRORED")
    assert device.code("run.Timeout") == ("RUN_TIMEOUT", "The run script did not end within its timeout.")
    device.open_gate("run.Timeout", "recovered")
    device.expect("run.Timeout", f"{STARTED} {AGAIN} STOPPING FINISHED")
    device.wait_steps("run.Timeout", "run shutdown run shutdown")
    wait_until(lambda: not os.path.exists("/proc/" + device.steps("run.Timeout", "pid")[0]), 60, "the script to end")


def test_without_an_error_the_code_is_none_and_the_reason_empty(device):
    device.expect("two.Each", CAST["two.Each"][1])
    assert device.code("two.Each") == ("NONE", "")


# ---- one component, and what leads out of BROKEN ----

@pytest.fixture(scope="module")
def small(bin_dir):
    with watched_device(bin_dir) as d:
        yield d


ILL = {"run": "[ -e good ] && exec sleep 1000; exit 4"}
BROKE = f"{STARTED} {AGAIN} {AGAIN} BROKEN"


def break_one(device, name, lifecycle=None, **more):
    device.recipe(name, "1.0.0", lifecycle or ILL, **more)
    device.deploy(f"{name}=1.0.0", wait=False)
    device.expect(name, BROKE)


def test_a_restart_by_the_command_line_succeeds_and_leaves_a_component_broken(small):
    break_one(small, "out.Restart")
    with small.nothing_happens_to("out.Restart"):
        small.sedge("component", "restart", "--names", "out.Restart")
        small.wait_log("out.Restart", "a deployment is needed", 60)
        small.sedge("component", "stop", "--names", "out.Restart")
        small.wait_log("out.Restart", "a deployment is needed", 60, count=2)
    assert small.state("out.Restart") == "BROKEN"


def test_a_deployment_of_something_else_takes_a_component_out_of_broken(small):
    break_one(small, "out.Other")
    small.open_gate("out.Other", "good")
    small.recipe("other", "1.0.0", FOREVER)
    with small.then("out.Other", STARTED):
        small.deploy("other=1.0.0", wait=False)


def test_a_new_version_takes_a_component_out_of_broken(small):
    break_one(small, "out.Version")
    small.recipe("out.Version", "1.1.0", {"run": FOREVER})
    with small.then("out.Version", STARTED):
        small.deploy("out.Version=1.1.0", wait=False)


def test_a_configuration_that_the_lifecycle_uses_takes_a_component_out_of_broken(small):
    break_one(small, "out.Configuration", {"run": "{configuration:/command}"}, configuration={"command": "exit 4"})
    with small.then("out.Configuration", STARTED):
        small.deploy(update={"out.Configuration": {"MERGE": {"command": FOREVER}}}, wait=False)


def test_out_of_broken_the_errors_count_from_the_beginning(small):
    break_one(small, "out.Again")
    with small.then("out.Again", BROKE):
        small.deploy(wait=False, update={"out.Again": {"MERGE": {"x": 1}}})


def test_a_broken_component_can_be_removed_and_runs_its_uninstall_step_only(small):
    small.write("leave/readme", "")
    os.chmod(f"{small.folder}/leave", 0o777)
    # those of the other tests would break anew and fail this deployment before it removes anything
    others = [name for name in small.components() if name.startswith("out.")]
    break_one(small, "out.Removed", {**ILL, "shutdown": patient(did("shutdown")), "uninstall": f"cat steps > {small.folder}/leave/steps"})
    small.wait_steps("out.Removed", "shutdown shutdown shutdown")
    with small.then("out.Removed", "UNINSTALLING UNINSTALLED"):
        small.deploy(remove=["out.Removed", *others], wait=False)
    with open(f"{small.folder}/leave/steps", encoding="utf-8") as f:
        assert f.read().split() == ["shutdown"] * 3


def crash(device, name, number):
    """Ends the run script, which waits for it."""
    device.open_gate(name, f"crash{number}")


def test_a_requested_restart_forgets_the_crashes_before_it(small):
    small.cast({"forget": {"run": lines(did("run"), "until [ -e crash$(wc -l < steps) ]; do sleep 0.05; done; exit 1")}}, wait=False)
    small.expect("forget", STARTED)
    for number in (1, 2):
        with small.then("forget", AGAIN):
            crash(small, "forget", number)
    small.wait_steps("forget", "run " * 3)
    with small.then("forget", "STOPPING INSTALLED STARTING RUNNING"):
        small.sedge("component", "restart", "--names", "forget")
    small.wait_steps("forget", "run " * 4)
    for number in (4, 5):
        with small.then("forget", AGAIN):
            crash(small, "forget", number)
    with small.then("forget", "BROKEN"):
        crash(small, "forget", 6)


def test_errors_while_stopping_are_not_counted(small):
    small.cast({"stubborn": {"run": FOREVER, "shutdown": {"Timeout": 1, "Script": HANGS}}}, wait=False)
    small.expect("stubborn", STARTED)
    for _ in range(3):
        with small.then("stubborn", "STOPPING ERRORED INSTALLED STARTING RUNNING"):
            small.sedge("component", "restart", "--names", "stubborn")


def test_the_code_stays_while_an_error_is_handled_and_ends_with_it(small):
    slow = {"run": lines("[ -e gone ] && exec sleep 1000", gate("crash"), "exit 6"), "recover": patient(gate("recovered")),
            "shutdown": patient("touch gone", gate("down"))}
    small.cast({"handled": slow}, wait=False)
    small.expect("handled", STARTED)
    reason = "The run script exited with an error. It exited with code 6."
    small.open_gate("handled", "crash")
    small.wait_state("handled", "ERRORED")
    assert small.code("handled") == ("RUN_ERROR", reason)
    small.open_gate("handled", "recovered")
    small.wait_state("handled", "STOPPING")
    assert small.code("handled") == ("RUN_ERROR", reason)
    small.open_gate("handled", "down")
    small.wait_state("handled", "RUNNING")
    assert small.code("handled") == ("NONE", "")


def test_a_shutdown_that_takes_too_long_tells_so_while_it_is_handled(small):
    small.cast({"late": {"run": "true", "shutdown": {"Timeout": 1, "Script": HANGS}, "recover": patient(gate("on"))}}, wait=False)
    small.wait_state("late", "ERRORED")
    assert small.code("late") == ("SHUTDOWN_TIMEOUT", "The shutdown did not end within its timeout.")
    small.open_gate("late", "on")
    small.expect("late", f"{STARTED} STOPPING ERRORED FINISHED")
    assert small.code("late") == ("NONE", "")


def test_faults_in_the_recover_and_shutdown_steps_have_no_code_and_are_logged(small):
    bad = {"Skipif": "perhaps x", "Script": "true"}
    small.cast({"faults": {"run": lines("[ -e tried ] && exit 0", "touch tried; exit 1"), "recover": bad, "shutdown": bad}}, wait=False)
    small.expect("faults", f"{STARTED} {AGAIN} STOPPING FINISHED")
    assert small.code("faults") == ("NONE", "")
    for step in ("recover", "shutdown"):
        assert f"step-failed. {step}: " in small.log("faults")


# ---- codes that need a device of their own ----

def test_without_a_user_to_run_as_each_step_has_its_code(bin_dir):
    if os.geteuid() != 0:
        pytest.skip("only a nucleus that runs as root needs a user for its components")
    with watched_device(bin_dir, start=False) as d:
        d.default_user = None
        d.start()
        d.cast({f"nobody.{step}": {step: "true"} for step in ("install", "startup", "run")}, wait=False)
        for step in ("install", "startup", "run"):
            d.wait_state(f"nobody.{step}", "BROKEN")
            code, reason = d.code(f"nobody.{step}")
            assert code == f"{step.upper()}_MISSING_DEFAULT_RUNWITH"
            assert f"No user to run the {step} script" in reason


def test_without_a_shell_each_state_has_its_general_code(bin_dir):
    with watched_device(bin_dir, start=False) as d:
        shell = {"services": {"aws.greengrass.Nucleus": {"configuration": {"runWithDefault": {"posixShell": "/nonexistent/shell"}}}}}
        d.start("--init-config", d.write("init.json", json.dumps(shell)))
        d.cast({f"noshell.{step}": {step: "true"} for step in ("install", "startup", "run")}, wait=False)
        for step, code in (("install", "INSTALL_ERROR"), ("startup", "STARTUP_ERROR"), ("run", "STARTUP_ERROR")):
            d.wait_state(f"noshell.{step}", "BROKEN")
            assert d.code(f"noshell.{step}")[0] == code
            assert "/nonexistent/shell" in d.code(f"noshell.{step}")[1]
