"""GetConfiguration, UpdateConfiguration, SubscribeToConfigurationUpdate (ipc-operations.md 5.1 to 5.4): connections as
components of a real nucleus."""
import time

import pytest

from support.device import temporary_device
from support.fixtures import connection_of
from support.ipc_client import IpcError

FOREVER = "exec sleep 100000"
DEFAULTS = {"Mqtt": {"port": 8883, "host": "h", "_password": "p"}, "list": [1, {"_x": 2}], "nothing": None, "flag": False, "text": "",
            "empty": {}, "_hidden": {"k": 1}, "a.b/c": {"d e": 1}}
PUBLIC = {"Mqtt": {"port": 8883, "host": "h"}, "list": [1, {"_x": 2}], "nothing": None, "flag": False, "text": "", "empty": {},
          "a.b/c": {"d e": 1}}
STALE = "Proposed timestamp is older than the config's latest modified timestamp"


@pytest.fixture(scope="module")
def device(bin_dir):
    with temporary_device(bin_dir) as device:
        device.recipe("com.x.Reader", "1.0.0", FOREVER, configuration=DEFAULTS)
        device.recipe("com.x.Writer", "1.0.0", FOREVER)
        device.deploy_ok("com.x.Reader=1.0.0", "com.x.Writer=1.0.0")
        yield device


reader = connection_of("com.x.Reader")


class Tree:
    """A container of the writer's configuration that is the test's own."""

    def __init__(self, ipc, name):
        self.ipc, self.name, self.t = ipc, name, 0
        self.merge({})  # is made at the current time
        self.t = round(time.time() + 0.001, 3)

    def merge(self, value, later=0.0, path=()):
        return self.ipc.call("UpdateConfiguration", keyPath=[self.name, *path], timestamp=self.t + later, valueToMerge=value)

    def get(self, *path):
        return self.ipc.call("GetConfiguration", keyPath=[self.name, *path])["value"]

    def watch(self, *path):
        return self.ipc.subscribe("SubscribeToConfigurationUpdate", keyPath=[self.name, *path])


@pytest.fixture
def tree(device, request):
    with device.ipc("com.x.Writer") as ipc:
        yield Tree(ipc, request.node.name)


def value(ipc, *path, **more):
    return ipc.call("GetConfiguration", keyPath=list(path), **more)["value"]


def not_found(ipc, operation="GetConfiguration", **request):
    error = ipc.fails("ResourceNotFoundError", "Key not found", operation, **request)
    assert not {"resourceType", "resourceName"} & set(error.content)


def paths(events):
    return [e["configurationUpdateEvent"]["keyPath"] for e in events.so_far()]


# ---- GetConfiguration ----

def test_a_container_is_an_object_without_private_keys_at_any_level(reader):
    for request in ({}, {"keyPath": []}, {"keyPath": None}, {"componentName": "com.x.Reader", "keyPath": []}):
        assert reader.call("GetConfiguration", **request) == {"componentName": "com.x.Reader", "value": PUBLIC}
    assert value(reader, "Mqtt") == {"port": 8883, "host": "h"}
    assert value(reader, "empty") == {}


@pytest.mark.parametrize("path, expected", [
    (["Mqtt", "port"], {"port": 8883}), (["list"], {"list": [1, {"_x": 2}]}), (["nothing"], {"nothing": None}),
    (["flag"], {"flag": False}), (["text"], {"text": ""}), (["a.b/c", "d e"], {"d e": 1})])
def test_a_leaf_is_an_object_with_its_key(reader, path, expected):
    assert value(reader, *path) == expected


def test_keys_and_component_names_ignore_case_and_leaves_have_their_stored_spelling(reader):
    assert value(reader, "mQTT", "PORT") == {"port": 8883}
    answer = reader.call("GetConfiguration", componentName="COM.X.READER", keyPath=["FLAG"])
    assert answer == {"componentName": "COM.X.READER", "value": {"flag": False}}


