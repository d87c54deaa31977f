"""A client of the IPC protocol for components in tests: one request, its answer on stdout. Runs by itself in a component:
    /usr/bin/python3 ipc_client.py OPERATION JSON      prints "ok {...}" or "error CODE"."""
import json
import os
import socket
import struct
import sys
import zlib


def frame(headers, payload):
    block = b""
    for name, value in headers:
        block += bytes([len(name)]) + name.encode()
        if isinstance(value, int):
            block += b"\x04" + struct.pack(">i", value)
        else:
            block += b"\x07" + struct.pack(">H", len(value)) + value.encode()
    prelude = struct.pack(">II", 16 + len(block) + len(payload), len(block))
    prelude += struct.pack(">I", zlib.crc32(prelude))
    text = prelude + block + payload
    return text + struct.pack(">I", zlib.crc32(text))


def read_exactly(connection, n):
    data = b""
    while len(data) < n:
        part = connection.recv(n - len(data))
        if not part:
            raise EOFError("the nucleus closed the connection")
        data += part
    return data


def read_frame(connection):
    prelude = read_exactly(connection, 12)
    total, length = struct.unpack(">II", prelude[:8])
    rest = read_exactly(connection, total - 12)
    headers, at = {}, 0
    while at < length:
        n = rest[at]
        name, kind = rest[at + 1:at + 1 + n].decode(), rest[at + 1 + n]
        at += n + 2
        if kind == 4:
            headers[name] = struct.unpack(">i", rest[at:at + 4])[0]
            at += 4
        else:
            size = struct.unpack(">H", rest[at:at + 2])[0]
            headers[name] = rest[at + 2:at + 2 + size].decode()
            at += 2 + size
    return headers, rest[length:-4]


def call(operation, request):
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(30)
    connection.connect(os.environ["AWS_GG_NUCLEUS_DOMAIN_SOCKET_FILEPATH_FOR_COMPONENT"])
    connection.sendall(frame([(":message-type", 4), (":message-flags", 0), (":stream-id", 0), (":version", "0.1.0")],
                             json.dumps({"authToken": os.environ["SVCUID"]}).encode()))
    headers, _ = read_frame(connection)
    assert headers[":message-type"] == 5 and headers[":message-flags"] & 1, headers
    name = f"aws.greengrass#{operation}"
    connection.sendall(frame([("service-model-type", name + "Request"), (":message-type", 0), (":message-flags", 0), (":stream-id", 1),
                              ("operation", name)], json.dumps(request).encode()))
    headers, payload = read_frame(connection)
    connection.close()
    return headers[":message-type"] == 0, headers.get("service-model-type", ""), payload.decode()


if __name__ == "__main__":
    for words in json.loads(sys.argv[1]):
        good, kind, text = call(*words)
        print("ok" if good else kind.split("#")[-1], flush=True)
