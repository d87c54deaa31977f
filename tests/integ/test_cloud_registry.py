"""Things, groups and components of sedge-cloud, as an operator handles them."""
import contextlib
import json
import os
import signal
import sqlite3
import subprocess

from local.process import wait_until
from support.cloud import write_component
from support.mqtt_client import MqttError


def connects(cloud, name):
    try:
        with cloud.device(name) as d:
            d.get()
        return True
    except (OSError, MqttError):
        return False


def test_a_blocked_thing_is_answered_by_nobody_and_refused_by_the_broker(fleet):
    fleet.thing("cam-2")
    with fleet.device("cam-1") as d:
        out = fleet.run("thing", "block", "cam-1")
        assert f"{fleet.broker_dir}/ca.crl" in out and "kill -HUP" in out
        assert d.get()[0] == "rejected"
    fleet.broker.popen.send_signal(signal.SIGHUP)
    wait_until(lambda: not connects(fleet, "cam-1"), 15, "the broker still takes the blocked certificate")
    assert connects(fleet, "cam-2")
    assert [t["state"] for t in fleet.json("thing", "list")] == ["BLOCKED", "ACTIVE"]
    fleet.run("thing", "unblock", "cam-1")
    fleet.broker.popen.send_signal(signal.SIGHUP)
    wait_until(lambda: connects(fleet, "cam-1"), 15, "the broker still refuses the certificate")


def test_a_deleted_thing_takes_its_certificate_along_and_its_name_is_free(fleet):
    fleet.run("thing", "delete", "cam-1")
    fleet.broker.popen.send_signal(signal.SIGHUP)
    wait_until(lambda: not connects(fleet, "cam-1"), 15, "the broker still takes the certificate")
    fleet.thing("cam-1")
    assert connects(fleet, "cam-1")
    assert fleet.json("thing", "show", "cam-1")["groups"] == ""


def publish(store, name, version="1.0.0", *more, status=0, **what):
    folder = write_component(os.path.join(store.folder, f"{name}-{version}"), version=version, name=name, **what)
    return store.run("component", "publish", folder, *more, status=status)


def versions(store):
    return {f"{c['componentName']}@{c['componentVersion']}": c["state"] for c in store.json("component", "list")}


def test_a_dependency_cycle_is_refused_and_a_missing_dependency_told(store):
    folder = write_component(os.path.join(store.folder, "a"), name="x.a", needs={"x.b": "^1.0.0"})
    warning = store.json("component", "publish", folder)["warnings"]
    assert len(warning) == 1 and "no usable version of x.b: none is published, and x.a asks for ^1.0.0" in warning[0]
    publish(store, "x.c", needs={"x.a": "*", "aws.greengrass.Nucleus": ">=2.0.0"})
    message = publish(store, "x.b", needs={"x.c": "*"}, status=1)
    assert "dependency cycle: x.b -> x.c -> x.a -> x.b" in message
    publish(store, "x.b")
    message = publish(store, "x.d", status=1, script="true\n" * 2, uri="run.sh", run="#" * 131072)
    assert "the script of \"run\" has 131" in message and "artifact" in message


def test_states_of_a_version_decide_whether_it_may_be_deployed(store):
    store.run("group", "create", "cams")
    publish(store, "x.one")
    publish(store, "x.one", "2.0.0")
    store.run("component", "block", "x.one@2.0.0")
    store.run("component", "deprecate", "x.one@1.0.0")
    assert versions(store) == {"x.one@1.0.0": "DEPRECATED", "x.one@2.0.0": "BLOCKED"}
    message = store.run("deploy", "create", "-f", store.document({"x.one": {"componentVersion": "2.0.0"}}), status=4)
    assert "x.one@2.0.0 is blocked" in message and "component restore x.one@2.0.0" in message
    made = store.json("deploy", "create", "-f", store.document({"x.one": {"componentVersion": "1.0.0"}}))
    assert made["warnings"] == ["x.one@1.0.0 is deprecated"]
    store.run("component", "restore", "x.one@2.0.0")
    assert versions(store)["x.one@2.0.0"] == "DEPLOYABLE"
    assert "x.one@3.0.0 is not published" in store.run("component", "block", "x.one@3.0.0", status=3)


