"""systemResourceLimits (lifecycle.md 14) on a real nucleus with the control groups that this machine has. The files of the
version that it does not have are tested in tests/unit/base/test_cgroup.c."""
import glob
import json
import os

import pytest

from local import wait_until
from support.device import Device, temporary_device
from support.namespace import NO_CGROUPS, programs_in_namespace

MOUNT = "/sys/fs/cgroup"
V2 = os.path.exists(os.path.join(MOUNT, "cgroup.controllers"))
IDLE = "echo up; exec sleep 100000"
HOG = """echo up; exec /usr/bin/python3 -c '
data = []
while True:
    data.append(bytearray(b"x") * (1 << 20))
'"""


def has_controllers():
    if os.geteuid() != 0:
        return False
    if V2:
        with open(os.path.join(MOUNT, "cgroup.controllers"), encoding="ascii") as f:
            return {"cpu", "memory"} <= set(f.read().split())
    return all(os.path.exists(os.path.join(MOUNT, name, "cgroup.procs")) for name in ("memory", "cpu", "freezer"))


needs_controllers = pytest.mark.skipif(not has_controllers(), reason="limits need root and the controllers memory and cpu")


@pytest.fixture(scope="module")
def device(bin_dir):
    with temporary_device(bin_dir) as device:
        for name in ("app", "other", "hog"):
            device.recipe(name, "1.0.0", HOG if name == "hog" else IDLE)
        device.recipe("app", "1.1.0", "sleep 100000 & setsid sleep 100000 & echo up; wait")
        yield device


def group(device, kind, name):
    """Folder of the component's group; None when there is none. Two nuclei on a machine never share one."""
    pid = device.details(name).get("pid")
    for folder in glob.glob(os.path.join(MOUNT, "" if V2 else kind, "greengrass-*", name)):
        if str(pid) in read(folder, "cgroup.procs").split():
            return folder
    return None


def read(folder, file):
    """Empty when the group has gone: others come and go with the nuclei of other tests."""
    try:
        with open(os.path.join(folder, file), encoding="ascii") as f:
            return f.read().strip()
    except OSError:
        return ""


def members(device, kind, name):
    folder = group(device, kind, name)
    return set(map(int, read(folder, "cgroup.procs").split())) if folder else set()


def tree(pid):
    """The process and all below it."""
    try:
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as f:
            return [pid] + [p for child in f.read().split() for p in tree(int(child))]
    except OSError:
        return []  # it has ended


def memory_of(device, name):
    folder = group(device, "memory", name)
    return folder and read(folder, "memory.max" if V2 else "memory.limit_in_bytes")


def cpus_of(device, name):
    """Processors, None without a limit."""
    folder = group(device, "cpu", name)
    if not folder:
        return None
    text = read(folder, "cpu.max") if V2 else f"{read(folder, 'cpu.cfs_quota_us')} {read(folder, 'cpu.cfs_period_us')}"
    quota, _, period = text.partition(" ")
    return None if quota in ("max", "-1", "") else int(quota) / int(period)


def limit(device, name, version="1.0.0", **limits):
    return device.deploy_ok(f"{name}={version}", more=("--systemLimits", json.dumps({name: limits})))


def set_default(device, value):
    device.deploy_ok(update={"aws.greengrass.Nucleus": {"MERGE": {"runWithDefault": {"systemResourceLimits": value}}}},
                     *["aws.greengrass.Nucleus=2.17.0"])


@needs_controllers
def test_limits_of_a_deployment_are_set_when_the_component_starts(device):
    limit(device, "app", memory=65536, cpus=1.5)
    wait_until(lambda: memory_of(device, "app") == str(65536 * 1024), 60, "the memory limit")
    wait_until(lambda: cpus_of(device, "app") == 1.5, 60, "the cpu limit")


@needs_controllers
def test_limits_change_while_the_component_runs(device):
    pid = device.pid("app")
    limit(device, "app", memory=32768, cpus=0.25)
    wait_until(lambda: memory_of(device, "app") == str(32768 * 1024), 60, "the new memory limit")
    wait_until(lambda: cpus_of(device, "app") == 0.25, 60, "the new cpu limit")
    assert device.pid("app") == pid
    limit(device, "app", cpus=51.27)
    wait_until(lambda: cpus_of(device, "app") == 51.27, 60, "a fractional number of processors")
    unlimited = ("max",) if V2 else ("9223372036854771712", "-1")
    wait_until(lambda: memory_of(device, "app") in unlimited, 60, "the memory limit to go")
    limit(device, "app")
    wait_until(lambda: cpus_of(device, "app") is None, 60, "the last limit to go")
    assert device.pid("app") == pid
    assert "WARN" not in device.log("app")


