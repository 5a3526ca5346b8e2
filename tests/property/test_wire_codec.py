"""Any bytes are a command or a refusal; any command survives the way there and back."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hypernode.core.block import to_header
from hypernode.core.encoded_size import compute_block_size, compute_message_size, compute_payload_size
from hypernode.core.errors import Reject
from hypernode.core.rules import Rule
from hypernode.core.types import Block, ChainHeight, Message
from hypernode.wire.block_heads import peek_block_heads
from hypernode.wire.catalogue import LIMITS, CommandId, Limits
from hypernode.wire.codec import Command, PeerIp, _decode_any, _decode_plain, decode_command, encode_command
from tests.property.wire_values import blocks, hashes, messages, texts, uint32

heights = st.builds(ChainHeight, uint32, uint32, uint32, hashes, uint32, uint32, uint32, uint32)
params: st.SearchStrategy[dict[str, Any]] = st.one_of(
    st.just({}),
    st.fixed_dictionaries({"string": texts}),
    st.fixed_dictionaries({"int32": st.integers(-(2**31), 2**31 - 1)}),
    st.fixed_dictionaries({"height": heights}, optional={"height_forger": texts}),
)
lists = st.fixed_dictionaries(
    {},
    optional={
        "blocks": st.lists(blocks, max_size=3).map(tuple),
        "messages": st.lists(messages, max_size=3).map(tuple),
        "ips": st.lists(st.builds(PeerIp, st.ip_addresses(v=4).map(str), uint32), max_size=3).map(tuple),
        "hashes": st.lists(hashes, max_size=3).map(tuple),
        "features": uint32,
        "nonce": hashes,
        "pubkey": hashes,
        "proof": hashes,
        "version": uint32,
    },
)
commands = st.builds(
    lambda command_id, param, values: Command(command_id, **param, **values),
    st.sampled_from(CommandId),
    params,
    lists,
)


@given(commands)
def test_every_command_survives_the_way_there_and_back(command: Command) -> None:
    assert decode_command(encode_command(command)) == command


@given(st.lists(blocks, max_size=3))
def test_the_heads_of_blocks_are_those_of_the_blocks(some: list[Block]) -> None:
    payload = encode_command(Command(CommandId.BLOCK, blocks=tuple(some)))
    assert peek_block_heads(payload, LIMITS) == tuple(map(to_header, some))


@given(st.binary(max_size=200), st.lists(blocks, min_size=1, max_size=2), st.integers(0, 400))
def test_heads_are_of_what_can_be_parsed_or_none(noise: bytes, some: list[Block], place: int) -> None:
    whole = encode_command(Command(CommandId.BLOCK, blocks=tuple(some)))
    for payload in (b"\x08\x06" + noise, whole[: place + 2], whole[:place] + noise + whole[place + 1 :]):
        heads = peek_block_heads(payload, LIMITS)
        try:
            parsed = decode_command(payload)
        except Reject:
            continue
        assert heads in ((), tuple(map(to_header, parsed.blocks)))


@given(st.lists(blocks, max_size=3), st.lists(messages, max_size=3))
def test_sizes_are_those_of_what_is_written(some: list[Block], others: list[Message]) -> None:
    sizes = tuple(map(compute_block_size, some))
    assert len(encode_command(Command(CommandId.GETBLOCK, blocks=tuple(some)))) == compute_payload_size(sizes)
    written = len(encode_command(Command(CommandId.TX, messages=tuple(others))))
    assert written == compute_payload_size(()) + sum(map(compute_message_size, others))


@pytest.mark.parametrize("size", [127, 128, 16_383, 16_384, 2_097_151, 2_097_152])
def test_sizes_hold_where_a_length_takes_one_more_byte(size: int) -> None:
    around = (*range(size - 15, size + 2), *range(size - 105, size - 85))
    for length in filter(lambda n: n >= 0, around):
        large = Message(b"i" * 64, 1, size, "s", "r", size, "p" * length, size, b"k")
        block = Block(size, 1, 1, 1, b"", (large,), 1, 1, b"", b"", "f")
        written = len(encode_command(Command(CommandId.GETBLOCK, blocks=(block,))))
        assert written == compute_payload_size((compute_block_size(block),))


def _decode(payload: bytes) -> Command | Reject:
    try:
        return decode_command(payload, Limits(frame_fields=60, block_messages=3))
    except Reject as verdict:
        return verdict


@given(st.binary(max_size=200))
def test_any_bytes_are_a_command_or_refused(payload: bytes) -> None:
    for outcome in (_decode(payload), _decode(b"\x08\x06" + payload)):
        assert isinstance(outcome, Command) or outcome.rule == Rule.WIRE


@given(commands, st.data())
def test_a_damaged_command_is_a_command_or_refused(command: Command, data: st.DataObject) -> None:
    payload = bytearray(encode_command(command))
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(payload) - 1))
        payload[place] = data.draw(st.integers(0, 255))
    decoded = _decode(bytes(payload[: data.draw(st.integers(0, len(payload)))]))
    if isinstance(decoded, Command):
        assert decode_command(encode_command(decoded)) == decoded


plain = st.builds(
    lambda command_id, text, cut: encode_command(Command(command_id, string=text))[:cut],
    st.sampled_from(CommandId),
    st.one_of(st.none(), st.text(max_size=300), st.integers(100, 20_000).map("x".__mul__)),
    st.one_of(st.none(), st.integers(-3, 6)),
)


@given(
    st.one_of(plain, plain.map(lambda payload: payload + b"\x00"), st.binary(max_size=8).map(b"\x08".__add__))
)
def test_the_quick_way_of_reading_is_the_thorough_one(payload: bytes) -> None:
    try:
        thorough = _decode_any(payload, Limits())
    except Reject:
        thorough = None
    try:
        quick = _decode_plain(payload)
    except Reject:
        quick = None
    assert quick is None or quick == thorough
