"""Dependencies: who waits for whom, who restarts with whom, and order (specification lifecycle.md 9).

D.x is a dependency, A.x depends on it HARD and S.x depends on it SOFT. All of them run on one nucleus; those that never come up
until a test lets them are deployed after the others."""
import pytest

from support.lifecycle import FOREVER, did, gate, lines, patient, watched_device

RUNS = {"run": lines(did("run"), FOREVER), "shutdown": patient(did("shutdown"))}
STARTED = "NEW INSTALLED STARTING RUNNING"
AGAIN = "STOPPING INSTALLED STARTING RUNNING"
CAST = {
    "Stop": RUNS,
    "Exit": {"run": lines(gate("end"), "exit 0")},
    "Restart": {"startup": patient("[ -e first ] || { touch first; exit 0; }", gate("up"))},
    "Error": {"run": lines("[ -e crash ] && " + FOREVER, gate("crash"), "exit 1")},
    "Install": {"install": patient("[ -e first ] || { touch first; exit 0; }", gate("installed")), "run": FOREVER},
    "Finished": {},
    "Gone": RUNS,
}
LATE = {
    "Starting": {"startup": patient(gate("up"))},
    "Failing": {"startup": patient("[ -e failed ] && exit 0", "touch failed", gate("fail"), "exit 1"), "shutdown": patient(gate("down"))},
}


def trio(device, what, lifecycle, version="1.0.0"):
    device.recipe(f"D.{what}", version, lifecycle)
    device.recipe(f"A.{what}", "1.0.0", RUNS, depends={f"D.{what}": "*"})
    device.recipe(f"S.{what}", "1.0.0", RUNS, depends={f"D.{what}": ["*", "SOFT"]})
    return [f"A.{what}=1.0.0", f"S.{what}=1.0.0"]


@pytest.fixture(scope="module")
def device(bin_dir):
    with watched_device(bin_dir) as d:
        roots = [root for what, lifecycle in CAST.items() for root in trio(d, what, lifecycle)]
        assert d.deploy(*roots)["status"] == "SUCCEEDED"
        d.wait_steps("A.Restart", "run")  # RUNNING is a component before its script has done anything
        yield d


def after(device, first, second):
    """`second` came after `first`; both are "component STATE"."""
    one, two = device.order_of(first, second)
    assert one < two, device.all_moves()


# ---- what happens at a dependency, and to those that depend on it (9.2) ----

def test_a_stopped_dependency_leaves_its_dependents_alone(device):
    with device.nothing_happens_to("A.Stop", "S.Stop"):
        with device.then("D.Stop", "STOPPING FINISHED"):
            device.sedge("component", "stop", "--names", "D.Stop")


def test_a_dependency_whose_run_script_ends_well_leaves_its_dependents_alone(device):
    with device.nothing_happens_to("A.Exit", "S.Exit"):
        with device.then("D.Exit", "STOPPING FINISHED"):
            device.open_gate("D.Exit", "end")


def test_a_restarted_dependency_restarts_its_hard_dependents_once_and_they_wait_for_it(device):
    with device.nothing_happens_to("S.Restart"), device.then("A.Restart", AGAIN), device.then("D.Restart", AGAIN):
        device.sedge("component", "restart", "--names", "D.Restart")
        device.wait_state("A.Restart", "INSTALLED")
        device.wait_state("D.Restart", "STARTING")
        device.open_gate("D.Restart", "up")
    device.wait_steps("A.Restart", "run shutdown run")
    after(device, "D.Restart INSTALLED", "A.Restart STOPPING")
    after(device, "D.Restart RUNNING", "A.Restart STARTING")


def test_a_failing_dependency_restarts_its_hard_dependents(device):
    with device.nothing_happens_to("S.Error"), device.then("A.Error", AGAIN), device.then("D.Error", f"ERRORED {AGAIN}"):
        device.open_gate("D.Error", "crash")
    after(device, "D.Error ERRORED", "A.Error STOPPING")
    after(device, "D.Error RUNNING", "A.Error STARTING")


def test_a_dependency_with_a_new_version_restarts_its_hard_dependents(device):
    device.recipe("D.Install", "1.1.0", CAST["Install"])
    with device.nothing_happens_to("S.Install"), device.then("A.Install", AGAIN):
        with device.then("D.Install", "STOPPING NEW INSTALLED STARTING RUNNING"):
            deployment = device.deploy("D.Install=1.1.0", wait=False)
            device.wait_state("A.Install", "INSTALLED")
            device.open_gate("D.Install", "installed")
    after(device, "D.Install RUNNING", "A.Install STARTING")
    device.wait(deployment)


