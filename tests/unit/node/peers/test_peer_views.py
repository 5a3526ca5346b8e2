"""What one hypernode is seen to be, from all connections with it."""

from __future__ import annotations

import pytest

from hypernode.core.params.chain_params import Delays
from hypernode.core.types import ChainHeight
from hypernode.machine.peers import compute_freshness_s
from hypernode.node.peers.peer_views import (
    Peer,
    find_ruling,
    has_features,
    is_vouched,
    list_authentic,
    make_view,
)
from tests.unit.machine.samples import make_height

ADDRESS, OTHER = "the hypernode", "somebody else"
DELAYS = Delays()


def connect(
    number: int,
    reported: ChainHeight | None = None,
    at: float = 0.0,
    *,
    features: int = 1,
    is_outbound: bool = False,
    proved: str | None = None,
) -> Peer:
    return Peer(
        f"10.0.0.1:0{number}",
        "10.0.0.1",
        number,
        features,
        is_outbound,
        reported=reported,
        reported_at=at,
        proved_address=proved,
        number=number,
    )


def test_once_the_key_is_proved_no_other_speaks() -> None:
    dialled, proved = connect(1, is_outbound=True), connect(2, proved=ADDRESS)
    assert list_authentic(ADDRESS, [dialled, proved]) == [proved]
    assert list_authentic(OTHER, [dialled, proved]) == [dialled, proved]
    assert list_authentic(ADDRESS, [connect(2, proved=OTHER)]) == [connect(2, proved=OTHER)]


def test_without_a_proof_the_dialled_comes_first_then_the_older() -> None:
    third, first, dialled = connect(3), connect(1), connect(2, is_outbound=True)
    assert list_authentic(ADDRESS, [third, first, dialled]) == [dialled, first, third]


def test_of_the_key_the_latest_word_counts() -> None:
    old = connect(1, make_height(5), 10.0, proved=ADDRESS)
    new = connect(2, make_height(6), 11.0, proved=ADDRESS)
    assert find_ruling(ADDRESS, [old, new], DELAYS) is new
    assert find_ruling(ADDRESS, [connect(1)], DELAYS) is None
    assert find_ruling(ADDRESS, [], DELAYS) is None


@pytest.mark.parametrize("features", [0, 1])
def test_without_a_proof_the_older_rules_until_its_height_is_stale(
    features: int,
) -> None:
    silence = compute_freshness_s(DELAYS, is_legacy_caller=not features)
    older = connect(1, make_height(5), 100.0, features=features)
    for late, ruling in ((0.0, 1), (silence, 1), (silence + 0.1, 2)):
        younger = connect(2, make_height(6), 100.0 + late)
        found = find_ruling(ADDRESS, [older, younger], DELAYS)
        assert found is not None
        assert found.number == ruling, late


@pytest.mark.parametrize(
    ("is_outbound", "proved", "is_good"),
    [(True, None, True), (False, ADDRESS, True), (False, None, False), (False, OTHER, False)],
)
def test_only_a_key_or_an_endpoint_speaks_for_a_hypernode(
    is_outbound: bool, proved: str | None, is_good: bool
) -> None:
    peer = connect(1, is_outbound=is_outbound, proved=proved)
    assert is_vouched(ADDRESS, peer) is is_good
    assert has_features(ADDRESS, [peer]) is is_good
    assert not has_features(ADDRESS, [connect(1, features=0, is_outbound=is_outbound, proved=proved)])


def test_a_view_is_of_the_one_that_rules_under_the_name_that_we_dialled() -> None:
    dialled = connect(2, is_outbound=True, proved=ADDRESS)
    came = connect(1, make_height(7), 5.0, proved=ADDRESS)
    view = make_view(ADDRESS, list_authentic(ADDRESS, [came, dialled]), DELAYS, counts=True)
    assert view is not None
    assert (view.name, view.reported, view.reported_at) == (dialled.name, came.reported, 5.0)
    assert (view.is_outbound, view.has_features, view.is_vouched, view.counts) == (True,) * 4
    assert make_view(ADDRESS, [dialled], DELAYS, counts=True) is None


def test_connections_of_one_key_share_a_mempool_exchange_and_no_others_do() -> None:
    one, two = connect(1, proved=ADDRESS), connect(2, proved=ADDRESS)
    assert one.exchange == two.exchange == ADDRESS
    first, second = connect(1), connect(2)
    second.name = first.name
    assert first.exchange != second.exchange
