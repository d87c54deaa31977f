"""A component that sends frames of others: replay.py JOBS FILE

JOBS is a JSON list of {"name", "connect", "send": [hex...], "wait"}: the payload of the Connect frame with %s for the token, frames,
and how many answers to wait for. Each goes over a connection of its own; FILE gets a line {"name", "frames": [[headers, payload]]} for
each, in which values of headers have their type, and {"end"}."""
import json
import os
import socket
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from support.ipc_client import CONNECT, Ipc, frame  # noqa: E402


class Wire(Ipc):
    def __init__(self, path, connect):  # as the SDK in question does it
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(120)
        self.socket.connect(path)
        self.socket.sendall(frame({":message-type": CONNECT, ":message-flags": 0, ":stream-id": 0, ":version": "0.1.0"}, connect))
        headers, _ = self._receive()
        assert headers[":message-flags"] == 1, headers


def run(job):
    path = os.environ["AWS_GG_NUCLEUS_DOMAIN_SOCKET_FILEPATH_FOR_COMPONENT"]
    with Wire(path, (job["connect"] % os.environ["SVCUID"]).encode()) as wire:
        for text in job["send"]:
            wire.socket.sendall(bytes.fromhex(text))
        frames = [wire._receive() for _ in range(job["wait"])]
    return {"name": job["name"], "frames": [[headers, payload.decode()] for headers, payload in frames]}


def main():
    with open(sys.argv[1], encoding="utf-8") as f:
        jobs = json.load(f)
    with open(sys.argv[2], "w", encoding="utf-8") as out:
        for job in jobs:
            try:
                done = run(job)
            except Exception as error:
                done = {"name": job["name"], "frames": [], "error": repr(error)}
            out.write(json.dumps(done) + "\n")
            out.flush()
        out.write('{"end": true}\n')


if __name__ == "__main__":
    main()
