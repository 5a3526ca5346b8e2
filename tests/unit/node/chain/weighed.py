"""A fixed list of which some do not count."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from hypernode.core.types import Round
from hypernode.ports.registrations import RegisteredList
from hypernode.pow.fixed_source import FixedPowSource
from tests.unit.node.beds import Bed

COUNTED = frozenset(range(6))


class Weighed(FixedPowSource):
    """A fixed list whose collaterals were moved on, but for those of some."""

    def __init__(self, bed: Bed, counted: Collection[int] = COUNTED) -> None:
        super().__init__(bed.params)
        self.weights = tuple(int(n in counted) for n in range(bed.size))

    async def get_registered(self, round_: Round) -> RegisteredList:
        return replace(await super().get_registered(round_), weights=self.weights)
