"""What is printed from the table of IPC operations is what was committed."""
import os
import subprocess

import pytest

FILES = {"docs/ipc.md": ["docs"], **{f"tests/fuzz/dict/{name}": ["dictionary", name]
                                     for name in ("message", "policy", "publish", "request")}}


@pytest.mark.parametrize("path", FILES)
def test_a_file_is_the_one_that_the_table_prints(path, bin_dir, source_dir):
    program = os.path.join(os.path.dirname(bin_dir), "tests", "operations_text")
    printed = subprocess.run([program, *FILES[path]], capture_output=True, text=True, check=True).stdout
    with open(os.path.join(source_dir, path), encoding="utf-8") as f:
        assert f.read() == printed, "cmake --build build/dev --target generated"
