"""A network in two for longer than blocks may be replaced: both sides say so, an operator's word ends it."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace
from typing import Any

from hypernode.core.types import Block
from hypernode.node.base.json_shapes import block_to_object
from hypernode.node.chain.chain_repair import cut_back
from hypernode.node.sync.partitions import ORDER_NAME, SEEN_NAME
from hypernode.sim.cluster import Cluster, SimNode, make_network
from hypernode.storage.ledger import open_ledger
from tests.simulation.clusters import FIRST_ROUND, list_blocks, play

SEED, SIZE, SLOTS = 4, 6, 4
LEFT, RIGHT = range(3), range(3, SIZE)
LATE = FIRST_ROUND + 3
"""The round in which the sides see each other again."""


async def make_split_cluster() -> Cluster:
    """Nodes that were in two from round 3 on, and saw each other again in two slots of round 6."""
    cluster = Cluster(SIZE, SEED, params=replace(make_network(SIZE, SEED, 180), slots=SLOTS))
    await cluster.start_all()
    await cluster.run_until(FIRST_ROUND, 1)
    part(cluster)
    await cluster.run_until(LATE)
    cluster.network.heal()
    await cluster.run_until(LATE, 2)
    return cluster


def part(cluster: Cluster) -> None:
    ips = [host.ip for host in cluster.hosts]
    cluster.network.partition([[ips[n] for n in side] for side in (LEFT, RIGHT)])


async def get_extra(host: SimNode) -> Any:
    assert host.node is not None
    status: Any = await host.node.views.get_status()
    return status["extra"]


def check_kept(host: SimNode, before: list[Block], chain: list[Block]) -> None:
    """What the host cut is in its one file, but for the blocks that it forged since ``before``."""
    [name] = host.files.list_names()
    kept = [json.loads(line) for line in gzip.decompress(host.files.read(name) or b"").splitlines()]
    cut = [block for block in before if block not in chain]
    assert len(cut) > 2
    assert kept[: len(cut)] == [block_to_object(block) for block in cut]


def test_both_sides_of_a_long_partition_show_split_until_an_override() -> None:
    async def scenario() -> None:
        cluster = await make_split_cluster()
        left, right = cluster.hosts[0].height, cluster.hosts[3].height
        # The better side is to go over to the other, as no node would by itself.
        winner, loser = (LEFT, RIGHT) if left.forgers < right.forgers else (RIGHT, LEFT)
        target, old = cluster.hosts[winner[0]].height, cluster.hosts[loser[0]].height
        for side, height in ((winner, target), (loser, old)):
            assert {cluster.hosts[n].height for n in side} == {height}
        for host in cluster.hosts:
            assert (await get_extra(host))["split"].startswith("SPLIT: ")
            assert any("SPLIT: " in line for line in host.log)
            assert host.files.read(SEEN_NAME)
        before = {n: await list_blocks(cluster, n) for n in loser}
        # The word is given while nobody in sight has the other chain, and it outlives a crash.
        part(cluster)
        for n in loser:
            node = cluster.hosts[n].node
            assert node is not None
            node.follow(target.block_hash.hex(), target.height)
        victim = cluster.hosts[loser[1]]
        await cluster.crash(victim.index)
        await cluster.start(victim.index)
        await cluster.run_until(LATE, 3)
        word = {"height": target.height, "block_hash": target.block_hash.hex()}
        for n in loser:
            assert (await get_extra(cluster.hosts[n]))["follow"] == word
            assert old.block_hash in {block.block_hash for block in await list_blocks(cluster, n)}
        cluster.network.heal()
        await cluster.run_until(LATE + 1, 1)
        assert cluster.is_agreed()
        chain = await list_blocks(cluster, loser[0])
        assert chain[target.height].block_hash == target.block_hash
        for n in loser:
            host = cluster.hosts[n]
            extra = await get_extra(host)
            assert (extra["follow"], extra["split"]) == (None, "")
            assert host.files.read(ORDER_NAME) is None
            assert host.node is not None
            assert host.node.node_state.halted == ""
            check_kept(host, before[n], await list_blocks(cluster, n))
        await cluster.stop_all()

    play(scenario(), SEED)


def test_a_node_whose_chain_was_cut_back_fetches_the_rest_by_itself() -> None:
    async def scenario() -> None:
        cluster = Cluster(4, 5, params=replace(make_network(4, 5, 180), slots=SLOTS))
        await cluster.start_all()
        await cluster.run_until(FIRST_ROUND + 3)
        host, before = cluster.hosts[2], await list_blocks(cluster, 2)
        await cluster.stop(2)
        ledger = await open_ledger(host.ledger_db, cluster.params)
        # As ``ledger repair`` does, to before what could be replaced.
        assert await cut_back(ledger, 1) == len(before) - 2
        node = await cluster.start(2)
        await cluster.run_until(FIRST_ROUND + 3, 2)
        assert cluster.is_agreed()
        fetched = await list_blocks(cluster, 2)
        assert [b.block_hash for b in fetched[: len(before)]] == [b.block_hash for b in before]
        assert (node.node_state.halted, node.partitions.words) == ("", "")
        # It forges again in the next round: in this one it cannot know what became of what it signed.
        assert node.node_state.forge_from_round == FIRST_ROUND + 4
        await cluster.stop_all()

    play(scenario(), 5)
