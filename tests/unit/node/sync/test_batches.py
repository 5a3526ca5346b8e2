"""The book of batches: which are asked for, which are here, and who gave what."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hypernode.core.types import Block
from hypernode.machine.peers import PeerView
from hypernode.node.sync.batches import MAX_HELD_MESSAGES, WINDOW_SPARE, Batches, Span
from tests.unit.machine.samples import make_height, make_peer
from tests.unit.wire.samples import BLOCK, MESSAGE

ONE, TWO = make_peer(1, make_height()), make_peer(2, make_height())


def blocks(first: int, last: int, messages: int = 0) -> tuple[Block, ...]:
    return tuple(replace(BLOCK, height=h, messages=(MESSAGE,) * messages) for h in range(first, last + 1))


def put(batches: Batches, giver: PeerView, span: Span | None, messages: int = 0) -> None:
    assert span is not None
    batches.put(giver, span, blocks(*span, messages))


@pytest.mark.parametrize("holders", [1, 2, 5])
def test_no_more_is_asked_for_than_the_window_has(holders: int) -> None:
    batches = Batches(Span(11, 1_000), 10)
    spans = []
    while (span := batches.take_span(holders)) is not None:
        spans.append(span)
    assert len(spans) == holders + WINDOW_SPARE
    assert spans == [Span(11 + 10 * n, 20 + 10 * n) for n in range(holders + WINDOW_SPARE)]
    # one that is given moves it on by one
    put(batches, ONE, spans[0])
    assert batches.give() is not None
    assert batches.take_span(holders) == Span(spans[-1].last + 1, spans[-1].last + 10)
    assert batches.take_span(holders) is None


@pytest.mark.parametrize(
    ("messages", "is_asked"), [(MAX_HELD_MESSAGES - 1, True), (MAX_HELD_MESSAGES, False)]
)
def test_where_much_waits_only_what_is_needed_next_is_asked_for(messages: int, is_asked: bool) -> None:
    batches = Batches(Span(1, 100), 1)
    first, second = batches.take_span(5), batches.take_span(5)
    put(batches, ONE, second, messages)
    third = batches.take_span(5)
    assert (third is not None) is is_asked
    assert first is not None
    batches.ask_again(first)
    assert batches.take_span(5) == first


def test_what_is_late_is_asked_of_another_unless_it_is_here() -> None:
    batches = Batches(Span(1, 20), 10)
    first, second = batches.take_span(2), batches.take_span(2)
    assert first is not None
    assert second is not None
    batches.ask_again(second)
    batches.ask_again(first)
    assert batches.take_span(2) == first, "the lowest first"
    put(batches, ONE, second)
    assert batches.take_span(2) is None, "it is here meanwhile"
    put(batches, TWO, second)
    put(batches, ONE, first)
    given = [batches.give(), batches.give()]
    assert [(batch.span, batch.giver) for batch in given if batch is not None] == [
        (first, ONE),
        (second, ONE),
    ]
    assert batches.are_all_given


def test_an_answer_may_be_shorter_or_longer_than_was_asked_for() -> None:
    batches = Batches(Span(1, 20), 10)
    first = batches.take_span(1)
    assert first is not None
    batches.put(ONE, first, blocks(1, 4))
    assert batches.take_span(1) == Span(5, 10)
    batches.put(TWO, Span(5, 10), blocks(5, 15))
    assert [batches.give(), batches.give()] != [None, None]
    assert batches.cursor == 11
    assert (batches.get_giver(4), batches.get_giver(5), batches.get_giver(11)) == (ONE, TWO, None)
    batches.forget(5)
    assert batches.get_giver(4) is None
    assert batches.get_giver(5) == TWO


def test_from_a_bad_block_on_all_is_given_again_and_what_its_giver_gave() -> None:
    batches = Batches(Span(1, 40), 10)
    spans = [batches.take_span(9) for _ in range(4)]
    put(batches, TWO, spans[0])
    put(batches, ONE, spans[1])
    put(batches, ONE, spans[3])
    assert batches.give() is not None
    assert batches.give() is not None
    batches.go_back(15, ONE)
    assert batches.cursor == 15
    assert (batches.get_giver(14), batches.get_giver(15)) == (ONE, None)
    assert batches.take_span(9) == Span(15, 20)
    assert batches.take_span(9) == spans[3], "what it had given beyond is asked of others"
    assert batches.take_span(9) is None
