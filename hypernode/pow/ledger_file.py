"""The companion's ledger file, opened read-only and asked in short queries (spec 5, what reading asks for).

In rollback-journal mode a reader that keeps a read transaction open stops the companion from committing,
and then the whole PoW node stands still.  Hence: every query here is one statement in autocommit mode
whose rows are all fetched at once and whose cursor is closed before anything else happens.  The file is
opened with ``mode=ro`` and never ``immutable``, which would ignore a WAL and show stale data; and for
each task anew, so that a ledger that was replaced by another file is noticed.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeAlias
from urllib.parse import quote

from hypernode.core.registry import COIN
from hypernode.ports import PowNotReady

Row: TypeAlias = tuple[Any, ...]

_BUSY: Final = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
_UNWRITABLE: Final = frozenset({sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY})
_SQLITE_MAGIC: Final = b"SQLite format 3\0"
_WAL_VERSION: Final = b"\x02\x02"
_HEADER_BYTES: Final = 100
_WAL_VERSION_AT: Final = 18
"""Offset of the two bytes of a database's header that say which journal mode it is in."""


def to_units(value: object) -> int:
    """1e-8 BIS of a NUMERIC column, which holds an INTEGER when the value is whole, else a REAL;
    anything else counts nothing, as in SQLite's sums."""
    if isinstance(value, int):
        return value * COIN
    return round(value * COIN) if isinstance(value, float) else 0


def to_text(value: object) -> str:
    """Text of a TEXT column; NULL is empty."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return "" if value is None else str(value)


def to_number(value: object) -> float:
    """A timestamp; what is no number is 0."""
    return value if isinstance(value, int | float) else 0.0


class LedgerReader:
    """An open ledger, for any thread, one query at a time.  ``is_stopped`` is asked before each query, so
    that a long scan can be ended."""

    def __init__(
        self, file: LedgerFile, connection: sqlite3.Connection, is_stopped: Callable[[], bool]
    ) -> None:
        self._file = file
        self._connection = connection
        self._path = file.path
        self._attempts = file.attempts
        self._is_stopped = is_stopped
        self._lock = threading.Lock()
        """SQLite may be built so that a connection is for one thread at a time."""

    def query(self, sql: str, parameters: Sequence[object] = ()) -> list[Row]:
        """All rows of one statement.  Raises PowNotReady when the companion holds its lock through
        every attempt, and when the file cannot be read."""
        for attempt in range(self._attempts):
            if self._is_stopped():
                raise PowNotReady(f"{self._path}: reading was ended because the node stops")
            try:
                with self._lock, closing(self._connection.execute(sql, parameters)) as cursor:
                    return cursor.fetchall()
            except sqlite3.Error as error:
                # the busy time-out has passed within execute: a retry needs no pause of its own
                if _code(error) not in _BUSY or attempt == self._attempts - 1:
                    raise PowNotReady(explain(self._path, error)) from error
        raise PowNotReady(f"{self._path}: no attempt to read it was allowed")

    def open_beside(self) -> AbstractContextManager[LedgerReader]:
        """Another reader of the file, for a thread whose queries must not wait for ours.  By then the name
        may be another file's: what both give has to be compared.  Raises PowNotReady."""
        return self._file.open(self._is_stopped)

    def list_indexed(self) -> frozenset[str]:
        """Columns of ``transactions`` that some complete index begins with."""
        columns = set()
        for index in self.query("SELECT name FROM pragma_index_list('transactions') WHERE partial = 0"):
            columns |= {row[0] for row in self.query(_FIRST_COLUMN, index)}
        return frozenset(columns)

    def read_journal_mode(self) -> str:
        """As SQLite names it: ``delete`` on main, ``wal`` on some."""
        return str(self.query("PRAGMA journal_mode")[0][0])


_FIRST_COLUMN: Final = "SELECT name FROM pragma_index_info(?) WHERE seqno = 0 AND name IS NOT NULL"


@dataclass(frozen=True, slots=True)
class LedgerFile:
    """Where the ledger is and how patiently it is asked."""

    path: Path
    busy_timeout_s: float = 5.0
    """The companion's commits take well under a second, its digestion of a block some seconds."""
    attempts: int = 3

    def read_version(self) -> tuple[object, ...] | None:
        """What changes with every commit of the companion: the file itself, its change counter, and its WAL.
        None where that cannot be told."""
        try:
            with self.path.open("rb") as file:
                header = file.read(_HEADER_BYTES)
            found = self.path.stat()
        except OSError:
            return None
        try:
            wal = Path(f"{self.path}-wal").stat()
        except OSError:
            return (found.st_ino, found.st_mtime_ns, found.st_size, header)
        return (found.st_ino, found.st_mtime_ns, found.st_size, header, wal.st_mtime_ns, wal.st_size)

    @contextmanager
    def open(self, is_stopped: Callable[[], bool] = lambda: False) -> Iterator[LedgerReader]:
        """A reader, for as long as the block lasts.  Raises PowNotReady with words for the operator."""
        if not self.path.is_file():
            raise PowNotReady(
                f"{self.path}: there is no such file; expected the PoW node's ledger "
                "(set POW_LEDGER_DB or --pow-ledger to its static/ledger.db)"
            )
        try:
            connection = sqlite3.connect(
                f"file:{quote(str(self.path.absolute()))}?mode=ro",
                uri=True,
                timeout=self.busy_timeout_s,
                isolation_level=None,
                check_same_thread=False,
            )
        except sqlite3.Error as error:
            raise PowNotReady(explain(self.path, error)) from error
        with closing(connection):
            connection.text_factory = to_text
            yield LedgerReader(self, connection, is_stopped)


def explain(path: Path, error: sqlite3.Error) -> str:
    """Words for the operator: the file, what is wrong with it, and what to do."""
    code = _code(error)
    if code in _BUSY:
        return f"{path}: the PoW node holds its lock all the time; expected short commits: is it stuck?"
    if getattr(error, "sqlite_errorcode", 0) == sqlite3.SQLITE_READONLY_ROLLBACK:
        return f"{path}: the PoW node stopped within a commit; start it once, so that it repairs its ledger"
    if code in _UNWRITABLE and is_wal(path):
        return (
            f"{path}: a ledger in WAL mode cannot be opened read-only without its -wal and -shm files; "
            f"start the PoW node, or let this user write in {path.parent}"
        )
    if code in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT):
        return f"{path}: this is no sound SQLite database ({error}); expected the PoW node's ledger"
    if "no such table" in str(error) or "no such column" in str(error):
        return f"{path}: this is no ledger of a PoW node ({error}); expected a table transactions"
    return f"{path}: cannot be read ({error}); expected the PoW node's ledger, readable by this user"


def _code(error: sqlite3.Error) -> int:
    # the low byte of an extended code is the primary one
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def is_wal(path: Path) -> bool:
    """Whether a database is in WAL mode, by its header; False for a file that cannot be read."""
    try:
        with path.open("rb") as file:
            header = file.read(_WAL_VERSION_AT + len(_WAL_VERSION))
    except OSError:
        return False
    return header.startswith(_SQLITE_MAGIC) and header.endswith(_WAL_VERSION)
