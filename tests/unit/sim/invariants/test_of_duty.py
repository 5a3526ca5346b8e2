"""A duty log that lies about a slot is found, whatever the lie; one that tells the truth is not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hypernode.core.types import Round
from hypernode.health.duty_log import SlotRecord
from hypernode.machine.reasons import Reason
from hypernode.machine.slot_account import Outcome
from hypernode.sim.errors import InvariantFailed
from hypernode.sim.invariants.of_duty import the_duty_that_is_told_is_true
from hypernode.sim.invariants.watch import Watch
from tests.unit.sim.doctored import play

LIES = {
    "forged": lambda record: replace(record, outcome=Outcome.FORGED, block_hash=b"\1" * 20),
    "taken": lambda record: replace(record, outcome=Outcome.TAKEN),
    "not final": lambda record: replace(record, is_final=False),
    "away": lambda record: replace(record, reason=Reason.NOT_RUNNING),
}


async def tell(watch: Watch, *records: SlotRecord, round_: Round) -> None:
    """Node 0's log begins two rounds before, and these are its records of the round."""
    node = watch.cluster.hosts[0].node
    assert node is not None
    await node.ports.ledger.save_final_round(round_ - 2, [], {})
    await node.ports.ledger.save_final_round(round_ - 1, [], {})
    await node.ports.ledger.save_final_round(round_, records, {"round": round_})
    await the_duty_that_is_told_is_true(watch)


def make(watch: Watch) -> SlotRecord:
    """A slot of the round in which the network began, that nobody sealed."""
    node = watch.cluster.hosts[0].node
    assert node is not None
    round_, sir = node.node_state.get_round_slot()
    return SlotRecord(round_, sir, Outcome.MISSED, reason=Reason.NO_CONSENSUS, figures="8 %", is_final=True)


def test_the_truth_holds() -> None:
    async def act(watch: Watch) -> None:
        record = make(watch)
        await tell(watch, record, round_=record.round)
        assert watch.final_rounds == {0: record.round}
        await the_duty_that_is_told_is_true(watch)

    play(act)


@pytest.mark.parametrize("lie", LIES)
def test_a_lie_about_a_slot_is_found(lie: str) -> None:
    async def act(watch: Watch) -> None:
        record = make(watch)
        with pytest.raises(InvariantFailed, match="node 0, slot"):
            await tell(watch, LIES[lie](record), round_=record.round)

    play(act)


def test_a_slot_of_ours_that_is_left_out_is_found() -> None:
    async def act(watch: Watch) -> None:
        node = watch.cluster.hosts[0].node
        assert node is not None
        record = make(watch)
        plan = await node.chain.derive_plan(record.round)
        await node.ports.ledger.save_plan(plan)
        with pytest.raises(InvariantFailed, match="tells nothing of"):
            await tell(watch, round_=record.round)

    play(act)
