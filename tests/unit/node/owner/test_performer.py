"""What was decided is done."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from hypernode.machine.consensus import Consensus
from hypernode.machine.decide import Decision, DeriveRound, Forge, GoOn, Rest
from hypernode.machine.state import State
from hypernode.sim.cluster import Cluster
from hypernode.sim.memory.loop import run
from tests.unit.node.beds import ROUND, Bed

SIZE = 4


FIRST = 3
"""The first whole round."""


def test_a_halted_node_answers_and_does_not_forge() -> None:
    async def scenario() -> None:
        cluster = Cluster(SIZE, 24)
        await cluster.start_all()
        node = cluster.hosts[1].node
        assert node is not None
        await cluster.run_until(FIRST, 1)
        forged = node.forger.forged_count
        node.halt("a fault")
        await cluster.run_until(FIRST, 18)
        assert node.activities.shown.state is State.HALTED
        assert node.forger.forged_count == forged
        assert cluster.hosts[0].height.height > 10
        status: Any = await node.views.get_status()
        assert status["state"]["reason"] == "a fault"
        await cluster.stop_all()

    run(scenario())


@pytest.mark.parametrize("halted", ["", "a fault"], ids=["forge", "halted"])
def test_what_is_under_way_ends_for_our_slot_and_for_a_halt(halted: str) -> None:
    async def scenario() -> None:
        bed = Bed()
        node = await bed.node()
        view = replace(await node.view_builder.look(), halted=halted)
        decision = Rest(State.HALTED, halted) if halted else Forge(Consensus(100, 4, 4, 4, 4, 4))
        async with node.background.running() as group:
            node.sync_task.start(group, partial(asyncio.sleep, 1_000.0))
            await asyncio.sleep(1)
            assert node.sync_task.alive_at is not None
            await node.performer.perform(decision, view)
            assert node.sync_task.alive_at is None

    run(scenario())


@pytest.mark.parametrize("decision", [GoOn(), Rest(State.SYNCING)], ids=["go on", "rest"])
def test_what_is_under_way_goes_on_where_nothing_is_more_urgent(decision: Decision) -> None:
    async def scenario() -> None:
        bed = Bed()
        node = await bed.node()
        async with node.background.running() as group:
            node.sync_task.start(group, partial(asyncio.sleep, 10.0))
            await asyncio.sleep(1)
            await node.performer.perform(decision, await node.view_builder.look())
            assert node.sync_task.alive_at is not None

    run(scenario())


def test_a_round_is_entered_and_looked_at_at_once() -> None:
    async def scenario() -> None:
        bed = Bed()
        node = await bed.node()
        bed.go_to(ROUND + 1, 0)
        node.owner.woken.clear()
        await node.performer.perform(DeriveRound(), await node.view_builder.look())
        assert node.node_state.plan is not None
        assert node.node_state.plan.round == ROUND + 1
        assert node.owner.woken.is_set()

    run(scenario())
