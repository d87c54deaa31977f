"""`sedge recipe check`, `init` and `schema`: no nucleus is needed."""
import glob
import json
import os
import re
import subprocess

import jsonschema
import pytest
import yaml

GOOD = """RecipeFormatVersion: "2020-01-25"
ComponentName: com.example.Good
ComponentVersion: 1.0.0
ComponentConfiguration: {DefaultConfiguration: {Port: 80}}
Manifests:
  - Platform: {os: linux, architecture: aarch64}
    Name: big
    Lifecycle:
      install: {Script: "touch {work:path}/x", Skipif: "exists {work:path}/x", Timeout: 5}
      run: "serve {configuration:/Port} {iot:thingName} {kernel:rootPath}"
  - Platform: {os: linux, architecture: arm}
"""
BAD = """RecipeFormatVersion: "2020-01-25"
ComponentName: com.example.Bad
ComponentVersion: 1.0.0
Manifests:
  - Artifacts: [{URI: s3://b/app.rar, Unarchive: RAR}]
    Lifecycle:
      run: {Script: ./app, RequirePrivilige: true}
"""


@pytest.fixture
def sedge(bin_dir, tmp_path):
    def run(*args, program="sedge"):
        return subprocess.run([os.path.join(bin_dir, program), *args], cwd=tmp_path, timeout=60, text=True,
                              capture_output=True, check=False, env={"PATH": os.environ["PATH"], "HOME": "/nonexistent"})
    return run


@pytest.fixture
def write(tmp_path):
    def write_file(name, text):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return name
    return write_file


def test_problems_are_shown_with_their_line_and_a_mark(sedge, write):
    r = sedge("recipe", "check", write("bad.yaml", BAD))
    assert r.stdout == (
        "bad.yaml:5:50: error: Manifests[0].Artifacts[0].Unarchive: expected one of NONE, ZIP, TAR, TGZ, got RAR [value]\n"
        "     5 |   - Artifacts: [{URI: s3://b/app.rar, Unarchive: RAR}]\n"
        "       |                                                  ^\n"
        "bad.yaml:7:28: warning: Manifests[0].Lifecycle.run.RequirePrivilige: unknown key of a step, it is ignored; "
        "did you mean \"RequiresPrivilege\"? [unknown-key]\n"
        "     7 |       run: {Script: ./app, RequirePrivilige: true}\n"
        "       |                            ^\n"
        "1 recipe: 1 error, 1 warning (1 note: see --notes)\n")
    assert (r.returncode, r.stderr) == (1, "")


def test_the_exit_code_tells_errors_warnings_and_wrong_use_apart(sedge, write):
    warned = write("warned.yaml", GOOD.replace("Name: big", "Nam: big"))
    assert sedge("recipe", "check", write("good.yaml", GOOD)).returncode == 0
    assert sedge("recipe", "check", warned).returncode == 0
    assert sedge("recipe", "check", "--strict", warned).returncode == 1
    assert sedge("recipe", "check", warned, write("bad.yaml", BAD)).returncode == 1
    assert sedge("recipe", "check", "missing.yaml").returncode == 1
    for words in ([], ["--nonsense", "x"], ["good.yaml", "--platform", "linux"], ["good.yaml", "--root", "/x"],
                  ["good.yaml", "-p", "linux/arm", "--config", "{"]):
        r = sedge("recipe", "check", *words)
        assert r.returncode == 2 and r.stderr, words


def test_json_has_every_finding_with_its_parts(sedge, write):
    r = sedge("recipe", "check", "--json", write("bad.yaml", BAD), "gone.yaml")
    told = json.loads(r.stdout)
    assert r.returncode == 1
    assert {key: told[key] for key in ("errors", "warnings", "notes")} == {"errors": 2, "warnings": 1, "notes": 1}
    assert told["files"][0]["file"] == "bad.yaml"
    value, unknown = [f for f in told["files"][0]["findings"] if f["severity"] != "note"]
    assert value == {"severity": "error", "rule": "value", "fails": "recipe", "line": 5, "column": 50,
                     "member": "Manifests[0].Artifacts[0].Unarchive", "text": "RAR",
                     "expected": "one of NONE, ZIP, TAR, TGZ", "message": "expected one of NONE, ZIP, TAR, TGZ, got RAR"}
    assert unknown["suggestion"] == "RequiresPrivilege" and "fails" not in unknown
    assert told["files"][1]["findings"][0]["rule"] == "unreadable"
    assert "No such file" in told["files"][1]["findings"][0]["message"]


