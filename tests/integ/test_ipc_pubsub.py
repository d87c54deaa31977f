"""ipc-operations.md 3 on a real nucleus: local publish and subscribe, as components meet them."""
import base64
import json
import threading

import pytest

from support.ipc_raw import KEEP_TOKEN, json_message
from support.lifecycle import watched_device

PUBSUB = "aws.greengrass.ipc.pubsub"
PUBLISH, SUBSCRIBE = "aws.greengrass#PublishToTopic", "aws.greengrass#SubscribeToTopic"
INVALID, UNAUTHORIZED, SERVICE = "InvalidArgumentsError", "UnauthorizedError", "ServiceError"
TABLE = [  # filter, what it matches, what it does not: 3.3
    ("a/b", ["a/b", "a/b/"], ["a", "a/b/c", "/a/b", "A/b"]),
    ("a/b/", ["a/b", "a/b/"], []),
    ("a/+", ["a/b", "a/b/"], ["a", "a/", "a/b/c"]),
    ("+/b", ["a/b", "/b"], ["b"]),
    ("+", ["a"], ["a/b", "/a"]),
    ("a/#", ["a/b", "a/b/c"], ["a", "a/", "ab"]),
    ("#", ["a", "a/b", "/a", "$aws/x"], []),
    ("a/#/c", ["a/b/c"], ["a/x/y/c", "a/c", "a/b"]),
    ("a/+/c", ["a/b/c", "a//c"], ["a/b/b/c"]),
    ("a//c", ["a//c"], ["a/c"]),
]


def control(*operations, resources=("*",)):
    return {"accessControl": {PUBSUB: {"p": {"operations": list(operations), "resources": list(resources)}}}}


@pytest.fixture(scope="module")
def device(bin_dir):
    with watched_device(bin_dir) as device:
        device.recipe("one", "1.0.0", KEEP_TOKEN, configuration=control("*"))
        device.recipe("two", "1.0.0", KEEP_TOKEN, configuration=control("*"))
        device.recipe("narrow", "1.0.0", KEEP_TOKEN, configuration=control(PUBLISH, SUBSCRIBE, resources=["only/this"]))
        device.recipe("none", "1.0.0", KEEP_TOKEN)
        device.deploy_ok("one=1.0.0", "two=1.0.0", "narrow=1.0.0", "none=1.0.0")
        yield device


def publish(s, topic, message):
    assert s.call("PublishToTopic", topic=topic, publishMessage=json_message(message)) == {}


def topics_until(sub, last):
    """The topics that arrive up to `last`."""
    got = []
    while not got or got[-1] != last:
        event = sub.event()
        got.append(next(iter(event.values()))["context"]["topic"])
    return got


# ---- 3.1 ----


def test_authorization_comes_before_the_checks_of_a_publish(session):
    none, narrow = session("none"), session("narrow")
    for request in ({"topic": "t"}, {"topic": "a/+", "publishMessage": json_message({})}, {"topic": "t", "publishMessage": {}}):
        assert none.refusal("PublishToTopic", **request) == (
            UNAUTHORIZED, f"Principal none is not authorized to perform {PUBSUB}:{PUBLISH} on resource {request['topic']}")
    assert none.refusal("PublishToTopic")[1].endswith("on resource null")
    assert narrow.refusal("PublishToTopic", publishMessage=json_message({})) == (INVALID, "Publish topic must not be null")


@pytest.mark.parametrize("topic", ["", " ", "\t "])
def test_a_blank_topic_is_refused_as_an_empty_resource(session, topic):
    one = session("one")
    assert one.refusal("PublishToTopic", topic=topic, publishMessage=json_message({})) == (UNAUTHORIZED, "Resource cannot be empty")
    assert one.refusal("SubscribeToTopic", topic=topic) == (UNAUTHORIZED, "Resource cannot be empty")


@pytest.mark.parametrize("request_, shape", [
    ({"topic": "t"}, SERVICE),
    ({"topic": "t", "publishMessage": None}, SERVICE),
    ({"topic": "t", "publishMessage": {}}, SERVICE),
    ({"topic": "t", "publishMessage": {"otherMessage": {"message": {}}}}, SERVICE),
    ({"topic": "t", "publishMessage": {"jsonMessage": {"message": {}}, "binaryMessage": {"message": ""}}}, SERVICE),
    ({"topic": "t", "publishMessage": {"jsonMessage": {}}}, SERVICE),
    ({"topic": "t", "publishMessage": {"jsonMessage": {"message": None}}}, SERVICE),
    ({"publishMessage": {"jsonMessage": {}}}, SERVICE),  # the message comes before the topic
])
def test_a_publish_without_exactly_one_message_is_a_service_error(session, request_, shape):
    assert session("one").refusal("PublishToTopic", **request_)[0] == shape


