"""The control API: on the Unix socket, and on TCP with TLS and a token."""
import json
import os
import re
import signal
import sqlite3
import stat
import subprocess
import sys

import pytest

from local.process import free_port, wait_until
from support.cloud import Cloud
from support.folder import temporary_folder
from support.https import Client, context

GG, EXT = "/greengrass/v2", "/ext/v1"
CAMS = "arn:aws:iot:local:000000000000:thinggroup/cams"
ARN = "arn:aws:greengrass:local:000000000000:configuration:thinggroup/cams:1"


class Site:
    """cam-1 and cam-2 in group cams, x.one published in the database alone, the service running."""

    def __init__(self, folder, bin_dir):
        self.cloud, self.port = Cloud(folder, bin_dir), free_port()
        self.cloud.init("--api-port", str(self.port), "--api-host", "127.0.0.1", "--api-bind", "127.0.0.1")
        self.cloud.start_broker()
        self.cloud.start_service()
        self.socket = os.path.join(self.cloud.state, "api.sock")
        self.api = Client(socket=self.socket)

    def tcp(self, token=None):
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return Client(self.port, context(os.path.join(self.cloud.state, "ca", "ca.crt")), headers=headers)

    def token(self, name="api.token"):
        with open(os.path.join(self.cloud.state, "http", name)) as f:
            return f.read().strip()

    def sql(self, text):
        with sqlite3.connect(os.path.join(self.cloud.state, "cloud.db"), timeout=60) as db:
            return db.execute(text).fetchall()

    def roles(self, roles):
        path = os.path.join(self.cloud.state, "roles.json")
        if roles is None:
            os.unlink(path)
            return
        with open(path, "w") as f:
            f.write(roles if isinstance(roles, str) else json.dumps(roles))

    def create(self, version, **more):
        body = {"targetArn": CAMS, "components": {"x.one": {"componentVersion": version, "configurationUpdate": {
            "merge": json.dumps({"v": version})}}}, **more}
        return self.api.post(f"{GG}/deployments?skipResolve=true", body)


@pytest.fixture(scope="module")
def site(bin_dir):
    with temporary_folder() as folder:
        s = Site(folder, bin_dir)
        for name in ("cam-1", "cam-2"):
            s.cloud.thing(name)
        s.cloud.run("group", "create", "cams")
        s.cloud.run("group", "add-thing", "cams", "cam-1", "cam-2")
        yield s
        s.cloud.stop()


# ---- deployments as AWS has them ----

def test_a_deployment_is_created_shown_listed_and_cancelled(site):
    made = site.create("1.0.0", deploymentName="first", clientToken="t-1")
    assert made.status == 201 and made.json["iotJobArn"].endswith(f"job/{made.json['iotJobId']}")
    again = site.create("1.0.0", deploymentName="first", clientToken="t-1")
    assert again.json["deploymentId"] == made.json["deploymentId"]
    shown = site.api.get(f"{GG}/deployments/{made.json['deploymentId']}").json
    assert (shown["targetArn"], shown["deploymentName"], shown["deploymentStatus"], shown["isLatestForTarget"]) == (
        CAMS, "first", "ACTIVE", True)
    assert shown["components"] == {"x.one": {"componentVersion": "1.0.0", "configurationUpdate": {"merge": '{"v":"1.0.0"}'}}}
    assert shown["deploymentPolicies"]["componentUpdatePolicy"] == {"timeoutInSeconds": 60, "action": "NOTIFY_COMPONENTS"}
    assert 1.7e9 < shown["creationTimestamp"] < 4e9
    site.create("1.1.0")
    latest = site.api.get(f"{GG}/deployments?targetArn={CAMS}").json["deployments"]
    assert [d["revisionId"] for d in latest] == ["2"] and latest[0]["isLatestForTarget"]
    everything = site.api.get(f"{GG}/deployments?targetArn={CAMS}&historyFilter=ALL&maxResults=1").json
    assert [d["revisionId"] for d in everything["deployments"]] == ["2"]
    rest = site.api.get(f"{GG}/deployments?targetArn={CAMS}&historyFilter=ALL&nextToken={everything['nextToken']}").json
    assert [(d["revisionId"], d["deploymentStatus"]) for d in rest["deployments"]] == [("1", "INACTIVE")]
    cancelled = site.api.post(f"{GG}/deployments/{latest[0]['deploymentId']}/cancel")
    assert cancelled.status == 200 and cancelled.json["message"]
    assert site.api.get(f"{GG}/deployments/{latest[0]['deploymentId']}").json["deploymentStatus"] == "CANCELED"


