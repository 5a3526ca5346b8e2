"""The companion's ledger file, opened read-only and asked in short queries (spec 5, what reading asks for).

In rollback-journal mode a reader that keeps a read transaction open stops the companion from committing,
and then the whole PoW node stands still.  Hence: every query here is one statement in autocommit mode
whose rows are all fetched at once and whose cursor is closed before anything else happens.  The file is
opened with ``mode=ro`` and never ``immutable``, which would ignore a WAL and show stale data; and for
each task anew, so that a ledger that was replaced by another file is noticed.
"""

from __future__ import annotations

import os
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
from hypernode.pow.ledger_access import hold_openable, is_wal, read_header
from hypernode.pow.ledger_sql import MAX_COINS

Row: TypeAlias = tuple[Any, ...]

_BUSY: Final = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
_UNWRITABLE: Final = frozenset({sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY})
_REFUSED: Final = frozenset({sqlite3.SQLITE_TOOBIG})

MAX_VALUE_BYTES: Final = 8 << 20
"""Of a value that SQLite makes for us: all addresses of a chunk joined are some hundred kilobytes, the
longest openfield of the chain 100."""
MAX_PLAIN_BYTES: Final = 1_000
"""Of an address or an operation, in a span with a row that is too large: those of the chain have 56 at
most."""
MAX_UNREADABLE: Final = 1_000
"""Rows that are passed over; a file with more of them is no ledger."""
STEP_OPS: Final = 100_000
"""SQLite's operations between two looks at the bound below, and whether we stop: some milliseconds."""
MAX_OPS: Final = 50_000_000
"""Of one query: ours need at most a million, for 5,000 rows; this is some seconds."""
MAX_SPANS: Final = 100_000
"""Pieces of a table that are read one by one, of thousands of rows each where these lie close together."""
MAX_ROWID: Final = 2**63 - 1
MAX_TIME: Final = 2**40
"""Unix seconds: 35,000 years."""


class TooLarge(PowNotReady):
    """A value of the row is larger than SQLite may make one for us."""


def to_units(value: object) -> int:
    """1e-8 BIS of a NUMERIC column, which holds an INTEGER when the value is whole, else a REAL;
    anything else counts nothing, as in SQLite's sums, and neither does what nobody can have."""
    if not isinstance(value, int | float) or not -MAX_COINS <= value <= MAX_COINS:
        return 0
    return value * COIN if isinstance(value, int) else round(value * COIN)


