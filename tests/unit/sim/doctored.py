"""A network that just started, for tests that doctor what the invariants see."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from hypernode.pow.scripted_source import ScriptedPowSource
from hypernode.sim.archive import Archive
from hypernode.sim.faults.fault_cluster import FaultCluster
from hypernode.sim.faults.plan import Fault, FaultKind
from hypernode.sim.invariants.watch import Watch
from hypernode.sim.memory.holding import HoldingLoop
from hypernode.sim.memory.loop import run
from hypernode.sim.scenario import Scenario

FAULT_S = 100.0
"""How long a fault lasts that befell a host."""


def play(act: Callable[[Watch], Awaitable[None]], *, nodes: int = 4, legacy: int = 0) -> None:
    """Start a network, and act on it."""

    async def whole() -> None:
        scenario = Scenario(seed=1, nodes=nodes, kinds=(), legacy=legacy)
        cluster = FaultCluster(nodes, scenario.seed, scenario.make_network(), legacy)
        await cluster.start_all()
        source = ScriptedPowSource(cluster.script, cluster.clock.now)
        try:
            await act(Watch(cluster, Archive(cluster.params, source)))
        finally:
            await cluster.end_all()
            await cluster.stop_all()

    run(whole(), loop_type=HoldingLoop)


def befall(watch: Watch, kind: FaultKind, index: int, ago_s: float = 0.0) -> Fault:
    """A fault of a host began so many seconds ago, as far as anybody knows; what it does is not done."""
    cluster = watch.cluster
    begin = cluster.clock.now() - cluster.begin_time - ago_s
    fault = Fault(len(cluster.begun), begin, kind, (index,), FAULT_S, 0.5)
    cluster.begun.append(fault)
    return fault