def test_what_was_created_over_the_api_is_the_same_in_the_command(site):
    made = site.create("1.2.0").json
    assert site.cloud.json("deploy", "show", "group:cams")["deploymentId"] == made["deploymentId"]
    assert site.api.get(f"{EXT}/deployments/group:cams?devices=true").json == site.cloud.json(
        "deploy", "show", "group:cams", "--devices")
    told = [[re.sub(r"\d+ s ", "N s ", line) for line in answer["why"]]
            for answer in (site.api.get(f"{EXT}/things/cam-1/why").json, site.cloud.json("device", "why", "cam-1"))]
    assert told[0] == told[1] != []


@pytest.mark.parametrize("method, path, body, status, name", [
    ("GET", f"{GG}/deployments/nothing", None, 404, "ResourceNotFoundException"),
    ("GET", f"{GG}/deployments?targetArn=nonsense", None, 400, "ValidationException"),
    ("POST", f"{GG}/deployments", "{", 400, "ValidationException"),
    ("POST", f"{GG}/deployments", {"components": {}}, 400, "ValidationException"),
    ("POST", f"{GG}/deployments", {"targetArn": CAMS, "compnents": {}}, 400, "ValidationException"),
    ("POST", f"{GG}/deployments", {"targetArn": f"{CAMS}x", "components": {}}, 404, "ResourceNotFoundException"),
    ("POST", f"{GG}/deployments", {"targetArn": CAMS, "components": {"no.such": {"componentVersion": "1.0.0"}}}, 404,
     "ResourceNotFoundException"),
    ("GET", f"{GG}/coreDevices/nobody", None, 404, "ResourceNotFoundException"),
    ("GET", f"{GG}/coreDevices?status=GOOD", None, 400, "ValidationException"),
    ("GET", f"{GG}/components/x/versions", None, 400, "ValidationException"),
    ("GET", f"{GG}/resolveComponentCandidates", None, 404, "ResourceNotFoundException"),
    ("PATCH", f"{GG}/deployments", {}, 405, "ValidationException")])
def test_errors_are_those_of_aws(site, method, path, body, status, name):
    answer = site.api.request(method, path, body if body is None or isinstance(body, str) else json.dumps(body))
    assert (answer.status, answer.error[0]) == (status, name) and answer.error[1]


def test_a_token_that_was_used_for_something_else_is_a_conflict(site):
    assert site.create("3.0.0", clientToken="t-2").status == 201
    answer = site.create("3.0.1", clientToken="t-2")
    assert answer.status == 409 and answer.error[0] == "ConflictException"


# ---- devices ----

def report(site, name, components):
    with site.cloud.device(name) as d:
        d.client.publish(f"{d.base}/greengrassv2/health/json", {
            "ggcVersion": "2.17.0", "platform": "linux", "architecture": "amd64", "runtime": "sedge", "thing": name,
            "overallDeviceStatus": "HEALTHY", "sequenceNumber": 1, "timestamp": 1764590400000, "messageType": "COMPLETE",
            "trigger": "CADENCE", "components": components})
        job = d.get()[1]["execution"]["jobId"]
        d.update(job, "FAILED", statusDetails={
            "detailed-deployment-status": "FAILED_ROLLBACK_COMPLETE", "deployment-failure-cause": "it broke",
            "deployment-error-stack": '["DEPLOYMENT_FAILURE","COMPONENT_BROKEN"]', "deployment-error-types": '["USER_ERROR"]'})


