"""AWS credentials for components: the token exchange service of a real nucleus, and a provider of the tests."""
import datetime
import http.client
import http.server
import json
import ssl
import threading

import pytest

from local import wait_until
from support.device import temporary_device

THING, ALIAS = "core-1", "Fleet Role"
PATH = "/2016-11-01/credentialprovider/"
SERVICE = "aws.greengrass.TokenExchangeService"


class Provider:
    """Answers with `status`, and with credentials of that many seconds or `body`."""

    def __init__(self, ca):
        self.asked, self.status, self.body, self.lasts = [], 200, None, 3600
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                outer.asked.append((self.path, self.headers["x-amzn-iot-thingname"], self.connection.getpeercert()["subject"]))
                body = outer.body or json.dumps({"credentials": {
                    "accessKeyId": f"id-{len(outer.asked)}", "secretAccessKey": "secret", "sessionToken": "token",
                    "expiration": (datetime.datetime.utcnow() + datetime.timedelta(seconds=outer.lasts)).strftime("%Y-%m-%dT%H:%M:%SZ")}})
                self.send_response(outer.status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body.encode())

            def log_message(self, *words):
                pass

        cert, key = ca.server("localhost", "127.0.0.1")
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(cert, key)
        tls.load_verify_locations(ca.cert)
        tls.verify_mode = ssl.CERT_REQUIRED
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.socket = tls.wrap_socket(self.server.socket, server_side=True)
        self.endpoint = f"localhost:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture(scope="module")
def provider(ca):
    return Provider(ca)


@pytest.fixture(scope="module")
def device(bin_dir, ca, provider):
    with temporary_device(bin_dir, start=False) as device:
        cert, key = ca.device(THING)
        config = {"system": {"thingName": THING, "rootCaPath": ca.cert, "certificateFilePath": cert, "privateKeyPath": key},
                  "services": {"aws.greengrass.Nucleus": {"componentType": "NUCLEUS", "configuration": {
                      "iotCredEndpoint": provider.endpoint, "iotRoleAlias": ALIAS}},
                      SERVICE: {"configuration": {"credentialRetryInSec": {"clientError": 42900, "serverError": 5}}}}}
        device.start("--init-config", device.write("config.yaml", json.dumps(config)))
        device.recipe("user", "1.0.0", "echo uri=$AWS_CONTAINER_CREDENTIALS_FULL_URI; exec sleep 100000")
        device.deploy_ok("user=1.0.0")
        wait_until(lambda: [line for line in device.output("user") if line.startswith("uri=http")], 20, "the variable")
        device.uri = [line for line in device.output("user") if line.startswith("uri=")][0][4:]
        yield device


def ask(device, token=None, method="GET", path=PATH):
    connection = http.client.HTTPConnection("127.0.0.1", int(device.uri.split(":")[2].split("/")[0]), timeout=120)
    try:
        connection.request(method, path, headers={"Authorization": token} if token else {})
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def forget(device, provider):
    """A changed role alias: what was answered before does not count."""
    provider.count = getattr(provider, "count", 0) + 1
    provider.alias = f"alias{provider.count}"
    device.deploy_ok("aws.greengrass.Nucleus=2.17.0", update={"aws.greengrass.Nucleus": {"MERGE": {"iotRoleAlias": provider.alias}}})


def test_a_component_gets_credentials_by_its_token_and_they_are_kept(device, provider):
    assert device.uri.startswith("http://localhost:") and device.uri.endswith(PATH)
    status, body = ask(device, device.token("user"))
    assert status == 200 and set(json.loads(body)) == {"AccessKeyId", "SecretAccessKey", "Token", "Expiration"}
    assert json.loads(body)["AccessKeyId"] == "id-1" and ask(device, device.token("user")) == (200, body)
    assert provider.asked == [("/role-aliases/Fleet%20Role/credentials", THING, ((("commonName", THING),),))]
    assert "secret" not in device.log()


@pytest.mark.parametrize("request_, status", [({"method": "POST"}, 405), ({"path": "/"}, 400), ({}, 403), ({"token": "x" * 32}, 403)],
                         ids=str)
def test_what_is_not_allowed_has_its_status_and_no_body(device, request_, status):
    assert ask(device, **request_) == (status, "")


def test_credentials_that_end_soon_are_asked_for_again(device, provider):
    forget(device, provider)
    provider.lasts, before = 200, len(provider.asked)
    assert [ask(device, device.token("user"))[0] for _ in range(2)] == [200, 200]
    assert len(provider.asked) == before + 2
    provider.lasts = 3600


def test_an_error_of_the_provider_is_passed_on_and_kept(device, provider):
    forget(device, provider)
    provider.status, provider.body, before = 403, json.dumps({"message": "no such role"}), len(provider.asked)
    for _ in range(2):
        status, body = ask(device, device.token("user"))
        assert (status, "no such role" in body) == (403, True)
    assert len(provider.asked) == before + 1
    provider.status, provider.body = 200, None
    forget(device, provider)
    assert ask(device, device.token("user"))[0] == 200


def test_what_is_no_answer_is_an_error_that_is_not_kept(device, provider):
    forget(device, provider)
    provider.body = "<html>"
    assert ask(device, device.token("user")) == (500, "")
    provider.body = None
    assert ask(device, device.token("user"))[0] == 200


def test_requests_at_the_same_time_ask_the_provider_once(device, provider):
    forget(device, provider)
    before, token, answers = len(provider.asked), device.token("user"), []
    threads = [threading.Thread(target=lambda: answers.append(ask(device, token)[0])) for _ in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert answers == [200] * 8 and len(provider.asked) == before + 1
