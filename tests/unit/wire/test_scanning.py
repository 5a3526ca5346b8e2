"""A command with blocks out of a spool: what is taken, and what is refused before it is held."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hypernode.core.errors import OverLimit, Reject
from hypernode.core.types import Block
from hypernode.wire.catalogue import LIMITS, CommandId, Limits
from hypernode.wire.codec import Command, encode_command
from hypernode.wire.scanning import SPOOLED, decode_spooled
from hypernode.wire.spool import MemorySpool
from tests.unit.wire.samples import BLOCK, MESSAGE

FULL = replace(BLOCK, messages=(MESSAGE, replace(MESSAGE, value=2), replace(MESSAGE, params="x" * 70_000)))
ONE_FIELDS = 1 + 10 + 3 * (1 + 9)
"""The block, its own fields, and each message with its nine."""


def put(payload: bytes) -> MemorySpool:
    spool = MemorySpool()
    spool.append(payload)
    return spool


def encode(*blocks: Block, command_id: CommandId = CommandId.BLOCKSYNC) -> MemorySpool:
    return put(encode_command(Command(command_id, blocks=blocks)))


@pytest.mark.parametrize("command_id", sorted(SPOOLED))
@pytest.mark.parametrize("blocks", [(), (FULL,), (BLOCK, FULL, BLOCK)])
def test_blocks_come_out_as_they_went_in(command_id: CommandId, blocks: tuple[Block, ...]) -> None:
    command = decode_spooled(encode(*blocks, command_id=command_id), LIMITS)
    assert (command.id, command.blocks) == (command_id, blocks)


def test_when_it_came_is_written_on_its_messages() -> None:
    [block] = decode_spooled(encode(FULL), LIMITS, received=77).blocks
    assert {message.received for message in block.messages} == {77}


def test_a_block_has_as_many_messages_as_the_limit_and_no_more() -> None:
    assert decode_spooled(encode(FULL), Limits(block_messages=3)).blocks == (FULL,)
    with pytest.raises(OverLimit, match="over 2 messages"):
        decode_spooled(encode(FULL), Limits(block_messages=2))


@pytest.mark.parametrize("command_id", [CommandId.GETBLOCK, CommandId.BLOCKSYNC])
def test_fields_are_counted_to_the_last(command_id: CommandId) -> None:
    def decode(fields: int) -> Command:
        limits = Limits(frame_fields=fields, many_blocks_fields=fields)
        return decode_spooled(encode(FULL, command_id=command_id), limits)

    assert decode(ONE_FIELDS).blocks == (FULL,)
    with pytest.raises(OverLimit, match="too many fields"):
        decode(ONE_FIELDS - 1)


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (encode_command(Command(CommandId.STATUS, string="x" * 99)), "has blocks, or is none"),
        (b"\x08", "has blocks, or is none"),
        (b"\x2a\x00", "does not come first"),
        (encode_command(Command(CommandId.GETBLOCK, blocks=(FULL,)))[:-1], "ends within a field"),
        (encode_command(Command(CommandId.GETBLOCK)) + b"\x2a\x00", "required field is missing"),
        (encode_command(Command(CommandId.GETBLOCK)) + b"\x12\x01x", "where only blocks belong"),
        (encode_command(Command(CommandId.GETBLOCK)) + b"\x2d1234", "another type"),
    ],
)
def test_what_is_no_answer_with_blocks_is_refused(payload: bytes, reason: str) -> None:
    with pytest.raises(Reject, match=reason):
        decode_spooled(put(payload), LIMITS)


def test_what_is_unknown_behind_the_blocks_is_passed_over() -> None:
    payload = encode_command(Command(CommandId.GETBLOCK, blocks=(BLOCK,))) + b"\xca\x0c\x01x"
    assert decode_spooled(put(payload), LIMITS).blocks == (BLOCK,)
