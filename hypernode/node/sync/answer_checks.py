"""Answers that are decoded and verified elsewhere while their holders are asked for more."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any, Final

from hypernode.machine.peers import PeerView
from hypernode.node.sync.batches import Span

MAX_CHECKS: Final = 2
"""Answers of one holder that are being decoded and verified while the next is asked for."""


@dataclass(frozen=True, slots=True)
class _Check:
    span: Span
    task: asyncio.Task[None]


class AnswerChecks:
    """The checks that are under way, by the holder's address.  False when there is none."""

    def __init__(self) -> None:
        self._checks: dict[str, list[_Check]] = {}

    def __bool__(self) -> bool:
        return bool(self._checks)

    def are_full(self, address: str) -> bool:
        """Whether no more answers of a holder may be under way."""
        return len(self._checks.get(address, ())) >= MAX_CHECKS

    def start(self, holder: PeerView, span: Span, work: Coroutine[Any, Any, None]) -> None:
        """Let ``work`` check what a holder gave for a span; it calls ``end`` when it is over."""
        task = asyncio.create_task(work, name=f"checks what {holder.name} gave")
        self._checks.setdefault(holder.address, []).append(_Check(span, task))

    def end(self, address: str) -> None:
        """The check that runs now is over."""
        task, checks = asyncio.current_task(), self._checks.get(address, [])
        left = [check for check in checks if check.task is not task]
        if left:
            self._checks[address] = left
        else:
            self._checks.pop(address, None)

    def drop(self, address: str) -> list[Span]:
        """Cancel the checks of a holder; what it gave them for."""
        checks = self._checks.pop(address, [])
        for check in checks:
            check.task.cancel()
        return [check.span for check in checks]

    def list_tasks(self) -> list[asyncio.Task[None]]:
        """All that are under way."""
        return [check.task for checks in self._checks.values() for check in checks]
