"""recipe.md 3.3 and 8: version requirements and dependencies."""
import os

import pytest

from local import wait_until

# requirement, versions that there are, the one that is chosen (None: the deployment fails)
RANGES = [
    ("1.2.3", "1.2.2 1.2.3 1.2.4", "1.2.3"), ("=1.2.3", "1.2.2 1.2.3 1.2.4", "1.2.3"), ("v1.2.3", "1.2.3 1.3.0", "1.2.3"),
    ("*", "0.0.0 2.0.0", "2.0.0"), ("", "0.0.0 2.0.0", "2.0.0"), ("latest", "0.0.0 2.0.0", "2.0.0"),
    ("1.2", "1.1.9 1.2.9 1.3.0", "1.2.9"), ("1.2.x", "1.1.9 1.2.9 1.3.0", "1.2.9"), ("1.2.*", "1.2.0 1.3.0", "1.2.0"),
    ("~1.2", "1.2.9 1.3.0", "1.2.9"), ("~1.2.0", "1.2.9 1.3.0", "1.2.9"), ("~1.2.3", "1.2.2 1.2.9 1.3.0", "1.2.9"),
    ("1", "0.9.9 1.9.9 2.0.0", "1.9.9"), ("1.x", "1.9.9 2.0.0", "1.9.9"), ("~1", "1.9.9 2.0.0", "1.9.9"),
    ("^1.2.3", "1.2.2 1.9.9 2.0.0", "1.9.9"), ("^0.2.3", "0.2.9 0.3.0", "0.2.9"), ("^0.0.3", "0.0.3 0.0.4", "0.0.3"),
    ("^0.0", "0.0.9 0.1.0", "0.0.9"), ("^0", "0.9.9 1.0.0", "0.9.9"), ("^0.0.3", "0.0.2 0.0.4", None),
    ("<1.2.3", "1.2.2 1.2.3", "1.2.2"), ("<=1.2.3", "1.2.3 1.2.4", "1.2.3"), (">1.2.3", "1.2.3 1.2.4", "1.2.4"),
    (">=1.2.3", "1.2.2 1.2.3", "1.2.3"), (">1.2.3", "1.2.3", None), (">=1.0.0 <2.0.0", "0.9.0 1.9.9 2.0.0", "1.9.9"),
    (">=1.0.0<2.0.0", "1.9.9 2.0.0", "1.9.9"), (">= 1.0.0 < 2.0.0", "1.9.9 2.0.0", "1.9.9"), ("1.2.3 - 2.3.4", "1.2.2 2.3.4 2.3.5", "2.3.4"),
    ("1.2 - 2.3", "2.3.9 2.4.0", "2.3.9"), ("1.0.0 || 3.0.0", "1.0.0 2.0.0 3.0.0", "3.0.0"), ("<1.0.0 || >=2.0.0 <3.0.0", "0.9.0 1.5.0 3.0.0", "0.9.0"),
    # pre-releases
    ("1.0.0-beta", "1.0.0-alpha 1.0.0-beta 1.0.0", "1.0.0-beta"), (">=1.0.0", "1.0.0 2.0.0-a", "2.0.0-a"), ("^1.0.0", "1.0.0 1.5.0-a", "1.0.0"),
    (">=1.0.0 <2.0.0", "1.5.0-a", None), (">=1.5.0-a <2.0.0", "1.5.0-b 1.6.0-a", "1.5.0-b"), ("1.0.0-1", "1.0.0-1 1.0.0-2", "1.0.0-1"),
    ("*", "1.0.0-alpha.2 1.0.0-alpha.10", "1.0.0-alpha.10"), ("*", "1.0.0-ALPHA 1.0.0-beta", "1.0.0-beta"), ("*", "1.0.0-a 1.0.0-a.1", "1.0.0-a.1"),
    ("*", "1.0.0-rc 1.0.0", "1.0.0"), ("1.0.0", "1.0.0+build", "1.0.0+build"),
]


