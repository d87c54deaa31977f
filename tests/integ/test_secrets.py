"""GetSecretValue and `sedge secret` (ipc-operations.md 9) on a real nucleus: components by frames on the socket, users by the command."""
import base64
import contextlib
import json
import os
import pty
import select
import subprocess
import uuid

import pytest

from local import wait_until
from support.device import temporary_device
from support.fixtures import connection_of
from support.ipc_client import IpcError

ARN = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:cloud/db-AbCdEf"
ABSENT = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:absent-AbCdEf"
LOCAL = "arn:aws:secretsmanager:local:000000000000:secret:"


def policy(*resources):
    return {"aws.greengrass.SecretManager": {"com.example:secrets:1": {
        "policyDescription": "Allows access to a secret.", "operations": ["aws.greengrass#GetSecretValue"],
        "resources": list(resources)}}}


@pytest.fixture(scope="module")
def device(bin_dir):
    with temporary_device(bin_dir) as device:
        # as in the AWS documentation: the component depends on the secret manager, which has its secrets configured
        manager = {"aws.greengrass.SecretManager": {"VersionRequirement": "^2.0.0", "DependencyType": "HARD"}}
        device.recipe("reader", "1.0.0", "exec sleep 100000", ComponentDependencies=manager,
                      configuration={"accessControl": policy("arn:aws:secretsmanager:*")})
        device.recipe("narrow", "1.0.0", "exec sleep 100000", configuration={"accessControl": policy(f"{LOCAL}mine-*")})
        device.deploy_ok("reader=1.0.0", "narrow=1.0.0", "aws.greengrass.SecretManager=2.1.8",
                         update={"aws.greengrass.SecretManager": {"MERGE": {"cloudSecrets": [
                             {"arn": ARN, "labels": ["blue"]}, {"arn": ABSENT}]}}})
        yield device


reader = connection_of("reader")


@pytest.fixture
def name(device):
    """A name of its own for each test."""
    return f"s-{uuid.uuid4().hex[:8]}"


def put(device, name, value, *words):
    return json.loads(device.sedge("secret", "set", name, "--json", *words, stdin=value))


def text(ipc, secret, **request):
    return ipc.call("GetSecretValue", secretId=secret, **request)["secretValue"]["secretString"]


# ---- reading ----

def test_a_component_reads_a_secret_by_its_name_and_by_its_arn(device, reader, name):
    stored = put(device, name, "s3cret")
    assert stored["arn"].startswith(f"{LOCAL}{name}-")
    for secret in (name, stored["arn"]):
        assert reader.call("GetSecretValue", secretId=secret) == {
            "secretId": stored["arn"], "versionId": stored["versionId"], "versionStage": ["AWSCURRENT"],
            "secretValue": {"secretString": "s3cret"}}


def test_bytes_are_read_as_binary(device, reader, name):
    content = bytes(range(256)) * 16 + b"\n"
    put(device, name, None, "--binary", "--file", device.write("value", content))
    value = reader.call("GetSecretValue", secretId=name)["secretValue"]
    assert base64.b64decode(value.pop("secretBinary")) == content and value == {}


def test_any_text_comes_back_as_it_was(device, reader, name):
    for value in ('{"user":"a","password":"\\"\\\\ ü 漢 😀"}', "line one\nline two", "%s%n", "x" * 65536, " blank "):
        put(device, name, value)
        assert text(reader, name) == value


def test_versions_are_found_by_id_and_by_label(device, reader, name):
    one, two = put(device, name, "one", "--version-id", "v1"), put(device, name, "two")
    three = put(device, name, "three", "--label", "green")
    assert text(reader, name) == "two"
    assert text(reader, name, versionStage="AWSCURRENT") == "two"
    assert text(reader, name, versionStage="AWSPREVIOUS") == "one"
    assert text(reader, name, versionId="v1") == "one"
    assert text(reader, name, versionId=three["versionId"]) == text(reader, name, versionStage="green") == "three"
    assert text(reader, name, refresh=True) == "two", "without a cloud the stored copy counts"
    assert one["arn"] == two["arn"] == three["arn"]


