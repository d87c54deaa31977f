"""Group deployments over a real broker and object store: sedge-cloud, mosquitto, Swift and nuclei."""
import io
import json
import os
import subprocess
import zipfile

from local import wait_until
from local.site import TOPIC

FOREVER = "while :; do sleep 1; done"


def test_a_group_deployment_is_carried_out_revised_and_shown(fleet):
    device = fleet.device("basic-1")
    fleet.join("basic", device)
    for version in ("1.0.0", "1.1.0"):
        fleet.publish("com.x.Tick", version, "exec {artifacts:path}/tick.sh {configuration:/every}",
                      files={"tick.sh": f"#!/bin/sh\necho tick {version} every $1; {FOREVER}"}, depends={"com.x.Base": "^1.0.0"},
                      configuration={"every": 60})
    fleet.publish("com.x.Base", "1.0.0", FOREVER + " # base")
    fleet.deploy("basic", {"com.x.Tick": {"componentVersion": "1.0.0", "configurationUpdate": {"merge": json.dumps({"every": "5"})}}})
    fleet.wait("basic", device, "SUCCEEDED", 1)
    have = device.components()
    assert (have["com.x.Tick"]["version"], have["com.x.Base"]["state"]) == ("1.0.0", "RUNNING")
    device.wait_log("com.x.Tick", "tick 1.0.0 every 5")
    base = device.pid("com.x.Base")
    fleet.site.cloud("deploy", "revise", "group:basic", "--set-component", "com.x.Tick@1.1.0")
    fleet.wait("basic", device, "SUCCEEDED", 2)
    device.wait_log("com.x.Tick", "tick 1.1.0 every 5")
    assert device.pid("com.x.Base") == base
    assert "basic-1" in fleet.show("basic")
    fleet.site.cloud("deploy", "revise", "group:basic", "--rm-component", "com.x.Tick")
    fleet.wait("basic", device, "SUCCEEDED", 3)
    assert not {"com.x.Tick", "com.x.Base"} & set(device.components())


def test_the_book_s_hello_with_config_is_published_and_deployed_unchanged(fleet, book):
    name = "com.hbs.hub.HelloWithConfig"
    folder = os.path.join(fleet.folder, "hello")
    os.makedirs(folder)
    with open(os.path.join(book, "chapter4/recipes", f"{name}-1.0.0.json"), encoding="utf-8") as f:
        recipe = f.read()
    with open(os.path.join(folder, "recipe.json"), "w", encoding="utf-8") as f:
        f.write(recipe)
    with zipfile.ZipFile(os.path.join(folder, "archive.zip"), "w") as z:
        z.writestr("hello.sh", "#!/bin/bash\necho \"Hello from the cloud\"\n")
    fleet.site.cloud("component", "publish", folder)
    device = fleet.device("book-1")
    fleet.join("hbshubprototypes", device)
    fleet.site.cloud("deploy", "create", "-f", os.path.join(book, "chapter4/deployment-hellowithconfig.json"))
    fleet.wait("hbshubprototypes", device, "SUCCEEDED")
    device.wait_output(name, "Hello from the cloud")


def test_a_broken_version_is_rolled_back_and_the_cloud_has_the_reason(fleet):
    device = fleet.device("broken-1")
    fleet.join("broken", device)
    fleet.publish("com.x.Pump", "1.0.0", FOREVER)
    fleet.publish("com.x.Pump", "1.1.0", {"startup": "echo no pressure; exit 9"})
    fleet.deploy("broken", {"com.x.Pump": "1.0.0"})
    fleet.wait("broken", device, "SUCCEEDED", 1)
    fleet.site.cloud("deploy", "revise", "group:broken", "--set-component", "com.x.Pump@1.1.0")
    fleet.wait("broken", device, "FAILED", 2)
    shown = fleet.show("broken", 2)
    for word in ("FAILED_ROLLBACK_COMPLETE", "com.x.Pump 1.1.0", "code 9", "COMPONENT_BROKEN"):
        assert word in shown
    now = device.components()["com.x.Pump"]
    assert (now["version"], now["state"]) == ("1.0.0", "RUNNING")


def test_a_device_that_joins_later_gets_what_the_group_has(fleet):
    first, late = fleet.device("late-1"), fleet.device("late-2")
    fleet.publish("com.x.Late", "1.0.0", FOREVER)
    fleet.join("late", first)
    fleet.deploy("late", {"com.x.Late": "1.0.0"})
    fleet.wait("late", first, "SUCCEEDED", 1)
    assert "com.x.Late" not in late.components()
    fleet.join("late", late)
    fleet.wait("late", late, "SUCCEEDED")
    assert late.state("com.x.Late") == "RUNNING"


