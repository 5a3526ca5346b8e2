"""The data folder's small files: written whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path


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
        """Into a file beside, synced, then renamed over."""
        target = self._folder / name
        beside = target.with_name(f".{name}.new")
        with beside.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(target)
