"""The progress of catching up: for the log, the status, and a bar on a terminal."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from hypernode.core.types import Height

MIN_SECONDS = 1e-3
"""Below it a rate says nothing."""


@dataclass(frozen=True, slots=True)
class SyncProgress:
    """From our height ``first`` to the ``target`` that is told, now at ``height``, with ``messages`` taken
    in ``seconds``; ``peers``: the names of who is asked."""

    first: Height
    target: Height
    height: Height
    messages: int = 0
    seconds: float = 0.0
    peers: tuple[str, ...] = ()

    @property
    def blocks(self) -> int:
        return self.height - self.first

    @property
    def percent(self) -> int:
        """Percent of the blocks between our height and the target."""
        return 100 * self.blocks // max(1, self.target - self.first)

    @property
    def seconds_left(self) -> int | None:
        """At the rate of blocks so far; None before there is one."""
        if self.blocks <= 0:
            return None
        return round((self.target - self.height) * self.seconds / self.blocks)

    def describe(self) -> dict[str, object]:
        """For the status."""
        seconds = max(self.seconds, MIN_SECONDS)
        return {
            "first": self.first,
            "height": self.height,
            "target": self.target,
            "percent": self.percent,
            "messages": self.messages,
            "messages_per_second": round(self.messages / seconds),
            "blocks_per_second": round(max(0, self.blocks) / seconds, 1),
            "seconds_left": self.seconds_left,
            "peers": list(self.peers),
        }

    def format(self) -> str:
        """One line for people."""
        rate = round(self.messages / max(self.seconds, MIN_SECONDS))
        left = "" if self.seconds_left is None else f", {self.seconds_left} s left"
        return (
            f"block {self.height} of {self.target}, {self.percent} %, {self.messages} messages, "
            f"{rate}/s{left}, from {', '.join(self.peers) or 'nobody yet'}"
        )


OnProgress: TypeAlias = Callable[[SyncProgress | None], None]
"""Told each time, and None when catching up is over."""


def show_nothing(progress: SyncProgress | None) -> None:
    """For a sync that nobody watches."""
