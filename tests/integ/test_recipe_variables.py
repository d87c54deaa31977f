"""recipe.md 9 and 11: default configuration, and recipe variables."""
import json

import pytest

from support.recipes import make_device

CONFIGURATION = {"Message": "hi", "opts": {"b": 2, "A": [1, {"z": 1, "y": 2}]}, "n": 5, "f": 1.5, "t": True, "z": None, "list": ["x", {"k": "v"}],
                 "a/b": "slash", "c~d": "tilde", "": "empty", "quote": "it's \"q\"", "e": {}}


@pytest.fixture(scope="module")
def shared_device(bin_dir):
    yield from make_device(bin_dir, system={"thingName": "core-7"})


def test_default_configuration_keeps_its_types_and_spelling(recipes):
    recipes.put("types", "true", configuration=CONFIGURATION)
    recipes.deploy("types")
    assert recipes.details("types")["configuration"] == CONFIGURATION


def test_keys_of_the_configuration_are_found_in_any_letter_case_and_keep_the_first_spelling(recipes):
    recipes.put("spelling", "echo {configuration:/Key}", configuration={"Key": 1, "Inner": {"A": 1}})
    recipes.deploy("spelling", update={"spelling": {"MERGE": {"KEY": 2, "inner": {"a": 3}}}})
    assert recipes.details("spelling")["configuration"] == {"Key": 2, "Inner": {"A": 3}}
    assert recipes.said("spelling") == ["2"]


def test_lists_are_replaced_as_a_whole(recipes):
    recipes.put("lists", "true", configuration={"l": [1, 2, 3]})
    recipes.deploy("lists", update={"lists": {"MERGE": {"l": [4]}}})
    assert recipes.details("lists")["configuration"] == {"l": [4]}


def test_what_begins_with_an_underscore_is_not_persisted(recipes):
    recipes.put("inner", "true", configuration={"_secret": {"a": 1}, "open": 1})
    recipes.deploy("inner")
    recipes.restart()
    assert recipes.details("inner")["configuration"] == {"open": 1}


def test_variables_in_the_configuration_stay_as_they_are(recipes):
    recipes.put("untouched", "true", configuration={"p": "{work:path}", "c": "{configuration:/p}"})
    recipes.deploy("untouched")
    assert recipes.details("untouched")["configuration"] == {"p": "{work:path}", "c": "{configuration:/p}"}


# ---- 11.3: the variables ----

VALUES = [
    ("/Message", "hi"), ("/n", "5"), ("/f", "1.5"), ("/t", "true"), ("/z", "null"), ("/list/0", "x"), ("/list/1/k", "v"), ("/list/1", '{"k":"v"}'),
    ("/opts", '{"A":[1,{"y":2,"z":1}],"b":2}'), ("/opts/A", '[1,{"y":2,"z":1}]'), ("/a~1b", "slash"), ("/c~0d", "tilde"), ("/", "empty"),
    ("/e", "{}"), ("/none", "{configuration:/none}"), ("/message", "{configuration:/message}"), ("/list/7", "{configuration:/list/7}"),
    ("/Message/x", "{configuration:/Message/x}"), ("/list/-", "{configuration:/list/-}"), ("/list/01", "{configuration:/list/01}")]


def test_configuration_values_become_text(recipes):
    script = "\n".join(f"echo '{{configuration:{pointer}}}'" for pointer, _ in VALUES)
    assert list(zip((p for p, _ in VALUES), recipes.ran("values", script, configuration=CONFIGURATION))) == VALUES


def test_an_empty_pointer_is_the_whole_configuration(recipes):
    said = recipes.ran("whole", "echo '{configuration:}'", configuration={"b": 1, "A": "x"})
    assert said == ['{"A":"x","b":1}']


def test_paths_and_names(recipes):
    script = "echo {artifacts:path}; echo {artifacts:decompressedPath}; echo {work:path}; echo {kernel:rootPath}; echo {iot:thingName}"
    root = recipes.root
    assert recipes.ran("paths", script, version="1.0.0") == [
        f"{root}/packages/artifacts/paths/1.0.0", f"{root}/packages/artifacts-unarchived/paths/1.0.0", f"{root}/work/paths", root, "core-7"]


