"""Archives of files (``.tar``, ``.tar.gz``): written whole or not at all, and read without trust.

What comes from elsewhere may be made to hurt: names that lead out of the folder, links, devices, sizes that
fill the disk or the memory.  Only what is asked for by name is taken out, and nothing stays of an archive
that has a member of another kind.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import shutil
import tarfile
import zlib
from collections.abc import Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import BinaryIO, Final, cast

from hypernode.files.own_files import make_new, sync_file, sync_folder
from hypernode.storage.archive.foreign import require_file
from hypernode.storage.interface import StorageError

MAX_MEMBERS: Final = 500
"""An archive of the network has a handful."""
MAX_BYTES: Final = 32 * 1024**3
"""Of all members together: several times main as legacy nodes store it."""
_MAX_READ: Final = 64 * 1024
"""What is copied at once."""
_MAX_HEADER: Final = 2_048
"""A header of an archive that asks for more is none of ours.  Some versions of Python take the square of its
length to read one: 20 ms for this."""
_MAX_HEADERS: Final = 512 * 1024
"""Of all headers together: a thousand blocks, or some seconds of the worst."""
_MAX_RATIO: Final = 200
"""Bytes that come out of one: a ledger packs to a quarter.  Deflate can do a thousand."""
_FREE_BYTES: Final = 64 * 1024**2
"""Of which the ratio does not matter: a small file may be all zeros."""
_SHOWN_CHARS: Final = 100
_ARCHIVE_MODE: Final = 0o644
"""It is made for others."""
_GZIP_MAGIC: Final = b"\x1f\x8b"
_TAR_MAGIC: Final = b"ustar"
_TAR_MAGIC_AT: Final = 257
_FAULTS: Final = (
    tarfile.TarError,
    EOFError,
    zlib.error,
    gzip.BadGzipFile,
    ValueError,
    OverflowError,
    RecursionError,
)


def is_archive(path: Path) -> bool:
    """Whether the file begins as one; by its content, whatever its name.  Raises StorageError, OSError."""
    path.stat()
    require_file(path)  # before it is opened: a pipe has no beginning
    with path.open("rb") as file:
        head = file.read(_TAR_MAGIC_AT + len(_TAR_MAGIC))
    return head.startswith(_GZIP_MAGIC) or head[_TAR_MAGIC_AT:] == _TAR_MAGIC


def extract(
    path: Path,
    names: Collection[str],
    folder: Path,
    max_bytes: int = MAX_BYTES,
    *,
    limits: Mapping[str, int] = MappingProxyType({}),
) -> dict[str, Path]:
    """Take the files called ``names`` (whatever folder of the archive they are in) out into ``folder``; where
    they are now.  ``limits``: bytes that a file of some name may have.  Raises
    StorageError for an archive that is not harmless or not whole, OSError."""
    found: dict[str, Path] = {}
    total = members = 0
    try:
        with ExitStack() as stack:
            plain = _open(path, stack)
            archive = stack.enter_context(tarfile.open(fileobj=plain, mode="r:", errorlevel=2))
            while (member := archive.next()) is not None:
                archive.members = []  # type: ignore[attr-defined]  # each keeps its headers
                members, total = members + 1, total + member.size
                _check_member(path, member)
                if members > MAX_MEMBERS or total > max_bytes:
                    raise StorageError(
                        f"{path}: more than {MAX_MEMBERS} files or {max_bytes} bytes are in it"
                    )
                name = PurePosixPath(member.name).name
                if member.isfile() and name in names:
                    if member.size > limits.get(name, max_bytes):
                        raise StorageError(f"{path}: {name} has more than {limits[name]} bytes")
                    if name in found:
                        raise StorageError(f"{path}: there are two files {name} in it")
                    found[name] = folder / name
                    with plain.copying():
                        _copy(archive, member, found[name])
    except BaseException as error:
        for taken in found.values():
            taken.unlink(missing_ok=True)
        if isinstance(error, _FAULTS):
            raise StorageError(f"{path}: this archive is damaged ({error}): fetch it again") from error
        raise
    return found


def write_archive(path: Path, files: Mapping[str, Path], created: int) -> None:
    """Pack ``files`` (name to where it is) into a ``.tar.gz``; ``created`` (unix s) is their time.  Raises
    OSError."""
    beside = path.with_name(f".{path.name}.new")
    with make_new(beside, _ARCHIVE_MODE) as raw:
        with (
            gzip.GzipFile(filename="", fileobj=raw, mode="wb", compresslevel=6, mtime=created) as packed,
            tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive,
        ):
            for name, source in files.items():
                member = tarfile.TarInfo(name)
                member.size, member.mtime, member.mode = source.stat().st_size, created, 0o644
                with source.open("rb") as content:
                    archive.addfile(member, content)
        sync_file(raw)
        beside.replace(path)
    sync_folder(path.parent)


def compute_sha256(path: Path) -> str:
    """Of a file, in hexadecimal.  Raises OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _show(member: tarfile.TarInfo) -> str:
    return ascii(member.name[:_SHOWN_CHARS])


