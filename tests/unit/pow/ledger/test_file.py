"""Reading beside a writer: who waits for whom, and what an operator is told."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from hypernode.ports.registrations import PowNotReady
from hypernode.pow.ledger.faults import explain
from hypernode.pow.ledger.file import LedgerFile
from hypernode.pow.ledger.source import LedgerPowSource
from hypernode.pow.ledger.values import to_number, to_text, to_units
from tests.unit.pow.ledgers import FIRST, NETWORK, blocks, funding, registering, time_of, write


@pytest.fixture(params=["DELETE", "WAL"])
def journal_mode(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.db"


def test_a_writer_commits_between_our_queries(path: Path, journal_mode: str) -> None:
    write(path, blocks(FIRST, FIRST + 5), journal_mode=journal_mode)
    with LedgerFile(path).open() as reader, closing(sqlite3.connect(path, timeout=0)) as writer:
        for count in (6, 5):
            rows = reader.query("SELECT block_height FROM transactions")
            assert len(rows) == count
            # no time-out: it would fail at once if our reading still held the file
            writer.execute("DELETE FROM transactions WHERE block_height = ?", rows[-1])
            writer.commit()


def test_a_lock_that_stays_is_waited_for_and_then_told(path: Path) -> None:
    write(path, blocks(FIRST, FIRST + 30))
    source = LedgerPowSource(path, NETWORK, inline=True, busy_timeout_s=0.01, attempts=3)
    with closing(sqlite3.connect(path)) as writer:
        writer.execute("BEGIN EXCLUSIVE")
        assert "holds its lock" in asyncio.run(source.get_status(0)).problem
        with pytest.raises(PowNotReady, match="holds its lock all the time"):
            asyncio.run(source.get_block_hashes([FIRST]))
        writer.rollback()
    assert asyncio.run(source.get_status(time_of(FIRST + 30))).problem == ""


def test_a_lock_that_goes_is_retried_past(path: Path) -> None:
    write(path, blocks(FIRST, FIRST))
    with closing(sqlite3.connect(path)) as writer:
        tries = 0

        class Counting(sqlite3.Connection):
            def execute(self, *args: object, **kwargs: object) -> sqlite3.Cursor:
                nonlocal tries
                tries += 1
                if tries == 3:
                    writer.rollback()
                return super().execute(*args, **kwargs)  # type: ignore[arg-type]

        with LedgerFile(path, 0.01, 3).open() as reader:
            writer.execute("BEGIN EXCLUSIVE")
            reader._connection = sqlite3.connect(path, timeout=0.01, isolation_level=None, factory=Counting)
            with closing(reader._connection):
                assert len(reader.query("SELECT 1 FROM transactions")) == 1
        assert tries == 3


def test_a_wal_ledger_shows_what_the_writer_has_not_checkpointed(path: Path) -> None:
    write(path, blocks(FIRST, FIRST), journal_mode="WAL")
    with closing(sqlite3.connect(path)) as writer:
        writer.execute("PRAGMA wal_autocheckpoint=0").fetchall()
        writer.execute("INSERT INTO misc VALUES (1, '10')")
        writer.commit()
        with LedgerFile(path).open() as reader:
            assert reader.query("SELECT difficulty FROM misc") == [("10",)]


def test_we_cannot_write(path: Path) -> None:
    write(path, [])
    with LedgerFile(path).open() as reader, pytest.raises(PowNotReady, match="a readonly database"):
        reader.query("INSERT INTO misc VALUES (1, '')")


def test_a_half_written_commit_is_explained(path: Path, tmp_path: Path) -> None:
    write(path, blocks(FIRST, FIRST + 200))
    copy = tmp_path / "copy.db"
    with closing(sqlite3.connect(path)) as writer:
        writer.execute("PRAGMA cache_size=1").fetchall()
        writer.execute("UPDATE transactions SET openfield = 'x'")
        shutil.copy(path, copy)
        shutil.copy(f"{path}-journal", f"{copy}-journal")
        writer.rollback()
    with pytest.raises(PowNotReady, match="stopped within a commit"), LedgerFile(copy).open():
        pass


def test_words_for_the_operator_name_file_and_remedy(path: Path) -> None:
    write(path, [], journal_mode="WAL")

    def words(code: int) -> str:
        error = sqlite3.OperationalError("unable to open database file")
        error.sqlite_errorcode = code
        return explain(path, error)

    assert "start the PoW node" in words(sqlite3.SQLITE_CANTOPEN)
    assert "start it once" in words(sqlite3.SQLITE_READONLY_ROLLBACK)
    assert "holds its lock" in words(sqlite3.SQLITE_BUSY)
    assert str(path) in words(sqlite3.SQLITE_IOERR)
    path.unlink()
    assert "cannot be read" in words(sqlite3.SQLITE_CANTOPEN)


def test_other_files_are_no_ledgers(path: Path) -> None:
    path.write_bytes(b"x" * 5000)
    with pytest.raises(PowNotReady, match="no sound SQLite database"), LedgerFile(path).open():
        pass
    path.unlink()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE other (x)")
    with pytest.raises(PowNotReady, match="no ledger of a PoW node"), LedgerFile(path).open():
        pass
    path.unlink()
    with pytest.raises(PowNotReady, match="there is no such file"), LedgerFile(path).open():
        pass


def test_columns_of_any_type_are_read() -> None:
    assert [to_units(v) for v in (2, 0.01, 10_000.01, None, "x", 1e-8)] == [
        2 * 10**8,
        10**6,
        1_000_001_000_000,
        0,
        0,
        1,
    ]
    assert [to_text(v) for v in (b"\xff", None, 7, "a")] == ["\ufffd", "", "7", "a"]
    assert [to_number(v) for v in (1, 2.5, "x", None)] == [1, 2.5, 0, 0]


@pytest.mark.parametrize("own", [True, False])
def test_the_source_reads_in_its_thread(path: Path, own: bool) -> None:
    params = NETWORK
    start = int((time_of(FIRST) - params.origin_of_time) // params.round_s) + 3
    write(path, blocks(FIRST, FIRST + 200, [funding(FIRST, 1), registering(FIRST + 1, 1)]))
    with ThreadPoolExecutor(3) as executor:

        async def read() -> None:
            source = LedgerPowSource(path, params, executor=None if own else executor)
            lists = await asyncio.gather(*(source.get_registered(start - n) for n in (0, 1, 0)))
            assert lists[0] == lists[2]
            assert [len(registered.entries) for registered in lists] == [1, 1, 1]
            assert len(await source.get_feed(FIRST + 10)) == 1
            await source.close()
            with pytest.raises((PowNotReady, RuntimeError)):
                await source.get_registered(start)

        asyncio.run(read())
