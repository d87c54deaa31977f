"""python/sedge_ipc.py: inside a component and as a command-line user on a real nucleus, and against peers that misbehave."""
import contextlib
import datetime
import json
import os
import socket
import struct
import subprocess
import sys
import threading
import zlib

import pytest

import sedge_ipc
from support.device import temporary_device
from support.folder import temporary_folder
from support.ipc_client import frame

SECONDS = 30  # ample for a loaded machine
POLICY = {"aws.greengrass.ipc.pubsub": {"p:1": {
    "operations": ["aws.greengrass#PublishToTopic", "aws.greengrass#SubscribeToTopic"], "resources": ["py/*"]}}}
# Answers what it is asked, and tells of each change of its configuration.
APP = '''
import sedge_ipc

with sedge_ipc.Client() as ipc:
    def asked(message):
        if isinstance(message.data, bytes):
            ipc.publish("py/answer", message.data[::-1])
        elif message.data.get("do") == "forbidden":
            try:
                ipc.publish("other/topic", {})
            except sedge_ipc.RemoteError as error:
                ipc.publish("py/answer", {"error": error.name})
        elif message.data.get("do") == "remember":
            ipc.update_configuration({"said": message.data["what"]})
            ipc.publish("py/answer", {"said": ipc.get_configuration("said")})
        elif message.data.get("do") == "end":
            ipc.close()

    ipc.subscribe_topic("py/ask/+", asked)
    ipc.subscribe_configuration(["interval"], lambda path: print("changed to", ipc.get_configuration(path), flush=True))
    print("interval is", ipc.get_configuration(["interval"]), flush=True)
    ipc.run()
print("the client is closed", flush=True)
'''


@pytest.fixture(scope="module")
def device(bin_dir, source_dir):
    with temporary_device(bin_dir) as device:
        with open(os.path.join(source_dir, "python", "sedge_ipc.py"), encoding="utf-8") as module:
            device.artifact("py.App", "1.0.0", "sedge_ipc.py", module.read())
        device.artifact("py.App", "1.0.0", "app.py", APP)
        device.recipe("py.App", "1.0.0", "exec /usr/bin/python3 {artifacts:path}/app.py",
                      configuration={"accessControl": POLICY, "interval": 5, "port": {"port": 1}, "deep": {"er": [1, None]}},
                      artifacts=[{"URI": "s3://BUCKET/app.py"}, {"URI": "s3://BUCKET/sedge_ipc.py"}])
        device.deploy_ok("py.App=1.0.0")
        device.wait_log("py.App", "interval is 5", SECONDS)
        yield device


@pytest.fixture
def ipc(device):
    with sedge_ipc.Client(root=device.root, timeout=SECONDS) as client:
        yield client


def ask(ipc, message):
    with ipc.subscribe_topic("py/answer") as answers:
        ipc.publish("py/ask/x", message)
        return answers.get().data


# ---- on a real nucleus ----

def test_a_component_answers_json_with_json_and_bytes_with_bytes(ipc):
    assert ask(ipc, {"do": "remember", "what": "grüße\n"}) == {"said": "grüße\n"}
    assert ask(ipc, bytes(range(256))) == bytes(range(255, -1, -1))
    assert ask(ipc, b"") == b""


def test_what_the_policy_forbids_is_an_exception_with_the_name_of_the_error(ipc):
    assert ask(ipc, {"do": "forbidden"}) == {"error": "UnauthorizedError"}


def test_a_change_of_configuration_reaches_the_component(device):
    device.deploy_ok("py.App=1.0.0", update={"py.App": {"MERGE": {"interval": 9}}})
    device.wait_log("py.App", "changed to 9", SECONDS)


def test_leaves_are_values_and_containers_are_dicts(ipc):
    def get(*path):
        return ipc.get_configuration(path, component="py.App")

    assert get("port") == {"port": 1}
    assert get("port", "port") == 1
    assert get("deep", "er") == [1, None]
    assert set(get()) >= {"accessControl", "interval", "port", "deep"}


def test_an_error_has_name_message_and_members(ipc):
    with pytest.raises(sedge_ipc.RemoteError) as caught:
        ipc.call("GetComponentDetails", componentName="no.such")
    error = caught.value
    assert (error.name, error.message) == ("ResourceNotFoundError", "Component with name no.such not found in Greengrass")
    assert error.members["_errorCode"] == "ResourceNotFoundError"
    assert ipc.call("GetComponentDetails", {"componentName": "py.App"})["componentDetails"]["state"] == "RUNNING"


