"""ipc-wire.md on a real nucleus, byte by byte. Each test leaves another connection that still works."""
import contextlib
import json
import os
import socket
import stat
import struct
import zlib

import pytest

from local import wait_until
from support.ipc_client import APPLICATION, CONNECT, CONNECT_ACK, ERROR, TERMINATE, frame
from support.ipc_raw import INTERNAL_ERROR, KEEP_TOKEN, PING, PING_RESPONSE, PREFIX, PROTOCOL_ERROR, Raw, Session, json_message, token_of
from support.lifecycle import watched_device

EVERYTHING = {"accessControl": {"aws.greengrass.ipc.pubsub": {"p": {"operations": ["*"], "resources": ["*"]}}}}
ACCEPTED = bytes.fromhex("0000004700000037374cfe3f0d3a6d6573736167652d74797065040000000" "50e3a6d6573736167652d666c61677304000000010a3a73747265616d2d6964"
                         "0400000000e237e27d")


@pytest.fixture(scope="module")
def device(bin_dir):
    with watched_device(bin_dir) as device:
        device.recipe("one", "1.0.0", KEEP_TOKEN, configuration={**EVERYTHING, "n": 7})
        device.deploy_ok("one=1.0.0")
        yield device


@pytest.fixture
def token(device):
    return token_of(device, "one")


@pytest.fixture
def session(device, token):
    """A connection of the component; another one must still work when the test is over."""
    with Session(device.socket, token) as other:
        sub = other.subscribe("SubscribeToTopic", topic="still")
        with Session(device.socket, token) as s:
            yield s
        assert other.call("PublishToTopic", topic="still", publishMessage=json_message({})) == {}
        sub.event()


def get(s, **more):
    return s.call("GetConfiguration", keyPath=["n"], **more)


def connect_frame(token, **headers):
    return frame({":message-type": CONNECT, ":message-flags": 0, ":stream-id": 0, ":version": "0.1.0", **headers},
                 json.dumps({"authToken": token}).encode())


def ends_with(raw, kind):
    """One frame of that kind on stream 0, then the end."""
    last = raw.receive()
    assert last is not None and (last.kind, last.flags, last.stream) == (kind, 0, 0), last and last.headers
    assert last.headers[":content-type"] == "application/json" and list(last.json()) == ["message"]
    assert raw.receive() is None


# ---- 1: the socket ----


def test_the_socket_is_open_to_every_user(device):
    mode = os.stat(device.socket).st_mode
    assert stat.S_ISSOCK(mode) and stat.S_IMODE(mode) == 0o666


def test_frames_may_arrive_in_any_pieces(device, token):
    with Raw(device.socket) as raw:
        for byte in connect_frame(token):
            raw.send(bytes([byte]))
        assert raw.receive().flags == 1
        calls = b"".join(frame({":message-type": 0, ":message-flags": 0, ":stream-id": n, "operation": PREFIX + "GetConfiguration"}, b'{"keyPath":["n"]}')
                         for n in range(1, 6))
        raw.send(calls[:100])
        raw.send(calls[100:])
        assert [raw.receive().stream for _ in range(5)] == [1, 2, 3, 4, 5]


def test_frames_before_a_half_close_are_answered_and_then_the_connection_is_over(session):
    first, second = session.open("GetConfiguration", {"keyPath": ["n"]}), session.open("GetConfiguration", {"keyPath": ["n"]})
    session.socket.shutdown(socket.SHUT_WR)
    assert session.answer(first).json()["value"] == session.answer(second).json()["value"] == {"n": 7}
    assert session.receive() is None


# ---- 2.2, 2.3: headers ----


def header(name, kind, value=b""):
    return bytes([len(name)]) + name.encode() + bytes([kind]) + value


def raw_frame(block, payload=b""):
    prelude = struct.pack(">II", 16 + len(block) + len(payload), len(block))
    body = prelude + struct.pack(">I", zlib.crc32(prelude)) + block + payload
    return body + struct.pack(">I", zlib.crc32(body))


BASE = header(":message-type", 4, b"\0\0\0\0") + header(":message-flags", 4, b"\0\0\0\0") + header(":stream-id", 4, b"\0\0\0\1")


def operation(name):
    return header("operation", 7, struct.pack(">H", len(name)) + name.encode())


