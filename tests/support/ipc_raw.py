"""Connections to the IPC socket byte by byte, and calls whose frames a test sees whole; see ipc_client.py for the simple ones.

    with Session(path, token) as s:
        s.call("PublishToTopic", topic="a", publishMessage={...})        # the answer as an object, or IpcError
        sub = s.subscribe("SubscribeToTopic", topic="a/+")
        sub.event()                                                      # the next event as an object
        sub.close()
"""
import json
import os
import struct

from local import wait_until

from .ipc_client import APPLICATION, CONNECT, CONNECT_ACK, ERROR, TERMINATE, IpcError, _headers, connected, frame

PING, PING_RESPONSE, PROTOCOL_ERROR, INTERNAL_ERROR = 2, 3, 6, 7
PREFIX = "aws.greengrass#"


class Frame:
    def __init__(self, headers, payload):
        self.headers, self.payload = headers, payload
        self.kind, self.flags, self.stream = (headers[f":{name}"] for name in ("message-type", "message-flags", "stream-id"))
        self.shape = headers.get("service-model-type", "")[len(PREFIX):]

    def json(self):
        return json.loads(self.payload)

    def error(self):
        return IpcError(self.shape, self.json()["message"])


class Raw:
    """A socket: what is sent is the caller's business."""

    def __init__(self, path, timeout=120):
        self.socket = connected(path, timeout)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def message(self, kind, flags, stream, payload=b"", **headers):
        base = {":message-type": kind, ":message-flags": flags, ":stream-id": stream}
        self.send(frame({**base, **{name.replace("__", ":").replace("_", "-"): value for name, value in headers.items()}}, payload))

    def _read(self, n):
        data = bytearray()
        while len(data) < n:
            try:
                piece = self.socket.recv(n - len(data))
            except ConnectionResetError:
                piece = b""
            if not piece:
                return None
            data += piece
        return bytes(data)

    def receive(self):
        """The next frame; None at the end of the connection."""
        prelude = self._read(12)
        if prelude is None:
            return None
        total, size = struct.unpack(">II", prelude[:8])
        rest = self._read(total - 12)
        return None if rest is None else Frame(_headers(rest[:size]), rest[size:-4])

    def connect(self, token):
        """Whether the token was accepted."""
        self.message(CONNECT, 0, 0, json.dumps({"authToken": token}).encode(), __version="0.1.0")
        answer = self.receive()
        assert answer.kind == CONNECT_ACK, answer.headers
        return answer.flags == 1


class Subscription:
    def __init__(self, session, stream):
        self.session, self.stream = session, stream

    def frame(self):
        return self.session.next(self.stream)

    def event(self):
        got = self.frame()
        if got.kind == ERROR:
            raise got.error()
        return got.json()

    def text(self):
        """The payload as it came."""
        return self.frame().payload

    def close(self):
        self.session.message(APPLICATION, TERMINATE, self.stream)


class Session(Raw):
    def __init__(self, path, token, timeout=120):
        super().__init__(path, timeout)
        self.last, self.waiting = 0, {}
        if not self.connect(token):
            raise IpcError("HandshakeError", "refused")

    def next(self, stream):
        """The next frame of that stream; those of others are kept for them."""
        queue = self.waiting.setdefault(stream, [])
        while not queue:
            got = self.receive()
            if got is None:
                raise IpcError("Closed", "the nucleus closed the connection")
            self.waiting.setdefault(got.stream, []).append(got)
        return queue.pop(0)

    def open(self, operation, request=None, text=None):
        """Sends a request, an object or its bytes; its stream."""
        self.last += 1
        self.message(APPLICATION, 0, self.last, json.dumps(request or {}).encode() if text is None else text, operation=PREFIX + operation)
        return self.last

    def answer(self, stream):
        got = self.next(stream)
        if got.kind == ERROR:
            raise got.error()
        return got

    def call(self, operation, text=None, **request):
        return self.answer(self.open(operation, request, text)).json()

    def subscribe(self, operation, **request):
        stream = self.open(operation, request)
        self.answer(stream)
        return Subscription(self, stream)

    def refusal(self, operation, text=None, **request):
        """(shape, message) of the error that the call must give."""
        try:
            answer = self.call(operation, text, **request)
        except IpcError as error:
            return error.code, error.message
        raise AssertionError(f"{operation} was answered with {answer}")


def json_message(message):
    return {"jsonMessage": {"message": message}}


def token_of(device, component):
    """The token of a component whose script is KEEP_TOKEN, which may have been RUNNING for a moment only."""
    path = device.work(component, "token")
    wait_until(lambda: os.path.exists(path), 60, f"the token of {component}")
    with open(path, encoding="ascii") as f:
        return f.read().strip()


KEEP_TOKEN = "umask 022; echo $SVCUID > new && mv new token; exec sleep 100000"