def test_an_operation_that_does_not_exist_is_the_nucleus_error(ipc):
    with pytest.raises(sedge_ipc.RemoteError, match="NoSuchThing"):
        ipc.call("NoSuchThing")


def test_many_calls_in_flight_are_answered(ipc):
    calls = [ipc.start("aws.greengrass#GetConfiguration", componentName="py.App", keyPath=["port", "port"]) for _ in range(200)]
    assert all(call.result()["value"] == {"port": 1} for call in calls)


def test_an_iterator_gives_all_events_in_order_while_calls_go_on(ipc):
    with ipc.subscribe_topic("py/count") as counts:
        for n in range(300):
            ipc.publish("py/count", {"n": n})
        assert [next(counts).data["n"] for _ in range(300)] == list(range(300))


def test_a_large_message_goes_both_ways(ipc):
    with ipc.subscribe_topic("py/large") as large:
        ipc.publish("py/large", b"x" * 3000000)
        assert large.get().data == b"x" * 3000000


def test_events_that_nobody_reads_are_dropped_oldest_first(ipc, monkeypatch):
    monkeypatch.setattr(sedge_ipc, "KEPT_EVENTS", 10)
    with ipc.subscribe_topic("py/drop") as sub:
        for n in range(15):
            ipc.publish("py/drop", {"n": n})
        ipc.publish("py/other", {})  # its answer comes behind the last event
        assert sub.get().data == {"n": 5}
        assert sub.dropped == 5


def test_callbacks_run_from_dispatch_and_may_call_and_unsubscribe(ipc):
    seen = []

    def first(message):
        seen.append(message.data["n"])
        sub.close()
        ipc.publish("py/second", {"n": 2})

    sub = ipc.subscribe_topic("py/first", first)
    ipc.subscribe_topic("py/second", lambda message: seen.append(message.data["n"]))
    for n in (0, 1):
        ipc.publish("py/first", {"n": n})
    assert seen == []
    while len(seen) < 2:
        ipc.dispatch(SECONDS)
    assert seen == [0, 2]
    assert ipc.dispatch(0) == 0


def test_the_exception_of_a_callback_comes_out_of_dispatch_and_the_rest_follows(ipc):
    seen = []

    def fail(message):
        if message.data["n"] == 0:
            raise RuntimeError("of the callback")
        seen.append(message.data["n"])

    ipc.subscribe_topic("py/fail", fail)
    for n in (0, 1):
        ipc.publish("py/fail", {"n": n})
    with pytest.raises(RuntimeError, match="of the callback"):
        ipc.dispatch(SECONDS)
    ipc.dispatch(SECONDS)
    assert seen == [1]


def test_dispatch_from_a_callback_is_refused(ipc):
    ipc.subscribe_topic("py/again", lambda message: ipc.dispatch(0))
    ipc.publish("py/again", {})
    with pytest.raises(RuntimeError, match="callback"):
        ipc.dispatch(SECONDS)


def test_a_bad_request_is_an_exception_before_anything_is_sent(ipc):
    with pytest.raises(TypeError):
        ipc.publish("py/x", "text")
    with pytest.raises(TypeError):
        ipc.call("GetConfiguration", keyPath={1, 2})
    with pytest.raises(ValueError):
        ipc.call("PublishToTopic", topic="py/x", publishMessage={"jsonMessage": {"message": {"n": float("nan")}}})
    with pytest.raises(sedge_ipc.LimitError):
        ipc.publish("py/x", b"x" * (20 << 20))
    ipc.publish("py/x", {})


def test_times_are_seconds_or_datetime(device):
    device.recipe("py.Clock", "1.0.0", "exec sleep 100000", configuration={"a": 1})
    device.deploy_ok("py.Clock=1.0.0")
    with sedge_ipc.Client(device.socket, device.token("py.Clock")) as ipc:
        with pytest.raises(sedge_ipc.RemoteError) as caught:
            ipc.update_configuration({"a": 2}, timestamp=datetime.datetime(2001, 1, 1, tzinfo=datetime.timezone.utc))
        assert caught.value.name == "FailedUpdateConditionCheckError"
        ipc.update_configuration({"a": 3})
        assert ipc.get_configuration("a") == 3


