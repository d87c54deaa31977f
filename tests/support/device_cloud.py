"""The cloud of one device, played with a plain MQTT client: jobs, the deployment shadow, and an ear for fleet status.

    cloud = DeviceCloud("cam-1").connect(broker)
    cloud.create("job-1", cloud.document("cameras", 1, {"com.x.A": "1.0.0"}))
    cloud.wait_status("job-1", "SUCCEEDED")
    cloud.want(cloud.document("cam-1", 1, {}, kind="thing"))          # in the shadow
    cloud.heard     # all that the device said: ("jobs/$next/get", body), in order, the namespace left out
    cloud.answer = lambda verb, what, body: False                       # stay silent; {"code": ...}: refuse; None: as usual"""
import json
import threading

from local import wait_until
from local.broker import SERVICE_USER

from .mqtt_client import MqttClient, MqttError
from .shadow_cloud import merge

NS = "namespace-aws-gg-deployment"
SHADOW = "shadow/name/AWSManagedGreengrassV2Deployment"
HEALTH = "greengrassv2/health/json"
LIVE = ("QUEUED", "IN_PROGRESS")


class DeviceCloud:
    def __init__(self, thing):
        self.thing, self.base = thing, f"$aws/things/{thing}/"
        self.jobs = {}         # id -> execution, in order of creation
        self.shadow = None     # {"state", "version"}
        self.heard, self.told = [], []
        self.updates = []      # (job or "shadow", body) that changed something
        self.answer = lambda verb, what, body: None
        self.tokens = True     # answers carry the token of the question
        self.lock, self.queued_at, self.client = threading.RLock(), 1764590400, None

    def connect(self, broker):
        self.client = MqttClient(broker.service_port, "cloud", user=SERVICE_USER, password=broker.password)
        self.client.__enter__()
        self.client.subscribe([f"{self.base}jobs/+/{NS}/get", f"{self.base}jobs/+/{NS}/update", f"{self.base}{SHADOW}/get",
                               f"{self.base}{SHADOW}/update", self.base + HEALTH])
        threading.Thread(target=self._serve, args=(self.client,), daemon=True).start()
        return self

    def disconnect(self):
        self.client.__exit__()

    # ---- documents ----

    def arn(self, name, revision, kind="thinggroup"):
        return f"arn:aws:greengrass:local:000000000000:configuration:{kind}/{name}:{revision}"

    def document(self, group, revision, components, kind="thinggroup", **more):
        """components: name -> version or the object of the document."""
        return {"deploymentId": f"{group}-{revision}", "schemaDate": "2021-05-17", "configurationArn": self.arn(group, revision, kind),
                "creationTimestamp": 1764590400000 + revision * 1000,
                "components": {n: {"version": c} if isinstance(c, str) else c for n, c in components.items()}, **more}

    # ---- jobs ----

    def create(self, job, document, number=1, ring=1):
        with self.lock:
            self.queued_at += 1
            self.jobs[job] = {"jobId": job, "thingName": self.thing, "status": "QUEUED", "queuedAt": self.queued_at,
                              "lastUpdatedAt": self.queued_at, "versionNumber": 1, "executionNumber": number, "jobDocument": document}
            for _ in range(ring):
                self.ring()

    def end(self, job, status="CANCELED"):
        """The cloud ends an execution; tells nobody."""
        with self.lock:
            self.jobs[job]["status"] = status

    def pending(self):
        live = [e for e in self.jobs.values() if e["status"] in LIVE]
        return sorted(live, key=lambda e: e["status"] != "IN_PROGRESS")

    def ring(self):
        with self.lock:
            lists = {}
            for e in self.pending()[:10]:
                lists.setdefault(e["status"], []).append({k: e[k] for k in ("jobId", "queuedAt", "lastUpdatedAt", "executionNumber", "versionNumber")})
            head = self.pending()[:1]
            self._say(f"jobs/notify-{NS}", {"timestamp": self.queued_at, "jobs": lists})
            self._say(f"jobs/notify-next-{NS}", {"timestamp": self.queued_at, **({"execution": head[0]} if head else {})})

    # What is asked for while a message is being handled is what it is afterwards.
    def status(self, job):
        with self.lock:
            return self.jobs[job]["status"]

    def details(self, job):
        """statusDetails with its two lists read."""
        with self.lock:
            details = self.jobs[job].get("statusDetails", {})
        return {k: json.loads(v) if v.startswith("[") else v for k, v in details.items()}

    # ---- shadow ----

    def want(self, document, status="SUCCEEDED", tell=True):
        text = document if isinstance(document, str) else json.dumps(document)
        self.change({"desired": {"fleetConfig": text, "desiredStatus": status}}, tell)

    def change(self, state, tell=True):
        with self.lock:
            self._merge(state)
            if tell:
                self._say(f"{SHADOW}/update/accepted", {"state": state, "version": self.shadow["version"], "timestamp": 1})

    def reported(self):
        with self.lock:
            return json.loads(json.dumps((self.shadow or {"state": {}})["state"].get("reported", {})))

    def _merge(self, state):
        self.shadow = self.shadow or {"state": {}, "version": 0}
        merge(self.shadow["state"], json.loads(json.dumps(state)))
        self.shadow["version"] += 1

    # ---- waiting ----

    def mark(self):
        return len(self.heard)

    def since(self, mark, ending=""):
        return [(t, b) for t, b in self.heard[mark:] if t.endswith(ending)]

    def names(self, mark=0):
        """What the device said, in short: "get $next", "update job-1 IN_PROGRESS", "shadow get", "shadow update SUCCEEDED", "health CADENCE"."""
        return [short(t, b) for t, b in self.heard[mark:]]

    def wait(self, name, mark=0, count=1, seconds=30):
        wait_until(lambda: self.names(mark).count(name) >= count, seconds, f"{count} times \"{name}\"; heard: {self.names(mark)}", step=0.02)

    def wait_status(self, job, status, seconds=40):
        wait_until(lambda: self.status(job) not in LIVE, seconds, f"the end of {job}; heard: {self.names()}", step=0.02)
        assert self.status(job) == status, f"{self.status(job)} {self.jobs[job].get('statusDetails')}"
        return self.details(job)

    def wait_reported(self, arn, status, seconds=40):
        wait_until(lambda: (self.reported().get("fleetConfigurationArnForStatus"), self.reported().get("status")) == (arn, status), seconds,
                   f"{status} of {arn} in the shadow, which has {self.reported()}; heard: {self.names()}", step=0.02)
        return self.reported()["statusDetails"]

    def health(self, trigger, deployment, mark=0):
        return [b for t, b in self.since(mark, HEALTH) if b["trigger"] == trigger and b["deploymentInformation"].get("deploymentId") == deployment]

    def wait_health(self, trigger, deployment, mark=0):
        wait_until(lambda: self.health(trigger, deployment, mark), 40, f"{trigger} of {deployment}; heard: {self.names(mark)}", step=0.05)
        return self.health(trigger, deployment, mark)[0]

    # ---- the service ----

    def _say(self, rest, body):
        with self.lock:
            self.told.append((rest, body))
            self.client.publish(self.base + rest, body)

    def _serve(self, client):
        while (message := client.messages.get()) is not None:
            rest, body = message[0].removeprefix(self.base), json.loads(message[1] or b"{}")
            try:
                with self.lock:
                    self._handle(rest, body)
            except (MqttError, OSError):
                return

    def _handle(self, rest, body):
        levels = rest.split("/")
        self.heard.append((rest.replace(f"/{NS}", ""), body))
        if rest == HEALTH:
            return
        what, verb = ("shadow", levels[-1]) if levels[0] == "shadow" else (levels[1], levels[-1])
        verdict = self.answer(verb, what, body)
        if verdict is False:
            return
        outcome, reply = ("rejected", dict(verdict)) if verdict else (self._shadow if what == "shadow" else self._job)(verb, what, body)
        if self.tokens and "clientToken" in body:
            reply["clientToken"] = body["clientToken"]
        self._say(f"{rest}/{outcome}", {"timestamp": 1, **reply})
        if verb == "update" and outcome == "accepted" and what != "shadow" and body["status"] != "IN_PROGRESS":
            self.ring()

    def _job(self, verb, job, body):
        if verb == "get" and job == "$next":
            head = self.pending()[:1]
            return "accepted", {"execution": head[0]} if head else {}
        e = self.jobs.get(job)
        if not e:
            return "rejected", {"code": "ResourceNotFound", "message": f"no job {job}"}
        if verb == "get":
            return "accepted", {"execution": e}
        if e["status"] not in LIVE and e["status"] != body["status"]:
            return "rejected", {"code": "InvalidStateTransition", "message": "it is over",
                                "executionState": {"status": e["status"], "versionNumber": e["versionNumber"]}}
        if e["status"] != body["status"]:
            e.update(status=body["status"], versionNumber=e["versionNumber"] + 1)
            self.updates.append((job, body))
        if "statusDetails" in body:
            e["statusDetails"] = body["statusDetails"]
        return "accepted", {}

    def _shadow(self, verb, _, body):
        if not self.shadow:
            return "rejected", {"code": 404, "message": "no shadow"}
        if verb == "get":
            return "accepted", json.loads(json.dumps(self.shadow))
        if body.get("version", self.shadow["version"]) != self.shadow["version"]:
            return "rejected", {"code": 409, "message": "version conflict"}
        self._merge(body["state"])
        self.updates.append(("shadow", body))
        return "accepted", {"state": body["state"], "version": self.shadow["version"]}


def short(topic, body):
    levels = topic.split("/")
    if levels[0] == "greengrassv2":
        return f"health {body['trigger']}"
    if levels[0] == "shadow":
        return "shadow get" if levels[-1] == "get" else f"shadow update {body['state']['reported']['status']}"
    return " ".join([levels[-1], levels[1], *([body["status"]] if levels[-1] == "update" else [])])
