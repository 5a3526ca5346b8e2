"""``core`` against the second version of the rules in ``tests.oracle``, for drawn inputs."""

from __future__ import annotations

from dataclasses import asdict, replace
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from hypernode.core.fork_choice import is_better, is_promise_kept
from hypernode.core.kpis import compute_kpis, compute_score
from hypernode.core.lottery import compute_connect_to, compute_round_plan
from hypernode.core.registrations.registry import COIN, PowRow, RegistryState, compute_balance, sort_rows
from hypernode.core.registrations.registry_rules import apply_rows
from hypernode.core.timeline import compute_slot_start
from hypernode.core.types import Block, ChainHeight, Registration
from hypernode.core.validate_block import find_breaks
from tests.oracle import counting, drawing, judging, registering
from tests.unit.core.builders import (
    OWN,
    ROUND,
    SIR,
    get_address,
    make_block,
    make_context,
    make_message,
    make_parent,
)
from tests.unit.pow.ledgers import FIRST, NETWORK, collateral, pos

TIMES = judging.Times(
    OWN.origin_of_time, OWN.slot_s, OWN.slots, OWN.closing_slots, OWN.address_byte, OWN.control_pos
)
few = st.sampled_from("abcdef")


@given(
    weights=st.lists(st.integers(-1, 3), max_size=5) | st.lists(st.integers(0, 3), min_size=60, max_size=80),
    seen=st.sets(st.integers(0, 80)),
    reference=st.binary(min_size=20, max_size=20),
    is_reversed=st.booleans(),
)
@settings(max_examples=60)
def test_the_plan_of_a_round(weights: list[int], seen: set[int], reference: bytes, is_reversed: bool) -> None:
    # Short names: with many tickets some of different addresses are equally far, in either order.
    names = [f"{n:02d}" for n in range(len(weights))]
    names.sort(reverse=is_reversed)
    listed = [Registration(name, name, "1", name, name, w) for name, w in zip(names, weights, strict=True)]
    was_seen = {names[n] for n in seen if n < len(names)} | {"somebody", "else"}
    plan = compute_round_plan(OWN, 9, listed, listed, was_seen, reference)
    silent = drawing.find_silent(names, was_seen, OWN.min_active)
    active = [(e.pos, e.weight) for e in listed if e.pos not in silent]
    jurors = drawing.draw_jurors(drawing.list_tickets(active, OWN.slots), reference, OWN.slots)
    assert [(juror.address, juror.ticket) for juror in plan.jurors] == jurors
    assert plan.inactive == tuple(name for name in names if name in silent)
    tests = drawing.plan_tests(names, [a for a, _ in jurors], reference, OWN.tests_per_slot, OWN.test_kinds)
    assert [[(t.tester, t.tested, t.kind) for t in slot] for slot in plan.tests] == tests


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
    listed = [Registration(name, name, "1", name, name, 1) for name in names]
    counts = {f"node {n}" for n in counted}
    left_out = set(names) - counts
    ours = compute_connect_to(replace(OWN, max_connect_to=most), listed, f"node {own}", round_, left_out)
    expected = drawing.list_connect_to(names, counts, f"node {own}", round_, most)
    assert [entry.pos for entry in ours] == expected


measures = st.integers(0, 1)
heights = st.builds(
    ChainHeight,
    height=st.integers(5, 6),
    round=measures,
    sir=measures,
    block_hash=st.sampled_from([b"a" * 20, b"b" * 20]),
    uniques=measures,
    uniques_round=measures,
    forgers=measures,
    forgers_round=measures,
)


