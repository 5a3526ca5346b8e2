"""Small files, whole or not at all."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from hypernode.app.files import FolderFiles


def test_what_was_written_is_read_and_replaced(tmp_path: Path) -> None:
    files = FolderFiles(tmp_path)
    assert files.read("mempool.bin") is None
    for content in (b"first, longer", b"second", b""):
        files.write("mempool.bin", content)
        assert files.read("mempool.bin") == content
    assert [path.name for path in tmp_path.iterdir()] == ["mempool.bin"]


def test_a_write_that_fails_leaves_what_was_there(tmp_path: Path) -> None:
    files = FolderFiles(tmp_path)
    files.write("mempool.bin", b"old")
    (tmp_path / ".mempool.bin.new").mkdir()
    with pytest.raises(OSError, match="mempool"):
        files.write("mempool.bin", b"new")
    assert files.read("mempool.bin") == b"old"


async def _make_parts(*parts: bytes, fail: bool = False) -> AsyncIterator[bytes]:
    for part in parts:
        yield part
    if fail:
        raise RuntimeError("no more")


def test_parts_become_one_file_or_none(tmp_path: Path) -> None:
    files = FolderFiles(tmp_path)
    asyncio.run(files.write_parts("cut", _make_parts(b"one ", b"", b"two")))
    assert files.read("cut") == b"one two"
    with pytest.raises(RuntimeError, match="no more"):
        asyncio.run(files.write_parts("cut", _make_parts(b"other", fail=True)))
    assert [path.name for path in tmp_path.iterdir()] == ["cut"]
    assert files.read("cut") == b"one two"


def test_a_file_is_removed_once_or_twice(tmp_path: Path) -> None:
    files = FolderFiles(tmp_path)
    files.write("word", b"x")
    for _ in range(2):
        files.remove("word")
        assert files.read("word") is None
