"""Things, groups and components of sedge-cloud, as an operator handles them."""
import os
import signal

import pytest

from local.process import wait_until
from support.mqtt_client import MqttClient


def connects(cloud, name):
    try:
        with cloud.device(name) as d:
            d.get()
        return True
    except (OSError, ConnectionError, AssertionError, TimeoutError):
        return False


def test_a_blocked_thing_is_answered_by_nobody_and_refused_by_the_broker(fleet):
    fleet.thing("cam-2")
    with fleet.device("cam-1") as d:
        out = fleet.run("thing", "block", "cam-1")
        assert f"{fleet.broker_dir}/ca.crl" in out and "kill -HUP" in out
        assert d.get()[0] == "rejected"
    fleet.broker.popen.send_signal(signal.SIGHUP)
    wait_until(lambda: not connects(fleet, "cam-1"), 15, "the broker still takes the blocked certificate")
    assert connects(fleet, "cam-2")
    assert [t["state"] for t in fleet.json("thing", "list")] == ["BLOCKED", "ACTIVE"]
    fleet.run("thing", "unblock", "cam-1")
    fleet.broker.popen.send_signal(signal.SIGHUP)
    wait_until(lambda: connects(fleet, "cam-1"), 15, "the broker still refuses the certificate")


def test_a_deleted_thing_takes_its_certificate_along_and_its_name_is_free(fleet):
    fleet.run("thing", "delete", "cam-1")
    fleet.broker.popen.send_signal(signal.SIGHUP)
    wait_until(lambda: not connects(fleet, "cam-1"), 15, "the broker still takes the certificate")
    fleet.thing("cam-1")
    assert connects(fleet, "cam-1")
    assert fleet.json("thing", "show", "cam-1")["groups"] == ""
