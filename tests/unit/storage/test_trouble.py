"""What the disk refuses is told from damage, and damage from a fault of ours."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from hypernode.ports.trouble import StorageBroken, StorageTrouble
from hypernode.storage.trouble import find_trouble, saying_trouble


@pytest.mark.parametrize(
    ("code", "kind", "words"),
    [
        (sqlite3.SQLITE_FULL, StorageTrouble, "make room"),
        (sqlite3.SQLITE_READONLY, StorageTrouble, "writable"),
        (sqlite3.SQLITE_IOERR, StorageTrouble, "the disk fails"),
        (sqlite3.SQLITE_CANTOPEN, StorageTrouble, "cannot be opened"),
        (sqlite3.SQLITE_BUSY, StorageTrouble, "another process"),
        (sqlite3.SQLITE_PERM, StorageTrouble, "may not be used"),
        (sqlite3.SQLITE_CORRUPT, StorageBroken, "repair it or restore a backup"),
        (sqlite3.SQLITE_NOTADB, StorageBroken, "repair it or restore a backup"),
    ],
)
@pytest.mark.parametrize("extended", [0, 1 << 8, 13 << 8])
def test_a_code_says_which_file_and_what_to_do(
    code: int, kind: type[StorageTrouble], words: str, extended: int
) -> None:
    trouble = find_trouble("data/ledger.db", code | extended, "as SQLite says it")
    assert type(trouble) is kind
    assert str(trouble).startswith("data/ledger.db")
    assert words in str(trouble)
    assert "as SQLite says it" in str(trouble)


@pytest.mark.parametrize("code", [sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_MISUSE, 0])
def test_a_fault_of_ours_is_no_trouble_of_the_disk(code: int) -> None:
    assert find_trouble("x", code, "") is None


def ask(content: bytes | None, sql: str) -> None:
    """Of a database with this content, as the ledger is asked."""
    with closing(sqlite3.connect(":memory:")) as connection:
        if content is not None:
            connection.deserialize(content)
        with saying_trouble("x"):
            connection.execute(sql)


def test_what_sqlite_raises_is_said_and_the_rest_passes_as_it_is() -> None:
    with pytest.raises(StorageBroken, match="x is damaged"):
        ask(b"this is no file of a database" * 99, "SELECT * FROM sqlite_master")
    with pytest.raises(sqlite3.OperationalError, match="no such table"):
        ask(None, "SELECT * FROM nowhere")
    with pytest.raises(ZeroDivisionError), saying_trouble("x"):
        raise ZeroDivisionError
