"""Nodes live, and nothing goes on after them; and every invariant is one of those that are checked."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from hypernode.sim.errors import InvariantFailed
from hypernode.sim.invariants.table import CHECKS, check_stopped, nodes_live
from hypernode.sim.invariants.watch import Watch
from hypernode.sim.memory.loop import run
from tests.unit.sim.doctored import play

DOCS = Path(__file__).parents[4] / "docs" / "simulation.rst"


async def _break() -> None:
    raise RuntimeError("it broke")


def test_a_node_that_ends_by_itself_is_found_and_a_stopped_one_is_not() -> None:
    async def act(watch: Watch) -> None:
        await nodes_live(watch)
        await watch.cluster.crash(2)
        await nodes_live(watch)
        host = watch.cluster.hosts[1]
        kept, host.task = host.task, asyncio.create_task(_break())
        await asyncio.sleep(0)
        with pytest.raises(InvariantFailed, match="nodes_live: node 1 ended: RuntimeError"):
            await nodes_live(watch)
        host.task = kept

    play(act)


def test_an_error_that_nobody_caught_is_found() -> None:
    async def act(watch: Watch) -> None:
        task = asyncio.create_task(_break())
        await asyncio.sleep(0)
        asyncio.get_running_loop().call_exception_handler(
            {"message": "a session", "exception": task.exception()}
        )
        with pytest.raises(InvariantFailed, match="nodes_live: a session: RuntimeError"):
            await nodes_live(watch)

    play(act)


def test_a_task_that_goes_on_after_the_stop_is_found_by_its_name() -> None:
    async def scenario() -> None:
        await check_stopped()
        task = asyncio.create_task(asyncio.sleep(5), name="forgotten")
        with pytest.raises(
            InvariantFailed, match=r"no_task_leaks: 1 tasks go on after the stop: .'forgotten'"
        ):
            await check_stopped()
        await task
        await check_stopped()

    run(scenario())


def test_every_invariant_that_is_checked_is_described() -> None:
    described = {line.split()[0] for line in DOCS.read_text().splitlines() if line.strip()}
    assert {check.__name__ for check in CHECKS} <= described
