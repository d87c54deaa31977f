"""The tables of tests/integ/README.md name tests that exist."""
import os
import re

NAME = re.compile(r"\b[a-z][a-z0-9]*(?:_[a-z0-9]+){3,}…?")


def defined(source_dir):
    names = set()
    for folder, _, files in os.walk(os.path.join(source_dir, "tests")):
        for file in files:
            if not file.endswith((".py", ".c")):
                continue
            with open(os.path.join(folder, file), encoding="utf-8") as f:
                text = f.read()
            names.update(re.findall(r"^def test_(\w+)", text, re.MULTILINE))
            names.update(re.findall(r"\b(?:cmocka_unit_test\w*|T)\((\w+)", text))
    return names


def test_every_rule_names_tests_that_exist(source_dir):
    known = defined(source_dir)
    with open(os.path.join(source_dir, "tests", "integ", "README.md"), encoding="utf-8") as f:
        rows = [line for line in f if line.startswith("| ")]
    named = {name for row in rows for name in NAME.findall(row.replace("`", " "))}
    assert len(named) > 50
    missing = {name for name in named if not (name in known or name.endswith("…") and any(k.startswith(name[:-1]) for k in known))}
    assert not missing
