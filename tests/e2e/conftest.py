"""A device for each test: the nucleus is up in milliseconds, so nothing is shared that could get in the way."""
import os
import tempfile
import shutil

import pytest

from support.device import Device


@pytest.fixture
def device_folder():
    folder = tempfile.mkdtemp(prefix="sdg", dir=os.environ.get("SEDGE_TEST_TMP", "/var/tmp"))
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
