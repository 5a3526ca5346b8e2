"""Figures of the process in the status."""

from __future__ import annotations

from hypernode.app.metrics import count_tasks


def test_tasks_are_counted_by_what_they_do() -> None:
    names = ["owner", "serves 127.0.0.1:4001", "serves 10.0.0.7:80", "Task-12", "tester"]
    assert count_tasks(names) == {"owner": 1, "serves": 2, "task": 1, "tester": 1}
