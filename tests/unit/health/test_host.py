"""The host, at the figures that decide."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hypernode.core.rules import UNCHECKED, Unchecked
from hypernode.core.types import Endpoint
from hypernode.health.findings import Finding
from hypernode.health.host import (
    LARGEST_OFFSET_S,
    OTHER_FILES,
    ClockFacts,
    LimitFacts,
    Package,
    PortFacts,
    VersionFacts,
    judge_clock,
    judge_limits,
    judge_port,
    judge_versions,
)
from hypernode.machine.clock_offset import WARN_S

PACKAGE = Package("tornado", "6.5", ">=6.4,<7", True)
VERSIONS = VersionFacts("1", "3.12.1", True, "3.45.0", True, (PACKAGE,), (("protobuf", "upb", True),))
PORT = PortFacts(Endpoint("0.0.0.0", 6969), is_running=True, own="B1", answered_as="B1")


def name(findings: list[Finding]) -> list[str]:
    return [f"{finding.code} {finding.severity.word}" for finding in findings]


@pytest.mark.parametrize(
    ("offset", "found"),
    [
        (0.0, "clock ok"),
        (WARN_S, "clock ok"),
        (-WARN_S, "clock ok"),
        (WARN_S + 0.001, "clock-off warning"),
        (LARGEST_OFFSET_S, "clock-off warning"),
        (-LARGEST_OFFSET_S - 0.001, "clock-off error"),
    ],
)
def test_how_far_the_clock_may_be_off(offset: float, found: str) -> None:
    assert name(judge_clock(ClockFacts(offset, True))) == [found, "clock ok"]


@pytest.mark.parametrize(
    ("offset", "is_kept", "found"),
    [
        (None, UNCHECKED, ["clock note"]),
        (None, True, ["clock ok"]),
        (None, False, ["clock-not-kept warning"]),
        (0.0, False, ["clock ok", "clock-not-kept note"]),
        (1.5, False, ["clock-off warning", "clock-not-kept warning"]),
    ],
)
def test_peers_know_better_than_the_kernel(
    offset: float | None, is_kept: bool | Unchecked, found: list[str]
) -> None:
    assert name(judge_clock(ClockFacts(offset, is_kept))) == found


@pytest.mark.parametrize(
    ("files", "found"),
    [
        (40 + 300 + OTHER_FILES - 1, "files-few warning"),
        (40 + 300 + OTHER_FILES, "limits ok"),
        (None, "limits ok"),
    ],
)
def test_as_many_files_as_sessions_can_be_open(files: int | None, found: str) -> None:
    assert name(judge_limits(LimitFacts(files, 300, 40))) == [found]
    assert name(judge_limits(LimitFacts(files, 300, 40, file_bytes=9)))[1:] == ["file-size-limited warning"]


@pytest.mark.parametrize(
    ("fields", "found"),
    [
        ({}, ["versions ok"]),
        ({"python_fits": False}, ["python-old error", "versions note"]),
        ({"sqlite_fits": False}, ["sqlite-old error", "versions note"]),
        ({"packages": (replace(PACKAGE, version=""),)}, ["package-missing error", "versions note"]),
        ({"packages": (replace(PACKAGE, fits=False),)}, ["package-old warning", "versions note"]),
        ({"backends": (("zstandard", "cffi", False),)}, ["backend-slow warning", "versions note"]),
        ({"signing_problem": "a signature does not verify"}, ["signing-broken error", "versions note"]),
    ],
)
def test_versions_as_required(fields: dict[str, object], found: list[str]) -> None:
    assert name(judge_versions(replace(VERSIONS, **fields))) == found  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("fields", "found"),
    [
        ({}, "port ok"),
        ({"answered_as": "B2"}, "port-another error"),
        ({"own": "", "answered_as": "B2"}, "port ok"),
        ({"problem": "refused"}, "port-silent error"),
        ({"is_running": False}, "port ok"),
        ({"is_running": False, "is_taken": True, "problem": "in use"}, "port-taken error"),
        ({"is_running": False, "problem": "no such address"}, "port-refused error"),
    ],
)
def test_the_port_answers_as_us_or_is_free(fields: dict[str, object], found: str) -> None:
    assert name(judge_port(replace(PORT, **fields))) == [found]  # type: ignore[arg-type]
