"""What follows from a network's numbers."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest

from hypernode.core.params.chain_params import MAIN_SLOT_S, Delays
from hypernode.core.params.networks import mainnet

MAIN = mainnet()


@pytest.mark.parametrize(
    ("slot_s", "slots", "closing", "round_s"), [(180, 19, 1, 3_600), (6, 5, 1, 36), (1, 1, 0, 1)]
)
def test_a_round_is_all_its_slots(slot_s: int, slots: int, closing: int, round_s: int) -> None:
    params = replace(MAIN, slot_s=slot_s, slots=slots, closing_slots=closing)
    assert params.slots_total == slots + closing
    assert params.round_s == round_s


@pytest.mark.parametrize("slot_s", [MAIN_SLOT_S, 6, 0.18])
def test_delays_are_scaled_with_the_slot_each_by_the_same_part(slot_s: float) -> None:
    scaled = Delays().scaled(slot_s)
    for field in fields(Delays):
        expected = getattr(Delays(), field.name) * slot_s / 180
        assert getattr(scaled, field.name) == pytest.approx(expected), field.name
    # however short the slot: there is time to forge in it
    assert scaled.earliest_forging_s + scaled.latest_forging_s < slot_s