def test_folders_are_searched_and_other_files_are_left_out(sedge, write):
    write("d/b/bad.yml", BAD)
    write("d/a.json", json.dumps({"recipeformatversion": "2020-01-25"}))
    write("d/package.json", "{}")
    write("d/notes.txt", BAD)
    r = sedge("recipe", "check", "d")
    assert [line.split(":")[0] for line in r.stdout.splitlines() if ": error: " in line] == ["d/a.json"] * 3 + ["d/b/bad.yml"]
    assert "1 other JSON or YAML file in the folder is no recipe" in r.stdout
    write("empty/x.txt", "")
    r = sedge("recipe", "check", "empty")
    assert r.returncode == 1 and "no recipe in this folder" in r.stderr


def test_a_platform_shows_the_manifest_and_the_scripts(sedge, write):
    good = write("good.yaml", GOOD)
    r = sedge("recipe", "check", good, "--platform", "linux/arm64", "--root", "/g", "--thing-name", "core", "-c", '{"Port": 8080}')
    assert r.stdout.splitlines()[:6] == [
        'good.yaml on {"os":"linux","architecture":"aarch64"}: Manifests[0] "big", with its own Lifecycle',
        "  install: at most 5 s, skipped if exists /g/work/com.example.Good/x",
        "      | touch /g/work/com.example.Good/x",
        "  run: no time-out",
        "      | serve 8080 core /g",
        "1 recipe: no errors, no warnings"]
    assert "Manifests[1], without steps" in sedge("recipe", "check", good, "-p", "linux/armv7l").stdout
    assert "cannot be used" in sedge("recipe", "check", good, "-p", "linux/amd64").stdout
    told = json.loads(sedge("recipe", "check", "--json", good, "-p", "linux/aarch64").stdout)["files"][0]["preview"]
    assert told["manifest"]["index"] == 0 and told["lifecycle"] == "manifest"
    assert told["steps"][1]["script"] == "serve 80 <thing name> /var/lib/sedge"


def test_the_recipes_of_the_project_have_no_errors_and_no_warnings(sedge, source_dir):
    r = sedge("recipe", "check", "--strict", os.path.join(source_dir, "recipes"))
    assert r.returncode == 0, r.stdout


def test_the_recipes_of_the_book_have_no_errors_but_for_the_one_that_is_not_json(sedge, shared_dir):
    r = sedge("recipe", "check", "--json", os.path.join(shared_dir, "data", "book"))
    errors = [(os.path.basename(file["file"]), finding["rule"]) for file in json.loads(r.stdout)["files"]
              for finding in file["findings"] if finding["severity"] == "error"]
    assert errors == [("model-manifest.json", "syntax")]


# ---- init ----

def test_init_writes_a_recipe_that_is_clean_and_never_overwrites(sedge, tmp_path):
    r = sedge("recipe", "init", "com.example.New")
    assert r.returncode == 0, r.stderr
    assert ("sedge deployment create --recipeDir com.example.New/recipes --artifactDir com.example.New/artifacts "
            "--merge com.example.New=1.0.0\n") in r.stdout
    script = tmp_path / "com.example.New/artifacts/com.example.New/1.0.0/main.sh"
    assert os.access(script, os.X_OK)
    checked = sedge("recipe", "check", "--strict", "com.example.New")
    assert checked.returncode == 0, checked.stdout
    script.write_text("mine")
    again = sedge("recipe", "init", "com.example.New")
    assert again.returncode == 1 and "is there already; nothing was written" in again.stderr
    assert script.read_text() == "mine"
    other = sedge("recipe", "init", "com.example.New", "--component-version", "2.0.0-rc.1", "--dir", "other place")
    assert "--recipeDir 'other place/recipes'" in other.stdout
    assert (tmp_path / "other place/recipes/com.example.New-2.0.0-rc.1.yaml").exists()


