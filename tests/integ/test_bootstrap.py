"""Deployments that restart the nucleus: bootstrap steps, parameters of the nucleus, and the way back."""
import os

import pytest

from local import wait_until
from support.device import temporary_device
from support.machine import Machine

NUCLEUS = "aws.greengrass.Nucleus"


@pytest.fixture(scope="module")
def shared(bin_dir):
    with temporary_device(bin_dir, kind=Machine) as machine:
        yield machine


@pytest.fixture
def machine(shared):
    """One device for all tests that leave the nucleus alone; each begins with an empty trace and ends without components."""
    if os.path.exists(os.path.join(shared.notes, "trace")):
        os.remove(os.path.join(shared.notes, "trace"))
    yield shared
    for file in os.listdir(shared.recipes):
        os.remove(os.path.join(shared.recipes, file))
    left = [name for name in shared.components() if not name.startswith("aws.") and "." not in name and name.islower()]
    if left:
        shared.deploy_ok(remove=left)


# ---- exit codes ----

def test_a_bootstrap_step_runs_before_the_others_and_the_nucleus_starts_again_in_the_same_process(machine):
    pid, launches = machine.process.pid, machine.launches()
    machine.recipe("app", "1.0.0", {"bootstrap": machine.note("bootstrap"), "install": machine.note("install"),
                                    "run": machine.note("run")})
    machine.deploy_ok("app=1.0.0")
    machine.wait_noted("bootstrap", "install", "run")
    assert machine.launches() == launches + 1
    assert machine.process.running() and machine.process.pid == pid
    machine.wait_state("app", "FINISHED")


def test_exit_code_100_restarts_the_nucleus_before_the_next_step(machine):
    launches = machine.launches()
    machine.recipe("first", "1.0.0", {"bootstrap": machine.note("first") + "; exit 100"})
    machine.recipe("second", "1.0.0", {"bootstrap": machine.note("second")}, depends={"first": "1.0.0"})
    machine.deploy_ok("second=1.0.0")
    assert machine.noted() == ["first", "second"]
    assert machine.launches() == launches + 2


def test_any_other_exit_code_fails_the_deployment_and_says_what_the_script_printed(machine):
    machine.recipe("app", "1.0.0", {"bootstrap": "echo about to fail; exit 5", "run": machine.note("run")})
    detailed, stack, cause = machine.failure( "app=1.0.0", policy="ROLLBACK")
    assert detailed == "FAILED_ROLLBACK_COMPLETE"
    assert stack == ["DEPLOYMENT_FAILURE", "COMPONENT_BOOTSTRAP_ERROR"]
    assert "app 1.0.0" in cause and "exited with code 5" in cause and "about to fail" in cause
    assert "app" not in machine.components() and machine.noted() == []
    assert "exitCode=5" in machine.log("app")


def test_a_failed_bootstrap_step_rolls_back_whatever_the_policy_says(machine):
    machine.recipe("app", "1.0.0", {"run": "true"}, configuration={"a": 1})
    machine.deploy_ok("app=1.0.0")
    machine.recipe("app", "1.1.0", {"bootstrap": "exit 1"})
    detailed, _, _ = machine.failure( "app=1.1.0", policy="DO_NOTHING", update={"app": {"MERGE": {"a": 2}}})
    assert detailed == "FAILED_ROLLBACK_COMPLETE"
    assert machine.components()["app"]["version"] == "1.0.0"
    assert machine.details("app")["configuration"] == {"a": 1}


def test_a_bootstrap_step_that_takes_too_long_is_ended_and_fails_the_deployment(machine):
    machine.recipe("app", "1.0.0", {"bootstrap": {"Script": f"sleep 1000 # {machine.root}", "Timeout": 1}})
    detailed, stack, cause = machine.failure( "app=1.0.0")
    assert detailed == "FAILED_ROLLBACK_COMPLETE"
    assert stack[-1] == "COMPONENT_BOOTSTRAP_TIMEOUT" and "timeout" in cause
    assert not machine.processes(f"sleep 1000 # {machine.root}")


def test_a_bootstrap_step_that_is_ended_by_a_signal_fails_the_deployment_and_names_it(machine):
    machine.recipe("app", "1.0.0", {"bootstrap": "kill -9 $$"})
    _, stack, cause = machine.failure( "app=1.0.0")
    assert stack[-1] == "COMPONENT_BOOTSTRAP_ERROR"
    assert "signal 9 (Killed), no core dumped" in cause


