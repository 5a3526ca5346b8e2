"""Chains that are told, no better than ours and no part of it: have they parted for good?"""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from hypernode.machine.peers import group_chains
from hypernode.wire.catalogue import CommandId
from tests.unit.node.beds import ROUND, Bed, Branch, note_height, play, reported_by, store
from tests.unit.node.sync.serving import serve_blocks


@pytest.mark.parametrize(("rounds_later", "is_split"), [(0, False), (2, False), (3, True)])
def test_the_better_side_says_split_too_when_the_other_parted_long_ago(
    rounds_later: int, is_split: bool
) -> None:
    async def scenario() -> None:
        bed = Bed()
        node = await bed.node()
        bed.go_to(ROUND, 6)
        await store(bed, node.ports.ledger, (ROUND, 0), (ROUND, 1))
        theirs = await (await Branch.on(bed, node.ports.ledger, 0)).grow((ROUND, 2))
        bed.go_to(ROUND + rounds_later, 6)
        heard = await bed.script(2, serve_blocks(theirs))
        note_height(bed, node, 2, await reported_by(bed, *theirs))
        views = node.peers.list_views()
        assert await node.fork_monitor.find(views) is None
        await asyncio.sleep(bed.params.delays.peer_retry_s + 1)
        strange = await node.fork_monitor.find(views)
        assert strange == group_chains(views)[0]
        await node.fork_monitor.look_into(strange)
        assert node.partitions.words.startswith("SPLIT: ") == is_split
        assert {command.id for command in heard} == {CommandId.BLOCKINFO}
        # It is left alone then, and nobody is blamed.
        assert await node.fork_monitor.find(views) is None
        assert len(node.mempool) == 0

    play(scenario())


def test_peers_on_our_chain_are_not_looked_into() -> None:
    async def scenario() -> None:
        bed = Bed()
        node = await bed.node()
        bed.go_to(ROUND, 6)
        await store(bed, node.ports.ledger, (ROUND, 0), (ROUND, 1))
        for index, height in ((1, 2), (2, 1), (3, 0)):
            note_height(bed, node, index, await node.ports.ledger.get_height_at(height))
        note_height(bed, node, 4, replace(node.chain.height, height=3, block_hash=b"b" * 20, round=ROUND + 1))
        for _ in range(2):
            assert await node.fork_monitor.find(node.peers.list_views()) is None
            await asyncio.sleep(bed.params.delays.peer_retry_s + 1)

    play(scenario())
