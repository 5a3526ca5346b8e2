"""The host's time and chance: the only module that reads either."""

from __future__ import annotations

import secrets
import time


class SystemClock:
    """The Clock port on the host."""

    def now(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        return time.monotonic()


class SystemEntropy:
    """The Entropy port on the host."""

    def token(self, size: int) -> bytes:
        return secrets.token_bytes(size)

    def below(self, limit: int) -> int:
        return secrets.randbelow(limit)
