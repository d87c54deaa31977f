"""Local deployments of real processes through the command line, as in chapters 2 to 4 of the book."""
import io
import json
import os
import re
import zipfile

from local import wait_until

# chapter 2, artifacts/com.hbs.hub.HelloWorld/1.0.0/hello.sh
HELLO = """#!/bin/bash
if [ -z "$1" ]; then
    target="world"
else
    target=$1
fi
echo "Hello $target"
"""
HELLO_WORLD = "com.hbs.hub.HelloWorld"
FOREVER = "while :; do sleep 1; done"


def deploy_hello(device, book, **more):
    device.copy_recipe(os.path.join(book, "chapter2/recipes/com.hbs.hub.HelloWorld-1.0.0.json"))
    device.artifact(HELLO_WORLD, "1.0.0", "hello.sh", HELLO)
    device.deploy_ok(f"{HELLO_WORLD}=1.0.0", **more)


def test_hello_world_of_the_book_deploys_unchanged_and_logs(device, book):
    deploy_hello(device, book)
    device.wait_state(HELLO_WORLD, "FINISHED")
    assert device.output(HELLO_WORLD) == ["Hello world!"]
    line = next(text for text in device.log(HELLO_WORLD).splitlines() if "stdout" in text)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z \[INFO\] \(Copier\) com\.hbs\.hub\.HelloWorld: stdout\. Hello world!\. "
                        r"\{scriptName=services\.com\.hbs\.hub\.HelloWorld\.lifecycle\.Run, serviceName=com\.hbs\.hub\.HelloWorld, "
                        r"currentState=RUNNING\}", line), line


def test_component_list_prints_the_book_s_lines(device, book):
    deploy_hello(device, book)
    device.wait_state(HELLO_WORLD, "FINISHED")
    assert ("Component Name: com.hbs.hub.HelloWorld\n    Version: 1.0.0\n    State: FINISHED\n"
            "    Configuration: {\"Message\":\"world!\"}\n") in device.sedge("component", "list")


def test_the_configuration_of_hello_world_is_updated_and_the_script_runs_again(device, book):
    deploy_hello(device, book)
    device.wait_state(HELLO_WORLD, "FINISHED")
    device.deploy_ok(update={HELLO_WORLD: {"MERGE": {"Message": "friend"}}})
    device.wait_output(HELLO_WORLD, "Hello world!", "Hello friend")
    device.deploy_ok(update={HELLO_WORLD: {"RESET": ["/Message"]}})
    assert device.details(HELLO_WORLD)["configuration"] == {"Message": "world!"}


def test_removed_components_are_gone(device, book):
    deploy_hello(device, book)
    device.deploy_ok(remove=[HELLO_WORLD])
    assert HELLO_WORLD not in device.components()
    assert "not found" in device.cli("component", "details", "--name", HELLO_WORLD).stderr.lower()


def test_hello_with_config_of_the_book_runs_from_its_unpacked_archive(device, book):
    name = "com.hbs.hub.HelloWithConfig"
    device.copy_recipe(os.path.join(book, "chapter4/recipes", f"{name}-1.0.0.json"))
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as z:
        z.writestr("hello.sh", "#!/bin/bash\n. ./config.sh\necho \"Hello from $WHERE\"\n")
        z.writestr("config.sh", "WHERE=the archive\n".replace("the archive", "'the archive'"))
    device.artifact(name, "1.0.0", "archive.zip", archive.getvalue(), 0o644)
    device.deploy_ok(f"{name}=1.0.0")
    device.wait_output(name, "Hello from the archive")
    device.wait_state(name, "FINISHED")


def test_versions_replace_each_other_up_and_down(device):
    for version in ("1.0.0", "1.1.0", "2.0.0"):
        device.recipe("v", version, f"echo version {version}; {FOREVER}")
    for version in ("1.0.0", "2.0.0", "1.1.0"):
        device.deploy_ok(f"v={version}")
        assert device.components()["v"]["version"] == version
        device.wait_log("v", f"version {version}")
    # a shell that has just forked shows its own words twice until the copy executes "sleep"
    wait_until(lambda: len(device.processes(f"version 1.1.0; {FOREVER}")) == 1, 10, "one process of version 1.1.0")
    assert not device.processes(f"version 2.0.0; {FOREVER}")


def test_dependencies_come_along_start_first_and_stop_last(device):
    journal = device.write("journal", "", 0o666)
    step = "echo {what} {name} >>" + journal
    for name, depends in (("c", {}), ("b", {"c": "^1.0.0"}), ("a", {"b": ">=1.0.0"})):
        device.recipe(name, "1.0.0", {"startup": step.format(what="up", name=name),
                                      "shutdown": step.format(what="down", name=name)}, depends=depends)
    device.deploy_ok("a=1.0.0")
    assert {n: device.state(n) for n in "abc"} == {"a": "RUNNING", "b": "RUNNING", "c": "RUNNING"}
    device.deploy_ok(remove=["a"])
    assert not set("abc") & set(device.components())
    with open(journal, encoding="utf-8") as f:
        assert f.read().split("\n")[:-1] == ["up c", "up b", "up a", "down a", "down b", "down c"]


