"""The data plane over HTTPS, with a client of Python and real certificates, against a real Swift."""
import base64
import hashlib
import json
import os
import signal
import socket
import ssl
import sqlite3
import urllib.parse
import urllib.request

import pytest

from local import CA
from local.process import free_port, wait_until
from support.cloud import Cloud, write_component
from support.folder import temporary_folder
from support.https import Client, context

BASE = "/greengrass/v2"
LINUX = {"name": "linux", "attributes": {"os": "linux", "architecture": "amd64", "runtime": "aws_nucleus_lite"}}


class Plane:
    """A site with a data plane and published components; `client("cam-1")` asks as a thing does."""

    def __init__(self, folder, bin_dir, swift):
        self.cloud = Cloud(folder, bin_dir)
        self.port = free_port()
        self.bucket = f"plane-{os.urandom(4).hex()}"
        self.cloud.init("--s3-endpoint", swift.endpoint, "--bucket", self.bucket, "--prefix", "fleet", "--s3-access-key",
                        swift.access_key, "--s3-secret-key", swift.secret_key, "--create-bucket", "--data-plane-port",
                        str(self.port), "--data-plane-host", "127.0.0.1,localhost")
        self.cloud.start_broker()
        self.cloud.start_service()

    def thing(self, name):
        return self.cloud.thing(name) if not os.path.isdir(os.path.join(self.cloud.folder, name)) else None

    def tls(self, name=None):
        bundle = os.path.join(self.cloud.folder, name or "cam-1")
        return context(f"{bundle}/ca.crt", *([f"{bundle}/device.crt", f"{bundle}/device.key"] if name else []))

    def client(self, name=None):
        return Client(self.port, self.tls(name))

    def publish(self, name, version, **more):
        folder = os.path.join(self.cloud.folder, f"{name}-{version}")
        self.cloud.run("component", "publish", write_component(folder, version, name=name, **more))

    def ask(self, name, component, needs=None, platform=LINUX, thing="cam-1", **more):
        body = {"componentCandidates": [{"componentName": component, "versionRequirements": needs or {}, **more}]}
        if platform:
            body["platform"] = platform
        return self.client(name or thing).post(f"{BASE}/resolveComponentCandidates", body)

    def sql(self, text):
        with sqlite3.connect(os.path.join(self.cloud.state, "cloud.db"), timeout=60) as db:
            return db.execute(text).fetchall()


@pytest.fixture(scope="module")
def plane(bin_dir, swift):
    with temporary_folder() as folder:
        p = Plane(folder, bin_dir, swift)
        p.thing("cam-1")
        p.thing("cam-2")
        for group, parent in (("site", None), ("hall", "site"), ("cams", "hall"), ("lamps", None)):
            p.cloud.run("group", "create", group, *(["--parent", parent] if parent else []))
        for group in ("cams", "lamps"):
            p.cloud.run("group", "add-thing", group, "cam-1")
        for version in ("1.0.0", "1.1.0", "2.0.0"):
            p.publish("x.one", version, script=f"echo {version}\n")
        p.publish("x.app", "1.0.0", needs={"x.one": "^1.0.0"})
        yield p
        p.cloud.stop()


def arn(name, version):
    return f"arn:aws:greengrass:local:000000000000:components:{name}:versions:{version}"


def quoted(text):
    return urllib.parse.quote(text, safe="")


def artifact(plane, component, version, uri, thing="cam-1"):
    return plane.client(thing).get(f"{BASE}/components/{quoted(arn(component, version))}/artifacts/{quoted(uri)}")


def fetch(url):
    with urllib.request.urlopen(url, timeout=90) as r:
        return r.read()


# ---- who is let in ----

def test_a_client_without_a_certificate_is_told_what_to_show(plane):
    answer = plane.client().get(f"{BASE}/coreDevices/cam-1/thingGroups")
    assert answer.status == 401 and answer.error[0] == "AccessDeniedException" and "device certificate" in answer.error[1]


def test_a_certificate_of_another_authority_is_refused(plane, tmp_root):
    cert, key = CA(os.path.join(tmp_root, "foreign")).device("cam-1")
    client = Client(plane.port, context(os.path.join(plane.cloud.folder, "cam-1", "ca.crt"), cert, key))
    try:
        answer = client.get(f"{BASE}/coreDevices/cam-1/thingGroups")
        assert answer.status == 401
    except (ssl.SSLError, ConnectionError):
        pass  # the handshake may end it before a word is said


