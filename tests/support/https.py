"""An HTTPS client with or without a certificate, and over a Unix socket: standard library only."""
import http.client
import json
import socket
import ssl


class Answer:
    def __init__(self, response):
        self.status, self.headers, self.text = response.status, response.headers, response.read().decode()

    @property
    def json(self):
        return json.loads(self.text)

    @property
    def error(self):
        """Exception name and message."""
        return self.headers["x-amzn-ErrorType"], self.json["message"]


def context(ca, cert=None, key=None):
    tls = ssl.create_default_context(cafile=ca)
    if cert:
        tls.load_cert_chain(cert, key)
    return tls


class _Unix(http.client.HTTPConnection):
    def __init__(self, path, timeout):
        super().__init__("localhost", timeout=timeout)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Client:
    """client = Client(port, tls) or Client(socket="/path"); client.get("/x").json; client.post("/x", {...})"""

    def __init__(self, port=None, tls=None, socket=None, host="127.0.0.1", headers=None, timeout=60):
        self.make = (lambda: _Unix(socket, timeout)) if socket else (
            lambda: http.client.HTTPSConnection(host, port, context=tls, timeout=timeout))
        self.headers = headers or {}

    def request(self, method, path, body=None, headers=None):
        connection = self.make()
        try:
            text = body if body is None or isinstance(body, (str, bytes)) else json.dumps(body)
            connection.request(method, path, text, {**self.headers, **(headers or {})})
            return Answer(connection.getresponse())
        finally:
            connection.close()

    def get(self, path, **headers):
        return self.request("GET", path, None, headers)

    def post(self, path, body=None):
        return self.request("POST", path, body if body is not None else {})

    def put(self, path, body=None):
        return self.request("PUT", path, body if body is not None else {})

    def delete(self, path):
        return self.request("DELETE", path)
