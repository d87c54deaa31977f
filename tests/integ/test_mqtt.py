"""The session against a real broker."""

import pytest
from mqtt_bench import DRIVER, Broker, broker, free_port, pki, start  # noqa: F401 (fixtures)

pytestmark = pytest.mark.skipif(not DRIVER.exists(), reason=f"{DRIVER} has not been built")


def test_connects_with_mutual_tls_and_mqtt_5(broker, start):
    e = start(broker).wait("connected")
    assert e["first"] and e["v5"]


def test_connects_with_an_address_instead_of_a_name(broker, start):
    start(broker, host="127.0.0.1").wait("connected")


def test_connects_with_mqtt_3(broker, start):
    assert not start(broker, v311=True).wait("connected")["v5"]


@pytest.mark.parametrize("change, says", [
    (lambda p: {"ca": str(p["other"].crt)}, "was not signed by a CA of"),
    (lambda p: {"cert": str(p["stranger"][0]), "key": str(p["stranger"][1])}, "our certificate"),
    (lambda p: {"cert": str(p["stranger"][0])}, "does not belong to the certificate"),
    (lambda p: {"cert": None, "key": None}, "certificate"),
    (lambda p: {"ca": "/nonexistent/ca.pem"}, "rootCaPath /nonexistent/ca.pem cannot be used"),
    (lambda p: {"port": free_port()}, "nothing listens there"),
    (lambda p: {"host": "no-such-host.invalid"}, "cannot be resolved"),
], ids=["wrong CA", "foreign certificate", "wrong key", "no certificate", "no CA file", "closed port", "unknown name"])
def test_a_failed_connection_says_what_to_check(broker, start, pki, change, says):
    e = start(broker, **change(pki)).wait("disconnected")
    assert says in e["why"], e["why"]


def test_a_server_certificate_for_another_name_is_refused(pki, tmp_path, start):
    b = Broker(tmp_path / "b2", pki["ca"], pki["wrong-name"]).start()
    try:
        assert 'is not for "localhost"' in start(b).wait("disconnected")["why"]
    finally:
        b.stop()


def test_a_port_without_tls_is_explained(broker, start):
    e = start(broker, port=broker.plain).wait("disconnected")
    assert "TLS" in e["why"], e["why"]


def test_a_plain_client_on_a_tls_port_is_explained(broker, start):
    e = start(broker, ca=None, cert=None, key=None, connectTimeoutMs=500).wait("disconnected")
    assert "TLS" in e["why"] or "closed" in e["why"], e["why"]


def test_messages_go_both_ways_with_properties(broker, start):
    d, cloud = start(broker), start.cloud(broker)
    cloud.wait("connected")
    cloud.send("subscribe", filters=["dt/cam-1/#"])
    assert cloud.wait("granted")["codes"] == [1]
    d.wait("connected")
    for qos in (0, 1):
        d.send("publish", topic="dt/cam-1/x", payload=f"p{qos}", qos=qos, tag=f"t{qos}", contentType="text/plain")
        assert d.wait("done", tag=f"t{qos}")["reason"] == 0
        m = cloud.wait("message")
        assert (m["topic"], m["payload"], m["qos"]) == ("dt/cam-1/x", f"p{qos}", qos)
        assert (m["contentType"], m["userKey"], m["userValue"]) == ("text/plain", "k", "v")


def test_a_forbidden_topic_is_reported_as_denied(broker, start):
    d = start(broker)
    d.wait("connected")
    d.send("publish", topic="dt/other/x", payload="p", tag="t")
    e = d.wait("done")
    assert (e["reason"], e["code"]) == (0x87, "denied") and "NOT_AUTHORIZED" in e["why"]


def test_a_publish_without_connection_is_refused_at_once(start, broker):
    d = start(broker, port=free_port())
    d.send("publish", topic="dt/cam-1/x", payload="p", tag="t")
    assert d.wait("refused")["code"] == "unavailable"


def test_subscriptions_are_made_again_after_the_broker_lost_everything(broker, start):
    d = start(broker)
    d.send("subscribe", filters=["dt/cam-1/a", "dt/cam-1/b/+"])
    d.wait("connected")
    assert d.wait("granted")["codes"] == [1, 1]
    broker.stop()
    d.wait("disconnected")
    broker.start()
    e = d.wait("connected")
    assert not e["first"]
    d.wait("granted")
    cloud = start.cloud(broker)
    cloud.wait("connected")
    cloud.send("publish", topic="dt/cam-1/b/c", payload="again", tag="x")
    assert d.wait("message")["payload"] == "again"


def test_a_filter_is_shared_and_a_covered_one_causes_no_traffic(broker, start):
    d, cloud = start(broker), start.cloud(broker)
    d.wait("connected")
    cloud.wait("connected")
    for slot, filters in enumerate((["dt/cam-1/#"], ["dt/cam-1/#"], ["dt/cam-1/x/+"])):
        d.send("subscribe", slot=slot, filters=filters)
        assert d.wait("granted")["codes"] == [1]
    cloud.send("publish", topic="dt/cam-1/x/y", payload="1", tag="x")
    for _ in range(3):  # once for each handle
        d.wait("message", payload="1")
    d.quiet("message", 0.3)
    d.send("unsubscribe", slot=0)
    cloud.send("publish", topic="dt/cam-1/q", payload="2", tag="x")
    d.wait("message", payload="2")
    d.send("unsubscribe", slot=1)  # the narrow one must now be at the broker
    d.send("publish", topic="dt/cam-1/fence", payload="", tag="f")
    d.wait("done", tag="f")
    cloud.send("publish", topic="dt/cam-1/x/z", payload="3", tag="x")
    d.wait("message", payload="3")
    cloud.send("publish", topic="dt/cam-1/q", payload="4", tag="x")
    d.quiet("message", 0.3)
    log = (broker.dir / "broker.log").read_text()
    assert log.count("\tdt/cam-1/# (QoS 1)") == 1 and log.count("\tdt/cam-1/x/+ (QoS 1)") == 1


def test_invalid_filters_are_refused_at_once(broker, start):
    d = start(broker)
    d.send("subscribe", filters=["a/#/b"])
    assert "last level" in d.wait("refused")["why"]


def test_closing_during_an_attempt_is_quick(start, broker):
    d = start(broker, host="192.0.2.1", connectTimeoutMs=1000000)
    d.close()
