"""A device whose components are watched: each state that one went through, in order, from the nucleus' log.

    with watched_device(bin_dir) as device:
        device.cast({"app": {"run": "exec sleep 1000"}})             # recipes app-1.0.0.json, one deployment
        device.expect("app", "NEW INSTALLED STARTING RUNNING")
        with device.then("app", "STOPPING FINISHED"):               # what follows from here on, nothing more and nothing less
            device.sedge("component", "stop", "--names", "app")

Scripts tell what they did by `did("run")`, a line in the file "steps" of their work folder: device.steps("app"). They wait
for the tests with gate("name") until device.open_gate("app", "name")."""
import contextlib
import json
import os
import re

from local import wait_until

from .device import Device, temporary_device

FOREVER = "exec sleep 1000"
# Longer than all that a loaded machine and the sanitizers do to a script that should end; seconds.
AMPLE = 60
MOVE = re.compile(r"service-set-state\. serviceName=(\S+) currentState=(\w+) newState=(\w+)(?: reason=(.*?))?\. \{\}$", re.MULTILINE)


def did(step):
    return f"echo {step} >> steps"


def gate(name):
    return f"until [ -e {name} ]; do sleep 0.05; done"


def lines(*text):
    return "\n".join(text)


def patient(*text):
    """A step that waits for the test as long as that takes."""
    return {"Timeout": 1000, "Script": lines(*text)}


class WatchedDevice(Device):
    # ---- states ----

    def all_moves(self):
        """(component, from, to, reason) in the order of the log."""
        return [m.groups(default="") for m in MOVE.finditer(self.log())]

    def moves(self, name):
        """The states of a component so far, the first one included."""
        states = []
        for who, old, new, _ in self.all_moves():
            if who != name:
                continue
            assert not states or states[-1] == old or old == "NEW", f"{name}: a step of {states} -> {old} {new} is missing"
            states += [new] if states and states[-1] == old else [old, new]
        return states

    def reasons(self, name):
        return [reason for who, _, _, reason in self.all_moves() if who == name and reason]

    def expect(self, name, states, start=0, seconds=AMPLE):
        """Waits until the component went through exactly these states."""
        want = states.split()
        wait_until(lambda: len(self.moves(name)) >= start + len(want), seconds,
                   lambda: f"{name} to go through {want}; it has {self.moves(name)[start:]}\n{self.log(name)[-3000:]}")
        assert self.moves(name)[start:] == want, self.log(name)[-3000:]

    @contextlib.contextmanager
    def then(self, name, states, seconds=AMPLE):
        """What the body does leads to exactly these states; the one before counts as known."""
        start = len(self.moves(name))
        yield
        self.expect(name, states, start, seconds)

    @contextlib.contextmanager
    def nothing_happens_to(self, *names):
        before = {name: self.moves(name) for name in names}
        yield
        assert {name: self.moves(name) for name in names} == before

    def wait_state(self, name, state, seconds=AMPLE):
        wait_until(lambda: self.state(name) == state, seconds,
                   lambda: f"{name} to be {state}; it went through {self.moves(name)}\n{self.log(name)[-3000:]}", step=0.15)

    def order_of(self, *moves):
        """Positions in the log of "component STATE" (the last time it came to that state)."""
        log = self.all_moves()
        found = [max((i for i, (who, _, to, _) in enumerate(log) if [who, to] == move.split()), default=-1) for move in moves]
        assert -1 not in found, f"{moves}: {found} in {log}"
        return found

    # ---- scripts ----

    def work(self, name, *parts):
        return os.path.join(self.root, "work", name, *parts)

    def steps(self, name, file="steps"):
        try:
            with open(self.work(name, file), encoding="utf-8") as f:
                return f.read().split()
        except OSError:
            return []

    def wait_steps(self, name, steps, file="steps"):
        """Waits until the file has these words, and fails when it has others."""
        want = steps.split()
        wait_until(lambda: len(self.steps(name, file)) >= len(want), AMPLE,
                   lambda: f"{name} to do {want}; it did {self.steps(name, file)}\n{self.log(name)[-3000:]}")
        assert self.steps(name, file) == want

    def open_gate(self, component, name):
        os.makedirs(self.work(component), exist_ok=True)
        with open(self.work(component, name), "wb"):
            pass

    # ---- deployments ----

    def cast(self, components, version="1.0.0", wait=True, **more):
        """One deployment of components that have nothing to do with each other. Some may break: that is their business."""
        for name, lifecycle in components.items():
            self.recipe(name, version, lifecycle)
        return self.deploy(*(f"{name}={version}" for name in components), wait=wait, **more)

    def deploy(self, *merge, wait=True, **more):
        deployment = self.create(*merge, policy="DO_NOTHING", **more)
        return self.wait(deployment, AMPLE * 4) if wait else deployment

    def code(self, name):
        """(statusCode, statusReason) as `component details` shows them."""
        details = self.details(name)
        return details["statusCode"], details["statusReason"]


def watched_device(bin_dir, *words, start=True):
    return temporary_device(bin_dir, *words, start=start, kind=WatchedDevice)


def program(device, bin_dir, name):
    """A program of tests/support, at a path that the components' user can reach."""
    with open(os.path.join(os.path.dirname(bin_dir), "tests", name), "rb") as f:
        return device.write(f"bin/{name}", f.read(), 0o755)


def cli_environment(device):
    """The environment of a program that shows the command line's token."""
    folder = os.path.join(device.root, "cli_ipc_info")
    for file in os.listdir(folder):
        with open(os.path.join(folder, file), encoding="utf-8") as f:
            info = json.load(f)
        return {"SVCUID": info["cli_auth_token"],
                "AWS_GG_NUCLEUS_DOMAIN_SOCKET_FILEPATH_FOR_COMPONENT": info["domain_socket_path"]}
    raise AssertionError(f"{folder} is empty")
