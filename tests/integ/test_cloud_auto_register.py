"""Devices that nobody has made here, with certificates of the site's authority: taken in when that is switched on."""
import os
import shutil

import pytest

from local import free_port
from support.cloud import Cloud
from support.folder import temporary_folder
from support.https import Client, context

GROUPS = "/greengrass/v2/coreDevices/{}/thingGroups"


class Factory:
    """The same authority elsewhere: it issues certificates, and this site does not know them."""

    def __init__(self, site, folder, bin_dir):
        self.site, self.cloud = site, Cloud(folder, bin_dir)
        shutil.copytree(os.path.join(site.state, "ca"), os.path.join(self.cloud.state, "ca"))
        self.cloud.device_port = site.device_port
        self.cloud.run("init", "--broker-host", "127.0.0.1", "--broker-port", str(site.device_port))

    def thing(self, name):
        return self.cloud.thing(name)


@pytest.fixture(scope="module")
def site(bin_dir):
    with temporary_folder() as folder:
        cloud, port = Cloud(os.path.join(folder, "site"), bin_dir), free_port()
        os.makedirs(cloud.folder)
        cloud.init("--auto-register", "on", "--data-plane-port", str(port), "--data-plane-host", "127.0.0.1", "--data-plane-bind", "127.0.0.1")
        cloud.plane_port = port
        cloud.start_broker()
        cloud.start_service()
        os.makedirs(os.path.join(folder, "factory"))
        cloud.factory = Factory(cloud, os.path.join(folder, "factory"), bin_dir)
        yield cloud
        cloud.stop()


def groups(site, name, bundle):
    client = Client(site.plane_port, context(f"{bundle}/ca.crt", f"{bundle}/device.crt", f"{bundle}/device.key"))
    answer = client.get(GROUPS.format(name))
    return answer.status, [g["thingGroupName"] for g in answer.json.get("thingGroups", [])]


def test_a_device_is_taken_in_with_its_first_message_and_its_certificate_is_kept(site):
    bundle = site.factory.thing("new-1")
    with site.factory.cloud.device("new-1") as d:
        assert d.get()[0] == "accepted"
    assert site.json("thing", "show", "new-1")["groups"] == "unassigned"
    assert groups(site, "new-1", bundle) == (200, ["unassigned"])
    site.factory.cloud.run("thing", "delete", "new-1")
    shutil.rmtree(bundle)
    other = site.factory.thing("new-1")
    assert groups(site, "new-1", other) == (403, [])


def test_a_device_is_taken_in_by_the_data_plane_and_its_certificate_can_be_revoked(site):
    bundle = site.factory.thing("new-2")
    assert groups(site, "new-2", bundle) == (200, ["unassigned"])
    line, = site.json("audit", "--what", "thing-auto-register", "--which", "new-2")
    assert len(line["detail"]) == 64
    site.run("thing", "delete", "new-2")
    assert groups(site, "new-2", bundle) == (403, [])
    with site.factory.cloud.device("new-2") as d:
        assert d.get()[0] == "rejected"


def test_a_deployment_to_the_group_reaches_who_comes(site):
    if "unassigned" not in [g["groupName"] for g in site.json("group", "list")]:
        site.run("group", "create", "unassigned")
    document = site.document({"x.one": {"componentVersion": "1.0.0"}}, target="arn:aws:iot:local:000000000000:thinggroup/unassigned")
    site.run("deploy", "create", "-f", document, "--skip-resolve")
    site.factory.thing("new-3")
    with site.factory.cloud.device("new-3") as d:
        assert "execution" in d.get()[1]


def test_the_switch_takes_on_or_off(site):
    assert "--auto-register maybe: expected on or off" in site.run("init", "--auto-register", "maybe", status=1)
