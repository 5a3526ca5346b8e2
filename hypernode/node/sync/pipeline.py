"""A stage of a pipeline: an iterator that runs ahead of who takes from it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _End(Generic[T]):
    """The source is at its end, or raised."""

    problem: Exception | None = None


async def run_ahead(source: AsyncGenerator[T, None], ahead: int = 1) -> AsyncGenerator[T, None]:
    """The items of ``source``, which is driven by a task of its own and may be ``ahead`` items further (and
    at work on one more).  What it raises comes after what it gave before.  To be closed with ``aclosing``:
    the task is then cancelled and ended, and the source closed."""
    queue: asyncio.Queue[T | _End[T]] = asyncio.Queue(ahead)

    async def drive() -> None:
        try:
            async with aclosing(source):
                async for item in source:
                    await queue.put(item)
        except Exception as problem:
            await queue.put(_End(problem))
        else:
            await queue.put(_End())

    task = asyncio.create_task(drive(), name="runs ahead")
    try:
        while not isinstance(item := await queue.get(), _End):
            yield item
        if item.problem is not None:
            raise item.problem
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
