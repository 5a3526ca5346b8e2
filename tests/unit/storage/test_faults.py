"""What the disk refuses is told from damage, and damage from a fault of ours."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from hypernode.ports.storage_faults import StorageBroken, StorageFault
from hypernode.storage.faults import find_storage_fault, raising_storage_faults


@pytest.mark.parametrize(
    ("code", "kind", "words"),
    [
        (sqlite3.SQLITE_FULL, StorageFault, "make room"),
        (sqlite3.SQLITE_READONLY, StorageFault, "writable"),
        (sqlite3.SQLITE_IOERR, StorageFault, "the disk fails"),
        (sqlite3.SQLITE_CANTOPEN, StorageFault, "cannot be opened"),
        (sqlite3.SQLITE_BUSY, StorageFault, "another process"),
        (sqlite3.SQLITE_PERM, StorageFault, "may not be used"),
        (sqlite3.SQLITE_CORRUPT, StorageBroken, "repair it or restore a backup"),
        (sqlite3.SQLITE_NOTADB, StorageBroken, "repair it or restore a backup"),
    ],
)
@pytest.mark.parametrize("extended", [0, 1 << 8, 13 << 8])
def test_a_code_says_which_file_and_what_to_do(
    code: int, kind: type[StorageFault], words: str, extended: int
) -> None:
    fault = find_storage_fault("data/ledger.db", code | extended, "as SQLite says it")
    assert type(fault) is kind
    assert str(fault).startswith("data/ledger.db")
    assert words in str(fault)
    assert "as SQLite says it" in str(fault)


@pytest.mark.parametrize("code", [sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_MISUSE, 0])
def test_a_fault_of_ours_is_no_trouble_of_the_disk(code: int) -> None:
    assert find_storage_fault("x", code, "") is None


def ask(content: bytes | None, sql: str) -> None:
    """Of a database with this content, as the ledger is asked."""
    with closing(sqlite3.connect(":memory:")) as connection:
        if content is not None:
            connection.deserialize(content)
        with raising_storage_faults("x"):
            connection.execute(sql)


def test_what_sqlite_raises_is_said_and_the_rest_passes_as_it_is() -> None:
    with pytest.raises(StorageBroken, match="x is damaged"):
        ask(b"this is no file of a database" * 99, "SELECT * FROM sqlite_master")
    with pytest.raises(sqlite3.OperationalError, match="no such table"):
        ask(None, "SELECT * FROM nowhere")
    with pytest.raises(ZeroDivisionError), raising_storage_faults("x"):
        raise ZeroDivisionError
