"""The program sedge-fetch, driven from Python: one JSON object a line, see nucleus/fetch/protocol.h."""
import json
import os
import select
import subprocess
import time


class FetchError(Exception):
    """The error event of a request."""

    def __init__(self, event):
        super().__init__(event["message"])
        self.code, self.stack, self.message, self.event = event["code"], event["stack"], event["message"], event


class Fetch:
    """with Fetch(bin_dir, settings, attempts=3) as f: answer = f.run({...})   # or f.send(...), f.wait(id)"""

    def __init__(self, bin_dir, store=None, env=None, **config):
        self.program = os.path.join(bin_dir, "sedge-fetch")
        self.config = {"op": "config", **({"objectStore": store} if store is not None else {}), **config}
        self.env = env
        self.events = {}  # id -> all events so far
        self.last_id = 0
        self.buffer = b""

    def __enter__(self):
        self.popen = subprocess.Popen([self.program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=self.env)
        self._line(self.config)
        return self

    def __exit__(self, *exc):
        self.popen.stdin.close()
        if exc[0] is not None:
            self.popen.kill()
        try:
            self.status = self.popen.wait(30)
        except subprocess.TimeoutExpired:
            self.popen.kill()
            self.status = self.popen.wait()
        self.popen.stdout.close()

    def _line(self, value):
        self.popen.stdin.write(json.dumps(value).encode() + b"\n")
        self.popen.stdin.flush()

    def send(self, request):
        self.last_id += 1
        self.events[self.last_id] = []
        self._line({**request, "id": self.last_id})
        return self.last_id

    def cancel(self, request_id):
        self._line({"op": "cancel", "id": request_id})

    def next_event(self, seconds=60):
        deadline = time.monotonic() + seconds
        while b"\n" not in self.buffer:
            ready, _, _ = select.select([self.popen.stdout], [], [], max(0, deadline - time.monotonic()))
            if not ready:
                raise TimeoutError(f"sedge-fetch says nothing for {seconds} s")
            data = os.read(self.popen.stdout.fileno(), 65536)
            if not data:
                raise EOFError(f"sedge-fetch ended with status {self.popen.wait()}")
            self.buffer += data
        line, self.buffer = self.buffer.split(b"\n", 1)
        event = json.loads(line)
        self.events.setdefault(event["id"], []).append(event)
        return event

    def wait(self, request_id, seconds=60):
        """The done event; FetchError for an error event."""
        while True:
            for event in self.events[request_id]:
                if event["event"] == "done":
                    return event
                if event["event"] == "error":
                    raise FetchError(event)
            self.next_event(seconds)

    def run(self, request, seconds=60):
        return self.wait(self.send(request), seconds)
