"""The official IoT Device SDK for JavaScript against a real nucleus: its clients are components, and a user of the command line.

Every operation of its model has a case (cases.mjs), and leaves a line for each call: what was sent and what came back. The lines
are printed at the end of tests/run."""
import json
import os
import re
import subprocess

import pytest

from local import Broker, wait_until
from support.device import temporary_device
from support.fixtures import SOURCE
from support.folder import temporary_folder
from support.lifecycle import cli_environment
from support.node import install

HERE = os.path.dirname(os.path.abspath(__file__))
THING = "sdk-thing"
PATIENCE = 120  # seconds; node starts slowly on a loaded machine under the sanitizers
MESSAGES = 10000
FREEZER = os.geteuid() == 0 and any(map(os.path.exists, ("/sys/fs/cgroup/freezer", "/sys/fs/cgroup/cgroup.controllers")))
with open(os.path.join(SOURCE, "ipc", "operations.h"), encoding="utf-8") as header:
    TABLE = re.findall(r"^    X\((\w+)\)", header.read(), re.MULTILINE)
OUTSIDE = ["SubscribeToIoTCoreConnectionStatus", "SetSecret", "ListSecrets", "RemoveSecret"]  # known to the SDK for C alone; our own
OPERATIONS = [operation for operation in TABLE if operation not in OUTSIDE]


def table(bin_dir):
    program = os.path.join(os.path.dirname(bin_dir), "tests", "operations_text")
    return json.loads(subprocess.run([program, "json"], stdout=subprocess.PIPE, check=True).stdout)


def not_served(bin_dir):
    return " ".join(name for name, o in table(bin_dir)["operations"].items() if not o["served"])


def policy(service, operations, resources):
    return {service: {f"{service}:1": {"operations": [f"aws.greengrass#{o}" for o in operations], "resources": resources}}}


def access(*policies):
    return {"accessControl": {service: rules for p in policies for service, rules in p.items()}}


SHADOW = ["GetThingShadow", "UpdateThingShadow", "DeleteThingShadow"]
CALLERS = {  # caller of cases.mjs -> (component, configuration)
    "component": ("com.x.Sdk", {"given": {"number": 7, "list": [1, {"a": None}]}, **access(
        policy("aws.greengrass.ipc.pubsub", ["PublishToTopic", "SubscribeToTopic"], ["sdk/*"]),
        policy("aws.greengrass.ipc.mqttproxy", ["PublishToIoTCore", "SubscribeToIoTCore"], [f"dt/{THING}/#"]),
        policy("aws.greengrass.ipc.lifecycle", ["PauseComponent", "ResumeComponent"], ["com.x.Target", "com.x.Sdk.Ghost"]),
        policy("aws.greengrass.SecretManager", ["GetSecretValue"], ["*:secret:sdk-*"]),
        policy("aws.greengrass.ShadowManager", [*SHADOW, "ListNamedShadowsForThing"], [f"$aws/things/{THING}/shadow*", THING]))}),
    "stranger": ("com.x.Stranger", {}),
    "validator": ("com.x.Validator", {"limit": 1}),
    "streamManager": ("aws.greengrass.StreamManager", {}),
    "meter": ("aws.x.Meter", access(policy("aws.greengrass.ipc.componentmetric", ["PutComponentMetric"], ["sdk*"]))),
}


@pytest.fixture(scope="module")
def packages():
    return install(HERE)


@pytest.fixture(scope="module")
def device(bin_dir, ca):
    """Connected to a broker, with the component that the others are after."""
    cert, key = ca.device(THING)
    server = ca.server("localhost", "127.0.0.1")
    with temporary_folder() as folder, Broker(folder, ca.cert, *server, ca.crl()) as broker, temporary_device(bin_dir, start=False) as device:
        device.start("--init-config", device.write("config.json", json.dumps({
            "system": {"thingName": THING, "certificateFilePath": cert, "privateKeyPath": key, "rootCaPath": ca.cert},
            "services": {"aws.greengrass.Nucleus": {"configuration": {
                "iotDataEndpoint": "127.0.0.1", "mqtt": {"port": broker.device_port}}}}})))
        device.wait_log("greengrass", "mqtt-connected", 20)
        device.recipe("com.x.Target", "1.0.0", "exec sleep 100000", configuration={"of": "target"})
        device.deploy_ok("com.x.Target=1.0.0")
        if "GetSecretValue" not in not_served(bin_dir):
            for name in ("sdk", "hidden"):
                device.sedge("secret", "set", name, stdin="open sesame")
        yield device


def start(device, components):
    """components: name -> (script, configuration). They run as the user of the tests: the packages may be closed to others."""
    for name, (script, configuration) in components.items():
        device.recipe(name, "1.0.0", script, configuration=configuration)
    users = [w for name in components for w in ("--runWith", f"{name}:posixUser=root")] if os.geteuid() == 0 else []
    device.deploy_ok(*(f"{name}=1.0.0" for name in components), more=users)


