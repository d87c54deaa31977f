"""Jobs on the device against a scripted cloud: the ladder of spec 15.1 and the cases of 15.2."""

import json
import queue
import threading

import pytest
from mqtt_bench import AMPLE, DRIVER, broker, pki, start  # noqa: F401 (fixtures)

from local import wait_until
from support.database import rows

pytestmark = pytest.mark.skipif(not DRIVER.exists(), reason=f"{DRIVER} has not been built")
NS = "namespace-aws-gg-deployment"
ARN = "arn:aws:greengrass:local:000000000000:configuration:thinggroup/cameras:"
PATIENT = {"answerTimeoutMs": 60000}  # where requests are counted: none is repeated because a busy machine answers late


def document(revision=1):
    return {"deploymentId": f"d-{revision}", "configurationArn": ARN + str(revision), "schemaDate": "2021-05-17",
            "creationTimestamp": 1764590400000.0, "components": {"com.example.A": {"version": "1.0.0"}}}


class Cloud:
    """Answers as the jobs service does; what it does to which request can be changed by the test."""

    def __init__(self, driver, thing="cam-1"):
        self.driver, self.thing = driver, thing
        self.jobs = {}       # id -> execution, in order of creation
        self.requests, self.lock = queue.Queue(), threading.RLock()
        self.answer = lambda verb, job, body: None  # -> None: answer normally, False: silent, dict: rejection
        self.tokens = True
        driver.wait("connected")
        driver.send("subscribe", filters=[f"$aws/things/{thing}/jobs/+/{NS}/get", f"$aws/things/{thing}/jobs/+/{NS}/update",
                                          f"$aws/things/{thing}/greengrassv2/health/json"])
        driver.wait("granted")
        threading.Thread(target=self._run, daemon=True).start()

    def publish(self, rest, body):
        self.driver.send("publish", topic=f"$aws/things/{self.thing}/jobs/{rest}", payload=json.dumps(body), tag="")

    def create(self, job, doc=None, number=1, notify=True):
        with self.lock:
            self.jobs[job] = {"jobId": job, "status": "QUEUED", "queuedAt": 1764590401, "lastUpdatedAt": 1764590401.0,
                              "versionNumber": 1, "executionNumber": number, "future": None,
                              "jobDocument": document() if doc is None else doc}
            if notify:
                self.ring()

    def turn(self, job, status="CANCELED"):
        """The cloud changes an execution; tells nobody."""
        with self.lock:
            self.jobs[job]["status"] = status

    def pending(self):
        live = [e for e in self.jobs.values() if e["status"] in ("QUEUED", "IN_PROGRESS")]
        return sorted(live, key=lambda e: e["status"] != "IN_PROGRESS")

    def ring(self):
        with self.lock:
            lists = {}
            for e in self.pending():
                lists.setdefault(e["status"], []).append({k: e[k] for k in ("jobId", "queuedAt", "executionNumber")})
            self.publish(f"notify-{NS}", {"timestamp": 1, "jobs": lists})
            head = self.pending()[:1]
            self.publish(f"notify-next-{NS}", {"timestamp": 1, **({"execution": head[0]} if head else {})})

    def _run(self):
        while True:
            e = self.driver.events.get()
            if e["event"] == "closed":
                return
            if e["event"] != "message":
                continue
            levels = e["topic"].split("/")
            body = json.loads(e["payload"] or "{}")
            if levels[3] == "greengrassv2":
                self.requests.put(("health", None, body))
                continue
            with self.lock:
                verdict = self.answer(levels[6], levels[4], body)
                if verdict is not False:
                    self._reply(levels[6], levels[4], body, verdict)
            self.requests.put((levels[6], levels[4], body))  # what is waited for has been dealt with

    def _reply(self, verb, job, body, verdict):
        reply = {"timestamp": 1}
        if self.tokens and "clientToken" in body:
            reply["clientToken"] = body["clientToken"]
        outcome = "accepted"
        if verdict:
            reply.update(verdict)
            outcome = "rejected"
        elif verb == "get":
            found = self.pending()[:1] if job == "$next" else [e for e in self.jobs.values() if e["jobId"] == job]
            if found:
                reply["execution"] = found[0]
            elif job != "$next":
                outcome, reply["code"] = "rejected", "ResourceNotFound"
        elif job not in self.jobs:
            outcome, reply["code"] = "rejected", "ResourceNotFound"
        elif self.jobs[job]["status"] in ("QUEUED", "IN_PROGRESS"):
            self.jobs[job].update(status=body["status"], statusDetails=body.get("statusDetails", {}))
            self.jobs[job]["versionNumber"] += 1
        elif self.jobs[job]["status"] != body["status"]:
            outcome, reply["code"] = "rejected", "InvalidStateTransition"
            reply["executionState"] = {"status": self.jobs[job]["status"]}
        self.publish(f"{job}/{NS}/{verb}/{outcome}", reply)
        if verb == "update" and outcome == "accepted" and body["status"] != "IN_PROGRESS":
            self.ring()

    def wait(self, verb, job, timeout=AMPLE, **members):
        while True:
            try:
                v, j, body = self.requests.get(timeout=timeout)
            except queue.Empty:
                raise AssertionError(f"no {verb} {job} {members}") from None
            if (v, j) == (verb, job) and all(body.get(k) == x for k, x in members.items()):
                return body

    def drain(self, seconds):
        """Requests until nothing has come for so long."""
        out = []
        while True:
            try:
                out.append(self.requests.get(timeout=seconds))
            except queue.Empty:
                return out


