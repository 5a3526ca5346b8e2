"""Who is late with what everybody waits for."""

from __future__ import annotations

import pytest

from hypernode.node.sync.answer_times import (
    FIRST_PATIENCE_S,
    GIANT_PATIENCE_S,
    KNOWN_TIMES,
    MIN_PATIENCE_S,
    PATIENCE_FACTOR,
    AnswerTimes,
)
from hypernode.node.sync.batches import Span

NEEDED, LATER = Span(1, 4), Span(5, 8)


def answer(times: AnswerTimes, *seconds: float) -> None:
    for each in seconds:
        times.begin("quick", LATER, 100.0)
        times.end("quick", 100.0, 100.0 + each)


def test_only_who_owes_what_is_needed_next_is_late() -> None:
    times = AnswerTimes()
    times.begin("a", LATER, 0.0)
    assert times.find_late(NEEDED.first, 1.0, (), ()) is None
    times.begin("b", NEEDED, 0.0)
    assert times.find_late(NEEDED.first, 1.0, (), ()) == ("b", FIRST_PATIENCE_S - 1.0)
    assert times.find_late(NEEDED.first, 1.0, ("b",), ()) is None
    assert times.drop("b") == NEEDED
    assert times.drop("b") is times.get_owed("b") is None
    assert times.find_late(NEEDED.first, 1.0, (), ()) is None


def test_the_time_left_is_never_below_none() -> None:
    times = AnswerTimes()
    times.begin("a", NEEDED, 0.0)
    assert times.find_late(NEEDED.first, 1_000.0, (), ()) == ("a", 0.0)


@pytest.mark.parametrize(
    ("took", "giants", "patience_s"),
    [
        ((2.0,), (), 2.0 * PATIENCE_FACTOR),
        ((1.0, 2.0, 60.0), (), 2.0 * PATIENCE_FACTOR),
        ((0.1,), (), MIN_PATIENCE_S),
        ((0.1,), (NEEDED.first,), GIANT_PATIENCE_S),
        ((50.0,), (NEEDED.first,), 150.0),
        ((90.0, *([1.0] * KNOWN_TIMES)), (), PATIENCE_FACTOR),
    ],
    ids=["usual", "median", "least", "giant", "slow giant", "the latest count"],
)
def test_how_long_is_late_follows_from_the_answers_of_late(
    took: tuple[float, ...], giants: tuple[int, ...], patience_s: float
) -> None:
    times = AnswerTimes()
    answer(times, *took)
    times.begin("a", NEEDED, 10.0)
    assert times.find_late(NEEDED.first, 10.0, (), giants) == ("a", patience_s)
