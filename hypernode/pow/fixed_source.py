"""The PoW source of networks that have a fixed list in place of a PoW chain (spec 6, networks)."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from hypernode.core.params.chain_params import ChainParams, FixedHypernode
from hypernode.core.types import PowHeight, Registration, Round
from hypernode.ports.registrations import PowStatus, RegisteredList


class FixedPowSource:
    """``ports.registrations.PowSource`` that always is in sync and gives ``network.hypernodes`` for every
    round."""

    def __init__(self, params: ChainParams) -> None:
        self._params = params

    async def get_status(self, now: float) -> PowStatus:
        """In sync, at the first height, with a block of this moment."""
        height = self._params.first_pow_height
        return PowStatus("fixed list", height, now, self._hash(height))

    async def get_registered(self, round_: Round) -> RegisteredList:
        """The fixed list, in its order."""
        entries = tuple(_to_registration(hypernode) for hypernode in self._params.hypernodes)
        return RegisteredList(round_, self._params.first_pow_height, entries)

    async def get_block_hashes(self, heights: Sequence[PowHeight]) -> list[str]:
        """Made of the network's name and the height, so that all its nodes answer alike."""
        return [self._hash(height) for height in heights]

    async def close(self) -> None:
        """Nothing is open."""

    def _hash(self, height: PowHeight) -> str:
        return hashlib.sha224(f"{self._params.name}:{height}".encode()).hexdigest()


def _to_registration(hypernode: FixedHypernode) -> Registration:
    collateral = hypernode.collateral or hypernode.pos
    return Registration(
        collateral=collateral,
        ip=hypernode.ip,
        port=str(hypernode.port),
        pos=hypernode.pos,
        reward=hypernode.reward or collateral,
        weight=hypernode.weight,
    )
