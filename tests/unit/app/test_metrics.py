"""Figures of the process in the status."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Any

import psutil
import pytest

from hypernode.app import metrics as module
from hypernode.app.metrics import ProcessMetrics, count_tasks
from hypernode.net.tornado_connections import Traffic


def test_tasks_are_counted_by_what_they_do() -> None:
    names = ["owner", "serves 127.0.0.1:4001", "serves 10.0.0.7:80", "Task-12", "tester"]
    assert count_tasks(names) == {"owner": 1, "serves": 2, "task": 1, "tester": 1}


def test_the_system_is_searched_in_a_thread_and_never_by_who_asks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    searched: list[int] = []
    search = psutil.Process.open_files

    def note(process: psutil.Process) -> Any:
        searched.append(threading.get_ident())
        return search(process)

    monkeypatch.setattr(psutil.Process, "open_files", note)
    monkeypatch.setattr(module, "SAMPLE_S", 0.01)

    async def live() -> None:
        metrics = ProcessMetrics(Traffic(), {}, tmp_path)
        at_start = len(searched)
        for _ in range(10):
            assert {"open_files", "connections", "memory", "bytes_sent"} <= set(metrics()["extra"])  # type: ignore[call-overload]
        assert len(searched) == at_start
        watching = asyncio.create_task(metrics.watch())
        async with asyncio.timeout(10.0):
            while len(searched) < at_start + 2:
                await asyncio.sleep(0.01)
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
        assert threading.get_ident() not in searched[at_start:]

    asyncio.run(live())
