"""An answer is the same command in whichever form it is given."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from hypernode.core.errors import Ignore, Reject
from hypernode.core.rules import Rule
from hypernode.net.answer import Encoded, InTurn, read_answer
from hypernode.wire.catalogue import CommandId, Limits
from hypernode.wire.codec import Command, encode_command
from tests.unit.wire.samples import BLOCK

COMMAND = Command(CommandId.GETBLOCK, blocks=(BLOCK,))
PAYLOAD = encode_command(COMMAND)


async def list_pieces(size: int, *, breaks: bool = False) -> AsyncIterator[bytes]:
    for start in range(0, len(PAYLOAD), size):
        if breaks and start:
            raise Ignore(Rule.STORED, "the chain changed meanwhile")
        yield PAYLOAD[start : start + size]


def test_a_command_bytes_and_pieces_are_read_alike() -> None:
    answers = (COMMAND, Encoded(PAYLOAD), InTurn(len(PAYLOAD), list_pieces(7)))
    for answer in answers:
        assert asyncio.run(read_answer(answer)) == COMMAND


def test_bytes_are_held_to_the_limits_of_who_reads() -> None:
    with pytest.raises(Reject, match="messages in a block"):
        asyncio.run(read_answer(Encoded(PAYLOAD), Limits(block_messages=0)))


def test_what_breaks_off_is_no_answer() -> None:
    with pytest.raises(Ignore, match="changed meanwhile"):
        asyncio.run(read_answer(InTurn(len(PAYLOAD), list_pieces(7, breaks=True))))