def test_headers_of_all_ten_types_unknown_ones_and_any_order_and_case_are_fine(session):
    every = b"".join(header(f"x-{kind}", kind, value) for kind, value in enumerate([b"", b"", b"1", b"12", b"1234", b"12345678", b"\0\2ab", b"\0\1z",
                                                                                    b"12345678", b"0123456789abcdef"]))
    base = BASE.replace(b":message-type", b":MESSAGE-Type").replace(b":stream-id", b":Stream-ID")
    session.send(raw_frame(every + operation(PREFIX + "GetConfiguration").replace(b"operation", b"Operation") + base + header(":stream-id", 4, b"\0\0\0\7"),
                           b'{"keyPath":["n"]}'))
    answer = session.receive()
    assert (answer.stream, answer.json()["value"]) == (1, {"n": 7})  # the first of duplicates counts


@pytest.mark.parametrize("block", [
    BASE[:-15], BASE[len(header(":message-type", 4, b"1234")):], BASE.replace(header(":message-flags", 4, b"\0\0\0\0"), b""),
    BASE.replace(header(":message-type", 4, b"\0\0\0\0"), header(":message-type", 5, b"\0" * 8)),
    BASE.replace(header(":stream-id", 4, b"\0\0\0\1"), header(":stream-id", 7, b"\0\1" + b"1")),
], ids=["no stream id", "no type", "no flags", "type as int64", "stream id as text"])
def test_a_mandatory_header_that_is_missing_or_mistyped_is_a_protocol_error(session, block):
    session.send(raw_frame(block + operation(PREFIX + "GetConfiguration"), b"{}"))
    ends_with(session, PROTOCOL_ERROR)


@pytest.mark.parametrize("block", [BASE + b"\0", BASE + header("x", 10), BASE + header("x", 7, b"\xff\xff"), BASE + header("x", 7, b"\x80\x00" + b"a" * 0x8000),
                                   BASE + b"\x09op", BASE + header("x", 4, b"12"), BASE + header("x", 0) * 1022],
                         ids=["no name", "type 10", "runs over", "long value", "name runs over", "short int", "1025 headers"])
def test_a_malformed_header_block_closes_without_a_frame(session, block):
    session.send(raw_frame(block, b"{}"))
    assert session.receive() is None


# ---- 4: handshake ----


def test_the_acknowledgement_has_the_71_bytes_of_the_specification(device, token):
    with Raw(device.socket) as raw:
        raw.send(connect_frame(token))
        raw.socket.shutdown(socket.SHUT_WR)
        assert raw._read(71) == ACCEPTED and raw.receive() is None


def test_unknown_members_of_a_connect_and_requests_right_behind_it_are_fine(device, token):
    with Raw(device.socket) as raw:
        raw.message(CONNECT, 0, 0, json.dumps({"x": [1], "authToken": token}).encode(), __version="0.1.0")
        raw.message(APPLICATION, 0, 1, b'{"keyPath":["n"]}', operation=PREFIX + "GetConfiguration")
        assert raw.receive().flags == 1 and raw.receive().json()["value"] == {"n": 7}


@pytest.mark.parametrize("kind, stream", [(APPLICATION, 1), (PING, 0), (PING_RESPONSE, 0), (CONNECT_ACK, 0), (PROTOCOL_ERROR, 0), (CONNECT, 1), (99, 0)])
def test_anything_but_a_connect_before_the_handshake_is_a_protocol_error(device, kind, stream):
    with Raw(device.socket) as raw:
        raw.message(kind, 0, stream, b"{}", operation=PREFIX + "GetConfiguration", __version="0.1.0")
        ends_with(raw, PROTOCOL_ERROR)


@pytest.mark.parametrize("kind, stream, answer", [
    (CONNECT, 0, PROTOCOL_ERROR), (APPLICATION, 0, PROTOCOL_ERROR), (ERROR, 0, PROTOCOL_ERROR), (99, 0, PROTOCOL_ERROR), (-1, 0, PROTOCOL_ERROR),
    (CONNECT_ACK, 0, INTERNAL_ERROR), (APPLICATION, -1, PROTOCOL_ERROR), (PING, 1, PROTOCOL_ERROR), (CONNECT, 1, PROTOCOL_ERROR), (PING, -5, PROTOCOL_ERROR)])
def test_frames_that_do_not_belong_on_an_open_connection_end_it(session, kind, stream, answer):
    session.message(kind, 0, stream, b"{}", operation=PREFIX + "GetConfiguration", __version="0.1.0")
    ends_with(session, answer)


@pytest.mark.parametrize("kind", [PROTOCOL_ERROR, INTERNAL_ERROR])
def test_an_error_of_the_client_s_side_just_closes(session, kind):
    session.message(kind, 0, 0, b'{"message":"x"}')
    assert session.receive() is None


# ---- 5: streams ----