def test_only_an_unused_version_can_be_deleted(store, swift):
    store.run("group", "create", "cams")
    publish(store, "x.one")
    publish(store, "x.one", "2.0.0")
    store.run("deploy", "create", "-f", store.document({"x.one": {"componentVersion": "2.0.0"}}))
    assert "is part of group:cams:1" in store.run("component", "delete", "x.one@2.0.0", status=4)
    store.run("component", "delete", "x.one@1.0.0")
    with swift.fetch() as f:
        keys = f.run({"op": "list", "bucket": store.bucket, "prefix": "fleet/"})["keys"]
    assert not [k for k in keys if "1.0.0" in k] and [k for k in keys if "2.0.0" in k]
    assert "x.one@1.0.0" not in versions(store)


def test_what_is_published_comes_back_from_the_manifests(store):
    publish(store, "x.one")
    publish(store, "x.two", needs={"x.one": "^1.0.0"})
    before = versions(store)
    store.execute("DELETE FROM component_version")
    assert versions(store) == {}
    assert "Read 2 versions" in store.run("component", "rebuild")
    assert versions(store) == before
    store.run("group", "create", "cams")
    store.run("deploy", "create", "-f", store.document({"x.two": {"componentVersion": "1.0.0"}}))


def test_a_crashed_upload_is_cleaned_up_after_a_day(store, swift):
    publish(store, "x.one")
    key = f"s3://{store.bucket}/fleet/artifacts/x.one/9.0.0/half.bin"
    with swift.fetch() as f:
        f.run({"op": "put", "url": key, "text": "half"})
        assert "Deleted 0 objects" in store.run("component", "clean")
        assert f.run({"op": "head", "url": key})["bytes"] == 4
        store.execute("UPDATE leftover SET seen_at=seen_at-86400")
        assert "Deleted 1 object " in store.run("component", "clean")
        assert f.run({"op": "list", "bucket": store.bucket, "prefix": "fleet/artifacts/"})["keys"] == \
            ["fleet/artifacts/x.one/1.0.0/run.sh"]
    assert store.query("SELECT * FROM leftover") == []


def test_watch_ends_with_the_deployment_and_works_in_a_pipe(fleet):
    fleet.run("deploy", "create", "-f", fleet.document({"x.one": {"componentVersion": "1.0.0"}}), "--skip-resolve")
    watch = subprocess.Popen([fleet.program, "watch", "group:cams", "--state", fleet.state], stdout=subprocess.PIPE,
                             text=True)
    lines = [watch.stdout.readline()]
    with fleet.device("cam-1") as d:
        job = d.get()[1]["execution"]["jobId"]
        d.update(job, "IN_PROGRESS")
        lines.append(watch.stdout.readline())
        d.update(job, "FAILED", statusDetails={"deployment-failure-cause": "no room"})
    rest, _ = watch.communicate(timeout=90)
    lines += rest.splitlines()
    assert watch.returncode == 5
    assert "0 of 1 done, 1 QUEUED" in lines[0] and "1 IN_PROGRESS" in lines[1] and "1 of 1 done, 1 FAILED" in lines[-1]
    assert "no room" in fleet.run("deploy", "show", "group:cams", "--errors", "--status", "FAILED")
    assert "group:cams:1 failed: no room" in fleet.run("device", "why", "cam-1")
    assert [d["deploymentId"] for d in fleet.json("deploy", "list", "--in-state", "rolling")] == []
    assert len(fleet.json("deploy", "list", "--in-state", "active", "--target", "group:cams")) == 1
    assert fleet.json("audit", "--what", "deploy", "--limit", "1")[0]["what"] == "deploy-create"


def test_every_revision_is_archived_in_both_forms_by_serve(store, swift):
    store.run("group", "create", "cams")
    publish(store, "x.one")
    components = {"x.one": {"componentVersion": "1.0.0", "configurationUpdate": {"merge": "{\"a\":\"5\"}"}}}
    made = store.json("deploy", "create", "-f", store.document(components, deploymentName="first"))
    store.start_broker()
    store.start_service()
    wait_until(lambda: store.query("SELECT archived FROM deployment") == [(1,)], 30, "the archive")
    with swift.fetch() as f:
        root = f"s3://{store.bucket}/fleet"
        document = json.loads(f.run({"op": "text", "url": f"{root}/deployments/{made['deploymentId']}.json"})["text"])
        operator = f.run({"op": "text", "url": f"{root}/targets/group/cams/1.json"})["text"]
    assert document["components"]["x.one"]["version"] == "1.0.0"
    path = os.path.join(store.folder, "again.json")
    with open(path, "w") as f:
        f.write(operator)
    assert store.json("deploy", "create", "-f", path)["unchanged"] is True


