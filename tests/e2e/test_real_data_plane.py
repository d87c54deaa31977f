"""The device and sedge-cloud by the data plane: URLs that sedge-cloud signs, a real Swift behind them, no keys on the device."""
import contextlib
import json
import os

import pytest

from local import free_port, wait_until
from local.site import Site
from support.fleet import Fleet, running_site


class PlaneSite(Site):
    def init_cloud(self):
        super().init_cloud()
        self.cloud("init", "--data-plane-port", str(free_port()), "--data-plane-host", "localhost,127.0.0.1")


@pytest.fixture(scope="module")
def plane_site(session_dir, bin_dir, swift):
    with running_site(PlaneSite(os.path.join(session_dir, "plane-site"), bin_dir), swift) as site:
        yield site


@pytest.fixture
def plane_fleet(plane_site, tmp_root, bin_dir):
    with contextlib.closing(Fleet(plane_site, tmp_root, bin_dir)) as fleet:
        yield fleet


def test_a_device_without_keys_gets_everything_from_the_data_plane(plane_fleet):
    device = plane_fleet.device("plane-1")
    with open(os.path.join(device.bundle, "config.yaml"), encoding="utf-8") as f:
        assert "accessKeyId" not in f.read()
    data = os.urandom(2 << 20)
    plane_fleet.publish("com.x.Lib", "1.0.0", "true")
    plane_fleet.publish("com.x.App", "1.0.0", "exec cksum {artifacts:path}/model.bin", files={"model.bin": data}, depends={"com.x.Lib": "^1.0.0"})
    plane_fleet.publish("com.x.PlaneOther", "1.0.0", "true")
    plane_fleet.join("apps", device)
    plane_fleet.join("others", device)
    plane_fleet.deploy("apps", {"com.x.App": "1.0.0"})
    plane_fleet.wait("apps", device, "SUCCEEDED")
    with open(os.path.join(device.root, "packages/artifacts/com.x.App/1.0.0/model.bin"), "rb") as f:
        assert f.read() == data
    assert "com.x.Lib" in device.components()
    plane_fleet.site.cloud("group", "rm-thing", "apps", "plane-1")
    plane_fleet.deploy("others", {"com.x.PlaneOther": "1.0.0"})
    plane_fleet.wait("others", device, "SUCCEEDED")
    assert "com.x.PlaneOther" in device.components() and "com.x.App" not in device.components()


def table(n):
    """A configuration of about 64 n bytes."""
    return {f"row{i:04}": f"{i:04} " * 10 for i in range(n)}


def test_a_document_that_fits_no_job_is_fetched_from_the_data_plane(plane_fleet):
    device = plane_fleet.device("plane-2")
    plane_fleet.publish("com.x.Wide", "1.0.0", "true", configuration={"table": {}, "kept": "x"})
    plane_fleet.join("wide", device)
    content = table(1500)
    update = {"merge": json.dumps({"table": content})}
    assert len(update["merge"]) > 64 << 10
    plane_fleet.deploy("wide", {"com.x.Wide": {"componentVersion": "1.0.0", "configurationUpdate": update}})
    plane_fleet.wait("wide", device, "SUCCEEDED", seconds=120)
    assert plane_fleet.site.cloud_json("deploy", "show", "group:wide")["large"] is True
    assert device.details("com.x.Wide")["configuration"] == {"table": content, "kept": "x"}
    folder = os.path.join(device.root, "deployments")
    wait_until(lambda: not [f for f in os.listdir(folder) if f.endswith(".document")], 60, "the downloaded document to go")


def test_a_document_that_fits_no_shadow_is_fetched_and_the_next_small_one_takes_its_place(plane_fleet):
    device = plane_fleet.device("plane-3")
    plane_fleet.publish("com.x.Narrow", "1.0.0", "true", configuration={"table": {}})
    content = table(200)
    update = {"merge": json.dumps({"table": content})}
    plane_fleet.deploy("thing:plane-3", {"com.x.Narrow": {"componentVersion": "1.0.0", "configurationUpdate": update}})
    plane_fleet.wait("thing:plane-3", device, "SUCCEEDED", seconds=120)
    assert plane_fleet.site.cloud_json("deploy", "show", "thing:plane-3")["large"] is True
    assert device.details("com.x.Narrow")["configuration"] == {"table": content}
    plane_fleet.deploy("thing:plane-3", {"com.x.Narrow": {"componentVersion": "1.0.0", "configurationUpdate": {"reset": [""]}}})
    plane_fleet.wait("thing:plane-3", device, "SUCCEEDED", revision=2, seconds=120)
    assert device.details("com.x.Narrow")["configuration"] == {"table": {}}


def test_pruning_removes_the_components_of_a_left_group_at_once(plane_fleet):
    device = plane_fleet.device("plane-pruned")
    for name in ("com.x.PruneA", "com.x.PruneB"):
        plane_fleet.publish(name, "1.0.0", "true")
    for group, name in (("prune-a", "com.x.PruneA"), ("prune-b", "com.x.PruneB")):
        plane_fleet.join(group, device)
        plane_fleet.deploy(group, {name: "1.0.0"})
        plane_fleet.wait(group, device, "SUCCEEDED")
    said = plane_fleet.site.cloud("group", "rm-thing", "prune-a", "plane-pruned", "--prune")
    assert "with group:prune-b:1" in said
    wait_until(lambda: "com.x.PruneA" not in device.components(), 60, "the component of the left group to be removed")
    assert "com.x.PruneB" in device.components()
    plane_fleet.wait("prune-b", device, "SUCCEEDED")
    said = plane_fleet.site.cloud("group", "rm-thing", "prune-b", "plane-pruned", "--prune")
    assert "with thing:plane-pruned:1" in said
    wait_until(lambda: "com.x.PruneB" not in device.components(), 60, "the last component to be removed")
