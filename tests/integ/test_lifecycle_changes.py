"""What a deployment changes and what the component does about it (specification lifecycle.md 11).

Each component has one change. All of them come with a single deployment; the same one again must change nothing."""
import os
import pwd

import pytest

from support.lifecycle import FOREVER, did, lines, patient, watched_device

STARTED = "NEW INSTALLED STARTING RUNNING"
REINSTALL, RESTART, NOTHING = "STOPPING NEW INSTALLED STARTING RUNNING", "STOPPING INSTALLED STARTING RUNNING", ""
BASE = {"install": did("install"), "run": lines(did("run"), FOREVER), "shutdown": patient(did("shutdown")), "recover": did("recover"),
        "setenv": {"A": "1"}}
QUIET = {"shutdown": patient("true")}  # without it, the end of a component may take no more than the default
STARTUP = {"startup": did("startup"), "shutdown": patient(did("shutdown"))}


def changed(lifecycle=None, **steps):
    """The lifecycle with other steps; None takes a step away."""
    return {key: value for key, value in dict(lifecycle or BASE, **steps).items() if value is not None}


def uses(where):
    """The lifecycle with the configuration in one of its members."""
    value = "{configuration:/v}"
    if where == "setenv":
        return changed(setenv={"A": value})
    if where == "shutdown":
        return changed(shutdown=patient(f"echo {value}", did("shutdown")))
    return changed(**{where: f"echo {value}; {BASE[where]}"})


CASES = {
    # name: (lifecycle before, lifecycle after, what happens)
    "chg.Install": (BASE, changed(install=did("install-2")), REINSTALL),
    "chg.InstallRemoved": (BASE, changed(install=None), REINSTALL),
    "chg.InstallAdded": (changed(install=None), BASE, REINSTALL),
    "chg.InstallTimeout": (BASE, changed(install={"Script": did("install"), "Timeout": 100}), REINSTALL),
    "chg.Run": (BASE, changed(run=lines(did("run-2"), FOREVER)), RESTART),
    "chg.RunSpelling": (BASE, {"INSTALL" if key == "install" else key.title() if key == "run" else key: value for key, value in BASE.items()}, NOTHING),
    "chg.RunForm": (BASE, changed(run={"Script": BASE["run"]}), RESTART),
    "chg.RunRemoved": (BASE, changed(run=None), "STOPPING INSTALLED STARTING FINISHED"),
    "chg.RunAdded": (changed(run=None), BASE, "INSTALLED STARTING RUNNING"),
    "chg.RunFinished": ({"run": "true", **QUIET}, {"run": "true # 2", **QUIET}, "INSTALLED STARTING RUNNING STOPPING FINISHED"),
    "chg.Startup": (STARTUP, changed(STARTUP, startup=did("startup-2")), RESTART),
    "chg.StartupReplaced": (STARTUP, changed(STARTUP, startup=None, run=BASE["run"]), RESTART),
    "chg.Recover": (BASE, changed(recover=did("recover-2")), RESTART),
    "chg.RecoverRemoved": (BASE, changed(recover=None), RESTART),
    "chg.Setenv": (BASE, changed(setenv={"A": "2"}), RESTART),
    "chg.SetenvVariableRemoved": (changed(setenv={"A": "1", "B": "2"}), BASE, RESTART),
    "chg.SetenvRemoved": (BASE, changed(setenv=None), RESTART),
    "chg.ErrorResetTime": (BASE, changed(errorResetTime=100), RESTART),
    "chg.Shutdown": (BASE, changed(shutdown=patient(did("shutdown-2"))), NOTHING),
    "chg.ShutdownRemoved": (BASE, changed(shutdown=None), NOTHING),
    "chg.ShutdownAdded": (changed(shutdown=None), BASE, NOTHING),
    "chg.ShutdownAndRun": (BASE, changed(shutdown=patient(did("shutdown-2")), run=lines(did("run-2"), FOREVER)), RESTART),
    "chg.Nothing": (BASE, BASE, NOTHING),
    # by configuration alone
    "chg.VariableInstall": (uses("install"), uses("install"), REINSTALL),
    "chg.VariableRun": (uses("run"), uses("run"), RESTART),
    "chg.VariableSetenv": (uses("setenv"), uses("setenv"), RESTART),
    "chg.VariableShutdown": (uses("shutdown"), uses("shutdown"), NOTHING),
    "chg.Configuration": (BASE, BASE, NOTHING),
    # names in the configuration that are those of rules
    "chg.ConfigurationNames": (BASE, BASE, NOTHING),
}
MORE = {
    "chg.Version": REINSTALL,
    "chg.Artifact": NOTHING,
    "chg.User": REINSTALL,
    "chg.Limits": NOTHING,
}
CONFIGURED = {name: {"v": 2} for name in CASES if ".Variable" in name or name == "chg.Configuration"}
CONFIGURED["chg.ConfigurationNames"] = {"version": 2, "install": {"x": 2}, "lifecycle": {"run": 2}, "setenv": {"A": 2}, "runWith": {"posixUser": 2}}
USER = "daemon" if os.geteuid() == 0 else "another"


