"""A ledger read by a thread of its own: what is late, what is stuck, and how it ends."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from hypernode.ports.registrations import PowNotReady
from hypernode.pow.ledger import source as source_module
from hypernode.pow.ledger.source import LedgerPowSource
from tests.unit.pow.ledgers import FIRST, NETWORK, blocks, funding, hash_of, registering, time_of, write


@pytest.fixture(name="path")
def write_ledger(tmp_path: Path) -> Path:
    rows = [funding(FIRST, 1), registering(FIRST + 1, 1)]
    write(tmp_path / "ledger.db", blocks(FIRST, FIRST + 30, rows))
    return tmp_path / "ledger.db"


@pytest.mark.parametrize("inline", [True, False])
def test_a_thread_and_no_thread_say_the_same(path: Path, inline: bool) -> None:
    async def run() -> None:
        source = LedgerPowSource(path, NETWORK, inline=inline)
        try:
            status = await source.get_status(time_of(FIRST + 30) + 5)
            assert (status.height, status.problem) == (FIRST + 30, "")
            assert await source.get_block_hashes([FIRST + 9, FIRST]) == [
                hash_of(FIRST + 9, 0),
                hash_of(FIRST, 0),
            ]
            with pytest.raises(PowNotReady):
                await source.get_block_hashes([FIRST + 31])
            assert len(await source.get_feed(FIRST + 9)) == 1
        finally:
            await source.close()

    asyncio.run(run())


def test_a_ledger_that_is_not_there_is_a_problem_of_the_status(tmp_path: Path) -> None:
    async def run() -> None:
        source = LedgerPowSource(tmp_path / "none.db", NETWORK, inline=True)
        status = await source.get_status(1.0)
        assert (status.height, status.timestamp) == (0, 0.0)
        assert "none.db" in status.problem
        await source.close()

    asyncio.run(run())


def test_a_hanging_disk_is_reported_and_nobody_waits_behind_it(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source_module, "STUCK_S", 0.01)
    monkeypatch.setattr(source_module, "CLOSE_TIMEOUT_S", 0.01)
    gone = threading.Event()

    async def run(executor: ThreadPoolExecutor) -> None:
        source = LedgerPowSource(path, NETWORK, executor=executor)
        monkeypatch.setattr(source._registry, "get_status", lambda now: gone.wait(60))
        for _ in range(2):
            status = await source.get_status(1.0)
            assert "nothing comes back from the disk" in status.problem
        with pytest.raises(PowNotReady, match="network mount"):
            await source.get_balance("a", FIRST)
        await source.close()

    with ThreadPoolExecutor(1) as executor:
        try:
            asyncio.run(run(executor))
        finally:
            gone.set()


def test_a_scan_ends_when_the_source_is_closed(path: Path) -> None:
    source = LedgerPowSource(path, NETWORK, inline=True)
    asyncio.run(source.close())
    assert source._note_step() is True
