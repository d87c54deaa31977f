"""What a misbehaving process at the IPC socket costs others: nothing. One real nucleus."""
import contextlib
import json
import os
import resource
import signal
import socket
import struct
import subprocess
import sys
import zlib

import pytest

from local import wait_until
from support.ipc_client import APPLICATION, CONNECT, IpcError, frame
from support.ipc_raw import KEEP_TOKEN, Raw, Session, json_message, token_of
from support.lifecycle import WatchedDevice, watched_device

HERE = os.path.dirname(os.path.abspath(__file__))
EVERYTHING = {"accessControl": {"aws.greengrass.ipc.pubsub": {"p": {"operations": ["*"], "resources": ["*"]}}}}
QUEUE_BYTES, QUEUE_FRAMES = 8 << 20, 8192  # docs/limits.md


def start(device, *names):
    for name in names:
        device.recipe(name, "1.0.0", KEEP_TOKEN, configuration=EVERYTHING)
    device.deploy_ok(*(f"{name}=1.0.0" for name in names))


@pytest.fixture(scope="module")
def device(bin_dir):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 8192), hard))  # ours: the tests hold thousands of sockets
    with watched_device(bin_dir, start=False) as device:
        device.start(before=("sh", "-c", 'ulimit -Sn 256; exec "$@"', "sh"))
        start(device, "one", "two")
        yield device
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def publish(s, topic, message):
    assert s.call("PublishToTopic", topic=topic, publishMessage=json_message(message)) == {}


def works(session):
    """A message goes from one component to the other."""
    one, two = session("one"), session("two")
    sub = two.subscribe("SubscribeToTopic", topic="works")
    publish(one, "works", {"n": 1})
    assert sub.event()["jsonMessage"]["message"] == {"n": 1}


def ends(raw):
    """The nucleus closes the connection, perhaps after a last frame."""
    while raw.receive() is not None:
        pass
    raw.close()


def lengths(total, headers):
    prelude = struct.pack(">II", total, headers)
    return prelude + struct.pack(">I", zlib.crc32(prelude))


# ---- connections that do not talk ----


@pytest.mark.parametrize("data", [
    b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\x00" * 64, b"\xff" * 64, lengths(0xFFFFFFFF, 0), lengths(15, 0), lengths(25165825, 0), lengths(100, 101),
    lengths(100, 50) + b"\x00" * 88,
    frame({":message-type": CONNECT, ":message-flags": 0, ":stream-id": 0, ":version": "0.1.0"}, b"{}")[:-1] + b"\x00",
], ids=["http", "zeros", "ones", "4 GB", "too short", "one above the limit", "headers longer than the frame", "bad message checksum", "bad checksum"])
@pytest.mark.parametrize("when", ["before the handshake", "after it"])
def test_garbage_closes_its_own_connection_at_once(device, session, data, when):
    raw = Session(device.socket, token_of(device, "one")) if when == "after it" else Raw(device.socket)
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        raw.send(data)
    ends(raw)
    works(session)


def test_half_a_frame_after_the_handshake_holds_up_nobody(session):
    """It is closed after a minute: see a_frame_that_has_begun_must_go_on in test_server.c."""
    stuck = session("one")
    stuck.send(frame({":message-type": APPLICATION, ":message-flags": 0, ":stream-id": 1, "operation": "x"}, b"{}")[:-3])
    works(session)
    publish(session("one"), "other", {})


@pytest.mark.parametrize("payload", [b"", b"{}", b"[]", b"null", b"not json", b'{"authToken":5}', b'{"authToken":""}', b'{"authToken":null}',
                                     b'{"authToken":"wrong"}', b'{"authtoken":"x"}', b'{"authToken":"' + b"x" * 70000 + b'"}'])
def test_a_connect_without_a_good_token_is_refused_and_closed(device, payload):
    with Raw(device.socket) as raw:
        raw.message(CONNECT, 0, 0, payload, __version="0.1.0")
        answer = raw.receive()
        assert (answer.kind, answer.flags, answer.stream, answer.payload) == (5, 0, 0, b"")
        assert raw.receive() is None


@pytest.mark.parametrize("version", [{}, {"__version": "0.2.0"}, {"__version": ""}, {"__version": "0.1.0 "}])
def test_a_connect_with_another_version_is_refused(device, version):
    with Raw(device.socket) as raw:
        raw.message(CONNECT, 0, 0, json.dumps({"authToken": token_of(device, "one")}).encode(), **version)
        assert raw.receive().flags == 0 and raw.receive() is None


# ---- a subscriber that does not read ----

READER = """
import json, sys
sys.path[:0] = [{tests!r}, {packaging!r}]
from support.ipc_raw import Session
s = Session({path!r}, {token!r}, 600)
sub = s.subscribe("SubscribeToTopic", topic="flood")
print("ready", flush=True)
while True:
    n = sub.event()["jsonMessage"]["message"]["n"]
    print(n, flush=True)
"""


