"""Both databases keep the same promises; the one with threads also keeps them under cancellation."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from hypernode.core.errors import InvariantBroken
from hypernode.ports.storage_faults import StorageBroken, StorageFault
from hypernode.storage.database import (
    Database,
    Durability,
    InlineDatabase,
    Reader,
    StorageError,
    Transaction,
    open_database,
)
from hypernode.storage.interface import check_writable

Opener = Callable[[Path], Awaitable[Database]]


async def _open_inline(path: Path) -> Database:
    return InlineDatabase(path)


OPENERS = pytest.mark.parametrize("opener", [open_database, _open_inline], ids=["aiosqlite", "inline"])


async def _make_table(transaction: Transaction) -> None:
    await transaction.execute("CREATE TABLE t(n INTEGER) STRICT")


async def _count(reader: Reader) -> int:
    [(number,)] = await reader.fetch_all("SELECT count(*) FROM t")
    return int(number)


@OPENERS
def test_what_is_written_is_there_after_reopening(opener: Opener, tmp_path: Path) -> None:
    async def run() -> None:
        path = tmp_path / "a?b #c.db"
        database = await opener(path)
        await database.write(_make_table)
        await database.write(lambda t: t.execute_many("INSERT INTO t VALUES(?)", [(1,), (2,), (3,)]))
        assert await database.fetch_all("SELECT n FROM t WHERE n > ? ORDER BY n", (1,)) == [(2,), (3,)]
        await database.close()
        again = await opener(path)
        assert again.name == str(path)
        assert await again.read(_count) == 3
        await again.close()

    asyncio.run(run())


@OPENERS
def test_exception_undoes_the_whole_transaction_and_the_next_one_works(
    opener: Opener, tmp_path: Path
) -> None:
    async def run() -> None:
        database = await opener(tmp_path / "x.db")
        await database.write(_make_table)

        async def fail(transaction: Transaction) -> None:
            await transaction.execute("INSERT INTO t VALUES(1)")
            raise ValueError("no")

        with pytest.raises(ValueError, match="no"):
            await database.write(fail)
        with pytest.raises(sqlite3.OperationalError):
            await database.write(lambda t: t.execute("INSERT INTO nothing VALUES(1)"))
        assert await database.read(_count) == 0
        await database.write(lambda t: t.execute("INSERT INTO t VALUES(1)"))
        assert await database.read(_count) == 1
        await database.close()

    asyncio.run(run())


@OPENERS
def test_result_is_handed_over_right_after_the_commit(opener: Opener, tmp_path: Path) -> None:
    async def run() -> None:
        database, got = await opener(tmp_path / "x.db"), list[int]()
        await database.write(_make_table)

        async def work(transaction: Transaction) -> int:
            await transaction.execute("INSERT INTO t VALUES(5)")
            assert not got
            return await _count(transaction)

        assert await database.write(work, got.append) == 1
        assert got == [1]
        await database.close()

    asyncio.run(run())


@OPENERS
def test_file_that_is_no_database_is_refused_by_name(opener: Opener, tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    path.write_bytes(b"this is not a database at all, it is a text of some length" * 20)
    with pytest.raises(StorageError, match=r"x\.db.*move it away"):
        asyncio.run(_open_and_close(opener, path))


async def _open_and_close(opener: Opener, path: Path) -> None:
    database = await opener(path)
    await database.close()


@OPENERS
def test_commits_are_durable_by_settings(opener: Opener, tmp_path: Path) -> None:
    async def run() -> None:
        database = await opener(tmp_path / "x.db")

        async def ask(transaction: Transaction) -> list[object]:
            names = ("journal_mode", "synchronous", "wal_autocheckpoint")
            return [(await transaction.fetch_all(f"PRAGMA {name}"))[0][0] for name in names]

        assert await database.write(ask) == ["wal", 2, 0]
        await database.close()

    asyncio.run(run())


def test_rollback_journal_leaves_one_plain_file(tmp_path: Path) -> None:
    async def run() -> None:
        database = await open_database(tmp_path / "x.db", Durability.ROLLBACK)
        await database.write(_make_table)
        await database.write(lambda t: t.execute("INSERT INTO t VALUES(1)"))
        assert os.listdir(tmp_path) == ["x.db"]
        assert await database.read(_count) == 1
        await database.close()

    asyncio.run(run())


def test_cancelled_write_is_whole_and_its_result_is_handed_over(tmp_path: Path) -> None:
    async def run() -> None:
        database, got = await open_database(tmp_path / "x.db"), list[int]()
        await database.write(_make_table)
        begun, go_on, loop = asyncio.Event(), threading.Event(), asyncio.get_running_loop()

        async def work(transaction: Transaction) -> int:
            await transaction.execute("INSERT INTO t VALUES(1)")
            loop.call_soon_threadsafe(begun.set)
            go_on.wait()
            await transaction.execute("INSERT INTO t VALUES(2)")
            return 2

        caller = asyncio.create_task(database.write(work, got.append))
        await begun.wait()
        caller.cancel()
        with pytest.raises(asyncio.CancelledError):
            await caller
        assert await database.read(_count) == 0
        other = asyncio.create_task(database.write(lambda t: t.execute("INSERT INTO t VALUES(3)")))
        go_on.set()
        await other
        assert got == [2]
        assert await database.read(_count) == 3
        await database.close()

    asyncio.run(run())


def test_cancelled_write_that_fails_later_leaves_nothing(tmp_path: Path) -> None:
    async def run() -> None:
        database = await open_database(tmp_path / "x.db")
        await database.write(_make_table)
        begun, go_on, loop = asyncio.Event(), threading.Event(), asyncio.get_running_loop()

        async def work(transaction: Transaction) -> None:
            await transaction.execute("INSERT INTO t VALUES(1)")
            loop.call_soon_threadsafe(begun.set)
            go_on.wait()
            raise ValueError("late")

        caller = asyncio.create_task(database.write(work))
        await begun.wait()
        caller.cancel()
        with pytest.raises(asyncio.CancelledError):
            await caller
        go_on.set()
        await database.write(lambda t: t.execute("INSERT INTO t VALUES(3)"))
        assert await database.fetch_all("SELECT n FROM t") == [(3,)]
        await database.close()

    asyncio.run(run())


def test_readers_see_the_last_commit_while_a_write_is_under_way(tmp_path: Path) -> None:
    async def run() -> None:
        database = await open_database(tmp_path / "x.db")
        await database.write(_make_table)

        begun, go_on, loop = asyncio.Event(), threading.Event(), asyncio.get_running_loop()

        async def work(transaction: Transaction) -> int:
            await transaction.execute("INSERT INTO t VALUES(1)")
            loop.call_soon_threadsafe(begun.set)
            go_on.wait()
            return await _count(transaction)

        writing = asyncio.create_task(database.write(work))
        await begun.wait()
        assert await database.read(_count) == 0
        go_on.set()
        assert await writing == 1
        assert await database.read(_count) == 1
        await database.close()

    asyncio.run(run())


@OPENERS
def test_transaction_that_waits_for_something_else_is_undone(opener: Opener, tmp_path: Path) -> None:
    async def run() -> None:
        database = await opener(tmp_path / "x.db")
        await database.write(_make_table)

        async def work(transaction: Transaction) -> None:
            await transaction.execute("INSERT INTO t VALUES(1)")
            await asyncio.sleep(0)

        with pytest.raises(InvariantBroken, match="wait for nothing"):
            await database.write(work)
        assert await database.read(_count) == 0
        await database.close()

    asyncio.run(run())


def test_transaction_runs_beside_the_loop_as_a_whole(tmp_path: Path) -> None:
    """What a large block costs to write holds nobody up."""

    async def run() -> None:
        database = await open_database(tmp_path / "x.db")
        await database.write(_make_table)
        threads: set[int] = set()

        async def work(transaction: Transaction) -> int:
            for number in range(3):
                threads.add(threading.get_ident())
                await transaction.execute("INSERT INTO t VALUES(?)", (number,))
            return await _count(transaction)

        assert await database.write(work) == 3
        assert len(threads) == 1
        assert threading.get_ident() not in threads
        await database.close()

    asyncio.run(run())


def test_reading_connection_cannot_write(tmp_path: Path) -> None:
    async def run() -> None:
        database = await open_database(tmp_path / "x.db")
        await database.write(_make_table)
        with pytest.raises(StorageFault, match="readonly"):
            await database.fetch_all("INSERT INTO t VALUES(1)")
        await database.close()

    asyncio.run(run())


def test_closing_waits_for_the_write_under_way_and_refuses_later_ones(tmp_path: Path) -> None:
    async def run() -> None:
        database = await open_database(tmp_path / "x.db")
        await database.write(_make_table)
        writing = asyncio.create_task(database.write(lambda t: t.execute("INSERT INTO t VALUES(1)")))
        await asyncio.sleep(0)
        await database.close()
        await database.close()
        await writing
        with pytest.raises(StorageError, match="closed"):
            await database.fetch_all("SELECT 1")
        again = InlineDatabase(tmp_path / "x.db")
        assert await again.read(_count) == 1
        await again.close()

    asyncio.run(run())


# --- when the disk refuses ----------------------------------------------------------------------------


@OPENERS
def test_full_disk_is_a_trouble_that_passes_and_leaves_no_half(opener: Opener, tmp_path: Path) -> None:
    async def run() -> None:
        database = await opener(tmp_path / "x.db")
        await database.write(_make_table)
        await database.write(lambda t: t.execute("PRAGMA max_page_count = 4"))
        rows = [(n,) for n in range(5_000)]
        with pytest.raises(StorageFault, match=r"x\.db: the disk is full: make room"):
            await database.write(lambda t: t.execute_many("INSERT INTO t VALUES(?)", rows))
        assert await database.read(_count) == 0
        await check_writable(database)
        await database.write(lambda t: t.execute("PRAGMA max_page_count = 1000"))
        await database.write(lambda t: t.execute_many("INSERT INTO t VALUES(?)", rows))
        assert await database.read(_count) == 5_000
        await database.close()

    asyncio.run(run())


@OPENERS
def test_disk_that_can_only_be_read_is_a_trouble_and_reading_goes_on(opener: Opener, tmp_path: Path) -> None:
    async def run() -> None:
        database = await opener(tmp_path / "x.db")
        await database.write(_make_table)
        await check_writable(database)
        # The connection that writes refuses to, as it does on such a disk.
        await database.write(lambda t: t.execute("PRAGMA query_only = 1"))
        with pytest.raises(StorageFault, match="it can only be read: mount the disk writable"):
            await check_writable(database)
        assert await database.read(_count) == 0
        await database.close()

    asyncio.run(run())


@OPENERS
def test_file_in_use_elsewhere_is_a_trouble_that_passes(opener: Opener, tmp_path: Path) -> None:
    async def run() -> None:
        database = await opener(tmp_path / "x.db")
        await database.write(_make_table)
        await database.write(lambda t: t.execute("PRAGMA busy_timeout = 1"))
        other = sqlite3.connect(tmp_path / "x.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StorageFault, match="another process has it in use"):
            await check_writable(database)
        other.close()
        await check_writable(database)
        await database.close()

    asyncio.run(run())


@OPENERS
def test_damaged_page_is_told_apart_from_what_passes(opener: Opener, tmp_path: Path) -> None:
    async def run() -> None:
        path = tmp_path / "x.db"
        database = await opener(path)
        await database.write(_make_table)
        await database.write(
            lambda t: t.execute_many("INSERT INTO t VALUES(?)", [(n,) for n in range(5_000)])
        )
        await database.close()
        content = path.read_bytes()
        path.write_bytes(content[:4096] + b"\xff" * (len(content) - 4096))
        again = await opener(path)
        with pytest.raises(StorageBroken, match=r"x\.db is damaged .* restore a backup"):
            await again.read(_count)
        await again.close()

    asyncio.run(run())


@OPENERS
def test_folder_that_is_not_there_is_no_broken_file(opener: Opener, tmp_path: Path) -> None:
    with pytest.raises(StorageFault, match="it cannot be opened"):
        asyncio.run(_open_and_close(opener, tmp_path / "none" / "x.db"))


def test_inline_database_never_suspends() -> None:
    database = InlineDatabase()
    for coroutine in (database.write(_make_table), database.read(_count), database.close()):
        with pytest.raises(StopIteration):
            coroutine.send(None)
