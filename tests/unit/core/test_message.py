from dataclasses import replace
from typing import Any

import pytest

from hypernode.core.errors import Reject
from hypernode.core.message import encode_signed_buffer, normalise_cut
from hypernode.core.rules import Rule
from tests.unit.core.builders import MIXED, OWN, get_address, make_message


def test_signed_buffer_is_the_fields_in_order() -> None:
    m = replace(make_message(MIXED), timestamp=1, what=2, params="abc", value=3)
    expected = b"\0\0\0\1" + m.sender.encode() + m.recipient.encode() + b"\0\0\0\2abc\0\0\0\3"
    assert encode_signed_buffer(m) == expected


def test_height_key_and_arrival_are_not_signed() -> None:
    m = make_message(MIXED)
    assert encode_signed_buffer(replace(m, block_height=9, pubkey=b"", received=5)) == encode_signed_buffer(m)


@pytest.mark.parametrize(
    "fields",
    [
        {"timestamp": 2**32},
        {"timestamp": -1},
        {"what": 2**32},
        {"value": -1},
        {"sender": "é"},
        {"recipient": "é"},
        {"params": "café"},
    ],
)
def test_unrepresentable_fields_are_refused_by_m1(fields: dict[str, Any]) -> None:
    with pytest.raises(Reject) as refused:
        encode_signed_buffer(replace(make_message(MIXED), **fields))
    assert refused.value.rule == Rule.M1


def test_a_message_cut_elsewhere_gets_the_cut_at_the_recipient_back() -> None:
    m = make_message(OWN, what=0x41414141, params="BBBBBB")
    # recipient longer by one: what and params move by a byte each
    other = replace(m, recipient=m.recipient + "A", what=0x41414142, params="BBBBB")
    assert encode_signed_buffer(other) == encode_signed_buffer(m)
    assert normalise_cut(other, OWN.address_byte) == m


def test_a_short_recipient_that_swallows_what_follows_is_cut_right_too() -> None:
    m = make_message(OWN, what=0x41414141, params="BB")
    shorter = m.recipient[:30]
    other = replace(
        m, recipient=shorter, what=int.from_bytes(m.recipient[30:].encode(), "big"), params="AAAABB"
    )
    assert encode_signed_buffer(other) == encode_signed_buffer(m)
    assert normalise_cut(other, OWN.address_byte) == m


@pytest.mark.parametrize("recipient", ["not an address", "", get_address(MIXED, 1), "é"])
def test_a_message_without_such_a_cut_stays_as_it_is(recipient: str) -> None:
    m = replace(make_message(OWN), recipient=recipient)
    assert normalise_cut(m, OWN.address_byte) is m


def test_a_cut_that_leaves_no_ascii_params_is_none() -> None:
    m = make_message(OWN, params="")
    other = replace(m, recipient=m.recipient + "a", what=0x80808080)
    assert normalise_cut(other, OWN.address_byte) is other


def test_a_message_with_a_valid_recipient_is_not_touched() -> None:
    m = make_message(OWN)
    assert normalise_cut(m, OWN.address_byte) is m
