"""One message out of its encoded body; of a message of 100 MB at most one copy is made at a time."""

from __future__ import annotations

import codecs
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, Final, TypeAlias

from google.protobuf.message import DecodeError

from hypernode.core.errors import Reject
from hypernode.core.types import Message, Timestamp
from hypernode.wire import command_pb2 as pb
from hypernode.wire.codec import read_message
from hypernode.wire.tags import LONG_FIELDS, RULE, check_size, read_number, skip_number

LONG_BODY_BYTES: Final = 64 * 1024
"""A body of more is not given to protobuf, which would hold it twice."""
PART_BYTES: Final = 1024 * 1024
"""Of a long text that is decoded at a time."""
_HEAD_BYTES: Final = 32
"""A tag and a length have 15 at most."""
_TEXTS: Final = {5: "recipient", 8: "params"}
_VARINT: Final = 0
_BYTES: Final = 2

ReadAt: TypeAlias = Callable[[int, int], bytes]
"""So many bytes from an offset on; fewer only at the end."""


def parse_message(body: bytes, received: Timestamp = 0) -> Message:
    """``received``: when it came (unix s).  Raises Reject."""
    try:
        wire = pb.TX.FromString(body)
    except DecodeError:
        raise Reject(RULE, "no valid message") from None
    if not wire.IsInitialized():
        raise Reject(RULE, "a required field is missing")
    return read_message(wire, received)


def parse_long_message(read: ReadAt, offset: int, size: int, received: Timestamp = 0) -> Message:
    """The same for a body that lies somewhere: its long texts are read alone, all else by protobuf.  Raises
    Reject, IndexError for a field that goes on behind the body."""
    short = bytearray()
    places: dict[int, tuple[int, int]] = {}
    position, end = offset, offset + size
    while position < end:
        head = read(position, min(_HEAD_BYTES, end - position))
        tag, at = read_number(head, 0)
        number, wire_type = tag >> 3, tag & 7
        if wire_type == _VARINT:
            length, at = 0, skip_number(head, at)
        elif wire_type == _BYTES:
            length, at = read_number(head, at)
        else:
            raise Reject(RULE, f"field {number} is of another type")
        if position + at + length > end:
            raise IndexError(end)
        if wire_type == _BYTES and number in LONG_FIELDS:
            places[number] = position + at, length
        else:
            check_size(number, length, LONG_FIELDS)
            short += read(position, at + length)
        position += at + length
    return _make(parse_message(bytes(short) + _stand_in(places), received), places, read)


def _stand_in(places: dict[int, tuple[int, int]]) -> bytes:
    """Empty texts where there are long ones, or a required field would be missing."""
    return b"".join(bytes((number << 3 | _BYTES, 0)) for number in sorted(places))


def _decode_parts(read: ReadAt, offset: int, size: int) -> Iterator[str]:
    """In parts, between which other threads get their turn."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    for start in range(0, size, PART_BYTES):
        part = read(offset + start, min(PART_BYTES, size - start))
        yield decoder.decode(part, final=start + PART_BYTES >= size)


def _make(rest: Message, places: dict[int, tuple[int, int]], read: ReadAt) -> Message:
    texts: dict[str, Any] = {}
    for number, (offset, size) in places.items():
        try:
            texts[_TEXTS[number]] = "".join(_decode_parts(read, offset, size))
        except UnicodeDecodeError:
            raise Reject(RULE, "text that is not UTF-8") from None
    return replace(rest, **texts)
