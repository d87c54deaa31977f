"""The components when the nucleus starts, stops and dies (specification lifecycle.md 1 and 10)."""
import os
import signal

import pytest

from local import wait_until
from support.lifecycle import FOREVER, did, gate, lines, patient, watched_device

STARTED = "NEW INSTALLED STARTING RUNNING"
CHAIN = ("base", "middle", "top")  # each depends on the one before it
SOFT = "aside"                     # depends on base, SOFT


@pytest.fixture
def device(bin_dir):
    with watched_device(bin_dir) as d:
        os.makedirs(f"{d.folder}/common")
        os.chmod(f"{d.folder}/common", 0o777)
        d.seconds = f"{1000 + os.getpid()}.{id(d) % 1000000}"  # to sleep; no other test's processes have them
        d.marker = f"sleep\0{d.seconds}"  # not yet of the shell, which has something to do before
        yield d


def tells(device, word):
    return f"echo {word} >> {device.folder}/common/order"


def told(device):
    with open(f"{device.folder}/common/order", encoding="utf-8") as f:
        return f.read().split()


def deploy_chain(device, **more):
    """Named so that neither the alphabet nor the order of addition helps."""
    depends = {"base": None, "middle": {"base": "*"}, "top": {"middle": "*"}, SOFT: {"base": ["*", "SOFT"]}}
    for name, on in depends.items():
        lifecycle = {"install": did("install"), "run": lines(did("run"), tells(device, f"up-{name}"), f"exec sleep {device.seconds}"),
                     "shutdown": patient(did("shutdown"), tells(device, f"down-{name}"))}
        device.recipe(name, "1.0.0", dict(lifecycle, **more.get(name, {})), depends=on)
    assert device.deploy("top=1.0.0", f"{SOFT}=1.0.0")["status"] == "SUCCEEDED"
    all_up(device)


def all_up(device):
    for name in (*CHAIN, SOFT):
        device.wait_state(name, "RUNNING")
    wait_until(lambda: len(device.processes(device.marker)) == 4, 60, "one process for each component")


def in_order(device, *moves):
    places = device.order_of(*moves)
    assert places == sorted(places), device.all_moves()


def test_at_the_start_dependencies_come_first_and_at_the_stop_dependents(device):
    deploy_chain(device)
    in_order(device, "base RUNNING", "middle STARTING", "middle RUNNING", "top STARTING")
    device.stop()
    assert [word for word in told(device) if word.startswith("down-") and word != f"down-{SOFT}"] == ["down-top", "down-middle", "down-base"]
    in_order(device, "top STOPPING", "top FINISHED", "middle STOPPING", "middle FINISHED", "base STOPPING", "base FINISHED")
    in_order(device, f"{SOFT} STOPPING", "base STOPPING")
    assert device.processes(device.marker) == []
    with open(f"{device.root}/config/effectiveConfig.yaml", encoding="utf-8") as f:
        assert "middle:" in f.read()


def test_each_start_begins_with_every_component_new_and_installs_again(device):
    deploy_chain(device)
    device.sedge("component", "stop", "--names", "top")
    device.wait_state("top", "FINISHED")
    device.restart()
    all_up(device)
    for name in (*CHAIN, SOFT):
        device.expect(name, f"{STARTED} STOPPING FINISHED {STARTED}")
        device.wait_steps(name, "install run shutdown install run")
    in_order(device, "base RUNNING", "middle STARTING", "middle RUNNING", "top STARTING")


def test_killed_the_nucleus_starts_all_in_the_same_order_and_nothing_twice(device):
    deploy_chain(device)
    device.kill()
    device.start()
    all_up(device)
    for name in (*CHAIN, SOFT):
        device.expect(name, f"{STARTED} {STARTED}")
        device.wait_steps(name, "install run install run")  # no shutdown: nobody was there to run it
    in_order(device, "base RUNNING", "middle STARTING", "middle RUNNING", "top STARTING")


def test_a_stop_of_the_nucleus_waits_for_shutdown_scripts_as_long_as_they_are_allowed_to_take(device):
    deploy_chain(device, top={"shutdown": patient(gate("down"))})
    device.process.popen.send_signal(signal.SIGTERM)
    device.wait_state("top", "STOPPING")
    with device.nothing_happens_to(*CHAIN):  # neither the dependencies of what is still stopping ...
        for what in ("restart", "stop"):  # ... nor what is asked for now
            device.sedge("component", what, "--names", "top")
        device.sedge("component", "list")
    assert device.process.running()
    device.open_gate("top", "down")
    wait_until(lambda: not device.process.running(), 60, "the nucleus to end")
    in_order(device, "top FINISHED", "middle STOPPING", "middle FINISHED", "base STOPPING", "base FINISHED")
    assert device.process.popen.returncode == 0


def test_what_waits_or_is_broken_does_not_hold_up_the_stop_of_the_nucleus(device):
    device.recipe("never", "1.0.0", {"startup": "exit 1", "shutdown": patient(did("shutdown"))})
    device.recipe("waits", "1.0.0", {"run": FOREVER, "shutdown": patient(did("shutdown"))}, depends={"never": "*", "fine": "*"})
    device.recipe("broken", "1.0.0", {"run": "exit 1"}, depends={"fine": "*"})
    device.recipe("fine", "1.0.0", {"run": FOREVER, "shutdown": patient(did("shutdown"))})
    device.deploy("waits=1.0.0", "broken=1.0.0", wait=False)
    for name, state in (("never", "BROKEN"), ("waits", "INSTALLED"), ("broken", "BROKEN"), ("fine", "RUNNING")):
        device.wait_state(name, state)
    device.wait_steps("never", "shutdown shutdown shutdown")
    device.process.popen.send_signal(signal.SIGTERM)
    wait_until(lambda: not device.process.running(), 60, "the nucleus to end")
    assert device.moves("waits") == ["NEW", "INSTALLED", "FINISHED"]
    assert device.moves("broken")[-1] == device.moves("never")[-1] == "BROKEN"
    assert device.moves("fine")[-2:] == ["STOPPING", "FINISHED"]
    assert device.steps("waits") == []
    assert device.steps("never") == ["shutdown"] * 3


def test_a_broken_component_is_tried_again_by_the_next_start(device):
    device.cast({"broken": {"run": f"[ -e good ] && {FOREVER}; exit 1"}}, wait=False)
    device.wait_state("broken", "BROKEN")
    device.open_gate("broken", "good")
    before = len(device.moves("broken"))
    device.restart()
    device.expect("broken", STARTED, start=before)


def test_an_install_under_way_is_finished_before_the_nucleus_ends(device):
    device.cast({"slow": {"install": patient(did("install"), gate("go"), did("installed")), "run": FOREVER}}, wait=False)
    device.wait_steps("slow", "install")
    device.process.popen.send_signal(signal.SIGTERM)
    device.wait_log("greengrass", "stopping the components", 60)
    device.open_gate("slow", "go")
    wait_until(lambda: not device.process.running(), 60, "the nucleus to end")
    assert device.moves("slow") == ["NEW", "INSTALLED", "FINISHED"]
    assert device.steps("slow") == ["install", "installed"]
