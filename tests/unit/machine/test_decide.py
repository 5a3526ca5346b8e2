"""What the node does next, one reason at a time."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from hypernode.core.timeline import compute_slot_start
from hypernode.core.types import ChainHeight
from hypernode.machine.decide import (
    CatchUp,
    DeriveRound,
    DropPremature,
    Follow,
    Forge,
    GoOn,
    LookInto,
    NodeView,
    Rest,
    SyncRound,
    decide,
)
from hypernode.machine.peers import ForkOverride, group_chains
from hypernode.machine.state import State
from tests.unit.machine.samples import ME, make_height, make_network, make_peer, make_view

NETWORK = make_network()
TUNABLES = NETWORK.default_tunables


def test_a_node_without_anything_to_do_rests_in_syncing() -> None:
    assert decide(NETWORK, TUNABLES, make_view()) == Rest(State.SYNCING)


def test_connections_that_nobody_speaks_on_are_told() -> None:
    decision = decide(NETWORK, TUNABLES, make_view(peers=()))
    assert decision == Rest(State.SYNCING, "none of 4 connected has said anything of late")


def test_a_halted_node_does_nothing_else() -> None:
    decision = decide(NETWORK, TUNABLES, make_view(halted="key elsewhere", juror=ME, pow_problem="late"))
    assert decision == Rest(State.HALTED, "key elsewhere")


def test_a_late_companion_keeps_us_from_forging() -> None:
    decision = decide(NETWORK, TUNABLES, make_view(pow_problem="20 minutes old", juror=ME))
    assert decision == Rest(State.POW_NOT_SYNC, "20 minutes old")


def test_stale_lists_are_derived_before_anything_is_forged() -> None:
    assert decide(NETWORK, TUNABLES, make_view(is_plan_current=False, juror=ME)) == DeriveRound()


def _look_at(own: ChainHeight, *reported: ChainHeight, later_s: float = 0.0) -> NodeView:
    """Slot 4 of round 5 begins, by the network's own times."""
    now = compute_slot_start(NETWORK, 5, 4) + later_s
    peers = tuple(make_peer(number, height) for number, height in enumerate(reported, start=1))
    return make_view(now=now, own=own, peers=peers)


def test_a_tip_of_a_slot_that_has_not_begun_goes() -> None:
    timely, premature = make_height(sir=3, tag=2), make_height(round_=6, sir=1)
    for own in (premature, make_height(sir=5)):
        assert decide(NETWORK, TUNABLES, _look_at(own, timely, timely, timely)) == DropPremature()
        assert decide(NETWORK, TUNABLES, _look_at(own, timely, timely, own)) == DropPremature()
        # as many hold one too, or nobody is in sight: our clock may be behind
        assert decide(NETWORK, TUNABLES, _look_at(own, timely, own)) != DropPremature()
        assert decide(NETWORK, TUNABLES, _look_at(own)) != DropPremature()
    assert decide(NETWORK, TUNABLES, _look_at(make_height(sir=4), timely, timely)) != DropPremature()


def test_a_tip_that_came_as_early_as_the_rules_allow_stays() -> None:
    timely, early = make_height(sir=3, tag=2), make_height(sir=5)
    edge_s = NETWORK.slot_s - NETWORK.future_allowed_s
    assert decide(NETWORK, TUNABLES, _look_at(early, timely, later_s=edge_s)) != DropPremature()
    assert decide(NETWORK, TUNABLES, _look_at(early, timely, later_s=edge_s - 0.1)) == DropPremature()


def test_too_few_connections_is_start() -> None:
    decision = decide(NETWORK, TUNABLES, make_view(connected=NETWORK.min_connections - 1, juror=ME))
    assert isinstance(decision, Rest)
    assert decision.state is State.START


