"""Walks the tags of a payload and counts fields before anything is parsed (spec 2, limits).

Parsing makes objects of all it finds: 16 MB of empty messages are 8 million of them.  Counting the tags
first costs a tenth of what parsing a full block does, holds nothing, and settles what protobuf leaves
open: that field 1 comes first and once, that single values are single, and that types are the schema's.
"""

from __future__ import annotations

import re
from typing import Final

from hypernode.core.errors import OverLimit, Reject
from hypernode.core.rules import Rule
from hypernode.core.types import PUBKEY_BYTES
from hypernode.wire.catalogue import CommandId, Limits

RULE: Final = Rule.WIRE

_VARINT: Final = 0
_FIXED64: Final = 1
_BYTES: Final = 2
_FIXED32: Final = 5
_MAX_VARINT_BYTES: Final = 10

_COMMAND_TAG: Final = 0x08
_COMMAND_WIRE_TYPES: Final = {
    1: _VARINT,
    2: _BYTES,
    3: _VARINT,
    4: _BYTES,
    5: _BYTES,
    6: _BYTES,
    7: _BYTES,
    8: _BYTES,
    20: _VARINT,
    21: _BYTES,
    22: _BYTES,
    23: _BYTES,
    24: _VARINT,
}
_REPEATED: Final = frozenset({5, 6, 7, 8})
_PARAMS: Final = frozenset({2, 3, 4})
"""One of them at most."""
MAX_FIELD_BYTES: Final = 256
"""Of an id (96 at most), a key, a hash, a signature, an address, a nonce, a proof: all of known lengths."""
LONG_FIELDS: Final = frozenset({5, 8})
"""Recipient and params of a message."""
_NO_FIELDS: Final[frozenset[int]] = frozenset()
_PROOFS: Final = frozenset({21, 22, 23})
_BLOCK: Final = 5
_TX: Final = 6
_MESSAGE_OF_BLOCK: Final = 6
_NESTED_LEAVES: Final = frozenset({4, 6, 7})
"""Height, TX and IP: messages of plain values."""

_NUMBER: Final = rb"[\x80-\xFF]{0,4}[\x00-\x7F]"
_PLAIN_MESSAGE: Final = re.compile(
    # field 6 of two bytes of length: id, height, time, sender, recipient, what, value, and the tag of params
    rb"2[\x80-\xFF][\x00-\x7F]\n@.{64}\x10N\x18N\"\".{34}\*\".{34}0N8NB".replace(b"N", _NUMBER),
    re.DOTALL,
)
"""A message as every node writes it, up to its params: what is left is their length, they, and the key."""
_KEY_TAG: Final = b"J@"
_KEY_FIELD_BYTES: Final = 2 + PUBKEY_BYTES
_PLAIN_FIELDS: Final = 10
"""Of a plain message: its nine, and its own."""

_IDS: Final = {int(command_id): command_id for command_id in CommandId}


def peek_command_id(payload: bytes | bytearray | memoryview) -> CommandId | None:
    """The command that a payload begins with; None while fewer than two bytes of it are here.

    Raises Reject when field 1 does not come first, or names no command."""
    if payload and payload[0] != _COMMAND_TAG:
        raise Reject(RULE, "the command does not come first")
    if len(payload) < 2:
        return None
    command_id = _IDS.get(payload[1])
    if command_id is None:
        raise Reject(RULE, "unknown command")
    return command_id


def check_tags(payload: bytes, limits: Limits) -> CommandId:
    """Walk a whole payload.  Raises Reject for anything that must not be parsed; returns its command."""
    command_id = peek_command_id(payload)
    if command_id is None:
        raise Reject(RULE, "a frame without a command")
    try:
        _Walk(payload, command_id, limits).walk_command()
    except IndexError:
        raise Reject(RULE, "the payload ends within a field") from None
    return command_id


def check_size(number: int, size: int, long_fields: frozenset[int]) -> None:
    """Raises Reject for a text or bytes field that is longer than any message or block of the network has
    one, so that it could neither be stored nor given on.  ``long_fields`` are those that legacy nodes leave
    open (recipient and params), which the frame bounds."""
    if size > MAX_FIELD_BYTES and number not in long_fields:
        raise Reject(RULE, f"field {number} has {size} bytes")


