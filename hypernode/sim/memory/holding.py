"""Hosts whose processes can be held: a virtual-time loop that knows on which host a callback runs.

Whatever a host's node starts carries the host's IP in its context (``make_context``; tasks and timers inherit
it).  While a host is held nothing of it runs, its timers included; what came due meanwhile runs when it is
released, as in a process that was stopped and goes on.  Bytes on their way belong to no host.
"""

from __future__ import annotations

import asyncio
import heapq
from collections import Counter
from collections.abc import Callable
from contextvars import Context, ContextVar
from typing import Any, Final, Unpack

from hypernode.sim.memory.loop import Ts, VirtualTimeLoop

_ON_HOST: Final[ContextVar[str]] = ContextVar("on_host", default="")

NOWHERE: Final = Context()
"""Of what no host does: bytes on their way, faults."""


def make_context(ip: str) -> Context:
    """Of what a host does."""
    context = NOWHERE.copy()
    context.run(_ON_HOST.set, ip)
    return context


_RUN: Final[Any] = asyncio.Handle._run


class _Handle(asyncio.Handle):
    """A callback that waits while its host is held."""

    __slots__ = ()
    _loop: HoldingLoop
    _context: Context

    def _run(self) -> None:
        loop = self._loop
        if not loop.is_any_watched or loop.lets_run(self, self._context.get(_ON_HOST, "")):
            _RUN(self)


class _TimerHandle(asyncio.TimerHandle):
    __slots__ = ()
    _loop: HoldingLoop
    _context: Context

    def _run(self) -> None:
        loop = self._loop
        if not loop.is_any_watched or loop.lets_run(self, self._context.get(_ON_HOST, "")):
            _RUN(self)


class HoldingLoop(VirtualTimeLoop):
    """``hold`` and ``release`` hosts, or let one be held after so many callbacks more."""

    def __init__(self, start: float = 0.0) -> None:
        super().__init__(start)
        self._held: dict[str, list[asyncio.Handle]] = {}
        self._counts: dict[str, tuple[int, Callable[[], None]]] = {}
        self.kept: Counter[str] = Counter()
        """How many callbacks of a host had to wait so far."""
        self.is_any_watched = False
        """The quick answer for a loop where nobody is held."""

    def hold(self, ip: str) -> None:
        """Nothing of the host runs from now on."""
        self._held.setdefault(ip, [])
        self._note()

    def release(self, ip: str) -> None:
        """The host goes on, with what came due first, and is not counted any more."""
        waiting = self._held.pop(ip, [])
        self._counts.pop(ip, None)
        self._note()
        for handle in waiting:
            if not handle.cancelled():
                self._ready.append(handle)

    def is_held(self, ip: str) -> bool:
        return ip in self._held

    def hold_after(self, ip: str, callbacks: int, on_held: Callable[[], None]) -> None:
        """Let the host run so many callbacks more, then hold it and call ``on_held``."""
        self._counts[ip] = (callbacks, on_held)
        self._note()

    def stop_counting(self, ip: str) -> None:
        """It goes on for as long as it likes."""
        self._counts.pop(ip, None)
        self._note()

    def _note(self) -> None:
        self.is_any_watched = bool(self._held or self._counts)

    def lets_run(self, handle: asyncio.Handle, ip: str) -> bool:
        """Whether a host's callback runs now; else it is kept."""
        counted = self._counts.get(ip)
        if counted is not None:
            left, on_held = counted
            if left > 0:
                self._counts[ip] = (left - 1, on_held)
            else:
                del self._counts[ip]
                self.hold(ip)
                NOWHERE.copy().run(on_held)
        held = self._held.get(ip)
        if held is None:
            return True
        self.kept[ip] += 1
        held.append(handle)
        return False

    # What the base class schedules with.

    _ready: Any
    _scheduled: Any

    def call_at(
        self,
        when: float,
        callback: Callable[[Unpack[Ts]], object],
        *args: *Ts,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        timer = _TimerHandle(when, callback, args, self, context)
        heapq.heappush(self._scheduled, timer)
        timer._scheduled = True  # type: ignore[attr-defined]
        return timer

    def call_soon(
        self, callback: Callable[[Unpack[Ts]], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.Handle:
        handle = _Handle(callback, args, self, context)
        self._ready.append(handle)
        return handle


def get_holding_loop() -> HoldingLoop:
    """The one that runs.  Raises RuntimeError on any other."""
    loop = asyncio.get_running_loop()
    if not isinstance(loop, HoldingLoop):
        raise RuntimeError("hosts are held on a HoldingLoop only")
    return loop
