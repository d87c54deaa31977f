"""Local shadows (ipc-operations.md 10), by frames on the socket, on a real nucleus."""
import base64
import json
import threading

import pytest

from local import wait_until
from support.device import temporary_device
from support.ipc_client import Ipc, IpcError

SHADOW = "aws.greengrass.ShadowManager"
OPERATIONS = ["GetThingShadow", "UpdateThingShadow", "DeleteThingShadow", "ListNamedShadowsForThing"]
POLICY = {
    SHADOW: {"keeper:shadow:1": {"operations": [f"aws.greengrass#{name}" for name in OPERATIONS],
                                 "resources": ["$aws/things/cam*", "cam*", "$aws/things/busy*", "busy*"]}},
    "aws.greengrass.ipc.pubsub": {"keeper:pubsub:1": {"operations": ["aws.greengrass#SubscribeToTopic"],
                                                      "resources": ["$aws/things/*"]}}}
FOREVER = "exec sleep 100000"


@pytest.fixture(scope="module")
def device(bin_dir):
    with temporary_device(bin_dir) as device:
        device.recipe("keeper", "1.0.0", FOREVER, configuration={"accessControl": POLICY}, depends={SHADOW: ">=2.0.0"})
        device.recipe("second", "1.0.0", FOREVER, configuration={"accessControl": {SHADOW: {"second:1": {
            "operations": ["*"], "resources": ["*"]}}}})
        device.recipe("nobody", "1.0.0", FOREVER)
        device.deploy_ok(f"{SHADOW}=2.3.10", "keeper=1.0.0", "second=1.0.0", "nobody=1.0.0", update={SHADOW: {"MERGE": {"rateLimits": {
            "maxLocalRequestsPerSecondPerThing": 1000, "maxTotalLocalRequestsRate": 1000}}}})
        yield device


def connect(device, name):
    return Shadows(device.socket, device.token(name))


class Shadows(Ipc):
    """Documents instead of blobs."""

    def get(self, thing, name=""):
        return json.loads(base64.b64decode(self.call("GetThingShadow", thingName=thing, shadowName=name)["payload"]))

    def update(self, thing, document, name=""):
        blob = base64.b64encode(document if isinstance(document, bytes) else json.dumps(document).encode()).decode()
        return json.loads(base64.b64decode(self.call("UpdateThingShadow", thingName=thing, shadowName=name, payload=blob)["payload"]))

    def delete(self, thing, name=""):
        return self.call("DeleteThingShadow", thingName=thing, shadowName=name)

    def list(self, thing, **more):
        return self.call("ListNamedShadowsForThing", thingName=thing, **more)

    def subscribe(self, topic):
        """Binary messages that follow, with receive_message."""
        self.call("SubscribeToTopic", topic=topic)
        return self

    def message(self):
        _, payload = self._receive()
        event = json.loads(payload)["binaryMessage"]
        return event["context"]["topic"], json.loads(base64.b64decode(event["message"]))


@pytest.fixture
def keeper(device):
    with connect(device, "keeper") as ipc:
        yield ipc


def refused(code, message, function, *args, **more):
    with pytest.raises(IpcError) as error:
        function(*args, **more)
    assert error.value.code == code and error.value.message.startswith(message), str(error.value)


def test_the_shadow_manager_is_part_of_the_nucleus(device):
    assert device.components()[SHADOW]["version"] == "2.3.10" and device.state(SHADOW) == "RUNNING"


def test_a_shadow_is_made_read_updated_and_deleted(keeper):
    first = keeper.update("cam-1", {"state": {"desired": {"mode": "day", "fps": 5}}, "clientToken": "t1"})
    assert first["version"] == 1 and first["clientToken"] == "t1" and first["state"] == {"desired": {"mode": "day", "fps": 5}}
    assert set(first["metadata"]["desired"]) == {"mode", "fps"} and isinstance(first["timestamp"], int)
    second = keeper.update("cam-1", {"state": {"desired": {"fps": None}, "reported": {"mode": "night"}}, "version": 1})
    assert second["version"] == 2 and "clientToken" not in second
    document = keeper.get("cam-1")
    assert document["state"] == {"desired": {"mode": "day"}, "reported": {"mode": "night"}, "delta": {"mode": "day"}}
    assert document["version"] == 2 and document["metadata"]["reported"]["mode"]["timestamp"] > 1.6e9
    assert keeper.delete("cam-1") == {"payload": ""}
    refused("ResourceNotFoundError", "No shadow found", keeper.get, "cam-1")
    refused("ResourceNotFoundError", "No shadow found", keeper.delete, "cam-1")
    assert keeper.update("cam-1", {"state": {}})["version"] == 3  # it goes on


def test_a_named_shadow_and_the_classic_one_are_two(keeper):
    keeper.update("cam-2", {"state": {"desired": {"a": 1}}})
    keeper.update("cam-2", {"state": {"desired": {"b": 2}}}, "conf")
    assert keeper.get("cam-2")["state"]["desired"] == {"a": 1}
    assert keeper.get("cam-2", "conf")["state"]["desired"] == {"b": 2}


