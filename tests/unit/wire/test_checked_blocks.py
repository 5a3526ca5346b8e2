"""Blocks that are decoded, verified and packed in one go: the same as step by step, whatever is in them."""

from __future__ import annotations

import pickle
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hypernode.core.block import encode_raw_block, normalise_block
from hypernode.core.encoded_size import compute_block_size
from hypernode.core.errors import Reject
from hypernode.core.packed_messages import (
    MAX_PACKED_CHARS,
    PackedMessages,
    list_senders,
    list_times,
    list_txids,
    select_kind,
)
from hypernode.core.params.networks import mainnet
from hypernode.core.rules import UNCHECKED
from hypernode.core.validate_block import find_violations
from hypernode.core.validate_message import check_messages
from hypernode.wire.checked_blocks import check_blocks, split_answer
from hypernode.wire.codec import decode_command
from tests.unit.core.builders import get_address, make_context, make_message
from tests.unit.wire.encoded_blocks import encode, make_blocks

MAIN = mainnet()
STRICT = replace(MAIN, mixed=False)
CHANGES = (
    "none",
    "bad signature",
    "another's key",
    "another height",
    "wrong cut",
    "long id",
    "short id",
    "unsafe params",
    "recipient that is none",
    "not ASCII",
    "key of another length",
)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(st.sampled_from(CHANGES), max_size=6), max_size=4), st.booleans())
def test_what_is_packed_is_what_was_decoded_cut_and_verified(changes: list[list[str]], mixed: bool) -> None:
    params = replace(MAIN, mixed=mixed)
    payload = encode(make_blocks(params, changes))
    checked = pickle.loads(pickle.dumps(check_blocks(params, payload, 77)))
    expected = [normalise_block(params, b) for b in decode_command(payload, received=77).blocks]
    assert list(checked) == expected
    for ours, theirs in zip(checked, expected, strict=True):
        messages = ours.messages
        assert isinstance(messages, PackedMessages)
        assert [m.received for m in messages] == [77] * len(theirs.messages)
        assert messages.faults == check_messages(params, theirs.messages)
        assert messages[:2] == theirs.messages[:2]
        assert list(list_txids(messages)) == [m.txid for m in theirs.messages]
        assert list(list_times(messages)) == [m.timestamp for m in theirs.messages]
        assert list_senders(messages) == {m.sender for m in theirs.messages}
        assert list(select_kind(messages, 202)) == list(select_kind(theirs.messages, 202))
        assert compute_block_size(ours) == compute_block_size(theirs)
        assert encode_raw_block(ours) == encode_raw_block(theirs)
        assert encode([ours]) == encode([theirs])
        listed = frozenset(get_address(params, n) for n in range(5))  # not all of the senders
        for registered in (listed, listed | list_senders(messages), UNCHECKED):
            context = make_context(
                params, theirs, registered=registered, bad_messages=messages.faults, known_ids=frozenset()
            )
            assert find_violations(params, ours, context) == find_violations(params, theirs, context)


def test_a_message_that_differs_makes_blocks_differ() -> None:
    [block] = check_blocks(MAIN, encode(make_blocks(MAIN, [["none", "none"]])), 0)
    one, other = block.messages
    equal: list[object] = [(one, other), [one, other]]
    assert all(block.messages == each for each in equal)
    others: list[object] = [(one, replace(other, value=other.value + 1)), (one,), 5]
    assert not any(block.messages == each for each in others)


@pytest.mark.parametrize("most", [1, 700, 1_500, 10_000])
def test_an_answer_is_split_between_blocks_and_nothing_is_lost(most: int) -> None:
    blocks = make_blocks(MAIN, [["none"] * 3, [], ["none"], ["bad signature"] * 2])
    pieces = split_answer(encode(blocks), most)
    assert [block for piece in pieces for block in decode_command(piece).blocks] == blocks
    assert len(pieces) == {1: 4, 700: 3, 1_500: 2, 10_000: 1}[most]


def test_an_answer_without_blocks_is_one_piece() -> None:
    assert split_answer(encode([])) == [encode([])]
    odd = encode(make_blocks(MAIN, [["none"], ["none"]])) + b"\xa0\x01\x05"  # a field that is not a block
    assert split_answer(odd, 1) == [odd]


def test_long_texts_and_numbers_of_more_bits_are_left_as_they_are() -> None:
    """They are verified where the others' verdicts are looked at: there are none here."""
    long = make_message(MAIN, 1, params="x" * (MAX_PACKED_CHARS + 1))
    blocks = make_blocks(MAIN, [["none"], ["none"]])
    blocks[1] = replace(blocks[1], messages=(long,))
    checked = check_blocks(MAIN, encode(blocks), 0)
    assert not any(isinstance(block.messages, PackedMessages) for block in checked)
    assert list(checked) == [normalise_block(MAIN, block) for block in blocks]


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"", "without a command"),
        (b"\x08", "without a command"),
        (b"\x08\x0b\x2a\x02\x08\x01", "required field"),
        (b"\x08\x0b\x2a\x05\x08", "no valid payload"),
    ],
)
def test_what_is_no_command_is_refused_as_by_the_codec(payload: bytes, reason: str) -> None:
    with pytest.raises(Reject, match=reason):
        check_blocks(MAIN, payload, 0)
    with pytest.raises(Reject):
        decode_command(payload)
