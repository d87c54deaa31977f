"""ipc-operations.md 4 on a real nucleus and a real mosquitto: what components say to the cloud broker and hear from it."""
import base64
import json
import os
import shutil
import subprocess

import pytest
from mqtt_bench import CA, Broker

from local import wait_until
from support.ipc_client import APPLICATION, TERMINATE
from support.ipc_raw import KEEP_TOKEN, Session, token_of
from support.lifecycle import WatchedDevice, watched_device

PROXY = "aws.greengrass.ipc.mqttproxy"
INVALID, UNAUTHORIZED, SERVICE = "InvalidArgumentsError", "UnauthorizedError", "ServiceError"
DYNSEC = "/usr/lib/x86_64-linux-gnu/mosquitto_dynamic_security.so"
TRUST = {"defaultACLAccess": {"publishClientSend": True, "publishClientReceive": True, "subscribe": True, "unsubscribe": True},
         "roles": [{"rolename": "device", "acls": [{"acltype": "subscribePattern", "topic": "forbidden/#", "priority": 1, "allow": False}]}],
         "clients": [{"username": "cam-1", "roles": [{"rolename": "device"}]}]}


def blob(data):
    return base64.b64encode(data if isinstance(data, bytes) else data.encode()).decode()


class RefusingBroker(Broker):
    """Refuses subscriptions below forbidden/, and tells in its log what comes."""

    def start(self):
        conf = self.dir / "mosquitto.conf"
        trust = self.dir / "trust.json"
        trust.write_text(json.dumps(TRUST))
        trust.chmod(0o666)
        plugin = next((os.path.join(d, "mosquitto_dynamic_security.so") for d, _, files in os.walk("/usr/lib")
                       if "mosquitto_dynamic_security.so" in files), DYNSEC)
        conf.write_text(conf.read_text().replace(f"acl_file {self.dir}/devices.acl", f"plugin {plugin}\nplugin_opt_config_file {trust}"))
        return super().start()

    def subscribed(self, filter_):
        return self.log().count(f"\t{filter_} (QoS ")

    def unsubscribed(self, filter_):
        return sum(line.endswith(f"\t{filter_}") for line in self.log().splitlines())

    def log(self):
        return (self.dir / "broker.log").read_text()

    def say(self, topic, payload, *words):
        subprocess.run(["mosquitto_pub", "-V", "5", "-h", "127.0.0.1", "-p", str(self.plain), "-t", topic, "-m", payload, "-q", "1", *words],
                       check=True, timeout=120)

    def hear(self, filter_):
        """A watcher of the topic; heard(it) gives the first message as mosquitto_sub prints it."""
        out = subprocess.Popen(["stdbuf", "-oL", "mosquitto_sub", "-V", "5", "-h", "127.0.0.1", "-p", str(self.plain), "-t", filter_, "-q", "1", "-d",
                                "-F", "=%t|%q|%C|%R|%F|%p", "-C", "1", "-W", "300"], stdout=subprocess.PIPE, text=True)
        while "SUBACK" not in (line := out.stdout.readline()):
            assert line, "mosquitto_sub ended"
        return out


def heard(watcher):
    lines = watcher.communicate(timeout=300)[0].splitlines()
    return next(line for line in lines if line.startswith("="))


def control(resources):
    return {"accessControl": {PROXY: {"p": {"operations": ["*"], "resources": resources}}}}


@pytest.fixture(scope="module")
def broker(tmp_path_factory):
    ca = CA(tmp_path_factory.mktemp("ca"))
    b = RefusingBroker(tmp_path_factory.mktemp("broker"), ca, ca.issue("server", "DNS:localhost,IP:127.0.0.1"))
    b.pki = ca, ca.issue("cam-1")
    yield b.start()
    b.stop()


def init_config(device, broker, **mqtt):
    ca, (cert, key) = broker.pki
    for path in (ca.crt, cert, key):
        shutil.copy(path, device.folder)
    here = {name: os.path.join(device.folder, os.path.basename(path)) for name, path in
            (("rootCaPath", ca.crt), ("certificateFilePath", cert), ("privateKeyPath", key))}
    quick = {"minimumReconnectDelaySeconds": 1, "maximumReconnectDelaySeconds": 1}
    nucleus = {"componentType": "NUCLEUS", "configuration": {"iotDataEndpoint": "127.0.0.1", "mqtt": {"port": broker.port, **quick, **mqtt}}}
    return device.write("config.yaml", json.dumps({"system": {"thingName": "cam-1", **here}, "services": {"aws.greengrass.Nucleus": nucleus}}))


