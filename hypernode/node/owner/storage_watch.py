"""What the disk refuses: said in the log once a minute, and tried again until it is over.

While there is a trouble the node decides nothing, so it neither forges (what cannot be journalled must not
be signed) nor syncs; it goes on answering from what it has.
"""

from __future__ import annotations

from collections.abc import Callable

from hypernode.node.base.log_dedup import INTERVAL_S, LogDedup
from hypernode.node.base.node_ports import Ports
from hypernode.ports.trouble import StorageTrouble

_SUBJECT = "storage"


class StorageWatch:
    """Notes troubles of ledger and journal."""

    def __init__(self, ports: Ports, warn: Callable[[str], None]) -> None:
        self._ports = ports
        self._warn = warn
        self._repeats = LogDedup()
        self._is_troubled = False
        self._last = float("-inf")

    def note(self, trouble: StorageTrouble) -> None:
        """Something could not be read or stored."""
        self._is_troubled = True
        self._last = self._ports.clock.monotonic()
        line = self._repeats.on_fault(_SUBJECT, str(trouble), self._last)
        if line is not None:
            self._warn(line)

    async def check(self) -> None:
        """After a trouble: both files can be written again.  Raises StorageTrouble when they cannot.

        That it is over is said when it did not come back for a while: a small write may do where a block
        does not."""
        if self._is_troubled:
            await self._ports.journal.check_writable()
            await self._ports.ledger.check_writable()
            self._is_troubled = False
        now = self._ports.clock.monotonic()
        if now - self._last >= INTERVAL_S and (line := self._repeats.on_end(_SUBJECT, now)) is not None:
            self._warn(line)
