"""What holds for the suite itself: what took its time, what a failure leaves, what a host lacks."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.host import needs
from tests.slowest import ROWS, format_table, sum_by_file

ROOT = Path(__file__).resolve().parents[2]

LEAVES_THINGS_OPEN = """
import asyncio, subprocess, sys
import aiosqlite

async def open_and_fail():
    await aiosqlite.connect(":memory:")
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    open("pid", "w").write(str(process.pid))
    raise AssertionError("after it was opened")

def test_fails():
    asyncio.run(open_and_fail())
"""


def test_files_are_summed_over_the_phases_of_their_tests_and_sorted() -> None:
    durations = [("a.py::x", 1.0), ("a.py::x", 0.5), ("a.py::y[1::2]", 1.0), ("b.py::z", 9.0)]
    assert sum_by_file(durations) == [("b.py", 1, 9.0), ("a.py", 2, 2.5)]


def test_a_short_run_has_no_table_and_a_long_one_sums_up_the_rest() -> None:
    rows = [(f"{n:02}.py", 2, 10.0) for n in range(ROWS + 3)]
    assert format_table(rows[:2]) == []
    assert len(format_table(rows[:3])) == 4
    lines = format_table(rows)
    assert len(lines) == ROWS + 2
    assert lines[1].split() == ["10.0", "5.6%", "2", "00.py"]
    assert lines[-1].split() == ["30.0", "16.7%", "6", "3", "other", "files"]


def test_what_a_failing_test_left_open_is_closed_and_the_run_ends(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(LEAVES_THINGS_OPEN, encoding="utf-8")
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "tests.conftest",
        "-p",
        "no:cacheprovider",
        "test_it.py",
    ]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    ended = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert ended.returncode == 1, ended.stdout
    assert "after it was opened" in ended.stdout
    pid = int((tmp_path / "pid").read_text(encoding="ascii"))
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_test_has_the_limit_of_its_folder(request: pytest.FixtureRequest) -> None:
    marker = request.node.get_closest_marker("timeout")
    assert marker is not None
    assert marker.args == (120,)


def test_a_missing_tool_fails_with_its_apt_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(pytest.fail.Exception, match=r"not there: flock\. .*apt-get install util-linux$"):
        needs.require_tools("flock")


def test_who_is_not_root_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(pytest.fail.Exception, match="sudo make test-host"):
        needs.require_root()


def test_every_tool_that_a_host_test_asks_for_has_its_package() -> None:
    sources = [path.read_text(encoding="utf-8") for path in (ROOT / "tests" / "host").glob("test_*.py")]
    assert sources
    for source in sources:
        for call in source.split("require_tools(")[1:]:
            names = call.split(")", 1)[0].replace('"', "").split(",")
            assert [name for name in map(str.strip, names) if name not in needs.PACKAGES] == []