@needs_controllers
def test_limits_given_later_reach_every_process_of_the_tree(device):
    device.deploy_ok("app=1.1.0", more=("--systemLimits", json.dumps({"app": {}})))
    wait_until(lambda: len(tree(device.pid("app"))) == 3, 60, "the script, a child and a child in its own session")
    pid = device.pid("app")
    limit(device, "app", "1.1.0", memory=65536)
    wait_until(lambda: memory_of(device, "app") == str(65536 * 1024), 60, "the memory limit")
    wait_until(lambda: set(tree(pid)) <= members(device, "memory", "app"), 60, "all processes to be in the group")
    assert device.pid("app") == pid


@needs_controllers
def test_a_stop_removes_the_group(device):
    folder = wait_until(lambda: group(device, "memory", "app"), 60, "the group")
    device.sedge("component", "stop", "--names", "app")
    wait_until(lambda: device.state("app") == "FINISHED", 60, "app to stop")
    wait_until(lambda: not os.path.exists(folder), 60, "its group to go")
    wait_until(lambda: not os.path.exists(folder.replace("/memory/", "/freezer/")), 60, "its group for pauses to go")


def has_swap():
    with open("/proc/swaps", encoding="ascii") as f:
        return len(f.readlines()) > 1


@pytest.mark.skipif(has_swap(), reason="the limit is one of memory: with swap a hog is only slow")
@needs_controllers
def test_a_memory_hog_is_killed_by_the_kernel_and_its_status_says_why(device):
    device.create("hog=1.0.0", more=("--systemLimits", json.dumps({"hog": {"memory": 32768}})))
    wait_until(lambda: device.state("hog") == "BROKEN", 120, "the hog to be killed three times")
    details = device.details("hog")
    assert (details["statusCode"], details["lastExit"]["signal"]) == ("RUN_ERROR", 9), details
    assert "signal 9" in details["statusReason"] and "memory limit of 32768 kB" in details["statusReason"]
    assert device.state("other") in (None, "RUNNING")


@needs_controllers
def test_default_limits_count_for_components_without_their_own_and_change_live(device):
    device.deploy_ok("app=1.0.0", "other=1.0.0", remove=("hog",), more=("--systemLimits", json.dumps({"app": {"memory": 65536}})))
    pid = device.pid("other")
    set_default(device, {"memory": 98304, "cpus": 2})
    wait_until(lambda: memory_of(device, "other") == str(98304 * 1024), 60, "the default memory limit")
    wait_until(lambda: cpus_of(device, "other") == 2, 60, "the default cpu limit")
    assert device.pid("other") == pid
    assert memory_of(device, "app") == str(65536 * 1024)
    assert cpus_of(device, "app") is None, "limits of its own replace the default as a whole"


def warnings(device):
    return [line for line in device.log("app").splitlines() if "systemResourceLimits" in line]


@pytest.fixture
def hidden(bin_dir, tmp_root, request):
    programs = programs_in_namespace(bin_dir, tmp_root, request.param)
    if not programs:
        pytest.skip("needs root and mount namespaces")
    device = Device(tmp_root, programs)
    try:
        device.start().recipe("app", "1.0.0", IDLE)
        yield device
    finally:
        device.stop()


@pytest.mark.parametrize("hidden", [NO_CGROUPS], indirect=True)
def test_without_control_groups_there_is_one_clear_warning_and_the_component_runs(hidden):
    limit(hidden, "app", memory=65536, cpus=1)
    assert hidden.state("app") == "RUNNING"
    hidden.sedge("component", "restart", "--names", "app")
    hidden.wait_log("app", "up. {", 60, 2)
    limit(hidden, "app", memory=32768, cpus=1)
    assert len(warnings(hidden)) == 1, warnings(hidden)
    assert "can use no control groups" in warnings(hidden)[0]


@pytest.mark.skipif(V2, reason="v1 only")
@needs_controllers
@pytest.mark.parametrize("hidden", ["umount /sys/fs/cgroup/memory || exit 1"], indirect=True)
def test_a_hierarchy_that_is_not_mounted_is_mounted(hidden):
    limit(hidden, "app", memory=65536)
    assert hidden.state("app") == "RUNNING"
    # a hierarchy is the same wherever it is mounted
    wait_until(lambda: memory_of(hidden, "app") == str(65536 * 1024), 60, "the memory limit")
    assert not warnings(hidden)
