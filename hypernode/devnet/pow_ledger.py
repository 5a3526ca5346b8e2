"""Writing a ledger file of the real schema (spec 5, ledger schema), in rollback-journal mode as on main."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Final

from hypernode.core.registrations.registry import COIN
from hypernode.core.types import PowHeight

_SCHEMA: Final = (
    "CREATE TABLE IF NOT EXISTS transactions (block_height INTEGER, timestamp NUMERIC, address TEXT,"
    " recipient TEXT, amount NUMERIC, signature TEXT, public_key TEXT, block_hash TEXT, fee NUMERIC,"
    " reward NUMERIC, operation TEXT, openfield TEXT)",
    "CREATE TABLE IF NOT EXISTS misc (block_height INTEGER, difficulty TEXT)",
)
_INSERT: Final = "INSERT INTO transactions VALUES (?,?,?,?,?,?,?,?,?,?,?,?)"
_INSERT_MISC: Final = "INSERT INTO misc VALUES (?,?)"
_TIP: Final = (
    "SELECT block_height, timestamp, block_hash FROM transactions"
    " WHERE reward > 0 AND block_height > 0 ORDER BY rowid DESC LIMIT 1"
)
_FIRST: Final = "SELECT MIN(block_height) FROM transactions WHERE block_height > 0"
_OPENFIELDS: Final = "SELECT openfield FROM transactions WHERE operation = ? ORDER BY rowid"
_DELETE: Final = "DELETE FROM transactions WHERE block_height > ? OR block_height < -?"
_DELETE_MISC: Final = "DELETE FROM misc WHERE block_height > ?"

BUSY_TIMEOUT_S: Final = 30.0
"""Readers hold the file for parts of a second; a stuck one should be seen, not waited for."""


@dataclass(frozen=True, slots=True)
class LedgerRow:
    """A row of ``transactions``, columns in the table's order; amounts in BIS."""

    block_height: PowHeight
    timestamp: float
    address: str
    recipient: str
    amount: float
    signature: str
    public_key: str
    block_hash: str
    fee: float
    reward: float
    operation: str
    openfield: str


@dataclass(frozen=True, slots=True)
class Tip:
    """The last block of a ledger."""

    height: PowHeight
    timestamp: float
    block_hash: str


def to_coins(units: int) -> float:
    """BIS of 1e-8 BIS; SQLite stores a whole value as INTEGER by itself."""
    return units / COIN


class LedgerWriter:
    """An open ledger that is written to.  One call, one transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def get_tip(self) -> Tip | None:
        """The last block; None in a new ledger."""
        with closing(self._connection.execute(_TIP)) as cursor:
            row = cursor.fetchone()
        return None if row is None else Tip(*row)

    def get_first_height(self) -> PowHeight | None:
        """The first block; None in a new ledger."""
        with closing(self._connection.execute(_FIRST)) as cursor:
            first: PowHeight | None = cursor.fetchone()[0]
        return first

    def list_openfields(self, operation: str) -> list[str]:
        """Of the rows with that operation, in the ledger's order."""
        with closing(self._connection.execute(_OPENFIELDS, (operation,))) as cursor:
            return [row[0] for row in cursor.fetchall()]

    def append(self, rows: Iterable[LedgerRow], difficulties: Sequence[tuple[PowHeight, str]] = ()) -> None:
        """Rows in the order in which they count, and the blocks' rows of ``misc``."""
        with self._connection:
            self._connection.execute("BEGIN IMMEDIATE")
            self._connection.executemany(_INSERT, (astuple(row) for row in rows))
            self._connection.executemany(_INSERT_MISC, difficulties)

    def rollback_to(self, height: PowHeight) -> None:
        """Drop the blocks above ``height``, with their mirror rows, as the PoW node does."""
        with self._connection:
            self._connection.execute("BEGIN IMMEDIATE")
            self._connection.execute(_DELETE, (height, height))
            self._connection.execute(_DELETE_MISC, (height,))


@contextmanager
def open_ledger(path: Path, *, journal_mode: str = "DELETE") -> Iterator[LedgerWriter]:
    """A writer, for as long as the block lasts; a new file gets its tables.  ``journal_mode`` WAL is
    what regnet has.  Raises sqlite3.Error."""
    connection = sqlite3.connect(path, timeout=BUSY_TIMEOUT_S, isolation_level=None)
    with closing(connection):
        connection.execute(f"PRAGMA journal_mode={journal_mode}").fetchall()
        for statement in _SCHEMA:
            connection.execute(statement)
        yield LedgerWriter(connection)
