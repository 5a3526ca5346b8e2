"""A chain in the file of the legacy software, read block by block (spec 4, storage).

Messages of a block are in order of (timestamp, rowid).  The file may have no index on heights, so the row
numbers are put in order once and the rows fetched by them: whatever its size, it is sorted one time.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Final

from hypernode.core.block import normalise_block
from hypernode.core.encoded_size import compute_block_size
from hypernode.core.numeric_params import restore_params
from hypernode.core.params.chain_params import ChainParams
from hypernode.core.types import Block, Height, Message
from hypernode.storage.archive.foreign import require_plain_tables
from hypernode.storage.archive.legacy_schema import (
    BLOCK_COLUMNS,
    MESSAGE_COLUMNS,
    READ_BYTES,
    SIDE_TABLES,
    block_from_row,
    message_from_row,
    read_number,
)
from hypernode.storage.interface import Row, StorageError
from hypernode.storage.read_only import connect_read_only
from hypernode.storage.rows import MAX_MARKS
from hypernode.storage.schema.tables import MAX_MESSAGES

_TIP: Final = "SELECT height, block_hash FROM pos_chain ORDER BY height DESC LIMIT 1"
_BLOCKS: Final = f"SELECT {BLOCK_COLUMNS} FROM pos_chain WHERE height >= ? ORDER BY height"
_ORDER: Final = (
    "SELECT block_height, rowid FROM pos_messages "
    "WHERE block_height >= ? AND typeof(block_height) = 'integer' ORDER BY block_height, timestamp, rowid"
)
_MESSAGES: Final = f"SELECT rowid, {MESSAGE_COLUMNS} FROM pos_messages WHERE rowid IN ({{marks}})"
_ORPHANS: Final = "SELECT count(*) FROM pos_messages WHERE block_height NOT IN (SELECT height FROM pos_chain)"

MAX_SIDE_BYTES: Final = 64 * 1024**2
"""Of the rows that are no part of the chain: they are held at once, and nothing of ours needs them."""
MAX_SIDE_ROW_BYTES: Final = 1024**2
"""Of one of them: a round of a thousand hypernodes has a tenth."""
_VALUE_BYTES: Final = 16
"""Of a number, and of what a value costs beside its text."""


def _measure(value: object) -> int:
    return _VALUE_BYTES + (len(value) if isinstance(value, str | bytes) else 0)


def holds_legacy_chain(path: Path) -> bool:
    """Whether the file is a database with the table of a legacy chain.  Raises StorageError."""
    with closing(connect_read_only(path, max_value_bytes=MAX_SIDE_BYTES)) as connection:
        return bool(connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'pos_chain'").fetchall())


class LegacyChain:
    """``BlockSource`` over a file.  ``restored`` counts params that a signature gave back; ``lost`` lists
    the messages (height, id) for which no text fits."""

    def __init__(self, path: Path, params: ChainParams) -> None:
        self._params = params
        self._name = str(path)
        self._connection = connect_read_only(path, max_value_bytes=params.mixed_block_bytes)
        try:
            require_plain_tables(self._connection, path)
        except BaseException as error:
            self._connection.close()
            if isinstance(error, sqlite3.DatabaseError):
                raise self._explain(error) from error
            raise
        self.restored = 0
        self.lost: list[tuple[Height, bytes]] = []
        self.lacks_side_rows = False
        self._blocks: Iterator[Block] | None = None
        self._next: Height | None = None
        rows = self._fetch(_TIP)
        if not rows:
            raise StorageError(f"{self._name}: there is no block in it")
        self.tip_height: Height = read_number(rows[0][0], f"{self._name}: the last block")

    async def get_hash(self, height: Height) -> bytes | None:
        """Hash of a block; None where there is none."""
        rows = self._fetch("SELECT block_hash FROM pos_chain WHERE height = ?", (height,))
        return rows[0][0] if rows else None

    async def get_blocks(self, first: Height, count: int) -> list[Block]:
        """Whole blocks from ``first`` on, ascending, so many or at least ``READ_BYTES`` of them.  Quick when
        asked for in order.  Raises StorageError where the file is none of a chain."""
        if self._blocks is None or self._next != first:
            self._blocks = self._iterate(first)
        found: list[Block] = []
        try:
            left = READ_BYTES
            while len(found) < count and left > 0 and (block := next(self._blocks, None)) is not None:
                found.append(block)
                left -= compute_block_size(block)
        except sqlite3.DatabaseError as error:
            raise self._explain(error) from error
        self._next = first + len(found)
        return found

    def list_side_rows(self) -> dict[str, list[Row]]:
        """Rows of the tables that are no part of the chain, in their order; of those that are there, up to
        ``MAX_SIDE_BYTES``: ``lacks_side_rows`` says whether there are more."""
        there = {name for (name,) in self._fetch("SELECT name FROM sqlite_master WHERE type = 'table'")}
        left = MAX_SIDE_BYTES
        tables: dict[str, list[Row]] = {}
        try:
            for name in SIDE_TABLES:
                sql = f"SELECT * FROM {name} ORDER BY rowid"
                for row in self._connection.execute(sql) if name in there else ():
                    size = sum(map(_measure, row))
                    if size > min(left, MAX_SIDE_ROW_BYTES):
                        self.lacks_side_rows = True
                        continue
                    left -= size
                    tables.setdefault(name, []).append(row)
        except sqlite3.DatabaseError as error:
            raise self._explain(error) from error
        return tables

    def count_orphans(self) -> int:
        """Messages of blocks that are not there: what a legacy node left when it was killed."""
        return int(self._fetch(_ORPHANS)[0][0])

    async def close(self) -> None:
        self._blocks = None
        self._connection.close()

    def _fetch(self, sql: str, values: tuple[int, ...] = ()) -> list[Row]:
        try:
            return self._connection.execute(sql, values).fetchall()
        except sqlite3.DatabaseError as error:
            raise self._explain(error) from error

    def _explain(self, error: sqlite3.DatabaseError) -> StorageError:
        return StorageError(f"{self._name}: expected a chain of the legacy software ({error})")

    def _iterate(self, first: Height) -> Iterator[Block]:
        order = self._connection.execute(_ORDER, (first,))
        ahead: Row | None = order.fetchone()
        for row in self._connection.execute(_BLOCKS, (first,)):
            height, numbers = read_number(row[0], f"{self._name}: a block"), list[int]()
            while ahead is not None and ahead[0] <= height:
                if ahead[0] == height:
                    numbers.append(ahead[1])
                ahead = order.fetchone()
                if len(numbers) > MAX_MESSAGES:
                    raise StorageError(f"{self._name}: block {height} has more than {MAX_MESSAGES} messages")
            yield normalise_block(self._params, block_from_row(row, self._get_messages(height, numbers)))

    def _get_messages(self, height: Height, numbers: list[int]) -> tuple[Message, ...]:
        rows: dict[int, Row] = {}
        size = 0
        for start in range(0, len(numbers), MAX_MARKS):
            chunk = numbers[start : start + MAX_MARKS]
            sql = _MESSAGES.format(marks=",".join("?" * len(chunk)))
            for row in self._connection.execute(sql, chunk):
                rows[row[0]] = row[1:]
                size += sum(map(_measure, row))
                if size > self._params.mixed_block_bytes:
                    raise StorageError(f"{self._name}: block {height} has more bytes than any node reads")
        return tuple(self._to_message(rows[number]) for number in numbers)

    def _to_message(self, row: Row) -> Message:
        message, number = message_from_row(row)
        if number is None:
            return message
        text = restore_params(message, number, allow_long_ids=self._params.mixed)
        if text is None:
            self.lost.append((message.block_height, message.txid))
            return message
        self.restored += 1
        return replace(message, params=text)
