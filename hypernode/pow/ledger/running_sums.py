"""Sums by height: a look-up is a search in a list of heights."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import accumulate
from typing import Final

from hypernode.core.types import PowHeight


@dataclass(frozen=True, slots=True)
class RunningSum:
    """The sum up to each of some heights, ascending."""

    heights: tuple[PowHeight, ...]
    sums: tuple[int, ...]

    def get(self, height: PowHeight) -> int | None:
        """1e-8 BIS up to ``height``; None when there was nothing."""
        count = bisect_right(self.heights, height)
        return self.sums[count - 1] if count else None

    def get_above(self, height: PowHeight) -> int:
        """1e-8 BIS of the heights above ``height``."""
        return (self.sums[-1] if self.sums else 0) - (self.get(height) or 0)

    def get_between(self, first: PowHeight, last: PowHeight) -> int:
        """1e-8 BIS of the heights from ``first`` to ``last``."""
        return (self.get(last) or 0) - (self.get(first - 1) or 0)


NOTHING: Final = RunningSum((), ())


def sum_up(units: Mapping[PowHeight, int]) -> RunningSum:
    """Of 1e-8 BIS by height."""
    heights = tuple(sorted(units))
    return RunningSum(heights, tuple(accumulate(units[height] for height in heights)))
