"""Errors that a user will make: each gives one clear message where the user looks, names the thing, and says what to do."""
import contextlib
import json
import os
import socket
import subprocess
import threading

import pytest

from local import CA, LocalError, free_port, wait_until
from local.site import BUCKET

FOREVER = "while :; do sleep 1; done"


def has(text, *words):
    for word in words:
        assert word.lower() in text.lower(), f"\"{word}\" is not in:\n{text}"


# ---- the object store ----


@pytest.fixture
def store_device(stopped_device, fleet, swift):
    """start(**settings): a device without a cloud, with an object store that holds com.x.Stored and its artifact."""
    def start(bucket=BUCKET, endpoint=swift.endpoint, access=swift.access_key, secret=swift.secret_key):
        stopped_device.write("config.json", json.dumps({
            "system": {"objectStore": {"accessKeyId": access, "secretAccessKey": secret}},
            "services": {"aws.greengrass.Nucleus": {"configuration": {"objectStore": {
                "endpoint": endpoint, "region": swift.region, "bucket": bucket, "pathStyle": True}}}}}))
        return stopped_device.start("--init-config", os.path.join(stopped_device.folder, "config.json"))

    return start


@pytest.fixture
def stored(fleet):
    """A published component with one artifact; its name and the key of the artifact."""
    name = f"com.x.Stored{os.urandom(3).hex()}"
    fleet.publish(name, "1.0.0", "exec {artifacts:path}/hello.sh", files={"hello.sh": "#!/bin/sh\necho stored\n"})
    return name, f"artifacts/{name}/1.0.0/hello.sh"


def test_a_published_component_comes_from_the_store(store_device, stored):
    device = store_device()
    device.deploy_ok(f"{stored[0]}=1.0.0")
    device.wait_output(stored[0], "stored")


def test_wrong_bucket_credentials(store_device, stored):
    text, details = store_device(secret="not-the-secret").deploy_failing(f"{stored[0]}=1.0.0")
    assert details["detailedDeploymentStatus"] == "FAILED_NO_STATE_CHANGE"
    has(text, BUCKET, "403", "secretAccessKey", "S3_ACCESS_DENIED", "PERMISSION_ERROR")
    assert "not-the-secret" not in text


def test_missing_bucket(store_device, stored):
    text, _ = store_device(bucket="no-such-bucket").deploy_failing(f"{stored[0]}=1.0.0")
    has(text, "no-such-bucket", "bucket")


def test_missing_key(store_device):
    name = f"com.x.Gone{os.urandom(3).hex()}"
    device = store_device()
    device.recipe(name, "1.0.0", "true", artifacts=[{"URI": f"s3://{BUCKET}/artifacts/{name}/1.0.0/model.bin", "Digest": "x" * 43 + "=",
                                                     "Algorithm": "SHA-256"}])
    text, details = device.deploy_failing(f"{name}=1.0.0")
    has(text, f"artifacts/{name}/1.0.0/model.bin", BUCKET, "S3_RESOURCE_NOT_FOUND", "published")
    assert details["detailedDeploymentStatus"] == "FAILED_NO_STATE_CHANGE"


def test_store_down(store_device, stored, fleet, swift):
    """A local deployment fails once the transfer gives up; a job waits, and the operator sees for what."""
    online, port = fleet.device("storedown-1", start=False), free_port()
    path = os.path.join(online.bundle, "config.yaml")
    with open(path, encoding="utf-8") as f:
        text = f.read()
    with open(path, "w", encoding="utf-8") as f:
        f.write(text.replace(f":{swift.port}", f":{port}"))
    fleet.connect(online)
    fleet.join("storedown", online)
    fleet.deploy("storedown", {stored[0]: "1.0.0"})
    offline = store_device(endpoint=f"http://127.0.0.1:{port}")
    text, _ = offline.deploy_failing(f"{stored[0]}=1.0.0")
    has(text, f"127.0.0.1:{port}", "connect", "NETWORK_ERROR")
    def waiting():
        shown = fleet.show("storedown")
        return shown if "WAITING" in shown else None
    has(wait_until(waiting, 20, "the operator to see that the device waits", step=0.2), f"127.0.0.1:{port}", "IN_PROGRESS")


