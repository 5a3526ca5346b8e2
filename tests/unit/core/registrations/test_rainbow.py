"""What ``rainbow`` may tune, and within which bounds (spec 5, coloured lists)."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest

from hypernode.core.params.networks import mainnet
from hypernode.core.params.tunables import TUNABLES, Tunable, Tunables, list_values
from hypernode.core.registrations.rainbow import apply_rainbow

NETWORK = mainnet()
OWN = NETWORK.default_tunables


def test_the_table_has_every_tunable_parameter_once() -> None:
    assert sorted(row.field for row in TUNABLES) == sorted(field.name for field in fields(Tunables))
    assert list(list_values(OWN)) == [row.key for row in TUNABLES]


@pytest.mark.parametrize("row", [row for row in TUNABLES if row.most], ids=lambda row: row.key)
def test_a_number_is_taken_from_its_least_to_its_most(row: Tunable) -> None:
    for value, is_taken in (
        *((row.least, True), (row.most_of_chain, True)),
        *((row.least - 1, False), (row.most_of_chain + 1, False)),
    ):
        tuning = apply_rainbow(NETWORK, OWN, (("rainbow", f"{row.key}={value}"),))
        assert (tuning.tuned == (row.key,)) is is_taken
        assert getattr(tuning.tunables, row.field) == (value if is_taken else getattr(OWN, row.field))


def test_every_parameter_is_tuned_within_its_bounds() -> None:
    text = (
        "MAX_CONNECT_TO=12, BLOCK_SYNC_COUNT=7,TESTS_PER_SLOT=3,PING_DELAY=9,MIN_FORGE_CONSENSUS=20,"
        "MAX_TXS_TO_SYNC=100,MAX_TXS_PER_BLOCK=500,POSNET_ALLOW=posnet0002;posnet0009,"
        "ALLOW_UPDATES_FROM=1.2.3.4;::1"
    )
    tuning = apply_rainbow(NETWORK, OWN, (("rainbow", text),))
    assert tuning.refused == ()
    assert set(tuning.tuned) == {row.key for row in TUNABLES}
    assert list_values(tuning.tunables) == {
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
    tuning = apply_rainbow(NETWORK, OWN, (("rainbow", f"{item},PING_DELAY=11"),))
    assert tuning.tunables == replace(OWN, ping_delay_s=11)
    assert tuning.tuned == ("PING_DELAY",)
    assert len(tuning.refused) == 1
    assert len(tuning.refused[0]) < 200


def test_of_equal_keys_the_last_one_counts() -> None:
    tuning = apply_rainbow(NETWORK, OWN, (("rainbow", "PING_DELAY=5,PING_DELAY=6,PING_DELAY=0"),))
    assert tuning.tunables.ping_delay_s == 6


def test_without_a_rainbow_the_network_is_itself() -> None:
    assert apply_rainbow(NETWORK, OWN, (("white", "PING_DELAY=5"),)).tunables == OWN
