"""The frozen data: what counts for being equal, and who holds a slot."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, fields, is_dataclass, replace

import pytest

from hypernode.core import types
from hypernode.core.types import Equivocation, Juror, RoundPlan
from tests.unit.core.builders import OWN, make_block, make_message

PLAN = RoundPlan(5, 100, b"\1" * 20, (), jurors=(Juror("a", 0), Juror("b", 3)))


@pytest.mark.parametrize(("sir", "holder"), [(-1, None), (0, "a"), (1, "b"), (2, None), (19, None)])
def test_a_slot_without_a_juror_has_none(sir: int, holder: str | None) -> None:
    assert PLAN.juror_of(sir) == holder


def test_a_round_without_jurors_has_none_in_any_slot() -> None:
    assert replace(PLAN, jurors=()).juror_of(0) is None


def test_when_a_message_came_makes_no_other_message_of_it() -> None:
    message = make_message(OWN)
    assert replace(message, received=99) == message
    assert replace(message, value=message.value + 1) != message


def test_when_an_equivocation_was_seen_makes_no_other_evidence_of_it() -> None:
    first, second = make_block(OWN), replace(make_block(OWN), block_hash=b"\2" * 20)
    assert Equivocation(first, second, 1) == Equivocation(first, second, 2)
    assert Equivocation(first, second) != Equivocation(second, first)


def test_all_data_is_frozen() -> None:
    classes = [one for one in vars(types).values() if isinstance(one, type) and is_dataclass(one)]
    assert len(classes) >= 10
    block = make_block(OWN)
    with pytest.raises(FrozenInstanceError):
        setattr(block, "height", 1)  # noqa: B010
    for cls in classes:
        assert cls.__dataclass_params__.frozen, cls  # type: ignore[attr-defined]
        assert fields(cls)
