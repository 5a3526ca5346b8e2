"""Paths that an operator gives: made absolute, and refused where no file can exist.

A user that does not exist (``~nosuch``), links in a circle, a NUL, a name that is too long, a file in place
of a folder: each is a fault of the configuration, with the place where it was given.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from hypernode.config.parameter_table import ConfigError

_SHOWN_CHARS: Final = 200
"""Of a path that cannot be."""


def resolve_path(path: Path | str, base: Path, source: str, line: int = 0, key: str = "") -> Path:
    """``path`` from ``base`` on, absolute and without links; ``source``, ``line`` and ``key`` say where it
    was given.  What is not there, or may not be looked at, is no fault.  Raises ConfigError."""
    try:
        resolved = (base / Path(path).expanduser()).resolve()
        resolved.lstat()
    except (FileNotFoundError, PermissionError):
        return resolved
    except (RuntimeError, ValueError, OSError) as error:
        words = error.strerror if isinstance(error, OSError) else str(error)
        shown = ascii(os.fspath(path))[1:-1]
        expected = f"{shown[:_SHOWN_CHARS]!r} cannot be a path ({words})"
        raise ConfigError(source, line, key, expected, "Give the path of a file or folder") from error
    return resolved


def follow_later(path: Path | str, base: Path, source: str, line: int = 0, key: str = "") -> Path:
    """The same for a path into the companion's folders: links stay in it, for they are followed anew at each
    use, and what cannot be looked at is a fault to wait out (spec 5).  Raises ConfigError for the home of
    somebody unknown, and for what no system could have."""
    try:
        if "\0" in os.fspath(path):
            raise ValueError("embedded null byte")
        wanted, start = Path(path).expanduser(), base.resolve()
    except (RuntimeError, ValueError, OSError) as error:
        expected = f"{ascii(os.fspath(path))[:_SHOWN_CHARS]} cannot be a path ({error})"
        raise ConfigError(source, line, key, expected, "Give the path of a file or folder") from error
    while wanted.parts[:1] == ("..",):
        start, wanted = start.parent, Path(*wanted.parts[1:])
    return start / wanted


def get_start_folder() -> Path:
    """Where the program was started.  Raises ConfigError when that folder is gone."""
    try:
        return Path.cwd()
    except OSError as error:
        expected = f"the folder that it was started in is gone ({error.strerror})"
        raise ConfigError(
            ".", 0, "", expected, "Change to the run folder (cd), and start it there"
        ) from error
