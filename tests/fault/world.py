"""What the runs share: a broker, the cloud's jobs service, an object store, and devices that are all made the same way.

    with World(bin_dir, folder, 6) as world:
        site = world.take()                # a place for one device; its base has components that run
        site.reset()                       # as the base was left
        site.start(fault="before:write:7")
        ...
        world.give(site)"""
import concurrent.futures
import json
import os
import queue
import shutil
import signal
import sqlite3
import struct
import subprocess
import tempfile
import time

import catalog
from jobs_cloud import JobsCloud
from local import CA, Broker, LocalError, wait_until
from store_server import StoreServer

STATE = struct.Struct("<iiiiq5i")  # struct fault_state in fault.h
KINDS = ("sync", "write", "name", "spawn", "mqtt")
BASE = {"keep": "1.0.0", "app": "1.0.0", "extra": "1.0.0"}
SLOW = any(word in os.environ.get("SEDGE_BIN", "") for word in ("asan", "tsan"))  # under sanitizers
PATIENCE = float(os.environ.get("SEDGE_FAULT_PATIENCE", "180"))  # seconds for what takes one; the machine may be busy


def fast_folder():
    """Thousands of starts: in memory where that is possible."""
    where = os.environ.get("SEDGE_TEST_TMP") or ("/dev/shm" if os.access("/dev/shm", os.W_OK) else "/var/tmp")
    folder = tempfile.mkdtemp(prefix="sdgf", dir=where)
    os.chmod(folder, 0o755)
    return folder


