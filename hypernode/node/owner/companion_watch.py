"""Looks at the companion twice a minute: is it in sync, and does its chain still have what our lists follow
from?

Its faults are logged when they begin, once a minute while they last, and when they are over.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from hypernode.core.counting import find_uncounted
from hypernode.core.params.chain_params import ChainParams
from hypernode.core.registrations.colours import Colours
from hypernode.node.base.log_dedup import LogDedup
from hypernode.node.base.node_state import NodeState
from hypernode.ports.clock import Clock
from hypernode.ports.registrations import PowNotReady, PowSource, PowStatus

CHECK_PART = 1 / 6
"""The companion is looked at this often, in slots: every 30 s on main (spec 5)."""
_SUBJECT = "companion"


@dataclass(slots=True)
class CompanionWatch:
    """Writes the companion's status into the node's state."""

    params: ChainParams
    clock: Clock
    pow_source: PowSource
    node_state: NodeState
    log: Callable[[str], None]
    warn: Callable[[str], None]
    is_list_stale: bool = False
    """The companion's list of the present round is another now than when the round's lists were derived."""
    _lacks_list: bool = False
    _checked: float = float("-inf")
    _remarks: tuple[str, ...] = ()
    _repeats: LogDedup = field(default_factory=LogDedup)

    async def check(self, colours: Colours) -> None:
        """Look when it is time.  ``colours`` are those that we live by.  Raises PowNotReady."""
        monotonic = self.clock.monotonic()
        if monotonic - self._checked < self.params.slot_s * CHECK_PART:
            return
        self._checked = monotonic
        status = await self.pow_source.get_status(self.clock.now())
        self.node_state.note_companion(status)
        self._tell(status, monotonic)
        plan = self.node_state.plan
        if plan is None or status.problem:
            return
        listed = await self.pow_source.get_registered(plan.round)
        uncounted = find_uncounted(listed.entries, listed.weights)
        self.is_list_stale = (listed.entries, listed.voided, listed.colours, uncounted) != (
            *(plan.registered, plan.voided),
            *(colours, self.node_state.counted.reasons),
        )

    def note(self, problem: PowNotReady) -> None:
        """It could not be asked for a list."""
        self._lacks_list = True
        self._say_fault(str(problem), self.clock.monotonic())

    def enter_round(self) -> None:
        """The lists of a round were derived from what it says."""
        self.is_list_stale = self._lacks_list = False

    def _tell(self, status: PowStatus, now: float) -> None:
        if status.problem:
            self._say_fault(status.problem, now)
        elif not self._lacks_list and (line := self._repeats.on_end(_SUBJECT, now)) is not None:
            self.log(f"{line}, in sync at block {status.height}")
        for remark in status.remarks:
            if remark not in self._remarks:
                self.warn(f"{_SUBJECT}: {remark}")
        self._remarks = status.remarks

    def _say_fault(self, problem: str, now: float) -> None:
        line = self._repeats.on_fault(_SUBJECT, problem, now)
        if line is not None:
            self.warn(line)
