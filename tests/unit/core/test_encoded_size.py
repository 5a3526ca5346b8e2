"""Sizes without writing: those of protobuf, at each length where a byte more is needed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hypernode.core.encoded_size import (
    MAX_HEADER_BYTES,
    MAX_HEIGHT_GROWTH,
    compute_block_size,
    compute_entry_size,
    compute_message_size,
    compute_payload_size,
    count_within,
)
from hypernode.core.types import UINT32_MAX
from hypernode.wire.catalogue import CommandId
from hypernode.wire.codec import Command, encode_command
from tests.unit.core.builders import OWN, make_block, make_message


@pytest.mark.parametrize(
    ("size", "entry"), [(0, 2), (127, 129), (128, 131), (16_383, 16_386), (16_384, 16_388)]
)
def test_an_entry_has_a_tag_and_as_many_bytes_of_length_as_it_needs(size: int, entry: int) -> None:
    assert compute_entry_size(size) == entry


@pytest.mark.parametrize("chars", [0, 1, 127, 128, 16_383, 16_384])
@pytest.mark.parametrize("number", [0, 127, 128, UINT32_MAX])
def test_a_block_has_as_many_bytes_as_the_wire_writes(chars: int, number: int) -> None:
    message = replace(make_message(OWN), params="x" * chars, recipient="é" * chars, value=number)
    block = replace(make_block(OWN, messages=[make_message(OWN)]), messages=(message,), height=number)
    payload = encode_command(Command(CommandId.BLOCK, blocks=(block, block)))
    size = compute_block_size(block)
    assert compute_payload_size((size, size)) == len(payload)
    bare = compute_block_size(replace(block, messages=()))
    assert size - bare == compute_message_size(message)


def test_headers_and_growing_messages_fit_what_forging_reckons_with() -> None:
    longest = replace(
        make_block(OWN),
        messages=(),
        height=UINT32_MAX,
        round=UINT32_MAX,
        sir=UINT32_MAX,
        timestamp=UINT32_MAX,
        msg_count=UINT32_MAX,
        uniques_sources=UINT32_MAX,
    )
    assert compute_block_size(longest) <= MAX_HEADER_BYTES
    pending = make_message(OWN)
    sealed = replace(pending, block_height=UINT32_MAX)
    assert 0 < compute_message_size(sealed) - compute_message_size(pending) <= MAX_HEIGHT_GROWTH


@pytest.mark.parametrize(
    ("most", "count"), [(0, 1), (9, 1), (10, 1), (29, 1), (30, 2), (59, 2), (60, 3), (999, 3)]
)
def test_so_many_fit_and_at_least_one(most: int, count: int) -> None:
    assert count_within([10, 20, 30], most) == count


def test_of_none_none_fit() -> None:
    assert count_within([], 100) == 0
