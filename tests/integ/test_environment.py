"""The environment of scripts (recipe.md 12.1, 12.2, 12.4): its sources, a device that has nothing to tell, and long paths of the socket.
The variables one by one are in test_recipe_environment.py."""
import os

import pytest

from local import wait_until
from support.device import Device, temporary_device

NAME = "com.example.Env"
CONFIG = """
setenv:
  BY_ROOT: root
  BY_LIFECYCLE: root
  BY_STEP: root
  AWS_REGION: root
services:
  aws.greengrass.Nucleus:
    componentType: NUCLEUS
    configuration:
      awsRegion: eu-west-1
"""
DUMP = "env -0 > env.%s.new && mv env.%s.new env.%s"


@pytest.fixture(scope="module")
def device(bin_dir):
    with temporary_device(bin_dir, start=False) as device:
        device.start("--init-config", device.write("config.yaml", CONFIG), env={
            name: "nucleus" for name in ("BY_NUCLEUS", "BY_ROOT", "BY_LIFECYCLE", "BY_STEP", "AWS_REGION", "GGC_VERSION")})
        device.recipe(NAME, "1.0.0", {
            "Setenv": {"BY_LIFECYCLE": "lifecycle", "BY_STEP": "lifecycle", "GGC_VERSION": "lifecycle", "LITERAL": "$HOME {work:path}"},
            "install": DUMP.replace("%s", "install"),
            "run": {"Script": DUMP.replace("%s", "run") + "; exec sleep 100000", "Setenv": {"BY_STEP": "step", "GGC_VERSION": "step"}}})
        device.deploy_ok(f"{NAME}=1.0.0")
        yield device


def env(device, step="run"):
    path = os.path.join(device.root, "work", NAME, f"env.{step}")
    wait_until(lambda: os.path.exists(path), 20, f"{path}")
    with open(path, "rb") as f:
        return dict(entry.decode().split("=", 1) for entry in f.read().split(b"\0") if entry)


def test_every_source_overrides_those_before_it(device):
    e = env(device)
    assert (e["BY_NUCLEUS"], e["BY_ROOT"], e["BY_LIFECYCLE"], e["BY_STEP"]) == ("nucleus", "root", "lifecycle", "step")
    assert env(device, "install")["BY_STEP"] == "lifecycle"
    assert (e["AWS_REGION"], e["AWS_DEFAULT_REGION"]) == ("root", "eu-west-1"), "what the nucleus tells can be changed"
    assert (e["GGC_VERSION"], env(device, "install")["GGC_VERSION"]) == ("step", "lifecycle")
    assert e["LITERAL"] == f"$HOME {device.root}/work/{NAME}"


def test_without_a_proxy_and_a_root_ca_nothing_is_said_about_a_proxy_and_the_ca_is_empty(bin_dir, tmp_root):
    device = Device(tmp_root, bin_dir).start()
    try:
        device.recipe(NAME, "1.0.0", DUMP.replace("%s", "run") + "; exec sleep 100000")
        device.deploy_ok(f"{NAME}=1.0.0")
        e = env(device)
        inherited = {name for name in os.environ if "PROXY" in name.upper()}
        assert {name for name in e if "PROXY" in name.upper()} == inherited
        assert e["GG_ROOT_CA_PATH"] == ""
        assert (e["AWS_USE_FIPS_ENDPOINT"], e["AWS_GG_FIPS_MODE"]) == ("false", "false")
    finally:
        device.stop()


CONNECT = """/usr/bin/python3 -c '
import os, socket
path = os.environ["AWS_GG_NUCLEUS_DOMAIN_SOCKET_FILEPATH_FOR_COMPONENT"]
s = socket.socket(socket.AF_UNIX)
s.connect(path)
print("connected to", path, flush=True)'
exec sleep 100000"""


@pytest.mark.parametrize("elsewhere", [False, True], ids=["in the root folder", "elsewhere"])
def test_a_socket_path_of_108_bytes_or_more_is_given_relative_to_the_work_folder(bin_dir, tmp_root, elsewhere):
    deep = os.path.join(tmp_root, *["d" * 40] * 3)
    os.makedirs(deep)
    device = Device(tmp_root if elsewhere else deep, bin_dir)
    more = ()
    if elsewhere:
        more = ("--init-config", device.write("config.yaml", f"system: {{ipcSocketPath: {deep}/x.socket}}"))
    device.start(*more)
    try:
        device.recipe(NAME, "1.0.0", CONNECT)
        device.deploy_ok(f"{NAME}=1.0.0")
        wait_until(lambda: "connected to ../../ipc.socket" in device.output(NAME), 20, "the component to connect")
    finally:
        device.stop()
