"""What we signed, kept so that a slot is never signed for twice."""

from __future__ import annotations

from typing import Protocol

from hypernode.core.types import (
    Round,
    Slot,
)


class AlreadySigned(Exception):
    """The journal holds another hash for this slot."""


class JournalReader(Protocol):
    """What we signed.  Every call may raise StorageFault."""

    async def get_hash(self, round_: Round, sir: Slot) -> bytes | None:
        """What was signed for the slot."""
        ...

    async def get_last(self) -> tuple[Round, Slot] | None:
        """The latest slot that was signed for; None for a new journal."""
        ...


class Journal(JournalReader, Protocol):
    """What we signed, durably, before it leaves us (spec 4: a node never signs twice for a slot).  Every call
    may raise StorageFault."""

    async def record(self, round_: Round, sir: Slot, block_hash: bytes) -> None:
        """On disk when it returns.  The same hash again is fine; raises AlreadySigned for another."""
        ...

    async def check_writable(self) -> None:
        """Raises StorageFault when nothing can be recorded at present."""
        ...