@pytest.fixture
def cloud(broker, start):
    return Cloud(start.cloud(broker))


@pytest.fixture
def device(broker, start, tmp_path):
    return lambda **o: start(broker, db=str(tmp_path / "nucleus.db"), **o)


def finish(device, job, status="SUCCEEDED", **members):
    device.send("status", job=job, status=status, **members)
    return device.wait("reported", job=job, status=status)


def test_the_ladder_of_a_normal_deployment(cloud, device):
    d = device(**PATIENT)
    cloud.wait("get", "$next")
    cloud.create("J")
    e = d.wait("job")
    assert (e["job"], e["execution"], e["resumed"]) == ("J", 1, False)
    assert e["document"]["configurationArn"] == ARN + "1"
    d.send("status", job="J", status="IN_PROGRESS")
    assert "statusDetails" not in cloud.wait("update", "J", status="IN_PROGRESS")
    assert finish(d, "J", details={"detailed-deployment-status": "SUCCESSFUL"})["accepted"]
    body = cloud.wait("update", "J", status="SUCCEEDED")
    assert body["statusDetails"] == {"detailed-deployment-status": "SUCCESSFUL"} and "expectedVersion" not in body
    cloud.wait("get", "$next")
    assert cloud.jobs["J"]["status"] == "SUCCEEDED" and cloud.jobs["J"]["versionNumber"] == 3
    assert len(cloud.drain(0.3)) <= 2, "an idle device asks no more"


def test_1_lost_notifications_are_healed_by_the_poll(cloud, device):
    d = device(pollS=1)
    cloud.wait("get", "$next")
    cloud.create("J", notify=False)
    d.wait("job", job="J")


def test_2_three_notifications_are_one_deployment(cloud, device):
    d = device()
    cloud.wait("get", "$next")
    cloud.create("J")
    cloud.ring()
    cloud.ring()
    d.wait("job")
    d.quiet("job", 0.5)


def test_3_a_killed_device_resumes_the_job(cloud, device):
    d = device()
    cloud.wait("get", "$next")
    cloud.create("J")
    d.wait("job")
    d.send("status", job="J", status="IN_PROGRESS")
    cloud.wait("update", "J", status="IN_PROGRESS")
    d.kill()
    d = device()
    assert d.wait("job")["resumed"]
    finish(d, "J")


def test_a_job_that_the_journal_resumes_is_not_handed_over_again(cloud, device):
    d = device()
    cloud.wait("get", "$next")
    cloud.create("J")
    d.wait("job")
    d.kill()
    d = device(adopt="J")
    d.quiet("job", 0.5)
    finish(d, "J")


def test_the_sixth_start_of_one_job_is_not_tried(cloud, device):
    cloud.create("J")
    for n in range(5):
        d = device()
        assert d.wait("job")["resumed"] == (n > 0)
        d.kill()
    d = device()
    d.wait("reported", job="J", status="FAILED")
    assert "DEPLOYMENT_INTERRUPTED" in cloud.jobs["J"]["statusDetails"]["deployment-error-stack"]


