"""Frames of the companion: whole, in pieces, and what is none."""

from __future__ import annotations

import pytest

from hypernode.pow.companion_framing import (
    HEADER_BYTES,
    MAX_BODY_BYTES,
    CompanionBroken,
    CompanionFraming,
    encode_frame,
)


@pytest.mark.parametrize("value", [None, 0, "text é", [1, {"a": None}], {}, True])
def test_a_value_comes_back_in_whatever_pieces(value: object) -> None:
    framing, data = CompanionFraming(), encode_frame(value) * 2
    for at in range(len(data)):
        assert at in (0, len(data) // 2) or framing.take_value() is None
        framing.receive_data(data[at : at + 1])
        if at + 1 == len(data) // 2:
            assert framing.take_value() == (value,)
            assert framing.is_empty
    assert framing.take_value() == (value,)
    assert framing.take_value() is None


def test_a_header_is_ten_digits() -> None:
    assert encode_frame("abc") == b'0000000005"abc"'
    assert HEADER_BYTES == 10


@pytest.mark.parametrize(("size", "is_taken"), [(MAX_BODY_BYTES, True), (MAX_BODY_BYTES + 1, False)])
def test_a_frame_is_bounded_before_it_is_held(size: int, is_taken: bool) -> None:
    framing = CompanionFraming()
    framing.receive_data(b"%010d" % size)
    if is_taken:
        assert framing.take_value() is None
    else:
        with pytest.raises(CompanionBroken, match=f"a frame of {size} bytes"):
            framing.take_value()


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"x", "expected 10 digits"),
        (b"00000000 5", "expected 10 digits"),
        (b"-000000005", "expected 10 digits"),
        (b"0000000001x", "not JSON"),
        (b"0000000000", "not JSON"),
        (b"0000000003NaN", "NaN is no number"),
        (b"0000000008Infinity", "Infinity is no number"),
        (b'0000000004"\xc3\xa9"', "not JSON in ASCII"),
        (b"0000200000" + b"[" * 200_000, "not JSON"),
    ],
)
def test_what_is_no_frame_breaks_the_stream(data: bytes, words: str) -> None:
    framing = CompanionFraming()
    framing.receive_data(data)
    with pytest.raises(CompanionBroken, match=words):
        framing.take_value()
