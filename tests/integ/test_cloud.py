"""sedge-cloud against a real mosquitto and a real Swift, with a device that a test speaks for."""
import base64
import hashlib
import json
import os
import signal
import subprocess

import pytest

from local.process import Process, wait_until
from support.cloud import NS, write_component
from support.mqtt_client import MqttClient

ONE = {"x.one": {"componentVersion": "1.0.0", "configurationUpdate": {"merge": "{\"InferenceInterval\":\"5\"}"}}}
TWO = {"x.one": {"componentVersion": "2.0.0"}}


def deploy(cloud, components, *more, **document):
    return cloud.json("deploy", "create", "-f", cloud.document(components, **document), "--skip-resolve", *more)


def test_a_group_deployment_runs_the_whole_ladder(fleet):
    with fleet.device("cam-1") as d:
        kind, answer = d.get(body={"clientToken": "1f-1"})
        assert kind == "accepted" and "execution" not in answer and answer["clientToken"] == "1f-1"
        revision = deploy(fleet, ONE)
        queued = d.notify()["jobs"]["QUEUED"]
        assert len(queued) == 1 and queued[0]["versionNumber"] == 1 and queued[0]["executionNumber"] == 1
        job = queued[0]["jobId"]
        assert d.notify_next()["execution"]["jobDocument"]["components"]["x.one"]["version"] == "1.0.0"
        execution = d.get()[1]["execution"]
        assert (execution["jobId"], execution["status"], execution["versionNumber"]) == (job, "QUEUED", 1)
        document = execution["jobDocument"]
        assert document["deploymentId"] == revision["deploymentId"]
        assert document["configurationArn"] == "arn:aws:greengrass:local:000000000000:configuration:thinggroup/cams:1"
        assert document["components"]["x.one"]["configurationUpdate"]["merge"] == {"InferenceInterval": "5"}
        assert document["componentUpdatePolicy"] == {"timeout": 60, "action": "NOTIFY_COMPONENTS"}
        assert d.update(job, "IN_PROGRESS")[0] == "accepted"
        execution = d.get()[1]["execution"]
        assert (execution["status"], execution["versionNumber"]) == ("IN_PROGRESS", 2)
        assert 3500 < execution["approximateSecondsBeforeTimedOut"] <= 3600
        kind, answer = d.update(job, "SUCCEEDED", statusDetails={"detailed-deployment-status": "SUCCESSFUL"},
                                includeJobExecutionState=True, clientToken="1f-7")
        assert kind == "accepted" and answer["executionState"]["versionNumber"] == 3 and answer["clientToken"] == "1f-7"
        assert d.notify()["jobs"] == {}
        assert "execution" not in d.notify_next()
        assert "execution" not in d.get()[1]
    shown = fleet.json("deploy", "show", "group:cams")
    assert (shown["state"], shown["outcome"], shown["counters"]) == ("ACTIVE", "OK", {"SUCCEEDED": 1})


def test_a_failed_deployment_shows_its_reason(fleet):
    with fleet.device("cam-1") as d:
        wait = subprocess.Popen([fleet.program, "deploy", "create", "-f", fleet.document(ONE), "--skip-resolve", "--wait",
                                 "--timeout", "300", "--state", fleet.state], stdout=subprocess.PIPE, text=True)
        job = d.notify()["jobs"]["QUEUED"][0]["jobId"]
        d.update(job, "FAILED", statusDetails={
            "detailed-deployment-status": "FAILED_ROLLBACK_COMPLETE",
            "deployment-failure-cause": "Component x.one broke",
            "deployment-error-stack": "[\"DEPLOYMENT_FAILURE\",\"COMPONENT_BROKEN\"]"})
        out, _ = wait.communicate(timeout=90)
    assert wait.returncode == 5
    assert "Component x.one broke" in out and "DEPLOYMENT_FAILURE > COMPONENT_BROKEN" in out
    assert fleet.json("deploy", "show", "group:cams")["outcome"] == "BAD"
    assert "Component x.one broke" in fleet.run("device", "status", "cam-1")


def test_what_is_deployed_while_the_service_is_down_is_told_when_it_comes_up(fleet):
    fleet.service.stop()
    with fleet.device("cam-1") as d:
        deploy(fleet, ONE)
        fleet.start_service()
        assert d.notify()["jobs"]["QUEUED"]


