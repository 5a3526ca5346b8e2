"""What the last 24 hours were like: counts, the row of slots without a block, the score beside the median."""

from __future__ import annotations

import pytest

from hypernode.health.duty_log import RoundSummary, SlotRecord
from hypernode.machine.reasons import Reason
from hypernode.machine.slot_account import Outcome
from hypernode.node.duty.duty_log import Day

LETTERS = {
    "f": Outcome.FORGED,
    "m": Outcome.MISSED,
    "t": Outcome.TAKEN,
    "r": Outcome.REPLACED,
    "d": Outcome.REDRAWN,
}


def make_records(letters: str, *, final: bool = True) -> tuple[SlotRecord, ...]:
    return tuple(
        SlotRecord(7, sir, LETTERS[letter], reason=Reason.DISK, figures="full", is_final=final)
        for sir, letter in enumerate(letters)
    )


@pytest.mark.parametrize(
    ("letters", "row", "last"),
    [
        ("", 0, ""),
        ("f", 0, ""),
        ("fm", 1, "slot 1 of round 7, disk: full"),
        ("mfmt", 2, "slot 3 of round 7, disk: full"),
        ("mmm", 3, "slot 2 of round 7, disk: full"),
        ("mf", 0, "slot 0 of round 7, disk: full"),
        ("mr", 0, "slot 0 of round 7, disk: full"),
        ("md", 1, "slot 0 of round 7, disk: full"),
        ("fdd", 0, ""),
    ],
)
def test_slots_without_a_block_in_a_row_are_counted_back_from_the_newest(
    letters: str, row: int, last: str
) -> None:
    for final in (True, False):
        counts = Day(make_records(letters, final=final)).count()
        assert (counts.missed_in_a_row, counts.last) == (row, last)


def test_only_what_is_final_was_won_or_forged() -> None:
    final = Day(make_records("ffmd")).count()
    assert (final.won, final.forged) == (3, 2)
    fresh = Day(make_records("ffmd", final=False)).count()
    assert (fresh.won, fresh.forged) == (0, 0)


def make_scores(*pairs: tuple[float | None, float | None]) -> Day:
    return Day(summaries=tuple(RoundSummary(n, score=s, median=m) for n, (s, m) in enumerate(pairs)))


@pytest.mark.parametrize(
    ("pairs", "low"),
    [
        ((), 0),
        (((2.0, 4.0),), 0),
        (((1.9, 4.0),), 1),
        (((4.0, 4.0), (1.0, 4.0), (0.0, 4.0)), 2),
        (((1.0, 4.0), (4.0, 4.0)), 0),
        (((1.0, 4.0), (None, 4.0), (1.0, 4.0)), 2),
        (((1.0, 4.0), (1.0, None)), 1),
    ],
)
def test_a_score_is_low_under_half_of_the_median(
    pairs: tuple[tuple[float | None, float | None], ...], low: int
) -> None:
    assert make_scores(*pairs).rate().low_rounds == low


def test_the_last_round_with_a_score_is_the_one_that_is_told() -> None:
    score = make_scores((1.0, 4.0), (3.0, 5.0), (None, None)).rate()
    assert (score.ours, score.median) == (3.0, 5.0)


def test_before_a_round_is_final_there_is_nothing_to_tell() -> None:
    assert Day(make_records("fm")).to_object() is None
    day = Day(
        make_records("fmtr"),
        (
            RoundSummary(6, tests=3, tests_passed=2),
            RoundSummary(7, tests=1, tests_failed=1, rank=4, scored=9),
        ),
    )
    reported = day.to_object()
    assert reported is not None
    assert (
        reported["won"],
        reported["forged"],
        reported["missed"],
        reported["taken"],
        reported["replaced"],
    ) == (4, 1, 1, 1, 1)
    assert (reported["tests"], reported["tests_passed"], reported["tests_failed"]) == (4, 2, 1)
    assert (reported["rank"], reported["scored"]) == (4, 9)
