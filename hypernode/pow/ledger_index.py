"""What we remember of a ledger file, so that no index of its own is needed and no query is long.

The table is gone through once, by rowid, in chunks; of each chunk we keep the range of its blocks'
heights and the rows that concern the registry (some thousands on main).  Later visits read only the
newest chunks again.  That older chunks are as they were is seen from an *anchor*: the last block of
those chunks must still stand at its rowid with its height and hash.  A rollback that deep, a VACUUM
that renumbers rows or another file in its place breaks the anchor, and everything is read anew.

Nothing here relies on heights ascending with rowids, nor on any index: rows are put in order of height,
and of rowid within a block (spec 5), after they are read.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from hypernode.core.registry import OPERATIONS, PowRow
from hypernode.core.types import PowHeight
from hypernode.pow.ledger_file import LedgerReader, Row, to_number, to_text, to_units

CHUNK_ROWS: Final = 5_000
"""Some 10 MB of a ledger with RSA signatures: a query stays at a tenth of a second on a cold disk."""
FRESH_CHUNKS: Final = 2
"""Chunks at the end that are read again each time; the rest lies at least one chunk of rows back."""

# the unary plus keeps SQLite from using an index on that column: the range of rowids leads
_LAST_ROWID: Final = "SELECT MAX(rowid) FROM transactions"
_HEIGHTS: Final = (
    "SELECT MIN(block_height), MAX(block_height) FROM transactions"
    " WHERE rowid BETWEEN ? AND ? AND +block_height > 0 AND +reward > 0"
)
_ROWS: Final = (
    "SELECT block_height, timestamp, address, recipient, amount, fee, reward, operation, openfield,"
    " block_hash FROM transactions WHERE rowid BETWEEN ? AND ?"
    f" AND +operation IN ({','.join('?' * len(OPERATIONS))})"
    " AND +block_height > 0 ORDER BY rowid"
)
_HEIGHT_AT: Final = (
    "SELECT MAX(block_height) FROM transactions"
    " WHERE rowid BETWEEN ? AND ? AND +block_height > 0 AND +reward > 0 AND +timestamp <= ?"
)
_BLOCK: Final = (
    "SELECT rowid, block_hash FROM transactions"
    " WHERE rowid BETWEEN ? AND ? AND +block_height = ? AND +reward > 0 ORDER BY rowid DESC LIMIT 1"
)
_BLOCK_HASHES: Final = (
    "SELECT block_height, block_hash FROM transactions WHERE rowid BETWEEN ? AND ? AND +reward > 0"
    " AND +block_height IN (SELECT value FROM json_each(?)) ORDER BY rowid"
)
_BLOCK_AT_ROWID: Final = (
    "SELECT 1 FROM transactions WHERE rowid = ? AND block_height = ? AND block_hash = ? AND reward > 0"
)


@dataclass(frozen=True, slots=True)
class PowBlock:
    """A block of the ledger and the rowid of its row with reward > 0."""

    height: PowHeight
    block_hash: str
    rowid: int

    def is_there(self, reader: LedgerReader) -> bool:
        """Whether it still is where it was; costs one row, with or without indices."""
        return bool(reader.query(_BLOCK_AT_ROWID, (self.rowid, self.height, self.block_hash)))


@dataclass(frozen=True, slots=True)
class Chunk:
    """A range of rowids: the lowest and highest block in it (0 and 0 without any), its registry rows."""

    first: int
    last: int
    lowest: PowHeight
    highest: PowHeight
    rows: tuple[PowRow, ...]


class LedgerIndex:
    """The chunks of one ledger file, as of the last ``refresh``."""

    def __init__(self, chunk_rows: int = CHUNK_ROWS) -> None:
        self._chunk_rows = chunk_rows
        self._chunks: list[Chunk] = []
        self._sealed = 0
        self._anchor: PowBlock | None = None

    @property
    def highest(self) -> PowHeight:
        """The last block; 0 in a ledger without blocks."""
        return max((chunk.highest for chunk in self._chunks), default=0)

    @property
    def spans(self) -> list[tuple[int, int]]:
        """First and last rowid of each chunk."""
        return [(chunk.first, chunk.last) for chunk in self._chunks]

    def refresh(self, reader: LedgerReader) -> bool:
        """Read what is new.  False when the anchor was gone and everything was read anew."""
        kept = self._anchor is None or self._anchor.is_there(reader)
        if not kept:
            self._sealed, self._anchor = 0, None
        del self._chunks[self._sealed :]
        last = reader.query(_LAST_ROWID)[0][0] or 0
        for first in range(len(self._chunks) * self._chunk_rows + 1, last + 1, self._chunk_rows):
            self._chunks.append(_read_chunk(reader, first, first + self._chunk_rows - 1))
        self._seal(reader)
        return kept

    def _seal(self, reader: LedgerReader) -> None:
        for count in range(len(self._chunks) - FRESH_CHUNKS, self._sealed, -1):
            chunk = self._chunks[count - 1]
            if chunk.highest:
                self._anchor = self._find_in(reader, chunk, chunk.highest)
                self._sealed = count if self._anchor else 0
                return

    def list_rows(self, after: PowHeight, up_to: PowHeight) -> list[PowRow]:
        """Registry rows of the blocks above ``after`` and up to ``up_to``, by height, then rowid."""
        rows = (row for chunk in self._chunks for row in chunk.rows if after < row.height <= up_to)
        return sorted(rows, key=lambda row: row.height)

    def find_height(self, reader: LedgerReader, t: float) -> PowHeight:
        """Highest block with a timestamp up to ``t`` (spec 5, height at a time); 0 for none."""
        found = 0
        for chunk in sorted(self._chunks, key=lambda chunk: -chunk.highest):
            if chunk.highest <= found:
                break
            found = max(found, reader.query(_HEIGHT_AT, (chunk.first, chunk.last, t))[0][0] or 0)
        return found

    def find_block(self, reader: LedgerReader, height: PowHeight) -> PowBlock | None:
        """The block of that height."""
        for chunk in self._chunks:
            if chunk.lowest <= height <= chunk.highest:
                block = self._find_in(reader, chunk, height)
                if block is not None:
                    return block
        return None

    def find_hashes(self, reader: LedgerReader, heights: Iterable[PowHeight]) -> dict[PowHeight, str]:
        """Block hashes of those ``heights`` that the ledger has."""
        wanted = frozenset(heights)
        found: dict[PowHeight, str] = {}
        for chunk in self._chunks:
            here = sorted(height for height in wanted if chunk.lowest <= height <= chunk.highest)
            if here:
                rows = reader.query(_BLOCK_HASHES, (chunk.first, chunk.last, str(here)))
                found.update((height, to_text(block_hash)) for height, block_hash in rows)
        return found

    @staticmethod
    def _find_in(reader: LedgerReader, chunk: Chunk, height: PowHeight) -> PowBlock | None:
        for rowid, block_hash in reader.query(_BLOCK, (chunk.first, chunk.last, height)):
            return PowBlock(height, to_text(block_hash), rowid)
        return None


def _read_chunk(reader: LedgerReader, first: int, last: int) -> Chunk:
    lowest, highest = reader.query(_HEIGHTS, (first, last))[0]
    rows = tuple(_to_pow_row(row) for row in reader.query(_ROWS, (first, last, *OPERATIONS)))
    return Chunk(first, last, lowest or 0, highest or 0, rows)


def _to_pow_row(row: Row) -> PowRow:
    height, timestamp, address, recipient, amount, fee, reward, operation, openfield, block_hash = row
    return PowRow(
        height=height,
        timestamp=to_number(timestamp),
        address=to_text(address),
        recipient=to_text(recipient),
        amount=to_units(amount),
        fee=to_units(fee),
        reward=to_units(reward),
        operation=to_text(operation),
        openfield=to_text(openfield),
        block_hash=to_text(block_hash),
    )
