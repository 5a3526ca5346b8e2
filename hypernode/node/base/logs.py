"""Logs: Tornado's loggers with its pretty printing, in rotated files of the run folder (spec 6, logging).

``logs/pos_app.log`` takes ``tornado.application``, ``logs/pos_access.log`` takes ``tornado.access``: cron
lines of operators watch them under these names.  A subject that an operator can switch on (``LOG``) has a
logger below the application's; what it says below WARNING is heard only then.
"""

from __future__ import annotations

import json
import logging
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final, TextIO

from tornado.log import LogFormatter

from hypernode.files.own_files import LOG_FOLDER, make_folder
from hypernode.node.base.log_files import ForeignLines, SteadyFile

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
_DATE_FORMAT: Final = "%Y-%m-%d %H:%M:%SZ"


def get_logger(topic: str = "") -> logging.Logger:
    """The application's logger, or that of one of ``TOPICS``."""
    return logging.getLogger(f"{APP_LOGGER}.{topic}" if topic else APP_LOGGER)


class _Formatter(LogFormatter):
    """Tornado's formatter in UTC, so that one moment has the same text on every host."""

    converter = staticmethod(time.gmtime)


class JsonFormatter(logging.Formatter):
    """One JSON object a line, with the fields that a line for people has (spec 10, 9)."""

    def format(self, record: logging.LogRecord) -> str:
        at = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        fields: dict[str, object] = {
            "time": f"{at}.{record.msecs:03.0f}Z",
            "level": record.levelname,
            "logger": record.name,
            "module": record.module,
            "line": record.lineno,
            "message": record.getMessage(),
        }
        if record.exc_info:
            fields["exception"] = self.formatException(record.exc_info)
        return json.dumps(fields, ensure_ascii=True, separators=(",", ":"))


def _make_formatter(*, is_json: bool, color: bool) -> logging.Formatter:
    return JsonFormatter() if is_json else _Formatter(fmt=_FORMAT, datefmt=_DATE_FORMAT, color=color)


class LogFiles:
    """The handlers that were set up; ``close`` takes them away again."""

    def __init__(self, handlers: list[tuple[str, logging.Handler]]) -> None:
        self._handlers = handlers
        self._root_level = logging.getLogger().level

    def reopen(self) -> None:
        """After SIGHUP: write to the files that have the names now."""
        for _, handler in self._handlers:
            if isinstance(handler, SteadyFile):
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
        logging.getLogger().setLevel(self._root_level)
        for name in (*FILES, *(get_logger(topic).name for topic in TOPICS)):
            logging.getLogger(name).setLevel(logging.NOTSET)


def setup_logging(
    folder: Path,
    *,
    level: str,
    topics: Iterable[str],
    verbose: bool,
    is_json: bool = False,
    console: TextIO | None = None,
    on_open: Callable[[Path], None] | None = None,
) -> LogFiles:
    """Log into ``folder``, and with ``verbose`` on ``console`` (standard error) too; without, it takes what
    no file does.  ``is_json``: each line an object (``LOG_FORMAT``).  ``on_open`` is called with each file of
    the application's log that was opened.  What libraries warn of goes where the application's lines go.
    Raises OSError where the folder or a file is something else."""
    make_folder(folder, LOG_FOLDER)
    console = console or sys.stderr
    handlers: list[tuple[str, logging.Handler]] = []
    for name, file_name in FILES.items():
        opened = on_open if on_open is not None and name == APP_LOGGER else _do_nothing
        file = _make_file(folder / file_name, None if verbose else console, opened)
        file.setFormatter(_make_formatter(is_json=is_json, color=False))
        handlers.append((name, file))
    if verbose:
        shown = logging.StreamHandler(console)
        shown.setFormatter(_make_formatter(is_json=is_json, color=True))
        handlers += [(name, shown) for name in FILES]
    handlers.append(("", ForeignLines([handler for name, handler in handlers if name == APP_LOGGER])))
    files = LogFiles(handlers)
    for name, handler in handlers:
        logger = logging.getLogger(name)
        logger.propagate = False
        logger.addHandler(handler)
    _set_levels(level, topics)
    try:
        for _, handler in handlers:
            if isinstance(handler, SteadyFile):
                handler.open()
    except BaseException:
        files.close()
        raise
    return files


def _do_nothing(path: Path) -> None:
    """For files that nobody follows."""


def _make_file(path: Path, fallback: TextIO | None, on_open: Callable[[Path], None]) -> SteadyFile:
    return SteadyFile(path, max_bytes=MAX_LOG_BYTES, kept=KEPT_FILES, fallback=fallback, on_open=on_open)


def _set_levels(level: str, topics: Iterable[str]) -> None:
    logging.getLogger().setLevel(logging.WARNING)
    for name in FILES:
        logging.getLogger(name).setLevel(level)
    switched_on = set(topics)
    least = logging.getLevelNamesMapping()[level]
    for topic in TOPICS:
        get_logger(topic).setLevel(least if topic in switched_on else max(least, logging.WARNING))