@pytest.mark.parametrize("topic", ["a/+", "a/#", "+", "a*", "a+b", "#a"])
def test_a_topic_with_a_wildcard_character_anywhere_is_refused(session, topic):
    assert session("one").refusal("PublishToTopic", topic=topic, publishMessage=json_message({})) == (
        INVALID, "Publish topic must not contain a wildcard.")


@pytest.mark.parametrize("message", [1, "text", [1], True])
def test_a_message_that_is_no_object_is_a_fault_before_authorization(session, message):
    for who in ("one", "none"):
        assert session(who).refusal("PublishToTopic", topic="t", publishMessage=json_message(message))[0] == SERVICE


def test_a_topic_of_slashes_only_is_refused(session):
    code, message = session("one").refusal("PublishToTopic", topic="///", publishMessage=json_message({}))
    assert (code, message) == (INVALID, "Publish topic must have at least one level")
    session("one").subscribe("SubscribeToTopic", topic="///")  # such a filter only never matches


def test_a_publish_without_subscribers_succeeds(session):
    publish(session("one"), "nobody/listens", {})


def test_nothing_is_stored_for_later_subscribers(session):
    one, two = session("one"), session("two")
    publish(one, "late", {"n": 1})
    sub = two.subscribe("SubscribeToTopic", topic="late")
    publish(one, "late", {"n": 2})
    assert sub.event()["jsonMessage"]["message"] == {"n": 2}


def test_long_topics_with_many_levels_pass(session):
    one, two = session("one"), session("two")
    topic = "/".join(["level"] * 1000)
    sub = two.subscribe("SubscribeToTopic", topic=topic)
    publish(one, topic, {})
    assert sub.event()["jsonMessage"]["context"]["topic"] == topic


def test_the_context_of_a_request_is_ignored(session):
    one, two = session("one"), session("two")
    sub = two.subscribe("SubscribeToTopic", topic="context")
    one.call("PublishToTopic", topic="context", publishMessage={"jsonMessage": {"message": {}, "context": {"topic": "other"}}})
    assert sub.event() == {"jsonMessage": {"message": {}, "context": {"topic": "context"}}}


# ---- 3.2 ----


def test_authorization_comes_before_the_checks_of_a_subscription(session):
    none = session("none")
    assert none.refusal("SubscribeToTopic", topic="a/+") == (
        UNAUTHORIZED, f"Principal none is not authorized to perform {PUBSUB}:{SUBSCRIBE} on resource a/+")
    assert none.refusal("SubscribeToTopic")[1].endswith("on resource null")
    assert session("one").refusal("SubscribeToTopic") == (INVALID, "Subscribe topic must not be empty")
    assert session("narrow").refusal("SubscribeToTopic", topic="only/+")[0] == UNAUTHORIZED  # a filter is compared as a text


@pytest.mark.parametrize("topic", ["a#b", "+a", "*", "a/*/b", "a/#/b"])
def test_the_syntax_of_a_filter_is_not_checked(session, topic):
    session("one").subscribe("SubscribeToTopic", topic=topic)


def test_a_filter_that_nobody_can_keep_is_refused(session):
    one = session("one")
    assert one.refusal("SubscribeToTopic", topic="/".join(["x"] * 1025))[0] == INVALID
    assert one.refusal("SubscribeToTopic", topic="x" * 65537)[0] == INVALID


def test_events_have_the_bytes_of_the_message_and_the_topic_as_published(session):
    one, two = session("one"), session("two")
    sub = two.subscribe("SubscribeToTopic", topic="bytes/+")
    one.call("PublishToTopic", b'{"publishMessage":{"jsonMessage":{"message": {"n":1.0, "n":1e400,\n"b":123456789012345678901234567890} }},'
             b'"topic":"bytes\\/x/"}')
    got = sub.frame()
    assert (got.kind, got.flags, got.shape, got.headers[":content-type"]) == (0, 0, "SubscriptionResponseMessage", "application/json")
    assert got.payload == (b'{"jsonMessage":{"message":{"n":1.0, "n":1e400,\n"b":123456789012345678901234567890},'
                           b'"context":{"topic":"bytes/x/"}}}')


