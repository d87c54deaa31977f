"""Publishing over the control API: artifacts, then the recipe; upkeep puts them into the object store. States, deletion and the audit."""
import base64
import json
import os

import pytest

from local import free_port, wait_until
from support.cloud import Cloud
from support.folder import temporary_folder
from support.https import Client

GG, EXT = "/greengrass/v2", "/ext/v1"
ARN = "arn:aws:greengrass:local:000000000000:components:{}:versions:{}"


class Site:
    def __init__(self, folder, bin_dir, swift, endpoint=None):
        self.cloud, self.swift, self.bucket = Cloud(folder, bin_dir), swift, f"publish-{os.urandom(4).hex()}"
        swift.create_bucket(self.bucket)
        self.cloud.init("--s3-endpoint", endpoint or swift.endpoint, "--s3-region", swift.region, "--bucket", self.bucket,
                        "--s3-access-key", swift.access_key, "--s3-secret-key", swift.secret_key)
        self.cloud.start_broker()
        self.cloud.start_service()
        self.api = Client(socket=os.path.join(self.cloud.state, "api.sock"))

    def recipe(self, name, version, *uris):
        return {"RecipeFormatVersion": "2020-01-25", "ComponentName": name, "ComponentVersion": version, "ComponentPublisher": "Hall",
                "Manifests": [{"Platform": {"os": "linux"}, "Artifacts": [{"URI": uri} for uri in uris], "Lifecycle": {"run": "true"}}]}

    def ask(self, recipe):
        text = recipe if isinstance(recipe, str) else json.dumps(recipe)
        return self.api.post(f"{GG}/createComponentVersion", {"inlineRecipe": base64.b64encode(text.encode()).decode()})

    def described(self, name, version):
        return self.api.get(f"{GG}/components/{ARN.format(name, version)}/metadata")

    def wait_state(self, name, version, state):
        return wait_until(lambda: (d := self.described(name, version).json)["status"]["componentState"] == state and d, 90, f"{name} to be {state}")

    def waiting(self):
        folder = os.path.join(self.cloud.state, "publish")
        return os.listdir(folder) if os.path.isdir(folder) else []


@pytest.fixture(scope="module")
def site(bin_dir, swift):
    with temporary_folder() as folder:
        s = Site(folder, bin_dir, swift)
        yield s
        s.cloud.stop()


def test_a_version_is_published_with_its_artifacts(site):
    data = os.urandom(300000)
    sent = site.api.request("PUT", f"{EXT}/uploads/x.model/1.0.0/model.bin", data)
    assert sent.status == 200 and sent.json["bytes"] == len(data)
    recipe = site.recipe("x.model", "1.0.0", "model.bin", "s3://SOMEWHERE/model.bin")
    made = site.ask(recipe)
    assert (made.status, made.json["status"]["componentState"], made.json["arn"]) == (201, "REQUESTED", ARN.format("x.model", "1.0.0"))
    shown = site.wait_state("x.model", "1.0.0", "DEPLOYABLE")
    assert shown["publisher"] == "Hall" and 1.7e9 < shown["creationTimestamp"] < 4e9
    stored, = site.cloud.json("component", "show", "x.model@1.0.0")
    assert [(a["file"], a["size"]) for a in stored["artifacts"]] == [("model.bin", len(data))]
    wait_until(lambda: "x.model@1.0.0" not in site.waiting(), 60, "what waited to be deleted")
    line, = [a for a in site.api.get(f"{EXT}/audit?what=component-publish&which=x.model").json]
    assert line["detail"] == "1.0.0" and line["who"]
    assert site.ask(recipe).status == 409
    assert site.api.request("PUT", f"{EXT}/uploads/x.model/1.0.0/model.bin", b"other").status == 409


def test_a_recipe_in_yaml_without_artifacts_is_published(site):
    made = site.ask("RecipeFormatVersion: 2020-01-25\nComponentName: x.yaml\nComponentVersion: 1.2.3\nManifests:\n- Lifecycle: {run: 'true'}\n")
    assert made.status == 201, made.text
    site.wait_state("x.yaml", "1.2.3", "DEPLOYABLE")


