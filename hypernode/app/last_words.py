"""Writes a line to ``pos_app.log`` when logging itself cannot be used: before it is set up, after it was
closed, and in a process that hangs, perhaps while it holds the log's own lock."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from hypernode.files.own_files import LOG_FILE, open_own

APP_LOG_NAME: Final = "pos_app.log"
PATIENCE_S: Final = 1.0
"""For a disk that does not take a line; a process that is to end does not wait for it."""


def append_line(path: Path, level: str, text: str) -> None:
    """Add a line in the form of the log's (``level``: E, W or I).  Raises OSError."""
    at = time.strftime("%Y-%m-%d %H:%M:%SZ", time.gmtime())
    descriptor = open_log(path)
    try:
        os.write(descriptor, f"[{level} {at} end:0] {text}\n".encode("utf-8", "backslashreplace"))
    finally:
        os.close(descriptor)


def open_log(path: Path) -> int:
    """A descriptor that adds to the file.  Raises OSError."""
    return open_own(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, LOG_FILE)


def try_within(work: Callable[[], None], patience_s: float = PATIENCE_S) -> None:
    """Do it in a thread, and go on when it is done, fails or takes too long."""

    def run() -> None:
        with contextlib.suppress(OSError):
            work()

    thread = threading.Thread(target=run, name="last words", daemon=True)
    thread.start()
    thread.join(patience_s)
