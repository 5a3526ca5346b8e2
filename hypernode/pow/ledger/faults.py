"""SQLite's errors on a companion's ledger that cannot be read, in words for the operator."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Final

from hypernode.ports.registrations import PowNotReady
from hypernode.pow.ledger.access import is_wal

_BUSY: Final = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
_UNWRITABLE: Final = frozenset({sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY})
_REFUSED: Final = frozenset({sqlite3.SQLITE_TOOBIG})


class TooLarge(PowNotReady):
    """A value of the row is larger than SQLite may return to us."""


def is_busy(error: Exception) -> bool:
    """Whether the companion holds its lock."""
    return _code(error) in _BUSY


def is_too_large(error: Exception) -> bool:
    """Whether a value is larger than SQLite may make one for us."""
    return _code(error) in _REFUSED


def explain(path: Path, error: Exception) -> str:
    """Words for the operator: the file, what is wrong with it, and what to do."""
    code = _code(error)
    if code in _REFUSED or isinstance(error, OverflowError):
        return f"{path}: a value is too large to be true ({error}); expected the PoW node's ledger"
    if code == sqlite3.SQLITE_INTERRUPT:
        return (
            f"{path}: a short query did not end; expected a PoW node's ledger with blocks at its end (or "
            "the node "
            "stops)"
        )
    if code in _BUSY:
        return f"{path}: the PoW node holds its lock all the time; expected short commits: is it stuck?"
    if getattr(error, "sqlite_errorcode", 0) == sqlite3.SQLITE_READONLY_ROLLBACK:
        return f"{path}: the PoW node stopped within a commit; start it once, so that it repairs its ledger"
    if code in _UNWRITABLE and is_wal(path):
        return (
            f"{path}: a ledger in WAL mode cannot be opened read-only while nobody has it open; "
            "start the PoW node, and let this user read its -wal and -shm"
        )
    if code in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT):
        return f"{path}: this is no sound SQLite database ({error}); expected the PoW node's ledger"
    if "no such table" in str(error) or "no such column" in str(error):
        return f"{path}: this is no ledger of a PoW node ({error}); expected a table transactions"
    return f"{path}: cannot be read ({error}); expected the PoW node's ledger, readable by this user"


def _code(error: Exception) -> int:
    # the low byte of an extended code is the primary one
    return getattr(error, "sqlite_errorcode", 0) & 0xFF
