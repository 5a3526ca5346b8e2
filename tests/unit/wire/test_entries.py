"""One message out of its body, on either side of what is too long for protobuf."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hypernode.core.errors import Reject
from hypernode.core.types import Message
from hypernode.wire.entries import LONG_BODY_BYTES, PART_BYTES, parse_long_message, parse_message
from hypernode.wire.pieces import encode_body
from hypernode.wire.spool import MemorySpool
from hypernode.wire.tags import MAX_FIELD_BYTES
from tests.unit.wire.samples import MESSAGE


def put(body: bytes, before: bytes = b"") -> MemorySpool:
    spool = MemorySpool()
    spool.append(before + body + b"what comes behind it")
    return spool


def parse_long(body: bytes, received: int = 0) -> Message:
    return parse_long_message(put(body, b"123").read, 3, len(body), received)


@pytest.mark.parametrize(
    "params", ["", "x" * (LONG_BODY_BYTES + 1), "é" * PART_BYTES, "a" + "é" * PART_BYTES], ids=len
)
@pytest.mark.parametrize("recipient", ["", "r" * 34, "é" * 1_000], ids=len)
def test_both_ways_read_the_same(params: str, recipient: str) -> None:
    message = replace(MESSAGE, params=params, recipient=recipient)
    body = encode_body(message)
    assert parse_long(body) == parse_message(body) == message
    assert parse_long(body, 77).received == parse_message(body, 77).received == 77


def test_a_body_cut_anywhere_is_refused_by_both() -> None:
    body = encode_body(MESSAGE)
    for end in range(len(body)):
        with pytest.raises(Reject):
            parse_message(body[:end])
        with pytest.raises((Reject, IndexError)):
            parse_long(body[:end])


def test_text_that_is_no_utf8_is_refused() -> None:
    body = encode_body(MESSAGE).replace(b"TEST:1", b"TEST:\xff")
    for parse in (parse_message, parse_long):
        with pytest.raises(Reject):
            parse(body)


@pytest.mark.parametrize(("size", "is_taken"), [(MAX_FIELD_BYTES, True), (MAX_FIELD_BYTES + 1, False)])
def test_a_field_of_a_known_length_is_bounded_in_a_long_body(size: int, is_taken: bool) -> None:
    body = encode_body(replace(MESSAGE, txid=b"\x01" * size))
    if is_taken:
        assert len(parse_long(body).txid) == size
    else:
        with pytest.raises(Reject, match=f"has {size} bytes"):
            parse_long(body)


def test_a_field_of_another_type_is_refused_in_a_long_body() -> None:
    with pytest.raises(Reject, match="another type"):
        parse_long(encode_body(MESSAGE) + b"\x0d\x01\x02\x03\x04")
