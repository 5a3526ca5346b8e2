"""Planted bugs are found: the short form of ``python -m tests.soak.mutations``, with seeds that show them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hypernode.sim.play import play
from tests.soak.mutations import MUTATIONS, find, make_scenario, planted

SHORT = {
    "the journal is not written": "journals_know_own_blocks",
    "jurors are not checked": "rules_hold_for_what_is_stored",
}


def test_there_are_ten_planted_bugs() -> None:
    assert len({mutation.name for mutation in MUTATIONS}) == 10


@pytest.mark.parametrize(("name", "invariant"), SHORT.items())
def test_a_planted_bug_is_found(name: str, invariant: str) -> None:
    [mutation] = [mutation for mutation in MUTATIONS if mutation.name == name]
    hit = find(mutation, range(1, 5))
    assert hit is not None
    seed, failure = hit
    assert failure.name == invariant
    # What the report tells one to play breaks in the same way at the same time.
    with planted(mutation):
        again = play(replace(make_scenario(mutation, seed), until_s=failure.at_s + 1)).failure
    assert again is not None
    assert (again.name, again.at_s) == (failure.name, failure.at_s)
