"""Whose IP it is, for places and budgets."""

from __future__ import annotations

import pytest

from hypernode.core.counting import Uncounted, compute_counted
from hypernode.net.standing import Standing
from hypernode.node.peers.peer_table import Peers
from hypernode.node.peers.standing import find_standing
from tests.unit.node.peers.entries import entry

ALLOWED = ("127.0.0.1", "10.9.9.9")


@pytest.mark.parametrize(
    ("ip", "standing"),
    [
        ("10.0.0.1", Standing.COUNTED),
        ("127.0.0.1", Standing.OPERATOR),
        ("::1", Standing.OPERATOR),
        ("10.9.9.9", Standing.OPERATOR),
        ("10.0.0.2", Standing.STRANGER),
        # A host of a network on loopback, not the operator.
        ("127.0.0.2", Standing.STRANGER),
    ],
)
def test_an_ip_has_one_standing(ip: str, standing: Standing) -> None:
    peers = Peers()
    peers.set_registered([entry("a")])
    assert find_standing(peers, ALLOWED, ip) is standing


def test_an_uncounted_registration_stands_below_the_operator() -> None:
    peers = Peers()
    listed = [entry("a"), entry("w", "10.0.0.3"), entry("x", "127.0.0.1")]
    peers.set_registered(listed, compute_counted(listed, dict.fromkeys("wx", Uncounted.WORTHLESS)))
    assert find_standing(peers, ALLOWED, "10.0.0.1") is Standing.COUNTED
    assert find_standing(peers, ALLOWED, "10.0.0.3") is Standing.REGISTERED
    assert find_standing(peers, ALLOWED, "127.0.0.1") is Standing.OPERATOR


def test_before_the_first_list_the_operator_is_known_all_the_same() -> None:
    assert find_standing(Peers(), ALLOWED, "127.0.0.1") is Standing.OPERATOR


def test_hypernodes_on_127_0_0_1_are_hypernodes() -> None:
    peers = Peers()
    peers.set_registered([entry("a", "127.0.0.1", "6969"), entry("b", "127.0.0.1", "6970")])
    assert find_standing(peers, ALLOWED, "127.0.0.1") is Standing.COUNTED
