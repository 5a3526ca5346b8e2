"""The word for the duty, and what two judgements have between them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hypernode.health.codes import CODES
from hypernode.health.duty import Duty, compare, compute_duty, settle
from hypernode.health.findings import Finding, Severity, error, note, ok, warning

SLOT_S = 180


@pytest.mark.parametrize(
    ("findings", "duty"),
    [
        ([], Duty.OK),
        ([ok("disk", "room")], Duty.OK),
        ([note("companion-remark", "x")], Duty.OK),
        ([warning("disk-low", "x", "y")], Duty.ATTENTION),
        ([note("catching-up", "x")], Duty.WAITING),
        ([note("catching-up", "x"), warning("disk-low", "x", "y")], Duty.WAITING),
        ([error("halted", "x", "y"), note("catching-up", "x")], Duty.FAILING),
    ],
)
def test_the_word_follows_from_the_findings(findings: list[Finding], duty: Duty) -> None:
    assert compute_duty(findings) is duty


def test_since_is_when_it_began_and_ends_with_it() -> None:
    low = [warning("disk-low", "x", "y")]
    first = settle(None, low, 100.0, SLOT_S)
    second = settle(first, low, 200.0, SLOT_S)
    gone = settle(second, [ok("disk", "room")], 300.0, SLOT_S, summary="all well")
    again = settle(gone, low, 400.0, SLOT_S)
    assert [j.findings[0].since for j in (first, second, again)] == [100.0, 100.0, 400.0]
    assert [j.since for j in (first, second, gone, again)] == [100.0, 100.0, 300.0, 400.0]
    assert gone.sentence == "all well"


def test_a_finding_that_knows_its_beginning_keeps_it() -> None:
    known = Finding("companion-late", Severity.ERROR, "x", "y", since=50.0)
    assert settle(None, [known], 100.0, SLOT_S).findings[0].since == 50.0


def test_beginnings_ends_and_a_change_of_the_word_are_told_once() -> None:
    low, well = [warning("disk-low", "x", "y")], [ok("disk", "room")]
    before = settle(None, well, 100.0, SLOT_S)
    now = settle(before, low, 101.0, SLOT_S)
    began = compare(before, now)
    assert [finding.code for finding in began.begun] == ["disk-low"]
    assert began.duty == (Duty.OK, Duty.ATTENTION)
    still = compare(now, settle(now, low, 102.0, SLOT_S))
    assert still.begun == still.ended == ()
    assert still.duty is None
    over = compare(now, settle(now, well, 103.0, SLOT_S))
    assert [finding.code for finding in over.ended] == ["disk-low"]


FINDINGS = st.lists(
    st.builds(
        Finding,
        st.sampled_from(sorted(CODES)),
        st.sampled_from(Severity),
        st.just("found"),
        st.just("remedy"),
    ),
    max_size=6,
)


@given(st.lists(FINDINGS, min_size=1, max_size=8), st.sampled_from([6, 180]))
def test_whatever_is_found_the_judgement_holds_together(rounds: list[list[Finding]], slot_s: int) -> None:
    before, now = None, 1_000.0
    for findings in rounds:
        judgement = settle(before, findings, now, slot_s, summary="well")
        assert judgement.duty is compute_duty(judgement.findings)
        assert judgement.since <= now
        assert all(finding.since <= now for finding in judgement.findings)
        assert (judgement.duty is Duty.OK) == (judgement.sentence == "well")
        assert judgement.duty.is_ready == (judgement.duty in (Duty.OK, Duty.ATTENTION))
        before, now = judgement, now + 77
