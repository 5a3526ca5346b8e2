from dataclasses import replace

import pytest

from hypernode.core.params.networks import mainnet
from hypernode.core.timeline import (
    compute_reference_time,
    compute_round_slot,
    compute_round_start,
    compute_slot_start,
    has_begun,
)
from tests.unit.core.builders import OWN

MAIN = mainnet()


@pytest.mark.parametrize(
    ("since", "round_", "sir"),
    [
        (0, 0, 0),
        (179.999, 0, 0),
        (180, 0, 1),
        (3419, 0, 18),
        (3420, 0, 19),
        (3599.999, 0, 19),
        (3600, 1, 0),
        (-1, -1, 19),
    ],
)
def test_time_gives_round_and_slot(since: float, round_: int, sir: int) -> None:
    assert compute_round_slot(MAIN, MAIN.origin_of_time + since) == (round_, sir)


def test_slots_begin_where_the_round_and_slot_say() -> None:
    assert compute_round_start(OWN, 2) == OWN.origin_of_time + 2 * 20 * 6
    assert compute_slot_start(OWN, 2, 3) == OWN.origin_of_time + 2 * 20 * 6 + 3 * 6
    assert compute_round_slot(OWN, compute_slot_start(OWN, 2, 3)) == (2, 3)


def test_reference_time_is_one_round_before_the_start() -> None:
    assert compute_reference_time(OWN, 5) == compute_round_start(OWN, 4)


def test_both_references_agree_on_main_and_differ_on_short_rounds() -> None:
    for round_ in (0, 1, 1000):
        legacy = compute_reference_time(replace(MAIN, reference="legacy"), round_)
        assert legacy == compute_reference_time(MAIN, round_)
    legacy = compute_reference_time(replace(OWN, reference="legacy"), 5)
    assert legacy == 3600 * ((compute_round_start(OWN, 5) - 2400) // 3600)
    assert legacy != compute_reference_time(OWN, 5)


def test_a_slot_has_begun_when_the_rules_let_its_block_in() -> None:
    start = compute_slot_start(MAIN, 5, 3)
    assert has_begun(MAIN, 5, 3, start)
    assert has_begun(MAIN, 5, 3, start - MAIN.future_allowed_s)
    assert not has_begun(MAIN, 5, 3, start - MAIN.future_allowed_s - 0.1)
