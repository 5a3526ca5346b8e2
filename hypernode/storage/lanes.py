"""Further connections that read: opened when first needed, closed when unused for a while.

Each is a thread and some 0.3 MB, and up to ``CACHE_KIB`` of pages: a resting node has none.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final

import aiosqlite

from hypernode.storage.faults import raising_storage_faults
from hypernode.storage.interface import COMMON_PRAGMAS, Params, Reader, Row, StorageError, T
from hypernode.storage.transact import run_transaction

IDLE_S: Final = 30.0
"""Connections that nobody used so long are closed."""
CACHE_KIB: Final = 1_024
"""Pages that a connection keeps: what an answer reads, it reads once."""


async def open_reader(name: str, *pragmas: str) -> aiosqlite.Connection:
    """A connection that cannot write."""
    connection = await aiosqlite.connect(name, isolation_level=None)
    try:
        for pragma in (*COMMON_PRAGMAS, *pragmas, "PRAGMA query_only = 1"):
            await connection.execute_fetchall(pragma)
    except BaseException:
        await connection.close()
        raise
    return connection


class ReaderLane:
    """At most ``most`` connections at work at once; who comes then waits its turn.  Implements
    ``interface.Source``."""

    def __init__(self, name: str, most: int, idle_s: float = IDLE_S) -> None:
        self._name = name
        self._idle_s = idle_s
        self._places = asyncio.Semaphore(most)
        self._free: list[aiosqlite.Connection] = []
        self._tasks: set[asyncio.Task[Any]] = set()
        self._idle: asyncio.TimerHandle | None = None
        self._closed = False

    async def fetch_all(self, sql: str, params: Params = ()) -> list[Row]:
        return await self.read(lambda reader: reader.fetch_all(sql, params))

    async def read(self, work: Callable[[Reader], Awaitable[T]]) -> T:
        if self._closed:
            raise StorageError(f"{self._name} is closed")
        # A connection is never left in the middle of what it does, even if nobody waits for it any more.
        return await asyncio.shield(self._start(self._read(work)))

    async def close(self) -> None:
        """Waits for what is under way."""
        self._closed = True
        while self._tasks:
            await asyncio.wait(self._tasks)
            await asyncio.sleep(0)
        await self._close_free()

    def count_open(self) -> int:
        """Connections that rest."""
        return len(self._free)

    async def _read(self, work: Callable[[Reader], Awaitable[T]]) -> T:
        async with self._places:
            with raising_storage_faults(self._name):
                connection = self._free.pop() if self._free else await self._open()
                try:
                    return await run_transaction(connection, "BEGIN", work)
                finally:
                    self._free.append(connection)
                    self._set_idle_timer()

    async def _open(self) -> aiosqlite.Connection:
        return await open_reader(self._name, f"PRAGMA cache_size = -{CACHE_KIB}")

    def _set_idle_timer(self) -> None:
        if self._idle is not None:
            self._idle.cancel()
        loop = asyncio.get_running_loop()
        self._idle = loop.call_later(self._idle_s, lambda: self._start(self._close_free()))

    async def _close_free(self) -> None:
        if self._idle is not None:
            self._idle.cancel()
            self._idle = None
        while self._free:
            with contextlib.suppress(sqlite3.Error):
                await self._free.pop().close()

    def _start(self, coroutine: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        task = asyncio.create_task(coroutine, name=f"reads {self._name}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task
