"""The duty that nodes tell is true (spec 10, 2): each slot of theirs has one outcome, which the chain bears
out."""

from __future__ import annotations

from hypernode.core.timeline import compute_slot_start
from hypernode.core.types import Block, Round
from hypernode.health.duty_log import SlotRecord, list_own_slots
from hypernode.machine.reasons import Reason
from hypernode.machine.slot_account import Outcome
from hypernode.sim.cluster import SimNode
from hypernode.sim.errors import InvariantFailed
from hypernode.sim.invariants.watch import Watch

_NAME = "the_duty_that_is_told_is_true"


async def the_duty_that_is_told_is_true(watch: Watch) -> None:
    """What became final since the last look, held against the ledger of the same node at this moment."""
    for host in watch.cluster.list_trusted():
        if host.node is None:
            continue
        ledger = host.node.ports.ledger
        first, last = await ledger.get_first_summary_round(), await ledger.get_last_summary_round()
        if first is None or last is None:
            continue
        # the log begins within the round after the first one: what came before in that is not told
        begin = max(first + 2, watch.final_rounds.get(host.index, 0) + 1)
        for round_ in range(begin, last + 1):
            await _check_round(watch, host, round_)
        watch.final_rounds[host.index] = last


async def _check_round(watch: Watch, host: SimNode, round_: Round) -> None:
    assert host.node is not None
    ledger = host.node.ports.ledger
    records = {record.sir: record for record in await ledger.get_slot_records(round_, round_)}
    plan = await ledger.get_plan(round_)
    if plan is not None:
        missing = set(list_own_slots(plan, host.signer.address)) - set(records)
        if missing:
            raise InvariantFailed(
                _NAME, f"node {host.index} tells nothing of {round_} {missing}", [host.index]
            )
    blocks = {block.sir: block for block in await ledger.get_headers_of_rounds([round_])}
    for record in records.values():
        if problem := _find_lie(watch, host, record, blocks.get(record.sir)):
            where = f"slot {record.sir} of round {round_}"
            detail = f"node {host.index}, {where}: {record.outcome.value}, but {problem}"
            raise InvariantFailed(_NAME, detail, [host.index])


def _find_lie(watch: Watch, host: SimNode, record: SlotRecord, block: Block | None) -> str:
    """What speaks against a record; empty where nothing does."""
    if not record.is_final:
        return "it is not final"
    if record.outcome is Outcome.REDRAWN:
        return ""
    expected = (
        {Outcome.MISSED, Outcome.REPLACED}
        if block is None
        else {Outcome.FORGED}
        if block.forger == host.signer.address
        else {Outcome.TAKEN, Outcome.REPLACED}
    )
    if record.outcome not in expected:
        return f"the chain has {'no block' if block is None else f'block {block.height} of {block.forger}'}"
    if block is not None and record.block_hash != block.block_hash:
        return f"the chain has block {block.block_hash.hex()[:8]}, not {record.block_hash.hex()[:8]}"
    if record.reason is Reason.NOT_RUNNING and host.node is not None:
        ended = compute_slot_start(watch.cluster.params, record.round, record.sir + 1)
        if ended > host.node.node_state.start_time:
            return "the node ran when the slot ended"
    return ""
