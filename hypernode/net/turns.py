"""Whose question is answered next, and when there is time for it (spec 2, budgets: what strangers may cost).

Askers share a number of places and a part of a processor.  Each turn is charged with what its answer cost,
afterwards, since nobody knows it before; while the share is overdrawn, no turn begins.  Of those that wait,
the key (a /24, a peer) goes first that has had least: who has asked for nothing yet is next, however much
others have asked for.  A key has one turn at a time.

Who has waited as long as it may is due: it is next of all, or is told that the node is busy, as it asked
for.  Hypernodes that count are then served whatever was spent.  A question whose session is gone is
dropped.  Costs are seconds of one processor.
"""

from __future__ import annotations

import asyncio
import math
from dataclasses import dataclass
from enum import Enum
from typing import Final, Protocol

from hypernode.core.errors import Ignore
from hypernode.net.token_bucket import TokenBucket
from hypernode.ports.clock import Clock
from hypernode.ports.connections import TransportClosed
from hypernode.wire.tags import RULE

BURST_S: Final = 2.0
"""A share that nobody used is saved up for so long: a page of a terminal, or a few, at once."""
KNOWN_KEYS: Final = 4_096
"""Keys whose turns are remembered; all others have had nothing."""
LEAST_PAUSE_S: Final = 0.001
"""Rounding must not make a timer fire again and again at the same moment."""


class Asker(Protocol):
    """Who asks a question."""

    @property
    def is_gone(self) -> bool:
        """Nobody waits for the answer any more."""
        ...


class _Outcome(Enum):
    BEGUN = "its turn has come"
    GONE = "it left before its turn"
    BUSY = "busy"


@dataclass(eq=False, slots=True)
class _Waiter:
    asker: Asker
    key: str
    due: float
    is_kept: bool
    outcome: asyncio.Future[_Outcome]
    """No exception: with its traceback it would hold all that the waiting one holds, and that this."""


class Turns:
    """Gives turns: ``at_once`` at the same time, and ``share`` of a processor for all of them.  With
    ``may_overdraw`` a question that is due gets its turn even if the share is spent."""

    def __init__(self, clock: Clock, at_once: int, share: float, *, may_overdraw: bool = False) -> None:
        self._clock = clock
        self._may_overdraw = may_overdraw
        self._at_once = at_once
        self._bucket = TokenBucket(BURST_S * share, share, clock.monotonic())
        self._waiting: list[_Waiter] = []
        self._at_work: set[str] = set()
        self._had: dict[str, float] = {}
        """What each key has had, on a scale on which whoever comes anew has had ``_least``."""
        self._least = 0.0
        self._timer: asyncio.TimerHandle | None = None

    @property
    def count_waiting(self) -> int:
        return len(self._waiting)

    @property
    def count_at_work(self) -> int:
        return len(self._at_work)

    async def take(self, key: str, asker: Asker, *, wait_s: float, is_kept: bool) -> None:
        """Wait for a turn and take it; ``give_back`` ends it.  ``is_kept``: after ``wait_s`` it is next of
        all, else it is refused.  Raises Ignore then, and TransportClosed when the asker is gone."""
        if not self._waiting and self._is_free(key) and self._has_time(self._clock.monotonic()):
            self._begin(key)
            return
        waiter = _Waiter(
            asker,
            key,
            self._clock.monotonic() + wait_s,
            is_kept,
            asyncio.get_running_loop().create_future(),
        )
        self._waiting.append(waiter)
        self._go_on()
        try:
            outcome = await waiter.outcome
        except asyncio.CancelledError:
            if waiter in self._waiting:
                self._waiting.remove(waiter)
            elif not waiter.outcome.cancelled() and waiter.outcome.result() is _Outcome.BEGUN:
                self.give_back(key, 0.0)
            raise
        if outcome is _Outcome.GONE:
            raise TransportClosed(outcome.value)
        if outcome is _Outcome.BUSY:
            raise Ignore(RULE, outcome.value)

    def give_back(self, key: str, cost_s: float) -> None:
        """The turn of a key is over, and cost so much."""
        self._at_work.discard(key)
        self._bucket.take(cost_s, self._clock.monotonic())
        self._had[key] = self._had.get(key, self._least) + cost_s
        if len(self._had) > KNOWN_KEYS:
            self._forget()
        self._go_on()

    def drop(self, asker: Asker) -> None:
        """It is gone: whatever it waits for."""
        for waiter in [waiter for waiter in self._waiting if waiter.asker is asker]:
            self._waiting.remove(waiter)
            _tell(waiter, _Outcome.GONE)

    def _go_on(self) -> None:
        """Begin as many turns as there are places and time for."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        now = self._clock.monotonic()
        while self._waiting and len(self._at_work) < self._at_once:
            waiter = self._find_next(now)
            if waiter is None:
                break
            self._waiting.remove(waiter)
            if waiter.asker.is_gone:
                _tell(waiter, _Outcome.GONE)
            elif not waiter.outcome.done():
                self._begin(waiter.key)
                _tell(waiter, _Outcome.BEGUN)
        self._refuse_due(now)
        if self._waiting:
            self._set_timer(now)

    def _find_next(self, now: float) -> _Waiter | None:
        free = [waiter for waiter in self._waiting if waiter.key not in self._at_work]
        due = [waiter for waiter in free if waiter.is_kept and waiter.due <= now]
        if due and (self._may_overdraw or self._has_time(now)):
            return min(due, key=lambda waiter: waiter.due)
        if not free or not self._has_time(now):
            return None
        # the first of equals is the one that came first
        return min(free, key=lambda waiter: self._get_had(waiter.key))

    def _refuse_due(self, now: float) -> None:
        for waiter in [waiter for waiter in self._waiting if not waiter.is_kept and waiter.due <= now]:
            self._waiting.remove(waiter)
            _tell(waiter, _Outcome.BUSY)

    def _set_timer(self, now: float) -> None:
        """For when there is time again, or somebody is due; a turn that ends calls by itself."""
        at = min((waiter.due for waiter in self._waiting if waiter.due > now), default=math.inf)
        if not self._has_time(now):
            at = min(at, now + self._bucket.take(0.0, now))
        if at < math.inf:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(max(at - now, LEAST_PAUSE_S), self._go_on)

    def _is_free(self, key: str) -> bool:
        return len(self._at_work) < self._at_once and key not in self._at_work

    def _has_time(self, now: float) -> bool:
        """One ``now`` for who is next and for when to look again: a share that comes back in between would
        leave who waits without a timer."""
        return self._bucket.get_tokens(now) >= 0

    def _begin(self, key: str) -> None:
        self._at_work.add(key)
        self._least = self._had[key] = self._get_had(key)

    def _get_had(self, key: str) -> float:
        return max(self._least, self._had.get(key, 0.0))

    def _forget(self) -> None:
        """Who has had no more than whoever comes anew; all, where that leaves too many."""
        self._had = {key: had for key, had in self._had.items() if had > self._least}
        if len(self._had) > KNOWN_KEYS:
            self._had.clear()


def _tell(waiter: _Waiter, outcome: _Outcome) -> None:
    if not waiter.outcome.done():
        waiter.outcome.set_result(outcome)
