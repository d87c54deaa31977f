"""Each step of the lifecycle (specification lifecycle.md 1, 4, 5 and the traces of 17), as real recipes on a real nucleus.

All components are independent of each other and start at once: two deployments, one nucleus."""
import os

import pytest

from local import wait_until
from support.lifecycle import FOREVER, did, lines, patient, watched_device

RUNS = lines(did("run"), FOREVER)
HANGS = "exec sleep 1000"
STARTED = "NEW INSTALLED STARTING RUNNING"
ENDED = f"{STARTED} STOPPING FINISHED"
THROUGH = "NEW INSTALLED STARTING FINISHED"
# a script that hangs the first time and is good the second time
ONCE = "[ -e tried ] || { touch tried; exec sleep 1000; }"

QUICK = {
    "life.Nothing": {},
    "life.OnlyInstall": {"install": did("install")},
    "life.OnlyShutdown": {"shutdown": patient(did("shutdown"))},
    "life.OnlyRun": {"run": RUNS},
    "life.OnlyStartup": {"startup": did("startup")},
    "life.Both": {"startup": did("startup"), "run": RUNS},
    "life.StartupSkipped": {"startup": {"Skipif": "onpath sh", "Script": did("startup")}, "run": RUNS},
    "life.AllSkipped": {step: {"Skipif": "onpath sh", "Script": did(step)} for step in ("install", "startup", "run", "shutdown")},
    "life.AllSteps": {"install": did("install"), "run": did("run"), "shutdown": patient(did("shutdown")), "recover": did("recover")},
    "life.ShutdownCode": {"run": did("run"), "shutdown": patient(did("shutdown"), "exit 9")},
    "life.InstallTwice": {"install": lines(did("install"), "[ $(wc -l < steps) -ge 3 ]"), "run": FOREVER, "shutdown": patient(did("shutdown"))},
    "life.Foreground": {"install": lines("sleep 0.3", did("install")), "run": lines(did("run"), FOREVER)},
    "life.Daemon": {"startup": lines(did("startup"), "sleep 1000 >/dev/null 2>&1 &", "echo $! > pid")},
    "life.OldShutdown": {"run": RUNS, "shutdown": patient(did("shutdown-1"))},
    "life.OldShutdownSkip": {"run": RUNS, "shutdown": {"Skipif": "exists {work:path}/stopping", "Script": did("shutdown-1")}},
    "life.NewShutdownSkip": {"run": RUNS, "shutdown": {"Skipif": "onpath sh", "Script": did("shutdown-1")}},
    "life.Uninstall": {"run": RUNS, "shutdown": patient(did("shutdown")), "uninstall": lines(did("uninstall"), "cp steps $LEAVE/good",
                                                                                    "echo $GREENGRASS_COMPONENT_VERSION >> $LEAVE/good")},
    "life.UninstallBad": {"run": RUNS, "uninstall": lines("echo bad > $LEAVE/bad", "exit 3")},
    "life.UninstallHangs": {"run": RUNS, "uninstall": {"Timeout": 6, "Script": lines("echo hangs > $LEAVE/hangs", HANGS)}},
}
TIMED = {
    "time.Install": {"install": {"Timeout": 8, "Script": lines(did("install"), ONCE)}, "run": FOREVER, "recover": did("recover")},
    "time.Startup": {"startup": {"Timeout": 8, "Script": lines(did("startup"), ONCE)}, "shutdown": patient(did("shutdown"))},
    "time.Inherited": {"startup": {"Timeout": 8, "Script": lines(did("startup"), "[ -e tried ] && exit 0", "touch tried", "sleep 1000 &")}},
    "time.Shutdown": {"run": did("run"), "shutdown": {"Timeout": 8, "Script": lines(did("shutdown"), HANGS)}, "recover": did("recover")},
    "time.Recover": {"run": lines(did("run"), "[ $(grep -c run steps) -ge 2 ] || exit 1"), "shutdown": patient(did("shutdown")),
                     "recover": {"Timeout": 8, "Script": lines(did("recover"), HANGS)}},
    "time.RecoverSkipped": {"run": lines(did("run"), "[ $(grep -c run steps) -ge 2 ] || exit 1"),
                            "recover": {"Skipif": "onpath sh", "Timeout": 1000, "Script": did("recover")}},
    "time.RecoverCode": {"run": lines(did("run"), "[ $(grep -c run steps) -ge 2 ] || exit 1"), "recover": lines(did("recover"), "exit 5")},
}


@pytest.fixture(scope="module")
def device(bin_dir):
    with watched_device(bin_dir) as d:
        d.write("leave/readme", "what uninstall scripts leave")
        d.leave = f"{d.folder}/leave"
        os.chmod(d.leave, 0o777)
        for name, lifecycle in QUICK.items():
            if "uninstall" in lifecycle:
                lifecycle = dict(lifecycle, setenv={"LEAVE": d.leave})
            d.recipe(name, "1.0.0", lifecycle)
        assert d.deploy(*(f"{name}=1.0.0" for name in QUICK))["status"] == "SUCCEEDED"
        for name in ("life.OldShutdown", "life.OldShutdownSkip", "life.NewShutdownSkip", "life.Uninstall"):
            d.wait_steps(name, "run")  # RUNNING is a component before its script has done anything
        d.cast(TIMED, wait=False)
        yield d


