"""Each number that a decision hangs on, at its limit and on either side (spec 6)."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations

import pytest

from hypernode.core.types import ChainHeight
from hypernode.machine.decide import (
    MAX_CLOCK_OFFSET_S,
    CatchUp,
    Decision,
    Forge,
    NodeView,
    Rest,
    SyncRound,
    decide,
)
from hypernode.machine.peers import group_chains
from hypernode.machine.state import State
from tests.unit.machine.samples import ME, SLOT, make_height, make_network, make_peer, make_view

NETWORK = make_network()
TUNABLES = NETWORK.default_tunables
DELAYS = NETWORK.delays
PATIENT = make_network(delays=replace(DELAYS, grace_s=30.0))
"""With a longer grace than one exchange of heights: on main both are 10 s."""


def behind(rounds: int, waited_s: float, *, of_round: int = 5) -> NodeView:
    """Four peers tell a better chain, whose last block is so many rounds after ours, for so long."""
    own = make_height(round_=of_round - rounds)
    reported = make_height(20, of_round, 3, tag=2, forgers=9)
    peers = tuple(make_peer(n, reported) for n in range(1, 5))
    return make_view(own=own, peers=peers, better_since=500.0 - waited_s)


@pytest.mark.parametrize(
    ("rounds", "waited_s", "kind"),
    [
        (0, DELAYS.height_exchange_s - 0.1, Rest),
        (0, DELAYS.height_exchange_s, SyncRound),
    ],
)
def test_a_better_branch_of_the_round_is_followed_after_one_exchange(
    rounds: int, waited_s: float, kind: type[Decision]
) -> None:
    assert isinstance(decide(NETWORK, TUNABLES, behind(rounds, waited_s)), kind)


@pytest.mark.parametrize(
    ("rounds", "waited_s", "kind"),
    [
        (1, DELAYS.height_exchange_s, Rest),
        (1, 29.9, Rest),
        (1, 30.0, CatchUp),
        (2, DELAYS.height_exchange_s - 0.1, Rest),
        (2, DELAYS.height_exchange_s, CatchUp),
    ],
)
def test_one_round_behind_is_late_after_the_grace_time_and_two_before(
    rounds: int, waited_s: float, kind: type[Decision]
) -> None:
    # The round is new: its chain is of the round before, which makes it a matter of catching up.
    view = replace(behind(rounds, waited_s, of_round=4), round=5)
    assert isinstance(decide(PATIENT, TUNABLES, view), kind)


@pytest.mark.parametrize(("subnets", "kind"), [(1, Rest), (2, CatchUp)])
def test_a_branch_of_too_few_networks_is_not_caught_up_with(subnets: int, kind: type[Decision]) -> None:
    view = behind(3, 60.0, of_round=4)
    ips = [f"127.{n % subnets}.0.{n}" for n in range(4)]
    peers = tuple(replace(peer, ip=ip) for peer, ip in zip(view.peers, ips, strict=True))
    assert isinstance(decide(make_network(min_subnets=2), TUNABLES, replace(view, peers=peers)), kind)


@pytest.mark.parametrize(
    ("offset_s", "kind"),
    [
        (MAX_CLOCK_OFFSET_S, Forge),
        (-MAX_CLOCK_OFFSET_S, Forge),
        (MAX_CLOCK_OFFSET_S + 0.01, Rest),
        (-MAX_CLOCK_OFFSET_S - 0.01, Rest),
    ],
)
def test_a_clock_that_is_two_seconds_off_still_forges(offset_s: float, kind: type[Decision]) -> None:
    view = make_view(juror=ME, now=1_000.0 + SLOT / 2, clock_offset_s=offset_s)
    assert isinstance(decide(NETWORK, TUNABLES, view), kind)


@pytest.mark.parametrize(
    ("agree", "of", "now", "kind"),
    [
        (18, 100, 0.0, State.STRONG_CONSENSUS),
        (37, 200, 0.0, State.STRONG_CONSENSUS),  # 18.5 %, rounded half to even: 18
        (19, 100, 0.0, None),
        (11, 100, 0.5, State.MINIMAL_CONSENSUS),
        (12, 100, 0.5, None),
        (12, 100, 0.5 - 1e-6, State.STRONG_CONSENSUS),
    ],
)
def test_the_bars_of_consensus_and_the_half_of_the_slot(
    agree: int, of: int, now: float, kind: State | None
) -> None:
    """Over 18 % of all that count; in the second half, with one chain in sight, over 11 %."""
    own = make_height()
    peers = tuple(make_peer(n, own) for n in range(agree))
    earliest = 1_000.0 + DELAYS.earliest_forging_s
    at = max(earliest, 1_000.0 + SLOT * now)
    view = make_view(juror=ME, peers=peers, counted=of, jurors=(ME,), now=at, connected=agree)
    params = make_network(min_forge_consensus=18, min_forge_consensus_low=11)
    decision = decide(params, params.default_tunables, view)
    assert (decision.state if isinstance(decision, Rest) else None) is kind


@pytest.mark.parametrize("order", list(permutations(range(4))))
def test_the_most_common_telling_of_a_tip_stands_whoever_comes_first(order: tuple[int, ...]) -> None:
    tip = make_height(uniques=7)
    tellings: list[ChainHeight] = [make_height(uniques=999), tip, tip, make_height(uniques=3)]
    (chain,) = group_chains([make_peer(n, tellings[place]) for n, place in enumerate(order)])
    assert chain.height == tip


@pytest.mark.parametrize(("from_round", "kind"), [(0, Forge), (4, Forge), (5, Forge), (6, Rest)])
def test_after_a_restart_it_forges_from_its_round_on(from_round: int, kind: type[Decision]) -> None:
    view = make_view(juror=ME, now=1_000.0 + SLOT / 2, forge_from_round=from_round)
    assert view.round == 5
    assert isinstance(decide(NETWORK, TUNABLES, view), kind)
