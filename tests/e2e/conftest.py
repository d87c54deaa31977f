"""A device for each test: the nucleus is up in milliseconds, so nothing is shared that could get in the way. Object store,
broker and cloud side are shared by all tests: they take seconds."""
import os

import pytest

from local.site import Site
from support.device import temporary_device
from support.fleet import Fleet


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
    site = Site(os.path.join(session_dir, "site"), bin_dir)
    site.swift = swift
    site.init_cloud()
    site.start_broker()
    site.start_serve()
    yield site
    for part in (site.serve, site.broker):
        part.stop()


@pytest.fixture
def fleet(site, tmp_root, bin_dir):
    fleet = Fleet(site, tmp_root, bin_dir)
    yield fleet
    fleet.stop()
