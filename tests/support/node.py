"""Programs for node whose packages come from npm: installed once below build/, as the lock file says."""
import fcntl
import filecmp
import hashlib
import os
import shutil
import subprocess

import pytest

from .fixtures import SOURCE


def install(folder):
    """Folder below build/ with the files of `folder` and its node_modules. Skips where npm or its registry is not there."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if not node or not npm:
        pytest.skip("node and npm are not installed (packaging/deps test)")
    target = os.path.join(SOURCE, "build", "node", os.path.basename(folder))
    os.makedirs(target, exist_ok=True)
    with open(os.path.join(target, "lock"), "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # tests run in several processes
        _install_into(target, folder, npm)
    return target


def _copy(source, target):
    """Whole or not at all: another process may be running the file."""
    if not os.path.exists(target) or not filecmp.cmp(source, target, shallow=False):
        shutil.copy(source, f"{target}.new")
        os.replace(f"{target}.new", target)


def _install_into(target, folder, npm):
    for name in os.listdir(folder):
        if name.endswith((".json", ".mjs", ".js")):
            _copy(os.path.join(folder, name), os.path.join(target, name))
    with open(os.path.join(folder, "package-lock.json"), "rb") as f:
        wanted = hashlib.sha256(f.read()).hexdigest()
    stamp = os.path.join(target, "installed")
    if os.path.exists(stamp):
        with open(stamp, encoding="utf-8") as f:
            if f.read() == wanted:
                return
    try:
        done = subprocess.run([npm, "ci", "--no-audit", "--no-fund"], cwd=target, capture_output=True, text=True, timeout=240)
    except subprocess.TimeoutExpired:
        pytest.skip("npm ci did not end within 240 s: is its registry reachable?")
    if done.returncode != 0:
        pytest.skip(f"npm ci failed: {done.stderr.strip()[-400:]}")
    with open(stamp, "w", encoding="utf-8") as f:
        f.write(wanted)
