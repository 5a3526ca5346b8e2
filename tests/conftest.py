"""Settings for every test: limits of time, what a test that fails leaves open, what took long."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any, Final

import aiosqlite
import pytest
from hypothesis import settings

from tests.slowest import format_table, sum_by_file

# A slow machine is no fault of the code: no deadline.  A failing example is printed to be run again.
settings.register_profile("hypernode", deadline=None, print_blob=True)
settings.load_profile("hypernode")

HERE: Final = Path(__file__).resolve().parent
TIMEOUTS_S: Final = {"unit": 120, "property": 120, "vectors": 120, "oracle": 120, "mutants": 120}
"""Of one test, by its folder; others have the limit of ``pyproject.toml``.  The slowest test of these folders
takes some ten seconds on a quiet machine, and a busy one is some times slower."""
JOIN_S: Final = 10.0
"""For a connection's thread, or a process, to end: what it has under way is one statement."""

_opened: list[aiosqlite.Connection] = []
_started: list[subprocess.Popen[Any]] = []
_make_connection = aiosqlite.Connection.__init__
_make_process = subprocess.Popen.__init__


def _note_connection(self: aiosqlite.Connection, *arguments: Any, **options: Any) -> None:
    _make_connection(self, *arguments, **options)
    _opened.append(self)


def _note_process(self: subprocess.Popen[Any], *arguments: Any, **options: Any) -> None:
    _make_process(self, *arguments, **options)
    _started.append(self)


aiosqlite.Connection.__init__ = _note_connection  # type: ignore[method-assign]
subprocess.Popen.__init__ = _note_process  # type: ignore[method-assign]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Each test gets its limit of time, and those of ``tests/host`` their marker."""
    for item in items:
        if not item.path.is_relative_to(HERE):
            continue
        folder = item.path.relative_to(HERE).parts[0]
        if folder == "host":
            item.add_marker(pytest.mark.host)
        if folder in TIMEOUTS_S and item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(TIMEOUTS_S[folder]))


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item: pytest.Item) -> None:
    """Close what a test left open because it failed: databases, whose threads are no daemons and would
    keep the whole run from ending, and processes, which would outlive it."""
    connections, _opened[:] = [*_opened], []
    for connection in connections:
        if connection._thread.is_alive():
            connection.stop()
            connection._thread.join(JOIN_S)
    processes, _started[:] = [*_started], []
    for process in processes:
        if process.poll() is None:
            process.kill()
            process.wait(JOIN_S)
        for pipe in (process.stdin, process.stdout, process.stderr):
            if pipe is not None and not pipe.closed:
                pipe.close()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The files that took longest, behind a run that took long."""
    reports = [
        report
        for reports in terminalreporter.stats.values()
        for report in reports
        if isinstance(report, pytest.TestReport)
    ]
    lines = format_table(sum_by_file((report.nodeid, report.duration) for report in reports))
    if lines:
        terminalreporter.section("what took its time")
        for line in lines:
            terminalreporter.write_line(line)
