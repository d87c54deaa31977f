#!/usr/bin/env python3
"""sedge_ipc - talks to a Greengrass-compatible nucleus over its IPC socket. Standard library alone, Python 3.9 or newer, one file.

    import sedge_ipc

    with sedge_ipc.Client() as ipc:                       # in a component: everything from the environment
        ipc.publish("sensors/one", {"t": 21.5})           # dict: JSON message; bytes: binary message
        print(ipc.get_configuration(key_path=["interval"]))
        print(ipc.call("GetComponentDetails", componentName="com.example.A"))    # any operation, members as keywords
        for message in ipc.subscribe_topic("sensors/+"):  # waits for events; ends with the subscription
            print(message.topic, message.data)

    sedge_ipc.Client(root="/var/lib/sedge")               # as a command-line user of the nucleus with that root

OPERATIONS are named with or without their prefix: "GetConfiguration" is "aws.greengrass#GetConfiguration". The nucleus knows which
exist; one that it does not serve is its RemoteError.

VALUES. In requests bytes become base64 and datetime becomes seconds since the epoch; None leaves a member out. In answers and events the
members that the protocol defines as bytes (payloads, binary messages, secretBinary, correlationData) are bytes; configuration and other
documents are not touched. Times in answers are seconds since the epoch, as float.

CALLBACKS. subscribe(..., on_event=f) runs f(event) from dispatch() or run() only, never from inside another call. f may do anything with
the client except dispatch, also close the subscription or the client. An exception of f comes out of dispatch.

ERRORS are all below IpcError. RemoteError: the nucleus answered with an error; the connection goes on, as after CallTimeout. ClosedError
and ProtocolError: the connection is over, make a new client.

WAITING. Time-outs are seconds, None is for ever; the client's own (10 s) counts for every call that is not given another one. While
nobody reads a subscription, up to KEPT_EVENTS events of it are kept, then the oldest are dropped (Subscription.dropped).

THREADS AND LOOPS. No thread of its own. One thread at a time uses a client; several threads take a client each. fileno() is there for
select and asyncio: when it is readable, dispatch(0). Do not use a client that was made before a fork in the child.

In a shell:  sedge_ipc.py [--root DIR] [--timeout SECONDS] OPERATION [JSON]     prints the answer, or each event, as a line of JSON.
"""
import argparse
import base64
import collections
import contextlib
import datetime
import json
import os
import select
import socket
import struct
import sys
import time
import zlib

ENV_TOKEN = "SVCUID"
ENV_SOCKET = "AWS_GG_NUCLEUS_DOMAIN_SOCKET_FILEPATH_FOR_COMPONENT"
NAMESPACE = "aws.greengrass#"
DEFAULT_TIMEOUT = 10.0  # seconds
FRAME_MAX = 24 << 20  # bytes of a request or an answer
KEPT_EVENTS = 4096  # of one subscription, while nobody reads it

_APPLICATION, _ERROR, _PING, _PING_RESPONSE, _CONNECT, _CONNECT_ACK, _PROTOCOL_ERROR, _INTERNAL_ERROR = range(8)
_ACCEPTED, _TERMINATE = 1, 2
_INT32, _STRING = 4, 7
_VALUE_SIZES = {0: 0, 1: 0, 2: 1, 3: 2, 4: 4, 5: 8, 8: 8, 9: 16}  # 6 and 7 have a length in front
_READ_BYTES = 65536

# Members that are bytes, by operation; everything else is as JSON has it.
_BLOBS = {
    "SubscribeToTopic": ("binaryMessage.message",),
    "SubscribeToIoTCore": ("message.payload", "message.correlationData"),
    "GetSecretValue": ("secretValue.secretBinary",),
    "GetThingShadow": ("payload",),
    "UpdateThingShadow": ("payload",),
    "DeleteThingShadow": ("payload",),
}


class IpcError(Exception):
    """Anything that goes wrong between a client and its nucleus."""