def test_core_devices_are_shown_as_aws_shows_them(site):
    site.create("4.0.0")
    report(site, "cam-1", [
        {"componentName": "x.one", "version": "4.0.0", "fleetConfigArns": [ARN], "isRoot": True, "status": "BROKEN",
         "componentStatusDetails": {"statusCodes": ["RUN_ERROR"], "statusReason": "exit code 3"}},
        {"componentName": "x.lib", "version": "1.0.0", "fleetConfigArns": [], "isRoot": False, "status": "FINISHED"}])
    device = wait_until(lambda: (d := site.api.get(f"{GG}/coreDevices/cam-1").json).get("coreVersion") and d, 10, "the report")
    assert (device["coreDeviceThingName"], device["status"], device["platform"], device["architecture"], device["runtime"],
            device["coreVersion"]) == ("cam-1", "HEALTHY", "linux", "amd64", "sedge", "2.17.0")
    assert device["lastStatusUpdateTimestamp"] == 1764590400
    first = site.api.get(f"{GG}/coreDevices?maxResults=1").json
    second = site.api.get(f"{GG}/coreDevices?maxResults=1&nextToken={first['nextToken']}").json
    assert [d["coreDeviceThingName"] for d in first["coreDevices"] + second["coreDevices"]] == ["cam-1", "cam-2"]
    healthy = site.api.get(f"{GG}/coreDevices?status=HEALTHY&thingGroupArn={CAMS}").json["coreDevices"]
    assert [d["coreDeviceThingName"] for d in healthy] == ["cam-1"]
    root, = site.api.get(f"{GG}/coreDevices/cam-1/installedComponents").json["installedComponents"]
    assert (root["componentName"], root["lifecycleState"], root["isRoot"], root["lifecycleStateDetails"],
            root["lifecycleStatusCodes"]) == ("x.one", "BROKEN", True, "exit code 3", ["RUN_ERROR"])
    both = site.api.get(f"{GG}/coreDevices/cam-1/installedComponents?topologyFilter=ALL").json["installedComponents"]
    assert [c["componentName"] for c in both] == ["x.lib", "x.one"]

    def failed():
        one, = site.api.get(f"{GG}/coreDevices/cam-1/effectiveDeployments").json["effectiveDeployments"]
        return one["coreDeviceExecutionStatus"] == "FAILED" and one

    one = wait_until(failed, 10, "the result")
    assert (one["targetArn"], one["reason"], one["description"]) == (CAMS, "it broke", "FAILED_ROLLBACK_COMPLETE")
    assert one["statusDetails"] == {"errorStack": ["DEPLOYMENT_FAILURE", "COMPONENT_BROKEN"], "errorTypes": ["USER_ERROR"]}


def test_components_are_listed_with_their_latest_version(site):
    for version in ("1.9.0", "1.10.0"):
        site.sql("INSERT INTO component_version(name,version,state,recipe_sha256,manifest,created_at,recipe)"
                 f" VALUES('x.two','{version}',0,'','{{}}',1764590400,'{{\"a\":1}}')")
    component, = [c for c in site.api.get(f"{GG}/components").json["components"] if c["componentName"] == "x.two"]
    assert component["latestVersion"]["componentVersion"] == "1.10.0"
    versions = site.api.get(f"{GG}/components/{component['arn']}/versions").json["componentVersions"]
    assert [v["componentVersion"] for v in versions] == ["1.10.0", "1.9.0"]
    assert site.api.get(f"{GG}/components/{versions[1]['arn']}").json["recipe"] == "eyJhIjoxfQ=="


# ---- things and groups ----

def test_a_thing_lives_and_dies_over_the_api(site):
    made = site.api.post(f"{EXT}/things", {"thingName": "cam-9", "installDir": "/etc/cam"})
    assert made.status == 201 and "PRIVATE KEY" in made.json["privateKeyPem"]
    assert "certificateFilePath: \"/etc/cam/device.crt\"" in made.json["configuration"]
    assert [n for n in os.listdir(os.path.join(site.cloud.state, "http")) if n.startswith("bundle")] == []
    assert site.api.post(f"{EXT}/things", {"thingName": "cam-9"}).status == 409
    assert site.api.post(f"{EXT}/things", {"thingName": "../x"}).status == 400
    assert site.api.put(f"{EXT}/things/cam-9/attributes", {"hall": "3"}).status == 200
    assert [t["thingName"] for t in site.api.get(f"{EXT}/things?attribute=hall%3D3").json] == ["cam-9"]
    assert site.api.post(f"{EXT}/things/cam-9/block").status == 200
    assert site.api.get(f"{EXT}/things/cam-9").json["state"] == "BLOCKED"
    assert site.api.post(f"{EXT}/things/cam-9/unblock").status == 200
    assert site.api.delete(f"{EXT}/things/cam-9").status == 200
    assert site.api.get(f"{EXT}/things/cam-9").status == 404


