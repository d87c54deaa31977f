"""Fixtures for all Python tests; see tests/support."""
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE = os.path.dirname(HERE)
for folder in (HERE, os.path.join(SOURCE, "packaging"), os.path.join(SOURCE, "python")):
    if folder not in sys.path:
        sys.path.insert(0, folder)

os.environ.setdefault("SEDGE_PATIENCE", "3")  # the machine may be busy, the programs slow under a sanitizer

pytest_plugins = ["support.fixtures", "support.recipes", "support.cloud", "support.dlr_python"]