def test_4_a_status_on_disk_is_sent_by_the_next_run_without_a_second_deployment(cloud, device):
    d = device()
    cloud.wait("get", "$next")
    cloud.create("J")
    d.wait("job")
    cloud.answer = lambda verb, job, body: False if verb == "update" else None
    d.send("status", job="J", status="SUCCEEDED")
    cloud.wait("update", "J", status="SUCCEEDED")
    d.kill()
    cloud.answer = lambda verb, job, body: None
    d = device()
    d.wait("reported", job="J", status="SUCCEEDED")
    d.quiet("job", 0.3)


def test_a_status_reported_while_offline_survives_a_kill(broker, start, device, tmp_path):
    d = device()
    d.wait("connected")
    broker.stop()
    d.wait("disconnected")
    d.send("status", job="J", status="FAILED", details={"detailed-deployment-status": "FAILED_NO_STATE_CHANGE"})
    d.send("status", job="K", status="SUCCEEDED")
    wait_until(lambda: len(rows(tmp_path / "nucleus.db", "SELECT 1 FROM bridge_execution WHERE status IS NOT NULL")) == 2, 30,
               "both to be on the disk")
    d.kill()
    broker.start()
    cloud = Cloud(start.cloud(broker))
    cloud.create("J", notify=False)
    cloud.create("K", notify=False)
    d = device()
    assert [d.wait("reported")["job"] for _ in range(2)] == ["J", "K"]
    d.quiet("job", 0.3)
    assert cloud.jobs["J"]["status"] == "FAILED"


def test_5_a_lost_answer_leads_to_one_more_update(cloud, device):
    d = device()
    cloud.wait("get", "$next")
    cloud.create("J")
    d.wait("job")
    lost = []

    def lose_first(verb, job, body):
        if verb == "update" and not lost:
            lost.append(body)
            cloud.jobs["J"]["status"] = body["status"]
            return False
        return None

    cloud.answer = lose_first
    assert finish(d, "J")["accepted"]
    assert cloud.wait("update", "J") == lost[0]
    assert cloud.wait("update", "J")["clientToken"] != lost[0]["clientToken"]


def test_6_a_rejected_repetition_of_the_stored_status_is_success(cloud, device):
    d = device()
    cloud.wait("get", "$next")
    cloud.create("J")
    d.wait("job")
    cloud.answer = lambda verb, job, body: {"code": "InvalidStateTransition", "executionState": {"status": "SUCCEEDED"}} \
        if verb == "update" else None
    assert finish(d, "J")["accepted"]


def test_7_a_newer_revision_cancels_the_running_one_after_confirmation(cloud, device):
    d = device(**PATIENT)
    cloud.wait("get", "$next")
    cloud.create("J7", document(7))
    d.wait("job", job="J7")
    d.send("status", job="J7", status="IN_PROGRESS")
    cloud.wait("update", "J7", status="IN_PROGRESS")
    cloud.turn("J7")
    cloud.create("J8", document(8))
    d.wait("cancel", job="J7")
    d.send("status", job="J7", status="CANCELED")
    d.send("status", job="J8", status="IN_PROGRESS")
    assert not [r for r in cloud.drain(0.5) if r[:2] == ("update", "J7")]
    finish(d, "J8")


def test_a_job_that_only_left_the_head_is_not_cancelled(cloud, device):
    d = device()
    cloud.wait("get", "$next")
    cloud.create("J")
    d.wait("job")
    cloud.answer = lambda verb, job, body: None
    held = cloud.jobs.pop("J")
    held["status"] = "IN_PROGRESS"
    cloud.answer = lambda verb, job, body: cloud.jobs.update({"J": held}) if job == "J" else None
    cloud.publish(f"notify-{NS}", {"timestamp": 1, "jobs": {}})
    cloud.wait("get", "J")
    d.quiet("cancel", 0.5)


def test_8_a_status_for_a_withdrawn_job_is_dropped_and_the_next_runs(cloud, device):
    d = device()
    cloud.wait("get", "$next")
    cloud.create("J7")
    d.wait("job", job="J7")
    cloud.turn("J7")
    cloud.create("J8")
    d.wait("job", job="J8")
    d.send("status", job="J7", status="SUCCEEDED")
    assert not d.wait("reported", job="J7")["accepted"]
    finish(d, "J8")


def test_9_a_stale_revision_is_rejected(cloud, device):
    d = device()
    cloud.wait("get", "$next")
    cloud.create("J6", document(6))
    d.wait("job")
    finish(d, "J6", "REJECTED", details={"detailed-deployment-status": "REJECTED",
                                         "deployment-error-stack": "[\"DEPLOYMENT_REJECTED\",\"REJECTED_STALE_DEPLOYMENT\"]"})
    assert cloud.jobs["J6"]["status"] == "REJECTED"