class ConnectError(IpcError):
    """Nobody answers on the socket, or it is not known where that is."""


class RefusedError(ConnectError):
    """The nucleus does not accept the token."""


class CallTimeout(IpcError, TimeoutError):
    """No answer in time; the call may still take effect."""


class ClosedError(IpcError, ConnectionError):
    """The connection, or the subscription that was asked for an event, is over."""


class ProtocolError(ClosedError):
    """The nucleus sent something that cannot be understood."""


class LimitError(IpcError, ValueError):
    """A request is too large. Nothing was sent."""


class RemoteError(IpcError):
    """The nucleus answered with an error. name: "ResourceNotFoundError"; message: its text; members: everything it said, such as
    resourceType, resourceName, context."""

    def __init__(self, name, message, members):
        super().__init__(f"{name}: {message}" if message else name)
        self.name, self.message, self.members = name, message, members


Message = collections.namedtuple("Message", "topic data")
Message.__doc__ = "A local message. data: dict of a JSON message, bytes of a binary one."

IoTCoreMessage = collections.namedtuple("IoTCoreMessage", "topic payload properties")
IoTCoreMessage.__doc__ = "A message of the cloud. payload: bytes; properties: dict of all other members, named as in the protocol."


# ---- frames ----

def _header(name, value):
    text = bytes([len(name)]) + name.encode()
    if isinstance(value, int):
        return text + bytes([_INT32]) + struct.pack(">i", value)
    data = value.encode()
    return text + bytes([_STRING]) + struct.pack(">H", len(data)) + data


def _frame(headers, payload):
    block = b"".join(_header(name, value) for name, value in headers.items())
    total = 16 + len(block) + len(payload)
    if total > FRAME_MAX:
        raise LimitError(f"a frame of {total} bytes: the protocol allows {FRAME_MAX}")
    prelude = struct.pack(">II", total, len(block))
    head = prelude + struct.pack(">I", zlib.crc32(prelude)) + block
    return b"".join((head, payload, struct.pack(">I", zlib.crc32(payload, zlib.crc32(head)))))


def _parse_headers(block):
    """The int32 and string headers; the first of duplicates counts."""
    found, at = {}, 0
    while at < len(block):
        name = block[at + 1:at + 1 + block[at]].decode("utf-8", "replace").lower()
        at += 1 + block[at]
        kind, at = block[at], at + 1
        if kind in (6, _STRING):
            size, at = struct.unpack_from(">H", block, at)[0], at + 2
        else:
            size = _VALUE_SIZES[kind]
        value, at = block[at:at + size], at + size
        if at > len(block):
            raise IndexError
        if kind == _INT32:
            found.setdefault(name, struct.unpack(">i", value)[0])
        elif kind == _STRING:
            found.setdefault(name, value.decode("utf-8", "replace"))
    return found


def _take_frame(buffer):
    """(headers, payload) from the front of a bytearray, or None until a whole frame is there."""
    if len(buffer) < 12:
        return None
    total, size, crc = struct.unpack_from(">III", buffer)
    if zlib.crc32(buffer[:8]) != crc or not 16 <= total <= FRAME_MAX or size > total - 16:
        raise ProtocolError("the nucleus sent something that is no frame")
    if len(buffer) < total:
        return None
    data = buffer[:total]
    del buffer[:total]
    if zlib.crc32(data[:-4]) != struct.unpack(">I", data[-4:])[0]:
        raise ProtocolError("the nucleus sent a frame with a wrong checksum")
    try:
        return _parse_headers(data[12:12 + size]), data[12 + size:-4]
    except (IndexError, KeyError, struct.error):
        raise ProtocolError("the nucleus sent a frame with headers that cannot be read") from None


# ---- values ----

def _encode_value(value):
    if isinstance(value, (bytes, bytearray, memoryview)):
        return base64.b64encode(value).decode()
    if isinstance(value, datetime.datetime):
        return value.timestamp()
    raise TypeError(f"{type(value).__name__} cannot be sent over IPC")


