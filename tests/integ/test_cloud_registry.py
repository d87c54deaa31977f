"""Things, groups and components of sedge-cloud, as an operator handles them."""
import os
import signal
import subprocess

from local.process import wait_until
from support.cloud import write_component


def connects(cloud, name):
    try:
        with cloud.device(name) as d:
            d.get()
        return True
    except (OSError, ConnectionError, AssertionError, TimeoutError):
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
    rest, _ = watch.communicate(timeout=30)
    lines += rest.splitlines()
    assert watch.returncode == 5
    assert "0 of 1 done, 1 QUEUED" in lines[0] and "1 IN_PROGRESS" in lines[1] and "1 of 1 done, 1 FAILED" in lines[-1]
    assert "no room" in fleet.run("deploy", "show", "group:cams", "--errors", "--status", "FAILED")
    assert "group:cams:1 failed: no room" in fleet.run("device", "why", "cam-1")
    assert [d["deploymentId"] for d in fleet.json("deploy", "list", "--in-state", "rolling")] == []
    assert len(fleet.json("deploy", "list", "--in-state", "active", "--target", "group:cams")) == 1
    assert fleet.json("audit", "--what", "deploy", "--limit", "1")[0]["what"] == "deploy-create"
