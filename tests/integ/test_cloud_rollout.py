"""Roll-outs as an operator sees them: the real service and broker, and plain MQTT clients as devices."""
import json

import pytest

from local.process import wait_until
from support.cloud import Cloud
from support.folder import temporary_folder

DETAILS = {"deployment-failure-cause": "Component x.one broke",
           "deployment-error-stack": "[\"DEPLOYMENT_FAILURE\",\"COMPONENT_BROKEN\"]"}
FAST = {"jobExecutionsRolloutConfig": {"maximumPerMinute": 60000}}


class Site:
    """A service with groups of things that exist in the registry alone, and one real device."""

    def __init__(self, folder, bin_dir):
        self.cloud = Cloud(folder, bin_dir)
        self.cloud.init()
        self.cloud.start_broker()
        self.cloud.start_service()
        self.cloud.thing("cam-1")

    def group(self, name, n):
        """A group with n things named NAME-1..; as rows, because a certificate each would take long."""
        self.cloud.run("group", "create", name)
        self.cloud.execute(
            f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<{n}) INSERT INTO"
            f" thing(name,created_at,last_seen) SELECT '{name}-'||i, strftime('%s','now'), strftime('%s','now') FROM n;"
            f" INSERT INTO member SELECT (SELECT id FROM grp WHERE name='{name}'), id, 0 FROM thing WHERE name LIKE '{name}-%'")

    def document(self, group, version, job=FAST, **rollout):
        more = {"rollout": rollout} if rollout else {}
        return self.cloud.document({"x.one": {"componentVersion": version}}, target=f"arn:aws:iot:r:a:thinggroup/{group}",
                                   iotJobConfiguration=job, **more)

    def deploy(self, group, version, *options, job=FAST, **rollout):
        return self.cloud.json("deploy", "create", "-f", self.document(group, version, job, **rollout), "--skip-resolve",
                               *options)

    def show(self, what):
        return self.cloud.json("deploy", "show", what)

    def given(self, d):
        return self.cloud.query("SELECT COUNT(*) FROM execution e JOIN deployment d ON d.id=e.deployment_id"
                                f" WHERE d.uuid='{d['deploymentId']}'")[0][0]

    def wait_given(self, d, n):
        wait_until(lambda: self.given(d) == n, 20, f"{n} things were not released")


@pytest.fixture(scope="module")
def site(bin_dir):
    with temporary_folder() as folder:
        s = Site(folder, bin_dir)
        yield s
        s.cloud.stop()


def test_all_members_of_a_group_are_released_by_the_service(site):
    site.group("all", 300)
    d = site.deploy("all", "1.0.0")
    site.wait_given(d, 300)


def test_a_canary_that_fails_pauses_the_roll_out_and_resume_goes_on(site):
    site.group("wave", 60)
    site.cloud.run("group", "create", "lab")
    site.cloud.run("group", "add-thing", "lab", "cam-1")
    site.cloud.run("group", "add-thing", "wave", "cam-1")
    with site.cloud.device("cam-1") as device:
        d = site.deploy("wave", "1.0.0", canaryGroup="lab", gate={"minFinished": 1})
        job = device.notify()["jobs"]["QUEUED"][0]["jobId"]
        assert site.given(d) == 1
        device.update(job, "IN_PROGRESS")
        device.update(job, "FAILED", statusDetails=DETAILS)
        wait_until(lambda: site.show("group:wave")["state"] == "PAUSED", 20, "the gate did not pause it")
        shown = site.show("group:wave")
        assert shown["outcome"] == "BAD" and "gate: 0.0 % of 1" in shown["reason"]
        assert site.given(d) == 1
        text = site.cloud.run("deploy", "show", "group:wave")
        assert "PAUSED" in text and "gate: 0.0 %" in text
        site.cloud.run("deploy", "resume", "group:wave")
        site.wait_given(d, 61)


def test_a_wait_ends_with_5_when_the_roll_out_pauses(site):
    site.group("few", 12)
    d = site.deploy("few", "1.0.0")
    site.wait_given(d, 12)
    site.cloud.execute("UPDATE execution SET status=3 WHERE status=0 AND deployment_id=(SELECT id FROM deployment WHERE"
                       f" uuid='{d['deploymentId']}') AND thing_id IN (SELECT id FROM thing WHERE name LIKE 'few-%' LIMIT 11)")
    wait_until(lambda: site.show("group:few")["state"] == "PAUSED", 20, "the default rule did not pause it")
    out = site.cloud.run("deploy", "create", "-f", site.document("few", "1.0.0"), "--skip-resolve", "--wait", "--timeout",
                         "300", status=5)
    assert "Paused: default rule" in out


