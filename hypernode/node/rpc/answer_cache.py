"""Answers that look at the whole node, made once a second at most and then served (spec 2, budgets).

A status is some milliseconds of work; asked for by everybody all the time it was all that a node did.  Who
asks while one is being made waits for that one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from hypernode.net.answer import Encoded
from hypernode.ports.clock import Clock
from hypernode.ports.signing import Offload
from hypernode.wire.codec import Command, encode_command

LIFE_S: Final = 1.0
"""An answer is served for so long."""
SHORT_CHARS: Final = 64 * 1024
"""A text that is encoded where it is: a status of some hundred hypernodes; 0.1 ms."""
MAX_KEPT: Final = 16
"""Answers that are kept: one of each command, and some questions of the operator's that have a text."""


class AnswerCache:
    """Keeps answers by their question."""

    def __init__(self, clock: Clock, offload: Offload) -> None:
        """``offload`` gets the encoding of long ones."""
        self._clock = clock
        self._offload = offload
        self._made: dict[object, tuple[float, Encoded]] = {}
        self._making: dict[object, asyncio.Task[Encoded]] = {}

    async def get(self, key: object, make: Callable[[], Awaitable[Command]]) -> Encoded:
        """The answer, made by ``make`` if there is none of the last second.  If that raises, everybody who
        waits for it gets the fault, and it is made again for the next."""
        now = self._clock.monotonic()
        at, answer = self._made.get(key, (now, None))
        if answer is not None and now - at < LIFE_S:
            return answer
        task = self._making.get(key)
        if task is None:
            task = asyncio.create_task(self._make(key, make), name=f"makes {key}")
            self._making[key] = task
            task.add_done_callback(lambda _: self._making.pop(key, None))
        return await asyncio.shield(task)

    async def _make(self, key: object, make: Callable[[], Awaitable[Command]]) -> Encoded:
        command = await make()
        # a thread is worth it for what is long: to come back from one takes longer than a status does
        is_short = len(command.string or "") <= SHORT_CHARS
        encoded = (
            encode_command(command) if is_short else await self._offload(lambda: encode_command(command))
        )
        answer = Encoded(encoded)
        self._made.pop(key, None)
        if len(self._made) >= MAX_KEPT:
            del self._made[next(iter(self._made))]
        self._made[key] = (self._clock.monotonic(), answer)
        return answer
