"""One process per data folder and per wallet: an exclusive lock on a file that names its holder.

The kernel frees the lock when its holder dies, however it dies; the file stays, and is no lock by itself.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from types import TracebackType
from typing import Final, Self

_MODE: Final = 0o600
_PID_BYTES: Final = 32


class LockHeld(Exception):
    """Another process holds the lock.  ``pid`` is None where the file does not tell."""

    def __init__(self, path: Path, subject: str, pid: int | None) -> None:
        holder = f"process {pid}" if pid is not None else "another process"
        super().__init__(f"{subject} is in use by {holder} (lock {path}): stop it first, or use another one")
        self.path = path
        self.pid = pid


class Lock:
    """A held lock; ``release`` or the end of a ``with`` frees it."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self._descriptor: int | None = descriptor

    def release(self) -> None:
        """Free it.  A second time does nothing."""
        if self._descriptor is not None:
            os.ftruncate(self._descriptor, 0)
            os.close(self._descriptor)
            self._descriptor = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


def acquire_lock(path: Path, subject: str) -> Lock:
    """Take the lock at ``path`` for this process; ``subject`` is what it guards, for the message.

    Raises LockHeld when another process (or another Lock of this one) holds it, OSError when the file cannot
    be made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, _MODE)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        pid = _read_pid(descriptor)
        os.close(descriptor)
        raise LockHeld(path, subject, pid) from None
    except BaseException:
        os.close(descriptor)
        raise
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, f"{os.getpid()}\n".encode("ascii"), 0)
    return Lock(path, descriptor)


def _read_pid(descriptor: int) -> int | None:
    text = os.pread(descriptor, _PID_BYTES, 0).strip()
    return int(text) if text.isdigit() else None


def find_holder(path: Path) -> int | None:
    """The process that holds the lock at ``path``; None for nobody.  Raises OSError when the file cannot be
    read.

    Only a look: the lock is tried where the file names a process that lives, and there it is held, so that
    nobody who is about to take it finds it taken by us."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return None
    try:
        pid = _read_pid(descriptor)
        if pid is None or not _is_alive(pid):
            return None
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return pid
    finally:
        os.close(descriptor)
    return None


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