def test_killed_in_the_middle_the_service_goes_on_and_releases_nobody_twice(site):
    site.group("kill", 600)
    d = site.deploy("kill", "1.0.0", job={"jobExecutionsRolloutConfig": {"maximumPerMinute": 6000}})
    wait_until(lambda: site.given(d) >= 20, 20, "the roll-out did not begin")
    site.cloud.service.kill()
    assert site.given(d) < 600
    site.cloud.start_service()
    site.wait_given(d, 600)
    assert site.cloud.query("SELECT MAX(exec_no), COUNT(DISTINCT thing_id) FROM execution e JOIN deployment d ON"
                            f" d.id=e.deployment_id WHERE d.uuid='{d['deploymentId']}'") == [(1, 600)]


def test_a_repeated_request_makes_one_revision_and_an_overtaken_one_none(site):
    site.group("idem", 3)
    path = site.document("idem", "1.0.0")
    first = site.cloud.json("deploy", "create", "-f", path, "--skip-resolve", "--token", "t-1")
    again = site.cloud.json("deploy", "create", "-f", path, "--skip-resolve", "--token", "t-1")
    assert first["deploymentId"] == again["deploymentId"] and again["revision"] == 1
    other = site.document("idem", "2.0.0")
    assert "token" in site.cloud.run("deploy", "create", "-f", other, "--skip-resolve", "--token", "t-1", status=4)
    said = site.cloud.run("deploy", "create", "-f", other, "--skip-resolve", "--expected-revision", "0", status=4)
    assert "revision 1, not at 0" in said
    assert site.cloud.json("deploy", "create", "-f", path, "--skip-resolve")["unchanged"]


def test_going_back_is_a_new_revision_with_the_old_content(site):
    site.group("back", 3)
    site.deploy("back", "1.0.0")
    site.deploy("back", "2.0.0")
    assert site.cloud.json("deploy", "revert", "group:back", "--to", "1")["revision"] == 3
    assert site.show("group:back")["components"]["x.one"]["version"] == "1.0.0"
    assert "has no revision 9" in site.cloud.run("deploy", "revert", "group:back", "--to", "9", status=3)


def test_pause_and_cancel_say_what_they_do_and_refuse_what_is_over(site):
    site.group("slow", 50)
    d = site.deploy("slow", "1.0.0", job={"jobExecutionsRolloutConfig": {"maximumPerMinute": 60}})
    assert "Paused" in site.cloud.run("deploy", "pause", "group:slow")
    assert "cannot be paused: it is PAUSED" in site.cloud.run("deploy", "pause", "group:slow", status=4)
    assert site.cloud.json("deploy", "cancel", "group:slow", "--force")["state"] == "CANCELED"
    assert "cannot be resumed" in site.cloud.run("deploy", "resume", d["deploymentId"], status=4)


def test_a_retry_gives_the_device_a_new_execution_of_the_same_job(site):
    site.cloud.run("group", "create", "again")
    site.cloud.run("group", "add-thing", "again", "cam-1")
    with site.cloud.device("cam-1") as device:
        site.cloud.execute("UPDATE execution SET status=7 WHERE status<2")
        site.deploy("again", "1.0.0")
        job = device.notify()["jobs"]["QUEUED"][0]
        device.update(job["jobId"], "FAILED", statusDetails=DETAILS)
        assert "1 thing" in site.cloud.run("deploy", "retry", "group:again")
        repeated = device.get()[1]["execution"]
        assert repeated["jobId"] == job["jobId"] and repeated["executionNumber"] == 2
        assert repeated["queuedAt"] > job["queuedAt"]


def test_a_device_that_joins_is_offered_the_revision_and_loses_it_when_it_leaves(site):
    site.group("join", 2)
    d = site.deploy("join", "1.0.0")
    site.wait_given(d, 2)
    site.cloud.thing("cam-2")
    with site.cloud.device("cam-2") as device:
        assert "group:join:1" in site.cloud.run("group", "add-thing", "join", "cam-2")
        assert device.notify()["jobs"]["QUEUED"]
        site.cloud.run("group", "rm-thing", "join", "cam-2")
        wait_until(lambda: device.notify()["jobs"] == {}, 20, "the empty list")
        assert "execution" not in device.get()[1]


def test_a_rollout_block_with_a_mistake_is_refused_with_its_place(site):
    site.group("typo", 1)
    for rollout, said in [({"waves": [{"percent": 50}]}, "the last wave must be 100"),
                          ({"maxBytesPerSecond": "5 MB"}, "maxBytesPerSecond"),
                          ({"canaryGroup": "nobody"}, "rollout.canaryGroup"),
                          ({"wavs": []}, "did you mean \"waves\"")]:
        status = 3 if "canaryGroup" in rollout else 1
        assert said in site.cloud.run("deploy", "create", "-f", site.document("typo", "1.0.0", **rollout), "--skip-resolve",
                                      status=status), json.dumps(rollout)
