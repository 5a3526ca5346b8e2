"""Blocks whose messages are in a spool instead of memory, and the work on them piece by piece.

What catching up keeps of a branch until it is whole is put away, and so is an answer that is long; a block of
usual size is taken out again when it is judged, and a giant one is judged where it lies.
"""

from __future__ import annotations

from array import array
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from typing import Final

from hypernode.core.long_messages import LongMessages, split_messages
from hypernode.core.types import Block, Message
from hypernode.ports.files import Files
from hypernode.ports.signing import Offload
from hypernode.wire.pieces import encode_body
from hypernode.wire.spool import Spool, SpooledMessages

MAX_HELD_BYTES: Final = 4 * 1024 * 1024
"""Encoded bytes of a block that is held whole: over rule 14, so that only blocks of mixed networks are
larger; its objects take some 20 MB."""


def is_giant(block: Block) -> bool:
    """Whether a block is too much to be held."""
    return isinstance(block.messages, LongMessages) and block.messages.encoded_bytes > MAX_HELD_BYTES


async def take_out(block: Block, offload: Offload) -> Block:
    """The block with its messages, unless it is a giant one."""
    if not isinstance(block.messages, LongMessages) or is_giant(block):
        return block
    return replace(block, messages=await offload(lambda: tuple(block.messages)))


def put_away(blocks: Sequence[Block], files: Files) -> list[Block]:
    """The blocks with their messages in a spool.  Raises OSError."""
    spool = files.make_spool()
    return [
        block
        if isinstance(block.messages, LongMessages)
        else replace(block, messages=_put(block.messages, spool))
        for block in blocks
    ]


def _put(messages: Sequence[Message], spool: Spool) -> SpooledMessages:
    offsets, sizes = array("Q"), array("Q")
    place = spool.size
    bodies = [encode_body(m) for m in messages]
    for body in bodies:
        offsets.append(place)
        sizes.append(len(body))
        place += len(body)
    spool.append(b"".join(bodies))
    received = messages[0].received if messages else 0
    return SpooledMessages(spool, offsets, sizes, received)


async def list_pieces(block: Block, offload: Offload) -> AsyncIterator[tuple[Message, ...]]:
    """The messages of a long block in pieces, each read off the event loop."""
    pieces = split_messages(block.messages)
    while piece := await offload(lambda: next(pieces, ())):
        yield piece
