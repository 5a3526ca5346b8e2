"""Messages as columns are the messages that they were made of."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import replace

import pytest

from hypernode.core.encoded_size import compute_message_size
from hypernode.core.packed_messages import (
    MAX_PACKED_CHARS,
    PackedMessages,
    Packer,
    Tables,
    can_pack,
    list_senders,
    list_times,
    list_txids,
    select_kind,
)
from hypernode.core.types import Message
from tests.unit.core.builders import OWN, make_message

MESSAGES = [
    replace(make_message(OWN, n % 3, value=n, what=(202, 120)[n % 2]), block_height=7, received=5)
    for n in range(6)
]


def pack(messages: Sequence[Message]) -> PackedMessages:
    packer = Packer()
    signers, recipients, params = packer.number(messages)
    return PackedMessages(
        height=7,
        received=5,
        tables=packer.finish(),
        txids=tuple(m.txid for m in messages),
        timestamps=array("I", [m.timestamp for m in messages]),
        signers=signers,
        recipients=recipients,
        whats=array("I", [m.what for m in messages]),
        params=params,
        values=array("I", [m.value for m in messages]),
        encoded_bytes=sum(map(compute_message_size, messages)),
        faults={},
        is_safe=True,
    )


@pytest.mark.parametrize("count", [0, 1, 6])
def test_each_message_is_made_again(count: int) -> None:
    packed = pack(MESSAGES[:count])
    assert list(packed) == MESSAGES[:count]
    assert packed == MESSAGES[:count]
    assert packed != MESSAGES[: count + 1] or count == 6
    assert {m.received for m in packed} <= {5}
    assert len(packed) == count
    with pytest.raises(TypeError):
        hash(packed)


@pytest.mark.parametrize("place", [0, 5, -1, -6, slice(1, 4), slice(None, None, -2), slice(9, 12)])
def test_a_place_is_what_a_tuple_has_there(place: int | slice) -> None:
    assert pack(MESSAGES)[place] == tuple(MESSAGES)[place]


@pytest.mark.parametrize("place", [6, -7])
def test_a_place_beyond_its_ends_is_none(place: int) -> None:
    with pytest.raises(IndexError):
        pack(MESSAGES)[place]


def test_one_field_of_all_is_the_same_whatever_holds_them() -> None:
    packed = pack(MESSAGES)
    assert list(list_txids(packed)) == list(list_txids(MESSAGES))
    assert list(list_times(packed)) == list(list_times(MESSAGES))
    assert list_senders(packed) == list_senders(MESSAGES) == {m.sender for m in MESSAGES}
    for what in (120, 202, 999):
        assert list(select_kind(packed, what)) == list(select_kind(MESSAGES, what))


def test_what_blocks_of_an_answer_have_in_common_is_held_once() -> None:
    packer = Packer()
    first, second = packer.number(MESSAGES[:3]), packer.number(MESSAGES[3:])
    tables = packer.finish()
    assert len(tables.signers) == 3
    assert first[0] == second[0]
    assert [tables.params[place] for place in first[2]] == [m.params for m in MESSAGES[:3]]


@pytest.mark.parametrize(("chars", "fits"), [(MAX_PACKED_CHARS, True), (MAX_PACKED_CHARS + 1, False)])
def test_a_text_right_over_the_limit_is_not_packed(chars: int, fits: bool) -> None:
    assert can_pack(Tables((), ("x" * chars,), ())) is fits
    assert can_pack(Tables((), (), ("x" * chars,))) is fits