@pytest.fixture(scope="module")
def device(bin_dir, broker):
    with watched_device(bin_dir, start=False) as device:
        device.start("--init-config", init_config(device, broker, spooler={"maxSizeInBytes": 300000}))
        device.recipe("one", "1.0.0", KEEP_TOKEN, configuration=control(["*"]))
        device.recipe("two", "1.0.0", KEEP_TOKEN, configuration=control(["#"]))
        device.recipe("narrow", "1.0.0", KEEP_TOKEN, configuration=control(["dt/+/x"]))
        device.recipe("none", "1.0.0", KEEP_TOKEN)
        device.deploy_ok("one=1.0.0", "two=1.0.0", "narrow=1.0.0", "none=1.0.0")
        device.wait_log("greengrass", "mqtt-connected", 60)
        yield device


def full(topic="t", **more):
    return {"topicName": topic, "qos": "1", "payload": blob("x"), **more}


def without(name):
    return {k: v for k, v in full().items() if k != name}


# ---- 4.1 ----


@pytest.mark.parametrize("who, request_, error", [
    ("none", {}, (INVALID, "Topic is required")),
    ("none", full(), (UNAUTHORIZED, "Not Authorized")),
    ("one", full(""), (UNAUTHORIZED, "Not Authorized")),
    ("narrow", full("dt/a/y"), (UNAUTHORIZED, "Not Authorized")),
    ("one", {"topicName": "t"}, (INVALID, "Payload is required")),
    ("one", {**full(), "payload": None}, (INVALID, "Payload is required")),
    ("one", without("qos"), (INVALID, "QoS is required")),
    ("one", full(qos="2"), (INVALID, "Invalid QoS value: 2")),
    ("one", full(qos=""), (INVALID, "Invalid QoS value: ")),
])
def test_a_publish_is_checked_in_order(session, who, request_, error):
    assert session(who).refusal("PublishToIoTCore", **request_) == error


@pytest.mark.parametrize("member", [
    {"topicName": 5}, {"qos": 1}, {"payload": "no base64!"}, {"retain": "true"}, {"userProperties": {}}, {"userProperties": [1]},
    {"userProperties": [{"key": 1}]}, {"messageExpiryIntervalSeconds": "5"}, {"messageExpiryIntervalSeconds": 1.5}, {"correlationData": 1},
    {"contentType": []}, {"payloadFormat": 1}, {"responseTopic": {}}])
def test_a_member_of_the_wrong_type_is_a_fault_before_authorization(session, member):
    assert session("none").refusal("PublishToIoTCore", **full(**member))[0] == SERVICE


@pytest.mark.parametrize("topic, more, cause", [
    ("t", {"payload": blob(b"x" * 131073)}, "The publishing message size 131073 bytes exceeds the configured limit of 131072 bytes"),
    ("a/+", {}, "Publish topics must not contain wildcard characters of '#' or '+'"),
    ("a/#b", {}, "Publish topics must not contain wildcard characters of '#' or '+'"),
    ("1/2/3/4/5/6/7/8/9", {}, "The request topic must have no more than 7 forward slashes (/)"),
    ("$aws/rules/r/1/2/3/4/5/6/7/8/9", {}, "The request topic must have no more than 7 forward slashes (/)"),
    ("/" * 8 + "x" * 300, {}, "The request topic must have no more than 7 forward slashes (/)"),
    ("x" * 257, {}, "The topic size of request must be no larger than 256 bytes"),
    ("$" + "x" * 512, {}, "Reserved topic total length is greater than 512 bytes"),
    ("$x/" + "y/" * 200 + "z", {}, "The request topic must have no more than 200 forward slashes (/)"),
    ("a\u0001b", {}, "Topic has a character that MQTT does not allow"),
    ("t", {"contentType": "a\nb"}, "contentType has a character that MQTT does not allow"),
    ("t", {"contentType": "x" * 65536}, "contentType has 65536 bytes; MQTT allows 65535"),
    ("t", {"responseTopic": "a/#"}, "responseTopic must be a topic without '#' and '+'"),
    ("t", {"correlationData": blob(b"x" * 65536)}, "correlationData has 65536 bytes; MQTT allows 65535"),
    ("t", {"messageExpiryIntervalSeconds": -1}, "messageExpiryIntervalSeconds must not be negative"),
    ("t", {"messageExpiryIntervalSeconds": 1 << 32}, "messageExpiryIntervalSeconds is larger than 4294967295"),
    ("t", {"userProperties": [{"key": "k", "value": "v"}] * 257}, "257 user properties; at most 256 are possible"),
    ("t", {"userProperties": [{"key": "k", "value": "a\u0007"}]}, "the value of a user property has a character that MQTT does not allow"),
    ("t", {"userProperties": [{"key": "k", "value": "v" * 60000}] * 10}, "Message is larger than the size of message spool."),
])
def test_what_the_broker_could_not_take_is_refused_with_its_cause(session, topic, more, cause):
    """Nothing that can never be sent is acknowledged."""
    code, message = session("one").refusal("PublishToIoTCore", **full(topic, **more))
    assert code == SERVICE and message.startswith(f"Publish to topic {topic} failed: {cause}"), message


