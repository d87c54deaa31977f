"""Message ladders of the jobs carrier (cloud-protocol.md 15): the device against a plain MQTT client as the cloud."""
import base64
import hashlib
import http.server
import json
import os
import re
import socketserver
import threading

import pytest

from local import wait_until
from support.device_cloud import HEALTH
from support.folder import temporary_folder
from support.device_ladder import FOREVER, ladder

BIG = bytes(range(256)) * 4000


@pytest.fixture(scope="module")
def web():
    """A file that comes in two halves, the second one when `gate` is set. Ranges are served, and kept in `ranges`."""
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def head(self):
            first = int((re.match(r"bytes=(\d+)-", self.headers.get("Range") or "") or [0, 0])[1])
            self.send_response(206 if first else 200)
            self.send_header("Content-Length", str(len(BIG) - first))
            self.send_header("ETag", '"one"')
            if first:
                self.send_header("Content-Range", f"bytes {first}-{len(BIG) - 1}/{len(BIG)}")
            self.end_headers()
            return first

        def do_HEAD(self):
            self.head()

        def do_GET(self):
            first, half = self.head(), len(BIG) // 2
            self.server.ranges.append(first)
            try:
                self.wfile.write(BIG[first:max(first, half)])
                self.wfile.flush()
                self.server.gate.wait(600)
                self.wfile.write(BIG[max(first, half):])
            except OSError:
                pass

        def log_message(self, *_):
            pass

    class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
        daemon_threads = True

    server = Server(("127.0.0.1", 0), Handler)
    server.gate, server.ranges, server.url = threading.Event(), [], f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.gate.set()
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def site(bin_dir, ca, web):
    with temporary_folder() as folder, ladder(bin_dir, ca, folder) as site:
        device = site.device
        site.recipes({name: "true" for name in ("once", "twice", "after", "known", "told", "stale", "again", "same", "good", "newer", "forty",
                                                "clock", "plain", "float", "late")})
        site.recipes({"keep": FOREVER, "big": "true", "bad": {"startup": "exit 9"}})
        site.recipes({"keep": FOREVER}, version="1.1.0")
        site.recipes({"merging": {"startup": device.wait_for("merged")}, "boot": {"bootstrap": device.note("boot") + "; exit 101", "run": "true"}})
        digest = base64.b64encode(hashlib.sha256(BIG).digest()).decode()  # without one no later start continues a file
        for name in ("resume", "superseded"):
            device.recipe(name, "1.0.0", "true", artifacts=[{"URI": f"{web.url}/{name}.bin", "Digest": digest, "Algorithm": "SHA-256"}])
        device.write("path/reboot", f"#!/bin/sh\n{device.note('reboot')}\n", 0o755)
        site.load_recipes()
        yield site


@pytest.fixture(autouse=True)
def honest(site):
    """Each test begins with a cloud that answers."""
    site.cloud.answer, site.cloud.tokens = lambda *_: None, True


def once(cloud, mark):
    """What the device said beside the fleet status. A question that is not answered within a second of a bell may be asked again."""
    said = [n for n in cloud.names(mark) if not n.startswith("health")]
    return [n for before, n in zip([None, *said], said) if n != before or n != "get $next"]


def test_the_ladder_of_a_normal_group_deployment(site):
    cloud = site.cloud
    cloud.wait("health NUCLEUS_LAUNCH")
    cloud.wait("health LOCAL_DEPLOYMENT")
    cloud.wait("shadow get")
    assert [n for n in cloud.names() if not n.startswith("health")] == ["get $next", "shadow get"]  # 15.1, first lines
    mark = cloud.mark()
    cloud.create("J", cloud.document("normal", 1, {"once": "1.0.0"}))
    cloud.wait_health("THING_GROUP_DEPLOYMENT", "normal-1", mark)
    wait_until(lambda: len(once(cloud, mark)) >= 4, 30, "the last question")
    assert once(cloud, mark) == ["get $next", "update J IN_PROGRESS", "update J SUCCEEDED", "get $next"]
    assert [n for n in cloud.names(mark) if n.startswith("health")] == ["health THING_GROUP_DEPLOYMENT"]
    updates = [b for t, b in cloud.since(mark, "/update")]
    assert set(updates[0]) == {"status", "executionNumber", "clientToken"}
    assert updates[1]["statusDetails"] == {"detailed-deployment-status": "SUCCESSFUL"}
    assert all("expectedVersion" not in u and u["executionNumber"] == 1 for u in updates)
    tokens = [b["clientToken"] for t, b in cloud.since(mark) if t != HEALTH]
    assert len(tokens) == len(set(tokens))
    assert cloud.jobs["J"]["versionNumber"] == 3


