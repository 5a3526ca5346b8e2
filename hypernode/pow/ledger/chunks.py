"""One chunk of a ledger: a range of rowids, read in one statement that gives one row.

Where every address of the chunk is wanted, with what it sent and received, these come joined in one piece
each: a row of its own for each would cost Python more than reading it costs SQLite, which meanwhile lets
another thread sum up the chunk before.  The last block of a chunk is its *mark*: as long as that stands where
it was, so does everything before it, for its hash covers the chain up to it.
"""

from __future__ import annotations

import json
import math
from collections import deque
from collections.abc import Generator, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

from hypernode.core.params.chain_params import ChainParams
from hypernode.core.registrations.colours import COLOUR
from hypernode.core.registrations.registry import OPERATIONS
from hypernode.core.types import PowHeight
from hypernode.ports.registrations import PowNotReady
from hypernode.pow.ledger.cache import Chunk
from hypernode.pow.ledger.reader import LedgerReader
from hypernode.pow.ledger.rows import ShortTexts, read_rows
from hypernode.pow.ledger.sql import (
    HASH,
    IS_IN_CHAIN,
    IS_MINED,
    IS_ODD,
    IS_PRUNED,
    PLAIN_RECEIVED,
    PLAIN_SENT,
    RECEIVED,
    SENT,
)
from hypernode.pow.ledger.values import Row

AHEAD: Final = 4
"""Chunks that are read while one is summed up: either side may be slow for a moment; some 1 MB."""

# bare columns and unary plus: the range of rowids leads, whatever indices there are
_SUMMARY: Final = (
    "SELECT MIN(block_height) FILTER (WHERE mined), MAX(block_height) FILTER (WHERE mined),"
    " MIN(timestamp) FILTER (WHERE mined), MAX(timestamp) FILTER (WHERE mined),"
    " MAX(block_height) FILTER (WHERE placed), MAX(pruned),"
    " json_group_array(id) FILTER (WHERE operation BETWEEN 'hypernode:' AND 'hypernode;'"
    f" OR operation BETWEEN '{COLOUR}' AND 'color;'),"
    f" (SELECT json_array(block_height, {HASH}, rowid) FROM transactions"
    f" WHERE rowid BETWEEN ?1 AND ?2{{but}} AND {IS_MINED} ORDER BY rowid DESC LIMIT 1)"
    "{more} FROM (SELECT rowid AS id, block_height, timestamp, operation,"
    f" {{mined}} AS mined, {{placed}} AS placed, {IS_PRUNED} AS pruned, address, recipient, amount, fee,"
    " reward FROM transactions WHERE rowid BETWEEN ?1 AND ?2{but})"
)
# as bytes: a text that is no UTF-8 is an address like another; a NULL has its place too
_MOVES: Final = (
    ", COUNT(*), CAST(group_concat(IFNULL(address, ''), char(10)) AS BLOB),"
    " CAST(group_concat(IFNULL(recipient, ''), char(10)) AS BLOB)"
)
_READ: Final = _SUMMARY.format(more="", mined=IS_MINED, placed=IS_IN_CHAIN, but="{but}")
_READ_MOVES: Final = _SUMMARY.format(
    more=f"{_MOVES}, json_group_array(CASE WHEN placed THEN {SENT} END),"
    f" json_group_array(CASE WHEN placed THEN {RECEIVED} END)",
    mined=IS_MINED,
    placed=IS_IN_CHAIN,
    but="{but}",
)
# the same in a third less time where no row is odd, which the last column says
_READ_MOVES_QUICKLY: Final = _SUMMARY.format(
    more=f"{_MOVES}, json_group_array({PLAIN_SENT}), json_group_array({PLAIN_RECEIVED}), MAX({IS_ODD})",
    mined="(+block_height > 0 AND +reward > 0)",
    placed="1",
    but="{but}",
)
_MOVES_BY_ROW: Final = (
    f"SELECT CAST(IFNULL(address, '') AS BLOB), {SENT}, CAST(IFNULL(recipient, '') AS BLOB), {RECEIVED}"
    f" FROM transactions WHERE rowid BETWEEN ? AND ?{{but}} AND {IS_IN_CHAIN}"
)
_BLOCK_AT_ROWID: Final = (
    f"SELECT 1 FROM transactions WHERE rowid = ? AND block_height = ? AND {HASH} = ? AND {IS_MINED}"
)

