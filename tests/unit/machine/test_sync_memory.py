"""What is remembered of tips and liars: for how long, how much, and apart from each other."""

from __future__ import annotations

import pytest

from hypernode.machine.sync_memory import BAN_S, MAX_LIARS, MAX_TIPS, Aside, ExpiringSet, SyncMemory

TIP, OTHER = b"t" * 20, b"o" * 20


@pytest.mark.parametrize(("seconds", "after", "is_held"), [(60, 0, True), (60, 59.9, True), (60, 60, False)])
def test_a_tip_is_put_aside_for_just_so_long(seconds: float, after: float, is_held: bool) -> None:
    memory = SyncMemory()
    memory.put_aside(TIP, Aside.IGNORED, 1_000.0, seconds)
    assert (TIP in memory.list_aside(Aside.IGNORED, 1_000.0 + after)) is is_held


def test_a_broken_promise_is_remembered_for_a_quarter_of_an_hour() -> None:
    memory = SyncMemory()
    memory.put_aside(TIP, Aside.IGNORED, 5.0)
    memory.note_liar("a", 5.0)
    assert BAN_S == 900.0
    assert memory.list_aside(Aside.IGNORED, 904.9) == {TIP}
    assert memory.list_liars(904.9) == {"a"}
    assert memory.list_aside(Aside.IGNORED, 905.0) == frozenset()
    assert memory.list_liars(905.0) == frozenset()


def test_the_last_word_on_a_tip_counts_also_where_it_is_the_shorter_one() -> None:
    memory = SyncMemory()
    memory.put_aside(TIP, Aside.IGNORED, 0.0)
    memory.put_aside(TIP, Aside.IGNORED, 10.0, 5.0)
    assert memory.list_aside(Aside.IGNORED, 14.9) == {TIP}
    assert memory.list_aside(Aside.IGNORED, 15.0) == frozenset()


@pytest.mark.parametrize("reason", list(Aside))
def test_reasons_are_kept_apart_and_forgotten_apart(reason: Aside) -> None:
    memory = SyncMemory()
    for each in Aside:
        memory.put_aside(TIP if each is reason else OTHER, each, 0.0)
    assert [each for each in Aside if TIP in memory.list_aside(each, 1.0)] == [reason]
    memory.forget(reason)
    assert memory.list_aside(reason, 1.0) == frozenset()
    assert all(memory.list_aside(each, 1.0) == {OTHER} for each in Aside if each is not reason)


def test_a_set_that_is_full_drops_what_would_be_over_first() -> None:
    held = ExpiringSet[int](3)
    for key, until in ((1, 50.0), (2, 20.0), (3, 90.0), (4, 60.0)):
        held.add(key, until)
    assert held.list_held(0.0) == {1, 3, 4}
    held.add(1, 100.0)
    assert len(held) == 3


def test_liars_cannot_fill_the_memory() -> None:
    memory = SyncMemory()
    for number in range(MAX_TIPS + 50):
        memory.put_aside(number.to_bytes(20, "big"), Aside.IGNORED, float(number))
    for number in range(MAX_LIARS + 50):
        memory.note_liar(str(number), float(number))
    assert len(memory.list_aside(Aside.IGNORED, 0.0)) == MAX_TIPS
    assert (0).to_bytes(20, "big") not in memory.list_aside(Aside.IGNORED, 0.0)
    assert len(memory.list_liars(0.0)) == MAX_LIARS
    assert len(memory) == MAX_TIPS + MAX_LIARS