def test_what_does_not_change_keeps_its_process_and_is_named_in_the_fleet_status(site):
    site.job("K1", "keep", "once", group="keep")
    pid, mark = site.device.pid("keep"), site.cloud.mark()
    site.job("K2", "keep", "twice", group="keep", revision=2)
    told = site.cloud.wait_health("THING_GROUP_DEPLOYMENT", "keep-2", mark)
    assert site.device.pid("keep") == pid
    assert told["deploymentInformation"]["unchangedRootComponents"] == ["keep"]
    assert told["deploymentInformation"]["fleetConfigurationArnForStatus"] == site.cloud.arn("keep", 2)
    assert "keep" not in [c["componentName"] for c in told["components"]]


def test_1_both_notifications_lost(site):
    site.cloud.create("C1", site.cloud.document("c1", 1, {"once": "1.0.0"}), ring=0)
    site.restart_broker()
    site.cloud.wait_status("C1", "SUCCEEDED")


def test_2_a_notification_that_comes_three_times_is_one_deployment(site):
    site.cloud.create("C2", site.cloud.document("c2", 1, {"twice": "1.0.0"}), ring=3)
    site.cloud.wait_status("C2", "SUCCEEDED")
    assert site.starts("C2") == 1 and site.cloud.names().count("update C2 IN_PROGRESS") == 1


def test_3_killed_in_a_download_the_job_goes_on_where_it_was(site, web):
    web.gate.clear()
    web.ranges.clear()
    site.cloud.create("C3", site.cloud.document("c3", 1, {"resume": "1.0.0"}))
    site.cloud.wait("update C3 IN_PROGRESS")
    parts = os.path.join(site.device.root, "packages")
    wait_until(lambda: any(os.path.getsize(os.path.join(d, f)) > 100000 for d, _, files in os.walk(parts) for f in files), 20, "half of the file")
    mark = site.cloud.mark()
    site.kill_and_start()
    wait_until(lambda: len(web.ranges) > 1, 20, "the second request")
    web.gate.set()
    site.cloud.wait_status("C3", "SUCCEEDED")
    assert web.ranges[0] == 0 and web.ranges[1] > 100000
    assert site.cloud.names(mark).count("update C3 SUCCEEDED") == 1


def test_4_an_end_that_was_not_published_is_flushed_by_the_next_start(site):
    cloud, device = site.cloud, site.device
    cloud.create("C4", cloud.document("c4", 1, {"late": "1.0.0", "merging": "1.0.0"}))
    wait_until(lambda: "id=C4 phase=STARTING" in device.log(), 20, "the merge")
    site.lose_broker()
    device.open_gate("merged")
    device.wait_log("greengrass", "deployment-finished. id=C4 status=SUCCEEDED", 20)
    wait_until(lambda: device.journal("SELECT 1 FROM bridge_execution WHERE job_id = 'C4' AND status IS NOT NULL"), 20, "the status to be on the disk")
    device.kill()
    site.broker.start()
    cloud.connect(site.broker)
    mark = cloud.mark()
    site.start()
    cloud.wait_status("C4", "SUCCEEDED")
    cloud.wait("get $next", mark)
    jobs = [n for n in cloud.names(mark) if not n.startswith(("health", "shadow"))]
    assert jobs[:2] == ["update C4 SUCCEEDED", "get $next"] and site.starts("C4") == 1


@pytest.mark.parametrize("number, aws", [(5, False), (6, True)])
def test_5_and_6_a_lost_answer_leads_to_a_second_update_and_nothing_more(site, number, aws):
    """5: the service accepts the repetition. 6: AWS refuses it and says what it has."""
    cloud, job, lost = site.cloud, f"C{number}", []

    def lose(verb, what, body):
        if what != job or verb != "update" or body["status"] != "SUCCEEDED":
            return None
        if not lost:
            lost.append(body)
            cloud.jobs[job].update(status="SUCCEEDED")
            return False
        return {"code": "InvalidStateTransition", "executionState": {"status": "SUCCEEDED", "versionNumber": 3}} if aws else None

    cloud.answer = lose
    mark = cloud.mark()
    cloud.create(job, cloud.document(f"c{number}", 1, {"once": "1.0.0"}))
    cloud.wait(f"update {job} SUCCEEDED", mark)
    cloud.wait_health("THING_GROUP_DEPLOYMENT", f"c{number}-1", mark)
    wait_until(lambda: not site.device.journal("SELECT 1 FROM bridge_event"), 20, "the broker to have it")  # or it would come twice
    site.restart_broker()
    site.job(f"{job}-next", "once", group=f"c{number}-next")
    assert cloud.names(mark).count(f"update {job} SUCCEEDED") == 2 and site.starts(job) == 1
    cloud.wait_health("THING_GROUP_DEPLOYMENT", f"c{number}-next-1", mark)
    assert len(cloud.health("THING_GROUP_DEPLOYMENT", f"c{number}-1", mark)) == 1