@pytest.mark.parametrize("words,message", [
    (["a b"], "is no component name: expected 1 to 128 letters"),
    ([".hidden"], "begins with"),
    (["a", "b"], "expected one component name, got 2"),
    ([], "Missing required parameter: 'NAME'"),
    (["a", "--component-version", "1.0"], "expected three numbers"),
])
def test_init_refuses_what_cannot_be_a_component(sedge, tmp_path, words, message):
    r = sedge("recipe", "init", *words)
    assert r.returncode == 2 and message in r.stderr
    assert os.listdir(tmp_path) == []


# ---- schema ----

class Loader(yaml.SafeLoader):
    """Plain scalars as the nucleus reads them: no dates, and no yes or no for booleans."""


Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith((":timestamp", ":bool"))]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()}
Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile("^(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF"))


@pytest.fixture(scope="module")
def validator(source_dir):
    with open(os.path.join(source_dir, "recipes", "recipe.schema.json"), encoding="utf-8") as f:
        schema = json.load(f)
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def faults(validator, text):
    return [f"{e.json_path}: {e.message[:300]}" for e in validator.iter_errors(yaml.load(text, Loader))]


def test_the_schema_is_the_one_that_the_program_prints(sedge, source_dir):
    with open(os.path.join(source_dir, "recipes", "recipe.schema.json"), encoding="utf-8") as f:
        assert f.read() == sedge("recipe", "schema").stdout


def test_shipped_recipes_and_those_of_the_book_fit_the_schema(validator, source_dir, shared_dir):
    found = 0
    for path in glob.glob(os.path.join(source_dir, "recipes", "examples", "*", "recipes", "*")) + \
            glob.glob(os.path.join(shared_dir, "data", "book", "*", "recipes", "*")):
        if os.path.basename(path) == "model-manifest.json":
            continue
        with open(path, encoding="utf-8") as f:
            assert faults(validator, f.read()) == [], path
        found += 1
    assert found >= 13


@pytest.mark.parametrize("change", [
    ("Manifests:", "manifests:"), ("ComponentName", "COMPONENTNAME"), ("Lifecycle:", "lifecycle:"), ("Script", "script"),
    ("Name: big", "Unknown: [1]"), ("Timeout: 5", "Timeout: '5'"), ("Timeout: 5", "RequiresPrivilege: 'true'"),
    ("ComponentConfiguration: {DefaultConfiguration: {Port: 80}}", "componentDependencies: {a.b: {versionrequirement: 2}}"),
    ("Name: big", "Artifacts: [{uri: s3://b/a, unarchive: zip, permission: {read: all}}]"), ("os: linux", "os: /lin.*/, line: null"),
    ("Name: big", "Selections: [a, 5]"), ("Name: big", "Artifacts: null"),
])
def test_what_the_nucleus_reads_fits_the_schema(sedge, write, validator, change):
    text = GOOD.replace(*change, 1)
    assert text != GOOD
    assert sedge("recipe", "check", write("x.yaml", text)).returncode == 0
    assert faults(validator, text) == []


@pytest.mark.parametrize("change", [
    ("2020-01-25", "2020-01-26"), ("com.example.Good", "com example"), ("1.0.0", "1.0"), ("Manifests:", "Manifest:"),
    ("Name: big", "Artifacts: [{Unarchive: ZIP}]"), ("Name: big", "Artifacts: [{URI: s3://b/a, Unarchive: RAR}]"),
    ("Name: big", "Selections: text"), ("os: linux", "os: [linux]"), ("Script", "Scrpt"), ("exists {work", "exist /{work"),
    ("ComponentConfiguration: {DefaultConfiguration: {Port: 80}}", "ComponentDependencies: {a.b: {DependencyType: HARD}}"),
])
def test_what_the_nucleus_refuses_does_not_fit_the_schema(sedge, write, validator, change):
    text = GOOD.replace(*change, 1)
    assert text != GOOD
    assert sedge("recipe", "check", write("x.yaml", text)).returncode == 1
    assert faults(validator, text) != []
