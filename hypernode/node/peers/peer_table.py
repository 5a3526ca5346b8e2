"""The peers that we are connected to, out and in, and what they told us.

Who a peer is goes by the list: the key that it proved, else its IP, and where several hypernodes share one
(private networks), the port of its hello too.  A peer is listened to only if it counts in this round or the
one before, or is a juror of the round (spec 3, who counts); others are answered, but the heights that they
tell are not used.  Which of the connections with one hypernode speak for it is ``peer_views``'.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from hypernode.core.counting import NOBODY, Counted, compute_counted
from hypernode.core.params.chain_params import Delays
from hypernode.core.types import MAX_PORT, ChainHeight, Registration
from hypernode.machine.peers import PeerView
from hypernode.node.peers import peer_views
from hypernode.node.peers.peer_views import Peer as Peer

MAX_PORT_CHARS = 10
"""Of a registered port with zeros before it."""


@dataclass(slots=True)
class Peers:
    """All connections by direction and name.  ``delays``: the network's, for how long one that proved nothing
    may be silent before another of its hypernode is heard."""

    delays: Delays = field(default_factory=Delays)
    outbound: dict[str, Peer] = field(default_factory=dict)
    _came: dict[str, list[Peer]] = field(default_factory=dict)
    """Those that came in, by name, oldest first: one name may have several."""
    _awaiting_push: set[str] = field(default_factory=set)
    """Legacy hypernodes that our newest block is on its way to: until it is there they must not hear of it,
    or they may fetch it first, and stop over the push."""
    _spreads_until: float = 0.0
    """Monotonic s.  A block was pushed to us, and its forger may not have come to others yet."""
    counted: Counted = NOBODY
    """Who counts, in the round and the one before."""
    jurors: frozenset[str] = frozenset()
    """Of the round."""
    _by_endpoint: dict[tuple[str, int], Registration] = field(default_factory=dict)
    _by_ip: dict[str, list[Registration]] = field(default_factory=dict)
    _by_address: dict[str, Registration] = field(default_factory=dict)
    _count: int = 0
    _of_address: dict[str, list[Peer]] | None = None
    """The connections of each registered hypernode that count, by address in order; None after any of all
    connections changed."""
    _views: dict[str, PeerView] = field(default_factory=dict)
    """What ``list_views`` gave last: it is asked for at every look."""
    _changed: dict[str, None] = field(default_factory=dict)
    """Addresses that told something since."""

    def add(self, peer: Peer) -> None:
        """A connection was opened.  One that we dialled replaces an older one under its name; an incoming one
        stands beside it."""
        self._count += 1
        peer.number = self._count
        if peer.is_outbound:
            self.outbound[peer.name] = peer
        else:
            self._came.setdefault(peer.name, []).append(peer)
        self._of_address = None

    def remove(self, peer: Peer) -> None:
        """A connection ended; others under its name stay."""
        if peer.is_outbound and self.outbound.get(peer.name) is peer:
            del self.outbound[peer.name]
        left = [other for other in self._came.pop(peer.name, ()) if other is not peer]
        if left:
            self._came[peer.name] = left
        self._of_address = None

    @property
    def inbound(self) -> dict[str, Peer]:
        """By name, the incoming connection that counts for it, or would."""
        return {name: self._find_first(came) for name, came in self._came.items()}

    def _find_first(self, came: list[Peer]) -> Peer:
        return next((peer for peer in came if self.has_registered_key(peer)), came[0])

    def find_caller(self, name: str, caller: object) -> Peer | None:
        """The connection of the session that asks."""
        return next((peer for peer in self._came.get(name, ()) if peer.caller is caller), None)

    def note_height(self, peer: Peer, reported: ChainHeight, juror: str | None, now: float) -> bool:
        """A peer reported its height; returns whether that is news."""
        is_news = (peer.reported, peer.reported_juror) != (reported, juror)
        peer.reported, peer.reported_juror, peer.reported_at = reported, juror, now
        address = self.find_address(peer)
        if address is not None:
            self._changed[address] = None
        return is_news

    def set_registered(
        self,
        entries: Iterable[Registration],
        counted: Counted | None = None,
        jurors: Collection[str] = (),
    ) -> None:
        """Set the list of the round, followed by that of the round before; who of them counts (None:
        everybody), and the jurors of the round."""
        entries = list(entries)
        self.counted = compute_counted(entries, {}) if counted is None else counted
        self.jurors = frozenset(jurors)
        self._of_address = None
        self._by_endpoint.clear()
        self._by_ip.clear()
        self._by_address.clear()
        for entry in entries:
            self._by_address.setdefault(entry.pos, entry)
            known = self._by_ip.setdefault(entry.ip, [])
            if all(other.pos != entry.pos for other in known):
                known.append(entry)
            if (port := parse_port(entry.port)) is not None:
                self._by_endpoint.setdefault((entry.ip, port), entry)

    @property
    def has_list(self) -> bool:
        """Whether a list is known at all: before the first one everybody is a stranger."""
        return bool(self._by_ip)

    def is_registered_ip(self, ip: str) -> bool:
        return ip in self._by_ip

    def is_counted_ip(self, ip: str) -> bool:
        """Whether a hypernode that counts has this IP (spec 3, who counts)."""
        return any(self.counts(entry.pos) for entry in self._by_ip.get(ip, ()))

    def counts(self, address: str) -> bool:
        """Whether a hypernode counts, in the round or the one before."""
        return address in self.counted.present or address in self.counted.before

    def is_heard(self, address: str) -> bool:
        """Whether its heights are listened to: it counts, or is a juror of the round."""
        return self.counts(address) or address in self.jurors

    def find_registration(self, ip: str, port: int | None) -> Registration | None:
        """The registration with this IP, and port where hypernodes share it."""
        known = self._by_ip.get(ip, [])
        if len(known) == 1:
            return known[0]
        return self._by_endpoint.get((ip, port)) if port is not None else None

    def find_by_address(self, address: str) -> Registration | None:
        return self._by_address.get(address)

    def get_reported_height(self, address: str) -> ChainHeight | None:
        """The height that a hypernode reported last, over the connection that speaks for it."""
        ruling = peer_views.find_ruling(address, self.list_authentic(address), self.delays)
        return ruling.reported if ruling else None

    def has_features(self, address: str) -> bool:
        """Whether a hypernode that we are connected to is a feature peer for certain."""
        return peer_views.has_features(address, self.list_authentic(address))

    def list_authentic(self, address: str) -> list[Peer]:
        """The connections with a hypernode that are listened to, best first."""
        return list(self._get_connections().get(address, ()))

    def is_authentic(self, peer: Peer) -> bool:
        """Whether this connection is used: it is a hypernode's, and no other connection proved that
        hypernode's key."""
        address = self.find_address(peer)
        return address is not None and any(other is peer for other in self.list_authentic(address))

    def is_answerable(self, peer: Peer) -> bool:
        """Whether the hypernode may be blamed for what this connection reports."""
        address = self.find_address(peer)
        if address is None or not peer_views.is_vouched(address, peer):
            return False
        return peer_views.find_ruling(address, self.list_authentic(address), self.delays) is peer

    def has_registered_key(self, peer: Peer) -> bool:
        """Whether it proved the key that is registered for its IP."""
        return peer.proved_address is not None and self.find_address(peer) == peer.proved_address

    def is_key_connected(self, address: str) -> bool:
        """Whether a connection proved this registered key."""
        return any(peer.proved_address == address for peer in self.list_authentic(address))

    def is_key_proved_at(self, ip: str) -> bool:
        """Whether a key that is registered for an IP is connected from there."""
        return any(peer.ip == ip and self.has_registered_key(peer) for peer in self.list_all())

    def shares_exchange(self, peer: Peer) -> bool:
        """Whether another connection has the same mempool exchange."""
        return any(other.exchange == peer.exchange for other in self.list_all() if other is not peer)

    def awaits_push(self, peer: Peer | None, now: float) -> bool:
        """Whether our newest block may be on its way to it, from us or from its forger."""
        if peer is None:
            return False
        return now < self._spreads_until or (
            bool(self._awaiting_push) and self.find_address(peer) in self._awaiting_push
        )

    def await_push(self, addresses: Iterable[str]) -> None:
        """Our newest block goes to these from now on; whoever was noted before has it, or will fetch it."""
        self._awaiting_push = set(addresses)

    def end_push(self, address: str) -> None:
        """Our newest block came there, or does not go there any more."""
        self._awaiting_push.discard(address)

    def end_all_pushes(self) -> None:
        """Nothing of ours is on its way."""
        self._awaiting_push = set()

    def note_spread(self, until: float) -> None:
        """A block was pushed to us, and may be on its way to others until then, monotonic s."""
        self._spreads_until = until

    def list_registrations(self, ip: str) -> list[Registration]:
        """All registrations with this IP."""
        return list(self._by_ip.get(ip, []))

    def find_address(self, peer: Peer) -> str | None:
        """Which hypernode a connection belongs to: the one whose key it proved, if that is registered for its
        IP; else the one that its IP, and port, name."""
        if any(entry.pos == peer.proved_address for entry in self._by_ip.get(peer.ip, ())):
            return peer.proved_address
        entry = self.find_registration(peer.ip, peer.port)
        return entry.pos if entry else None

    def is_key_of(self, ip: str, address: str) -> bool:
        """Whether the key of an address is registered for an IP."""
        return any(entry.pos == address for entry in self._by_ip.get(ip, ()))

    def list_all(self) -> list[Peer]:
        return [*self.outbound.values(), *(peer for came in self._came.values() for peer in came)]

    def find_outbound(self, address: str) -> Peer | None:
        """An open connection to a hypernode on which we can ask."""
        for peer in self.list_authentic(address):
            if peer.session is not None and not peer.session.is_closed:
                return peer
        return None

    def count_connected(self) -> int:
        """How many different counted hypernodes we are connected to, in either direction."""
        return sum(self.counts(address) for address in self._get_connections())

    def list_views(self) -> tuple[PeerView, ...]:
        """One view per hypernode that we listen to and whose height we know, by address: the latest telling
        counts."""
        connections = self._get_connections()
        for address in self._changed:
            if not self.is_heard(address):
                continue
            connected = connections.get(address, ())
            view = peer_views.make_view(address, connected, self.delays, counts=self.counts(address))
            if view is not None:
                self._views[address] = view
        self._changed.clear()
        return tuple(self._views[address] for address in connections if address in self._views)

    def _get_connections(self) -> dict[str, list[Peer]]:
        """Those that count, by address.  When any changed, every view is to be made anew."""
        if self._of_address is None:
            found: dict[str, list[Peer]] = {}
            for peer in self.list_all():
                if (address := self.find_address(peer)) is not None:
                    found.setdefault(address, []).append(peer)
            self._of_address = {
                address: peer_views.list_authentic(address, found[address]) for address in sorted(found)
            }
            self._views.clear()
            self._changed = dict.fromkeys(self._of_address)
        return self._of_address


def parse_port(text: str) -> int | None:
    """A registered port; None where the text is none.  The registry does not check it (spec 5): whatever
    stands there makes a hypernode undialable, no more."""
    if not (text.isascii() and text.isdecimal() and len(text) <= MAX_PORT_CHARS):
        return None
    return int(text) if 0 < int(text) <= MAX_PORT else None
