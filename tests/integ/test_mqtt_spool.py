"""The spool: nothing is lost, in order, through broker restarts and kill -9 of the device."""

import time

import pytest
from mqtt_bench import AMPLE, DRIVER, broker, line, pki, start  # noqa: F401 (fixtures)

from local import wait_until
from support.database import rows

pytestmark = pytest.mark.skipif(not DRIVER.exists(), reason=f"{DRIVER} has not been built")
FAST = {"spooler": {"replayMessagesPerSecond": 0, "replayBytesPerSecond": 0}, "maxInFlightPublishes": 1}
TOPIC = "dt/cam-1/ml"


@pytest.fixture
def device(broker, line, start, tmp_path):
    def begin(mqtt=None, **o):
        return start(broker, port=line.port, spool=str(tmp_path / "spool.db"), mqtt=mqtt or FAST, **o)
    return begin


@pytest.fixture
def cloud(broker, start):
    c = start.cloud(broker)
    c.wait("connected")
    c.send("subscribe", filters=["dt/#"])
    c.wait("granted")
    return c


def cut(line, device):
    line.cut_all(refuse=True)
    device.wait("disconnected")


def received(cloud, n):
    return [int(cloud.wait("message")["payload"]) for _ in range(n)]


def stats_until(device, **want):
    deadline = time.monotonic() + AMPLE
    while True:
        device.send("stats")
        e = device.wait("stats")
        if all(e[k] == v for k, v in want.items()):
            return e
        assert time.monotonic() < deadline, e
        time.sleep(0.05)


def test_messages_pass_while_connected_without_touching_the_disk(device, cloud, tmp_path):
    d = device()
    d.wait("connected")
    d.send("spool", topic=TOPIC, count=20)
    assert received(cloud, 20) == list(range(20))
    stats_until(d, messages=0, delivered=20, onDisk=True)


def test_everything_comes_in_order_after_an_outage(line, device, cloud):
    d = device()
    d.wait("connected")
    d.send("spool", topic=TOPIC, count=3)
    assert received(cloud, 3) == [0, 1, 2]
    stats_until(d, messages=0)
    cut(line, d)
    d.send("spool", topic=TOPIC, count=300, first=3, contentType="text/plain")
    d.wait("spooled")
    line.refuse = False
    assert received(cloud, 300) == list(range(3, 303))
    stats_until(d, messages=0, bytes=0, dropped=0)


def test_a_stopped_broker_gets_everything_after_it_is_back(broker, device):
    d = device()
    d.wait("connected")
    broker.stop()
    d.wait("disconnected")
    d.send("spool", topic=TOPIC, count=300)
    d.wait("spooled")
    broker.start()
    stats_until(d, messages=0, bytes=0, dropped=0, delivered=300)


def test_a_killed_device_delivers_what_it_had_accepted_while_offline(line, device, cloud, tmp_path):
    d = device()
    d.wait("connected")
    cut(line, d)
    d.send("spool", topic=TOPIC, count=150)
    d.wait("spooled")
    wait_until(lambda: rows(tmp_path / "spool.db", "SELECT count(*) FROM spool") == [(150,)], 30, "all to be on the disk")
    d.kill()
    line.refuse = False
    d = device()
    d.wait("connected")
    d.send("spool", topic=TOPIC, count=2, first=150)
    assert received(cloud, 152) == list(range(152))
    stats_until(d, messages=0)
    d.close()
    d = device()  # and they are gone
    d.wait("connected")
    cloud.quiet("message", 1)


def test_a_clean_stop_while_offline_keeps_everything(line, device, cloud):
    d = device()
    d.wait("connected")
    cut(line, d)
    d.send("spool", topic=TOPIC, count=10)
    d.wait("spooled")
    d.close()
    line.refuse = False
    device().wait("connected")
    assert received(cloud, 10) == list(range(10))


def test_replay_is_limited(line, device, cloud):
    d = device(mqtt={"spooler": {"replayMessagesPerSecond": 10}})
    d.wait("connected")
    cut(line, d)
    d.send("spool", topic=TOPIC, count=25)
    d.wait("spooled")
    begin = time.monotonic()
    line.refuse = False
    assert received(cloud, 25) == list(range(25))
    # half a second after the connect it begins, with the ten of a second; a lower bound, which load only makes safer
    assert time.monotonic() - begin > 1.9


def test_a_forbidden_message_is_dropped_and_the_rest_goes_on(device, cloud):
    d = device()
    d.wait("connected")
    d.send("spool", topic="dt/other/x", payload="no")
    d.send("spool", topic=TOPIC, payload="1")
    assert received(cloud, 1) == [1]
    stats_until(d, messages=0, dropped=1, delivered=1)


def test_what_cannot_be_accepted_is_explained(broker, device):
    d = device(mqtt={"maxMessageSizeInBytes": 100, "spooler": {"maxSizeInBytes": 150}})
    d.wait("connected")
    broker.stop()
    d.wait("disconnected")
    for message, text in (
            ({"payload": "x" * 101}, "The publishing message size 101 bytes exceeds the configured limit of 100 bytes"),
            ({"topic": "a/#"}, "Publish topics must not contain wildcard characters of '#' or '+'"),
            ({"topic": "1/2/3/4/5/6/7/8/9"}, "The request topic must have no more than 7 forward slashes (/)"),
            ({"qos": 0}, "Device is offline. Dropping QoS 0 message."),
            ({"payload": "x" * 99}, "Message is larger than the size of message spool.")):
        d.send("spool", **{"topic": TOPIC, "payload": "", **message})
        assert d.wait("refused")["why"] == text
    d.send("spool", topic=TOPIC, payload="x" * 60)
    d.send("spool", topic=TOPIC, payload="x" * 60)
    assert d.wait("refused")["why"] == "Message spool is full. Message could not be added."


def test_drop_oldest_keeps_the_newest(line, device, cloud):
    d = device(mqtt={"spooler": {"maxSizeInBytes": 400, "dropPolicy": "drop-oldest"}})
    d.wait("connected")
    cut(line, d)
    d.send("spool", topic=TOPIC, count=10)
    d.wait("spooled")
    stats_until(d, messages=5, dropped=5)
    line.refuse = False
    assert received(cloud, 5) == [5, 6, 7, 8, 9]


def test_a_damaged_file_is_set_aside(device, cloud, tmp_path):
    (tmp_path / "spool.db").write_bytes(b"this is no database " * 500)
    d = device()
    d.wait("connected")
    d.send("spool", topic=TOPIC, payload="7")
    assert received(cloud, 1) == [7]
    stats_until(d, onDisk=True)
    assert (tmp_path / "spool.db.bad").exists()


def test_an_unusable_folder_leads_to_memory(broker, start, cloud):
    d = start(broker, spool="/nonexistent/spool.db", mqtt=FAST)
    d.wait("connected")
    d.send("spool", topic=TOPIC, payload="7")
    assert received(cloud, 1) == [7]
    stats_until(d, onDisk=False, messages=0)


def test_qos_0_passes_while_connected(device, cloud):
    d = device()
    d.wait("connected")
    d.send("spool", topic=TOPIC, payload="1")
    assert received(cloud, 1) == [1]  # the spool has started, half a second after the connection
    d.send("spool", topic=TOPIC, payload="2", qos=0)
    assert received(cloud, 1) == [2]
