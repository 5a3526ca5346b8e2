"""What we keep of a ledger file between two runs, in a file of our own (``data/registrations.db``).

The sealed chunks with their rows of the registry, the sums of every address over them, and the registry
right after some blocks (*checkpoints*).  It follows from the ledger alone and can be thrown away: it costs a
scan.  A tool beside a running node reads a copy.  Without a file all of it lives in memory.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import astuple, dataclass, replace
from pathlib import Path
from typing import Any, Final

from hypernode.core.registrations.registry import PowRow
from hypernode.core.rules import UNCHECKED
from hypernode.core.types import PowHeight
from hypernode.files.own_files import UnsafeFile, check_own, explain, prepare_database
from hypernode.ports.registrations import PowNotReady
from hypernode.pow.ledger.balances import Sums
from hypernode.pow.ledger.values import Row

FORMAT: Final = 2
"""Of the file: one of another format is thrown away."""
BUSY_TIMEOUT_S: Final = 5.0
MAX_UNITS: Final = 4 * 10**18
"""Of a sum in 1e-8 BIS: two of them fit SQLite's 63 bits, and no true one comes near."""

_SCHEMA: Final = (
    "CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS chunks (first INTEGER PRIMARY KEY, last INTEGER NOT NULL,"
    " lowest INTEGER NOT NULL, highest INTEGER NOT NULL, oldest REAL NOT NULL, newest REAL NOT NULL,"
    " top INTEGER NOT NULL, rows TEXT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS received (address BLOB PRIMARY KEY, units INTEGER NOT NULL) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS sent (address BLOB PRIMARY KEY, units INTEGER NOT NULL) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS watches (address BLOB NOT NULL, height INTEGER NOT NULL, received INTEGER,"
    " sent INTEGER, PRIMARY KEY (address, height)) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS checkpoints (height INTEGER PRIMARY KEY, block_hash TEXT NOT NULL,"
    " row INTEGER NOT NULL, state TEXT NOT NULL)",
)
_TABLES: Final = ("facts", "chunks", "received", "sent", "watches", "checkpoints")
_ADD: Final = (
    "INSERT INTO {table} VALUES (?, ?)"
    " ON CONFLICT (address) DO UPDATE"
    f" SET units = MAX(-{MAX_UNITS}, MIN({MAX_UNITS}, units + excluded.units))"
)
_CHUNKS: Final = "SELECT first, last, lowest, highest, oldest, newest, top, rows FROM chunks ORDER BY first"
_GET_SUMS: Final = (
    "SELECT (SELECT units FROM received WHERE address = ?1), (SELECT units FROM sent WHERE address = ?1)"
)
_KEEP_CHECKPOINTS: Final = (
    "DELETE FROM checkpoints WHERE height NOT IN"
    " (SELECT height FROM checkpoints ORDER BY height DESC LIMIT ?)"
)


@dataclass(frozen=True, slots=True)
class Chunk:
    """A range of rowids: the lowest and highest block in it (0 and 0 without any), the times of its oldest
    and newest block, the highest height of any row, its rows of the registry and of coloured lists."""

    first: int
    last: int
    lowest: PowHeight
    highest: PowHeight
    oldest: float
    newest: float
    top: PowHeight
    rows: tuple[PowRow, ...]


@dataclass(frozen=True, slots=True)
class KeptCheckpoint:
    """A block (height, hash, rowid) and the registry right after it, as JSON."""

    height: PowHeight
    block_hash: str
    rowid: int
    state: str


