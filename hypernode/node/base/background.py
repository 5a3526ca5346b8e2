"""Tasks beside the owner, while the node runs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any


class Background:
    """Holds the task group of the running node.  A node that does not run (while it is composed, or in a
    tool) has none and starts no task."""

    def __init__(self) -> None:
        self._group: asyncio.TaskGroup | None = None

    @property
    def group(self) -> asyncio.TaskGroup | None:
        """None while the node does not run."""
        return self._group

    @asynccontextmanager
    async def running(self) -> AsyncIterator[asyncio.TaskGroup]:
        """While the node runs; returns when all tasks are over."""
        async with asyncio.TaskGroup() as group:
            self._group = group
            yield group

    def start(self, work: Callable[[], Coroutine[Any, Any, None]], name: str) -> asyncio.Task[None] | None:
        """Start a task of its own for ``work``.  If the node does not run there is no task: None, and no work
        is done."""
        return None if self._group is None else self._group.create_task(work(), name=name)
