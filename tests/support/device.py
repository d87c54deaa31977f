"""One device: sedge-nucleus on a root of its own, driven by the command line as a user does it."""
import contextlib
import json
import os
import re
import shutil
import subprocess
import time

from local import LocalError, Process, wait_until

from .folder import temporary_folder
from .ipc_client import Ipc

ENDED = ("SUCCEEDED", "FAILED", "CANCELED", "REJECTED")
STOP_SECONDS = 60  # a nucleus that is killed leaves its socket, its processes and what it had not written


def _read(path):
    try:
        with open(path, "rb") as f:
            return f.read()
    except OSError:
        return b""


def _list(folder):
    try:
        return os.listdir(folder)
    except OSError:
        return []


class Device:
    """device = Device(folder, bin_dir).start(); device.recipe(...); device.deploy_ok("a=1.0.0"); device.stop()

    Recipes and artifacts are written below `folder` and given with each deployment. Components run as nobody when the
    tests run as root, otherwise as the user of the tests."""

    bad_bytes = "replace"  # what becomes of them in log()

    def __init__(self, folder, bin_dir):
        os.chmod(folder, 0o755)  # the components' user must get through
        self.folder, self.bin = folder, bin_dir
        self.root = os.path.join(folder, "root")
        self.socket = os.path.join(self.root, "ipc.socket")
        self.recipes, self.artifacts = os.path.join(folder, "recipes"), os.path.join(folder, "artifacts")
        self.console = os.path.join(folder, "nucleus.out")
        self.process = None
        self.default_user = "nobody:nogroup"  # of components, when the tests run as root
        for path in (self.recipes, self.artifacts):
            os.makedirs(path, exist_ok=True)

    # ---- the nucleus ----

    def start(self, *words, env=None, wait=True, before=()):
        """before: words in front of the command, such as setpriv and its options."""
        argv = [*before, os.path.join(self.bin, "sedge-nucleus"), "--root", self.root, *words]
        if os.geteuid() == 0 and self.default_user:
            argv += ["--component-default-user", self.default_user]
        self.process = Process("sedge-nucleus", argv, self.console, env=dict(os.environ, **(env or {})))
        if wait:
            wait_until(lambda: self.answers() or not self.process.running(), 60, "sedge-nucleus to answer")
            if not self.process.running():
                raise LocalError(f"sedge-nucleus ended:\n{self.process.log_tail()}")
        return self

    def answers(self):
        return self.cli("component", "list").returncode == 0

    def stop(self):
        if self.process:
            self.process.stop(STOP_SECONDS)

    def kill(self):
        self.process.kill()

    def restart(self):
        self.stop()
        return self.start()

    # ---- the command line ----

    def cli(self, *words, stdin=None):
        """The finished command; its exit code is in .returncode."""
        return subprocess.run([os.path.join(self.bin, "sedge"), "--ggcRootPath", self.root, *words], capture_output=True,
                              text=True, timeout=180, input=stdin)

    def sedge(self, *words, stdin=None):
        done = self.cli(*words, stdin=stdin)
        assert done.returncode == 0, f"sedge {' '.join(words)}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout

    def components(self):
        return {c["componentName"]: c for c in json.loads(self.sedge("component", "list", "--json"))}

    def details(self, name):
        return json.loads(self.sedge("component", "details", "--name", name, "--json"))

    def state(self, name):
        return self.components().get(name, {}).get("state")

    def pid(self, name):
        return self.details(name)["pid"]

    # ---- the socket ----

    def token(self, name):
        """Of the component's process that runs now: each launch has another one."""
        def given():
            try:
                with open(f"/proc/{self.details(name)['pid']}/environ", "rb") as f:
                    found = [line[7:].decode() for line in f.read().split(b"\0") if line.startswith(b"SVCUID=")]
            except (KeyError, OSError):
                return None
            return found[0] if found else None
        return wait_until(given, 60, f"the token of {name}")

    def ipc(self, name):
        """A connection as this component."""
        return Ipc(self.socket, self.token(name))

    def cli_ipc(self):
        """A connection as the command line."""
        folder = os.path.join(self.root, "cli_ipc_info")
        with open(os.path.join(folder, os.listdir(folder)[0]), encoding="utf-8") as f:
            return Ipc(self.socket, json.load(f)["cli_auth_token"])

    # ---- what is deployed ----

    def write(self, path, text, mode=0o644):
        path = os.path.join(self.folder, path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as f:
            f.write(text if isinstance(text, bytes) else text.encode())
        os.chmod(path, mode)
        return path

    def recipe(self, name, version, lifecycle, depends=None, configuration=None, artifacts=None, **more):
        """lifecycle: the run script, or an object. depends: name -> requirement or [requirement, "SOFT"]."""
        dependencies = {}
        for other, what in (depends or {}).items():
            requirement, kind = what if isinstance(what, (list, tuple)) else (what, "HARD")
            dependencies[other] = {"VersionRequirement": requirement, "DependencyType": kind}
        recipe = {"RecipeFormatVersion": "2020-01-25", "ComponentName": name, "ComponentVersion": version,
                  "ComponentConfiguration": {"DefaultConfiguration": configuration or {}},
                  "ComponentDependencies": dependencies,
                  "Manifests": [{"Platform": {"os": "linux"}, "Artifacts": artifacts or [],
                                 "Lifecycle": {"run": lifecycle} if isinstance(lifecycle, str) else lifecycle}], **more}
        return self.write(f"recipes/{name}-{version}.json", json.dumps(recipe, indent=2))

    def artifact(self, name, version, file, text, mode=0o755):
        return self.write(f"artifacts/{name}/{version}/{file}", text, mode)

    def copy_recipe(self, path):
        shutil.copy(path, self.recipes)

    def create(self, *merge, remove=(), update=None, policy=None, more=()):
        words = ["deployment", "create", "--recipeDir", self.recipes, "--artifactDir", self.artifacts]
        for m in merge:
            words += ["--merge", m]
        for r in remove:
            words += ["--remove", r]
        if update is not None:
            words += ["--update-config", json.dumps(update)]
        if policy:
            words += ["--failure-handling-policy", policy]
        return json.loads(self.sedge(*words, "--json", *more))["deploymentId"]

    def status(self, deployment):
        return json.loads(self.sedge("deployment", "status", "-i", deployment, "--json"))

    def wait(self, deployment, seconds=60):
        """The status at its end. A program for each look is expensive, above all under the sanitizers: mostly the log tells when to look."""
        looked = 0

        def ended():
            nonlocal looked
            if time.monotonic() < looked + 0.5 and f"deployment-finished. id={deployment}" not in self.log():
                return None
            looked = time.monotonic()
            status = self.status(deployment)
            return status if status["status"] in ENDED else None

        try:
            return wait_until(ended, seconds, f"deployment {deployment} to end")
        except LocalError as error:
            raise LocalError(f"{error}\n{json.dumps(self.status(deployment))}\n{self.components()}\n{self.log()[-3000:]}")

    def wait_phase(self, deployment, phase, seconds=60):
        def there():
            status = self.status(deployment)
            assert status["status"] not in ENDED, f"ended before {phase}: {status}"
            return status.get("progress", {}).get("phase") == phase

        wait_until(there, seconds, f"deployment {deployment} to reach {phase}", step=0.01)

    def deploy_ok(self, *merge, **more):
        deployment = self.create(*merge, **more)
        status = self.wait(deployment)
        assert status["status"] == "SUCCEEDED", f"{json.dumps(status, indent=1)}\n{self.log()[-3000:]}"
        return deployment

    def deploy_failing(self, *merge, **more):
        """What the user reads with `deployment status`, and the details as an object."""
        deployment = self.create(*merge, **more)
        status = self.wait(deployment)
        assert status["status"] == "FAILED", json.dumps(status)
        return self.sedge("deployment", "status", "-i", deployment), status["deploymentStatusDetails"]

    # ---- logs ----

    def log(self, name="greengrass"):
        """All whole lines that have been logged, also before the log was rotated: that happens at each full hour."""
        while True:
            older = self._older_logs(name)
            data = b"".join(_read(file) for file in [*older, os.path.join(self.root, "logs", f"{name}.log")])
            if self._older_logs(name) == older:
                return data[:data.rfind(b"\n") + 1].decode(errors=self.bad_bytes)

    def _older_logs(self, name):
        folder = os.path.join(self.root, "logs")
        found = [re.fullmatch(re.escape(name) + r"_(\d{4}(?:_\d\d){3})_(\d+)\.log", file) for file in _list(folder)]
        return [os.path.join(folder, m[0]) for m in sorted(filter(None, found), key=lambda m: (m[1], int(m[2])))]

    def wait_log(self, name, text, seconds=30, count=1):
        wait_until(lambda: self.log(name).count(text) >= count, seconds,
                   lambda: f"\"{text}\" {count} times in {name}.log, which has:\n{self.log(name)[-2000:]}")

    def output(self, name):
        """The lines that a component printed."""
        return [line.split(": stdout. ", 1)[1].split(". {", 1)[0] for line in self.log(name).splitlines() if ": stdout. " in line]

    def wait_output(self, name, *lines):
        """Until the component has printed these lines and no others: a deployment may be over before a script is."""
        wait_until(lambda: self.output(name) == list(lines), 60, lambda: f"{name} to print {lines}; it has printed {self.output(name)}")

    def wait_state(self, name, state, seconds=60):
        wait_until(lambda: self.state(name) == state, seconds,
                   lambda: f"{name} to be {state}: {self.components()}\n{self.log(name)[-3000:]}")

    def processes(self, marker):
        """Ids of the processes that have `marker` in their command line; the helper in front of each script does not count."""
        found = []
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{pid}/cmdline", "rb") as f:
                    line = f.read()
                program = os.path.basename(os.readlink(f"/proc/{pid}/exe"))
            except OSError:
                continue
            if marker.encode() in line and program != "sedge-exec" and int(pid) != os.getpid():
                found.append(int(pid))
        return found


@contextlib.contextmanager
def temporary_device(bin_dir, *words, start=True, kind=Device):
    """A device of that class in a folder of its own. words: of the nucleus, when it is started here."""
    with temporary_folder() as folder:
        device = kind(folder, bin_dir)
        try:
            yield device.start(*words) if start else device
        finally:
            device.stop()
