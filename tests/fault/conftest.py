"""What the tests of this folder share: one world with its devices, and the undisturbed runs."""
import os
import sys

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from cases import Reference  # noqa: E402
from world import SLOW, World  # noqa: E402


@pytest.fixture(scope="session")
def world(bin_dir):
    """Places for devices; a test takes one, or gives cases to all of them."""
    if not os.path.exists(os.path.join(os.path.dirname(bin_dir), "tests", "fault.so")):
        pytest.skip("fault.so has not been built")
    with World(bin_dir, int(os.environ.get("SEDGE_FAULT_JOBS", "3" if SLOW else "6"))) as world:
        yield world


@pytest.fixture(scope="session")
def reference(world):
    """reference("update"): its undisturbed run, made once."""
    known = {}

    def get(name):
        if name not in known:
            site = world.take()
            try:
                known[name] = Reference(site, name)
            finally:
                world.give(site)
        return known[name]
    return get


@pytest.fixture
def site(world):
    """One device, as the base was left, not started."""
    site = world.take()
    site.reset()
    yield site
    world.give(site)
