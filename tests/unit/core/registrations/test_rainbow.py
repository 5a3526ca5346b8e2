"""What ``rainbow`` may tune, and within which bounds (spec 5, coloured lists)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hypernode.core.kinds import get_tunables
from hypernode.core.networks import mainnet
from hypernode.core.registrations.rainbow import BOUNDS, apply_rainbow

NETWORK = mainnet()


def test_bounds_are_of_the_tunable_parameters_and_no_others() -> None:
    assert BOUNDS.keys() == get_tunables(NETWORK).keys()
    for key, bound in BOUNDS.items():
        tuned = replace(NETWORK, **{bound.field: getattr(NETWORK, bound.field)})
        assert get_tunables(tuned)[key] == getattr(NETWORK, bound.field)


def test_every_parameter_is_tuned_within_its_bounds() -> None:
    text = (
        "MAX_CONNECT_TO=12, BLOCK_SYNC_COUNT=7,TESTS_PER_SLOT=3,PING_DELAY=9,MIN_FORGE_CONSENSUS=20,"
        "MAX_TXS_TO_SYNC=100,MAX_TXS_PER_BLOCK=500,POSNET_ALLOW=posnet0002;posnet0009,"
        "ALLOW_UPDATES_FROM=1.2.3.4;::1"
    )
    tuning = apply_rainbow(NETWORK, (("rainbow", text),))
    assert tuning.refused == ()
    assert set(tuning.tuned) == set(BOUNDS)
    assert get_tunables(tuning.params) == {
        "POSNET_ALLOW": ("posnet0002", "posnet0009"),
        "MAX_CONNECT_TO": 12,
        "BLOCK_SYNC_COUNT": 7,
        "ALLOW_UPDATES_FROM": ("1.2.3.4", "::1"),
        "TESTS_PER_SLOT": 3,
        "PING_DELAY": 9,
        "MIN_FORGE_CONSENSUS": 20,
        "MAX_TXS_TO_SYNC": 100,
        "MAX_TXS_PER_BLOCK": 500,
    }
    untouched = {bound.field: getattr(NETWORK, bound.field) for bound in BOUNDS.values()}
    assert replace(tuning.params, **untouched) == NETWORK


@pytest.mark.parametrize(
    "item",
    [
        "MAX_CONNECT_TO=0",
        "MAX_CONNECT_TO=1001",
        "MAX_CONNECT_TO=4e1",
        "MAX_CONNECT_TO",
        "MAX_CONNECT_TO=٣",
        "MAX_CONNECT_TO=" + "9" * 5000,
        "MIN_FORGE_CONSENSUS=67",
        "MIN_FORGE_CONSENSUS=-1",
        "POSNET_ALLOW=posnet0009",
        "POSNET_ALLOW=posnet0002;short",
        "ALLOW_UPDATES_FROM=example.org",
        "ALLOW_UPDATES_FROM=" + ";".join(["1.2.3.4"] * 21),
        "SLOT_S=1",
        "=",
    ],
)
def test_what_is_out_of_bounds_stays_as_it_was_and_is_told(item: str) -> None:
    tuning = apply_rainbow(NETWORK, (("rainbow", f"{item},PING_DELAY=11"),))
    assert tuning.params == replace(NETWORK, ping_delay_s=11)
    assert tuning.tuned == ("PING_DELAY",)
    assert len(tuning.refused) == 1
    assert len(tuning.refused[0]) < 200


def test_of_equal_keys_the_last_one_counts() -> None:
    tuning = apply_rainbow(NETWORK, (("rainbow", "PING_DELAY=5,PING_DELAY=6,PING_DELAY=0"),))
    assert tuning.params.ping_delay_s == 6


def test_without_a_rainbow_the_network_is_itself() -> None:
    assert apply_rainbow(NETWORK, (("white", "PING_DELAY=5"),)).params is NETWORK
