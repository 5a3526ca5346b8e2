"""Legacy nodes among ours under mixed faults: every invariant holds, and a node that stops one is found."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable

import pytest

from hypernode.core.types import Block, Registration, Slot
from hypernode.node.duty.forger import Forger
from hypernode.pow.scripted_source import ScriptedPowSource
from hypernode.sim.archive import Archive
from hypernode.sim.errors import InvariantFailed
from hypernode.sim.faults.fault_actions import begin_fault, end_fault
from hypernode.sim.faults.fault_cluster import CRON_S, FIRST_ROUND, FaultCluster
from hypernode.sim.faults.plan import ALL, BEFALL_LEGACY, Fault, FaultKind, parse_kinds
from hypernode.sim.invariants.of_legacy import no_legacy_node_is_trapped
from hypernode.sim.invariants.table import check_stopped
from hypernode.sim.invariants.watch import Watch
from hypernode.sim.legacy.chain import LegacyChain
from hypernode.sim.legacy.state import LegacyHabits
from hypernode.sim.legacy.traps import Trap
from hypernode.sim.memory.holding import HoldingLoop
from hypernode.sim.memory.loop import run
from hypernode.sim.play import play
from hypernode.sim.report import Failure, Report
from hypernode.sim.scenario import Scenario
from hypernode.sim.shrink import shrink

MIXED = Scenario(seed=13, nodes=5, hours=1.0, connect=4, legacy=2)
SMALL = Scenario(seed=3, nodes=4, hours=0.75, kinds=parse_kinds("crash,partition,equivocate"), legacy=1)
QUIET = Scenario(seed=1, nodes=4, kinds=(), legacy=1)


def test_legacy_nodes_and_ours_live_through_mixed_faults() -> None:
    report = play(MIXED)
    assert report.failure is None, f"{MIXED.to_arguments()}: {report.failure}"
    assert report.faults.total() == len(MIXED.make_plan()) > 2
    assert report.filled >= 0.8 * report.slots
    assert report.agreed_after_s
    assert report.legacy_along == MIXED.legacy


SCRIPT = """
from tests.simulation.test_legacy_faults import SMALL
from hypernode.sim.play import play
print(play(SMALL).trace)
"""


def test_a_mixed_run_with_faults_has_one_trace_in_every_process() -> None:
    traces = [
        subprocess.run(
            [sys.executable, "-c", SCRIPT],
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            capture_output=True,
            text=True,
            check=True,
            timeout=300,
        ).stdout.strip()
        for hash_seed in ("1", "2")
    ]
    assert len(traces[0]) == 40
    assert traces[0] == traces[1]


def make_cluster() -> tuple[FaultCluster, Watch]:
    """Host 0 runs a legacy node."""
    cluster = FaultCluster(QUIET.nodes, QUIET.seed, QUIET.make_network(), QUIET.legacy)
    return cluster, Watch(
        cluster, Archive(cluster.params, ScriptedPowSource(cluster.script, cluster.clock.now))
    )


def restart_before_a_push() -> None:
    """The legacy node is down for some slots, and comes up right before one of ours pushes.  Raises
    InvariantFailed where that harmed it."""

    async def scenario() -> None:
        cluster, watch = make_cluster()
        await cluster.start_all()
        await cluster.run_until(FIRST_ROUND, 2)
        await cluster.take_down(0)
        await cluster.run_until(FIRST_ROUND, 4)
        node = cluster.hosts[1].node
        assert node is not None
        plan = await node.ports.ledger.get_plan(FIRST_ROUND)
        assert plan is not None
        own = cluster.hosts[0].signer.address
        sir = next(s for s in range(5, 19) if plan.juror_of(s) != own)
        await cluster.run_until(FIRST_ROUND, sir)
        chain = cluster.legacy_hosts.by_index[0].memory.chain
        before = node.chain.height.height
        assert chain.tip.height < before
        await cluster.bring_up(0)
        await asyncio.sleep(60)
        assert node.chain.height.height == before + 1
        try:
            await no_legacy_node_is_trapped(watch)
            assert chain.tip.block_hash == node.chain.height.block_hash
        finally:
            await cluster.end_all()
            await cluster.stop_all()

    run(scenario(), loop_type=HoldingLoop)


def test_a_legacy_node_that_comes_up_before_a_push_is_not_harmed() -> None:
    restart_before_a_push()


def test_a_node_that_pushes_without_asking_first_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    async def ask_nobody(self: Forger, entry: Registration, block: Block) -> bool:
        return True

    monkeypatch.setattr(Forger, "_is_on_parent", ask_nobody)
    with pytest.raises(InvariantFailed, match=r"legacy node \[0\] met pushed a block whose height"):
        restart_before_a_push()


def test_a_legacy_node_stopped_while_deriving_leaves_nothing_behind() -> None:
    async def scenario() -> None:
        cluster, _ = make_cluster()
        await cluster.start_all()
        await asyncio.sleep(LegacyHabits().derive_s - 1.0)
        node = cluster.legacy_hosts.by_index[0].node
        assert node is not None
        assert not node.state.free.is_set()
        await cluster.end_all()
        await cluster.stop_all()
        await check_stopped()

    run(scenario(), loop_type=HoldingLoop)


def test_cron_starts_a_stopped_legacy_node_but_not_on_a_host_that_is_down() -> None:
    async def scenario() -> None:
        cluster, _ = make_cluster()
        await cluster.start_all()
        legacy = cluster.legacy_hosts.by_index[0]
        for is_down in (False, True):
            await asyncio.sleep(1.0)
            assert legacy.node is not None
            legacy.node.state.halt("for the test")
            await asyncio.sleep(1.0)
            assert not legacy.is_running
            if is_down:
                await cluster.take_down(0)
            await asyncio.sleep(CRON_S)
            assert legacy.is_running == (not is_down)
        assert cluster.legacy_hosts.restarts == 1
        await cluster.end_all()
        await cluster.stop_all()

    run(scenario(), loop_type=HoldingLoop)


def play_fault(
    kind: FaultKind,
    act: Callable[[FaultCluster, Fault], Awaitable[None]],
    amount: float,
    sir: Slot = 3,
) -> None:
    """In calm, from a slot on, with the fault at hand; host 0, which runs a legacy node, is its subject."""

    async def scenario() -> None:
        cluster, watch = make_cluster()
        await cluster.start_all()
        await cluster.run_until(FIRST_ROUND, sir)
        at = cluster.clock.now() - cluster.begin_time
        try:
            await act(cluster, Fault(0, at, kind, (0,), 3_600.0, amount))
            await no_legacy_node_is_trapped(watch)
        finally:
            await cluster.end_all()
            await cluster.stop_all()

    run(scenario(), loop_type=HoldingLoop)


def get_chain(cluster: FaultCluster) -> LegacyChain:
    return cluster.legacy_hosts.by_index[0].memory.chain


def is_along(cluster: FaultCluster) -> bool:
    """Whether the legacy node is on the chain of ours."""
    return get_chain(cluster).tip.block_hash in {height.block_hash for height in cluster.list_heights()}


@pytest.mark.parametrize("kind", [FaultKind.CRASH_IN_WRITE, FaultKind.POWER_CUT], ids=lambda kind: kind.value)
def test_a_legacy_node_killed_in_a_write_goes_on_with_a_partial_block(
    kind: FaultKind,
) -> None:
    async def act(cluster: FaultCluster, fault: Fault) -> None:
        await begin_fault(cluster, fault)
        before = get_chain(cluster).tip.height
        await cluster.run_until(FIRST_ROUND, 6)
        tip = get_chain(cluster).tip
        assert tip.height == before + 1
        assert 0 < len(tip.messages) < tip.msg_count
        legacy = cluster.legacy_hosts.by_index[0]
        assert legacy.task is None
        await end_fault(cluster, fault)
        assert legacy.is_running
        await cluster.run_until(FIRST_ROUND, 9)
        assert is_along(cluster)
        assert cluster.is_agreed()

    play_fault(kind, act, amount=0.125)


def test_a_legacy_node_with_a_full_disk_stops_until_there_is_room() -> None:
    async def act(cluster: FaultCluster, fault: Fault) -> None:
        await begin_fault(cluster, fault)
        before = get_chain(cluster).tip.height
        await cluster.run_until(FIRST_ROUND, 6)
        assert get_chain(cluster).tip.height == before
        assert cluster.legacy_hosts.restarts > 1
        await end_fault(cluster, fault)
        await cluster.run_until(FIRST_ROUND, 9)
        assert is_along(cluster)

    play_fault(FaultKind.DISK_FULL, act, amount=0.5)


@pytest.mark.parametrize("kind", [FaultKind.POW_LATE, FaultKind.POW_DOWN], ids=lambda kind: kind.value)
def test_a_legacy_node_enters_a_round_when_its_companion_has_the_list(kind: FaultKind) -> None:
    async def act(cluster: FaultCluster, fault: Fault) -> None:
        await begin_fault(cluster, fault)
        node = cluster.legacy_hosts.by_index[0].node
        assert node is not None
        for is_late in (True, False):
            await cluster.run_until(FIRST_ROUND + 1, 2 if is_late else 4)
            assert node.state.plan is not None
            assert node.state.plan.round == FIRST_ROUND + (not is_late)
            if is_late:
                await end_fault(cluster, fault)
        await cluster.run_until(FIRST_ROUND + 1, 6)
        assert is_along(cluster)

    play_fault(kind, act, amount=0.9, sir=17)


def test_future_messages_blame_nobody_where_a_legacy_clock_is_behind() -> None:
    async def act(cluster: FaultCluster, fault: Fault) -> None:
        await begin_fault(cluster, fault)
        await cluster.run_until(FIRST_ROUND, 6)
        await end_fault(cluster, fault)
        sprung = cluster.legacy_hosts.list_traps([host.ip for host in cluster.hosts[1:]])
        assert {trap.trap for trap in sprung} == {Trap.FUTURE_MESSAGE}
        assert all(fault.at <= trap.at - cluster.begin_time for trap in sprung)
        await cluster.run_until(FIRST_ROUND, 9)
        assert is_along(cluster)

    play_fault(FaultKind.CLOCK, act, amount=0.0)


def test_an_old_file_of_a_legacy_node_is_put_back_and_it_catches_up() -> None:
    async def act(cluster: FaultCluster, fault: Fault) -> None:
        await begin_fault(cluster, fault)
        old = get_chain(cluster).tip.height
        await cluster.run_until(FIRST_ROUND, 6)
        assert get_chain(cluster).tip.height == old + 3
        await end_fault(cluster, fault)
        assert get_chain(cluster).tip.height == old
        await cluster.run_until(FIRST_ROUND, 9)
        assert get_chain(cluster).tip.height == old + 6
        assert is_along(cluster)

    play_fault(FaultKind.OLD_LEDGER, act, amount=0.5)


def test_faults_that_need_a_node_of_ours_do_not_befall_legacy_nodes() -> None:
    whole = Scenario(seed=1, nodes=7, hours=480.0, legacy=3)
    befallen = {fault.kind for fault in whole.make_plan() if set(fault.subjects) & {0, 1, 2}}
    assert befallen
    assert befallen <= BEFALL_LEGACY
    assert {fault.kind for fault in whole.make_plan()} >= set(ALL) - BEFALL_LEGACY


def test_a_broken_run_is_shrunk_to_the_legacy_nodes_that_it_needs() -> None:
    """A stand-in for the network: it breaks where a legacy node is."""

    def play_fake(scenario: Scenario) -> Report:
        report = Report(scenario)
        if scenario.legacy >= 1:
            report.failure = Failure("no_legacy_node_is_trapped", "one", 9_000.0, (0,), ())
        return report

    whole = play_fake(Scenario(seed=1, nodes=20, hours=8.0, legacy=11))
    shrunk = shrink(whole, play_fake).scenario
    assert (shrunk.legacy, shrunk.keep) == (1, ())
    assert shrunk.nodes == 4
