"""Every way in which ``hn_instance.py`` ends: each is an exit status of the table, and a line in the log and
on standard error."""

from __future__ import annotations

import contextlib
import os
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from hypernode.app.last_words import APP_LOG_NAME, append_line
from hypernode.cli.exit_codes import Exit
from hypernode.cli.output import describe_fault
from hypernode.files.own_files import LOG_FOLDER, explain, is_lasting, make_folder

RUN_FOLDER_SIGNS: Final = ("config.txt", "poswallet.json", "data", "hn_instance.py")
"""A folder with one of them is a run folder: a log may be begun there."""


@dataclass(frozen=True, slots=True)
class End:
    """A status with its reason.  ``trace``: where a fault came from, for the log."""

    status: Exit
    words: str
    trace: str = ""


def judge_end(error: BaseException) -> End:
    """What an exception that ended the node means.  Of several the one that waiting helps least."""
    if isinstance(error, BaseExceptionGroup):
        ends = [judge_end(inner) for inner in error.exceptions]
        return max(ends, key=lambda end: _ORDER.index(end.status))
    if isinstance(error, ImportError):
        words = f"a package is missing ({error}): make venv, and start with .venv/bin/python"
        return End(Exit.CONFIGURATION, words)
    if isinstance(error, MemoryError):
        return End(Exit.TEMPORARY, "out of memory: free some, or give it more", _format(error))
    if isinstance(error, KeyboardInterrupt):
        return End(Exit.OK, "interrupted: stopped before it was up")
    return _judge_ours(error)


_ORDER: Final = (Exit.OK, Exit.TEMPORARY, Exit.CONFIGURATION, Exit.OUR_FAULT)


def _judge_ours(error: BaseException) -> End:
    """The rest of them, by types that have to be imported."""
    from hypernode.app.signals import Stopped
    from hypernode.config.parameter_table import ConfigError
    from hypernode.node.peers.listening import CannotListen
    from hypernode.ports.storage_faults import StorageFault
    from hypernode.storage.interface import StorageError
    from hypernode.wallet.locks import LockHeld
    from hypernode.wallet.pos_wallet import WalletError

    match error:
        case Stopped():
            return End(Exit.OK, f"{error}: stopped before it was up")
        case CannotListen():
            return End(Exit.TEMPORARY if error.is_temporary else Exit.CONFIGURATION, str(error))
        case ConfigError() | WalletError() | StorageError():
            return End(Exit.CONFIGURATION, str(error))
        case LockHeld() | StorageFault():
            return End(Exit.TEMPORARY, str(error))
        case OSError():
            return End(Exit.CONFIGURATION if is_lasting(error) else Exit.TEMPORARY, explain(error))
    return End(Exit.OUR_FAULT, describe_fault(error), _format(error))


def _format(error: BaseException) -> str:
    try:
        return "".join(traceback.format_exception(error)).rstrip()
    except MemoryError:
        return ""


def note_end(end: End, home: Path | None) -> None:
    """The reason into ``pos_app.log`` of the run folder.  Not where another process has the folder: the log
    is its own, and a script may go by when it was written last.  Standard error says it in any case."""
    if home is None:
        return
    logs = home / "logs"
    with contextlib.suppress(OSError, ValueError):
        if _is_in_use(home / "data" / "lock"):
            return
        if not logs.is_dir():
            if not any((home / name).exists() for name in RUN_FOLDER_SIGNS):
                return
            make_folder(logs, LOG_FOLDER)
        level = "I" if end.status == Exit.OK else "E"
        words = f"hn_instance ends with status {end.status:d}: {end.words}"
        append_line(logs / APP_LOG_NAME, level, f"{words}\n{end.trace}" if end.trace else words)


def _is_in_use(lock_path: Path) -> bool:
    """Another process holds the data folder.  Raises OSError."""
    try:
        from hypernode.wallet.locks import find_holder
    except ImportError:
        return False
    return find_holder(lock_path) not in (None, os.getpid())


def find_home(home: Path | None, index: int | None) -> Path | None:
    """The run folder of a command line, as the settings have it; None where it names none."""
    try:
        from hypernode.config.parameter_table import ConfigError
        from hypernode.config.settings import Flags, resolve_home
    except ImportError:
        folder = home or Path()
        return folder / f"node{index}" if index is not None else folder
    try:
        return resolve_home(Flags(home=home, index=index), Path.cwd())
    except (ConfigError, OSError):
        return None
