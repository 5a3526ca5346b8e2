"""A running node judged in each state that an operator meets: the code, the duty's word, and until when."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hypernode.core.counting import Uncounted
from hypernode.health.duty import Duty, Judgement, settle
from hypernode.health.files import DiskFacts
from hypernode.health.findings import Severity
from hypernode.health.running import (
    CompanionState,
    CompanionView,
    DutyFacts,
    Listing,
    RegistrationState,
    Score,
    SlotCounts,
    find_waiting_end,
    judge,
    summarise,
)

NOW = 1_700_000_000.0
LISTED = RegistrationState(Listing.LISTED, weight=2)
DISK = DiskFacts("/srv/node", 80_000_000_000, 1_000_000, None)
WELL = DutyFacts(
    now=NOW,
    slot_s=180,
    round=72_612,
    started=NOW - 86_400,
    registration=LISTED,
    companion=CompanionView(CompanionState.IN_SYNC, 4_301_233, 41.0),
    connected=38,
    needed_connections=10,
    consensus=82,
    needed=18,
    height=1_371_004,
    tip_age_s=72.0,
    next_slot=(14, 1_260.0),
    clock_offset_s=0.03,
    disk=DISK,
)


def look(facts: DutyFacts, *, for_s: float = 3_600.0) -> Judgement:
    """The judgement after the facts have held for so long."""
    well = settle(None, judge(replace(WELL, slot_s=facts.slot_s)), facts.now - 1, facts.slot_s)
    first = settle(well, judge(facts), facts.now, facts.slot_s)
    later = facts.now + for_s
    return settle(
        first, judge(facts), later, facts.slot_s, summary=summarise(facts), until=find_waiting_end(facts)
    )


def test_a_node_in_order_does_its_duty_and_says_when_its_next_slot_is() -> None:
    judgement = look(WELL)
    assert judgement.duty is Duty.OK
    assert judgement.sentence == "registered, weight 2, counted; our next slot: 14, in 21 min"
    assert not judgement.problems
    assert judgement.duty.exit_status == 0


STATES = {
    "fresh": (
        replace(WELL, registration=RegistrationState(), connected=0, started=NOW - 5, consensus=None),
        Duty.WAITING,
        "round-not-derived",
    ),
    "just started": (replace(WELL, connected=3, started=NOW - 5), Duty.WAITING, "starting"),
    "no companion": (
        replace(WELL, companion=CompanionView(CompanionState.UNREADABLE, words="ledger.db is not there")),
        Duty.FAILING,
        "companion-late",
    ),
    "companion late": (
        replace(WELL, companion=CompanionView(CompanionState.LATE, 9, 2_000.0, "its last block is old")),
        Duty.FAILING,
        "companion-late",
    ),
    "companion catching up": (
        replace(WELL, companion=CompanionView(CompanionState.CATCHING_UP, 9, 2_000.0)),
        Duty.WAITING,
        "companion-catching-up",
    ),
    "companion on another chain": (
        replace(WELL, companion=CompanionView(CompanionState.ELSEWHERE, 9, 20.0, "block 5 is another")),
        Duty.FAILING,
        "companion-elsewhere",
    ),
    "unregistered": (
        replace(WELL, registration=RegistrationState(Listing.ABSENT)),
        Duty.FAILING,
        "not-registered",
    ),
    "registered later": (
        replace(WELL, registration=RegistrationState(Listing.LATER, 72_613), next_round_s=600.0),
        Duty.WAITING,
        "registered-later",
    ),
    "registered, not counted": (
        replace(WELL, registration=replace(LISTED, weight=0, uncounted=Uncounted.WORTHLESS)),
        Duty.FAILING,
        "collateral-low",
    ),
    "collateral moved on": (
        replace(WELL, registration=replace(LISTED, uncounted=Uncounted.MOVED_ON)),
        Duty.FAILING,
        "collateral-low",
    ),
    "voided": (replace(WELL, registration=replace(LISTED, is_voided=True)), Duty.FAILING, "voided"),
    "inactive": (replace(WELL, registration=replace(LISTED, is_silent=True)), Duty.ATTENTION, "inactive"),
    "catching up": (
        replace(WELL, target=2_000_000, seconds_left=300.0, consensus=0),
        Duty.WAITING,
        "catching-up",
    ),
    "alone": (replace(WELL, connected=0, consensus=0), Duty.FAILING, "no-connections"),
    "few": (replace(WELL, connected=9, consensus=5), Duty.FAILING, "few-connections"),
    "silent": (replace(WELL, silent=True), Duty.ATTENTION, "peers-silent"),
    "no consensus": (replace(WELL, consensus=18), Duty.WAITING, "no-consensus"),
    "clock off": (replace(WELL, clock_offset_s=2.1), Duty.FAILING, "clock-off"),
    "clock a bit off": (replace(WELL, clock_offset_s=-1.5), Duty.ATTENTION, "clock-off"),
    "disk refuses": (replace(WELL, storage="disk full"), Duty.FAILING, "disk-full"),
    "disk low": (replace(WELL, disk=replace(DISK, free_bytes=10**9)), Duty.ATTENTION, "disk-low"),
    "halted": (replace(WELL, halted="a fault of ours"), Duty.FAILING, "halted"),
    "split": (replace(WELL, split="two chains"), Duty.FAILING, "split"),
    "after a restore": (
        replace(WELL, forge_from_round=72_613, next_round_s=900.0),
        Duty.WAITING,
        "restart-rule",
    ),
    "another process on the wallet": (replace(WELL, own_double=1), Duty.FAILING, "key-elsewhere"),
    "network silent": (replace(WELL, tip_age_s=540.0), Duty.ATTENTION, "net-silent"),
    "reported": (replace(WELL, reports=3), Duty.ATTENTION, "reported"),
    "score": (replace(WELL, score=Score(1.0, 3.0, 3)), Duty.ATTENTION, "score-low"),
    "slot missed": (
        replace(WELL, slots=SlotCounts(3, 2, 1, "no-consensus: 8 %, over 18 needed")),
        Duty.ATTENTION,
        "slot-missed",
    ),
    "slots missed": (
        replace(WELL, slots=SlotCounts(9, 7, 2, "disk: full")),
        Duty.ATTENTION,
        "slots-missed",
    ),
    "loop slow": (replace(WELL, loop_lag_s=1.5), Duty.ATTENTION, "loop-slow"),
    "tunables": (replace(WELL, differing=9, heard=10), Duty.ATTENTION, "tunables-differ"),
}


@pytest.mark.parametrize("name", STATES)
def test_each_state_has_its_word_and_its_code(name: str) -> None:
    facts, duty, code = STATES[name]
    judgement = look(facts)
    assert judgement.duty is duty
    standing = next(finding for finding in judgement.findings if finding.found == judgement.sentence)
    assert standing.code == code
    assert standing.severity >= Severity.NOTE
    if standing.severity >= Severity.WARNING:
        assert standing.remedy


def test_what_comes_and_goes_in_ordinary_life_is_not_told_at_once() -> None:
    alone = replace(WELL, connected=0, consensus=0)
    assert look(alone, for_s=10).duty is Duty.OK
    assert look(alone, for_s=31).duty is Duty.WAITING
    assert look(alone, for_s=599).duty is Duty.WAITING
    assert look(alone, for_s=600).duty is Duty.FAILING
    quick = replace(alone, slot_s=18)
    assert look(quick, for_s=60).duty is Duty.FAILING


def test_a_missed_slot_of_two_days_ago_is_no_finding() -> None:
    assert look(replace(WELL, slots=SlotCounts(0, 0, 0, ""))).duty is Duty.OK


def test_waiting_says_until_when() -> None:
    facts = replace(WELL, target=2_000_000, seconds_left=300.0)
    assert look(facts).until == NOW + 300
    assert look(replace(facts, seconds_left=None)).until is None
    assert look(replace(WELL, forge_from_round=72_613, next_round_s=900.0)).until == NOW + 900
    just_started = replace(WELL, connected=3, started=NOW - 5)
    first = settle(None, judge(just_started), NOW, 180, until=find_waiting_end(just_started))
    assert first.until == NOW + 175
    assert look(WELL).until is None


@pytest.mark.parametrize(
    ("low", "high", "code"),
    [
        (replace(WELL, tip_age_s=539.0), replace(WELL, tip_age_s=540.0), "net-silent"),
        (replace(WELL, reports=2), replace(WELL, reports=3), "reported"),
        (replace(WELL, consensus=19), replace(WELL, consensus=18), "no-consensus"),
        (replace(WELL, clock_offset_s=1.0), replace(WELL, clock_offset_s=1.01), "clock-off"),
        (replace(WELL, connected=10), replace(WELL, connected=9), "few-connections"),
        (replace(WELL, loop_lag_s=1.0), replace(WELL, loop_lag_s=1.1), "loop-slow"),
        (replace(WELL, score=Score(1, 3, 2)), replace(WELL, score=Score(1, 3, 3)), "score-low"),
        (
            replace(WELL, slots=SlotCounts(4, 3, 0)),
            replace(WELL, slots=SlotCounts(4, 2, 0, "x")),
            "slots-missed",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_limits_are_where_they_are_said_to_be(low: DutyFacts, high: DutyFacts, code: str) -> None:
    assert code not in {finding.code for finding in look(low).problems}
    assert code in {finding.code for finding in look(high).problems}


def test_slots_missed_in_a_row_are_counted_also_before_they_are_final() -> None:
    facts = replace(WELL, slots=SlotCounts(won=6, forged=5, missed_in_a_row=3, last="slot 9 of round 4"))
    (finding,) = [finding for finding in judge(facts) if finding.code == "slots-missed"]
    assert finding.value == 3
    assert finding.found == "our last 3 slots have no block of ours; the last: slot 9 of round 4"


@pytest.mark.parametrize(
    ("changes", "is_told"),
    [({}, True), ({"started": WELL.now - 1.0}, False), ({"connected": 0}, False), ({"target": 99}, False)],
)
def test_silence_is_the_networks_only_where_we_would_hear_it(
    changes: dict[str, float], is_told: bool
) -> None:
    facts = replace(WELL, tip_age_s=9.0 * WELL.slot_s)
    found = {finding.code for finding in judge(replace(facts, **changes))}  # type: ignore[arg-type]
    assert ("net-silent" in found) is is_told


def test_sizes_that_nobody_measured_are_not_told() -> None:
    (finding,) = [finding for finding in judge(replace(WELL, disk=DISK)) if finding.code == "disk"]
    assert finding.found == "80.0 GB free at /srv/node"