def test_a_group_lives_and_dies_over_the_api(site):
    assert site.api.post(f"{EXT}/groups", {"groupName": "hall-1"}).status == 201
    assert site.api.post(f"{EXT}/groups", {"groupName": "hall-1"}).status == 409
    assert site.api.put(f"{EXT}/groups/hall-1/things/cam-2").status == 200
    assert site.api.get(f"{EXT}/groups/hall-1").json["things"] == ["cam-2"]
    assert site.api.delete(f"{EXT}/groups/hall-1/things/cam-2").status == 200
    assert site.api.delete(f"{EXT}/groups/hall-1").status == 200
    assert "hall-1" not in [g["groupName"] for g in site.api.get(f"{EXT}/groups").json]


# ---- roll-outs ----

def test_a_rollout_is_paused_resumed_retried_and_reverted_over_the_api(site):
    site.cloud.run("group", "create", "waves")
    site.cloud.run("group", "add-thing", "waves", "cam-1", "cam-2")
    body = {"targetArn": "arn:aws:iot:local:000000000000:thinggroup/waves", "components": {"x.one": {"componentVersion": "1.0.0"}},
            "iotJobConfiguration": {"jobExecutionsRolloutConfig": {"maximumPerMinute": 100}}}
    made = site.api.post(f"{GG}/deployments?skipResolve=true&expectedRevision=0", body)
    assert made.status == 201
    shown = site.api.get(f"{GG}/deployments/{made.json['deploymentId']}").json["iotJobConfiguration"]
    assert shown["jobExecutionsRolloutConfig"]["maximumPerMinute"] == 100
    assert shown["timeoutConfig"]["inProgressTimeoutInMinutes"] == 60
    one = f"{EXT}/deployments/{made.json['deploymentId']}"
    assert site.api.post(f"{one}/pause").status == 200
    assert site.api.get(one).json["state"] == "PAUSED"
    assert site.api.get(f"{GG}/deployments/{made.json['deploymentId']}").json["deploymentStatus"] == "ACTIVE"
    assert site.api.post(f"{one}/resume").status == 200
    assert site.api.post(f"{one}/approve").status == 409
    assert site.api.post(f"{one}/retry", {"status": ["NONSENSE"]}).status == 400
    assert site.api.post(f"{one}/retry", {"status": "FAILED"}).status == 400
    body["components"]["x.one"]["componentVersion"] = "2.0.0"
    assert site.api.post(f"{GG}/deployments?skipResolve=true&expectedRevision=0", body).status == 409
    assert site.api.post(f"{GG}/deployments?skipResolve=true&expectedRevision=1", body).status == 201
    assert site.api.post(f"{EXT}/targets/group:waves/revert", {}).status == 400
    back = site.api.post(f"{EXT}/targets/group:waves/revert", {"revision": 1})
    assert back.status == 200 and back.json["revision"] == 3 and back.json["components"]["x.one"]["version"] == "1.0.0"


# ---- who may ----

def test_the_audit_names_who_asked(site):
    site.roles({"tokens": {"nightly": {"role": "admin", "file": os.path.join(site.cloud.state, "nightly.token")}}})
    with open(os.path.join(site.cloud.state, "nightly.token"), "w") as f:
        f.write("0123456789abcdef\n")
    assert site.tcp("0123456789abcdef").put(f"{EXT}/things/cam-1/attributes", {"n": "1"}).status == 200
    site.roles(None)
    who, = site.sql("SELECT who FROM audit ORDER BY id DESC LIMIT 1")
    assert who == ("nightly",)


def test_tcp_wants_the_token(site):
    path = f"{GG}/coreDevices"
    assert site.tcp(site.token()).get(path).status == 200
    missing = site.tcp().get(path)
    assert missing.status == 401 and missing.headers["WWW-Authenticate"] == "Bearer"
    assert site.tcp("wrong").get(path).status == 403
    assert stat.S_IMODE(os.stat(os.path.join(site.cloud.state, "http", "api.token")).st_mode) == 0o600


@pytest.mark.parametrize("role, reads, deploys, manages", [
    ("viewer", 200, 403, 403), ("deployer", 200, 201, 403), ("publisher", 200, 403, 403), ("admin", 200, 201, 409)])