def test_the_juror_forges_when_the_network_agrees() -> None:
    decision = decide(NETWORK, TUNABLES, make_view(juror=ME))
    assert isinstance(decision, Forge)
    assert decision.consensus.percent == 80


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"is_slot_signed": True}, "already signed"),
        ({"own": make_height(sir=4)}, "has its block"),
        ({"forge_from_round": 6}, "before round 6"),
        ({"clock_offset_s": -2.5}, "clock"),
        ({"now": 1_000.0 + NETWORK.delays.earliest_forging_s - 0.1}, "too early"),
        ({"now": 1_180.0 - NETWORK.delays.latest_forging_s + 0.1}, "too late"),
        ({"can_seal": False, "messages": 3}, "3 messages of 4"),
        ({"can_seal": False, "messages": 9, "senders": 2}, "messages of 2 senders, of 3 needed"),
    ],
)
def test_the_juror_does_not_forge_and_says_why(change: dict[str, object], words: str) -> None:
    view = make_view(juror=ME, **change)
    decision = decide(NETWORK, TUNABLES, view)
    assert isinstance(decision, Rest)
    assert decision.state is State.SYNCING
    assert words in decision.reason


def test_the_first_and_the_last_moment_of_the_forging_window_count() -> None:
    delays = NETWORK.delays
    for now in (1_000.0 + delays.earliest_forging_s, 1_180.0 - delays.latest_forging_s):
        assert isinstance(decide(NETWORK, TUNABLES, make_view(juror=ME, now=now)), Forge)


def test_without_consensus_the_juror_waits_first_strongly_then_minimally() -> None:
    strangers = tuple(make_peer(n, make_height(9, tag=9)) for n in range(1, 5))
    for now, state in ((1_020.0, State.STRONG_CONSENSUS), (1_100.0, State.MINIMAL_CONSENSUS)):
        decision = decide(NETWORK, TUNABLES, make_view(juror=ME, peers=strangers, now=now))
        assert isinstance(decision, Rest)
        assert decision.state is state


def _peers_on(reported: object, count: int = 4) -> dict[str, object]:
    return {"peers": tuple(make_peer(n, reported) for n in range(1, count + 1))}  # type: ignore[arg-type]


def test_a_better_chain_of_this_round_is_synced_after_a_moment() -> None:
    better = make_height(11, sir=4, tag=2)
    waited = NETWORK.delays.height_exchange_s
    fresh = make_view(**_peers_on(better), better_since=500.0 - waited / 2)
    assert decide(NETWORK, TUNABLES, fresh) == Rest(State.SYNCING)
    decision = decide(NETWORK, TUNABLES, make_view(**_peers_on(better), better_since=500.0 - waited))
    assert isinstance(decision, SyncRound)
    assert decision.chain.height == better


def test_a_branch_of_this_round_that_is_not_above_ours_is_caught_up_with() -> None:
    better = make_height(11, sir=4, tag=2)
    view = make_view(**_peers_on(better), better_since=0.0, needs_catch_up=frozenset({better.block_hash}))
    assert isinstance(decide(NETWORK, TUNABLES, view), CatchUp)


def test_one_round_behind_is_not_late_within_the_grace_time() -> None:
    own = make_height(10, round_=4)
    ahead = make_height(11, round_=5, tag=2)
    stale = {"own": own, "needs_catch_up": frozenset({ahead.block_hash}), **_peers_on(ahead)}
    grace = NETWORK.delays.grace_s
    soon = decide(
        NETWORK,
        TUNABLES,
        make_view(**stale, better_since=500.0 - grace * 0.99, monotonic=500.0),
    )
    assert soon == Rest(State.SYNCING)
    assert isinstance(decide(NETWORK, TUNABLES, make_view(**stale, better_since=500.0 - grace)), CatchUp)


def test_two_rounds_behind_is_late_at_once() -> None:
    own = make_height(10, round_=2)
    ahead = make_height(30, round_=4, tag=2)
    since = 500.0 - NETWORK.delays.height_exchange_s
    assert isinstance(
        decide(NETWORK, TUNABLES, make_view(own=own, **_peers_on(ahead), better_since=since)),
        CatchUp,
    )


