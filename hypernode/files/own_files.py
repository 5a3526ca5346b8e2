"""Opens and creates files of ours so that nothing else is touched: the one place that decides how.

A folder that others may write to can hold a link where our file should be, and what we write would go into
somebody else's.  So what is ours is opened without following a link, must be a regular file with one name,
and is made with rights for nobody else.  Links on the way (``data`` on another disk) are the operator's and
are followed.  Who can change a folder while we look can always do harm in it: rights on folders keep others
out of ours.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Final

OWN_FILE: Final = 0o600
"""Key, journal, ledger, saved messages, locks: for us alone."""
LOG_FILE: Final = 0o640
"""A log is read by a group too: that of the tools which collect logs."""
OWN_FOLDER: Final = 0o700
LOG_FOLDER: Final = 0o750
_OTHERS: Final = stat.S_IRWXO
_NO_SYNC: Final = frozenset({errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP})
"""What a file system says that cannot sync: it does what it does without."""
_NO_FOLDER_SYNC: Final = _NO_SYNC | {errno.EBADF, errno.EACCES, errno.EISDIR}
_NO_CHMOD: Final = frozenset({errno.EPERM, errno.EROFS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS})
"""A file system without rights, or a file of another user: then the rights are his who gave them."""
_NO_LINKS: Final = frozenset(
    {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EINVAL}
)
"""What a file system says that has no hard links."""


DAMAGED: Final = (ValueError, TypeError, LookupError, AttributeError, RecursionError, OverflowError)
"""What reading a small JSON file may raise that somebody else wrote, or that is damaged."""


class LastingFault(OSError):
    """A fault of a file or its file system that no restart repairs; the text has the path and what to do."""


class UnsafeFile(LastingFault):
    """Something else lies where a file of ours should be."""


def open_own(path: Path | str, flags: int, mode: int = OWN_FILE) -> int:
    """``os.open`` for a file of ours: follows no link in its place, waits for no pipe.  Raises UnsafeFile,
    OSError."""
    try:
        descriptor = os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, mode)
    except OSError:
        check_own(path)
        raise
    try:
        _check(path, os.fstat(descriptor))
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def check_own(path: Path | str) -> None:
    """Raises UnsafeFile where something else lies in the place of a file of ours.  Nothing is fine."""
    with contextlib.suppress(FileNotFoundError):
        _check(path, os.lstat(path))


def _check(path: Path | str, found: os.stat_result) -> None:
    name = os.fspath(path)
    if stat.S_ISLNK(found.st_mode):
        raise UnsafeFile(
            f"{name} is a link; a file is expected here. Remove the link, or put the file itself in its place"
        )
    if not stat.S_ISREG(found.st_mode):
        raise UnsafeFile(f"{name} is no file. Move away what is there")
    if found.st_nlink > 1:
        raise UnsafeFile(
            f"{name} is a hard link: the file has {found.st_nlink} names, and writing here would change it "
            f"under the others. Copy it (cp -p), and move the copy to its place"
        )


def read_own(path: Path | str, max_bytes: int) -> bytes | None:
    """A file of ours; None where there is none.  Raises UnsafeFile, OSError, and ValueError for one of more
    than ``max_bytes``: it is none of ours."""
    try:
        descriptor = open_own(path, os.O_RDONLY)
    except FileNotFoundError:
        return None
    with os.fdopen(descriptor, "rb") as file:
        content = file.read(max_bytes + 1)
    if len(content) > max_bytes:
        raise ValueError(f"{os.fspath(path)} has more than {max_bytes} bytes")
    return content


def _open_at_once(path: str, flags: int) -> int:
    """A pipe that nobody writes to is opened, too, and then refused."""
    return os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC)


def read_bounded(path: Path, max_bytes: int) -> bytes:
    """A file that the operator named, however it came to its name; ``/dev/null`` is an empty one.  Raises
    OSError, and ValueError for one of more than ``max_bytes`` and for a pipe or a device, which keeps us
    waiting for who writes to it, and has nothing the second time (SIGHUP, ``hn_check.py``)."""
    with open(path, "rb", opener=_open_at_once) as file:
        found = os.fstat(file.fileno())
        if not stat.S_ISREG(found.st_mode) and found.st_rdev != os.stat(os.devnull).st_rdev:
            raise ValueError("it is no file, but a pipe or a device")
        content = file.read(max_bytes + 1)
    if len(content) > max_bytes:
        raise ValueError(f"it has more than {max_bytes} bytes")
    return content


@contextlib.contextmanager
def replacing(path: Path, mode: int = OWN_FILE) -> Iterator[IO[bytes]]:
    """A file beside ``path``, which is synced and put in its place when all went well, else removed.  What a
    killed process left beside is removed first.  Raises UnsafeFile, OSError."""
    check_own(path)
    beside = path.with_name(f".{path.name}.new")
    with make_new(beside, mode) as file:
        yield file
        sync_file(file)
        beside.replace(path)
    sync_folder(path.parent)


@contextlib.contextmanager
def make_new(path: Path, mode: int = OWN_FILE) -> Iterator[IO[bytes]]:
    """A new file, in place of what a killed process may have left; removed when something goes wrong.  Raises
    OSError."""
    path.unlink(missing_ok=True)  # of a link: the link, not what it leads to
    descriptor = open_own(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as file:
        try:
            yield file
        except BaseException:
            path.unlink(missing_ok=True)
            raise


def place_new(temporary: Path, path: Path) -> None:
    """Give a file its name, never over another.  Where there are no hard links the name is taken by an empty
    file first: who is killed just then leaves that.  Raises FileExistsError, OSError."""
    try:
        os.link(temporary, path)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        os.close(open_own(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL))
        temporary.replace(path)
    else:
        temporary.unlink()
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Or a power cut may undo a new name in it; nothing where the file system cannot.  Raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        _sync(descriptor, _NO_FOLDER_SYNC)
    finally:
        os.close(descriptor)


def sync_file(file: IO[bytes]) -> None:
    """What was written is on the disk; nothing where the file system cannot say so.  Raises OSError."""
    file.flush()
    _sync(file.fileno(), _NO_SYNC)


def _sync(descriptor: int, borne: frozenset[int]) -> None:
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in borne:
            raise


def make_folder(folder: Path, mode: int = OWN_FOLDER) -> None:
    """A folder of ours, made if there is none; nobody else may look into it.  Raises OSError."""
    try:
        folder.mkdir(mode=mode, parents=True)
    except FileExistsError:
        if not folder.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, "is no folder", str(folder)) from None
        keep_from_others(folder)


def keep_from_others(path: Path | str) -> None:
    """Take the rights of others away, if it is ours.  The group's stay: the operator may have given them."""
    try:
        mode = stat.S_IMODE(os.stat(path).st_mode)
        if mode & _OTHERS:
            os.chmod(path, mode & ~_OTHERS)
    except OSError as error:
        if error.errno not in _NO_CHMOD:
            raise