def test_wrong_digest_in_the_cloud_status(fleet, swift):
    device = fleet.device("digest-1")
    nucleus = "aws.greengrass.Nucleus"
    device.deploy_ok(f"{nucleus}=2.17.0", update={nucleus: {"MERGE": {"httpClient": {"retryMinMs": 10, "retryMaxMs": 50}}}})
    fleet.join("digest", device)
    fleet.publish("com.x.Digest", "1.0.0", "true", files={"model.bin": "what was published"})
    swift.put(BUCKET, "artifacts/com.x.Digest/1.0.0/model.bin", text="something else....")
    fleet.deploy("digest", {"com.x.Digest": "1.0.0"})
    fleet.wait("digest", device, "FAILED")
    has(fleet.show("digest"), "model.bin", "com.x.Digest", "digest", "FAILED_NO_STATE_CHANGE", "ARTIFACT_CHECKSUM_MISMATCH")


def test_full_component_store(store_device, stored):
    device = store_device()
    device.deploy_ok("aws.greengrass.Nucleus=2.17.0", update={"aws.greengrass.Nucleus": {"MERGE": {"componentStoreMaxSizeBytes": 0}}})
    text, details = device.deploy_failing(f"{stored[0]}=1.0.0")
    assert details["detailedDeploymentStatus"] == "FAILED_NO_STATE_CHANGE"
    has(text, "DISK_SPACE_CRITICAL", "componentStoreMaxSizeBytes")


def test_no_space(store_device, stopped_device, fleet):
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small file system")
    packages = os.path.join(stopped_device.root, "packages")
    os.makedirs(packages)
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m,mode=755", "none", packages], capture_output=True, text=True)
    if done.returncode != 0:
        pytest.skip(f"cannot mount a small file system here: {done.stderr.strip()}")
    try:
        name = f"com.x.Big{os.urandom(3).hex()}"
        fleet.publish(name, "1.0.0", "true", files={"model.bin": os.urandom(3 << 20)})
        device = store_device()
        text, details = device.deploy_failing(f"{name}=1.0.0")
        has(text, "space", packages, "DISK_SPACE_CRITICAL", "DEVICE_ERROR")
        device.stop()
    finally:
        subprocess.run(["umount", "-l", packages], check=False)


# ---- recipes and versions ----


def test_malformed_recipe_in_a_local_deployment(device):
    path = device.write("recipes/bad.yaml", "RecipeFormatVersion: '2020-01-25'\nComponentName: bad\nComponentVersion: 1.0.0\n"
                                            "Manifests:\n  - Lifecycle:\n      run: \"unfinished\n")
    text, details = device.deploy_failing("bad=1.0.0")
    has(text, f"{path}:", "FAILED_NO_STATE_CHANGE", "IO_MAPPING_ERROR")
    assert any(f"bad.yaml:{line}:" in text for line in (6, 7)), text
    assert details["deploymentErrorTypes"] == ["DEVICE_ERROR"]


def test_recipe_with_a_wrong_member_in_a_local_deployment(device):
    device.write("recipes/wrong.yaml", "RecipeFormatVersion: '2020-01-25'\nComponentName: wrong\nComponentVersion: one\nManifests: []\n")
    text, _ = device.deploy_failing("wrong=1.0.0")
    has(text, "wrong.yaml:3:", "ComponentVersion", "one")


