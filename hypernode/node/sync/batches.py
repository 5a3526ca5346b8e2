"""Which batches of a branch are to be asked for, which are here, and who gave what (for ``block_fetcher``).

Pure: nobody is asked here, and nothing waits.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from heapq import heappop, heappush
from typing import NamedTuple

from hypernode.core.types import Block, Height
from hypernode.machine.peers import PeerView

WINDOW_SPARE = 2
"""Batches ahead of what was given, beside one for each holder in use."""
MAX_HELD_MESSAGES = 60_000
"""Messages of batches that wait for an earlier one: an answer with 20 blocks of 3,000; beyond it only what
is needed next is asked for."""


class Span(NamedTuple):
    """Heights of a batch, both included."""

    first: Height
    last: Height


@dataclass(frozen=True, slots=True)
class Batch:
    """An answer, or what of it was asked for."""

    giver: PeerView
    blocks: tuple[Block, ...]

    @property
    def span(self) -> Span:
        return Span(self.blocks[0].height, self.blocks[-1].height)

    @property
    def messages(self) -> int:
        return sum(len(block.messages) for block in self.blocks)


class Batches:
    """Blocks ``whole.first`` to ``whole.last`` in batches of ``batch_blocks``.  ``cursor``: the block that is
    needed next."""

    def __init__(self, whole: Span, batch_blocks: int) -> None:
        self.cursor = self._planned = whole.first
        self._last = whole.last
        self._batch_blocks = max(1, batch_blocks)
        self._missing: list[Span] = []
        """To be asked for, lowest first; some of them somebody has given meanwhile."""
        self._wanted: set[Span] = set()
        """Spans that were planned and that nobody has given yet."""
        self._ready: dict[Height, Batch] = {}
        self._given: deque[tuple[Span, PeerView]] = deque()

    @property
    def are_all_given(self) -> bool:
        return self.cursor > self._last

    def take_span(self, holders: int) -> Span | None:
        """The lowest batch to ask for, while so many holders are in use; None while there is none."""
        while self._missing and self._missing[0] not in self._wanted:
            heappop(self._missing)
        if self._missing:
            return heappop(self._missing) if self._is_in_window(self._missing[0].first, holders) else None
        if self._planned > self._last or not self._is_in_window(self._planned, holders):
            return None
        span = Span(self._planned, min(self._planned + self._batch_blocks - 1, self._last))
        self._planned = span.last + 1
        self._wanted.add(span)
        return span

    def _is_in_window(self, first: Height, holders: int) -> bool:
        if first == self.cursor:
            return True
        held = sum(batch.messages for batch in self._ready.values())
        most = (holders + WINDOW_SPARE) * self._batch_blocks
        return first < self.cursor + most and held < MAX_HELD_MESSAGES

    def ask_again(self, span: Span) -> None:
        """Somebody is late with it, or will not give it: another is to be asked, unless it is here."""
        if span in self._wanted:
            heappush(self._missing, span)

    def put(self, giver: PeerView, span: Span, blocks: tuple[Block, ...]) -> None:
        """An answer; one to what another gave meanwhile is of no use.  What it lacks is asked for again."""
        if span not in self._wanted:
            return
        self._wanted.discard(span)
        taken = tuple(block for block in blocks if block.height <= span.last)
        self._ready[span.first] = Batch(giver, taken)
        if taken[-1].height < span.last:
            self._want(Span(taken[-1].height + 1, span.last))

    def give(self) -> Batch | None:
        """What is needed next, if it is here."""
        batch = self._ready.pop(self.cursor, None)
        if batch is not None:
            self._given.append((batch.span, batch.giver))
            self.cursor = batch.span.last + 1
        return batch

    def get_giver(self, height: Height) -> PeerView | None:
        """Who gave a block; None for one that nobody gave, or that is forgotten."""
        return next((giver for span, giver in self._given if span.first <= height <= span.last), None)

    def forget(self, height: Height) -> None:
        """Who gave the blocks below this one is not asked any more."""
        while self._given and self._given[0][0].last < height:
            self._given.popleft()

    def go_back(self, height: Height, giver: PeerView) -> None:
        """A block is bad: all from it on is to be given again, and what its giver gave asked of others."""
        for first in [first for first, batch in self._ready.items() if batch.giver == giver]:
            self._want(self._ready.pop(first).span)
        while self._given and self._given[-1][0].last >= height:
            span, by = self._given.pop()
            if span.first < height:
                self._given.append((Span(span.first, height - 1), by))
                break
        for first in range(height, self.cursor, self._batch_blocks):
            self._want(Span(first, min(first + self._batch_blocks, self.cursor) - 1))
        self.cursor = height

    def _want(self, span: Span) -> None:
        self._wanted.add(span)
        heappush(self._missing, span)
