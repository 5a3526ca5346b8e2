"""Chains as peers tell them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hypernode.core.params.chain_params import Delays
from hypernode.machine.peers import (
    Support,
    compute_support,
    find_better_chains,
    get_subnet,
    group_chains,
    keep_fresh,
)
from tests.unit.machine.samples import make_height, make_peer


def test_subnets_are_of_16_bits_and_of_32_for_ipv6() -> None:
    assert get_subnet("10.1.2.3") == get_subnet("10.1.200.7") != get_subnet("10.2.2.3")
    assert get_subnet("2001:db8::1") == get_subnet("2001:db8:ffff::1") != get_subnet("2001:db9::1")


def test_a_host_name_is_a_subnet_of_its_own_and_no_bug() -> None:
    assert get_subnet("node-1.example") != get_subnet("node-2.example") != get_subnet("10.1.2.3")


def test_peers_of_one_tip_are_one_chain_whatever_their_measures() -> None:
    tip = make_height(uniques=7)
    chains = group_chains([make_peer(1, tip), make_peer(2, replace(tip, uniques=6)), make_peer(3, tip)])
    assert [(c.count, c.height) for c in chains] == [(3, tip)]
    assert chains[0].count_subnets() == 3


def test_one_liar_does_not_speak_for_a_chain() -> None:
    tip, boast = make_height(uniques=7), make_height(uniques=999)
    chains = group_chains([make_peer(1, tip), make_peer(2, boast), make_peer(3, tip)])
    assert chains[0].height == tip


def test_only_better_chains_that_are_not_banned_are_found() -> None:
    own = make_height()
    worse, better = make_height(9, sir=2, tag=2), make_height(11, sir=4, tag=3)
    peers = [make_peer(1, worse), make_peer(2, better), make_peer(3, own)]
    assert [c.height for c in find_better_chains(own, peers, frozenset())] == [better]
    assert find_better_chains(own, peers, frozenset({better.block_hash})) == []


def test_who_does_not_count_has_no_voice_in_chain_majority_or_subnet() -> None:
    tip, boast, other = make_height(uniques=7), make_height(uniques=999), make_height(11, tag=2)
    silent = [make_peer(n, boast, counts=False) for n in (2, 3, 4)]
    strangers = [make_peer(n, other, counts=False) for n in (5, 6, 7)]
    first, second = group_chains([make_peer(1, tip), *silent, *strangers])
    assert (first.height, first.count, first.count_subnets(), len(first.holders)) == (tip, 1, 1, 4)
    # what only they tell is a chain all the same: that of a juror whose collateral was moved on may be good
    assert (second.height, second.count, second.count_subnets()) == (other, 0, 0)
    support = compute_support(other.block_hash, [make_peer(1, tip), *strangers])
    assert support == Support(0, 1)


def test_a_majority_is_more_than_half_of_those_in_sight() -> None:
    tip, other = make_height(), make_height(tag=2)
    support = compute_support(tip.block_hash, [make_peer(1, tip), make_peer(2, other)])
    assert support == Support(1, 2)
    assert not support.is_majority
    assert Support(2, 3).is_majority


@pytest.mark.parametrize(
    ("kind", "slot_s", "lasts_s"),
    [
        ({}, 180, 90.0),
        ({}, 6, 3.0),
        ({"has_features": False}, 6, 3.0),
        ({"is_outbound": False}, 6, 3.0),
        # It dialled us, and keeps its own pace whatever the slot.
        ({"has_features": False, "is_outbound": False}, 6, 30.0),
        ({"has_features": False, "is_outbound": False}, 180, 90.0),
    ],
)
def test_who_is_silent_for_exactly_three_exchanges_is_not_seen(
    kind: dict[str, object], slot_s: int, lasts_s: float
) -> None:
    peer = make_peer(1, make_height(), reported_at=1_000.0, **kind)
    delays = Delays().scaled(slot_s)
    assert keep_fresh(delays, [peer], 1_000.0 + lasts_s - 0.001) == (peer,)
    assert keep_fresh(delays, [peer], 1_000.0 + lasts_s) == ()