def test_7_a_newer_revision_cancels_the_one_that_downloads(site, web):
    cloud, mark = site.cloud, site.cloud.mark()
    web.gate.clear()
    cloud.create("C7", cloud.document("c7", 7, {"superseded": "1.0.0"}))
    wait_until(lambda: "id=C7 phase=DOWNLOADING" in site.device.log(), 20, "the download")
    cloud.wait("update C7 IN_PROGRESS", mark)
    cloud.end("C7")
    cloud.create("N7", cloud.document("c7", 8, {"newer": "1.0.0"}))
    cloud.wait_status("N7", "SUCCEEDED")
    web.gate.set()
    names = [n for n in cloud.names(mark) if "C7 " in n + " "]
    assert names == ["update C7 IN_PROGRESS", "get C7"]
    assert "superseded" not in site.device.components()


def test_8_a_newer_revision_waits_for_the_one_that_merges(site):
    cloud, mark = site.cloud, site.cloud.mark()
    gate = "merged-8"
    site.recipes({"held": {"startup": site.device.wait_for(gate)}})
    site.load_recipes()
    cloud.create("C8", cloud.document("c8", 7, {"held": "1.0.0"}))
    wait_until(lambda: "id=C8 phase=STARTING" in site.device.log(), 20, "the merge")
    cloud.wait("update C8 IN_PROGRESS", mark)
    cloud.end("C8")
    cloud.create("C8-8", cloud.document("c8", 8, {"newer": "1.0.0"}))
    cloud.wait("get C8", mark)
    site.device.open_gate(gate)
    cloud.wait_status("C8-8", "SUCCEEDED")
    assert cloud.names(mark).count("update C8 SUCCEEDED") == 1 and cloud.status("C8") == "CANCELED"


def test_9_an_older_revision_is_rejected(site):
    site.job("C9-7", "stale", group="c9", revision=7)
    details = site.job("C9-6", "once", group="c9", revision=6, status="REJECTED")
    assert details["deployment-error-stack"] == ["DEPLOYMENT_REJECTED", "REJECTED_STALE_DEPLOYMENT"]
    assert details["detailed-deployment-status"] == "REJECTED" and "deployment-error-types" not in details
    assert "stale" in site.device.components()


def test_10_a_failed_revision_that_is_executed_again_runs_again(site):
    details = site.job("C10", "bad", group="c10", status="FAILED")
    assert details["detailed-deployment-status"] == "FAILED_ROLLBACK_COMPLETE"
    assert details["deployment-error-stack"] == ["DEPLOYMENT_FAILURE", "COMPONENT_UPDATE_ERROR", "COMPONENT_BROKEN"]
    site.job("C10", "bad", group="c10", number=2, status="FAILED")
    assert site.starts("C10") == 2


def test_11_a_successful_revision_that_is_executed_again_is_no_work(site):
    mark = site.cloud.mark()
    site.job("C11", "again", group="c11")
    site.job("C11", "again", group="c11", number=2)
    assert "deployment-repeated. id=C11 " in site.device.log()
    wait_until(lambda: len(site.cloud.health("THING_GROUP_DEPLOYMENT", "c11-1", mark)) == 2, 20, "both ends in the fleet status")
    second = site.cloud.health("THING_GROUP_DEPLOYMENT", "c11-1", mark)[1]
    assert second["deploymentInformation"]["unchangedRootComponents"] == ["again"] and not second["components"]


@pytest.mark.parametrize("document, word", [("text", "expected an object"), ({"components": {}}, "configurationArn"), (None, "nothing"),
                                            ({"configurationArn": "a:configuration:thinggroup/c12:1", "components": {"x/../y": {"version": "1.0.0"}}}, "x/../y")])
