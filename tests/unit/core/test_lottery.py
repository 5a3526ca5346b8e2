from dataclasses import replace

import pytest

from hypernode.core.lottery import (
    Draws,
    compute_connect_to,
    compute_distance,
    compute_jurors,
    compute_round_plan,
    compute_silent,
    compute_tests,
    compute_tickets,
)
from hypernode.core.params.chain_params import ChainParams
from hypernode.core.types import Juror, Registration
from tests.unit.core.builders import MIXED, OWN, get_address, make_registration

TESTS = OWN.default_tunables.tests_per_slot
REFERENCE = bytes(range(20))


def register(*weights: int) -> list[Registration]:
    """A list of hypernodes with these weights."""
    return [make_registration(OWN, number, weight) for number, weight in enumerate(weights)]


def test_tickets_follow_weights_and_go_round_again_until_there_are_enough() -> None:
    tickets = compute_tickets([("a", 2), ("b", 1)], 4)
    assert tickets == [Juror(a, i) for i, a in enumerate("aabaab")]


def test_a_list_that_is_long_enough_goes_round_once() -> None:
    assert len(compute_tickets([("a", 3), ("b", 3)], 6)) == 6


def test_weights_of_zero_and_below_get_no_ticket() -> None:
    assert {t.address for t in compute_tickets([("a", 0), ("b", -1), ("c", 1)], 19)} == {"c"}


def test_a_list_without_a_positive_weight_has_no_jurors_and_ends() -> None:
    assert compute_tickets([("a", 0), ("b", -1)], 19) == []
    plan = compute_round_plan(OWN, TESTS, 1, register(0, -1), [], frozenset(), REFERENCE)
    assert plan.jurors == ()
    assert plan.tests == ()
    assert plan.juror_of(0) is None


def test_jurors_are_the_nearest_tickets_in_order_and_ties_keep_theirs() -> None:
    tickets = compute_tickets([(str(i), 3) for i in range(30)], 19)
    jurors = compute_jurors(tickets, REFERENCE, 19)
    distances = [compute_distance(j, REFERENCE) for j in jurors]
    assert distances == sorted(distances)
    left = min(compute_distance(t, REFERENCE) for t in tickets if t not in jurors)
    assert left >= distances[-1]
    same = [Juror("same", 5)] * 2
    assert compute_jurors(same, REFERENCE, 1) == (same[0],)


def test_silent_ones_were_on_the_list_before_and_not_seen() -> None:
    before = register(1, 1, 1)
    seen = frozenset(get_address(OWN, n) for n in (0, 1, 8))
    assert compute_silent(OWN, before, seen) == {get_address(OWN, 2)}


def test_nobody_is_silent_when_too_few_were_seen() -> None:
    assert compute_silent(OWN, register(1, 1, 1), frozenset(("x",))) == frozenset()
    assert compute_silent(replace(OWN, min_active=0), register(1), frozenset()) == {get_address(OWN, 0)}


def test_who_is_new_on_the_list_is_active() -> None:
    seen = frozenset(get_address(OWN, n) for n in (0, 1))
    plan = compute_round_plan(OWN, TESTS, 1, register(1, 1, 1), register(1, 1), seen, REFERENCE)
    assert plan.inactive == ()


def test_silent_ones_draw_no_slot_but_are_tested() -> None:
    seen = frozenset(get_address(OWN, n) for n in (0, 1))
    plan = compute_round_plan(OWN, TESTS, 1, register(1, 1, 1), register(1, 1, 1), seen, REFERENCE)
    silent = get_address(OWN, 2)
    assert plan.inactive == (silent,)
    assert silent not in {j.address for j in plan.jurors}
    assert silent in {t.tested for slot in plan.tests for t in slot}


def test_voided_ones_neither_draw_nor_are_tested_on_networks_of_our_own() -> None:
    voided = get_address(OWN, 1)
    plan = compute_round_plan(
        OWN,
        TESTS,
        1,
        register(1, 1, 1, 1),
        [],
        frozenset(),
        REFERENCE,
        voided=[voided, "x"],
    )
    assert plan.voided == (voided,)
    assert voided not in {j.address for j in plan.jurors}
    assert voided not in {a for slot in plan.tests for t in slot for a in (t.tester, t.tested)}


