"""The data folder's files: written whole or not at all."""

from __future__ import annotations

import asyncio
import os
import tempfile
import weakref
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

from hypernode.files.own_files import LastingFault, read_own, replacing, sync_file

MAX_BYTES: Final = 64 * 1024 * 1024
"""Of a file that is read as a whole: more than the largest of ours, 10,000 messages of a saved mempool."""


class FolderFiles:
    """The Files port over a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(self, name: str) -> bytes | None:
        try:
            return read_own(self._folder / name, MAX_BYTES)
        except ValueError as error:
            raise LastingFault(f"{error}: it is none of ours. Move it away") from None

    def write(self, name: str, content: bytes) -> None:
        with replacing(self._folder / name) as file:
            file.write(content)

    async def write_parts(self, name: str, parts: AsyncIterator[bytes]) -> None:
        """Each part is written in a thread: others need the loop meanwhile."""
        with replacing(self._folder / name) as file:
            async for part in parts:
                await asyncio.to_thread(file.write, part)
            await asyncio.to_thread(sync_file, file)

    def remove(self, name: str) -> None:
        (self._folder / name).unlink(missing_ok=True)

    def make_spool(self) -> FileSpool:
        return FileSpool(self._folder)


class FileSpool:
    """A spool (``wire.spool``) in a file that has no name: whatever ends the node, none is left behind."""

    def __init__(self, folder: Path) -> None:
        self._file, name = tempfile.mkstemp(dir=folder)
        os.unlink(name)
        self._size = 0
        # it goes with the last block that has messages in it
        weakref.finalize(self, os.close, self._file)

    def append(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            written = os.pwrite(self._file, view, self._size)
            self._size += written
            view = view[written:]

    def read(self, offset: int, size: int) -> bytes:
        return os.pread(self._file, size, offset)

    @property
    def size(self) -> int:
        return self._size