@pytest.mark.parametrize("topic", ["1/2/3/4/5/6/7/8", "x" * 256, "\u00e9" * 256, "$aws/rules/rule/" + "x" * 256, "$aws/rules/r/1/2/3/4/5/6/7/8",
                                   "$x/" + "y/" * 198 + "z", "*", "a*b"])
def test_topics_within_the_rules_are_accepted(session, topic):
    assert session("one").call("PublishToIoTCore", **full(topic, qos="0")) == {}


def test_every_member_of_a_publish_reaches_the_broker_and_comes_back(session, broker):
    one, two = session("one"), session("two")
    sub = two.subscribe("SubscribeToIoTCore", topicName="all/+", qos="1")
    watcher = broker.hear("all/x")
    user = [{"key": "b", "value": "1"}, {"key": "a", "value": "2"}, {"key": "b", "value": "1"}, {"key": "", "value": ""}]
    one.call("PublishToIoTCore", topicName="all/x", qos="1", payload=blob("text"), userProperties=user, messageExpiryIntervalSeconds=1000,
             correlationData=blob(b"\x00\xff"), responseTopic="answers", payloadFormat="1", contentType="text/plain", retain=False)
    event = sub.frame()
    assert (event.kind, event.flags, event.shape, event.headers[":content-type"]) == (0, 0, "IoTCoreMessage", "application/json")
    message = event.json()["message"]
    assert 800 <= message.pop("messageExpiryIntervalSeconds") <= 1000  # what it has been on its way is taken off
    assert message == {"topicName": "all/x", "payload": blob("text"), "retain": False, "userProperties": user, "correlationData": blob(b"\x00\xff"),
                       "responseTopic": "answers", "payloadFormat": "1", "contentType": "text/plain"}
    assert heard(watcher) == "=all/x|1|text/plain|answers|1|text"


@pytest.mark.parametrize("sent, format_", [({}, "0"), ({"payloadFormat": "0"}, "0"), ({"payloadFormat": "7"}, "0"), ({"payloadFormat": "1"}, "1")])
def test_an_event_without_properties_has_payload_retain_and_format(session, sent, format_):
    one, two = session("one"), session("two")
    sub = two.subscribe("SubscribeToIoTCore", topicName="plain", qos="0")
    one.call("PublishToIoTCore", topicName="plain", qos="0", payload="", **sent)
    assert sub.event() == {"message": {"topicName": "plain", "payload": "", "retain": False, "payloadFormat": format_}}


def test_an_empty_correlation_and_an_expiry_with_a_point_are_kept(session):
    one, two = session("one"), session("two")
    sub = two.subscribe("SubscribeToIoTCore", topicName="edges", qos="1")
    one.call("PublishToIoTCore", b'{"topicName":"edges","qos":"1","payload":"","correlationData":"","messageExpiryIntervalSeconds":500.0,'
             b'"userProperties":[{"key":"only"},{"value":"v"},{}]}')
    message = sub.event()["message"]
    assert message["correlationData"] == "" and 300 <= message["messageExpiryIntervalSeconds"] <= 500
    assert message["userProperties"] == [{"key": "only", "value": ""}, {"key": "", "value": "v"}, {"key": "", "value": ""}]


def test_a_retained_message_is_kept_by_the_broker(session):
    one, two = session("one"), session("two")
    watch = two.subscribe("SubscribeToIoTCore", topicName="kept", qos="1")
    one.call("PublishToIoTCore", **full("kept", retain=True))
    watch.event()
    sub = two.subscribe("SubscribeToIoTCore", topicName="kept/#", qos="1")  # made at the broker, since it is wider
    message = sub.event()["message"]
    assert message["topicName"] == "kept" and message["retain"] is True


@pytest.mark.parametrize("payload", [b"", b"\x00", b"{", b"\xff\xfe", b"x" * 131072])
def test_payloads_of_any_bytes_arrive_as_they_are(session, payload):
    one, two = session("one"), session("two")
    sub = two.subscribe("SubscribeToIoTCore", topicName="payloads", qos="1")
    one.call("PublishToIoTCore", **full("payloads", payload=blob(payload)))
    assert base64.b64decode(sub.event()["message"]["payload"]) == payload


