"""mosquitto with a TLS listener for devices and a loopback listener for the cloud service (spec: broker.md, 4)."""
import os
import pwd
import secrets
import signal
import subprocess

from .process import Process, find_program, free_ports

SERVICE_USER = "fleet-service"
OBSERVER_USER = "observer"
DEMO_TOPICS = ("ml/dlr/image-classification",)

CONF = """\
per_listener_settings true
user {user}

persistence true
persistence_location {data}/
autosave_interval 30
persistent_client_expiration 30d

max_queued_messages 2000
max_queued_bytes 4194304
max_inflight_messages 20
message_size_limit 131072

log_dest stderr
log_type error
log_type warning
log_type notice
log_timestamp_format %Y-%m-%dT%H:%M:%S

# devices: mutual TLS, identity = common name of the certificate
listener {device_port} 127.0.0.1
allow_anonymous false
cafile {ca}
certfile {cert}
keyfile {key}
{crl}
require_certificate true
use_identity_as_username true
use_username_as_clientid true
tls_version tlsv1.2
acl_file {folder}/devices.acl

# the cloud service and observers: loopback only, password
listener {service_port} 127.0.0.1
allow_anonymous false
password_file {folder}/service.pw
acl_file {folder}/service.acl
"""

DEVICES_ACL = """\
# %u = common name of the certificate
pattern read  $aws/things/%u/#
pattern write $aws/things/%u/jobs/get
pattern write $aws/things/%u/jobs/start-next
pattern write $aws/things/%u/jobs/+/get
pattern write $aws/things/%u/jobs/+/update
pattern write $aws/things/%u/jobs/+/namespace-aws-gg-deployment/get
pattern write $aws/things/%u/jobs/+/namespace-aws-gg-deployment/update
pattern write $aws/things/%u/shadow/name/+/get
pattern write $aws/things/%u/shadow/name/+/update
pattern write $aws/things/%u/shadow/name/+/delete
pattern write $aws/things/%u/greengrassv2/health/json
pattern write $aws/things/%u/greengrass/health/json
# application data of the device itself
pattern readwrite dt/%u/#
"""

SERVICE_ACL = """\
user {service}
topic readwrite $aws/things/#
topic readwrite $aws/events/#
topic read dt/#
topic read $SYS/#

# somebody who watches: sees everything, says nothing
user {observer}
topic read #
topic read $aws/things/#
topic read $SYS/#
"""


class Broker:
    """broker = Broker(folder, ca=ca.cert, cert=cert, key=key).start(); ... broker.stop() or broker.kill()

    topics: application topics that devices may publish and subscribe to beyond their own. Data survives stop, start and,
    as far as mosquitto promises (autosave), kill."""

    def __init__(self, folder, ca, cert, key, crl=None, topics=DEMO_TOPICS, device_port=None, service_port=None):
        self.folder = os.path.abspath(folder)
        self.ca, self.cert, self.key, self.crl, self.topics = ca, cert, key, crl, tuple(topics)
        ports = free_ports(2)
        self.device_port, self.service_port = device_port or ports[0], service_port or ports[1]
        self.password, self.observer_password = secrets.token_hex(16), secrets.token_hex(16)
        self.conf = os.path.join(self.folder, "mosquitto.conf")
        self.process = None

    def _write(self, name, text, mode=0o600):
        path = os.path.join(self.folder, name)
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "w") as f:
            f.write(text)
        return path

    def configure(self):
        data = os.path.join(self.folder, "data")
        os.makedirs(data, exist_ok=True)
        # "pattern" also without %u: a "topic" line would count for anonymous clients only.
        extra = "".join(f"pattern readwrite {t}\n" for t in self.topics)
        self._write("devices.acl", DEVICES_ACL + extra)
        self._write("service.acl", SERVICE_ACL.format(service=SERVICE_USER, observer=OBSERVER_USER))
        passwords = self._write("service.pw", f"{SERVICE_USER}:{self.password}\n"
                                              f"{OBSERVER_USER}:{self.observer_password}\n")
        subprocess.run([find_program("mosquitto_passwd"), "-U", passwords], check=True, capture_output=True)
        self._write("mosquitto.conf", CONF.format(
            user=pwd.getpwuid(os.geteuid()).pw_name, data=data, folder=self.folder, device_port=self.device_port,
            service_port=self.service_port, ca=self.ca, cert=self.cert, key=self.key,
            crl=f"crlfile {self.crl}" if self.crl else ""))

    def start(self, seconds=20):
        os.makedirs(self.folder, exist_ok=True)
        if self.process is None:
            self.configure()
        self.process = Process("mosquitto", [find_program("mosquitto"), "-c", self.conf],
                               os.path.join(self.folder, "mosquitto.log"))
        self.process.wait_port(self.service_port, seconds)
        self.process.wait_port(self.device_port, seconds)
        return self

    def reload(self):
        """Reads ACLs, passwords and CRL again."""
        self.process.popen.send_signal(signal.SIGHUP)

    def stop(self):
        if self.process:
            self.process.stop()

    def kill(self):
        self.process.kill()

    def client(self, program, *args, user=OBSERVER_USER):
        """Command line of mosquitto_sub or mosquitto_pub on the service listener."""
        password = self.observer_password if user == OBSERVER_USER else self.password
        return [find_program(program), "-h", "127.0.0.1", "-p", str(self.service_port), "-u", user, "-P", password, *args]

    def device_client(self, program, name, cert, key, *args):
        """Command line of mosquitto_sub or mosquitto_pub as a device."""
        return [find_program(program), "-h", "127.0.0.1", "-p", str(self.device_port), "-i", name, "--cafile", self.ca,
                "--cert", cert, "--key", key, *args]

    def __enter__(self):
        return self.start()

    def __exit__(self, *exc):
        self.stop()
