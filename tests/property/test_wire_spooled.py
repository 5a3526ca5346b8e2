"""What is decoded out of a spool is what is decoded out of bytes, message by message."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hypernode.core.errors import OverLimit, Reject
from hypernode.core.types import Block, Message
from hypernode.wire.catalogue import LIMITS, CommandId, Limits
from hypernode.wire.codec import Command, decode_command, encode_command
from hypernode.wire.entries import LONG_BODY_BYTES, parse_long_message, parse_message
from hypernode.wire.pieces import encode_body
from hypernode.wire.scanning import SPOOLED, decode_spooled
from hypernode.wire.spool import WINDOW_BYTES, MemorySpool, SpooledMessages, Window
from hypernode.wire.tags import MAX_FIELD_BYTES
from tests.property.wire_values import blocks, messages
from tests.unit.wire.samples import MESSAGE

ids = st.sampled_from(sorted(SPOOLED))


def put_away(payload: bytes) -> MemorySpool:
    kept = MemorySpool()
    kept.append(payload)
    return kept


DECODERS: tuple[Callable[[bytes], Command], ...] = (
    decode_command,
    lambda payload: decode_spooled(put_away(payload), LIMITS),
)


@given(ids, st.lists(blocks, max_size=3))
def test_spooled_blocks_are_those_that_were_sent(command_id: CommandId, some: list[Block]) -> None:
    payload = encode_command(Command(command_id, blocks=tuple(some)))
    command = decode_spooled(put_away(payload), LIMITS)
    assert command == decode_command(payload) == Command(command_id, blocks=tuple(some))
    assert all(isinstance(block.messages, SpooledMessages) for block in command.blocks)
    for block, sent in zip(command.blocks, some, strict=True):
        assert block.messages[1:] == sent.messages[1:]
        assert [block.messages[place] for place in range(len(block.messages))] == list(sent.messages)


@given(ids, st.lists(blocks, min_size=1, max_size=2), st.data())
def test_damaged_spools_are_refused_or_read_as_bytes_are(
    command_id: CommandId, some: list[Block], data: st.DataObject
) -> None:
    payload = bytearray(encode_command(Command(command_id, blocks=tuple(some))))
    for _ in range(data.draw(st.integers(1, 3))):
        payload[data.draw(st.integers(2, len(payload) - 1))] = data.draw(st.integers(0, 255))
    damaged = bytes(payload[: data.draw(st.integers(2, len(payload)))])
    try:
        command = decode_spooled(put_away(damaged), LIMITS)
    except Reject:
        return
    assert command.blocks == decode_command(damaged).blocks


@given(messages)
def test_long_messages_are_read_as_short_ones_are(message: Message) -> None:
    body = encode_body(message)
    around = put_away(b"\xff" * 7 + body + b"\x08")
    assert parse_long_message(around.read, 7, len(body)) == parse_message(body) == message


def test_messages_on_either_side_of_what_is_long_come_back() -> None:
    lengths = (0, LONG_BODY_BYTES - 400, LONG_BODY_BYTES, WINDOW_BYTES, 3 * WINDOW_BYTES + 1)
    sent = tuple(replace(MESSAGE, params="é" * (n // 2), recipient="r" * (n % 1000)) for n in lengths)
    block = Block(1, 1, 1, 1, b"p", sent, len(sent), 1, b"s", b"h", "f")
    payload = encode_command(Command(CommandId.GETBLOCK, blocks=(block,)))
    [read] = decode_spooled(put_away(payload), LIMITS).blocks
    assert read == block
    assert read.messages != sent[:-1]
    assert read.messages[-1] == sent[-1]


@pytest.mark.parametrize("name", ["txid", "pubkey", "sender"])
@pytest.mark.parametrize("more", [0, 1])
def test_fields_of_known_length_are_bounded_and_long_texts_are_not(name: str, more: int) -> None:
    size = MAX_FIELD_BYTES + more
    field: Any = {name: "x" * size if name == "sender" else b"x" * size}
    message = replace(MESSAGE, params="p" * 1_000, **field)
    block = Block(1, 1, 1, 1, b"p", (message,), 1, 1, b"s", b"h", "f")
    payload = encode_command(Command(CommandId.GETBLOCK, blocks=(block,)))
    for decode in DECODERS:
        if more:
            with pytest.raises(Reject, match=f"{size} bytes"):
                decode(payload)
        else:
            assert decode(payload).blocks == (block,)
    long = replace(message, params="p" * LONG_BODY_BYTES)
    body = encode_body(long)
    if more:
        with pytest.raises(Reject, match=f"{size} bytes"):
            parse_long_message(put_away(body).read, 0, len(body))


@pytest.mark.parametrize("field", ["previous_hash", "signature", "block_hash"])
def test_fields_of_blocks_are_bounded(field: str) -> None:
    sent = Block(1, 1, 1, 1, b"p", (MESSAGE,), 1, 1, b"s", b"h", "f")
    block = replace(sent, **{field: b"x" * (MAX_FIELD_BYTES + 1)})  # type: ignore[arg-type]
    payload = encode_command(Command(CommandId.GETBLOCK, blocks=(block,)))
    for decode in DECODERS:
        with pytest.raises(Reject, match="257 bytes"):
            decode(payload)


@pytest.mark.parametrize("limits", [Limits(block_messages=3), Limits(frame_fields=30)])
def test_what_is_over_a_limit_is_told_from_what_is_wrong(limits: Limits) -> None:
    block = Block(1, 1, 1, 1, b"p", (MESSAGE,) * 4, 4, 1, b"s", b"h", "f")
    payload = encode_command(Command(CommandId.GETBLOCK, blocks=(block,)))
    with pytest.raises(OverLimit):
        decode_command(payload, limits)
    with pytest.raises(OverLimit):
        decode_spooled(put_away(payload), limits)


def test_a_payload_of_something_else_is_refused() -> None:
    payload = encode_command(Command(CommandId.MEMPOOL, messages=(MESSAGE,)))
    with pytest.raises(Reject, match="has blocks"):
        decode_spooled(put_away(payload), LIMITS)


def test_window_goes_forwards_backwards_and_not_beyond_the_end() -> None:
    window = Window(put_away(bytes(range(200)) * 2_000))
    assert window.get(399_990, 10) == bytes(range(190, 200))
    assert window.get(3, 2) == b"\x03\x04"
    with pytest.raises(IndexError):
        window.get(399_999, 2)
