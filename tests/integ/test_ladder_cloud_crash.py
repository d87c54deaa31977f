"""The cloud's service dies at the worst instants (spec/cloud-service.md 15, cases 1 and 2), or is away. tests/support/kill_at.c
kills it before it publishes to a chosen topic."""
import os

import pytest

from local.process import wait_until
from support.cloud import NS
from support.ladder import ladder_device


@pytest.fixture
def offered(fleet):
    """cam-1 has a job, and nothing is left to be told; the service is down."""
    fleet.job = fleet.json("deploy", "create", "--skip-resolve", "-f", fleet.document({"x.one": {"componentVersion": "1.0.0"}}))["jobId"]
    wait_until(lambda: not fleet.query("SELECT * FROM dirty"), 20, "quiet")
    fleet.service.stop()
    return fleet


def start_doomed(cloud, bin_dir, topic):
    """The service dies before it publishes to this topic."""
    library = os.path.join(os.path.dirname(bin_dir), "tests", "kill_at.so")
    cloud.start_service(env=dict(os.environ, LD_PRELOAD=library, SEDGE_KILL_AT=topic, ASAN_OPTIONS="verify_asan_link_order=0:" +
                                 os.environ.get("ASAN_OPTIONS", "")))


def wait_dead(cloud):
    wait_until(lambda: not cloud.service.running(), 20, "the service to be killed")
    assert cloud.service.popen.returncode == -9


def test_killed_between_commit_and_answer_the_repeated_update_is_answered(offered, bin_dir):
    start_doomed(offered, bin_dir, f"/{NS}/update/accepted")
    with ladder_device(offered, "cam-1") as d:
        d.get()
        d.tell(f"jobs/{offered.job}/ns/update", {"status": "SUCCEEDED"})
        wait_dead(offered)
        assert offered.query("SELECT status, version FROM execution") == [(2, 2)]  # committed
        assert not [t for t, _ in d.client.seen if "/update/" in t]  # and not answered
        offered.start_service()
        d.tell(f"jobs/{offered.job}/ns/update", {"status": "SUCCEEDED", "includeJobExecutionState": True})
        answers = [d.next() for _ in range(3)]
        assert {t for t, _ in answers} == {d.topic(t) for t in (
            f"jobs/{offered.job}/ns/update/accepted", "jobs/notify-ns", "jobs/notify-next-ns")}
        assert [p["executionState"]["versionNumber"] for t, p in answers if "/update/" in t] == [2]
    assert offered.query("SELECT status, version FROM execution") == [(2, 2)]


def test_killed_between_answer_and_notification_the_notification_follows_after_the_restart(offered, bin_dir):
    start_doomed(offered, bin_dir, f"/jobs/notify-{NS}")
    with ladder_device(offered, "cam-1") as d:
        d.get()
        d.update(offered.job, "SUCCEEDED")
        wait_dead(offered)
        assert offered.query("SELECT ns FROM dirty") == [(1,)]
        offered.start_service()
        assert d.notified() == ({}, None)
        wait_until(lambda: not offered.query("SELECT * FROM dirty"), 20, "the dirty row to go")
        d.silence()


def test_killed_before_the_second_notification_both_are_sent_again(offered, bin_dir):
    start_doomed(offered, bin_dir, f"/jobs/notify-next-{NS}")
    with ladder_device(offered, "cam-1") as d:
        d.update(offered.job, "SUCCEEDED")
        assert d.expect("jobs/notify-ns")["jobs"] == {}
        wait_dead(offered)
        offered.start_service()
        assert d.notified() == ({}, None)


def test_what_devices_tell_while_the_service_is_away_is_taken_when_it_is_back(offered):
    with ladder_device(offered, "cam-1") as d:
        d.tell(f"jobs/{offered.job}/ns/update", {"status": "IN_PROGRESS"})
        d.tell(f"jobs/{offered.job}/ns/update", {"status": "SUCCEEDED", "clientToken": "late"})
        d.health(1, [{"componentName": "x.one", "version": "1.0.0", "isRoot": True, "status": "RUNNING"}])
        offered.start_service()
        d.expect(f"jobs/{offered.job}/ns/update/accepted")
        assert d.expect(f"jobs/{offered.job}/ns/update/accepted")["clientToken"] == "late"
        assert d.notified() == ({}, None)
        wait_until(lambda: offered.json("thing", "show", "cam-1")["components"], 30, "the component")
    assert offered.query("SELECT status, version FROM execution") == [(2, 3)]


def test_a_database_that_is_locked_delays_answers_and_loses_none(fleet):
    import sqlite3
    with ladder_device(fleet, "cam-1") as d:
        d.get()
        db = sqlite3.connect(os.path.join(fleet.state, "cloud.db"), timeout=60, isolation_level=None)
        db.execute("BEGIN IMMEDIATE")
        d.tell("jobs/$next/ns/get", {"clientToken": "held"})
        d.tell("jobs/x/ns/get", {"clientToken": "too"})
        wait_until(lambda: "waiting" in fleet.service.log_tail(), 30, "the service to meet the lock")
        db.execute("COMMIT")
        db.close()
        answers = dict(d.next() for _ in range(2))
        assert answers[d.topic("jobs/x/ns/get/rejected")]["clientToken"] == "too"
