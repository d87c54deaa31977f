"""The environment of scripts (recipe.md 12.1, 12.2, 12.4) as a component sees it, variable by variable and source by source."""
import os

import pytest

from local import wait_until
from support.device import Device, temporary_device

NAME = "com.example.Env"
CONFIG = """
system:
  thingName: thing-1
  rootCaPath: %s/ca.pem
setenv:
  BY_ROOT: root
  BY_LIFECYCLE: root
  BY_STEP: root
  AWS_REGION: overridden
services:
  aws.greengrass.Nucleus:
    componentType: NUCLEUS
    configuration:
      awsRegion: eu-west-1
      fipsMode: true
      networkProxy:
        noProxyAddresses: "10.0.0.1,example.org"
        proxy: {url: "http://proxy.example.com:3128", username: "a b", password: "p@ss:/w"}
"""
DUMP = "env -0 > env.%s.new && mv env.%s.new env.%s"


@pytest.fixture(scope="module")
def device(bin_dir):
    with temporary_device(bin_dir, start=False) as device:
        config = device.write("config.yaml", CONFIG % device.folder)
        device.start("--init-config", config, env={
            "BY_NUCLEUS": "nucleus", "BY_ROOT": "nucleus", "BY_LIFECYCLE": "nucleus", "BY_STEP": "nucleus", "PATH": "/nowhere:/usr/bin",
            "NOTIFY_SOCKET": "", "SVCUID": "not this one", "AWS_SECRET_ACCESS_KEY": "the nucleus' own"})
        steps = {step: DUMP.replace("%s", step) for step in ("install", "shutdown", "uninstall")}
        device.recipe(NAME, "1.2.3", {
            "Setenv": {"BY_LIFECYCLE": "lifecycle", "BY_STEP": "lifecycle", "LITERAL": "$HOME {work:path}"}, **steps,
            "run": {"Script": DUMP.replace("%s", "run") + "; readlink /proc/self/fd/0; timeout 1 cat; echo stdin=$?; stat -c mode=%a .;"
                              " pwd; exec sleep 100000", "Setenv": {"BY_STEP": "step"}}})
        device.deploy_ok(f"{NAME}=1.2.3")
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
    assert e["LITERAL"] == f"$HOME {device.root}/work/{NAME}"


def test_the_token_is_given_under_both_names_and_is_not_the_nucleus_own(device):
    e = env(device)
    assert e["SVCUID"] and e["SVCUID"] == e["AWS_CONTAINER_AUTHORIZATION_TOKEN"] != "not this one"


def test_what_the_nucleus_knows_about_the_device_is_there(device):
    e = env(device)
    assert e["GG_ROOT_CA_PATH"] == f"{device.folder}/ca.pem"
    assert e["AWS_REGION"] == "overridden", "setenv of the configuration is the nucleus' own place for it"
    assert e["AWS_DEFAULT_REGION"] == "eu-west-1"
    assert e["AWS_IOT_THING_NAME"] == "thing-1"
    assert e["GGC_VERSION"] == "2.17.0"
    assert (e["AWS_USE_FIPS_ENDPOINT"], e["AWS_GG_FIPS_MODE"]) == ("true", "true")
    assert e["AWS_GG_NUCLEUS_DOMAIN_SOCKET_FILEPATH_FOR_COMPONENT"] == f"{device.root}/ipc.socket"
    assert e["AWS_GG_NUCLEUS_DOMAIN_SOCKET_FILEPATH"] == f"{device.root}/ipc.socket"


def test_a_proxy_is_given_under_all_names_with_its_user(device):
    e = env(device)
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        assert e[name] == e[name.lower()] == "http://a%20b:p%40ss%3A%2Fw@proxy.example.com:3128"
    assert e["NO_PROXY"] == e["no_proxy"] == "localhost,10.0.0.1,example.org"


def test_path_is_the_nucleus_path_and_the_four_system_folders(device):
    folders = env(device)["PATH"].split(":")
    assert folders[:2] == ["/nowhere", "/usr/bin"]
    assert {"/bin", "/usr/bin", "/sbin", "/usr/sbin"} <= set(folders)
    assert len(folders) == len(set(folders))


def test_secrets_of_the_nucleus_stay_with_it(device):
    assert "AWS_SECRET_ACCESS_KEY" not in env(device)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs components as others")
def test_home_and_user_are_those_of_the_user_that_the_script_runs_as(device):
    import pwd
    e = env(device)
    assert (e["HOME"], e["USER"]) == (pwd.getpwnam("nobody").pw_dir, "nobody")


def test_stdin_is_an_open_pipe(device):
    wait_until(lambda: any(line.startswith("stdin=") for line in device.output(NAME)), 20, "the script to have read")
    assert any(line.startswith("pipe:") for line in device.output(NAME))
    assert "stdin=124" in device.output(NAME), "reading waits, and does not find the end"


def test_a_script_runs_in_its_work_folder_which_is_closed_to_others(device):
    wait_until(lambda: f"{device.root}/work/{NAME}" in device.output(NAME), 20, "the script to be in its folder")
    assert "mode=700" in device.output(NAME)


def test_only_uninstall_is_told_the_version(device):
    assert "GREENGRASS_COMPONENT_VERSION" not in env(device)
    device.deploy_ok(remove=(NAME,))
    assert "GREENGRASS_COMPONENT_VERSION" not in env(device, "shutdown")
    assert env(device, "uninstall")["GREENGRASS_COMPONENT_VERSION"] == "1.2.3"


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
