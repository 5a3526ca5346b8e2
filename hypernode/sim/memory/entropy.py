"""Chance that replays: drawn from a seed and a name by ``getrandbits`` alone, which gives the same in every
version of Python."""

from __future__ import annotations

from random import Random


class SeededEntropy:
    """Implements ``ports.clock.Entropy``.  Each ``name`` has draws of its own, whatever others draw."""

    def __init__(self, seed: int, name: str) -> None:
        self._random = Random(f"{seed}:{name}")

    def token(self, size: int) -> bytes:
        return self._random.getrandbits(8 * size).to_bytes(size, "big") if size else b""

    def below(self, limit: int) -> int:
        if limit < 1:
            raise ValueError(f"no number from 0 to below {limit}")
        bits = limit.bit_length()
        while (drawn := self._random.getrandbits(bits)) >= limit:
            pass
        return drawn
