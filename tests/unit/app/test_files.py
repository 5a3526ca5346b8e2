"""Small files, whole or not at all."""

from __future__ import annotations

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