class LedgerCache:
    """The open file.  Every method raises PowNotReady with words for the operator when it cannot be used."""

    def __init__(self, connection: sqlite3.Connection, name: str) -> None:
        self._connection = connection
        self._name = name

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise PowNotReady(
                f"{self._name}: what is kept of the PoW node's ledger cannot be read or written ({error}); "
                "look at the disk, or remove this file: it is made again"
            ) from error

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing of what is written within."""
        with self._explained():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    def clear(self) -> None:
        """Forget everything but whose it is."""
        with self.transaction():
            for table in _TABLES:
                self._connection.execute(
                    f"DELETE FROM {table}" + (" WHERE name <> 'fingerprint'" if table == "facts" else "")
                )

    def require_fingerprint(self, fingerprint: str) -> None:
        """Forget everything that was derived under other parameters."""
        if self.get_fact("fingerprint") != fingerprint:
            self.clear()
            with self.transaction():
                self.put_fact("fingerprint", fingerprint)

    def get_fact(self, name: str) -> str:
        """A value by its name; empty when there is none."""
        rows = self._fetch("SELECT value FROM facts WHERE name = ?", name)
        return str(rows[0][0]) if rows else ""

    def put_fact(self, name: str, value: str) -> None:
        """Within a transaction."""
        self._connection.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (name, value))

    def list_chunks(self) -> list[Chunk]:
        """By rowids."""
        return [_to_chunk(row) for row in self._fetch(_CHUNKS)]

    def put_chunks(self, chunks: Iterable[Chunk]) -> None:
        """Within a transaction."""
        self._connection.executemany(
            "INSERT INTO chunks VALUES (?,?,?,?,?,?,?,?)",
            (
                (
                    *(chunk.first, chunk.last, chunk.lowest, chunk.highest),
                    *(chunk.oldest, chunk.newest, chunk.top),
                    json.dumps([_from_row(row) for row in chunk.rows]),
                )
                for chunk in chunks
            ),
        )

    def get_top(self) -> PowHeight:
        """Of the sums: the highest height of any row in them."""
        return int(self.get_fact("top") or 0)

    def put_top(self, top: PowHeight) -> None:
        """Within a transaction."""
        self.put_fact("top", str(top))

    def get_sums(self, address: bytes) -> Sums:
        """Of an address over all sealed rows."""
        received, sent = self._fetch(_GET_SUMS, address)[0]
        return received, sent

    def add_sums(self, received: Mapping[bytes, int], sent: Mapping[bytes, int]) -> None:
        """Within a transaction.  What is beyond ``MAX_UNITS`` stays there: nobody's true balance is."""
        for table, sums in (("received", received), ("sent", sent)):
            pairs = sorted((address, _bound(units)) for address, units in sums.items())
            self._connection.executemany(_ADD.format(table=table), pairs)

    def list_watches(self) -> list[tuple[bytes, PowHeight, Sums]]:
        """Address, height and sums up to it; of each address by height."""
        rows = self._fetch("SELECT address, height, received, sent FROM watches ORDER BY address, height")
        return [(address, height, (received, sent)) for address, height, received, sent in rows]

    def put_watches(self, watches: Iterable[tuple[bytes, PowHeight, Sums]]) -> None:
        """Within a transaction."""
        self._connection.executemany(
            "INSERT OR REPLACE INTO watches VALUES (?,?,?,?)",
            ((address, height, *map(_bound, sums)) for address, height, sums in watches),
        )

    def list_checkpoints(self) -> list[KeptCheckpoint]:
        """By height."""
        return [KeptCheckpoint(*row) for row in self._fetch("SELECT * FROM checkpoints ORDER BY height")]

    def save_checkpoint(self, checkpoint: KeptCheckpoint, keep: int) -> None:
        """Keep it, and of the others only the highest, ``keep`` in all."""
        with self.transaction():
            self._connection.execute(
                "INSERT OR REPLACE INTO checkpoints VALUES (?,?,?,?)", astuple(checkpoint)
            )
            self._connection.execute(_KEEP_CHECKPOINTS, (keep,))

    def keep_checkpoints(self, heights: Sequence[PowHeight]) -> None:
        """Forget all others."""
        with self.transaction():
            self._connection.execute(
                "DELETE FROM checkpoints WHERE height NOT IN (SELECT value FROM json_each(?))",
                (json.dumps(list(heights)),),
            )

    def close(self) -> None:
        """Nothing else may be asked afterwards."""
        with self._explained():
            self._connection.close()

    def _fetch(self, sql: str, *parameters: object) -> list[Row]:
        with self._explained(), closing(self._connection.execute(sql, parameters)) as cursor:
            return cursor.fetchall()


def _bound(units: int | None) -> int | None:
    return units if units is None else max(-MAX_UNITS, min(MAX_UNITS, units))


def _to_chunk(row: Row) -> Chunk:
    first, last, lowest, highest, oldest, newest, top, text = row
    rows = tuple(_to_row(fields) for fields in json.loads(text))
    return Chunk(first, last, lowest, highest, oldest, newest, top, rows)


def _from_row(row: PowRow) -> list[object]:
    """Its fields in order; null for a signature that nobody looked at."""
    return [None if value is UNCHECKED else value for value in astuple(row)]


def _to_row(fields: Sequence[Any]) -> PowRow:
    row = PowRow(*fields)
    return replace(row, verified=UNCHECKED) if row.verified is None else row


def open_cache(path: Path | None, *, copy: bool = False, log: Callable[[str], None]) -> LedgerCache:
    """The cache in a file, made when it is new or of another format; None: in memory.  ``copy``: in memory,
    as the file is now.  A damaged file is thrown away.  Raises PowNotReady."""
    if path is None or (copy and not path.exists()):
        return _open(":memory:")
    try:
        check_own(path)
        return _open_copy(path) if copy else _open_own(path)
    except (sqlite3.DatabaseError, UnsafeFile) as error:
        log(f"{path}: what was kept of the PoW node's ledger is damaged ({error}): made again")
    except OSError as error:
        raise PowNotReady(f"{path}: cannot be made ({explain(error)})") from error
    if copy:
        return _open(":memory:")
    try:
        for suffix in ("", "-journal", "-wal", "-shm"):
            Path(f"{path}{suffix}").unlink(missing_ok=True)  # of a link: the link, not what it leads to
        return _open_own(path)
    except (sqlite3.Error, OSError) as error:
        words = explain(error) if isinstance(error, OSError) else error
        raise PowNotReady(f"{path}: cannot be made ({words}); look at the disk and at its rights") from error


def _open_own(path: Path) -> LedgerCache:
    prepare_database(path)
    return _open(str(path))


def _open_copy(path: Path) -> LedgerCache:
    with closing(_connect(str(path))) as file:
        memory = _connect(":memory:")
        try:
            file.backup(memory)
        except BaseException:
            memory.close()
            raise
    return _prepare(memory, str(path))


def _open(name: str) -> LedgerCache:
    connection = _connect(name)
    try:
        # a power cut may cost the last commits, never the file: they are derived again
        connection.execute("PRAGMA journal_mode=WAL").fetchall()
        connection.execute("PRAGMA synchronous=NORMAL").fetchall()
        return _prepare(connection, name)
    except BaseException:
        connection.close()
        raise


def _prepare(connection: sqlite3.Connection, name: str) -> LedgerCache:
    known = connection.execute("PRAGMA user_version").fetchall()[0][0]
    if known not in (0, FORMAT):
        connection.close()
        raise sqlite3.DatabaseError(f"of format {known}, not {FORMAT}")
    for statement in _SCHEMA:
        connection.execute(statement)
    connection.execute(f"PRAGMA user_version={FORMAT}")
    return LedgerCache(connection, name)


def _connect(name: str) -> sqlite3.Connection:
    return sqlite3.connect(name, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False)
