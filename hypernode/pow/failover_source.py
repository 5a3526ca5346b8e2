"""Two ways to the companion: the ledger file, and the node's TCP port while the file cannot be read.

Every look at the status (two a minute on main) tries the first way again; other questions go the way that
the last look found open, and the other one when that fails.  Each change of way is one line in the log, with
its reason.  What the port cannot tell goes on holding as the ledger told it last (``last_seen``).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Final, TypeVar

from hypernode.core.types import PowHeight, Round
from hypernode.ports.registrations import PowNotReady, PowSource, PowStatus, RegisteredList

PATIENCE_S: Final = 1.0
"""For the first way while the second is gone: a locked ledger would cost its time-outs at every look."""
SAME_REASON_S: Final = 600.0
"""A way that closes again within this time for the same reason is not told again."""

_T = TypeVar("_T")


class FailoverPowSource:
    """``ports.registrations.PowSource`` over two others.  ``log`` hears when the first answers again,
    ``warn`` why it does not."""

    def __init__(
        self, first: PowSource, second: PowSource, *, log: Callable[[str], None], warn: Callable[[str], None]
    ) -> None:
        self._first, self._second = first, second
        self._log, self._warn = log, warn
        self._reason = ""
        """Why the second way is gone; empty while the first is."""
        self._told = ("", float("-inf"))
        """The last reason that was told, and when."""
        self._is_told = False
        """Whether it was told that the second way is gone."""
        self._now = 0.0

    @property
    def first(self) -> PowSource:
        """The way that is taken while it can be."""
        return self._first

    async def get_status(self, now: float) -> PowStatus:
        """Of the first if it is well, else of the second if that one is; of neither, the problems of both."""
        self._now = now
        status = await self._look_at_first(now)
        if not status.problem:
            self._return(status.source)
            return status
        other = await self._second.get_status(now)
        if other.problem:
            return replace(status, problem=f"{status.problem}. And in its place: {other.problem}")
        self._leave(status.problem, other.source)
        return replace(other, remarks=(*other.remarks, f"asked in place of the ledger: {status.problem}"))

    async def _look_at_first(self, now: float) -> PowStatus:
        if not self._reason:
            return await self._first.get_status(now)
        try:
            async with asyncio.timeout(PATIENCE_S):
                return await self._first.get_status(now)
        except TimeoutError:
            return PowStatus("ledger", 0, 0.0, "", self._reason)

    async def get_registered(self, round_: Round) -> RegisteredList:
        """registered(R).  Raises PowNotReady with the problems of both."""
        return await self._ask(lambda source: source.get_registered(round_))

    async def get_block_hashes(self, heights: Sequence[PowHeight]) -> list[str]:
        """Block hashes, in order.  Raises PowNotReady with the problems of both."""
        return await self._ask(lambda source: source.get_block_hashes(heights))

    async def close(self) -> None:
        """Close both."""
        await self._first.close()
        await self._second.close()

    async def _ask(self, question: Callable[[PowSource], Awaitable[_T]]) -> _T:
        if self._reason:
            return await question(self._second)
        try:
            return await question(self._first)
        except PowNotReady as problem:
            try:
                answer = await question(self._second)
            except PowNotReady as other:
                raise PowNotReady(f"{problem}. And in its place: {other}") from problem
            self._leave(str(problem), "the PoW node's port")
            return answer

    def _leave(self, reason: str, other: str) -> None:
        if not self._reason:
            told, at = self._told
            self._is_told = reason != told or self._now - at >= SAME_REASON_S
            if self._is_told:
                self._warn(f"companion: {reason}; {other} is asked in its place")
                self._told = (reason, self._now)
        self._reason = reason

    def _return(self, source: str) -> None:
        if self._reason and self._is_told:
            self._log(f"companion: {source} answers again")
        self._reason = ""
