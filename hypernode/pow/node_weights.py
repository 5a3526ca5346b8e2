"""Weights at a reference height over the companion's TCP port: whether collaterals are still where they were.

They are no exact balances, and they may fail: then the weights at registration stand, and a collateral that
was moved on is not noticed.  So no rule of a network hangs on them, only who counts for us (spec 3).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from hypernode.core.counting import LEAST_WEIGHT
from hypernode.core.params.chain_params import ChainParams
from hypernode.core.types import Registration
from hypernode.ports.registrations import PowNotReady
from hypernode.pow.companion_client import CompanionClient

ADDRESSES_A_QUESTION: Final = 20
"""1.2 KB: a question that fits into one segment, which is how the node reads (spec 5)."""
MAX_KEPT: Final = 8
"""Lists whose weights are remembered: those of the present rounds.  Asking costs the node a sum over rows
of each address, and at a height it never changes."""


class NodeWeights:
    """Asks for the weights of the entries of a list."""

    def __init__(self, params: ChainParams, client: CompanionClient) -> None:
        self._params = params
        self._client = client
        self._kept: dict[tuple[int, tuple[Registration, ...]], tuple[int, ...]] = {}

    async def find(self, time: int, entries: tuple[Registration, ...]) -> tuple[int, ...] | None:
        """In the order of ``entries``, at the height before ``time`` (unix s); None when it does not say."""
        key = (time, entries)
        if key not in self._kept:
            asked = [entry.collateral for entry in entries if entry.weight >= LEAST_WEIGHT]
            told: dict[str, int] = {}
            for first in range(0, len(asked), ADDRESSES_A_QUESTION):
                part = await self._ask(time, asked[first : first + ADDRESSES_A_QUESTION])
                if part is None:
                    return None
                told.update(part)
            while len(self._kept) >= MAX_KEPT:
                del self._kept[next(iter(self._kept))]
            self._kept[key] = tuple(told.get(entry.collateral, entry.weight) for entry in entries)
        return self._kept[key]

    async def _ask(self, time: int, addresses: Sequence[str]) -> dict[str, int] | None:
        try:
            answer = await self._client.ask(f"HN_reg_check_weights {','.join(addresses)} {time}")
        except PowNotReady:
            return None
        weights = [answer.get(address) if isinstance(answer, dict) else None for address in addresses]
        # -1 is what it says of everybody while its ledger is late: who registered has sent and received
        told = [w for w in weights if type(w) is int and 0 <= w <= self._params.max_weight]
        return dict(zip(addresses, told, strict=True)) if len(told) == len(addresses) else None