class Site:
    """One device: a folder, a thing, a nucleus that is started and dies over and over."""

    def __init__(self, world, name):
        self.world, self.name = world, name
        self.folder = os.path.join(world.folder, name)
        self.root, self.base = os.path.join(self.folder, "root"), os.path.join(self.folder, "base")
        self.notes = os.path.join(self.folder, "notes")
        self.trace, self.state_file = os.path.join(self.folder, "trace"), os.path.join(self.folder, "state")
        self.console = os.path.join(self.folder, "console")
        self.bucket = f"{catalog.BUCKET}-{name}"
        self.popen = None
        self.cli_runs = 0
        os.makedirs(self.folder)
        os.chmod(self.folder, 0o755)

    # ---- the base ----

    def configuration(self):
        cert, key = self.world.ca.device(self.name)
        nucleus = {"iotDataEndpoint": "localhost", "mqtt": {"port": self.world.broker.device_port},
                   "objectStore": {"endpoint": f"http://127.0.0.1:{self.world.store.port}", "bucket": self.bucket}}
        return {"system": {"thingName": self.name, "certificateFilePath": cert, "privateKeyPath": key,
                           "rootCaPath": self.world.ca.cert,
                           "objectStore": {"accessKeyId": "id", "secretAccessKey": "secret"}},
                "services": {"aws.greengrass.Nucleus": {"configuration": nucleus}}}

    def make_base(self):
        catalog.publish(self.world.store, self.notes, self.bucket)
        path = os.path.join(self.folder, "init.json")
        with open(path, "w", encoding="utf-8") as f:
            json.dump(self.configuration(), f)
        self._fresh_notes()
        self.start(more=["--init-config", path])
        self.world.cloud.create(self.name, "base", catalog.document(1, BASE))
        self.wait(lambda: self.world.cloud.ended(self.name, "base"), "the base deployment")
        assert self.world.cloud.ended(self.name, "base") == "SUCCEEDED", self.log()
        self.wait(lambda: "jobs: reported." in self.log(), "the cloud's answer to its status")
        self.wait(lambda: (found := self.components()) and catalog.at_rest(found), "the components of the base")
        self.stop()
        os.rename(self.root, self.base)

    def _fresh_notes(self):
        with open(self.notes, "w", encoding="utf-8"):
            pass
        os.chmod(self.notes, 0o666)

    def reset(self):
        self.kill()
        shutil.rmtree(self.root, ignore_errors=True)
        os.makedirs(self.root)
        self.copy_base()
        self._fresh_notes()
        for file in (self.trace, self.state_file, self.console):
            if os.path.exists(file):
                os.remove(file)
        self.cli_runs = 0
        self.world.cloud.forget(self.name)
    def copy_base(self):
        """Into the root, which is empty, with owners."""
        shutil.copytree(self.base, self.root, symlinks=True, dirs_exist_ok=True)
        for folder, _, files in os.walk(self.base):
            for entry in (folder, *(os.path.join(folder, f) for f in files)):
                st = os.lstat(entry)
                os.chown(entry.replace(self.base, self.root, 1), st.st_uid, st.st_gid, follow_symlinks=False)

    # ---- the nucleus ----

    def start(self, fault=None, more=(), watch=False, env=None, before=()):
        """fault: see fault.h; watch: count and trace without one."""
        argv = [*before, os.path.join(self.world.bin, "sedge-nucleus"), "--root", self.root, *more]
        if os.geteuid() == 0:
            argv += ["--component-default-user", "nobody:nogroup"]
        environment = dict(os.environ, **(env or {}))
        if fault or watch:
            environment.update(LD_PRELOAD=self.world.library, SEDGE_FAULT_ROOT=self.root, SEDGE_FAULT_STATE=self.state_file,
                               SEDGE_FAULT_TRACE=self.trace)
            environment["ASAN_OPTIONS"] = "verify_asan_link_order=0:" + environment.get("ASAN_OPTIONS", "")
        if fault:
            environment["SEDGE_FAULT"] = fault
        with open(self.console, "ab") as out:
            self.popen = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT, env=environment)

    def running(self):
        return self.popen is not None and self.popen.poll() is None

    def kill(self):
        if self.running():
            self.popen.kill()
            self.popen.wait()

    def stop(self):
        if not self.running():
            return
        self.popen.send_signal(signal.SIGTERM)
        try:
            self.popen.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.kill()
            raise LocalError(f"the nucleus does not end\n{self.log()[-3000:]}") from None

    def wait(self, check, what, seconds=None):
        """Until check() is true; an AssertionError with the log when the nucleus ends before, or time is up."""
        deadline = time.monotonic() + max(seconds or 0, PATIENCE)
        while True:
            value = check()
            if value:
                return value
            assert self.running(), f"the nucleus ended with {self.popen.returncode} before {what}\n{self.tail()}"
            assert time.monotonic() < deadline, f"timed out: {what}\n{self.tail()}"
            time.sleep(0.01)

    def tail(self):
        parts = []
        for path in (self.console, os.path.join(self.root, "logs", "greengrass.log")):
            try:
                with open(path, encoding="utf-8", errors="replace") as f:
                    parts.append(f.read()[-6000:])
            except OSError:
                pass
        return "\n".join(parts)

    def log(self):
        try:
            with open(os.path.join(self.root, "logs", "greengrass.log"), encoding="utf-8", errors="replace") as f:
                return f.read()
        except OSError:
            return ""

    def cli(self, *words):
        return subprocess.run([os.path.join(self.world.bin, "sedge"), "--ggcRootPath", self.root, *words],
                              capture_output=True, text=True, timeout=PATIENCE)

    # ---- what is to be seen of it ----

    def fault_state(self):
        """(fired, healed, total, {kind: count}) of the library."""
        try:
            with open(self.state_file, "rb") as f:
                fields = STATE.unpack(f.read(STATE.size))
        except (OSError, struct.error):  # the library has not begun
            fields = (0,) * 10
        return fields[1], fields[2], fields[3], dict(zip(KINDS, fields[5:]))

    def heal(self):
        with open(self.state_file, "r+b") as f:
            f.seek(8)
            f.write(struct.pack("<i", 1))

    def components(self):
        """name -> (version, state) of those that are not built in."""
        done = self.cli("component", "list", "--json")
        if done.returncode != 0:
            return None
        return {c["componentName"]: (c["version"], c["state"]) for c in json.loads(done.stdout)
                if not c["componentName"].startswith("aws.") and c["componentName"] in
                ("keep", "app", "extra", "boot", "boot2", "bad", "badboot", "own")}

    def database(self, query, file="nucleus.db"):
        """Rows of a database that nobody has open, or of a copy of one that was left by a kill."""
        copies = tempfile.mkdtemp(dir=self.folder)
        try:
            for end in ("", "-wal"):
                path = os.path.join(self.root, "state", file + end)
                if os.path.exists(path):
                    shutil.copy(path, os.path.join(copies, file + end))
            with sqlite3.connect(os.path.join(copies, file)) as db:
                rows = db.execute(query).fetchall()
            db.close()
            return rows
        except sqlite3.OperationalError:
            return []
        finally:
            shutil.rmtree(copies)

    def set_configuration(self, path, value):
        """Of a device that is not running."""
        with sqlite3.connect(os.path.join(self.root, "state", "nucleus.db")) as db:
            assert db.execute("UPDATE config SET value = ? WHERE path = ?", (json.dumps(value), path)).rowcount == 1, path
        db.close()

    def steps(self):
        with open(self.notes, encoding="utf-8") as f:
            return [tuple(line.split()) for line in f]

    def files(self):
        """Every name below the root but logs, with the size of what does not change by itself."""
        found = set()
        for folder, folders, files in os.walk(self.root):
            place = os.path.relpath(folder, self.root)
            if place.split("/")[0] in ("logs", "work"):
                folders.clear()
                continue
            for name in files:
                path = os.path.join(folder, name)
                fixed = place.startswith("packages") and not os.path.islink(path)
                entry = os.path.join(place, name) if not place.startswith("cli_ipc_info") else "cli_ipc_info/*"
                found.add((entry, os.path.getsize(path) if fixed else None))
            found.update((os.path.join(place, name) + "/", None) for name in folders)
        return found


class World:
    def __init__(self, bin_dir, sites, folder=None):
        self.bin, self.count = bin_dir, sites
        self.library = os.path.join(os.path.dirname(bin_dir), "tests", "fault.so")
        self.folder, self.own = folder or fast_folder(), folder is None
        self.free = queue.Queue()
        self.sites = []

    def __enter__(self):
        self.ca = CA(os.path.join(self.folder, "ca"))
        cert, key = self.ca.server("localhost", "127.0.0.1")
        self.broker = Broker(os.path.join(self.folder, "broker"), self.ca.cert, cert, key, self.ca.crl()).start()
        self.store = StoreServer(os.path.join(self.folder, "store"))
        self.cloud = JobsCloud(self.broker.service_port, "fleet-service", self.broker.password).connect()
        self.sites = [Site(self, f"w{i:02}") for i in range(self.count)]
        with concurrent.futures.ThreadPoolExecutor(self.count) as pool:
            list(pool.map(Site.make_base, self.sites))
        for site in self.sites:
            self.free.put(site)
        return self

    def __exit__(self, *exc):
        for site in self.sites:
            site.kill()
        self.cloud.disconnect()
        self.store.stop()
        self.broker.stop()
        if self.own:
            shutil.rmtree(self.folder, ignore_errors=True)

    def take(self):
        return self.free.get()

    def give(self, site):
        site.kill()
        self.free.put(site)
