"""recipe.md 13: accessControl, as a component meets it: it asks the nucleus over IPC and prints the answers."""
import base64
import json
import os
import shlex

import pytest

from support.recipes import make_device

HERE = os.path.dirname(os.path.abspath(__file__))
PUBSUB, IOTCORE, CLI, LIFECYCLE = "aws.greengrass.ipc.pubsub", "aws.greengrass.ipc.mqttproxy", "aws.greengrass.Cli", "aws.greengrass.ipc.lifecycle"
DENIED = "UnauthorizedError"


@pytest.fixture(scope="module")
def shared_device(bin_dir):
    for device in make_device(bin_dir):
        with open(os.path.join(HERE, "..", "support", "ipc_client.py"), encoding="utf-8") as f:
            device.client = device.write("client/ipc_client.py", f.read(), 0o755)  # where every user can read it
        yield device


def publish(topic):
    return "PublishToTopic", {"topic": topic, "publishMessage": {"binaryMessage": {"message": base64.b64encode(b"x").decode()}}}


def subscribe(topic):
    return "SubscribeToTopic", {"topic": topic}


def to_cloud(topic):
    return "PublishToIoTCore", {"topicName": topic, "qos": "0", "payload": "eA=="}


def from_cloud(topic):
    return "SubscribeToIoTCore", {"topicName": topic, "qos": "0"}


def policy(operations, resources, service=PUBSUB, **more):
    operations = [o if o == "*" else f"aws.greengrass#{o}" for o in operations]
    return {service: {"id": {"operations": operations, "resources": resources, **more}}}


def ask(recipes, name, control, *requests):
    """What the nucleus answers to a component with that accessControl."""
    return ask_all(recipes, [(name, control, *requests)])[0]


def ask_all(recipes, rows):
    """The same for several components at once."""
    for name, control, *requests in rows:
        script = f"/usr/bin/python3 {recipes.client} {shlex.quote(json.dumps(requests))}"
        recipes.put(name, script, configuration={} if control is None else {"accessControl": control})
    recipes.deploy(*(row[0] for row in rows))
    # a deployment is over when everything runs for a second: the answers may come later
    for name, _, *requests in rows:
        recipes.wait_log(name, "stdout. ", seconds=60, count=len(requests))
    return [recipes.said(row[0]) for row in rows]


def test_without_a_policy_nothing_is_allowed(recipes):
    assert ask(recipes, "none", None, publish("t"), subscribe("t"), ("ListComponents", {})) == [DENIED] * 3


def test_a_policy_grants_its_operations_on_its_resources(recipes):
    assert ask(recipes, "plain", policy(["PublishToTopic"], ["my/topic", "other/*"]), publish("my/topic"), publish("other/a/b"), publish("My/topic"),
               publish("my/topic/x"), subscribe("my/topic")) == ["ok", "ok", DENIED, DENIED, DENIED]


def test_the_principal_is_the_component_that_holds_the_policy(recipes):
    assert ask(recipes, "holder", policy(["PublishToTopic"], ["*"]), publish("t")) == ["ok"]
    assert ask(recipes, "stranger", None, publish("t")) == [DENIED]


def test_field_names_are_read_in_any_letter_case(recipes):
    control = {PUBSUB: {"id": {"PolicyDescription": "d", "OPERATIONS": ["aws.greengrass#PublishToTopic"], "Resources": ["t"]}}}
    assert ask(recipes, "field-case", control, publish("t")) == ["ok"]


def test_access_control_can_be_a_text_with_json(recipes):
    assert ask(recipes, "as-text", json.dumps(policy(["PublishToTopic"], ["t"])), publish("t")) == ["ok"]


def test_a_bad_policy_grants_nothing_and_is_logged(recipes):
    good = {"operations": ["aws.greengrass#PublishToTopic"], "resources": ["good"]}
    bad = [{"operations": [], "resources": ["*"]}, {"resources": ["*"]}, {"operations": ["aws.greengrass#PublishToTopic"], "resources": ["bad"], "x": 1},
           {"operations": "aws.greengrass#PublishToTopic", "resources": ["bad"]}, {"operations": ["aws.greengrass#PublishToTopic"], "resources": "bad"},
           "text"]
    rows = [(f"bad-policy{n}", {PUBSUB: {"bad": b, "good": good}}, publish("bad"), publish("good")) for n, b in enumerate(bad)]
    assert ask_all(recipes, rows) == [[DENIED, "ok"]] * len(bad)
    for n in range(len(bad)):
        assert any(f"bad-policy{n}" in line and "policy" in line for line in recipes.log().splitlines() if "deploy" not in line)


@pytest.mark.parametrize("n, more", enumerate([{"resources": []}, {}]))
def test_without_resources_nothing_is_granted(recipes, n, more):
    control = {PUBSUB: {"id": {"operations": ["aws.greengrass#PublishToTopic"], **more}}}
    assert ask(recipes, f"no-resources{n}", control, publish("t")) == [DENIED]


def test_unknown_operations_do_not_harm_the_policy(recipes):
    assert ask(recipes, "unknown-operation", policy(["Fly", "PublishToTopic"], ["t"]), publish("t"), subscribe("t")) == ["ok", DENIED]


