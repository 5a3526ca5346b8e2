"""Which messages each peer has been sent: the bookkeeping of mempool exchanges.

The pool numbers its messages as they come in.  Per peer one number stands for all that was dealt with;
beside it are the few that came from the peer itself, and those that were not ripe when their turn was.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

MAX_NOTED: Final = 4_000
"""Ids remembered as coming from a peer: two exchanges at the wire's limit of 2,000.  One that is
forgotten is sent back once, which harms nobody."""


@dataclass(slots=True)
class PeerNotes:
    """What one peer knows.  Every message with a number below ``next_number`` was sent to it, came from it,
    or is in ``unripe``: numbers that were passed over because they lay in the future."""

    next_number: int = 0
    unripe: list[int] = field(default_factory=list)
    noted: dict[bytes, None] = field(default_factory=dict)
    """Insertion order, so that the oldest go first."""

    def note(self, txids: Iterable[bytes]) -> None:
        """The peer just sent these messages."""
        for txid in txids:
            self.noted.pop(txid, None)
            self.noted[txid] = None
        for txid in list(self.noted)[: max(0, len(self.noted) - MAX_NOTED)]:
            del self.noted[txid]

    def forgive(self, txid: bytes) -> bool:
        """Whether the peer sent this message; it is asked once, so the note is deleted."""
        if txid not in self.noted:
            return False
        del self.noted[txid]
        return True
