"""What restart, stop and new versions do to a component in each state (specification lifecycle.md 2, 3, 16 and traces of 17)."""
import pytest

from support.lifecycle import FOREVER, did, gate, lines, patient, watched_device

RUNS = lines(did("run"), FOREVER)
STARTED = "NEW INSTALLED STARTING RUNNING"
HELD = {"run": RUNS, "shutdown": patient(did("shutdown"), gate("down"))}
CAST = {
    "req.Plain": {"install": did("install"), "run": RUNS, "shutdown": patient(did("shutdown"))},
    "req.Twice": HELD,
    "req.RestartStop": HELD,
    "req.Finished": {"shutdown": patient(did("shutdown"))},
    "req.FinishedVersion": {"install": did("install")},
    "req.Reinstall": HELD,
    "req.ReinstallStop": HELD,
    "req.ErroredStop": {"run": lines(did("run"), gate("crash"), "exit 1"), "recover": patient(did("recover"), gate("recovered")), "shutdown": patient(did("shutdown"))},
}


@pytest.fixture(scope="module")
def device(bin_dir):
    with watched_device(bin_dir) as d:
        assert d.cast(CAST)["status"] == "SUCCEEDED"
        d.wait_steps("req.Plain", "install run")
        for name in ("req.Twice", "req.RestartStop", "req.Reinstall", "req.ReinstallStop", "req.ErroredStop"):
            d.wait_steps(name, "run")  # RUNNING is a component before its script has done anything
        yield d


def restart(device, name):
    device.sedge("component", "restart", "--names", name)


def stop(device, name):
    device.sedge("component", "stop", "--names", name)


def test_restart_stop_and_restart_again_do_not_install_again(device):
    with device.then("req.Plain", "STOPPING INSTALLED STARTING RUNNING"):
        restart(device, "req.Plain")
    device.wait_steps("req.Plain", "install run shutdown run")
    with device.then("req.Plain", "STOPPING FINISHED"):
        stop(device, "req.Plain")
    with device.then("req.Plain", "INSTALLED STARTING RUNNING"):
        restart(device, "req.Plain")
    device.wait_steps("req.Plain", "install run shutdown run shutdown run")


def test_a_stop_of_what_is_stopped_and_a_stop_again_change_nothing(device):
    with device.nothing_happens_to("req.Finished"):
        stop(device, "req.Finished")
        stop(device, "req.Finished")


def test_a_finished_component_is_started_by_a_restart_without_its_shutdown(device):
    with device.then("req.Finished", "INSTALLED STARTING FINISHED"):
        restart(device, "req.Finished")
    assert device.steps("req.Finished") == []


def test_a_restart_asked_for_twice_happens_once(device):
    restart(device, "req.Twice")
    device.wait_state("req.Twice", "STOPPING")
    restart(device, "req.Twice")
    with device.then("req.Twice", "INSTALLED STARTING RUNNING"):
        device.open_gate("req.Twice", "down")
    device.wait_steps("req.Twice", "run shutdown run")


def test_a_stop_takes_back_a_restart_that_is_under_way(device):
    restart(device, "req.RestartStop")
    device.wait_state("req.RestartStop", "STOPPING")
    stop(device, "req.RestartStop")
    with device.then("req.RestartStop", "FINISHED"):
        device.open_gate("req.RestartStop", "down")


def test_a_new_version_installs_a_finished_component(device):
    device.recipe("req.FinishedVersion", "1.1.0", {"install": did("install")})
    with device.then("req.FinishedVersion", "NEW INSTALLED STARTING FINISHED"):
        device.deploy("req.FinishedVersion=1.1.0")
    assert device.steps("req.FinishedVersion") == ["install", "install"]


def update_held(device, name):
    device.recipe(name, "1.1.0", HELD)
    deployment = device.deploy(f"{name}=1.1.0", wait=False)
    device.wait_state(name, "STOPPING")
    return deployment


def test_a_restart_does_not_take_back_a_reinstall_that_is_under_way(device):
    deployment = update_held(device, "req.Reinstall")
    restart(device, "req.Reinstall")
    with device.then("req.Reinstall", "NEW INSTALLED STARTING RUNNING"):
        device.open_gate("req.Reinstall", "down")
    assert device.wait(deployment)["status"] == "SUCCEEDED"


def test_a_stop_during_a_reinstall_installs_and_does_not_start(device):
    deployment = update_held(device, "req.ReinstallStop")
    stop(device, "req.ReinstallStop")
    with device.then("req.ReinstallStop", "NEW INSTALLED FINISHED"):
        device.open_gate("req.ReinstallStop", "down")
    assert device.wait(deployment)["status"] == "SUCCEEDED"
    assert device.steps("req.ReinstallStop") == ["run", "shutdown"]


