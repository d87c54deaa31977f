"""The jobs service on the cloud side of a broker, played by one plain MQTT client for any number of things.

    cloud = JobsCloud(port, user, password).connect()
    cloud.create("thing", "job-1", document)
    cloud.ended("thing", "job-1")            # the terminal status that it accepted, or None
    cloud.told("thing")                      # every terminal update that came: (job, status, detailed status)

It can be rude: `silent` is a number of answers that it swallows, as a lost message does."""
import json
import struct
import threading

from support.mqtt_client import MqttClient, MqttError, _text

NS = "namespace-aws-gg-deployment"
TERMINAL = ("SUCCEEDED", "FAILED", "REJECTED", "CANCELED")


class _Client(MqttClient):
    def say(self, topic, body):
        self._send(0x30, _text(topic) + json.dumps(body).encode())


class JobsCloud:
    def __init__(self, port, user, password):
        self.port, self.user, self.password = port, user, password
        self.lock = threading.RLock()
        self.jobs = {}     # thing -> {job id -> execution}
        self.updates = {}  # thing -> [(job, body)]
        self.health = {}   # thing -> [document of fleet status]
        self.silent = {}   # thing -> answers to swallow
        self.closing = False

    def connect(self):
        self.client = _Client(self.port, "jobs-service", user=self.user, password=self.password)
        self.client.__enter__()
        self.client.subscribe([f"$aws/things/+/jobs/+/{NS}/get", f"$aws/things/+/jobs/+/{NS}/update",
                               "$aws/things/+/greengrassv2/health/json", "$aws/things/+/shadow/get",
                               "$aws/things/+/shadow/name/+/get"])
        threading.Thread(target=self._serve, args=(self.client,), daemon=True).start()
        return self

    def disconnect(self):
        self.closing = True
        self.client.__exit__()

    # ---- what tests do ----

    def forget(self, thing):
        with self.lock:
            for table in (self.jobs, self.updates, self.health, self.silent):
                table.pop(thing, None)

    def create(self, thing, job, document, ring=True):
        with self.lock:
            self.jobs.setdefault(thing, {})[job] = {
                "jobId": job, "status": "QUEUED", "queuedAt": 1764590401, "lastUpdatedAt": 1764590401, "versionNumber": 1,
                "executionNumber": 1, "jobDocument": document}
        if ring:
            self.ring(thing)

    def ended(self, thing, job):
        with self.lock:
            status = self.jobs.get(thing, {}).get(job, {}).get("status")
        return status if status in TERMINAL else None

    def told(self, thing):
        with self.lock:
            return [(job, body["status"], body.get("statusDetails", {}).get("detailed-deployment-status"))
                    for job, body in self.updates.get(thing, []) if body["status"] in TERMINAL]

    # ---- the service ----

    def _pending(self, thing):
        live = [e for e in self.jobs.get(thing, {}).values() if e["status"] in ("QUEUED", "IN_PROGRESS")]
        return sorted(live, key=lambda e: e["status"] != "IN_PROGRESS")

    def ring(self, thing):
        lists = {}
        with self.lock:
            for e in self._pending(thing):
                lists.setdefault(e["status"], []).append({k: e[k] for k in ("jobId", "queuedAt", "executionNumber")})
        self.client.say(f"$aws/things/{thing}/jobs/notify-{NS}", {"timestamp": 1, "jobs": lists})

    def _serve(self, client):
        while not self.closing:
            message = client.messages.get()
            if message is None:
                return
            try:
                self._take(message[0].split("/"), message[1])
            except (OSError, MqttError, struct.error):
                return

    def _take(self, levels, payload):
        thing = levels[2]
        body = json.loads(payload or b"{}")
        if levels[3] == "greengrassv2":
            with self.lock:
                self.health.setdefault(thing, []).append(body)
        elif levels[3] == "shadow":
            self.client.say("/".join(levels) + "/rejected", {"code": 404, "message": "No shadow exists"})
        else:
            self._answer(thing, levels[4], levels[6], body)

    def _answer(self, thing, job, verb, body):
        with self.lock:
            if verb == "update":
                self.updates.setdefault(thing, []).append((job, body))
            outcome, reply = self._get(thing, job) if verb == "get" else self._update(thing, job, body)
            swallowed = self.silent.get(thing, 0) > 0
            if swallowed:
                self.silent[thing] -= 1
        if swallowed:
            return
        if "clientToken" in body:
            reply["clientToken"] = body["clientToken"]
        self.client.say(f"$aws/things/{thing}/jobs/{job}/{NS}/{verb}/{outcome}", {"timestamp": 1, **reply})
        if verb == "update" and outcome == "accepted" and body["status"] in TERMINAL:
            self.ring(thing)

    def _get(self, thing, job):
        if job == "$next":
            pending = self._pending(thing)
            return "accepted", {"execution": pending[0]} if pending else {}
        found = self.jobs.get(thing, {}).get(job)
        return ("accepted", {"execution": found}) if found else ("rejected", {"code": "ResourceNotFound"})

    def _update(self, thing, job, body):
        e = self.jobs.get(thing, {}).get(job)
        if not e:
            return "rejected", {"code": "ResourceNotFound"}
        if e["status"] in TERMINAL and e["status"] != body["status"]:
            return "rejected", {"code": "InvalidStateTransition", "executionState": {"status": e["status"]}}
        e["status"], e["versionNumber"] = body["status"], e["versionNumber"] + 1
        return "accepted", {}
