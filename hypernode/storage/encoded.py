"""A stored block as wire bytes, in pieces, so that a giant one is served from the database and never held
(spec 2, budgets)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final

from hypernode.core.errors import Ignore
from hypernode.core.rules import Rule
from hypernode.core.types import Block, Height, Message
from hypernode.storage.interface import Reader
from hypernode.storage.long_texts import count_parts, has_stand_in, read_parts
from hypernode.storage.rows import PIECE_BYTES, compute_first_id, fetch_headers, fetch_range
from hypernode.storage.schema.tables import MAX_MESSAGES
from hypernode.wire.pieces import encode_block_ends, encode_entry, encode_long_entry

STEP_MESSAGES: Final = 1_000
"""Messages that are read at a time: a quarter of a megabyte, and no reader is taken for long."""


async def read_encoded(reader: Reader, height: Height) -> AsyncIterator[bytes]:
    """The bytes of a block, as many as ``get_block_sizes`` says, each piece at most some ``PIECE_BYTES``;
    nothing where there is no block.  Raises Ignore when the block goes meanwhile: what was begun cannot be
    ended."""
    headers = await fetch_headers(reader, height, height)
    if not headers:
        return
    before, behind = encode_block_ends(headers[0])
    yield before
    left = headers[0].msg_count
    for start in range(0, MAX_MESSAGES, STEP_MESSAGES):
        if left <= 0:
            break
        first = compute_first_id(height) + start
        messages = await fetch_range(reader, first, first + STEP_MESSAGES)
        if not messages or await _is_gone(reader, headers[0]):
            raise Ignore(Rule.STORED, f"block {height} went while it was read")
        async for piece in _encode(reader, messages):
            yield piece
        left -= len(messages)
    yield behind


async def _is_gone(reader: Reader, header: Block) -> bool:
    now = await fetch_headers(reader, header.height, header.height)
    return not now or now[0].block_hash != header.block_hash


async def _encode(reader: Reader, messages: list[Message]) -> AsyncIterator[bytes]:
    piece = bytearray()
    for m in messages:
        if not has_stand_in(m):
            piece += encode_entry(m)
        else:
            if piece:
                yield bytes(piece)
                piece.clear()
            async for part in _encode_long(reader, m):
                yield part
        if len(piece) >= PIECE_BYTES:
            yield bytes(piece)
            piece.clear()
    if piece:
        yield bytes(piece)


async def _encode_long(reader: Reader, m: Message) -> AsyncIterator[bytes]:
    (_, recipient_bytes), (_, params_bytes) = [
        await count_parts(reader, text) for text in (m.recipient, m.params)
    ]
    before, between, behind = encode_long_entry(m, recipient_bytes, params_bytes)
    yield before
    async for part in read_parts(reader, m.recipient):
        yield part.encode()
    yield between
    async for part in read_parts(reader, m.params):
        yield part.encode()
    yield behind
