"""Questions that are being received or wait for their turn: how many bytes of them the node holds.

A frame may have megabytes, and who sends it may stop in the middle, on as many sessions as there are.  When
they are over their budget, the frame that was begun first goes with its session: strangers' first, then of
those that are on the list for nothing, then of any.
"""

from __future__ import annotations

from typing import Protocol

from hypernode.net.standing import Standing
from hypernode.wire.catalogue import Limits

_ORDER = (Standing.STRANGER, Standing.REGISTERED, Standing.COUNTED, Standing.OPERATOR)


class Sender(Protocol):
    """A session that a question comes from."""

    @property
    def standing(self) -> Standing: ...

    def give_way(self) -> None:
        """End the session."""
        ...


class ReceivedQuestions:
    """Counts the bytes of questions: at most ``limits.receiving_bytes`` in all, of which strangers may have
    ``limits.receiving_stranger_bytes``."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._held: dict[Sender, int] = {}
        """By session, those that began first ahead."""
        self._total = 0

    @property
    def total(self) -> int:
        return self._total

    def note(self, sender: Sender, size: int) -> None:
        """So many bytes of a session's question are held now; 0 when it is answered.  Some session may have
        to give way, perhaps this one."""
        self._total += size - self._held.get(sender, 0)
        if not size:
            self._held.pop(sender, None)
            return
        self._held[sender] = size
        if size <= self._limits.request_bytes and self._total <= self._limits.receiving_stranger_bytes:
            return
        while self._total > self._limits.receiving_bytes and self._held:
            self._send_away(min(self._held, key=lambda held: _ORDER.index(held.standing)))
        while self._count_strangers() > self._limits.receiving_stranger_bytes:
            self._send_away(next(held for held in self._held if held.standing is Standing.STRANGER))

    def _count_strangers(self) -> int:
        return sum(size for held, size in self._held.items() if held.standing is Standing.STRANGER)

    def _send_away(self, sender: Sender) -> None:
        self._total -= self._held.pop(sender)
        sender.give_way()