Span = tuple[int, int]
"""First and last rowid."""


class RolledBack(PowNotReady):
    """The chain changed below the end of what was read of it: read again."""


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
class Moves:
    """Who sent and who received what, row by row: addresses as bytes, and 1e-8 BIS, None for nothing."""

    senders: Sequence[bytes]
    spent: Sequence[int | None]
    recipients: Sequence[bytes]
    got: Sequence[int | None]


@dataclass(frozen=True, slots=True)
class ReadChunk:
    """A chunk, its mark (None without a block), and its moves where they were asked for."""

    chunk: Chunk
    mark: PowBlock | None
    moves: Moves | None


class ChunkReader:
    """Reads chunks of a ledger for the registry of a network.  ``verify``: with signatures."""

    def __init__(self, params: ChainParams, *, verify: bool) -> None:
        self._params = params
        self._verify = verify
        self._texts = ShortTexts()

    def read(
        self, reader: LedgerReader, spans: Iterable[tuple[Span, bool]], *, ahead: bool
    ) -> Generator[ReadChunk, None, None]:
        """The chunks of ``spans``, each with whether its moves are wanted; ``ahead``: what follows is read
        in a thread meanwhile.  Close the iterator.  Raises PowNotReady."""
        if not ahead:
            for span, wants_moves in spans:
                yield self._make(reader, span, _fetch(reader, span, wants_moves=wants_moves))
            return
        pool = ThreadPoolExecutor(1, thread_name_prefix="pow-read-ahead")
        # a connection of its own: on ours, whoever sums up would wait for the query that is under way
        with reader.open_beside() as ahead_of_us:
            try:
                waiting: deque[tuple[Span, Future[Row]]] = deque()
                for span, wants_moves in spans:
                    waiting.append((span, pool.submit(_fetch, ahead_of_us, span, wants_moves=wants_moves)))
                    if len(waiting) > AHEAD:
                        oldest, row = waiting.popleft()
                        yield self._make(reader, oldest, row.result())
                for span, row in waiting:
                    yield self._make(reader, span, row.result())
            finally:
                pool.shutdown(cancel_futures=True)

    def _make(self, reader: LedgerReader, span: Span, row: Row) -> ReadChunk:
        lowest, highest, oldest, newest, top, is_pruned, rowids, mark, *moves = row
        if is_pruned:
            raise PowNotReady(reader.explain_pruned("rows of Hyperblock, in place of what was there before"))
        rows = read_rows(reader, json.loads(rowids), self._concerns_us, self._texts, verify=self._verify)
        is_timed = isinstance(oldest, int | float) and isinstance(newest, int | float)
        chunk = Chunk(
            *span,
            lowest or 0,
            highest or 0,
            oldest if is_timed else -math.inf,
            newest if is_timed else math.inf,
            top or 0,
            rows,
        )
        return ReadChunk(
            chunk,
            PowBlock(*json.loads(mark)) if mark else None,
            _to_moves(reader, span, moves) if moves else None,
        )

    def _concerns_us(self, sender: str, operation: str) -> bool:
        coloured = operation.startswith(COLOUR) and sender == self._params.control_pow
        return operation in OPERATIONS or coloured


def _fetch(reader: LedgerReader, span: Span, *, wants_moves: bool) -> Row:
    if not wants_moves:
        return reader.query_span(_READ, span)[0]
    *row, has_odd = reader.query_span(_READ_MOVES_QUICKLY, span)[0]
    return reader.query_span(_READ_MOVES, span)[0] if has_odd else tuple(row)


def _to_moves(reader: LedgerReader, span: Span, columns: Sequence[object]) -> Moves:
    count, senders, recipients, spent, got = columns
    moves = Moves(_split(senders), json.loads(str(spent)), _split(recipients), json.loads(str(got)))
    if len(moves.senders) == len(moves.recipients) == count:
        return moves
    # an address with a line break in it: nobody's, but anybody can send to it
    rows = reader.query_span(_MOVES_BY_ROW, span)
    return Moves(*([row[column] for row in rows] for column in range(4)))


def _split(joined: object) -> list[bytes]:
    return joined.split(b"\n") if isinstance(joined, bytes) else []