def test_voided_ones_draw_all_the_same_on_mixed_networks() -> None:
    registered = [make_registration(MIXED, number) for number in range(3)]
    plan = compute_round_plan(
        MIXED,
        TESTS,
        1,
        registered,
        [],
        (),
        REFERENCE,
        voided=[registered[1].pos],
    )
    unvoided = compute_round_plan(MIXED, TESTS, 1, registered, [], (), REFERENCE)
    assert (plan.jurors, plan.tests) == (unvoided.jurors, unvoided.tests)
    assert plan.voided == (registered[1].pos,)


def test_a_plan_has_a_juror_and_tests_for_every_slot() -> None:
    plan = compute_round_plan(
        OWN,
        TESTS,
        9,
        register(1, 2, 3, 1),
        [],
        frozenset(),
        REFERENCE,
        pow_height=77,
    )
    assert (plan.round, plan.pow_height, plan.reference_hash) == (9, 77, REFERENCE)
    assert len(plan.jurors) == len(plan.tests) == OWN.slots
    for juror, tests in zip(plan.jurors, plan.tests, strict=True):
        assert len(tests) == TESTS
        assert all(juror.address not in (t.tester, t.tested) and t.tester != t.tested for t in tests)
        assert all(t.kind in OWN.test_kinds for t in tests)
    assert plan.juror_of(0) == plan.jurors[0].address
    assert plan.juror_of(OWN.slots) is None


def test_a_slot_with_fewer_than_two_candidates_has_no_test() -> None:
    juror = Juror("a", 0)
    assert compute_tests(OWN.test_kinds, TESTS, ["a", "b"], [juror], REFERENCE) == ((),)
    assert len(compute_tests(OWN.test_kinds, TESTS, ["a", "b", "c"], [juror], REFERENCE)[0]) == TESTS


def test_connections_leave_ourselves_out_and_are_bounded() -> None:
    registered = register(*[1] * 10)
    own = registered[3].pos
    chosen = compute_connect_to(5, registered, own, 8)
    assert len(chosen) == len(set(chosen)) == 5
    assert own not in {r.pos for r in chosen}
    assert chosen != compute_connect_to(5, registered, own, 9)
    assert chosen == compute_connect_to(5, registered, own, 8)


def test_who_does_not_count_is_left_out_of_the_same_shuffle() -> None:
    registered = register(*[1] * 12)
    own, left_out = registered[3].pos, {registered[5].pos, registered[7].pos}
    everybody = compute_connect_to(11, registered, own, 8)
    chosen = compute_connect_to(5, registered, own, 8, left_out)
    assert chosen == [r for r in everybody if r.pos not in left_out][:5]


@pytest.mark.parametrize("limit", [0, -1])
def test_nothing_is_drawn_below_nothing(limit: int) -> None:
    with pytest.raises(ValueError, match="below"):
        Draws(b"").below(limit)


def test_text_seeds_as_its_utf8() -> None:
    assert Draws("é").getrandbits(32) == Draws("é".encode()).getrandbits(32)


@pytest.mark.parametrize("params", [OWN, MIXED])
def test_registered_is_active_and_inactive_and_voided(params: ChainParams) -> None:
    registered = [make_registration(params, number) for number in range(6)]
    silent_voided, voided, silent = (registered[n].pos for n in (0, 1, 2))
    seen = {entry.pos for entry in registered} - {silent_voided, silent}
    low = replace(params, min_active=1)
    plan = compute_round_plan(
        low,
        TESTS,
        1,
        registered,
        registered,
        seen,
        REFERENCE,
        voided=[silent_voided, voided],
    )
    assert plan.voided == (silent_voided, voided)
    assert plan.inactive == (silent,)


def test_tickets_at_one_distance_keep_the_order_of_the_list() -> None:
    """Not that of addresses: the later ticket may be of the smaller one.  Whoever breaks ties otherwise draws
    other jurors in a third of main's rounds."""
    tickets = compute_tickets([(f"{100 - i}", 1) for i in range(90)], 19)
    by_distance: dict[int, list[Juror]] = {}
    for ticket in tickets:
        by_distance.setdefault(compute_distance(ticket, REFERENCE), []).append(ticket)
    tied = [same for same in by_distance.values() if len(same) > 1]
    assert any(first.address > second.address for first, second, *_ in tied)
    for first, second, *_ in tied:
        assert first.address != second.address
        assert compute_jurors([first, second], REFERENCE, 1) == (first,)
    drawn = compute_jurors(tickets, REFERENCE, len(tickets))
    assert list(drawn) == sorted(tickets, key=lambda t: (compute_distance(t, REFERENCE), t.ticket))
