"""States that components report themselves over IPC (specification lifecycle.md 7)."""
import os
import subprocess

import pytest

from support.lifecycle import FOREVER, cli_environment, did, gate, lines, patient, program, watched_device

STARTED = "NEW INSTALLED STARTING RUNNING"
AGAIN = "ERRORED STOPPING INSTALLED STARTING RUNNING"


def reports(*states):
    return f"$REPORT {' '.join(states)} >> answers"


# Waits for the answer to this attempt's report: what the report brings about would end its program before.
ANSWERED = "until [ $(cat answers | wc -l) -gt $(cat steps 2>/dev/null | wc -l) ]; do sleep 0.05; done"
CAST = {
    "rep.Running": {"startup": lines(reports("RUNNING"), did("startup"), FOREVER)},
    "rep.EndsWell": {"startup": patient(reports("RUNNING"), gate("end"))},
    "rep.EndsBadly": {"startup": patient("[ -e end ] && exit 0", reports("RUNNING"), gate("end"), "exit 5")},
    "rep.InStartup": {"startup": lines(reports("ERRORED"), FOREVER), "shutdown": patient(ANSWERED, did("shutdown"))},
    "rep.InInstall": {"install": lines(reports("ERRORED"), FOREVER), "run": FOREVER},
    "rep.InRun": {"run": lines(did("run"), gate("report"), reports("ERRORED"), FOREVER), "shutdown": patient(did("shutdown"))},
    "rep.InShutdown": {"run": FOREVER, "shutdown": patient(reports("ERRORED"), FOREVER), "recover": did("recover")},
    "rep.Ignored": {"install": reports("RUNNING"), "run": lines(did("run"), gate("report"), reports("RUNNING", "RUNNING"), did("reported"), FOREVER),
                    "shutdown": patient(reports("RUNNING"))},
    "rep.InRecover": {"run": lines("[ -e tried ] && " + FOREVER, "touch tried", "exit 1"), "recover": reports("RUNNING", "ERRORED")},
    "rep.Unknown": {"run": lines(reports("FINISHED", "STOPPING", "running"), FOREVER)},
}


@pytest.fixture(scope="module")
def device(bin_dir):
    with watched_device(bin_dir) as d:
        d.say_state = program(d, bin_dir, "say_state")
        d.cast({name: dict(lifecycle, setenv={"REPORT": d.say_state}) for name, lifecycle in CAST.items()}, wait=False)
        yield d


def answers(device, name, *expected):
    words = " ".join(expected)
    device.wait_steps(name, words, file="answers")


def test_a_startup_script_reports_running_and_goes_on(device):
    device.expect("rep.Running", STARTED)
    device.wait_steps("rep.Running", "startup")
    answers(device, "rep.Running", "RUNNING ok")
    assert device.details("rep.Running")["pid"] > 0


def test_a_startup_script_that_ends_well_after_its_report_leaves_the_component_running(device):
    device.expect("rep.EndsWell", STARTED)
    with device.nothing_happens_to("rep.EndsWell"):
        device.open_gate("rep.EndsWell", "end")
        device.wait_log("rep.EndsWell", "Startup script exited", 60)
        device.sedge("component", "details", "--name", "rep.EndsWell")
    assert device.state("rep.EndsWell") == "RUNNING"


def test_a_startup_script_that_ends_badly_after_its_report_is_a_startup_error(device):
    device.expect("rep.EndsBadly", STARTED)
    with device.then("rep.EndsBadly", AGAIN):
        device.open_gate("rep.EndsBadly", "end")
    assert device.reasons("rep.EndsBadly")[0] == "The startup script exited with an error. It exited with code 5."


def test_an_error_reported_while_starting_is_a_startup_error(device):
    once = "STARTING ERRORED STOPPING INSTALLED"
    device.expect("rep.InStartup", f"NEW INSTALLED {once} {once} STARTING BROKEN")
    device.wait_steps("rep.InStartup", "shutdown shutdown shutdown")
    assert device.code("rep.InStartup")[0] == "STARTUP_ERROR"
    answers(device, "rep.InStartup", "ERRORED ok ERRORED ok ERRORED ok")


def test_an_error_reported_while_installing_is_an_install_error(device):
    device.expect("rep.InInstall", "NEW ERRORED NEW ERRORED NEW BROKEN")
    assert device.code("rep.InInstall")[0] == "INSTALL_ERROR"


def test_an_error_reported_while_running_is_a_run_error(device):
    device.expect("rep.InRun", STARTED)
    device.wait_steps("rep.InRun", "run")
    device.open_gate("rep.InRun", "report")
    device.wait_state("rep.InRun", "BROKEN")
    assert device.moves("rep.InRun").count("ERRORED") == 2
    assert device.reasons("rep.InRun")[0] == "The component reported ERRORED while it was RUNNING."


def test_an_error_reported_while_stopping_is_a_shutdown_error_and_is_not_counted(device):
    device.expect("rep.InShutdown", STARTED)
    with device.then("rep.InShutdown", "STOPPING ERRORED INSTALLED STARTING RUNNING"):
        device.sedge("component", "restart", "--names", "rep.InShutdown")
    assert device.reasons("rep.InShutdown") == ["The component reported ERRORED while it was STOPPING."]
    device.wait_steps("rep.InShutdown", "recover")


def test_reports_that_do_not_fit_the_state_succeed_and_are_ignored_with_a_warning(device):
    device.expect("rep.Ignored", STARTED)
    device.wait_steps("rep.Ignored", "run")
    device.open_gate("rep.Ignored", "report")
    device.wait_steps("rep.Ignored", "run reported")
    with device.then("rep.Ignored", "STOPPING FINISHED"):
        device.sedge("component", "stop", "--names", "rep.Ignored")
    answers(device, "rep.Ignored", "RUNNING ok " * 4)
    for state in ("NEW", "RUNNING", "STOPPING"):
        assert f"reported RUNNING while it is {state}: ignored" in device.log("rep.Ignored")


def test_reports_while_an_error_is_handled_are_ignored(device):
    device.expect("rep.InRecover", f"{STARTED} {AGAIN}")
    answers(device, "rep.InRecover", "RUNNING ok ERRORED ok")


def test_other_words_than_running_and_errored_are_answered_with_an_error(device):
    device.expect("rep.Unknown", STARTED)
    device.wait_log("rep.Unknown", "shell-runner-start", 60)
    answers(device, "rep.Unknown", *(f"{word} ServiceError" for word in ("FINISHED", "STOPPING", "running")))


def test_a_caller_that_is_no_component_is_not_found(device):
    done = subprocess.run([device.say_state, "RUNNING", "ERRORED"], env=dict(os.environ, **cli_environment(device)),
                          capture_output=True, text=True, timeout=120)
    assert done.stdout.split("\n")[:2] == ["RUNNING ResourceNotFoundError", "ERRORED ResourceNotFoundError"]
