"""A slot's final outcome follows from what was noted and from the chain; a round's figures from its
messages."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hypernode.core import kinds
from hypernode.core.params.networks import mainnet
from hypernode.core.timeline import compute_slot_start
from hypernode.core.types import Block, Juror, Kpis, Message, PeerTest, Registration, RoundPlan
from hypernode.health.duty_log import (
    RoundSummary,
    SlotRecord,
    Tally,
    count_slots,
    finalise,
    list_own_slots,
    parse_summary,
    record_account,
    summarise_round,
)
from hypernode.machine.reasons import Obstacle, Reason
from hypernode.machine.slot_account import Miss, Outcome, SlotAccount

NETWORK = mainnet()
OWN, OTHER = "Bown", "Bother"
ROUND, SIR = 7, 3
START = compute_slot_start(NETWORK, ROUND, SIR)


def block_of(forger: str, height: int = 5) -> Block:
    return Block(height, ROUND, SIR, START + 31, b"\0" * 20, (), 0, 0, b"", bytes([height]) * 20, forger, "")


OURS, THEIRS = block_of(OWN), block_of(OTHER)
MISSED = SlotRecord(ROUND, SIR, Outcome.MISSED, reason=Reason.DISK, figures="full")
FORGED = SlotRecord(ROUND, SIR, Outcome.FORGED, 5, OURS.block_hash, OWN, pushed=8, targets=9, delay_s=31)


@pytest.mark.parametrize(
    ("record", "block", "outcome", "reason"),
    [
        (FORGED, OURS, Outcome.FORGED, None),
        (FORGED, THEIRS, Outcome.REPLACED, None),
        (FORGED, None, Outcome.REPLACED, None),
        (replace(FORGED, outcome=Outcome.REPLACED), OURS, Outcome.FORGED, None),
        (MISSED, None, Outcome.MISSED, Reason.DISK),
        (MISSED, THEIRS, Outcome.TAKEN, Reason.DISK),
        (MISSED, OURS, Outcome.FORGED, None),
        (None, None, Outcome.MISSED, Reason.NOT_RUNNING),
        (None, THEIRS, Outcome.TAKEN, Reason.NOT_RUNNING),
        (None, OURS, Outcome.FORGED, None),
        (replace(MISSED, outcome=Outcome.REDRAWN), THEIRS, Outcome.REDRAWN, Reason.DISK),
        (replace(MISSED, outcome=Outcome.TAKEN), None, Outcome.MISSED, Reason.DISK),
    ],
)
def test_the_final_outcome_is_what_the_chain_has_two_rounds_on(
    record: SlotRecord | None, block: Block | None, outcome: Outcome, reason: Reason | None
) -> None:
    final = finalise(NETWORK, (ROUND, SIR), record, block, OWN)
    assert (final.outcome, final.reason, final.is_final) == (outcome, reason, True)
    if outcome is not Outcome.REDRAWN:
        assert final.block_hash == (block.block_hash if block is not None else b"")
    assert finalise(NETWORK, (ROUND, SIR), final, block, OWN) == final


def test_an_account_is_recorded_with_figures_and_where_its_block_went() -> None:
    miss = Miss(Obstacle(Reason.NO_CONSENSUS, "8 %"), ((Reason.DISK, 2.5),))
    missed = record_account(NETWORK, SlotAccount(ROUND, SIR, Outcome.MISSED, miss=miss), None, None)
    assert (missed.reason, missed.figures, missed.also) == (Reason.NO_CONSENSUS, "8 %", ((Reason.DISK, 2.5),))
    forged = record_account(
        NETWORK, SlotAccount(ROUND, SIR, Outcome.FORGED, 5, OURS.block_hash, OWN), OURS, (8, 9)
    )
    assert forged == FORGED
    assert forged.to_object()["delay_s"] == 31


def test_only_final_records_are_counted_and_what_was_redrawn_was_not_won() -> None:
    outcomes = (Outcome.FORGED, Outcome.MISSED, Outcome.TAKEN, Outcome.REPLACED, Outcome.REDRAWN)
    final = [SlotRecord(ROUND, n, outcome, is_final=True) for n, outcome in enumerate(outcomes)]
    assert count_slots([*final, MISSED]) == Tally(won=4, forged=1, missed=1, taken=1, replaced=1)


def message(sender: str, recipient: str, what: int, params: str = "") -> Message:
    return Message(b"", 0, 0, sender, recipient, what, params, 0, b"")


def entry(pos: str, weight: int = 1) -> Registration:
    return Registration("c", "1.2.3.4", "6969", pos, "r", weight, 0.0)


PLAN = RoundPlan(
    ROUND,
    1,
    b"",
    (entry(OWN, 2), entry(OTHER), entry("Bthird")),
    jurors=(Juror(OWN, 0), Juror(OTHER, 0), Juror(OWN, 0)),
    tests=(
        (PeerTest(OWN, OTHER, 0), PeerTest(OTHER, OWN, 1)),
        (PeerTest(OWN, "Bthird", 0),),
        (PeerTest(OWN, OTHER, 2),),
    ),
)


def test_a_round_is_summed_up_from_its_messages_and_kpis() -> None:
    messages = [
        message(OWN, OTHER, kinds.START_OR_TEST_OK, kinds.START_PARAMS),
        message(OWN, OTHER, kinds.START_OR_TEST_OK, kinds.format_test(0)),
        message(OWN, OTHER, kinds.START_OR_TEST_OK, kinds.format_test(0)),
        message(OWN, "Bthird", kinds.TEST_KO, kinds.format_test(0)),
        message(OTHER, OWN, kinds.TEST_KO, kinds.format_test(1)),
        message(OTHER, OWN, kinds.OK_ACTION),
        message(OTHER, OWN, kinds.KO_ACTION),
        message(OTHER, OWN, kinds.KO_ACTION),
    ]
    records = [replace(FORGED, is_final=True), replace(MISSED, sir=0, is_final=True)]
    found = {OWN: Kpis(sources=12), OTHER: Kpis(sources=3), "Bnobody": Kpis(sources=99)}
    summary = summarise_round(PLAN, OWN, records, messages, found)
    assert summary == RoundSummary(
        round=ROUND,
        won=2,
        forged=1,
        missed=1,
        tests=3,
        tests_passed=1,
        tests_failed=1,
        tests_not_done=1,
        tested=0,
        tested_failed=1,
        received_ok=1,
        received_ko=1,
        messages_sent=4,
        weight=2,
        score=3.0,
        median=2.0,
        rank=1,
        scored=2,
    )
    assert parse_summary({**summary.to_object(), "of a later version": 1}) == summary


def test_who_is_not_in_the_plan_has_no_score_and_no_slots() -> None:
    summary = summarise_round(PLAN, "Bstranger", [], [], {OTHER: Kpis(sources=3)})
    assert (summary.score, summary.rank, summary.won) == (None, None, 0)
    assert list_own_slots(PLAN, "Bstranger") == []
    assert list_own_slots(PLAN, OWN) == [0, 2]
