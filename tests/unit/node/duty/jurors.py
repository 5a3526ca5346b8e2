"""The node of a slot's juror."""

from __future__ import annotations

from hypernode.core.types import RoundPlan
from hypernode.node.owner.runtime import Node
from tests.unit.node.beds import ROUND, Bed, Branch


async def juror_node(bed: Bed, sir: int = 0) -> tuple[Node, RoundPlan]:
    """The node of the slot's juror, with messages of four senders in its mempool."""
    plan = await (await Branch.on(bed, (await bed.node()).ports.ledger)).plan(ROUND)
    node = await bed.node(bed.index_of(plan.juror_of(sir) or ""))
    for message in bed.messages(bed.clock.now()):
        assert (await node.intake.submit([message])) == [None]
    assert node.node_state.plan is not None
    return node, node.node_state.plan
