"""Reports what the disk refuses, in the log once a minute, and tries again until it works.

While there is a fault the node decides nothing, so it neither forges (what cannot be journalled must not
be signed) nor syncs; it goes on answering from what it has.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from hypernode.node.base.log_dedup import INTERVAL_S, LogDedup
from hypernode.ports.clock import Clock
from hypernode.ports.storage_faults import StorageFault

_SUBJECT = "storage"


class Writable(Protocol):
    """Something that tells whether it can be written: the journal, the ledger."""

    async def check_writable(self) -> None:
        """Raises StorageFault when nothing can be stored at present."""
        ...


class StorageWatch:
    """Notes faults of ``stores``."""

    def __init__(self, clock: Clock, stores: Sequence[Writable], warn: Callable[[str], None]) -> None:
        self._clock = clock
        self._stores = tuple(stores)
        self._warn = warn
        self._repeats = LogDedup()
        self._has_fault, self._problem = False, ""
        self._last = float("-inf")

    @property
    def problem(self) -> str:
        """What the disk refuses at present, in words for the operator; empty where it takes what is
        written."""
        return self._problem if self._has_fault else ""

    def note(self, fault: StorageFault) -> None:
        """Something could not be read or stored."""
        self._has_fault, self._problem = True, str(fault)
        self._last = self._clock.monotonic()
        line = self._repeats.on_fault(_SUBJECT, str(fault), self._last)
        if line is not None:
            self._warn(line)

    async def check(self) -> None:
        """After a fault: all files can be written again.  Raises StorageFault when they cannot.

        That it is over is said when it did not come back for a while: a small write may do where a block
        does not."""
        if self._has_fault:
            for store in self._stores:
                await store.check_writable()
            self._has_fault = False
        now = self._clock.monotonic()
        if now - self._last >= INTERVAL_S and (line := self._repeats.on_end(_SUBJECT, now)) is not None:
            self._warn(line)