# ---- which steps there are (5) ----

def test_without_any_step_a_component_is_finished_at_once(device):
    device.expect("life.Nothing", THROUGH)


def test_with_an_install_step_only_a_component_is_installed_and_finished(device):
    device.expect("life.OnlyInstall", THROUGH)
    assert device.steps("life.OnlyInstall") == ["install"]


def test_with_a_shutdown_step_only_the_shutdown_never_runs(device):
    device.expect("life.OnlyShutdown", THROUGH)
    assert device.steps("life.OnlyShutdown") == []


def test_a_run_script_makes_the_component_running_as_soon_as_it_is_launched(device):
    device.expect("life.OnlyRun", STARTED)


def test_a_startup_script_that_exits_with_0_makes_the_component_running(device):
    device.expect("life.OnlyStartup", STARTED)
    device.wait_steps("life.OnlyStartup", "startup")


def test_beside_a_startup_step_the_run_step_is_ignored(device):
    device.expect("life.Both", STARTED)
    device.wait_steps("life.Both", "startup")


def test_beside_a_skipped_startup_step_the_run_step_runs(device):
    device.expect("life.StartupSkipped", STARTED)
    device.wait_steps("life.StartupSkipped", "run")


def test_skipped_steps_count_as_absent_ones(device):
    device.expect("life.AllSkipped", THROUGH)
    assert device.steps("life.AllSkipped") == []


# ---- install (4.1) ----

def test_install_runs_in_the_foreground_before_anything_else(device):
    device.expect("life.Foreground", STARTED)
    device.wait_steps("life.Foreground", "install run")


def test_an_install_that_fails_twice_is_tried_again_at_once_and_does_not_run_the_shutdown(device):
    device.expect("life.InstallTwice", "NEW ERRORED NEW ERRORED NEW INSTALLED STARTING RUNNING")
    device.wait_steps("life.InstallTwice", "install install install")
    assert len(set(device.reasons("life.InstallTwice"))) == 1


def test_an_install_that_takes_too_long_is_ended_and_tried_again(device):
    device.expect("time.Install", "NEW ERRORED NEW INSTALLED STARTING RUNNING")
    device.wait_steps("time.Install", "install recover install")
    assert "did not end within its timeout" in device.reasons("time.Install")[0]


# ---- startup (4.2) ----

def test_a_startup_that_takes_too_long_is_an_error(device):
    device.expect("time.Startup", "NEW INSTALLED STARTING ERRORED STOPPING INSTALLED STARTING RUNNING")
    device.wait_steps("time.Startup", "startup shutdown startup")
    assert "report RUNNING within its timeout" in device.reasons("time.Startup")[0]


def test_a_daemon_that_holds_the_startup_s_output_keeps_it_starting_until_the_timeout(device):
    device.expect("time.Inherited", "NEW INSTALLED STARTING ERRORED STOPPING INSTALLED STARTING RUNNING")
    assert "report RUNNING within its timeout" in device.reasons("time.Inherited")[0]
    device.wait_steps("time.Inherited", "startup startup")


def command(pid):
    with open(f"/proc/{pid}/cmdline", "rb") as f:
        return f.read()


def test_a_daemon_with_its_output_elsewhere_outlives_the_startup_script_and_ends_with_the_component(device):
    device.expect("life.Daemon", STARTED)
    pid = device.steps("life.Daemon", "pid")[0]
    wait_until(lambda: command(pid).startswith(b"sleep\0"), 60, "the daemon to be what the script has started")
    with device.then("life.Daemon", "STOPPING FINISHED"):
        device.sedge("component", "stop", "--names", "life.Daemon")
    wait_until(lambda: not os.path.exists(f"/proc/{pid}"), 60, "the daemon to end")


# ---- run (4.3) ----

def test_a_run_script_that_exits_with_0_is_shut_down_and_finished(device):
    device.expect("life.AllSteps", ENDED)
    device.wait_steps("life.AllSteps", "install run shutdown")


# ---- shutdown (4.4) ----

def test_the_exit_code_of_the_shutdown_script_is_ignored(device):
    device.expect("life.ShutdownCode", ENDED)
    device.wait_steps("life.ShutdownCode", "run shutdown")


def test_a_shutdown_that_takes_too_long_is_an_error_and_goes_on_to_finished(device):
    device.expect("time.Shutdown", f"{STARTED} STOPPING ERRORED FINISHED")
    device.wait_steps("time.Shutdown", "run shutdown recover")
    assert device.reasons("time.Shutdown") == ["The shutdown did not end within its timeout."]