def test_12_a_document_that_cannot_be_read_fails_and_the_next_job_runs(site, document, word):
    job = f"C12-{word[:2].replace('/', '-')}"
    site.cloud.create(job, document)
    details = site.cloud.wait_status(job, "FAILED")
    assert details["deployment-error-stack"][:2] == ["DEPLOYMENT_FAILURE", "DEPLOYMENT_DOCUMENT_NOT_VALID"]
    assert details["deployment-error-types"] == ["CLOUD_SERVICE_ERROR"]
    assert word in details["deployment-failure-cause"] and "detailed-deployment-status" not in details
    site.job(f"{job}-next", "good")


def test_13_a_document_of_32_kb_is_carried_out(site):
    filler = {f"key-{i}": "x" * 100 for i in range(280)}
    document = site.cloud.document("c13", 1, {"big": {"version": "1.0.0", "configurationUpdate": {"merge": filler}}})
    document["deploymentName"] = "n" * (32768 - len(json.dumps(document, separators=(",", ":"))) - len(',"deploymentName":""'))
    assert len(json.dumps(document, separators=(",", ":"))) == 32768
    site.cloud.create("C13", document)
    site.cloud.wait_status("C13", "SUCCEEDED")
    assert site.device.components()["big"]["configuration"] == filler


def test_14_floats_nulls_and_unknown_members_are_accepted(site):
    document = site.cloud.document("c14", 1, {"float": {"version": "1.0.0", "runWith": None, "future": [1],
                                                        "configurationUpdate": {"merge": {"n": 5, "s": "5"}, "reset": None}}})
    document.update(creationTimestamp=1.764590400E12, requiredCapabilities=None, parentTargetArn=None, onBehalfOf=None, future={"a": 1},
                    failureHandlingPolicy=None, componentUpdatePolicy={"timeout": 60.0, "action": None},
                    configurationValidationPolicy={"timeout": 30.0})
    site.cloud.create("C14", document)
    site.cloud.jobs["C14"].update(queuedAt=1764590401000.5, future=None)
    site.cloud.wait_status("C14", "SUCCEEDED")
    assert site.device.components()["float"]["configuration"] == {"n": 5, "s": "5"}


def test_15_an_unknown_capability_is_refused(site):
    mark = site.cloud.mark()
    details = site.job("C15", "once", status="FAILED", requiredCapabilities=["LINUX_RESOURCE_LIMITS", "TELEPORT"])
    assert details["detailed-deployment-status"] == "FAILED_NO_STATE_CHANGE"
    assert details["deployment-error-stack"] == ["DEPLOYMENT_FAILURE", "NUCLEUS_MISSING_REQUIRED_CAPABILITIES"]
    assert details["deployment-error-types"] == ["REQUEST_ERROR"] and "TELEPORT" in details["deployment-failure-cause"]
    assert "update C15 IN_PROGRESS" in site.cloud.names(mark)


def test_16_a_bootstrap_step_that_reboots_goes_on_after_it_with_one_end(site):
    device, cloud = site.device, site.cloud
    path = {"PATH": f"{device.folder}/path:{os.environ['PATH']}"}
    site.kill_and_start(env=path)
    mark = cloud.mark()
    cloud.create("C16", cloud.document("c16", 1, {"boot": "1.0.0", "once": "1.0.0"}))
    device.wait_noted("boot", "reboot")
    wait_until(lambda: not device.reboot_is_due(), 30, "the journal to know that the machine has been told")
    site.kill_and_start(env=path)
    cloud.wait_status("C16", "SUCCEEDED")
    told = cloud.wait_health("THING_GROUP_DEPLOYMENT", "c16-1", mark)
    assert cloud.names(mark).count("update C16 SUCCEEDED") == 1 and device.noted() == ["boot", "reboot"]
    assert told["deploymentInformation"]["unchangedRootComponents"] == ["once"]  # also after the restart in between