def test_a_server_certificate_is_none_of_a_device(plane):
    http = os.path.join(plane.cloud.state, "http")
    client = Client(plane.port, context(os.path.join(plane.cloud.folder, "cam-1", "ca.crt"), f"{http}/data-plane.crt",
                                        f"{http}/data-plane.key"))
    assert client.get(f"{BASE}/coreDevices/data-plane/thingGroups").status == 401


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion")
def test_plain_http_and_old_tls_get_nothing(plane):
    with socket.create_connection(("127.0.0.1", plane.port), timeout=90) as s:
        s.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b"HTTP/1.1 200" not in s.recv(4096)
    old = plane.tls("cam-1")
    old.minimum_version = ssl.TLSVersion.TLSv1
    old.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises((ssl.SSLError, ConnectionError)):
        Client(plane.port, old).get("/")


def test_another_things_path_is_forbidden(plane):
    for path in ("thingGroups", "deployments/x/configuration"):
        answer = plane.client("cam-2").get(f"{BASE}/coreDevices/cam-1/{path}")
        assert (answer.status, answer.error[0]) == (403, "AccessDeniedException")


def test_a_blocked_and_a_deleted_thing_are_refused(plane):
    plane.thing("cam-x")
    client = plane.client("cam-x")
    path = f"{BASE}/coreDevices/cam-x/thingGroups"
    assert client.get(path).status == 200
    plane.cloud.run("thing", "block", "cam-x")
    assert client.get(path).status == 403
    plane.cloud.run("thing", "unblock", "cam-x")
    assert client.get(path).status == 200
    plane.cloud.run("thing", "delete", "cam-x")
    assert client.get(path).status == 403
    plane.cloud.run("thing", "create", "cam-x", "--out", os.path.join(plane.cloud.folder, "cam-x-new"))
    assert client.get(path).status == 403  # the certificate of the one that was deleted


def test_unknown_paths_have_the_headers_of_the_specification(plane):
    answer = plane.client("cam-1").get(f"{BASE}/nothing")
    assert answer.status == 404 and answer.headers["x-amzn-ErrorType"] == "ResourceNotFoundException"
    assert answer.headers["Content-Type"] == "application/json" and answer.json["message"]


def test_the_control_api_is_not_on_this_listener(plane):
    for path in ("/greengrass/v2/deployments", "/greengrass/v2/coreDevices", "/ext/v1/things", "/metrics"):
        assert plane.client("cam-1").get(path).status == 404


# ---- groups ----

def test_groups_come_with_those_above_them(plane):
    answer = plane.client("cam-1").get(f"{BASE}/coreDevices/cam-1/thingGroups").json
    groups = {g["thingGroupName"]: g for g in answer["thingGroups"]}
    assert list(groups) == ["cams", "lamps"] and "nextToken" not in answer
    assert groups["cams"]["rootToParentThingGroups"] == [{"thingGroupName": "site"}, {"thingGroupName": "hall"}]
    assert groups["lamps"]["rootToParentThingGroups"] == []
    assert groups["cams"]["thingGroupArn"] == "arn:aws:iot:local:000000000000:thinggroup/cams"
    assert plane.client("cam-2").get(f"{BASE}/coreDevices/cam-2/thingGroups").json == {"thingGroups": []}


def test_groups_come_in_pieces(plane):
    client, names, token = plane.client("cam-1"), [], ""
    while True:
        answer = client.get(f"{BASE}/coreDevices/cam-1/thingGroups?maxResults=1&nextToken={quoted(token)}").json
        names += [g["thingGroupName"] for g in answer["thingGroups"]]
        token = answer.get("nextToken")
        if not token:
            break
    assert names == ["cams", "lamps"]
    nonsense = client.get(f"{BASE}/coreDevices/cam-1/thingGroups?nextToken=nonsense")
    assert nonsense.status == 200  # a known device never fails here


# ---- versions ----

def test_the_highest_version_that_satisfies_everybody_comes_with_its_recipe(plane):
    answer = plane.ask(None, "x.one", {"thinggroup/cams": ">=1.0.0", "x.app": "^1.0.0"}).json
    found, = answer["resolvedComponentVersions"]
    assert (found["componentName"], found["componentVersion"], found["arn"]) == ("x.one", "1.1.0", arn("x.one", "1.1.0"))
    recipe = json.loads(base64.b64decode(found["recipe"]))
    part = recipe["Manifests"][0]["Artifacts"][0]
    assert part["URI"] == f"s3://{plane.bucket}/fleet/artifacts/x.one/1.1.0/run.sh"
    assert part["Digest"] == base64.b64encode(hashlib.sha256(b"echo 1.1.0\n").digest()).decode()
    assert part["Algorithm"] == "SHA-256"


def test_the_version_that_the_device_runs_is_kept(plane):
    found, = plane.ask(None, "x.one", {"a": "^1.0.0"}, componentVersion="1.0.0").json["resolvedComponentVersions"]
    assert found["componentVersion"] == "1.0.0"


