"""An independent subscriber: mosquitto_sub in a process of its own, its lines kept with the time of arrival."""
import json
import subprocess
import threading
import time

from .process import LocalError, find_program, patience

CHATTER = ("Client ", "Subscribed ")  # of mosquitto_sub itself
SUBSCRIBE_SECONDS = 20


class Observer:
    def __init__(self, port, user, password, topic):
        # Its own persistent session would hide what the device does; a clean one sees only what arrives now.
        argv = ["stdbuf", "-oL", find_program("mosquitto_sub"), "-d", "-h", "127.0.0.1", "-p", str(port), "-u", user, "-P", password, "-t", topic, "-q", "1", "-V", "5"]
        self.popen = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.messages = []
        self.changed, self.subscribed = threading.Condition(), threading.Event()
        threading.Thread(target=self._read, daemon=True).start()
        if not self.subscribed.wait(SUBSCRIBE_SECONDS * patience()):
            raise LocalError(f"mosquitto_sub has no subscription to {topic} after {SUBSCRIBE_SECONDS * patience():g} s")

    def _read(self):
        for line in self.popen.stdout:
            if line.startswith(CHATTER):
                if "SUBACK" in line:
                    self.subscribed.set()
                continue
            try:
                message = json.loads(line)
            except ValueError:
                message = {"unreadable": line}
            with self.changed:
                self.messages.append((time.monotonic(), message))
                self.changed.notify_all()

    def count(self):
        with self.changed:
            return len(self.messages)

    def wait_more(self, count, seconds, what):
        """The messages that came after now, once there are `count` of them."""
        start = self.count()
        seconds *= patience()
        deadline = time.monotonic() + seconds
        with self.changed:
            while len(self.messages) < start + count:
                left = deadline - time.monotonic()
                if left <= 0:
                    got = len(self.messages) - start
                    raise LocalError(f"{what}: expected {count} messages within {seconds:g} s, the subscriber got {got}")
                self.changed.wait(left)
            return self.messages[start:start + count]

    def stop(self):
        self.popen.terminate()
        self.popen.wait()
