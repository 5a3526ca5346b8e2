"""Logs: Tornado's loggers with its pretty printing, in rotated files of the run folder (spec 6, logging).

``logs/pos_app.log`` takes ``tornado.application``, ``logs/pos_access.log`` takes ``tornado.access``: cron
lines of operators watch them under these names.  A subject that an operator can switch on (``LOG``) has a
logger below the application's; what it says below WARNING is heard only then.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable
from io import BufferedWriter, TextIOWrapper
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Final

from tornado.log import LogFormatter

from hypernode.files import LOG_FILE, LOG_FOLDER, keep_from_others, make_folder, open_own

APP_LOGGER: Final = "tornado.application"
ACCESS_LOGGER: Final = "tornado.access"
FILES: Final = {APP_LOGGER: "pos_app.log", ACCESS_LOGGER: "pos_access.log"}

TOPICS: Final = (
    "determine",
    "connections",
    "mempool",
    "srvmsg",
    "workermsg",
    "hello",
    "txdigest",
    "blockdigest",
    "timing",
)
MAX_LOG_BYTES: Final = 5_000_000
"""Some days of a busy node, and still quick to look through."""
KEPT_FILES: Final = 10
_FORMAT: Final = "%(color)s[%(levelname)1.1s %(asctime)s %(module)s:%(lineno)d]%(end_color)s %(message)s"
_DATE_FORMAT: Final = "%Y-%m-%d %H:%M:%S"
_FLOOR: Final = 0x20
_CEILING: Final = 0x7F
PRINTED_CHARS: Final = 200
"""Of a text that a peer sent: enough to recognise it, too little to fill a log."""


def get_logger(topic: str = "") -> logging.Logger:
    """The application's logger, or that of one of ``TOPICS``."""
    return logging.getLogger(f"{APP_LOGGER}.{topic}" if topic else APP_LOGGER)


class ReopeningHandler(RotatingFileHandler):
    """A rotated file that can be opened anew after somebody moved it away; never through a link."""

    def _open(self) -> TextIOWrapper[BufferedWriter]:
        descriptor = open_own(self.baseFilename, os.O_WRONLY | os.O_CREAT | os.O_APPEND, LOG_FILE)
        keep_from_others(self.baseFilename)
        return TextIOWrapper(os.fdopen(descriptor, "ab"), encoding=self.encoding, errors=self.errors)

    def reopen(self) -> None:
        """Close the file and open the one that has its name now."""
        self.acquire()
        try:
            old, self.stream = self.stream, self._open()
            if old is not None:
                old.close()
        finally:
            self.release()


class LogFiles:
    """The handlers that were set up; ``close`` takes them away again."""

    def __init__(self, handlers: list[tuple[str, logging.Handler]]) -> None:
        self._handlers = handlers

    def reopen(self) -> None:
        """After SIGHUP: write to the files that have the names now."""
        for _, handler in self._handlers:
            if isinstance(handler, ReopeningHandler):
                handler.reopen()

    def set_level(self, level: str, topics: Iterable[str]) -> None:
        """Take another level (DEBUG, INFO, …) and other subjects of ``LOG``."""
        _set_levels(level, topics)

    def close(self) -> None:
        """Flush and close everything."""
        for name, handler in self._handlers:
            logger = logging.getLogger(name)
            logger.removeHandler(handler)
            logger.propagate = True
            handler.close()
        self._handlers = []
        for name in (*FILES, *(get_logger(topic).name for topic in TOPICS)):
            logging.getLogger(name).setLevel(logging.NOTSET)


def setup_logging(folder: Path, *, level: str, topics: Iterable[str], verbose: bool) -> LogFiles:
    """Log into ``folder``, and with ``verbose`` on standard error too.  Raises OSError."""
    make_folder(folder, LOG_FOLDER)
    handlers: list[tuple[str, logging.Handler]] = []
    for name, file_name in FILES.items():
        file = ReopeningHandler(
            folder / file_name,
            maxBytes=MAX_LOG_BYTES,
            backupCount=KEPT_FILES,
            encoding="utf-8",
            errors="backslashreplace",  # a path may have bytes that are no UTF-8
        )
        file.setFormatter(LogFormatter(fmt=_FORMAT, datefmt=_DATE_FORMAT, color=False))
        handlers.append((name, file))
    if verbose:
        console = logging.StreamHandler()
        console.setFormatter(LogFormatter(fmt=_FORMAT, datefmt=_DATE_FORMAT))
        handlers += [(name, console) for name in FILES]
    for name, handler in handlers:
        logger = logging.getLogger(name)
        logger.propagate = False
        logger.addHandler(handler)
    _set_levels(level, topics)
    return LogFiles(handlers)


def _set_levels(level: str, topics: Iterable[str]) -> None:
    for name in FILES:
        logging.getLogger(name).setLevel(level)
    switched_on = set(topics)
    least = logging.getLevelNamesMapping()[level]
    for topic in TOPICS:
        get_logger(topic).setLevel(least if topic in switched_on else max(least, logging.WARNING))


def printable(value: str | bytes, limit: int = PRINTED_CHARS) -> str:
    """Text of a stranger for a log or a terminal: visible ASCII and spaces as they are, everything else (and
    the backslash) escaped, cut after ``limit`` characters of the original."""
    text = value.decode("latin-1") if isinstance(value, bytes) else value
    shown = "".join(_escape(char) for char in text[:limit])
    return f"{shown}… ({len(text)} in all)" if len(text) > limit else shown


def _escape(char: str) -> str:
    if char == "\\":
        return "\\\\"
    return char if _FLOOR <= ord(char) < _CEILING else char.encode("unicode_escape").decode("ascii")
