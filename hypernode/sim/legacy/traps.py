"""What stops or spoils a legacy node, as data (spec 8, first table).

A simulated legacy node calls ``TrapLog.spring`` where a neighbour's doing hurts it.  What then befalls it is
the trap's effect: it stops itself, closes the connection, or goes on worse than before.  Every trap that was
sprung is kept, with who did it, so that a test can assert that none was.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from enum import Enum


class Effect(Enum):
    """What a trap does to the node."""

    STOPS = "it stops itself"
    CLOSES = "it closes the connection"
    SPOILS = "it goes on, worse than before"


class Trap(Enum):
    """One row, or part of one, of the table; the value is what its neighbour did."""

    PUSHED_HEIGHT = "pushed a block whose height is not its last + 1"
    PUSHED_TWICE = "pushed the same block twice"
    QUOTE = "a quote in params or recipient, inside a block"
    NUL = "a NUL in params"
    NUMERIC_PARAMS = "params that read as a number, inside a block"
    COMMAND_AFTER_HELLO = "a command that has no place after hello"
    MALFORMED_QUERY = "a malformed getheaders or gettx"
    BAD_MESSAGE = "a bad message in a mempool exchange"
    FUTURE_MESSAGE = "a message over 5 s in the future"
    TOO_MANY_MESSAGES = "more than MAX_TXS_TO_SYNC messages in one frame"
    BLOCKSYNC_GAP = "an answer to blocksync that does not begin where asked, or has a gap"
    BLOCKSYNC_EMPTY = "an empty answer or ko to blocksync for a height up to its tip"
    ROUNDBLOCKS_ELSEWHERE = "an answer to roundblocks that does not follow its own chain before the round"
    BLOCKINFO_EMPTY = "blockinfo answered without a hash for a block that it has"
    REGISTERED_PORT = "a registered port that is no number"
    UNKNOWN_COMMAND = "an unknown command id"
    EMPTY_FRAME = "a frame of length 0 or less"
    NAME_TAKEN = "a second connection under the name of one that stands"
    HEIGHT_OVER_ONE_OFF = "a height over a one-off connection"


EFFECTS: dict[Trap, Effect] = {
    Trap.PUSHED_HEIGHT: Effect.STOPS,
    Trap.PUSHED_TWICE: Effect.STOPS,
    Trap.QUOTE: Effect.STOPS,
    Trap.NUL: Effect.STOPS,
    Trap.NUMERIC_PARAMS: Effect.SPOILS,
    Trap.COMMAND_AFTER_HELLO: Effect.CLOSES,
    Trap.MALFORMED_QUERY: Effect.CLOSES,
    Trap.BAD_MESSAGE: Effect.SPOILS,
    Trap.FUTURE_MESSAGE: Effect.SPOILS,
    Trap.TOO_MANY_MESSAGES: Effect.SPOILS,
    Trap.BLOCKSYNC_GAP: Effect.STOPS,
    Trap.BLOCKSYNC_EMPTY: Effect.SPOILS,
    Trap.ROUNDBLOCKS_ELSEWHERE: Effect.STOPS,
    Trap.BLOCKINFO_EMPTY: Effect.SPOILS,
    Trap.REGISTERED_PORT: Effect.STOPS,
    Trap.UNKNOWN_COMMAND: Effect.SPOILS,
    Trap.EMPTY_FRAME: Effect.SPOILS,
    Trap.NAME_TAKEN: Effect.SPOILS,
    Trap.HEIGHT_OVER_ONE_OFF: Effect.SPOILS,
}
"""The table; a test checks that it is complete.  What an unknown id or an empty frame leads to is the hello
that it is taken for: a ko, or a closed connection."""


@dataclass(frozen=True, slots=True)
class SprungTrap:
    """A trap that a legacy node went into.  ``by`` is the IP of who did it: its own, where it had only
    itself to blame; ``at`` unix s."""

    trap: Trap
    by: str
    at: float
    detail: str = ""


class LegacyStops(Exception):
    """The node stops itself."""


class LegacyCloses(Exception):
    """The node closes this connection."""


class TrapLog:
    """The traps that one legacy node went into, in order."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self.sprung: list[SprungTrap] = []

    def spring(self, trap: Trap, by: str, detail: str = "") -> None:
        """Note it.  Raises LegacyStops or LegacyCloses where that is the effect."""
        self.sprung.append(SprungTrap(trap, by, self._now(), detail))
        if EFFECTS[trap] is Effect.STOPS:
            raise LegacyStops(f"{trap.value}, by {by} {detail}".rstrip())
        if EFFECTS[trap] is Effect.CLOSES:
            raise LegacyCloses(trap.value)

    def list_by(self, ips: Collection[str]) -> list[SprungTrap]:
        """Those that somebody of ``ips`` is to blame for."""
        return [sprung for sprung in self.sprung if sprung.by in ips]
