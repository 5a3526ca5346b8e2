"""What a run says of its faults: how many there were, and how many did something."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from hypernode.sim.faults.aiming import aim
from hypernode.sim.faults.fault_actions import begin_fault, end_fault
from hypernode.sim.faults.fault_cluster import FaultCluster
from hypernode.sim.faults.fault_impact import count_kinds
from hypernode.sim.faults.plan import Fault, FaultKind
from hypernode.sim.memory.holding import HoldingLoop
from hypernode.sim.memory.loop import run
from hypernode.sim.play import play
from hypernode.sim.scenario import Scenario

QUIET = Scenario(seed=1, nodes=4, kinds=())
WHILE_S = 30.0
"""Of calm, in the middle of a slot, in which a node writes nothing."""
IDLE = {
    FaultKind.CRASH_IN_WRITE: "nothing is written",
    FaultKind.POWER_CUT: "nothing is written",
    FaultKind.DISK_FULL: "nothing is written",
    FaultKind.OLD_LEDGER: "no block came since",
    FaultKind.OLD_BACKUP: "no block came since",
    FaultKind.CLONE: "neither forged",
    FaultKind.EQUIVOCATE: "it forges nothing",
    FaultKind.POW_LEAVE: "the list is that of the round",
    FaultKind.POW_VOID: "the list is that of the round",
}


@pytest.mark.parametrize("kind", IDLE, ids=lambda kind: kind.value)
def test_a_fault_that_is_over_before_it_can_do_anything_did_nothing(kind: FaultKind) -> None:
    async def scenario() -> None:
        cluster = FaultCluster(QUIET.nodes, QUIET.seed, QUIET.make_network())
        await cluster.start_all()
        await asyncio.sleep(cluster.begin_time + 90 - cluster.clock.now())
        fault = Fault(0, 90.0, kind, (0,), WHILE_S, 0.9)
        await begin_fault(cluster, fault)
        await asyncio.sleep(WHILE_S)
        await end_fault(cluster, fault)
        assert count_kinds(cluster).total() == 0
        await cluster.end_all()
        await cluster.stop_all()

    run(scenario(), loop_type=HoldingLoop)


def test_a_clock_that_is_hardly_wrong_did_nothing_and_one_that_is_did() -> None:
    async def scenario(amount: float) -> int:
        cluster = FaultCluster(QUIET.nodes, QUIET.seed, QUIET.make_network())
        await begin_fault(cluster, Fault(0, 0.0, FaultKind.CLOCK, (0,), 60.0, amount))
        return count_kinds(cluster)["clock"]

    assert run(scenario(0.51), loop_type=HoldingLoop) == 0
    assert run(scenario(0.6), loop_type=HoldingLoop) == 1


@pytest.mark.parametrize("kind", [FaultKind.PARTITION, FaultKind.LONG_PARTITION], ids=lambda kind: kind.value)
def test_a_fault_that_is_not_over_at_the_end_is_counted(kind: FaultKind) -> None:
    scenario = Scenario(seed=1, nodes=4, hours=2.5, kinds=(kind,))
    first = scenario.make_plan()[0]
    report = play(replace(scenario, until_s=first.at + 60))
    assert (report.faults[kind.value], report.felt[kind.value]) == (1, 1)


def test_a_lying_juror_is_aimed_at_when_none_of_the_subjects_holds_a_slot() -> None:
    async def scenario() -> None:
        cluster = FaultCluster(6, 1, Scenario(seed=1, nodes=6).make_network())
        await cluster.start_all()
        await asyncio.sleep(cluster.begin_time + 90 - cluster.clock.now())
        node = cluster.hosts[0].node
        assert node is not None
        assert node.node_state.plan is not None
        addresses = [host.signer.address for host in cluster.hosts]
        next_, other = (addresses.index(node.node_state.plan.juror_of(slot) or "") for slot in (1, 2))
        assert next_ != other
        fault = Fault(0, 90.0, FaultKind.EQUIVOCATE, (other,), 180.0, 0.5)
        assert aim(cluster, fault).subjects == (next_,)
        assert aim(cluster, replace(fault, duration_s=360.0)).subjects == (other,), "it holds one itself"
        assert aim(cluster, replace(fault, kind=FaultKind.CRASH)).subjects == (other,)
        assert aim(cluster, replace(fault, duration_s=0.0)).subjects == (other,), "there is none to hold"
        await cluster.end_all()
        await cluster.stop_all()

    run(scenario(), loop_type=HoldingLoop)
