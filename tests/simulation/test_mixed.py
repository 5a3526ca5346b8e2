"""Legacy nodes and ours on one network: they forge in turns, heal together, and nobody is hurt by ours.

What a legacy node does to another one is theirs (they stop each other after a partition across a round); what
counts is ``list_traps``: the traps of spec 8 that our nodes are to blame for.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace

import pytest

from hypernode.core.message import create_message
from hypernode.core.params.chain_params import replace_fields
from hypernode.core.types import Block, Message
from hypernode.ports.signing import Signer
from hypernode.sim.cluster import make_privkey
from hypernode.sim.legacy.node import LegacyNode
from hypernode.sim.legacy.state import LegacyHabits
from hypernode.sim.memory.adapters import KeySigner
from hypernode.sim.mixed import MixedCluster, make_mixed_network
from tests.simulation.clusters import FIRST_ROUND, play
from tests.simulation.mixed_clusters import AFTER_FORGING_S, get_node, pass_to


def cut_off(cluster: MixedCluster, indices: Sequence[int]) -> None:
    """These reach only each other, and so do the rest."""
    cluster.network.partition([[cluster.hosts[index].ip for index in indices]])


def get_legacy(cluster: MixedCluster, index: int) -> LegacyNode:
    node = cluster.legacy[index].node
    assert node is not None
    return node


def list_published(blocks: Sequence[Block], what: int) -> list[str]:
    """Params of the messages of a kind in the blocks."""
    return [m.params for block in blocks for m in block.messages if m.what == what]


async def check_good_neighbours(cluster: MixedCluster) -> None:
    """Ours sprang no trap, halted nowhere, and saw nobody sign twice."""
    assert cluster.list_traps() == []
    for host in cluster.hosts:
        if host.node is not None:
            assert host.node.node_state.halted == ""
            assert host.node.node_state.evidence == []


def test_three_of_each_forge_in_turns_on_one_chain() -> None:
    async def scenario() -> None:
        # One of them keeps its connections from round to round: its own words spread only where we ask.
        keeps = LegacyHabits(reconnects_each_round=False)
        cluster = MixedCluster(6, 1, legacy=(1, 3, 5), habits={3: keeps})
        await cluster.start_all()
        await cluster.run_until(FIRST_ROUND + 2)
        assert cluster.is_agreed()
        blocks = [b for b in await cluster.list_blocks(0) if FIRST_ROUND <= b.round < FIRST_ROUND + 2]
        assert len(blocks) >= 0.9 * 2 * cluster.params.slots
        assert {b.forger for b in blocks} == {h.pos for h in cluster.params.hypernodes}
        for round_ in (FIRST_ROUND, FIRST_ROUND + 1):
            plan = await get_node(cluster, 0).ports.ledger.get_plan(round_)
            assert plan is not None
            assert all(b.forger == plan.juror_of(b.sir) for b in blocks if b.round == round_)
        assert await get_node(cluster, 0).ports.ledger.count_findings() == {}
        assert all(legacy.memory.traps.sprung == [] for legacy in cluster.legacy.values())
        assert not list_published(blocks, 101), "nobody failed anybody"
        await check_good_neighbours(cluster)
        await cluster.stop_all()

    play(scenario(), 1)


def test_a_legacy_node_that_was_down_for_a_round_catches_up_from_ours() -> None:
    async def scenario() -> None:
        cluster = MixedCluster(5, 2, legacy=(1,))
        await cluster.start_all()
        await cluster.run_until(FIRST_ROUND, 4)
        await cluster.crash(1)
        await cluster.run_until(FIRST_ROUND + 1, 5)
        await cluster.start_legacy(1)
        await cluster.run_until(FIRST_ROUND + 1, 7)
        assert cluster.is_agreed()
        assert cluster.legacy[1].memory.traps.sprung == []
        assert not [line for line in cluster.hosts[1].log if "deletes" in line]
        await check_good_neighbours(cluster)
        await cluster.stop_all()

    play(scenario(), 2)


def test_ours_that_was_down_for_a_round_catches_up_from_legacy_nodes() -> None:
    async def scenario() -> None:
        cluster = MixedCluster(5, 3, legacy=(0, 1, 2, 3))
        await cluster.start_all()
        await cluster.run_until(FIRST_ROUND, 4)
        await cluster.crash(4)
        await cluster.run_until(FIRST_ROUND + 1, 5)
        before = len(await cluster.list_blocks(0))
        await cluster.start(4)
        await cluster.run_until(FIRST_ROUND + 1, 6)
        assert get_node(cluster, 4).chain.height.height >= before - 1
        await cluster.run_until(FIRST_ROUND + 1, 7)
        assert cluster.is_agreed()
        assert cluster.list_stopped() == {}
        await check_good_neighbours(cluster)
        await cluster.stop_all()

    play(scenario(), 3)


@pytest.mark.parametrize(("alone", "loses"), [((0, 1), "ours"), ((2, 3, 4, 5), "legacy")])
def test_a_partition_inside_a_round_heals_both_ways(alone: tuple[int, ...], loses: str) -> None:
    """The smaller side has one of each, so both kinds take a better branch of the round, from both."""

    async def scenario() -> None:
        cluster = MixedCluster(6, 4, legacy=(1, 3, 5))
        await cluster.start_all()
        await pass_to(cluster, FIRST_ROUND, 3)
        cut_off(cluster, alone)
        await pass_to(cluster, FIRST_ROUND, 9)
        assert not cluster.is_agreed()
        cluster.network.heal()
        await cluster.run_until(FIRST_ROUND, 10)
        assert cluster.is_agreed()
        assert cluster.list_stopped() == {}
        await cluster.run_until(FIRST_ROUND, 12)
        assert cluster.is_agreed()
        await check_good_neighbours(cluster)
        await cluster.stop_all()

    play(scenario(), 4)


@pytest.mark.parametrize(("seed", "alone"), [(5, (0, 2, 4)), (1, (0, 2, 4)), (1, (0, 2, 1))])
def test_after_a_long_partition_ours_agree_and_stop_no_legacy_node(seed: int, alone: tuple[int, ...]) -> None:
    """Legacy nodes of both sides stop each other when they meet; ours do not tell them what they would ask
    for."""

    async def scenario() -> None:
        params = replace(make_mixed_network(6, seed), slots=7)
        cluster = MixedCluster(6, seed, legacy=(1, 3, 5), params=params)
        await cluster.start_all()
        await pass_to(cluster, FIRST_ROUND, 4)
        cut_off(cluster, alone)
        await pass_to(cluster, FIRST_ROUND + 1, 2)
        assert not cluster.is_agreed()
        assert max(height.round for height in cluster.list_heights()) == FIRST_ROUND + 1
        cluster.network.heal()
        await cluster.run_until(FIRST_ROUND + 2)
        await check_good_neighbours(cluster)
        await pass_to(cluster, FIRST_ROUND + 2, 2)
        assert cluster.is_agreed()
        if not set(alone) & set(cluster.legacy):
            assert cluster.list_stopped() == {}
        await check_good_neighbours(cluster)
        await cluster.stop_all()

    play(scenario(), seed)


def test_ours_are_restarted_in_the_middle_and_hurt_nobody() -> None:
    async def scenario() -> None:
        cluster = MixedCluster(6, 6, legacy=(1, 3, 5))
        await cluster.start_all()
        for sir in range(1, 16, 2):
            await cluster.run_until(FIRST_ROUND, sir)
            # Some right before they forge, some right after, some cleanly.
            await asyncio.sleep((0.0, 15.1, 15.3, 90.0)[sir // 2 % 4])
            victim = sir // 2 % 3 * 2
            await (cluster.stop(victim) if sir % 4 == 1 else cluster.crash(victim))
            await cluster.start(victim)
        await pass_to(cluster, FIRST_ROUND, 18)
        assert cluster.is_agreed()
        blocks = [b for b in await cluster.list_blocks(0) if b.round == FIRST_ROUND]
        assert {b.forger for b in blocks} >= {cluster.params.hypernodes[n].pos for n in (0, 2, 4)}
        assert cluster.list_stopped() == {}
        await check_good_neighbours(cluster)
        await cluster.stop_all()

    play(scenario(), 6)


def make_odd_messages(cluster: MixedCluster, count: int) -> list[Message]:
    """What an honest legacy juror seals, and our policy refuses: ids of 65 bytes, senders that are not
    registered, params out of the safe alphabet, a recipient that is none."""
    now = int(cluster.clock.now())
    odd = []
    for n in range(count):
        signer = KeySigner(make_privkey(cluster.seed, f"stranger {n}"), cluster.params.address_byte)
        message = create_message(
            signer.sign,
            signer.pubkey,
            timestamp=now - n,
            sender=signer.address,
            recipient=cluster.params.control_pos if n % 2 else "nobody in particular",
            what=n,
            params=("a|b", "", "x" * 300, "<>")[n % 4],
        )
        # r the first 32 bytes and s all the rest as an integer (spec 1).
        odd.append(replace(message, txid=message.txid[:32] + b"\0" + message.txid[32:]))
    return odd


def say(
    signer: Signer, timestamp: int, value: int, *, recipient: str | None = None, params: str = "TEST:0"
) -> Message:
    """A message as a client may hand it in."""
    return create_message(
        signer.sign,
        signer.pubkey,
        timestamp=timestamp,
        sender=signer.address,
        recipient=recipient or signer.address,
        what=202,
        params=params,
        value=value,
    )


async def pass_to_slot_of(cluster: MixedCluster, indices: Sequence[int]) -> int:
    """Let the time pass to the next slot that is of one of these nodes; which one it is."""
    names = {host.signer.address: host.index for host in cluster.hosts}
    plan = await get_node(cluster, 0).ports.ledger.get_plan(FIRST_ROUND)
    assert plan is not None
    _, sir = get_node(cluster, 0).node_state.get_round_slot()
    following = next(s for s in range(sir + 1, 19) if names[plan.juror_of(s) or ""] in indices)
    await cluster.run_until(FIRST_ROUND, following)
    return names[plan.juror_of(following) or ""]


def test_what_only_legacy_jurors_seal_is_stored_and_served_unchanged() -> None:
    async def scenario() -> None:
        # Nobody is silent where fewer than 7 were seen: legacy jurors from the first round on.
        params = replace(make_mixed_network(6, 7), min_active=7)
        cluster = MixedCluster(6, 7, legacy=(1, 3, 5), params=params)
        await cluster.start_all()
        await cluster.run_until(FIRST_ROUND, 1)
        juror = await pass_to_slot_of(cluster, (1, 3, 5))
        odd = make_odd_messages(cluster, 6)
        assert await get_legacy(cluster, juror).state.digest_messages(odd, "10.99.0.1")
        await asyncio.sleep(AFTER_FORGING_S)
        sealed = cluster.legacy[juror].memory.chain.tip
        assert sealed.forger == cluster.params.hypernodes[juror].pos
        assert {m.txid for m in odd} <= {m.txid for m in sealed.messages}
        assert cluster.is_agreed()
        for index in (0, 2, 4):
            assert (await cluster.list_blocks(index))[-1] == sealed
            assert await get_node(cluster, index).ports.ledger.count_findings() == {"13": 1}
            refused = get_node(cluster, index).mempool.get_refusals()
            assert sum(refused.values()) == 0 or not any(reason.startswith("M3") for reason in refused)
        await cluster.run_until(FIRST_ROUND, get_node(cluster, 0).node_state.get_round_slot()[1] + 2)
        assert cluster.is_agreed()
        await check_good_neighbours(cluster)
        await cluster.stop_all()

    play(scenario(), 7)


@pytest.mark.parametrize(("legacy", "is_taken"), [((1, 3, 5), True), ((1,), False)])
def test_a_block_of_another_juror_is_taken_only_where_most_hold_it(
    legacy: tuple[int, ...], *, is_taken: bool
) -> None:
    """A legacy node that was restarted may draw other jurors than the rest; the others take its block."""

    async def scenario() -> None:
        cluster = MixedCluster(6, 8, legacy=legacy)
        await cluster.start_all()
        await cluster.run_until(FIRST_ROUND, 1)
        await pass_to_slot_of(cluster, (4,))
        _, sir = get_node(cluster, 0).node_state.get_round_slot()
        await cluster.crash(4)
        get_legacy(cluster, 1).draw_otherwise(sir)
        await asyncio.sleep(AFTER_FORGING_S)
        wrong = cluster.legacy[1].memory.chain.tip
        assert (wrong.sir, wrong.forger) == (sir, cluster.params.hypernodes[1].pos)
        await cluster.run_until(FIRST_ROUND, sir + 1)
        await cluster.start(4)
        await pass_to(cluster, FIRST_ROUND, sir + 2)
        assert cluster.is_agreed()
        held = [b for b in await cluster.list_blocks(0) if b.sir == sir and b.round == FIRST_ROUND]
        assert [b.block_hash for b in held] == ([wrong.block_hash] if is_taken else [])
        findings = await get_node(cluster, 0).ports.ledger.count_findings()
        assert findings == ({"6": 1} if is_taken else {})
        assert cluster.list_stopped() == {}
        await check_good_neighbours(cluster)
        await cluster.stop_all()

    play(scenario(), 8)


def test_our_mempool_exchange_drops_no_batch_of_a_legacy_node() -> None:
    """Its clock is 2 s behind ours; clients give us what it would raise over, and more than a frame holds."""

    async def scenario() -> None:
        params = replace_fields(make_mixed_network(5, 9), max_txs_to_sync=40)
        cluster = MixedCluster(5, 9, legacy=(1,), params=params)
        cluster.hosts[1].clock.step(-2.0)
        await cluster.start_all()
        await cluster.run_until(FIRST_ROUND, 2)
        juror = await pass_to_slot_of(cluster, (0, 2, 3, 4))
        await asyncio.sleep(AFTER_FORGING_S)
        good = []
        for index in (0, 2, 3, 4):
            node, signer = get_node(cluster, index), cluster.hosts[index].signer
            now = int(cluster.clock.now())
            batch = [say(signer, now + later, value) for value in range(30) for later in (0, 5)]
            bad = [
                replace(batch[0], value=999),
                say(signer, now + 60, 1),
                say(signer, now - 4_000, 1),
                say(signer, now, 1, params="it's"),
                say(signer, now, 1, params="123"),
                say(signer, now, 1, params="a\0b"),
                say(signer, now, 1, recipient="'" * 34),
            ]
            verdicts = await node.intake.submit([*bad, *batch])
            assert [v is None for v in verdicts] == [False] * len(bad) + [True] * len(batch)
            good += batch
        await asyncio.sleep(110)
        held = {m.txid for m in get_legacy(cluster, 1).state.mempool.list_since(0)}
        assert {m.txid for m in good} <= held | {
            m.txid for b in await cluster.list_blocks(1) for m in b.messages
        }
        assert juror is not None
        await check_good_neighbours(cluster)
        await cluster.stop_all()

    play(scenario(), 9)


SCRIPT = """
from hypernode.sim.memory.loop import run
from hypernode.sim.mixed import MixedCluster

async def scenario():
    cluster = MixedCluster(5, {seed}, legacy=(1, 3))
    await cluster.start_all()
    await cluster.run_until(3, 3)
    await cluster.crash(1)
    await cluster.start_legacy(1)
    await cluster.run_until(3, 5)
    await cluster.stop_all()
    print(cluster.trace)

run(scenario())
"""


def test_a_mixed_run_replays_from_its_seed_in_other_processes() -> None:
    traces = [
        subprocess.run(
            [sys.executable, "-c", SCRIPT.format(seed=10)],
            env={"PYTHONHASHSEED": hash_seed},
            capture_output=True,
            text=True,
            check=True,
            timeout=120,
        ).stdout.strip()
        for hash_seed in ("1", "2")
    ]
    assert len(traces[0]) == 40
    assert traces[0] == traces[1]
