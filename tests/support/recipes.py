"""Recipes as a user writes them, on a real nucleus: one device for a module, new recipe and artifact folders for each test."""
import json
import os

import pytest

from local import wait_until
from support.device import Device, temporary_device

LINUX = {"os": "linux"}


class Recipes(Device):
    """recipes.put("a", "echo hi"); recipes.deploy("a"); recipes.said("a") == ["hi"]"""

    round = 0

    def next_test(self):
        """What earlier tests have written is not given to later deployments."""
        Recipes.round += 1
        self.recipes = os.path.join(self.folder, f"recipes{Recipes.round}")
        self.artifacts = os.path.join(self.folder, f"artifacts{Recipes.round}")
        for path in (self.recipes, self.artifacts):
            os.makedirs(path)
            os.chmod(path, 0o755)

    def put(self, name, lifecycle=None, version="1.0.0", manifests=None, artifacts=None, configuration=None, depends=None, **top):
        """lifecycle: the run script, or an object; `top` replaces or adds members of the recipe."""
        if manifests is None:
            lifecycle = {"Run": lifecycle} if isinstance(lifecycle, str) else lifecycle
            manifests = [{"Platform": LINUX, "Lifecycle": lifecycle, "Artifacts": artifacts or []}]
        recipe = {"RecipeFormatVersion": "2020-01-25", "ComponentName": name, "ComponentVersion": version, "Manifests": manifests}
        if configuration is not None:
            recipe["ComponentConfiguration"] = {"DefaultConfiguration": configuration}
        if depends:
            recipe["ComponentDependencies"] = {other: what if isinstance(what, dict) else {"VersionRequirement": what}
                                               for other, what in depends.items()}
        recipe.update(top)
        return self.text(f"{name}-{version}.json", json.dumps(recipe, indent=1))

    def text(self, file, text):
        return self.write(os.path.join(self.recipes, file), text)

    def yaml(self, name, body, version="1.0.0", file=None):
        """A recipe in YAML: the head, then `body` as it is."""
        head = f"RecipeFormatVersion: '2020-01-25'\nComponentName: {name}\nComponentVersion: '{version}'\n"
        return self.text(file or f"{name}-{version}.yaml", head + body)

    def place(self, name, file, data="data", version="1.0.0", mode=0o644):
        """An artifact that is given with the deployment."""
        return self.write(os.path.join(self.artifacts, name, version, file), data, mode)

    def deploy(self, *names, ends=True, **more):
        """ends: the scripts do, and are waited for. A deployment alone is over when they have run for a second."""
        self.deploy_ok(*(n if "=" in n else f"{n}=1.0.0" for n in names), **more)
        wanted = [n.partition("=")[0] for n in names if ends and not n.startswith("aws.")]
        wait_until(lambda: all(self.state(n) == "FINISHED" for n in wanted), 60, f"{wanted} to finish")

    def refused(self, *names, **more):
        """Cause and error stack of a deployment that fails; without a policy the device is as before afterwards."""
        more.setdefault("policy", "ROLLBACK")
        _, details = self.deploy_failing(*(n if "=" in n else f"{n}=1.0.0" for n in names), **more)
        return details["deploymentFailureCause"], details["deploymentErrorStack"]

    def configure(self, merge=None, reset=None):
        """Changes the configuration of the nucleus."""
        change = {k: v for k, v in (("MERGE", merge), ("RESET", reset)) if v}
        self.deploy_ok("aws.greengrass.Nucleus=2.17.0", update={"aws.greengrass.Nucleus": change})

    def said(self, name):
        return self.output(name)

    def ran(self, name, lifecycle, ends=True, **more):
        """Deploys one component and gives what it printed."""
        self.put(name, lifecycle, **more)
        self.deploy(name, ends=ends)
        return self.said(name)

    def path(self, *parts):
        return os.path.join(self.root, *parts)


def make_device(bin_dir, system=None, configuration=None, env=None, user="nobody:nogroup"):
    """system, configuration (of the nucleus): merged over what a nucleus starts with. env(folder): more environment of the nucleus.
    user: the default user of components, where the tests run as root."""
    with temporary_device(bin_dir, start=False, kind=Recipes) as device:
        device.default_user = user
        start = {"system": system or {}, "services": {"aws.greengrass.Nucleus": {"configuration": configuration or {}}}}
        device.start("--init-config", device.write("start.json", json.dumps(start)), env=env(device.folder) if env else None)
        yield device


@pytest.fixture(scope="module")
def shared_device(bin_dir):
    yield from make_device(bin_dir)


@pytest.fixture
def recipes(shared_device):
    shared_device.next_test()
    return shared_device
