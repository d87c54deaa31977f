"""What is disturbed: seven deployments, each on a device whose base runs keep, app and extra.

Scenario.begin() makes the deployment wait for the device; Scenario.drive() does what the device's side needs, and may be called
again after each start; Scenario.over() tells whether the deployment has come to its end."""
import json
import os

import catalog

ROLLBACK, DO_NOTHING = "ROLLBACK", "DO_NOTHING"


class Job:
    """A deployment that the cloud offers as a job."""

    def __init__(self, name, components, policy=ROLLBACK):
        self.name, self.components, self.policy = name, components, policy

    def begin(self, site):
        site.world.cloud.create(site.name, "job", catalog.document(2, self.components, self.policy), ring=False)

    def drive(self, site):
        pass

    def over(self, site):
        return site.world.cloud.ended(site.name, "job")


class Local:
    """A deployment of the command line. One whose request was not answered is asked for again, as a user does."""

    name = "local"

    def begin(self, site):
        folder = os.path.join(site.folder, "local")
        os.makedirs(os.path.join(folder, "recipes"), exist_ok=True)
        os.makedirs(os.path.join(folder, "artifacts", "own", "1.0.0"), exist_ok=True)
        recipe = {"RecipeFormatVersion": "2020-01-25", "ComponentName": "own", "ComponentVersion": "1.0.0",
                  "ComponentConfiguration": {"DefaultConfiguration": {"a": 1}},
                  "Manifests": [{"Lifecycle": {"install": f"echo own 1.0.0 install begin >> {site.notes}",
                                               "run": f"cat {{artifacts:path}}/data; echo own 1.0.0 run begin >> {site.notes}"}}]}
        with open(os.path.join(folder, "recipes", "own.json"), "w", encoding="utf-8") as f:
            json.dump(recipe, f)
        with open(os.path.join(folder, "artifacts", "own", "1.0.0", "data"), "wb") as f:
            f.write(catalog.BIG)
        site.request = None

    def drive(self, site):
        if site.request:
            return
        folder = os.path.join(site.folder, "local")
        done = site.cli("deployment", "create", "--recipeDir", f"{folder}/recipes", "--artifactDir", f"{folder}/artifacts",
                        "--merge", "own=1.0.0", "--update-config", '{"own": {"MERGE": {"a": 2, "b": [1]}}}', "--json")
        if done.returncode == 0:
            site.request = json.loads(done.stdout)["deploymentId"]

    def over(self, site):
        if not site.request:
            return None
        done = site.cli("deployment", "status", "-i", site.request, "--json")
        status = json.loads(done.stdout)["status"] if done.returncode == 0 else ""
        return status if status in ("SUCCEEDED", "FAILED") else None


CHANGED_APP = {"version": "1.1.0", "configurationUpdate": {"merge": {"port": 2, "deep": {"c": "x"}}, "reset": ["/mode"]}}

SCENARIOS = {s.name: s for s in (
    Job("update", {"keep": "1.0.0", "extra": "1.0.0", "app": CHANGED_APP}),
    Job("bootstrap", {"keep": "1.0.0", "extra": "1.0.0", "app": CHANGED_APP, "boot2": "1.0.0"}),
    Job("rollback", {"keep": "1.0.0", "extra": "1.0.0", "app": CHANGED_APP, "bad": "1.0.0"}),
    Job("restart-rollback", {"keep": "1.0.0", "extra": "1.0.0", "app": CHANGED_APP, "badboot": "1.0.0"}, DO_NOTHING),
    Job("do-nothing", {"keep": "1.0.0", "extra": "1.0.0", "app": CHANGED_APP, "bad": "1.0.0"}, DO_NOTHING),
    Job("removal", {"keep": "1.0.0"}),
    Local(),
)}