# ---- 4.2 ----


@pytest.mark.parametrize("who, request_, error", [
    ("none", {}, (INVALID, "Topic is required")),
    ("none", {"topicName": "t"}, (UNAUTHORIZED, "Not Authorized")),
    ("one", {"topicName": "t"}, (INVALID, "QoS is required")),
    ("one", {"topicName": "t", "qos": "2"}, (INVALID, "Invalid QoS value: 2")),
    ("one", {"topicName": "a/#/b", "qos": "1"}, (SERVICE, "Subscribe to topic a/#/b failed with error '#' must be the last level of the filter \"a/#/b\"")),
    ("one", {"topicName": "a+", "qos": "1"}, (SERVICE, "Subscribe to topic a+ failed with error '+' must be a whole level of the filter \"a+\"")),
    ("one", {"topicName": "1/2/3/4/5/6/7/8/9", "qos": "1"}, (
        SERVICE, "Subscribe to topic 1/2/3/4/5/6/7/8/9 failed with error The request topic must have no more than 7 forward slashes (/)")),
    ("one", {"topicName": "a\u0002", "qos": "1"}, (SERVICE, "Subscribe to topic a\u0002 failed with error Topic has a character that MQTT does not allow")),
])
def test_a_subscription_is_checked_in_order(session, who, request_, error):
    assert session(who).refusal("SubscribeToIoTCore", **request_) == error


def test_a_refusal_of_the_broker_names_its_reason(session):
    one = session("one")
    answer = one.next(one.open("SubscribeToIoTCore", {"topicName": "forbidden/x", "qos": "1"}))
    assert (answer.kind, answer.flags, answer.shape) == (1, 2, SERVICE)
    body = answer.json()
    assert body["message"] == "Subscribe to topic forbidden/x failed with error NOT_AUTHORIZED"
    assert body["context"] == {"reasonString": None, "reasonCode": 0x87}


def test_subscribers_of_one_filter_share_a_subscription_at_the_broker(session, broker):
    one, two, three = session("one"), session("two"), session("one")
    subs = [s.subscribe("SubscribeToIoTCore", topicName="shared/x", qos="1") for s in (one, two, three)]
    broker.say("shared/x", "1")
    for sub in subs:
        assert sub.event()["message"]["payload"] == blob("1")
    assert broker.subscribed("shared/x") == 1
    subs[0].close()
    two.close()
    broker.say("shared/x", "2")
    assert subs[2].event()["message"]["payload"] == blob("2")
    assert broker.unsubscribed("shared/x") == 0
    subs[2].close()
    wait_until(lambda: broker.unsubscribed("shared/x") == 1, 60, "the last one to unsubscribe")


def test_a_covered_filter_makes_no_traffic_and_takes_over_when_the_wider_one_goes(session, broker):
    one, two = session("one"), session("two")
    wide = one.subscribe("SubscribeToIoTCore", topicName="wide/#", qos="0")
    narrow = [two.subscribe("SubscribeToIoTCore", topicName=f, qos="1") for f in ("wide/+/x", "wide", "wide/a/x")]
    broker.say("wide/a/x", "1")
    for sub in (wide, narrow[0], narrow[2]):
        assert sub.event()["message"]["payload"] == blob("1")
    broker.say("wide", "2")
    for sub in (wide, narrow[1]):
        assert sub.event()["message"]["payload"] == blob("2")
    assert [broker.subscribed(f) for f in ("wide/#", "wide/+/x", "wide", "wide/a/x")] == [1, 0, 0, 0]
    wide.close()
    wait_until(lambda: broker.unsubscribed("wide/#") == 1, 60, "the wide one to go")
    broker.say("wide/a/x", "3")
    assert narrow[0].event()["message"]["payload"] == blob("3")
    assert [broker.subscribed(f) - broker.unsubscribed(f) for f in ("wide/+/x", "wide")] == [1, 1]
    wait_until(lambda: broker.subscribed("wide/a/x") == broker.unsubscribed("wide/a/x"), 60, "the broker to hold what is not covered")


def test_the_limit_of_filters_at_the_broker_does_not_count_covered_ones(session):
    one, two = session("one"), session("two")
    wide = one.subscribe("SubscribeToIoTCore", topicName="many/#", qos="1")
    subs = [two.subscribe("SubscribeToIoTCore", topicName=f"many/{i}", qos="1") for i in range(200)]
    refusals = []
    while not refusals and len(subs) < 300:
        try:
            subs.append(one.subscribe("SubscribeToIoTCore", topicName=f"more-{len(subs)}", qos="1"))
        except Exception as error:  # noqa: BLE001 (told below)
            refusals.append(str(error))
    assert "more than 50 topic filters are subscribed" in refusals[0]
    two.subscribe("SubscribeToIoTCore", topicName="many/covered/too", qos="1")
    for sub in (*subs[200:], wide):
        sub.close()
    one.call("GetConfiguration", keyPath=[])  # there is room again for other tests


