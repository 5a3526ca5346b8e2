"""What became of a slot of ours, and why (spec 10, 2)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hypernode.core.timeline import compute_slot_start
from hypernode.core.types import Block
from hypernode.machine.decide import (
    CatchUp,
    Decision,
    DeriveRound,
    DropPremature,
    Follow,
    Forge,
    GoOn,
    LookInto,
    SyncRound,
    decide,
)
from hypernode.machine.peers import ForkOverride, ReportedChain
from hypernode.machine.reasons import Obstacle, Reason
from hypernode.machine.slot_account import Look, Miss, Outcome, account_for_slot, find_miss, find_obstacle
from tests.unit.machine.samples import ME, make_height, make_network, make_peer, make_view

NETWORK = make_network()
TUNABLES = NETWORK.default_tunables
SLOT = (5, 4)
START = compute_slot_start(NETWORK, *SLOT)
OPENS = START + NETWORK.delays.earliest_forging_s
CLOSES = START + NETWORK.slot_s - NETWORK.delays.latest_forging_s
FEW = Obstacle(Reason.TOO_FEW_MESSAGES, "3 messages of 4")
ALONE = Obstacle(Reason.NO_CONSENSUS, "8 %, over 18 needed")
LATE = Obstacle(Reason.TOO_LATE, "too late in the slot")


def _miss(*looks: Look, started: float = 0.0) -> Miss:
    return find_miss(NETWORK, SLOT, looks, started=started)


STRANGERS = tuple(make_peer(n, make_height(9, tag=9)) for n in range(1, 5))


@pytest.mark.parametrize(
    ("change", "reason", "figures"),
    [
        ({"halted": "a bug"}, Reason.HALTED, "a bug"),
        ({"pow_problem": "20 min old"}, Reason.COMPANION_LATE, "20 min old"),
        ({"is_plan_current": False}, Reason.ROUND_NOT_DERIVED, "round 5"),
        ({"connected": 1}, Reason.NO_CONNECTIONS, "1 of 2 connections"),
        ({"connected": 1, "uptime_s": 20.0}, Reason.STARTING, "1 of 2 connections"),
        ({"sync_alive_at": 500.0}, Reason.CATCHING_UP, "block 10, 10 told"),
        ({"is_slot_signed": True}, Reason.ALREADY_SIGNED, "signed"),
        ({"forge_from_round": 6}, Reason.RESTART_RULE, "round 6"),
        ({"clock_offset_s": 2.5}, Reason.CLOCK_OFF, "+2.5 s"),
        ({"can_seal": False, "messages": 3}, Reason.TOO_FEW_MESSAGES, "3 messages of 4"),
        ({"peers": STRANGERS[:1]}, Reason.NO_CONSENSUS, "0 %, over 18 needed"),
        ({"peers": ()}, Reason.NO_CONSENSUS, "0 %, over 18 needed"),
        ({"peers": (), "now": 1_100.0}, Reason.NO_CONSENSUS, "0 %, over 11 needed"),
        ({"now": 1_170.0}, Reason.TOO_LATE, "too late"),
    ],
)
def test_each_obstacle_has_its_code_and_figures(
    change: dict[str, object], reason: Reason, figures: str
) -> None:
    view = make_view(juror=ME, **change)
    obstacle = find_obstacle(view, decide(NETWORK, TUNABLES, view))
    assert obstacle is not None
    assert obstacle.reason is reason
    assert figures in obstacle.figures


def test_jurors_that_do_not_agree_are_named_where_the_percentage_would_do() -> None:
    own = make_height()
    peers = (*(make_peer(n, own) for n in (3, 4, 5)), *STRANGERS[:2])
    view = make_view(juror=ME, peers=peers)
    obstacle = find_obstacle(view, decide(NETWORK, TUNABLES, view))
    assert obstacle == Obstacle(Reason.NO_CONSENSUS, "60 %, but none of 2 jurors in sight agrees")


def test_waiting_for_the_window_and_forging_are_no_obstacles() -> None:
    for change in ({}, {"now": 1_001.0}, {"own": make_height(sir=4)}, {"juror": "peer1"}):
        view = make_view(**{"juror": ME, **change})
        assert find_obstacle(view, decide(NETWORK, TUNABLES, view)) is None


def test_every_decision_but_rest_and_forge_is_an_obstacle() -> None:
    chain = ReportedChain(make_height(12), (make_peer(1, make_height(12)),))
    sync: list[Decision] = [SyncRound(chain), CatchUp(chain), LookInto(chain), GoOn()]
    sync.append(Follow(ForkOverride(9, b""), (chain,)))
    view = make_view(peers=chain.holders)
    for decision in sync:
        assert find_obstacle(view, decision) == Obstacle(Reason.CATCHING_UP, "block 10, 12 told by peers")
    for decision, reason in ((DeriveRound(), Reason.ROUND_NOT_DERIVED), (DropPremature(), Reason.CLOCK_OFF)):
        found = find_obstacle(view, decision)
        assert found is not None
        assert found.reason is reason


def test_the_reason_is_the_obstacle_at_the_last_look_within_the_window() -> None:
    looks = (Look(START + 1, None), Look(OPENS, FEW), Look(OPENS + 20, ALONE), Look(CLOSES + 0.5, LATE))
    assert _miss(*looks) == Miss(ALONE, ((Reason.TOO_FEW_MESSAGES, 20.0),))
    off = Obstacle(Reason.CLOCK_OFF, "the clock is +2.5 s off")
    assert _miss(*looks[:2], Look(OPENS + 5, off), *looks[2:]).also == (
        (Reason.CLOCK_OFF, 15.0),
        (Reason.TOO_FEW_MESSAGES, 5.0),
    )
    # at the very end of the window counts, after it does not
    assert _miss(*looks[:3], Look(CLOSES, FEW)).obstacle == FEW
    assert _miss(*looks[:3], Look(CLOSES + 0.1, FEW)).obstacle == ALONE


def test_the_seconds_are_those_within_the_window() -> None:
    """An obstacle from before the slot stands on; one that comes back is added up."""
    looks = (Look(START - 500, FEW), Look(OPENS + 5, ALONE), Look(OPENS + 15, FEW), Look(OPENS + 18, ALONE))
    assert _miss(*looks) == Miss(ALONE, ((Reason.TOO_FEW_MESSAGES, 8.0),))
    assert _miss(Look(START - 500, FEW)) == Miss(FEW)
    assert _miss(Look(START - 9, FEW), Look(OPENS - 1, ALONE)) == Miss(ALONE)


def test_a_node_that_did_not_look_in_time_was_too_late_or_starting() -> None:
    early = Look(START + 1, None)
    assert _miss(early, Look(CLOSES + 3, LATE)).obstacle == Obstacle(
        Reason.TOO_LATE, "not looked at until 3.0 s after the forging window"
    )
    assert _miss(early).obstacle.reason is Reason.TOO_LATE
    assert _miss(Look(CLOSES + 3, FEW), started=CLOSES + 2).obstacle == Obstacle(
        Reason.STARTING, "started 2 s after the forging window"
    )


def test_the_outcome_is_what_our_chain_has_for_the_slot() -> None:
    block = Block(7, *SLOT, 0, b"p" * 20, (), 0, 0, b"", b"h" * 20, ME)
    looks = (Look(OPENS, FEW),)

    def account(found: Block | None, *, forged: bool = False) -> Outcome:
        judged = account_for_slot(NETWORK, SLOT, looks, found, own=ME, forged=forged, started=0.0)
        assert (judged.miss is None) is (judged.outcome is Outcome.FORGED)
        assert judged.forger == (found.forger if found is not None else "")
        return judged.outcome

    other = replace(block, forger="peer1")
    assert account(block, forged=True) is Outcome.FORGED
    assert account(None) is Outcome.MISSED
    assert account(other) is Outcome.TAKEN
    assert account(None, forged=True) is account(other, forged=True) is Outcome.REPLACED


def test_a_look_that_forges_is_no_obstacle() -> None:
    view = make_view(juror=ME)
    assert isinstance(decide(NETWORK, TUNABLES, view), Forge)
    assert find_obstacle(view, decide(NETWORK, TUNABLES, view)) is None
