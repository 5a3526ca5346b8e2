"""Faults that wear a network out rather than break it: slow disks, drifting clocks, flipped bytes, pairs
apart, and crowds of strangers."""

from __future__ import annotations

import asyncio

from hypernode.core.types import Endpoint
from hypernode.sim.faults.fault_actions import begin_fault, end_fault
from hypernode.sim.faults.fault_cluster import FaultCluster
from hypernode.sim.faults.plan import Fault, FaultKind
from hypernode.sim.memory.holding import HoldingLoop
from hypernode.sim.memory.link import LinkQuality
from hypernode.sim.memory.loop import run
from hypernode.sim.memory.network import MemoryNetwork
from hypernode.sim.play import play
from hypernode.sim.scenario import Scenario

QUIET = Scenario(seed=1, nodes=4, kinds=())
KINDS = (
    FaultKind.PARTIAL_PARTITION,
    FaultKind.CORRUPT,
    FaultKind.CLOCK_DRIFT,
    FaultKind.STRANGERS_CROWD,
    FaultKind.SLOW_DISK,
)


def test_a_network_goes_through_wear() -> None:
    report = play(Scenario(seed=1, nodes=5, hours=0.9, kinds=KINDS, connect=4, is_swarm=True))
    assert report.failure is None, report.failure
    assert len(report.felt) >= 3, "few kinds say little"
    assert report.filled >= 0.8 * report.slots


def test_a_partial_partition_parts_only_its_subjects_from_each_other() -> None:
    async def scenario() -> list[bool]:
        cluster = FaultCluster(QUIET.nodes, QUIET.seed, QUIET.make_network())
        fault, ips = (
            Fault(0, 0.0, FaultKind.PARTIAL_PARTITION, (0, 2), 60.0, 0.5),
            [h.ip for h in cluster.hosts],
        )

        def look() -> list[bool]:
            ways = ((0, 2), (2, 0), (0, 1), (1, 2), (3, 0))
            return [cluster.network.is_blocked(ips[source], ips[target]) for source, target in ways]

        await begin_fault(cluster, fault)
        during = look()
        await end_fault(cluster, fault)
        assert look() == [False] * 5
        return during

    assert run(scenario(), loop_type=HoldingLoop) == [True, True, False, False, False]


def test_a_drifting_clock_is_wrong_by_and_by_and_right_in_the_end() -> None:
    async def scenario() -> list[float]:
        cluster = FaultCluster(QUIET.nodes, QUIET.seed, QUIET.make_network())
        fault = Fault(0, 0.0, FaultKind.CLOCK_DRIFT, (1,), 100.0, 0.75)
        seen = []
        await begin_fault(cluster, fault)
        for _ in range(2):
            seen.append(cluster.hosts[1].clock.now() - cluster.clock.now())
            await asyncio.sleep(50.0)
        await end_fault(cluster, fault)
        return [round(each, 6) for each in (*seen, cluster.hosts[1].clock.now() - cluster.clock.now())]

    assert run(scenario(), loop_type=HoldingLoop) == [0.0, 5.0, 0.0]


def test_a_corrupt_link_changes_single_bytes_and_their_number_stays() -> None:
    async def scenario() -> list[int]:
        network = MemoryNetwork(1, LinkQuality(corrupt_chance=0.5))
        end = network.make_stream(Endpoint("10.1.0.1", 1), Endpoint("10.2.0.1", 2))
        changed = []
        for _ in range(40):
            await end.write(bytes(100))
            got = b""
            while len(got) < 100:
                got += await end.other.read_some(100)
            changed.append(sum(byte != 0 for byte in got))
        return changed

    changed = run(scenario())
    assert set(changed) == {0, 1}
    assert 10 <= sum(changed) <= 30
