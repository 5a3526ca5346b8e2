"""The outcome of a cell: plain numbers, counted from samples of the honest hosts' tips."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Final

from hypernode.core.types import Block

SAMPLE_S: Final = 5.0
"""Between two looks at all tips, so times are to within this."""
MOST: Final = 0.9
"""Part of the honest that counts as most of them."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """Of the honest hosts that had been up for a slot.  Parts are 0 to 1, times in s.

    ``slots`` are those with a juror; ``fillable`` those whose juror was honest and up all through the slot;
    ``agree`` is the part of the time in which all had one tip, ``agree_most`` in which ``MOST`` of them had;
    ``settle_*``: how long they stayed apart until all had one tip again, ``most_longest_s`` until ``MOST``
    had; ``fork_longest_s``: how long, without a pause, some two were on branches of which neither is part of
    the other, and ``fork_depth`` the most blocks that the shorter one had of its own; ``changes``:
    replacements of blocks, for each host and hour, and ``change_depth`` the most blocks that went at once;
    ``lost``: blocks that are not in the chain at the end; ``largest``: the part on the most held branch at
    the end; ``split`` and ``halted`` count hosts that said so; ``struck``: a plot came to its two blocks."""

    slots: int = 0
    filled: int = 0
    fillable: int = 0
    fillable_filled: int = 0
    agree: float = 0.0
    agree_most: float = 0.0
    settle_median_s: float = 0.0
    settle_longest_s: float = 0.0
    most_longest_s: float = 0.0
    fork_longest_s: float = 0.0
    fork_depth: int = 0
    changes: float = 0.0
    change_depth: int = 0
    lost: int = 0
    largest: float = 0.0
    split: int = 0
    halted: int = 0
    struck: bool = False
    virtual_s: float = 0.0
    trace: str = ""


class Parents:
    """Blocks and those that they follow, as hosts store them."""

    def __init__(self) -> None:
        self._known: dict[bytes, bytes] = {}

    def note(self, block: Block) -> None:
        self._known[block.block_hash] = block.previous_hash

    def count(self) -> int:
        return len(self._known)

    def walk(self, tip: bytes) -> list[bytes]:
        """The tip and what is below it, down to genesis, which is not among them."""
        found = []
        while tip in self._known:
            found.append(tip)
            tip = self._known[tip]
        return found

    def is_part(self, one: bytes, other: bytes) -> bool:
        """Whether the branch up to ``one`` is part of the branch up to ``other``."""
        return one not in self._known or one in self.walk(other)

    def compute_fork(self, one: bytes, other: bytes) -> int:
        """Blocks that the shorter branch has of its own; 0 when one is part of the other."""
        first, second = self.walk(one), self.walk(other)
        common = len(set(first).intersection(second))
        return min(len(first), len(second)) - common


@dataclass(slots=True)
class Spans:
    """How long something lasted each time, from samples."""

    lengths: list[float] = field(default_factory=list)
    _is_on: bool = False

    def add(self, is_on: bool, seconds: float) -> None:
        if is_on and not self._is_on:
            self.lengths.append(0.0)
        if is_on:
            self.lengths[-1] += seconds
        self._is_on = is_on

    @property
    def longest(self) -> float:
        return max(self.lengths, default=0.0)

    @property
    def middle(self) -> float:
        return median(self.lengths) if self.lengths else 0.0


@dataclass(slots=True)
class Tally:
    """Counts samples: a tip for each honest host that is settled, by its number."""

    parents: Parents
    samples: int = 0
    agreed: int = 0
    agreed_most: int = 0
    fork_depth: int = 0
    apart: Spans = field(default_factory=Spans)
    most_apart: Spans = field(default_factory=Spans)
    forked: Spans = field(default_factory=Spans)
    _last: Counter[bytes] = field(default_factory=Counter)
    _depths: dict[tuple[bytes, bytes], int] = field(default_factory=dict)

    def add(self, tips: Mapping[int, bytes]) -> None:
        """Nobody there: nothing is counted."""
        if not tips:
            return
        counts = Counter(tips.values())
        part = max(counts.values()) / len(tips)
        depth = self._find_depth(sorted(counts))
        self.samples += 1
        self.agreed += len(counts) == 1
        self.agreed_most += part >= MOST
        self.fork_depth = max(self.fork_depth, depth)
        self.apart.add(len(counts) > 1, SAMPLE_S)
        self.most_apart.add(part < MOST, SAMPLE_S)
        self.forked.add(depth > 0, SAMPLE_S)
        self._last = counts

    def compute_largest(self) -> float:
        """Of the last sample: the part that is on the most held branch, at its tip or on the way to it."""
        counts = self._last
        held = (
            sum(number for other, number in counts.items() if self.parents.is_part(other, tip))
            for tip in counts
        )
        return max(held, default=0) / max(1, counts.total())

    def _find_depth(self, tips: Sequence[bytes]) -> int:
        pairs = [(one, other) for place, one in enumerate(tips) for other in tips[place + 1 :]]
        return max((self._get_depth(*pair) for pair in pairs), default=0)

    def _get_depth(self, one: bytes, other: bytes) -> int:
        known = self._depths.get((one, other))
        if known is None:
            known = self._depths[one, other] = self.parents.compute_fork(one, other)
        return known
