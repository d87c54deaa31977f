"""The broker set-up of the demo and the tests: who may say and hear what."""
import subprocess

import pytest

from local import LocalError


def publish(broker, ca, name, topic, text="x"):
    cert, key = ca.device(name)
    return subprocess.run(broker.device_client("mosquitto_pub", name, cert, key, "-V", "5", "-q", "1", "-t", topic, "-m", text),
                          capture_output=True, text=True, timeout=90)


@pytest.mark.parametrize("topic, allowed", [
    ("$aws/things/cam-1/jobs/get", True),
    ("$aws/things/cam-1/jobs/job-1/update", True),
    ("$aws/things/cam-1/jobs/notify-next", False),
    ("$aws/things/cam-2/jobs/get", False),
    ("ml/dlr/image-classification", True),
    ("ml/dlr/other", False),
    ("dt/cam-1/x", True),
    ("dt/cam-2/x", False),
])
def test_a_device_may_publish_what_is_its_own(broker, ca, topic, allowed):
    done = publish(broker, ca, "cam-1", topic)
    assert ("not authorized" not in (done.stdout + done.stderr).lower()) == allowed, done.stderr


def test_an_observer_hears_devices_but_cannot_speak(broker, ca):
    observer = subprocess.Popen(["stdbuf", "-oL"] + broker.client("mosquitto_sub", "-v", "-d", "-t", "ml/#", "-C", "1", "-W", "300"),
                                stdout=subprocess.PIPE,
                                text=True)
    assert any("SUBACK" in line for line in iter(observer.stdout.readline, ""))
    denied = subprocess.run(broker.client("mosquitto_pub", "-V", "5", "-q", "1", "-t", "ml/dlr/image-classification", "-m", "no"),
                            capture_output=True, text=True, timeout=90)
    assert "not authorized" in (denied.stdout + denied.stderr).lower()
    assert publish(broker, ca, "cam-1", "ml/dlr/image-classification", "yes").returncode == 0
    assert "ml/dlr/image-classification yes" in observer.communicate(timeout=90)[0]


def test_a_revoked_device_is_refused(broker, ca):
    cert, key = ca.device("cam-9")
    command = broker.device_client("mosquitto_pub", "cam-9", cert, key, "-q", "1", "-t", "dt/cam-9/x", "-m", "x")
    assert subprocess.run(command, capture_output=True, timeout=90).returncode == 0
    ca.revoke(cert)
    broker.stop()
    broker.start()
    assert subprocess.run(command, capture_output=True, timeout=90).returncode != 0


@pytest.mark.parametrize("name", ["a/b", "a+b", "", "x" * 65, "fleet-service"])
def test_names_that_would_break_the_rules_get_no_certificate(ca, name):
    with pytest.raises(LocalError):
        ca.device(name)
