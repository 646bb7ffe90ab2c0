"""Random templates on random scopes: compiled and interpreted, they never differ."""

import time

import pytest
from compiled_both_ways import MODES, Tally, differences
from liquid_generator import Templates

CASES = 1500  # of two templates each
SOAK_SECONDS = 300


def checked(seed, tally):
    """Compare one case in one context, which the seed chooses."""
    chance = Templates(seed)
    sources, scope = [chance.template(), chance.template()], chance.scope()
    wrong = differences(sources, scope, tally, [MODES[seed % len(MODES)]])
    assert wrong == [], f"seed {seed}: {sources!r} on {scope!r}"


def test_random_templates_render_alike():
    tally = Tally()
    for seed in range(CASES):
        checked(seed, tally)
    refused = sum(tally.refused.values())
    # Else the comparison would be one of the interpreter with itself.
    assert tally.compiled > 3 * refused, tally
    assert tally.given_back < tally.compiled / 2, tally


@pytest.mark.soak
def test_random_templates_render_alike_for_minutes():
    tally, seed = Tally(), CASES
    until = time.monotonic() + SOAK_SECONDS
    while time.monotonic() < until:
        checked(seed, tally)
        seed += 1
    assert tally.compiled > CASES
