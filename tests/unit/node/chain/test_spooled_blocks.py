"""Blocks whose messages lie in a spool come back as they were, and giants stay there."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from hypernode.core.long_messages import PIECE_MESSAGES, LongMessages
from hypernode.core.types import Message
from hypernode.node.chain import spooled_blocks
from hypernode.node.chain.spooled_blocks import is_giant, list_pieces, put_away, take_out
from hypernode.sim.memory.adapters import InlineVerifier, MemoryFiles
from tests.unit.wire.samples import BLOCK, MESSAGE

OFFLOAD = InlineVerifier().run
FULL = replace(BLOCK, messages=tuple(replace(MESSAGE, value=n, received=5) for n in range(4)), msg_count=4)


def test_what_was_put_away_is_taken_out_again() -> None:
    async def run() -> None:
        [put, empty, again] = put_away([FULL, replace(BLOCK, messages=()), FULL], MemoryFiles())
        for block in (put, again):
            assert isinstance(block.messages, LongMessages)
            assert await take_out(block, OFFLOAD) == FULL
            assert {m.received for m in block.messages} == {5}
        assert list(empty.messages) == []
        # what lies in a spool already stays where it is
        [same] = put_away([put], MemoryFiles())
        assert same is put
        assert await take_out(FULL, OFFLOAD) is FULL

    asyncio.run(run())


@pytest.mark.parametrize("less", [0, 1])
def test_a_block_of_more_bytes_than_are_held_is_a_giant(less: int, monkeypatch: pytest.MonkeyPatch) -> None:
    async def run() -> None:
        [put] = put_away([FULL], MemoryFiles())
        assert isinstance(put.messages, LongMessages)
        monkeypatch.setattr(spooled_blocks, "MAX_HELD_BYTES", put.messages.encoded_bytes - less)
        assert is_giant(put) is bool(less)
        assert not is_giant(FULL), "what is held already is none"
        taken = await take_out(put, OFFLOAD)
        assert (taken is put) is bool(less)

    asyncio.run(run())


def test_pieces_are_all_messages_in_order_and_no_piece_is_large() -> None:
    async def run() -> None:
        messages = tuple(replace(MESSAGE, value=n) for n in range(2 * PIECE_MESSAGES + 1))
        [put] = put_away([replace(BLOCK, messages=messages)], MemoryFiles())
        pieces = [piece async for piece in list_pieces(put, OFFLOAD)]
        assert [len(piece) for piece in pieces] == [PIECE_MESSAGES, PIECE_MESSAGES, 1]
        assert tuple(m for piece in pieces for m in piece) == messages
        nothing: list[tuple[Message, ...]] = [
            piece async for piece in list_pieces(replace(BLOCK, messages=()), OFFLOAD)
        ]
        assert nothing == []

    asyncio.run(run())
