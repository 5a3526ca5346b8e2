"""A ledger that is only read stays as it is."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from hypernode.core.types import Block
from hypernode.storage.database import InlineDatabase, StorageError
from hypernode.storage.ledger import SqliteLedger, open_ledger, open_ledger_to_read
from hypernode.storage.read_only import SnapshotDatabase
from tests.unit.storage.chains import NETWORK, chain

PER_ROUND = 6


def timed(length: int) -> list[Block]:
    """A chain whose blocks stand in their slots: six in a round of an hour, ten minutes apart."""
    return [
        replace(block, timestamp=1_600_000_000 + block.round * 3_600 + block.sir * 600)
        for block in chain(length, PER_ROUND)
    ]


async def open_timed(length: int, path: Path | None = None) -> tuple[SqliteLedger, list[Block]]:
    blocks = timed(length)
    ledger = await open_ledger(InlineDatabase(path) if path else InlineDatabase(), NETWORK)
    await ledger.append_many(blocks)
    return ledger, blocks


def test_reading_a_ledger_never_writes(tmp_path: Path) -> None:
    async def run() -> None:
        path = tmp_path / "ledger.db"
        ledger, blocks = await open_timed(20, path)
        reading = await open_ledger_to_read(SnapshotDatabase(path), NETWORK)
        await ledger.append_many(timed(25)[20:])
        # one moment: what came later is not seen
        assert reading.get_height().height == 20
        assert await reading.get_blocks(19, 10) == blocks[18:]
        with pytest.raises(StorageError, match="read only"):
            await reading.append(timed(21)[20])
        await reading.close()
        await ledger.close()

    asyncio.run(run())


def test_reading_refuses_what_is_no_ledger(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="no such file"):
        SnapshotDatabase(tmp_path / "none.db")
    (tmp_path / "text").write_text("no database at all, but a text of some length" * 30, encoding="utf-8")
    with pytest.raises(StorageError, match="cannot be read"):
        SnapshotDatabase(tmp_path / "text")
