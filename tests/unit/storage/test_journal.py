"""What was signed is written down first, once for a slot, and is still there later."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path

import pytest

from hypernode.ports.journal import AlreadySigned, Journal
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


def _spoil(path: Path, how: str) -> None:
    """A journal that somebody else wrote, or that a disk damaged."""
    match how:
        case "zeros":
            path.write_bytes(bytes(12_288))
        case "noise":
            path.write_bytes(b"SQLite format 3\0" + bytes(range(256)) * 40)
        case "cut":
            path.write_bytes(path.read_bytes()[:5_000])
        case "pages":
            content = bytearray(path.read_bytes())
            content[4_096:8_192] = b"\x55" * 4_096
            path.write_bytes(content)
        case "folder":
            path.unlink()
            path.mkdir()
        case "pipe":
            path.unlink()
            os.mkfifo(path)
        case "link":
            path.rename(path.with_name("elsewhere.db"))
            path.symlink_to(path.with_name("elsewhere.db"))
        case "hard link":
            path.with_name("elsewhere.db").hardlink_to(path)
        case _:
            with closing(sqlite3.connect(path)) as connection:
                connection.executescript(how)


VIEW = "CREATE VIEW signed AS SELECT 1 round, 2 sir, 'x' block_hash;"


@pytest.mark.parametrize(
    "how",
    [
        *("zeros", "noise", "cut", "pages", "folder", "pipe", "link", "hard link"),
        f"DROP TABLE signed; {VIEW}",
        "DROP TABLE signed; CREATE VIEW signed AS SELECT * FROM other;",
        "DROP TABLE journal; CREATE TABLE journal(created INTEGER NOT NULL, n INT AS (1)) STRICT;",
        "CREATE TRIGGER t AFTER INSERT ON signed BEGIN DELETE FROM signed; END;",
        "CREATE TRIGGER t AFTER INSERT ON journal BEGIN SELECT nosuch(); END;",
        "DROP TABLE journal;",
        "PRAGMA user_version = 99;",
        "PRAGMA user_version = 0;",
        "PRAGMA user_version = -1;",
    ],
)
def test_a_journal_that_is_none_is_refused_with_a_remedy(tmp_path: Path, how: str) -> None:
    async def run() -> None:
        journal = await open_journal(tmp_path / "j.db", 5)
        await journal.close()
        with closing(sqlite3.connect(tmp_path / "j.db")) as connection, connection:
            rows = [(7, sir, bytes(20)) for sir in range(300)]
            connection.executemany("INSERT INTO signed VALUES(?, ?, ?)", rows)
        _spoil(tmp_path / "j.db", how)
        with pytest.raises(StorageError, match=r"j\.db") as caught:
            await open_journal(tmp_path / "j.db", 9)
        assert "Restore the journal from a backup; or move it away" in str(caught.value)

    asyncio.run(run())


def test_whether_a_journal_was_made_now_is_told_also_of_an_empty_file(tmp_path: Path) -> None:
    async def run() -> None:
        path = tmp_path / "j.db"
        for is_new in (True, False):
            journal = await open_journal(path, 5)
            assert journal.is_new is is_new
            await journal.close()
        path.write_bytes(b"")  # what a full disk or a killed start leaves
        journal = await open_journal(path, 5)
        assert journal.is_new
        await journal.close()
        assert path.stat().st_mode & 0o007 == 0

    asyncio.run(run())
