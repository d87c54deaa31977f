"""recipe.md 1 to 3.2: files, letter case, nulls, members, names and versions."""
import base64
import hashlib
import json
import os

import pytest

HEAD = {"RecipeFormatVersion": "2020-01-25", "ComponentVersion": "1.0.0"}
MAPPING = ["DEPLOYMENT_FAILURE", "IO_ERROR", "IO_WRITE_ERROR", "IO_MAPPING_ERROR"]


@pytest.mark.parametrize("extension", ["yaml", "yml"])
def test_recipes_in_yaml_run(recipes, extension):
    name = f"in-{extension}"
    recipes.yaml(name, "Manifests:\n  - Lifecycle:\n      Run: |\n        echo one\n        echo two\n", file=f"x.{extension}")
    recipes.deploy(name)
    assert recipes.said(name) == ["one", "two"]


def test_recipes_in_json_run(recipes):
    assert recipes.ran("in-json", "echo json") == ["json"]


def test_files_with_other_extensions_are_skipped_with_an_error_line(recipes):
    recipes.text("notes.txt", "no recipe {")
    recipes.text("a.json.bak", "no recipe {")
    assert recipes.ran("beside-notes", "echo ok") == ["ok"]
    lines = [line for line in recipes.log().splitlines() if "recipe-file-skipped" in line]
    assert any("notes.txt" in line and "ERROR" in line for line in lines), lines
    assert any("a.json.bak" in line for line in lines)


def test_the_file_name_has_no_meaning(recipes):
    recipes.put("file-name", "echo inside")
    os.rename(os.path.join(recipes.recipes, "file-name-1.0.0.json"), os.path.join(recipes.recipes, "other-9.9.9.json"))
    recipes.deploy("file-name")
    assert recipes.said("file-name") == ["inside"]


@pytest.mark.parametrize("file, text, says", [
    ("broken.json", '{"RecipeFormatVersion": ', "broken.json:1:"),
    ("broken.yaml", "RecipeFormatVersion: [", "broken.yaml:"),
    ("list.yaml", "- a\n- b\n", "list.yaml"),
    ("no-name.json", json.dumps({"RecipeFormatVersion": "2020-01-25", "ComponentVersion": "1.0.0"}), "ComponentName is missing"),
    ("no-format.json", json.dumps({"ComponentName": "a", "ComponentVersion": "1.0.0"}), "RecipeFormatVersion is missing"),
    ("format.json", json.dumps({"RecipeFormatVersion": "2021-01-01", "ComponentName": "a", "ComponentVersion": "1.0.0"}),
     'expected "2020-01-25"'),
    ("no-version.json", json.dumps({"RecipeFormatVersion": "2020-01-25", "ComponentName": "a"}), "ComponentVersion is missing"),
    ("two-numbers.json", json.dumps({**HEAD, "ComponentName": "a", "ComponentVersion": "1.0"}), "three numbers"),
    ("name.json", json.dumps({**HEAD, "ComponentName": "a:b"}), 'component name "a:b"'),
    ("type.json", json.dumps({**HEAD, "ComponentName": "a", "ComponentType": "aws.greengrass.other", "Manifests": [{}]}),
     "ComponentType: expected one of"),
    ("null-manifest.json", json.dumps({**HEAD, "ComponentName": "a", "Manifests": [None]}), "Manifests[0]: expected an object"),
    ("null-artifact.json", json.dumps({**HEAD, "ComponentName": "a", "Manifests": [{"Artifacts": [None]}]}),
     "Artifacts[0]: expected an object"),
    ("lifecycle.json", json.dumps({**HEAD, "ComponentName": "a", "Manifests": [{"Lifecycle": "echo"}]}),
     "Lifecycle: expected an object"),
    ("unarchive.json", json.dumps({**HEAD, "ComponentName": "a", "Manifests": [{"Artifacts": [{"Uri": "s3://b/k", "Unarchive": "RAR"}]}]}),
     "Unarchive: expected one of"),
    ("requirement.json", json.dumps({**HEAD, "ComponentName": "a", "ComponentDependencies": {"b": {}}, "Manifests": [{}]}),
     "VersionRequirement is missing"),
])
def test_a_file_that_is_no_recipe_fails_the_whole_deployment(recipes, file, text, says):
    recipes.put("innocent", "true")
    recipes.text(file, text)
    cause, stack = recipes.refused("innocent")
    assert stack == MAPPING
    assert says in cause and file in cause
    assert "innocent" not in recipes.components()


def test_recipes_are_kept_as_yaml_under_a_hash_of_the_name(recipes):
    recipes.ran("kept", "true")
    name = base64.urlsafe_b64encode(hashlib.sha256(b"kept").digest()).decode().rstrip("=")
    with open(recipes.path("packages/recipes", f"{name}@1.0.0.recipe.yaml"), encoding="utf-8") as f:
        text = f.read()
    assert "ComponentName: kept" in text.replace('"', "") and not text.lstrip().startswith("{")
    assert not os.path.exists(recipes.path("packages/recipes", f"{name}@1.0.0.metadata.json"))


def test_unknown_keys_are_ignored_everywhere(recipes):
    recipes.put("unknown-keys", Extra=1, configuration={}, manifests=[{
        "Extra": [1], "Lifecycle": {"Extra": {"Script": "false"}, "Run": {"Script": "echo ran", "Extra": 1}},
        "Artifacts": [{"Uri": "s3://b/f", "Extra": 1, "Permission": {"Write": "ALL"}}]}])
    recipes.place("unknown-keys", "f")
    recipes.deploy("unknown-keys")
    assert recipes.said("unknown-keys") == ["ran"]


