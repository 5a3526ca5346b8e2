"""Blocks of a branch from several of its holders at once, given in order.

Each holder in use has a task of its own (a worker) that asks for the lowest batch that nobody was asked for
yet, within a window ahead of what was given.  One that fails is replaced by the next in line, and what it
owed is asked of others; one that all wait for is overtaken: its batch is asked of another too, and it rests.
Whether the blocks are good is judged by who takes them: ``reject`` says that one is not, and goes on from
there without its giver.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from functools import partial
from heapq import heappop, heappush
from statistics import median
from types import TracebackType
from typing import NamedTuple, Self, TypeAlias

from hypernode.core.errors import Reject
from hypernode.core.types import Block, Height
from hypernode.machine.peers import PeerView
from hypernode.net.session import Session
from hypernode.node.asking import ask_block, ask_blocks
from hypernode.node.judging import MAX_PART_MESSAGES, split_blocks
from hypernode.ports import Clock, TransportClosed

MAX_SOURCES = 4
"""Holders that are asked side by side: what two cores verify comes from one good link, and four hide a bad
one."""
WINDOW_SPARE = 2
"""Batches ahead of what was given, beside one for each holder in use."""
MAX_HELD_MESSAGES = 60_000
"""Messages of batches that wait for an earlier one: an answer with 20 blocks of 3,000; beyond it only what
is needed next is asked for."""
FIRST_PATIENCE_S = 10.0
"""For the first answers, before it is known what is usual."""
MIN_PATIENCE_S = 2.0
"""No answer is called late before: a busy host is no reason to ask twice."""
PATIENCE_FACTOR = 3.0
"""An answer that all wait for is late when it takes this many times the usual."""
KNOWN_TIMES = 9
"""The latest answers of which the median is the usual time."""

Borrow: TypeAlias = Callable[[str], AbstractAsyncContextManager[Session]]
OnFailure: TypeAlias = Callable[[PeerView, Exception], Awaitable[None]]


class Span(NamedTuple):
    """Heights of a batch, both included."""

    first: Height
    last: Height


@dataclass(frozen=True, slots=True)
class _Asked:
    span: Span
    since: float


@dataclass(frozen=True, slots=True)
class _Batch:
    giver: PeerView
    blocks: tuple[Block, ...]

    @property
    def messages(self) -> int:
        return sum(len(block.messages) for block in self.blocks)


class Fetcher:
    """Blocks ``whole.first`` to ``whole.last`` from ``holders``, the first of whom are asked first, in
    batches of ``batch_blocks``.  ``on_failure`` is told who closed, was silent, or gave no answer."""

    def __init__(
        self,
        holders: Sequence[PeerView],
        whole: Span,
        batch_blocks: int,
        *,
        borrow: Borrow,
        clock: Clock,
        on_failure: OnFailure,
    ) -> None:
        self._line = deque(holders)
        self._resting: list[PeerView] = []
        self._last = whole.last
        self._cursor = self._planned = whole.first
        self._batch_blocks = max(1, batch_blocks)
        self._borrow = borrow
        self._clock = clock
        self._on_failure = on_failure
        self._workers: dict[str, asyncio.Task[None]] = {}
        self._sessions: dict[str, tuple[PeerView, Session]] = {}
        self._overtaken: set[str] = set()
        self._asked: dict[str, _Asked] = {}
        self._missing: list[Span] = []
        self._wanted: set[Span] = set()
        """Spans that were planned and that nobody has given yet."""
        self._ready: dict[Height, _Batch] = {}
        self._given: deque[tuple[Span, PeerView]] = deque()
        self._took: deque[float] = deque(maxlen=KNOWN_TIMES)
        self._problem: Exception | None = None
        self._is_over = False
        self._news = asyncio.Event()

    async def __aenter__(self) -> Self:
        self._fill()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._is_over = True
        tasks = list(self._workers.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def parts(self) -> AsyncGenerator[list[Block], None]:
        """The blocks in order, from where it was left or ``reject`` went back to; an answer with many
        messages in parts.  Raises TransportClosed when no holder is left."""
        while self._cursor <= self._last:
            batch = self._ready.pop(self._cursor, None)
            if batch is None:
                await self._await_news()
                continue
            span = Span(self._cursor, batch.blocks[-1].height)
            self._given.append((span, batch.giver))
            self._cursor = span.last + 1
            self._notify()
            for part in split_blocks(batch.blocks, MAX_PART_MESSAGES):
                yield part

    def list_sessions(self) -> list[tuple[PeerView, Session]]:
        """Who is in use, to be asked other things."""
        return list(self._sessions.values())

    def get_giver(self, height: Height) -> PeerView | None:
        """Who gave a block; None for one that nobody gave, or that is forgotten."""
        return next((giver for span, giver in self._given if span.first <= height <= span.last), None)

    def forget(self, height: Height) -> None:
        """Who gave the blocks below this one is not asked any more."""
        while self._given and self._given[0][0].last < height:
            self._given.popleft()

    def reject(self, height: Height, giver: PeerView) -> None:
        """A block is bad: leave its giver out, and give all from this height on again."""
        self._drop(giver)
        for first in [first for first, batch in self._ready.items() if batch.giver == giver]:
            self._want(Span(first, self._ready.pop(first).blocks[-1].height))
        while self._given and self._given[-1][0].last >= height:
            span, by = self._given.pop()
            if span.first < height:
                self._given.append((Span(span.first, height - 1), by))
                break
        for first in range(height, self._cursor, self._batch_blocks):
            self._want(Span(first, min(first + self._batch_blocks, self._cursor) - 1))
        self._cursor = height
        self._fill()

    def _drop(self, holder: PeerView) -> None:
        self._line = deque(waiting for waiting in self._line if waiting != holder)
        self._resting = [resting for resting in self._resting if resting != holder]
        worker = self._workers.get(holder.address)
        if worker is not None:
            worker.cancel()

    # --- the holders in use -------------------------------------------------------------------------------

    def _fill(self) -> None:
        """Let those in line work where somebody is missing; who rests comes when nobody else is left."""
        active = len(self._workers.keys() - self._overtaken)
        if not active and not self._line:
            self._line.extend(self._resting)
            self._resting.clear()
        while self._line and active < MAX_SOURCES and not self._is_over:
            holder = self._line.popleft()
            self._overtaken.discard(holder.address)
            self._workers[holder.address] = task = asyncio.create_task(
                self._work(holder), name=f"fetches from {holder.name}"
            )
            task.add_done_callback(partial(self._on_end, holder))
            active += 1
        self._notify()

    async def _work(self, holder: PeerView) -> None:
        """Ask one holder for batch after batch, until it fails, is overtaken, or is told to end."""
        try:
            closed_over = await self._ask_batches(holder, None)
            while closed_over is not None:
                closed_over = await self._ask_batches(holder, closed_over)
            self._resting.append(holder)
        except (TransportClosed, TimeoutError, Reject) as failure:
            await self._tell_failure(holder, failure)
        except Exception as problem:  # ours: it ends the fetching, in the task of who takes the blocks
            self._problem = problem

    async def _ask_batches(self, holder: PeerView, singly: Span | None) -> Span | None:
        """On one session, first ``singly`` block by block, until this one is overtaken.  A legacy node closes
        over a range with a block of which it lacks messages (spec 2): the range is returned."""
        async with self._borrow(holder.address) as session:
            self._sessions[holder.address] = holder, session
            if singly is not None:
                await self._ask_for(holder, singly, partial(_ask_singly, session, singly))
            while holder.address not in self._overtaken:
                span = self._take()
                if span is None:
                    await self._news.wait()
                    continue
                try:
                    await self._ask_for(holder, span, partial(ask_blocks, session, span.first))
                except TransportClosed:
                    if session.features:
                        raise
                    return span
        return None

    async def _tell_failure(self, holder: PeerView, failure: Exception) -> None:
        try:
            await self._on_failure(holder, failure)
        except Exception as problem:
            self._problem = problem

    async def _ask_for(
        self, holder: PeerView, span: Span, ask: Callable[[], Awaitable[tuple[Block, ...]]]
    ) -> None:
        since = self._clock.monotonic()
        self._asked[holder.address] = _Asked(span, since)
        blocks = await ask()
        if not blocks:
            raise Reject("4-ledger", f"promise not kept: no block {span.first}")
        del self._asked[holder.address]
        self._took.append(self._clock.monotonic() - since)
        self._put(holder, span, blocks)

    def _on_end(self, holder: PeerView, task: asyncio.Task[None]) -> None:
        """A worker ended, whatever the reason: what it owes is for others."""
        del self._workers[holder.address]
        self._sessions.pop(holder.address, None)
        asked = self._asked.pop(holder.address, None)
        if asked is not None and asked.span in self._wanted:
            heappush(self._missing, asked.span)
        self._fill()

    # --- the batches --------------------------------------------------------------------------------------

    def _take(self) -> Span | None:
        """The lowest batch to ask for; None while there is none to ask for."""
        while self._missing and self._missing[0] not in self._wanted:
            heappop(self._missing)
        if self._missing:
            return heappop(self._missing) if self._is_in_window(self._missing[0].first) else None
        if self._planned > self._last or not self._is_in_window(self._planned):
            return None
        span = Span(self._planned, min(self._planned + self._batch_blocks - 1, self._last))
        self._planned = span.last + 1
        self._wanted.add(span)
        return span

    def _is_in_window(self, first: Height) -> bool:
        if first == self._cursor:
            return True
        held = sum(batch.messages for batch in self._ready.values())
        most = (len(self._workers) + WINDOW_SPARE) * self._batch_blocks
        return first < self._cursor + most and held < MAX_HELD_MESSAGES

    def _put(self, giver: PeerView, span: Span, blocks: tuple[Block, ...]) -> None:
        """An answer; one to what another gave meanwhile is of no use.  What it lacks is asked for again."""
        if span not in self._wanted:
            return
        self._wanted.discard(span)
        taken = tuple(block for block in blocks if block.height <= span.last)
        self._ready[span.first] = _Batch(giver, taken)
        if taken[-1].height < span.last:
            self._want(Span(taken[-1].height + 1, span.last))
        self._notify()

    def _want(self, span: Span) -> None:
        self._wanted.add(span)
        heappush(self._missing, span)

    def _notify(self) -> None:
        """Wake everybody who waits; the next wait is for the next news."""
        self._news.set()
        self._news = asyncio.Event()

    # --- patience -----------------------------------------------------------------------------------------

    async def _await_news(self) -> None:
        """Wait for the batch that is needed next; overtake who is late with it."""
        if self._problem is not None:
            raise self._problem
        if not self._workers and not self._line:
            raise TransportClosed("no holder of the branch is left")
        late = self._find_late()
        try:
            async with asyncio.timeout(late[1] if late else None):
                await self._news.wait()
        except TimeoutError:
            if late is not None:
                self._overtake(late[0])

    def _find_late(self) -> tuple[str, float] | None:
        """Who owes what is needed next, and seconds until that is late; None where nobody could overtake."""
        if len(self._workers) < 2 and not self._line:
            return None
        usual = median(self._took) * PATIENCE_FACTOR if self._took else FIRST_PATIENCE_S
        for address, asked in self._asked.items():
            if asked.span.first == self._cursor and address not in self._overtaken:
                until = asked.since + max(MIN_PATIENCE_S, usual)
                return address, max(0.0, until - self._clock.monotonic())
        return None

    def _overtake(self, address: str) -> None:
        """Ask another for the same, and let this one rest once it has answered."""
        self._overtaken.add(address)
        heappush(self._missing, self._asked[address].span)
        self._fill()


async def _ask_singly(session: Session, span: Span) -> tuple[Block, ...]:
    """The blocks one by one, up to one that the peer does not have."""
    blocks = []
    for height in range(span.first, span.last + 1):
        block = await ask_block(session, height)
        if block is None:
            break
        blocks.append(block)
    return tuple(blocks)
