"""The nucleus is killed at events of each scenario, and at random instants, and ends as if nothing had happened.

This is a sample, always the same (SEDGE_FAULT_SEED chooses another). Everything: tests/fault/run --all."""
import os

import pytest
from cases import enumerate_cases, random_cases, run_cases
from scenarios import SCENARIOS
from world import SLOW

SEED = int(os.environ.get("SEDGE_FAULT_SEED", 1))
RANDOM = int(os.environ.get("SEDGE_FAULT_RANDOM", 7 if SLOW else 21))  # instants for all scenarios together
EVERY = int(os.environ.get("SEDGE_FAULT_EVERY", 150 if SLOW else 41))


@pytest.mark.parametrize("name", list(SCENARIOS))
def test_killed_at_events_and_at_random_instants_the_device_ends_as_if_nothing_had_happened(world, reference, record_property, name):
    r = reference(name)
    cases = [(name, f) for f in enumerate_cases(r, every=EVERY, offset=SEED)]
    cases += [(name, f) for f in random_cases(r, -(-RANDOM // len(SCENARIOS)), SEED)]
    failed, fired = run_cases(world, {name: r}, cases)
    record_property("line", f"power cut, {name}: {fired} of {2 * r.total} events and instants (every {EVERY}th, seed {SEED}), "
                            f"{len(failed)} differ")
    text = "\n\n".join(f"{case}\n{problem}" for case, problem in failed)
    assert not failed, f"again: tests/fault/run " + " ".join(f'--case "{case}"' for case, _ in failed) + f"\n{text}"
