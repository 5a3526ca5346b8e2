"""Frames of the companion's port survive any cut, and nothing but JSON in frames is taken."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from hypernode.pow.companion_framing import CompanionBroken, CompanionFraming, encode_frame

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)


@given(st.lists(values, max_size=5), st.lists(st.integers(1, 20), min_size=1, max_size=10))
def test_values_come_back_whole_and_in_order(sent: list[object], cuts: list[int]) -> None:
    stream = b"".join(encode_frame(value) for value in sent)
    framing, received, position = CompanionFraming(), [], 0
    while position < len(stream):
        size = cuts[position % len(cuts)]
        framing.receive_data(stream[position : position + size])
        position += size
        while (taken := framing.take_value()) is not None:
            received.append(taken[0])
    assert received == sent
    assert framing.is_empty


@given(st.binary(max_size=60))
def test_anything_else_is_broken_or_not_whole_yet(data: bytes) -> None:
    framing = CompanionFraming()
    framing.receive_data(data)
    try:
        taken = framing.take_value()
    except CompanionBroken:
        return
    if taken is not None:
        body = data[10 : 10 + int(data[:10])]
        assert json.loads(body) == taken[0]
