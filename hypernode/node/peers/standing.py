"""Whose IP an address is, for places and budgets: the node's answer to ``net.standing``."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from hypernode.net.standing import Standing
from hypernode.node.peers.peer_table import Peers

LOOPBACK: Final = frozenset(("127.0.0.1", "::1"))
"""Where an operator's tools come from.  Other addresses of 127.0.0.0/8 are hosts of a network on loopback."""


def find_standing(peers: Peers, allow_queries_from: Collection[str], ip: str) -> Standing:
    """The standing of an IP.

    An IP that counts is a hypernode even on loopback: on a network of real ports on 127.0.0.1 all come from
    there, and each needs the places of a peer.  A registration that does not count takes nothing from the
    operator, or anybody could register 127.0.0.1 for a fee."""
    if peers.is_counted_ip(ip):
        return Standing.COUNTED
    if ip in LOOPBACK or ip in allow_queries_from:
        return Standing.OPERATOR
    return Standing.REGISTERED if peers.is_registered_ip(ip) else Standing.STRANGER
