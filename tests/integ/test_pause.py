"""PauseComponent and ResumeComponent (lifecycle.md 13, ipc-operations.md 6.4), by frames on the socket, on a real nucleus."""
import os
import signal
import time

import pytest

from local import wait_until
from support.device import temporary_device
from support.fixtures import connection_of

POLICY = {"aws.greengrass.ipc.lifecycle": {"p:1": {
    "operations": ["aws.greengrass#PauseComponent", "aws.greengrass#ResumeComponent"],
    "resources": ["ticker*", "done", "missing", "aws.greengrass.Nucleus", "boss"]}}}
# a child in a session of its own, too: pausing reaches the whole tree
TICKER = """setsid sh -c 'while :; do echo x >> child; sleep 0.05; done' &
trap 'echo asked to stop; exit 0' TERM
echo ready
while :; do echo x >> ticks; sleep 0.05; done # %s"""
root_only = pytest.mark.skipif(os.geteuid() != 0 or not (os.path.isdir("/sys/fs/cgroup/freezer") or
                                                         os.path.exists("/sys/fs/cgroup/cgroup.controllers")),
                               reason="pausing needs root and a freezer")


def children(pid):
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as f:
        return [int(p) for p in f.read().split()]


@pytest.fixture(scope="module")
def device(bin_dir):
    with temporary_device(bin_dir) as device:
        device.recipe("boss", "1.0.0", "exec sleep 100000", configuration={"accessControl": POLICY})
        device.recipe("nobody", "1.0.0", "exec sleep 100000")
        device.recipe("ticker", "1.0.0", {"run": TICKER % device.root, "shutdown": "echo shutdown script"})
        device.recipe("done", "1.0.0", "true")
        device.deploy_ok("boss=1.0.0", "nobody=1.0.0", "ticker=1.0.0", "done=1.0.0")
        wait_until(lambda: device.state("done") == "FINISHED", 30, "done to be done")
        yield device


boss = connection_of("boss")


def size(device, file):
    try:
        return os.path.getsize(os.path.join(device.root, "work/ticker", file))
    except FileNotFoundError:
        return 0


def grows(device, file):
    before = size(device, file)
    wait_until(lambda: size(device, file) > before, 30, f"{file} to grow")


def stands_still(device):
    """Nothing is written in the time of some ticks: a lower bound, which load only makes safer."""
    before = size(device, "ticks"), size(device, "child")
    time.sleep(0.4)
    assert (size(device, "ticks"), size(device, "child")) == before


def running(device):
    wait_until(lambda: device.state("ticker") == "RUNNING" and device.details("ticker").get("pid"), 30, "ticker to run")
    for file in ("ticks", "child"):
        grows(device, file)


def test_without_a_name_the_arguments_are_invalid_before_anything_else(device):
    with device.ipc("nobody") as ipc:
        for operation in ("PauseComponent", "ResumeComponent"):
            ipc.fails("InvalidArgumentsError", "Component name is required.", operation)
            ipc.fails("InvalidArgumentsError", "Component name is required.", operation, componentName="")


def test_without_a_policy_it_is_unauthorized_even_for_a_component_that_does_not_exist(device):
    with device.ipc("nobody") as ipc:
        ipc.fails("UnauthorizedError", None, "PauseComponent", componentName="ticker")
        ipc.fails("UnauthorizedError", None, "ResumeComponent", componentName="missing")


def test_an_unknown_component_is_not_found(boss):
    boss.fails("ResourceNotFoundError", None, "PauseComponent", componentName="missing")
    boss.fails("ResourceNotFoundError", None, "ResumeComponent", componentName="missing")


def test_a_part_of_the_nucleus_cannot_be_paused(boss):
    boss.fails("InvalidArgumentsError", "Only generic components can be paused.", "PauseComponent",
               componentName="aws.greengrass.Nucleus")
    boss.fails("InvalidArgumentsError", "Only generic components can be resumed.", "ResumeComponent",
               componentName="aws.greengrass.Nucleus")


def test_what_does_not_run_cannot_be_paused_and_what_is_not_paused_not_resumed(boss):
    boss.fails("InvalidArgumentsError", "Component done is not running", "PauseComponent", componentName="done")
    boss.fails("InvalidArgumentsError", "Component ticker is not paused", "ResumeComponent", componentName="ticker")


@root_only
def test_a_paused_component_stands_still_stays_running_and_goes_on_after_resume(device, boss):
    running(device)
    pid = device.pid("ticker")
    assert boss.call("PauseComponent", componentName="ticker") == {}
    stands_still(device)
    details = device.details("ticker")
    assert (details["state"], details["paused"], details["pid"]) == ("RUNNING", True, pid)
    assert "Paused" in device.sedge("component", "details", "--name", "ticker")
    assert boss.call("PauseComponent", componentName="ticker") == {}, "pausing what is paused succeeds"
    stands_still(device)
    assert boss.call("ResumeComponent", componentName="ticker") == {}
    running(device)
    details = device.details("ticker")
    assert (details["state"], details.get("paused"), details["pid"]) == ("RUNNING", None, pid)
    boss.fails("InvalidArgumentsError", "Component ticker is not paused", "ResumeComponent", componentName="ticker")


