"""What is looked at before each decision."""

from __future__ import annotations

import asyncio

import pytest

from hypernode.core import kinds
from hypernode.core.message import create_message
from hypernode.machine.consensus import Consensus
from hypernode.sim.cluster import Cluster
from hypernode.sim.memory.loop import run
from tests.unit.node.beds import ROUND, Bed, play

SIZE = 4


FIRST = 3
"""The first whole round."""


def test_a_message_leaves_the_mempool_within_a_slot_of_growing_too_old() -> None:
    async def scenario() -> None:
        cluster = Cluster(SIZE, 23)
        node = await cluster.start(0)
        await cluster.run_until(FIRST, 2)
        signer = cluster.hosts[1].signer
        written = int(cluster.clock.now()) - cluster.params.message_age_s + cluster.params.slot_s
        node.mempool.add(
            create_message(
                signer.sign,
                signer.pubkey,
                timestamp=written,
                sender=signer.address,
                recipient=signer.address,
                what=kinds.START_OR_TEST_OK,
                params=kinds.START_PARAMS,
            )
        )
        await cluster.run_until(FIRST, 3)
        assert [m for m in node.mempool.get_all() if m.timestamp == written]
        await cluster.run_until(FIRST, 4)
        await asyncio.sleep(1)
        assert not [m for m in node.mempool.get_all() if m.timestamp == written]
        await cluster.stop_all()

    run(scenario())


@pytest.mark.parametrize(
    ("percent", "ahead", "settled"),
    [(51, 2, 1), (51, 1, 0), (50, 2, 0), (50, 25, 0), (19, 26, 1), (18, 26, 0)],
)
def test_our_slots_are_settled_where_most_agree_or_after_a_day(
    percent: int, ahead: int, settled: int
) -> None:
    async def scenario() -> None:
        bed = Bed()
        node = await bed.node()
        lookout = node.owner.lookout
        await node.duty_log.look(ROUND, is_synced=True)
        node.node_state.consensus = Consensus(1, 100, percent, 0, 0, 1)
        bed.go_to(ROUND + ahead, 0)
        await lookout._settle_duty()
        last = await node.ports.ledger.get_last_summary_round()
        assert last == ROUND - 1 + settled

    play(scenario())
