"""What SQLite says of a ledger, in words that name the file and what to do."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from hypernode.ports.registrations import PowNotReady
from hypernode.pow.ledger.faults import TooLarge, explain, is_busy, is_too_large

PATH = Path("static/ledger.db")


def fail(code: int, words: str = "as SQLite says it") -> sqlite3.OperationalError:
    error = sqlite3.OperationalError(words)
    error.sqlite_errorcode = code
    return error


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (fail(sqlite3.SQLITE_BUSY), "holds its lock all the time"),
        (fail(sqlite3.SQLITE_LOCKED), "holds its lock all the time"),
        (fail(sqlite3.SQLITE_BUSY_RECOVERY), "holds its lock all the time"),
        (fail(sqlite3.SQLITE_TOOBIG), "too large to be true"),
        (OverflowError("int too large"), "too large to be true"),
        (fail(sqlite3.SQLITE_INTERRUPT), "a short query did not end"),
        (fail(sqlite3.SQLITE_READONLY_ROLLBACK), "start it once, so that it repairs"),
        (fail(sqlite3.SQLITE_CORRUPT), "no sound SQLite database"),
        (fail(sqlite3.SQLITE_NOTADB), "no sound SQLite database"),
        (fail(sqlite3.SQLITE_ERROR, "no such table: transactions"), "no ledger of a PoW node"),
        (fail(sqlite3.SQLITE_ERROR, "no such column: openfield"), "no ledger of a PoW node"),
        (fail(sqlite3.SQLITE_CANTOPEN), "cannot be read"),
        (fail(sqlite3.SQLITE_IOERR), "cannot be read"),
    ],
)
def test_each_fault_has_its_words(error: Exception, words: str) -> None:
    said = explain(PATH, error)
    assert said.startswith("static/ledger.db: ")
    assert words in said


def test_a_lock_is_told_from_what_is_too_large() -> None:
    busy, large = fail(sqlite3.SQLITE_BUSY), fail(sqlite3.SQLITE_TOOBIG)
    assert (is_busy(busy), is_too_large(busy)) == (True, False)
    assert (is_busy(large), is_too_large(large)) == (False, True)
    assert (is_busy(ValueError()), is_too_large(ValueError())) == (False, False)
    assert issubclass(TooLarge, PowNotReady)


def test_a_ledger_in_wal_mode_that_nobody_has_open_is_said(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("CREATE TABLE t(n)")
    connection.close()
    assert "WAL mode" in explain(path, fail(sqlite3.SQLITE_CANTOPEN))
