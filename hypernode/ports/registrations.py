"""The companion's chain: who is registered, and the hashes that rounds are drawn from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from hypernode.core.registrations.colours import Colours
from hypernode.core.registrations.registry import PowRow, RowResult
from hypernode.core.rules import UNCHECKED, Unchecked
from hypernode.core.types import (
    PowHeight,
    Registration,
    Round,
)


@dataclass(frozen=True, slots=True)
class PowStatus:
    """The state of the companion.  ``problem`` is empty if it is in sync, else words for the operator.
    ``remarks`` are further words for him: registrations left out, weights that legacy nodes may see
    otherwise, what this source cannot tell."""

    source: str
    height: PowHeight
    timestamp: float
    block_hash: str
    problem: str = ""
    remarks: tuple[str, ...] = ()


class PowNotReady(Exception):
    """The companion cannot answer yet (late, busy, missing): words for the operator."""


@dataclass(frozen=True, slots=True)
class RegisteredList:
    """The list for a round: entries in order, the PoW height that it was derived at, the PoS addresses out of
    it that the control address has voided, and its coloured lists at that height.  ``weights``: what each
    entry's balance gives there, in order; UNCHECKED where only weights at registration can be had."""

    round: Round
    pow_height: PowHeight
    entries: tuple[Registration, ...]
    voided: tuple[str, ...] = ()
    colours: Colours = ()
    weights: tuple[int, ...] | Unchecked = UNCHECKED


class PowSource(Protocol):
    """The companion's chain, read only (spec 5)."""

    async def get_status(self, now: float) -> PowStatus:
        """Never raises: what is wrong is in ``problem``."""
        ...

    async def get_registered(self, round_: Round) -> RegisteredList:
        """registered(R) of spec 3.  Raises PowNotReady."""
        ...

    async def get_block_hashes(self, heights: Sequence[PowHeight]) -> list[str]:
        """56 characters each, in order.  Raises PowNotReady."""
        ...

    async def close(self) -> None: ...


class FeedReader(Protocol):
    """The registry as it is at a height, also above the reference of any round."""

    async def get_feed(self, height: PowHeight) -> list[tuple[PowRow, RowResult]]:
        """What became of each row up to a height, in order.  Raises PowNotReady."""
        ...
