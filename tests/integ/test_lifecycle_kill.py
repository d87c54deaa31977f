"""How the processes of a component end (specification lifecycle.md 8). All components are stopped at once, in the fixture."""
import os
import re
from datetime import datetime

import pytest

from local import wait_until
from support.lifecycle import FOREVER, did, lines, patient, watched_device

STARTED = "NEW INSTALLED STARTING RUNNING"
TELLS_TERM = lines("trap 'echo term >> steps; exit 0' TERM", did("run"), "while :; do sleep 0.05; done")
DEAF = lines("trap '' TERM", did("run"), "while :; do sleep 0.1; done")
READY = {"kill.Order": 1, "kill.NoShutdown": 1, "kill.Deaf": 1, "kill.DeafMany": 7, "kill.DeafLate": 1, "kill.ShutdownHangs": 1}  # scripts
CAST = {
    "kill.Order": {"run": TELLS_TERM, "shutdown": patient("sleep 0.3", did("shutdown"))},
    "kill.NoShutdown": {"run": TELLS_TERM},
    "kill.Tree": {"run": lines("sh -c 'sleep 1000 & echo $! >> pids; sh -c \"echo \\$\\$ >> pids; exec sleep 1000\"' &", "echo $! >> pids", FOREVER)},
    "kill.Orphans": {"run": lines("(sleep 1000 & echo $! >> pids)", "setsid sh -c 'echo $$ >> pids; exec sleep 1000' &", "setsid sh -c '(sleep 1000 & echo $! >> pids)'",
                                  FOREVER)},
    "kill.Deaf": {"run": DEAF},
    "kill.DeafMany": {"run": lines(*[f"({DEAF}) &"] * 6, DEAF), "shutdown": {"Timeout": 30, "Script": "true"}},
    "kill.DeafLate": {"run": DEAF, "shutdown": {"Timeout": 4, "Script": did("shutdown")}},
    "kill.ShutdownHangs": {"run": TELLS_TERM, "shutdown": {"Timeout": 9, "Script": "echo $$ >> pids; exec sleep 1000"}},
    "kill.ShutdownDeaf": {"run": "exec sleep 1000", "shutdown": {"Timeout": 9, "Script": f"echo $$ >> pids; {DEAF}"}},
    "kill.ShutdownLeaves": {"run": FOREVER, "shutdown": patient("sleep 1000 & echo $! >> pids")},
}
INSTALL = {"install": {"Timeout": 9, "Script": lines("[ -e tried ] && exit 0", "touch tried", "echo $$ >> pids", DEAF)}, "run": FOREVER}


@pytest.fixture(scope="module")
def device(bin_dir):
    with watched_device(bin_dir) as d:
        assert d.cast(CAST)["status"] == "SUCCEEDED"
        for name in CAST:
            d.expect(name, STARTED)
        for name, count in (("kill.Tree", 3), ("kill.Orphans", 3)):
            wait_until(lambda n=name, c=count: len(d.steps(n, "pids")) == c, 60, f"the processes of {name}")
        for name, count in READY.items():
            d.wait_steps(name, "run " * count)
        d.sedge("component", "stop", "--names", ",".join(CAST))
        d.cast({"kill.Install": INSTALL}, wait=False)
        yield d


def alive(pid):
    """Whether the process is there and no zombie."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as f:
            return f.read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def all_gone(device, name):
    pids = device.steps(name, "pids")
    assert pids
    wait_until(lambda: not any(map(alive, pids)), 60, f"the processes {pids} of {name} to end")


def seconds_between(device, name, first, second):
    """Between two states, by the log."""
    def at(state):
        found = re.search(rf"^(\S+)Z .*serviceName={re.escape(name)} currentState=\w+ newState={state}\b", device.log(), re.MULTILINE)
        return datetime.fromisoformat(found.group(1))

    return (at(second) - at(first)).total_seconds()


def test_the_shutdown_script_runs_to_its_end_before_the_first_signal(device):
    device.expect("kill.Order", f"{STARTED} STOPPING FINISHED")
    assert device.steps("kill.Order") == ["run", "shutdown", "term"]


def test_without_a_shutdown_script_the_component_gets_term(device):
    device.expect("kill.NoShutdown", f"{STARTED} STOPPING FINISHED")
    assert device.steps("kill.NoShutdown") == ["run", "term"]


def test_children_and_grandchildren_end_with_the_component(device):
    device.expect("kill.Tree", f"{STARTED} STOPPING FINISHED")
    all_gone(device, "kill.Tree")


def test_processes_that_left_the_script_s_session_or_lost_their_parent_end_with_the_component_too(device):
    device.expect("kill.Orphans", f"{STARTED} STOPPING FINISHED")
    all_gone(device, "kill.Orphans")


def test_what_ignores_term_is_killed_after_a_while(device):
    device.expect("kill.Deaf", f"{STARTED} STOPPING FINISHED")
    assert seconds_between(device, "kill.Deaf", "STOPPING", "FINISHED") > 4


def test_many_that_ignore_term_are_waited_for_together(device):
    """One after the other would take longer than the shutdown's timeout."""
    device.expect("kill.DeafMany", f"{STARTED} STOPPING FINISHED")
    assert seconds_between(device, "kill.DeafMany", "STOPPING", "FINISHED") > 4


def test_the_shutdown_s_timeout_counts_until_all_processes_are_gone(device):
    device.expect("kill.DeafLate", f"{STARTED} STOPPING ERRORED FINISHED")
    assert device.reasons("kill.DeafLate") == ["The shutdown did not end within its timeout."]


def test_a_shutdown_script_that_hangs_is_ended_and_then_the_component(device):
    device.expect("kill.ShutdownHangs", f"{STARTED} STOPPING ERRORED FINISHED")
    all_gone(device, "kill.ShutdownHangs")


def test_a_shutdown_script_that_ignores_term_is_killed(device):
    device.expect("kill.ShutdownDeaf", f"{STARTED} STOPPING ERRORED FINISHED")
    all_gone(device, "kill.ShutdownDeaf")


def test_what_a_shutdown_script_leaves_behind_ends_with_the_component(device):
    device.expect("kill.ShutdownLeaves", f"{STARTED} STOPPING FINISHED")
    all_gone(device, "kill.ShutdownLeaves")


def test_an_install_script_that_takes_too_long_and_ignores_term_is_killed(device):
    device.expect("kill.Install", "NEW ERRORED NEW INSTALLED STARTING RUNNING")
    all_gone(device, "kill.Install")


def test_a_stopped_component_has_no_process(device):
    for name in CAST:
        device.wait_state(name, "FINISHED")
        assert "pid" not in device.details(name)
    assert os.path.isdir(device.work("kill.Order"))
