"""Time and chance, which come into the node here and nowhere else."""

from __future__ import annotations

from typing import Protocol


class Clock(Protocol):
    """The only source of time."""

    def now(self) -> float:
        """Wall clock, unix seconds."""
        ...

    def monotonic(self) -> float:
        """Seconds that never step."""
        ...


class Entropy(Protocol):
    """The only source of chance."""

    def token(self, size: int) -> bytes:
        """``size`` random bytes."""
        ...

    def below(self, limit: int) -> int:
        """A random integer from 0 to ``limit`` - 1."""
        ...
