"""The invariants that look at a chain before and after: each holds, and each breaks."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

import pytest

from hypernode.core.timeline import compute_round_start
from hypernode.core.types import Block
from hypernode.pow.scripted_source import ScriptedPowSource
from hypernode.sim.archive import Archive, Filed
from hypernode.sim.errors import InvariantFailed
from hypernode.sim.faults.fault_cluster import FaultCluster
from hypernode.sim.invariants.of_change import old_blocks_stay, remember_tips, reorganisations_are_declared
from hypernode.sim.invariants.watch import Watch
from hypernode.sim.memory.holding import HoldingLoop
from hypernode.sim.memory.loop import run
from hypernode.sim.scenario import Scenario
from hypernode.sim.witness import Reorganisation

SCENARIO = Scenario(seed=1, nodes=3, kinds=())


def follow(parent: Filed, round_: int, name: bytes) -> Filed:
    header: Block = replace(
        parent.header, height=parent.header.height + 1, round=round_, block_hash=name.ljust(20)
    )
    return Filed(header, parent, frozenset(), frozenset(), (), parent.measured)


def look(change: Callable[[Watch, Filed], Filed], round_: int = 9) -> list[str]:
    """Which invariants break when host 0's chain of rounds 5 to 9 becomes another between two checks, the
    first in ``round_``."""
    broken: list[str] = []

    async def scenario() -> None:
        cluster = FaultCluster(SCENARIO.nodes, SCENARIO.seed, SCENARIO.make_network())
        source = ScriptedPowSource(cluster.script, cluster.clock.now)
        watch = Watch(cluster, Archive(cluster.params, source))
        await asyncio.sleep(compute_round_start(cluster.params, round_) + 60 - cluster.clock.now())
        tip = watch.archive.root
        for number in range(5, 10):
            tip = follow(tip, number, b"block %d" % number)
        watch.tips = {0: tip}
        remember_tips(watch)
        watch.tips = {0: change(watch, tip)}
        for check in (old_blocks_stay, reorganisations_are_declared):
            try:
                await check(watch)
            except InvariantFailed as failure:
                broken.append(failure.name)

    run(scenario(), loop_type=HoldingLoop)
    return broken


def declare(watch: Watch) -> None:
    measured = watch.archive.root.measured
    change = Reorganisation(0, 0.0, 1, measured, measured, 5, 9, is_by_operator=False)
    watch.cluster.witness.reorganisations.append(change)


def branch_off(tip: Filed, rounds: int) -> Filed:
    """Another chain, from so many blocks (and rounds) below the tip on."""
    for _ in range(rounds):
        assert tip.parent is not None
        tip = tip.parent
    return follow(tip, tip.header.round + 1, b"other")


def test_a_chain_that_grows_breaks_nothing() -> None:
    assert look(lambda watch, tip: follow(tip, 10, b"next")) == []
    assert look(lambda watch, tip: tip) == []


def test_a_chain_that_changes_in_silence_is_found() -> None:
    assert look(lambda watch, tip: branch_off(tip, 1)) == ["reorganisations_are_declared"]
    assert look(lambda watch, tip: tip.parent or tip) == ["reorganisations_are_declared"]


@pytest.mark.parametrize(("rounds", "broken"), [(1, []), (3, []), (4, ["old_blocks_stay"])])
def test_a_declared_change_may_reach_back_two_rounds(rounds: int, broken: list[str]) -> None:
    def change(watch: Watch, tip: Filed) -> Filed:
        declare(watch)
        return branch_off(tip, rounds)

    assert look(change) == broken


def test_what_an_operator_does_is_not_judged() -> None:
    def change(watch: Watch, tip: Filed) -> Filed:
        watch.cluster.witness.forget(0)
        return branch_off(tip, 5)

    assert look(change) == []