def test_every_form_of_a_requirement_chooses_the_highest_version_that_fits(recipes):
    good = [(i, row) for i, row in enumerate(RANGES) if row[2]]
    for i, (requirement, versions, _) in good:
        recipes.put(f"range{i}", "true", depends={f"lib{i}": requirement})
        for version in versions.split():
            recipes.put(f"lib{i}", manifests=[{}], version=version)
    recipes.deploy(*(f"range{i}" for i, _ in good))
    there = recipes.components()
    assert [(row[0], row[1], there[f"lib{i}"]["version"]) for i, row in good] == [row for _, row in good]


@pytest.mark.parametrize("i, row", [(i, row) for i, row in enumerate(RANGES) if not row[2]])
def test_a_requirement_that_no_version_meets_fails_the_deployment(recipes, i, row):
    recipes.put(f"norange{i}", "true", depends={f"nolib{i}": row[0]})
    for version in row[1].split():
        recipes.put(f"nolib{i}", manifests=[{}], version=version)
    cause, stack = recipes.refused(f"norange{i}")
    assert stack[-2:] == ["NO_AVAILABLE_COMPONENT_VERSION", "COMPONENT_VERSION_REQUIREMENTS_NOT_MET"]
    assert row[0] in cause and f"norange{i} 1.0.0" in cause and row[1].split()[0] in cause


@pytest.mark.parametrize("n, requirement", enumerate(["1.2.3.4", ">>1", "a.b.c", "1 ||", "1.2.3 4.5.6", "=>1.0.0", "1000000.0.0"]))
def test_what_is_no_requirement_makes_the_recipe_unusable(recipes, n, requirement):
    recipes.put(f"bad-range{n}", "true", depends={"x": requirement})
    cause, stack = recipes.refused(f"bad-range{n}")
    assert stack[-1] == "IO_MAPPING_ERROR" and "VersionRequirement" in cause


def test_a_root_can_be_given_by_a_requirement(recipes):
    for version in ("1.2.0", "1.9.0", "2.0.0"):
        recipes.put("by-range", "true", version=version)
    recipes.deploy("by-range=^1.2.0")
    assert recipes.components()["by-range"]["version"] == "1.9.0"


def test_a_version_must_satisfy_every_dependant(recipes):
    recipes.put("merge-a", "true", depends={"merged": "^1.0.0 || ^2.0.0"})
    recipes.put("merge-b", "true", depends={"merged": ">=1.1.0"})
    recipes.put("merge-c", "true", depends={"merged": "<1.4.0 || 3.0.0"})
    for version in ("1.0.0", "1.2.0", "1.5.0", "2.0.0", "3.0.0"):
        recipes.put("merged", manifests=[{}], version=version)
    recipes.deploy("merge-a", "merge-b", "merge-c")
    assert recipes.components()["merged"]["version"] == "1.2.0"


def test_requirements_that_exclude_each_other_are_all_named(recipes):
    recipes.put("apart-a", "true", depends={"apart": "1.0.0"})
    recipes.put("apart-b", "true", depends={"apart": "2.0.0"})
    for version in ("1.0.0", "2.0.0"):
        recipes.put("apart", manifests=[{}], version=version)
    cause, _ = recipes.refused("apart-a", "apart-b")
    assert "apart-a 1.0.0 requires 1.0.0" in cause and "apart-b 1.0.0 requires 2.0.0" in cause


def test_hard_is_the_default_and_words_have_no_letter_case(recipes):
    recipes.put("kinds", "true", depends={"kind-a": "*", "kind-b": {"VersionRequirement": "*", "DependencyType": "hard"},
                                          "kind-c": {"versionrequirement": "*", "dependencytype": "Soft"}})
    for name in ("kind-a", "kind-b", "kind-c"):
        recipes.put(name, manifests=[{}])
    recipes.deploy("kinds")
    recipes.restart()
    with open(recipes.path("config/effectiveConfig.yaml"), encoding="utf-8") as f:
        text = f.read()
    for entry in ("kind-a:HARD", "kind-b:HARD", "kind-c:SOFT"):
        assert entry in text


