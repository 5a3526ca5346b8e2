"""Where our commands print, and how each of them ends.

Standard output holds an answer.  When it is full or closed the command says so and ends with a status of its
own, never with that of another answer.  A reader that went away (``| head``) wanted no more: the command goes
on to its end and keeps its status; one that has no end of its own stops then.  Standard error holds words
for people: whatever becomes of it changes nothing.  A character that a terminal has not is escaped.
"""

from __future__ import annotations

import codecs
import errno
import io
import os
import sys
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Final, TextIO

from hypernode.cli.exit_codes import Exit

if TYPE_CHECKING:
    from rich.console import Console

_STREAMS: Final = 3
"""Standard input, output and error have the first descriptors."""
_SHOWN_FRAMES: Final = 4
"""Of a fault of ours on a terminal: where it was, and how it came there."""
_GONE: Final = frozenset({errno.EPIPE, errno.ECONNRESET})
_PLAIN: Final = "hypernode.plain"
"""How a character that an encoding has not is written: see ``_replace``."""
_SUBSTITUTES: Final = {"…": "...", "→": "->", "–": "-", "◂": "<"}
"""Of what our own words and tables use; the rest is escaped."""


def _replace(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text = error.object[error.start : error.end]
    shown = (_SUBSTITUTES.get(c) or c.encode("ascii", "backslashreplace").decode("ascii") for c in text)
    return "".join(shown), error.end


codecs.register_error(_PLAIN, _replace)


class OutputLost(Exception):
    """Standard output does not take what is written; the text says why."""


class ReaderGone(OutputLost):
    """Who read standard output went away."""


class Answers(io.TextIOWrapper):
    """Standard output.  ``closed_before``: there was none when we were started."""

    def __init__(self, descriptor: int, encoding: str, *, closed_before: bool = False) -> None:
        raw = io.BufferedWriter(io.FileIO(descriptor, "wb", closefd=False))
        super().__init__(raw, encoding=encoding, errors=_PLAIN, line_buffering=os.isatty(descriptor))
        self._is_terminal = os.isatty(descriptor)
        self._is_missing = closed_before
        self._is_needed = False

    def need_reader(self) -> None:
        """From now on a reader that went away ends the command."""
        self._is_needed = True

    def write(self, text: str) -> int:
        """Raises OutputLost."""
        if self._is_missing and text:
            self._is_missing = False
            raise OutputLost("standard output is closed")
        try:
            return super().write(text)
        except OSError as error:
            self._lose(error)
        return len(text)

    def flush(self) -> None:
        """Raises OutputLost."""
        try:
            super().flush()
        except OSError as error:
            self._lose(error)

    def _lose(self, error: OSError) -> None:
        """What is still to come goes nowhere, so that it does not fail again when the interpreter ends."""
        _send_nowhere(self.fileno())
        if not self._is_reader_gone(error):
            raise OutputLost(f"standard output cannot be written: {error.strerror}") from None
        if self._is_needed:
            raise ReaderGone from None

    def _is_reader_gone(self, error: OSError) -> bool:
        """A pipe or a connection without another end, or a terminal that hung up."""
        return error.errno in _GONE or (self._is_terminal and error.errno == errno.EIO)


class Words(io.TextIOBase):
    """A stream for people, such as standard error: where it cannot be written it is silent.  It may be None,
    closed, a full disk, or a terminal that is gone."""

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream

    @property
    def encoding(self) -> str:  # type: ignore[override] # a field there
        return getattr(self._stream, "encoding", None) or "utf-8"

    def isatty(self) -> bool:
        try:
            return self._stream is not None and self._stream.isatty()
        except (OSError, ValueError):
            return False

    def fileno(self) -> int:
        """Raises OSError where there is none."""
        if self._stream is None:
            raise io.UnsupportedOperation("there is no such stream")
        return self._stream.fileno()

    def write(self, text: str) -> int:
        if self._stream is not None:
            try:
                self._stream.write(_fit(text, self.encoding))
            except (OSError, ValueError):
                self._give_up()
        return len(text)

    def flush(self) -> None:
        if self._stream is not None:
            try:
                self._stream.flush()
            except (OSError, ValueError):
                self._give_up()

    def _give_up(self) -> None:
        """What it still holds goes nowhere, so that it does not fail again when the interpreter ends."""
        stream, self._stream = self._stream, None
        try:
            if stream is not None:
                _send_nowhere(stream.fileno())
        except (OSError, ValueError):
            """It has no descriptor to be redirected."""


def _fit(text: str, encoding: str) -> str:
    """``text`` with what the encoding has not escaped."""
    return text.encode(encoding, _PLAIN).decode(encoding)


def _send_nowhere(descriptor: int) -> None:
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, descriptor)
    os.close(nowhere)


