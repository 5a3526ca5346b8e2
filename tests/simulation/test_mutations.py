"""Planted bugs are found: the short form of ``python -m tests.soak.mutations``, with seeds that show them."""

from __future__ import annotations

import pytest

from tests.soak.mutations import MUTATIONS, find

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
    assert hit[1].name == invariant