def test_killed_between_commit_and_answer_the_repeated_request_is_answered(fleet):
    deploy(fleet, ONE)
    with fleet.device("cam-1") as d:
        job = d.get()[1]["execution"]["jobId"]
        assert d.update(job, "SUCCEEDED")[0] == "accepted"
        fleet.service.popen.send_signal(signal.SIGKILL)
        fleet.service.popen.wait()
        fleet.start_service()
        kind, answer = d.update(job, "SUCCEEDED", includeJobExecutionState=True)
        assert kind == "accepted" and answer["executionState"]["versionNumber"] == 2


def test_killed_between_answer_and_notification_the_notification_comes_after_the_restart(fleet):
    deploy(fleet, ONE)
    with fleet.device("cam-1") as d:
        job = d.get()[1]["execution"]["jobId"]
        fleet.service.popen.send_signal(signal.SIGKILL)
        fleet.service.popen.wait()
        # What the service had committed: the execution is over, its notification is not sent.
        fleet.query("UPDATE execution SET status=2, version=2")
        fleet.query("INSERT OR REPLACE INTO dirty VALUES(1,1,7)")
        fleet.start_service()
        wait_until(lambda: d.notify()["jobs"] == {}, 10, "the empty list")
        wait_until(lambda: not fleet.query("SELECT * FROM dirty"), 10, "dirty rows stay")
        assert d.get(job)[1]["execution"]["status"] == "SUCCEEDED"


def test_a_broker_that_lost_its_database_is_served_again(fleet):
    deploy(fleet, ONE)
    fleet.broker.kill()
    data = os.path.join(fleet.broker_dir, "data")
    for name in os.listdir(data):
        os.unlink(os.path.join(data, name))
    fleet.start_broker()
    with fleet.device("cam-1") as d:
        def answered():
            try:
                return d.client.request(f"{d.base}/jobs/$next/{NS}/get", b"", 1)
            except Exception:
                return None
        kind, answer = wait_until(answered, 30, "no answer after the broker came back")
        assert kind == "accepted" and answer["execution"]["status"] == "QUEUED"


def test_a_repeated_create_with_the_same_token_makes_one_revision(fleet):
    first = deploy(fleet, ONE, "--token", "t-1")
    assert deploy(fleet, ONE, "--token", "t-1")["deploymentId"] == first["deploymentId"]
    message = fleet.run("deploy", "create", "-f", fleet.document(TWO), "--skip-resolve", "--token", "t-1", status=4)
    assert "used for another request" in message
    assert len(fleet.json("deploy", "list")) == 1


def test_an_equal_document_makes_no_revision(fleet):
    deploy(fleet, ONE)
    assert deploy(fleet, ONE)["unchanged"] is True
    assert deploy(fleet, ONE, "--force")["revision"] == 2


def test_a_payload_with_a_foreign_name_changes_nothing(fleet):
    fleet.thing("cam-2")
    deploy(fleet, ONE)
    with fleet.device("cam-1") as d:
        job = d.get()[1]["execution"]["jobId"]
        assert d.update(job, "SUCCEEDED", thingName="cam-2")[0] == "rejected"
        d.client.publish(f"{d.base}/greengrassv2/health/json",
                         {"thing": "cam-2", "sequenceNumber": 1, "timestamp": 1, "messageType": "COMPLETE", "components": []})
        assert d.get()[1]["execution"]["status"] == "QUEUED"
    assert "names another thing" in fleet.service.log_tail(50)


def test_a_new_revision_supersedes_the_one_in_progress(fleet):
    deploy(fleet, ONE)
    with fleet.device("cam-1") as d:
        old = d.get()[1]["execution"]["jobId"]
        d.update(old, "IN_PROGRESS")
        deploy(fleet, TWO)
        wait_until(lambda: d.notify_next()["execution"]["jobId"] != old, 10, "the new head")
        kind, answer = d.update(old, "SUCCEEDED")
        assert kind == "rejected" and answer["code"] == "InvalidStateTransition"
        assert answer["executionState"]["status"] == "CANCELED"
        assert d.get()[1]["execution"]["jobDocument"]["components"]["x.one"]["version"] == "2.0.0"
    assert fleet.json("deploy", "show", "group:cams:1")["state"] == "INACTIVE"


