"""How many cores this process may use: those it is bound to, and its control group's part of their time."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

_GROUPS: Final = Path("/proc/self/cgroup")
_ROOT: Final = Path("/sys/fs/cgroup")


def count_cores(groups: Path = _GROUPS, root: Path = _ROOT) -> int:
    """At least one.  ``groups`` names the control groups of the process, below ``root``, of either
    version; in a container the root itself is the group."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min([cores, *(int(share) for share in _list_shares(groups, root))]))


def _list_shares(groups: Path, root: Path) -> Iterator[float]:
    """Cores' worth of time, of every group that limits it."""
    for folder, version in {(root, 2), (root / "cpu", 1), *_list_folders(groups, root)}:
        try:
            quota, period = _read_quota(folder, version)
            if quota > 0 and period > 0:
                yield quota / period
        except (OSError, ValueError):  # no such group, or no limit
            continue


def _list_folders(groups: Path, root: Path) -> Iterator[tuple[Path, int]]:
    try:
        lines = groups.read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError):
        return
    for line in lines:
        _, controllers, path = (*line.split(":", 2), "", "")[:3]
        if not controllers:
            yield root / path.lstrip("/"), 2
        elif "cpu" in controllers.split(","):
            yield root / "cpu" / path.lstrip("/"), 1


def _read_quota(folder: Path, version: int) -> tuple[int, int]:
    """Microseconds of time in a period.  Raises OSError, ValueError where there is no limit."""
    if version == 2:
        quota, period = (folder / "cpu.max").read_text(encoding="ascii").split()
        return int(quota), int(period)
    values = ((folder / f"cpu.cfs_{name}_us").read_text(encoding="ascii") for name in ("quota", "period"))
    quota, period = values
    return int(quota), int(period)
