"""Errors of the disk, separated from bugs of ours: SQLite's result codes as words for an operator.

A full, failing or read-only disk is no reason to end: the node says so, and goes on when it is over.  A
damaged file does not mend itself.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator, Mapping
from typing import Final

from hypernode.ports.storage_faults import StorageBroken, StorageFault

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


def find_storage_fault(name: str, code: int, words: str) -> StorageFault | None:
    """What a result code of SQLite means for the file ``name``; None for a fault of ours."""
    primary = code & _PRIMARY
    if primary in _BROKEN:
        return StorageBroken(f"{name} is damaged ({words}): repair it or restore a backup")
    remedy = _REMEDIES.get(primary)
    return None if remedy is None else StorageFault(f"{name}: {remedy} ({words})")


@contextlib.contextmanager
def raising_storage_faults(name: str) -> Iterator[None]:
    """Raises StorageFault in place of what sqlite3 raises when the disk refuses; other errors pass."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        code = getattr(error, "sqlite_errorcode", 0)  # none where the module itself complains
        fault = find_storage_fault(name, code, str(error))
        if fault is None:
            raise
        raise fault from error