def test_shared_subscriptions_are_passed_on(session, broker):
    one = session("one")
    sub = one.subscribe("SubscribeToIoTCore", topicName="$share/group/1/2/3/4/5/6/7/8", qos="1")
    broker.say("1/2/3/4/5/6/7/8", "s")
    assert sub.event()["message"]["topicName"] == "1/2/3/4/5/6/7/8"


def test_wildcards_at_the_first_level_do_not_match_topics_that_begin_with_a_dollar(session, broker):
    two = session("two")
    sub = two.subscribe("SubscribeToIoTCore", topicName="+/first", qos="1")
    broker.say("$x/first", "no")
    broker.say("a/first", "yes")
    assert sub.event()["message"]["topicName"] == "a/first"


# ---- without a connection; these come last ----


def test_the_status_of_the_connection_is_told_at_once_and_at_each_change(session, broker, device):
    s = session("none")
    stream = s.open("SubscribeToIoTCoreConnectionStatus", {})
    answer = s.answer(stream)
    assert (answer.shape, answer.flags, answer.json()) == ("SubscribeToIoTCoreConnectionStatusResponse", 0, {})
    event = s.next(stream)
    assert (event.shape, event.json()) == ("IoTCoreConnectionStatusEvent", {"connectionStatusEvent": {"status": "CONNECTED"}})
    broker.stop()
    assert s.next(stream).json() == {"connectionStatusEvent": {"status": "DISCONNECTED"}}


def test_offline_qos_0_is_refused_and_qos_1_kept(session):
    one = session("one")
    assert one.refusal("PublishToIoTCore", **full("off", qos="0")) == (
        SERVICE, "Publish to topic off failed: Device is offline. Dropping QoS 0 message.")
    assert one.call("PublishToIoTCore", **full("kept-offline", payload=blob("waits"))) == {}


def test_a_full_spool_refuses_with_its_text(session):
    one = session("one")
    fill = full("fill", payload=blob(b"x" * 100000))
    refusals = []
    for _ in range(4):
        try:
            one.call("PublishToIoTCore", **fill)
        except Exception as error:  # noqa: BLE001 (told below)
            refusals.append(str(error))
    assert refusals and refusals[0] == f"{SERVICE}: Publish to topic fill failed: Message spool is full. Message could not be added."


def test_a_subscription_waits_for_the_connection_and_one_that_was_given_up_is_forgotten(session, broker):
    one, two = session("one"), session("two")
    waiting = one.open("SubscribeToIoTCore", {"topicName": "waits", "qos": "1"})
    given_up = two.open("SubscribeToIoTCore", {"topicName": "given-up", "qos": "1"})
    two.message(APPLICATION, TERMINATE, given_up)
    two.call("GetConfiguration", keyPath=[])
    one.call("GetConfiguration", keyPath=[])
    assert not one.waiting.get(waiting)
    status = one.subscribe("SubscribeToIoTCoreConnectionStatus")
    assert status.event()["connectionStatusEvent"]["status"] == "DISCONNECTED"
    broker.start()
    assert status.event()["connectionStatusEvent"]["status"] == "CONNECTED"
    assert one.answer(waiting).flags == 0
    broker.say("waits", "hello")
    assert one.next(waiting).json()["message"]["payload"] == blob("hello")
    assert broker.subscribed("given-up") == 0 and not two.waiting.get(given_up)


def test_a_device_without_cloud_says_so(bin_dir, tmp_root):
    device = WatchedDevice(tmp_root, bin_dir).start()
    try:
        device.recipe("one", "1.0.0", KEEP_TOKEN, configuration=control(["*"]))
        device.deploy_ok("one=1.0.0")
        with Session(device.socket, token_of(device, "one")) as one:
            assert one.refusal("PublishToIoTCore", **full("a/+", payload=blob(b"x" * 200000))) == (
                SERVICE, "Publish to topic a/+ failed: Cannot publish because device is configured to run offline")
            code, text = one.refusal("SubscribeToIoTCore", topicName="t", qos="1")
            assert code == SERVICE and text.endswith("Device is not configured to connect to AWS")
            assert one.subscribe("SubscribeToIoTCoreConnectionStatus").event() == {"connectionStatusEvent": {"status": "DISCONNECTED"}}
    finally:
        device.stop()