def test_the_example_of_the_specification(recipes):
    run = "echo {artifacts:path}/main.py '{configuration:/Message}' '{configuration:/opts}' {configuration:/none}"
    assert recipes.ran("com.example.Hello", run, configuration={"Message": "hi", "opts": {"b": 2, "a": [1]}}) == [
        f'{recipes.root}/packages/artifacts/com.example.Hello/1.0.0/main.py hi {{"a":[1],"b":2}} {{configuration:/none}}']


# ---- 11.1, 11.2: where, and grammar ----

def test_every_text_of_the_lifecycle_is_treated_and_no_key(recipes):
    recipes.put("everywhere", {"setenv": {"V": "{configuration:/v}", "K{configuration:/v}": "key"},
                               "install": {"Script": "echo install $V", "Skipif": "exists {configuration:/path}", "Timeout": "{configuration:/t}",
                                           "RequiresPrivilege": "{configuration:/p}", "Setenv": {"W": "{configuration:/v}"}},
                               "run": "printenv 'K{iot:nothing}'; echo $V"}, configuration={"v": "x", "path": "/no/such", "t": 30, "p": False})
    recipes.deploy("everywhere")
    assert recipes.said("everywhere") == ["install x", "x"]


def test_all_occurrences_are_replaced(recipes):
    assert recipes.ran("many", "echo {configuration:/a}{configuration:/a} {configuration:/a}", configuration={"a": "x"}) == ["xx x"]


@pytest.mark.parametrize("n, text", enumerate([
    "${HOME:-x}", "{other:path}", "{artifacts:other}", "{work:}", "{kernel:path}", "{iot:name}", "{a:b:c:d}", "{:path}", "{work path}", "{work:path",
    "{com.x.Nobody:work:path}"]))
def test_what_is_no_variable_stays_as_it_is(recipes, n, text):
    said = recipes.ran(f"no-variable{n}", {"setenv": {"T": text}, "run": 'echo "$T"'})
    assert said == [text]


def test_variables_do_not_nest_but_are_found_inside_other_braces(recipes):
    said = recipes.ran("nested", {"setenv": {"T": "{{configuration:/a}} {configuration:/{configuration:/a}}"}, "run": 'echo "$T"'},
                       configuration={"a": "x", "x": "y"})
    assert said == ["{x} {configuration:/x}"]


def test_inserted_text_is_not_looked_at_again(recipes):
    said = recipes.ran("inserted", "echo '{configuration:/a}'", configuration={"a": "{configuration:/b} {work:path}", "b": "no"})
    assert said == ["{configuration:/b} {work:path}"]


def test_inserted_text_is_looked_at_by_the_pass_for_other_components(recipes):
    recipes.put("second-lib", manifests=[{}])
    said = recipes.ran("second", "echo '{configuration:/a}'", configuration={"a": "{second-lib:work:path}"}, depends={"second-lib": "*"})
    assert said == [f"{recipes.root}/work/second-lib"]


def test_unknown_variables_are_told_in_the_log(recipes):
    recipes.ran("told", "echo '{configuration:/none} {other:x}'")
    log = recipes.log()
    assert "component=told recipe variable {configuration:/none} is left as it is" in log
    assert "component=told recipe variable {other:x} is left as it is" in log


def test_a_pointer_without_a_slash_fails_the_deployment(recipes):
    recipes.put("no-slash", "echo {configuration:port}", configuration={"port": 1})
    cause, stack = recipes.refused("no-slash")
    assert "CONFIG_INTERPOLATE_ERROR" in stack and "{configuration:/port}" in cause


def test_the_value_of_the_deployment_counts_and_a_later_change_needs_another(recipes):
    recipes.put("later", "echo {configuration:/v}", configuration={"v": "default"})
    recipes.deploy("later", update={"later": {"MERGE": {"v": "merged"}}})
    assert recipes.said("later") == ["merged"]
    recipes.deploy("later", update={"later": {"RESET": ["/v"]}})
    assert recipes.said("later") == ["merged", "default"]


