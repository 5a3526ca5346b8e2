"""What several rows of the check need: each thing is looked up once, for whichever row asks first.

What may hang (a disk, a database that somebody keeps locked) runs in a daemon thread: a row that is given up
leaves it behind, and the process ends without waiting for it.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, cast

from hypernode.config.settings import Settings
from hypernode.health.remarks import Remark
from hypernode.ports.clock import Clock

T = TypeVar("T")


class Inquiry:
    """One run of the check: whose node, at what time, and what was found out so far."""

    def __init__(self, settings: Settings, remarks: tuple[Remark, ...], clock: Clock) -> None:
        self.settings = settings
        self.remarks = remarks
        self.now = clock.now()
        self.clock = clock
        self._tasks: dict[object, asyncio.Task[Any]] = {}

    async def once(self, look: Callable[[Inquiry], Awaitable[T]]) -> T:
        """What ``look`` finds; a second time the same.  Who waits may give up: the others go on waiting."""
        task = self._tasks.get(look)
        if task is None:
            task = self._tasks[look] = asyncio.ensure_future(_await(look(self)))
        return cast(T, await asyncio.shield(task))


async def _await(work: Awaitable[T]) -> T:
    return await work


async def in_thread(work: Callable[[], T]) -> T:
    """What ``work`` returns or raises, from a thread that nobody has to wait for."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()

    def settle(result: T | None, problem: BaseException | None) -> None:
        if done.done():
            return
        if problem is not None:
            done.set_exception(problem)
        else:
            done.set_result(cast(T, result))

    def run() -> None:
        result, problem = None, None
        try:
            result = work()
        except BaseException as caught:
            problem = caught
        try:
            loop.call_soon_threadsafe(settle, result, problem)
        except RuntimeError:
            """The loop is closed: nobody waits any more."""

    threading.Thread(target=run, name="look", daemon=True).start()
    return await done
