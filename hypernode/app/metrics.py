"""Figures of the process and the host for the status: memory, CPU, open files, tasks."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

import psutil

from hypernode import __version__
from hypernode.net.tornado_connections import Traffic

SAMPLE_S: Final = 5.0
"""What is read of the system is so old at most: on a host with many sockets it takes some 20 ms."""


class ProcessMetrics:
    """Figures of this process.  ``config`` is what the status tells of the settings.  What has to be searched
    for in the system (open files, connections) ``watch`` reads, in a thread, not who asks for it."""

    def __init__(self, traffic: Traffic, config: Mapping[str, object], data_folder: Path) -> None:
        self._traffic = traffic
        self._config = dict(config)
        self._folder = data_folder
        self._process = psutil.Process()
        self._process.cpu_percent()
        psutil.cpu_percent()
        self._loop_lag_s = 0.0
        self._sampled = self._sample()

    async def watch(self) -> None:
        """Read the system again and again, until it is cancelled."""
        while True:
            due = time.monotonic() + SAMPLE_S
            await asyncio.sleep(SAMPLE_S)
            self._loop_lag_s = max(0.0, time.monotonic() - due)
            # what cannot be read now is as it was
            with contextlib.suppress(psutil.Error, OSError):
                self._sampled = await asyncio.to_thread(self._sample)

    def __call__(self) -> dict[str, object]:
        now = time.time()
        return {
            "config": self._config,
            "instance": {
                "version": __version__,
                "hn_version": __version__,
                # Scripts read these as legacy nodes write them (spec 6, status).
                "python_version": str(tuple(sys.version_info[:3])),
                "statustime": int(now),
                "localtime": now,
            },
            "tasks": self._get_tasks(),
            "extra": self._get_extra(),
            "PID": os.getpid(),
        }

    def _get_tasks(self) -> dict[str, object]:
        names = [task.get_name() for task in asyncio.all_tasks()]
        return {"total": len(names), "detail": count_tasks(names)}

    def _get_extra(self) -> dict[str, object]:
        return {
            **self._sampled,
            "loop_lag_ms": round(1_000 * self._loop_lag_s),
            "bytes_sent": self._traffic.bytes_sent,
            "bytes_received": self._traffic.bytes_received,
        }

    def _sample(self) -> dict[str, object]:
        """What the system knows of us."""
        disk = psutil.disk_usage(str(self._folder))
        return {
            "open_files": len(self._process.open_files()),
            "connections": len(self._process.net_connections(kind="inet")),
            "num_fd": self._process.num_fds(),
            "cpu_percent": {"process": self._process.cpu_percent(), "system": psutil.cpu_percent()},
            "memory": self._process.memory_info().rss,
            "disk": {"free": disk.free, "total": disk.total},
        }


def count_tasks(names: Iterable[str]) -> dict[str, int]:
    """Tasks by what they do: words with a digit in them (addresses, numbers) are left out of a name, so that
    there are few names however many peers there are."""
    kinds = (" ".join(word for word in name.split() if not any(map(str.isdigit, word))) for name in names)
    return dict(sorted(Counter(kind or "task" for kind in kinds).items()))