def test_unknown_destinations_are_ignored(recipes):
    control = {"com.example.Nothing": {"id": {"operations": ["*"], "resources": ["*"]}}, **policy(["PublishToTopic"], ["t"])}
    assert ask(recipes, "unknown-destination", control, publish("t"), ("ListComponents", {})) == ["ok", DENIED]


def test_an_operation_of_another_destination_grants_nothing(recipes):
    assert ask(recipes, "misplaced", policy(["PublishToIoTCore", "PublishToTopic"], ["*"]), to_cloud("t"), publish("t")) == [DENIED, "ok"]


def test_a_star_is_every_operation_of_its_destination(recipes):
    assert ask(recipes, "all-operations", policy(["*"], ["t"]), publish("t"), subscribe("t"), publish("u"), to_cloud("t")) == ["ok", "ok", DENIED, DENIED]


def test_operations_that_need_no_policy(recipes):
    assert ask(recipes, "exempt", None, ("GetConfiguration", {}), ("UpdateConfiguration", {"keyPath": ["k"], "timestamp": 1e10, "valueToMerge": {"a": 1}}),
               ("SubscribeToConfigurationUpdate", {}), ("UpdateState", {"state": "RUNNING"})) == ["ok"] * 4


def test_access_control_cannot_be_changed_over_ipc(recipes):
    said = ask(recipes, "self-service", None, ("UpdateConfiguration", {"keyPath": [], "timestamp": 1e10, "valueToMerge": {"accessControl": policy(["*"], ["*"])}}),
               ("UpdateConfiguration", {"keyPath": ["accessControl"], "timestamp": 1e10, "valueToMerge": policy(["*"], ["*"])}), publish("t"))
    assert said[0] != "ok" and said[1] != "ok" and said[2] == DENIED


def test_a_deployment_that_changes_a_policy_counts_at_once(recipes):
    topics = (publish("before"), publish("after"))
    assert ask(recipes, "changes", policy(["PublishToTopic"], ["before"]), *topics) == ["ok", DENIED]
    recipes.deploy("changes", update={"changes": {"MERGE": {"accessControl": {PUBSUB: {"id": {"resources": ["after"]}}}}}})
    recipes.sedge("component", "restart", "--names", "changes")
    recipes.wait_log("changes", "stdout.", seconds=30, count=4)
    assert recipes.said("changes")[-2:] == [DENIED, "ok"]


LOCAL = [
    ("hbs/*", publish("hbs/a/b"), True), ("hbs/+", publish("hbs/a"), False), ("hbs/+", subscribe("hbs/+"), True), ("*", publish("any/thing"), True),
    ("a*b*c", publish("a/x/b/y/c"), True), ("a*b*c", publish("a/x/c"), False), ("a/#", subscribe("a/#"), True), ("a/#", subscribe("a/b"), False),
    ("a/*", subscribe("a/#"), True), ("a${*}b", subscribe("a*b"), True), ("a${*}b", publish("axb"), False), ("a${$}b${?}", publish("a$b?"), True),
    ("a?", publish("ab"), False), ("a?", publish("a?"), False), ("${x}", publish("x"), False), ("", publish("x"), False)]
MQTT = [("hbs/+", to_cloud("hbs/a"), True), ("hbs/+", to_cloud("hbs/a/b"), False), ("hbs/#", from_cloud("hbs"), True), ("hbs/#", to_cloud("hbs/a/b"), True),
        ("a/+/b", from_cloud("a/+/b"), True), ("a/x+/b", to_cloud("a/xy/b"), False)]


def test_resource_patterns_of_local_topics(recipes):
    rows = [(f"pattern{n}", policy(["PublishToTopic", "SubscribeToTopic"], [resource, "still/good"]), request, publish("still/good"))
            for n, (resource, request, _) in enumerate(LOCAL)]
    said = ask_all(recipes, rows)
    assert [(resource, request, answers == ["ok", "ok"]) for (resource, request, _), answers in zip(LOCAL, said)] == LOCAL
    assert all(answers[1] == "ok" for answers in said)  # a bad resource leaves the others of its policy


def test_resource_patterns_of_mqtt_topics(recipes):
    rows = [(f"mqtt-pattern{n}", policy(["PublishToIoTCore", "SubscribeToIoTCore"], [resource], service=IOTCORE), request)
            for n, (resource, request, _) in enumerate(MQTT)]
    said = ask_all(recipes, rows)
    assert [(resource, request, answers != [DENIED]) for (resource, request, _), answers in zip(MQTT, said)] == MQTT


def test_publishing_to_wildcards_is_refused_for_itself(recipes):
    said = ask(recipes, "wild-publish", policy(["PublishToTopic"], ["*"]), publish("a/+"), publish("a/#"), publish("a*b"))
    assert "ok" not in said and DENIED not in said


def test_names_of_components_are_the_resource_of_the_command_line_s_operations(recipes):
    recipes.put("target", manifests=[{}])
    recipes.deploy("target")
    control = policy(["GetComponentDetails", "ListComponents"], ["target"], service=CLI)
    said = ask(recipes, "asks-cli", control, ("GetComponentDetails", {"componentName": "target"}), ("GetComponentDetails", {"componentName": "asks-cli"}))
    assert said == ["ok", DENIED]
