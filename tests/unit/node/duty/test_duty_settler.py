"""What became of our slots is final two rounds on, also where no node ran, and nothing is counted twice."""

from __future__ import annotations

import pytest

from hypernode.core.types import Round, RoundPlan
from hypernode.health.duty_log import SlotRecord, parse_summary
from hypernode.machine.reasons import Reason
from hypernode.machine.slot_account import Outcome
from hypernode.node.chain.history import History
from hypernode.node.duty.duty_settler import DutySettler
from hypernode.node.owner.runtime import Node
from hypernode.ports.registrations import PowNotReady
from tests.unit.node.beds import ROUND, Bed, play, store

FOREVER = 2**40


def make(bed: Bed, node: Node, *, started: float = 0.0) -> DutySettler:
    async def derive(round_: Round) -> RoundPlan:
        return await derive_plan(node, round_)

    return DutySettler(node.params, bed.address(0), node.ports.ledger, derive, started)


async def derive_plan(node: Node, round_: Round) -> RoundPlan:
    ledger = node.ports.ledger
    (tip,) = await ledger.get_headers(None, 1)
    return await node.rounds.derive(round_, History(ledger, tip))


async def settle(settler: DutySettler, present: Round) -> int:
    """How many rounds became final."""
    count = 0
    while await settler.settle_one(present):
        count += 1
    return count


def list_own(plan: RoundPlan, own: str) -> list[int]:
    return [sir for sir, juror in enumerate(plan.jurors) if juror.address == own]


def test_a_new_log_begins_now_and_a_round_is_final_two_on() -> None:
    async def scenario() -> None:
        bed = Bed()
        node = await bed.node()
        settler = make(bed, node, started=FOREVER)
        assert await settle(settler, ROUND) == await settle(settler, ROUND + 1) == 0
        assert await settle(settler, ROUND + 2) == 1
        assert await settle(settler, ROUND + 2) == 0
        # nothing is said of the part of the round in which there was no log
        assert not await node.ports.ledger.get_summaries(0, 99)
        assert not await node.ports.ledger.get_slot_records(0, 99)
        assert await settle(settler, ROUND + 3) == 1
        summaries = await node.ports.ledger.get_summaries(0, 99)
        assert [summary["round"] for summary in summaries] == [ROUND + 1]

    play(scenario())


def test_slots_without_a_running_node_are_filled_in_from_the_plan() -> None:
    async def scenario() -> None:
        bed = Bed()
        node = await bed.node()
        await settle(make(bed, node), ROUND)
        again = make(bed, node, started=FOREVER)
        assert await settle(again, ROUND + 4) == 3
        for round_ in range(ROUND + 1, ROUND + 3):
            plan = await derive_plan(node, round_)
            records = await node.ports.ledger.get_slot_records(round_, round_)
            assert [record.sir for record in records] == list_own(plan, bed.address(0))
            assert {(r.outcome, r.reason, r.is_final) for r in records} <= {
                (Outcome.MISSED, Reason.NOT_RUNNING, True)
            }

    play(scenario())


def test_a_node_that_ran_and_knew_no_lists_was_not_away() -> None:
    async def scenario() -> None:
        bed = Bed()
        node = await bed.node()
        settler = make(bed, node, started=bed.clock.now())
        await settle(settler, ROUND)
        await settle(settler, ROUND + 3)
        records = await node.ports.ledger.get_slot_records(ROUND + 1, ROUND + 1)
        assert records
        assert {record.reason for record in records} == {Reason.ROUND_NOT_DERIVED}

    play(scenario())


def test_what_was_noted_is_settled_by_the_chain() -> None:
    async def scenario() -> None:
        bed = Bed()
        node = await bed.node()
        ledger = node.ports.ledger
        settler = make(bed, node, started=FOREVER)
        await settle(settler, ROUND)
        round_ = ROUND + 1
        plan = await derive_plan(node, round_)
        mine, *others = list_own(plan, bed.address(0))
        bed.go_to(round_, mine)
        await store(bed, ledger, (round_, mine))
        await ledger.save_slot_record(SlotRecord(round_, mine, Outcome.FORGED, pushed=3, targets=5))
        redrawn = next(sir for sir in range(19) if sir not in {mine, *others})
        await ledger.save_slot_record(SlotRecord(round_, redrawn, Outcome.REDRAWN, reason=Reason.STARTING))
        assert await settle(settler, ROUND + 3) == 2
        records = {record.sir: record for record in await ledger.get_slot_records(round_, round_)}
        assert (records[mine].outcome, records[mine].pushed, records[mine].height) == (Outcome.FORGED, 3, 1)
        assert records[redrawn].outcome is Outcome.REDRAWN
        assert set(records) == {mine, redrawn, *others}
        (summary,) = await ledger.get_summaries(round_, round_)
        assert parse_summary(summary).forged == 1
        assert parse_summary(summary).won == 1 + len(others)

    play(scenario())


def test_a_companion_that_is_late_delays_and_loses_nothing() -> None:
    async def scenario() -> None:
        bed = Bed()
        node = await bed.node()
        settler = make(bed, node, started=FOREVER)
        await settle(settler, ROUND)
        derive = settler.derive

        async def late(round_: Round) -> RoundPlan:
            raise PowNotReady("it is late")

        settler.derive = late
        await settle(settler, ROUND + 2)  # its plan is kept
        with pytest.raises(PowNotReady):
            await settler.settle_one(ROUND + 3)
        settler.derive = derive
        assert await settle(settler, ROUND + 3) == 1
        assert [s["round"] for s in await node.ports.ledger.get_summaries(0, 99)] == [ROUND + 1]

    play(scenario())
