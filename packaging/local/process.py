"""Processes that end with us, free ports, and waits with a deadline."""
import collections
import ctypes
import os
import signal
import socket
import subprocess
import time

PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)
# Bound, not listening: nobody is given these ports by chance, and a server that sets SO_REUSEADDR, as all do, may take one.
_held = collections.deque(maxlen=64)


class LocalError(Exception):
    """Something could not be started; the text says what and why."""


def free_ports(count, host="127.0.0.1"):
    """Ports nobody listens on, all different. They are kept for us; those of long ago are given up when there are many."""
    ports = []
    for _ in range(count):
        s = socket.socket()
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind((host, 0))
        _held.append(s)
        ports.append(s.getsockname()[1])
    return ports


def free_port():
    return free_ports(1)[0]


def check_free(ports, host="127.0.0.1"):
    """LocalError if somebody listens on one of the ports: many servers say so in their own log only, or not at all."""
    for port in ports:
        with socket.socket() as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                s.bind((host, port))
            except OSError as error:
                raise LocalError(f"port {port} of {host} is taken by another program ({error.strerror}); \"ss -ltnp\" tells by which. "
                                 f"Stop it, or choose another port") from error


def _die_with_parent():
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Process:
    """One program in the foreground, its output in a log file. Killed when the thread that started it ends."""

    def __init__(self, name, argv, log, env=None, cwd=None, user=None):
        self.name, self.argv, self.log = name, argv, log
        with open(log, "ab") as out:
            self.popen = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT,
                                          env=env, cwd=cwd, user=user, preexec_fn=_die_with_parent)

    @property
    def pid(self):
        return self.popen.pid

    def running(self):
        return self.popen.poll() is None

    def log_tail(self, lines=15):
        try:
            with open(self.log, errors="replace") as f:
                return "".join(f.readlines()[-lines:])
        except OSError:
            return ""

    def wait_port(self, port, seconds=30, host="127.0.0.1"):
        seconds *= patience()
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if not self.running():
                raise LocalError(f"{self.name} ended with status {self.popen.returncode}:\n{self.log_tail()}")
            try:
                socket.create_connection((host, port), 1).close()
                return
            except OSError:
                time.sleep(0.05)
        raise LocalError(f"{self.name} does not listen on port {port} after {seconds:g} s:\n{self.log_tail()}")

    def stop(self, seconds=20):
        """Killed after the deadline: what the program keeps for its next start may be lost then."""
        if self.running():
            self.popen.terminate()
            try:
                self.popen.wait(seconds * patience())
            except subprocess.TimeoutExpired:
                self.kill()

    def kill(self):
        if self.running():
            self.popen.kill()
        self.popen.wait()


def patience():
    """By how much deadlines are longer than on an idle machine with plain programs: SEDGE_PATIENCE, 1 if it is not set."""
    return float(os.environ.get("SEDGE_PATIENCE", "1"))


def wait_until(check, seconds, what, step=0.05):
    """Returns the first true value of check(); LocalError after the deadline. what: a text, or a function that returns it then."""
    seconds *= patience()
    deadline = time.monotonic() + seconds
    while True:
        value = check()
        if value:
            return value
        if time.monotonic() >= deadline:
            raise LocalError(f"timed out after {seconds:g} s: {what() if callable(what) else what}")
        time.sleep(step)


def find_program(name):
    """Path of a program, also where administrators' programs are (an ordinary user's PATH lacks those)."""
    for folder in os.environ.get("PATH", "").split(":") + ["/usr/sbin", "/usr/local/sbin", "/sbin"]:
        path = os.path.join(folder or ".", name)
        if os.access(path, os.X_OK) and os.path.isfile(path):
            return path
    raise LocalError(f"the program {name} is not installed; run packaging/deps demo")
