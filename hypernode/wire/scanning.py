"""A command with blocks, read out of a spool.  It is walked and counted like any payload (``wire.tags``);
every message is parsed once and dropped, so that what is held are the heads of the blocks and the places of
their messages."""

from __future__ import annotations

from array import array
from dataclasses import replace
from typing import Final

from google.protobuf.message import DecodeError

from hypernode.core.errors import OverLimit, Reject
from hypernode.core.types import Block, Timestamp
from hypernode.wire import command_pb2 as pb
from hypernode.wire.catalogue import CommandId, Limits
from hypernode.wire.codec import Command, read_block
from hypernode.wire.entries import LONG_BODY_BYTES, parse_long_message, parse_message
from hypernode.wire.spool import Spool, SpooledMessages, Window
from hypernode.wire.tags import RULE, check_size, peek_command_id, read_number, walk_message

_BYTES: Final = 2
_VARINT: Final = 0
_BLOCK_TAG: Final = 5 << 3 | _BYTES
_MESSAGE_TAG: Final = 6 << 3 | _BYTES
_HEAD_BYTES: Final = 32
"""A tag and a length, or a tag and a number, have 20 at most."""
_MAX_HEAD_BYTES: Final = 4 * 1024
"""Of a block without its messages: its own fields have 250."""
_FIELDS: Final = 9
"""Of a message."""
_LAST_FIELD: Final = 24
"""Of a command; what comes after it is unknown, and ignored."""
SPOOLED: Final = frozenset({CommandId.BLOCKSYNC, CommandId.ROUNDBLOCKS, CommandId.GETBLOCK})
"""Answers that are large because of the blocks in them."""


def decode_spooled(spool: Spool, limits: Limits, received: Timestamp = 0) -> Command:
    """The command in a spool, which came at ``received`` (unix s).  Raises Reject, OverLimit for more
    messages or fields than are taken."""
    command_id = peek_command_id(spool.read(0, 2))
    if command_id not in SPOOLED:
        raise Reject(RULE, "an answer of that size has blocks, or is none")
    try:
        return Command(command_id, blocks=tuple(_Scan(spool, command_id, limits, received).list_blocks()))
    except IndexError:
        raise Reject(RULE, "the payload ends within a field") from None


class _Scan:
    """One pass over a spool, with what is left of the budget of fields."""

    def __init__(self, spool: Spool, command_id: CommandId, limits: Limits, received: Timestamp) -> None:
        self._spool = spool
        self._received = received
        self._window = Window(spool)
        self._limits = limits
        is_one = command_id is CommandId.GETBLOCK
        self._left = limits.frame_fields if is_one else limits.many_blocks_fields

    def list_blocks(self) -> list[Block]:
        blocks = []
        position = 2
        while position < self._spool.size:
            tag, start, end = self._read_field(position, self._spool.size)
            if tag == _BLOCK_TAG:
                blocks.append(self._read_block(start, end))
            elif tag >> 3 <= _LAST_FIELD:
                raise Reject(RULE, f"field {tag >> 3} where only blocks belong")
            position = end
        return blocks

    def _read_block(self, position: int, end: int) -> Block:
        head = bytearray()
        offsets, sizes = array("Q"), array("Q")
        while position < end:
            tag, start, after = self._read_field(position, end)
            if tag == _MESSAGE_TAG:
                self._check_message(start, after - start)
                offsets.append(start)
                sizes.append(after - start)
                if len(offsets) > self._limits.block_messages:
                    raise OverLimit(RULE, f"over {self._limits.block_messages} messages in a block")
            else:
                check_size(tag >> 3, after - start, frozenset())
                head += self._window.get(position, after - position)
                if len(head) > _MAX_HEAD_BYTES:
                    raise Reject(RULE, "a block with too many fields")
            position = after
        return _make_block(bytes(head), SpooledMessages(self._spool, offsets, sizes, self._received))

    def _read_field(self, position: int, end: int) -> tuple[int, int, int]:
        """Its tag, where its value begins (that of a number: is not told), and where it ends."""
        self._count(1)
        head = self._window.get(position, min(_HEAD_BYTES, end - position))
        tag, at = read_number(head, 0)
        if tag & 7 == _BYTES:
            size, at = read_number(head, at)
        elif tag & 7 == _VARINT:
            size, at = 0, read_number(head, at)[1]
        else:
            raise Reject(RULE, f"field {tag >> 3} is of another type")
        if position + at + size > end:
            raise IndexError(end)
        return tag, position + at, position + at + size

    def _check_message(self, start: int, size: int) -> None:
        if size > LONG_BODY_BYTES:
            parse_long_message(self._spool.read, start, size)
            self._count(_FIELDS)
        else:
            body = self._window.get(start, size)
            self._count(walk_message(body))
            parse_message(body)

    def _count(self, fields: int) -> None:
        self._left -= fields
        if self._left < 0:
            raise OverLimit(RULE, "too many fields")


def _make_block(head: bytes, messages: SpooledMessages) -> Block:
    try:
        wire = pb.Block.FromString(head)
    except DecodeError:
        raise Reject(RULE, "no valid block") from None
    if not wire.IsInitialized():
        raise Reject(RULE, "a required field is missing")
    return replace(read_block(wire), messages=messages)