def test_a_deployment_waits_for_a_device_that_is_off(fleet):
    device = fleet.device("off-1", start=False)
    fleet.join("off", device)
    fleet.publish("com.x.Off", "1.0.0", FOREVER)
    fleet.deploy("off", {"com.x.Off": "1.0.0"})
    fleet.connect(device)
    fleet.wait("off", device, "SUCCEEDED", 1)
    assert device.state("com.x.Off") == "RUNNING"


def test_a_nucleus_killed_during_a_job_finishes_it_and_the_cloud_hears_of_it(fleet):
    device = fleet.device("kill-1")
    fleet.join("kill", device)
    gate = os.path.join(fleet.folder, "gate")
    fleet.publish("com.x.Kill", "1.0.0", {"install": f"until [ -e {gate} ]; do sleep 0.1; done", "run": FOREVER})
    fleet.deploy("kill", {"com.x.Kill": "1.0.0"})
    device.wait_log("greengrass", "phase=STARTING")
    device.kill()
    with open(gate, "w", encoding="utf-8"):
        pass
    device.start()
    fleet.wait("kill", device, "SUCCEEDED", 1)
    assert device.state("com.x.Kill") == "RUNNING"


def test_messages_of_a_broker_outage_are_spooled_and_arrive_in_order(fleet, tmp_root):
    site, device = fleet.site, fleet.device("spool-1")
    with open(os.path.join(site.broker_dir, "reader-observer.password"), encoding="utf-8") as f:
        password = f.read().strip()
    # A session that lasts: what comes while the subscriber itself is reconnecting is kept for it.
    received = os.path.join(tmp_root, "received")
    with open(received, "wb") as out:
        subscriber = subprocess.Popen(["mosquitto_sub", "-h", "127.0.0.1", "-p", str(site.service_port), "-u", "observer", "-P", password,
                                       "-t", TOPIC, "-q", "1", "-c", "-i", "spool-test"], stdout=out)

    def lines():
        with open(received, encoding="utf-8") as f:
            return f.read().split()

    def send(*numbers):
        for n in numbers:
            device.sedge("iotcore", "pub", "--topic", TOPIC, "--message", f"spool-{n}", "--qos", "1")

    def mine():
        return [line for line in lines() if line.startswith("spool-")]

    try:
        wait_until(lambda: (send(0), mine())[1], 20, "the subscriber to be there", step=0.2)
        gone = device.log().count("mqtt-disconnected")
        site.stop_broker()
        device.wait_log("greengrass", "mqtt-disconnected", count=gone + 1)
        send(*range(1, 31))
        site.start_broker()
        wait_until(lambda: "spool-30" in mine(), 40, "the last spooled message")
        arrived = mine()
        numbers = [int(line.split("-")[1]) for line in arrived if line != "spool-0"]
        assert numbers == list(range(1, 31))
    finally:
        subscriber.terminate()
        subscriber.wait()
        if not site.broker.running():
            site.start_broker()


def test_a_script_holds_no_descriptor_of_the_nucleus(fleet):
    """A copy of the broker connection in a component once kept the session from reconnecting."""
    device = fleet.device("fd-1")
    device.recipe("fds", "1.0.0", "ls -l /proc/self/fd | sed -n 's/.*fd -> //p; s/.* -> /open: /p'")
    device.deploy_ok("fds=1.0.0")
    device.wait_state("fds", "FINISHED")
    held = [line for line in device.output("fds") if line.startswith("open: ") and "/proc/" not in line]
    assert len(held) == 3 and all("pipe:" in line or "socket:" in line for line in held), held


def test_a_job_with_bootstrap_steps_goes_on_after_the_restarts_of_the_nucleus(fleet):
    device = fleet.device("boot-1")
    fleet.join("boot", device)
    fleet.publish("com.x.Boot", "1.0.0", {"bootstrap": "echo booting; exit 100", "run": FOREVER})
    fleet.publish("com.x.Boot", "1.1.0", {"bootstrap": "echo no way; exit 8", "run": FOREVER})
    fleet.deploy("boot", {"com.x.Boot": "1.0.0"})
    fleet.wait("boot", device, "SUCCEEDED", 1)
    assert device.log().count(" main: launch. ") == 2 and device.output("com.x.Boot") == ["booting"]
    fleet.site.cloud("deploy", "revise", "group:boot", "--set-component", "com.x.Boot@1.1.0")
    fleet.wait("boot", device, "FAILED", 2)
    shown = fleet.show("boot", 2)
    for word in ("FAILED_ROLLBACK_COMPLETE", "COMPONENT_BOOTSTRAP_ERROR", "code 8", "no way"):
        assert word in shown
    assert device.components()["com.x.Boot"]["version"] == "1.0.0"
