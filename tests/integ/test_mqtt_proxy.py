"""The connection to the broker through a proxy."""
import socket

import pytest
from mqtt_bench import DRIVER, broker, pki, start  # noqa: F401 (fixtures)

from support.connected import connected_device
from support.tunnel_proxy import TunnelProxy

pytestmark = pytest.mark.skipif(not DRIVER.exists(), reason=f"{DRIVER} has not been built")
KINDS = ("http", "https", "socks5")
USER = ("me", "s3cret:@/%")
IN_URL = "me:s3cret%3A%40%2F%25@"


@pytest.fixture
def through(pki):
    opened = []

    def proxy(kind, **more):
        p = TunnelProxy(kind, tls=pki["server"] if kind == "https" else None, **more)
        opened.append(p)
        return p.__enter__()

    yield proxy
    for p in opened:
        p.__exit__(None, None, None)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("user", [None, USER], ids=["nobody", "with user"])
def test_messages_go_both_ways_through(broker, start, through, kind, user):
    proxy = through(kind, user=user)
    d = start(broker, proxy=proxy.url.replace("://", f"://{IN_URL}") if user else proxy.url)
    d.wait("connected")
    d.send("subscribe", filters=["dt/cam-1/echo"])
    d.wait("granted")
    payload = "x" * 100000
    d.send("publish", topic="dt/cam-1/echo", payload=payload, tag="t")
    assert d.wait("message")["payload"] == payload
    assert proxy.targets == [f"localhost:{broker.port}"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_tunnel_that_ends_is_made_anew(broker, start, through, kind):
    proxy = through(kind)
    d = start(broker, proxy=proxy.url)
    d.wait("connected")
    proxy.cut()
    d.wait("disconnected")
    d.wait("connected")
    assert len(proxy.targets) == 2


def test_what_a_proxy_refuses_is_told_with_what_to_check(broker, start, through):
    for kind, user, refuse, words in (
            ("http", USER, None, "it says \"407 Proxy Authentication Required\"; check networkProxy.proxy.username"),
            ("http", None, b"HTTP/1.1 403 Not for you\r\n\r\n", "it says \"403 Not for you\""),
            ("http", None, b"SSH-2.0-x\r\n\r\n", "does not speak HTTP"),
            ("https", None, b"HTTP/1.1 502 Bad Gateway\r\n\r\n", "it says \"502 Bad Gateway\""),
            ("socks5", USER, None, "asks for a user"),
            ("socks5", None, b"\5\4\0\1\0\0\0\0\0\0", "host unreachable: check iotDataEndpoint")):
        proxy = through(kind, user=user)
        proxy.refuse = refuse
        d = start(broker, proxy=proxy.url)
        why = d.wait("disconnected")["why"]
        assert f"proxy localhost port {proxy.port}: " in why and words in why, why
        d.close()


def test_a_proxy_whose_certificate_is_not_ours_is_refused(broker, start, through, pki):
    proxy = TunnelProxy("https", tls=pki["wrong-name"])
    with proxy:
        d = start(broker, proxy=proxy.url)
        assert "hostname mismatch" in d.wait("disconnected")["why"].lower()
        assert proxy.targets == []


def test_a_proxy_that_is_silent_is_given_up(broker, start):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        for kind in KINDS:
            d = start(broker, proxy=f"{kind}://127.0.0.1:{silent.getsockname()[1]}", connectTimeoutMs=300)
            assert "no answer" in d.wait("disconnected")["why"]
            d.close()


def test_the_nucleus_goes_through_the_configured_proxy_unless_the_endpoint_is_excepted(bin_dir, ca):
    with TunnelProxy("http", user=("me", "secret")) as proxy:
        settings = {"networkProxy": {"proxy": {"url": proxy.url, "username": "me", "password": "secret"},
                                     "noProxyAddresses": "ocalhost,local.*x"}}
        with connected_device(bin_dir, ca, configuration=settings) as world:
            assert proxy.targets == [f"localhost:{world.broker.device_port}"]
            assert "secret" not in world.effective() and "secret" not in world.device.log()
            connected = world.device.log().count("mqtt-connected")
            world.configure(networkProxy={"noProxyAddresses": "10.0.0.1, local[a-h]ost"})
            world.device.wait_log("greengrass", "mqtt-connected", 30, connected + 1)
            assert len(proxy.targets) == 1