def test_a_branch_of_one_subnet_is_not_fetched_where_two_are_asked_for() -> None:
    params = make_network(min_subnets=2)
    ahead = make_height(30, round_=4, tag=2)
    own = make_height(10, round_=2)
    same = tuple(make_peer(n, ahead, ip=f"10.1.0.{n}") for n in range(1, 5))
    view = make_view(own=own, peers=same, better_since=0.0)
    assert not isinstance(decide(params, params.default_tunables, view), CatchUp)
    spread = tuple(make_peer(n, ahead, ip=f"10.{n}.0.1") for n in range(1, 5))
    assert isinstance(
        decide(params, params.default_tunables, make_view(own=own, peers=spread, better_since=0.0)), CatchUp
    )


def test_who_does_not_count_makes_no_subnets_and_no_majority() -> None:
    params = make_network(min_subnets=2)
    ahead = make_height(30, round_=4, tag=2)
    own = make_height(10, round_=2)
    peers = tuple(make_peer(n, ahead, counts=n == 1) for n in range(1, 9))
    view = make_view(own=own, peers=peers, better_since=0.0)
    assert not isinstance(decide(params, params.default_tunables, view), CatchUp)
    # three timely heights of nobody do not say that our clock was ahead
    nobodies = tuple(make_peer(n, make_height(sir=3, tag=2), counts=False) for n in range(1, 4))
    early = replace(_look_at(make_height(sir=5)), peers=nobodies)
    assert decide(NETWORK, TUNABLES, early) != DropPremature()


def test_a_banned_tip_is_not_followed() -> None:
    better = make_height(11, sir=4, tag=2)
    view = make_view(**_peers_on(better), better_since=0.0, banned_tips=frozenset({better.block_hash}))
    assert decide(NETWORK, TUNABLES, view) == Rest(State.SYNCING)


def test_the_branch_most_peers_hold_comes_first() -> None:
    rare, common = make_height(12, sir=4, tag=3), make_height(11, sir=4, tag=2)
    peers = (make_peer(1, rare), make_peer(2, common), make_peer(3, common))
    decision = decide(NETWORK, TUNABLES, make_view(peers=peers, better_since=0.0))
    assert isinstance(decision, SyncRound)
    assert decision.chain.height == common


# --- an operator's word, and chains that are no better ----------------------------------------------------

ORDERED, OTHER, SHORT = make_height(9, tag=7), make_height(14, tag=8), make_height(8, tag=9)
ORDER = ForkOverride(9, ORDERED.block_hash)


def _list_followed(**overrides: object) -> list[int] | None:
    """Heights of the chains that are followed, in order."""
    peers = (make_peer(1, OTHER), make_peer(2, OTHER), make_peer(3, SHORT), make_peer(4, ORDERED))
    decision = decide(NETWORK, TUNABLES, make_view(peers=peers, order=ORDER, **overrides))
    if not isinstance(decision, Follow):
        return None
    assert decision.order == ORDER
    return [chain.height.height for chain in decision.chains]


def test_an_operators_word_goes_before_better_chains_and_before_forging() -> None:
    # The block itself first; then what may have it, which a chain that is too short cannot.
    assert _list_followed(juror=ME, better_since=0.0) == [9, 14]


def test_chains_known_not_to_have_the_ordered_block_are_passed_over() -> None:
    assert _list_followed(tips_without_order=frozenset({OTHER.block_hash})) == [9]
    assert _list_followed(banned_tips=frozenset({ORDERED.block_hash})) == [14]
    nobody = frozenset({OTHER.block_hash, ORDERED.block_hash})
    assert _list_followed(tips_without_order=nobody) is None


def test_an_override_changes_nothing_while_nobody_can_have_its_block() -> None:
    # Those who are on our own tip do not have it, or it would be ours.
    assert isinstance(decide(NETWORK, TUNABLES, make_view(order=ORDER, juror=ME)), Forge)


@pytest.mark.parametrize("obstacle", [{"halted": "fault"}, {"pow_problem": "late"}, {"connected": 0}])
def test_what_keeps_a_node_from_judging_keeps_it_from_following(obstacle: dict[str, object]) -> None:
    assert _list_followed(**obstacle) is None


