"""The peers that we are connected to, out and in, and what they told us.

Who a peer is goes by the list: its IP, and where several hypernodes share one (private networks), the
port of its hello too.  A peer is listened to only if it counts in this round or the one before, or is a juror
of the round (spec 3, who counts); others are answered, but the heights that they tell are not used.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field

from hypernode.core.counting import NOBODY, Counted, compute_counted
from hypernode.core.types import ChainHeight, Registration
from hypernode.machine.peers import PeerView
from hypernode.net.session import Session

MAX_PORT = 65_535
MAX_PORT_CHARS = 10
"""Of a registered port with zeros before it."""


@dataclass(slots=True)
class Peer:
    """One connection.  ``name`` is ``ip:0port`` with the port of its hello; times are monotonic s."""

    name: str
    ip: str
    port: int
    features: int
    is_outbound: bool
    session: Session | None = None
    told: ChainHeight | None = None
    told_at: float = 0.0
    told_juror: str | None = None
    matches_before: int = -1
    """The last round before which its chain was seen to equal ours (legacy peers)."""
    proved_address: str | None = None
    """Whose key its signed hello proved; None where it only says who it is."""


@dataclass(slots=True)
class Peers:
    """All connections by direction and name."""

    outbound: dict[str, Peer] = field(default_factory=dict)
    inbound: dict[str, Peer] = field(default_factory=dict)
    awaiting_push: set[str] = field(default_factory=set)
    """Legacy hypernodes that our newest block is on its way to: until it is there they must not hear of it,
    or they may fetch it first, and stop over the push."""
    spreads_until: float = 0.0
    """Monotonic s.  A block was pushed to us, and its forger may not have come to others yet."""
    counted: Counted = NOBODY
    """Who counts, in the round and the one before."""
    jurors: frozenset[str] = frozenset()
    """Of the round."""
    _by_endpoint: dict[tuple[str, int], Registration] = field(default_factory=dict)
    _by_ip: dict[str, list[Registration]] = field(default_factory=dict)
    _of_address: dict[str, list[Peer]] | None = None
    """Connections of each registered hypernode, by address in order; None after any of them changed."""
    _views: dict[str, PeerView] = field(default_factory=dict)
    """What ``list_views`` gave last: it is asked for at every look."""
    _changed: dict[str, None] = field(default_factory=dict)
    """Addresses that told something since."""

    def add(self, peer: Peer) -> None:
        """A connection stands; an older one under its name is forgotten."""
        (self.outbound if peer.is_outbound else self.inbound)[peer.name] = peer
        self._of_address = None

    def remove(self, peer: Peer) -> None:
        """A connection ended; a newer one under its name stays."""
        known = self.outbound if peer.is_outbound else self.inbound
        if known.get(peer.name) is peer:
            del known[peer.name]
            self._of_address = None

    def note_told(self, peer: Peer, told: ChainHeight, juror: str | None, now: float) -> bool:
        """A peer told its height; whether that is news."""
        is_news = (peer.told, peer.told_juror) != (told, juror)
        peer.told, peer.told_juror, peer.told_at = told, juror, now
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
        """The list of the round, and of the one before after it; who of them counts (None: everybody), and
        the jurors of the round."""
        entries = list(entries)
        self.counted = compute_counted(entries, {}) if counted is None else counted
        self.jurors = frozenset(jurors)
        self._of_address = None
        self._by_endpoint.clear()
        self._by_ip.clear()
        for entry in entries:
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
        """Whose IP this is; by port too where hypernodes share it."""
        known = self._by_ip.get(ip, [])
        if len(known) == 1:
            return known[0]
        return self._by_endpoint.get((ip, port)) if port is not None else None

    def find_by_address(self, address: str) -> Registration | None:
        return next((e for known in self._by_ip.values() for e in known if e.pos == address), None)

    def get_told(self, address: str) -> ChainHeight | None:
        """The latest height that a hypernode told, over any connection."""
        told = [p for p in self.list_all() if p.told is not None and self.find_address(p) == address]
        return max(told, key=lambda p: p.told_at).told if told else None

    def has_features(self, address: str) -> bool:
        """Whether a hypernode that we are connected to is a feature peer."""
        return any(peer.features and self.find_address(peer) == address for peer in self.list_all())

    def awaits_push(self, peer: Peer | None, now: float) -> bool:
        """Whether our newest block may be on its way to it, from us or from its forger."""
        if peer is None:
            return False
        return now < self.spreads_until or (
            bool(self.awaiting_push) and self.find_address(peer) in self.awaiting_push
        )

    def list_registrations(self, ip: str) -> list[Registration]:
        """All that are registered with this IP."""
        return list(self._by_ip.get(ip, []))

    def find_address(self, peer: Peer) -> str | None:
        entry = self.find_registration(peer.ip, peer.port)
        return entry.pos if entry else None

    def list_all(self) -> list[Peer]:
        return [*self.outbound.values(), *self.inbound.values()]

    def find_outbound(self, address: str) -> Peer | None:
        """An open connection to a hypernode that we can ask things on."""
        for peer in self.outbound.values():
            is_open = peer.session is not None and not peer.session.is_closed
            if is_open and self.find_address(peer) == address:
                return peer
        return None

    def count_connected(self) -> int:
        """Distinct hypernodes that count and that we have a connection with, either way."""
        return sum(self.counts(address) for address in self._get_connections())

    def list_views(self) -> tuple[PeerView, ...]:
        """One view per hypernode that we listen to and whose height we know, by address: the latest telling
        counts."""
        connections = self._get_connections()
        for address in self._changed:
            if not self.is_heard(address):
                continue
            view = _make_view(address, connections.get(address, ()), counts=self.counts(address))
            if view is not None:
                self._views[address] = view
        self._changed.clear()
        return tuple(self._views[address] for address in connections if address in self._views)

    def _get_connections(self) -> dict[str, list[Peer]]:
        """By address.  When they changed, every view is to be made anew."""
        if self._of_address is None:
            found: dict[str, list[Peer]] = {}
            for peer in self.list_all():
                if (address := self.find_address(peer)) is not None:
                    found.setdefault(address, []).append(peer)
            self._of_address = {address: found[address] for address in sorted(found)}
            self._views.clear()
            self._changed = dict.fromkeys(self._of_address)
        return self._of_address


def _make_view(address: str, connections: Sequence[Peer], *, counts: bool) -> PeerView | None:
    """Of one hypernode over all its connections, outgoing ones first; None while it told no height."""
    view: PeerView | None = None
    for peer in connections:
        if peer.told is None:
            continue
        is_latest = view is None or peer.told_at >= view.told_at
        view = PeerView(
            name=peer.name if peer.is_outbound or view is None else view.name,
            ip=peer.ip,
            address=address,
            told=peer.told if is_latest or view is None else view.told,
            told_at=peer.told_at if is_latest or view is None else view.told_at,
            is_outbound=peer.is_outbound or (view is not None and view.is_outbound),
            has_features=bool(peer.features) or (view is not None and view.has_features),
            juror=peer.told_juror if is_latest or view is None else view.juror,
            counts=counts,
        )
    return view


def parse_port(text: str) -> int | None:
    """A registered port; None where the text is none.  The registry does not check it (spec 5): whatever
    stands there makes a hypernode undialable, no more."""
    if not (text.isascii() and text.isdecimal() and len(text) <= MAX_PORT_CHARS):
        return None
    return int(text) if 0 < int(text) <= MAX_PORT else None
