"""The device and sedge-cloud by the data plane: URLs that sedge-cloud signs, a real Swift behind them, no keys on the device."""
import contextlib
import os

import pytest

from local import free_port
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