def test_a_chain_that_is_no_better_is_looked_into_when_idle() -> None:
    [strange] = group_chains([make_peer(9, make_height(9, tag=9))])
    assert decide(NETWORK, TUNABLES, make_view(strange=strange)) == LookInto(strange)
    assert isinstance(decide(NETWORK, TUNABLES, make_view(strange=strange, juror=ME)), Forge)
    assert decide(NETWORK, TUNABLES, make_view(strange=strange, halted="fault")) == Rest(
        State.HALTED, "fault"
    )


# --- while a sync is under way ----------------------------------------------------------------------------

GRACE = NETWORK.delays.grace_s
LIVELY, SILENT = {"sync_alive_at": 500.0 - GRACE * 0.99}, {"sync_alive_at": 500.0 - GRACE}


def test_a_lively_sync_goes_on_whatever_else_there_is() -> None:
    better = make_height(11, sir=4, tag=2)
    for change in ({"juror": ME}, {"is_plan_current": False}, {"pow_problem": "late"}, {"connected": 0}):
        view = make_view(**_peers_on(better), better_since=0.0, **LIVELY, **change)
        assert decide(NETWORK, TUNABLES, view) == GoOn()


def test_a_halt_and_the_lists_of_a_new_round_do_not_wait_for_a_sync() -> None:
    assert decide(NETWORK, TUNABLES, make_view(halted="fault", **LIVELY)) == Rest(State.HALTED, "fault")
    new = {"is_round_new": True, "is_plan_current": False}
    assert decide(NETWORK, TUNABLES, make_view(**new, **LIVELY)) == DeriveRound()


def test_our_own_slot_does_not_wait_for_a_silent_sync_and_all_else_does() -> None:
    ours = make_height()
    strangers = (*(make_peer(n, ours) for n in (1, 2)), make_peer(3, make_height(11, sir=4, tag=2)))
    busy = {"peers": strangers, "better_since": 0.0, **SILENT}
    assert isinstance(decide(NETWORK, TUNABLES, make_view(juror=ME, **busy)), Forge)
    for change in ({}, {"juror": ME, "can_seal": False}, {"juror": ME, "is_slot_signed": True}):
        assert decide(NETWORK, TUNABLES, make_view(**change, **busy)) == GoOn()
    # And no second sync beside it, not even by an operator's word.
    assert decide(NETWORK, TUNABLES, make_view(order=ORDER, **busy)) == GoOn()
    assert decide(NETWORK, TUNABLES, make_view(is_plan_current=False, juror=ME, **busy)) == DeriveRound()


def test_our_own_slot_does_not_wait_for_syncs_that_come_to_nothing() -> None:
    """A peer that tells a new tip whenever one is found to be a lie, and always fails in time."""
    ours, lie = make_height(), make_height(11, sir=4, tag=2)
    peers = (*(make_peer(n, ours) for n in (1, 2, 4)), make_peer(3, lie))
    patience = NETWORK.delays.height_exchange_s + GRACE
    for syncing in (LIVELY, {"sync_alive_at": None}):
        view = make_view(juror=ME, peers=peers, better_since=500.0 - patience, **syncing)
        assert isinstance(decide(NETWORK, TUNABLES, view), Forge)
        patient = replace(view, better_since=500.0 - patience + 0.1)
        assert isinstance(decide(NETWORK, TUNABLES, patient), GoOn if syncing is LIVELY else SyncRound)
        # What keeps us from forging at other times does so here.
        obstacles: tuple[dict[str, Any], ...] = (
            {"juror": "peer1"},
            {"is_slot_signed": True},
            {"pow_problem": "late"},
            {"is_plan_current": False},
            {"connected": 0},
            {"order": ORDER},
            {"peers": tuple(make_peer(n, lie) for n in (1, 2, 3, 4))},
            # Enough for a consensus, but as many tell something better.
            {"peers": tuple(make_peer(n, ours if n < 3 else lie) for n in (1, 2, 3, 4))},
        )
        for obstacle in obstacles:
            assert not isinstance(decide(NETWORK, TUNABLES, replace(view, **obstacle)), Forge)
