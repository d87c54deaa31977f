"""A disk that fails, and one that is full: the device goes on, and says what is the matter."""
import os
import subprocess

import catalog
import pytest
from cases import disk_cases, run_cases
from disk import run_disk_case
from test_power_cut import SEED
from world import SLOW

EVERY = int(os.environ.get("SEDGE_FAULT_EVERY_DISK", 400 if SLOW else 101))
BASE = {"keep": ("1.0.0", "RUNNING"), "app": ("1.0.0", "FINISHED"), "extra": ("1.0.0", "FINISHED")}


@pytest.mark.parametrize("name", ["update", "bootstrap", "rollback"])
def test_when_writes_fail_the_deployment_ends_with_a_true_status_and_can_be_made_again(world, reference, record_property, name):
    r = reference(name)
    cases = [(name, f) for f in disk_cases(r, every=EVERY, offset=SEED)]
    failed, fired = run_cases(world, {name: r}, cases, run=run_disk_case)
    record_property("line", f"failing disk, {name}: {fired} calls (every {EVERY}th, seed {SEED}), {len(failed)} differ")
    text = "\n\n".join(f"{case}\n{problem}" for case, problem in failed)
    assert not failed, "again: tests/fault/run " + " ".join(f'--case "{case}"' for case, _ in failed) + f"\n{text}"


def _fill(folder):
    """To the last byte."""
    with open(os.path.join(folder, "filler"), "ab", buffering=0) as f:
        n = 65536
        while n:
            try:
                f.write(bytes(n))
            except OSError:
                n //= 2


@pytest.fixture
def small(site):
    """The device's root is a file system of 8 MB."""
    if os.geteuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "none", site.root], capture_output=True).returncode != 0:
        pytest.skip("this machine does not let us mount a small file system")
    try:
        site.copy_base()
        yield site
    finally:
        site.kill()
        subprocess.run(["umount", "-l", site.root], check=False)


def test_a_device_with_a_full_disk_starts_runs_its_components_and_takes_deployments_when_there_is_space(small):
    _fill(small.root)
    small.start()
    small.wait(lambda: small.components() == BASE, f"the components to run, not {small.components()}")
    os.remove(os.path.join(small.root, "filler"))
    small.world.cloud.create(small.name, "job", catalog.document(2, {"keep": "1.0.0"}))
    small.wait(lambda: small.world.cloud.ended(small.name, "job"), "the job to end", 150)
    assert small.world.cloud.ended(small.name, "job") == "SUCCEEDED"
    small.wait(lambda: small.components() == {"keep": ("1.0.0", "RUNNING")}, "the components of the deployment")
    small.stop()


def test_a_download_without_space_fails_with_the_bytes_that_are_missing_and_changes_nothing(small):
    small.start()
    small.world.cloud.create(small.name, "job", catalog.document(2, {**{n: v for n, (v, _) in BASE.items()}, "app": "1.1.0"}))
    small.wait(lambda: small.world.cloud.ended(small.name, "job"), "the deployment to end")
    job, body = small.world.cloud.updates[small.name][-1]
    details = body["statusDetails"]
    assert (job, body["status"], details["detailed-deployment-status"]) == ("job", "FAILED", "FAILED_NO_STATE_CHANGE")
    assert "DISK_SPACE_CRITICAL" in details["deployment-error-stack"] and "free" in details["deployment-failure-cause"]
    assert small.components() == BASE
    small.stop()
    assert not os.path.exists(os.path.join(small.root, "packages", "artifacts", "app", "1.1.0", "app.bin"))
