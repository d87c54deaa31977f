"""As whom scripts run and to whom files belong (recipe.md 10.5, 12.2, 12.3; design.md 6), with users that every system has."""
import grp
import json
import os
import pwd
import shutil
import stat

import pytest

from local import wait_until
from support.device import temporary_device

root_only = pytest.mark.skipif(os.geteuid() != 0, reason="only root can run components as other users")
WHO = "echo who $(id -u) $(id -g) $(id -G) $HOME $USER; exec sleep 100000"


@pytest.fixture(scope="module")
def device(bin_dir):
    with temporary_device(bin_dir) as device:
        yield device


def who(device, name, count=1):
    """What the last of `count` launches printed: uid, gid, groups, HOME, USER."""
    def lines():
        found = [line.split() for line in device.output(name) if line.startswith("who ")]
        return found if len(found) >= count else None
    words = wait_until(lines, 30, f"{name} to say who it is")[-1]
    return int(words[1]), int(words[2]), {int(g) for g in words[3:-2]}, words[-2], words[-1]


def account(name, gid=None):
    """The same of an account of this machine; gid: the group that was given."""
    user = pwd.getpwnam(name)
    group = user.pw_gid if gid is None else gid
    return user.pw_uid, group, set(os.getgrouplist(name, group)), user.pw_dir, name


def run_with(device, version="1.0.0", **users):
    """Deploys the components, each as the user given."""
    more = [word for name, user in users.items() for word in ("--runWith", f"{name}:posixUser={user}")]
    return device.create(*[f"{name}={version}" for name in users], more=more)


@root_only
def test_a_component_runs_as_its_user_with_the_groups_of_the_system(device):
    games = grp.getgrnam("games").gr_gid
    daemon = pwd.getpwnam("daemon").pw_uid
    users = {"plain": "daemon", "grouped": "daemon:games", "number": str(daemon), "numbers": f"{daemon}:12345",
             "strange": "4242:4243", "unnamed": f"4242:{games}", "super": "root"}
    for name in [*users, "default"]:
        device.recipe(name, "1.0.0", WHO)
    assert device.wait(run_with(device, **users))["status"] == "SUCCEEDED"
    device.deploy_ok("default=1.0.0")
    assert who(device, "plain") == account("daemon")
    assert who(device, "grouped") == account("daemon", games)
    assert who(device, "number") == account("daemon")
    assert who(device, "numbers") == account("daemon", 12345)
    assert who(device, "strange") == (4242, 4243, {4243}, "/", "4242")
    assert who(device, "unnamed") == (4242, games, {games}, "/", "4242")
    assert who(device, "super") == account("root")
    for name in users:
        assert os.stat(os.path.join(device.root, "work", name)).st_uid == who(device, name)[0]
    assert who(device, "default") == account("nobody", grp.getgrnam("nogroup").gr_gid)


@root_only
def test_users_that_cannot_be_are_errors_with_their_codes(device):
    # without a group the user is looked up; with one nothing is, and the launch fails
    cases = {"alone": ("4242", "RUN_MISSING_DEFAULT_RUNWITH", "explicit group"),
             "unknown": ("no-such-user", "RUN_MISSING_DEFAULT_RUNWITH", "no-such-user"),
             "noone": ("no-such-user:nogroup", "RUN_ERROR", "no-such-user"),
             "nogroup": ("daemon:no-such-group", "RUN_ERROR", "no-such-group")}
    for name in cases:
        device.recipe(name, "1.0.0", WHO)
    run_with(device, **{name: case[0] for name, case in cases.items()})
    for name, (_, code, text) in cases.items():
        wait_until(lambda n=name: device.state(n) == "BROKEN", 40, f"{name} to be given up")
        details = device.details(name)
        assert details["statusCode"] == code, details
        assert text in details["statusReason"], details
    device.deploy_ok(remove=list(cases))


