"""What is noted of the branches that kinds of faults met, and what the tables say of it."""

from __future__ import annotations

from types import CodeType

from tests.soak.meetings import (
    ENTRY,
    PACKAGES,
    ROOT,
    Reached,
    Tracer,
    format_tables,
    is_of_a_node,
    list_pairs,
)

CALM, CRASH, SLOW = frozenset[str](), frozenset({"crash"}), frozenset({"slow"})


def _choose(number: int) -> str:
    if number:
        return "one"
    return "none"


def _trace(number: int) -> set[tuple[int, int]]:
    """Steps within ``_choose``, by lines counted from its first one."""
    first = _choose.__code__.co_firstlineno

    def is_wanted(code: CodeType) -> bool:
        return code is _choose.__code__

    tracer = Tracer(lambda: CRASH, is_wanted)
    tracer._wanted[_choose.__code__] = "here.py"
    with tracer:
        _choose(number)
    [steps] = tracer.reached.values()
    return {(before - first if before else ENTRY, line - first) for _, before, line in steps}


def test_each_way_through_a_function_is_noted() -> None:
    assert _trace(1) == {(ENTRY, 1), (1, 2)}
    assert _trace(0) == {(ENTRY, 1), (1, 3)}


def test_functions_of_a_node_are_traced_and_no_others() -> None:
    node = compile("0", str(ROOT / "node" / "owner" / "x.py"), "exec")
    assert is_of_a_node(node)
    assert not is_of_a_node(compile("0", str(ROOT / "sim" / "x.py"), "exec"))
    assert not is_of_a_node(compile("0", "/elsewhere/node/x.py", "exec"))


def test_a_pair_is_told_for_what_neither_kind_reached_without_the_other() -> None:
    reached = Reached()
    reached.merge({CALM: {("a", 0, 1)}, CRASH: {("a", 0, 1), ("a", 1, 2)}, SLOW: {("a", 1, 3)}})
    assert list_pairs(reached) == []
    reached.merge({CRASH | SLOW: {("a", 1, 2), ("a", 3, 4)}, CRASH | SLOW | {"pause"}: {("a", 4, 5)}})
    rows = {pair: (steps, own) for pair, steps, own in list_pairs(reached)}
    assert rows == {("crash", "slow"): (3, 2), ("crash", "pause"): (1, 1), ("pause", "slow"): (1, 1)}


def test_the_tables_say_what_was_not_reached() -> None:
    reached = Reached()
    reached.merge(
        {CALM: {("core/hashing.py", 0, number) for number in range(1, 500)}, CRASH | SLOW: {("x", 0, 1)}}
    )
    text = format_tables(reached, 3)
    assert text.startswith("3 seeds, 2 kinds; 1 of 1 pairs of these were at work at one time; 500 steps")
    assert "   * - ``crash``, ``slow``\n     - 1\n     - 1\n" in text
    assert all(f"   * - ``{package}``" in text for package in PACKAGES)
    assert "``hashing." not in text
