"""Our clock under watch: against the peers' clocks, and against the monotonic one (spec 6, time)."""

from __future__ import annotations

from collections.abc import Callable

from hypernode.core.rules import UNCHECKED, Unchecked
from hypernode.machine.clock_offset import NTP_REMEDY, WARN_S, ClockOffsets
from hypernode.ports.clock import Clock

WARN_EVERY_S = 60.0
LEAST_STEP_S = 0.001
"""Of the wall clock against the steady one; below it they are just read one after the other."""
STEP_S = 1.0
"""The wall clock moved by this much more or less than the monotonic one: somebody set it."""


class ClockWatch:
    """Warns the operator once a minute while the clock is off, and whenever it was set.  Then ``on_step`` is
    called too."""

    def __init__(
        self,
        clock: Clock,
        offsets: ClockOffsets,
        warn: Callable[[str], None],
        on_step: Callable[[], None],
    ) -> None:
        self._clock = clock
        self._offsets = offsets
        self._warn = warn
        self._difference = clock.now() - clock.monotonic()
        self._warned = float("-inf")
        self._on_step = on_step

    def look(self) -> float | Unchecked:
        """How far our clock is ahead of the others' now (s)."""
        monotonic = self._clock.monotonic()
        difference = self._clock.now() - monotonic
        step = difference - self._difference
        if abs(step) > LEAST_STEP_S:
            self._difference = difference
            # Peers told theirs before: whether it is right now is known at once, not an hour later.  A clock
            # that drifts goes in small steps, which count as well, or it would seem off when it is set right.
            self._offsets.shift(step)
        if abs(step) > STEP_S:
            self._warn(f"the clock was set by {step:+.1f} s; {NTP_REMEDY}")
            self._on_step()
        offset = self._offsets.get_offset(monotonic)
        if offset is not UNCHECKED and abs(offset) > WARN_S and monotonic - self._warned >= WARN_EVERY_S:
            self._warned = monotonic
            self._warn(f"our clock is {offset:+.1f} s from the peers'; {NTP_REMEDY}")
        return offset
