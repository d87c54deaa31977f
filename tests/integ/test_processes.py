"""Nothing is left running (lifecycle.md 8; design: cgroup kill, or the subreaper where there is none): with the control groups
of this machine, and without any."""
import os
import signal

import pytest

from local import wait_until
from support.device import temporary_device
from support.namespace import NO_CGROUPS, programs_in_namespace

# each line leaves something that does not want to go; all have the marker in their command line
STUBBORN = """trap 'echo asked' TERM
sh -c 'sleep 100000 & wait # {marker}' &
setsid sh -c '(setsid sleep 100000 </dev/null >/dev/null 2>&1 & exec sh -c "while :; do sleep 1; done # {marker} daemon") &'
sh -c 'trap "" TERM; while :; do sleep 1; done # {marker} deaf' &
sh -c 'trap "" TERM; while :; do sleep 1; done # {marker} deaf too' &
/usr/bin/python3 -c '
import os, signal, time  # {marker} hare
signal.signal(signal.SIGTERM, signal.SIG_IGN)
while True:
    if os.fork():
        os._exit(0)
    time.sleep(0.0005)
' &
echo ready
while :; do sleep 1; done # {marker} script"""
QUIET = """setsid sh -c 'exec sh -c "while :; do sleep 1; done # {marker} daemon"' </dev/null >/dev/null 2>&1 &
while :; do sleep 1; done # {marker} script"""


@pytest.fixture(scope="module", params=["control groups", "no control groups"])
def device(request, bin_dir):
    with temporary_device(bin_dir, start=False) as device:
        if request.param == "no control groups" and os.geteuid() == 0:  # without root there are none anyway
            device.bin = programs_in_namespace(bin_dir, device.folder, NO_CGROUPS)
            if not device.bin:
                pytest.skip("needs mount namespaces")
        device.start()
        device.recipe("stubborn", "1.0.0", STUBBORN.format(marker=device.root))
        device.recipe("quiet", "1.0.0", QUIET.format(marker=f"quiet {device.root}"))
        device.deploy_ok("quiet=1.0.0")
        yield device


def helper_of(device, name):
    """The sedge-exec that is the parent of its script."""
    with open(f"/proc/{device.pid(name)}/stat", encoding="ascii") as f:
        return int(f.read().rsplit(")", 1)[1].split()[1])


def up(device):
    """The processes of quiet, both of them and no more."""
    def both():
        found = device.processes(f"# quiet {device.root}")
        return found if len(found) == 2 and device.state("quiet") == "RUNNING" else None
    return set(wait_until(both, 30, "quiet to run once"))


def test_a_stop_leaves_nothing_of_a_component_that_forks_detaches_and_ignores_signals(device):
    device.deploy_ok("stubborn=1.0.0")
    marker = f"{device.root} "
    device.wait_log("stubborn", "ready. {", 20)
    for kind in ("daemon", "deaf", "hare", "script"):
        wait_until(lambda k=kind: device.processes(marker + k), 20, f"{kind} to run")
    device.sedge("component", "stop", "--names", "stubborn")
    wait_until(lambda: device.state("stubborn") == "FINISHED", 60, "stubborn to stop")
    assert "asked. {" in device.log("stubborn"), "SIGTERM comes first"
    wait_until(lambda: not [p for kind in ("daemon", "deaf", "hare", "script") for p in device.processes(marker + kind)
                            if p not in device.processes("quiet ")], 20, "all of its processes to be gone")
    device.deploy_ok(remove=("stubborn",))


def test_a_killed_helper_leaves_nothing_and_the_component_is_started_once(device):
    before = up(device)
    os.kill(helper_of(device, "quiet"), signal.SIGKILL)
    wait_until(lambda: not before & set(device.processes(device.root)), 30, "the old processes to be gone")
    assert not up(device) & before
    assert device.details("quiet")["lastExit"]["signal"] == 9


@pytest.mark.parametrize("also_helper", [False, True], ids=["nucleus", "nucleus and helper"])
def test_after_kill_9_no_component_of_the_previous_life_is_left_or_started_twice(device, also_helper):
    before = up(device)
    if also_helper:
        helper = helper_of(device, "quiet")
        os.kill(device.process.pid, signal.SIGSTOP)
        os.kill(helper, signal.SIGKILL)
    device.kill()
    device.start()
    assert not up(device) & before


def test_a_nucleus_that_stops_leaves_nothing(device):
    up(device)
    device.stop()
    assert device.processes(device.root) == []
    device.start()
    up(device)
