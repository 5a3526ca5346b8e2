"""What the node knows of the present moment: slots, jurors, and whose plan it is."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hypernode.core.counting import NOBODY, Counted
from hypernode.core.timeline import compute_slot_start
from hypernode.core.types import Juror, RoundPlan
from hypernode.node.base.node_state import NodeState
from tests.unit.node.beds import ROUND, Bed, play

PLAN = RoundPlan(ROUND, 1, b"\1" * 20, (), jurors=(Juror("a", 0), Juror("b", 1)))


def make(bed: Bed) -> NodeState:
    return NodeState(bed.params, bed.clock, bed.clock.now())


def test_the_juror_is_that_of_the_present_slot_by_the_plan_of_its_round() -> None:
    async def scenario() -> None:
        bed = Bed()
        state = make(bed)
        assert state.get_juror() is None
        state.set_plan(PLAN, NOBODY, ())
        for sir, juror in ((0, "a"), (1, "b"), (2, None), (bed.params.slots, None)):
            bed.go_to(ROUND, sir)
            assert (state.get_round_slot(), state.get_juror()) == ((ROUND, sir), juror)
        bed.go_to(ROUND + 1, 0)
        assert state.get_juror() is None, "the plan is of the round before"

    play(scenario())


@pytest.mark.parametrize("after_s", [0.0, 20.0, 179.9])
def test_a_slot_has_its_edges(after_s: float) -> None:
    async def scenario() -> None:
        bed = Bed()
        bed.go_to(ROUND, 2, after_s)
        start = compute_slot_start(bed.params, ROUND, 2)
        assert make(bed).get_slot_times() == (start, start + bed.params.slot_s)

    play(scenario())


def test_the_plan_of_the_round_before_is_kept_and_no_older_one() -> None:
    async def scenario() -> None:
        bed = Bed()
        state = make(bed)
        counted = Counted(frozenset({"a"}))
        state.set_plan(PLAN, counted, ("b",))
        assert (state.previous_plan, state.counted, state.connect_to) == (None, counted, ("b",))
        following = replace(PLAN, round=ROUND + 1)
        state.set_plan(following, NOBODY, ())
        assert state.previous_plan == PLAN
        # derived again for the same round: still the one of the round before
        state.set_plan(replace(following, pow_height=2), NOBODY, ())
        assert state.previous_plan == PLAN
        state.set_plan(replace(PLAN, round=ROUND + 9), NOBODY, ())
        assert state.plan is not None
        assert state.plan.round == ROUND + 9
        assert state.derived_at == bed.clock.now()

    play(scenario())


@pytest.mark.parametrize(("ahead_s", "less_s"), [(0.0, 0.0), (1.5, 1.5), (-1.5, 0.0)])
def test_messages_are_offered_by_the_others_time_where_ours_is_ahead(ahead_s: float, less_s: float) -> None:
    async def scenario() -> None:
        bed = Bed()
        state = make(bed)
        state.clock_offset_s = ahead_s
        assert state.get_offer_time() == bed.clock.now() - less_s

    play(scenario())
