"""A device for each test: the nucleus is up in milliseconds, so nothing is shared that could get in the way. Object store,
broker and cloud side are shared by all tests: they take seconds."""
import os
import shutil
import tempfile

import pytest

from local.site import Site
from support.device import Device
from support.fleet import Fleet


@pytest.fixture
def device_folder():
    folder = tempfile.mkdtemp(prefix="sdg", dir=os.environ.get("SEDGE_TEST_TMP", "/var/tmp"))
    os.chmod(folder, 0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def stopped_device(device_folder, bin_dir):
    device = Device(device_folder, bin_dir)
    yield device
    device.stop()


@pytest.fixture
def device(stopped_device):
    return stopped_device.start()


@pytest.fixture
def book(shared_dir):
    return os.path.join(shared_dir, "data", "book")


@pytest.fixture(scope="session")
def site(session_dir, bin_dir, swift):
    site = Site(os.path.join(session_dir, "site"), bin_dir)
    site.swift = swift
    site.init_cloud()
    site.start_broker()
    site.start_serve()
    yield site
    for part in (site.serve, site.broker):
        part.stop()


@pytest.fixture
def fleet(site, device_folder, bin_dir):
    fleet = Fleet(site, device_folder, bin_dir)
    yield fleet
    fleet.stop()