@pytest.mark.parametrize("sent, got", [({"message": "AAEC+v8="}, "AAEC+v8="), ({"message": ""}, ""), ({}, ""), ({"message": None}, ""),
                                       ({"message": "AA"}, "AA==")])
def test_binary_messages_arrive_and_a_missing_one_is_an_empty_blob(session, sent, got):
    one, two = session("one"), session("two")
    sub = two.subscribe("SubscribeToTopic", topic="binary")
    one.call("PublishToTopic", topic="binary", publishMessage={"binaryMessage": sent})
    assert sub.event() == {"binaryMessage": {"message": got, "context": {"topic": "binary"}}}


@pytest.mark.parametrize("filter_, mode, own", [
    ("own/x", "RECEIVE_ALL_MESSAGES", True), ("own/+", "RECEIVE_ALL_MESSAGES", True),
    ("own/x", "RECEIVE_MESSAGES_FROM_OTHERS", False), ("own/+", "RECEIVE_MESSAGES_FROM_OTHERS", False),
    ("own/x", None, True), ("own/+", None, False), ("own/#", None, False), ("own/#/", None, False), ("own/#/c", None, True),
    ("own/x", "SOMETHING", True), ("own/+", "SOMETHING", False),
])
def test_own_messages_follow_the_receive_mode(session, filter_, mode, own):
    """One component on two connections: by its name, not by its connection."""
    mine, also_mine, other = session("one"), session("one"), session("two")
    sub = mine.subscribe("SubscribeToTopic", topic=filter_, **({"receiveMode": mode} if mode else {}))
    topic = "own/x/c" if filter_ == "own/#/c" else "own/x"
    publish(also_mine, topic, {"from": "one"})
    publish(other, topic, {"from": "two"})
    got = sub.event()["jsonMessage"]["message"]["from"]
    assert got == ("one" if own else "two")


def test_each_subscription_gets_its_own_copy_and_only_one(session):
    one, two = session("one"), session("two")
    subs = [two.subscribe("SubscribeToTopic", topic=f) for f in ("copy/a", "copy/a", "copy/+", "copy/#")]
    publish(one, "copy/a", {"n": 1})
    publish(one, "copy/a", {"n": 2})
    for sub in subs:
        assert [sub.event()["jsonMessage"]["message"]["n"] for _ in range(2)] == [1, 2]


def test_a_subscription_ends_with_its_stream(session):
    one, two = session("one"), session("two")
    first, second = (two.subscribe("SubscribeToTopic", topic="ends") for _ in range(2))
    first.close()
    two.call("GetConfiguration", componentName="two", keyPath=[])  # the close was before it on the connection
    publish(one, "ends", {})
    second.event()
    assert not two.waiting.get(first.stream)


# ---- 3.3 ----


@pytest.mark.parametrize("filter_, matching, others", TABLE, ids=[row[0] for row in TABLE])
def test_topics_match_filters_as_the_table_says(session, filter_, matching, others):
    one, two = session("one"), session("two")
    sub, fence = (two.subscribe("SubscribeToTopic", topic=f) for f in (filter_, "fence"))
    for topic in [*others, *matching]:
        publish(one, topic, {})
    publish(one, "fence", {})
    fence.event()
    got = [f.json()["jsonMessage"]["context"]["topic"] for f in two.waiting.get(sub.stream, [])]
    assert [t for t in got if t != "fence"] == matching


# ---- 3.4 ----


def test_messages_of_a_publisher_arrive_in_order(session):
    two = session("two")
    sub = two.subscribe("SubscribeToTopic", topic="order")

    def burst(name):
        s = session(name)
        for n in range(500):
            s.open("PublishToTopic", {"topic": "order", "publishMessage": json_message({"by": name, "n": n})})
        for n in range(500):
            s.answer(n + 1)

    threads = [threading.Thread(target=burst, args=(name,)) for name in ("one", "one")]
    for t in threads:
        t.start()
    got = [sub.event()["jsonMessage"]["message"]["n"] for _ in range(1000)]
    for t in threads:
        t.join()
    seen = {}
    for n in got:  # two sequences, interleaved
        candidates = [k for k, v in seen.items() if v == n - 1]
        key = candidates[0] if candidates else len(seen)
        seen[key] = n
    assert len(seen) == 2 and list(seen.values()) == [499, 499]


