"""Ledger and journal outlive power cuts (``make soak`` is the long form), and the cuts are no toys."""

from __future__ import annotations

import asyncio

import pytest

from tests.soak.power_cuts import Settings, play_era

CUTS, ERAS = 25, 6


@pytest.mark.parametrize("seed", range(ERAS))
def test_a_power_cut_loses_nothing_acknowledged_and_leaves_no_half(seed: int) -> None:
    done = asyncio.run(play_era(seed, CUTS))
    assert done["cuts"] == CUTS
    assert done["digested"] > 0
    assert done["journalled"] > 0


WEAKER = {
    "commits that are not synced": Settings(
        ledger=("PRAGMA journal_mode = WAL", "PRAGMA synchronous = NORMAL")
    ),
    "a ledger that is not synced": Settings(ledger=("PRAGMA journal_mode = WAL", "PRAGMA synchronous = OFF")),
    "a journal whose folder is not synced": Settings(
        journal=("PRAGMA journal_mode = DELETE", "PRAGMA synchronous = FULL")
    ),
}


@pytest.mark.parametrize("settings", WEAKER.values(), ids=WEAKER)
def test_weaker_settings_are_caught_losing_what_was_acknowledged(settings: Settings) -> None:
    with pytest.raises(AssertionError, match=r"cut \d+ of seed"):
        asyncio.run(_play_eras(settings))


async def _play_eras(settings: Settings) -> None:
    for seed in range(20):
        await play_era(seed, CUTS, settings)


def test_an_era_replays_from_its_seed() -> None:
    assert asyncio.run(play_era(9, 5)) == asyncio.run(play_era(9, 5))
