"""A small MQTT 3.1.1 client that does what a test tells it to: QoS 1, TLS with a client certificate or a password."""
import json
import queue
import select
import socket
import ssl
import struct
import threading
import time


PATIENCE = 90  # seconds; only a hang lasts so long


class MqttError(Exception):
    pass


def _text(s):
    data = s if isinstance(s, bytes) else s.encode()
    return struct.pack(">H", len(data)) + data


def _length(n):
    out = b""
    while True:
        n, byte = n >> 7, n & 127
        out += bytes([byte | (128 if n else 0)])
        if not n:
            return out


class MqttClient:
    """with MqttClient(port, client_id, ca=..., cert=..., key=...) as c: c.subscribe([...]); c.publish(t, p); c.wait(t)"""

    def __init__(self, port, client_id, host="127.0.0.1", ca=None, cert=None, key=None, user=None, password=None,
                 clean=True):
        """clean: the broker forgets the subscriptions at the end; otherwise it keeps them, and messages meanwhile."""
        self.client_id, self.user, self.password, self.clean = client_id, user, password, clean
        self.messages, self.acks, self.last_id = queue.Queue(), queue.Queue(), 0
        self.seen = []  # everything that arrived, (topic, payload bytes)
        sock = socket.create_connection((host, port), PATIENCE)
        if ca:
            context = ssl.create_default_context(cafile=ca)
            context.load_cert_chain(cert, key)
            sock = context.wrap_socket(sock, server_hostname=host)
        sock.setblocking(False)
        self.sock, self.buffer, self.closing = sock, b"", False
        self.lock, self.packet_lock = threading.Lock(), threading.Lock()

    def __enter__(self):
        flags = (2 if self.clean else 0) | (0xC0 if self.user else 0)
        body = _text("MQTT") + bytes([4, flags]) + struct.pack(">H", 0) + _text(self.client_id)
        if self.user:
            body += _text(self.user) + _text(self.password)
        self._send(0x10, body)
        kind, _, body = self._packet()
        if kind != 2 or body[1] != 0:
            raise MqttError(f"connection refused: {body!r}")
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()
        return self

    def __exit__(self, *exc):
        self.closing = True
        try:
            self._send(0xE0, b"")
            self.sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.reader.join(10)  # before the close: its number may be another file's a moment later
        self.sock.close()

    # A TLS connection may not be read and written at the same time: both happen under a lock and never wait in it. A large
    # packet is sent in pieces: those of another thread must not come between them.
    def _send(self, first, body):
        data = bytes([first]) + _length(len(body)) + body
        with self.packet_lock:
            while data:
                try:
                    with self.lock:
                        data = data[self.sock.send(data):]
                except (BlockingIOError, ssl.SSLWantWriteError, ssl.SSLWantReadError):
                    select.select([], [self.sock], [], 1)

    def _exactly(self, n):
        while len(self.buffer) < n:
            try:
                with self.lock:
                    more = self.sock.recv(65536)
            except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
                select.select([self.sock], [], [], 1)
                if self.closing:
                    raise MqttError("closed") from None
                continue
            if not more:
                raise MqttError("the broker closed the connection")
            self.buffer += more
        data, self.buffer = self.buffer[:n], self.buffer[n:]
        return data

    def _packet(self):
        first, n, shift = self._exactly(1)[0], 0, 0
        while True:
            byte = self._exactly(1)[0]
            n |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return first >> 4, first & 15, self._exactly(n)

    def _read(self):
        try:
            while True:
                kind, flags, body = self._packet()
                if kind == 3:
                    n = struct.unpack(">H", body[:2])[0]
                    topic, rest = body[2:2 + n].decode(), body[2 + n:]
                    if flags & 6:
                        self._send(0x40, rest[:2])
                        rest = rest[2:]
                    self.seen.append((topic, rest))
                    self.messages.put((topic, rest))
                elif kind in (4, 9):
                    self.acks.put((kind, body))
        except (MqttError, OSError, ValueError) as end:
            self.ended = end
            self.messages.put(None)
            self.acks.put((0, b""))

    def subscribe(self, filters):
        self.last_id += 1
        self._send(0x82, struct.pack(">H", self.last_id) + b"".join(_text(f) + b"\x01" for f in filters))
        kind, body = self.acks.get(timeout=PATIENCE)
        if kind != 9 or any(code > 2 for code in body[2:]):
            raise MqttError(f"subscription refused: {body!r}")

    def publish(self, topic, payload=b"", times=1):
        """times: so often, before the first acknowledgement is waited for."""
        if isinstance(payload, (dict, list)):
            payload = json.dumps(payload).encode()
        for _ in range(times):
            self.last_id += 1
            self._send(0x32, _text(topic) + struct.pack(">H", self.last_id) + payload)
        for _ in range(times):
            kind, _ = self.acks.get(timeout=PATIENCE)
            if kind != 4:
                raise MqttError(f"no PUBACK for {topic}: the connection ended: {self.ended!r}")

    def wait(self, ending, seconds=PATIENCE):
        """The next message whose topic has this ending, as JSON; messages in between are passed over."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                message = self.messages.get(timeout=max(0.01, deadline - time.monotonic()))
            except queue.Empty:
                raise MqttError(f"nothing on ...{ending} after {seconds} s; seen: {self.seen}") from None
            if message is None:
                raise MqttError("the broker closed the connection")
            if message[0].endswith(ending):
                return json.loads(message[1])

    def request(self, topic, payload=b"", seconds=PATIENCE):
        """Publishes and returns ("accepted" or "rejected", answer)."""
        self.publish(topic, payload)
        deadline = time.monotonic() + seconds
        while True:
            try:
                message = self.messages.get(timeout=max(0.01, deadline - time.monotonic()))
            except queue.Empty:
                raise MqttError(f"no answer to {topic} after {seconds} s; seen: {self.seen}") from None
            if message is None:
                raise MqttError("the broker closed the connection")
            for kind in ("accepted", "rejected"):
                if message[0] == f"{topic}/{kind}":
                    return kind, json.loads(message[1])