def test_a_stopped_subscriber_costs_others_nothing_and_goes_on_with_what_its_queue_promises(device, session):
    """Its queue is bounded in bytes and frames; what came after it was full is dropped, counted and logged."""
    tests = os.path.dirname(HERE)
    code = READER.format(tests=tests, packaging=os.path.join(os.path.dirname(tests), "packaging"), path=device.socket, token=token_of(device, "two"))
    reader = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    try:
        assert reader.stdout.readline() == "ready\n"
        os.kill(reader.pid, signal.SIGSTOP)
        wait_until(lambda: stopped(reader.pid), 60, "the reader to stop")
        one, other = session("one"), session("one")
        sub = other.subscribe("SubscribeToTopic", topic="flood")
        size, total = 64 << 10, 400  # 25 MiB: three times what may wait
        for n in range(total):
            publish(one, "flood", {"n": n, "x": "x" * size})
            assert sub.event()["jsonMessage"]["message"]["n"] == n
        device.wait_log("greengrass", "event-dropped")
        os.kill(reader.pid, signal.SIGCONT)
        device.wait_log("greengrass", "slow-reader-caught-up", 120)
        publish(one, "flood", {"n": total})
        got = []
        while not got or got[-1] != total:
            got.append(int(reader.stdout.readline()))
        kept = got[:-1]
        assert kept == list(range(len(kept)))  # the first ones, in order and without a gap
        assert QUEUE_BYTES <= len(kept) * size < QUEUE_BYTES + (4 << 20)  # its queue, and what the socket held
    finally:
        reader.kill()
        reader.wait()
        reader.stdout.close()


def stopped(pid):
    with open(f"/proc/{pid}/stat", encoding="utf-8") as f:
        return f.read().rsplit(")", 1)[1].split()[0] == "T"


# ---- many ----


def test_a_thousand_connections_and_twenty_thousand_subscriptions_work(device, session):
    assert_open_files(device)
    with contextlib.ExitStack() as stack:
        token = token_of(device, "two")
        sessions = [stack.enter_context(Session(device.socket, token)) for _ in range(1000)]
        for s in sessions:
            for n in range(20):
                s.open("SubscribeToTopic", {"topic": f"many/{n}"})
        for s in sessions:
            for n in range(20):
                s.answer(n + 1)
        publish(session("one"), "many/7", {"n": 1})
        for s in sessions:
            assert s.next(8).json()["jsonMessage"]["message"] == {"n": 1}
    works(session)


def assert_open_files(device):
    """The nucleus was started with 256 files and took what the hard limit allows; its components got the 256 back."""
    with open(f"/proc/{device.process.pid}/limits", encoding="ascii") as f:
        soft, hard = next(line.split()[3:5] for line in f if line.startswith("Max open files"))
    assert soft == hard
    with open(f"/proc/{device.pid('one')}/limits", encoding="ascii") as f:
        assert next(line.split()[3] for line in f if line.startswith("Max open files")) == "256"


def test_more_subscriptions_than_a_connection_may_have_are_refused_with_a_text(session):
    one = session("one")
    for n in range(4096):
        one.open("SubscribeToTopic", {"topic": f"limit/{n}"})
    for n in range(4096):
        one.answer(n + 1)
    assert one.refusal("SubscribeToTopic", topic="limit") == ("ServiceError", "More than 4096 calls and subscriptions are open on this connection")
    publish(session("two"), "limit/4095", {})
    assert one.next(4096).json()["jsonMessage"]["context"]["topic"] == "limit/4095"


def test_more_connections_than_allowed_are_closed_at_once_and_there_is_room_again_later(device, session):
    keep = session("one")
    with contextlib.ExitStack() as stack:
        opened = []
        with contextlib.suppress(IpcError, OSError, AttributeError):
            while len(opened) < 3000:
                opened.append(stack.enter_context(Session(device.socket, token_of(device, "two"))))
        assert 1900 < len(opened) <= 2048
        device.wait_log("greengrass", "more than 2048 connections")
        publish(keep, "room", {})
    wait_until(lambda: can_connect(device), 60, "room for a connection")
    works(session)


def can_connect(device):
    try:
        Session(device.socket, token_of(device, "two")).close()
        return True
    except (IpcError, OSError, AttributeError):
        return False


# ---- out of files ----


def test_a_low_limit_of_files_leaves_the_nucleus_working(bin_dir, tmp_root):
    """Connections take half of them and are refused beyond; a deployment still works, and there is room again later."""
    device = WatchedDevice(tmp_root, bin_dir)
    device.start(before=("prlimit", "--nofile=160:160"))
    try:
        start(device, "one")
        token = token_of(device, "one")
        with contextlib.ExitStack() as stack:
            raws = []
            for _ in range(300):
                raws.append(stack.enter_context(contextlib.closing(socket.socket(socket.AF_UNIX))))
                raws[-1].connect(device.socket)
            device.wait_log("greengrass", "connection-refused")
            assert device.log().count("connection-refused") + device.log().count("accept-failed") <= 3  # told, not repeated
            assert device.process.running()
        wait_until(lambda: can_connect_with(device, token), 60, "room for a connection")
        start(device, "two")
        with Session(device.socket, token) as s:
            publish(s, "t", {})
    finally:
        device.stop()


def can_connect_with(device, token):
    try:
        Session(device.socket, token).close()
        return True
    except (IpcError, OSError, AttributeError):
        return False