def test_private_keys_can_be_reached_by_naming_them(reader):
    assert value(reader, "_hidden") == {"k": 1}
    assert value(reader, "Mqtt", "_password") == {"_password": "p"}


@pytest.mark.parametrize("request_", [
    {"componentName": ""}, {"componentName": "com.x.Nobody"}, {"keyPath": ["missing"]}, {"keyPath": ["Mqtt", "missing"]},
    {"keyPath": ["Mqtt", "port", "below"]}, {"keyPath": ["list", "0"]}, {"keyPath": ["a", "b/c"]}, {"keyPath": [""]},
    {"keyPath": ["k"] * 100}, {"componentName": "main"}])
def test_what_is_not_there_is_not_found(reader, request_):
    not_found(reader, **request_)


def test_every_component_may_read_and_watch_every_other(reader, tree):
    tree.merge({"k": 1})
    assert value(reader, tree.name, "k", componentName="com.x.Writer") == {"k": 1}
    events = reader.subscribe("SubscribeToConfigurationUpdate", componentName="COM.X.writer", keyPath=[tree.name])
    tree.merge({"k": 2})
    assert events.next() == {"configurationUpdateEvent": {"componentName": "COM.X.writer", "keyPath": [tree.name, "k"]}}


# ---- UpdateConfiguration ----

def test_an_update_is_checked_in_this_order(device, reader):
    reader.fails("InvalidArgumentsError", "Timestamp is required", "UpdateConfiguration", keyPath=["accessControl"])
    reader.fails("InvalidArgumentsError", "ValueToMerge is required", "UpdateConfiguration", keyPath=["accessControl"], timestamp=1)
    reader.fails("InvalidArgumentsError", "ValueToMerge is required", "UpdateConfiguration", timestamp=1, valueToMerge=None)
    denied = "Config update is not allowed for following fields [accessControl]"
    with device.cli_ipc() as cli:
        for path, content in ((["accessControl"], {"k": 1}), (["ACCESScontrol", "x"], {}), ([], {"accesscontrol": {}}), (None, {"accessControl": 1})):
            for ipc in (reader, cli):
                ipc.fails("InvalidArgumentsError", denied, "UpdateConfiguration", keyPath=path, timestamp=time.time(), valueToMerge=content)
        with pytest.raises(IpcError, match="InvalidArgumentsError: Component config not found for component greengrass-cli#"):
            cli.call("UpdateConfiguration", timestamp=time.time(), valueToMerge={"k": 1})
    reader.call("UpdateConfiguration", keyPath=["deep"], timestamp=time.time(), valueToMerge={"accessControl": 1})
    assert value(reader, "deep") == {"accessControl": 1}


@pytest.mark.parametrize("content", ["text", 1, [], True])
def test_a_value_that_is_no_object_is_a_fault_of_the_request(reader, content):
    with pytest.raises(IpcError) as failure:
        reader.call("UpdateConfiguration", timestamp=time.time(), valueToMerge=content)
    assert failure.value.code not in ("InvalidArgumentsError", "FailedUpdateConditionCheckError")


def test_objects_merge_level_by_level_and_nothing_is_deleted(tree):
    tree.merge({"a": {"x": 1, "y": 2}, "l": [1, 2], "s": "t"})
    assert tree.merge({"a": {"y": None, "z": {}}, "l": [3]}, 1) == {}
    assert tree.get() == {"a": {"x": 1, "y": None, "z": {}}, "l": [3], "s": "t"}
    tree.merge({"x": 9}, 2, path=["A"])
    assert tree.get("a") == {"x": 9, "y": None, "z": {}}


def test_keys_of_an_update_ignore_case_and_the_first_spelling_stays(tree):
    tree.merge({"Key": 1, "Box": {"In": 1}})
    tree.merge({"kEY": 2, "bOX": {"iN": 2}}, 1)
    assert tree.get() == {"Key": 2, "Box": {"In": 2}}


