"""Any bytes unpack to a payload within its limit or are refused; what was packed comes back."""

from __future__ import annotations

import contextlib

import zstandard
from hypothesis import given
from hypothesis import strategies as st

from hypernode.core.errors import Reject
from hypernode.core.rules import Rule
from hypernode.wire.catalogue import CommandId
from hypernode.wire.codec import Command, decode_command
from hypernode.wire.compression import (
    PACKED_COMMANDS,
    pack_payload,
    peek_packed_id,
    unpack_payload,
)

LIMITS = {command_id: 100 + 50 * command_id for command_id in CommandId}
MOST = max(LIMITS[command_id] for command_id in PACKED_COMMANDS)

payloads = st.builds(
    lambda command_id, rest, times: bytes((8, command_id)) + rest * times,
    st.sampled_from([int(command_id) for command_id in CommandId]),
    st.binary(max_size=40),
    st.integers(0, 100),
)
packed = st.one_of(
    st.binary(min_size=1, max_size=200),
    payloads.map(pack_payload),
    payloads.map(lambda payload: b"\x01" + zstandard.compress(payload)),
    st.binary(max_size=100).map(lambda rest: b"\x01\x28\xb5\x2f\xfd" + rest),
)


def _unpack(data: bytes) -> bytes | Reject:
    try:
        return unpack_payload(data, LIMITS.__getitem__)
    except Reject as verdict:
        return verdict


@given(payloads)
def test_what_was_packed_comes_back_or_is_over_its_limit(payload: bytes) -> None:
    data = pack_payload(payload)
    assert len(data) <= len(payload) + 1
    outcome = _unpack(data)
    if isinstance(outcome, Reject):
        assert "over the limit" in outcome.reason
        assert len(payload) > LIMITS[CommandId(payload[1])]
    else:
        assert outcome == payload


@given(packed)
def test_any_bytes_unpack_within_the_limit_or_are_refused(data: bytes) -> None:
    outcome = _unpack(data)
    if isinstance(outcome, Reject):
        assert outcome.rule == Rule.WIRE
    elif data[0] == 1:
        assert len(outcome) <= LIMITS[CommandId(outcome[1])] <= MOST


@given(packed, st.data())
def test_a_damaged_payload_is_a_command_or_refused(data: bytes, draw: st.DataObject) -> None:
    damaged = bytearray(data)
    damaged[draw.draw(st.integers(0, len(data) - 1))] = draw.draw(st.integers(0, 255))
    outcome = _unpack(bytes(damaged))
    if isinstance(outcome, bytes):
        with contextlib.suppress(Reject):
            assert isinstance(decode_command(outcome), Command)


@given(packed)
def test_a_few_bytes_tell_no_other_command_than_more(data: bytes) -> None:
    try:
        seen = [peek_packed_id(data[:size]) for size in range(4)]
    except Reject:
        return
    assert len({command_id for command_id in seen if command_id is not None}) <= 1
