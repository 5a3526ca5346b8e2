"""The short cut over plainly written messages counts what the walk counts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hypernode.core.errors import Reject
from hypernode.core.types import Message
from hypernode.wire import tags
from hypernode.wire.catalogue import CommandId, Limits
from hypernode.wire.codec import Command, encode_command

MESSAGES = st.builds(
    Message,
    txid=st.binary(min_size=64, max_size=64),
    block_height=st.integers(0, 2**32 - 1),
    timestamp=st.integers(0, 2**32 - 1),
    sender=st.text("abc", min_size=34, max_size=34),
    recipient=st.text("abc", min_size=34, max_size=34),
    what=st.integers(0, 300),
    params=st.text("abc:", max_size=140),
    value=st.integers(0, 2**32 - 1),
    pubkey=st.binary(min_size=64, max_size=64),
)


def judge(payload: bytes, limits: Limits) -> str:
    """What is said of a payload; empty when nothing is."""
    try:
        tags.check_tags(payload, limits)
    except Reject as verdict:
        return verdict.reason
    return ""


def judge_walking(payload: bytes, limits: Limits) -> str:
    """The same where every tag is walked."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tags._Walk, "_skip_plain_message", lambda self, position, end: position)
        return judge(payload, limits)


@given(st.lists(MESSAGES, max_size=4), st.integers(0, 45), st.integers(0, 5))
def test_plain_messages_are_counted_as_the_walk_counts(
    messages: list[Message], fields: int, most: int
) -> None:
    payload = encode_command(Command(CommandId.TX, messages=tuple(messages)))
    limits = Limits(frame_fields=fields, mempool_messages=most)
    assert judge(payload, limits) == judge_walking(payload, limits)


@given(st.lists(MESSAGES, min_size=1, max_size=2), st.data())
def test_damaged_messages_are_judged_as_the_walk_judges(messages: list[Message], data: st.DataObject) -> None:
    payload = bytearray(encode_command(Command(CommandId.TX, messages=tuple(messages))))
    for _ in range(data.draw(st.integers(0, 3))):
        payload[data.draw(st.integers(2, len(payload) - 1))] = data.draw(st.integers(0, 255))
    damaged = bytes(payload[: data.draw(st.integers(2, len(payload)))])
    assert judge(damaged, Limits()) == judge_walking(damaged, Limits())