def test_stream_ids_may_have_gaps_and_go_up_to_the_largest(session):
    for stream in (1, 5, 1000, 2**31 - 1):
        session.message(APPLICATION, 0, stream, b'{"keyPath":["n"]}', operation=PREFIX + "GetConfiguration")
        assert session.receive().stream == stream


def test_frames_for_finished_streams_are_ignored(session):
    get(session)
    session.message(APPLICATION, 0, 1, b"{}", operation=PREFIX + "GetConfiguration")
    session.message(APPLICATION, TERMINATE, 1)
    assert get(session)["value"] == {"n": 7}


def test_a_new_stream_needs_an_operation_unless_it_ends_at_once(session):
    session.message(APPLICATION, TERMINATE, 7)  # ignored, the id is not used up
    session.last = 6
    assert get(session)["value"] == {"n": 7}
    session.message(APPLICATION, 0, 8, b"{}")
    ends_with(session, PROTOCOL_ERROR)


def test_a_first_frame_that_ends_its_stream_does_nothing_and_uses_the_id(session):
    session.message(APPLICATION, TERMINATE, 1, b'{"keyPath":["n"]}', operation=PREFIX + "GetConfiguration")
    session.message(APPLICATION, 0, 1, b'{"keyPath":["n"]}', operation=PREFIX + "GetConfiguration")
    session.last = 1
    assert get(session)["value"] == {"n": 7} and not session.waiting.get(1)


def test_a_second_frame_on_an_open_stream_is_a_service_error_that_ends_it(session):
    sub = session.subscribe("SubscribeToTopic", topic="t")
    session.message(APPLICATION, 0, sub.stream, b"{}", operation=PREFIX + "SubscribeToTopic")
    error = sub.frame()
    assert (error.kind, error.flags, error.shape) == (ERROR, TERMINATE, "ServiceError")
    session.call("PublishToTopic", topic="t", publishMessage=json_message({}))
    assert get(session)["value"] == {"n": 7} and not session.waiting.get(sub.stream)


def test_the_end_of_a_stream_by_the_client_is_silent_and_may_carry_anything(session):
    sub = session.subscribe("SubscribeToTopic", topic="t")
    session.message(APPLICATION, TERMINATE | 64, sub.stream, b"not json", operation="x")
    session.call("PublishToTopic", topic="t", publishMessage=json_message({}))
    assert get(session)["value"] == {"n": 7} and not session.waiting.get(sub.stream)


def test_an_error_from_a_client_on_a_new_stream_is_taken_for_a_request(session):
    session.message(ERROR, 0, 1, b'{"keyPath":["n"]}', operation=PREFIX + "GetConfiguration")
    assert session.receive().json()["value"] == {"n": 7}


def test_responses_have_their_form(session):
    unary = session.next(session.open("GetConfiguration", {"keyPath": ["n"]}))
    assert (unary.kind, unary.flags, unary.shape, unary.headers[":content-type"]) == (
        APPLICATION, TERMINATE, "GetConfigurationResponse", "application/json")
    empty = session.next(session.open("PublishToTopic", {"topic": "t", "publishMessage": json_message({})}))
    assert (empty.flags, empty.payload) == (TERMINATE, b"{}")
    streaming = session.next(session.open("SubscribeToTopic", {"topic": "form"}))
    assert (streaming.kind, streaming.flags, streaming.shape, streaming.payload) == (APPLICATION, 0, "SubscribeToTopicResponse", b"{}")


def test_requests_are_started_in_the_order_of_their_arrival(session):
    sub = session.subscribe("SubscribeToTopic", topic="order")
    streams = [session.open("PublishToTopic", {"topic": "order", "publishMessage": json_message({"n": n})}) for n in range(100)]
    assert [sub.event()["jsonMessage"]["message"]["n"] for _ in streams] == list(range(100))


def test_an_empty_payload_is_an_empty_object(session):
    session.message(APPLICATION, 0, 1, b"", operation=PREFIX + "GetConfiguration")
    assert session.receive().json()["value"]["n"] == 7


# ---- 7: errors ----


def test_an_error_has_all_members_that_clients_read(session):
    answer = session.next(session.open("GetConfiguration", {"keyPath": ["missing"]}))
    assert (answer.kind, answer.flags, answer.shape, answer.headers[":content-type"]) == (
        ERROR, TERMINATE, "ResourceNotFoundError", "application/json")
    body = answer.json()
    assert body["message"] == body["_message"] and body["_errorCode"] == "ResourceNotFoundError"
    assert body["_service"] == "aws.greengrass#GreengrassCoreIPC" and None not in body.values()


@pytest.mark.parametrize("text", [b"[]", b"null", b"5", b"{", b"{}{}", b"\xef\xbb\xbf{}", b'{"keyPath":"n"}', b'{"keyPath":[1]}', b'{"componentName":5}',
                                  b'{"a":"\xff"}'])
