"""One process per data folder and per wallet: an exclusive lock on a file that names its holder.

The kernel frees the lock when its holder dies, however it dies; the file stays, and is no lock by itself.
Somebody may remove it under a running node ("a stale lock"), and a second one would lock another file under
the same name.  So what it guards is locked itself as well, the folder or the wallet, which has the same
inode by every name; and the holder looks now and then whether its file is still there (``renew``).
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from hypernode.files.own_files import LastingFault, keep_from_others, naming, open_own

_PID_BYTES: Final = 32
_MAX_PID: Final = 2**31 - 1
_NO_LOCKS: Final = frozenset({errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EINVAL})
"""What a file system says that has none.  Not ENOLCK: its service may only be late."""
_NOT_ITSELF: Final = frozenset({*_NO_LOCKS, errno.EBADF, errno.ENOLCK, errno.EACCES, errno.EPERM})
"""What a network's file system says that locks only what is open for writing: the lock file must do."""
_TRIES: Final = 5
"""To lock a file that is removed at the same moment."""


class LockHeld(Exception):
    """Another process holds the lock.  ``pid`` is None where the file does not tell."""

    def __init__(self, path: Path, subject: str, pid: int | None) -> None:
        holder = f"process {pid}" if pid is not None else "another process"
        super().__init__(f"{subject} is in use by {holder} (lock {path}): stop it first, or use another one")
        self.path = path
        self.pid = pid


class Lock:
    """A held lock; ``release`` or the end of a ``with`` frees it."""

    def __init__(self, path: Path, subject: str, descriptor: int, guarded: int | None) -> None:
        self.path = path
        self._subject = subject
        self._descriptor: int | None = descriptor
        self._guarded = guarded

    def renew(self) -> bool:
        """Make the file again if somebody removed it; whether that was so.  Raises LockHeld when another
        process was quicker, OSError when it cannot be made: then what it guards is gone, too."""
        if self._descriptor is None or _is_at(self._descriptor, self.path):
            return False
        descriptor = _lock(self.path, self._subject)
        os.close(self._descriptor)
        self._descriptor = descriptor
        return True

    def touch(self) -> None:
        """Give its file the time of now, as a sign of life: also on a full disk, where no log can be written.
        A file system that cannot has no such sign."""
        if self._descriptor is not None:
            with contextlib.suppress(OSError):
                os.utime(self._descriptor)

    def release(self) -> None:
        """Free it.  A second time does nothing."""
        if self._descriptor is not None:
            os.ftruncate(self._descriptor, 0)
            os.close(self._descriptor)
            self._descriptor = None
        if self._guarded is not None:
            os.close(self._guarded)
            self._guarded = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


def acquire_lock(path: Path, subject: str, *, guarded: Path | None = None) -> Lock:
    """Take the lock at ``path`` for this process; ``subject`` is what it guards, for the message, and
    ``guarded`` the file or folder itself.

    Raises LockHeld when another process (or another Lock of this one) holds it, OSError when the file cannot
    be made or cannot be locked."""
    descriptor = _lock(path, subject)
    try:
        return Lock(path, subject, descriptor, _guard(guarded, path, subject))
    except BaseException:
        os.close(descriptor)
        raise


def _lock(path: Path, subject: str) -> int:
    for _ in range(_TRIES):
        descriptor = open_own(path, os.O_RDWR | os.O_CREAT)
        try:
            with naming(path):
                _flock(descriptor, path, subject)
                if _is_at(descriptor, path):
                    os.ftruncate(descriptor, 0)
                    os.pwrite(descriptor, f"{os.getpid()}\n".encode("ascii"), 0)
                    keep_from_others(path)
                    return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)
    raise LockHeld(path, subject, None)


def _flock(descriptor: int, path: Path, subject: str) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise LockHeld(path, subject, _read_pid(descriptor)) from None
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise
        raise LastingFault(
            f"{path}: its file system has no file locks ({error.strerror}), and without them two nodes could "
            "sign with one key: put the run folder and the wallet on a local disk"
        ) from error


def _guard(guarded: Path | None, path: Path, subject: str) -> int | None:
    """Lock the thing itself, where it is there and can be."""
    if guarded is None:
        return None
    try:
        descriptor = os.open(guarded, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise LockHeld(path, subject, None) from None
    except OSError as error:
        os.close(descriptor)
        if error.errno not in _NOT_ITSELF:
            raise
        return None
    return descriptor


def _is_at(descriptor: int, path: Path) -> bool:
    try:
        there = os.lstat(path)
    except FileNotFoundError:
        return False
    held = os.fstat(descriptor)
    return (there.st_dev, there.st_ino) == (held.st_dev, held.st_ino)


def _read_pid(descriptor: int) -> int | None:
    text = os.pread(descriptor, _PID_BYTES, 0).strip()
    return int(text) if text.isdigit() and 0 < int(text) <= _MAX_PID else None


def find_unfinished(path: Path) -> int | None:
    """The process that had the lock at ``path`` and ended without freeing it: killed, or with its host.  To
    be asked before the lock is taken; None too where the file cannot be read."""
    try:
        descriptor = open_own(path, os.O_RDONLY)
    except OSError:
        return None
    try:
        return _read_pid(descriptor)
    finally:
        os.close(descriptor)


def find_holder(path: Path) -> int | None:
    """The process that holds the lock at ``path``; None for nobody.  Raises OSError when the file cannot be
    read.

    Only a look: the lock is tried where the file names a process that lives, and there it is held, so that
    nobody who is about to take it finds it taken by us."""
    try:
        descriptor = open_own(path, os.O_RDONLY)
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
