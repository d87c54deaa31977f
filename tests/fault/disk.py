"""A disk that fails: one call of a scenario, or all from one on until the test heals it.

What has to hold: the nucleus goes on, or, where it cannot start at all, ends with a message; the deployment ends with a status that is true
(a success ends as the undisturbed run, a failure without a change leaves the base) and names the disk where it failed for it; and the same
deployment made again, on a disk that works, ends as the undisturbed run."""
import time

import catalog
from cases import Differs
from world import PATIENCE

DISK_WORDS = ("disk", "No space", "Input/output", "I/O", "full", "write", "fsync", "rename", "space")


def _final(site, scenario):
    """The status that the cloud was told, with its details."""
    with site.world.cloud.lock:
        bodies = [body for job, body in site.world.cloud.updates.get(site.name, []) if job == "job"]
    return bodies[-1]


def _check_end(site, reference, base, status):
    """The components are what the status says."""
    found = site.components()
    wanted = {"SUCCEEDED": [reference.end.components], "FAILED": [base, reference.end.components]}[status]
    site.wait(lambda: site.components() in wanted, f"components to be one of {wanted}; they are {found}")


def _deploy_again(site, reference):
    scenario = reference.scenario
    site.world.cloud.create(site.name, "again", catalog.document(3, scenario.components, scenario.policy))
    site.wait(lambda: site.world.cloud.ended(site.name, "again"), "the same deployment, made again")
    want = reference.end.told[0][1]
    got = site.world.cloud.ended(site.name, "again")
    if got != want:
        raise Differs(f"made again, it ends {got} instead of {want}\n{site.tail()}")
    site.wait(lambda: site.components() == reference.end.components, f"components of the undisturbed run, not {site.components()}")


def run_disk_case(site, reference, fault):
    """fault: "fail:write:12:EIO" or "failing:sync:3:ENOSPC", healed a moment after it has begun. Returns what happened."""
    scenario, base = reference.scenario, {"keep": ("1.0.0", "RUNNING"), "app": ("1.0.0", "FINISHED"), "extra": ("1.0.0", "FINISHED")}
    site.reset()
    scenario.begin(site)
    site.start(fault=fault)
    healed, deadline = None, time.monotonic() + PATIENCE + 75  # a job that could not be taken is asked for again after a minute
    restarted = False
    while not scenario.over(site):
        if not site.running():
            with open(site.console, encoding="utf-8", errors="replace") as f:
                text = f.read()
            if restarted or "sedge-nucleus: " not in text or site.popen.returncode < 0:
                raise Differs(f"the nucleus ended with {site.popen.returncode}\n{site.tail()}")
            restarted = True
            site.start()
        fired = site.fault_state()[0] if not restarted else 1
        if fired and fault.startswith("failing") and healed is None:
            healed = time.monotonic() + 1
        if healed and time.monotonic() > healed:
            site.heal()
        if time.monotonic() > deadline:
            raise Differs(f"does not end\n{site.tail()}")
        time.sleep(0.02)
    status, body = scenario.over(site), _final(site, scenario)
    details = body.get("statusDetails", {})
    if status == "FAILED" and details.get("detailed-deployment-status") not in [d for _, s, d in reference.end.told if s == "FAILED"]:
        cause = details.get("deployment-failure-cause", "")
        if not any(word in cause for word in DISK_WORDS):
            raise Differs(f"FAILED without a word about the disk: {details}\n{site.tail()}")
    _check_end(site, reference, base, status)
    site.stop()  # what is on the disk, not what is in memory
    site.start()
    _check_end(site, reference, base, status)
    _deploy_again(site, reference)
    site.stop()
    return status, restarted