@root_only
def test_without_any_user_each_step_says_so_even_a_privileged_one(bin_dir):
    with temporary_device(bin_dir, start=False) as device:
        device.default_user = None
        device.start()
        for step in ("install", "startup", "run"):
            for privileged in (False, True):
                device.recipe(f"{step}{privileged}", "1.0.0", {step: {"Script": "true", "RequiresPrivilege": privileged}})
        names = [f"{step}{privileged}" for step in ("install", "startup", "run") for privileged in (False, True)]
        device.create(*[f"{name}=1.0.0" for name in names])
        for name in names:
            wait_until(lambda n=name: device.state(n) == "BROKEN", 40, f"{name} to be given up")
            step = name.replace("True", "").replace("False", "").upper()
            assert device.details(name)["statusCode"] == f"{step}_MISSING_DEFAULT_RUNWITH"
            assert "runWithDefault.posixUser" in device.details(name)["statusReason"]


@root_only
def test_a_privileged_step_runs_as_root_in_a_folder_of_the_user_and_the_others_do_not(device):
    install = "echo who $(id -u) $(id -g) $(id -g) $HOME $USER; stat -c 'folder of %u' ."
    device.recipe("mixed", "1.0.0", {"install": {"Script": install, "RequiresPrivilege": True},
                                     "run": "echo run as $(id -u); exec sleep 100000"})
    device.deploy_ok("mixed=1.0.0")
    assert who(device, "mixed") == (0, 0, {0}, pwd.getpwuid(0).pw_dir, "root")
    nobody = pwd.getpwnam("nobody").pw_uid
    wait_until(lambda: f"run as {nobody}" in device.output("mixed"), 20, "the run step")
    assert f"folder of {nobody}" in device.output("mixed")


@root_only
def test_a_changed_user_counts_from_the_next_start_and_the_old_one_stops_what_it_started(device):
    device.recipe("moves", "1.0.0", {"run": "touch mine; chmod 755 .; " + WHO, "shutdown": "echo stopped as $(id -u)"})
    device.deploy_ok("moves=1.0.0")
    assert who(device, "moves")[0] == pwd.getpwnam("nobody").pw_uid
    assert device.wait(run_with(device, moves="daemon"))["status"] == "SUCCEEDED"
    assert who(device, "moves", 2) == account("daemon")
    stopped = [line for line in device.output("moves") if line.startswith("stopped as")]
    assert stopped == [f"stopped as {pwd.getpwnam('nobody').pw_uid}"]
    # the work folder goes along, with what is in it
    work = os.path.join(device.root, "work", "moves")
    for path in (work, os.path.join(work, "mine")):
        assert os.stat(path).st_uid == pwd.getpwnam("daemon").pw_uid, path


@root_only
def test_the_mode_of_the_work_folder_is_set_before_every_step(device):
    device.recipe("opens", "1.0.0", {"install": "chmod 777 .", "run": "stat -c mode=%a .; exec sleep 100000"})
    device.deploy_ok("opens=1.0.0")
    wait_until(lambda: "mode=700" in device.output("opens"), 20, f"a closed folder: {device.output('opens')}")


@root_only
def test_artifacts_belong_to_the_user_but_not_the_folders_that_hold_them(device):
    device.artifact("owner", "1.0.0", "tool.sh", "echo tool ran as $(id -u)\n")
    device.recipe("owner", "1.0.0", "sh {artifacts:path}/tool.sh; exec sleep 100000",
                  artifacts=[{"URI": "s3://nowhere/tool.sh", "Permission": {"Read": "OWNER"}}])
    assert device.wait(run_with(device, owner="daemon:games"))["status"] == "SUCCEEDED"
    daemon, games = pwd.getpwnam("daemon").pw_uid, grp.getgrnam("games").gr_gid
    wait_until(lambda: f"tool ran as {daemon}" in device.output("owner"), 20, "the artifact to be read by its owner")
    folder = os.path.join(device.root, "packages/artifacts/owner/1.0.0")
    info = os.stat(os.path.join(folder, "tool.sh"))
    assert (info.st_uid, info.st_gid, stat.S_IMODE(info.st_mode)) == (daemon, games, 0o440)
    assert os.stat(folder).st_uid == 0


