"""OpenStack Swift with its S3 API: an object store that checks signatures, in one folder, four processes."""
import os
import pwd
import shutil
import subprocess

from .fetch import Fetch, FetchError
from .process import LocalError, Process, find_program, free_ports, wait_until

ACCESS_KEY = "test:tester"
SECRET_KEY = "testing"
REGION = "us-east-1"
SERVERS = ("account", "container", "object")
# A server that is slow for a moment is waited for: by default a storage server counts as failed after half a second without a connection,
# and an object is missing in the listing of its bucket when that took longer than one.
PATIENT = """\
conn_timeout = 10
node_timeout = 10
"""

SWIFT_CONF = """\
[swift-hash]
swift_hash_path_prefix = sedge
swift_hash_path_suffix = local

[storage-policy:0]
name = Policy-0
default = yes
"""

# What "swift-ring-builder create, add, rebalance" does, for all rings in one process: it saves seconds.
RINGS = """
import sys
from swift.common.ring import RingBuilder
for arg in sys.argv[2:]:
    name, port = arg.split("=")
    builder = RingBuilder(6, 1, 1)
    builder.add_dev({"region": 1, "zone": 1, "ip": "127.0.0.1", "port": int(port), "device": "sdb1", "weight": 1.0,
                     "replication_ip": "127.0.0.1", "replication_port": int(port), "meta": ""})
    builder.rebalance()
    builder.get_ring().save(sys.argv[1] + "/" + name + ".ring.gz")
"""

STORAGE_CONF = """\
[DEFAULT]
bind_ip = 127.0.0.1
bind_port = {port}
workers = 0
user = {user}
swift_dir = {etc}
devices = {devices}
mount_check = false
disable_fallocate = true
log_level = WARNING
log_facility =

[pipeline:main]
pipeline = {name}-server

[app:{name}-server]
use = egg:swift#{name}
container_update_timeout = 10
{patient}"""

PROXY_CONF = """\
[DEFAULT]
bind_ip = 127.0.0.1
bind_port = {port}
workers = 0
user = {user}
swift_dir = {etc}
log_level = WARNING
log_facility =

[pipeline:main]
pipeline = catch_errors healthcheck cache listing_formats bulk s3api tempauth slo dlo proxy-server

[app:proxy-server]
use = egg:swift#proxy
allow_account_management = true
account_autocreate = true
error_suppression_limit = 1000000
{patient}
[filter:cache]
use = egg:swift#memcache
memcache_servers = 127.0.0.1:{memcache}

[filter:s3api]
use = egg:swift#s3api
allow_no_owner = true
location = {region}

[filter:tempauth]
use = egg:swift#tempauth
user_test_tester = testing .admin

{filters}
"""


class Swift:
    """store = Swift(folder); store.start(); ... store.endpoint ...; store.stop(). Data survives stop and start."""

    def __init__(self, folder, bin_dir):
        self.folder = os.path.abspath(folder)
        self.etc = os.path.join(self.folder, "etc")
        self.devices = os.path.join(self.folder, "srv", "1")
        self.logs = os.path.join(self.folder, "log")
        self.bin_dir = bin_dir
        self.processes = {}
        self.configured = False
        self.ports = dict(zip(SERVERS + ("proxy", "memcache"), free_ports(5)))
        self.access_key, self.secret_key, self.region = ACCESS_KEY, SECRET_KEY, REGION

    @property
    def port(self):
        return self.ports["proxy"]

    @property
    def endpoint(self):
        return f"http://127.0.0.1:{self.port}"

    def settings(self, **more):
        """objectStore settings with credentials, as sedge-fetch and the nucleus take them."""
        return {"endpoint": self.endpoint, "region": REGION, "pathStyle": True, "accessKeyId": ACCESS_KEY,
                "secretAccessKey": SECRET_KEY, **more}

    def fetch(self, **tuning):
        return Fetch(self.bin_dir, self.settings(), **tuning)

    def _write(self, name, text):
        with open(os.path.join(self.etc, name), "w") as f:
            f.write(text)

    def _rings(self):
        args = [f"{name}={self.ports[name]}" for name in SERVERS]
        done = subprocess.run(["/usr/bin/python3", "-c", RINGS, self.etc, *args], capture_output=True, text=True)
        if done.returncode != 0:
            raise LocalError(f"cannot build Swift's rings; is python3-swift installed (packaging/deps demo)?\n{done.stderr}")

    def configure(self):
        for folder in (self.etc, self.logs, os.path.join(self.devices, "sdb1")):
            os.makedirs(folder, exist_ok=True)
        self._check_xattrs()
        self.configured = True
        user = pwd.getpwuid(os.geteuid()).pw_name
        self._write("swift.conf", SWIFT_CONF)
        self._rings()
        for name in SERVERS:
            self._write(f"{name}-server.conf", STORAGE_CONF.format(
                name=name, port=self.ports[name], user=user, etc=self.etc, devices=self.devices, patient=PATIENT))
        plain = ("catch_errors", "healthcheck", "listing_formats", "bulk", "slo", "dlo")
        filters = "\n\n".join(f"[filter:{name}]\nuse = egg:swift#{name}" for name in plain)
        self._write("proxy-server.conf", PROXY_CONF.format(
            port=self.port, user=user, etc=self.etc, memcache=self.ports["memcache"], region=REGION, filters=filters,
            patient=PATIENT))

    def _check_xattrs(self):
        try:
            os.setxattr(self.devices, "user.sedge", b"1")
        except OSError as e:
            raise LocalError(f"{self.folder}: Swift needs a file system with user extended attributes, such as ext4 "
                             f"({e.strerror}); choose another folder") from e

    def start(self, seconds=60):
        if not self.configured:
            self.configure()
        env = dict(os.environ, PYTHONWARNINGS="ignore")
        for name in SERVERS + ("proxy",):
            program = find_program(f"swift-{name}-server")
            self.processes[name] = Process(f"swift-{name}-server", ["/usr/bin/python3", program, os.path.join(
                self.etc, f"{name}-server.conf")], os.path.join(self.logs, f"{name}.log"), env=env)
        for name, process in self.processes.items():
            process.wait_port(self.ports[name], seconds)
        wait_until(self._answers, seconds, f"Swift does not answer; see {self.logs}")
        return self

    def _answers(self):
        """The proxy listens before the storage servers can serve: a signed listing that is answered tells."""
        try:
            with self.fetch(attempts=1) as f:
                f.run({"op": "list", "bucket": "sedge-no-such-bucket", "prefix": ""})
        except FetchError as e:
            return e.code == "not-found"
        return True

    def create_bucket(self, bucket):
        with self.fetch() as f:
            f.run({"op": "put", "url": f"s3://{bucket}"})

    def put(self, bucket, key, file=None, text=None):
        with self.fetch() as f:
            return f.run({"op": "put", "url": f"s3://{bucket}/{key}", **({"file": file} if file else {"text": text})})

    def stop(self):
        for process in reversed(list(self.processes.values())):
            process.popen.terminate()
        for process in self.processes.values():
            process.stop()
        self.processes = {}

    def remove(self):
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        return self.start()

    def __exit__(self, *exc):
        self.stop()
