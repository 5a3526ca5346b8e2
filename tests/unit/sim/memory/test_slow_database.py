"""A database whose calls take virtual time, and which keeps what the daemon's promises."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from hypernode.sim.memory.loop import run
from hypernode.sim.memory.slow_database import SlowDatabase
from hypernode.storage.interface import Transaction

Work = Callable[[Transaction], Awaitable[None]]


def _insert(value: int) -> Work:
    async def work(transaction: Transaction) -> None:
        await transaction.execute("INSERT INTO t VALUES(?)", (value,))

    return work


async def _make(max_delay_s: float) -> SlowDatabase:
    database = SlowDatabase()
    await database.write(lambda t: t.execute("CREATE TABLE t(value INTEGER)"))
    database.max_delay_s = max_delay_s
    return database


async def _read(database: SlowDatabase) -> list[int]:
    database.max_delay_s = 0.0
    return [row[0] for row in await database.fetch_all("SELECT value FROM t ORDER BY rowid")]


def test_calls_take_their_time_and_writes_come_in_order() -> None:
    async def scenario() -> tuple[float, list[int]]:
        database, loop = await _make(2.0), asyncio.get_running_loop()
        begin = loop.time()
        await asyncio.gather(*(database.write(_insert(value)) for value in range(5)))
        return loop.time() - begin, await _read(database)

    took_s, rows = run(scenario())
    assert 2.0 < took_s < 20.0
    assert rows == [0, 1, 2, 3, 4]


def test_a_database_that_is_not_slow_takes_no_time() -> None:
    async def scenario() -> float:
        database = await _make(0.0)
        await database.write(_insert(1))
        await database.fetch_all("SELECT 1")
        return asyncio.get_running_loop().time()

    assert run(scenario()) == 0.0


def test_a_write_goes_on_when_its_caller_is_cancelled_and_is_told_of() -> None:
    async def scenario() -> tuple[list[int], list[str]]:
        database, committed = await _make(2.0), list[str]()
        task = asyncio.create_task(database.write(_insert(7), lambda result: committed.append("committed")))
        await asyncio.sleep(0.001)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert committed == []
        await asyncio.sleep(5.0)
        return await _read(database), committed

    assert run(scenario()) == ([7], ["committed"])


def test_a_write_of_a_process_that_ended_never_comes() -> None:
    async def scenario() -> list[int]:
        database = await _make(2.0)
        task = asyncio.create_task(database.write(_insert(7)))
        await asyncio.sleep(0.001)
        database.abandon()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.sleep(5.0)
        return await _read(database)

    assert run(scenario()) == []


def test_closing_waits_for_what_is_written() -> None:
    async def scenario() -> tuple[float, bool]:
        database, loop = await _make(2.0), asyncio.get_running_loop()
        task = asyncio.create_task(database.write(_insert(7)))
        await asyncio.sleep(0.001)
        await database.close()
        return loop.time(), task.done()

    at_s, is_done = run(scenario())
    assert is_done
    assert at_s > 0.001
