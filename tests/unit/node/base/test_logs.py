"""Logs: the two files, switched subjects, reopening, and what a stranger's text becomes."""

from __future__ import annotations

import json
import logging
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hypernode.config.parameter_table import load_table
from hypernode.core.printable import printable
from hypernode.node.base.logs import ACCESS_LOGGER, TOPICS, JsonFormatter, get_logger, setup_logging
from tests.unit.node.base.logging_set_up import logging_to


def test_both_files_are_made_at_once_by_the_names_cron_lines_watch(tmp_path: Path) -> None:
    with logging_to(tmp_path / "logs"):
        assert {p.name for p in (tmp_path / "logs").iterdir()} == {"pos_app.log", "pos_access.log"}


def test_each_logger_writes_its_own_file(tmp_path: Path) -> None:
    with logging_to(tmp_path):
        get_logger().info("the application's")
        logging.getLogger(ACCESS_LOGGER).info("an access")
    app = (tmp_path / "pos_app.log").read_text(encoding="utf-8")
    access = (tmp_path / "pos_access.log").read_text(encoding="utf-8")
    assert app.startswith("[I 2")
    assert app.endswith("] the application's\n")
    assert access.endswith("] an access\n")
    assert "an access" not in app


def test_the_topics_are_those_that_the_configuration_takes() -> None:
    assert load_table()["LOG"].choices == TOPICS


def test_a_topic_is_heard_when_it_is_switched_on_and_warnings_always(tmp_path: Path) -> None:
    with logging_to(tmp_path, topics=("mempool",)) as files:
        get_logger("mempool").info("one")
        get_logger("hello").info("two")
        get_logger("hello").warning("three")
        files.set_level("WARNING", ("hello",))
        get_logger("hello").info("four")
        files.set_level("DEBUG", ("hello",))
        get_logger("hello").debug("five")
    lines = (tmp_path / "pos_app.log").read_text(encoding="utf-8").splitlines()
    assert [line.split()[-1] for line in lines] == ["one", "three", "five"]


def test_after_reopening_a_file_that_was_moved_away_is_made_anew(tmp_path: Path) -> None:
    with logging_to(tmp_path) as files:
        get_logger().info("before")
        (tmp_path / "pos_app.log").rename(tmp_path / "old.log")
        files.reopen()
        get_logger().info("after")
    assert "before" in (tmp_path / "old.log").read_text(encoding="utf-8")
    text = (tmp_path / "pos_app.log").read_text(encoding="utf-8")
    assert "after" in text
    assert "before" not in text


def test_a_large_file_is_rotated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hypernode.node.base.logs.MAX_LOG_BYTES", 200)
    with logging_to(tmp_path):
        for number in range(10):
            get_logger().info("line %d %s", number, "x" * 60)
    assert (tmp_path / "pos_app.log.1").exists()
    assert (tmp_path / "pos_app.log").stat().st_size <= 200


def test_verbose_writes_to_the_console_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with logging_to(tmp_path, verbose=True):
        get_logger().info("hear me")
    with logging_to(tmp_path):
        get_logger().info("not me")
    error = capsys.readouterr().err
    assert "hear me" in error
    assert "not me" not in error


def test_closing_takes_the_handlers_away(tmp_path: Path) -> None:
    before = list(get_logger().handlers)
    with logging_to(tmp_path, verbose=True):
        assert len(get_logger().handlers) == len(before) + 2
    assert get_logger().handlers == before


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain text.", "plain text."),
        ("a\nb\x1b[31m\x7f", "a\\nb\\x1b[31m\\x7f"),
        ("back\\slash", "back\\\\slash"),
        ("é€😀", "\\xe9\\u20ac\\U0001f600"),
        (b"\x00\xffA", "\\x00\\xffA"),
        ("\ud800", "\\ud800"),
    ],
)
def test_a_strangers_text_is_shown_without_its_control_characters(text: str | bytes, shown: str) -> None:
    assert printable(text) == shown


def test_a_long_text_is_cut_and_says_how_long_it_was() -> None:
    assert printable("abcdef", 4) == "abcd… (6 in all)"
    assert printable("abcd", 4) == "abcd"


@given(st.text() | st.binary())
def test_whatever_comes_is_one_visible_line(value: str | bytes) -> None:
    shown = printable(value)
    assert shown.isprintable()
    assert shown.replace("…", "").isascii()


@given(st.text(max_size=60))
def test_a_line_as_json_is_one_object_with_the_same_fields(text: str) -> None:
    record = logging.LogRecord(
        "tornado.application.hello", logging.WARNING, "a/hello.py", 7, "%s", (text,), None
    )
    line = JsonFormatter().format(record)
    found = json.loads(line)
    assert "\n" not in line
    assert line.isascii()
    assert found["message"] == text
    assert (found["level"], found["module"], found["line"]) == ("WARNING", "hello", 7)
    assert found["logger"] == "tornado.application.hello"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", found["time"])


def test_both_files_take_lines_as_json(tmp_path: Path) -> None:
    files = setup_logging(tmp_path, level="INFO", topics=(), verbose=False, is_json=True)
    try:
        get_logger().info("one")
        logging.getLogger(ACCESS_LOGGER).info("two")
        try:
            raise ValueError("a fault")
        except ValueError:
            get_logger().exception("three")
    finally:
        files.close()
    app = [json.loads(line) for line in (tmp_path / "pos_app.log").read_text().splitlines()]
    access = [json.loads(line) for line in (tmp_path / "pos_access.log").read_text().splitlines()]
    assert [line["message"] for line in app] == ["one", "three"]
    assert "ValueError: a fault" in app[1]["exception"]
    assert [line["message"] for line in access] == ["two"]
