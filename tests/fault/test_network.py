"""A broker and an object store that are down, slow, cut in the middle or swallow answers: the deployment ends as the undisturbed one."""
import threading
import time

import catalog
import pytest
from support.proxy import CuttingProxy

UPDATE = {"keep": "1.0.0", "extra": "1.0.0", "app": "1.1.0"}
DONE = {"keep": ("1.0.0", "RUNNING"), "app": ("1.1.0", "FINISHED"), "extra": ("1.0.0", "FINISHED")}


def deploy(site, job="job", components=None, revision=2):
    site.world.cloud.create(site.name, job, catalog.document(revision, components or UPDATE))


def succeeds(site, job="job", seconds=None):
    site.wait(lambda: site.world.cloud.ended(site.name, job), f"{job} to end", seconds)
    assert site.world.cloud.ended(site.name, job) == "SUCCEEDED", site.world.cloud.updates[site.name]
    site.wait(lambda: site.components() == DONE, f"the components of the deployment, not {site.components()}")
    assert set(site.world.cloud.told(site.name)) == {(job, "SUCCEEDED", "SUCCESSFUL")}
    site.stop()


@pytest.fixture
def store(world):
    """The object store, and well again afterwards."""
    yield world.store
    world.store.cuts, world.store.refuse, world.store.slow_s, world.store.hold = [], 0, 0, None


def test_a_store_that_cuts_transfers_in_the_middle_is_asked_for_the_rest(site, store):
    store.cuts = [70000, 5000, 20000]
    site.start()
    deploy(site)
    succeeds(site)
    assert store.cuts == []


def test_a_store_that_refuses_for_a_while_is_asked_again(site, store):
    store.refuse = 5
    site.start()
    deploy(site)
    succeeds(site, seconds=120)


def test_a_slow_store_is_waited_for(site, store):
    store.slow_s = 0.5
    site.start()
    deploy(site)
    succeeds(site)


def test_lost_answers_of_the_cloud_are_asked_for_again_and_the_status_is_told_until_it_is_acknowledged(site):
    site.start()
    site.wait(lambda: "mqtt-connected" in site.log(), "the connection")
    deploy(site)
    site.wait(lambda: site.world.cloud.updates.get(site.name), "the deployment to begin")
    with site.world.cloud.lock:
        site.world.cloud.silent[site.name] = 1
    site.wait(lambda: site.world.cloud.told(site.name), "the terminal status")
    succeeds(site, seconds=150)
    site.start()  # an answer that was lost is asked for at the latest now
    site.wait(lambda: any(acked for job, acked in site.database("SELECT job_id, acked FROM bridge_execution") if job == "job"), "the answer", 150)
    site.stop()


def through(site, proxy):
    """The device's broker is behind the proxy."""
    site.set_configuration("/services/aws.greengrass.Nucleus/configuration/mqtt/port", proxy.port)


@pytest.mark.parametrize("bytes_", [3000, 6000, 9000])
def test_a_connection_to_the_broker_that_is_cut_in_the_middle_loses_nothing(site, bytes_):
    with CuttingProxy(site.world.broker.device_port) as proxy:
        proxy.cuts = [bytes_]
        through(site, proxy)
        deploy(site)
        site.start()
        succeeds(site, seconds=120)


def test_what_ended_while_the_broker_was_away_is_told_when_it_is_back(site, store):
    store.hold = threading.Event()
    with CuttingProxy(site.world.broker.device_port) as proxy:
        through(site, proxy)
        site.start()
        site.wait(lambda: "mqtt-connected" in site.log(), "the connection")
        deploy(site)
        site.wait(lambda: site.world.cloud.updates.get(site.name), "the deployment to begin")
        proxy.cut_all(refuse=True)
        store.hold.set()
        site.wait(lambda: "deployment-finished. id=job status=SUCCEEDED" in site.log(), "the deployment to end here")
        assert not site.world.cloud.told(site.name)
        proxy.refuse = False
        succeeds(site, seconds=150)


# ---- the clock ----

YEAR = 365 * 86400


@pytest.mark.parametrize("shift", [YEAR, -YEAR])
@pytest.mark.parametrize("when", ["clock:write:0", "clock:write:60", "clock:spawn:8"])
def test_a_clock_that_jumps_by_a_year_changes_nothing(site, shift, when):
    deploy(site)
    begun = time.monotonic()
    site.start(fault=f"{when}:{shift}")
    site.wait(lambda: site.world.cloud.ended(site.name, "job"), "job to end")
    assert when.endswith(":0") or site.fault_state()[0] == 1, "the clock has not jumped"
    succeeds(site)
    site.start()  # with the right time again
    deploy(site, "next", {"keep": "1.0.0"}, 3)
    site.wait(lambda: site.world.cloud.ended(site.name, "next"), "the next deployment")
    assert site.world.cloud.ended(site.name, "next") == "SUCCEEDED", site.world.cloud.updates[site.name]
    site.wait(lambda: site.components() == {"keep": ("1.0.0", "RUNNING")}, "its components")
    site.stop()
    assert time.monotonic() - begun < 1000
