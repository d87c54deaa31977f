"""A deployment that moves the device to another broker: who asked for it hears how it ended."""
import os
import time

from local import Broker
from support.device_cloud import DeviceCloud
from support.device_ladder import THING, ladder
from support.folder import temporary_folder

NUCLEUS = "aws.greengrass.Nucleus"


def document(cloud, name, revision, broker, **more):
    move = {"iotDataEndpoint": "localhost", "mqtt": {"port": broker.device_port}}
    components = {NUCLEUS: {"version": "2.17.0", "configurationUpdate": {"merge": move}}}
    return cloud.document(name, revision, components, creationTimestamp=int(time.time() * 1000), **more)


def test_the_status_of_a_move_goes_to_the_broker_that_asked_for_it(bin_dir, ca):
    cert, key = ca.server("localhost", "127.0.0.1")
    with temporary_folder() as folder, ladder(bin_dir, ca, folder) as site, \
            Broker(os.path.join(folder, "second"), ca.cert, cert, key) as second, Broker(os.path.join(folder, "third"), ca.cert, cert, key) as third:
        there, farther = DeviceCloud(THING).connect(second), DeviceCloud(THING).connect(third)
        try:
            site.cloud.create("move", document(site.cloud, "move", 1, second))
            site.cloud.wait_status("move", "SUCCEEDED")
            there.wait("get $next")
            assert "update move SUCCEEDED" not in there.names()
            there.want(document(there, THING, 1, third, kind="thing"))
            there.wait_reported(there.arn(THING, 1, "thing"), "SUCCEEDED")
            farther.wait("get $next")
            assert site.device.launches() == 1
        finally:
            there.disconnect()
            farther.disconnect()
