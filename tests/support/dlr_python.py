"""Scripts that use python/dlr on the libdlr.so under test, each a process of its own: a sanitizer has to be loaded before the interpreter."""
import os
import subprocess
import sys

import pytest

from .fixtures import SOURCE

DIGITS = os.path.join(SOURCE, "components", "modelstore", "digits", "v1")


@pytest.fixture(scope="session")
def dlr_script(bin_dir):
    """dlr_script(text, *words, VARIABLE="value", ...): what it printed."""
    library = os.path.join(os.path.dirname(bin_dir), "lib", "libdlr.so")
    env = dict(os.environ, PYTHONPATH=os.path.join(SOURCE, "python"), DLR_LIBRARY=library, PYTHONDONTWRITEBYTECODE="1")
    needed = subprocess.run(["ldd", library], capture_output=True, text=True, check=True).stdout
    sanitizers = [line.split()[2] for line in needed.splitlines() if "san.so" in line]
    if sanitizers:  # the interpreter itself frees less than it takes
        env.update(LD_PRELOAD=" ".join(sanitizers), ASAN_OPTIONS="detect_leaks=0")

    def run(script, *words, **variables):
        done = subprocess.run([sys.executable, "-c", "import dlr, numpy, os, sys\n" + script, *words], env={**env, **variables},
                              capture_output=True, text=True, timeout=240)
        assert done.returncode == 0, f"{done.stdout[-400:]}\nended with {done.returncode}: {done.stderr[-4000:]}"
        return done.stdout.strip()

    return run