def test_a_bootstrap_step_without_a_script_fails_the_deployment(machine):
    machine.recipe("app", "1.0.0", {"bootstrap": {"Timeout": 5}})
    _, stack, cause = machine.failure( "app=1.0.0")
    assert stack[-1] == "COMPONENT_BOOTSTRAP_ERROR" and "Script" in cause


def test_a_skipped_bootstrap_step_counts_as_done(machine):
    machine.recipe("app", "1.0.0", {"bootstrap": {"Script": "exit 5", "SkipIf": "exists /"}, "run": machine.note("run")})
    machine.deploy_ok("app=1.0.0")
    machine.wait_noted("run")


def test_processes_that_a_bootstrap_script_leaves_behind_do_not_live_on(machine):
    marker = f"sleep 900 # {machine.root}"
    machine.recipe("app", "1.0.0", {"bootstrap": f"(sh -c '{marker}; :' >/dev/null 2>&1 &) ; {machine.note('done')}"})
    machine.deploy_ok("app=1.0.0")
    assert machine.noted() == ["done"]
    wait_until(lambda: not machine.processes(marker), 30, "the process to end")


# ---- which steps, in which order ----

def test_bootstrap_steps_run_one_at_a_time_dependencies_first(machine):
    for name, depends in (("a", {"b": "*"}), ("b", {"c": ["*", "SOFT"]}), ("c", {})):
        machine.recipe(name, "1.0.0", {"bootstrap": f"{machine.note(name + '-in')}; sleep 0.1; {machine.note(name + '-out')}"},
                       depends=depends)
    machine.deploy_ok("a=1.0.0")
    assert machine.noted() == ["c-in", "c-out", "b-in", "b-out", "a-in", "a-out"]


def test_a_bootstrap_step_runs_for_a_new_version_but_not_again_for_the_same(machine):
    for version in ("1.0.0", "1.1.0"):
        machine.recipe("app", version, {"bootstrap": machine.note("app")})
    machine.deploy_ok("app=1.0.0")
    launches = machine.launches()
    machine.deploy_ok("app=1.0.0")
    machine.deploy_ok("app=1.0.0", update={"app": {"MERGE": {"other": 1}}})
    assert machine.noted() == ["app"] and machine.launches() == launches
    machine.deploy_ok("app=1.1.0")
    assert machine.noted() == ["app", "app"] and machine.launches() == launches + 1


def test_a_bootstrap_step_runs_again_when_its_text_changes_with_the_configuration(machine):
    machine.recipe("app", "1.0.0", {"bootstrap": machine.note("{configuration:/word}"), "run": "true"},
                   configuration={"word": "one"})
    machine.deploy_ok("app=1.0.0")
    machine.deploy_ok(update={"app": {"MERGE": {"word": "two"}}})
    assert machine.noted() == ["one", "two"]


def test_components_that_do_not_change_keep_their_configuration(machine):
    machine.recipe("other", "1.0.0", machine.note("other"), configuration={"a": 1})
    machine.deploy_ok("other=1.0.0", update={"other": {"MERGE": {"a": 7, "b": [1, 2]}}})
    machine.wait_noted("other")
    machine.recipe("app", "1.0.0", {"bootstrap": machine.note("app")})
    machine.deploy_ok("app=1.0.0")
    assert machine.details("other")["configuration"] == {"a": 7, "b": [1, 2]}
    machine.wait_noted("other", "app", "other")


def test_a_component_that_such_a_deployment_removes_goes_without_its_uninstall_step(machine):
    machine.recipe("old", "1.0.0", {"run": "true", "uninstall": machine.note("uninstall"),
                                    "shutdown": machine.note("shutdown")})
    machine.recipe("running", "1.0.0", {"run": "while :; do sleep 1; done", "shutdown": machine.note("shutdown")})
    machine.deploy_ok("old=1.0.0", "running=1.0.0")
    machine.recipe("app", "1.0.0", {"bootstrap": machine.note("bootstrap")})
    machine.deploy_ok("app=1.0.0", remove=["old", "running"])
    assert machine.noted()[-1] == "bootstrap" and "shutdown" in machine.noted() and "uninstall" not in machine.noted()
    assert not {"old", "running"} & set(machine.components())


# ---- as whom ----

