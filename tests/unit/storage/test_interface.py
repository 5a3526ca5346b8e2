"""Settings that both ways to open a file share, and whether one can be written."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from hypernode.ports.storage_faults import StorageFault
from hypernode.storage.database import InlineDatabase
from hypernode.storage.interface import Durability, OtherNetwork, StorageError, check_writable
from hypernode.storage.read_only import SnapshotDatabase


def test_both_kinds_of_durability_outlive_a_power_cut() -> None:
    """With a weaker setting power cuts lose what was acknowledged (tests/soak)."""
    assert "PRAGMA synchronous = FULL" in Durability.WAL.value
    assert "PRAGMA synchronous = EXTRA" in Durability.ROLLBACK.value


def test_another_networks_file_is_no_damaged_one() -> None:
    assert issubclass(OtherNetwork, StorageError)
    assert not issubclass(StorageError, StorageFault)


def test_a_file_is_writable_and_stays_as_it_is(tmp_path: Path) -> None:
    async def run() -> None:
        database = InlineDatabase(tmp_path / "x.db")
        await database.write(lambda t: t.execute("PRAGMA user_version = 7"))
        await check_writable(database)
        assert await database.fetch_all("PRAGMA user_version") == [(7,)]
        await database.close()
        snapshot = SnapshotDatabase(tmp_path / "x.db")
        try:
            with pytest.raises(StorageError, match="read only"):
                await check_writable(snapshot)
        finally:
            await snapshot.close()

    asyncio.run(run())
