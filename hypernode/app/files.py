"""The data folder's files: written whole or not at all."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO


class FolderFiles:
    """The Files port over a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(self, name: str) -> bytes | None:
        try:
            return (self._folder / name).read_bytes()
        except FileNotFoundError:
            return None

    def write(self, name: str, content: bytes) -> None:
        with self._replacing(name) as file:
            file.write(content)

    async def write_parts(self, name: str, parts: AsyncIterator[bytes]) -> None:
        """Each part is written in a thread: others need the loop meanwhile."""
        with self._replacing(name) as file:
            async for part in parts:
                await asyncio.to_thread(file.write, part)
            await asyncio.to_thread(_sync, file)

    def remove(self, name: str) -> None:
        (self._folder / name).unlink(missing_ok=True)

    @contextmanager
    def _replacing(self, name: str) -> Iterator[IO[bytes]]:
        """A file beside, which is synced and renamed over the other when all went well, else removed."""
        target = self._folder / name
        beside = target.with_name(f".{name}.new")
        with beside.open("wb") as file:
            try:
                yield file
                _sync(file)
            except BaseException:
                beside.unlink(missing_ok=True)
                raise
        beside.replace(target)
        folder = os.open(self._folder, os.O_RDONLY)  # or a power cut may undo the renaming
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _sync(file: IO[bytes]) -> None:
    file.flush()
    os.fsync(file.fileno())
