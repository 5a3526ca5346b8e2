"""Whether a companion's ledger file may be opened at all (spec 5, what reading the ledger file asks for).

Nothing may ever be made beside it.  To open a WAL ledger that nobody has open makes ``-wal`` and ``-shm`` of
*our* user, and the PoW node, started as another one, then hangs for ever.  So a WAL file is opened only
where both are there, or where we are the file's user and what we make is the node's as well.  While we hold
the lock that every reader of SQLite has, nobody can close the file cleanly and take the two away between
our look and SQLite's."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from hypernode.ports.registrations import PowNotReady

_FLAGS: Final = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC
"""Not to wait for the other end of a pipe that is in its place."""
HEADER_BYTES: Final = 100
_SQLITE_MAGIC: Final = b"SQLite format 3\0"
_WAL_VERSION: Final = b"\x02\x02"
_WAL_VERSION_AT: Final = 18
"""Offset of the two bytes of a database's header that say which journal mode it is in."""
_SHARED_LOCK: Final = struct.pack("@hhqqi0q", fcntl.F_RDLCK, os.SEEK_SET, 0x4000_0002, 510, 0)
"""The bytes that a reader of SQLite locks (its file format, locking), as a ``struct flock``."""
_LOCKED: Final = frozenset({errno.EAGAIN, errno.EACCES})

_MISSING: Final = (
    "there is no such file; expected the PoW node's ledger (set POW_LEDGER_DB or --pow-ledger to its "
    "static/ledger.db)"
)
_REASONS: Final = {
    errno.ENOENT: _MISSING,
    errno.ENOTDIR: _MISSING,
    errno.EACCES: (
        "this user may not look there; expected a file that it may read, in folders that it may search: "
        "give it "
        "both (chmod, setfacl), or its group"
    ),
    errno.ENAMETOOLONG: "the name is too long; expected the path of the PoW node's ledger (POW_LEDGER_DB)",
    errno.ELOOP: "links lead round in a circle; expected a link to the PoW node's ledger: make it anew",
    errno.ESTALE: "the network mount is stale; mount it again",
}


def explain_unreachable(path: Path, error: OSError | ValueError) -> str:
    """Words for the operator on a path that cannot be looked at."""
    reason = _REASONS.get(error.errno or 0) if isinstance(error, OSError) else "it is no path"
    return f"{path}: {reason or f'cannot be looked at ({error}); expected the ledger of the PoW node'}"


def is_wal(path: Path) -> bool:
    """Whether a database is in WAL mode, by its header; False for a file that cannot be read."""
    return _is_wal_header(read_header(path))


def read_header(path: Path) -> bytes:
    """The first bytes of a database; none of what is no file, or cannot be read.  Never waits for the other
    end of a pipe."""
    try:
        descriptor = os.open(path, _FLAGS)
        try:
            return (
                os.pread(descriptor, HEADER_BYTES, 0) if stat.S_ISREG(os.fstat(descriptor).st_mode) else b""
            )
        finally:
            os.close(descriptor)
    except (OSError, ValueError):
        return b""


def _is_wal_header(header: bytes) -> bool:
    return header.startswith(_SQLITE_MAGIC) and header[_WAL_VERSION_AT:].startswith(_WAL_VERSION)


def find_unopenable(path: Path, *, makes_nothing: bool = False) -> str:
    """Why the ledger cannot be opened now, for the operator; empty where it can.  ``makes_nothing``: nor
    where ``-wal`` and ``-shm`` would be made, though as the node's own user."""
    try:
        with hold_openable(path, makes_nothing=makes_nothing):
            return ""
    except PowNotReady as problem:
        return str(problem)


@contextmanager
def hold_openable(path: Path, *, makes_nothing: bool = False) -> Iterator[None]:
    """For as long as the ledger is open.  Raises PowNotReady when it must not be opened."""
    try:
        descriptor = os.open(path, _FLAGS)
    except (OSError, ValueError) as error:
        raise PowNotReady(explain_unreachable(path, error)) from error
    try:
        try:
            found = os.fstat(descriptor)
            if not stat.S_ISREG(found.st_mode):
                raise PowNotReady(f"{path}: this is no file; expected the PoW node's ledger (POW_LEDGER_DB)")
            header = os.pread(descriptor, HEADER_BYTES, 0)
        except OSError as error:
            raise PowNotReady(explain_unreachable(path, error)) from error
        if _is_wal_header(header) and (makes_nothing or found.st_uid != os.geteuid()):
            _require_in_use(path, descriptor)
        else:
            # to close it later would drop the locks that SQLite has on the file in this process
            os.close(descriptor)
            descriptor = -1
        yield
    finally:
        if descriptor >= 0:
            os.close(descriptor)


def _require_in_use(path: Path, descriptor: int) -> None:
    """Raises PowNotReady unless somebody has this WAL file open, or left it so."""
    try:
        fcntl.fcntl(descriptor, fcntl.F_OFD_SETLK, _SHARED_LOCK)
    except OSError as error:
        # some file systems have no such locks: the look alone is nearly as good
        if error.errno in _LOCKED:
            raise PowNotReady(
                f"{path}: the PoW node is just opening or closing it; looked at again"
            ) from error
    beside = [Path(f"{path.resolve()}{end}") for end in ("-wal", "-shm")]
    try:
        missing = [file.name for file in beside if not file.exists()]
    except OSError as error:
        raise PowNotReady(explain_unreachable(path, error)) from error
    if missing:
        raise PowNotReady(
            f"{path}: a ledger in WAL mode without its {' and '.join(missing)}: nobody has it open, "
            "the PoW node does not run. Opening it would make them, as files of this user, and the node "
            "could not "
            "write any more: start the PoW node, which keeps them there"
        )