def test_messages_of_any_shape_are_delivered_byte_for_byte_or_refused(session):
    """Nothing is acknowledged and lost, and no subscription dies of it."""
    one, two = session("one"), session("two")
    sub = two.subscribe("SubscribeToTopic", topic="shapes")
    delivered = [
        b'{}', b'{ "a" : [ ] }', b'{"":{"":""}}', b'{"a":1,"a":2}', b'{"n":-0.0e-0}', b'{"n":1E+400}', b'{"n":' + b"9" * 5000 + b"}",
        b'{"s":"\\u0000"}', b'{"s":"\\ud83d\\ude00"}', b'{"s":"\\ud800"}', b'{"\\u0000":"\\/\\b\\f"}', '{"s":"\u00e9\u2028\U0001f600"}'.encode(),
        b'{"s":"' + b"x" * 3000000 + b'"}', b'{"a":' + b"[" * 60 + b"]" * 60 + b"}", b'{"k' + b"k" * 70000 + b'":null}',
        b'{"list":[' + b",".join([b"0"] * 300000) + b"]}", b'{"message":{"context":{"topic":"x"}}}', b'{"a"\t:\r\n[\n1 ,\t2 ]}',
    ]
    refused = [
        b'{"s":"\xff"}', b'{"s":"\xc0\x80"}', b'{"s":"\xed\xa0\x80"}', b'{"s":"a\nb"}', b'{"s":"a\x00b"}', b'{"s":"\\x41"}', b'{"s":"\\u12g4"}',
        b'{"n":01}', b'{"n":.5}', b'{"n":1.}', b'{"n":+1}', b'{"n":NaN}', b'{"n":0x10}', b"{'a':1}", b'{"a":1,}', b'{"a" 1}', b'{a:1}', b'{"a":tru}',
        b'{"a":' + b"[" * 64 + b"]" * 64 + b"}", b'{"a":' * 100 + b"1" + b"}" * 100, b"", b"{", b"[]", b"/* */{}", b"{}{}",
    ]
    for n, message in enumerate(delivered):
        assert one.call("PublishToTopic", b'{"topic":"shapes","publishMessage":{"jsonMessage":{"message":' + message + b"}}}") == {}, n
        assert sub.text() == b'{"jsonMessage":{"message":' + message + b',"context":{"topic":"shapes"}}}'
    for message in refused:
        text = b'{"topic":"shapes","publishMessage":{"jsonMessage":{"message":' + message + b"}}}"
        assert one.refusal("PublishToTopic", text)[0] == SERVICE, message
    publish(one, "shapes", {"still": "alive"})
    assert sub.event()["jsonMessage"]["message"] == {"still": "alive"}


def test_a_message_is_delivered_or_refused_up_to_the_size_of_a_frame(session):
    one, two = session("one"), session("two")
    sub = two.subscribe("SubscribeToTopic", topic="large")
    head, tail = b'{"topic":"large","publishMessage":{"jsonMessage":{"message":{"s":"', b'"}}}}'
    room = 25165824 - 16 - 200 - len(head) - len(tail)
    for size in (8 << 20, 16 << 20, room - 1000):
        one.call("PublishToTopic", head + b"x" * size + tail)
        assert len(sub.text()) > size
    code, message = one.refusal("PublishToTopic", head + b"x" * room + tail)
    assert code == SERVICE and "does not fit a frame" in message
    publish(one, "large", {"n": 1})
    assert sub.event()["jsonMessage"]["message"] == {"n": 1}


def test_large_messages_in_a_row_reach_a_reader_that_reads(session):
    """A message that is larger than what a connection may have waiting is not lost behind another one."""
    one, two = session("one"), session("two")
    sub = two.subscribe("SubscribeToTopic", topic="row")
    blob = base64.b64encode(b"x" * (5 << 20)).decode()
    streams = [one.open("PublishToTopic", {"topic": "row", "publishMessage": {"binaryMessage": {"message": blob}}}) for _ in range(2)]
    for stream in streams:
        one.answer(stream)
    for _ in streams:
        assert len(json.loads(sub.text())["binaryMessage"]["message"]) == len(blob)
