"""Who was asked for which batch, since when, and how long answers take: so that one who is late is noticed.

Pure: moments are handed in, in monotonic seconds.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection
from dataclasses import dataclass
from statistics import median
from typing import Final

from hypernode.core.types import Height
from hypernode.node.sync.batches import Span

FIRST_PATIENCE_S: Final = 10.0
"""For the first answers, before it is known what is usual."""
MIN_PATIENCE_S: Final = 2.0
"""No answer is called late before: a busy host is no reason to ask twice."""
GIANT_PATIENCE_S: Final = 120.0
"""For a block of up to 100 MiB: a line of 7 Mbit/s; to ask another would make us fetch it twice."""
PATIENCE_FACTOR: Final = 3.0
"""An answer that all wait for is late when it takes this many times the usual."""
KNOWN_TIMES: Final = 9
"""The latest answers of which the median is the usual time."""


@dataclass(frozen=True, slots=True)
class _Asked:
    span: Span
    since: float


class AnswerTimes:
    """The questions that are open, one for each holder in use (by address)."""

    def __init__(self) -> None:
        self._asked: dict[str, _Asked] = {}
        self._took: deque[float] = deque(maxlen=KNOWN_TIMES)

    def begin(self, address: str, span: Span, now: float) -> None:
        """A holder was asked for a batch."""
        self._asked[address] = _Asked(span, now)

    def end(self, address: str, since: float, now: float) -> None:
        """It answered what it was asked at ``since``."""
        del self._asked[address]
        self._took.append(now - since)

    def drop(self, address: str) -> Span | None:
        """It will not answer any more; the batch that it owed, if there is one."""
        asked = self._asked.pop(address, None)
        return None if asked is None else asked.span

    def get_owed(self, address: str) -> Span | None:
        """What it was asked for and has not answered."""
        asked = self._asked.get(address)
        return None if asked is None else asked.span

    def find_late(
        self, needed: Height, now: float, passed_over: Collection[str], giants: Collection[Height]
    ) -> tuple[str, float] | None:
        """Who owes the batch that begins at ``needed``, and seconds until that is late; ``giants`` are blocks
        that are known to be large."""
        usual = median(self._took) * PATIENCE_FACTOR if self._took else FIRST_PATIENCE_S
        for address, asked in self._asked.items():
            if asked.span.first == needed and address not in passed_over:
                least = GIANT_PATIENCE_S if needed in giants else MIN_PATIENCE_S
                return address, max(0.0, asked.since + max(least, usual) - now)
        return None
