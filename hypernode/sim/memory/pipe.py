"""One direction of a stream in memory: bytes that are on their way, bytes that wait to be read.

Chunks arrive in order, each when its link says.  What is on its way and what is unread fill one bounded
buffer; a writer waits for room.  Behind a partition chunks are held and sent again when it heals, as TCP
does.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final

from hypernode.ports.connections import TransportClosed
from hypernode.sim.memory.holding import NOWHERE
from hypernode.sim.memory.link import Fate, Link
from hypernode.sim.memory.trace import Trace

MAX_BUFFER_BYTES: Final = 256 * 1024
"""Unread bytes of one direction, on their way or arrived: what kernels give a socket, roughly."""
CHUNK_BYTES: Final = 64 * 1024
"""A long write goes in pieces of this size, so that it cannot fill the buffer at once."""

_END: Final = b""
"""The chunk that says that no more will come."""


def _do_nothing() -> None:
    """Until the network says what is to be done."""


class Pipe:
    """From ``source`` to ``target`` (names for the trace).  ``is_blocked`` tells whether the way is cut at
    present; ``on_reset`` is called when a chunk's fate is to reset the stream, and when one arrives where
    nobody reads any more."""

    def __init__(
        self, source: str, target: str, link: Link, trace: Trace, is_blocked: Callable[[], bool]
    ) -> None:
        self.source = source
        self.target = target
        self._link = link
        self._trace = trace
        self._is_blocked = is_blocked
        self.on_reset: Callable[[], None] = _do_nothing
        self._on_the_way: deque[bytes] = deque()
        self._held: deque[bytes] = deque()
        self._arrived = bytearray()
        self._used = 0
        self._last_arrival = 0.0
        self._is_stalled = False
        self._write_problem = ""
        self._read_problem = ""
        """What a reader is told when nothing is left to read."""
        self._is_abandoned = False
        self._write_lock = asyncio.Lock()
        self._room = asyncio.Event()
        self._news = asyncio.Event()

    # --- the writer's end ---------------------------------------------------------------------------

    async def write(self, data: bytes) -> None:
        """Returns when all is on its way.  Raises TransportClosed."""
        async with self._write_lock:
            if self._write_problem:
                raise TransportClosed(self._write_problem)
            for start in range(0, len(data), CHUNK_BYTES):
                await self._write_chunk(data[start : start + CHUNK_BYTES])

    async def _write_chunk(self, chunk: bytes) -> None:
        while not self._write_problem and self._used + len(chunk) > MAX_BUFFER_BYTES:
            self._room.clear()
            await self._room.wait()
        if self._write_problem:
            raise TransportClosed(self._write_problem)
        self._used += len(chunk)
        self._record("send", len(chunk))
        fate = self._link.draw_fate()
        if fate is Fate.RESETS:
            self.on_reset()
            raise TransportClosed("reset by the network")
        if fate is Fate.STALLS:
            self.stall()
        self._send(self._link.corrupt(chunk))

    def finish(self, problem: str) -> None:
        """No more will be written; what is on its way still arrives, and then the end of it."""
        if not self._write_problem:
            self.refuse_writes(problem)
            self._send(_END)

    def refuse_writes(self, problem: str) -> None:
        """Whoever writes gets TransportClosed."""
        self._write_problem = self._write_problem or problem
        self._room.set()

    # --- the way ------------------------------------------------------------------------------------

    def stall(self) -> None:
        """From now on nothing arrives, and nobody is told."""
        self._is_stalled = True

    def release(self) -> None:
        """The way is free again: send what was held."""
        self._on_the_way.extendleft(reversed(self._held))
        for chunk in self._held:
            self._schedule(len(chunk))
        self._held.clear()

    def _send(self, chunk: bytes) -> None:
        if not self._is_stalled:
            self._on_the_way.append(chunk)
            self._schedule(len(chunk))

    def _schedule(self, size: int) -> None:
        """One arrival more; which chunk it brings shows then."""
        loop = asyncio.get_running_loop()
        self._last_arrival = max(self._link.compute_arrival(loop.time(), size), self._last_arrival)
        loop.call_at(self._last_arrival, self._arrive, context=NOWHERE)

    def _arrive(self) -> None:
        """The oldest chunk is there.  Timers of equal time may come in any order, chunks may not."""
        chunk = self._on_the_way.popleft()
        if self._is_stalled:
            return
        if self._held or self._is_blocked():
            self._held.append(chunk)
            return
        self._record("arrive" if chunk else "end", len(chunk))
        if self._is_abandoned:
            self.refuse_writes("closed by the peer")
        elif chunk:
            self._arrived += chunk
        else:
            self._read_problem = self._read_problem or "closed by the peer"
        self._news.set()

    # --- the reader's end ---------------------------------------------------------------------------

    @property
    def is_over(self) -> bool:
        """No more will arrive than is there."""
        return bool(self._read_problem)

    async def read_some(self, max_bytes: int) -> bytes:
        """At least one byte; what arrived before the end can be read after it.  Raises TransportClosed."""
        while not self._arrived and not self._read_problem:
            self._news.clear()
            await self._news.wait()
        if not self._arrived:
            raise TransportClosed(self._read_problem)
        taken = bytes(self._arrived[:max_bytes])
        del self._arrived[: len(taken)]
        self._used -= len(taken)
        self._room.set()
        return taken

    def abandon(self, problem: str) -> None:
        """Nobody reads any more: whoever still waits gets TransportClosed, what is unread is lost, and a
        writer is told as soon as more comes."""
        self._is_abandoned = True
        self._used -= len(self._arrived)
        self._arrived.clear()
        self._read_problem = self._read_problem or problem
        self._news.set()

    def _record(self, event: str, size: int) -> None:
        self._trace.record(asyncio.get_running_loop().time(), event, self.source, self.target, size)
