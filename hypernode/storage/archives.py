"""Archives of files (``.tar``, ``.tar.gz``): written whole or not at all, and read without trust.

What comes from elsewhere may be made to hurt: names that lead out of the folder, links, devices, sizes that
fill the disk or the memory.  Only what is asked for by name is taken out, and nothing stays of an archive
that has a member of another kind.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import shutil
import tarfile
import zlib
from collections.abc import Collection, Mapping
from contextlib import ExitStack
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Final, cast

from hypernode.storage.interface import StorageError

MAX_MEMBERS: Final = 1_000
"""An archive of the network has a handful."""
MAX_BYTES: Final = 32 * 1024**3
"""Of all members together: several times main as legacy nodes store it."""
_MAX_READ: Final = 1024 * 1024
"""What is read at once; a header of an archive that asks for more is none of ours."""
_GZIP_MAGIC: Final = b"\x1f\x8b"
_TAR_MAGIC: Final = b"ustar"
_TAR_MAGIC_AT: Final = 257
_FAULTS: Final = (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile, ValueError, OverflowError)


def is_archive(path: Path) -> bool:
    """Whether the file begins as one; by its content, whatever its name.  Raises OSError."""
    with path.open("rb") as file:
        head = file.read(_TAR_MAGIC_AT + len(_TAR_MAGIC))
    return head.startswith(_GZIP_MAGIC) or head[_TAR_MAGIC_AT:] == _TAR_MAGIC


def extract(path: Path, names: Collection[str], folder: Path, max_bytes: int = MAX_BYTES) -> dict[str, Path]:
    """Take the files called ``names`` (whatever folder of the archive they are in) out into ``folder``; where
    they are now.  Raises StorageError for an archive that is not harmless or not whole, OSError."""
    found: dict[str, Path] = {}
    total = members = 0
    try:
        with ExitStack() as stack:
            archive = stack.enter_context(_open(path, stack))
            for member in archive:
                members, total = members + 1, total + member.size
                _check_member(path, member)
                if members > MAX_MEMBERS or total > max_bytes:
                    raise StorageError(
                        f"{path}: more than {MAX_MEMBERS} files or {max_bytes} bytes are in it"
                    )
                name = PurePosixPath(member.name).name
                if member.isfile() and name in names:
                    if name in found:
                        raise StorageError(f"{path}: there are two files {name} in it")
                    found[name] = folder / name
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
    try:
        with beside.open("wb") as raw:
            with (
                gzip.GzipFile(filename="", fileobj=raw, mode="wb", compresslevel=6, mtime=created) as packed,
                tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive,
            ):
                for name, source in files.items():
                    member = tarfile.TarInfo(name)
                    member.size, member.mtime, member.mode = source.stat().st_size, created, 0o644
                    with source.open("rb") as content:
                        archive.addfile(member, content)
            raw.flush()
            os.fsync(raw.fileno())
        beside.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise


def compute_sha256(path: Path) -> str:
    """Of a file, in hexadecimal.  Raises OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _check_member(path: Path, member: tarfile.TarInfo) -> None:
    name = PurePosixPath(member.name)
    if name.is_absolute() or ".." in name.parts or "\\" in member.name or "\0" in member.name:
        raise StorageError(f"{path}: {member.name!a} leads out of the folder: this archive is not safe")
    if not (member.isfile() or member.isdir()) or member.issparse():
        raise StorageError(
            f"{path}: {member.name!a} is neither a file nor a folder: this archive is not safe"
        )
    if member.size < 0:
        raise StorageError(f"{path}: {member.name!a} has an impossible size")


def _open(path: Path, stack: ExitStack) -> tarfile.TarFile:
    raw = stack.enter_context(path.open("rb"))
    is_packed = raw.read(len(_GZIP_MAGIC)) == _GZIP_MAGIC
    raw.seek(0)
    plain = cast(BinaryIO, stack.enter_context(gzip.GzipFile(fileobj=raw)) if is_packed else raw)
    return tarfile.open(fileobj=_Careful(plain), mode="r:", errorlevel=2)


def _copy(archive: tarfile.TarFile, member: tarfile.TarInfo, target: Path) -> None:
    source = archive.extractfile(member)
    if source is None:
        raise StorageError(f"{member.name!a} cannot be read from the archive")
    free = shutil.disk_usage(target.parent).free
    if member.size > free:
        raise StorageError(f"{target.parent}: {member.size} bytes are needed, {free} are free: make room")
    copied = 0
    with source, target.open("xb") as file:
        while chunk := source.read(_MAX_READ // 2):
            file.write(chunk)
            copied += len(chunk)
    if copied != member.size:
        raise EOFError(f"{member.name!a} ends early")


class _Careful(io.RawIOBase):
    """A file that refuses to give much at once: headers say how long they are."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= _MAX_READ:
            raise tarfile.ReadError("a header in it asks for too much")
        return self._file.read(size)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()
