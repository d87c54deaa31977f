"""ipc-authorization.md on a real nucleus: who is at the other end, and what it may do. The rest is in test_recipe_access.py."""
import json
import os
import shlex

import pytest

from local import wait_until
from support.ipc_client import IpcError
from support.ipc_raw import KEEP_TOKEN, Raw, Session, json_message, token_of
from support.lifecycle import watched_device

HERE = os.path.dirname(os.path.abspath(__file__))
PUBSUB, LIFECYCLE, CLI = "aws.greengrass.ipc.pubsub", "aws.greengrass.ipc.lifecycle", "aws.greengrass.Cli"
P = "aws.greengrass#"


def control(service=PUBSUB, resources=("*",), operations=("*",)):
    return {"accessControl": {service: {"p": {"operations": list(operations), "resources": list(resources)}}}}


@pytest.fixture(scope="module")
def device(bin_dir):
    with watched_device(bin_dir) as device:
        device.recipe("one", "1.0.0", KEEP_TOKEN, configuration=control(resources=["mine/*"]))
        device.recipe("none", "1.0.0", KEEP_TOKEN)
        device.recipe("goes", "1.0.0", KEEP_TOKEN, configuration=control())
        device.deploy_ok("one=1.0.0", "none=1.0.0", "goes=1.0.0")
        yield device


def cli_files(device):
    return os.listdir(os.path.join(device.root, "cli_ipc_info"))


def cli_tokens(device):
    """File name -> content."""
    found = {}
    for name in cli_files(device):
        with open(os.path.join(device.root, "cli_ipc_info", name), encoding="utf-8") as f:
            found[name] = json.load(f)
    return found


def accepted(device, token):
    with Raw(device.socket) as raw:
        return raw.connect(token)


def publish(s, topic):
    return s.call("PublishToTopic", topic=topic, publishMessage=json_message({}))


# ---- 1: authentication ----


def test_a_token_has_at_least_80_random_bits_and_is_compared_exactly(device):
    token = token_of(device, "one")
    assert len(token) >= 16 and token != token_of(device, "none")
    assert accepted(device, token)
    for wrong in (token[:-1], token + "x", token.swapcase(), " " + token, token + "\x00"):
        assert not accepted(device, wrong)


def test_a_token_serves_several_connections_at_once(session):
    first, second = session("one"), session("one")
    assert publish(first, "mine/a") == publish(second, "mine/a") == {}


def test_a_token_shown_by_the_process_of_another_component_is_refused(device):
    """SO_PEERCRED: a stolen token is of no use to another component."""
    with open(os.path.join(HERE, "..", "support", "ipc_client.py"), encoding="utf-8") as f:
        client = device.write("client/ipc_client.py", f.read(), 0o755)
    call = shlex.quote(json.dumps([["GetConfiguration", {"keyPath": []}]]))
    device.recipe("thief", "1.0.0", {"startup": f"/usr/bin/python3 {client} {call}\nSVCUID={token_of(device, 'one')} /usr/bin/python3 {client} {call}\nexit 0"})
    device.deploy_ok("thief=1.0.0")
    device.wait_log("thief", "HandshakeError")
    assert device.output("thief") == ["ok", "HandshakeError"]
    device.wait_log("greengrass", "of component thief showed the token of one")


def test_the_user_s_token_is_in_a_file_that_only_the_user_reads(device):
    files = cli_tokens(device)
    assert list(files) == [f"user-{os.geteuid()}"]
    info = files[f"user-{os.geteuid()}"]
    assert set(info) == {"cli_auth_token", "domain_socket_path"} and info["domain_socket_path"] == device.socket
    mode = os.stat(os.path.join(device.root, "cli_ipc_info", f"user-{os.geteuid()}")).st_mode
    assert mode & 0o777 == 0o600


def test_the_command_line_may_use_its_own_operations_and_all_topics_and_nothing_else(device, session):
    with Session(device.socket, cli_tokens(device)[f"user-{os.geteuid()}"]["cli_auth_token"]) as cli:
        assert "components" in cli.call("ListComponents")
        assert cli.call("GetComponentDetails", componentName="one")["componentDetails"]["state"] == "RUNNING"
        sub = cli.subscribe("SubscribeToTopic", topic="mine/+")  # the command line is a component of its own
        publish(session("one"), "mine/x")
        assert sub.event()["jsonMessage"]["context"]["topic"] == "mine/x"
        assert publish(cli, "any/topic") == {}
        me = f"greengrass-cli#user-{os.geteuid()}"
        assert cli.refusal("PauseComponent", componentName="one") == (
            "UnauthorizedError", f"Principal {me} is not authorized to perform {LIFECYCLE}:{P}PauseComponent on resource one")


