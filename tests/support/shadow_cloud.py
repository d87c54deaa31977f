"""A shadow service on the cloud side of a broker: answers get, update and delete over MQTT, and tells delta and documents.

    cloud = ShadowCloud().connect(port, user, password)
    cloud.change("cam-1", {"desired": {"a": 1}})          # as somebody else in the cloud does it
    cloud.state("cam-1") == {"desired": {"a": 1}}
    cloud.disconnect()                                    # what it holds stays"""
import json
import threading
import time

from .mqtt_client import MqttClient, MqttError


class Refused(Exception):
    def __init__(self, code, message):
        super().__init__(message)
        self.code = code


def merge(target, patch):
    for key, value in patch.items():
        if value is None:
            target.pop(key, None)
        elif isinstance(value, dict):
            if not isinstance(target.get(key), dict):
                target[key] = {}
            merge(target[key], value)
        else:
            target[key] = value


def difference(desired, reported):
    out = {}
    for key, value in desired.items():
        have = reported.get(key)
        if isinstance(value, dict) and isinstance(have, dict):
            inner = difference(value, have)
            if inner:
                out[key] = inner
        elif value != have:
            out[key] = value
    return out


def prefix(thing, name):
    return f"$aws/things/{thing}/shadow" + (f"/name/{name}" if name else "")


class ShadowCloud:
    def __init__(self):
        self.lock = threading.RLock()
        self.shadows = {}  # (thing, name) -> {"state", "version"}; state None: deleted
        self.requests = []  # (verb, thing, name, document), as they came
        self.refuse_next = None  # a code
        self.client = self.thread = None

    def connect(self, port, user, password):
        self.client = MqttClient(port, "shadow-service", user=user, password=password)
        self.client.__enter__()
        self.client.subscribe(["$aws/things/+/shadow/+", "$aws/things/+/shadow/name/+/+"])
        self.thread = threading.Thread(target=self._serve, args=(self.client,), daemon=True)
        self.thread.start()
        return self

    def disconnect(self):
        self.client.__exit__()
        self.thread.join(10)

    # ---- what tests do ----

    def state(self, thing, name=""):
        """None: there is none."""
        with self.lock:
            shadow = self.shadows.get((thing, name))
            return json.loads(json.dumps(shadow["state"])) if shadow and shadow["state"] is not None else None

    def version(self, thing, name=""):
        with self.lock:
            return self.shadows[(thing, name)]["version"]

    def change(self, thing, state, name="", tell=True):
        """tell=False: nobody hears of it, as when the message is lost or the cloud is cut off."""
        with self.lock:
            self._tell(self._update(thing, name, {"state": state, "clientToken": "somebody"}), tell)

    def forget(self, thing, name="", tell=True):
        with self.lock:
            self._tell(self._delete(thing, name, {}), tell)

    def count(self, verb, thing, name=""):
        with self.lock:
            return sum(r[:3] == (verb, thing, name) for r in self.requests)

    # ---- the service ----

    def _tell(self, messages, tell=True):
        for topic, document in messages:
            if tell:
                self.client.publish(topic, document)

    def _serve(self, client):
        while True:
            message = client.messages.get()
            if message is None:
                return
            try:
                self._request(*message)
            except (MqttError, OSError):
                return

    def _request(self, topic, payload):
        parts = topic.split("/")
        thing, name, verb = parts[2], parts[5] if len(parts) == 7 else "", parts[-1]
        if verb not in ("get", "update", "delete"):
            return
        document = json.loads(payload or b"{}")
        with self.lock:
            self.requests.append((verb, thing, name, document))
            try:
                if self.refuse_next:
                    code, self.refuse_next = self.refuse_next, None
                    raise Refused(code, "refused by the test")
                self._tell(getattr(self, f"_{verb}")(thing, name, document))
            except Refused as refused:
                answer = {"code": refused.code, "message": str(refused), "timestamp": int(time.time())}
                self._tell([(f"{topic}/rejected", {**answer, **self._token(document)})])

    @staticmethod
    def _token(document):
        return {"clientToken": document["clientToken"]} if "clientToken" in document else {}

    def _shadow(self, thing, name):
        shadow = self.shadows.get((thing, name))
        if not shadow or shadow["state"] is None:
            raise Refused(404, f"No shadow exists with name: '{thing}'")
        return shadow

    def _body(self, shadow, **more):
        return {"state": shadow["state"], "metadata": {}, "version": shadow["version"], "timestamp": int(time.time()), **more}

    def _get(self, thing, name, document):
        shadow = self._shadow(thing, name)
        state = dict(shadow["state"])
        delta = difference(state.get("desired", {}), state.get("reported", {}))
        if delta:
            state["delta"] = delta
        return [(f"{prefix(thing, name)}/get/accepted", {**self._body(shadow), "state": state, **self._token(document)})]

    def _update(self, thing, name, document):
        p, token = prefix(thing, name), self._token(document)
        shadow = self.shadows.setdefault((thing, name), {"state": None, "version": 0})
        exists = shadow["state"] is not None
        if "version" in document and document["version"] != (shadow["version"] if exists else 1):
            raise Refused(409, "Version conflict")
        previous = self._body(shadow) if exists else None
        state = json.loads(json.dumps(shadow["state"] or {}))
        merge(state, document["state"] if document["state"] is not None else {"desired": None, "reported": None})
        shadow["state"] = {part: value for part, value in state.items() if value}
        shadow["version"] += 1
        messages = [(f"{p}/update/accepted", {**self._body(shadow), "state": document["state"], **token})]
        delta = difference(shadow["state"].get("desired", {}), shadow["state"].get("reported", {}))
        if delta:
            messages.append((f"{p}/update/delta", {**self._body(shadow), "state": delta, **token}))
        return messages + [(f"{p}/update/documents", {"previous": previous, "current": self._body(shadow), **token})]

    def _delete(self, thing, name, document):
        shadow = self._shadow(thing, name)
        if document.get("version", shadow["version"]) != shadow["version"]:
            raise Refused(409, "Version conflict")
        shadow["state"] = None
        return [(f"{prefix(thing, name)}/delete/accepted",
                 {"version": shadow["version"], "timestamp": int(time.time()), **self._token(document)})]
