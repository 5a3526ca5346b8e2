"""Liars of the simulation lie as long as they are told to, and in what they ask as in what they answer."""

from __future__ import annotations

import pytest

from hypernode.core.lottery import Draws
from hypernode.sim.cluster import Cluster, SimNode
from hypernode.sim.faults.liars import Liar, corrupt
from hypernode.sim.faults.plan import FaultKind
from tests.simulation.clusters import play
from tests.simulation.nodes import ROUND, node_of


def _turn(host: SimNode, kind: FaultKind) -> None:
    corrupt(Liar(node_of(host), Draws("liar")), kind)


def test_who_signs_two_blocks_for_a_slot_goes_on_with_it() -> None:
    async def scenario() -> None:
        cluster = Cluster(4, 35)
        await cluster.start_all()
        await cluster.run_until(ROUND, 1)
        liar = cluster.hosts[2]
        _turn(liar, FaultKind.EQUIVOCATE)
        await cluster.run_until(ROUND + 1, 0)
        assert not node_of(liar).node_state.halted
        evidence = node_of(cluster.hosts[0]).node_state.evidence
        slots = {(case.first.round, case.first.sir) for case in evidence}
        assert len(slots) > 1
        assert {case.first.forger for case in evidence} == {liar.signer.address}
        await cluster.stop_all()

    play(scenario(), 35)


@pytest.mark.parametrize("kind", [FaultKind.LIE_HEIGHT, FaultKind.BREAK_PROMISE])
def test_false_heights_reach_those_who_ask_and_those_who_are_asked(kind: FaultKind) -> None:
    async def scenario() -> None:
        cluster = Cluster(4, 36)
        await cluster.start_all()
        await cluster.run_until(ROUND, 1)
        liar, other = cluster.hosts[1], cluster.hosts[0]
        _turn(liar, kind)
        await cluster.run_until(ROUND, 2)
        peers = node_of(other).peers.list_all()
        reported = {peer.is_outbound: peer.reported for peer in peers if peer.ip == liar.ip}
        assert set(reported) == {True, False}
        assert reported[True] == reported[False] != liar.height
        await cluster.stop_all()

    play(scenario(), 36)
