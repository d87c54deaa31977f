"""Every command of the operator that changes something says with --json what it did, and with nothing else on standard output."""
import os

import pytest

from support.cloud import Cloud
from support.folder import temporary_folder


@pytest.fixture(scope="module")
def cloud(bin_dir):
    with temporary_folder() as folder:
        cloud = Cloud(folder, bin_dir)
        cloud.init()
        cloud.run("thing", "create", "one", "--out", os.path.join(folder, "one"))
        cloud.run("group", "create", "g")
        yield cloud


STEPS = [  # they stand in the order in which they can be done
    ("init", {"stateFolder": "{state}"}),
    ("broker-config --out {folder}/b", {"folder": "{folder}/b"}),
    ("thing create two --out {folder}/two", {"thingName": "two", "bundle": "{folder}/two"}),
    ("thing set-attr two hall=3", {"hall": "3"}),
    ("thing block two", {"thingName": "two", "state": "BLOCKED"}),
    ("thing unblock two", {"thingName": "two", "state": "ACTIVE"}),
    ("thing carrier two job", {"thingName": "two", "carrier": "job"}),
    ("thing delete two", {"thingName": "two", "state": "DELETED"}),
    ("shadow update one s --desired {{}}", {"thingName": "one", "shadowName": "s"}),
    ("shadow delete one s", {"thingName": "one", "shadowName": "s"}),
    ("group create h --parent g", {"groupName": "h", "parent": "g"}),
    ("group create d --query attr.hall=3", {"groupName": "d", "query": "attr.hall=3"}),
    ("group add-thing g one", {"groupName": "g", "things": [{"thingName": "one"}]}),
    ("group move-thing g h one", {"groupName": "h", "things": [{"thingName": "one"}]}),
    ("group rm-thing h one", {"groupName": "h", "things": [{"thingName": "one"}]}),
    ("group delete h", {"groupName": "h", "state": "DELETED"}),
    ("backup {folder}/copy", {"file": "{folder}/copy"}),
]


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step[0])
def test_a_change_is_told_as_json(cloud, step):
    names = {"folder": cloud.folder, "state": cloud.state}
    want = {k: v.format(**names) if isinstance(v, str) else v for k, v in step[1].items()}
    assert cloud.json(*step[0].format(**names).split()) == want


def test_who_leaves_a_group_is_told_when_its_components_go(cloud):
    cloud.run("group", "add-thing", "g", "one")
    assert "sedge deployment create --groupId g --remove COMPONENT" in cloud.run("group", "rm-thing", "g", "one")
    cloud.run("init", "--data-plane-port", "8443")
    cloud.run("group", "add-thing", "g", "one")
    assert "removes the group's components with its next deployment" in cloud.run("group", "rm-thing", "g", "one")
    cloud.run("group", "add-thing", "g", "one")
    assert cloud.json("group", "rm-thing", "g", "one", "--prune") == {
        "groupName": "g", "things": [{"thingName": "one", "prunedBy": "thing:one:1"}]}