class _Walk:
    """One pass over one payload, with what is left of the budget of tags."""

    def __init__(self, payload: bytes, command_id: CommandId, limits: Limits) -> None:
        self._data = payload
        self._limits = limits
        has_many = command_id in (CommandId.BLOCKSYNC, CommandId.ROUNDBLOCKS)
        self._left = limits.many_blocks_fields if has_many else limits.frame_fields
        is_exchange = command_id in (CommandId.MEMPOOL, CommandId.TX)
        self._max_messages = limits.mempool_messages if is_exchange else limits.block_messages

    def walk_command(self) -> None:
        """The top level: every known field with its type, single ones once."""
        end, position = len(self._data), 0
        seen: set[int] = set()
        messages = 0
        while position < end:
            if (after := self._skip_plain_message(position, end)) != position:
                position = after
                messages += 1
                self._check_messages(messages)
                continue
            tag, position = self._read_varint(position)
            number = tag >> 3
            self._check_field(number, tag & 7, seen)
            start, position = self._skip_value(position, tag & 7, end)
            if number == _BLOCK:
                self._walk_block(start, position)
            elif number in _NESTED_LEAVES:
                self._walk_leaf(start, position, LONG_FIELDS if number == _TX else _NO_FIELDS)
            elif number in _PROOFS:
                check_size(number, position - start, _NO_FIELDS)
            if number == _TX:
                messages += 1
                self._check_messages(messages)

    def _check_field(self, number: int, wire_type: int, seen: set[int]) -> None:
        expected = _COMMAND_WIRE_TYPES.get(number)
        if expected is not None and expected != wire_type:
            raise Reject(RULE, f"field {number} is of another type")
        if number in seen:
            raise Reject(RULE, "the command comes twice" if number == 1 else f"field {number} comes twice")
        if number in _PARAMS and seen & _PARAMS:
            raise Reject(RULE, "two values where one belongs")
        if expected is not None and number not in _REPEATED:
            seen.add(number)

    def _check_messages(self, messages: int) -> None:
        if messages > self._max_messages:
            raise OverLimit(RULE, f"over {self._max_messages} messages")

    def _walk_block(self, position: int, end: int) -> None:
        messages = 0
        while position < end:
            if (after := self._skip_plain_message(position, end)) != position:
                position = after
            else:
                tag, position = self._read_varint(position)
                start, position = self._skip_value(position, tag & 7, end)
                if tag != _MESSAGE_OF_BLOCK << 3 | _BYTES:
                    if tag & 7 == _BYTES:
                        check_size(tag >> 3, position - start, _NO_FIELDS)
                    continue
                self._walk_leaf(start, position, LONG_FIELDS)
            messages += 1
            if messages > self._limits.block_messages:
                raise OverLimit(RULE, f"over {self._limits.block_messages} messages in a block")

    def _skip_plain_message(self, position: int, end: int) -> int:
        """Where a message ends that is written as every node writes it: nearly all are, and a pattern is
        three times as quick as walking their tags.  ``position`` itself for anything else, to be walked."""
        data = self._data
        head = _PLAIN_MESSAGE.match(data, position, end)
        if head is None:
            return position
        params = head.end()
        key = params + 1 + data[params]
        after = key + _KEY_FIELD_BYTES
        size = (data[position + 1] & 0x7F) | data[position + 2] << 7
        if (
            data[params] >= 0x80
            or after > end
            or after != position + 3 + size
            or data[key : key + 2] != _KEY_TAG
        ):
            return position
        self._left -= _PLAIN_FIELDS
        if self._left < 0:
            raise OverLimit(RULE, "too many fields")
        return after

    def _walk_leaf(self, position: int, end: int, long_fields: frozenset[int]) -> None:
        self._left = walk_leaf(self._data, position, end, long_fields, self._left)

    def _skip_value(self, position: int, wire_type: int, end: int) -> tuple[int, int]:
        """Where a value begins and ends; its tag is taken from the budget."""
        self._left -= 1
        if self._left < 0:
            raise OverLimit(RULE, "too many fields")
        if wire_type == _BYTES:
            size, position = self._read_varint(position)
        elif wire_type == _VARINT:
            size = self._read_varint(position)[1] - position
        else:
            size = _get_fixed_size(wire_type)
        if position + size > end:
            raise IndexError(end)
        return position, position + size

    def _read_varint(self, position: int) -> tuple[int, int]:
        return read_number(self._data, position)


def walk_message(body: bytes) -> int:
    """Check the encoded fields of a message; how many they are.  Raises Reject, IndexError."""
    return len(body) - walk_leaf(body, 0, len(body), LONG_FIELDS, len(body))


def walk_leaf(data: bytes, position: int, end: int, long_fields: frozenset[int], left: int) -> int:
    """Plain values in a row, with what is left of the budget of tags, which it returns: nearly all of a block
    is spent in this loop, hence flat.  Raises Reject, IndexError."""
    while position < end:
        left -= 1
        if left < 0:
            raise OverLimit(RULE, "too many fields")
        tag = data[position]
        position += 1
        if tag >= 0x80:
            tag, position = read_number(data, position - 1)
        if tag & 7 == _BYTES:
            size = data[position]
            position += 1
            if size >= 0x80:
                size, position = read_number(data, position - 1)
                check_size(tag >> 3, size, long_fields)
            position += size
        elif tag & 7 == _VARINT:
            _, position = read_number(data, position)
        else:
            position += _get_fixed_size(tag & 7)
    if position != end:
        raise IndexError(end)
    return left


def read_number(data: bytes, position: int) -> tuple[int, int]:
    """A number that begins at a position, and where it ends.  Raises Reject, IndexError."""
    value = data[position]
    if value < 0x80:
        return value, position + 1
    value &= 0x7F
    for place in range(1, _MAX_VARINT_BYTES):
        byte = data[position + place]
        value |= (byte & 0x7F) << 7 * place
        if byte < 0x80:
            return value, position + place + 1
    raise Reject(RULE, "a number that does not end")


def skip_number(data: bytes, position: int) -> int:
    """Where a number ends.  Raises Reject, IndexError."""
    return read_number(data, position)[1]


def _get_fixed_size(wire_type: int) -> int:
    if wire_type == _FIXED64:
        return 8
    if wire_type == _FIXED32:
        return 4
    raise Reject(RULE, "a field of an unknown type")