# ---- 11.4: other components ----

def test_variables_of_direct_dependencies(recipes):
    recipes.put("cross-lib", manifests=[{}], version="1.2.0", configuration={"port": 99})
    recipes.put("cross-soft", manifests=[{}], configuration={"port": 98})
    script = ("echo {cross-lib:configuration:/port} {cross-soft:configuration:/port}; echo {cross-lib:artifacts:path}; "
              "echo {cross-lib:artifacts:decompressedPath}; echo {cross-lib:work:path}")
    said = recipes.ran("cross", script, depends={"cross-lib": "^1.0.0", "cross-soft": {"VersionRequirement": "*", "DependencyType": "SOFT"}})
    packages = f"{recipes.root}/packages"
    assert said == ["99 98", f"{packages}/artifacts/cross-lib/1.2.0", f"{packages}/artifacts-unarchived/cross-lib/1.2.0",
                    f"{recipes.root}/work/cross-lib"]


def test_variables_of_others_stay_as_they_are(recipes):
    recipes.put("far-lib", manifests=[{}], configuration={"port": 99})
    recipes.put("near-lib", manifests=[{}], depends={"far-lib": "*"})
    said = recipes.ran("far", "echo {far-lib:configuration:/port} {near-lib:kernel:rootPath} {near-lib:configuration:/none}", depends={"near-lib": "*"})
    assert said == ["{far-lib:configuration:/port} {near-lib:kernel:rootPath} {near-lib:configuration:/none}"]


# ---- 11.5 ----

def test_configuration_is_treated_when_the_nucleus_says_so(recipes):
    recipes.put("inside-lib", manifests=[{}])
    recipes.put("inside", "echo '{configuration:/w}'", depends={"inside-lib": "*"}, configuration={
        "w": "{work:path}", "deep": ["{kernel:rootPath}", {"t": "{iot:thingName}"}], "c": "{configuration:/w}", "lib": "{inside-lib:artifacts:path}",
        "libc": "{inside-lib:configuration:/x}", "{work:path}": "key"})
    # in the same deployment: what it says about the nucleus counts before what the nucleus has
    recipes.deploy("aws.greengrass.Nucleus=2.17.0", "inside", update={
        "aws.greengrass.Nucleus": {"MERGE": {"interpolateComponentConfiguration": True}}})
    work = f"{recipes.root}/work/inside"
    assert recipes.details("inside")["configuration"] == {
        "w": work, "deep": [recipes.root, {"t": "core-7"}], "c": "{configuration:/w}",
        "lib": f"{recipes.root}/packages/artifacts/inside-lib/1.0.0", "libc": "{inside-lib:configuration:/x}", "{work:path}": "key"}
    assert recipes.said("inside") == [work]
    recipes.put("inside", "echo again '{configuration:/v}'", version="1.0.1", configuration={"v": "{work:path}"})
    recipes.deploy("aws.greengrass.Nucleus=2.17.0", "inside=1.0.1", update={
        "aws.greengrass.Nucleus": {"MERGE": {"interpolateComponentConfiguration": False}}})
    assert recipes.details("inside")["configuration"]["v"] == "{work:path}"


def test_objects_are_compact_json_with_sorted_keys(recipes):
    value = {"zeta": 1, "Alpha": {"c": [], "B": {}}, "beta": "\u00e4\n\"", "n": None, "f": 1e3}
    said = recipes.ran("sorted", {"setenv": {"T": "{configuration:/o}"}, "run": 'printenv T'}, configuration={"o": value})
    assert json.loads(said[0]) == value
    assert [said[0].index(f'"{k}"') for k in ("Alpha", "B", "c", "beta", "f", "n", "zeta")] == sorted(
        said[0].index(f'"{k}"') for k in ("Alpha", "B", "c", "beta", "f", "n", "zeta"))
    assert " " not in said[0]