def prepare_database(path: Path) -> None:
    """Before SQLite opens ``path``, which follows links and makes files that everybody may read: what lies
    there is a file of ours, so are those that SQLite keeps beside it, and others may not read them.  Raises
    UnsafeFile, OSError."""
    for suffix in ("", "-journal", "-wal", "-shm"):
        check_own(f"{path}{suffix}")
    with contextlib.suppress(FileExistsError):
        os.close(open_own(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL))
    for suffix in ("", "-journal", "-wal", "-shm"):
        with contextlib.suppress(FileNotFoundError):
            keep_from_others(f"{path}{suffix}")


_PASSES: Final[Mapping[int, str]] = {
    errno.ENOENT: "it cannot be opened, for its folder is not there: mount the disk, or make the folder",
    errno.ENOSPC: "the disk is full: make room",
    errno.EDQUOT: "this user's share of the disk is used up: make room",
    errno.EROFS: "it can only be read: mount the disk writable",
    errno.EIO: "the disk fails: look at the system's log",
    errno.ENOLCK: "there are no locks at present: start the service of file locks, or use a local disk",
    errno.ESTALE: "the disk went away: mount it again",
    errno.EMFILE: "too few file descriptors: raise the limit (ulimit -n)",
    errno.ENFILE: "the host has no file descriptors left: raise its limit",
    errno.ENOMEM: "the host has no memory left",
}
"""What waiting, or somebody who mends the host, may end."""
_LASTS: Final[Mapping[int, str]] = {
    errno.EACCES: "it may not be used: run as the user that owns the run folder",
    errno.EPERM: "it may not be used: run as the user that owns the run folder",
    errno.ENAMETOOLONG: "the name is too long: give a shorter path",
    errno.ELOOP: "its links lead in a circle: mend them",
    errno.ENOTDIR: "a part of the path is no folder: give another path",
    errno.EISDIR: "a folder lies where a file should: move it away",
    errno.ENOSYS: "its file system cannot do that: use a local disk",
    errno.EOPNOTSUPP: "its file system cannot do that: use a local disk",
    errno.EILSEQ: "its file system does not take this name: give another path",
}
"""What only another path, owner or file system ends."""


def is_lasting(error: OSError) -> bool:
    """Whether no restart helps."""
    return isinstance(error, LastingFault) or error.errno in _LASTS


def explain(error: OSError) -> str:
    """Which file, what is wrong and what to do."""
    remedy = _PASSES.get(error.errno or 0) or _LASTS.get(error.errno or 0)
    if isinstance(error, LastingFault) or remedy is None:
        return str(error)
    place = f"{os.fsdecode(error.filename)}: " if error.filename is not None else ""
    return f"{place}{remedy} ({error.strerror})"


@contextlib.contextmanager
def naming(path: Path) -> Iterator[None]:
    """Calls on a descriptor do not know their file: their OSError gets its name."""
    try:
        yield
    except OSError as error:
        if error.filename is None and not isinstance(error, LastingFault):
            error.filename = os.fspath(path)
        raise
