"""Logs what no task of ours can catch: faults of threads and of the interpreter, warnings, and the stacks of
a process that crashes or hangs."""

from __future__ import annotations

import contextlib
import faulthandler
import logging
import os
import signal
import sys
import threading
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from hypernode.app.last_words import open_log

_LOG: Final = logging.getLogger("python")


class FaultLog:
    """While it is entered, faults outside of tasks are logged; ``follow`` sets the file."""

    def __init__(self) -> None:
        self._descriptor: int | None = None

    def __enter__(self) -> Self:
        self._hooks = threading.excepthook, sys.unraisablehook
        logging.captureWarnings(True)
        threading.excepthook = _tell_thread_fault
        sys.unraisablehook = _tell_unraisable
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        threading.excepthook, sys.unraisablehook = self._hooks
        logging.captureWarnings(False)
        if self._descriptor is not None:
            faulthandler.unregister(signal.SIGUSR1)
            faulthandler.disable()
            os.close(self._descriptor)
            self._descriptor = None

    def follow(self, path: Path) -> None:
        """Stacks go to this file from now on: at SIGUSR1, and when the process crashes.  It has a descriptor
        of its own, which is never closed before the next one serves: a crash finds it open."""
        with contextlib.suppress(OSError):
            new, old = open_log(path), self._descriptor
            faulthandler.enable(new, all_threads=True)
            faulthandler.register(signal.SIGUSR1, new, all_threads=True, chain=True)
            self._descriptor = new
            if old is not None:
                os.close(old)


def _tell_thread_fault(fault: threading.ExceptHookArgs) -> None:
    name = fault.thread.name if fault.thread else "?"
    if fault.exc_value is not None and not isinstance(fault.exc_value, SystemExit):
        _LOG.error("thread %s ended: %r", name, fault.exc_value, exc_info=fault.exc_value)


def _tell_unraisable(fault: sys.UnraisableHookArgs) -> None:
    words = fault.err_msg or "an exception that could not be raised"
    _LOG.error("%s: %r in %r", words, fault.exc_value, fault.object, exc_info=fault.exc_value)
