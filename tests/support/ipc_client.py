"""A client of the IPC socket that knows frames and nothing else, to send what no SDK would and to read every byte of an answer.

Also a program, for scripts of components: ipc_client.py '[["PublishToTopic", {...}], ...]' prints "ok" or the error of each call."""
import collections
import json
import os
import socket
import struct
import sys
import zlib

APPLICATION, ERROR, CONNECT, CONNECT_ACK = 0, 1, 4, 5
TERMINATE = 2


class IpcError(Exception):
    """What the nucleus answered. code: "UnauthorizedError"; message: its text; content: all of its members; flags: of the frame."""

    def __init__(self, code, message, content=None, flags=0):
        super().__init__(f"{code}: {message}")
        self.code, self.message, self.content, self.flags = code, message, content or {}, flags


def _header(name, value):
    text = bytes([len(name)]) + name.encode()
    if isinstance(value, bytes):  # type and value, ready
        return text + value
    if isinstance(value, int):
        return text + b"\x04" + struct.pack(">i", value)
    return text + b"\x07" + struct.pack(">H", len(value.encode())) + value.encode()


def frame(headers, payload=b""):
    """headers: an object, or a list of pairs where names may come twice."""
    pairs = headers.items() if isinstance(headers, dict) else headers
    block = b"".join(_header(name, value) for name, value in pairs)
    prelude = struct.pack(">II", 16 + len(block) + len(payload), len(block))
    body = prelude + struct.pack(">I", zlib.crc32(prelude)) + block + payload
    return body + struct.pack(">I", zlib.crc32(body))


def _headers(block):
    found, at = {}, 0
    while at < len(block):
        size = block[at]
        name, at = block[at + 1:at + 1 + size].decode(), at + 1 + size
        kind, at = block[at], at + 1
        assert kind in (4, 7), f"header {name} has type {kind}"
        if kind == 4:
            found[name], at = struct.unpack_from(">i", block, at)[0], at + 4
        else:
            size = struct.unpack_from(">H", block, at)[0]
            found[name], at = block[at + 2:at + 2 + size].decode(), at + 2 + size
    return found


def connected(path, timeout):
    """A stream socket that is connected to this path."""
    stream = socket.socket(socket.AF_UNIX)
    stream.settimeout(timeout)
    folder = os.open(os.path.dirname(path), os.O_PATH)  # the path may be too long for an address
    try:
        stream.connect(f"/proc/self/fd/{folder}/{os.path.basename(path)}")
    finally:
        os.close(folder)
    return stream


class Ipc:
    """with Ipc(socket_path, token) as ipc: ipc.call("PauseComponent", componentName="a")

    events = ipc.subscribe("SubscribeToTopic", topic="a"); events.next() is the next event, events.so_far() what has come by now."""

    def __init__(self, path, token, timeout=120):
        self.socket = connected(path, timeout)
        self.stream, self.frames = 0, collections.defaultdict(collections.deque)
        self._send(CONNECT, 0, {":version": "0.1.0"}, {"authToken": token})
        headers, _ = self._receive()
        if headers[":message-type"] != CONNECT_ACK or headers[":message-flags"] != 1:
            raise IpcError("HandshakeError", str(headers))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def _send(self, kind, stream, more, payload):
        headers = {":message-type": kind, ":message-flags": 0, ":stream-id": stream, **more}
        self.socket.sendall(frame(headers, json.dumps(payload).encode()))

    def _read(self, n):
        data = b""
        while len(data) < n:
            piece = self.socket.recv(n - len(data))
            if not piece:
                raise IpcError("Closed", "the nucleus closed the connection")
            data += piece
        return data

    def _receive(self):
        total, size = struct.unpack(">II", self._read(12)[:8])
        rest = self._read(total - 12)
        return _headers(rest[:size]), rest[size:-4]

    def _frame(self, stream):
        """The next frame of this stream; those of others are kept."""
        while not self.frames[stream]:
            headers, payload = self._receive()
            self.frames[headers[":stream-id"]].append((headers, payload))
        return _content(*self.frames[stream].popleft())

    def _ask(self, operation, request):
        self.stream += 1
        full = operation if "#" in operation else f"aws.greengrass#{operation}"
        self._send(APPLICATION, self.stream, {"operation": full}, request)
        return self._frame(self.stream)

    def call(self, operation, /, **request):
        """The answer as an object; IpcError for an error."""
        return self._ask(operation, request)

    def fails(self, code, message, operation, /, **request):
        """The IpcError that the call must give, with this code and this message (None: any)."""
        try:
            answer = self.call(operation, **request)
        except IpcError as error:
            assert error.code == code and message in (None, error.message), f"{error}; expected {code}: {message}"
            return error
        raise AssertionError(f"{operation} was answered with {answer}; expected {code}: {message}")

    def subscribe(self, operation, /, **request):
        """The events of a streaming operation; IpcError when it is refused."""
        self._ask(operation, request)
        return Events(self, self.stream)


def _content(headers, payload):
    content = json.loads(payload or b"{}")
    if headers[":message-type"] == ERROR:
        raise IpcError(headers.get("service-model-type", "").split("#")[-1], content.get("_message", content.get("message")),
                       content, headers[":message-flags"])
    return content


class Events:
    """What comes on one stream, in order."""

    def __init__(self, ipc, stream):
        self.ipc, self.stream = ipc, stream

    def next(self):
        return self.ipc._frame(self.stream)

    def so_far(self):
        """Everything that the nucleus sent before it answered a question that is asked now."""
        self.ipc.call("GetConfiguration", componentName="aws.greengrass.Nucleus", keyPath=[])
        frames, self.ipc.frames[self.stream] = self.ipc.frames[self.stream], collections.deque()
        return [_content(*frame) for frame in frames]

    def close(self):
        headers = {":message-type": APPLICATION, ":message-flags": TERMINATE, ":stream-id": self.stream}
        self.ipc.socket.sendall(frame(headers))
        self.ipc.call("GetConfiguration", componentName="aws.greengrass.Nucleus", keyPath=[])  # it has been read by now


def main():
    for operation, request in json.loads(sys.argv[1]):
        try:
            with Ipc(os.environ["AWS_GG_NUCLEUS_DOMAIN_SOCKET_FILEPATH_FOR_COMPONENT"], os.environ["SVCUID"]) as ipc:
                ipc.call(operation, **request)
            print("ok", flush=True)
        except IpcError as error:
            print(error.code, flush=True)


if __name__ == "__main__":
    main()
