"""The companion's ledger file, opened read-only (spec 5, what reading asks for).

It is opened with ``mode=ro`` and never ``immutable``, which would ignore a WAL and show stale data; and for
each task anew, so that a ledger that was replaced by another file, or a link that was swung, is noticed.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import quote

from hypernode.ports.registrations import PowNotReady
from hypernode.pow.ledger.access import hold_openable, read_header
from hypernode.pow.ledger.faults import explain
from hypernode.pow.ledger.reader import LedgerReader
from hypernode.pow.ledger.values import to_text

MAX_VALUE_BYTES: Final = 8 << 20
"""Of a value that SQLite makes for us: all addresses of a chunk joined are some hundred kilobytes, the
longest openfield of the chain 100."""


@dataclass(frozen=True, slots=True)
class LedgerFile:
    """Where the ledger is, and how long a question to it may wait."""

    path: Path
    busy_timeout_s: float = 5.0
    """The companion's commits take well under a second, its digestion of a block some seconds."""
    attempts: int = 3

    def read_version(self) -> tuple[object, ...] | None:
        """What changes with every commit of the companion: the file itself, its change counter, and its WAL.
        None where that cannot be told."""
        header = read_header(self.path)
        if not header:
            return None
        try:
            found = self.path.stat()
        except (OSError, ValueError):
            return None
        try:
            # beside the file itself: the path may be a link to it
            wal = Path(f"{self.path.resolve()}-wal").stat()
        except (OSError, RuntimeError):
            return (found.st_ino, found.st_mtime_ns, found.st_size, header)
        return (found.st_ino, found.st_mtime_ns, found.st_size, header, wal.st_mtime_ns, wal.st_size)

    @contextmanager
    def open(self, is_stopped: Callable[[], bool] = lambda: False) -> Iterator[LedgerReader]:
        """A reader, for as long as the block lasts.  Raises PowNotReady with words for the operator."""
        with hold_openable(self.path), closing(self._connect()) as connection:
            reader = LedgerReader(self, connection, is_stopped)
            reader.require_table()
            yield reader

    @contextmanager
    def open_beside(self, is_stopped: Callable[[], bool]) -> Iterator[LedgerReader]:
        """Another reader of a file that is open here.  Raises PowNotReady."""
        with closing(self._connect()) as connection:
            yield LedgerReader(self, connection, is_stopped)

    def _connect(self) -> sqlite3.Connection:
        try:
            connection = sqlite3.connect(
                f"file:{quote(os.fsencode(self.path.absolute()))}?mode=ro",
                uri=True,
                timeout=self.busy_timeout_s,
                isolation_level=None,
                check_same_thread=False,
            )
            connection.text_factory = to_text
            # of a file that anybody may have made: no function of its schema runs, and no value is endless
            connection.execute("PRAGMA trusted_schema=OFF").fetchall()
            connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MAX_VALUE_BYTES)
        except sqlite3.Error as error:
            raise PowNotReady(explain(self.path, error)) from error
        return connection