def test_a_bad_dependency_type_makes_the_recipe_unusable(recipes):
    recipes.put("bad-kind", "true", depends={"x": {"VersionRequirement": "*", "DependencyType": "FIRM"}})
    cause, stack = recipes.refused("bad-kind")
    assert stack[-1] == "IO_MAPPING_ERROR" and "HARD, SOFT" in cause


def test_hard_and_soft_dependencies_come_along(recipes):
    recipes.put("brings", "true", depends={"brought-hard": "*", "brought-soft": {"VersionRequirement": "*", "DependencyType": "SOFT"}})
    for name in ("brought-hard", "brought-soft"):
        recipes.put(name, "true", artifacts=[{"Uri": "s3://b/f"}])
        recipes.place(name, "f")
    recipes.deploy("brings")
    assert {"brought-hard", "brought-soft"} <= set(recipes.components())


def test_a_component_waits_for_hard_dependencies_and_not_for_soft_ones(recipes):
    gate = recipes.write("gate/closed", "")
    waits = f"while test -e {gate}; do sleep 0.1; done"
    recipes.put("slow-lib", {"startup": waits})
    recipes.put("waits", "echo ran", depends={"slow-lib": "*"})
    recipes.put("does-not", "echo ran", depends={"slow-lib": {"VersionRequirement": "*", "DependencyType": "SOFT"}})
    deployment = recipes.create("waits=1.0.0", "does-not=1.0.0")
    try:
        wait_until(lambda: recipes.said("does-not") == ["ran"], 20, "the one that does not wait")
        assert recipes.said("waits") == [] and recipes.state("slow-lib") == "STARTING"
    finally:
        os.remove(gate)
    assert recipes.wait(deployment)["status"] == "SUCCEEDED"
    wait_until(lambda: recipes.said("waits") == ["ran"], 30, "the one that waited")


def test_a_component_restarts_with_its_hard_dependency_only(recipes):
    forever = "exec sleep 1000"
    recipes.put("again-lib", forever)
    recipes.put("again-hard", forever, depends={"again-lib": "*"})
    recipes.put("again-soft", forever, depends={"again-lib": {"VersionRequirement": "*", "DependencyType": "SOFT"}})
    recipes.deploy("again-hard", "again-soft", ends=False)
    hard, soft = recipes.pid("again-hard"), recipes.pid("again-soft")
    recipes.sedge("component", "restart", "--names", "again-lib")
    wait_until(lambda: recipes.details("again-hard").get("pid") not in (None, hard), 30, "another process")
    assert recipes.pid("again-soft") == soft


def test_built_in_components_are_ordinary_dependencies(recipes):
    assert recipes.ran("on-builtin", "echo ran", depends={
        "aws.greengrass.Nucleus": ">=2.0.0 <2.6.0", "aws.greengrass.TokenExchangeService": "^2.0.0",
        "aws.greengrass.DockerApplicationManager": "~2.0.0"}) == ["ran"]


@pytest.mark.parametrize("chain", ["circle-a circle-a", "circle-b circle-c circle-b"])
def test_circles_fail_the_deployment(recipes, chain):
    names = chain.split()
    for name, depends in zip(names, names[1:]):
        recipes.put(name, "true", depends={depends: "*"})
    cause, stack = recipes.refused(names[0])
    assert stack[-1] == "COMPONENT_CIRCULAR_DEPENDENCY_ERROR" and "circle" in cause


def test_a_dependency_that_nobody_has_is_named(recipes):
    recipes.put("lacks", "true", depends={"lacking": "^1.0.0"})
    cause, stack = recipes.refused("lacks")
    assert stack[-1] == "COMPONENT_VERSION_REQUIREMENTS_NOT_MET" and "lacking" in cause and "lacks 1.0.0" in cause