def test_a_role_may_what_it_says(site, role, reads, deploys, manages):
    secret = f"{role}-0123456789abcdef"
    with open(os.path.join(site.cloud.state, f"{role}.token"), "w") as f:
        f.write(secret)
    site.roles({"tokens": {role: {"role": role, "file": os.path.join(site.cloud.state, f"{role}.token")}}})
    client = site.tcp(secret)
    assert client.get(f"{EXT}/things").status == reads
    assert client.post(f"{GG}/deployments?skipResolve=true&force=true", {
        "targetArn": CAMS, "components": {"x.one": {"componentVersion": "5.0.0"}}}).status == deploys
    assert client.post(f"{EXT}/groups", {"groupName": "cams"}).status == manages
    site.roles(None)


def test_a_deployer_of_other_groups_is_refused(site):
    path = os.path.join(site.cloud.state, "lamps.token")
    with open(path, "w") as f:
        f.write("lamps-0123456789abcdef")
    site.roles({"tokens": {"lamps": {"role": "deployer", "groups": ["lamps"], "file": path}}})
    client = site.tcp("lamps-0123456789abcdef")
    assert client.post(f"{GG}/deployments?skipResolve=true", {"targetArn": CAMS, "components": {}}).status == 403
    current = site.cloud.json("deploy", "show", "group:cams")["deploymentId"]
    assert client.post(f"{GG}/deployments/{current}/cancel").status == 403
    site.roles(None)


def test_roles_that_are_not_in_order_let_nobody_else_in_and_say_why(site):
    site.roles("{")
    answer = site.tcp("whatever-0123456789").get(f"{EXT}/things")
    assert answer.status in (400, 403) and "roles.json" in answer.error[1]
    assert site.tcp(site.token()).get(f"{EXT}/things").status == 200
    assert site.api.get(f"{EXT}/things").status == 200
    site.roles(None)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs other users")
def test_another_user_has_the_role_of_its_name_or_group(site, tmp_root):
    os.chmod(site.cloud.state, 0o711)
    parent = os.path.dirname(site.cloud.state)
    modes = {parent: stat.S_IMODE(os.stat(parent).st_mode)}
    os.chmod(parent, 0o711)
    script = ("import socket,sys\ns=socket.socket(socket.AF_UNIX)\ns.connect(sys.argv[1])\n"
              "s.sendall(b'GET /ext/v1/groups HTTP/1.1\\r\\nHost: x\\r\\nConnection: close\\r\\n\\r\\n')\n"
              "d=b''\nwhile c:=s.recv(4096): d+=c\nprint(d.split()[1].decode())\n")

    def ask():
        return subprocess.run(["setpriv", "--reuid", "nobody", "--regid", "nogroup", "--clear-groups", sys.executable, "-c",
                               script, site.socket], capture_output=True, text=True, timeout=90).stdout.strip()

    assert ask() == "403"
    site.roles({"users": {"nobody": {"role": "viewer"}}})
    assert ask() == "200"
    site.roles({"unixGroups": {"nogroup": {"role": "viewer"}}})
    assert ask() == "200"
    site.roles(None)
    os.chmod(site.cloud.state, 0o700)
    os.chmod(parent, modes[parent])


# ---- the service ----

def test_metrics_are_text_that_counts(site):
    site.api.get(f"{GG}/coreDevices/nobody")
    answer = site.api.get("/metrics")
    assert answer.headers["Content-Type"].startswith("text/plain")
    lines = dict(line.rsplit(" ", 1) for line in answer.text.splitlines() if not line.startswith("#"))
    assert int(lines['sedge_http_requests_total{plane="api",operation="GetCoreDevice",status="404"}']) >= 1
    assert lines["sedge_mqtt_connected"] == "1" and int(lines['sedge_things{state="ACTIVE"}']) >= 2
    assert any(line.startswith('sedge_executions{target="group:cams"') for line in lines)


def test_killed_and_started_again_the_socket_answers(site):
    site.cloud.service.popen.send_signal(signal.SIGKILL)
    site.cloud.service.popen.wait()
    site.cloud.start_service()
    assert site.api.get(f"{EXT}/groups").status == 200


def test_a_port_that_is_taken_is_told(site):
    site.cloud.service.stop()
    site.cloud.run("init", "--api-port", str(site.cloud.device_port))
    message = site.cloud.run("serve", status=1)
    assert f"port {site.cloud.device_port}" in message and "in use" in message
    assert "each needs its own" in site.cloud.run("init", "--api-port", "7", "--data-plane-port", "7", status=1)
    site.cloud.run("init", "--api-port", str(site.port))
    site.cloud.start_service()
