"""A running hash over all that happens on a simulated network: equal runs have equal hashes."""

from __future__ import annotations

from hashlib import blake2b

_DIGEST_BYTES = 20


class Trace:
    """BLAKE2b over (virtual time, event, from, to, size), in the order of the events."""

    def __init__(self) -> None:
        self._hash = blake2b(digest_size=_DIGEST_BYTES)
        self.count = 0
        """Events so far."""

    def record(self, time_s: float, event: str, source: str = "", target: str = "", size: int = 0) -> None:
        """``repr`` of the time: every bit of it counts."""
        self._hash.update(f"{time_s!r}|{event}|{source}|{target}|{size}\n".encode())
        self.count += 1

    def hexdigest(self) -> str:
        return self._hash.hexdigest()