def test_the_component_ends_by_closing_its_client_in_a_callback(device, ipc):
    ipc.publish("py/ask/x", {"do": "end"})
    device.wait_log("py.App", "the client is closed", SECONDS)


def shell(device, *words, **more):
    return subprocess.run([sys.executable, sedge_ipc.__file__, "--root", device.root, *words], capture_output=True, text=True, timeout=60,
                          **more)


def test_in_a_shell_an_answer_is_a_line_of_json_and_an_error_is_exit_code_1(device):
    done = shell(device, "ListComponents")
    assert done.returncode == 0 and "py.App" in [c["componentName"] for c in json.loads(done.stdout)["components"]]
    done = shell(device, "GetConfiguration", '{"componentName":"no.such"}')
    assert (done.returncode, done.stderr) == (1, "GetConfiguration: ResourceNotFoundError: Key not found\n")


def test_in_a_shell_events_are_lines_of_json(device, ipc):
    words = [sys.executable, sedge_ipc.__file__, "--root", device.root, "SubscribeToTopic", '{"topic":"py/shell"}']
    stop = threading.Event()

    def publish():
        with sedge_ipc.Client(root=device.root) as publisher:
            while not stop.wait(0.05):
                publisher.publish("py/shell", b"\x00\xff")

    thread = threading.Thread(target=publish)
    thread.start()
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert json.loads(process.stdout.readline()) == {"binaryMessage": {"message": "AP8=", "context": {"topic": "py/shell"}}}
        finally:
            stop.set()
            thread.join()
            process.terminate()


def test_a_wrong_token_is_refused(device):
    with pytest.raises(sedge_ipc.RefusedError, match="token"):
        sedge_ipc.Client(device.socket, "nonsense")


def test_where_no_nucleus_runs_it_says_so(tmp_path, monkeypatch):
    with pytest.raises(sedge_ipc.ConnectError, match="nobody answers"):
        sedge_ipc.Client(str(tmp_path / "none"), "x")
    with pytest.raises(sedge_ipc.ConnectError, match="root of a running nucleus"):
        sedge_ipc.Client(root=str(tmp_path))
    monkeypatch.delenv(sedge_ipc.ENV_SOCKET, raising=False)
    with pytest.raises(sedge_ipc.ConnectError, match=sedge_ipc.ENV_SOCKET):
        sedge_ipc.Client()


# ---- peers that misbehave ----

ACK = frame({":message-type": 5, ":message-flags": 1, ":stream-id": 0}, b"{}")


def answer(payload, kind=0, flags=2, stream=1, **more):
    return frame({":message-type": kind, ":message-flags": flags, ":stream-id": stream, **more}, payload)


@contextlib.contextmanager
def peer(*pieces, close=True):
    """A socket that takes one connection, answers the handshake, reads one request, sends the pieces and closes."""
    release = threading.Event()

    def serve():
        connection, _ = server.accept()
        with connection:
            connection.recv(65536)
            connection.sendall(ACK)
            connection.recv(65536)
            for piece in pieces:
                connection.sendall(piece)
            if not close:
                release.wait(60)

    with temporary_folder() as folder, socket.socket(socket.AF_UNIX) as server:
        path = os.path.join(folder, "s")
        server.bind(path)
        server.listen(1)
        thread = threading.Thread(target=serve)
        thread.start()
        client = sedge_ipc.Client(path, "x", timeout=SECONDS)
        try:
            yield client
        finally:
            release.set()
            client.close()
            thread.join()


def prelude(total, headers):
    data = struct.pack(">II", total, headers)
    return data + struct.pack(">I", zlib.crc32(data))


BAD = {
    "garbage": b"HTTP/1.1 400 Bad Request\r\n\r\n",
    "a length of 4 GB": prelude(0xFFFFFFFF, 0),
    "a length under the smallest": prelude(15, 0),
    "headers longer than the frame": prelude(100, 90),
    "a wrong checksum": answer(b"{}")[:-1] + b"\0",
    "no stream": frame({":message-type": 0, ":message-flags": 2}, b"{}"),
    "a type that is text": frame({":message-type": "0", ":message-flags": 2, ":stream-id": 1}, b"{}"),
    "an answer that is no object": answer(b"[]"),
    "an answer that is no JSON": answer(b"\xff{"),
    "a fault of the protocol": frame({":message-type": 6, ":message-flags": 0, ":stream-id": 0}, b'{"message":"bad"}'),
}