def test_17_a_reboot_in_the_roll_back_is_one_failure(site):
    device, cloud, path = site.device, site.cloud, {"PATH": f"{site.device.folder}/path:{os.environ['PATH']}"}
    os.remove(os.path.join(device.notes, "trace"))
    back = {"BootstrapOnRollback": True, "Script": f"[ -e {device.notes}/fail ] && {device.note('back')} && rm {device.notes}/fail && exit 101; exit 0"}
    site.recipes({"sound": {"bootstrap": back, "run": "true"}})
    site.recipes({"sound": {"bootstrap": {**back, "Script": f"touch {device.notes}/fail; {device.note('there')}; exit 7"}, "run": "true"}}, version="1.1.0")
    site.load_recipes()
    site.job("C17-1", "sound", group="c17")
    site.connected()
    mark = cloud.mark()
    cloud.create("C17-2", cloud.document("c17", 2, {"sound": "1.1.0"}))
    device.wait_noted("there", "back", "reboot")
    wait_until(lambda: not device.reboot_is_due(), 30, "the journal to know that the machine has been told")
    site.kill_and_start(env=path)
    details = cloud.wait_status("C17-2", "FAILED")
    assert details["detailed-deployment-status"] == "FAILED_ROLLBACK_COMPLETE"
    assert details["deployment-error-stack"] == ["DEPLOYMENT_FAILURE", "COMPONENT_BOOTSTRAP_ERROR"]
    assert cloud.names(mark).count("update C17-2 FAILED") == 1
    assert device.components()["sound"]["version"] == "1.0.0"


def test_20_a_broker_that_lost_its_database_loses_nothing(site):
    cloud, mark = site.cloud, site.cloud.mark()
    site.restart_broker()
    cloud.wait("shadow get", mark)
    cloud.wait("get $next", mark)
    site.job("C20", "known")


def test_21_of_forty_revisions_only_the_newest_is_run(site):
    cloud, device = site.cloud, site.device
    device.stop()
    for revision in range(1, 41):
        cloud.create(f"C21-{revision}", cloud.document("c21", revision, {"forty": "1.0.0"}), ring=0)
        if revision < 40:
            cloud.end(f"C21-{revision}")
    mark = cloud.mark()
    site.start()
    cloud.wait_status("C21-40", "SUCCEEDED")
    assert {n.split()[1] for n in cloud.names(mark) if "C21-" in n} == {"C21-40"}


@pytest.mark.parametrize("year, ms", [(1971, 31536000000), (2200, 7258118400000)])
def test_22_the_clock_of_the_device_is_not_compared_with_the_cloud_s(site, year, ms):
    group = f"c22-{year}"
    device = site.device
    site.job(f"C22-{year}", "clock", group=group, creationTimestamp=ms)
    device.deploy_ok("plain=1.0.0", more=("--groupId", group))  # by the clock of the device
    site.job(f"C22-{year}-2", "clock", group=group, revision=2, creationTimestamp=ms + 1)


def test_23_answers_without_tokens_are_matched_by_topic(site):
    site.cloud.tokens = False
    mark = site.cloud.mark()
    site.job("C23", "told")
    assert site.cloud.names(mark).count("update C23 SUCCEEDED") == 1


def test_a_cancelled_job_that_waits_is_over_for_the_device_too(site):
    """Offered again under the same number it runs: nothing of it is left."""
    cloud, device = site.cloud, site.device
    site.recipes({"block": {"startup": device.wait_for("block")}})
    site.load_recipes()
    local = device.create("block=1.0.0")
    wait_until(lambda: f"id={local} phase=STARTING" in device.log(), 20, "the local deployment to hold the queue")
    mark = cloud.mark()
    cloud.create("W", cloud.document("w", 1, {"once": "1.0.0"}))
    wait_until(lambda: "taken. job=W " in device.log(), 20, "the job to wait")
    cloud.end("W")
    cloud.ring()
    cloud.wait("get W", mark)
    wait_until(lambda: "job=W execution=1 status=CANCELED" in device.log(), 20, "the job to be cancelled")
    device.open_gate("block")
    device.wait(local)
    assert site.starts("W") == 0 and not [n for n in cloud.names(mark) if n.startswith("update W")]
    cloud.create("W", cloud.document("w", 1, {"once": "1.0.0"}))
    cloud.wait_status("W", "SUCCEEDED")


def test_a_killed_nucleus_gives_up_a_job_after_five_starts(site):
    device, cloud = site.device, site.cloud
    site.recipes({"never": {"startup": device.wait_for("never")}})
    site.load_recipes()
    cloud.create("five", cloud.document("five", 1, {"never": "1.0.0"}))
    for attempt in range(1, 6):
        device.wait_log("greengrass", "id=five phase=STARTING", 20, attempt)  # the start is counted on the disk by then
        site.kill_and_start()
    details = cloud.wait_status("five", "FAILED")
    assert details["deployment-error-stack"] == ["DEPLOYMENT_FAILURE", "DEPLOYMENT_INTERRUPTED"]
    assert details["detailed-deployment-status"] == "FAILED_ROLLBACK_COMPLETE" and "5 times" in details["deployment-failure-cause"]