def test_a_path_that_does_not_exist_is_made_at_the_current_time_and_is_never_in_conflict(tree):
    tree.merge({"k": 1}, -10**6, path=["new", "path"])
    assert tree.get("new", "path") == {"k": 1}
    tree.ipc.fails("FailedUpdateConditionCheckError", STALE, "UpdateConfiguration", keyPath=[tree.name, "new", "path"], timestamp=tree.t - 1,
                   valueToMerge={"k": 2})


def test_below_a_leaf_there_can_be_no_container(tree):
    tree.merge({"leaf": 1, "list": [1]})
    for leaf in ("leaf", "list"):
        with pytest.raises(IpcError, match=f"ServiceError: {leaf} is already a leaf, cannot become a container"):
            tree.merge({"k": 1}, 1, path=[leaf, "below"])


def test_a_leaf_named_by_the_path_becomes_the_object_whatever_the_time(tree):
    tree.merge({"leaf": 1})
    tree.merge({"k": 2}, -1000, path=["leaf"])
    assert tree.get("leaf") == {"k": 2}


def test_kinds_are_replaced_and_new_keys_have_the_time_of_the_update(tree):
    tree.merge({"leaf": 1, "box": {"k": 1}})
    tree.merge({"leaf": {"k": 2}, "box": 2, "fresh": {"k": 3}, "void": {}}, 5)
    assert tree.get() == {"leaf": {"k": 2}, "box": 2, "fresh": {"k": 3}, "void": {}}
    for path in (["fresh"], ["void"], ["leaf"]):
        tree.merge({"k": 4}, 5, path=path)  # equal times are no conflict
        tree.ipc.fails("FailedUpdateConditionCheckError", STALE, "UpdateConfiguration", keyPath=[tree.name, *path],
                       timestamp=tree.t + 4.9, valueToMerge={"k": 5})


def test_any_newer_node_below_the_container_is_a_time_conflict_and_nothing_changes(tree):
    tree.merge({"a": {"old": 1}, "b": 1})
    tree.merge({"new": 1}, 100, path=["a"])
    for path, content in (([], {}), ([], {"b": 2, "c": 3}), (["a"], {"old": 2})):
        tree.ipc.fails("FailedUpdateConditionCheckError", STALE, "UpdateConfiguration", keyPath=[tree.name, *path],
                       timestamp=tree.t + 99.999, valueToMerge=content)
    assert tree.get() == {"a": {"old": 1, "new": 1}, "b": 1}
    tree.merge({"b": 2}, 100)
    assert tree.get("b") == {"b": 2}


def test_the_same_value_again_raises_its_time(tree):
    tree.merge({"k": 1})
    tree.merge({"k": 1}, 50)
    tree.ipc.fails("FailedUpdateConditionCheckError", STALE, "UpdateConfiguration", keyPath=[tree.name], timestamp=tree.t + 49, valueToMerge={"k": 2})


def test_times_are_rounded_to_milliseconds(tree):
    tree.merge({"k": 1}, 10.0004)
    tree.merge({"k": 2}, 9.9996)
    assert tree.get("k") == {"k": 2}


def test_a_time_of_zero_means_now(tree):
    tree.merge({"k": 1}, 1000)
    tree.ipc.call("UpdateConfiguration", keyPath=[tree.name], timestamp=0.0, valueToMerge={"k": 2, "n": 1})
    assert tree.get() == {"k": 2, "n": 1}


def test_an_update_is_still_there_after_a_kill_of_the_nucleus(device):
    with device.ipc("com.x.Writer") as ipc:
        ipc.call("UpdateConfiguration", keyPath=["kept"], timestamp=time.time(), valueToMerge={"k": [1, {"x": None}]})
        device.sedge("component", "list")
    device.deploy_ok()  # its journal and all changes before it are on the disk when it has ended
    device.kill()
    device.start()
    with device.ipc("com.x.Writer") as ipc:
        assert value(ipc, "kept") == {"k": [1, {"x": None}]}


