"""A running hash over all that happens on a simulated network: equal runs have equal hashes."""

from __future__ import annotations

from collections import deque
from hashlib import blake2b
from typing import Final

_DIGEST_BYTES = 20
MAX_LAST: Final = 5_000
"""Events that are kept, to be shown when something breaks: some seconds of twenty hosts, 0.5 MB."""

MIN_GIVEN_BYTES: Final = 300
"""What arrives in one piece and is larger is more than a height, a ping or a hello."""


class Trace:
    """BLAKE2b over (virtual time, event, from, to, size), in the order of the events."""

    def __init__(self) -> None:
        self._hash = blake2b(digest_size=_DIGEST_BYTES)
        self.count = 0
        """Events so far."""
        self._last: deque[bytes] = deque(maxlen=MAX_LAST)
        self.last_giver: dict[str, str] = {}
        """By the IP of a host: that of the one which sent it something large last."""

    def record(self, time_s: float, event: str, source: str = "", target: str = "", size: int = 0) -> None:
        """``repr`` of the time: every bit of it counts."""
        line = f"{time_s!r}|{event}|{source}|{target}|{size}\n".encode()
        self._hash.update(line)
        self._last.append(line)
        self.count += 1
        if size >= MIN_GIVEN_BYTES and event == "arrive":
            self.last_giver[target.split(":")[0]] = source.split(":")[0]

    def list_last(self, ip: str, most: int) -> list[str]:
        """The last events at a host, oldest first, for people; times are the loop's."""
        found: list[str] = []
        for line in reversed(self._last):
            time_s, event, source, target, size = line.decode().rstrip().rsplit("|", 4)
            if len(found) < most and ip in (source.split(":")[0], target.split(":")[0]):
                way = f"{source} > {target}" if target else source
                found.append(f"{float(time_s):.3f} {event} {way} {size}")
        return found[::-1]

    def hexdigest(self) -> str:
        return self._hash.hexdigest()