def test_a_thing_that_joins_later_gets_the_current_revision_and_loses_it_when_it_leaves(fleet):
    deploy(fleet, ONE)
    fleet.thing("cam-2")
    with fleet.device("cam-2") as d:
        assert "group:cams:1" in fleet.run("group", "add-thing", "cams", "cam-2")
        job = d.notify()["jobs"]["QUEUED"][0]["jobId"]
        fleet.run("group", "rm-thing", "cams", "cam-2")
        wait_until(lambda: d.notify()["jobs"] == {}, 10, "the empty list")
        assert d.get(job)[1]["execution"]["status"] == "REMOVED"
        fleet.run("group", "add-thing", "cams", "cam-2")
        assert d.notify()["jobs"]["QUEUED"][0]["executionNumber"] == 2


def test_fleet_status_is_shown(fleet):
    arn = "arn:aws:greengrass:local:000000000000:configuration:thinggroup/cams:1"

    def component(name, status, **more):
        return {"componentName": name, "version": "1.0.0", "fleetConfigArns": [arn], "isRoot": True, "status": status, **more}

    def status(seq, kind, components):
        return {"ggcVersion": "2.17.0", "platform": "linux", "architecture": "amd64", "runtime": "sedge", "thing": "cam-1",
                "overallDeviceStatus": "HEALTHY", "sequenceNumber": seq, "timestamp": 1000 + seq, "messageType": kind,
                "trigger": "CADENCE", "components": components}

    with fleet.device("cam-1") as d:
        topic = f"{d.base}/greengrassv2/health/json"
        d.client.publish(topic, status(1, "COMPLETE", [component("a", "RUNNING"), component("b", "FINISHED")]))
        d.client.publish(topic, status(2, "PARTIAL", [component("a", "BROKEN", componentStatusDetails={
            "statusCodes": ["RUN_ERROR"], "statusReason": "exit code 3"})]))
        d.client.publish(topic, status(1, "COMPLETE", []))  # delivered again, late: changes nothing

        def shown():
            t = fleet.json("thing", "show", "cam-1")
            return {c["componentName"]: c["status"] for c in t["components"]} == {"a": "BROKEN", "b": "FINISHED"} and t
        t = wait_until(shown, 10, "the components")
        assert (t["health"], t["runtime"], t["components"][0]["reason"]) == ("HEALTHY", "sedge", "exit code 3")


def test_plain_jobs_and_shadows_are_answered(fleet):
    deploy(fleet, ONE)
    with fleet.device("cam-1") as d:
        kind, answer = d.client.request(f"{d.base}/jobs/get")
        assert kind == "accepted" and answer["queuedJobs"] == [] and answer["inProgressJobs"] == []
        kind, answer = d.client.request(f"{d.base}/jobs/$next/get")
        assert kind == "accepted" and "execution" not in answer
        kind, answer = d.client.request(f"{d.base}/shadow/name/AWSManagedGreengrassV2Deployment/get")
        assert (kind, answer["code"]) == ("rejected", 404)
        kind, answer = d.client.request(f"{d.base}/shadow/name/AWSManagedGreengrassV2Deployment/update",
                                        {"state": {"desired": {}}})
        assert (kind, answer["code"]) == ("rejected", 403)
        kind, answer = d.client.request(f"{d.base}/jobs/$next/{NS}/get", b"{nonsense")
        assert (kind, answer["code"]) == ("rejected", "InvalidJson")


def test_a_device_cannot_speak_for_another(fleet):
    fleet.thing("cam-2")
    deploy(fleet, ONE)
    with fleet.device("cam-2") as stranger, fleet.device("cam-1") as d:
        job = d.get()[1]["execution"]["jobId"]
        stranger.client.publish(f"{d.base}/jobs/{job}/{NS}/update", {"status": "FAILED"})
        assert "execution" not in stranger.get()[1]
        assert d.get()[1]["execution"]["status"] == "QUEUED"


def test_revise_changes_only_what_it_names(fleet):
    deploy(fleet, {**ONE, "x.two": {"componentVersion": "1.0.0"}})
    out = fleet.run("deploy", "revise", "group:cams", "--set-component", "x.two@1.1.0", "--merge",
                    "x.one={\"InferenceInterval\":\"9\"}", "--skip-resolve", "--dry-run")
    assert "~ x.two version: 1.0.0 -> 1.1.0" in out and "\"InferenceInterval\":\"9\"" in out
    assert fleet.json("deploy", "show", "group:cams")["revision"] == 1
    fleet.run("deploy", "revise", "group:cams", "--set-component", "x.two@1.1.0", "--skip-resolve")
    now = fleet.json("deploy", "show", "group:cams")
    assert now["revision"] == 2 and now["components"]["x.two"]["version"] == "1.1.0"
    assert now["components"]["x.one"]["configurationUpdate"]["merge"] == {"InferenceInterval": "5"}


