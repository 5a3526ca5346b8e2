"""What is remembered of tips and of those who told them, each for a while (spec 4, which chain is better).

Pure: moments are handed in, in monotonic seconds, and what is over is forgotten when it is asked for.  All of
it is bounded, as peers can tell any number of tips: where there is too much, what would be over first goes.
"""

from __future__ import annotations

from collections.abc import Hashable
from enum import Enum
from typing import Final, Generic, TypeVar

BAN_S: Final = 900.0
"""How long a tip that broke its promise is ignored (spec 4), and who told it asked last."""
MAX_TIPS: Final = 256
"""For each reason: a tip is put aside after a question to a peer, of which there are some a minute."""
MAX_LIARS: Final = 1_024
"""Every hypernode of a large network."""

Key = TypeVar("Key", bound=Hashable)


class Aside(Enum):
    """Why a tip is put aside."""

    IGNORED = "it broke a promise, its holders failed us, or by our own count it is no better"
    NEEDS_CATCH_UP = "its round alone does not do: it is taken from the last common block on"
    NEEDS_MAJORITY = "its branch is only taken when most of the peers in sight that count hold it"
    LACKS_ORDER = "its chain does not have the block that an operator chose"
    COMPARED = "it was compared with ours, for a fork that does not heal by itself"


class ExpiringSet(Generic[Key]):
    """Keys that are held until some moment each, at most ``most`` of them."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._until: dict[Key, float] = {}

    def __len__(self) -> int:
        return len(self._until)

    def add(self, key: Key, until: float) -> None:
        """Hold a key until then; of several calls for a key the last one counts."""
        self._until.pop(key, None)
        self._until[key] = until
        if len(self._until) > self._most:
            del self._until[min(self._until, key=self._until.__getitem__)]

    def list_held(self, now: float) -> frozenset[Key]:
        """The keys that are held; expired ones are forgotten."""
        for key in [key for key, until in self._until.items() if until <= now]:
            del self._until[key]
        return frozenset(self._until)

    def clear(self) -> None:
        """Forget all."""
        self._until.clear()


class SyncMemory:
    """Tips that are put aside, and peers that lied; of one node."""

    def __init__(self) -> None:
        self._tips = {reason: ExpiringSet[bytes](MAX_TIPS) for reason in Aside}
        self._liars = ExpiringSet[str](MAX_LIARS)

    def __len__(self) -> int:
        """How many entries are held, also expired ones that are not forgotten yet."""
        return sum(map(len, self._tips.values())) + len(self._liars)

    def put_aside(self, tip: bytes, reason: Aside, now: float, seconds: float = BAN_S) -> None:
        """Ignore a tip for that reason, for so many seconds from now on."""
        self._tips[reason].add(tip, now + seconds)

    def list_aside(self, reason: Aside, now: float) -> frozenset[bytes]:
        """The tips that are put aside for that reason."""
        return self._tips[reason].list_held(now)

    def forget(self, *reasons: Aside) -> None:
        """Try every tip again that was put aside for one of these reasons."""
        for reason in reasons:
            self._tips[reason].clear()

    def note_liar(self, address: str, now: float) -> None:
        """A peer lied: it is asked last for ``BAN_S``."""
        self._liars.add(address, now + BAN_S)

    def list_liars(self, now: float) -> frozenset[str]:
        """PoS addresses of those who lied recently."""
        return self._liars.list_held(now)
