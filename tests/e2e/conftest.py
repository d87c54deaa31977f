"""A device for each test: the nucleus is up in milliseconds, so nothing is shared that could get in the way. Object store,
broker and cloud side are shared by all tests: they take seconds."""
import contextlib
import os

import pytest

from local.site import Site
from support.device import temporary_device
from support.fleet import Fleet, running_site


@pytest.fixture
def stopped_device(bin_dir):
    with temporary_device(bin_dir, start=False) as device:
        yield device


@pytest.fixture
def device(stopped_device):
    return stopped_device.start()


@pytest.fixture
def book(shared_dir):
    return os.path.join(shared_dir, "data", "book")


@pytest.fixture(scope="session")
def site(session_dir, bin_dir, swift):
    with running_site(Site(os.path.join(session_dir, "site"), bin_dir), swift) as site:
        yield site


@pytest.fixture
def fleet(site, tmp_root, bin_dir):
    with contextlib.closing(Fleet(site, tmp_root, bin_dir)) as fleet:
        yield fleet
