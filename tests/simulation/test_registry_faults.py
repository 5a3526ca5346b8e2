"""What is written into the companions' chain at the very block to which a round's list refers."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from hypernode.core.registrations.registry import RegistryState
from hypernode.core.timeline import compute_reference_time
from hypernode.core.types import PowHeight
from hypernode.sim.faults.fault_actions import begin_fault, end_fault
from hypernode.sim.faults.fault_cluster import FIRST_ROUND, FaultCluster
from hypernode.sim.faults.plan import Fault, FaultKind
from hypernode.sim.memory.holding import HoldingLoop
from hypernode.sim.memory.loop import run
from hypernode.sim.play import play
from hypernode.sim.scenario import Scenario

NODES = 6
WHOLE = Scenario(seed=2, nodes=NODES, kinds=())
Look = Callable[[FaultCluster, RegistryState, PowHeight], int]


def _count_listed(cluster: FaultCluster, state: RegistryState, height: PowHeight) -> int:
    return len(state.entries)


def _count_covered(cluster: FaultCluster, state: RegistryState, height: PowHeight) -> int:
    """Of those on the list, how many have a collateral still."""
    return sum(cluster.has_collateral(entry.pos, height) for entry in state.entries)


def _sum_weights(cluster: FaultCluster, state: RegistryState, height: PowHeight) -> int:
    return sum(entry.weight for entry in state.entries)


@pytest.mark.parametrize(
    ("kind", "subjects", "look", "around"),
    [
        (FaultKind.POW_AT_REFERENCE, (2,), _count_listed, (6, 5)),
        (FaultKind.POW_CHURN, (1, 4), _count_listed, (6, 4)),
        (FaultKind.POW_SPEND, (2,), _count_covered, (6, 5)),
        (FaultKind.POW_WEIGHT, (2,), _sum_weights, (6, 8)),
    ],
    ids=lambda value: value.value if isinstance(value, FaultKind) else "",
)
def test_rows_of_the_reference_block_count_and_those_of_the_next_do_not(
    kind: FaultKind, subjects: tuple[int, ...], look: Look, around: tuple[int, int]
) -> None:
    """What the list shows a block before its reference height, and at it."""

    async def scenario() -> tuple[int, int]:
        cluster = FaultCluster(NODES, WHOLE.seed, WHOLE.make_network())
        await begin_fault(cluster, Fault(0, 0.0, kind, subjects, 600.0, 0.1))
        script = cluster.script
        # The first list whose reference block is yet to come is that of the round after next.
        at = script.height_at(compute_reference_time(cluster.params, FIRST_ROUND + 1))
        return (
            look(cluster, script.derive_state(at - 1), at - 1),
            look(cluster, script.derive_state(at), at),
        )

    assert run(scenario(), loop_type=HoldingLoop) == around


def test_a_deep_fork_takes_back_that_somebody_left() -> None:
    async def scenario() -> list[int]:
        cluster = FaultCluster(NODES, WHOLE.seed, WHOLE.make_network())
        fault = Fault(0, 0.0, FaultKind.POW_DEEP_FORK, (2,), 600.0, 0.5)
        await begin_fault(cluster, fault)
        at = cluster.script.height_at(compute_reference_time(cluster.params, FIRST_ROUND + 1))
        listed, before = [len(cluster.script.derive_state(at).entries)], cluster.script.hash_of(at)
        await end_fault(cluster, fault)
        listed.append(len(cluster.script.derive_state(at).entries))
        assert cluster.script.hash_of(at) != before
        [former] = cluster.script.former
        return [*listed, len(former.derive_state(at).entries)]

    assert run(scenario(), loop_type=HoldingLoop) == [5, 6, 5]


def test_a_network_goes_through_a_fork_below_the_list_that_it_goes_by() -> None:
    """In the middle of a round for which the list was another one: who starts then is told the new one."""
    kinds = (FaultKind.POW_DEEP_FORK, FaultKind.RESTART)
    report = play(Scenario(seed=4, nodes=5, hours=2.5, kinds=kinds, connect=4))
    assert report.failure is None, report.failure
    assert report.felt["pow_deep_fork"] >= 1
    assert report.felt["restart"] >= 1
    assert report.filled >= 0.9 * report.slots
