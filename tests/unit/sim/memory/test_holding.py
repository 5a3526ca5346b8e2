"""A held host stands still with its timers, and goes on where it was; others do not notice."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from hypernode.sim.memory.holding import HoldingLoop, get_holding_loop, make_context
from hypernode.sim.memory.loop import run

HERE, THERE = "10.0.0.1", "10.0.0.2"


def play(scenario: Callable[[], Awaitable[None]]) -> None:
    async def whole() -> None:
        await scenario()

    run(whole(), loop_type=HoldingLoop)


def start_ticking(ip: str) -> tuple[asyncio.Task[None], list[float]]:
    """A task on a host that notes the time every second."""
    ticks: list[float] = []

    async def tick() -> None:
        while True:
            await asyncio.sleep(1.0)
            ticks.append(asyncio.get_running_loop().time())

    return asyncio.get_running_loop().create_task(tick(), context=make_context(ip)), ticks


def test_a_held_host_does_nothing_while_others_go_on() -> None:
    async def scenario() -> None:
        loop = get_holding_loop()
        held, mine = start_ticking(HERE)
        other, theirs = start_ticking(THERE)
        await asyncio.sleep(2.5)
        loop.hold(HERE)
        await asyncio.sleep(5.0)
        assert (len(mine), len(theirs)) == (2, 7)
        loop.release(HERE)
        await asyncio.sleep(0.1)
        assert mine == [1.0, 2.0, 7.5], "what came due goes on at once"
        await asyncio.sleep(1.0)
        assert mine[-1] == 8.5
        held.cancel()
        other.cancel()

    play(scenario)


def test_what_a_held_host_starts_is_held_too() -> None:
    async def scenario() -> None:
        loop = get_holding_loop()
        done: list[str] = []

        async def child() -> None:
            await asyncio.sleep(1.0)
            done.append("child")

        async def parent() -> None:
            async with asyncio.TaskGroup() as group:
                group.create_task(child())

        task = loop.create_task(parent(), context=make_context(HERE))
        await asyncio.sleep(0.5)
        loop.hold(HERE)
        await asyncio.sleep(5.0)
        assert not done
        loop.release(HERE)
        await task
        assert done == ["child"]

    play(scenario)


def test_a_task_that_was_cancelled_while_held_ends_after_the_release() -> None:
    async def scenario() -> None:
        loop = get_holding_loop()
        task, ticks = start_ticking(HERE)
        await asyncio.sleep(0.5)
        loop.hold(HERE)
        await asyncio.sleep(1.0)
        task.cancel()
        await asyncio.sleep(1.0)
        assert not task.done()
        loop.release(HERE)
        await asyncio.gather(task, return_exceptions=True)
        assert task.cancelled()
        assert not ticks

    play(scenario)


def test_a_host_is_held_after_so_many_callbacks() -> None:
    async def scenario() -> None:
        loop = get_holding_loop()
        reported: list[float] = []
        task, ticks = start_ticking(HERE)
        other, theirs = start_ticking(THERE)
        await asyncio.sleep(0.5)
        # A tick takes two: the timer's, and the task's.
        loop.hold_after(HERE, 4, lambda: reported.append(loop.time()))
        await asyncio.sleep(5.0)
        assert reported == [3.0]
        assert ticks == [1.0, 2.0]
        assert len(theirs) == 5
        assert loop.is_held(HERE)
        loop.release(HERE)
        loop.hold_after(THERE, 4, lambda: reported.append(loop.time()))
        loop.stop_counting(THERE)
        await asyncio.sleep(5.0)
        assert len(reported) == 1
        assert not loop.is_any_watched
        for each in (task, other):
            each.cancel()

    play(scenario)
