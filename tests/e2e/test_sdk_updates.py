"""A component with the official SDK for JavaScript puts a deployment of the cloud off, and is told when it is over."""
import json
import os

import pytest

from local import wait_until
from support.fixtures import SOURCE
from support.node import install

NAME = "com.x.SdkUpdates"
PATIENCE = 120  # seconds; node starts slowly on a loaded machine under the sanitizers


@pytest.fixture(scope="module")
def packages():
    return install(os.path.join(SOURCE, "tests", "sdk"))


def read(path):
    try:
        with open(path, encoding="utf-8") as f:
            return [json.loads(line) for line in f]
    except (OSError, ValueError):  # not there, or in the middle of a line
        return []


def test_the_sdk_defers_an_update_and_is_told_when_it_is_over(packages, fleet, record_property):
    user = {"runWith": {"posixUser": "root"}} if os.geteuid() == 0 else {}  # the packages may be closed to others
    fleet.publish(NAME, "1.0.0", f'NOT_SERVED= exec node {os.path.join(packages, "operations.mjs")} updates "$PWD/lines"')
    fleet.publish("com.x.Other", "1.0.0", "exec sleep 100000", configuration={"n": 0})
    device = fleet.device("sdk-1")
    fleet.join("sdk", device)
    fleet.deploy("sdk", {NAME: {"componentVersion": "1.0.0", **user}})
    lines = os.path.join(device.root, "work", NAME, "lines")
    wait_until(lambda: {"tell": "subscribed"} in read(lines), PATIENCE, f"the component to subscribe\n{device.log(NAME)[-2000:]}")
    fleet.wait("sdk", device, "SUCCEEDED", 1)
    fleet.deploy("sdk", {NAME: {"componentVersion": "1.0.0", **user}, "com.x.Other": "1.0.0"})
    wait_until(lambda: {"end": True} in read(lines), PATIENCE, f"the component to end\n{device.log(NAME)[-2000:]}")
    assert not [line for line in read(lines) if "failed" in line], read(lines)
    for line in read(lines):
        if "text" in line:
            record_property("line", line["text"])
    fleet.wait("sdk", device, "SUCCEEDED", 2)