def make_console() -> Console:
    """Rich's, on standard output: told which stream, so that it keeps to what its encoding has."""
    from rich.console import Console

    return Console(file=sys.stdout)


def need_reader() -> None:
    """For a command without an end of its own: it ends when nobody reads what it prints."""
    if isinstance(sys.stdout, Answers):
        sys.stdout.need_reader()


def install_streams() -> None:
    """Put our streams in the place of standard output and error.  Descriptors that were closed are opened on
    nothing first: a file or socket that we open later must not become standard output."""
    missing = set()
    for descriptor in range(_STREAMS):
        try:
            os.fstat(descriptor)
        except OSError:
            missing.add(os.open(os.devnull, os.O_RDWR))
    if sys.stdin is None:
        sys.stdin = io.TextIOWrapper(io.BufferedReader(io.FileIO(0, closefd=False)), "utf-8")
    for descriptor in (1, 2):
        os.set_blocking(descriptor, True)  # a parent may have left it so that a write is refused
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    if sys.stdout is not None:
        sys.stdout.flush()
    sys.stdout = Answers(1, encoding, closed_before=1 in missing)
    sys.stderr = Words(sys.stderr)


def run_command(name: str, main: Callable[[], int]) -> int:
    """Run a command on our streams; its exit status.  Whatever it raises ends in a line on standard error
    and a status: the first word of the line is ``name``."""
    install_streams()
    try:
        status = main()
    except SystemExit:
        if words := _finish():
            return fail(name, words, Exit.OUTPUT)
        raise
    except ReaderGone:
        return Exit.READER_GONE
    except OutputLost as lost:
        return fail(name, str(lost), Exit.OUTPUT)
    except KeyboardInterrupt:
        return fail(name, "interrupted", Exit.INTERRUPTED)
    except ImportError as error:
        words = f"a package is missing ({error}): make venv, and start with .venv/bin/python"
        return fail(name, words, Exit.CONFIGURATION)
    except MemoryError:
        return fail(name, "out of memory: free some, and try again", Exit.TEMPORARY)
    except Exception as fault:
        return fail(name, describe_fault(fault), Exit.OUR_FAULT)
    if words := _finish():
        return fail(name, words, Exit.OUTPUT)
    return status


def _finish() -> str:
    """Write what is left; why that could not be done, if so."""
    try:
        sys.stdout.flush()
    except ReaderGone:
        """It had all that it wanted."""
    except OutputLost as lost:
        return str(lost)
    return ""


def fail(name: str, words: str, status: Exit) -> Exit:
    """Say on standard error why a command ends with ``status``."""
    print(f"{name}: {words}", file=sys.stderr, flush=True)
    return status


def describe_fault(fault: BaseException) -> str:
    """An exception that nobody expected on one line, for a report."""
    words = " ".join(str(fault).split())
    shown = f"{type(fault).__name__}: {words}" if words else type(fault).__name__
    return f"a fault of ours: {shown} (at {_list_places(fault.__traceback__)}): please report it"


def _list_places(trace: TracebackType | None) -> str:
    """Where it was raised, the innermost place first."""
    places = []
    while trace is not None:
        code = trace.tb_frame.f_code
        places.append(f"{os.path.basename(code.co_filename)}:{trace.tb_lineno} {code.co_name}")
        trace = trace.tb_next
    return ", ".join(places[: -_SHOWN_FRAMES - 1 : -1])