def test_a_dependency_that_is_no_longer_one_goes_and_its_former_dependents_stay(device):
    device.recipe("A.Gone", "1.0.0", RUNS)
    device.recipe("S.Gone", "1.0.0", RUNS)
    with device.nothing_happens_to("A.Gone", "S.Gone"), device.then("D.Gone", "STOPPING FINISHED UNINSTALLING UNINSTALLED"):
        assert device.deploy("A.Gone=1.0.0", "S.Gone=1.0.0")["status"] == "SUCCEEDED"
    assert "D.Gone" not in device.components()


# ---- readiness (9.1) ----

def test_a_finished_dependency_is_ready(device):
    device.expect("D.Finished", "NEW INSTALLED STARTING FINISHED")
    device.expect("A.Finished", STARTED)


@pytest.fixture(scope="module")
def late(device):
    device.deploy(*(root for what, lifecycle in LATE.items() for root in trio(device, what, lifecycle)), wait=False)
    return device


def test_a_hard_dependent_waits_in_installed_until_its_dependency_is_running_and_a_soft_one_does_not(late):
    late.expect("S.Starting", STARTED)
    late.wait_state("D.Starting", "STARTING")
    late.wait_state("A.Starting", "INSTALLED")
    late.open_gate("D.Starting", "up")
    late.expect("A.Starting", STARTED)
    after(late, "D.Starting RUNNING", "A.Starting STARTING")


def test_a_dependency_that_stops_after_a_failed_startup_is_not_ready(late):
    late.wait_state("D.Failing", "STARTING")
    late.wait_state("A.Failing", "INSTALLED")
    late.open_gate("D.Failing", "fail")
    late.wait_state("D.Failing", "STOPPING")
    late.expect("A.Failing", "NEW INSTALLED")
    late.open_gate("D.Failing", "down")
    late.expect("A.Failing", STARTED)
    late.expect("D.Failing", "NEW INSTALLED STARTING ERRORED STOPPING INSTALLED STARTING RUNNING")
    after(late, "D.Failing RUNNING", "A.Failing STARTING")


# ---- changes of the list of dependencies (9.3) and order (9.4) ----

def test_an_added_dependency_restarts_the_component(late):
    late.recipe("A.Exit", "1.0.0", RUNS, depends={"D.Exit": "*", "D.Stop": ["*", "SOFT"]})
    with late.then("A.Exit", AGAIN):
        late.deploy("A.Exit=1.0.0")


def test_a_removed_dependency_is_forgotten_without_a_restart(late):
    late.recipe("A.Stop", "1.0.0", RUNS)
    with late.nothing_happens_to("A.Stop"):
        late.deploy("A.Stop=1.0.0")
    with late.nothing_happens_to("A.Stop"), late.then("D.Stop", "INSTALLED STARTING RUNNING"):
        late.sedge("component", "restart", "--names", "D.Stop")


def test_components_are_listed_after_their_hard_and_soft_dependencies(late):
    names = list(late.components())
    for what in set(CAST) - {"Gone", "Exit", "Stop"}:
        assert names.index(f"D.{what}") < min(names.index(f"A.{what}"), names.index(f"S.{what}"))


# ---- broken ones: last, because every deployment tries them again ----

def test_a_soft_dependency_that_becomes_a_hard_one_and_is_not_ready_restarts_the_component(late):
    late.recipe("D.Turned", "1.0.0", {"startup": "[ -e good ]"})
    late.recipe("S.Turned", "1.0.0", RUNS, depends={"D.Turned": ["*", "SOFT"]})
    assert late.deploy("S.Turned=1.0.0")["status"] == "FAILED"
    late.expect("S.Turned", STARTED)
    assert late.state("D.Turned") == "BROKEN"
    late.recipe("S.Turned", "1.0.0", RUNS, depends={"D.Turned": "*"})
    late.open_gate("D.Turned", "good")
    with late.then("S.Turned", AGAIN), late.then("D.Turned", STARTED):
        assert late.deploy("S.Turned=1.0.0")["status"] == "SUCCEEDED"
    after(late, "D.Turned RUNNING", "S.Turned STARTING")


def test_the_hard_dependents_of_a_broken_component_wait_for_ever(late):
    assert late.deploy(*trio(late, "Broken", {"run": lines(gate("crash"), "exit 1")}))["status"] == "SUCCEEDED"
    with late.nothing_happens_to("S.Broken"):
        late.open_gate("D.Broken", "crash")
        late.wait_state("D.Broken", "BROKEN")
        late.wait_state("A.Broken", "INSTALLED")
    assert late.moves("A.Broken")[-2:] == ["STOPPING", "INSTALLED"]
