"""Telemetry of a real nucleus, told to a plain MQTT client."""
import json
import os

import pytest

from local import wait_until
from support.connected import connected_device

TOPIC = "greengrass/health/json"
SHORT = {"SEDGE_MIN_INTERVAL_S": "1"}
STATES = {f"NumberOfComponents{s}" for s in ("Starting", "Installed", "Stateless", "Stopping", "Broken", "Running", "Errored",
                                             "New", "Finished")}
POLICY = {"aws.greengrass.ipc.componentmetric": {"aws.meter:1": {"operations": ["*"], "resources": ["*"]}}}


@pytest.fixture(scope="module")
def world(bin_dir, ca):
    with connected_device(bin_dir, ca, env=SHORT, configuration={"telemetry": {
            "periodicAggregateMetricsIntervalSeconds": 1, "periodicPublishMetricsIntervalSeconds": 2}}) as world:
        world.device.recipe("aws.meter", "1.0.0", "exec sleep 100000", configuration={"accessControl": POLICY})
        world.device.deploy_ok("aws.meter=1.0.0")
        yield world


def points(message, namespace):
    return [p for p in message["ADP"] if p["NS"] == namespace]


def names(point):
    return {m["N"] for m in point["M"]}


def written(world, name):
    """The messages in all logs of that name."""
    folder, found = os.path.join(world.device.root, "telemetry"), []
    for file in sorted(os.listdir(folder) if os.path.isdir(folder) else []):
        if file == f"{name}.log" or file.startswith(f"{name}_"):
            with open(os.path.join(folder, file), encoding="utf-8") as f:
                found += [json.loads(json.loads(line)["message"]) for line in f if line.endswith("\n")]
    return found


def published_times(*clients):
    """Of all messages that came. A broker that was stopped may deliver one again: it counts once."""
    messages = {payload for client in clients for topic, payload in list(client.seen) if topic.endswith(TOPIC)}
    return [p["TS"] for payload in messages for p in json.loads(payload)["ADP"] if p["NS"] == "SystemMetrics" and "CpuUsage" in names(p)]


def summed_times(world):
    return {p["TS"] for p in written(world, "AggregateMetrics") if p["NS"] == "SystemMetrics"}


def wait_for_points(world):
    while True:
        message = world.client.wait(TOPIC)
        if any("CpuUsage" in names(p) for p in message["ADP"]):
            return message


def test_the_machine_the_components_and_the_system_are_told(world):
    message = wait_for_points(world)
    assert message["Schema"] == "2022-06-30" and set(message) == {"Schema", "ADP"}
    system = {m["N"]: m for p in points(message, "SystemMetrics") for m in p["M"]}
    assert {k: m["U"] for k, m in system.items() if k in ("CpuUsage", "TotalNumberOfFDs", "SystemMemUsage")} == {
        "CpuUsage": "Percent", "TotalNumberOfFDs": "Count", "SystemMemUsage": "Megabytes"}
    assert 0 <= system["CpuUsage"]["Sum"] <= 100 and system["TotalNumberOfFDs"]["Sum"] > 0 and system["SystemMemUsage"]["Sum"] > 0
    assert {"OSName", "OSVersion", "KernelVersion", "CPUArchitecture"} <= set(system)
    assert system["KernelVersion"] == {"N": "KernelVersion", "Sum": 1.0, "U": os.uname().release}
    counts = points(message, "GreengrassComponents")[-1]
    assert names(counts) == STATES and all(m["U"] == "Count" for m in counts["M"])
    assert {m["N"]: m["Sum"] for m in counts["M"]}["NumberOfComponentsRunning"] >= 1


def test_the_logs_have_the_form_of_greengrass(world):
    wait_until(lambda: written(world, "AggregateMetrics"), 20, "something summed up")
    system = written(world, "SystemMetrics")[0]
    assert set(system) == {"NS", "N", "U", "A", "V", "TS"} and (system["NS"], system["A"]) == ("SystemMetrics", "Average")
    assert {m["N"] for m in written(world, "GreengrassComponents")} == STATES
    point = written(world, "AggregateMetrics")[0]
    assert set(point) == {"TS", "NS", "M"} and set(point["M"][0]) == {"N", "Sum", "U"}


def test_metrics_of_components_are_summed_up_and_told(world):
    with world.device.ipc("aws.meter") as ipc:
        ipc.call("PutComponentMetric", metrics=[{"name": "frames", "unit": "COUNT", "value": 2.5},
                                                {"name": "frames", "unit": "COUNT", "value": 4}])
    while not (found := points(world.client.wait(TOPIC), "aws.meter")):
        pass
    assert found[0]["M"] == [{"N": "frames", "Sum": 6.5, "U": "Count"}]


def test_what_is_measured_offline_is_told_with_the_next_publication_and_nothing_twice(world):
    before = world.client
    world.outage()
    online = summed_times(world)
    offline = wait_until(lambda: len(summed_times(world) - online) >= 3 and summed_times(world) - online, 30, "intervals to pass")
    world.outage_ends()
    wait_until(lambda: offline <= set(published_times(world.client)), 30, "what was measured meanwhile")
    told = published_times(before, world.client)
    assert len(told) == len(set(told))


def test_what_was_measured_before_a_kill_is_told_after_it(world):
    with world.device.ipc("aws.meter") as ipc:
        ipc.call("PutComponentMetric", metrics=[{"name": "kept", "unit": "COUNT", "value": 7}])
    world.device.kill()
    world.device.start(env=SHORT)
    while not [m for p in points(world.client.wait(TOPIC), "aws.meter") for m in p["M"] if m["N"] == "kept"]:
        pass


def test_switching_it_off_and_on_counts_at_once(world):
    world.configure(telemetry={"enabled": False})
    count = len(written(world, "SystemMetrics"))
    world.configure(telemetry={"periodicAggregateMetricsIntervalSeconds": 1})  # longer than the interval
    assert len(written(world, "SystemMetrics")) == count
    world.configure(telemetry={"enabled": True})
    wait_until(lambda: len(written(world, "SystemMetrics")) > count, 30, "measurements")


def test_the_older_names_of_the_intervals_work_and_too_short_ones_mean_the_default(world):
    world.configure(telemetry={"periodicAggregateMetricsIntervalSeconds": 0, "periodicAggregateMetricsIntervalSec": 1})
    count = len(written(world, "SystemMetrics"))
    wait_until(lambda: len(written(world, "SystemMetrics")) > count, 20, "the older name to count")
