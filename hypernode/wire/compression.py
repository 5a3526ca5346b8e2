"""Compressed payloads of commands with blocks (spec 2, features bit 4).

On a stream where both have the bit, payloads of block, blocksync, roundblocks and getblock begin with a byte:
0 and the payload follows as it is, 1 and it follows as one zstd frame (level 3).  Every payload begins with
0x08, so the byte cannot be mistaken for one; a payload of these commands that comes without it is read all
the same.  Inflating is bounded beforehand: a zstd frame must say its size, and the size is checked against
the limit of the command before memory is taken for it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import zstandard

from hypernode.core.errors import OverLimit, Reject
from hypernode.wire.catalogue import CommandId
from hypernode.wire.tags import RULE, peek_command_id

PLAIN: Final = 0
ZSTD: Final = 1
ZSTD_LEVEL: Final = 3
MIN_COMPRESSED_BYTES: Final = 1_024
"""Below it a frame of the network saves nothing worth the call."""
PACKED_COMMANDS: Final = frozenset(
    {CommandId.BLOCK, CommandId.BLOCKSYNC, CommandId.ROUNDBLOCKS, CommandId.GETBLOCK}
)
HEAD_BYTES: Final = 19
"""Of a compressed payload: its byte, and the header of zstd, which says the size."""
PEEK_BYTES: Final = 3
"""Of a packed payload: its byte and the two that tell the command."""


def pack_payload(payload: bytes) -> bytes:
    """A payload as it travels where both have bit 4; compressed where that makes it smaller."""
    if peek_command_id(payload) not in PACKED_COMMANDS:
        return payload
    if len(payload) >= MIN_COMPRESSED_BYTES:
        compressed = zstandard.ZstdCompressor(level=ZSTD_LEVEL, write_content_size=True).compress(payload)
        if len(compressed) < len(payload):
            return bytes((ZSTD,)) + compressed
    return bytes((PLAIN,)) + payload


def peek_packed_id(head: bytes | bytearray) -> CommandId | None:
    """The command that a packed payload begins with; None while too few bytes are here, and where it is
    compressed: then it is one of ``PACKED_COMMANDS``.  Raises Reject as ``peek_command_id``."""
    if not head or head[0] == ZSTD:
        return None
    if head[0] != PLAIN:
        return peek_command_id(head)
    return _require_packed(peek_command_id(head[1:]))


def is_compressed(head: bytes | bytearray) -> bool:
    """Whether a packed payload that begins like this has to be inflated."""
    return bool(head) and head[0] == ZSTD


def read_inflated_size(head: bytes | bytearray) -> int | None:
    """How many bytes a packed payload that begins like this has when it is inflated; None while too few of
    them are here, and where it does not say so (``unpack_payload`` refuses that one).  Its head has
    ``HEAD_BYTES`` at most."""
    try:
        size = zstandard.frame_content_size(bytes(head[1:]))
    except zstandard.ZstdError:
        return None
    return size if size >= 0 else None


def unpack_payload(packed: bytes, limit_of: Callable[[CommandId], int]) -> bytes:
    """The payload in a packed one.  ``limit_of`` tells the most bytes that a command may have.  Raises
    Reject for what does not inflate to a command within its limit."""
    if packed[0] == PLAIN:
        return packed[1:]
    if packed[0] != ZSTD:
        return packed
    payload = _inflate(packed[1:], max(map(limit_of, PACKED_COMMANDS)))
    command_id = _require_packed(peek_command_id(payload))
    # [REJECT] a command came out
    if command_id is None:
        raise Reject(RULE, f"compressed: {len(payload)} bytes, no command")
    # [REJECT] within the limit of that command: the first check knew the most of four only
    if len(payload) > limit_of(command_id):
        raise OverLimit(RULE, f"compressed: {len(payload)} bytes, over the limit")
    return payload


def _inflate(data: bytes, limit: int) -> bytes:
    try:
        size = zstandard.frame_content_size(data)
    except zstandard.ZstdError:
        raise Reject(RULE, "compressed: no zstd frame") from None
    # [REJECT] the size is said: without it inflating could not be bounded beforehand
    if size < 0:
        raise Reject(RULE, "compressed: its size is not said")
    # [REJECT] the size is within the limit, before memory is taken
    if size > limit:
        raise OverLimit(RULE, f"compressed: {size} bytes, over the limit")
    try:
        # takes memory for what the frame says, which was checked, and fails if it holds more or less
        return zstandard.ZstdDecompressor().decompress(data, max_output_size=limit, allow_extra_data=False)
    except zstandard.ZstdError:
        raise Reject(RULE, "compressed: damaged") from None


def _require_packed(command_id: CommandId | None) -> CommandId | None:
    # [REJECT] only commands with blocks are packed
    if command_id is not None and command_id not in PACKED_COMMANDS:
        raise Reject(RULE, f"{command_id.name.lower()} is not a command to be packed")
    return command_id
