"""Errors of the disk, separated from bugs of ours: SQLite's result codes as words for an operator.

A full, failing or read-only disk is no reason to end: the node says so, and goes on when it is over.  A
damaged file does not mend itself.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator, Mapping
from typing import Final

from hypernode.ports.trouble import StorageBroken, StorageTrouble

_REMEDIES: Final[Mapping[int, str]] = {
    sqlite3.SQLITE_FULL: "the disk is full: make room",
    sqlite3.SQLITE_READONLY: "it can only be read: mount the disk writable, or give the file to our user",
    sqlite3.SQLITE_IOERR: "the disk fails, or is full: look at the system's log",
    sqlite3.SQLITE_CANTOPEN: "it cannot be opened: look at the folder, its owner and the disk",
    sqlite3.SQLITE_BUSY: "another process has it in use: end that",
    sqlite3.SQLITE_LOCKED: "another process has it in use: end that",
    sqlite3.SQLITE_PERM: "it may not be used: give the file to our user",
    sqlite3.SQLITE_PROTOCOL: "another process has it in use: end that",
}
"""By primary result code: what may pass, with what to do."""
_BROKEN: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_PRIMARY: Final = 0xFF
"""The low byte of a result code is the primary one."""


def find_trouble(name: str, code: int, words: str) -> StorageTrouble | None:
    """What a result code of SQLite means for the file ``name``; None for a fault of ours."""
    primary = code & _PRIMARY
    if primary in _BROKEN:
        return StorageBroken(f"{name} is damaged ({words}): repair it or restore a backup")
    remedy = _REMEDIES.get(primary)
    return None if remedy is None else StorageTrouble(f"{name}: {remedy} ({words})")


@contextlib.contextmanager
def saying_trouble(name: str) -> Iterator[None]:
    """Raises StorageTrouble for what sqlite3 raises when the disk refuses; the rest passes as it is."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        code = getattr(error, "sqlite_errorcode", 0)  # none where the module itself complains
        trouble = find_trouble(name, code, str(error))
        if trouble is None:
            raise
        raise trouble from error
