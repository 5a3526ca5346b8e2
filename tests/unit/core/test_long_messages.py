"""Messages that are made anew each time: a sequence like any other, gone through in pieces."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from hypernode.core.long_messages import (
    PIECE_MESSAGES,
    SHORT_CHARS,
    LongMessages,
    MappedMessages,
    is_short,
    split_messages,
)
from hypernode.core.types import Message
from tests.unit.core.builders import OWN, make_message

SHORT = make_message(OWN)
LONG = replace(SHORT, params="x" * (SHORT_CHARS + 1))


class Made(LongMessages):
    """So many, numbered by their value; counts how many were made."""

    def __init__(self, count: int) -> None:
        self._count = count
        self.made = 0

    def __len__(self) -> int:
        return self._count

    @property
    def encoded_bytes(self) -> int:
        return 300 * self._count

    def __iter__(self) -> Iterator[Message]:
        for number in range(self._count):
            self.made += 1
            yield replace(SHORT, value=number)


@pytest.mark.parametrize("place", [0, 3, -1, slice(1, 3), slice(None, None, 2), slice(-2, None), slice(4, 1)])
def test_a_place_is_what_a_tuple_has_there(place: int | slice) -> None:
    made = Made(5)
    assert made[place] == tuple(made)[place]


@pytest.mark.parametrize("place", [5, -6])
def test_a_place_beyond_its_ends_is_none(place: int) -> None:
    with pytest.raises(IndexError):
        Made(5)[place]


def test_it_equals_the_same_messages_however_they_are_held() -> None:
    made = Made(3)
    assert made == tuple(Made(3))
    assert made != tuple(Made(4))
    assert made != tuple(reversed(tuple(made)))
    assert made != "abc"
    with pytest.raises(TypeError):
        hash(made)


def test_a_first_message_costs_one() -> None:
    made = Made(1_000_000)
    assert made[0].value == 0
    assert made.made == 1


def test_what_is_changed_is_changed_each_time_it_is_gone_through() -> None:
    made = Made(4)
    mapped = MappedMessages(made, lambda m: replace(m, block_height=7))
    assert (len(mapped), mapped.encoded_bytes, made.made) == (4, 1_200, 0)
    for _ in range(2):
        assert [(m.value, m.block_height) for m in mapped] == [(n, 7) for n in range(4)]
    assert made.made == 8


@pytest.mark.parametrize("field", ["params", "recipient"])
def test_a_text_right_over_the_limit_is_not_short(field: str) -> None:
    fitting, over = "x" * SHORT_CHARS, "x" * (SHORT_CHARS + 1)
    if field == "params":
        shown = [replace(SHORT, params=fitting), replace(SHORT, params=over)]
    else:
        shown = [replace(SHORT, recipient=fitting), replace(SHORT, recipient=over)]
    assert list(map(is_short, shown)) == [True, False]


@pytest.mark.parametrize(
    ("count", "sizes"),
    [(0, []), (1, [1]), (PIECE_MESSAGES, [PIECE_MESSAGES]), (PIECE_MESSAGES + 1, [PIECE_MESSAGES, 1])],
)
def test_short_ones_come_in_pieces(count: int, sizes: list[int]) -> None:
    pieces = list(split_messages(Made(count)))
    assert [len(piece) for piece in pieces] == sizes
    assert [m.value for piece in pieces for m in piece] == list(range(count))


def test_a_long_one_is_alone() -> None:
    messages = [SHORT, SHORT, LONG, LONG, SHORT]
    assert [len(piece) for piece in split_messages(messages)] == [2, 1, 1, 1]
