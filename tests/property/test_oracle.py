"""``core`` against the second version of the rules in ``tests.oracle``, for drawn inputs."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hypernode.core.block import create_genesis
from hypernode.core.fork_choice import find_replacement_violation, is_better, is_promise_kept, is_same_height
from hypernode.core.lottery import compute_connect_to, compute_distance, compute_round_plan
from hypernode.core.params.chain_params import ChainParams
from hypernode.core.timeline import (
    compute_reference_time,
    compute_round_slot,
    compute_round_start,
    compute_slot_start,
    has_begun,
)
from hypernode.core.types import Block, ChainHeight, Juror, Registration
from tests.oracle import choosing, drawing, rounds, timing
from tests.oracle_bridge import to_pairs, to_parameters
from tests.unit.core.builders import MIXED, OWN, make_block, make_message

few = st.sampled_from("abcdef")
listings = (
    st.lists(st.integers(-1, 3), max_size=5)
    # two are drawn in another way out of more than 21
    | st.sampled_from([20, 21, 22, 23, 24]).map(lambda size: [1] * size)
    | st.lists(st.integers(0, 3), min_size=60, max_size=80)
)


def make_listed(names: Sequence[str], weights: Sequence[int]) -> list[Registration]:
    return [Registration(name, name, "1", name, name, w) for name, w in zip(names, weights, strict=True)]


def make_chain(seen: Sequence[str], reference: bytes) -> list[Block]:
    """Genesis, a block of round 7, two of round 8 by those seen, one of round 9; the last before 9 is the
    reference."""
    genesis = create_genesis(OWN)
    sealed = tuple(replace(make_message(OWN), sender=name) for name in seen[2:])
    return [
        genesis,
        replace(make_block(OWN), round=7, forger="of 7", block_hash=b"7" * 20),
        *(
            replace(make_block(OWN), round=8, forger=name, messages=sealed, block_hash=reference)
            for name in seen[:2]
        ),
        replace(make_block(OWN), round=9, forger="of 9", block_hash=b"9" * 20),
    ]


@given(
    params=st.sampled_from([OWN, MIXED]),
    weights=listings,
    gone=st.sets(st.integers(0, 80), max_size=3),
    seen=st.lists(st.integers(0, 80).map("{:02d}".format), min_size=1, max_size=8, unique=True),
    voided=st.sets(st.integers(0, 80).map("{:02d}".format), max_size=3),
    min_active=st.integers(0, 4),
    reference=st.binary(min_size=20, max_size=20),
    is_reversed=st.booleans(),
)
@settings(max_examples=150)
def test_the_plan_of_a_round(
    params: ChainParams,
    weights: list[int],
    gone: set[int],
    seen: list[str],
    voided: set[str],
    min_active: int,
    reference: bytes,
    is_reversed: bool,
) -> None:
    # Short names: with many tickets some of different addresses are equally far, in either order.
    params = replace(params, min_active=min_active)
    names = [f"{n:02d}" for n in range(len(weights))]
    names.sort(reverse=is_reversed)
    listed = make_listed(names, weights)
    before = [entry for n, entry in enumerate(listed) if n not in gone]
    chain = make_chain(seen, reference)
    was_seen = {*seen[:2], *seen[2:]}
    plan = compute_round_plan(
        params, params.default_tunables.tests_per_slot, 9, listed, before, was_seen, reference, voided=voided
    )
    expected = rounds.derive_round(
        to_parameters(params), 9, to_pairs(listed), to_pairs(before), chain, voided
    )
    assert expected.reference == reference
    assert [(juror.address, juror.ticket) for juror in plan.jurors] == expected.jurors
    # on mixed networks a void changes nothing but what is shown
    silent = [name for name in plan.inactive if name not in voided]
    assert silent == [name for name in expected.inactive if name not in voided]
    assert plan.voided == tuple(name for name in names if name in voided)
    assert [[(t.tester, t.tested, t.kind) for t in slot] for slot in plan.tests] == expected.tests


@pytest.mark.parametrize("slots", [1, 2, 3])
def test_equally_far_tickets_of_different_addresses_keep_ticket_order(slots: int) -> None:
    """Two that a tie decides, the later ticket with the smaller address, also where the tie is about the last
    slot."""
    reference = bytes(20)
    far: dict[int, str] = {}
    ties = []
    for n in range(3_000):
        far.setdefault(compute_distance(Juror(f"{9_999 - n}", 0), reference), f"{9_999 - n}")
    for n in range(3_000):
        first = far.get(compute_distance(Juror(f"{n:04d}", 1), reference))
        if first is not None and first > f"{n:04d}":
            ties.append((first, f"{n:04d}"))
    assert len(ties) > 100
    for pair in ties[:100]:
        params = replace(OWN, slots=slots)
        jurors = compute_round_plan(
            params, params.default_tunables.tests_per_slot, 9, make_listed(pair, [1, 1]), [], (), reference
        ).jurors
        tickets = drawing.list_tickets([(name, 1) for name in pair], slots)
        expected = drawing.draw_jurors(tickets, reference, slots)
        assert [(juror.address, juror.ticket) for juror in jurors] == expected
        assert slots > 2 or jurors[0].address == pair[0]


@given(
    size=st.integers(0, 60),
    own=st.integers(0, 60),
    counted=st.sets(st.integers(0, 60)),
    round_=st.integers(0, 10**6),
    most=st.integers(1, 40),
)
@settings(max_examples=50)
def test_whom_to_connect_to(size: int, own: int, counted: set[int], round_: int, most: int) -> None:
    names = [f"node {n}" for n in range(size)]
    listed = make_listed(names, [1] * size)
    counts = {f"node {n}" for n in counted}
    left_out = set(names) - counts
    ours = compute_connect_to(most, listed, f"node {own}", round_, left_out)
    expected = drawing.list_connect_to(names, counts, f"node {own}", round_, most)
    assert [entry.pos for entry in ours] == expected


@given(
    params=st.sampled_from(
        [OWN, MIXED, replace(MIXED, reference="legacy"), replace(OWN, reference="legacy")]
    ),
    round_=st.integers(-3, 50_000),
    sir=st.integers(0, 20),
    by=st.sampled_from([-1, -0.25, 0, 0.25, 1]),
)
@settings(max_examples=100)
def test_times(params: ChainParams, round_: int, sir: int, by: float) -> None:
    p = to_parameters(params)
    start = compute_slot_start(params, round_, sir)
    assert start == timing.begin_slot(p, round_, sir)
    assert compute_round_start(params, round_) == timing.begin_round(p, round_)
    assert compute_round_slot(params, start + by) == timing.place(p, start + by)
    assert compute_reference_time(params, round_) == timing.refer(p, round_)
    for ahead in (-1, 0, 1):
        now = start - params.future_allowed_s + ahead
        assert has_begun(params, round_, sir, now) is (start <= now + p.future_s)


measures = st.integers(0, 1)
heights = st.builds(
    ChainHeight,
    height=st.integers(5, 6),
    round=measures,
    sir=st.integers(0, 2),
    block_hash=st.sampled_from([b"a" * 20, b"b" * 20]),
    uniques=measures,
    uniques_round=measures,
    forgers=measures,
    forgers_round=measures,
)


steps: st.SearchStrategy[dict[str, int]] = st.dictionaries(
    st.sampled_from(["height", "round", "sir", "uniques", "uniques_round", "forgers", "forgers_round"]),
    st.integers(0, 3),
    min_size=1,
    max_size=3,
)


@given(a=heights, changed=steps, block_hash=st.sampled_from([b"a" * 20, b"b" * 20, b"c" * 20]))
@settings(max_examples=300)
def test_which_chain_is_better_and_whether_a_promise_is_kept(
    a: ChainHeight, changed: dict[str, int], block_hash: bytes
) -> None:
    b = replace(a, block_hash=block_hash, **changed)
    for one, other in ((a, b), (b, a)):
        assert is_better(one, other) is choosing.is_first_better(asdict(one), asdict(other))
        assert is_promise_kept(one, other) is choosing.is_promise_kept(asdict(one), asdict(other))
        assert is_same_height(one, other) is choosing.is_same(asdict(one), asdict(other))


@pytest.mark.parametrize(("more", "less"), list(itertools.permutations(choosing.ORDER, 2)))
def test_which_measure_outweighs_which(more: str, less: str) -> None:
    """Every two of them the other way round, all else equal."""
    a: dict[str, Any] = {**dict.fromkeys(choosing.ORDER, 5), "sir": 3, "block_hash": b"h" * 20}
    up, down = (b"i" * 20 if more == "block_hash" else 6), (b"g" * 20 if less == "block_hash" else 4)
    b = {**a, "block_hash": b"h" * 19 + b"i", more: up, less: down}
    for one, other in ((a, b), (b, a)):
        expected = choosing.is_first_better(one, other)
        assert is_better(ChainHeight(**one), ChainHeight(**other)) is expected
    assert choosing.is_first_better(b, a) is (choosing.ORDER.index(more) < choosing.ORDER.index(less))


@given(
    age=st.integers(0, 5),
    keep=st.integers(0, 3),
    behind=st.integers(0, 6),
    connected=st.integers(0, 6),
)
@settings(max_examples=100)
def test_when_a_better_chain_may_replace_ours(age: int, keep: int, behind: int, connected: int) -> None:
    params = replace(OWN, keep_rounds=keep)
    ours = find_replacement_violation(params, 20 - age, 20, behind, connected) is None
    most_hold = choosing.is_majority(behind, connected)
    replaced = range(20 - age, 21)
    p = to_parameters(params)
    assert ours is choosing.may_replace(p, replaced, 20, is_better=True, most_hold=most_hold)
    assert not choosing.may_replace(p, replaced, 20, is_better=False, most_hold=most_hold)
