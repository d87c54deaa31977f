"""One disturbed run after another, each compared with the undisturbed one.

A case is written "SCENARIO FAULT": "bootstrap before:write:12", as in fault.h, or "update kill:0.213" for a kill so many
seconds after the start. `run_case` raises Differs with what is not as it should be."""
import collections
import concurrent.futures
import json
import random
import re
import time

import catalog
from scenarios import SCENARIOS
from world import KINDS, PATIENCE, World  # noqa: F401 (World: for those who import us)

VOLATILE = re.compile(r"^/system/|^/services/DeploymentService/GroupToLastDeployment/.*/(timestamp|contentHash)$|"
                      r"^/services/[^/]+/runtime")


class Differs(AssertionError):
    pass


class End(collections.namedtuple("End", "components configuration journal executions files told")):
    """How a device was left."""


def _anonymous(text, site):
    """Without what differs from device to device, and ids of local deployments, which are new each time."""
    for own, general in ((site.folder, "SITE"), (site.bucket, "BUCKET"), (getattr(site, "request", None), "ID")):
        text = text.replace(own, general) if own and text else text
    return text


def state_of(site, components):
    configuration = {_anonymous(path, site): (kind, _anonymous(value, site))
                     for path, kind, value in site.database("SELECT path, kind, value FROM config") if not VOLATILE.search(path)}
    # A request of the command line that was kept but not answered is made again: two equal rows.
    journal = {(source, phase, status, json.loads(details).get("detailed-deployment-status") if details else None, snapshot, restart)
               for source, phase, status, details, snapshot, restart in
               site.database("SELECT source, phase, status, details, snapshot, restart FROM deployment ORDER BY seq")}
    executions = site.database("SELECT job_id, status, acked FROM bridge_execution ORDER BY seq")
    return End(components, configuration, journal, executions, site.files(), sorted(set(site.world.cloud.told(site.name))))


def _settled(site, scenario, expected=None):
    """The deployment is over, its status is known in the cloud, and the components are as expected (or at rest)."""
    if not scenario.over(site):
        scenario.drive(site)
        return None
    found = site.components()
    if not found:
        return None
    if expected is not None:
        return found if found == expected else None
    return found if catalog.at_rest(found) else None


def _finish(site, scenario, expected=None):
    components = site.wait(lambda: _settled(site, scenario, expected),
                           f"{scenario.name} to end as it should: {expected}")
    site.wait(lambda: not _unanswered(site), "the cloud's answer to the status")
    site.stop()
    return state_of(site, components)


def _unanswered(site):
    """The cloud has the status, and the device does not know it yet."""
    if not site.world.cloud.ended(site.name, "job"):
        return False
    return not any(acked for job, acked in site.database("SELECT job_id, acked FROM bridge_execution") if job == "job")


class Reference:
    """The undisturbed run of a scenario: how it ends, how many events it has, how long it takes."""

    def __init__(self, site, name):
        self.scenario = SCENARIOS[name]
        site.reset()
        self.scenario.begin(site)
        begun = time.monotonic()
        site.start(watch=True)
        self.end = _finish(site, self.scenario)
        self.seconds = time.monotonic() - begun
        self.steps = site.steps()
        _, _, self.total, self.counts = site.fault_state()
        with open(site.trace, encoding="utf-8") as f:
            self.trace = f.read().splitlines()


def _difference(want, got):
    out = []
    for field in End._fields:
        a, b = getattr(want, field), getattr(got, field)
        if a == b:
            continue
        if isinstance(a, dict):
            out += [f"{field}: {k}: {a.get(k)} -> {b.get(k)}" for k in sorted(a.keys() | b.keys()) if a.get(k) != b.get(k)]
        elif isinstance(a, set):
            out += [f"{field}: missing {sorted(map(str, a - b))}, in addition {sorted(map(str, b - a))}"]
        else:
            out += [f"{field}: {a} -> {b}"]
    return out


def _bootstrap_done(site):
    """Components whose bootstrap step the journal of a killed device holds for done."""
    done = set()
    for (restart,) in site.database("SELECT restart FROM deployment WHERE restart IS NOT NULL"):
        done |= {t["componentName"] for t in json.loads(restart).get("tasks", []) if t["status"] == "DONE"}
    return done