def test_10_a_repeated_execution_runs_again(cloud, device):
    d = device()
    cloud.wait("get", "$next")
    cloud.create("J")
    d.wait("job", execution=1)
    finish(d, "J", "FAILED")
    cloud.create("J", number=2)
    d.wait("job", execution=2)
    d.send("status", job="J", execution=2, status="SUCCEEDED")
    d.wait("reported", execution=2)


@pytest.mark.parametrize("doc, says", [("a text", "expected an object"), ([], "expected an object"),
                                       ({"components": {}}, "configurationArn"),
                                       ({"configurationArn": "a", "components": 5}, "components"),
                                       ({"configurationArn": "a", "x": "y" * 33000}, "larger than")])
def test_12_an_invalid_document_fails_and_the_next_job_is_offered(cloud, device, doc, says):
    d = device()
    cloud.wait("get", "$next")
    cloud.create("bad", doc)
    cloud.create("good")
    d.wait("job", job="good")
    assert cloud.jobs["bad"]["status"] == "FAILED"
    details = cloud.jobs["bad"]["statusDetails"]
    assert json.loads(details["deployment-error-stack"])[:2] == ["DEPLOYMENT_FAILURE", "DEPLOYMENT_DOCUMENT_NOT_VALID"]
    assert json.loads(details["deployment-error-types"]) == ["CLOUD_SERVICE_ERROR"]
    assert says in details["deployment-failure-cause"]


def test_13_a_document_of_32_kb_is_taken(cloud, device):
    d = device()
    cloud.wait("get", "$next")
    doc = document()
    doc["filler"] = "x" * 32000
    cloud.create("J", doc)
    assert d.wait("job")["document"]["filler"] == doc["filler"]


def test_20_a_broker_that_forgot_everything_loses_nothing(broker, cloud, device):
    d = device()
    cloud.wait("get", "$next")
    cloud.create("J", notify=False)
    broker.stop()
    broker.start()
    d.wait("job", job="J")


def test_23_answers_without_tokens_are_matched_by_topic(cloud, device):
    cloud.tokens = False
    d = device()
    cloud.wait("get", "$next")
    cloud.create("J")
    d.wait("job")
    d.send("status", job="J", status="IN_PROGRESS")
    assert finish(d, "J")["accepted"]


def test_refused_details_are_left_out_once(cloud, device):
    d = device()
    cloud.wait("get", "$next")
    cloud.create("J")
    d.wait("job")
    cloud.answer = lambda verb, job, body: {"code": "InvalidRequest"} if "statusDetails" in body else None
    assert finish(d, "J", "FAILED", details={"k": "v"})["accepted"]


def test_a_throttled_update_is_repeated(cloud, device):
    d = device(**PATIENT)
    cloud.wait("get", "$next")
    cloud.create("J")
    d.wait("job")
    count = []
    cloud.answer = lambda verb, job, body: {"code": "RequestThrottled"} if verb == "update" and not count.append(1) \
        and len(count) < 3 else None
    assert finish(d, "J")["accepted"]
    assert len(count) == 3


@pytest.mark.parametrize("pause, told", [(60000, [None]), (0, [None, {"phase": "DOWNLOADING", "progress": "10"}, {"phase": "DOWNLOADING", "progress": "50"}])])
def test_progress_is_limited(cloud, device, pause, told):
    d = device(progressMs=pause, **PATIENT)
    cloud.wait("get", "$next")
    cloud.create("J")
    d.wait("job")
    d.send("status", job="J", status="IN_PROGRESS")
    for percent in (10, 11, 50, 55):
        d.send("progress", job="J", phase="DOWNLOADING", percent=percent)
    finish(d, "J")
    updates = [b for v, j, b in cloud.drain(0.3) if v == "update" and b["status"] == "IN_PROGRESS"]
    assert [u.get("statusDetails") for u in updates] == told


def test_a_finished_job_that_is_offered_again_gets_its_status_again(cloud, device):
    d = device()
    cloud.wait("get", "$next")
    cloud.create("J")
    d.wait("job")
    finish(d, "J")
    cloud.turn("J", "IN_PROGRESS")  # the cloud restored an old database
    cloud.ring()
    d.wait("reported", job="J", status="SUCCEEDED")
    assert cloud.jobs["J"]["status"] == "SUCCEEDED"
