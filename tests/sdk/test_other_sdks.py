"""What the official SDKs that are not on npm do differently on the wire (ipc-wire.md 2.4, 5, 9, 10), against a real nucleus: frames
built as each of them builds them, and every request of the recorded frames."""
import glob
import json
import os

import pytest

from local import wait_until
from support.device import temporary_device
from support.ipc_client import frame

HERE = os.path.dirname(os.path.abspath(__file__))
NAME = "com.x.Replay"
SERVICES = {"ipc.pubsub": ["PublishToTopic", "SubscribeToTopic"], "ipc.mqttproxy": ["*"], "ipc.lifecycle": ["*"]}
ACCESS = {f"aws.greengrass.{service}": {f"{NAME}:{service}:1": {
    "operations": [o if o == "*" else f"aws.greengrass#{o}" for o in operations], "resources": ["*"]}}
    for service, operations in SERVICES.items()}
SPACED, TIGHT = '{"authToken": "%s"}', '{"authToken":"%s"}'  # Python; the others


def request(sdk, operation, payload, stream=1):
    """The first frame of a stream, with the headers of an SDK in its order."""
    full = f"aws.greengrass#{operation}"
    core = [(":message-type", 0), (":message-flags", 0), (":stream-id", stream), ("operation", full)]
    model = {"js": None, "python": f"{full}Request", "java": f"{full}Request", "cpp": full, "c": f"{full}Request",
             "c, wrong shape": f"{full}Response"}[sdk]
    if sdk in ("python", "java", "cpp"):
        core = [(":content-type", "application/json"), ("service-model-type", model), *core]
    elif model:
        core.append(("service-model-type", model))
    return frame(core, payload if isinstance(payload, bytes) else payload.encode()).hex()


SDKS = ("js", "python", "java", "cpp", "c", "c, wrong shape")
TYPES = [("b-true", b"\x00"), ("b-false", b"\x01"), ("byte", b"\x02\x80"), ("short", b"\x03\x7f\xff"), ("int", 5),
         ("long", b"\x05" + bytes(8)), ("bytes", b"\x06\x00\x02\x00\xff"), ("text", "t"), ("time", b"\x08" + bytes(8)),
         ("uuid", b"\x09" + bytes(16))]
GET = '{"keyPath":["given"]}'
CORE = [(":message-type", 0), (":message-flags", 0), (":stream-id", 1), ("operation", "aws.greengrass#GetConfiguration")]
# name -> headers of a GetConfiguration
HEADERS = {
    "further headers of all ten types": [*TYPES, *CORE],
    "names in capitals": [(name.upper(), value) for name, value in CORE],
    "the first of two equal names": [*CORE, ("operation", "aws.greengrass#NoSuchOperation")],
    "a content type with a charset": [*CORE, (":content-type", "application/json; charset=utf-8")],
    "the shape of another operation": [*CORE, ("service-model-type", "aws.greengrass#UpdateStateRequest")],
}
TIMES = {"js": "1700000000.123", "js, whole second": "1700000000", "python": "1795178825.207022", "cpp": "1700000000.123",
         "c, none given": "0.0000000000000000", "java": "1.700000000123E9"}
# name -> (publishMessage as sent, event without context)
MESSAGES = {
    "python escapes": ('{"jsonMessage":{"message":{"t":"\\u00b0C \\ud83d\\ude00"}}}', {"jsonMessage": {"message": {"t": "°C 😀"}}}),
    "cpp raw UTF-8": ('{"jsonMessage":{"message":{"t":"°C 😀"}}}', {"jsonMessage": {"message": {"t": "°C 😀"}}}),
    "python spaces": ('{ "jsonMessage" : { "message" : { "a" : 1 } } }', {"jsonMessage": {"message": {"a": 1}}}),
    "js empty blob": ('{"binaryMessage":{"message":""}}', {"binaryMessage": {"message": ""}}),
    "cpp empty blob, left out": ('{"binaryMessage":{}}', {"binaryMessage": {"message": ""}}),
    "a context of its own": ('{"jsonMessage":{"context":{"topic":"x"},"message":{}}}', {"jsonMessage": {"message": {}}}),
    "null for the other member": ('{"binaryMessage":{"message":"aGk="},"jsonMessage":null}', {"binaryMessage": {"message": "aGk="}}),
    "a document with null": ('{"jsonMessage":{"message":{"n":null,"big":9007199254740993}}}',
                             {"jsonMessage": {"message": {"n": None, "big": 9007199254740993}}}),
}