def test_a_bootstrap_script_runs_as_the_components_user_in_its_folder_with_its_environment(machine):
    machine.recipe("app", "1.0.0", {"Setenv": {"OUTER": "o"}, "bootstrap": {
        "Script": "echo \"$(id -un) $(pwd) $OUTER $INNER\"", "Setenv": {"INNER": "i"}}})
    machine.deploy_ok("app=1.0.0")
    user = "nobody" if os.geteuid() == 0 else os.popen("id -un").read().strip()
    assert machine.output("app")[-1] == f"{user} {machine.root}/work/app o i"


def test_a_bootstrap_step_with_privilege_runs_as_root_or_says_that_it_cannot(machine):
    machine.recipe("app", "1.0.0", {"bootstrap": {"Script": "id -u", "RequiresPrivilege": True}})
    if os.geteuid() == 0:
        machine.deploy_ok("app=1.0.0")
        assert machine.output("app")[-1] == "0"
    else:
        _, stack, cause = machine.failure( "app=1.0.0")
        assert stack[-1] == "COMPONENT_BOOTSTRAP_ERROR" and "RequiresPrivilege" in cause


# ---- the way back ----

@pytest.mark.parametrize("flag, expected", [(True, ["old", "new", "old"]), (False, ["old", "new"])])
def test_a_bootstrap_step_runs_again_on_the_way_back_only_if_it_wants_to(machine, flag, expected):
    machine.recipe("app", "1.0.0", {"bootstrap": {"Script": machine.note("old"), "BootstrapOnRollback": flag}})
    machine.recipe("app", "1.1.0", {"bootstrap": machine.note("new") + "; exit 3"})
    machine.deploy_ok("app=1.0.0")
    detailed, _, cause = machine.failure( "app=1.1.0")
    assert detailed == "FAILED_ROLLBACK_COMPLETE" and "code 3" in cause
    assert machine.noted() == expected
    assert machine.components()["app"]["version"] == "1.0.0"


def test_a_component_whose_new_bootstrap_step_never_started_does_not_run_the_old_one_on_the_way_back(machine):
    for version, script in (("1.0.0", "old"), ("1.1.0", "new")):
        machine.recipe("first", version, {"bootstrap": f"{machine.note(script)}; [ {version} = 1.0.0 ]"})
        machine.recipe("second", version, {"bootstrap": {"Script": machine.note("second-" + script), "BootstrapOnRollback": True}},
                       depends={"first": f"{version}"})
    machine.deploy_ok("second=1.0.0")
    assert machine.failure( "second=1.1.0")[0] == "FAILED_ROLLBACK_COMPLETE"
    assert machine.noted() == ["old", "second-old", "new"]


def test_when_the_bootstrap_step_of_the_way_back_fails_the_device_says_so_and_starts_its_components(machine):
    machine.recipe("app", "1.0.0", {"bootstrap": {"Script": f"[ ! -e {machine.notes}/trace ]; r=$?; {machine.note('old')}; exit $r",
                                                  "BootstrapOnRollback": True}, "run": machine.note("run")})
    machine.recipe("app", "1.1.0", {"bootstrap": "exit 3"})
    machine.deploy_ok("app=1.0.0")
    machine.wait_noted("old", "run")
    detailed, stack, cause = machine.failure( "app=1.1.0")
    assert detailed == "FAILED_UNABLE_TO_ROLLBACK"
    assert "COMPONENT_BOOTSTRAP_ERROR" in stack and "code 3" in cause
    machine.wait_noted("old", "run", "old", "run")
    assert machine.components()["app"]["version"] == "1.0.0"


def test_a_component_that_breaks_after_the_restart_takes_the_deployment_back_whatever_the_policy_says(machine):
    machine.recipe("app", "1.0.0", {"run": "true"})
    machine.recipe("app", "1.1.0", {"bootstrap": machine.note("bootstrap"), "startup": "echo it hurts; exit 6"})
    machine.deploy_ok("app=1.0.0")
    detailed, stack, cause = machine.failure( "app=1.1.0", policy="DO_NOTHING")
    assert detailed == "FAILED_ROLLBACK_COMPLETE" and stack[-1] == "COMPONENT_BROKEN"
    assert "code 6" in cause and "it hurts" in cause
    assert machine.noted() == ["bootstrap"]
    assert machine.components()["app"]["version"] == "1.0.0"


# ---- what people see ----

