"""A database in memory whose calls may take virtual time, as those of a disk do.

What it promises is what the daemon's own database promises (``storage.interface.Database``): a write goes on
to its end when its caller is cancelled, one at a time, and ``on_commit`` comes right after the commit.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from random import Random
from typing import Any, Final, TypeVar

from hypernode.storage.database import InlineDatabase
from hypernode.storage.interface import Reader, Transaction

T = TypeVar("T")

_DRAW_BITS: Final = 53


class SlowDatabase(InlineDatabase):
    """``max_delay_s``: how long a call takes at most before its work is done, and as much again before its
    caller hears of it; 0: no time at all."""

    def __init__(self) -> None:
        super().__init__()
        self.max_delay_s = 0.0
        self.slowed = 0
        """How many calls took their time so far."""
        self.random = Random(0)
        """What delays are drawn from."""
        self._lock = asyncio.Lock()
        self._tasks: set[asyncio.Task[Any]] = set()

    async def read(self, work: Callable[[Reader], Awaitable[T]]) -> T:
        if not self.max_delay_s:
            return await super().read(work)
        return await asyncio.shield(self._start(self._read_slowly(work)))

    async def write(
        self, work: Callable[[Transaction], Awaitable[T]], on_commit: Callable[[T], None] | None = None
    ) -> T:
        # what is under way comes first
        if not self.max_delay_s and not self._tasks:
            return await super().write(work, on_commit)
        return await asyncio.shield(self._start(self._write_slowly(work, on_commit)))

    def copy(self) -> SlowDatabase:
        other = SlowDatabase()
        self._connection.backup(other._connection)
        return other

    def abandon(self) -> None:
        """The process ends: what is not committed never will be."""
        for task in list(self._tasks):
            task.cancel()

    async def close(self) -> None:
        while self._tasks:
            await asyncio.wait(self._tasks)
            await asyncio.sleep(0)
        await super().close()

    def _start(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        task = asyncio.get_running_loop().create_task(work, name="slow disk")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _read_slowly(self, work: Callable[[Reader], Awaitable[T]]) -> T:
        await self._pass_time()
        result = await super().read(work)
        await self._pass_time()
        return result

    async def _write_slowly(
        self, work: Callable[[Transaction], Awaitable[T]], on_commit: Callable[[T], None] | None
    ) -> T:
        async with self._lock:
            await self._pass_time()
            result = await super().write(work, on_commit)
            await self._pass_time()
        return result

    async def _pass_time(self) -> None:
        self.slowed += 1
        await asyncio.sleep(self.max_delay_s * self.random.getrandbits(_DRAW_BITS) / (1 << _DRAW_BITS))
