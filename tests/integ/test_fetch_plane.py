"""sedge-fetch and the nucleus on their way to the data plane: proxies, certificates, addresses."""
import json
import os

import pytest

from local import CA, Fetch, FetchError, free_port
from support.data_plane import DataPlane
from support.device import temporary_device
from support.tunnel_proxy import TunnelProxy

THING = "core-1"
GROUPS = {"op": "api", "path": f"/greengrass/v2/coreDevices/{THING}/thingGroups"}
QUICK = {"attempts": 2, "retryBaseMs": 10, "retryMaxMs": 50, "connectTimeoutMs": 60000, "stallTimeoutMs": 60000, "minFreeBytes": 0}


@pytest.fixture(scope="module")
def plane(ca):
    with DataPlane(ca) as p:
        p.groups[THING] = {"cameras": []}
        yield p


@pytest.fixture(scope="module")
def identity(ca):
    cert, key = ca.device(THING)
    return {"certFile": cert, "keyFile": key, "caFile": ca.cert}


@pytest.fixture
def ask(bin_dir, plane, identity):
    """ask(plane={...}, **config): the groups that the data plane tells, or the error."""
    def run(request=GROUPS, data_plane=None, **config):
        settings = {"url": f"https://localhost:{plane.port}", **identity, **(data_plane or {})}
        with Fetch(bin_dir, dataPlane=settings, **{**QUICK, **config}) as f:
            answer = f.run(request)
        return [g["thingGroupName"] for g in json.loads(answer["text"])["thingGroups"]] if request is GROUPS else answer
    return run


def refused(ask, **more):
    with pytest.raises(FetchError) as caught:
        ask(**more)
    return caught.value


# ---- proxies ----

@pytest.mark.parametrize("kind", ["http", "https", "socks5"])
def test_a_proxy_with_user_and_password_is_used(ask, plane, ca, kind):
    with TunnelProxy(kind, user=("me", "se:cret"), tls=ca.server("localhost", "127.0.0.1") if kind == "https" else None) as proxy:
        url = proxy.url.replace("://", "://me:se%3Acret@")
        assert ask(proxy=url, proxyCaFile=ca.cert) == ["cameras"]
        assert proxy.targets in ([f"localhost:{plane.port}"], [f"127.0.0.1:{plane.port}"])


def test_an_address_of_no_proxy_is_reached_directly(ask):
    with TunnelProxy("http") as proxy:
        assert ask(proxy=proxy.url, noProxy="example.com,localhost") == ["cameras"]
        assert proxy.targets == []


def test_a_proxy_that_refuses_is_named(ask):
    with TunnelProxy("http", user=("me", "secret")) as proxy:
        proxy.refuse = b"HTTP/1.1 407 no\r\nContent-Length: 0\r\n\r\n"
        error = refused(ask, proxy=proxy.url)
    assert error.stack == ["NETWORK_ERROR"] and "407" in error.message and "networkProxy" in error.message


def test_the_nucleus_uses_its_proxy_and_its_time_limits_for_the_data_plane(bin_dir, plane, identity):
    with TunnelProxy("http", user=("me", "s/cret")) as proxy, temporary_device(bin_dir, start=False) as device:
        nucleus = {"greengrassDataPlaneEndpoint": f"https://localhost:{plane.port}", "httpClient": {"connectionTimeoutMs": 60000},
                   "networkProxy": {"noProxyAddresses": "127.0.0.1", "proxy": {"url": proxy.url, "username": "me", "password": "s/cret"}}}
        config = {"system": {"thingName": THING, "rootCaPath": identity["caFile"], "certificateFilePath": identity["certFile"],
                             "privateKeyPath": identity["keyFile"]},
                  "services": {"aws.greengrass.Nucleus": {"componentType": "NUCLEUS", "configuration": nucleus}}}
        device.start("--init-config", device.write("config.yaml", json.dumps(config)))
        plane.publish("lib", "1.0.0", files={"f": b"by proxy"})
        device.recipe("app", "1.0.0", "true", depends={"lib": "^1.0.0"})
        device.deploy_ok("app=1.0.0")
        assert f"localhost:{plane.port}" in proxy.targets
        assert "s/cret" not in device.log() and "s%2Fcret" not in device.log()
        with open(os.path.join(device.root, "packages/artifacts/lib/1.0.0/f"), "rb") as f:
            assert f.read() == b"by proxy"


# ---- certificates and addresses ----

def test_a_server_of_another_authority_is_not_trusted(ask, tmp_root):
    other = CA(os.path.join(tmp_root, "other"))
    error = refused(ask, data_plane={"caFile": other.cert})
    assert error.stack == ["NETWORK_ERROR", "TLS_HANDSHAKE_FAILURE"] and "system.rootCaPath" in error.message


def test_certificate_and_key_that_do_not_belong_together_are_told(ask, ca):
    _, key = ca.device("core-2")
    error = refused(ask, data_plane={"keyFile": key})
    assert error.stack == ["NETWORK_ERROR", "TLS_HANDSHAKE_FAILURE"] and "belong together" in error.message


def test_a_data_plane_that_is_not_there_is_told_with_what_to_check(ask):
    port = free_port()
    error = refused(ask, data_plane={"url": f"https://localhost:{port}"})
    assert error.stack == ["NETWORK_ERROR"] and f"localhost:{port}" in error.message and "greengrassDataPlaneEndpoint" in error.message


def test_an_error_answer_comes_with_status_exception_and_message(ask):
    error = refused(ask, request={"op": "api", "path": "/greengrass/v2/resolveComponentCandidates",
                                  "text": json.dumps({"componentCandidates": [{"componentName": "none", "versionRequirements": {"g": "*"}}]})})
    assert (error.code, error.event["status"], error.event["errorType"]) == ("not-found", 404, "ResourceNotFoundException")
    assert error.event["answer"] == "no usable version of none" and error.stack == ["CLOUD_API_ERROR", "RESOURCE_NOT_FOUND"]


def test_the_size_of_an_empty_file_and_of_a_server_without_ranges_is_known(ask, plane):
    plane.store.files["empty"] = b""
    plane.store.files["some"] = b"x" * 77777
    head = {"op": "head", "url": "greengrass:x/y"}
    assert ask(request={**head, "presign": "/greengrass/v2/components/a/artifacts/some"})["bytes"] == 77777
    assert ask(request={**head, "presign": "/greengrass/v2/components/a/artifacts/empty"})["bytes"] == 0
