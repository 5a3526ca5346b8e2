"""SQLite's way to the disk, led to a ``Disk``: a VFS as apsw lets one write it.

What it tells SQLite of the disk is what the VFS for Unix tells: sectors of 4096 bytes that a torn write
leaves alone outside of its range.  There is no shared memory, so a write-ahead log needs
``locking_mode = EXCLUSIVE``: its index is then in the process's own memory, and what is written is the same.
"""

from __future__ import annotations

from itertools import count
from typing import Final

import apsw

from tests.power_cut.disk import Disk, DiskFile, Truncate, Write

_POWERSAFE_OVERWRITE: Final = apsw.SQLITE_IOCAP_POWERSAFE_OVERWRITE
_SECTOR_BYTES: Final = 4096
_NEW_NAME_SYNCED: Final = (
    apsw.SQLITE_OPEN_MAIN_JOURNAL | apsw.SQLITE_OPEN_WAL | apsw.SQLITE_OPEN_SUPER_JOURNAL
)
"""Kinds of files whose first sync also syncs the folder, as on Unix."""

_numbers = count(1)


class _NoSuchFile(apsw.IOError):
    """SQLite deletes what may not be there, and looks for this code."""

    extendedresult = apsw.SQLITE_IOERR_DELETE_NOENT


_NOWHERE: Final = Disk()
"""Nothing is on it, and what is done to it is noticed by nobody."""


class DiskVfs(apsw.VFS):
    """Registered under ``vfs_name`` for as long as it lives."""

    disk: Disk = _NOWHERE
    """While the collector takes it apart, with connections that a cut left open: those end on no disk."""

    def __init__(self, disk: Disk) -> None:
        self.disk = disk
        self.vfs_name = f"power-cut-{next(_numbers)}"
        super().__init__(self.vfs_name, "")

    def xOpen(  # type: ignore[override]  # what has the methods will do: it need not be a VFSFile
        self, name: str | apsw.URIFilename | None, flags: list[int]
    ) -> OpenFile:
        path = name.filename() if isinstance(name, apsw.URIFilename) else name
        flags[1] = flags[0]
        if path is None:
            return OpenFile(self.disk, DiskFile(), is_name_synced=True)
        is_new = path not in self.disk.files
        if is_new and not flags[0] & apsw.SQLITE_OPEN_CREATE:
            raise apsw.CantOpenError(path)
        file = self.disk.create(path) if is_new else self.disk.files[path]
        return OpenFile(self.disk, file, is_name_synced=not (is_new and flags[0] & _NEW_NAME_SYNCED))

    def xAccess(self, path: str, flags: int) -> bool:
        return path in self.disk.files

    def xDelete(self, path: str, sync_folder: bool) -> None:
        if self.disk is _NOWHERE:
            return
        if path not in self.disk.files:
            raise _NoSuchFile(path)
        self.disk.delete(path)
        if sync_folder:
            self.disk.sync_names()

    def xFullPathname(self, name: str) -> str:
        return name


class OpenFile:
    """What SQLite holds of one file.  Locks are granted: nobody else is there."""

    def __init__(self, disk: Disk, file: DiskFile, *, is_name_synced: bool) -> None:
        self._disk = disk
        self._file = file
        self._is_name_synced = is_name_synced

    def xRead(self, amount: int, offset: int) -> bytes:
        return bytes(self._file.content[offset : offset + amount])

    def xWrite(self, data: bytes, offset: int) -> None:
        self._disk.change(self._file, Write(offset, bytes(data)))

    def xTruncate(self, size: int) -> None:
        self._disk.change(self._file, Truncate(size))

    def xSync(self, flags: int) -> None:
        self._disk.sync(self._file)
        if not self._is_name_synced:
            self._disk.sync_names()
            self._is_name_synced = True

    def xFileSize(self) -> int:
        return len(self._file.content)

    def xSectorSize(self) -> int:
        return _SECTOR_BYTES

    def xDeviceCharacteristics(self) -> int:
        return _POWERSAFE_OVERWRITE

    def xCheckReservedLock(self) -> bool:
        return False

    def xLock(self, level: int) -> None:
        """Granted."""

    def xUnlock(self, level: int) -> None:
        """Nothing was kept."""

    def xFileControl(self, operation: int, pointer: int) -> bool:
        return False

    def xClose(self) -> None:
        """Closing writes nothing."""
