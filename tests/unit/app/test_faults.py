"""Faults that no task hears of are in the log."""

from __future__ import annotations

import logging
import signal
import subprocess
import sys
import threading
import warnings
from pathlib import Path

import pytest

from hypernode.app.faults import FaultLog

FOLLOWS = """
import os, signal, sys
from pathlib import Path
from hypernode.app.faults import FaultLog
signal.signal(signal.SIGUSR1, lambda number, frame: print("heard", flush=True))
with FaultLog() as faults:
    first, second = map(Path, sys.argv[1:])
    faults.follow(first)
    os.kill(os.getpid(), signal.SIGUSR1)
    faults.follow(second)
    os.kill(os.getpid(), signal.SIGSEGV)
"""


def test_a_thread_that_dies_and_an_exception_in_a_destructor_are_said(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Bad:
        def __del__(self) -> None:
            raise ValueError("in the end")

    def die() -> None:
        raise LookupError("in a thread")

    with FaultLog():
        thread = threading.Thread(target=die, name="worker")
        thread.start()
        thread.join()
        bad = Bad()
        del bad
    assert "thread worker ended: LookupError('in a thread')" in caplog.text
    assert "ValueError('in the end')" in caplog.text
    assert "Traceback" in caplog.text


def test_a_warning_is_said_and_the_hooks_of_before_come_back(caplog: pytest.LogCaptureFixture) -> None:
    before = threading.excepthook, sys.unraisablehook, warnings.showwarning
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        with FaultLog(), caplog.at_level(logging.WARNING, "py.warnings"):
            warnings.warn("be warned", stacklevel=1)
    assert "be warned" in caplog.text
    assert (threading.excepthook, sys.unraisablehook, warnings.showwarning) == before


def test_the_stacks_of_a_process_go_to_the_file_that_was_named_last(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    ended = subprocess.run(
        [sys.executable, "-c", FOLLOWS, str(first), str(second)], capture_output=True, text=True, timeout=30
    )
    assert ended.returncode == -signal.SIGSEGV
    assert ended.stdout == "heard\n"
    assert 'File "<string>", line 9 in <module>' in first.read_text(encoding="utf-8")
    crash = second.read_text(encoding="utf-8")
    assert crash.startswith("Fatal Python error: Segmentation fault")
    assert 'File "<string>", line 11 in <module>' in crash


def test_a_file_that_cannot_be_opened_changes_nothing(tmp_path: Path) -> None:
    with FaultLog() as faults:
        faults.follow(tmp_path / "nowhere" / "log")