@pytest.mark.parametrize("what", BAD)
def test_a_peer_that_sends_nonsense_ends_the_connection_with_an_error(what):
    with peer(BAD[what], close=False) as client:
        with pytest.raises(sedge_ipc.ProtocolError):
            client.call("GetConfiguration")
        with pytest.raises(sedge_ipc.ClosedError):
            client.call("GetConfiguration")


def test_a_peer_that_closes_in_the_middle_of_a_frame_ends_the_call():
    with peer(answer(b'{"a":1}')[:-5]) as client:
        with pytest.raises(sedge_ipc.ClosedError, match="closed"):
            client.call("GetConfiguration")


def test_an_answer_in_single_bytes_is_put_together():
    with peer(*(bytes([byte]) for byte in answer(b'{"value":{"a":1}}')), close=False) as client:
        assert client.call("GetConfiguration") == {"value": {"a": 1}}


def test_without_an_answer_a_call_times_out():
    with peer(close=False) as client:
        with pytest.raises(sedge_ipc.CallTimeout):
            client.call("GetConfiguration", timeout=0.05)


def test_headers_of_every_type_are_skipped():
    block = b"".join(bytes([1]) + b"x" + bytes([kind]) + value for kind, value in {
        0: b"", 1: b"", 2: b"\1", 3: b"\1\2", 5: b"\0" * 8, 6: b"\0\2ab", 8: b"\0" * 8, 9: b"\0" * 16}.items())
    plain = answer(b"{}")
    size = struct.unpack(">I", plain[4:8])[0]
    data = prelude(len(plain) + len(block), size + len(block)) + block + plain[12:-4]
    with peer(data + struct.pack(">I", zlib.crc32(data)), close=False) as client:
        assert client.call("GetConfiguration") == {}


def test_an_error_without_a_shape_is_named_by_its_code_and_a_plain_text_is_kept():
    with peer(answer(b'{"_errorCode":"ConflictError","_message":"no"}', kind=1), close=False) as client:
        with pytest.raises(sedge_ipc.RemoteError) as caught:
            client.call("UpdateThingShadow")
        assert (caught.value.name, caught.value.message) == ("ConflictError", "no")
    with peer(answer(b"InternalServerError", kind=1), close=False) as client:
        with pytest.raises(sedge_ipc.RemoteError, match="ServiceError: InternalServerError"):
            client.call("GetConfiguration")


def test_a_subscription_ends_with_the_server_s_error_and_the_connection_goes_on():
    ended = []
    with peer(answer(b"{}", flags=0), answer(b'{"n":1}', flags=0), answer(b'{"message":"gone","_errorCode":"ServiceError"}', kind=1),
              close=False) as client:
        events = client.subscribe("SubscribeToComponentUpdates", on_event=ended.append, on_end=ended.append)
        while len(ended) < 2:
            client.dispatch(SECONDS)
        assert ended[0] == {"n": 1} and ended[1].message == "gone"
        with pytest.raises(sedge_ipc.RemoteError, match="gone"):
            events.get()


def test_an_end_without_an_error_ends_the_iteration():
    with peer(answer(b"{}", flags=0), answer(b'{"n":1}', flags=0), answer(b"", flags=2), close=False) as client:
        assert list(client.subscribe("SubscribeToComponentUpdates")) == [{"n": 1}]


def test_a_connection_that_breaks_is_told_to_subscriptions_first_and_to_dispatch_last():
    ended = []
    with peer(answer(b"{}", flags=0)) as client:
        client.subscribe("SubscribeToTopic", on_end=ended.append)
        with pytest.raises(sedge_ipc.ClosedError):
            client.run()
        assert isinstance(ended[0], sedge_ipc.ClosedError) and len(ended) == 1


def test_a_ping_is_answered():
    with peer(frame({":message-type": 2, ":message-flags": 0, ":stream-id": 0}, b"{}"), answer(b"{}"), close=False) as client:
        assert client.call("GetConfiguration") == {}
