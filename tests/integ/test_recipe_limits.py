"""recipe.md 3 and 14: limits, each at the limit and one beyond."""
import os

import pytest

LONGEST = "n" * 128
LONG_VERSION = "1.0.0-" + "v" * 58


def test_a_name_of_128_characters_runs(recipes):
    assert recipes.ran(LONGEST, "echo ok") == ["ok"]


def test_a_name_of_129_characters_is_refused(recipes):
    recipes.put(LONGEST + "n", "true", version="1.0.0")
    recipes.put("short", "true")
    cause, stack = recipes.refused("short")
    assert stack[-1] == "IO_MAPPING_ERROR" and "128" in cause


def test_a_name_has_letters_digits_and_three_signs(recipes):
    assert recipes.ran("Az09-_.x", "echo ok") == ["ok"]


@pytest.mark.parametrize("name", ["", "a b", "a/b", "a:b", "a,b", "\u00e4"])
def test_a_name_with_other_characters_is_refused(recipes, name):
    recipes.put("short", "true", ComponentName=name)
    _, stack = recipes.refused("other")
    assert stack[-1] == "IO_MAPPING_ERROR"


def test_a_version_of_64_characters_runs(recipes):
    assert len(LONG_VERSION) == 64
    recipes.put("long-version", "echo ok", version=LONG_VERSION)
    recipes.deploy(f"long-version={LONG_VERSION}")
    assert recipes.components()["long-version"]["version"] == LONG_VERSION


def test_a_version_of_65_characters_is_refused(recipes):
    recipes.put("longer-version", "true", version=LONG_VERSION + "v")
    cause, stack = recipes.refused("longer-version")
    assert stack[-1] == "IO_MAPPING_ERROR" and "64" in cause


def test_numbers_of_a_version_go_up_to_999999(recipes):
    recipes.put("high", "true", version="999999.999999.999999")
    recipes.deploy("high=999999.999999.999999")
    assert recipes.components()["high"]["version"] == "999999.999999.999999"


@pytest.mark.parametrize("version", ["1000000.0.0", "0.1000000.0", "0.0.1000000"])
def test_a_number_of_a_version_above_999999_is_refused(recipes, version):
    recipes.put("higher", "true", version=version)
    cause, stack = recipes.refused("higher")
    assert stack[-1] == "IO_MAPPING_ERROR" and "999999" in cause


def test_the_component_store_is_limited(recipes):
    recipes.configure({"componentStoreMaxSizeBytes": 1, "objectStore": {"endpoint": "http://127.0.0.1:9"}})
    try:
        recipes.put("no-room", "true", artifacts=[{"Uri": "s3://b/f", "Digest": "x", "Algorithm": "SHA-256"}])
        cause, stack = recipes.refused("no-room")
        assert stack[-1] == "DISK_SPACE_CRITICAL" and "componentStoreMaxSizeBytes" in cause
        recipes.put("has-it", "echo ok", artifacts=[{"Uri": "s3://b/f"}])
        recipes.place("has-it", "f")
        recipes.deploy("has-it")
    finally:
        recipes.configure(reset=["/componentStoreMaxSizeBytes", "/objectStore"])


def test_a_recipe_of_a_mebibyte_is_read_and_a_longer_one_refused(recipes):
    path = recipes.put("wide", "echo ok")
    with open(path, "a", encoding="utf-8") as f:
        f.write(" " * (1048576 - os.path.getsize(path)))
    recipes.deploy("wide")
    assert recipes.said("wide") == ["ok"]
    with open(path, "a", encoding="utf-8") as f:
        f.write(" ")
    cause, _ = recipes.refused("wide")
    assert "1048576" in cause
