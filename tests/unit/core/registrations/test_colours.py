"""Coloured lists: whose, and which of a name."""

from __future__ import annotations

from dataclasses import replace

from hypernode.core.params.networks import mainnet
from hypernode.core.registrations.colours import MAX_COLOURS, collect_colours, split_colour
from hypernode.core.registrations.registry import PowRow
from hypernode.core.rules import UNCHECKED, Unchecked

NETWORK = mainnet()


CONTROL = NETWORK.control_pow


def coloured(
    name: str, text: str, sender: str = CONTROL, height: int = 800_000, verified: bool | Unchecked = UNCHECKED
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
