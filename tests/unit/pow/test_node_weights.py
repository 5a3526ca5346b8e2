"""Weights asked of the companion: once, of few, and never believed blindly."""

from __future__ import annotations

import asyncio

import pytest

from hypernode.core.rules import UNCHECKED
from tests.unit.pow.node_beds import NETWORK, ROUND, Bed, play


def test_weights_are_asked_once_of_who_registered_with_something() -> None:
    async def scenario(bed: Bed) -> None:
        collateral = bed.script.derive_state(NETWORK.first_pow_height + 1).entries[1].collateral
        bed.companion.odd["HN_reg_check_weights"] = lambda params: {
            address: 0 if address == collateral else 1 for address in params[0].split(",")
        }
        for _ in range(2):
            listed = await bed.source.get_registered(ROUND)
            assert listed.weights == (0, 0, 1, 1, 0)
            await asyncio.sleep(30)
        asked = [line for line in bed.companion.log if line.startswith("HN_reg_check_weights")]
        assert len(asked) == 1
        assert asked[0].count(",") == 2

    play(scenario)


@pytest.mark.parametrize("odd", [-1, "x", None, 4, True])
def test_a_companion_that_does_not_say_leaves_the_weights_at_registration(odd: object) -> None:
    async def scenario(bed: Bed) -> None:
        bed.companion.odd["HN_reg_check_weights"] = lambda params: dict.fromkeys(params[0].split(","), odd)
        listed = await bed.source.get_registered(ROUND)
        assert [entry.weight for entry in listed.entries] == [0, 1, 2, 3, 0]
        assert listed.weights is UNCHECKED

    play(scenario)


def test_of_a_round_of_long_ago_no_weights_are_asked() -> None:
    async def scenario(bed: Bed) -> None:
        bed.clock.step(10 * NETWORK.round_s)
        await bed.source.get_status(bed.clock.now())
        assert (await bed.source.get_registered(ROUND)).weights is UNCHECKED
        assert (await bed.source.get_registered(ROUND + 9)).weights is not UNCHECKED

    play(scenario)
