"""Rows of the ledger's tables to blocks and messages and back, and the tip that the chain continues from."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from hypernode.core.types import Block, ChainHeight, Height, Message, Round
from hypernode.storage.interface import Reader, Row, SqlValue
from hypernode.storage.long_texts import restore_blocks
from hypernode.storage.schema.tables import MAX_MESSAGES, POSITION_BITS

TXID_KEY_BYTES: Final = 4
"""Of ten million messages some ten thousand pairs share a key: a row more to read, whose txid decides."""
MAX_AT_ONCE: Final = 4_000
"""Messages that are made of rows in one turn of the event loop, or of which rows are made: some 10 ms."""
PIECE_BYTES: Final = 256 * 1024
"""Of an encoded block that is read in pieces."""
MAX_MARKS: Final = 500
"""Values asked for in one statement; the oldest SQLite takes 999."""

BLOCK_COLUMNS: Final = (
    "b.height, b.round, b.sir, b.timestamp, b.previous_hash, b.msg_count, b.uniques_sources, b.signature, "
    "b.block_hash, f.address, b.received_by"
)
SELECT_BLOCKS: Final = f"SELECT {BLOCK_COLUMNS} FROM blocks b CROSS JOIN addresses f ON f.id = b.forger_id"
# CROSS JOIN holds SQLite to this order: messages first, the rest by row number.
MESSAGE_COLUMNS: Final = (
    "m.id, m.txid, m.timestamp, s.address, r.address, m.what, p.text, m.value, k.pubkey, m.received"
)
MESSAGE_JOINS: Final = (
    "CROSS JOIN signers k ON k.id = m.signer_id CROSS JOIN addresses s ON s.id = k.address_id "
    "CROSS JOIN addresses r ON r.id = m.recipient_id CROSS JOIN params p ON p.id = m.params_id"
)
SELECT_MESSAGES: Final = f"SELECT {MESSAGE_COLUMNS} FROM messages m {MESSAGE_JOINS}"
_HEADERS: Final = f"{SELECT_BLOCKS} WHERE b.height BETWEEN ? AND ? ORDER BY b.height"
_OF_RANGE: Final = f"{SELECT_MESSAGES} WHERE m.id >= ? AND m.id < ? ORDER BY m.id"
_SELECT_TIP: Final = (
    "SELECT height, round, sir, block_hash, uniques, uniques_round, forgers, forgers_round, "
    "total_uniques, total_forgers, max_round FROM blocks"
)


@dataclass(frozen=True, slots=True)
class Tip:
    """A chain's measures, and what the next block's are computed from: the distinct senders and forgers
    of all its blocks, and its latest round."""

    state: ChainHeight
    total_uniques: int
    total_forgers: int
    max_round: Round


def compute_txid_key(txid: bytes) -> bytes:
    """The bytes of an id that are indexed: its last ones.  They belong to s; r would not do, since a sender
    can give the same r to as many messages as it likes."""
    return txid[-TXID_KEY_BYTES:]


def compute_txid_keys(txids: Iterable[bytes]) -> list[bytes]:
    """The same of many, each once, ascending."""
    return sorted({txid[-TXID_KEY_BYTES:] for txid in txids})


def compute_first_id(height: Height) -> int:
    """The row id of a block's first message; that of the next block's is where the range ends."""
    return height << POSITION_BITS


def block_from_row(row: Row, messages: Sequence[Message] = ()) -> Block:
    """A block from ``BLOCK_COLUMNS``; without messages it is a header."""
    height, round_, sir, timestamp, previous, count, sources, signature, block_hash, forger, by = row
    return Block(
        height=height,
        round=round_,
        sir=sir,
        timestamp=timestamp,
        previous_hash=previous,
        messages=tuple(messages),
        msg_count=count,
        uniques_sources=sources,
        signature=signature,
        block_hash=block_hash,
        forger=forger,
        received_by=by,
    )


def message_from_row(row: Row) -> Message:
    """A message from ``MESSAGE_COLUMNS``."""
    row_id, txid, timestamp, sender, recipient, what, params, value, pubkey, received = row
    return Message(
        txid, row_id >> POSITION_BITS, timestamp, sender, recipient, what, params, value, pubkey, received
    )


def tip_from_row(row: Row) -> Tip:
    state, (total_uniques, total_forgers, max_round) = ChainHeight(*row[:8]), row[8:]
    return Tip(state, total_uniques, total_forgers, max_round)


async def fetch_in(reader: Reader, sql: str, values: Iterable[SqlValue]) -> list[Row]:
    """All rows of ``sql``, whose one ``{marks}`` stands in for the values; in chunks, any number of them."""
    wanted, rows = list(values), []
    for start in range(0, len(wanted), MAX_MARKS):
        chunk = wanted[start : start + MAX_MARKS]
        rows += await reader.fetch_all(sql.format(marks=",".join("?" * len(chunk))), chunk)
    return rows


async def fetch_tip(reader: Reader, height: Height | None = None) -> Tip | None:
    """The measures with a block as tip; None: the last one."""
    if height is None:
        rows = await reader.fetch_all(f"{_SELECT_TIP} ORDER BY height DESC LIMIT 1")
    else:
        rows = await reader.fetch_all(f"{_SELECT_TIP} WHERE height = ?", (height,))
    return tip_from_row(rows[0]) if rows else None


async def fetch_blocks(reader: Reader, first: Height, last: Height) -> list[Block]:
    """Whole blocks ``first`` to ``last``, both included, ascending, as many as there are."""
    return await restore_blocks(reader, await fetch_rows_of_blocks(reader, first, last))


async def fetch_rows_of_blocks(reader: Reader, first: Height, last: Height) -> list[Block]:
    """The same as their rows are: in place of long texts with their stand-ins."""
    headers = await reader.fetch_all(_HEADERS, (first, last))
    messages: dict[Height, list[Message]] = {header[0]: [] for header in headers}
    for lowest, highest in _split_range(headers):
        bounds = (compute_first_id(lowest), compute_first_id(highest + 1))
        rows = await reader.fetch_all(_OF_RANGE, bounds)
        for row in rows:
            message = message_from_row(row)
            messages[message.block_height].append(message)
    return [block_from_row(header, messages[header[0]]) for header in headers]


async def fetch_headers(reader: Reader, first: Height, last: Height) -> list[Block]:
    """Blocks ``first`` to ``last`` without their messages, ascending."""
    rows = await reader.fetch_all(_HEADERS, (first, last))
    return [block_from_row(row) for row in rows]


async def fetch_messages(reader: Reader, height: Height, count: int) -> AsyncIterator[list[Message]]:
    """The messages of a block that has so many, as their rows are, in pieces; at least one, that may be
    empty."""
    start = compute_first_id(height)
    for place in range(0, max(count, 1), MAX_AT_ONCE):
        yield await fetch_range(reader, start + place, start + min(place + MAX_AT_ONCE, MAX_MESSAGES))


async def fetch_range(reader: Reader, first_id: int, end_id: int) -> list[Message]:
    """Messages of a range of row ids, as their rows are."""
    return [message_from_row(row) for row in await reader.fetch_all(_OF_RANGE, (first_id, end_id))]


def _split_range(headers: Sequence[Row]) -> Iterator[tuple[Height, Height]]:
    """First and last heights of runs with some ``MAX_AT_ONCE`` messages."""
    first, count = None, 0
    for header in headers:
        height, count = header[0], count + header[5]
        first = height if first is None else first
        if count >= MAX_AT_ONCE or header is headers[-1]:
            yield first, height
            first, count = None, 0