def test_a_request_that_cannot_be_read_is_a_service_error_of_its_stream(session, text):
    code, _ = session.refusal("GetConfiguration", text)
    assert code == "ServiceError" and get(session)["value"] == {"n": 7}


@pytest.mark.parametrize("name", ["aws.greengrass#Nothing", "GetConfiguration", "", "aws.greengrass#getConfiguration", "x" * 256])
def test_an_unknown_operation_is_a_service_error_with_its_name(session, name):
    session.message(APPLICATION, 0, 1, b"{}", operation=name)
    answer = session.receive()
    assert (answer.kind, answer.flags, answer.shape) == (ERROR, TERMINATE, "ServiceError")
    assert answer.json()["message"] == f"{name} is an unsupported operation."


def test_long_names_and_texts_do_not_make_answers_that_a_small_client_cannot_receive(session):
    session.message(APPLICATION, 0, 1, b"{}", operation="x" * 20000)
    assert session.receive().shape == "ServiceError"
    session.last = 1
    answer = session.next(session.open("PublishToTopic", {"topic": "\u00e9" * 9000 + "#", "publishMessage": json_message({})}))
    assert answer.kind == ERROR
    answer = session.next(session.open("GetConfiguration", {"componentName": "\u00e9" * 9000, "keyPath": ["x"]}))
    assert len(answer.json()["message"].encode()) <= 3075


def test_an_operation_that_no_part_serves_says_so(session):
    assert session.refusal("VerifyClientDeviceIdentity") == (
        "ServiceError", f"Operation {PREFIX}VerifyClientDeviceIdentity is not supported by Greengrass")


# ---- 9: ping ----


def test_a_ping_comes_back_with_its_payload_and_own_headers(session):
    for payload in (b"", b"\x00\xff any", b"x" * 100000):
        session.message(PING, 0, 0, payload, x="1", other_name="2")
        answer = session.receive()
        assert (answer.kind, answer.flags, answer.stream, answer.payload) == (PING_RESPONSE, 0, 0, payload)
        assert (answer.headers["x"], answer.headers["other-name"]) == ("1", "2")
    session.message(PING_RESPONSE, 0, 0, b"ignored")
    assert get(session)["value"] == {"n": 7}


# ---- 10: JSON ----


def test_null_members_count_as_absent_and_unknown_ones_are_ignored(session):
    assert session.call("GetConfiguration", componentName=None, keyPath=["n"], other={"x": [None]})["value"] == {"n": 7}


def test_escaped_and_raw_texts_are_the_same(session):
    sub = session.subscribe("SubscribeToTopic", topic="\u00e9/\U0001f600")
    session.call("PublishToTopic", b'{"topic":"\\u00e9/\\ud83d\\ude00","publishMessage":{"jsonMessage":{"message":{}}}}')
    got = sub.frame()
    assert '"\u00e9/\U0001f600"'.encode() in got.payload


# ---- 1, 3.3, 4: what costs time, and what ends the nucleus ----


def test_connections_that_say_nothing_or_half_are_closed_by_the_time_out(device, session):
    """All at once, so that the handshake's time-out is waited for once. The drip goes on until it is closed."""
    connect = connect_frame("x")
    silent, one_byte, half, drip = (Raw(device.socket) for _ in range(4))
    one_byte.send(connect[:1])
    half.send(connect[:50])
    drip.socket.settimeout(0.2)
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        for byte in connect[:-1]:
            drip.send(bytes([byte]))
            try:
                if drip.socket.recv(1) == b"":
                    break
            except TimeoutError:
                pass
        else:
            raise AssertionError("a byte now and then keeps a connection open")
    for raw in (silent, one_byte, half):
        assert raw.receive() is None
        raw.close()
    device.wait_log("greengrass", "handshake-timeout", count=4)


def test_at_its_end_the_nucleus_closes_connections_and_removes_the_socket_and_a_stale_one_is_replaced(device, token):
    with Session(device.socket, token) as s:
        s.subscribe("SubscribeToTopic", topic="t")
        device.stop()
        while s.receive() is not None:
            pass
    assert not os.path.exists(device.socket)
    with contextlib.closing(socket.socket(socket.AF_UNIX)) as stale:
        stale.bind(device.socket)
    device.start()
    wait_until(lambda: device.state("one") == "RUNNING", 60, "the component to run again")
    assert not works_with(device, token)  # a token does not survive the nucleus


def works_with(device, token):
    with Raw(device.socket) as raw:
        return raw.connect(token)
