"""KPIs and rewards, what is sealed, fillers and who counts, in ``core`` and in ``tests.oracle``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from fractions import Fraction
from functools import cache

from hypothesis import given, settings
from hypothesis import strategies as st

from hypernode.core.counting import apply_collateral, compute_counted, find_uncounted, is_collateral_kept
from hypernode.core.fillers import compute_fillers
from hypernode.core.forging import draft_block, find_forging_violation, select_messages
from hypernode.core.kpis import compute_kpis, compute_score
from hypernode.core.params.chain_params import ChainParams, replace_fields
from hypernode.core.rewards import (
    RewardEntry,
    compute_entries,
    compute_rewards,
    compute_week_end,
    compute_week_rounds,
)
from hypernode.core.rules import UNCHECKED
from hypernode.core.types import Block, Kpis, Message, Registration
from tests.oracle import counting, rewarding, rounds, sealing
from tests.oracle_bridge import to_pairs, to_parameters
from tests.unit.core.builders import MIXED, NETWORKS, OWN, get_address, make_block, make_message, make_parent

networks = st.sampled_from(NETWORKS)
few = st.sampled_from("abcde")
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
    lambda round_, forger, sealed: replace(
        make_block(OWN), round=round_, forger=forger, messages=tuple(sealed)
    ),
    st.integers(3, 4),
    few,
    st.lists(messages, max_size=10),
)
registered = st.lists(
    st.builds(
        lambda pos, reward, weight: Registration(pos, pos, "1", pos, reward, weight),
        few,
        st.sampled_from("xy"),
        st.integers(0, 3),
    ),
    unique_by=lambda entry: entry.pos,
)
weights = st.lists(st.integers(-1, 3), min_size=5, max_size=5)


def compare_rewards(
    ours: list[RewardEntry], expected: list[rewarding.Entry], pot: int, trigger: float
) -> None:
    rewards = compute_rewards(ours, pot, trigger)
    by_hypernode = rewarding.reward_hypernodes(expected, pot, trigger)
    assert {row.address for row in rewards.hypernodes} == set(by_hypernode)
    for row in rewards.hypernodes:
        mine = by_hypernode[row.address]
        assert row.reward == float(mine["reward"])
        assert (row.total_weight, row.weight) == (mine["total_weight"], mine["weight"])
        assert row.tokens in mine["tokens"]
    by_address = rewarding.reward_addresses(expected, pot, trigger)
    assert {row.reward_address: (row.reward, row.total_weights) for row in rewards.addresses} == {
        address: (float(reward), weight) for address, (reward, weight) in by_address.items()
    }
    for rows in (rewards.hypernodes, rewards.addresses):
        assert [row.reward for row in rows] == sorted((row.reward for row in rows), reverse=True)


@given(
    chain=st.lists(blocks, max_size=5),
    lists=st.tuples(registered, registered),
    now=st.tuples(weights, weights),
    pot=st.integers(1, 10_000),
    trigger=st.sampled_from([0.0, 0.2, 1.0]),
)
@settings(max_examples=100)
def test_weekly_rewards(
    chain: list[Block],
    lists: tuple[list[Registration], list[Registration]],
    now: tuple[list[int], list[int]],
    pot: int,
    trigger: float,
) -> None:
    ours, expected = [], []
    for round_, listed, at in zip((3, 4), lists, now, strict=True):
        kept = [entry for entry, weight in zip(listed, at, strict=False) if weight >= entry.weight]
        ours += compute_entries(round_, kept, compute_kpis([b for b in chain if b.round == round_]))
        expected += rewarding.list_entries(round_, chain, listed, at[: len(listed)])
    assert [(e.round, e.address, e.weight, e.score, e.reward_address) for e in ours] == [
        (e.round, e.address, e.weight, e.score, e.reward_address) for e in expected
    ]
    compare_rewards(ours, expected, pot, trigger)


entries = st.lists(
    st.tuples(
        st.integers(3, 6),
        few,
        st.sampled_from([0, 1, 1, 2, 3]),
        st.sampled_from([-0.5, 0.0, 0.1, 0.2, 0.3, 4.0]),
        st.sampled_from("xyz"),
    ),
    max_size=12,
)


@given(drawn=entries, pot=st.integers(1, 10_000), trigger=st.sampled_from([0.0, 0.2]))
@settings(max_examples=200)
def test_rewards_at_the_edges_of_scores_and_weights(
    drawn: list[tuple[int, str, int, float, str]], pot: int, trigger: float
) -> None:
    kept = {entry[:2]: entry for entry in drawn}.values()
    ours = [RewardEntry(r, who, weight, Kpis(), score, to) for r, who, weight, score, to in kept]
    expected = [rewarding.Entry(r, who, weight, {}, score, to) for r, who, weight, score, to in kept]
    compare_rewards(ours, expected, pot, trigger)


def test_the_rounds_of_weeks() -> None:
    for week in (2, 3, 290, 300):
        assert compute_week_end(week) == rewarding.end_week(week)
        assert list(compute_week_rounds(MIXED, week)) == rewarding.list_rounds(to_parameters(MIXED), week)
    # spec 7: week 290 ends 1711180800; its last round is 49017
    assert rewarding.end_week(290) == 1_711_180_800
    assert rewarding.list_rounds(to_parameters(MIXED), 290)[-1] == 49_017


@given(span=st.lists(blocks, max_size=5), weight=st.integers(1, 3))
@settings(max_examples=60)
def test_kpis_and_scores(span: list[Block], weight: int) -> None:
    ours = compute_kpis(span)
    expected = counting.count_kpis(span)
    assert {who: asdict(kpis) for who, kpis in ours.items()} == expected
    for who, kpis in ours.items():
        assert compute_score(kpis, weight) == counting.score(expected[who], weight)


@given(chain=st.lists(blocks, max_size=3), weight=st.integers(-1, 3), many=st.integers(0, 90))
@settings(max_examples=60)
def test_scores_of_many_messages(chain: list[Block], weight: int, many: int) -> None:
    sealed = [m for b in chain for m in b.messages] * max(1, many // 8)
    kpis = compute_kpis([replace(make_block(OWN), forger="a", messages=tuple(sealed))])
    for who, found in counting.count_kpis(
        [replace(make_block(OWN), forger="a", messages=tuple(sealed))]
    ).items():
        assert compute_score(kpis[who], weight) == counting.score(found, weight)


@cache
def make_one(number: int, timestamp: int, value: int) -> Message:
    return make_message(OWN, number, timestamp, value=value)


AT = make_block(OWN).timestamp
OLDEST, LATEST = AT - OWN.message_age_s - OWN.slot_s, AT + OWN.future_allowed_s
pools = st.lists(
    st.builds(
        make_one,
        st.sampled_from([0, 0, 0, 1, 1, 2, 3]),
        st.sampled_from([OLDEST - 1, OLDEST, OLDEST + 1, AT - 3, AT - 2, AT - 1, AT, LATEST, LATEST + 1]),
        st.integers(0, 3),
    ),
    max_size=14,
    unique_by=lambda m: m.txid,
)


@given(pool=pools, limit=st.integers(0, 9))
@settings(max_examples=150)
def test_what_is_sealed(pool: list[Message], limit: int) -> None:
    params = replace_fields(OWN, max_txs_per_block=limit)
    p = to_parameters(params)
    taken = select_messages(params, pool, limit, AT)
    assert not sealing.faults_of_selection(p, pool, taken, AT)
    assert (find_forging_violation(params, taken) is None) is sealing.is_enough(p, taken)
    draft = draft_block(get_address(OWN, 0), make_parent(OWN), 7, 3, AT, taken)
    assert not sealing.faults_of_seal(p, draft) - ({"too few"} if not sealing.is_enough(p, taken) else set())


@given(pool=pools, room=st.integers(600, 3_000))
@settings(max_examples=60)
def test_what_is_sealed_keeps_to_the_size_of_a_pushed_block(pool: list[Message], room: int) -> None:
    params = replace(OWN, max_block_bytes=room)
    taken = select_messages(params, pool, 100, AT)
    draft = draft_block(get_address(OWN, 0), make_parent(OWN), 7, 3, AT, taken)
    assert "too large" not in sealing.faults_of_seal(to_parameters(params), draft)


@given(
    size=st.sampled_from([0, 7, 8, 9, 16, 17, 31, 32, 33, 64, 65, 120]),
    eighths=st.integers(0, 8),
    by=st.sampled_from([-0.001, 0.0, 0.001]),
    slot=st.tuples(st.integers(0, 5), st.integers(0, 18)),
)
@settings(max_examples=100)
def test_who_fills_a_slot(size: int, eighths: int, by: float, slot: tuple[int, int]) -> None:
    counted = {str(number) for number in range(size)}
    part = eighths / 8 + by
    ours = compute_fillers(OWN, counted, *slot, part)
    assert ours <= counted
    assert len(ours) == sealing.count_fillers(Fraction(part), len(counted), OWN.min_block_messages)
    # in an order that all know, whoever asks and when
    assert ours == compute_fillers(OWN, sorted(counted, reverse=True), *slot, part)
    assert ours <= compute_fillers(OWN, counted, *slot, part + 1 / 8)


@given(params=networks, listed=registered, now=weights, first=st.none() | st.integers(6, 8))
@settings(max_examples=100)
def test_who_counts(
    params: ChainParams, listed: list[Registration], now: Sequence[int], first: int | None
) -> None:
    at = list(now[: len(listed)])
    for known in (None, at):
        counted = compute_counted(listed, find_uncounted(listed, UNCHECKED if known is None else known))
        assert counted.present == rounds.find_counted(to_pairs(listed), known)
    params = replace(params, collateral_from_round=first)
    ours = list(listed)
    if is_collateral_kept(params, 7):
        ours = list(apply_collateral(listed, at)[0])
    expected = rounds.keep_collateral(to_parameters(params), 7, to_pairs(listed), at)
    assert to_pairs(ours) == expected
