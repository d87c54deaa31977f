"""The jobs service of one thing on the cloud side of a broker: what it offers, and what the device says of it.

    with JobsCloud("cam-1", port, user, password) as cloud:
        job = cloud.offer(document)
        assert cloud.wait(job)["status"] == "SUCCEEDED" """
import json
import threading
import time

from local import wait_until

from .mqtt_client import MqttClient, MqttError

NS = "namespace-aws-gg-deployment"
ENDED = ("SUCCEEDED", "FAILED", "REJECTED")


class JobsCloud:
    def __init__(self, thing, port, user, password):
        self.base = f"$aws/things/{thing}/jobs"
        self.jobs, self.lock = {}, threading.RLock()
        self.client = MqttClient(port, "jobs-service", user=user, password=password)

    def __enter__(self):
        self.client.__enter__()
        self.client.subscribe([f"{self.base}/+/{NS}/get", f"{self.base}/+/{NS}/update"])
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(self, *exc):
        self.client.__exit__(*exc)

    # ---- what tests do ----

    def offer(self, document):
        with self.lock:
            job = f"job-{len(self.jobs) + 1}"
            self.jobs[job] = {"jobId": job, "status": "QUEUED", "queuedAt": int(time.time()), "lastUpdatedAt": int(time.time()),
                              "versionNumber": 1, "executionNumber": 1, "jobDocument": document}
            self._ring()
        return job

    def cancel(self, job):
        with self.lock:
            self.jobs[job]["status"] = "CANCELED"
            self._ring()

    def status(self, job):
        with self.lock:
            return dict(self.jobs[job])

    def wait(self, job, seconds=60):
        """The execution once the device has ended it, with statusDetails decoded."""
        wait_until(lambda: self.status(job)["status"] in ENDED, seconds, f"{job} to end; it is {self.status(job)}")
        details = {k: json.loads(v) if v.startswith("[") else v for k, v in self.status(job).get("statusDetails", {}).items()}
        return {**self.status(job), "statusDetails": details}

    # ---- the service ----

    def _head(self):
        live = [j for j in self.jobs.values() if j["status"] in ("QUEUED", "IN_PROGRESS")]
        return sorted(live, key=lambda j: j["status"] != "IN_PROGRESS")[:1]

    def _ring(self):
        lists = {}
        for job in self.jobs.values():
            if job["status"] in ("QUEUED", "IN_PROGRESS"):
                lists.setdefault(job["status"], []).append({"jobId": job["jobId"], "executionNumber": 1, "queuedAt": job["queuedAt"]})
        self.client.publish(f"{self.base}/notify-{NS}", {"timestamp": 1, "jobs": lists})

    def _serve(self):
        while True:
            message = self.client.messages.get()
            if message is None:
                return
            try:
                with self.lock:
                    self._request(message[0], json.loads(message[1] or b"{}"))
            except (MqttError, OSError):
                return

    def _request(self, topic, body):
        job, verb = topic.split("/")[4], topic.split("/")[-1]
        reply = {"timestamp": 1, **({"clientToken": body["clientToken"]} if "clientToken" in body else {})}
        if verb == "get":
            found = self._head() if job == "$next" else [self.jobs[job]] if job in self.jobs else []
            if found:
                reply["execution"] = found[0]
        elif self.jobs[job]["status"] in ("QUEUED", "IN_PROGRESS"):
            self.jobs[job].update(status=body["status"], statusDetails=body.get("statusDetails", {}))
            self.jobs[job]["versionNumber"] += 1
        self.client.publish(f"{topic}/accepted", reply)
        if verb == "update" and body["status"] in ENDED:
            self._ring()
