"""Readers for others: as many as they may be, opened when needed, and none of them keeps the node waiting."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest

from hypernode.storage.database import open_database
from hypernode.storage.interface import Reader, StorageError
from hypernode.storage.lanes import ReaderLane

PATIENCE_S = 10.0


class Slow:
    """Reads that go on until they are let go."""

    def __init__(self) -> None:
        self.let_go = threading.Event()
        self.begun = threading.Semaphore(0)
        self.count = 0

    async def __call__(self, reader: Reader) -> int:
        self.count += 1
        self.begun.release()
        assert self.let_go.wait(PATIENCE_S)
        [(number,)] = await reader.fetch_all("SELECT 7")
        return int(number)


async def wait_begun(slow: Slow, count: int) -> None:
    for _ in range(count):
        assert await asyncio.to_thread(slow.begun.acquire, timeout=PATIENCE_S)


def test_the_node_reads_while_all_readers_of_others_are_at_work(tmp_path: Path) -> None:
    async def run() -> None:
        database, slow = await open_database(tmp_path / "a.db"), Slow()
        lane = database.make_lane(2)
        reads = [asyncio.create_task(lane.read(slow)) for _ in range(3)]
        await wait_begun(slow, 2)
        async with asyncio.timeout(PATIENCE_S):
            assert await database.fetch_all("SELECT 1") == [(1,)]
            await database.write(lambda t: t.execute("CREATE TABLE t(n) "))
        # the third has no reader until one of the two is done
        assert slow.count == 2
        slow.let_go.set()
        assert await asyncio.gather(*reads) == [7, 7, 7]
        await database.close()

    asyncio.run(run())


def test_a_reader_that_nobody_uses_is_closed_and_opened_again(tmp_path: Path) -> None:
    async def run() -> None:
        database = await open_database(tmp_path / "a.db")
        lane = ReaderLane(database.name, 2, idle_s=0.01)
        assert lane.count_open() == 0
        assert await lane.fetch_all("SELECT 1") == [(1,)]
        async with asyncio.timeout(PATIENCE_S):
            while lane.count_open():
                await asyncio.sleep(0.01)
        assert await lane.fetch_all("SELECT 2") == [(2,)]
        await lane.close()
        with pytest.raises(StorageError, match="is closed"):
            await lane.fetch_all("SELECT 1")
        await database.close()

    asyncio.run(run())


def test_a_reader_of_others_cannot_write(tmp_path: Path) -> None:
    async def run() -> None:
        database = await open_database(tmp_path / "a.db")
        with pytest.raises(Exception, match="readonly"):
            await database.make_lane(1).fetch_all("CREATE TABLE t(n)")
        await database.close()

    asyncio.run(run())


def test_a_reader_whose_asker_left_is_free_again(tmp_path: Path) -> None:
    async def run() -> None:
        database, slow = await open_database(tmp_path / "a.db"), Slow()
        lane = database.make_lane(1)
        read = asyncio.create_task(lane.read(slow))
        await wait_begun(slow, 1)
        read.cancel()
        await asyncio.gather(read, return_exceptions=True)
        slow.let_go.set()
        assert await lane.fetch_all("SELECT 1") == [(1,)]
        await database.close()

    asyncio.run(run())
