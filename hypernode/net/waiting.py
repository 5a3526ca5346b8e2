"""Answers that wait to be written: how many bytes of them the node holds (spec 2, budgets).

Room is taken before an answer is made, as much as it will have.  When there is none, who reads slowest goes:
strangers first, then who is registered for nothing and reads below the least rate; a hypernode that counts
only when it has taken no byte for a while.  Until somebody has gone
or read on, who needs room waits, and holds nothing.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Final, Protocol

from hypernode.core.errors import Ignore
from hypernode.net.standing import Standing
from hypernode.ports.clock import Clock
from hypernode.ports.connections import TransportClosed
from hypernode.wire.catalogue import Limits
from hypernode.wire.tags import RULE

LOOK_S: Final = 1.0
"""Who reads slowly shows with time: those that wait look again so often."""
GRACE_S: Final = 1.0
"""Whose answer began to go so long ago is not judged yet: kernels take a good part of it at once."""


class Reader(Protocol):
    """A session that an answer is for."""

    @property
    def is_gone(self) -> bool: ...

    @property
    def standing(self) -> Standing: ...

    @property
    def last_active(self) -> float:
        """When it last took a piece of an answer; monotonic seconds."""
        ...

    def give_way(self) -> None:
        """End the session."""
        ...


@dataclass(slots=True)
class _Answer:
    size: int
    begun: float | None = None
    """When the first byte of it was written; None while it is being made."""
    written: int = 0


class WaitingAnswers:
    """Counts the bytes of answers that wait to be written: at most ``limits.waiting_bytes`` in all."""

    def __init__(self, limits: Limits, clock: Clock) -> None:
        self._limits = limits
        self._clock = clock
        self._held: dict[Reader, _Answer] = {}
        self._total = 0
        self._room = asyncio.Event()
        self._listed_waiting = 0

    @property
    def total(self) -> int:
        """Bytes that are held, or will be."""
        return self._total

    def has(self, reader: Reader) -> bool:
        """Whether room is taken for a session."""
        return reader in self._held

    async def take(self, reader: Reader, size: int, wait_s: float) -> None:
        """Room for an answer of ``size`` bytes, in place of what the session has.  When there was none within
        ``wait_s``, Ignore is raised for a stranger, and a hypernode takes the place of the slowest.  Raises
        TransportClosed when the session is gone meanwhile."""
        self.give_back(reader)
        until = self._clock.monotonic() + wait_s
        self._listed_waiting += _is_kept(reader)
        try:
            while not self._has_room(reader, size):
                if reader.is_gone:
                    raise TransportClosed("it left before there was room for its answer")
                is_due = self._clock.monotonic() >= until
                if is_due and not _is_kept(reader):
                    raise Ignore(RULE, "busy")
                if not self._make_room(is_due=is_due):
                    await self._wait()
        finally:
            self._listed_waiting -= _is_kept(reader)
        self._held[reader] = _Answer(size)
        self._total += size

    def begin(self, reader: Reader, size: int) -> None:
        """The answer is made, of ``size`` bytes in truth, and begins to go."""
        answer = self._held.setdefault(reader, _Answer(0))
        self._total += size - answer.size
        answer.size, answer.begun = size, self._clock.monotonic()

    def note_written(self, reader: Reader, size: int) -> None:
        """So much of it has gone."""
        if (answer := self._held.get(reader)) is not None:
            answer.written += size

    def give_back(self, reader: Reader) -> None:
        """It is written, or is never to be; again is fine."""
        answer = self._held.pop(reader, None)
        if answer is not None:
            self._total -= answer.size
            self._room.set()

    def _has_room(self, reader: Reader, size: int) -> bool:
        if self._listed_waiting and not _is_kept(reader):
            return False
        return not self._held or self._total + size <= self._limits.waiting_bytes

    def _make_room(self, *, is_due: bool) -> bool:
        """Whether somebody had to go.  ``is_due``: for who has waited as long as it may."""
        slowest = self._find_slowest(is_due=is_due)
        if slowest is None:
            return False
        self.give_back(slowest)
        slowest.give_way()
        return True

    def _find_slowest(self, *, is_due: bool) -> Reader | None:
        now = self._clock.monotonic()
        rates = {
            reader: answer.written / (now - answer.begun)
            for reader, answer in self._held.items()
            if answer.begun is not None and now - answer.begun >= GRACE_S
        }
        strangers = [reader for reader in rates if not _is_kept(reader)]
        idlers = [
            reader
            for reader in rates
            if reader.standing is Standing.REGISTERED and rates[reader] < self._limits.least_rate
        ]
        if strangers or idlers:
            return min(strangers or idlers, key=lambda reader: rates[reader])
        longest_s = 0.0 if is_due else self._limits.write_s
        stalled = [reader for reader in rates if now - reader.last_active >= longest_s]
        return min(stalled, key=lambda reader: reader.last_active, default=None)

    async def _wait(self) -> None:
        self._room.clear()
        try:
            async with asyncio.timeout(LOOK_S):
                await self._room.wait()
        except TimeoutError:
            """Look again who is slow."""


def _is_kept(reader: Reader) -> bool:
    """A registered hypernode, or the operator: it is never told that the node is busy."""
    return reader.standing is not Standing.STRANGER
