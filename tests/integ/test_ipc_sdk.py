"""The official IoT Device SDK for JavaScript against the IPC server alone, and as a component of a real nucleus."""
import os
import subprocess

import pytest

from local import Process, wait_until
from support.device import Device
from support.node import install

HERE = os.path.dirname(os.path.abspath(__file__))
NAME = "com.x.SdkClient"
POLICY = {"aws.greengrass.ipc.pubsub": {f"{NAME}:pubsub:1": {
    "operations": ["aws.greengrass#PublishToTopic", "aws.greengrass#SubscribeToTopic"], "resources": ["sdk/test/*"]}}}


@pytest.fixture(scope="module")
def sdk():
    return install(os.path.join(HERE, "ipc_sdk"))


def failed_steps(output):
    return [line for line in output if line.startswith(("not ok", "#"))]


def test_the_sdk_talks_to_the_server(sdk, bin_dir, tmp_root):
    server = os.path.join(os.path.dirname(bin_dir), "tests", "sdk_server")
    path = os.path.join(tmp_root, "ipc.socket")
    process = Process("sdk_server", [server, path], os.path.join(tmp_root, "server.log"))
    try:
        wait_until(lambda: "ready" in process.log_tail() or not process.running(), 10, "the server to listen")
        done = subprocess.run(["node", "sdk_client.mjs"], cwd=sdk, capture_output=True, text=True, timeout=120, env=dict(
            os.environ, SVCUID="T:com.example.A", AWS_GG_NUCLEUS_DOMAIN_SOCKET_FILEPATH_FOR_COMPONENT=path))
        assert done.returncode == 0, done.stdout + done.stderr
    finally:
        process.stop()


def test_a_component_uses_the_sdk_under_a_real_nucleus(sdk, bin_dir, tmp_root):
    device = Device(tmp_root, bin_dir).start()
    try:
        device.recipe(NAME, "1.0.0", f"cd {sdk} && exec node sdk_client.mjs", configuration={"accessControl": POLICY})
        # the folder of the packages may be closed to the components' usual user
        more = ("--runWith", f"{NAME}:posixUser=root") if os.geteuid() == 0 else ()
        device.deploy_ok(f"{NAME}=1.0.0", more=more)
        wait_until(lambda: any(line.startswith("1..") for line in device.output(NAME)) or device.state(NAME) == "BROKEN", 60,
                   "the client to end")
        output = device.output(NAME)
        assert not failed_steps(output), "\n".join(output)
        assert sum(line.startswith("ok ") for line in output) >= 10, device.log(NAME)
        assert device.details(NAME)["configuration"]["sdkTest"] == {"number": 7, "text": "x"}
    finally:
        device.stop()