def test_malformed_recipe_when_published(fleet, book):
    folder = os.path.join(fleet.folder, "manifest")
    os.makedirs(folder)
    with open(os.path.join(book, "chapter7/recipes/model-manifest.json"), encoding="utf-8") as f, \
            open(os.path.join(folder, "recipe.json"), "w", encoding="utf-8") as out:
        out.write(f.read())
    done = subprocess.run([fleet.site.program("sedge-cloud"), "component", "publish", folder, "--state", fleet.site.state],
                          capture_output=True, text=True)
    assert done.returncode != 0
    has(done.stderr, "recipe.json:", "expected")


def test_unsatisfiable_version_locally(device):
    device.recipe("app", "1.0.0", "true", depends={"lib": "^2.0.0"})
    device.recipe("lib", "1.0.0", "true")
    text, details = device.deploy_failing("app=1.0.0")
    has(text, "lib", "app 1.0.0 requires ^2.0.0", "there are: 1.0.0", "COMPONENT_VERSION_REQUIREMENTS_NOT_MET", "REQUEST_ERROR")


def test_unsatisfiable_version_in_the_cloud(fleet):
    device = fleet.device("version-1")
    fleet.join("version", device)
    fleet.publish("com.x.NeedsMore", "1.0.0", "true", depends={"com.x.Nobody": "^3.0.0"})
    path = os.path.join(fleet.folder, "d.json")
    with open(path, "w", encoding="utf-8") as f:
        json.dump({"targetArn": "arn:aws:iot:local:000000000000:thinggroup/version", "components": {"com.x.NeedsMore": {"componentVersion": "7.7.7"}}}, f)
    done = subprocess.run([fleet.site.program("sedge-cloud"), "deploy", "create", "-f", path, "--state", fleet.site.state], capture_output=True, text=True)
    assert done.returncode != 0
    has(done.stderr, "com.x.NeedsMore", "7.7.7", "1.0.0")
    with open(path, "w", encoding="utf-8") as f:
        json.dump({"targetArn": "arn:aws:iot:local:000000000000:thinggroup/version", "components": {"com.x.NeedsMore": {"componentVersion": "1.0.0"}}}, f)
    fleet.site.cloud("deploy", "create", "-f", path, "--skip-resolve")
    fleet.wait("version", device, "FAILED")
    has(fleet.show("version"), "com.x.Nobody", "com.x.NeedsMore 1.0.0 requires ^3.0.0")


# ---- ports and certificates ----


def test_a_second_nucleus_on_the_same_root(device, bin_dir):
    done = subprocess.run([os.path.join(bin_dir, "sedge-nucleus"), "--root", device.root], capture_output=True, text=True, timeout=90)
    assert done.returncode == 1
    has(done.stderr, device.root, "another sedge-nucleus", "--root")
    assert device.answers()


def wait_line(device, *words):
    """The first line of the log that has all the words."""
    def found():
        return next((line for line in device.log().splitlines() if all(w in line for w in words)), None)
    return wait_until(found, 30, f"a line with {words} in the log")


def answer_rudely(listener):
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        with connection, contextlib.suppress(OSError):
            connection.recv(65536)
            connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(65536):  # a reset would take the answer away
                pass


def test_somebody_else_listens_where_the_broker_should_be(fleet):
    device = fleet.device("port-1", start=False)
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        path = os.path.join(device.bundle, "config.yaml")
        with open(path, encoding="utf-8") as f:
            text = f.read()
        with open(path, "w", encoding="utf-8") as f:
            f.write(text.replace(str(fleet.site.device_port), str(port)))
        threading.Thread(target=answer_rudely, args=(other,), daemon=True).start()
        device.start("--init-config", path)
        line = wait_line(device, f"127.0.0.1 port {port}")
    has(line, "[WARN]", "mqtt", "TLS")


def test_the_broker_s_port_is_taken(fleet):
    with pytest.raises(LocalError) as error:
        fleet.site.start_broker()
    has(str(error.value), "Address already in use", "ss -ltnp", str(fleet.site.service_port))


