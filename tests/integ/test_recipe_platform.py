"""recipe.md 4 and 5: which manifest counts on a device, and which lifecycle goes with it."""
import os

import pytest

from support.recipes import make_device

HERE = {"x86_64": "amd64", "aarch64": "aarch64", "i686": "x86", "i386": "x86"}.get(os.uname().machine, "arm")


@pytest.fixture(scope="module")
def shared_device(bin_dir):
    for device in make_device(bin_dir):
        device.configure({"platformOverride": {"line": "blue", "model": "armv7l", "plus": "+x", "blank": " ", "number": 5}})
        yield device


def chosen(recipes, name, *manifests, **top):
    """Deploys a recipe whose manifests print their index."""
    recipes.put(name, manifests=[{"Platform": p, "Lifecycle": {"run": f"echo {i}"}} for i, p in enumerate(manifests)], **top)
    recipes.deploy(name)
    return recipes.said(name)


def test_the_first_manifest_that_matches_is_used(recipes):
    assert chosen(recipes, "first", {"os": "windows"}, {"os": "linux"}, {"os": "all"}) == ["1"]


def test_a_device_without_a_matching_manifest_fails_the_deployment(recipes):
    recipes.put("nowhere", manifests=[{"Platform": {"os": "windows"}, "Lifecycle": {"run": "true"}}])
    cause, stack = recipes.refused("nowhere")
    assert stack[-1] == "LOCAL_RECIPE_NOT_FOUND" and "windows" in cause and "linux" in cause


def test_the_device_reports_os_and_architecture(recipes):
    assert chosen(recipes, "attributes", {"os": "linux", "architecture": HERE}, None) == ["0"]


def test_every_entry_of_a_platform_must_match(recipes):
    assert chosen(recipes, "every", {"os": "linux", "architecture": "other"}, {"os": "linux", "line": "red"}, {"line": "blue", "os": "linux"}) == ["2"]


def test_no_platform_matches_everything(recipes):
    assert chosen(recipes, "no-platform", None) == ["0"]
    assert chosen(recipes, "empty-platform", {}) == ["0"]


@pytest.mark.parametrize("n, platform", enumerate([
    {"os": "*", "nothing": "*"}, {"os": None, "nothing": None},       # rule 1: also what the device lacks
    {"os": "all", "architecture": "any"}, {"os": "any"},              # rule 4
    {"line": "blue"}, {"runtime": "*"}, {"model": "armv7l"},
    {"os": "/windows|linux/"}, {"os": "/lin.*/"}, {"line": "/(?i)BLUE/"}, {"model": "/arm(?:v\\d+[a-z]*?)/"},
    {"model": "/\\w{6}/", "line": "/[^\\d\\s]+/"}, {"plus": "/\\+x/"}, {"model": "/armv7l?|other/"}]))
def test_what_matches(recipes, n, platform):
    assert chosen(recipes, f"match{n}", platform, None) == ["0"]


@pytest.mark.parametrize("n, platform", enumerate([
    {"OS": "linux"}, {"os": "Linux"}, {"os": "ALL"},                  # names and values have a letter case
    {"nothing": "x"}, {"nothing": "/.*/"}, {"blank": "/.*/"},         # rule 2
    {"os": "/lin/"}, {"os": "/inux/"},                                # rule 3: the whole value
    {"line": "all"}, {"line": "any"},                                 # rule 4: only os and architecture
    {"plus": "+x"}, {"os": "/"}, {"os": ""},                          # rule 5
    {"line": "Blue"}, {"runtime": "aws_nucleus_lite"}, {"number": "5"}]))
def test_what_does_not_match(recipes, n, platform):
    assert chosen(recipes, f"no-match{n}", platform, None) == ["1"]


@pytest.mark.parametrize("n, text, says", [
    (0, "/(/", "not a valid regular expression"), (1, "/a**/", "not a valid regular expression"),
    (2, "/(?!win).*/", "look-ahead (?!...) is not supported"), (3, "/(.)\\1/", "back-reference is not supported"),
    (4, "/l++/", "possessive quantifier is not supported")])
def test_a_bad_regular_expression_fails_the_deployment(recipes, n, text, says):
    recipes.put(f"bad-regex{n}", manifests=[{"Platform": {"os": text}, "Lifecycle": {"run": "true"}}, {"Lifecycle": {"run": "true"}}])
    cause, _ = recipes.refused(f"bad-regex{n}")
    assert says in cause and text in cause


def test_an_override_replaces_what_was_detected_at_the_next_deployment(recipes):
    recipes.configure({"platformOverride": {"architecture": "toaster"}})
    try:
        assert chosen(recipes, "toaster", {"architecture": HERE}, {"architecture": "toaster"}) == ["1"]
    finally:
        recipes.configure(reset=["/platformOverride/architecture"])
    assert chosen(recipes, "no-toaster", {"architecture": "toaster"}, {"architecture": HERE}) == ["1"]