def publish_job(name, message):
    topic = f"t/{name}"
    return {"name": name, "connect": TIGHT, "wait": 3, "send": [
        request("cpp", "SubscribeToTopic", json.dumps({"topic": topic})),
        request("cpp", "PublishToTopic", f'{{"topic":{json.dumps(topic)},"publishMessage":{message}}}', 2)]}


def time_job(sdk, time):
    key = f"at {sdk}"
    update = f'{{"keyPath":[],"timestamp":{time},"valueToMerge":{{"{key}":{{"v":1}}}}}}'
    if sdk.startswith("c,"):  # without keyPath
        update = update.replace('"keyPath":[],', "")
    else:  # a container that is not there takes any time
        update = update.replace("[]", f'["times","{key}"]')
    return {"name": f"time {sdk}", "connect": TIGHT, "wait": 1, "send": [request("python", "UpdateConfiguration", update)]}


def own_jobs():
    jobs = [{"name": f"get {sdk}", "connect": SPACED if sdk == "python" else TIGHT, "wait": 1,
             "send": [request(sdk, "GetConfiguration", GET)]} for sdk in SDKS]
    jobs += [{"name": name, "connect": TIGHT, "wait": 1, "send": [frame(headers, GET.encode()).hex()]} for name, headers in HEADERS.items()]
    jobs += [time_job(sdk, time) for sdk, time in TIMES.items()]
    jobs += [publish_job(name, sent) for name, (sent, _) in MESSAGES.items()]
    jobs.append({"name": "no payload", "connect": TIGHT, "wait": 1, "send": [request("c", "GetConfiguration", b"")]})
    jobs.append({"name": "gaps", "connect": TIGHT, "wait": 3,
                 "send": [request("c", "GetConfiguration", GET, stream) for stream in (1, 5, 9)]})
    jobs.append({"name": "ping", "connect": TIGHT, "wait": 1, "send": [
        frame([("mark", "m"), (":message-type", 2), (":message-flags", 0), (":stream-id", 0)], b"payload").hex()]})
    return jobs


def vector_jobs():
    """Recorded requests, but for those that would end this component."""
    jobs = []
    for path in sorted(glob.glob(os.path.join(HERE, "..", "..", "..", "shared", "spec", "vectors", "[0-9]*.json"))):
        with open(path, encoding="utf-8") as f:
            vector = json.load(f)
        if vector["direction"] == "client-to-server" and vector.get("operation") and not vector["flags"] and \
                "ERRORED" not in (vector.get("payloadText") or ""):
            jobs.append({"name": os.path.basename(path)[:-5], "connect": TIGHT, "wait": 1, "send": [vector["hex"]],
                         "operation": vector["operation"]})
    return jobs


VECTORS = vector_jobs()


def copy(device, path):
    """To a place that the components' user can read."""
    with open(os.path.join(HERE, "..", path), "rb") as f:
        return device.write(path, f.read())


