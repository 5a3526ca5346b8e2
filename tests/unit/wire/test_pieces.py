"""A block in pieces is byte for byte the block as it is written whole."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hypernode.core.types import Message
from hypernode.wire.catalogue import CommandId
from hypernode.wire.codec import Command, encode_command
from hypernode.wire.pieces import (
    encode_block_ends,
    encode_body,
    encode_entry,
    encode_long_entry,
    encode_number,
    encode_payload_start,
)
from tests.unit.wire.samples import BLOCK, MESSAGE

MESSAGES = (MESSAGE, replace(MESSAGE, params="", value=9), replace(MESSAGE, params="x" * 20_000))


@pytest.mark.parametrize("messages", [(), MESSAGES[:1], MESSAGES])
def test_ends_and_entries_together_are_the_payload(messages: tuple[Message, ...]) -> None:
    block = replace(BLOCK, messages=messages)
    before, behind = encode_block_ends(block)
    body = before + b"".join(map(encode_entry, messages)) + behind
    whole = encode_command(Command(CommandId.GETBLOCK, blocks=(block,)))
    assert encode_payload_start(CommandId.GETBLOCK, len(body)) + body == whole


@pytest.mark.parametrize("recipient", ["", "r", "é" * 70])
@pytest.mark.parametrize("params", ["", "p" * 127, "p" * 128, "p" * 70_000])
def test_what_lies_around_long_texts_is_told_by_their_lengths_alone(recipient: str, params: str) -> None:
    message = replace(MESSAGE, recipient=recipient, params=params)
    texts = recipient.encode(), params.encode()
    stand_in = replace(message, recipient="?", params="?")
    before, between, behind = encode_long_entry(stand_in, len(texts[0]), len(texts[1]))
    assert before + texts[0] + between + texts[1] + behind == encode_entry(message)


@pytest.mark.parametrize(
    ("number", "encoded"), [(0, "00"), (127, "7f"), (128, "8001"), (16_383, "ff7f"), (16_384, "808001")]
)
def test_numbers_have_seven_bits_a_byte(number: int, encoded: str) -> None:
    assert encode_number(number).hex() == encoded


def test_an_entry_is_the_body_with_its_tag_and_length() -> None:
    body = encode_body(MESSAGE)
    assert encode_entry(MESSAGE) == b"\x32" + encode_number(len(body)) + body
