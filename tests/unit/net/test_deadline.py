"""A deadline fires once, when the last time that was set has come, and not when it was cleared."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from hypernode.net.deadline import Deadline
from hypernode.sim.memory.loop import run


def fire_times(body: Callable[[Deadline, asyncio.AbstractEventLoop], Awaitable[None]]) -> list[float]:
    """When it fired, on virtual time that begins at 0."""

    async def live() -> list[float]:
        loop = asyncio.get_running_loop()
        start, fired = loop.time(), []
        deadline = Deadline(lambda: fired.append(round(loop.time() - start, 6)))
        await body(deadline, loop)
        await asyncio.sleep(1_000)
        assert deadline.is_over == bool(fired)
        return fired

    return run(live())


def test_it_fires_at_its_time() -> None:
    async def body(deadline: Deadline, loop: asyncio.AbstractEventLoop) -> None:
        deadline.set(loop.time() + 5, loop)

    assert fire_times(body) == [5.0]


def test_moved_later_it_fires_later_and_once() -> None:
    async def body(deadline: Deadline, loop: asyncio.AbstractEventLoop) -> None:
        for _ in range(10):
            deadline.set(loop.time() + 5, loop)
            await asyncio.sleep(3)

    assert fire_times(body) == [32.0]


def test_moved_earlier_it_fires_earlier() -> None:
    async def body(deadline: Deadline, loop: asyncio.AbstractEventLoop) -> None:
        deadline.set(loop.time() + 90, loop)
        deadline.set(loop.time() + 2, loop)

    assert fire_times(body) == [2.0]


def test_cleared_or_closed_it_does_not_fire() -> None:
    async def clear(deadline: Deadline, loop: asyncio.AbstractEventLoop) -> None:
        deadline.set(loop.time() + 5, loop)
        deadline.clear()

    async def close(deadline: Deadline, loop: asyncio.AbstractEventLoop) -> None:
        deadline.set(loop.time() + 5, loop)
        deadline.close()

    assert fire_times(clear) == fire_times(close) == []


def test_set_again_after_it_was_cleared_it_fires() -> None:
    async def body(deadline: Deadline, loop: asyncio.AbstractEventLoop) -> None:
        deadline.set(loop.time() + 5, loop)
        deadline.clear()
        await asyncio.sleep(10)
        deadline.set(loop.time() + 5, loop)

    assert fire_times(body) == [15.0]
