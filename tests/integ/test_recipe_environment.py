"""recipe.md 12: what a script finds: variables, working folder, user, shell."""
import os
import pwd
import re

import pytest

from support.recipes import make_device

ROOT = os.geteuid() == 0
PROXY = {"proxy": {"url": "http://proxy.example:3128", "username": "me@x", "password": "p:w/d"}, "noProxyAddresses": "a.example,10.0.0.1"}


@pytest.fixture(scope="module")
def shared_device(bin_dir):
    def env(_):
        return {"FROM_NUCLEUS": "yes", "PATH": "/opt/own:/usr/bin", "HOME": "/home/of-nucleus", "AWS_REGION": "overridden",
                "SVCUID": "not this one", "AWS_ACCESS_KEY_ID": "AKIA", "AWS_SECRET_ACCESS_KEY": "secret", "NOTIFY_SOCKET": "/nowhere",
                "GLIBC_TUNABLES": "glibc.malloc.tcache_count=0"}

    yield from make_device(bin_dir, system={"thingName": "core-9", "rootCaPath": "/etc/ca.pem"}, env=env,
                           configuration={"awsRegion": "eu-west-1", "networkProxy": PROXY})


def environment(recipes, name, lifecycle=None, **more):
    """The environment of a component's run script."""
    lines = recipes.ran(name, {"run": "env -0 | tr '\\n\\0' ' \\n'", **(lifecycle or {})}, **more)
    return dict(line.split("=", 1) for line in lines if "=" in line)


@pytest.fixture(scope="module")
def seen(shared_device):
    shared_device.next_test()
    return environment(shared_device, "env-seen")


def test_the_environment_of_the_nucleus_is_inherited(seen):
    assert seen["FROM_NUCLEUS"] == "yes"


def test_keys_of_the_nucleus_are_not_inherited(seen):
    assert not {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "NOTIFY_SOCKET", "GLIBC_TUNABLES"} & set(seen)


def test_the_search_path_has_the_system_folders_too(seen):
    folders = seen["PATH"].split(":")
    assert folders[:2] == ["/opt/own", "/usr/bin"] and len(folders) == len(set(folders))
    assert {f for f in ("/bin", "/usr/bin", "/sbin", "/usr/sbin") if os.path.isdir(f)} <= set(folders)


def test_home_and_name_are_those_of_the_user(seen):
    assert seen["HOME"] == (pwd.getpwnam("nobody").pw_dir if ROOT else "/home/of-nucleus")
    assert not ROOT or seen["USER"] == "nobody"


def test_the_token_is_there_twice(seen):
    assert re.fullmatch(r"[0-9a-f]{32}", seen["SVCUID"]) and seen["AWS_CONTAINER_AUTHORIZATION_TOKEN"] == seen["SVCUID"]


def test_each_component_has_a_token_of_its_own_and_another_one_at_each_start(recipes):
    first, other = recipes.ran("token", "echo $SVCUID"), recipes.ran("token-other", "echo $SVCUID")
    recipes.sedge("component", "restart", "--names", "token")
    recipes.wait_log("token", "stdout.", seconds=30, count=2)
    assert len({*recipes.said("token"), *first, *other}) == 3


def test_tokens_are_not_persisted(recipes):
    token = recipes.ran("token-kept", "echo $SVCUID")[0]
    recipes.stop()
    kept = b""
    for folder in ("state", "config"):
        for name in os.listdir(recipes.path(folder)):
            with open(recipes.path(folder, name), "rb") as f:
                kept += f.read()
    recipes.start()
    assert token.encode() not in kept


def test_the_path_of_the_root_ca(seen):
    assert seen["GG_ROOT_CA_PATH"] == "/etc/ca.pem"


def test_the_proxy_has_the_configured_user_in_its_url(seen):
    url = "http://me%40x:p%3Aw%2Fd@proxy.example:3128"
    assert {seen[n] for n in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")} == {url}
    assert seen["NO_PROXY"] == seen["no_proxy"] == "localhost,a.example,10.0.0.1"


def test_what_the_nucleus_is(recipes, seen):
    assert seen["AWS_REGION"] == seen["AWS_DEFAULT_REGION"] == "eu-west-1"  # over what was inherited
    assert seen["AWS_IOT_THING_NAME"] == "core-9"
    assert seen["GGC_VERSION"] == "2.17.0"
    assert seen["AWS_GG_NUCLEUS_DOMAIN_SOCKET_FILEPATH_FOR_COMPONENT"] == seen["AWS_GG_NUCLEUS_DOMAIN_SOCKET_FILEPATH"] == recipes.path("ipc.socket")


def test_fips_mode_is_told(recipes, seen):
    assert seen["AWS_USE_FIPS_ENDPOINT"] == seen["AWS_GG_FIPS_MODE"] == "false"
    recipes.configure({"fipsMode": True})
    now = environment(recipes, "env-fips")
    assert now["AWS_USE_FIPS_ENDPOINT"] == now["AWS_GG_FIPS_MODE"] == "true"


def test_without_a_cloud_there_are_no_credentials_to_ask_for(seen):
    assert "AWS_CONTAINER_CREDENTIALS_FULL_URI" not in seen


def test_only_uninstall_knows_the_version(recipes):
    tell = {step: f"echo {step}:$GREENGRASS_COMPONENT_VERSION" for step in ("install", "startup", "shutdown", "uninstall")}
    recipes.put("env-uninstall", tell, version="1.2.3")
    recipes.deploy("env-uninstall=1.2.3", ends=False)
    recipes.deploy_ok(remove=["env-uninstall"])
    assert recipes.said("env-uninstall") == ["install:", "startup:", "shutdown:", "uninstall:1.2.3"]


def test_the_working_folder_is_private_and_stays(recipes):
    assert recipes.ran("workdir", "pwd; stat -c %a .; touch kept; chmod 755 .") == [recipes.path("work/workdir"), "700"]
    recipes.put("workdir", "ls; stat -c %a .", version="1.1.0")
    recipes.deploy("workdir=1.1.0")
    assert recipes.said("workdir")[2:] == ["kept", "700"]
    recipes.deploy_ok(remove=["workdir"])
    assert os.path.exists(recipes.path("work/workdir/kept"))


def test_the_shell_is_that_of_the_configuration(bin_dir):
    for device in make_device(bin_dir, configuration={"runWithDefault": {"posixShell": "bash"}}):
        device.next_test()
        assert device.ran("shell", 'echo "${BASH_VERSION:+bash}"; tr "\\0" " " </proc/$$/cmdline | cut -c1-7') == ["bash", "bash -c"]