steps: st.SearchStrategy[dict[str, int]] = st.dictionaries(
    st.sampled_from(["height", "round", "uniques", "uniques_round", "forgers", "forgers_round"]),
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
        assert is_better(one, other) is counting.is_first_better(asdict(one), asdict(other))
        assert is_promise_kept(one, other) is counting.is_promise_kept(asdict(one), asdict(other))


messages = st.builds(
    lambda sender, recipient, what, params: replace(
        make_message(OWN), sender=sender, recipient=recipient, what=what, params=params
    ),
    few,
    few,
    st.sampled_from([101, 110, 200, 201, 202, 203, 204]),
    st.sampled_from(["START", "TEST:1", ""]),
)
blocks = st.builds(
    lambda forger, sealed: replace(make_block(OWN), forger=forger, messages=tuple(sealed)),
    few,
    st.lists(messages, max_size=12),
)


@given(span=st.lists(blocks, max_size=5), weight=st.integers(1, 3))
@settings(max_examples=60)
def test_kpis_and_scores(span: list[Block], weight: int) -> None:
    ours = compute_kpis(span)
    expected = counting.count_kpis(span)
    assert {who: asdict(kpis) for who, kpis in ours.items()} == expected
    for who, kpis in ours.items():
        assert compute_score(kpis, weight) == counting.score(expected[who], weight)


openfields = st.builds(
    "{}:{}:{}{}".format,
    st.sampled_from(["10.0.0.1", "10.0.0.2", "10.0.0.3", "host", "10.0.0.256"]),
    st.sampled_from(["6969", "7000", "port"]),
    st.sampled_from([*map(pos, range(1, 4)), f"{pos(1)} ", "b" * 34]),
    st.sampled_from(
        ["", "", f",reward={collateral(9)}", ",reward=x", ",reason=a=b", f",source={collateral(1)}"]
    ),
)
people = st.sampled_from([*map(collateral, range(1, 5)), NETWORK.control_pow])
registering_rows = st.tuples(
    st.integers(FIRST, FIRST + 9),
    people,
    st.sampled_from(["hypernode:register", "hypernode:register", "hypernode:unregister"]),
    openfields,
)
paying_rows = st.tuples(st.integers(FIRST, FIRST + 9), people, people, st.integers(0, 4 * 10**12))


@given(said=st.lists(registering_rows, max_size=25), paid=st.lists(paying_rows, max_size=12))
@settings(max_examples=80)
def test_the_list_of_hypernodes(
    said: list[tuple[int, str, str, str]], paid: list[tuple[int, str, str, int]]
) -> None:
    rows = [PowRow(h, 1.0, who, who, 0, COIN // 100, 0, operation, text) for h, who, operation, text in said]
    rows += [PowRow(h, 1.0, a, b, amount, COIN // 100, 0, "", "") for h, a, b, amount in paid]
    rows = sort_rows(NETWORK, rows)
    state, results = apply_rows(
        NETWORK,
        RegistryState(),
        [row for row in rows if row.operation],
        lambda who, at: compute_balance(rows, who, at),
    )
    plain = [
        registering.Row(
            row.height,
            row.timestamp,
            row.address,
            row.recipient,
            Decimal(row.amount) / COIN,
            Decimal(row.fee) / COIN,
            Decimal(row.reward) / COIN,
            row.operation,
            row.openfield,
        )
        for row in rows
    ]
    expected = registering.derive(plain, FIRST + 9, NETWORK.address_byte, NETWORK.control_pow)
    assert [result.ok for result in results] == [ok for _, ok in expected.taken]
    assert [asdict(entry) for entry in state.entries] == [vars(one) for one in expected.listed]


numbers = st.integers(0, 2**32 - 1)
start = compute_slot_start(OWN, ROUND, SIR)
near = st.integers(start - 3_620, start + 20)
changes: st.SearchStrategy[dict[str, object]] = st.fixed_dictionaries(
    {},
    optional={
        "height": st.integers(41, 43),
        "round": st.integers(ROUND - 1, ROUND + 1),
        "sir": st.integers(0, OWN.slots + 1),
        "timestamp": near,
        "previous_hash": st.binary(max_size=20),
        "msg_count": st.integers(0, 6),
        "uniques_sources": st.integers(0, 4),
        "signature": st.binary(min_size=64, max_size=64) | st.binary(max_size=64),
        "block_hash": st.binary(max_size=20),
        "forger": st.integers(0, 2).map(lambda n: get_address(OWN, n)),
    },
)
texts = st.sampled_from(["TEST:1", "1e3", " 7", "a'b", "x" * 256, "x" * 257, "", "é", "."])
sealed_messages = st.lists(
    st.builds(
        lambda number, time, params, value: make_message(OWN, number, time, params=params, value=value),
        st.integers(0, 3),
        near | st.just(start),
        texts.filter(str.isascii),
        st.integers(0, 3),
    ),
    max_size=6,
)


@given(
    changed=changes,
    sealed=st.none() | sealed_messages,
    juror=st.integers(0, 1),
    behind=st.floats(-10, 10) | st.sampled_from([4.5, 5.0, 5.5]),
    is_taken=st.booleans(),
    is_known=st.booleans(),
    is_sorted=st.booleans(),
)
@settings(max_examples=60)
def test_the_rules_of_a_block(
    changed: dict[str, object],
    sealed: list[object] | None,
    juror: int,
    behind: float,
    is_taken: bool,
    is_known: bool,
    is_sorted: bool,
) -> None:
    made = make_block(OWN)
    if sealed is not None:
        if is_sorted:
            sealed.sort(key=lambda m: m.timestamp)  # type: ignore[attr-defined]
        made = make_block(OWN, messages=sealed)  # type: ignore[arg-type]
    block: Block = replace(made, **changed)  # type: ignore[arg-type]
    known = frozenset(m.txid for m in block.messages[:1]) if is_known else frozenset()
    senders = frozenset(get_address(OWN, n) for n in range(3))
    now = made.timestamp - behind
    context = make_context(
        OWN,
        block,
        juror=get_address(OWN, juror),
        registered=senders,
        known_ids=known,
        slot_taken=is_taken,
        now=now,
    )
    given_ = judging.Given(make_parent(OWN), get_address(OWN, juror), senders, known, is_taken, now)
    assert {brk.rule.number for brk in find_breaks(OWN, block, context)} == judging.breaks_of_block(
        TIMES, block, given_
    )
