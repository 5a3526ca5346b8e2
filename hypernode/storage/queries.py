"""Questions about stored blocks and messages."""

from __future__ import annotations

import json
from collections.abc import Iterable
from itertools import islice
from typing import Final

from hypernode.core.types import Block, Height, Message, Round, Slot
from hypernode.storage.interface import Reader, Row
from hypernode.storage.long_texts import has_stand_in
from hypernode.storage.rows import (
    MESSAGE_COLUMNS,
    MESSAGE_JOINS,
    SELECT_BLOCKS,
    SELECT_MESSAGES,
    block_from_row,
    compute_first_id,
    compute_txid_key,
    compute_txid_keys,
    fetch_blocks,
    fetch_in,
    message_from_row,
)
from hypernode.storage.schema.tables import POSITION_BITS, SPAN_BITS

_MESSAGES_IN: Final = "SELECT id, txid FROM messages WHERE txid_key IN ({marks})"
# Presence names the blocks; in each, the messages are one range of row ids.
_MESSAGES_OF: Final = (
    f"SELECT {MESSAGE_COLUMNS} FROM json_each(?1) a CROSS JOIN messages m "
    f"ON m.id >= (a.value << {POSITION_BITS}) AND m.id < ((a.value + 1) << {POSITION_BITS}) "
    f"{MESSAGE_JOINS} "
    "WHERE (m.recipient_id = ?2 OR m.signer_id IN (SELECT id FROM signers WHERE address_id = ?2)) "
)
_DESCENDING: Final = f"{_MESSAGES_OF} ORDER BY a.value, m.timestamp DESC, m.id LIMIT ?3"
_ASCENDING: Final = f"{_MESSAGES_OF} ORDER BY a.value, m.timestamp, m.id LIMIT ?3"
_ASCENDING_FROM: Final = (
    f"{_MESSAGES_OF} AND (a.value > ?4 OR (m.timestamp, m.id) >= "
    "(SELECT f.timestamp, f.id FROM messages f WHERE f.txid_key = ?5 AND f.txid = ?6)) "
    "ORDER BY a.value, m.timestamp, m.id LIMIT ?3"
)
_SPANS: Final = (
    "SELECT span, heights FROM presence_spans WHERE address_id = ? AND span >= ? ORDER BY span LIMIT ?"
)


async def get_block(reader: Reader, height: Height) -> Block | None:
    """One whole block."""
    blocks = await fetch_blocks(reader, height, height)
    return blocks[0] if blocks else None


async def get_block_of_slot(reader: Reader, round_: Round, sir: Slot) -> Block | None:
    """The header of the block of a slot."""
    rows = await reader.fetch_all(f"{SELECT_BLOCKS} WHERE b.round = ? AND b.sir = ?", (round_, sir))
    return block_from_row(rows[0]) if rows else None


async def get_headers_of_rounds(reader: Reader, rounds: Iterable[Round]) -> list[Block]:
    """The headers of all blocks of some rounds, ascending."""
    rows = await fetch_in(reader, f"{SELECT_BLOCKS} WHERE b.round IN ({{marks}})", sorted(set(rounds)))
    return sorted((block_from_row(row) for row in rows), key=lambda block: block.height)


async def get_round_blocks(reader: Reader, round_: Round) -> list[Block]:
    """All whole blocks of a round, ascending.  (Genesis is one of round 0.)"""
    rows = await reader.fetch_all("SELECT height FROM blocks WHERE round = ? ORDER BY height", (round_,))
    if not rows:
        return []
    blocks = await fetch_blocks(reader, rows[0][0], rows[-1][0])
    return [block for block in blocks if block.round == round_]


async def get_headers(reader: Reader, first: Height | None, count: int) -> list[Block]:
    """Headers from ``first`` ascending; None: the newest, descending."""
    if first is None:
        rows = await reader.fetch_all(f"{SELECT_BLOCKS} ORDER BY b.height DESC LIMIT ?", (max(count, 0),))
    else:
        rows = await reader.fetch_all(
            f"{SELECT_BLOCKS} WHERE b.height >= ? ORDER BY b.height LIMIT ?", (first, max(count, 0))
        )
    return [block_from_row(row) for row in rows]


async def get_message(reader: Reader, txid: bytes) -> Message | None:
    """A message by its id."""
    rows = await reader.fetch_all(f"{SELECT_MESSAGES} WHERE m.txid_key = ?", (compute_txid_key(txid),))
    found = _leave_out_long([row for row in rows if row[1] == txid])
    return found[0] if found else None


async def get_messages_of(
    reader: Reader,
    address: str,
    from_height: Height,
    count: int,
    *,
    is_ascending: bool = False,
    first_txid: bytes | None = None,
) -> list[Message]:
    """Sent or received by an address, heights ascending; times within one descending, or ascending (spec 2).
    ``first_txid`` (goes with ascending): in the block at ``from_height`` those before it are left out."""
    rows = await reader.fetch_all("SELECT id FROM addresses WHERE address = ?", (address,))
    if not rows or count <= 0:
        return []
    number = rows[0][0]
    # Each of these blocks has a message of the address, so no more than ``count`` blocks are needed.
    heights = await _get_first_heights(reader, number, from_height, count)
    if first_txid is not None:
        start = (from_height, compute_txid_key(first_txid), first_txid)
        found = await reader.fetch_all(_ASCENDING_FROM, (json.dumps(heights), number, count, *start))
    else:
        sql = _ASCENDING if is_ascending else _DESCENDING
        found = await reader.fetch_all(sql, (json.dumps(heights), number, count))
    return _leave_out_long(found)


async def get_messages_of_kind(reader: Reader, what: int, from_height: Height) -> list[Message]:
    """Of all blocks from ``from_height`` on: every message of those is looked at."""
    rows = await reader.fetch_all(
        f"{SELECT_MESSAGES} WHERE m.id >= ? AND m.what = ? ORDER BY m.id",
        (compute_first_id(from_height), what),
    )
    return _leave_out_long(rows)


def _leave_out_long(rows: Iterable[Row]) -> list[Message]:
    """Messages alone go into answers of 2 MiB: one with a long text is given with its block only."""
    messages = map(message_from_row, rows)
    return [m for m in messages if not has_stand_in(m)]


async def _get_first_heights(reader: Reader, number: int, first: Height, count: int) -> list[Height]:
    """The lowest ``count`` heights from ``first`` on of blocks with messages of an address."""
    # Each span has a block, but in the first it may be below.
    rows = await reader.fetch_all(_SPANS, (number, first >> SPAN_BITS, count + 1))
    places = range(1 << SPAN_BITS)
    heights = ((span << SPAN_BITS) + n for span, bits in rows for n in places if bits >> n & 1)
    return list(islice((height for height in heights if height >= first), count))


async def get_known_ids(reader: Reader, txids: Iterable[bytes], up_to: Height | None) -> frozenset[bytes]:
    """Those of ``txids`` that are in the chain, in blocks of at most ``up_to``."""
    wanted = set(txids)
    keys = compute_txid_keys(wanted)
    rows = await fetch_in(reader, _MESSAGES_IN, keys)
    end = None if up_to is None else compute_first_id(up_to + 1)
    return frozenset(txid for row_id, txid in rows if txid in wanted and (end is None or row_id < end))


async def get_forged_count(reader: Reader, address: str) -> int:
    """Blocks forged by an address in the whole chain; genesis does not count."""
    rows = await reader.fetch_all("SELECT forged FROM addresses WHERE address = ?", (address,))
    return int(rows[0][0]) if rows else 0
