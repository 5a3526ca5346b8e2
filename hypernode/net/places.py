"""Who may hold a session, and who gives way (spec 2, limits and budgets: sessions).

Whose place it is follows from the standing of its IP at the moment of asking: who is registered meanwhile
sits on a hypernode's place from then on, and nothing that was noted once goes stale.  Pure but for its own
state; times are seconds of a clock that never steps.
"""

from __future__ import annotations

from typing import Final, Protocol

from hypernode.core.errors import Ignore
from hypernode.net.standing import Standing, StandingOf, get_site
from hypernode.wire.catalogue import Limits
from hypernode.wire.tags import RULE

_FULL: Final = "no session is free"


class Guest(Protocol):
    """A session that holds a place."""

    @property
    def is_gone(self) -> bool:
        """Whether its peer closed, though nobody noticed yet."""
        ...

    @property
    def is_busy(self) -> bool:
        """Whether a question of it waits for its answer."""
        ...

    @property
    def last_active(self) -> float:
        """When it last sent something whole, or took a part of an answer."""
        ...

    def give_way(self) -> None:
        """End the session."""
        ...


class Ticket:
    """The place of a session, given back once.  ``is_operators``: it is one of the operator's places."""

    __slots__ = ("_places", "guest", "ip", "is_operators", "site")

    def __init__(self, places: Places, ip: str, guest: Guest, *, is_operators: bool) -> None:
        self._places: Places | None = places
        self.ip = ip
        self.site = get_site(ip)
        self.guest = guest
        self.is_operators = is_operators

    def release(self) -> None:
        """Give the place back; a second call does nothing."""
        if self._places is not None:
            self._places._remove(self)
            self._places = None


class Places:
    """All places: some for the operator alone, and ``sessions`` for all others.  Strangers never hold the
    last ``sessions_kept`` of these."""

    def __init__(self, limits: Limits, standing_of: StandingOf) -> None:
        self._limits = limits
        self._standing_of = standing_of
        self._by_ip: dict[str, list[Ticket]] = {}
        self._operators = 0

    def change_limits(self, limits: Limits) -> None:
        """Use other limits from now on; places that are taken stay so."""
        self._limits = limits

    @property
    def count(self) -> int:
        """How many sessions are open."""
        return sum(map(len, self._by_ip.values()))

    def count_of(self, ip: str) -> int:
        return len(self._by_ip.get(ip, ()))

    def take(self, ip: str, guest: Guest) -> Ticket:
        """Take a place for a session from ``ip``; another session may have to give way.  Raises Ignore with
        the reason if there is none."""
        standing = self._standing_of(ip)
        if standing is Standing.OPERATOR and self._has_place_for_operator():
            return self._add(ip, guest, is_operators=True)
        self._check_ip(ip, standing)
        if standing is Standing.COUNTED:
            if self.count - self._operators >= self._limits.sessions:
                self._make_room(self._list_strangers(), _FULL)
        else:
            self._make_room_for_stranger(ip, standing)
        return self._add(ip, guest, is_operators=False)

    def _has_place_for_operator(self) -> bool:
        """Whether a place is free, after the longest idle session that waits for nothing has given way."""
        if self._operators >= self._limits.sessions_of_operator:
            held = [t for tickets in self._by_ip.values() for t in tickets if t.is_operators]
            idle = [ticket for ticket in held if ticket.guest.is_gone or not ticket.guest.is_busy]
            if not idle:
                return False
            self._send_away(min(idle, key=_rank))
        return True

    def _check_ip(self, ip: str, standing: Standing) -> None:
        limits = self._limits
        # a registration costs 0.01 BIS: more places go with collateral only (spec 3, who counts)
        is_counted = standing is Standing.COUNTED
        most = limits.sessions_per_registered_ip if is_counted else limits.sessions_per_ip
        held = [ticket for ticket in self._by_ip.get(ip, ()) if not ticket.is_operators]
        if len(held) < most:
            return
        gone = next((ticket for ticket in held if ticket.guest.is_gone), None)
        if gone is None:
            raise Ignore(RULE, f"{most} sessions of its IP are open")
        self._send_away(gone)

    def _make_room_for_stranger(self, ip: str, standing: Standing) -> None:
        limits, strangers = self._limits, self._list_strangers()
        if standing is Standing.STRANGER:
            site = get_site(ip)
            near = [t for t in strangers if t.site == site and not self._is_listed(t.ip)]
            if len(near) >= limits.sessions_per_site:
                gone = [ticket for ticket in near if ticket.guest.is_gone]
                self._make_room(gone, f"{limits.sessions_per_site} sessions of strangers of its /24 are open")
                strangers = self._list_strangers()
        if len(strangers) >= limits.sessions - limits.sessions_kept:
            self._make_room(strangers, f"{_FULL} for who does not count")
        elif self.count - self._operators >= limits.sessions:
            self._make_room(strangers, _FULL)

    def _make_room(self, held: list[Ticket], reason: str) -> None:
        """End the longest idle one of these sessions: those that are not on the list first, those that wait
        for an answer last."""
        if not held:
            raise Ignore(RULE, reason)
        self._send_away(min(held, key=lambda ticket: (self._is_listed(ticket.ip), *_rank(ticket))))

    def _is_listed(self, ip: str) -> bool:
        return self._standing_of(ip) is Standing.REGISTERED

    def _list_strangers(self) -> list[Ticket]:
        """Sessions on places that strangers may have."""
        return [
            ticket
            for ip, tickets in self._by_ip.items()
            if self._standing_of(ip) is not Standing.COUNTED
            for ticket in tickets
            if not ticket.is_operators
        ]

    def _add(self, ip: str, guest: Guest, *, is_operators: bool) -> Ticket:
        ticket = Ticket(self, ip, guest, is_operators=is_operators)
        self._by_ip.setdefault(ip, []).append(ticket)
        self._operators += is_operators
        return ticket

    def _send_away(self, ticket: Ticket) -> None:
        ticket.release()
        ticket.guest.give_way()

    def _remove(self, ticket: Ticket) -> None:
        tickets = self._by_ip[ticket.ip]
        tickets.remove(ticket)
        if not tickets:
            del self._by_ip[ticket.ip]
        self._operators -= ticket.is_operators


def _rank(ticket: Ticket) -> tuple[bool, bool, float]:
    """The order in which sessions give way, lowest first.  A session that is not busy is being read, so its
    closing is noticed by itself."""
    guest = ticket.guest
    is_busy = guest.is_busy
    return not (is_busy and guest.is_gone), is_busy, guest.last_active