def write_recipes(device, after):
    for name, row in CASES.items():
        device.recipe(name, "1.0.0", row[after], configuration={"v": 1, "version": 1})
    device.recipe("chg.Version", "1.1.0" if after else "1.0.0", changed(shutdown=patient(did(f"shutdown-{after}"))))
    device.artifact("chg.Artifact", "1.0.0", "data.txt", f"data {after}")
    device.recipe("chg.Artifact", "1.0.0", BASE, artifacts=[{"URI": "s3://bucket/data.txt"}])
    device.recipe("chg.User", "1.0.0", BASE)
    device.recipe("chg.Limits", "1.0.0", BASE)


def roots(version):
    return [f"{name}=1.0.0" for name in [*CASES, *MORE] if name != "chg.Version"] + [f"chg.Version={version}"]


def settle(device):
    """All is as the first deployment left it for good: a component is RUNNING before its script has done anything."""
    device.expect("chg.RunFinished", f"{STARTED} STOPPING FINISHED")
    for name in ("chg.ShutdownAndRun", "chg.Shutdown", "chg.Version"):
        device.wait_steps(name, "install run")


def second(device):
    """The deployment that changes all of them."""
    more = ("--runWith", f"chg.User:posixUser={USER}", "--systemLimits", '{"chg.Limits":{"memory":65536,"cpus":0.5}}')
    return device.deploy(*roots("1.1.0"), update={name: {"MERGE": values} for name, values in CONFIGURED.items()}, more=more)


@pytest.fixture(scope="module")
def device(bin_dir):
    with watched_device(bin_dir) as d:
        write_recipes(d, 0)
        assert d.deploy(*roots("1.0.0"))["status"] == "SUCCEEDED"
        settle(d)
        d.before = {name: d.moves(name) for name in [*CASES, *MORE]}
        write_recipes(d, 1)
        assert second(d)["status"] == "SUCCEEDED"
        yield d


@pytest.mark.parametrize("name", [*CASES, *MORE])
def test_a_change_has_its_reaction(device, name):
    want = CASES[name][2] if name in CASES else MORE[name]
    device.expect(name, want, start=len(device.before[name]))


def test_a_shutdown_changed_alone_is_not_the_one_that_ends_what_ran_before(device):
    """The script of the launch counts, also when the new one comes without a restart."""
    device.expect("chg.ShutdownAndRun", RESTART, start=len(device.before["chg.ShutdownAndRun"]))
    device.wait_steps("chg.ShutdownAndRun", "install run shutdown run-2")
    device.sedge("component", "stop", "--names", "chg.Shutdown")
    device.wait_state("chg.Shutdown", "FINISHED")
    assert device.steps("chg.Shutdown") == ["install", "run", "shutdown"]


def test_a_new_version_is_installed_after_the_old_one_was_stopped_by_its_own_script(device):
    device.wait_steps("chg.Version", "install run shutdown-0 install run")


def test_the_same_deployment_again_changes_nothing(device):
    with device.nothing_happens_to(*CASES, *MORE):
        assert second(device)["status"] == "SUCCEEDED"


def test_a_user_that_is_taken_back_is_a_reinstall_and_limits_that_are_taken_back_are_not(device):
    """Limits without a user reset the user, and the other way round: here {} for both."""
    with device.nothing_happens_to("chg.Limits"), device.then("chg.User", REINSTALL):
        device.deploy(more=("--systemLimits", '{"chg.User":{"memory":65536},"chg.Limits":{}}'))
    if os.geteuid() == 0:
        assert os.stat(device.work("chg.User")).st_uid == pwd.getpwnam("nobody").pw_uid