# ---- lifecycles ----

def test_the_lifecycle_of_the_manifest_replaces_the_global_one(recipes):
    recipes.put("replaces", manifests=[{"Lifecycle": {"run": "echo $V own"}}],
                Lifecycle={"setenv": {"V": "global"}, "install": "echo global install", "run": "echo global"})
    recipes.deploy("replaces")
    assert recipes.said("replaces") == ["own"]


@pytest.mark.parametrize("n, own", enumerate([{}, {"Lifecycle": {}}, {"Lifecycle": None}]))
def test_without_its_own_the_global_lifecycle_counts(recipes, n, own):
    recipes.put(f"global{n}", manifests=[own], Lifecycle={"run": "echo global"})
    recipes.deploy(f"global{n}")
    assert recipes.said(f"global{n}") == ["global"]


def test_a_component_without_steps_finishes(recipes):
    recipes.put("no-steps", manifests=[{}])
    recipes.deploy("no-steps")
    assert recipes.state("no-steps") == "FINISHED" and recipes.said("no-steps") == []


GLOBAL = """
Lifecycle:
  install: {linux: echo install linux, win: echo install win}
  setenv:
    pi: {LED: "on"}
    all: {LED: "off"}
  run:
    script:
      pi: echo pi $LED
      all: echo all $LED
"""


def test_selections_choose_parts_of_the_global_lifecycle(recipes):
    recipes.yaml("on-pi", "Manifests:\n  - Platform: {model: armv7l}\n    Selections: [pi, linux]\n"
                 "  - Selections: [linux]\n  - Selections: [win]\n" + GLOBAL)
    recipes.yaml("on-linux", "Manifests:\n  - Platform: {os: windows}\n    Selections: [win]\n"
                 "  - Platform: {model: none}\n    Selections: [pi, linux]\n  - Selections: [linux]\n" + GLOBAL)
    recipes.deploy("on-pi", "on-linux")
    assert recipes.said("on-pi") == ["install linux", "pi on"]
    assert recipes.said("on-linux") == ["install linux", "all off"]


@pytest.mark.parametrize("n, selections, lifecycle, said", [
    (0, ["a", "b"], {"run": {"b": "echo b", "a": "echo a"}}, ["a"]),                       # order of preference, not of writing
    (1, ["a", "b"], {"run": {"b": "echo b", "a": None}}, ["b"]),                           # null counts as missing
    (2, [], {"all": {"run": "echo all"}}, ["all"]),                                        # all is always a keyword
    (3, ["a"], {"all": {"run": "echo all"}, "run": "echo plain"}, ["all"]),                # the rest of the level is dropped
    (4, ["a"], {"run": {"a": {"script": {"a": "echo deep", "all": "echo all"}}}}, ["deep"]),
    (5, ["a"], {"a": {"a": {"run": "echo twice"}}}, ["twice"]),
    (6, ["a"], {"run": {"A": "echo upper", "all": "echo lower"}}, ["lower"]),              # letter case counts
    (7, ["a"], {"install": {"other": "x", "script": "echo install"}, "run": "echo run"}, ["install", "run"]),
    (8, ["a"], [{"all": {"run": "echo list"}}], ["list"]),
])
def test_selection_levels(recipes, n, selections, lifecycle, said):
    recipes.put(f"level{n}", manifests=[{"Selections": selections}], Lifecycle=lifecycle)
    recipes.deploy(f"level{n}")
    assert recipes.said(f"level{n}") == said


def test_a_level_without_a_value_for_the_device_disappears(recipes):
    recipes.put("disappears", manifests=[{"Platform": {"os": "windows"}, "Selections": ["win"]}, {"Selections": ["a"]}],
                Lifecycle={"install": {"win": "exit 1"}, "run": "echo run"})
    recipes.deploy("disappears")
    assert recipes.said("disappears") == ["run"]


def test_selections_of_other_manifests_are_keywords_too(recipes):
    recipes.put("keywords", manifests=[{"Selections": ["a"]}, {"Selections": ["script"]}],
                Lifecycle={"install": {"script": "exit 1", "a": "echo a"}, "run": "echo run"})
    recipes.deploy("keywords")
    assert recipes.said("keywords") == ["a", "run"]


def test_the_lifecycle_is_in_the_configuration_tree_with_its_variables_replaced(recipes):
    recipes.put("stored", {"Run": "echo {work:path}"})
    recipes.deploy("stored")
    recipes.restart()
    with open(recipes.path("config/effectiveConfig.yaml"), encoding="utf-8") as f:
        assert f"echo {recipes.root}/work/stored" in f.read()
