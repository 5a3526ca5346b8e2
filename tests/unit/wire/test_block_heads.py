"""What a pushed block shows without its messages being parsed, and what has no heads."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hypernode.core.types import UINT32_MAX, Block
from hypernode.wire.block_heads import peek_block_heads
from hypernode.wire.catalogue import LIMITS, CommandId, Limits
from hypernode.wire.codec import Command, encode_command
from tests.unit.wire.samples import BLOCK, MESSAGE

FULL = replace(BLOCK, messages=(MESSAGE,) * 3, msg_count=3)


def encode(*blocks: Block) -> bytes:
    return encode_command(Command(CommandId.BLOCK, blocks=blocks))


def test_a_head_is_the_block_without_its_messages() -> None:
    assert peek_block_heads(encode(FULL, BLOCK), LIMITS) == (
        replace(FULL, messages=()),
        replace(BLOCK, messages=()),
    )


@pytest.mark.parametrize("number", [0, 127, 128, 16_384, UINT32_MAX])
def test_a_number_of_any_length_is_read(number: int) -> None:
    block = replace(BLOCK, height=number, timestamp=number, messages=())
    assert peek_block_heads(encode(block), LIMITS) == (block,)


def test_only_as_many_messages_as_a_block_may_have_are_stepped_over() -> None:
    limits = Limits(block_messages=3)
    assert len(peek_block_heads(encode(FULL), limits)) == 1
    assert peek_block_heads(encode(replace(FULL, messages=(MESSAGE,) * 4)), limits) == ()


def test_a_payload_cut_anywhere_has_no_heads() -> None:
    payload = encode(FULL)
    for end in range(3, len(payload)):
        assert peek_block_heads(payload[:end], LIMITS) == (), end


@pytest.mark.parametrize(
    "spoil",
    [
        lambda payload: payload + b"\x08\x01",  # something else behind the block
        lambda payload: payload.replace(b"B", b"\xff"),  # an address that is no text
        lambda payload: payload[:2] + b"\x2a\x02\x08\x01",  # fields are missing
        lambda payload: payload[:2] + b"\x2a\x04\x08\x01\x08\x01",  # a field twice
        lambda payload: payload[:2] + b"\x2a\x07\x08\xff\xff\xff\xff\x7f\x00",  # over 32 bits
        lambda payload: (
            payload[:2] + b"\x2a\x08\x08\xff\xff\xff\xff\xff\xff\x01"
        ),  # a number that does not end
        lambda payload: payload[:2] + b"\x2a\x02\x0d\x01",  # another type
    ],
)
def test_what_no_node_writes_has_no_heads(spoil: object) -> None:
    assert callable(spoil)
    assert peek_block_heads(spoil(encode(BLOCK)), LIMITS) == ()