def test_a_stop_while_an_error_is_handled_ends_in_finished(device):
    device.open_gate("req.ErroredStop", "crash")
    device.wait_state("req.ErroredStop", "ERRORED")
    stop(device, "req.ErroredStop")
    with device.then("req.ErroredStop", "STOPPING FINISHED"):
        device.open_gate("req.ErroredStop", "recovered")
    assert device.steps("req.ErroredStop") == ["run", "recover", "shutdown"]


# ---- requests before a component is up: these keep a deployment waiting, one for all of them ----

EARLY = {
    "early.Install": {"install": patient(did("install"), gate("installed")), "run": RUNS, "shutdown": patient(did("shutdown"))},
    "early.InstallBad": {"install": patient(did("install"), gate("installed"), "[ -e good ] || { touch good; exit 1; }"), "run": RUNS},
    "early.Startup": {"startup": patient(did("startup"), gate("up")), "shutdown": patient(did("shutdown"))},
    "early.StartupAgain": {"startup": patient(did("startup"), gate("up")), "shutdown": patient(did("shutdown"))},
    "early.Never": {"startup": patient(gate("up"))},
}


@pytest.fixture(scope="module")
def early(device):
    for name in ("early.Waits", "early.WaitsRestart"):
        device.recipe(name, "1.0.0", {"run": RUNS, "shutdown": patient(did("shutdown"))}, depends={"early.Never": "*"})
    for name, lifecycle in EARLY.items():
        device.recipe(name, "1.0.0", lifecycle)
    device.deploy("early.Waits=1.0.0", "early.WaitsRestart=1.0.0", *(f"{name}=1.0.0" for name in EARLY if name != "early.Never"), wait=False)
    return device


def test_a_stop_while_installing_finishes_the_install_and_does_not_run_the_shutdown(early):
    early.wait_steps("early.Install", "install")
    stop(early, "early.Install")
    early.open_gate("early.Install", "installed")
    early.expect("early.Install", "NEW INSTALLED FINISHED")
    assert early.steps("early.Install") == ["install"]


def test_a_stop_while_installing_does_not_keep_a_failed_install_from_its_second_attempt(early):
    early.wait_steps("early.InstallBad", "install")
    stop(early, "early.InstallBad")
    early.open_gate("early.InstallBad", "installed")
    early.expect("early.InstallBad", "NEW ERRORED NEW INSTALLED FINISHED")
    assert early.steps("early.InstallBad") == ["install", "install"]


def test_a_stop_while_starting_interrupts_the_startup_and_runs_the_shutdown(early):
    early.wait_steps("early.Startup", "startup")
    with early.then("early.Startup", "STOPPING FINISHED"):
        stop(early, "early.Startup")
    assert early.steps("early.Startup") == ["startup", "shutdown"]


def test_a_restart_while_starting_interrupts_the_startup(early):
    early.wait_steps("early.StartupAgain", "startup")
    with early.then("early.StartupAgain", "STOPPING INSTALLED STARTING"):
        restart(early, "early.StartupAgain")
    early.wait_steps("early.StartupAgain", "startup shutdown startup")
    with early.then("early.StartupAgain", "RUNNING"):
        early.open_gate("early.StartupAgain", "up")


def test_a_stop_while_waiting_for_a_dependency_ends_the_wait_without_a_shutdown(early):
    early.wait_state("early.Waits", "INSTALLED")
    with early.then("early.Waits", "FINISHED"):
        stop(early, "early.Waits")
    assert early.steps("early.Waits") == []


def test_a_restart_while_waiting_for_a_dependency_goes_on_waiting(early):
    early.wait_state("early.WaitsRestart", "INSTALLED")
    with early.nothing_happens_to("early.WaitsRestart"):
        restart(early, "early.WaitsRestart")
    with early.then("early.WaitsRestart", "STARTING RUNNING"):
        early.open_gate("early.Never", "up")


# ---- parts of the nucleus (16) ----

BUILT_IN = {"aws.greengrass.Nucleus", "UpdateSystemPolicyService", "DeploymentService", "FleetStatusService", "TelemetryAgent"}


def test_the_parts_of_the_nucleus_are_listed_and_main_is_not(device):
    names = set(device.components())
    assert BUILT_IN <= names
    assert "main" not in names


@pytest.mark.parametrize("what", ["restart", "stop"])
def test_requests_for_the_parts_of_the_nucleus_change_nothing(device, what):
    before = device.components()["DeploymentService"]["state"]
    device.sedge("component", what, "--names", "DeploymentService")
    assert device.components()["DeploymentService"]["state"] == before