def test_errors_are_those_of_the_original_in_its_order(device, reader, name):
    put(device, name, "value", "--version-id", "v1")
    unknown = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:nobody-knows"
    both = {"versionId": "v1", "versionStage": "AWSCURRENT"}
    reader.fails("ServiceError", "SecretId absent in the request", "GetSecretValue")
    reader.fails("ServiceError", "SecretId absent in the request", "GetSecretValue", secretId="", **both)
    error = reader.fails("ResourceNotFoundError", "Secret not configured nothing", "GetSecretValue", secretId="nothing", **both)
    assert error.content["resourceType"] == "secret"
    reader.fails("ServiceError", "Both versionId and Stage are set in the request", "GetSecretValue", secretId=name, **both)
    reader.fails("ResourceNotFoundError", f"Version Id v2 not found for secret {name}", "GetSecretValue", secretId=name,
                 versionId="v2")
    reader.fails("ResourceNotFoundError", f"Version stage red not found for secret {name}", "GetSecretValue", secretId=name,
                 versionStage="red")
    reader.fails("ResourceNotFoundError", f"Secret not found {unknown}", "GetSecretValue", secretId=unknown)


def test_a_secret_is_authorized_by_its_arn_also_when_it_is_asked_for_by_name(device, name):
    stored = put(device, name, "value")
    mine = put(device, f"mine-{name}", "mine")
    with device.ipc("narrow") as ipc:
        for secret in (name, stored["arn"], ABSENT):
            arn = stored["arn"] if secret == name else secret
            ipc.fails("UnauthorizedError", "Principal narrow is not authorized to perform aws.greengrass.SecretManager:"
                      f"aws.greengrass#GetSecretValue on resource {arn}", "GetSecretValue", secretId=secret, versionId="a",
                      versionStage="b")
        assert text(ipc, f"mine-{name}") == text(ipc, mine["arn"]) == "mine"


def test_command_line_users_have_no_right_to_values(device, name):
    put(device, name, "value")
    with device.cli_ipc() as ipc:
        ipc.fails("UnauthorizedError", None, "GetSecretValue", secretId=name)


def test_the_configured_arn_resolves_a_name_and_is_the_default_of_a_new_secret(device, reader):
    reader.fails("ResourceNotFoundError", "Secret not found absent", "GetSecretValue", secretId="absent")
    device.wait_log("greengrass", f"{ABSENT} is in cloudSecrets of aws.greengrass.SecretManager and not in the store", 20)
    assert put(device, "cloud/db", "from the cloud once")["arn"] == ARN
    assert text(reader, "cloud/db") == text(reader, ARN) == "from the cloud once"


def test_the_secret_manager_is_a_component_like_others(device):
    component = device.components()["aws.greengrass.SecretManager"]
    assert (component["version"], component["state"]) == ("2.1.8", "RUNNING")
    assert component["configuration"]["cloudSecrets"][1]["arn"] == ABSENT


# ---- the command ----

def test_the_list_has_everything_but_values(device, name):
    one, two = put(device, name, "value-one"), put(device, name, "value-two", "--label", "AWSCURRENT", "--label", "x")
    listed = device.sedge("secret", "list")
    assert f"Secret: {name}\n    ARN: {one['arn']}\n    Version: {two['versionId']} (AWSCURRENT, x), text, " in listed
    assert f"    Version: {one['versionId']} (AWSPREVIOUS), text, " in listed
    found = next(s for s in json.loads(device.sedge("secret", "list", "--json")) if s["name"] == name)
    assert [v["labels"] for v in found["versions"]] == [["AWSCURRENT", "x"], ["AWSPREVIOUS"]]
    assert "value-" not in listed + json.dumps(found)


def test_one_newline_at_the_end_of_text_does_not_count(device, reader, name):
    for given, kept in (("a\n", "a"), ("a\r\n", "a"), ("a\n\n", "a\n"), ("a\nb", "a\nb")):
        put(device, name, given)
        assert text(reader, name) == kept
        put(device, name, None, "--file", device.write("value", given))
        assert text(reader, name) == kept