def _encode(request):
    request = {name: value for name, value in request.items() if value is not None}
    return json.dumps(request, default=_encode_value, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


def _decode(operation, payload):
    """The object of an answer or event, with its bytes as bytes."""
    try:
        value = json.loads(payload) if payload else {}
        if not isinstance(value, dict):
            raise ValueError
        for path in _BLOBS.get(operation, ()):
            *way, last = path.split(".")
            inner = value
            for name in way:
                inner = inner.get(name, {})
            if isinstance(inner.get(last), str):
                inner[last] = base64.b64decode(inner[last], validate=True)
        return value
    except (ValueError, AttributeError, RecursionError):
        raise ProtocolError(f"the nucleus answered {operation} with something else than its JSON object") from None


def _remote_error(headers, payload):
    try:
        members = json.loads(payload)
    except (ValueError, RecursionError):
        members = {"message": payload.decode("utf-8", "replace")}
    if not isinstance(members, dict):
        members = {}
    name = headers.get("service-model-type", "").rpartition("#")[2] or str(members.get("_errorCode", "ServiceError"))
    return RemoteError(name, str(members.get("message", members.get("_message", ""))), members)


def _deadline(timeout):
    return None if timeout is None else time.monotonic() + timeout


def _left(deadline):
    return None if deadline is None else max(0.0, deadline - time.monotonic())


# ---- streams ----

class Call:
    """One call in flight, made by Client.start."""

    def __init__(self, client, operation, stream):
        self._client, self._operation, self._stream = client, operation, stream
        self._answer = self._error = None

    def done(self):
        """Whether result() would return at once. Does not look at the socket: dispatch(0) does."""
        return self._answer is not None or self._error is not None

    def result(self, timeout=...):
        """The answer's object; raises what the nucleus answered."""
        deadline = _deadline(self._client.timeout if timeout is ... else timeout)
        try:
            self._client._wait(self.done, deadline, self._operation)
        except CallTimeout:
            self._client._terminate(self._stream)
            raise
        if self._error:
            raise self._error
        return self._answer

    def _receive(self, flags, error, payload):
        if error or flags & _TERMINATE:
            self._client._streams.pop(self._stream, None)
        self._error = error
        if not error:
            self._answer = _decode(self._operation, payload)

    def _end(self, error):
        self._error = self._error or error


class Subscription:
    """Events of one streaming call, made by Client.subscribe. Iterate over it, or get() one event at a time, or give on_event."""

    def __init__(self, client, operation, stream, convert, on_event, on_end):
        self._client, self._operation, self._stream = client, operation, stream
        self._convert, self._on_event, self._on_end = convert, on_event, on_end
        self._events = collections.deque()
        self._accepted, self._ended, self._error = False, False, None
        self.dropped = 0  # events that nobody read in time

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def __iter__(self):
        return self

    def __next__(self):
        self._client._wait(lambda: self._events or self._ended, None, self._operation)
        if self._events:
            return self._events.popleft()
        if self._error:
            raise self._error
        raise StopIteration

    def get(self, timeout=...):
        """The next event. CallTimeout if none comes in time; the error that ended the subscription, or ClosedError."""
        deadline = _deadline(self._client.timeout if timeout is ... else timeout)
        self._client._wait(lambda: self._events or self._ended, deadline, f"an event of {self._operation}")
        if self._events:
            return self._events.popleft()
        raise self._error or ClosedError(f"the subscription of {self._operation} is over")

    def close(self):
        """No event comes afterwards, also none that is kept. May be called any number of times."""
        self._events.clear()
        self._on_event = self._on_end = None
        if not self._ended:
            self._ended = True
            self._client._terminate(self._stream)

    def _receive(self, flags, error, payload):
        if error:
            self._end(error)
        elif not self._accepted:
            self._accepted = True
        elif payload:
            try:
                self._events.append(self._convert(_decode(self._operation, payload)))
            except (AttributeError, KeyError, TypeError):
                raise ProtocolError(f"the nucleus sent an event of {self._operation} that cannot be read") from None
            if len(self._events) > KEPT_EVENTS:
                self._events.popleft()
                self.dropped += 1
        if flags & _TERMINATE:
            self._end(error)

    def _end(self, error):
        self._client._streams.pop(self._stream, None)
        if not self._ended:
            self._ended, self._error = True, error

    def _callbacks(self):
        """Runs on_event for what is there, on_end once; how many."""
        count = 0
        for _ in range(len(self._events)):
            if not self._on_event or not self._events:
                break
            count += 1
            self._on_event(self._events.popleft())
        if self._ended and not self._events and self._on_end:
            on_end, self._on_end = self._on_end, None
            count += 1
            on_end(self._error)
        return count

    def _due(self):
        """Whether a callback would run."""
        return bool(self._on_event and self._events) or bool(self._on_end and self._ended and not self._events)

    def _spent(self):
        return self._ended and not self._events or not (self._on_event or self._on_end)


def _topic_message(event):
    kind = event.get("jsonMessage") or event.get("binaryMessage") or {}
    data = kind.get("message", b"" if "binaryMessage" in event else {})
    return Message(kind.get("context", {}).get("topic", ""), data)


def _iot_core_message(event):
    message = dict(event.get("message", {}))
    return IoTCoreMessage(message.pop("topicName", ""), message.pop("payload", b""), message)


# ---- the client ----

def command_line_credentials(root):
    """(socket path, token) of a nucleus for a user of the command line: its own, its group's, or any that it may read."""
    folder = os.path.join(root, "cli_ipc_info")
    try:
        others = sorted(os.listdir(folder))
    except OSError as error:
        raise ConnectError(f"{root} is not the root of a running nucleus: {error}") from None
    for name in (f"user-{os.geteuid()}", f"group-{os.getegid()}", *others):
        try:
            with open(os.path.join(folder, name), encoding="utf-8") as file:
                info = json.load(file)
            return info["domain_socket_path"], info["cli_auth_token"]
        except (OSError, ValueError, KeyError, TypeError):
            continue
    raise ConnectError(f"no credentials for this user in {folder}: be the user that runs the nucleus, or in AuthorizedPosixGroups")


class Client:
    """A connection. Nothing given: from the environment of a component. root: as a command-line user of the nucleus there."""

    def __init__(self, socket_path=None, token=None, timeout=DEFAULT_TIMEOUT, root=None):
        self.timeout = timeout
        self._buffer, self._streams, self._subscriptions = bytearray(), {}, []
        self._last, self._over, self._accepted = 0, None, None  # _over: why the connection is
        self._dispatching = self._closed = False
        if root is not None:
            socket_path, token = command_line_credentials(root)
        path, token = socket_path or os.environ.get(ENV_SOCKET), token or os.environ.get(ENV_TOKEN)
        if not path or not token:
            raise ConnectError(f"{ENV_TOKEN if path else ENV_SOCKET} is not set: the nucleus sets it for its components; "
                               "elsewhere give socket_path and token, or root")
        self._socket = _connect(path)
        try:
            self._handshake(token)
        except BaseException:
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """Ends all calls and subscriptions. May be called any number of times, also from a callback."""
        self._socket.close()
        self._closed = True
        for sub in self._subscriptions:
            sub.close()
        self._break(ClosedError("this client is closed"))

    def fileno(self):
        return self._socket.fileno()

    # ---- any operation ----

    def call(self, operation, request=None, /, *, timeout=..., **members):
        """The answer of one operation. Members are given as a dict or as keywords."""
        return self.start(operation, request, **members).result(timeout)

    def start(self, operation, request=None, /, **members):
        """The same without waiting, for many calls in flight: a Call."""
        return self._open(operation, request, members, lambda name, stream: Call(self, name, stream))

    def subscribe(self, operation, request=None, /, *, on_event=None, on_end=None, timeout=..., _convert=dict, **members):
        """A Subscription, once the nucleus has accepted it. on_end(error or None) runs when it is over, not after close()."""
        deadline = _deadline(self.timeout if timeout is ... else timeout)
        sub = self._open(operation, request, members,
                         lambda name, stream: Subscription(self, name, stream, _convert, on_event, on_end))
        try:
            self._wait(lambda: sub._accepted or sub._ended, deadline, operation)
            if not sub._accepted:
                raise sub._error
        except BaseException:
            sub.close()
            raise
        if on_event or on_end:
            self._subscriptions.append(sub)
        return sub

    def dispatch(self, timeout=None):
        """Waits until something comes or the time is over, then runs callbacks for all that is there: how many ran. Raises ClosedError
        when the connection is over and nothing is left to tell."""
        if self._dispatching:
            raise RuntimeError("dispatch was called from a callback")
        if not self._over:
            self._receive(_deadline(0 if any(s._due() for s in self._subscriptions) else timeout))
        count, self._dispatching = 0, True
        try:
            for sub in list(self._subscriptions):
                count += sub._callbacks()
        finally:
            self._dispatching = False
            self._subscriptions = [s for s in self._subscriptions if not s._spent()]
        if self._over and count == 0:
            raise self._over.with_traceback(None)
        return count

    def run(self):
        """Dispatches until a callback closes the client; raises when the connection ends otherwise."""
        while not self._closed:
            self.dispatch()

    # ---- what components use most ----

    def publish(self, topic, message):
        """To other components. dict: JSON message; bytes: binary message."""
        if isinstance(message, dict):
            kind = "jsonMessage"
        elif isinstance(message, (bytes, bytearray, memoryview)):
            kind = "binaryMessage"
        else:
            raise TypeError(f"a message is a dict or bytes, not {type(message).__name__}")
        self.call("PublishToTopic", topic=topic, publishMessage={kind: {"message": message}})

    def subscribe_topic(self, topic, on_message=None, on_end=None, receive_mode=None):
        """Subscription with Message events. Wildcards + and #. receive_mode: RECEIVE_ALL_MESSAGES or RECEIVE_MESSAGES_FROM_OTHERS."""
        return self.subscribe("SubscribeToTopic", on_event=on_message, on_end=on_end, _convert=_topic_message, topic=topic,
                              receiveMode=receive_mode)

    def publish_iot_core(self, topic, payload, qos=1, **properties):
        """To the cloud's broker; returns when the nucleus has queued it. payload: bytes or str. properties: retain, contentType,
        correlationData, ... as the protocol names them."""
        payload = payload.encode() if isinstance(payload, str) else payload
        self.call("PublishToIoTCore", topicName=topic, qos=str(int(qos)), payload=payload, **properties)

    def subscribe_iot_core(self, topic, on_message=None, on_end=None, qos=1, timeout=...):
        """Subscription with IoTCoreMessage events, once the broker has granted it."""
        return self.subscribe("SubscribeToIoTCore", on_event=on_message, on_end=on_end, timeout=timeout, _convert=_iot_core_message,
                              topicName=topic, qos=str(int(qos)))

    def get_configuration(self, key_path=(), component=None):
        """The value there: a dict for a container, the value itself for a leaf. component: another one than the caller."""
        key_path = [key_path] if isinstance(key_path, str) else list(key_path)
        value = self.call("GetConfiguration", componentName=component, keyPath=key_path)["value"]
        return self._unwrap(value, key_path, component)

    def update_configuration(self, value, key_path=(), timestamp=None):
        """Merges the dict `value` into the caller's own configuration. timestamp: seconds or datetime of the change, by default now."""
        key_path = [key_path] if isinstance(key_path, str) else list(key_path)
        self.call("UpdateConfiguration", keyPath=key_path, valueToMerge=value,
                  timestamp=time.time() if timestamp is None else timestamp)

    def subscribe_configuration(self, key_path=(), on_change=None, on_end=None, component=None):
        """Subscription whose events are the paths (lists of keys) of changed nodes."""
        key_path = [key_path] if isinstance(key_path, str) else list(key_path)
        return self.subscribe("SubscribeToConfigurationUpdate", on_event=on_change, on_end=on_end, componentName=component,
                              _convert=lambda event: event["configurationUpdateEvent"]["keyPath"], keyPath=key_path)

    def update_state(self, state):
        """RUNNING (from a startup script that is ready) or ERRORED."""
        self.call("UpdateState", state=state)

    def _unwrap(self, value, key_path, component):
        # A leaf comes as {"port": 8883}, as would a container "port" with a member "port": nothing exists below a leaf.
        if not key_path or len(value) != 1:
            return value
        (name, inner), = value.items()
        if name.lower() != key_path[-1].lower() or isinstance(inner, dict):
            return value
        try:
            self.call("GetConfiguration", componentName=component, keyPath=[*key_path, key_path[-1]])
        except RemoteError as error:
            if error.name != "ResourceNotFoundError":
                raise
            return inner
        return value

    # ---- the connection ----

    def _handshake(self, token):
        headers = {":version": "0.1.0", ":message-type": _CONNECT, ":message-flags": 0, ":stream-id": 0}
        self._send(_frame(headers, _encode({"authToken": token})))
        try:
            self._wait(lambda: self._accepted is not None, _deadline(self.timeout), "the handshake")
        except ClosedError as error:
            raise ConnectError(f"no handshake: {error}") from None
        if not self._accepted:
            raise RefusedError("the nucleus does not accept the token: it belongs to another start of the component, or to another nucleus")

    def _open(self, operation, request, members, make):
        if self._over:
            raise self._over.with_traceback(None)
        name = operation[len(NAMESPACE):] if operation.startswith(NAMESPACE) else operation
        full = operation if "#" in operation else NAMESPACE + operation
        stream = self._last + 1
        headers = {":content-type": "application/json", "service-model-type": f"{full}Request", ":message-type": _APPLICATION,
                   ":message-flags": 0, ":stream-id": stream, "operation": full}
        frame = _frame(headers, _encode({**(request or {}), **members}))
        self._last = stream
        self._streams[stream] = made = make(name, stream)
        try:
            self._send(frame)
        except CallTimeout:
            del self._streams[stream]
            raise
        return made

    def _terminate(self, stream):
        if self._streams.pop(stream, None) is None or self._over:
            return
        with contextlib.suppress(IpcError):  # a connection that breaks now tells so by the next call
            self._send(_frame({":message-type": _APPLICATION, ":message-flags": _TERMINATE, ":stream-id": stream}, b""))

    def _break(self, error):
        if self._over:
            return
        self._over = error
        for stream in list(self._streams.values()):
            stream._end(error)
        self._streams.clear()

    def _wait(self, done, deadline, what):
        while not done():
            if self._over:
                raise self._over.with_traceback(None)
            if not self._receive(deadline):
                raise CallTimeout(f"no answer from the nucleus in time: {what}")

    def _receive(self, deadline):
        """Waits for bytes and handles the frames in them. False when the time is over."""
        if not _ready(self._socket, False, deadline)[0]:
            return False
        self._read()
        return True

    def _read(self):
        try:
            data = self._socket.recv(_READ_BYTES)
        except BlockingIOError:
            return
        except OSError as error:
            self._break(ClosedError(f"the connection to the nucleus is lost: {error.strerror}"))
            return
        if not data:
            self._break(ClosedError("the nucleus closed the connection"))
        self._buffer += data
        try:
            while not self._over:
                frame = _take_frame(self._buffer)
                if not frame:
                    return
                self._handle(*frame)
        except ProtocolError as error:
            self._socket.close()
            self._break(error)

    def _handle(self, headers, payload):
        kind, flags, stream = (headers.get(f":{name}") for name in ("message-type", "message-flags", "stream-id"))
        if not all(isinstance(value, int) for value in (kind, flags, stream)):
            raise ProtocolError("the nucleus sent a frame without a type, flags or a stream")
        if kind in (_APPLICATION, _ERROR) and stream in self._streams:
            self._streams[stream]._receive(flags, _remote_error(headers, payload) if kind == _ERROR else None, payload)
        elif kind == _CONNECT_ACK:
            self._accepted = flags & _ACCEPTED
        elif kind == _PING:
            self._send(_frame({":message-type": _PING_RESPONSE, ":message-flags": 0, ":stream-id": 0}, payload))
        elif kind in (_PROTOCOL_ERROR, _INTERNAL_ERROR):
            raise ProtocolError(_remote_error({}, payload).message or "the nucleus reports a fault")

    def _send(self, frame):
        """All of it, reading meanwhile: a nucleus that waits for us to read does not read itself."""
        rest, deadline = memoryview(frame), _deadline(self.timeout)
        while rest:
            if self._over:
                raise self._over.with_traceback(None)
            try:
                rest = rest[self._socket.send(rest):]
            except BlockingIOError:
                readable, writable = _ready(self._socket, True, deadline)
                if readable:
                    self._read()
                elif not writable and len(rest) == len(frame):
                    raise CallTimeout("the nucleus does not read requests") from None
                elif not writable:
                    self._socket.close()
                    self._break(ClosedError("the nucleus does not read: a request went out in part"))
            except OSError as error:
                self._read()  # it may have said why
                self._break(ClosedError(f"the connection to the nucleus is lost: {error.strerror}"))


def _ready(sock, write, deadline):
    poll = select.poll()
    poll.register(sock, select.POLLIN | (select.POLLOUT if write else 0))
    left = _left(deadline)
    events = sum(event for _, event in poll.poll(None if left is None else left * 1000))
    return bool(events & ~select.POLLOUT), bool(events & select.POLLOUT)


def _connect(path):
    """A connected socket that does not block. A path that is too long for an address goes by way of its folder."""
    made = socket.socket(socket.AF_UNIX)
    folder = None
    try:
        address = path
        if len(os.fsencode(path)) > 107:
            folder = os.open(os.path.dirname(path) or ".", os.O_PATH)
            address = f"/proc/self/fd/{folder}/{os.path.basename(path)}"
        made.connect(address)
        made.setblocking(False)
        return made
    except OSError as error:
        made.close()
        raise ConnectError(f"nobody answers on {path}: {error}") from None
    finally:
        if folder is not None:
            os.close(folder)


# ---- in a shell ----

def _printable(value):
    return json.dumps(value, default=_encode_value, ensure_ascii=False)


def _arguments():
    parser = argparse.ArgumentParser(prog="sedge_ipc.py", description="Calls one operation of the nucleus, or prints the events of one.")
    parser.add_argument("--root", help="root of the nucleus; by default the environment of a component")
    parser.add_argument("--timeout", type=float, default=DEFAULT_TIMEOUT, help="seconds for an answer (%(default)s)")
    parser.add_argument("operation", help="GetConfiguration, SubscribeToTopic, ...")
    parser.add_argument("request", nargs="?", default="{}", type=json.loads, help="JSON object with its members")
    return parser.parse_args()


def main():
    args = _arguments()
    try:
        with Client(root=args.root, timeout=args.timeout) as ipc:
            if args.operation.rpartition("#")[2].startswith("SubscribeTo"):
                for event in ipc.subscribe(args.operation, args.request):
                    print(_printable(event), flush=True)
            else:
                print(_printable(ipc.call(args.operation, args.request)))
        return 0
    except IpcError as error:
        print(f"{args.operation}: {error}", file=sys.stderr)
        return 1
    except (KeyboardInterrupt, BrokenPipeError):
        return 0


if __name__ == "__main__":
    sys.exit(main())