@pytest.mark.parametrize("change, status, words", [
    ({"Manifests": []}, 400, "Manifests: is empty"),
    ({"ComponentVersion": "1.x"}, 400, "1.x"),
    ({"ComponentName": "../x"}, 400, "../x")], ids=["no manifest", "no version", "no name"])
def test_a_recipe_with_a_mistake_is_refused_at_once(site, change, status, words):
    answer = site.ask({**site.recipe("x.wrong", "1.0.0"), **change})
    assert answer.status == status and words in answer.error[1] and site.cloud.state not in answer.error[1]


def test_an_artifact_that_did_not_come_is_named(site):
    answer = site.ask(site.recipe("x.missing", "1.0.0", "model.bin"))
    assert answer.status == 404 and "model.bin" in answer.error[1] and "/ext/v1/uploads/" in answer.error[1]
    assert site.described("x.missing", "1.0.0").status == 404


@pytest.mark.parametrize("path, status", [
    ("x.up/1.0.0/.hidden", 400), ("x.up/1.0.0/a%2Fb", 400), ("x.up/one/f", 400), ("x%20y/1.0.0/f", 400), ("x.up/1.0.0/..", 400)])
def test_an_upload_stays_in_its_folder(site, path, status):
    assert site.api.request("PUT", f"{EXT}/uploads/{path}", b"x").status == status
    assert os.listdir(os.path.join(site.cloud.state, "incoming")) == []


def test_no_recipe_and_no_base64_are_refused(site):
    assert "inlineRecipe" in site.api.post(f"{GG}/createComponentVersion", {"lambdaFunction": {}}).error[1]
    assert "inlineRecipe" in site.api.post(f"{GG}/createComponentVersion", {"inlineRecipe": "%"}).error[1]


def test_what_waits_while_the_store_is_away_is_published_when_it_is_back(bin_dir, swift):
    with temporary_folder() as folder:
        away = Site(folder, bin_dir, swift, endpoint=f"http://127.0.0.1:{free_port()}")
        try:
            assert away.ask(away.recipe("x.later", "1.0.0")).status == 201
            assert away.described("x.later", "1.0.0").json["status"]["componentState"] == "REQUESTED"
            assert away.ask(away.recipe("x.later", "1.0.0")).status == 201  # the same again
            assert away.ask(away.recipe("x.later", "1.0.0", "https://example.com/f")).status == 409
            away.cloud.run("init", "--s3-endpoint", swift.endpoint)
            away.cloud.run("upkeep")
            away.wait_state("x.later", "1.0.0", "DEPLOYABLE")
        finally:
            away.cloud.stop()


def test_a_version_changes_its_state_and_ends_over_the_api(site):
    assert site.ask(site.recipe("x.state", "1.0.0")).status == 201
    site.wait_state("x.state", "1.0.0", "DEPLOYABLE")
    for action, state in (("block", "BLOCKED"), ("deprecate", "DEPRECATED"), ("restore", "DEPLOYABLE")):
        assert site.api.post(f"{EXT}/components/x.state@1.0.0/{action}").json["state"] == state
        assert site.described("x.state", "1.0.0").json["status"]["componentState"] == state
    assert site.api.post(f"{EXT}/components/x.state@9.0.0/block").status == 404
    assert site.api.delete(f"{EXT}/components/x.state@1.0.0").status == 200
    assert site.described("x.state", "1.0.0").status == 404


def test_the_audit_is_read_over_the_api(site):
    site.cloud.run("group", "create", "audited")
    site.cloud.thing("audit-1")
    site.cloud.run("group", "add-thing", "audited", "audit-1")
    line, = site.api.get(f"{EXT}/audit?what=group&which=audited").json
    assert (line["what"], line["detail"]) == ("group-add", "audit-1")
    assert site.api.get(f"{EXT}/audit?since={line['at'] // 1000 + 3600}").json == []
    assert len(site.api.get(f"{EXT}/audit?limit=1").json) == 1
    assert site.api.get(f"{EXT}/audit?limit=none").status == 400
    assert site.cloud.json("audit", "--limit", "1") == site.api.get(f"{EXT}/audit?limit=1").json