# ---- 4: decisions and their texts ----


@pytest.mark.parametrize("operation, request_, service, resource", [
    ("PublishToTopic", {"topic": "other", "publishMessage": json_message({})}, PUBSUB, "other"),
    ("SubscribeToTopic", {"topic": "mine"}, PUBSUB, "mine"),
    ("PauseComponent", {"componentName": "none"}, LIFECYCLE, "none"),
    ("ResumeComponent", {"componentName": "none"}, LIFECYCLE, "none"),
    ("GetComponentDetails", {"componentName": "none"}, CLI, "none"),
    ("RestartComponent", {"componentName": "none"}, CLI, "none"),
    ("StopComponent", {"componentName": "none"}, CLI, "none"),
    ("ListComponents", {}, CLI, "*"),
    ("ListLocalDeployments", {}, CLI, "*"),
    ("GetLocalDeploymentStatus", {"deploymentId": "00000000-0000-4000-8000-000000000000"}, CLI, "00000000-0000-4000-8000-000000000000"),
    ("CancelLocalDeployment", {"deploymentId": "00000000-0000-4000-8000-000000000000"}, CLI, "*"),
    ("CreateLocalDeployment", {}, CLI, "*"),
])
def test_a_refusal_names_principal_operation_and_resource(session, operation, request_, service, resource):
    assert session("one").refusal(operation, **request_) == (
        "UnauthorizedError", f"Principal one is not authorized to perform {service}:{P}{operation} on resource {resource}")


@pytest.mark.parametrize("operation", ["PublishToIoTCore", "SubscribeToIoTCore"])
def test_the_cloud_s_topics_are_refused_with_two_words(session, operation):
    assert session("one").refusal(operation, topicName="mine/a", qos="0", payload="") == ("UnauthorizedError", "Not Authorized")


def test_a_caller_without_any_policy_is_refused_even_without_a_resource(session):
    assert session("none").refusal("SubscribeToTopic") == (
        "UnauthorizedError", f"Principal none is not authorized to perform {PUBSUB}:{P}SubscribeToTopic on resource null")
    assert session("one").refusal("SubscribeToTopic")[0] == "InvalidArgumentsError"


# ---- 3.5: changes at run time; these come last ----


def test_a_changed_policy_counts_for_open_connections_at_once_and_leaves_subscriptions_alone(device, session):
    one = session("one")
    sub = one.subscribe("SubscribeToTopic", topic="mine/keeps")
    assert publish(one, "mine/a") == {} and one.refusal("PublishToTopic", topic="new/a", publishMessage=json_message({}))[0] == "UnauthorizedError"
    device.deploy_ok("one=1.0.0", update={"one": {"MERGE": control(resources=["new/*"])}})
    assert publish(one, "new/a") == {}
    assert one.refusal("PublishToTopic", topic="mine/a", publishMessage=json_message({}))[0] == "UnauthorizedError"
    assert one.refusal("SubscribeToTopic", topic="mine/keeps")[0] == "UnauthorizedError"
    publish(session("goes"), "mine/keeps")
    assert sub.event()["jsonMessage"]["context"]["topic"] == "mine/keeps"


def test_a_removed_component_s_connections_and_token_end(device, session):
    token = token_of(device, "goes")
    goes = session("goes")
    sub = goes.subscribe("SubscribeToTopic", topic="t")
    device.deploy_ok(remove=["goes"])
    with pytest.raises(IpcError):
        while True:
            sub.event()
    assert goes.receive() is None and not accepted(device, token)


def test_groups_of_the_command_line_replace_the_user_s_token_at_once(device):
    before = cli_tokens(device)[f"user-{os.geteuid()}"]["cli_auth_token"]
    gid = os.getegid()
    cli = Session(device.socket, before)
    device.create("aws.greengrass.Cli=2.17.0", update={"aws.greengrass.Cli": {"MERGE": {"AuthorizedPosixGroups": f"{gid}, no-such-group"}}})
    wait_until(lambda: cli_files(device) == [f"group-{gid}"], 60, "the group's token")
    path = os.path.join(device.root, "cli_ipc_info", f"group-{gid}")
    wait_until(lambda: os.stat(path).st_mode & 0o777 == 0o640, 60, "the group to be allowed to read it")
    assert os.stat(path).st_gid == gid
    assert not accepted(device, before) and accepted(device, cli_tokens(device)[f"group-{gid}"]["cli_auth_token"])
    device.wait_log("greengrass", "no-such-group")
    cli.close()
