"""Short queries to a companion's ledger that is open (spec 5, what reading asks for).

In rollback-journal mode a reader that keeps a read transaction open stops the companion from committing,
and then the whole PoW node stands still.  Hence: every query here is one statement in autocommit mode
whose rows are all fetched at once and whose cursor is closed before anything else happens.  The file may be
anybody's work: no query is endless, and rows that are too large to be read are passed over.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, closing
from pathlib import Path
from typing import Final, Protocol

from hypernode.ports.registrations import PowNotReady
from hypernode.pow.ledger.faults import TooLarge, explain, is_busy, is_too_large
from hypernode.pow.ledger.values import Row

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


class OpenFile(Protocol):
    """Where the ledger is, and how long a question to it may wait."""

    @property
    def path(self) -> Path: ...

    @property
    def attempts(self) -> int: ...

    def open_beside(self, is_stopped: Callable[[], bool]) -> AbstractContextManager[LedgerReader]:
        """Another reader of it."""
        ...


class LedgerReader:
    """An open ledger, for any thread, one query at a time.  ``is_stopped`` is asked before each query and
    within it, so that a long scan can be ended."""

    def __init__(
        self, file: OpenFile, connection: sqlite3.Connection, is_stopped: Callable[[], bool]
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
                if is_too_large(error):
                    raise TooLarge(explain(self._path, error)) from error
                # the busy time-out has passed within execute: a retry needs no pause of its own
                if not is_busy(error) or attempt == self._attempts - 1:
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
