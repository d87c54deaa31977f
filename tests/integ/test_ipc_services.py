"""Debug passwords, tokens, metrics and client devices (ipc-operations.md 7.9, 8, 11), by frames on the socket of a real nucleus."""
import glob
import json
import os
import re
import time

import pytest

from support.device import temporary_device
from support.ipc_client import TERMINATE

METRICS = {"aws.greengrass.ipc.componentmetric": {"m:1": {"operations": ["aws.greengrass#PutComponentMetric"], "resources": ["m*"]}}}
CLI = {"aws.greengrass.Cli": {"c:1": {"operations": ["aws.greengrass#CreateDebugPassword"], "resources": ["*"]}}}
SLEEP = "exec sleep 100000"


@pytest.fixture(scope="module")
def device(bin_dir):
    with temporary_device(bin_dir) as device:
        device.recipe("aws.greengrass.StreamManager", "2.1.0", SLEEP)
        device.recipe("aws.meter", "1.0.0", SLEEP, configuration={"accessControl": METRICS})
        device.recipe("stranger", "1.0.0", SLEEP, configuration={"accessControl": METRICS})
        device.recipe("console", "1.0.0", SLEEP, configuration={"accessControl": CLI})
        device.deploy_ok("aws.greengrass.StreamManager=2.1.0", "aws.meter=1.0.0", "stranger=1.0.0", "console=1.0.0")
        yield device


# ---- debug passwords ----

def test_a_debug_password_has_43_characters_and_is_valid_for_8_hours(device):
    with device.ipc("console") as ipc:
        before = time.time()
        one, two = ipc.call("CreateDebugPassword"), ipc.call("CreateDebugPassword")
        assert set(one) == {"username", "password", "passwordExpiration"} and one["username"] == "debug"
        assert re.fullmatch(r"[A-Za-z0-9_-]{43}", one["password"]) and one["password"] != two["password"]
        assert before - 1 < one["passwordExpiration"] - 8 * 3600 < time.time() + 1
        assert isinstance(one["passwordExpiration"], float)


def test_the_command_prints_it(device):
    printed = device.sedge("get-debug-password").splitlines()
    assert printed[0] == "Username: debug"
    assert re.fullmatch(r"Password: [A-Za-z0-9_-]{43}", printed[1])
    assert re.fullmatch(r"Password expires at: \d{4}-\d\d-\d\dT.*", printed[2]) and len(printed) == 3


def test_a_component_without_the_right_gets_none(device):
    with device.ipc("stranger") as ipc:
        ipc.fails("UnauthorizedError", "Principal stranger is not authorized to perform aws.greengrass.Cli:"
                  "aws.greengrass#CreateDebugPassword on resource *", "CreateDebugPassword")


def test_a_debug_password_is_in_no_file(device):
    with device.cli_ipc() as ipc:
        password = ipc.call("CreateDebugPassword")["password"]
    device.stop()  # files come and go while it runs
    for folder, _, names in os.walk(device.root):
        for name in names:
            path = os.path.join(folder, name)
            if os.path.isfile(path) and not os.path.islink(path):
                with open(path, "rb") as f:
                    assert password.encode() not in f.read(), path
    device.start()


def test_more_debug_passwords_than_are_kept_can_be_made(device):
    with device.cli_ipc() as ipc:
        assert len({ipc.call("CreateDebugPassword")["password"] for _ in range(80)}) == 80


# ---- tokens ----

def test_the_stream_manager_may_ask_whether_a_token_is_known(device):
    with device.ipc("aws.greengrass.StreamManager") as ipc:
        assert ipc.call("ValidateAuthorizationToken", token=device.token("stranger")) == {"isValid": True}
        ipc.fails("InvalidTokenError", "Authentication token not found", "ValidateAuthorizationToken", token="unknown")
        ipc.fails("InvalidTokenError", "Authentication token not found", "ValidateAuthorizationToken", token="")
        ipc.fails("InvalidTokenError", "Invalid authentication token", "ValidateAuthorizationToken")


def test_nobody_else_may(device):
    for name in ("stranger", "aws.meter"):
        with device.ipc(name) as ipc:
            ipc.fails("UnauthorizedError", f"{name} is not authorized to perform aws.greengrass#ValidateAuthorizationToken",
                      "ValidateAuthorizationToken", token=device.token(name))


