"""Subjects that an operator hears: words are made only where somebody listens."""

from __future__ import annotations

import pytest

from hypernode.node.base.log_subjects import SILENT, Subjects


def test_only_what_is_heard_is_put_into_words() -> None:
    made: list[str] = []
    lines: list[tuple[str, str]] = []

    def words() -> str:
        made.append("once")
        return "what happened"

    subjects = Subjects(
        lambda subject: subject == "hello", lambda subject, line: lines.append((subject, line))
    )
    subjects.log("timing", words)
    assert (made, lines) == ([], [])
    subjects.log("hello", words)
    assert (made, lines) == (["once"], [("hello", "hello: what happened")])


def test_who_hears_nothing_makes_no_words() -> None:
    SILENT.log("hello", lambda: pytest.fail("put into words"))
