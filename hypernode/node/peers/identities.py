"""Who a peer is: an identity is proved by a signed hello, or only claimed (spec 2, who a peer is).

Once a connection proved the registered key, no other speaks for that hypernode (``node.peers.peer_views``);
where none did, its IP is all there is.  The operator sees which registered IPs are held by the key that is
registered with them, and which are not.
"""

from __future__ import annotations

from enum import Enum

from hypernode.node.peers.peer_table import Peer, Peers


class KeyProof(Enum):
    """How well we know who a connected hypernode is, under the name that the status shows."""

    PROVED = "proved"
    """Its signed hello proved the address that is registered for its IP."""
    CLAIMED = "claimed"
    """Nothing proved: no signed hello, so that its IP is all there is, as on every legacy link."""
    OTHER = "other"
    """Its signed hello proved another address than the one that is registered for its IP: a finding."""


def get_identity(peers: Peers, address: str) -> KeyProof:
    """How well we know that a connected hypernode is the one registered: by the connection that speaks for
    it."""
    proved = {peer.proved_address for peer in peers.list_authentic(address)[:1]}
    if address in proved:
        return KeyProof.PROVED
    return KeyProof.OTHER if proved - {None} else KeyProof.CLAIMED


def find_misplaced(peers: Peers) -> list[dict[str, object]]:
    """Connections whose proved address is not the one registered for their IP, while one of the two is
    registered: a key on another host than registered, or a host with another key.  ``registered`` is null
    for an IP that is not."""
    found = {
        (peer.name, peers.find_address(peer), peer.proved_address)
        for peer in peers.list_all()
        if _is_misplaced(peers, peer)
    }
    return [
        {"peer": name, "registered": registered, "proved": proved}
        for name, registered, proved in sorted(found, key=str)
    ]


def _is_misplaced(peers: Peers, peer: Peer) -> bool:
    if peer.proved_address is None:
        return False
    registered = peers.find_address(peer)
    if registered is None:
        return peers.find_by_address(peer.proved_address) is not None
    return registered != peer.proved_address