# ---- metrics ----

def metric(name="m1", unit="COUNT", value=1.0):
    return {"name": name, "unit": unit, "value": value}


def written(device, namespace):
    """Also what was written in the hour before."""
    lines = []
    for path in (*sorted(glob.glob(f"{device.root}/telemetry/{namespace}_*.log")), *glob.glob(f"{device.root}/telemetry/{namespace}.log")):
        with open(path, encoding="utf-8") as f:
            lines += f
    return [json.loads(json.loads(line)["message"]) for line in lines]


def test_metrics_go_to_the_log_of_their_namespace(device):
    before = len(written(device, "aws.meter"))
    with device.ipc("aws.meter") as ipc:
        assert ipc.call("PutComponentMetric", metrics=[metric("m1", "BYTES_PER_SECOND", 2.5), metric("m2", "megaBytes", 0)]) == {}
    got = written(device, "aws.meter")[before:]
    assert [{k: m[k] for k in ("NS", "N", "U", "A", "V")} for m in got] == [
        {"NS": "aws.meter", "N": "m1", "U": "BytesPerSecond", "A": "Sum", "V": 2.5},
        {"NS": "aws.meter", "N": "m2", "U": "Megabytes", "A": "Sum", "V": 0}]
    assert all(abs(m["TS"] / 1000 - time.time()) < 3600 for m in got)


def test_faults_of_metrics_are_answered_in_the_order_of_the_original_and_nothing_is_kept(device):
    bad, denied = "Invalid argument found in PutComponentMetricRequest", "other"
    before = written(device, "aws.meter")
    with device.ipc("aws.meter") as ipc:
        for metrics in ({}, {"metrics": []}):
            ipc.fails("InvalidArgumentsError", "Null or Empty list of metrics found in PutComponentMetricRequest",
                      "PutComponentMetric", **metrics)
        for wrong in (metric(""), metric("m" * 33), metric(unit=""), metric(value=-0.1), {"name": "m", "unit": "COUNT"}):
            ipc.fails("InvalidArgumentsError", bad, "PutComponentMetric", metrics=[metric(), metric(denied), wrong])
        ipc.fails("UnauthorizedError", "Principal aws.meter is not authorized to perform aws.greengrass.ipc.componentmetric:"
                  "aws.greengrass#PutComponentMetric on resource other", "PutComponentMetric",
                  metrics=[metric(unit="PARSECS"), metric(denied)])
        ipc.fails("InvalidArgumentsError", "Invalid telemetry unit: No matching TelemetryUnit type found", "PutComponentMetric",
                  metrics=[metric(), metric(unit="PARSECS")])
        ipc.call("PutComponentMetric", metrics=[metric("m" * 32)])
    assert len(written(device, "aws.meter")) == len(before) + 1


def test_only_components_whose_name_begins_with_aws_have_metrics(device):
    with device.ipc("stranger") as ipc:
        ipc.fails("UnauthorizedError", "Principal stranger is not authorized to perform aws.greengrass.ipc.componentmetric:"
                  "aws.greengrass#PutComponentMetric ", "PutComponentMetric")
    with device.ipc("aws.greengrass.StreamManager") as ipc:  # needs no policy
        assert ipc.call("PutComponentMetric", metrics=[metric("anything")]) == {}


# ---- client devices ----

def test_without_the_client_device_component_its_operations_are_not_supported(device):
    with device.ipc("stranger") as ipc:
        for operation, request in (("SubscribeToCertificateUpdates", {"certificateOptions": {"certificateType": "SERVER"}}),
                                   ("VerifyClientDeviceIdentity", {"credential": {"clientDeviceCertificate": "x"}}),
                                   ("GetClientDeviceAuthToken", {"credential": {"mqttCredential": {"clientId": "x"}}}),
                                   ("AuthorizeClientDeviceAction", {"clientDeviceAuthToken": "x", "operation": "mqtt:connect",
                                                                    "resource": "mqtt:clientId:x"})):
            for members in (request, {}):
                error = ipc.fails("ServiceError", f"Operation aws.greengrass#{operation} is not supported by Greengrass",
                                  operation, **members)
                assert error.flags & TERMINATE