def test_a_document_that_fits_no_message_is_in_the_store_before_a_device_can_ask(store, swift):
    store.run("group", "create", "cams")
    publish(store, "x.one")
    long = json.dumps({"long": "x" * 2_000_000})
    components = {"x.one": {"componentVersion": "1.0.0", "configurationUpdate": {"merge": long}}}
    made = store.json("deploy", "create", "-f", store.document(components))
    assert made["large"] is True
    sent, digest = store.query("SELECT device_doc, full_sha256 FROM deployment")[0]
    assert json.loads(sent)["requiredCapabilities"] == ["LARGE_CONFIGURATION"] and len(sent) < 1000
    path = os.path.join(store.folder, "full.json")
    with swift.fetch() as f:
        f.run({"op": "get", "url": f"s3://{store.bucket}/fleet/deployments/{made['deploymentId']}.json", "dest": path,
               "digest": digest, "algorithm": "SHA-256"})
    with open(path) as f:
        assert len(json.load(f)["components"]["x.one"]["configurationUpdate"]["merge"]["long"]) == 2_000_000


def test_old_executions_are_exported_and_the_newest_twenty_stay(fleet):
    fleet.service.stop()  # it does the same once a day
    fleet.execute("""
        INSERT INTO target(kind,ref_name) VALUES(0,'old');
        WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<25)
            INSERT INTO deployment(uuid,job_id,target_id,revision,creation_ms,state,device_doc,content_hash,request,policy,archived)
            SELECT 'd'||i, 'j'||i, (SELECT id FROM target), i, i, 3, '{}', '', '', '{}', 1 FROM n;
        INSERT INTO execution(thing_id,deployment_id,status,queued_at,updated_at)
            SELECT (SELECT id FROM thing), id, 3, revision, revision FROM deployment;""")
    assert "exported 5 old executions" in fleet.run("upkeep", "--clean")
    assert fleet.query("SELECT MIN(deployment_id), COUNT(*) FROM execution") == [(6, 20)]
    with open(os.path.join(fleet.state, "executions.jsonl")) as f:
        lines = [json.loads(line) for line in f]
    assert [(e["thingName"], e["target"], e["status"]) for e in lines] == [("cam-1", "group:old", "FAILED")] * 5
    assert "exported 0 old executions" in fleet.run("upkeep", "--clean")


def test_a_backup_taken_while_serve_runs_is_a_whole_database(fleet):
    fleet.run("deploy", "create", "-f", fleet.document({"x.one": {"componentVersion": "1.0.0"}}), "--skip-resolve")
    path = os.path.join(fleet.folder, "copy.db")
    assert "cloud.json" in fleet.run("backup", path)
    assert os.stat(path).st_mode & 0o777 == 0o600
    with contextlib.closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert db.execute("SELECT COUNT(*) FROM execution").fetchone() == (1,)


def test_a_database_from_a_backup_learns_which_revisions_it_gave_out_since(fleet):
    """Failure 4: the device has revision 3, the restored database knows only 1."""
    def deploy(n):
        return fleet.json("deploy", "create", "-f", fleet.document({"x.one": {"componentVersion": f"{n}.0.0"}}), "--skip-resolve")
    deploy(1)
    path = os.path.join(fleet.folder, "copy.db")
    fleet.run("backup", path)
    deploy(2)
    later = deploy(3)
    with fleet.device("cam-1") as d:
        arn = d.get()[1]["execution"]["jobDocument"]["configurationArn"]
        assert arn.endswith("thinggroup/cams:3")
        fleet.service.stop()
        for name in ("cloud.db-wal", "cloud.db-shm"):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(os.path.join(fleet.state, name))
        os.replace(path, os.path.join(fleet.state, "cloud.db"))
        fleet.start_service()
        d.client.publish(f"{d.base}/greengrassv2/health/json", {
            "ggcVersion": "2.17.0", "platform": "linux", "architecture": "amd64", "runtime": "sedge", "thing": "cam-1",
            "overallDeviceStatus": "HEALTHY", "sequenceNumber": 1, "timestamp": 1000, "messageType": "COMPLETE",
            "trigger": "NUCLEUS_LAUNCH", "components": [{
                "componentName": "x.one", "version": "3.0.0", "fleetConfigArns": [arn], "isRoot": True, "status": "RUNNING"}]})
        wait_until(lambda: fleet.query("SELECT last_revision FROM target") == [(3,)], 10, "the revision")
        made = deploy(4)
    assert made["revision"] == 4 and made["creationTimestamp"] > later["creationTimestamp"]