def test_a_removed_secret_is_gone(device, reader, name):
    put(device, name, "one", "--version-id", "v1")
    put(device, name, "two", "--version-id", "v2")
    device.sedge("secret", "remove", name, "--version-id", "v1")
    reader.fails("ResourceNotFoundError", f"Version Id v1 not found for secret {name}", "GetSecretValue", secretId=name,
                 versionId="v1")
    assert "is the current one" in device.cli("secret", "remove", name, "--version-id", "v2").stderr
    device.sedge("secret", "remove", name)
    reader.fails("ResourceNotFoundError", f"Secret not configured {name}", "GetSecretValue", secretId=name)
    assert f"there is no secret {name}" in device.cli("secret", "remove", name).stderr


def test_what_cannot_be_stored_is_refused_with_the_reason(device, name):
    for words, value, text, code in (
            (["a b"], "v", "is not a name of a secret", 1), ([name], "", "is empty", 1), ([name], "\n", "is empty", 1),
            ([name], "x" * 65537, "has 65537 bytes, at most 65536", 1), ([name], "x" * 70000, "at most 65536 bytes", 1),
            ([name, "--arn", "arn:x"], "v", "is not the ARN of a secret", 1),
            ([name, "--label", "a b"], "v", "is no staging label", 1), ([name, "--file", "/no/such/file"], "v", "/no/such/file", 1),
            ([name, "value"], "v", "never a word of the command", 2), ([], "v", "Which secret", 2)):
        done = device.cli("secret", "set", *words, stdin=value)
        assert (done.returncode, text in done.stderr) == (code, True), (words, done.stderr)
    assert name not in device.sedge("secret", "list")


def test_bytes_that_are_no_text_are_refused_unless_they_are_called_binary(device, name):
    done = device.cli("secret", "set", name, "--file", device.write("value", b"\xff\xfe\x00"))
    assert done.returncode == 1 and "--binary" in done.stderr


def typed(device, name, *lines):
    """What a terminal shows when somebody sets a secret there, and the exit code."""
    command = [os.path.join(device.bin, "sedge"), "--ggcRootPath", device.root, "secret", "set", name]
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(command[0], command)
    shown, questions = b"", [b"Value of secret", b"Once more: "]
    try:
        for question, line in zip(questions, lines):
            while question not in shown:
                piece = read_some(terminal)
                assert piece, f"the command ended without asking: {shown}"
                shown += piece
            os.write(terminal, line)
        while piece := read_some(terminal):
            shown += piece
    finally:
        os.close(terminal)
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    return shown.decode(), code


def read_some(terminal):
    assert select.select([terminal], [], [], 90)[0], "the command neither asks nor ends"
    try:
        return os.read(terminal, 4096)
    except OSError:  # the other side has ended
        return b""


def test_at_a_terminal_the_value_is_asked_for_twice_and_not_shown(device, reader, name):
    shown, code = typed(device, name, b"typed value\n", b"typed value\n")
    assert code == 0 and "Secret stored" in shown and "typed" not in shown
    assert text(reader, name) == "typed value"


def test_what_was_typed_differently_or_broken_off_is_not_stored(device, name):
    shown, code = typed(device, name, b"one\n", b"two\n")
    assert code == 1 and "nothing was stored" in shown
    shown, code = typed(device, name, b"one\x03")
    assert code == 1 and "nothing was stored" in shown, "Ctrl-C leaves the terminal as it was"
    assert name not in device.sedge("secret", "list")


def test_components_have_no_right_to_administration(device, reader, name):
    for operation, request in (("sedge#SetSecret", {"name": name, "secretString": "x"}), ("sedge#ListSecrets", {}),
                               ("sedge#RemoveSecret", {"secretId": name})):
        assert "command-line users" in reader.fails("UnauthorizedError", None, operation, **request).message
    reader.fails("ServiceError", "aws.greengrass#SetSecret is an unsupported operation.", "aws.greengrass#SetSecret")
    reader.fails("ServiceError", "sedge#GetSecretValue is an unsupported operation.", "sedge#GetSecretValue")


# ---- on disk ----

def everything(root):
    for folder, _, names in os.walk(root):
        for file in names:
            path = os.path.join(folder, file)
            if not os.path.isfile(path) or os.path.islink(path):
                continue
            with contextlib.suppress(FileNotFoundError):  # it has got its real name meanwhile
                with open(path, "rb") as f:
                    yield path, f.read()


