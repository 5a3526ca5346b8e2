"""A way in for a registered key whose IP is on hold or has all its sessions (spec 2, who proved it, is it).

An IP is no identity: whoever shares that of a hypernode (NAT, a shared host, a local user) could get it put
on hold, or hold all its places, and so lock the hypernode out.  Therefore an IP with a registered key is
never turned away unheard: a connection more is let in that may only prove such a key, and has nothing else
before.

What that costs is bounded: one small frame and one signature each, paid in tokens of their own; few places an
IP, where the newest always finds one, so that nobody keeps them by sitting on them; and few in all.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from hypernode.net.places import Guest

PLACES_PER_IP: Final = 4
"""Who shares the IP must come so often within a handshake, time after time, to keep its hypernode out."""
PLACES: Final = 64
"""In all, of who has not proved anything yet: 4 KiB to read each."""
PROVED_PER_KEY: Final = 3
"""Sessions of a key that came in so; the oldest goes: it is one owner's, and he knows which he left."""


def _never(*of: str) -> bool:
    return False


@dataclass(frozen=True, slots=True)
class Keys:
    """What the node knows of keys.  ``is_key_of(ip, address)``: the key of the address is registered for the
    IP. ``is_proved_at(ip)``: a session from there has proved such a key."""

    is_key_of: Callable[[str, str], bool] = _never
    is_proved_at: Callable[[str], bool] = _never


class ProvingPlace:
    """A place of one session; given back once."""

    def __init__(self, door: ProvingPlaces, key: str, guest: Guest) -> None:
        self._door = door
        self.key = key
        self.guest = guest

    def prove(self, address: str) -> None:
        """The session proved the key of an address, and keeps its place for that from now on."""
        self._door.move(self, f"key {address}", PROVED_PER_KEY)

    def release(self) -> None:
        """Give the place back; a second call does nothing."""
        self._door.leave(self)


class ProvingPlaces:
    """Places for sessions that may prove a key: by IP before the proof and by key after it.  The oldest gives
    way."""

    def __init__(self) -> None:
        self._by_key: dict[str, list[ProvingPlace]] = {}

    def take(self, ip: str, guest: Guest) -> ProvingPlace:
        """Take a place to prove a key from."""
        place = ProvingPlace(self, f"ip {ip}", guest)
        waiting = [p for key, places in self._by_key.items() if key.startswith("ip ") for p in places]
        if len(waiting) >= PLACES:
            self._send_away(waiting[0])
        self._enter(place, PLACES_PER_IP)
        return place

    def move(self, place: ProvingPlace, key: str, most: int) -> None:
        self.leave(place)
        place.key = key
        self._enter(place, most)

    def leave(self, place: ProvingPlace) -> None:
        places = self._by_key.get(place.key, [])
        if place in places:
            places.remove(place)
        if not places:
            self._by_key.pop(place.key, None)

    def _enter(self, place: ProvingPlace, most: int) -> None:
        if len(self._by_key.get(place.key, ())) >= most:
            self._send_away(self._by_key[place.key][0])
        self._by_key.setdefault(place.key, []).append(place)

    def _send_away(self, place: ProvingPlace) -> None:
        self.leave(place)
        place.guest.give_way()
