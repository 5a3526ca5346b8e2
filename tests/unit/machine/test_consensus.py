"""Who agrees, and whether that is enough."""

from __future__ import annotations

from dataclasses import replace

from hypernode.machine.consensus import Consensus, compute_consensus, is_enough
from tests.unit.machine.samples import make_height, make_network, make_peer

NETWORK = make_network()
TUNABLES = NETWORK.default_tunables
OWN = make_height(uniques=5)


def test_peers_on_our_tip_count_in_percent_of_all_registered() -> None:
    stale = replace(OWN, uniques=4)
    peers = [make_peer(1, OWN), make_peer(2, stale), make_peer(3, make_height(9, tag=9))]
    consensus = compute_consensus(OWN, peers, 8, {"peer2", "peer3"})
    assert consensus == Consensus(agree=2, counted=8, percent=25, jurors_agree=1, jurors_seen=2, chains=2)


def test_who_does_not_count_is_in_no_share_and_is_no_chain_nor_juror() -> None:
    peers = [
        make_peer(1, OWN),
        make_peer(2, OWN, counts=False),
        make_peer(3, make_height(9, tag=9), counts=False),
    ]
    consensus = compute_consensus(OWN, peers, 4, {"peer2", "peer3"})
    assert consensus == Consensus(agree=1, counted=4, percent=25, jurors_agree=0, jurors_seen=0, chains=1)


def test_nobody_registered_is_no_consensus() -> None:
    assert compute_consensus(OWN, [], 0, ()).percent == 0


def _consensus(**changes: int) -> Consensus:
    base = Consensus(agree=2, counted=10, percent=20, jurors_agree=1, jurors_seen=1, chains=1)
    return replace(base, **changes)


def test_the_percentage_must_be_over_the_bar() -> None:
    bar = NETWORK.default_tunables.min_forge_consensus
    assert is_enough(NETWORK, TUNABLES, _consensus(percent=bar + 1, chains=2), is_second_half=False)
    assert not is_enough(NETWORK, TUNABLES, _consensus(percent=bar, chains=2), is_second_half=False)


def test_the_low_bar_counts_in_the_second_half_with_one_chain_in_sight() -> None:
    low = NETWORK.min_forge_consensus_low + 1
    assert is_enough(NETWORK, TUNABLES, _consensus(percent=low), is_second_half=True)
    assert not is_enough(NETWORK, TUNABLES, _consensus(percent=low), is_second_half=False)
    assert not is_enough(NETWORK, TUNABLES, _consensus(percent=low, chains=2), is_second_half=True)
    assert not is_enough(NETWORK, TUNABLES, _consensus(percent=low - 1), is_second_half=True)


def test_a_juror_that_sees_jurors_needs_one_of_them() -> None:
    assert not is_enough(NETWORK, TUNABLES, _consensus(percent=90, jurors_agree=0), is_second_half=False)
    assert is_enough(
        NETWORK,
        TUNABLES,
        _consensus(percent=90, jurors_agree=0, jurors_seen=0),
        is_second_half=False,
    )