def _check_steps(reference, before, after, done):
    """before, after: what the steps noted up to the kill, and later."""
    problems = []
    expected = collections.Counter(reference.steps)
    for step, n in collections.Counter(after).items():
        if step[2] == "bootstrap" and step[0] in done:
            problems.append(f"bootstrap of {step[0]} was done and has run again")
        if step not in expected:
            problems.append(f"step {' '.join(step)} is not one of the undisturbed run")
        elif n > expected[step] + 1:
            problems.append(f"step {' '.join(step)} ran {n} times after the kill, {expected[step]} times in the undisturbed run")
    for step in expected:
        lasting = step[2] in ("bootstrap", "uninstall") or reference.end.components.get(step[0], ("", ""))[0] == step[1]
        if lasting and step not in before and step not in after:
            problems.append(f"step {' '.join(step)} has never run")
    return problems


def run_case(site, reference, fault):
    """One disturbed run; returns False if its event did not come. The device is given back stopped."""
    scenario = reference.scenario
    site.reset()
    scenario.begin(site)
    kill_at = time.monotonic() + float(fault[5:]) if fault.startswith("kill:") else None
    site.start(fault=None if kill_at else fault, watch=True)
    deadline = time.monotonic() + PATIENCE
    while site.running():
        if kill_at and time.monotonic() >= kill_at:
            site.kill()
            break
        scenario.drive(site)
        if not kill_at and _settled(site, scenario, reference.end.components) and not _unanswered(site):
            site.stop()  # the stop has events too
        if time.monotonic() > deadline:
            raise Differs(f"does not end\n{site.tail()}")
        time.sleep(0.005 if kill_at else 0.02)
    fired = bool(kill_at) or site.fault_state()[0] == 1
    before, done = site.steps(), _bootstrap_done(site)
    site.start()
    end = _finish(site, scenario, reference.end.components)
    problems = _difference(reference.end, end) + _check_steps(reference, before, site.steps()[len(before):], done)
    if problems:
        raise Differs("\n".join(problems) + f"\n{site.tail()}")
    return fired


def enumerate_cases(reference, actions=("before", "after"), every=1, offset=0, kinds=KINDS):
    """Every event of every kind, or each `every`th of them."""
    cases = [f"{action}:{kind}:{n}" for kind in kinds for n in range(1, reference.counts[kind] + 1) for action in actions]
    return cases[offset % every::every]


def disk_cases(reference, every=1, offset=0):
    """Every write, sync and name fails: once, or from there on until the disk is well again. Of jobs only."""
    if reference.scenario.name == "local":
        return []
    errors = ("ENOSPC", "EIO")
    cases = [f"{action}:{kind}:{n}:{errors[n % 2]}" for kind in ("sync", "write", "name")
             for n in range(1, reference.counts[kind] + 1) for action in ("fail", "failing")]
    cases += [f"short:write:{n}" for n in range(1, reference.counts["write"] + 1)]
    return cases[offset % every::every]


def run_any_case(site, reference, fault):
    from disk import run_disk_case  # it needs us
    if fault.startswith(("fail", "short")):
        return run_disk_case(site, reference, fault)
    return run_case(site, reference, fault)


def random_cases(reference, count, seed):
    generator = random.Random(f"{seed} {reference.scenario.name}")
    return [f"kill:{generator.uniform(0, reference.seconds):.4f}" for _ in range(count)]


def run_cases(world, references, cases, report=None, run=run_case):
    """cases: [(scenario, fault)]; run(site, reference, fault). Returns ([(case, what)] that failed, how many were disturbed)."""
    failed, fired = [], 0

    def one(case):
        site = world.take()
        try:
            return run(site, references[case[0]], case[1]), None
        except Exception as problem:  # noqa: BLE001 (one case must not end the others)
            return True, str(problem)
        finally:
            world.give(site)

    with concurrent.futures.ThreadPoolExecutor(world.count) as pool:
        for case, (hit, problem) in zip(cases, pool.map(one, cases)):
            fired += bool(hit)
            if problem:
                failed.append((f"{case[0]} {case[1]}", problem))
            if report:
                report(case, hit, problem)
    return failed, fired
