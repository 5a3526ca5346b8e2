"""What a pushed block states in its head, read without its messages.

Parsing a block of 10,000 messages takes nine times as long as stepping over them, and what follows more.
Whether it is a juror's block on top of our tip shows in the fields beside them, so these are looked at first
(spec 2, budgets: a pushed block). Nothing is decided here: what is not written as any node writes it has no
heads, and is judged when it is parsed.
"""

from __future__ import annotations

from typing import Final

from hypernode.core.types import UINT32_MAX, Block
from hypernode.wire.catalogue import Limits

_BLOCK_TAG: Final = 0x2A
_MESSAGE_TAG: Final = 0x32
_COMMAND_BYTES: Final = 2
_VARINT: Final = 0
_BYTES: Final = 2
_NUMBERS: Final = frozenset((1, 2, 3, 4, 7, 8))
_TEXTS: Final = frozenset((5, 9, 10, 11))
_MAX_VARINT_BYTES: Final = 5


class _Strange(Exception):
    """Encoded otherwise than any node does it."""


def peek_block_heads(payload: bytes, limits: Limits) -> tuple[Block, ...]:
    """The blocks of a ``block`` command without their messages; empty for a payload that is to be looked at
    whole."""
    heads: list[Block] = []
    position = _COMMAND_BYTES
    try:
        while position < len(payload):
            if payload[position] != _BLOCK_TAG:
                return ()
            size, start = _read_number(payload, position + 1)
            position = start + size
            if position > len(payload):
                return ()
            heads.append(_read_head(payload, start, position, limits.block_messages))
    except (_Strange, IndexError, UnicodeDecodeError):
        return ()
    return tuple(heads)


def _read_head(data: bytes, position: int, end: int, most: int) -> Block:
    numbers: dict[int, int] = {}
    texts: dict[int, bytes] = {}
    messages = 0
    while position < end:
        tag = data[position]
        size, position = _read_number(data, position + 1)
        if tag == _MESSAGE_TAG:
            messages += 1
            position += size
            if messages > most:
                raise _Strange
        elif tag & 7 == _VARINT and tag >> 3 in _NUMBERS and tag >> 3 not in numbers:
            numbers[tag >> 3] = size
        elif tag & 7 == _BYTES and tag >> 3 in _TEXTS and tag >> 3 not in texts:
            texts[tag >> 3] = data[position : position + size]
            position += size
        else:
            raise _Strange
    if position != end or numbers.keys() != _NUMBERS or texts.keys() != _TEXTS:
        raise _Strange
    height, round_, sir, timestamp, msg_count, sources = (numbers[number] for number in sorted(_NUMBERS))
    previous_hash, signature, block_hash, forger = (texts[number] for number in sorted(_TEXTS))
    return Block(
        height=height,
        round=round_,
        sir=sir,
        timestamp=timestamp,
        previous_hash=previous_hash,
        messages=(),
        msg_count=msg_count,
        uniques_sources=sources,
        signature=signature,
        block_hash=block_hash,
        forger=forger.decode(),
    )


def _read_number(data: bytes, position: int) -> tuple[int, int]:
    """A varint, and where it ends."""
    byte = data[position]
    if byte < 0x80:
        return byte, position + 1
    number, shift = byte & 0x7F, 7
    for place in range(position + 1, position + _MAX_VARINT_BYTES):
        byte = data[place]
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            if number > UINT32_MAX:
                raise _Strange
            return number, place + 1
        shift += 7
    raise _Strange
