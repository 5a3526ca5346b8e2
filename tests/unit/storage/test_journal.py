"""What was signed is written down first, once for a slot, and is still there later."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from hypernode.ports import AlreadySigned, Journal
from hypernode.storage.database import InlineDatabase, StorageError
from hypernode.storage.journal import SqliteJournal, open_journal, open_journal_in

Opener = Callable[[Path, int], Awaitable[SqliteJournal]]


async def _open_inline(path: Path, now: int) -> SqliteJournal:
    return await open_journal_in(InlineDatabase(path), now)


OPENERS = pytest.mark.parametrize("opener", [open_journal, _open_inline], ids=["aiosqlite", "inline"])


@OPENERS
def test_record_is_there_after_reopening(opener: Opener, tmp_path: Path) -> None:
    async def run() -> None:
        opened = await opener(tmp_path / "j.db", 1000)
        journal: Journal = opened
        assert await journal.get_last() is None
        await journal.record(5, 3, b"a" * 20)
        await journal.record(5, 12, b"b" * 20)
        await journal.record(4, 18, b"c" * 20)
        await opened.close()
        again = await opener(tmp_path / "j.db", 2000)
        assert again.created == 1000
        assert await again.get_last() == (5, 12)
        assert await again.get_hash(5, 3) == b"a" * 20
        assert await again.get_hash(5, 4) is None
        await again.close()

    asyncio.run(run())


@OPENERS
def test_same_hash_again_is_fine_and_another_is_refused(opener: Opener, tmp_path: Path) -> None:
    async def run() -> None:
        journal = await opener(tmp_path / "j.db", 0)
        await journal.record(5, 3, b"a" * 20)
        await journal.record(5, 3, b"a" * 20)
        with pytest.raises(AlreadySigned, match="slot 3 of round 5"):
            await journal.record(5, 3, b"b" * 20)
        assert await journal.get_hash(5, 3) == b"a" * 20
        await journal.close()

    asyncio.run(run())


def test_copy_of_the_file_is_a_whole_backup(tmp_path: Path) -> None:
    async def run() -> None:
        journal = await open_journal(tmp_path / "j.db", 0)
        await journal.record(5, 3, b"a" * 20)
        (tmp_path / "copy.db").write_bytes((tmp_path / "j.db").read_bytes())
        copy = await open_journal(tmp_path / "copy.db", 0)
        assert await copy.get_last() == (5, 3)
        await copy.close()
        await journal.close()

    asyncio.run(run())


def test_file_that_is_not_a_journal_is_refused(tmp_path: Path) -> None:
    async def run() -> None:
        database = InlineDatabase(tmp_path / "j.db")
        await database.write(lambda t: t.execute("CREATE TABLE x(n INTEGER)"))
        await database.close()
        with pytest.raises(StorageError, match="not a journal"):
            await open_journal(tmp_path / "j.db", 0)

    asyncio.run(run())
