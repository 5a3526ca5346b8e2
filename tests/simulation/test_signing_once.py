"""We never sign twice for a slot, whatever is restored or cloned; and who does is found out."""

from __future__ import annotations

from typing import Any

from hypernode.core.kinds import EQUIVOCATION, format_equivocation
from hypernode.core.lottery import Draws
from hypernode.core.types import Block, Message
from hypernode.sim.cluster import ORIGIN, Cluster, SimNode
from hypernode.sim.faults.liars import Liar, corrupt
from hypernode.sim.faults.plan import FaultKind
from hypernode.sim.memory.adapters import MemoryFiles
from hypernode.sim.memory.clock import SimClock
from hypernode.sim.memory.entropy import SeededEntropy
from hypernode.storage.database import InlineDatabase
from hypernode.storage.journal import open_journal_in
from tests.simulation.clusters import list_blocks, play
from tests.simulation.nodes import ROUND, node_of

SAVED, RESTORED = 5, 12
"""Slots of the round: when the backup is made, and when it is put back."""


async def choose_victims(cluster: Cluster) -> list[SimNode]:
    """Two who have a slot between backup and restore, and one after it in the same round."""
    plan = await node_of(cluster.hosts[0]).ports.ledger.get_plan(ROUND)
    assert plan is not None
    jurors = [juror.address for juror in plan.jurors]
    between, after = jurors[SAVED + 1 : RESTORED - 1], jurors[RESTORED + 1 : -1]
    return [h for h in cluster.hosts if h.signer.address in between and h.signer.address in after][:2]


async def list_own_slots(cluster: Cluster, bystander: SimNode, victim: SimNode) -> list[tuple[int, int]]:
    """Slots whose block in the chain of a bystander is the victim's."""
    blocks = await list_blocks(cluster, bystander.index)
    return [(b.round, b.sir) for b in blocks if b.forger == victim.signer.address]


RESTORES = (("ledger_db",), ("ledger_db", "journal_db"))
"""Of ``data/``, and of everything."""


def test_an_old_backup_does_not_forge_before_the_next_round() -> None:
    async def scenario() -> None:
        cluster = Cluster(6, 34)
        await cluster.start_all()
        await cluster.run_until(ROUND, SAVED)
        victims = await choose_victims(cluster)
        bystander = next(host for host in cluster.hosts if host not in victims)
        saved = [
            {name: getattr(victim, name).copy() for name in names}
            for victim, names in zip(victims, RESTORES, strict=True)
        ]
        await cluster.run_until(ROUND, RESTORED)
        for victim, databases in zip(victims, saved, strict=True):
            own = await list_own_slots(cluster, bystander, victim)
            assert [place for place in own if place > (ROUND, SAVED)]
            await cluster.crash(victim.index)
            for name, database in databases.items():
                setattr(victim, name, database)
            await cluster.start(victim.index)
        await cluster.run_until(ROUND + 1, 10)
        assert cluster.is_agreed()
        for victim in victims:
            await check_victim(cluster, bystander, victim)
        for host in cluster.hosts:
            assert node_of(host).node_state.evidence == []
            assert node_of(host).node_state.halted == ""
        await cluster.stop_all()

    play(scenario(), 34)


async def check_victim(cluster: Cluster, bystander: SimNode, victim: SimNode) -> None:
    """It left its slots of this round empty, said why once, and took those of the next."""
    own = await list_own_slots(cluster, bystander, victim)
    assert not [place for place in own if (ROUND, RESTORED) <= place < (ROUND + 1, 0)]
    assert [place for place in own if place >= (ROUND + 1, 0)]
    waits = [line for line in victim.log if f"no forging before round {ROUND + 1}, in " in line]
    ends = [line for line in victim.log if f"round {ROUND + 1} has begun: the wait is over" in line]
    assert (len(waits), len(ends)) == (1, 1)


async def check_journal_knows(victim: SimNode, blocks: list[Block]) -> None:
    """All our blocks, also those that an old journal had forgotten."""
    journal = await open_journal_in(victim.journal_db, 0)
    for block in blocks:
        if block.forger == victim.signer.address and block.height:
            assert await journal.get_hash(block.round, block.sir) == block.block_hash