@root_only
def test_giving_files_away_follows_no_link_out_of_the_folder(device):
    target = device.write("secret", "x", 0o600)
    other = device.write("linked", "x", 0o600)
    device.recipe("links", "1.0.0", "exec sleep 100000")
    work = os.path.join(device.root, "work", "links")
    os.makedirs(work)
    os.symlink(target, os.path.join(work, "symbolic"))
    os.link(other, os.path.join(work, "hard"))
    device.deploy_ok("links=1.0.0")
    assert os.stat(target).st_uid == 0 and os.stat(other).st_uid == 0
    assert os.lstat(os.path.join(work, "symbolic")).st_uid == pwd.getpwnam("nobody").pw_uid


# ---- a nucleus that is not root ----

@pytest.fixture(scope="module")
def humble(bin_dir):
    """Runs as nobody when the tests run as root; then the programs are copied to where nobody may read them."""
    with temporary_device(bin_dir, start=False) as device:
        before = ()
        if os.geteuid() == 0:
            device.bin = os.path.join(device.folder, "bin")
            os.makedirs(device.bin)
            for name in ("sedge", "sedge-nucleus", "sedge-exec", "sedge-fetch"):
                shutil.copy(os.path.join(bin_dir, name), device.bin)
            user = pwd.getpwnam("nobody")
            os.makedirs(device.root)
            os.chown(device.root, user.pw_uid, user.pw_gid)
            before = ("setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups")
        device.default_user = None
        device.start(before=before)
        yield device


def own_user(device):
    return os.stat(device.root).st_uid


def test_without_root_components_run_as_the_nucleus_and_another_user_is_one_warning(humble):
    humble.recipe("app", "1.0.0", WHO)
    assert humble.wait(run_with(humble, app="daemon"))["status"] == "SUCCEEDED"
    assert who(humble, "app")[0] == own_user(humble)
    humble.sedge("component", "restart", "--names", "app")
    assert who(humble, "app", 2)[0] == own_user(humble)
    warned = [line for line in humble.log("app").splitlines() if "only a nucleus that runs as root can change users" in line]
    assert len(warned) == 1, humble.log("app")
    assert stat.S_IMODE(os.stat(os.path.join(humble.root, "work/app")).st_mode) == 0o700


def test_without_root_a_privileged_step_is_a_clear_error(humble):
    humble.recipe("needs", "1.0.0", {"install": {"Script": "true", "RequiresPrivilege": True}, "run": WHO})
    text, _ = humble.deploy_failing("needs=1.0.0")
    assert "RequiresPrivilege" in text and "start the nucleus as root" in text
    assert humble.details("needs")["statusCode"] == "INSTALL_IO_ERROR"
    humble.deploy_ok(remove=("needs",))


def test_without_root_limits_are_one_warning_and_the_component_runs(humble):
    humble.recipe("limited", "1.0.0", WHO)
    for memory in (65536, 32768):
        humble.deploy_ok("limited=1.0.0", more=("--systemLimits", json.dumps({"limited": {"memory": memory, "cpus": 1}})))
    humble.sedge("component", "restart", "--names", "limited")
    who(humble, "limited", 2)
    warned = [line for line in humble.log("limited").splitlines() if "systemResourceLimits" in line]
    assert len(warned) == 1 and "needs root" in warned[0], warned


def test_without_root_pausing_is_an_error_that_says_what_it_needs(humble):
    policy = {"aws.greengrass.ipc.lifecycle": {"p:1": {"operations": ["aws.greengrass#PauseComponent"], "resources": ["*"]}}}
    humble.recipe("boss", "1.0.0", "exec sleep 100000", configuration={"accessControl": policy})
    humble.deploy_ok("boss=1.0.0")
    with humble.ipc("boss") as ipc:
        error = ipc.fails("ServiceError", None, "PauseComponent", componentName="boss")
    assert error.message.startswith("Failed to pause component boss due to : ")
    assert "root" in error.message
    assert humble.state("boss") == "RUNNING"
