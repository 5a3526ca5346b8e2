"""Files of the log that take every line they can (spec 10, logs).

A file that cannot be rotated grows; one that was moved or removed is made anew; lines that no file takes go
to standard error, and the file says how many it misses when it can be written again.
"""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Callable, Sequence
from io import TextIOWrapper
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Final, TextIO

from hypernode.files.own_files import (
    LOG_FILE,
    LOG_FOLDER,
    LastingFault,
    keep_from_others,
    make_folder,
    open_own,
)

LOOK_EVERY_S: Final = 1.0
"""Between looks whether the file still has its name: cron lines watch it by that."""
ROTATE_AGAIN_S: Final = 60.0
"""After a rotation that failed: a disk or an operator may mend it meanwhile."""
MAX_FOREIGN_LINES: Final = 20
"""Of one library in ``FOREIGN_SPAN_S``: enough to know what goes on; a faulty loop says hundreds a second."""
FOREIGN_SPAN_S: Final = 60.0
MAX_LIBRARIES: Final = 64
"""Loggers that are counted: there are some ten.  What comes beyond shares a count."""


class SteadyFile(RotatingFileHandler):
    """One file of the log.  ``fallback`` takes what cannot be written; ``on_open`` is called with each file
    that was opened.  Times are those of the records."""

    def __init__(
        self,
        path: Path,
        *,
        max_bytes: int,
        kept: int,
        fallback: TextIO | None = None,
        on_open: Callable[[Path], None],
    ) -> None:
        self._on_open = on_open
        self._fallback = fallback
        self._looked_at = self._rotate_at = 0.0
        self._missed = 0
        self._error = ""
        super().__init__(path, maxBytes=max_bytes, backupCount=kept, encoding="utf-8", delay=True)

    def open(self) -> None:
        """Make the file, so that it is there before the first line.  Raises LastingFault where something else
        is in its place; what else fails is told with that line."""
        try:
            self.stream = self._open()
        except LastingFault:
            raise
        except OSError as error:
            self._error = str(error)

    def emit(self, record: logging.LogRecord) -> None:
        line = self.format(record) + self.terminator
        try:
            self._write(line, record)
        except (OSError, ValueError) as error:
            self._drop_stream()
            self._missed += 1
            self._error = str(error)
            if self._fallback is not None:
                self._fallback.write(line)
                self._fallback.flush()

    def reopen(self) -> None:
        """Write to the file that has the name now.  Where none can be opened the old one goes on."""
        self.acquire()
        try:
            with contextlib.suppress(OSError):
                new = self._open()
                self._drop_stream()
                self.stream = new
        finally:
            self.release()

    def _write(self, line: str, record: logging.LogRecord) -> None:
        if record.created - self._looked_at >= LOOK_EVERY_S or record.created < self._looked_at:
            self._looked_at = record.created
            if not self._has_its_name():
                self.reopen()
        stream = self.stream = self.stream or self._open()
        size = os.fstat(stream.fileno()).st_size
        length = len(line.encode("utf-8", "backslashreplace"))
        if self.maxBytes and size and size + length > self.maxBytes and self._may_rotate(record.created):
            stream = self._rotate(record)
        if self._missed:
            stream.write(self._make_line(record, f"{self._missed} lines are missing here: {self._error}"))
        stream.write(line)
        stream.flush()
        self._missed = 0

    def _rotate(self, record: logging.LogRecord) -> TextIOWrapper:
        """Rotate the file.  Raises OSError if no file can be opened any more."""
        try:
            self.doRollover()
        except OSError as error:
            self._rotate_at = record.created + ROTATE_AGAIN_S
            self._drop_stream()
            self.stream = self._open()
            self.stream.write(self._make_line(record, f"the log cannot be rotated, and grows: {error}"))
        else:
            self.stream = self._open()
        return self.stream

    def _may_rotate(self, now: float) -> bool:
        """Whether to try: not again just after it failed; a clock that was set back is no reason to wait."""
        return not 0 < self._rotate_at - now <= ROTATE_AGAIN_S

    def _make_line(self, record: logging.LogRecord, text: str) -> str:
        """A line of our own, at the time of ``record``."""
        own = logging.LogRecord("", logging.WARNING, __file__, 0, text, None, None)
        own.created, own.msecs = record.created, record.msecs
        return self.format(own) + self.terminator

    def _has_its_name(self) -> bool:
        if self.stream is None:
            return True
        try:
            named, ours = os.stat(self.baseFilename), os.fstat(self.stream.fileno())
        except OSError:
            return False
        return (named.st_dev, named.st_ino) == (ours.st_dev, ours.st_ino)

    def _drop_stream(self) -> None:
        stream, self.stream = self.stream, None
        if stream is not None:
            with contextlib.suppress(OSError):
                stream.close()

    def _open(self) -> TextIOWrapper:
        """Open the file, never through a link.  Raises OSError."""
        path = Path(self.baseFilename)
        if path.parent.parent.exists() and not path.parent.exists():
            make_folder(path.parent, LOG_FOLDER)
        descriptor = open_own(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, LOG_FILE)
        keep_from_others(path)
        self._on_open(path)
        return open(descriptor, "a", encoding="utf-8", errors="backslashreplace")


class ForeignLines(logging.Handler):
    """Passes lines of libraries and the interpreter to the handlers of our own lines: only so many of each in
    a while; the rest is counted."""

    def __init__(self, targets: Sequence[logging.Handler]) -> None:
        super().__init__()
        self._targets = targets
        self._spans: dict[str, tuple[float, int]] = {}

    def emit(self, record: logging.LogRecord) -> None:
        name = record.name if record.name in self._spans or len(self._spans) < MAX_LIBRARIES else ""
        begun, count = self._spans.get(name, (record.created, 0))
        if not 0 <= record.created - begun < FOREIGN_SPAN_S:
            if count > MAX_FOREIGN_LINES:
                self._pass_on(_tell_omitted(record, count - MAX_FOREIGN_LINES))
            begun, count = record.created, 0
        self._spans[name] = begun, count + 1
        if count < MAX_FOREIGN_LINES:
            self._pass_on(record)

    def _pass_on(self, record: logging.LogRecord) -> None:
        for target in self._targets:
            target.handle(record)


def _tell_omitted(record: logging.LogRecord, count: int) -> logging.LogRecord:
    words = "%d more lines of %s in a minute are left out"
    told = logging.LogRecord(record.name, logging.WARNING, __file__, 0, words, (count, record.name), None)
    told.created, told.msecs = record.created, record.msecs
    return told
