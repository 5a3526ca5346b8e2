"""Verdicts: whose fault it is, and what is told of it."""

from __future__ import annotations

import pytest

from hypernode.core.errors import Ignore, InvariantBroken, OverLimit, Reject, TooFewHold, Verdict
from hypernode.core.rules import Rule, Violation


@pytest.mark.parametrize("kind", [Reject, Ignore, OverLimit, TooFewHold])
def test_a_verdict_has_its_rule_and_its_reason(kind: type[Verdict]) -> None:
    verdict = kind(Rule.B6, "not the juror")
    assert (verdict.rule, verdict.reason) == (Rule.B6, "not the juror")
    assert str(verdict) == "rule 6: not the juror"
    assert str(kind.of(Violation(Rule.B6, "not the juror"))) == str(verdict)


def test_what_is_nobodys_fault_is_never_caught_as_a_peers() -> None:
    assert not issubclass(Ignore, Reject)
    assert not issubclass(Reject, Ignore)
    assert issubclass(TooFewHold, Ignore)
    assert issubclass(OverLimit, Reject)


def test_a_reject_costs_one_unless_it_says_more() -> None:
    assert Reject(Rule.DATA, "x").cost == 1
    assert Reject(Rule.DATA, "x", cost=5).cost == 5


def test_a_bug_of_ours_is_no_verdict() -> None:
    assert not issubclass(InvariantBroken, Verdict)
    assert issubclass(InvariantBroken, AssertionError)