def test_no_file_and_no_log_has_a_value(device, reader, name):
    value = f"unmistakable-{name}"
    put(device, name, value)
    put(device, f"{name}b", value, "--binary")
    assert text(reader, name) == value
    device.cli("secret", "set", name, "--arn", "arn:x", stdin=value)
    coded = base64.b64encode(value.encode())
    assert [path for path, content in everything(device.root) if value.encode() in content or coded in content] == []


def test_the_files_are_for_the_nucleus_user_alone(device, name):
    put(device, name, "value")
    for file in ("secret.key", "secrets.db"):
        info = os.stat(os.path.join(device.root, "state", file))
        assert (info.st_mode & 0o7777, info.st_uid) == (0o600, os.geteuid())


def test_a_wider_mode_of_the_key_is_put_right_at_the_start(device, name):
    put(device, name, "value")
    key = os.path.join(device.root, "state", "secret.key")
    os.chmod(key, 0o644)
    device.restart()
    assert os.stat(key).st_mode & 0o7777 == 0o600
    device.wait_log("greengrass", "had mode 0644, now 0600", 20)
    with device.ipc("reader") as ipc:
        assert text(ipc, name) == "value"


def test_a_secret_that_was_stored_survives_a_kill_at_any_moment(device, name):
    stored = {}
    for i in range(3):
        sets = [subprocess.Popen([os.path.join(device.bin, "sedge"), "--ggcRootPath", device.root, "secret", "set",
                                  f"{name}-{i}-{k}"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
                for k in range(4)]
        for k, one in enumerate(sets):
            one.stdin.write(f"value {i} {k}".encode())
            one.stdin.close()
        sets[i].wait(120)  # the others are anywhere
        device.kill()
        for k, one in enumerate(sets):
            if one.wait(120) == 0:
                stored[f"{name}-{i}-{k}"] = f"value {i} {k}"
            one.stdout.close()
            one.stderr.close()
        device.start()
    assert stored
    with device.ipc("reader") as ipc:
        for secret, value in stored.items():
            assert text(ipc, secret) == value


def test_with_another_key_a_secret_is_refused_by_name_until_it_is_set_anew(device, name):
    stored = put(device, name, "value")
    key = os.path.join(device.root, "state", "secret.key")
    device.stop()
    os.rename(key, f"{key}.old")
    with open(key, "wb") as f:
        f.write(os.urandom(32))
    os.chmod(key, 0o600)
    device.start()
    device.wait_log("greengrass", "not the key that they were encrypted with", 20)
    with device.ipc("reader") as ipc:
        assert stored["arn"] in ipc.fails("ServiceError", None, "GetSecretValue", secretId=name).message
        put(device, name, "new value")
        assert text(ipc, name) == "new value"
    device.stop()
    os.rename(f"{key}.old", key)
    device.start()
    with device.ipc("reader") as ipc:
        assert text(ipc, name, versionStage="AWSPREVIOUS") == "value"


def test_a_component_is_told_while_its_connection_waits_for_nothing_else(device, reader, name):
    put(device, name, "value")
    answers = []
    for _ in range(50):  # asked together, answered each
        reader.stream += 1
        reader._send(0, reader.stream, {"operation": "aws.greengrass#GetSecretValue"}, {"secretId": name})
        answers.append(reader.stream)
    assert all(reader._frame(stream)["secretValue"] == {"secretString": "value"} for stream in answers)


def test_a_changed_list_of_configured_secrets_is_looked_at_again(device):
    other = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:later-AbCdEf"
    device.deploy_ok(update={"aws.greengrass.SecretManager": {"MERGE": {"cloudSecrets": [{"arn": other}]}}})
    wait_until(lambda: f"{other} is in cloudSecrets" in device.log(), 30, "the new secret to be missed")


def test_a_store_that_cannot_be_opened_at_the_start_is_opened_when_a_secret_is_asked_for(device, name):
    """As on a full disk that has room again later; here a folder is in the way."""
    put(device, name, "value")
    store = os.path.join(device.root, "state", "secrets.db")
    device.stop()
    os.rename(store, f"{store}.kept")
    os.mkdir(store)
    device.start()
    with device.ipc("reader") as ipc:
        with pytest.raises(IpcError, match="The store of secrets could not be opened"):
            text(ipc, name)
        os.rmdir(store)
        os.rename(f"{store}.kept", store)
        assert text(ipc, name) == "value"
    assert name in device.sedge("secret", "list")
