"""How often each fault did something: a trap that nobody steps on, or a liar that is not asked, does nothing.

What befalls a host is counted for each fault at work of a kind that explains it: faults of like kinds that
befall one host at one time share what happens to it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Final

from hypernode.sim.faults.plan import Fault, FaultKind

CRASHES: Final = (
    FaultKind.CRASH,
    FaultKind.SILENT_CRASH,
    FaultKind.RESTART,
    FaultKind.RESTART_STORM,
)
TRAPS: Final = (
    FaultKind.CRASH_IN_WRITE,
    FaultKind.CRASH_AT_AWAIT,
    FaultKind.POWER_CUT,
    FaultKind.RESTART_IN_SIGNING,
)


class ImpactCounter:
    """Counts by the faults' numbers.  ``active``: the faults at work, kept by the cluster."""

    def __init__(self, active: Mapping[int, Fault]) -> None:
        self._active = active
        self._counted: Counter[int] = Counter()
        self._before: dict[int, int] = {}

    def note_host(self, index: int, *kinds: FaultKind) -> None:
        """Something happens to a host by the faults of these kinds that befall it."""
        for fault in self._active.values():
            if fault.kind in kinds and index in fault.subjects:
                self.count(fault)

    def count(self, fault: Fault) -> None:
        """It did something."""
        self._counted[fault.number] += 1

    def note_begin(self, fault: Fault, measured: int) -> None:
        """What its measure shows before it does anything."""
        self._before[fault.number] = measured

    def note_end(self, fault: Fault, measured: int) -> None:
        """What its measure shows before it is undone."""
        self._counted[fault.number] += max(0, measured - self._before.pop(fault.number, 0))

    def get(self, fault: Fault, measured: int) -> int:
        """How often it did something; ``measured``: what its measure shows now, where it is still at work."""
        before = self._before.get(fault.number)
        under_way = 0 if before is None else max(0, measured - before)
        return self._counted[fault.number] + under_way
