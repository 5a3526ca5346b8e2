"""What one hypernode is seen to be, over all connections with it (spec 2, who a peer is; who proved it, is
it).

A legacy link proves nothing: whoever shares the IP of a hypernode (NAT, a shared host, a local user) can say
its port.  So once a connection proved the registered key, no other speaks for that hypernode.  Where none
did, the one that we dialled goes first, because it leads to the registered endpoint, and then the one that
stands for longest; a later one is heard when those before it were silent for three exchanges.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hypernode.core.params.chain_params import Delays
from hypernode.core.types import ChainHeight
from hypernode.machine.peers import PeerView, compute_freshness_s
from hypernode.net.client_session import ClientSession


@dataclass(slots=True)
class Peer:
    """One connection.  ``name`` is ``ip:0port`` with the port of its hello; times are monotonic s."""

    name: str
    ip: str
    port: int
    features: int
    is_outbound: bool
    session: ClientSession | None = None
    """Of one that we opened."""
    reported: ChainHeight | None = None
    reported_at: float = 0.0
    reported_juror: str | None = None
    matches_before: int = -1
    """The last round before which its chain was seen to equal ours (legacy peers)."""
    proved_address: str | None = None
    """Whose key its signed hello proved; None where it only says who it is."""
    caller: object | None = None
    """Who asks over it, of one that came in."""
    number: int = 0
    """Connections are counted as they come: a higher one is younger."""

    @property
    def exchange(self) -> str:
        """The name of its mempool exchange.  Connections of one key share one, so that nothing is sent twice;
        a connection that proved nothing has its own, so it takes nothing that is meant for another."""
        return self.proved_address or f"{self.name} {self.number}"


def list_authentic(address: str, connections: Sequence[Peer]) -> list[Peer]:
    """The connections of a hypernode that are used, best first: those that proved its key if there are any,
    else all of them."""
    proved = [peer for peer in connections if peer.proved_address == address]
    return sorted(proved or connections, key=lambda peer: (not peer.is_outbound, peer.number))


def find_ruling(address: str, authentic: Sequence[Peer], delays: Delays) -> Peer | None:
    """The connection whose height is taken as the hypernode's, from the authentic ones, best first; None
    while none reported one."""
    reported = [peer for peer in authentic if peer.reported is not None]
    if not reported:
        return None
    latest = max(reported, key=lambda peer: peer.reported_at)
    if latest.proved_address == address:
        return latest
    return next(
        peer for peer in reported if latest.reported_at - peer.reported_at <= _get_silence_s(peer, delays)
    )


def _get_silence_s(peer: Peer, delays: Delays) -> float:
    is_legacy_caller = not (peer.features or peer.is_outbound)
    return compute_freshness_s(delays, is_legacy_caller=is_legacy_caller)


def is_vouched(address: str, peer: Peer) -> bool:
    """Whether the hypernode may be blamed for what comes over an authentic connection: its key or its
    endpoint vouches for it."""
    return peer.is_outbound or peer.proved_address == address


def has_features(address: str, authentic: Sequence[Peer]) -> bool:
    """Whether a hypernode is a feature peer for certain.  A legacy node stops over feature commands, so the
    hello of an incoming connection without a proof is not enough."""
    return any(peer.features and is_vouched(address, peer) for peer in authentic)


def make_view(address: str, authentic: Sequence[Peer], delays: Delays, *, counts: bool) -> PeerView | None:
    """The view of one hypernode over its authentic connections, best first; None while it reported no
    height."""
    ruling = find_ruling(address, authentic, delays)
    if ruling is None or ruling.reported is None:
        return None
    dialled = next((peer for peer in authentic if peer.is_outbound), None)
    return PeerView(
        name=(dialled or ruling).name,
        ip=ruling.ip,
        address=address,
        reported=ruling.reported,
        reported_at=ruling.reported_at,
        is_outbound=dialled is not None,
        has_features=has_features(address, authentic),
        juror=ruling.reported_juror,
        counts=counts,
        is_vouched=is_vouched(address, ruling),
    )