def test_the_status_names_the_component_that_is_bootstrapped_and_is_there_after_the_restart(machine):
    machine.recipe("first", "1.0.0", {"bootstrap": "exit 100"})
    machine.recipe("second", "1.0.0", {"bootstrap": machine.wait_for("status")}, depends={"first": "1.0.0"})
    launches = machine.launches()
    deployment = machine.create("second=1.0.0")
    machine.wait_phase(deployment, "BOOTSTRAPPING", 30)
    wait_until(lambda: machine.launches() > launches, 30, "the nucleus to start again")
    wait_until(lambda: "Progress: BOOTSTRAPPING: component second" in machine.sedge("deployment", "status", "-i", deployment),
               30, "the progress of the second component")
    assert machine.status(deployment)["status"] == "IN_PROGRESS"
    assert "IN_PROGRESS" in machine.sedge("deployment", "list")
    machine.open_gate("status")
    assert machine.wait(deployment)["status"] == "SUCCEEDED"


# ---- parameters of the nucleus ----

def test_a_parameter_that_counts_at_the_start_restarts_the_nucleus(machine):
    launches = machine.launches()
    machine.recipe("app", "1.0.0", f"echo ${{BASH_VERSION:+bash}} >> {machine.notes}/trace")
    machine.deploy_ok("app=1.0.0", f"{NUCLEUS}=2.17.0", update={NUCLEUS: {"MERGE": {"runWithDefault": {"posixShell": "bash"}}}})
    assert machine.launches() == launches + 1
    machine.wait_noted("bash")
    machine.deploy_ok(f"{NUCLEUS}=2.17.0", update={NUCLEUS: {"RESET": ["/runWithDefault/posixShell"]}})
    assert machine.launches() == launches + 2


@pytest.mark.parametrize("parameter", [{"fipsMode": True}, {"mqtt": {"version": "mqtt3"}},
                                       {"mqtt": {"spooler": {"storageType": "Memory"}}}, {"iotDataEndpoint": "broker.example"},
                                       {"networkProxy": {"noProxyAddresses": "localhost"}}])
def test_each_such_parameter_restarts_the_nucleus(machine, parameter):
    launches = machine.launches()
    machine.deploy_ok(f"{NUCLEUS}=2.17.0", update={NUCLEUS: {"MERGE": parameter}})
    assert machine.launches() == launches + 1


def test_other_parameters_and_unchanged_ones_do_not_restart_the_nucleus(machine):
    launches = machine.launches()
    machine.deploy_ok(f"{NUCLEUS}=2.17.0", update={NUCLEUS: {"MERGE": {"logging": {"level": "DEBUG"}, "componentStoreMaxSizeBytes": 9999999999}}})
    machine.deploy_ok(f"{NUCLEUS}=2.17.0", update={NUCLEUS: {"MERGE": {"logging": {"level": "INFO"}, "runWithDefault": {"posixShell": "sh"}}}})
    assert machine.launches() == launches


@pytest.mark.parametrize("value, expected", [({"posixShell": "no-such-shell"}, "no-such-shell"),
                                             ({"posixShell": {"a": 1}}, "expected a text"),
                                             ({"posixUser": "no-such-user"}, "no-such-user")])
def test_a_default_user_or_shell_that_cannot_be_is_refused_before_anything_changes(machine, value, expected):
    if "posixUser" in value and os.geteuid() != 0:
        pytest.skip("a nucleus of an ordinary user runs its components as itself")
    launches = machine.launches()
    detailed, stack, cause = machine.failure( f"{NUCLEUS}=2.17.0", update={NUCLEUS: {"MERGE": {"runWithDefault": value}}})
    assert detailed == "FAILED_NO_STATE_CHANGE"
    assert stack == ["DEPLOYMENT_FAILURE", "RUN_WITH_CONFIG_NOT_VALID"]
    assert expected in cause and machine.launches() == launches


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can run components as somebody else")
def test_another_default_user_counts_although_the_command_line_names_one(machine):
    machine.recipe("app", "1.0.0", "id -un")
    machine.deploy_ok("app=1.0.0", f"{NUCLEUS}=2.17.0", update={NUCLEUS: {"MERGE": {"runWithDefault": {"posixUser": "daemon"}}}})
    wait_until(lambda: machine.output("app")[-1:] == ["daemon"], 30, "the script to run as daemon")
    machine.deploy_ok(f"{NUCLEUS}=2.17.0", update={NUCLEUS: {"MERGE": {"runWithDefault": {"posixUser": "nobody:nogroup"}}}})
