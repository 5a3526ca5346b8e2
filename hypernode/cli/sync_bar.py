"""Catching up as a bar on the terminal that the node was started in."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, TextIO

from hypernode.cli.progress import Meter

if TYPE_CHECKING:
    from hypernode.node.sync.sync_progress import SyncProgress


class SyncBar:
    """Called with each progress, and with None when it is over.  Where ``stream`` (standard error) is no
    terminal nothing is shown: the log has it."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream
        self._open = ExitStack()
        self._meter: Meter | None = None

    def __call__(self, progress: SyncProgress | None) -> None:
        if progress is None:
            self._meter = None
            self._open.close()
            return
        if self._meter is None:
            meter = Meter(
                "catching up", progress.first, progress.target, stream=self._stream, only_terminal=True
            )
            self._meter = self._open.enter_context(meter)
        self._meter.show(progress.height, progress.messages)
