"""Output through a thread of its own.  A terminal that takes no output (Ctrl-S, a ``screen`` that hangs) must
not block a node."""

from __future__ import annotations

import io
import queue
import threading
from typing import Final

from hypernode.cli.output import Words

MAX_PIECES: Final = 1_000
"""Lines, or pictures of a bar, that wait for a terminal that is slow; what comes beyond is not shown."""
DRAIN_S: Final = 0.5
"""At the end the terminal has so long to take what still waits."""


class Background(io.TextIOBase):
    """Shows what is written to it on ``words``; it never waits, and never raises."""

    def __init__(self, words: Words) -> None:
        self._words = words
        self._pieces: queue.Queue[str | threading.Event] = queue.Queue(MAX_PIECES)
        self._is_started = False

    @property
    def encoding(self) -> str:  # type: ignore[override] # a field there
        return self._words.encoding

    def isatty(self) -> bool:
        return self._words.isatty()

    def fileno(self) -> int:
        """Raises OSError where there is none."""
        return self._words.fileno()

    def write(self, text: str) -> int:
        if not self._is_started:
            self._is_started = True
            threading.Thread(target=self._show, name="terminal", daemon=True).start()
        try:
            self._pieces.put_nowait(text)
        except queue.Full:
            """Nobody could have read it."""
        return len(text)

    def flush(self) -> None:
        """What is shown is flushed by whoever shows it."""

    def drain(self, within_s: float = DRAIN_S) -> None:
        """Wait until everything is shown, or the time is over."""
        shown = threading.Event()
        try:
            self._pieces.put_nowait(shown)
        except queue.Full:
            return
        if self._is_started:
            shown.wait(within_s)

    def _show(self) -> None:
        while True:
            piece = self._pieces.get()
            if isinstance(piece, threading.Event):
                piece.set()
                continue
            self._words.write(piece)
            if self._pieces.empty():
                self._words.flush()