def test_cancel_takes_the_queued_execution_back(fleet):
    deploy(fleet, ONE)
    with fleet.device("cam-1") as d:
        job = d.get()[1]["execution"]["jobId"]
        fleet.run("deploy", "cancel", "group:cams")
        wait_until(lambda: d.notify()["jobs"] == {}, 10, "the empty list")
        assert d.update(job, "IN_PROGRESS")[1]["code"] == "InvalidStateTransition"


def test_the_reader_sees_results_and_nothing_else(fleet):
    with open(os.path.join(fleet.broker_dir, "reader-observer.password")) as f:
        password = f.read().strip()
    with MqttClient(fleet.service_port, "watch", user="observer", password=password) as reader, \
            fleet.device("cam-1") as d:
        reader.subscribe(["ml/dlr/image-classification", "$aws/things/+/jobs/#"])
        d.get()
        d.client.publish("ml/dlr/image-classification", {"label": "7"})
        assert reader.wait("image-classification") == {"label": "7"}
        assert [t for t, _ in reader.seen] == ["ml/dlr/image-classification"]


BAD_DOCUMENTS = [
    ('{"components":{"a":{"componentVersion":"1.0"}}}', 1, "is not a version"),
    ('{"components":{"a":{"version":"1.0.0"}}}', 1, "componentVersion"),
    ('{"components":{"a":{"componentVersion":"1.0.0","configurationUpdate":{"merge":"{\\"x\\":"}}}}', 1,
     "components.a.configurationUpdate.merge:1:"),
    ('{"component":{}}', 1, "did you mean"),
    ('{"components":{}', 1, "ends too early"),
    ('{"components":{"a":{"componentVersion":"1.0.0"}}}', 3, "a@1.0.0 is not published"),
    ('{"targetArn":"arn:aws:iot:r:a:thinggroup/nowhere","components":{}}', 3, "sedge-cloud group create nowhere"),
]


@pytest.mark.parametrize("text, status, says", BAD_DOCUMENTS)
def test_a_bad_document_is_refused_with_its_place(site, text, status, says):
    site.run("group", "create", "cams")
    path = os.path.join(site.folder, "bad.json")
    with open(path, "w") as f:
        f.write(text)
    target = [] if "targetArn" in text else ["--target", "group:cams"]
    assert says in site.run("deploy", "create", "-f", path, *target, status=status)


def test_global_options_go_before_or_after_the_command(site):
    site.thing("cam-1")
    before = subprocess.run([site.program, "--state", site.state, "--json", "thing", "list"], capture_output=True,
                            text=True, timeout=60)
    assert before.returncode == 0 and json.loads(before.stdout) == site.json("thing", "list")
    wrong = subprocess.run([site.program, "--stat", site.state, "thing", "list"], capture_output=True, text=True, timeout=60)
    assert wrong.returncode == 2 and "did you mean --state" in wrong.stderr


def test_wrong_names_and_folders_are_explained(site):
    assert "is not a state folder" in site.run("thing", "list", state=site.folder + "/nowhere", status=3)
    assert "init --state" in site.run("thing", "list", state=site.folder + "/nowhere", status=3)
    assert "is not a command" in site.run("thing", "crate", status=2)
    assert "did you mean --device-topic" in site.run("broker-config", "--device-topics", "x", status=2)
    assert "only letters, digits" in site.run("thing", "create", "../x", status=1)
    assert "reserved" in site.run("thing", "create", "fleet-service", status=1)
    site.thing("cam-1")
    assert "exists already" in site.run("thing", "create", "cam-1", status=4)
    assert "there are: cam-1" in site.run("thing", "show", "cam-2", status=3)


def test_a_wrong_password_ends_serve_with_a_message(site):
    site.start_broker()
    path = os.path.join(site.state, "cloud.json")
    with open(path) as f:
        settings = json.load(f)
    settings["broker"]["servicePassword"] = "something else"
    with open(path, "w") as f:
        json.dump(settings, f)
    message = site.run("serve", status=1)
    assert "refused user fleet-service" in message and "broker-config" in message