def test_platforms_as_both_nuclei_send_them(plane):
    classic = {"attributes": {"os": "linux", "architecture": "amd64"}}
    assert plane.ask(None, "x.one", {"a": "2.0.0"}, platform=classic).status == 200
    windows = {"name": "windows", "attributes": {"os": "windows", "architecture": "amd64"}}
    answer = plane.ask(None, "x.one", {"a": "2.0.0"}, platform=windows)
    assert answer.status == 404 and answer.error[0] == "ResourceNotFoundException" and "claim platform" in answer.error[1]


@pytest.mark.parametrize("component, needs", [("x.one", {"a": "^3.0.0"}), ("x.none", {"a": "*"}),
                                              ("x.one", {"a": "^1.0.0", "b": "^2.0.0"})])
def test_no_version_is_a_404_that_names_who_asks(plane, component, needs):
    answer = plane.ask(None, component, needs)
    assert answer.status == 404 and answer.error[0] == "ResourceNotFoundException"
    assert "no usable version" in answer.error[1] and all(who in answer.error[1] for who in needs)


@pytest.mark.parametrize("body, words", [
    (b"", ""), (b"{", "body:1:"), (b"[]", "body"), (b"{}", "componentCandidates"),
    (b'{"componentCandidates":[]}', "componentCandidates"), (b'{"componentCandidates":[1]}', "componentName"),
    (b'{"componentCandidates":[{"componentName":"../x"}]}', "only letters"),
    (b'{"componentCandidates":[{"componentName":"x.one","versionRequirements":[]}]}', "versionRequirements"),
    (b'{"componentCandidates":[{"componentName":"x.one","versionRequirements":{"a":1}}]}', "versionRequirements.a"),
    (b'{"componentCandidates":[{"componentName":"x.one","versionRequirements":{"a":"~~"}}]}', "a asks for x.one")])
def test_a_question_that_is_none_is_answered_with_the_place(plane, body, words):
    answer = plane.client("cam-1").request("POST", f"{BASE}/resolveComponentCandidates", body)
    assert (answer.status, answer.error[0]) == (400, "ValidationException") and words in answer.error[1]


def test_a_question_that_is_too_long_is_refused(plane):
    answer = plane.client("cam-1").request("POST", f"{BASE}/resolveComponentCandidates", b" " * 300000)
    assert answer.status == 413 and answer.error[0] == "ValidationException"


def test_a_new_version_is_offered_at_once_although_answers_are_remembered(plane):
    def version():
        return plane.ask(None, "x.fresh", {"a": "*"}).json["resolvedComponentVersions"][0]["componentVersion"]

    plane.publish("x.fresh", "1.0.0")
    assert version() == version() == "1.0.0"
    plane.publish("x.fresh", "1.0.1")
    assert version() == "1.0.1"
    plane.sql("UPDATE component_version SET state=2 WHERE name='x.fresh' AND version='1.0.1'")
    assert version() == "1.0.0"


# ---- artifacts and documents ----

def test_a_signed_url_gives_the_artifact_and_nothing_else(plane):
    uri = f"s3://{plane.bucket}/fleet/artifacts/x.one/1.1.0/run.sh"
    url = artifact(plane, "x.one", "1.1.0", uri).json["preSignedUrl"]
    assert fetch(url) == b"echo 1.1.0\n"
    request = urllib.request.Request(url, headers={"Range": "bytes=5-"})
    with urllib.request.urlopen(request, timeout=90) as r:
        assert r.status == 206 and r.read() == b"1.1.0\n"
    for changed in (url.replace("1.1.0/run.sh", "1.0.0/run.sh"), url.replace("X-Amz-Expires=3600", "X-Amz-Expires=7200"),
                    url[:-1] + ("0" if url[-1] != "0" else "1")):
        with pytest.raises(urllib.error.HTTPError) as failed:
            fetch(changed)
        assert failed.value.code == 403


@pytest.mark.parametrize("uri", ["run.sh", "greengrass:run.sh", "x.one/1.1.0/run.sh", "greengrass:x.one/1.1.0/run.sh"])
def test_an_artifact_has_several_names(plane, uri):
    assert fetch(artifact(plane, "x.one", "1.1.0", uri).json["preSignedUrl"]) == b"echo 1.1.0\n"


def test_a_path_with_bare_slashes_is_understood(plane):
    answer = plane.client("cam-1").get(f"{BASE}/components/{arn('x.one', '1.1.0')}/artifacts/x.one/1.1.0/run.sh")
    assert fetch(answer.json["preSignedUrl"]) == b"echo 1.1.0\n"


@pytest.mark.parametrize("component, version, uri, status", [
    ("x.one", "1.1.0", "other.sh", 404), ("x.one", "9.0.0", "run.sh", 404), ("x.one", "1.1.0", "s3://elsewhere/run.sh", 404),
    ("x.one", "1.1.0", "s3://elsewhere/fleet/artifacts/x.one/1.1.0/run.sh", 404),
    ("x.one", "1.1.0", "artifacts/x.one/1.0.0/run.sh", 404), ("x.one", "", "run.sh", 400)])