def read(path):
    try:
        with open(path, encoding="utf-8") as f:
            return [json.loads(line) for line in f]
    except (OSError, ValueError):  # not there, or in the middle of a line
        return []


def wait_end(device, path, name, count=1):
    wait_until(lambda: sum("end" in line for line in read(path)) >= count or device.state(name) == "BROKEN", PATIENCE,
               f"{name} to end; it has {read(path)[-3:]}\n{device.log(name)[-3000:]}", step=0.1)
    return read(path)


def accept_a_change(device, path):
    """Answers what the validator tells: a deployment changes its configuration."""
    wait_until(lambda: any({"tell", "end"} & line.keys() for line in read(path)), PATIENCE, "the validator to subscribe", step=0.1)
    if any("tell" in line for line in read(path)):
        device.deploy_ok(update={"com.x.Validator": {"MERGE": {"limit": 2}}})


@pytest.fixture(scope="module")
def lines(device, packages, bin_dir):
    """Everything that the callers wrote."""
    program = os.path.join(packages, "operations.mjs")
    environment = {"NOT_SERVED": not_served(bin_dir), **({} if FREEZER else {"NO_FREEZER": "1"})}
    words = " ".join(f"{name}='{value}'" for name, value in environment.items())
    start(device, {name: (f'{words} exec node {program} {caller} "$PWD/lines"', configuration)
                   for caller, (name, configuration) in CALLERS.items()})
    files = {name: os.path.join(device.root, "work", name, "lines") for name, _ in CALLERS.values()}
    accept_a_change(device, files["com.x.Validator"])
    found = [line for name, path in files.items() for line in wait_end(device, path, name)]
    own = os.path.join(device.folder, "cli.lines")
    subprocess.run(["node", program, "cli", own], env={**os.environ, **environment, **cli_environment(device)},
                   timeout=PATIENCE, check=True)
    return found + read(own)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_an_operation_does_what_the_sdk_expects(operation, lines, record_property):
    calls = [line["text"] for line in lines if line.get("operation") == operation and "text" in line]
    for text in calls:
        record_property("line", text)
    failed = [line["failed"] for line in lines if line.get("operation") == operation and "failed" in line]
    assert calls and not failed, "\n".join(calls + failed)


def test_the_table_of_operations_is_the_model_of_the_sdk(packages, bin_dir):
    def model(found):
        operations = {name: {"request": set(o["request"]), "response": set(o["response"]), "errors": set(o["errors"]),
                             "event": o.get("event")} for name, o in found["operations"].items()}
        return operations, {name: set(members) for name, members in found["shapes"].items()}

    own_operations, own_shapes = model(table(bin_dir))
    theirs = subprocess.run(["node", "model.mjs"], cwd=packages, stdout=subprocess.PIPE, check=True).stdout
    their_operations, their_shapes = model(json.loads(theirs))
    for name, operation in their_operations.items():
        operation["response"].discard("topicName" if name == "SubscribeToTopic" else None)  # deprecated, never sent
        assert own_operations.get(name) == operation, name
    assert their_operations.keys() == set(OPERATIONS)
    assert own_operations.keys() == set(TABLE)
    for name in ("RunWithInfo", "SystemResourceLimits"):  # inside a map, which handlers check
        del their_shapes[name]
    assert {name: own_shapes.get(name) for name in their_shapes} == their_shapes


@pytest.mark.parametrize("kind", ["json", "binary"])
def test_two_clients_exchange_messages_without_loss_and_in_order(kind, device, packages, record_property):
    program = os.path.join(packages, "exchange.mjs")
    pair = {f"com.x.{kind}.left": "right", f"com.x.{kind}.right": "left"}
    rights = access(policy("aws.greengrass.ipc.pubsub", ["PublishToTopic", "SubscribeToTopic"], ["exchange/*"]))
    start(device, {name: (f'exec node {program} {name.rsplit(".", 1)[1]} {peer} {kind} {MESSAGES} "$PWD/lines"', rights)
                   for name, peer in pair.items()})
    for name in pair:
        (result,) = wait_end(device, os.path.join(device.root, "work", name, "lines"), name)
        assert result == {"received": MESSAGES, "inOrder": True, "end": True}
    record_property("line", f"two clients: {MESSAGES} messages ({kind}) each way, none lost, in order")
    device.deploy_ok(remove=list(pair))


def test_a_wrong_token_is_a_refused_handshake(device, packages):
    environment = dict(os.environ, **cli_environment(device))
    environment["SVCUID"] = "AAAAAAAAAAAAAAAA"
    told = subprocess.run(["node", "refused.mjs"], cwd=packages, env=environment, stdout=subprocess.PIPE, text=True, timeout=PATIENCE)
    assert told.stdout.strip() in ("HandshakeError", "NetworkError")  # the close may overtake the refusal