@root_only
def test_a_component_that_forks_all_the_time_can_be_paused_again_and_again(device, boss):
    running(device)
    for _ in range(30):
        assert boss.call("PauseComponent", componentName="ticker") == {}
        assert boss.call("ResumeComponent", componentName="ticker") == {}
    running(device)


@root_only
def test_stopping_a_paused_component_resumes_it_first(device, boss):
    running(device)
    words = ("asked to stop", "shutdown script. {")
    said = [device.log("ticker").count(word) for word in words]
    boss.call("PauseComponent", componentName="ticker")
    device.sedge("component", "stop", "--names", "ticker")
    wait_until(lambda: device.state("ticker") == "FINISHED", 30, "ticker to stop")
    for word, before in zip(words, said):
        device.wait_log("ticker", word, 20, before + 1)
    assert device.processes(f"# {device.root}") == []
    device.sedge("component", "restart", "--names", "ticker")
    running(device)


@root_only
def test_a_component_that_cannot_be_resumed_is_restarted_after_three_tries(device, boss):
    group = "/sys/fs/cgroup/freezer"
    if not os.path.exists(os.path.join(group, "cgroup.procs")):
        pytest.skip("only the freezer of v1 can be held from above")
    running(device)
    pid = device.pid("ticker")
    parents = [p for p in os.listdir(group) if os.path.exists(os.path.join(group, p, "ticker/cgroup.procs")) and
               str(pid) in open(os.path.join(group, p, "ticker/cgroup.procs"), encoding="ascii").read().split()]
    assert len(parents) == 1 and parents[0].startswith("greengrass-")
    state = os.path.join(group, parents[0], "freezer.state")
    boss.call("PauseComponent", componentName="ticker")
    with open(state, "w", encoding="ascii") as f:
        f.write("FROZEN")
    try:
        error = boss.fails("ServiceError", None, "ResumeComponent", componentName="ticker")
        assert error.message.startswith("Failed to resume component ticker due to : ")
        assert "paused" not in device.details("ticker")
    finally:
        with open(state, "w", encoding="ascii") as f:
            f.write("THAWED")
    wait_until(lambda: device.details("ticker").get("pid", pid) != pid, 40, "ticker to be restarted")
    running(device)


@root_only
def test_a_nucleus_that_stops_leaves_no_paused_component_behind(device, boss):
    running(device)
    boss.call("PauseComponent", componentName="ticker")
    device.stop()
    assert device.processes(f"# {device.root}") == []
    device.start()
    running(device)


@root_only
@pytest.mark.parametrize("also_helpers", [False, True])
def test_a_killed_nucleus_leaves_no_paused_component_behind(device, also_helpers):
    running(device)
    with device.ipc("boss") as ipc:
        ipc.call("PauseComponent", componentName="ticker")
    old = device.processes(f"# {device.root}")
    assert old
    if also_helpers:  # what they would have done is left to the next life of the nucleus
        os.kill(device.process.pid, signal.SIGSTOP)
        for pid in children(device.process.pid):
            os.kill(pid, signal.SIGKILL)
    device.kill()
    if not also_helpers:
        wait_until(lambda: device.processes(f"# {device.root}") == [], 30, "the paused processes to be gone")
    device.start()
    wait_until(lambda: not set(old) & set(device.processes(f"# {device.root}")), 30, "the old processes to be gone")
    running(device)


@root_only
def test_a_watchdog_waits_while_its_component_is_paused(device, boss):
    device.recipe("ticker.watched", "1.0.0", {"run": "while :; do echo alive; sleep 0.1; done",
                                              "sedge": {"watchdog": {"timeout": 5, "output": True}}})
    device.deploy_ok("ticker.watched=1.0.0")
    pid = device.pid("ticker.watched")
    boss.call("PauseComponent", componentName="ticker.watched")
    until = time.monotonic() + 8  # longer than the watchdog's time, and than what is left of it
    wait_until(lambda: time.monotonic() > until, 20, "the watchdog's time to pass", step=0.5)
    assert device.state("ticker.watched") == "RUNNING"
    boss.call("ResumeComponent", componentName="ticker.watched")
    lines = device.output("ticker.watched").count("alive")
    wait_until(lambda: device.output("ticker.watched").count("alive") > lines, 20, "it to go on")
    assert device.pid("ticker.watched") == pid
    assert "watchdog" not in device.log("ticker.watched")