@pytest.fixture(scope="module")
def answers(bin_dir):
    """Name of a job -> its frames, (headers, payload as an object or text)."""
    with temporary_device(bin_dir) as device:
        jobs = device.write("jobs.json", json.dumps(own_jobs() + VECTORS))
        program, *_ = [copy(device, path) for path in ("sdk/replay.py", "support/__init__.py", "support/ipc_client.py")]
        device.recipe(NAME, "1.0.0", f'exec /usr/bin/python3 {program} {jobs} "$PWD/answers"',
                      configuration={"accessControl": ACCESS, "given": {"n": 7}})
        device.deploy_ok(f"{NAME}=1.0.0")
        path = os.path.join(device.root, "work", NAME, "answers")
        wait_until(lambda: ended(path) or device.state(NAME) == "BROKEN", 120, "the replay to end")
        with open(path, encoding="utf-8") as f:
            lines = [json.loads(line) for line in f]
        yield {line["name"]: line for line in lines[:-1]}


def ended(path):
    try:
        with open(path, encoding="utf-8") as f:
            return '"end"' in f.read()
    except FileNotFoundError:
        return False


def frames_of(answers, name):
    answer = answers[name]
    assert answer["frames"], answer
    return [(headers, json.loads(payload)) for headers, payload in answer["frames"]]


def check_get(headers, payload, stream=1):
    assert payload == {"componentName": NAME, "value": {"n": 7}}
    assert headers == {":content-type": "application/json", "service-model-type": "aws.greengrass#GetConfigurationResponse",
                       ":message-type": 0, ":message-flags": 2, ":stream-id": stream}


@pytest.mark.parametrize("sdk", SDKS)
def test_a_request_with_the_headers_of_an_sdk_is_answered(sdk, answers):
    check_get(*frames_of(answers, f"get {sdk}")[0])


@pytest.mark.parametrize("name", HEADERS)
def test_odd_headers_do_not_matter(name, answers):
    check_get(*frames_of(answers, name)[0])


@pytest.mark.parametrize("sdk", TIMES)
def test_a_time_in_the_form_of_an_sdk_is_taken(sdk, answers):
    (headers, payload), = frames_of(answers, f"time {sdk}")
    assert (headers["service-model-type"], payload) == ("aws.greengrass#UpdateConfigurationResponse", {})


@pytest.mark.parametrize("name", MESSAGES)
def test_a_message_in_the_form_of_an_sdk_arrives(name, answers):
    frames = frames_of(answers, name)
    (event,) = [payload for headers, payload in frames if headers["service-model-type"].endswith("#SubscriptionResponseMessage")]
    ((kind, body),) = event.items()
    assert body.pop("context") == {"topic": f"t/{name}"}
    assert {kind: body} == MESSAGES[name][1]


def test_no_payload_counts_as_an_empty_object(answers):
    (headers, payload), = frames_of(answers, "no payload")
    assert headers["service-model-type"] == "aws.greengrass#GetConfigurationResponse" and payload["value"]["given"] == {"n": 7}


def test_gaps_in_the_numbers_of_streams_do_not_matter(answers):
    for stream, (headers, payload) in zip((1, 5, 9), frames_of(answers, "gaps")):
        check_get(headers, payload, stream)


def test_a_ping_is_answered_with_its_payload_and_headers(answers):
    ((headers, payload),) = answers["ping"]["frames"]
    assert (headers, payload) == ({"mark": "m", ":message-type": 3, ":message-flags": 0, ":stream-id": 0}, "payload")


def test_every_recorded_request_is_understood(answers, shared_dir):
    assert len(VECTORS) > 80
    for job in VECTORS:
        (headers, payload), = frames_of(answers, job["name"])
        assert headers[":content-type"] == "application/json", job["name"]
        if headers[":message-type"] == 0:
            assert headers["service-model-type"] == job["operation"] + "Response", job["name"]
            continue
        assert headers[":message-type"] == 1 and headers[":message-flags"] == 2, job["name"]
        assert payload["message"] == payload["_message"] and payload["_service"] == "aws.greengrass#GreengrassCoreIPC", job["name"]
        assert headers["service-model-type"] == f"aws.greengrass#{payload['_errorCode']}", job["name"]
        assert "wrong type" not in payload["message"] and "request:" not in payload["message"], (job["name"], payload)