def test_a_second_serve_is_refused_and_a_missing_broker_is_waited_for(site):
    log = os.path.join(site.folder, "serve.log")
    site.service = Process("serve", [site.program, "serve", "--state", site.state], log)

    def logged(text):
        with open(log) as f:
            return text in f.read()
    wait_until(lambda: logged("is mosquitto running"), 10, "the warning")
    assert "another sedge-cloud serve" in site.run("serve", status=4)
    site.start_broker()
    wait_until(lambda: logged("ready"), 20, "connected once the broker is there")


@pytest.mark.parametrize("uri", ["run.sh", "s3://BUCKET/x.one/run.sh"])
def test_publish_uploads_a_complete_version_that_never_changes(store, swift, uri):
    folder = write_component(os.path.join(store.folder, "c"), uri=uri)
    assert store.json("component", "publish", folder)["unchanged"] is False
    key = f"s3://{store.bucket}/fleet"
    with swift.fetch() as f:
        listing = f.run({"op": "list", "bucket": store.bucket, "prefix": "fleet/"})["keys"]
        recipe = json.loads(f.run({"op": "text", "url": f"{key}/recipes/x.one/1.0.0.json"})["text"])
        manifest = json.loads(f.run({"op": "text", "url": f"{key}/manifests/x.one/1.0.0.json"})["text"])
    assert sorted(listing) == ["fleet/artifacts/x.one/1.0.0/run.sh", "fleet/manifests/x.one/1.0.0.json",
                               "fleet/recipes/x.one/1.0.0.json"]
    artifact = recipe["Manifests"][0]["Artifacts"][0]
    assert artifact["URI"] == f"{key}/artifacts/x.one/1.0.0/run.sh"
    assert artifact["Algorithm"] == "SHA-256"
    assert artifact["Digest"] == base64.b64encode(hashlib.sha256(b"echo hello\n").digest()).decode()
    assert manifest["artifacts"][0]["sha256"] == hashlib.sha256(b"echo hello\n").hexdigest()
    assert store.json("component", "publish", folder)["unchanged"] is True
    write_component(folder, script="echo other\n", uri=uri)
    assert "published versions never change" in store.run("component", "publish", folder, status=4)
    write_component(folder, version="1.0.1", script="echo other\n", uri=uri)
    store.run("component", "publish", folder)
    assert [c["componentVersion"] for c in store.json("component", "list")] == ["1.0.0", "1.0.1"]
    store.run("group", "create", "cams")
    message = store.run("deploy", "create", "-f", store.document(TWO), status=3)
    assert "x.one@2.0.0 is not published" in message and "1.0.1, 1.0.0" in message
    store.run("deploy", "create", "-f", store.document(ONE))


def test_publish_explains_what_is_wrong(store, swift):
    folder = write_component(os.path.join(store.folder, "c"), uri="missing.bin")
    assert "missing.bin" in store.run("component", "publish", folder, status=3)
    write_component(folder, version="1.x")
    assert "1.x" in store.run("component", "publish", folder, status=1)
    with open(os.path.join(folder, "recipe.yaml"), "w") as f:
        f.write("a: [")
    assert "recipe.yaml:" in store.run("component", "publish", folder, status=1)
    assert "has no recipe" in store.run("component", "publish", store.broker_dir + "/data", status=3)
    write_component(folder)
    store.run("init", "--s3-secret-key", "wrong")
    assert store.bucket in store.run("component", "publish", folder, status=1)
    store.run("init", "--s3-secret-key", swift.secret_key, "--bucket", "no-such-bucket")
    assert "no-such-bucket" in store.run("component", "publish", folder, status=3)
    store.run("init", "--bucket", store.bucket, "--s3-endpoint", "http://127.0.0.1:1")
    assert "127.0.0.1" in store.run("component", "publish", folder, status=1)


@pytest.mark.parametrize("name", ["hellowithconfig", "logmanager", "ml", "syncstate"])
def test_the_book_s_documents_are_taken_unchanged(site, shared_dir, name):
    site.run("group", "create", "hbshubprototypes")
    path = os.path.join(shared_dir, "data", "book", "chapter4", f"deployment-{name}.json")
    made = site.json("deploy", "create", "-f", path, "--skip-resolve")
    with open(path) as f:
        wanted = json.load(f)["components"]
    assert set(made["components"]) == set(wanted)
    for component, v in wanted.items():
        assert made["components"][component]["version"] == v["componentVersion"]
        if "configurationUpdate" in v:
            assert made["components"][component]["configurationUpdate"]["merge"] == json.loads(
                v["configurationUpdate"]["merge"])
