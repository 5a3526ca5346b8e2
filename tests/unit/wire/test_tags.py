"""Tags are walked and counted before anything is parsed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hypernode.core.errors import Reject
from hypernode.wire import command_pb2 as pb
from hypernode.wire.catalogue import LIMITS, CommandId, Limits
from hypernode.wire.codec import Command, decode_command, encode_command
from hypernode.wire.tags import peek_command_id
from tests.unit.wire.samples import BLOCK, MESSAGE


@pytest.mark.parametrize("first", [b"", b"\x08"])
def test_the_command_is_not_known_before_its_second_byte(first: bytes) -> None:
    assert peek_command_id(first) is None


def test_the_command_is_known_from_two_bytes() -> None:
    assert peek_command_id(b"\x08\x06") is CommandId.BLOCK


def _count_tags(command: Command) -> int:
    """Tags of commands that hold messages: nine each, its own, the block's eleven, the command."""
    return 1 + sum(11 + 10 * len(b.messages) for b in command.blocks) + 10 * len(command.messages)


@pytest.mark.parametrize("command_id", [CommandId.BLOCK, CommandId.BLOCKSYNC])
def test_tags_are_counted_to_the_last(command_id: CommandId) -> None:
    command = Command(command_id, blocks=(BLOCK, BLOCK))
    name = "frame_fields" if command_id is CommandId.BLOCK else "many_blocks_fields"
    enough = Limits(**{name: _count_tags(command)})
    assert decode_command(encode_command(command), enough) == command
    with pytest.raises(Reject, match="too many fields"):
        decode_command(encode_command(command), Limits(**{name: _count_tags(command) - 1}))


@pytest.mark.parametrize("budget", range(1, 23))
def test_no_frame_passes_with_too_small_a_budget_of_tags(budget: int) -> None:
    payload = encode_command(Command(CommandId.BLOCK, blocks=(BLOCK,)))
    if budget < 22:
        with pytest.raises(Reject, match="too many fields"):
            decode_command(payload, Limits(frame_fields=budget))
    else:
        decode_command(payload, Limits(frame_fields=budget))


def test_more_messages_than_a_block_may_hold_are_refused() -> None:
    limits = Limits(block_messages=3)
    fine = replace(BLOCK, messages=(MESSAGE,) * 3)
    assert decode_command(encode_command(Command(CommandId.BLOCK, blocks=(fine, fine))), limits)
    full = replace(BLOCK, messages=(MESSAGE,) * 4)
    with pytest.raises(Reject, match="over 3 messages in a block"):
        decode_command(encode_command(Command(CommandId.BLOCK, blocks=(full,))), limits)


@pytest.mark.parametrize("command_id", [CommandId.MEMPOOL, CommandId.TX])
def test_more_messages_than_an_exchange_may_hold_are_refused(command_id: CommandId) -> None:
    limits = Limits(mempool_messages=2)
    assert decode_command(encode_command(Command(command_id, messages=(MESSAGE,) * 2)), limits)
    with pytest.raises(Reject, match="over 2 messages"):
        decode_command(encode_command(Command(command_id, messages=(MESSAGE,) * 3)), limits)


def test_a_flood_of_empty_messages_is_refused_before_it_is_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: bytes) -> pb.Command:
        raise AssertionError("parsed")

    monkeypatch.setattr("hypernode.wire.codec.pb.Command", type("Command", (), {"FromString": fail}))
    for command_id, size in ((6, LIMITS.pushed_block_bytes), (8, LIMITS.mempool_bytes), (12, 2**23)):
        flood = bytes([8, command_id]) + b"\x32\x00" * (size // 2 - 1)
        with pytest.raises(Reject, match=r"over \d+ messages"):
            decode_command(flood)