def test_a_component_is_not_restarted_by_its_own_update(device, tree):
    before = device.pid("com.x.Writer")
    tree.merge({"k": 1})
    assert device.pid("com.x.Writer") == before


# ---- SubscribeToConfigurationUpdate ----

def test_only_what_exists_can_be_watched(device, reader, tree):
    for request in ({"keyPath": ["missing"]}, {"componentName": "com.x.Nobody"}, {"componentName": ""}, {"keyPath": ["flag", "below"]}):
        not_found(reader, "SubscribeToConfigurationUpdate", **request)
    with device.cli_ipc() as cli:
        not_found(cli, "SubscribeToConfigurationUpdate")


def test_the_root_of_a_component_without_configuration_can_be_watched_and_is_made(reader):
    not_found(reader, componentName="DeploymentService")
    assert reader.subscribe("SubscribeToConfigurationUpdate", componentName="DeploymentService").so_far() == []
    assert value(reader, componentName="DeploymentService") == {}


def test_an_event_names_the_changed_node_in_its_stored_spelling(tree):
    tree.merge({"Box": {"Leaf": 1, "other": 1}})
    root, box, leaf = tree.ipc.subscribe("SubscribeToConfigurationUpdate"), tree.watch("bOX"), tree.watch("box", "LEAF")
    twice = tree.watch("box", "leaf")
    tree.merge({"lEAF": 2}, 1, path=["BOX"])
    for events in (root, box, leaf, twice):
        assert events.next() == {"configurationUpdateEvent": {"componentName": "com.x.Writer", "keyPath": [tree.name, "Box", "Leaf"]}}
        assert events.so_far() == []
    tree.merge({"other": 2}, 2, path=["Box"])
    assert paths(leaf) == [] and paths(box) == [[tree.name, "Box", "other"]]


def test_what_gives_events_and_what_does_not(tree):
    tree.merge({"k": 1, "box": {"a": 1, "b": {"c": 1}}, "leaf": 1})
    events = tree.watch()
    tree.merge({"k": 1}, 1)
    assert paths(events) == [], "the same value, another time"
    tree.merge({"void": {}, "fresh": {"x": 1, "y": [1]}}, 2)
    assert paths(events) == [[tree.name, "fresh", "x"], [tree.name, "fresh", "y"]], "leaves, not containers"
    tree.merge({"leaf": {"n": 1}}, 3)
    assert paths(events) == [[tree.name, "leaf"], [tree.name, "leaf", "n"]], "a leaf becomes a container"
    tree.merge({"box": 7}, 4)
    assert paths(events) == [[tree.name, "box"], [tree.name, "box"]], "a container becomes a leaf"


def test_a_watch_of_a_node_that_changes_its_kind_goes_on(tree):
    tree.merge({"node": 1})
    events = tree.watch("node")
    tree.merge({"node": {"k": 1}}, 1)
    assert paths(events) == [[tree.name, "node"], [tree.name, "node", "k"]]
    tree.merge({"k": 2}, 2, path=["node"])
    assert paths(events) == [[tree.name, "node", "k"]]


def test_a_deployment_gives_the_same_events_and_a_removed_node_one(device, tree):
    tree.merge({"box": {"a": 1, "b": 1}, "dep": 0})
    events, box, leaf = tree.watch(), tree.watch("box"), tree.watch("box", "a")
    device.deploy_ok("com.x.Writer=1.0.0", update={"com.x.Writer": {"MERGE": {tree.name: {"dep": 1}}, "RESET": [f"/{tree.name}/box"]}})
    assert sorted(paths(events)) == [[tree.name, "box"], [tree.name, "dep"]]
    assert paths(box) == [[tree.name, "box"]]
    leaf.so_far()
    tree.merge({"other": 1}, 1000)
    assert paths(leaf) == [], "the subscription is there, and silent"


def test_a_closed_stream_is_not_told_any_more(tree):
    tree.merge({"k": 1})
    events = tree.watch()
    events.close()
    tree.merge({"k": 2}, 1)
    assert events.so_far() == []