@pytest.mark.parametrize("document, code, message", [
    (b"", "InvalidArgumentsError", "Missing update payload"),
    (b"{", "InvalidArgumentsError", "Invalid JSON: "),
    ({}, "InvalidArgumentsError", "Invalid JSON: "),
    ({"state": {"wanted": {}}}, "InvalidArgumentsError", "Invalid JSON: "),
    ({"state": {"desired": {"a": {"b": {"c": {"d": {"e": {"f": {"g": 1}}}}}}}}}, "InvalidArgumentsError",
     "JSON contains too many levels of nesting; maximum is 6"),
    ({"state": {"desired": {"a": "x" * 8192}}}, "InvalidArgumentsError", "The payload exceeds the maximum size allowed"),
    ({"state": {}, "version": 7}, "ConflictError", "Version conflict"),
], ids=["empty", "broken", "without state", "other part", "deep", "large", "version"])
def test_a_bad_update_is_refused_with_its_text(keeper, document, code, message):
    if code == "ConflictError":
        keeper.update("cam-3", {"state": {}}, "conflict")
        refused(code, message, keeper.update, "cam-3", document, "conflict")
        return
    refused(code, message, keeper.update, "cam-3", document, "never")
    refused("ResourceNotFoundError", "No shadow found", keeper.get, "cam-3", "never")


def test_a_new_shadow_with_another_version_than_1_is_refused(keeper):
    refused("InvalidArgumentsError", "Invalid version", keeper.update, "cam-4", {"state": {}, "version": 2})


@pytest.mark.parametrize("thing, name, message", [
    ("", "", "ThingName is missing"), ("c" * 129, "", "ThingName has a maximum length of 128"),
    ("a/b", "", "ThingName must match pattern [a-zA-Z0-9:_-]+"), ("cam", "n" * 65, "ShadowName has a maximum length of 64"),
    ("cam", "a b", "ShadowName must match pattern [a-zA-Z0-9:_-]+")])
def test_a_bad_name_is_refused_before_anything_else(device, thing, name, message):
    with connect(device, "nobody") as nobody:
        refused("InvalidArgumentsError", message, nobody.get, thing, name)
        refused("InvalidArgumentsError", message, nobody.delete, thing, name)
        refused("InvalidArgumentsError", message, nobody.update, thing, b"", name)
        if not name:
            refused("InvalidArgumentsError", message, nobody.list, thing)


def test_without_permission_every_operation_is_refused(device, keeper):
    with connect(device, "nobody") as nobody:
        refused("InvalidArgumentsError", "Missing update payload", nobody.update, "cam-1", b"")  # before the permission
        for call, resource in ((lambda: nobody.get("cam-1"), "$aws/things/cam-1/shadow"),
                               (lambda: nobody.update("cam-1", {"state": {}}, "n"), "$aws/things/cam-1/shadow/name/n"),
                               (lambda: nobody.delete("cam-1"), "$aws/things/cam-1/shadow"),
                               (lambda: nobody.list("cam-1", pageSize=0), "cam-1")):
            with pytest.raises(IpcError) as error:
                call()
            assert error.value.code == "UnauthorizedError" and resource in error.value.message
    refused("UnauthorizedError", "", keeper.get, "other")


def test_names_come_in_pages(device, keeper):
    assert keeper.list("cam-none")["results"] == []
    for n in range(5):
        keeper.update("cam-5", {"state": {}}, f"n{n}")
    keeper.update("cam-5", {"state": {}})
    keeper.delete("cam-5", "n3")
    first = keeper.list("cam-5", pageSize=2)
    assert first["results"] == ["n0", "n1"] and isinstance(first["timestamp"], float)
    second = keeper.list("cam-5", pageSize=2, nextToken=first["nextToken"])
    assert second["results"] == ["n2", "n4"]
    assert keeper.list("cam-5", pageSize=2, nextToken=second["nextToken"])["results"] == []
    assert "nextToken" not in keeper.list("cam-5")
    for size in (0, 101, -1):
        refused("InvalidArgumentsError", "pageSize argument must be between 1 and 100", keeper.list, "cam-5", pageSize=size)
    for token in ("", "x", "bm9uc2Vuc2Ugb2YgbXkgb3du", first["nextToken"][:-4]):
        refused("InvalidArgumentsError", "Invalid nextToken argument", keeper.list, "cam-5", nextToken=token)
    refused("InvalidArgumentsError", "Invalid nextToken argument", keeper.list, "cam-6", nextToken=first["nextToken"])
    with connect(device, "second") as second:
        refused("InvalidArgumentsError", "Invalid nextToken argument", second.list, "cam-5", nextToken=first["nextToken"])


