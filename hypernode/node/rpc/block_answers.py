"""Answers with blocks, by bytes: planned from stored sizes before a message is read (spec 2, budgets).

Blocks are encoded in the reader's thread, one by one, and their objects go at once.  What is over what one
answer may have is written while it is read: a whole round to a legacy node, which takes a part for the whole,
and a giant block of a mixed network.  A stream with checksums needs all of it first: a giant block is read
once for that, and of others it gets fewer.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

from hypernode.core.encoded_size import compute_entry_size, compute_payload_size
from hypernode.core.errors import Ignore
from hypernode.core.rules import Rule
from hypernode.core.types import Block, Height
from hypernode.net.answer import Answer, Encoded, InTurn
from hypernode.net.caller import Caller
from hypernode.net.standing import Standing
from hypernode.ports.chain import ChainReader
from hypernode.wire.catalogue import CommandId, Limits
from hypernode.wire.codec import Command, encode_command
from hypernode.wire.framing import Checksums
from hypernode.wire.pieces import encode_payload_start

Sizes: TypeAlias = Sequence[tuple[Height, int]]
"""Heights and encoded bytes of blocks, ascending without gaps."""
HEAD_BYTES: Final = 2
"""Field 1 of a payload: which command it is."""
JOINED_BYTES: Final = 8 * 1024 * 1024
"""A giant block of more is read twice, for its checksum and to be written, and never held."""
_ROW_BYTES: Final = 240
"""Of a message on the wire: how many were read for a giant block."""


@dataclass(frozen=True, slots=True)
class BlockAnswers:
    """Makes answers of blocks that ``reader`` has."""

    limits: Limits
    reader: ChainReader
    caller: Caller

    async def answer(self, command_id: CommandId, sizes: Sizes) -> Answer:
        """As many of these blocks as the answer may have, at least one; all of a round for a legacy node.
        Raises Ignore for a round that is over what anybody takes."""
        if not sizes:
            return Command(command_id)
        most, total = self._get_most(), _measure(sizes)
        if command_id is CommandId.ROUNDBLOCKS and self.caller.is_legacy and total > most:
            if total > self.limits.whole_round_bytes:
                raise Ignore(Rule.WIRE, f"a round of {total} bytes")
            return self._make_in_turn(command_id, sizes)
        taken = _take(sizes, most)
        if _measure(taken) > self.limits.answer_of_blocks_bytes:
            return await self._answer_giant(command_id, taken)
        await self.caller.expect(_measure(taken))
        made = await self.reader.make_of_blocks(
            taken[0][0], len(taken), most, lambda block: _encode(command_id, block)
        )
        return _join(command_id, made)

    def _get_most(self) -> int:
        limits = self.limits
        is_stranger = self.caller.standing is Standing.STRANGER
        return limits.answer_to_stranger_bytes if is_stranger else limits.answer_of_blocks_bytes

    async def _answer_giant(self, command_id: CommandId, sizes: Sizes) -> Answer:
        """One block that is larger than an answer may be."""
        if self.caller.is_legacy:
            return self._make_in_turn(command_id, sizes)
        total = _measure(sizes)
        if total > JOINED_BYTES:
            checksums = Checksums()
            async for piece in self._read(command_id, sizes):
                checksums.add(piece)
            return replace(self._make_in_turn(command_id, sizes), checksums=checksums)
        # twice: the pieces, and what is made of them
        await self.caller.expect(2 * total)
        payload = b"".join([piece async for piece in self._read(command_id, sizes)])
        return Encoded(payload, rows=total // _ROW_BYTES)

    def _make_in_turn(self, command_id: CommandId, sizes: Sizes) -> InTurn:
        return InTurn(_measure(sizes), self._read(command_id, sizes))

    async def _read(self, command_id: CommandId, sizes: Sizes) -> AsyncIterator[bytes]:
        """The payload, in pieces.  Raises Ignore when the chain changes meanwhile."""
        for number, (height, size) in enumerate(sizes):
            start = encode_payload_start(command_id, size)
            yield start[HEAD_BYTES:] if number else start
            async for piece in self.reader.read_encoded(height):
                yield piece


def _measure(sizes: Sizes) -> int:
    return compute_payload_size(tuple(size for _, size in sizes))


def _take(sizes: Sizes, most: int) -> Sizes:
    """As many of the first blocks as have a payload within ``most`` bytes, and at least one."""
    total, count = HEAD_BYTES, 0
    for _, size in sizes:
        total += compute_entry_size(size)
        if count and total > most:
            break
        count += 1
    return sizes[:count]


def _encode(command_id: CommandId, block: Block) -> tuple[bytes, int]:
    """The payload of a command with one block, and how many rows that was."""
    return encode_command(Command(command_id, blocks=(block,))), 1 + len(block.messages)


def _join(command_id: CommandId, made: Sequence[tuple[bytes, int]]) -> Encoded:
    """One payload with all blocks, byte for byte what ``encode_command`` makes of them."""
    rows = sum(count for _, count in made)
    if len(made) == 1:
        return Encoded(made[0][0], rows)
    entries = (memoryview(payload)[HEAD_BYTES:] for payload, _ in made)
    return Encoded(b"".join((encode_command(Command(command_id)), *entries)), rows)
