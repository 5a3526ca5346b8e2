"""Log files that are moved, removed, full or cannot be rotated, and libraries that say too much."""

from __future__ import annotations

import io
import logging
import os
import stat
import time
import warnings
from pathlib import Path

import pytest

from hypernode.node.base import log_files
from hypernode.node.base.log_files import (
    FOREIGN_SPAN_S,
    MAX_FOREIGN_LINES,
    ROTATE_AGAIN_S,
    ForeignLines,
    SteadyFile,
)
from hypernode.node.base.logs import get_logger
from tests.unit.node.base.logging_set_up import logging_to


def make(path: Path, max_bytes: int = 0) -> tuple[SteadyFile, io.StringIO]:
    elsewhere = io.StringIO()
    return SteadyFile(
        path, max_bytes=max_bytes, kept=3, fallback=elsewhere, on_open=lambda path: None
    ), elsewhere


def say(handler: logging.Handler, text: str, at: float = 1_000.0, name: str = "") -> None:
    record = logging.LogRecord(name, logging.WARNING, __file__, 1, text, None, None)
    record.created = at
    handler.handle(record)


def read(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines()


def test_the_group_may_read_the_log_and_nobody_else(tmp_path: Path) -> None:
    handler, _ = make(tmp_path / "log")
    before = os.umask(0)
    try:
        handler.open()
    finally:
        os.umask(before)
        handler.close()
    assert stat.S_IMODE((tmp_path / "log").stat().st_mode) == 0o640


def test_a_line_that_no_file_takes_goes_elsewhere_and_is_noted(tmp_path: Path) -> None:
    folder = tmp_path / "gone" / "logs"
    handler, elsewhere = make(folder / "log")
    say(handler, "one")
    say(handler, "two")
    assert elsewhere.getvalue() == "one\ntwo\n"
    folder.mkdir(parents=True)
    say(handler, "three")
    handler.close()
    missing, last = read(folder / "log")
    assert missing.startswith("2 lines are missing here: [Errno 2] No such file")
    assert last == "three"


def test_a_full_disk_loses_no_more_than_what_it_did_not_take(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "log"
    path.touch()
    handler, elsewhere = make(path)
    with monkeypatch.context() as patched:
        patched.setattr(log_files, "open_own", lambda path, flags, mode: os.open("/dev/full", os.O_WRONLY))
        say(handler, "one")
    say(handler, "two")
    handler.close()
    assert elsewhere.getvalue() == "one\n"
    assert read(path) == ["1 lines are missing here: [Errno 28] No space left on device", "two"]


def test_a_file_that_was_removed_or_moved_is_made_anew(tmp_path: Path) -> None:
    path = tmp_path / "logs" / "log"
    path.parent.mkdir()
    handler, elsewhere = make(path)
    say(handler, "one", 1_000.0)
    path.rename(tmp_path / "moved")
    say(handler, "two", 1_002.0)
    path.unlink()
    path.parent.rmdir()
    say(handler, "three", 1_004.0)
    handler.close()
    assert (read(tmp_path / "moved"), read(path), elsewhere.getvalue()) == (["one"], ["three"], "")


def test_a_file_that_cannot_be_rotated_grows_until_it_can(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "log"
    handler, elsewhere = make(path, max_bytes=30)

    def refuse(source: str, target: str) -> None:
        raise PermissionError(1, "Operation not permitted")

    with monkeypatch.context() as patched:
        patched.setattr(os, "rename", refuse)
        for number in range(4):
            say(handler, f"line number {number:>10}", 1_000.0 + number)
        lines = read(path)
        assert [line for line in lines if line.startswith("line")] == [
            f"line number {n:>10}" for n in range(4)
        ]
        assert len([line for line in lines if "cannot be rotated, and grows" in line]) == 1
    say(handler, "still waiting", 1_004.0)
    assert not (tmp_path / "log.1").exists()
    say(handler, "anew", 1_003.0 + ROTATE_AGAIN_S)
    handler.close()
    assert (read(path), elsewhere.getvalue()) == (["anew"], "")
    assert read(tmp_path / "log.1")[-1] == "still waiting"


def test_reopening_what_cannot_be_opened_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "log"
    handler, _ = make(path)
    say(handler, "one")
    path.rename(tmp_path / "moved")
    path.mkdir()
    handler.reopen()
    say(handler, "two")
    handler.close()
    assert read(tmp_path / "moved") == ["one", "two"]


def test_whoever_writes_beside_is_told_of_each_file(tmp_path: Path) -> None:
    opened: list[Path] = []
    handler = SteadyFile(tmp_path / "log", max_bytes=10, kept=1, on_open=opened.append)
    say(handler, "longer than ten")
    say(handler, "longer than ten")
    handler.close()
    assert opened == [tmp_path / "log"] * 2


def test_a_line_has_its_time_in_utc_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        with logging_to(tmp_path):
            record = get_logger().makeRecord(
                get_logger().name, logging.INFO, __file__, 1, "hear me", (), None, extra=None
            )
            record.created = 0.0
            get_logger().handle(record)
    finally:
        monkeypatch.undo()
        time.tzset()
    assert "1970-01-01 00:00:00Z" in (tmp_path / "pos_app.log").read_text(encoding="utf-8")


def test_what_libraries_warn_of_is_in_the_applications_log(tmp_path: Path) -> None:
    with logging_to(tmp_path):
        for name in ("asyncio", "aiosqlite", "tornado.general", "concurrent.futures", "whatever"):
            logging.getLogger(name).error("of %s", name)
            logging.getLogger(name).info("nothing of note")
        logging.captureWarnings(True)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("always")
                logging.captureWarnings(True)
                warnings.warn("be warned", stacklevel=1)
        finally:
            logging.captureWarnings(False)
    text = (tmp_path / "pos_app.log").read_text(encoding="utf-8")
    for words in ("of asyncio", "of aiosqlite", "of tornado.general", "of concurrent.futures", "of whatever"):
        assert text.count(words) == 1
    assert "be warned" in text
    assert "nothing of note" not in text
    assert "of asyncio" not in (tmp_path / "pos_access.log").read_text(encoding="utf-8")


def test_a_repeating_library_is_logged_some_times_a_minute_and_counted(tmp_path: Path) -> None:
    handler, _ = make(tmp_path / "log")
    foreign = ForeignLines([handler])
    for number in range(1_000):
        say(foreign, f"trouble {number}", 1_000.0 + number / 100, "asyncio")
    say(foreign, "another's", 1_001.0, "aiosqlite")
    say(foreign, "again", 1_000.0 + FOREIGN_SPAN_S, "asyncio")
    handler.close()
    lines = read(tmp_path / "log")
    assert lines[:MAX_FOREIGN_LINES] == [f"trouble {n}" for n in range(MAX_FOREIGN_LINES)]
    left_out = f"{1_000 - MAX_FOREIGN_LINES} more lines of asyncio in a minute are left out"
    assert lines[MAX_FOREIGN_LINES:] == ["another's", left_out, "again"]