def test_a_certificate_of_another_authority(fleet):
    device = fleet.device("cert-1", start=False)
    cert, key = CA(os.path.join(fleet.folder, "other-ca"), "somebody else").device("cert-1")
    for source, name in ((cert, "device.crt"), (key, "device.key")):
        os.replace(source, os.path.join(device.bundle, name))
    device.start("--init-config", os.path.join(device.bundle, "config.yaml"))
    line = wait_line(device, "certificate", "mqtt")
    has(line, f"127.0.0.1 port {fleet.site.device_port}", "device.crt", "CA", "check")


def test_a_key_that_does_not_belong_to_the_certificate(fleet):
    device = fleet.device("cert-2", start=False)
    _, key = CA(os.path.join(fleet.folder, "other-ca"), "somebody else").device("cert-2")
    os.replace(key, os.path.join(device.bundle, "device.key"))
    device.start("--init-config", os.path.join(device.bundle, "config.yaml"))
    wait_until(lambda: "device.key" in device.log(), 20, "the log to name the key")


# ---- scripts ----


def test_script_that_is_not_executable(device):
    device.recipe("com.x.Hello", "1.0.0", "{artifacts:path}/hello.sh")
    device.artifact("com.x.Hello", "1.0.0", "hello.sh", "#!/bin/sh\necho hello\n", mode=0o644)
    text, _ = device.deploy_failing("com.x.Hello=1.0.0")
    has(text, "com.x.Hello", "logs/com.x.Hello.log", "126")
    has(device.log("com.x.Hello"), "hello.sh", "Permission denied")


# ---- options ----


@pytest.mark.parametrize("argv, word", [
    (["sedge-nucleus", "--rooot", "/tmp/x"], "--root"),
    (["sedge-nucleus", "--root"], "needs a value"),
    (["sedge", "--rooot", "x"], "--rooot"),
    (["sedge", "component", "list", "--jsno"], "--json"),
    (["sedge", "component", "lsit"], "lsit"),
    (["sedge", "deployment", "create", "--merg", "a=1.0.0"], "--merge"),
    (["sedge", "deployment", "create", "--merge", "a"], "<component>=<version>"),
    (["sedge", "component", "details"], "--name"),
    (["sedge-cloud", "deploy", "create", "--fil", "x"], "--fil"),
    (["sedge-cloud", "deply"], "deply"),
    (["sedge-cloud", "thing", "create"], "NAME"),
])
def test_unknown_option_or_word(bin_dir, argv, word):
    done = subprocess.run([os.path.join(bin_dir, argv[0]), *argv[1:]], capture_output=True, text=True, timeout=90)
    assert done.returncode == 2
    has(done.stderr, word)


def test_no_nucleus_runs(stopped_device):
    done = stopped_device.cli("component", "list")
    assert done.returncode == 1
    has(done.stderr, stopped_device.root, "running")


def test_a_nucleus_that_was_stopped(device):
    device.stop()
    done = device.cli("component", "list")
    assert done.returncode == 1
    has(done.stderr, device.root, "running")


# ---- permission ----


def test_topic_that_access_control_does_not_allow(fleet, bin_dir):
    device = fleet.device("topic-1")
    staged = os.path.join(fleet.folder, "staged")
    subprocess.run(["components/stage", os.path.dirname(bin_dir), staged], check=True, capture_output=True)
    components = {}
    for folder in sorted(os.listdir(staged)):
        name, version = folder.rsplit("-", 1)
        components[name] = version
        fleet.site.cloud("component", "publish", os.path.join(staged, folder))
    fleet.join("topic", device)
    name = "aws.greengrass.DLRImageClassification"
    components[name] = {"componentVersion": components[name],
                        "configurationUpdate": {"merge": json.dumps({"InferenceInterval": "1", "PublishResultsOnTopic": "not/allowed"})}}
    fleet.deploy("topic", components)
    fleet.wait("topic", device, "SUCCEEDED")
    device.wait_log(name, "publishing on", 20)
    line = next(text for text in device.log(name).splitlines() if "publishing on" in text)
    has(line, "not/allowed", "accessControl", name)
