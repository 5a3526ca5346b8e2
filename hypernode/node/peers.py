"""The peers that we are connected to, out and in, and what they told us.

Who a peer is goes by the list: its IP, and where several hypernodes share one (private networks), the
port of its hello too.  A peer is listened to only if it is registered for this round or the one
before; others are answered, but what they send is not used (spec 2, who may do what).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

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
    _by_endpoint: dict[tuple[str, int], Registration] = field(default_factory=dict)
    _by_ip: dict[str, list[Registration]] = field(default_factory=dict)
    _views: tuple[PeerView, ...] | None = None
    """What ``list_views`` gave last, until something changes: it is asked for at every look."""

    def add(self, peer: Peer) -> None:
        """A connection stands; an older one under its name is forgotten."""
        (self.outbound if peer.is_outbound else self.inbound)[peer.name] = peer
        self._views = None

    def remove(self, peer: Peer) -> None:
        """A connection ended; a newer one under its name stays."""
        known = self.outbound if peer.is_outbound else self.inbound
        if known.get(peer.name) is peer:
            del known[peer.name]
        self._views = None

    def note_told(self, peer: Peer, told: ChainHeight, juror: str | None, now: float) -> bool:
        """A peer told its height; whether that is news."""
        is_news = (peer.told, peer.told_juror) != (told, juror)
        peer.told, peer.told_juror, peer.told_at = told, juror, now
        self._views = None
        return is_news

    def set_registered(self, entries: Iterable[Registration]) -> None:
        """Who counts: the list of the round, and of the one before after it."""
        self._views = None
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

    def awaits_push(self, peer: Peer | None) -> bool:
        return peer is not None and bool(self.awaiting_push) and self.find_address(peer) in self.awaiting_push

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
        """Distinct registered hypernodes that we have a connection with, either way."""
        return len({address for peer in self.list_all() if (address := self.find_address(peer))})

    def list_views(self) -> tuple[PeerView, ...]:
        """One view per registered hypernode whose height we know: the latest telling counts."""
        if self._views is None:
            self._views = self._make_views()
        return self._views

    def _make_views(self) -> tuple[PeerView, ...]:
        views: dict[str, PeerView] = {}
        for peer in self.list_all():
            address = self.find_address(peer)
            if address is None or peer.told is None:
                continue
            known = views.get(address)
            latest = peer if known is None or peer.told_at >= known.told_at else None
            views[address] = PeerView(
                name=peer.name if peer.is_outbound or known is None else known.name,
                ip=peer.ip,
                address=address,
                told=peer.told if latest or known is None else known.told,
                told_at=peer.told_at if latest or known is None else known.told_at,
                is_outbound=peer.is_outbound or (known is not None and known.is_outbound),
                has_features=bool(peer.features) or (known is not None and known.has_features),
                juror=peer.told_juror if latest or known is None else known.juror,
            )
        return tuple(views[address] for address in sorted(views))


def parse_port(text: str) -> int | None:
    """A registered port; None where the text is none.  The registry does not check it (spec 5): whatever
    stands there makes a hypernode undialable, no more."""
    if not (text.isascii() and text.isdecimal() and len(text) <= MAX_PORT_CHARS):
        return None
    return int(text) if 0 < int(text) <= MAX_PORT else None
