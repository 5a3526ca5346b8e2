"""Real nodes on virtual time: they forge, agree, heal, come back, and replay from their seed."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from hypernode.core.params.chain_params import MAIN_SLOT_S, replace_fields
from hypernode.sim.cluster import Cluster, make_network
from tests.simulation.clusters import FIRST_ROUND, list_blocks, play


@pytest.mark.parametrize(("count", "seed"), [(5, 1), (9, 2), (20, 3)])
def test_nodes_fill_every_slot_of_a_round_and_agree(count: int, seed: int) -> None:
    async def scenario() -> None:
        # All with all, but where that would be dear.
        params = replace_fields(make_network(count, seed, int(MAIN_SLOT_S)), max_connect_to=8)
        cluster = Cluster(count, seed, params=params)
        await cluster.start_all()
        await cluster.run_until(FIRST_ROUND + 1)
        assert cluster.is_agreed()
        blocks = [b for b in await list_blocks(cluster, 0) if b.round == FIRST_ROUND]
        assert [block.sir for block in blocks] == list(range(cluster.params.slots))
        plan = await _get_plan(cluster, FIRST_ROUND)
        assert [block.forger for block in blocks] == [juror.address for juror in plan.jurors]
        await cluster.stop_all()

    play(scenario(), seed)


async def _get_plan(cluster: Cluster, round_: int) -> Any:
    node = cluster.hosts[0].node
    assert node is not None
    plan = await node.ports.ledger.get_plan(round_)
    assert plan is not None
    return plan


def test_a_partition_of_half_a_round_heals_within_two_slots() -> None:
    async def scenario() -> None:
        cluster = Cluster(7, 4)
        await cluster.start_all()
        await cluster.run_until(FIRST_ROUND, 2)
        ips = [host.ip for host in cluster.hosts]
        cluster.network.partition([ips[:3], ips[3:]])
        await cluster.run_until(FIRST_ROUND, 12)
        assert not cluster.is_agreed()
        lost = {h.block_hash for h in cluster.list_heights()}
        cluster.network.heal()
        await cluster.run_until(FIRST_ROUND, 14)
        assert cluster.is_agreed()
        blocks = await list_blocks(cluster, 0)
        assert len(lost & {block.block_hash for block in blocks}) <= 1
        await cluster.run_until(FIRST_ROUND + 1)
        blocks = [b for b in await list_blocks(cluster, 6) if b.round == FIRST_ROUND and b.sir >= 14]
        assert len(blocks) == cluster.params.slots - 14
        await cluster.stop_all()

    play(scenario(), 4)


@pytest.mark.parametrize("fewer", [2, 3], ids=["a third", "half"])
def test_a_partition_across_the_end_of_a_round_heals_within_two_slots(fewer: int) -> None:
    """What the smaller side sealed in the round before gives way to what most in sight hold."""

    async def scenario() -> None:
        cluster = Cluster(6, 41)
        await cluster.start_all()
        await cluster.run_until(FIRST_ROUND, 10)
        ips = [host.ip for host in cluster.hosts]
        cluster.network.partition([ips[:fewer], ips[fewer:]])
        await cluster.run_until(FIRST_ROUND + 1, 8)
        assert not cluster.is_agreed()
        cluster.network.heal()
        await cluster.run_until(FIRST_ROUND + 1, 10)
        assert cluster.is_agreed()
        assert not any(host.node.partitions.words for host in cluster.hosts if host.node is not None)
        await cluster.stop_all()

    play(scenario(), 41)


def test_a_node_that_crashed_comes_back_with_all_it_stored_and_catches_up() -> None:
    async def scenario() -> None:
        cluster = Cluster(5, 5)
        await cluster.start_all()
        await cluster.run_until(FIRST_ROUND, 5)
        before = await list_blocks(cluster, 2)
        await cluster.crash(2)
        await cluster.run_until(FIRST_ROUND + 2, 3)
        await cluster.start(2)
        assert (await list_blocks(cluster, 2))[: len(before)] == before
        await cluster.run_until(FIRST_ROUND + 2, 4)
        assert cluster.is_agreed()
        assert (await list_blocks(cluster, 2))[: len(before)] == before
        await cluster.stop_all()

    play(scenario(), 5)


def test_nobody_signs_two_blocks_for_one_slot_across_crashes() -> None:
    async def scenario() -> None:
        cluster = Cluster(5, 6)
        await cluster.start_all()
        for sir in range(1, 16, 2):
            await cluster.run_until(FIRST_ROUND, sir)
            victim = sir % 5
            await cluster.crash(victim)
            await cluster.start(victim)
        await cluster.run_until(FIRST_ROUND + 1)
        assert cluster.is_agreed()
        for host in cluster.hosts:
            assert host.node is not None
            assert host.node.node_state.evidence == []
            assert host.node.node_state.halted == ""
        await cluster.stop_all()

    play(scenario(), 6)


def test_a_clone_of_a_wallet_is_noticed_and_halts() -> None:
    async def scenario() -> None:
        cluster = Cluster(5, 7)
        await cluster.start_all()
        await cluster.run_until(FIRST_ROUND, 3)
        # The same key signs on another host: its block is valid, and our journal does not know it.
        victim = cluster.hosts[1]
        assert victim.node is not None
        rows = "DELETE FROM signed"

        async def forget(transaction: Any) -> None:
            await transaction.execute(rows)

        forged = [b for b in await list_blocks(cluster, 0) if b.forger == victim.signer.address]
        if not forged:
            await cluster.run_until(FIRST_ROUND, 12)
            forged = [b for b in await list_blocks(cluster, 0) if b.forger == victim.signer.address]
        assert forged
        height = forged[-1].height
        await victim.journal_db.write(forget)
        await victim.node.chain.rollback(height - 1)
        await cluster.run_until(FIRST_ROUND, 14)
        assert "signed block" in victim.node.node_state.halted
        assert cluster.hosts[0].node is not None
        assert cluster.hosts[0].node.node_state.halted == ""
        await cluster.stop_all()

    play(scenario(), 7)


def test_a_new_journal_beside_an_old_wallet_waits_for_the_next_round() -> None:
    async def scenario() -> None:
        cluster = Cluster(5, 8)
        cluster.hosts[3].is_journal_new = True
        await cluster.start_all()
        await cluster.run_until(FIRST_ROUND, 6)
        await cluster.crash(3)
        await cluster.start(3)
        await cluster.run_until(FIRST_ROUND + 2)
        blocks = await list_blocks(cluster, 0)
        own = [(b.round, b.sir) for b in blocks if b.forger == cluster.hosts[3].signer.address]
        assert own
        assert not [place for place in own if (FIRST_ROUND, 6) <= place < (FIRST_ROUND + 1, 0)]
        await cluster.stop_all()

    play(scenario(), 8)


def test_an_old_journal_is_noticed_and_signing_waits_for_the_next_round() -> None:
    async def forget(transaction: Any) -> None:
        await transaction.execute("DELETE FROM signed")

    async def scenario() -> None:
        cluster = Cluster(5, 12)
        await cluster.start_all()
        await cluster.run_until(FIRST_ROUND, 8)
        own = cluster.hosts[2].signer.address
        assert own in {b.forger for b in await list_blocks(cluster, 0)}
        await cluster.crash(2)
        await cluster.hosts[2].journal_db.write(forget)
        node = await cluster.start(2)
        await cluster.run_until(FIRST_ROUND, 9)
        assert node.node_state.forge_from_round == FIRST_ROUND + 1
        assert node.node_state.halted == ""
        await cluster.run_until(FIRST_ROUND + 2)
        late = [(b.round, b.sir) for b in await list_blocks(cluster, 0) if b.forger == own]
        assert not [place for place in late if (FIRST_ROUND, 8) <= place < (FIRST_ROUND + 1, 0)]
        assert [place for place in late if place >= (FIRST_ROUND + 1, 0)]
        await cluster.stop_all()

    play(scenario(), 12)


def test_a_stopped_node_keeps_its_mempool() -> None:
    async def scenario() -> None:
        cluster = Cluster(5, 9)
        await cluster.start_all()
        await cluster.run_until(FIRST_ROUND, 2)
        node = cluster.hosts[4].node
        assert node is not None
        said = await node.intake.publish(202, cluster.hosts[0].signer.address, "TEST:0", 77)
        assert said is not None
        cluster.network.partition([[cluster.hosts[4].ip], [h.ip for h in cluster.hosts[:4]]])
        await cluster.stop(4)
        cluster.network.heal()
        node = await cluster.start(4)
        await cluster.run_until(FIRST_ROUND, 5)
        stored = await node.ports.ledger.get_message(said.txid)
        assert stored is not None
        assert stored.value == 77
        await cluster.stop_all()

    play(scenario(), 9)


SCRIPT = """
from hypernode.sim.cluster import Cluster
from hypernode.sim.memory.loop import run

async def scenario():
    cluster = Cluster(5, {seed})
    await cluster.start_all()
    await cluster.run_until(3, 4)
    ips = [host.ip for host in cluster.hosts]
    cluster.network.partition([ips[:2], ips[2:]])
    await cluster.run_until(3, 7)
    cluster.network.heal()
    await cluster.crash(1)
    await cluster.start(1)
    await cluster.run_until(3, 9)
    assert cluster.is_agreed()
    await cluster.stop_all()
    print(cluster.trace)

run(scenario())
"""


def _run_elsewhere(seed: int, hash_seed: str) -> str:
    result = subprocess.run(
        [sys.executable, "-c", SCRIPT.format(seed=seed)],
        env={"PYTHONHASHSEED": hash_seed},
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    return result.stdout.strip()


def test_a_run_replays_from_its_seed_in_other_processes() -> None:
    first = _run_elsewhere(10, "1")
    assert len(first) == 40
    assert _run_elsewhere(10, "2") == first
    assert _run_elsewhere(11, "1") != first