def test_subscribers_get_what_happens(device, keeper):
    p = "$aws/things/cam-7/shadow/name/conf"
    with connect(device, "keeper") as listener:
        listener.subscribe(f"{p}/#")
        answer = keeper.update("cam-7", {"state": {"desired": {"a": 1}, "reported": {"b": 1}}, "clientToken": "t"}, "conf")
        assert listener.message() == (f"{p}/update/accepted", answer)
        topic, delta = listener.message()
        assert topic == f"{p}/update/delta" and delta["state"] == {"a": 1} and delta["version"] == 1
        assert set(delta["metadata"]) == {"a"} and delta["clientToken"] == "t"
        topic, documents = listener.message()
        assert topic == f"{p}/update/documents" and "previous" not in documents and documents["current"]["version"] == 1
        keeper.update("cam-7", {"state": {"reported": {"a": 1}}}, "conf")
        assert listener.message()[0] == f"{p}/update/accepted"
        topic, documents = listener.message()  # no delta any more
        assert topic == f"{p}/update/documents"
        assert documents["previous"]["state"]["reported"] == {"b": 1}
        assert documents["current"]["state"]["reported"] == {"b": 1, "a": 1}
        assert (f"{p}/get/accepted", keeper.get("cam-7", "conf")) == listener.message()
        keeper.delete("cam-7", "conf")
        topic, gone = listener.message()
        assert topic == f"{p}/delete/accepted" and gone["version"] == 2


@pytest.mark.parametrize("act, suffix, code", [
    (lambda s: s.update("cam-8", {"state": 1, "clientToken": "t"}, "r"), "update", 400),
    (lambda s: s.update("cam-8", b"", "r"), "update", 400),
    (lambda s: s.update("cam-8", {"state": {"desired": {"a": "x" * 9000}}, "clientToken": "t"}, "r"), "update", 413),
    (lambda s: s.get("cam-8", "r"), "get", 404),
    (lambda s: s.delete("cam-8", "r"), "delete", 404)])
def test_subscribers_get_what_is_refused(device, keeper, act, suffix, code):
    with connect(device, "keeper") as listener:
        listener.subscribe("$aws/things/cam-8/shadow/name/r/+/rejected")
        with pytest.raises(IpcError) as error:
            act(keeper)
        topic, document = listener.message()
        assert topic == f"$aws/things/cam-8/shadow/name/r/{suffix}/rejected"
        assert (document["code"], document["message"]) == (code, error.value.message) and document["timestamp"] > 1.6e9


def test_subscribers_get_who_was_not_permitted(device):
    with connect(device, "keeper") as listener, connect(device, "nobody") as nobody:
        listener.subscribe("$aws/things/cam-9/shadow/get/rejected")
        refused("UnauthorizedError", "", nobody.get, "cam-9")
        assert listener.message()[1]["code"] == 401


def test_the_configuration_is_live_and_limits_requests(device, keeper):
    def limit(per_thing, size):
        device.deploy_ok(f"{SHADOW}=2.3.10", update={SHADOW: {"MERGE": {"rateLimits": {"maxLocalRequestsPerSecondPerThing": per_thing},
                                                    "shadowDocumentSizeLimitBytes": size}}})

    def busy():
        try:
            keeper.list("busy-1")
        except IpcError as error:
            return (error.code, error.message) == ("ServiceError", "Too Many Requests")

    limit(1, 30720)
    try:
        wait_until(busy, 20, "too many requests", step=0)
        keeper.update("cam-10", {"state": {"desired": {"a": "x" * 30000}}})  # another thing
    finally:
        limit(1000, 8192)


def test_a_deployment_with_a_bad_configuration_fails(device):
    text, _ = device.deploy_failing(f"{SHADOW}=2.3.10", update={SHADOW: {"MERGE": {"shadowDocumentSizeLimitBytes": 99999}}})
    assert f"{SHADOW}: shadowDocumentSizeLimitBytes: expected an integer in 1..30720, got 99999" in text


def test_what_was_answered_survives_a_kill(device):
    answered, stop = {}, threading.Event()

    def write(n):
        thing = f"cam-k{n}"
        try:
            with connect(device, "keeper") as ipc:
                while not stop.is_set():
                    version = ipc.update(thing, {"state": {"reported": {"n": answered.get(thing, 0) + 1}}})["version"]
                    answered[thing] = version
        except (IpcError, OSError):
            pass  # the nucleus was killed

    writers = [threading.Thread(target=write, args=(n,)) for n in range(4)]
    for writer in writers:
        writer.start()
    wait_until(lambda: len(answered) == 4 and min(answered.values()) >= 5, 30, "some updates of each")
    device.kill()
    stop.set()
    for writer in writers:
        writer.join()
    device.start()
    with connect(device, "keeper") as ipc:
        for thing, version in answered.items():
            document = ipc.get(thing)  # the one that was under way may be there, too
            assert document["version"] in (version, version + 1) and document["state"]["reported"]["n"] == document["version"]
