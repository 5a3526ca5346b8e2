"""Cores that may be used, by affinity and by the control groups of either version."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from hypernode.app.cores import count_cores


@pytest.fixture(autouse=True)
def four_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 1, 2, 3}, raising=False)


def write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="ascii")


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, 4),
        ({"cpu.max": "max 100000\n"}, 4),
        ({"cpu.max": "50000 100000\n"}, 1),
        ({"cpu.max": "250000 100000\n"}, 2),
        ({"cpu.max": "900000 100000\n"}, 4),
        ({"cpu.max": "nonsense\n"}, 4),
        ({"a/node.service/cpu.max": "150000 100000\n"}, 1),
        ({"other.service/cpu.max": "150000 100000\n"}, 4),
        ({"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, 4),
        ({"cpu/cpu.cfs_quota_us": "200000\n", "cpu/cpu.cfs_period_us": "100000\n"}, 2),
        ({"cpu/board/cpu.cfs_quota_us": "50000\n", "cpu/board/cpu.cfs_period_us": "100000\n"}, 1),
    ],
)
def test_a_group_with_less_time_counts(tmp_path: Path, files: dict[str, str], expected: int) -> None:
    groups, root = tmp_path / "groups", tmp_path / "root"
    groups.write_text("3:cpuset:/x\n2:cpu,cpuacct:/board\n0::/a/node.service\n\n", encoding="ascii")
    write(root, files)
    assert count_cores(groups, root) == expected


def test_where_there_are_no_groups_affinity_counts(tmp_path: Path) -> None:
    assert count_cores(tmp_path / "none", tmp_path / "nothing") == 4


def test_this_process_may_use_one_at_least() -> None:
    assert count_cores() >= 1
