"""One line in the log for each change of the node's state: the new state, its reason, and how long the last
one stood."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from hypernode.machine.shown_state import ShownState
from hypernode.machine.state import State
from hypernode.ports.clock import Clock

MAX_LINES: Final = 30
SPAN_S: Final = 60.0
"""So many lines a minute: a node on main has one or two, and who flaps our state must not fill the disk."""
_UNITS: Final = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))


class StateLog:
    """Made with the node, in START.  Times are monotonic seconds."""

    def __init__(self, clock: Clock, log: Callable[[str], None]) -> None:
        self._clock = clock
        self._log = log
        self._state, self._since = State.START, clock.monotonic()
        self._span_began = float("-inf")
        self._lines = 0
        self._untold = 0

    def note(self, shown: ShownState) -> None:
        """The state is another one now.  A test of a peer is a moment of SYNCING, some a minute on quick
        networks: lines about them would hide the others."""
        if shown.state is State.TESTING:
            shown = ShownState(State.SYNCING)
        if shown.state is self._state:
            return
        now = self._clock.monotonic()
        stood, last = now - self._since, self._state
        self._state, self._since = shown.state, now
        if now - self._span_began >= SPAN_S:
            self._span_began, self._lines = now, 0
        if self._lines >= MAX_LINES:
            self._untold += 1
            return
        self._lines += 1
        reason = f": {shown.reason}" if shown.reason else ""
        more = f" ({self._untold} changes before it are not told)" if self._untold else ""
        self._untold = 0
        self._log(f"state {shown.state.value}{reason}, after {format_seconds(stood)} of {last.value}{more}")


def format_seconds(seconds: float) -> str:
    """``12.3 s``, ``4 min 0 s``, ``2 h 5 min``: the two largest units."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    words: list[str] = []
    left = int(seconds)
    for size, name in _UNITS:
        if left >= size or words:
            words.append(f"{left // size} {name}")
            left %= size
    return " ".join(words[:2])