def test_keys_and_words_are_read_in_any_letter_case(recipes):
    recipes.text("case.json", json.dumps({
        "recipeformatversion": "2020-01-25", "COMPONENTNAME": "any-case", "componentVersion": "1.0.0",
        "componentType": "AWS.Greengrass.GENERIC", "componentconfiguration": {"DEFAULTCONFIGURATION": {"a": 1}},
        "componentDependencies": {"case-lib": {"versionrequirement": "^1.0.0", "dependencyTYPE": "soft"}},
        "manifests": [{"name": "x", "platform": {"os": "linux"}, "selections": [], "LIFECYCLE": {
            "INSTALL": {"SCRIPT": "echo install $A", "setENV": {"A": "{configuration:/a}"}, "requiresprivilege": False, "TIMEOUT": 60,
                        "SkipIf": "exists /none"},
            "rUN": "echo run"},
            "artifacts": [{"uRI": "s3://b/f.zip", "unarchive": "none", "permission": {"read": "all", "EXECUTE": "Owner"}}]}]}))
    recipes.put("case-lib", "true")
    recipes.place("any-case", "f.zip")
    recipes.deploy("any-case")
    assert recipes.said("any-case") == ["install 1", "run"]
    assert os.stat(recipes.path("packages/artifacts/any-case/1.0.0/f.zip")).st_mode & 0o777 & ~0o200 == 0o554


@pytest.mark.parametrize("n, lifecycle", enumerate([
    {"Run": "echo x"}, {"Run": {"Script": "echo x"}}, {"run": {"script": "echo x"}}, {"RUN": {"script": "echo x"}},
    {"Install": {"RequiresPrivilege": "False", "Script": "true"}, "Run": "echo x"},
    {"setEnv": {"V": "x"}, "run": "echo $V"}]))
def test_spellings_in_circulation_run(recipes, n, lifecycle):
    assert recipes.ran(f"spelling{n}", lifecycle) == ["x"]


def test_names_of_environment_variables_keep_their_letter_case(recipes):
    assert recipes.ran("env-case", {"setenv": {"Abc": "1"}, "run": "echo $Abc-$ABC-$abc"}) == ["1--"]


def test_a_json_pointer_is_matched_with_letter_case(recipes):
    assert recipes.ran("pointer-case", "echo '{configuration:/Key}' '{configuration:/key}'", configuration={"Key": "v"}) == [
        "v {configuration:/key}"]


def test_names_of_variables_are_matched_with_letter_case(recipes):
    assert recipes.ran("variable-case", "echo '{Work:path}' '{work:Path}'") == ["{Work:path} {work:Path}"]


def test_nulls_count_as_absent(recipes):
    recipes.put("nulls", manifests=[{"Name": None, "Platform": None, "Selections": None, "Artifacts": None, "Lifecycle": None}],
                ComponentDependencies=None, ComponentDescription=None, ComponentConfiguration=None, Lifecycle={"run": "echo global"})
    recipes.deploy("nulls")
    assert recipes.said("nulls") == ["global"]


def test_a_null_global_lifecycle_is_an_empty_one(recipes):
    recipes.put("null-lifecycle", manifests=[{"Lifecycle": None}], Lifecycle=None)
    recipes.deploy("null-lifecycle")
    assert recipes.state("null-lifecycle") == "FINISHED"


@pytest.mark.parametrize("n, manifests", enumerate([None, []]))
def test_a_recipe_without_manifests_cannot_be_deployed(recipes, n, manifests):
    recipes.put(f"no-manifests{n}", Manifests=manifests)
    cause, stack = recipes.refused(f"no-manifests{n}")
    assert stack[-1] == "RECIPE_MISSING_MANIFEST" and "no Manifests" in cause


def test_an_unquoted_date_as_format_version_is_accepted(recipes):
    recipes.text("date.yaml", "RecipeFormatVersion: 2020-01-25\nComponentName: plain-date\nComponentVersion: 1.0.0\n"
                 "Manifests: [{Lifecycle: {run: echo ok}}]\n")
    recipes.deploy("plain-date")
    assert recipes.said("plain-date") == ["ok"]


@pytest.mark.parametrize("kind, code", [("lambda", "CUSTOM_PLUGIN_NOT_SUPPORTED"), ("plugin", "CUSTOM_PLUGIN_NOT_SUPPORTED"),
                                        ("nucleus", "MULTIPLE_NUCLEUS_RESOLVED_ERROR")])
def test_other_component_types_fail_with_a_clear_message(recipes, kind, code):
    recipes.put(f"type-{kind}", "true", ComponentType=f"aws.greengrass.{kind}")
    cause, stack = recipes.refused(f"type-{kind}")
    assert stack[-1] == code and f"type-{kind} 1.0.0" in cause


def test_descriptions_and_publishers_are_information_only(recipes):
    assert recipes.ran("informed", "echo ok", ComponentDescription="d", ComponentPublisher="p",
                       ComponentSource="arn:aws:lambda:eu-west-1:1:function:f:1") == ["ok"]


def test_names_are_compared_with_letter_case(recipes):
    recipes.put("com.Case", "true")
    cause, stack = recipes.refused("com.case")
    assert stack[-1] == "COMPONENT_VERSION_REQUIREMENTS_NOT_MET" and "com.case" in cause
