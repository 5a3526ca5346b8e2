"""The locks of a running node, whose files somebody removes."""

from __future__ import annotations

import asyncio
import logging
import os
from pathlib import Path

import pytest

from hypernode.app import lock_watch
from hypernode.app.lock_watch import look_at_lock, watch_locks
from hypernode.wallet.locks import acquire_lock


def test_a_removed_lock_is_made_again_and_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path, halted = tmp_path / "lock", list[str]()
    with acquire_lock(path, "it") as lock:
        path.unlink()
        look_at_lock(lock, halted.append)
        assert path.exists()
    assert f"{path} was removed and is made again" in caplog.text
    assert halted == []


def test_a_node_that_came_meanwhile_halts_us(tmp_path: Path) -> None:
    path, halted = tmp_path / "lock", list[str]()
    with acquire_lock(path, "it") as lock:
        path.unlink()
        with acquire_lock(path, "it"):
            look_at_lock(lock, halted.append)
    assert len(halted) == 1
    assert "it came while our lock had been removed" in halted[0]


def test_a_folder_that_is_gone_halts_us(tmp_path: Path) -> None:
    folder, halted = tmp_path / "data", list[str]()
    folder.mkdir()
    with acquire_lock(folder / "lock", "it") as lock:
        folder.rename(tmp_path / "moved")
        look_at_lock(lock, halted.append)
    assert len(halted) == 1
    assert "restart the node on its folder" in halted[0]


def test_they_are_looked_at_again_and_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(lock_watch, "LOCK_CHECK_S", 0.0)
    caplog.set_level(logging.WARNING)

    async def scenario() -> None:
        with acquire_lock(tmp_path / "lock", "it") as lock:
            task = asyncio.create_task(watch_locks([lock], pytest.fail))
            for _ in range(2):
                lock.path.unlink()
                while not lock.path.exists():
                    await asyncio.sleep(0)
            task.cancel()

    asyncio.run(scenario())
    assert caplog.text.count("made again") == 2


def test_each_look_leaves_the_time_on_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock_watch, "LOCK_CHECK_S", 0.0)
    path = tmp_path / "lock"

    async def scenario() -> None:
        with acquire_lock(path, "it") as lock:
            os.utime(path, (1, 1))
            task = asyncio.create_task(watch_locks([lock], pytest.fail))
            async with asyncio.timeout(10):
                while path.stat().st_mtime == 1:
                    await asyncio.sleep(0)
            task.cancel()
            monkeypatch.setattr(os, "utime", refuse)
            lock.touch()  # and a file system that cannot is no trouble
        lock.touch()  # nor is one that was released

    def refuse(descriptor: int) -> None:
        raise PermissionError

    asyncio.run(scenario())
