"""Each rule of a block that has a number, at its limit and one on either side (spec 4).

A row says what is moved, by how much it holds to the last, and by how much it does not any more.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest

from hypernode.core.encoded_size import compute_block_size
from hypernode.core.fork_choice import find_replacement_violation
from hypernode.core.params.chain_params import ChainParams
from hypernode.core.rules import UNCHECKED
from hypernode.core.timeline import compute_slot_start
from hypernode.core.types import Block
from hypernode.core.validate_block import BlockContext, find_violations
from hypernode.core.validate_message import find_message_violation
from tests.unit.core.builders import (
    OWN,
    ROUND,
    SIR,
    make_block,
    make_context,
    make_message,
    make_messages,
    make_parent,
)

START = compute_slot_start(OWN, ROUND, SIR)
END = START + OWN.slot_s


@dataclass(frozen=True)
class Row:
    """``make`` gets the number that is moved.  ``holds`` are the last ones that break nothing, ``breaks`` the
    first that break the rule."""

    rule: str
    what: str
    make: Callable[[float], tuple[ChainParams, Block, BlockContext]]
    holds: tuple[float, ...]
    breaks: tuple[float, ...]


def name(value: object) -> str:
    """For the ids of parametrized tests."""
    return f"rule {value.rule}, {value.what}" if isinstance(value, Row) else str(value)


def judge(block: Block, params: ChainParams = OWN, **context: Any) -> tuple[ChainParams, Block, BlockContext]:
    return params, block, make_context(params, block, **context)


def at_time(timestamp: float) -> Block:
    """A block of that time whose messages are of it, too."""
    time = int(timestamp)
    messages = [make_message(OWN, number, time, value=i) for i, number in enumerate((0, 1, 2, 0))]
    return make_block(OWN, messages=messages, timestamp=time)


def with_parent_at(timestamp: float) -> tuple[ChainParams, Block, BlockContext]:
    return judge(make_block(OWN), parent=replace(make_parent(OWN), timestamp=int(timestamp)))


def with_parent_in(sir: float) -> tuple[ChainParams, Block, BlockContext]:
    parent = replace(make_parent(OWN), sir=int(sir))
    return judge(make_block(OWN, parent), parent=parent)


def in_slot(sir: float) -> tuple[ChainParams, Block, BlockContext]:
    start = compute_slot_start(OWN, ROUND, int(sir))
    messages = [make_message(OWN, number, start, value=i) for i, number in enumerate((0, 1, 2, 0))]
    return judge(make_block(OWN, messages=messages, sir=int(sir)))


def of_messages(count: float) -> tuple[ChainParams, Block, BlockContext]:
    senders = [number % 3 for number in range(int(count))]
    return judge(make_block(OWN, messages=make_messages(OWN, senders)), replace(OWN, max_block_messages=6))


def of_senders(count: float) -> tuple[ChainParams, Block, BlockContext]:
    return judge(make_block(OWN, messages=make_messages(OWN, [n % int(count) for n in range(4)])))


def with_message_at(timestamp: float) -> tuple[ChainParams, Block, BlockContext]:
    odd = make_message(OWN, 3, int(timestamp))
    messages = sorted([*make_messages(OWN), odd], key=lambda message: message.timestamp)
    return judge(make_block(OWN, messages=messages))


def with_params(size: float) -> tuple[ChainParams, Block, BlockContext]:
    return judge(make_block(OWN, messages=[*make_messages(OWN), make_message(OWN, params="x" * int(size))]))


def with_most(field: str, size: float) -> tuple[ChainParams, Block, BlockContext]:
    """A usual block where blocks may have so many bytes."""
    params = replace(OWN, max_block_bytes=int(size)) if field == "max_block_bytes" else OWN
    params = replace(OWN, giant_block_bytes=int(size)) if field == "giant_block_bytes" else params
    return judge(make_block(OWN), params)


TIME = make_block(OWN).timestamp
SIZE = compute_block_size(make_block(OWN))
OLDEST = TIME - OWN.message_age_s - OWN.slot_s

ROWS = (
    Row("2", "slot of the parent", with_parent_in, (SIR - 1,), (SIR, SIR + 1)),
    Row("2", "slot of a round", in_slot, (OWN.slots - 2, OWN.slots - 1), (OWN.slots,)),
    Row("3", "time in its slot", lambda t: judge(at_time(t)), (START, END - 1), (START - 1, END)),
    Row("3", "time of the parent", with_parent_at, (TIME - 1, TIME), (TIME + 1,)),
    Row(
        "3",
        "our clock behind it",
        lambda s: judge(make_block(OWN), now=TIME - s),
        (OWN.future_allowed_s - 0.001, OWN.future_allowed_s),
        (OWN.future_allowed_s + 0.001,),
    ),
    Row("7", "messages", of_messages, (OWN.min_block_messages, 6), (OWN.min_block_messages - 1, 7)),
    Row("8", "senders", of_senders, (2, 3), (1,)),
    Row("9", "a message's time", with_message_at, (OLDEST, TIME + 5), (OLDEST - 1, TIME + 6)),
    Row("13", "length of params", with_params, (255, 256), (257,)),
    Row(
        "14",
        "bytes of a pushed block",
        lambda n: with_most("max_block_bytes", n),
        (SIZE, SIZE + 1),
        (SIZE - 1,),
    ),
    Row(
        "15", "bytes of any block", lambda n: with_most("giant_block_bytes", n), (SIZE, SIZE + 1), (SIZE - 1,)
    ),
)


@pytest.mark.parametrize(("row", "number"), [(row, n) for row in ROWS for n in row.holds], ids=name)
def test_a_rule_holds_up_to_its_limit(row: Row, number: float) -> None:
    params, block, context = row.make(number)
    assert [violation.rule.number for violation in find_violations(params, block, context)] == [], row.what


@pytest.mark.parametrize(("row", "number"), [(row, n) for row in ROWS for n in row.breaks], ids=name)
def test_a_rule_breaks_right_over_its_limit(row: Row, number: float) -> None:
    params, block, context = row.make(number)
    # a slot that is none is also of no time that the block could have
    assert row.rule in [violation.rule.number for violation in find_violations(params, block, context)], (
        row.what
    )


def test_a_message_that_is_not_sealed_has_as_long_params_at_most() -> None:
    for size, rule in ((256, None), (257, "M5")):
        broken = find_message_violation(
            OWN, make_message(OWN, params="x" * size), sealed=False, registered=UNCHECKED, signature_ok=True
        )
        assert (broken.rule.label if broken else None) == rule


@pytest.mark.parametrize(
    ("age", "behind", "may"),
    [(0, 0, True), (1, 2, False), (1, 3, True), (OWN.keep_rounds, 3, True), (OWN.keep_rounds + 1, 4, False)],
)
def test_past_rounds_need_a_majority_of_four_and_older_ones_stay(age: int, behind: int, may: bool) -> None:
    refusal = find_replacement_violation(OWN, ROUND - age, ROUND, behind, 4)
    assert (refusal is None) is may
