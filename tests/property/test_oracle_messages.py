"""Rules of messages in ``core`` against those of ``tests.oracle``, for drawn inputs."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hypernode.core.message import normalise_cut
from hypernode.core.params.chain_params import ChainParams
from hypernode.core.types import Message
from hypernode.core.validate_message import find_message_violation, find_time_violation, is_safe_params
from tests.oracle import messages
from tests.oracle_bridge import SIGNATURES, to_parameters
from tests.property.drawn_messages import TEXTS, near, single_messages
from tests.unit.core.builders import (
    OWN,
    get_address,
    make_message,
)


@given(case=single_messages(), sealed=st.booleans(), members=st.sets(st.integers(0, 4)))
@settings(max_examples=120)
def test_the_rules_of_a_message(case: tuple[ChainParams, Message], sealed: bool, members: set[int]) -> None:
    params, message = case
    params = replace(params, control_pos=get_address(params, 4))
    senders = {get_address(params, n) for n in members}
    ours = find_message_violation(params, message, sealed=sealed, registered=senders)
    found = messages.breaks_of_message(to_parameters(params), message, senders, SIGNATURES, in_block=sealed)
    # in a block of a mixed network M4 to M6 are policy
    counting = found & {"M1", "M2", "M3"} if sealed and params.mixed else found
    assert (ours.rule.number if ours else None) == min(counting, default=None)


@given(by=near(3_600, 5, 0), fraction=st.sampled_from([0, 0.25, 0.75]))
@settings(max_examples=40)
def test_the_time_of_a_message(by: int, fraction: float) -> None:
    for offset in (by, -by):
        message = make_message(OWN, 0, 2_000_000_000)
        now = message.timestamp - offset + fraction
        expected = messages.is_in_time(to_parameters(OWN), message.timestamp, now)
        assert (find_time_violation(OWN, message, now) is None) is expected


@given(case=single_messages(), by=st.integers(-6, 6))
@settings(max_examples=60)
def test_where_a_message_is_cut(case: tuple[ChainParams, Message], by: int) -> None:
    network, message = case
    if not message.params.isascii() or not messages.is_in_range(message) or not message.sender.isascii():
        return
    # the same signed bytes, cut at another place
    whole = messages.encode_signed(message)[4 + len(message.sender) : -4]
    length = len(message.recipient) + by
    recipient, what, params = whole[:length], whole[length : length + 4], whole[length + 4 :]
    if not all(part.isascii() for part in (recipient, params)) or len(what) < 4:
        return
    other = replace(
        message, recipient=recipient.decode(), what=int.from_bytes(what, "big"), params=params.decode()
    )
    certain = messages.find_cut(other, network.address_byte)
    ours = normalise_cut(other, network.address_byte)
    expected = certain or (other.recipient, other.what, other.params)
    assert (ours.recipient, ours.what, ours.params) == expected


@pytest.mark.parametrize(
    "params", [*TEXTS, *(text + " " for text in TEXTS), *("1" * n for n in (255, 256, 257))]
)
def test_params_at_the_edges(params: str) -> None:
    assert is_safe_params(params) is messages.is_readable(params)


@given(params=st.text("0127+-.eE xX_#,'\t", max_size=8))
@settings(max_examples=300)
def test_params_that_may_read_as_a_number(params: str) -> None:
    assert is_safe_params(params) is messages.is_readable(params)
