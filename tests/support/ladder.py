"""A device of the message ladders (spec/cloud-protocol.md 15): a plain MQTT client that subscribes as the specification says,
and keeps every message that it gets, in order.

    with ladder_device(fleet, "cam-1") as d:
        kind, answer = d.ask("jobs/$next/ns/get", {})      # "ns" stands for the deployment namespace
        d.expect("jobs/notify-ns")                         # the next message, whatever it is, must have this topic
        d.silence()                                        # nothing else has come"""
import json
import queue

from support.cloud import NS
from support.mqtt_client import PATIENCE, MqttClient

SHADOW = "shadow/name/AWSManagedGreengrassV2Deployment"
FILTERS = ["jobs/notify-ns", "jobs/notify-next-ns", "jobs/+/ns/get/+", "jobs/+/ns/update/+",
           f"{SHADOW}/get/+", f"{SHADOW}/update/accepted", f"{SHADOW}/update/rejected"]


class LadderDevice:
    def __init__(self, name, client):
        self.name, self.client, self.base = name, client, f"$aws/things/{name}/"

    def __enter__(self):
        self.client.__enter__()
        self.client.subscribe([self.topic(f) for f in FILTERS])
        return self

    def __exit__(self, *exc):
        self.client.__exit__(*exc)

    def topic(self, short):
        levels = [level.replace("-ns", f"-{NS}") if level.startswith("notify") else NS if level == "ns" else level
                  for level in short.split("/")]
        return self.base + "/".join(levels)

    def tell(self, short, payload=b"", times=1):
        self.client.publish(self.topic(short), payload, times)

    def next(self, seconds=PATIENCE):
        try:
            message = self.client.messages.get(timeout=seconds)
        except queue.Empty:
            raise AssertionError(f"no message after {seconds} s; had {[t for t, _ in self.client.seen]}") from None
        assert message is not None, "the broker closed the connection"
        return message[0], json.loads(message[1])

    def expect(self, short):
        topic, payload = self.next()
        assert topic == self.topic(short), f"expected {short}, got {topic}: {payload}"
        return payload

    def ask(self, short, payload=b"", kind="accepted"):
        self.tell(short, payload)
        return self.expect(f"{short}/{kind}")

    def silence(self):
        """The service has nothing more to say: what it says last comes after an answer to a last question."""
        answer = self.ask("jobs/no-such-job/ns/get", {}, "rejected")
        assert answer["code"] == "ResourceNotFound"

    # ---- what every ladder does ----

    def get(self, job="$next", **members):
        return self.ask(f"jobs/{job}/ns/get", members)

    def update(self, job, status, kind="accepted", **members):
        return self.ask(f"jobs/{job}/ns/update", {"status": status, **members}, kind)

    def notified(self):
        """The list, and the new head behind it."""
        listed = self.expect("jobs/notify-ns")["jobs"]
        return listed, self.expect("jobs/notify-next-ns").get("execution")

    def health(self, sequence, components=(), **members):
        self.tell("greengrassv2/health/json", {
            "ggcVersion": "0.1.0", "platform": "linux", "architecture": "amd64", "runtime": "ladder", "thing": self.name,
            "overallDeviceStatus": "HEALTHY", "sequenceNumber": sequence, "timestamp": 1764590460000 + sequence,
            "messageType": "PARTIAL", "trigger": "THING_GROUP_DEPLOYMENT", "components": list(components), **members})


def ladder_device(cloud, name):
    bundle = f"{cloud.folder}/{name}"
    return LadderDevice(name, MqttClient(cloud.device_port, name, ca=f"{bundle}/ca.crt", cert=f"{bundle}/device.crt",
                                         key=f"{bundle}/device.key"))
