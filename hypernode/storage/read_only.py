"""A ledger file as it is at one moment, for tools: read only, beside a running daemon or without one.

One read transaction from opening to closing: what the daemon appends or replaces meanwhile is not seen, and
does not wait.  (In a write-ahead log readers stop nobody; the log only grows until they are gone.)
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import NoReturn
from urllib.parse import quote

from hypernode.ports.storage_faults import StorageBroken
from hypernode.storage.archive.foreign import distrust, require_file
from hypernode.storage.faults import raising_storage_faults
from hypernode.storage.interface import Params, Reader, Row, StorageError, T, Transaction

_BUSY_S = 5.0


def connect_read_only(
    path: Path, *, traceless: bool = False, max_value_bytes: int | None = None
) -> sqlite3.Connection:
    """A connection that cannot write.  ``traceless``: for a brief look, leave no file beside it either.
    ``max_value_bytes``: somebody else wrote it (``storage.archive.foreign``).  Raises StorageError when there
    is no such file, or it cannot be read."""
    require_file(path)
    try:
        # even a reader makes the files of a write-ahead log, and may not take them away; without them nobody
        # has the ledger open, and who opens it now is no concern of a brief look
        mode = "immutable=1" if traceless and not Path(f"{path}-wal").exists() else "mode=ro"
        uri = f"file:{quote(os.fsencode(path.absolute()))}?{mode}"
        connection = sqlite3.connect(uri, uri=True, timeout=_BUSY_S, isolation_level=None)
        try:
            if max_value_bytes is not None:
                distrust(connection, path, max_value_bytes)
            connection.execute("SELECT count(*) FROM sqlite_master").fetchall()
        except BaseException:
            connection.close()
            raise
    except sqlite3.DatabaseError as error:
        raise StorageError(
            f"{path}: cannot be read as a database ({error}); expected a file of SQLite that this user may "
            "read, in a folder where it may write"
        ) from error
    return connection


class SnapshotDatabase:
    """``Database`` over one moment of a file.  ``max_value_bytes``: of one that somebody else wrote.  Raises
    StorageError, StorageFault."""

    def __init__(self, path: Path, *, traceless: bool = False, max_value_bytes: int | None = None) -> None:
        self._name = str(path)
        self._is_foreign = max_value_bytes is not None
        self._connection = connect_read_only(path, traceless=traceless, max_value_bytes=max_value_bytes)
        self._connection.execute("BEGIN")
        # the transaction begins with the first read
        self._connection.execute("SELECT count(*) FROM sqlite_master").fetchall()

    @property
    def name(self) -> str:
        return self._name

    async def fetch_all(self, sql: str, params: Params = ()) -> list[Row]:
        try:
            with raising_storage_faults(self._name):
                return self._connection.execute(sql, params).fetchall()
        except (sqlite3.DatabaseError, StorageBroken) as error:
            if not self._is_foreign:
                raise
            raise StorageError(f"{self._name}: it cannot be read as a ledger ({error})") from error

    async def read(self, work: Callable[[Reader], Awaitable[T]]) -> T:
        return await work(self)

    async def write(
        self, work: Callable[[Transaction], Awaitable[T]], on_commit: Callable[[T], None] | None = None
    ) -> NoReturn:
        raise StorageError(f"{self._name} is open to be read only")

    async def close(self) -> None:
        self._connection.close()
