"""Who may come in: places, holds and buckets by IP (spec 2, limits: sessions).

Pure but for its own state; time is handed in, in seconds of a clock that never steps.  An offence puts
an IP on hold for a while that doubles with each one; places are shared out by ``net.places``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from hypernode.core.errors import Ignore
from hypernode.net.places import Guest, Places, Ticket
from hypernode.net.proving import ProvingPlaces
from hypernode.net.standing import Standing, StandingOf
from hypernode.net.token_bucket import TokenBucket
from hypernode.wire.catalogue import LIMITS, Limits
from hypernode.wire.tags import RULE


@dataclass(frozen=True, slots=True)
class _Hold:
    until: float
    duration_s: float
    offended_at: float


def call_stranger(ip: str) -> Standing:
    """The standing of an IP where nobody is known: everybody is a stranger."""
    return Standing.STRANGER


class Admission:
    """Decides which sessions may come in.  ``is_never_held``: whether an IP is that of an operator's own
    tools; its offences end a session but never lock the operator out.  ``standing_of`` says which places an
    IP may take."""

    def __init__(
        self,
        limits: Limits = LIMITS,
        is_never_held: Callable[[str], bool] = lambda ip: False,
        standing_of: StandingOf = call_stranger,
    ) -> None:
        self._limits = limits
        self.standing_of = standing_of
        self._is_never_held = is_never_held
        self._places = Places(limits, standing_of)
        self._holds: dict[str, _Hold] = {}
        self._buckets: dict[str, TokenBucket] = {}
        self.proving = ProvingPlaces()

    @property
    def count(self) -> int:
        """How many sessions are open."""
        return self._places.count

    def count_of(self, ip: str) -> int:
        return self._places.count_of(ip)

    def change_limits(self, limits: Limits) -> None:
        """Use other limits from now on: before the first list everybody is a stranger."""
        self._limits = limits
        self._places.change_limits(limits)

    def admit(self, ip: str, now: float, guest: Guest) -> Ticket:
        """Take a place; the ticket gives it back.  Raises Ignore with the reason if there is none."""
        if self.is_on_hold(ip, now):
            raise Ignore(RULE, "its IP is on hold")
        return self._places.take(ip, guest)

    def hold(self, ip: str, now: float) -> float:
        """Note an offence; seconds that the IP (or the address whose key was proved) is on hold for, 0 if it
        never is."""
        if self._is_never_held(ip) or self.standing_of(ip) is Standing.OPERATOR:
            return 0.0
        limits = self._limits
        known = self._holds.pop(ip, None)
        duration_s = limits.hold_first_s
        if known is not None and now - known.offended_at < limits.hold_forget_s:
            duration_s = min(known.duration_s * 2, limits.hold_max_s)
        if len(self._holds) >= limits.known_ips:
            self._holds.pop(next(iter(self._holds)))
        self._holds[ip] = _Hold(now + duration_s, duration_s, now)
        return duration_s

    def is_on_hold(self, ip: str, now: float) -> bool:
        known = self._holds.get(ip)
        return known is not None and now < known.until and not self._is_never_held(ip)

    def get_bucket(self, ip: str, now: float) -> TokenBucket:
        """The tokens that all sessions of an IP share; those of a proved key have the key's."""
        bucket = self._buckets.get(ip)
        if bucket is None:
            if len(self._buckets) >= self._limits.known_ips:
                self._forget_buckets(now)
            bucket = self._buckets[ip] = TokenBucket(self._limits.ip_burst, self._limits.ip_rate, now)
        return bucket

    def _forget_buckets(self, now: float) -> None:
        """Drop the buckets that are full again, because they hold nothing; if none is, the oldest one."""
        kept = {ip: bucket for ip, bucket in self._buckets.items() if not bucket.is_full(now)}
        if len(kept) >= self._limits.known_ips:
            del kept[next(iter(kept))]
        self._buckets = kept