def test_an_update_stops_the_old_version_by_the_old_version_s_shutdown_script(device):
    device.recipe("life.OldShutdown", "2.0.0", {"run": RUNS, "shutdown": patient(did("shutdown-2"))})
    with device.then("life.OldShutdown", "STOPPING NEW INSTALLED STARTING RUNNING"):
        device.deploy("life.OldShutdown=2.0.0")
    device.wait_steps("life.OldShutdown", "run shutdown-1 run")


def test_the_skipif_of_the_shutdown_counts_when_the_component_starts(device):
    """What was not skipped then runs in the end, whatever happened meanwhile."""
    device.open_gate("life.OldShutdownSkip", "stopping")
    with device.then("life.OldShutdownSkip", "STOPPING INSTALLED STARTING RUNNING"):
        device.sedge("component", "restart", "--names", "life.OldShutdownSkip")
    device.wait_steps("life.OldShutdownSkip", "run shutdown-1 run")


def test_a_shutdown_that_was_skipped_when_the_component_started_gives_way_to_the_new_version_s(device):
    device.recipe("life.NewShutdownSkip", "2.0.0", {"run": RUNS, "shutdown": patient(did("shutdown-2"))})
    with device.then("life.NewShutdownSkip", "STOPPING NEW INSTALLED STARTING RUNNING"):
        device.deploy("life.NewShutdownSkip=2.0.0")
    device.wait_steps("life.NewShutdownSkip", "run shutdown-2 run")


# ---- recover (4.5) ----

def test_a_recover_that_takes_too_long_is_left_alone_and_the_component_goes_on(device):
    device.expect("time.Recover", f"{STARTED} ERRORED STOPPING INSTALLED STARTING RUNNING STOPPING FINISHED")
    device.wait_steps("time.Recover", "run recover shutdown run shutdown")


def test_a_skipped_recover_costs_no_time(device):
    """Its timeout is far beyond what the test waits."""
    device.expect("time.RecoverSkipped", f"{STARTED} ERRORED STOPPING INSTALLED STARTING RUNNING STOPPING FINISHED")
    device.wait_steps("time.RecoverSkipped", "run run")


def test_the_exit_code_of_recover_is_ignored(device):
    device.expect("time.RecoverCode", f"{STARTED} ERRORED STOPPING INSTALLED STARTING RUNNING STOPPING FINISHED")
    device.wait_steps("time.RecoverCode", "run recover run")


# ---- uninstall (4.7), the last tests: they take components away ----

def left(device, file):
    with open(f"{device.leave}/{file}", encoding="utf-8") as f:
        return f.read().split()


@pytest.fixture(scope="module")
def removed(device):
    names = [name for name in QUICK if ".Uninstall" in name]
    status = device.deploy(remove=names)
    assert status["status"] == "SUCCEEDED"
    assert not set(names) & set(device.components())
    return device


def test_a_removed_component_is_stopped_and_then_runs_its_uninstall_step(removed):
    removed.expect("life.Uninstall", f"{STARTED} STOPPING FINISHED UNINSTALLING UNINSTALLED")
    assert left(removed, "good") == ["run", "shutdown", "uninstall", "1.0.0"]


def test_an_uninstall_that_fails_is_only_logged(removed):
    removed.expect("life.UninstallBad", f"{STARTED} STOPPING FINISHED UNINSTALLING UNINSTALLED")
    assert left(removed, "bad") == ["bad"]
    assert removed.reasons("life.UninstallBad") == ["The uninstall script exited with an error."]
    assert "exitCode=3" in removed.log("life.UninstallBad")


def test_an_uninstall_that_takes_too_long_is_only_logged(removed):
    removed.expect("life.UninstallHangs", f"{STARTED} STOPPING FINISHED UNINSTALLING UNINSTALLED")
    assert left(removed, "hangs") == ["hangs"]
    assert removed.reasons("life.UninstallHangs") == ["The uninstall script did not end within its timeout."]


def test_only_eight_states_are_shown_to_users(device):
    assert {c["state"] for c in device.components().values()} <= {"NEW", "INSTALLED", "STARTING", "RUNNING", "STOPPING", "ERRORED",
                                                                   "BROKEN", "FINISHED"}


def test_a_component_that_a_rollback_takes_away_runs_its_uninstall_step(device):
    device.recipe("roll.Added", "1.0.0", {"run": RUNS, "uninstall": f"cp steps {device.leave}/added"})
    device.recipe("roll.Bad", "1.0.0", {"startup": f"until [ -e {device.work('roll.Added', 'steps')} ]; do sleep 0.05; done; exit 1"},
                  depends={"roll.Added": "*"})
    deployment = device.create("roll.Bad=1.0.0", policy="ROLLBACK")
    details = device.wait(deployment, 120)["deploymentStatusDetails"]
    assert details["detailedDeploymentStatus"] == "FAILED_ROLLBACK_COMPLETE"
    device.expect("roll.Added", f"{STARTED} STOPPING FINISHED UNINSTALLING UNINSTALLED")
    assert left(device, "added") == ["run"]
    assert not {"roll.Added", "roll.Bad"} & set(device.components())
