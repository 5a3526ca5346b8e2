"""A repeating fault speaks once a minute and says when it ends."""

from __future__ import annotations

from hypernode.node.base.log_dedup import MAX_SUBJECTS, LogDedup


def test_a_fault_is_logged_at_once_then_once_a_minute_with_a_count() -> None:
    repeats = LogDedup()
    assert repeats.on_fault("peer a", "timed out", 100.0) == "peer a: timed out"
    assert repeats.on_fault("peer a", "timed out", 110.0) is None
    assert repeats.on_fault("peer a", "timed out", 159.9) is None
    assert repeats.on_fault("peer a", "refused", 160.0) == "peer a: refused (2 more since the last line)"
    assert repeats.on_fault("peer a", "refused", 161.0) is None
    assert repeats.on_fault("peer a", "refused", 300.0) == "peer a: refused (1 more since the last line)"
    assert repeats.on_fault("peer a", "refused", 400.0) == "peer a: refused"


def test_the_end_is_said_once() -> None:
    repeats = LogDedup()
    repeats.on_fault("companion", "late", 10.0)
    repeats.on_fault("companion", "late", 20.0)
    assert repeats.on_end("companion", 95.4) == "companion: over after 85 s (2 times)"
    assert repeats.on_end("companion", 96.0) is None
    assert repeats.on_end("another", 96.0) is None
    assert repeats.on_fault("companion", "late", 97.0) == "companion: late"


def test_subjects_do_not_silence_each_other() -> None:
    repeats = LogDedup()
    assert repeats.on_fault("a", "x", 1.0)
    assert repeats.on_fault("b", "x", 1.0)


def test_the_fault_heard_of_longest_ago_gives_way_when_there_are_too_many() -> None:
    repeats = LogDedup()
    repeats.on_fault("stays", "x", 0.0)
    for number in range(MAX_SUBJECTS - 1):
        repeats.on_fault(f"s{number}", "x", 1.0)
    repeats.on_fault("stays", "x", 2.0)
    repeats.on_fault("new", "x", 3.0)
    assert repeats.on_end("s0", 4.0) is None
    assert repeats.on_end("stays", 4.0) is not None
