"""Coloured lists by sender, and what ``rainbow`` may tune (spec 5, coloured lists)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hypernode.core.kinds import get_tunables
from hypernode.core.networks import mainnet
from hypernode.core.registrations.colours import MAX_COLOURS, collect_colours, split_colour
from hypernode.core.registrations.rainbow import BOUNDS, apply_rainbow
from hypernode.core.registrations.registry import PowRow

NETWORK = mainnet()
CONTROL = NETWORK.control_pow


def coloured(
    name: str, text: str, sender: str = CONTROL, height: int = 800_000, verified: bool | None = None
) -> PowRow:
    return PowRow(height, 1.5, sender, "x" * 56, 0, 0, 0, f"color:{name}", text, "", verified)


def test_the_last_list_of_a_name_counts_whoever_it_is_sent_to() -> None:
    rows = [coloured("white", "1.1.1.1"), coloured("rainbow", "PING_DELAY=5"), coloured("white", "2.2.2.2")]
    assert collect_colours(NETWORK, rows) == (("rainbow", "PING_DELAY=5"), ("white", "2.2.2.2"))


def test_lists_of_other_senders_and_of_no_name_count_nothing() -> None:
    rows = [
        coloured("white", "1.1.1.1"),
        coloured("white", "6.6.6.6", sender=NETWORK.reward_pot),
        coloured("", "7.7.7.7"),
        coloured("white", "8.8.8.8", verified=False),
        replace(coloured("white", "9.9.9.9"), operation="colour:white"),
    ]
    assert collect_colours(NETWORK, rows) == (("white", "1.1.1.1"),)


def test_no_more_names_than_the_bound_are_kept() -> None:
    rows = [coloured(f"c{n:03d}", str(n)) for n in range(MAX_COLOURS + 5)] + [coloured("c000", "new")]
    found = dict(collect_colours(NETWORK, rows))
    assert len(found) == MAX_COLOURS
    assert found["c000"] == "new"


def test_items_of_a_list_are_trimmed() -> None:
    assert split_colour(" a, b ,,c,") == ("a", "b", "c")


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
    assert get_tunables(tuning.network) == {
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
    assert replace(tuning.network, **untouched) == NETWORK


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
    assert tuning.network == replace(NETWORK, ping_delay_s=11)
    assert tuning.tuned == ("PING_DELAY",)
    assert len(tuning.refused) == 1
    assert len(tuning.refused[0]) < 200


def test_of_equal_keys_the_last_one_counts() -> None:
    tuning = apply_rainbow(NETWORK, (("rainbow", "PING_DELAY=5,PING_DELAY=6,PING_DELAY=0"),))
    assert tuning.network.ping_delay_s == 6


def test_without_a_rainbow_the_network_is_itself() -> None:
    assert apply_rainbow(NETWORK, (("white", "PING_DELAY=5"),)).network is NETWORK
