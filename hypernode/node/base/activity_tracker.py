"""What the node decided last and what is under way, each noted by who does it; the shown state follows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from hypernode.machine.decide import Decision
from hypernode.machine.shown_state import Activities, ShownState, compute_shown_state
from hypernode.machine.state import State
from hypernode.ports.clock import Clock


class ActivityTracker:
    """Holds the inputs of ``compute_shown_state``.  ``on_state`` gets every shown state that is another one
    than the last; a new reason alone is no change."""

    def __init__(self, clock: Clock, on_state: Callable[[ShownState], None]) -> None:
        self._clock = clock
        self._on_state = on_state
        self._decision: Decision | None = None
        self._activities = Activities()
        self._last = self.shown.state
        self._since = clock.now()

    @property
    def shown(self) -> ShownState:
        """The state of this moment."""
        return compute_shown_state(self._decision, self._activities)

    @property
    def since(self) -> float:
        """Since when the shown state holds, unix s."""
        return self._since

    def note_decision(self, decision: Decision) -> None:
        """The owner decided.  What stood in the way of its last decision is over, or comes again."""
        self._decision = decision
        self._note(replace(self._activities, fault=None))

    def note_fault(self, state: State, reason: str) -> None:
        """A decision could not be carried out; this holds until the next decision."""
        self._note(replace(self._activities, fault=ShownState(state, reason)))

    def note_sync(self, state: State, reason: str = "") -> None:
        """How far the sync is."""
        self._note(replace(self._activities, sync=ShownState(state, reason)))

    def end_sync(self) -> None:
        """The sync ended, well or not."""
        self._note(replace(self._activities, sync=None))

    @contextmanager
    def sending(self) -> Iterator[None]:
        """While a block of ours is pushed."""
        self._note(replace(self._activities, is_sending=True))
        try:
            yield
        finally:
            self._note(replace(self._activities, is_sending=False))

    @contextmanager
    def testing(self, test: str) -> Iterator[None]:
        """While a test of a peer runs; one at a time."""
        self._note(replace(self._activities, test=test))
        try:
            yield
        finally:
            self._note(replace(self._activities, test=""))

    def _note(self, activities: Activities) -> None:
        self._activities = activities
        shown = self.shown
        if shown.state is not self._last:
            self._last, self._since = shown.state, self._clock.now()
            self._on_state(shown)