def test_an_artifact_that_is_none_is_refused(plane, component, version, uri, status):
    assert artifact(plane, component, version, uri).status == status


def test_the_configuration_of_a_deployment_is_for_its_things(plane):
    plane.cloud.run("deploy", "revise", "group:lamps", "--set-component", "x.one@1.0.0")
    shown = plane.cloud.json("deploy", "show", "group:lamps")
    path = "deployments/{}/configuration".format(shown["deploymentId"])
    mine = plane.client("cam-1").get(f"{BASE}/coreDevices/cam-1/{path}")
    assert mine.status == 404 and "sent as a whole" in mine.error[1]
    other = plane.client("cam-2").get(f"{BASE}/coreDevices/cam-2/{path}")
    assert other.status == 403 and other.error[0] == "AccessDeniedException"
    unknown = plane.client("cam-1").get(f"{BASE}/coreDevices/cam-1/deployments/nothing/configuration")
    assert unknown.status == 404


# ---- when things go wrong ----

def test_a_component_of_no_deployment_is_logged_or_refused_as_set(plane):
    plane.publish("x.odd", "1.0.0")
    plane.cloud.run("deploy", "revise", "thing:cam-2", "--set-component", "x.app@1.0.0")
    assert plane.ask("cam-2", "x.odd").status == 200
    wait_until(lambda: "component=x.odd" in plane.cloud.service.log_tail(50), 10, "the line in the log")
    plane.cloud.run("init", "--unlisted-components", "enforce")
    plane.cloud.service.stop()
    plane.cloud.start_service()
    assert plane.ask("cam-2", "x.odd").status == 403
    assert artifact(plane, "x.odd", "1.0.0", "run.sh", "cam-2").status == 403
    assert plane.ask("cam-2", "x.app").status == 200
    assert plane.ask("cam-2", "x.one", {"x.app": "^1.0.0"}).status == 200  # a dependency
    plane.cloud.run("init", "--unlisted-components", "log")
    plane.cloud.service.stop()
    plane.cloud.start_service()


def test_killed_and_started_again_it_answers(plane):
    plane.cloud.service.popen.send_signal(signal.SIGKILL)
    plane.cloud.service.popen.wait()
    plane.cloud.start_service()
    assert plane.client("cam-1").get(f"{BASE}/coreDevices/cam-1/thingGroups").status == 200


def test_a_thing_that_asks_too_often_is_slowed_down_alone(plane):
    tls = plane.tls("cam-2")
    with socket.create_connection(("127.0.0.1", plane.port), timeout=90) as raw, tls.wrap_socket(raw, server_hostname="127.0.0.1") as s:
        request = f"GET {BASE}/coreDevices/cam-2/thingGroups HTTP/1.1\r\nHost: x\r\n\r\n".encode()
        stream, statuses, headers = s.makefile("rb"), set(), {}
        for _ in range(30000):
            s.sendall(request)
            status = int(stream.readline().split()[1])
            headers = {}
            while (line := stream.readline().strip()):
                name, value = line.decode().split(": ", 1)
                headers[name] = value
            stream.read(int(headers["Content-Length"]))
            statuses.add(status)
            if status == 429:
                break
    assert 429 in statuses and headers["x-amzn-ErrorType"] == "ThrottlingException" and headers["Retry-After"] == "1"
    assert plane.client("cam-1").get(f"{BASE}/coreDevices/cam-1/thingGroups").status == 200


def test_a_store_that_is_down_is_a_503_and_groups_and_versions_are_answered(plane, swift):
    plane.cloud.run("init", "--s3-endpoint", f"http://127.0.0.1:{free_port()}")
    plane.cloud.service.stop()
    plane.cloud.start_service()
    answer = artifact(plane, "x.one", "1.1.0", "run.sh")
    assert answer.status == 503 and answer.headers["Retry-After"] and answer.error[0] == "InternalServerException"
    assert plane.ask(None, "x.one", {"a": "^1.0.0"}).status == 200
    assert plane.client("cam-1").get(f"{BASE}/coreDevices/cam-1/thingGroups").status == 200
    plane.cloud.run("init", "--s3-endpoint", swift.endpoint)
    plane.cloud.service.stop()
    plane.cloud.start_service()
    assert artifact(plane, "x.one", "1.1.0", "run.sh").status == 200


def test_the_bundle_of_a_thing_names_the_data_plane_and_holds_no_credentials(plane, swift):
    with open(os.path.join(plane.cloud.folder, "cam-1", "config.yaml")) as f:
        text = f.read()
    assert 'greengrassDataPlaneEndpoint: "127.0.0.1"' in text and f"greengrassDataPlanePort: {plane.port}" in text
    assert swift.secret_key not in text and "objectStore" not in text
