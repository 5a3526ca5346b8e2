"""Codes of reasons are frozen: programs and logs go by them (spec 10, 2)."""

from __future__ import annotations

from dataclasses import FrozenInstanceError

import pytest

from hypernode.machine.reasons import Obstacle, Reason

FROZEN = {
    "not-running",
    "starting",
    "no-connections",
    "catching-up",
    "no-consensus",
    "too-few-messages",
    "clock-off",
    "companion-late",
    "restart-rule",
    "already-signed",
    "disk",
    "halted",
    "round-not-derived",
    "too-late",
}


def test_a_code_that_was_released_stays() -> None:
    assert FROZEN - {reason.value for reason in Reason} == set()


def test_codes_are_words_that_programs_can_compare() -> None:
    for reason in Reason:
        assert reason.value == reason.value.lower().strip("-")
        assert reason.value.replace("-", "").isalpha()


def test_an_obstacle_is_its_reason_and_its_figures() -> None:
    obstacle = Obstacle(Reason.NO_CONSENSUS, "8 %, over 18 needed")
    assert obstacle == Obstacle(Reason.NO_CONSENSUS, "8 %, over 18 needed")
    assert obstacle != Obstacle(Reason.NO_CONSENSUS, "9 %, over 18 needed")
    with pytest.raises(FrozenInstanceError):
        setattr(obstacle, "figures", "")  # noqa: B010