def test_the_highest_version_that_satisfies_is_taken_and_kept(device):
    device.recipe("app", "1.0.0", "true", depends={"lib": "^1.0.0"})
    for version in ("1.0.0", "1.2.0", "2.0.0"):
        device.recipe("lib", version, "true")
    device.deploy_ok("app=1.0.0")
    assert device.components()["lib"]["version"] == "1.2.0"
    device.recipe("lib", "1.3.0", "true")
    device.deploy_ok("app=1.0.0")
    assert device.components()["lib"]["version"] == "1.2.0"
    device.deploy_ok("lib=1.3.0")
    assert device.components()["lib"]["version"] == "1.3.0"


def test_restart_and_stop(device):
    device.recipe("s", "1.0.0", FOREVER)
    device.deploy_ok("s=1.0.0")
    first = device.pid("s")
    device.sedge("component", "restart", "--names", "s")
    wait_until(lambda: device.details("s").get("pid") not in (None, first), 30, "another process")
    device.wait_state("s", "RUNNING")
    device.sedge("component", "stop", "--names", "s")
    device.wait_state("s", "FINISHED")
    assert "pid" not in device.details("s")
    device.sedge("component", "restart", "--names", "s")
    device.wait_state("s", "RUNNING")


def test_what_a_deployment_does_not_change_keeps_its_process(device):
    device.recipe("still", "1.0.0", FOREVER, configuration={"x": 1})
    device.recipe("moves", "1.0.0", FOREVER)
    device.recipe("moves", "1.1.0", FOREVER + " # new")
    device.deploy_ok("still=1.0.0", "moves=1.0.0")
    still, moves = device.pid("still"), device.pid("moves")
    device.deploy_ok("moves=1.1.0")
    assert device.pid("still") == still
    assert device.pid("moves") != moves


def test_configuration_that_a_script_uses_restarts_the_component(device):
    device.recipe("reads", "1.0.0", "echo interval {configuration:/interval}; " + FOREVER, configuration={"interval": 1, "other": 1})
    device.deploy_ok("reads=1.0.0")
    first = device.pid("reads")
    device.deploy_ok(update={"reads": {"MERGE": {"interval": 5}}})
    assert device.pid("reads") != first
    device.wait_log("reads", "interval 5")


def test_details_tell_how_the_last_script_ended(device):
    device.recipe("dies", "1.0.0", "echo the last words; exit 7")
    text, _ = device.deploy_failing("dies=1.0.0")
    assert "dies" in text
    shown = device.sedge("component", "details", "--name", "dies")
    assert "State: BROKEN" in shown
    assert "exited with code 7" in shown
    assert "the last words" in shown


def test_the_components_survive_a_restart_of_the_nucleus(device):
    device.recipe("stays", "1.0.0", "echo hello $AWS_IOT_THING_NAME; " + FOREVER, configuration={"a": {"b": [1, "2"]}})
    device.deploy_ok("stays=1.0.0", update={"stays": {"MERGE": {"a": {"c": 3}}}})
    device.restart()
    device.wait_state("stays", "RUNNING")
    assert device.details("stays")["configuration"] == {"a": {"b": [1, "2"], "c": 3}}
    wait_until(lambda: len(device.processes("echo hello $AWS_IOT_THING_NAME; " + FOREVER)) == 1, 10,
               "the one process of the component behind its helper")


def test_deployments_are_listed(device):
    device.recipe("l", "1.0.0", "true")
    ids = [device.deploy_ok("l=1.0.0"), device.deploy_ok("l=1.0.0")]
    listed = json.loads(device.sedge("deployment", "list", "--json"))
    assert [d["deploymentId"] for d in listed] == ids
    assert re.match(r"\d\d-\d\d-\d{4} \d\d:\d\d:\d\d UTC$", listed[0]["createdOn"])
    assert device.sedge("deployment", "list").count("Status: SUCCEEDED") == 2


def test_environment_and_work_folder_of_a_component(device):
    device.recipe("env", "1.0.0", {"setenv": {"WHO": "me and {configuration:/who}"}, "run": "echo $WHO in $PWD with $GGC_VERSION"},
                  configuration={"who": "you"})
    device.deploy_ok("env=1.0.0")
    device.wait_output("env", f"me and you in {device.root}/work/env with 2.17.0")
