"""Files are brought to our version, and files that are not ours are left alone."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import pytest

from hypernode.storage.database import InlineDatabase, StorageError
from hypernode.storage.schema.migrations import get_version, migrate

FIRST = ("CREATE TABLE a(n INTEGER) STRICT", "INSERT INTO a VALUES(1)")
SECOND = ("ALTER TABLE a ADD COLUMN m INTEGER DEFAULT 2",)


def test_migrations_run_once_and_in_order(tmp_path: Path) -> None:
    async def run() -> None:
        database = InlineDatabase(tmp_path / "x.db")
        assert await migrate(database, [FIRST], "thing") == 1
        assert await migrate(database, [FIRST], "thing") == 1
        assert await migrate(database, [FIRST, SECOND], "thing") == 2
        assert await database.fetch_all("SELECT n, m FROM a") == [(1, 2)]
        await database.close()

    asyncio.run(run())


def test_file_of_a_newer_program_is_refused_with_its_version_and_a_remedy(tmp_path: Path) -> None:
    async def run() -> None:
        database = InlineDatabase(tmp_path / "x.db")
        await migrate(database, [FIRST, SECOND], "thing")
        with pytest.raises(StorageError, match=r"x\.db.*version 2.*up to 1.*Update"):
            await migrate(database, [FIRST], "thing")
        assert await get_version(database) == 2
        await database.close()

    asyncio.run(run())


def test_failed_migration_leaves_the_version_before(tmp_path: Path) -> None:
    async def run() -> None:
        database = InlineDatabase(tmp_path / "x.db")
        with pytest.raises(sqlite3.OperationalError):
            await migrate(database, [FIRST, ("CREATE TABLE b(n INTEGER)", "NONSENSE")], "thing")
        assert await get_version(database) == 1
        assert not await database.fetch_all("SELECT 1 FROM sqlite_master WHERE name = 'b'")
        await database.close()

    asyncio.run(run())


def test_file_of_another_program_is_refused(tmp_path: Path) -> None:
    async def run() -> None:
        database = InlineDatabase(tmp_path / "x.db")
        await database.write(lambda t: t.execute("CREATE TABLE pos_chain(height INTEGER PRIMARY KEY)"))
        with pytest.raises(StorageError, match="not a ledger of this program"):
            await migrate(database, [FIRST], "ledger")
        await database.close()

    asyncio.run(run())
