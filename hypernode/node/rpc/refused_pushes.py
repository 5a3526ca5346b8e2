"""Who pushed blocks that were read whole and refused.  After some in one slot, its further ones are not
read."""

from __future__ import annotations

from collections import Counter
from typing import Final

from hypernode.core.errors import Ignore
from hypernode.core.rules import Rule
from hypernode.core.types import Round, Slot

MAX_REFUSED: Final = 5
"""Of an IP in a slot.  A juror pushes one; what gets so far is of the slot's juror, or says so, and costs up
to 0.1 s."""


class RefusedPushes:
    """Counts refused blocks by IP, for the present slot."""

    def __init__(self) -> None:
        self._slot: tuple[Round, Slot] | None = None
        self._refused: Counter[str] = Counter()

    def check(self, ip: str, slot: tuple[Round, Slot]) -> None:
        """Raises Ignore if too many pushes of the IP were refused in this slot."""
        self._enter(slot)
        if self._refused[ip] >= MAX_REFUSED:
            raise Ignore(Rule.WIRE, f"{MAX_REFUSED} blocks of its IP were refused in this slot")

    def note(self, ip: str, slot: tuple[Round, Slot]) -> None:
        """A push was read whole and refused."""
        self._enter(slot)
        self._refused[ip] += 1

    def _enter(self, slot: tuple[Round, Slot]) -> None:
        if slot != self._slot:
            self._slot = slot
            self._refused.clear()
