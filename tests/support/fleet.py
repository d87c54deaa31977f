"""Devices of a cloud: a Site of packaging/local, and as many nuclei as a test wants. Names are the test's own."""
import contextlib
import json
import os

from local import wait_until

from .device import Device

ENDED = ("SUCCEEDED", "FAILED", "REJECTED", "CANCELED", "TIMED_OUT")


def _target(of):
    return of if of.startswith("thing:") else f"group:{of}"


class Fleet:
    """fleet.publish(...); fleet.join("group", fleet.device("cam-1")); fleet.deploy("group", {"a": "1.0.0"})

    A target is the name of a group, or "thing:NAME"."""

    def __init__(self, site, folder, bin_dir):
        self.site, self.folder, self.bin = site, folder, bin_dir
        self.devices = []

    def bundle(self, name, root):
        """Registers a thing; returns the folder with its key, certificate and configuration."""
        folder = os.path.join(self.folder, f"{name}-bundle")
        self.site.cloud("thing", "create", name, "--out", folder, "--root", root)
        return folder

    def device(self, name, start=True):
        folder = os.path.join(self.folder, name)
        os.makedirs(folder)
        device = Device(folder, self.bin)
        device.name, device.bundle = name, self.bundle(name, device.root)
        self.devices.append(device)
        if start:
            self.connect(device)
        return device

    def connect(self, device, *words):
        connections = device.log().count("mqtt-connected")
        device.start("--init-config", os.path.join(device.bundle, "config.yaml"), *words)
        device.wait_log("greengrass", "mqtt-connected", 30, connections + 1)
        return device

    def join(self, group, *devices):
        self.site.cloud("group", "add-thing", group, *[d.name for d in devices], "--create")

    def publish(self, name, version, lifecycle, files=None, artifacts=None, depends=None, configuration=None):
        """files: file name -> content."""
        folder = os.path.join(self.folder, f"publish-{name}-{version}")
        os.makedirs(folder)
        recipe = {"RecipeFormatVersion": "2020-01-25", "ComponentName": name, "ComponentVersion": version,
                  "ComponentConfiguration": {"DefaultConfiguration": configuration or {}},
                  "ComponentDependencies": {k: {"VersionRequirement": v} for k, v in (depends or {}).items()},
                  "Manifests": [{"Artifacts": artifacts or [{"URI": f, "Permission": {"Read": "ALL", "Execute": "ALL"}} for f in files or {}],
                                 "Lifecycle": {"run": lifecycle} if isinstance(lifecycle, str) else lifecycle}]}
        for file, content in {**(files or {}), "recipe.json": json.dumps(recipe)}.items():
            with open(os.path.join(folder, file), "wb") as f:
                f.write(content if isinstance(content, bytes) else content.encode())
        self.site.cloud("component", "publish", folder)

    def deploy(self, target, components, **policies):
        """components: name -> version, or the object of the AWS CLI's input."""
        kind, name = _target(target).split(":")
        document = {"targetArn": f"arn:aws:iot:local:000000000000:{'thing' if kind == 'thing' else 'thinggroup'}/{name}",
                    "components": {n: {"componentVersion": c} if isinstance(c, str) else c for n, c in components.items()}}
        if policies:
            document["deploymentPolicies"] = policies
        path = os.path.join(self.folder, f"deployment-{kind}-{name}.json")
        with open(path, "w", encoding="utf-8") as f:
            json.dump(document, f)
        self.site.cloud("deploy", "create", "-f", path)

    def row(self, target, device, revision=None):
        target = _target(target) + (f":{revision}" if revision else "")
        shown = self.site.cloud_json("deploy", "show", target, "--devices")
        rows = [d for d in shown.get("devices", []) if d.get("thing", d.get("thingName")) == device.name]
        return rows[0] if rows else {}

    def wait(self, target, device, wanted, revision=None, seconds=40):
        def ended():
            row = self.row(target, device, revision)
            return row if row.get("status") in ENDED else None

        row = wait_until(ended, seconds, f"{device.name} to end the deployment", step=0.25)
        assert row["status"] == wanted, f"{json.dumps(row)}\n{device.log()[-3000:]}"
        return row

    def show(self, group, revision=None):
        """What the operator reads."""
        return self.site.cloud("deploy", "show", f"group:{group}" + (f":{revision}" if revision else ""), "--devices", "--errors")

    def stop(self):
        for device in self.devices:
            device.stop()

    close = stop


@contextlib.contextmanager
def running_site(site, swift):
    """Its broker and cloud side run, on an object store that others use too."""
    site.swift = swift
    site.init_cloud()
    site.start_broker()
    site.start_serve()
    try:
        yield site
    finally:
        for part in (site.serve, site.broker):
            part.stop()