def _check_member(path: Path, member: tarfile.TarInfo) -> None:
    name = PurePosixPath(member.name)
    if name.is_absolute() or ".." in name.parts or "\\" in member.name or "\0" in member.name:
        raise StorageError(f"{path}: {_show(member)} leads out of the folder: this archive is not safe")
    if not (member.isfile() or member.isdir()) or member.issparse():
        raise StorageError(
            f"{path}: {_show(member)} is neither a file nor a folder: this archive is not safe"
        )
    if member.size < 0:
        raise StorageError(f"{path}: {_show(member)} has an impossible size")


def _open(path: Path, stack: ExitStack) -> _Careful:
    raw = stack.enter_context(path.open("rb"))
    is_packed = raw.read(len(_GZIP_MAGIC)) == _GZIP_MAGIC
    raw.seek(0)
    plain = cast(BinaryIO, stack.enter_context(gzip.GzipFile(fileobj=raw)) if is_packed else raw)
    return _Careful(plain, raw if is_packed else None)


def _copy(archive: tarfile.TarFile, member: tarfile.TarInfo, target: Path) -> None:
    source = archive.extractfile(member)
    if source is None:
        raise StorageError(f"{_show(member)} cannot be read from the archive")
    free = shutil.disk_usage(target.parent).free
    if member.size > free:
        raise StorageError(f"{target.parent}: {member.size} bytes are needed, {free} are free: make room")
    copied = 0
    with source, target.open("xb") as file:
        while chunk := source.read(_MAX_READ):
            file.write(chunk)
            copied += len(chunk)
    if copied != member.size:
        raise EOFError(f"{_show(member)} ends early")


class _Careful(io.RawIOBase):
    """A file that refuses to give much at once, for headers say how long they are; and one that is unpacked
    from ``packed``, to become much out of little."""

    def __init__(self, file: BinaryIO, packed: BinaryIO | None) -> None:
        self._file = file
        self._packed = packed
        self._headers = 0
        self._is_copying = False

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    @contextmanager
    def copying(self) -> Iterator[None]:
        """What is read meanwhile is no header."""
        self._is_copying = True
        try:
            yield
        finally:
            self._is_copying = False

    def read(self, size: int = -1) -> bytes:
        if not self._is_copying:
            self._headers += max(size, 0)
        most = _MAX_READ if self._is_copying else _MAX_HEADER
        if not 0 <= size <= most or self._headers > _MAX_HEADERS:
            raise tarfile.ReadError("a header in it asks for too much")
        return self._take(size)

    def _take(self, size: int) -> bytes:
        content = self._file.read(size)
        if self._packed is not None:
            unpacked = self._file.tell()
            if unpacked > _FREE_BYTES and unpacked > _MAX_RATIO * self._packed.tell():
                raise tarfile.ReadError(f"over {_MAX_RATIO} bytes come out of each: no ledger packs so well")
        return content

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Forward in a packed file is reading, and bounded as that."""
        while self._packed is not None and whence == io.SEEK_SET and (left := offset - self.tell()) > 0:
            if not self._take(min(left, _MAX_READ)):
                break
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()