def make_clone(cluster: Cluster, original: SimNode) -> SimNode:
    """A second host with the same key: a copied wallet, and nothing else."""
    loop: Any = original.clock._loop
    clone = SimNode(
        index=len(cluster.hosts),
        ip="10.77.0.1",
        signer=original.signer,
        clock=SimClock(loop, cluster.clock.now() - loop.time()),
        entropy=SeededEntropy(cluster.seed, "clone"),
        ledger_db=InlineDatabase(),
        journal_db=InlineDatabase(),
        files=MemoryFiles(),
        is_journal_new=True,
    )
    cluster.hosts.append(clone)
    return clone


def test_a_wallet_on_a_second_host_halts_there_and_costs_nothing() -> None:
    async def scenario() -> None:
        cluster = Cluster(5, 32)
        await cluster.start_all()
        await cluster.run_until(ROUND, 2)
        original = cluster.hosts[1]
        clone = make_clone(cluster, original)
        await cluster.start(clone.index)
        await cluster.run_until(ROUND, 14)
        assert "elsewhere: is this wallet in use on another host?" in node_of(clone).node_state.halted
        assert node_of(clone).activities.shown.state.value == "HALTED"
        status = await node_of(clone).views.get_status()
        assert "another host" in str(status["state"])
        for host in cluster.hosts[:5]:
            assert node_of(host).node_state.evidence == []
            if host is not original:
                assert node_of(host).node_state.halted == ""
        heights = {host.height.block_hash for host in cluster.hosts[:5]}
        assert len(heights) == 1
        await cluster.stop_all()

    play(scenario(), 32)


def test_a_double_signer_is_shown_reported_once_and_remembered() -> None:
    async def scenario() -> None:
        cluster = Cluster(5, 33)
        await cluster.start_all()
        await cluster.run_until(ROUND, 1)
        liar = await _turn_juror_of(cluster, 4)
        await cluster.run_until(ROUND, 5)
        await cluster.stop(liar.index)
        await cluster.run_until(ROUND + 1, 3)
        witness = next(h for h in cluster.hosts if h is not liar and node_of(h).node_state.evidence)
        await _check_case(witness, liar)
        reports = await _list_reports(witness, liar)
        assert reports
        assert len({message.sender for message in reports}) == len(reports)
        said = len(reports)
        await cluster.crash(witness.index)
        await cluster.start(witness.index)
        await cluster.run_until(ROUND + 1, 8)
        await _check_case(witness, liar)
        assert len(await _list_reports(witness, liar)) == said
        await cluster.stop_all()

    play(scenario(), 33)


async def _turn_juror_of(cluster: Cluster, sir: int) -> SimNode:
    """The juror of a slot pushes one block to some, and another to the rest."""
    plan = await node_of(cluster.hosts[0]).ports.ledger.get_plan(ROUND)
    assert plan is not None
    liar = next(h for h in cluster.hosts if h.signer.address == plan.juror_of(sir))
    corrupt(Liar(node_of(liar), Draws("liar")), FaultKind.EQUIVOCATE)
    return liar


async def _check_case(witness: SimNode, liar: SimNode) -> None:
    """The status names forger, slot and both blocks."""
    status: Any = await node_of(witness).views.get_status()
    cases = status["extra"]["equivocations"]
    assert {case["forger"] for case in cases} == {liar.signer.address}
    for case in cases:
        assert len(set(case["block_hashes"])) == 2
        assert (case["round"], case["seen_at"] > ORIGIN) == (ROUND, True)
    places = [(case["round"], case["sir"]) for case in cases]
    assert len(set(places)) == len(places)


async def _list_reports(witness: SimNode, liar: SimNode) -> list[Message]:
    """Messages 111 about the liar that are in the chain, each with the params that name both blocks."""
    node = node_of(witness)
    found = await node.ports.ledger.get_messages_of(liar.signer.address, 0, 100_000)
    reports = [m for m in found if m.what == EQUIVOCATION and m.recipient == liar.signer.address]
    cases = {
        format_equivocation(e.first.round, e.first.sir, e.first.block_hash, e.second.block_hash)
        for e in node.node_state.evidence
    }
    assert {m.params for m in reports if m.sender == witness.signer.address} <= cases
    return reports