def to_text(value: object) -> str:
    """Text of a TEXT column; NULL is empty."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return "" if value is None else str(value)


def to_number(value: object) -> float:
    """A timestamp; what is no number, or beyond any time, is 0."""
    return value if isinstance(value, int | float) and abs(value) <= MAX_TIME else 0.0


class LedgerReader:
    """An open ledger, for any thread, one query at a time.  ``is_stopped`` is asked before each query and
    within it, so that a long scan can be ended."""

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
        self._ops = 0
        self._unreadable: set[int] = set()
        """Rowids of rows that are too large to be read."""
        connection.set_progress_handler(self._count_ops, STEP_OPS)

    def _count_ops(self) -> bool:
        self._ops += STEP_OPS
        return self._ops > MAX_OPS or self._is_stopped()

    def query(self, sql: str, parameters: Sequence[object] = ()) -> list[Row]:
        """All rows of one statement.  Raises PowNotReady when the companion holds its lock through
        every attempt, and when the file cannot be read; TooLarge for a value that is too large."""
        for attempt in range(self._attempts):
            if self._is_stopped():
                raise PowNotReady(f"{self._path}: reading was ended because the node stops")
            try:
                with self._lock:
                    self._ops = 0
                    with closing(self._connection.execute(sql, parameters)) as cursor:
                        return cursor.fetchall()
            except (sqlite3.Error, OverflowError) as error:
                if _code(error) in _REFUSED:
                    raise TooLarge(explain(self._path, error)) from error
                # the busy time-out has passed within execute: a retry needs no pause of its own
                if _code(error) not in _BUSY or attempt == self._attempts - 1:
                    raise PowNotReady(explain(self._path, error)) from error
        raise PowNotReady(f"{self._path}: no attempt to read it was allowed")

    def query_span(self, sql: str, span: tuple[int, int], more: Sequence[object] = ()) -> list[Row]:
        """All rows of a statement over a span of rowids, but for those that are too large to be read, for
        which it has ``{but}`` after the span.  Raises PowNotReady."""
        try:
            return self.query(self._leave_out(sql, span), (*span, *more))
        except TooLarge:
            self._find_unreadable(span)
            return self.query(self._leave_out(sql, span), (*span, *more))

    def _leave_out(self, sql: str, span: tuple[int, int]) -> str:
        inside = [str(rowid) for rowid in sorted(self._unreadable) if span[0] <= rowid <= span[1]]
        return sql.replace("{but}", f" AND rowid NOT IN ({','.join(inside)})" if inside else "")

    def _find_unreadable(self, span: tuple[int, int]) -> None:
        """Row by row: only a span with a row as no companion writes it costs that."""
        for (rowid,) in self.query(_ROWIDS, span):
            try:
                is_plain = bool(self.query(_IS_PLAIN, (rowid,)))
            except TooLarge:
                is_plain = False
            if not is_plain:
                self._unreadable.add(rowid)
        if len(self._unreadable) > MAX_UNREADABLE:
            raise PowNotReady(
                f"{self._path}: more than {MAX_UNREADABLE} rows are too large to be read; expected the PoW "
                "node's ledger"
            )

    def list_spans(self, first: int, last: int, rows: int) -> Iterator[tuple[int, int]]:
        """The pieces of ``rows`` rowids, from 1 on, that have rows, without the piece before ``first``.
        Raises PowNotReady where rows lie so far apart that the pieces are too many."""
        for _ in range(MAX_SPANS):
            found = self.query(_NEXT_ROWID, (first, last)) if first <= last else []
            if not found:
                return
            begin = (found[0][0] - 1) // rows * rows + 1
            yield begin, min(begin + rows - 1, MAX_ROWID)
            first = begin + rows
        raise PowNotReady(
            f"{self._path}: the numbers of its rows lie too far apart; expected those of a PoW node's "
            "ledger, one "
            "after the other (with the node stopped, VACUUM numbers them anew)"
        )

    def explain_pruned(self, sign: str) -> str:
        """Why a ledger that begins in the middle is refused, and what to set in the node."""
        return (
            f"{self._path}: a pruned ledger ({sign}), from which neither the list nor a balance can be told; "
            "expected the whole chain: set full_ledger=True in the PoW node's config.txt and let it fetch "
            "the "
            "ledger anew, and name its static/ledger.db, not hyper.db, in POW_LEDGER_DB"
        )

    def require_table(self) -> None:
        """Raises PowNotReady unless ``transactions`` is a table, and its columns hold what was written."""
        rows = self.query(_TABLE)
        if not rows:
            raise PowNotReady(f"{self._path}: this is no ledger of a PoW node (no table transactions)")
        kind, root = rows[0]
        if kind != "table" or not root or self.query(_COMPUTED):
            raise PowNotReady(
                f"{self._path}: its transactions are computed ({kind}), not stored; expected the table "
                "that the "
                "PoW node writes"
            )

    def open_beside(self) -> AbstractContextManager[LedgerReader]:
        """Another reader of the file, for a thread whose queries must not wait for ours.  By then the name
        may be another file's: what both give has to be compared.  Raises PowNotReady."""
        return self._file.open_beside(self._is_stopped)

    def list_indexed(self) -> frozenset[str]:
        """Columns of ``transactions`` that some complete index begins with."""
        columns = set()
        for index in self.query("SELECT name FROM pragma_index_list('transactions') WHERE partial = 0"):
            columns |= {row[0] for row in self.query(_FIRST_COLUMN, index)}
        return frozenset(columns)

    def read_journal_mode(self) -> str:
        """As SQLite names it: ``delete`` on main, ``wal`` on some."""
        return str(self.query("PRAGMA journal_mode")[0][0])


_TABLE: Final = "SELECT type, rootpage FROM sqlite_schema WHERE name = 'transactions' COLLATE NOCASE"
_COMPUTED: Final = (
    "SELECT name FROM pragma_table_xinfo('transactions') WHERE lower(name) IN ('rowid', 'oid', '_rowid_') "
    "AND pk = 0"
    " OR hidden <> 0 AND lower(name) IN ('block_height', 'timestamp', 'address', 'recipient', 'amount', "
    "'signature',"
    " 'public_key', 'block_hash', 'fee', 'reward', 'operation', 'openfield')"
)
_ROWIDS: Final = "SELECT rowid FROM transactions WHERE rowid BETWEEN ? AND ?"
_NEXT_ROWID: Final = "SELECT rowid FROM transactions WHERE rowid BETWEEN ? AND ? ORDER BY rowid LIMIT 1"
_IS_PLAIN: Final = "SELECT 1 FROM transactions WHERE rowid = ? AND " + " AND ".join(
    f"length(CAST(IFNULL({column}, '') AS BLOB)) <= {MAX_PLAIN_BYTES}"
    for column in ("address", "recipient", "operation", "block_hash", "timestamp", "amount", "fee", "reward")
)
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
