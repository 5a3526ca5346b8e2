"""Processes that end and are back after seconds: by an operator's hand, an init system, or in the middle of
signing.

What another process would have forgotten is still true of the slot then: that something was signed for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, Final

from hypernode.core.lottery import Draws
from hypernode.sim.faults.fault_cluster import FaultCluster
from hypernode.sim.faults.plan import Fault
from hypernode.sim.memory.holding import NOWHERE

MIN_DOWN_S: Final = 1
MAX_DOWN_S: Final = 10
MAX_UP_S: Final = 120
"""Between two restarts of a storm."""
BACK_AFTER_S: Final = 2.0
"""From the end in the middle of signing, well within the slot."""
SIGNING_POINTS: Final = 4
"""Right before and after the journal's write, and right before and after the block's."""


async def restart_once(cluster: FaultCluster, fault: Fault) -> None:
    """All subjects end, and are back after some seconds."""
    _start(cluster, fault, _restart(cluster, fault, _make_draws(cluster, fault)))


async def begin_storm(cluster: FaultCluster, fault: Fault) -> None:
    """The same until the fault is over."""

    async def storm() -> None:
        draws, end = _make_draws(cluster, fault), cluster.begin_time + fault.end
        while cluster.clock.now() < end - MAX_DOWN_S:
            await _restart(cluster, fault, draws)
            up_s = 1 + draws.below(MAX_UP_S)
            await asyncio.sleep(min(up_s, max(0.0, end - cluster.clock.now())))

    _start(cluster, fault, storm())


async def wait_for_restarts(cluster: FaultCluster, fault: Fault) -> None:
    """Raises what a node broke over as it started."""
    await cluster.restarts.pop(fault.number)


def _start(cluster: FaultCluster, fault: Fault, work: Coroutine[Any, Any, None]) -> None:
    cluster.restarts[fault.number] = asyncio.get_running_loop().create_task(
        work, name=f"restarts {fault.number}", context=NOWHERE.copy()
    )


def _make_draws(cluster: FaultCluster, fault: Fault) -> Draws:
    return Draws(f"restarts {cluster.seed} {fault.number}")


async def _restart(cluster: FaultCluster, fault: Fault, draws: Draws) -> None:
    down_s = MIN_DOWN_S + draws.below(MAX_DOWN_S - MIN_DOWN_S + 1)
    for index in fault.subjects:
        await cluster.take_down(index)
    await asyncio.sleep(down_s)
    for index in fault.subjects:
        await cluster.bring_up(index)


async def arm_in_signing(cluster: FaultCluster, fault: Fault) -> None:
    """Each subject ends around its next write to the journal, and is armed again when it is back."""
    draws = _make_draws(cluster, fault)

    async def end_and_return(index: int) -> None:
        await cluster.take_down(index)
        await asyncio.sleep(BACK_AFTER_S)
        await cluster.bring_up(index)
        if fault.number in cluster.active:
            cluster.witness.armed_in_signing[index] = draws.below(SIGNING_POINTS)

    for index in fault.subjects:
        cluster.on_trap[index] = end_and_return
        cluster.witness.armed_in_signing[index] = int(fault.amount * SIGNING_POINTS)


async def disarm_in_signing(cluster: FaultCluster, fault: Fault) -> None:
    """No more of them; who is down at the moment comes back first."""
    for index in fault.subjects:
        cluster.witness.armed_in_signing.pop(index, None)
        cluster.clear_trap(index)
        await cluster.finish_trap(index)
        cluster.on_trap.pop(index, None)
