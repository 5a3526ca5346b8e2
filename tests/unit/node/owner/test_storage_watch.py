"""What the disk refuses is said once a minute, tried again, and said to be over when it stays away."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from hypernode.node.owner.storage_watch import StorageWatch
from hypernode.ports.storage_faults import StorageFault
from tests.unit.node.beds import Bed, play


class Disk:
    """As much of a ledger or a journal as is asked whether it can be written."""

    def __init__(self) -> None:
        self.asked = 0
        self.is_full = False

    async def check_writable(self) -> None:
        self.asked += 1
        if self.is_full:
            raise StorageFault("full")


def watching(scenario: Any) -> None:
    async def run() -> None:
        ledger, journal, warnings = Disk(), Disk(), list[str]()
        watch = StorageWatch(Bed().clock, (journal, ledger), warnings.append)
        coroutine: Coroutine[Any, Any, None] = scenario(watch, ledger, journal, warnings)
        await coroutine

    play(run())


def test_without_a_trouble_nothing_is_written() -> None:
    async def scenario(watch: StorageWatch, ledger: Disk, journal: Disk, warnings: list[str]) -> None:
        await watch.check()
        assert (ledger.asked, journal.asked, warnings) == (0, 0, [])

    watching(scenario)


def test_a_trouble_is_tried_again_each_time_and_said_once_a_minute() -> None:
    async def scenario(watch: StorageWatch, ledger: Disk, journal: Disk, warnings: list[str]) -> None:
        ledger.is_full = True
        watch.note(StorageFault("full"))
        for _ in range(18):
            with pytest.raises(StorageFault) as caught:
                await watch.check()
            watch.note(caught.value)
            await asyncio.sleep(10)
        assert ledger.asked == 18
        assert warnings[0] == "storage: full"
        assert len(warnings) == 3
        ledger.is_full = False
        await watch.check()
        asked = (ledger.asked, journal.asked)
        await asyncio.sleep(60)
        await watch.check()
        assert (ledger.asked, journal.asked) == asked
        assert "storage: over" in warnings[-1]
        await watch.check()
        assert len(warnings) == 4

    watching(scenario)


def test_a_trouble_that_comes_and_goes_is_not_said_to_be_over() -> None:
    async def scenario(watch: StorageWatch, ledger: Disk, journal: Disk, warnings: list[str]) -> None:
        for _ in range(5):
            watch.note(StorageFault("full"))
            await watch.check()
            await asyncio.sleep(10)
        assert warnings == ["storage: full"]

    watching(scenario)


def test_the_journal_is_asked_too() -> None:
    async def scenario(watch: StorageWatch, ledger: Disk, journal: Disk, warnings: list[str]) -> None:
        journal.is_full = True
        watch.note(StorageFault("full"))
        with pytest.raises(StorageFault):
            await watch.check()

    watching(scenario)
