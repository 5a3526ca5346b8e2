"""A repeating fault speaks once a minute and says when it ends (spec 6, logging).  Time is handed in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

INTERVAL_S: Final = 60.0
MAX_SUBJECTS: Final = 1_000
"""Faults followed at a time: more than a node has peers; the one silent longest gives way."""


@dataclass(slots=True)
class _Fault:
    since: float
    spoken_at: float
    unspoken: int = 0
    total: int = 1


class LogDedup:
    """Decides which lines about repeating faults are worth logging.  A subject is what has the fault: a
    peer's name, the companion."""

    def __init__(self, interval_s: float = INTERVAL_S) -> None:
        self._interval_s = interval_s
        self._faults: dict[str, _Fault] = {}

    def on_fault(self, subject: str, text: str, now: float) -> str | None:
        """The line to log about a fault at ``now`` (monotonic s); None if it was logged just before."""
        fault = self._faults.pop(subject, None)
        if fault is None:
            if len(self._faults) >= MAX_SUBJECTS:
                self._faults.pop(next(iter(self._faults)))
            self._faults[subject] = _Fault(now, now)
            return f"{subject}: {text}"
        self._faults[subject] = fault  # last in the order: heard of last
        fault.total += 1
        if now - fault.spoken_at < self._interval_s:
            fault.unspoken += 1
            return None
        more = f" ({fault.unspoken} more since the last line)" if fault.unspoken else ""
        fault.spoken_at, fault.unspoken = now, 0
        return f"{subject}: {text}{more}"

    def on_end(self, subject: str, now: float) -> str | None:
        """The line that says that the fault is over; None when there was none."""
        fault = self._faults.pop(subject, None)
        if fault is None:
            return None
        return f"{subject}: over after {now - fault.since:.0f} s ({fault.total} times)"
