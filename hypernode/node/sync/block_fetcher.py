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
from functools import partial
from types import TracebackType
from typing import Self, TypeAlias

from hypernode.core.errors import OverLimit, Reject
from hypernode.core.rules import Rule
from hypernode.core.types import Block, Height
from hypernode.machine.peers import PeerView
from hypernode.net.client_session import ClientSession
from hypernode.net.stream import UnparsedAnswer
from hypernode.node.chain.block_validation import MAX_PART_MESSAGES, split_blocks
from hypernode.node.peers.peer_client import ask_blocks, ask_unparsed_blocks, check_run
from hypernode.node.sync.answer_checks import AnswerChecks
from hypernode.node.sync.answer_times import AnswerTimes
from hypernode.node.sync.batches import Batches, Span
from hypernode.node.sync.block_source import Borrow, NoHolderLeft, OnFailure
from hypernode.node.sync.common_block import MAX_SOURCES
from hypernode.node.sync.giant_blocks import GiantBlocks
from hypernode.ports.clock import Clock
from hypernode.ports.connections import TransportClosed

CheckAnswer: TypeAlias = Callable[[UnparsedAnswer], Awaitable[tuple[Block, ...]]]
"""Decodes and verifies an answer elsewhere.  Raises Reject."""


class BlockFetcher:
    """Implements ``BlockSource``: blocks ``whole.first`` to ``whole.last``, in batches of ``batch_blocks``,
    from ``holders``, the first of whom are asked first.  ``on_failure`` is told who closed, was silent, or
    gave no answer; not who gave one that is over our limits: that one is asked for less (spec 2, budgets).
    With ``check`` long answers are decoded and verified by that while the next are asked for."""

    def __init__(
        self,
        holders: Sequence[PeerView],
        whole: Span,
        batch_blocks: int,
        *,
        borrow: Borrow,
        clock: Clock,
        on_failure: OnFailure,
        giant_blocks: GiantBlocks,
        check: CheckAnswer | None = None,
    ) -> None:
        self._check_answer = check
        self._checks = AnswerChecks()
        self._giant_blocks = giant_blocks
        self._larger: set[Height] = set()
        """Blocks that were found to be larger than an answer may be."""
        self._line = deque(holders)
        self._resting: list[PeerView] = []
        self._batches = Batches(whole, batch_blocks)
        self._borrow = borrow
        self._clock = clock
        self._on_failure = on_failure
        self._workers: dict[str, asyncio.Task[None]] = {}
        self._sessions: dict[str, tuple[PeerView, ClientSession]] = {}
        self._overtaken: set[str] = set()
        self._times = AnswerTimes()
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
        tasks = [*self._workers.values(), *self._checks.list_tasks()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def parts(self) -> AsyncGenerator[list[Block], None]:
        """An answer with many messages comes in parts."""
        while not self._batches.are_all_given:
            batch = self._batches.give()
            if batch is None:
                await self._await_news()
                continue
            self._notify()
            for part in split_blocks(batch.blocks, MAX_PART_MESSAGES):
                yield part

    def list_sessions(self) -> list[tuple[PeerView, ClientSession]]:
        return list(self._sessions.values())

    def get_giver(self, height: Height) -> PeerView | None:
        return self._batches.get_giver(height)

    def forget(self, height: Height) -> None:
        self._batches.forget(height)

    def reject(self, height: Height, giver: PeerView) -> None:
        self._drop(giver)
        self._batches.go_back(height, giver)
        self._fill()

    def _drop(self, holder: PeerView) -> None:
        self._line = deque(waiting for waiting in self._line if waiting != holder)
        self._resting = [resting for resting in self._resting if resting != holder]
        worker = self._workers.get(holder.address)
        if worker is not None:
            worker.cancel()
        for span in self._checks.drop(holder.address):
            self._batches.ask_again(span)

    # --- the holders in use -------------------------------------------------------------------------------

    def _fill(self) -> None:
        """Let those in line work where somebody is missing; who rests comes when nobody else is left."""
        active = len(self._workers.keys() - self._overtaken)
        if not active and not self._line:
            # One whose worker is just ending comes with that end.
            self._line.extend(holder for holder in self._resting if holder.address not in self._workers)
            self._resting = [holder for holder in self._resting if holder.address in self._workers]
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
            owed: Span | None = None
            while holder.address not in self._overtaken:
                owed = await self._ask_batches(holder, owed)
            self._resting.append(holder)
        except (TransportClosed, TimeoutError, Reject) as failure:
            await self._tell_failure(holder, failure)
        except Exception as problem:  # ours: it ends the fetching, in the task of who takes the blocks
            self._problem = problem

    async def _ask_batches(self, holder: PeerView, singly: Span | None) -> Span | None:
        """On one session, first ``singly`` block by block, until this one is overtaken, or needs another one.
        What it owes is returned then, to be asked for block by block: a range with a block of which a legacy
        node lacks messages, over which it closes (spec 2), or one whose answer was over our limits."""
        async with self._borrow(holder.address) as session:
            self._sessions[holder.address] = holder, session
            if singly is not None:
                try:
                    await self._ask_for(
                        holder, singly, partial(self._giant_blocks.ask_singly, session, singly, self._larger)
                    )
                except OverLimit:
                    if singly.first in self._larger:
                        raise
                    self._larger.add(singly.first)
                    return singly
                if session.is_closed:  # by a block after them, which was too large
                    return None
            while holder.address not in self._overtaken:
                is_busy = self._checks.are_full(holder.address)
                span = None if is_busy else self._batches.take_span(len(self._workers))
                if span is None:
                    await self._news.wait()
                    continue
                if span.first in self._larger:
                    self._times.begin(holder.address, span, self._clock.monotonic())
                    return span
                try:
                    await self._ask_range(holder, session, span)
                except OverLimit:
                    return span
                except TransportClosed:
                    if session.features:
                        raise
                    return span
        return None

    async def _ask_range(self, holder: PeerView, session: ClientSession, span: Span) -> None:
        if self._check_answer is None:
            await self._ask_for(holder, span, partial(ask_blocks, session, span.first))
            return
        answer = await self._ask_for(holder, span, partial(ask_unparsed_blocks, session, span.first))
        if answer is not None:
            work = self._check(holder, session, span, self._check_answer(answer))
            self._checks.start(holder, span, work)

    async def _check(
        self, holder: PeerView, session: ClientSession, span: Span, checked: Awaitable[tuple[Block, ...]]
    ) -> None:
        """Put what a holder gave, once it is decoded; it may be asked for more meanwhile.  One that gave what
        is none is left out, as where an answer is decoded as it comes."""
        try:
            blocks = await checked
            check_run(blocks, span.first)
            _require(blocks, span)
        except Reject as fault:
            session.close(f"blocksync failed: {fault!r}")
            self._checks.end(holder.address)
            self._batches.ask_again(span)
            self._drop(holder)
            await self._tell_failure(holder, fault)
            self._fill()
        except Exception as problem:
            self._problem = problem
            self._notify()
        else:
            self._checks.end(holder.address)
            self._batches.put(holder, span, blocks)
            self._notify()

    async def _tell_failure(self, holder: PeerView, failure: Exception) -> None:
        try:
            await self._on_failure(holder, failure)
        except Exception as problem:
            self._problem = problem

    async def _ask_for(
        self, holder: PeerView, span: Span, ask: Callable[[], Awaitable[tuple[Block, ...] | UnparsedAnswer]]
    ) -> UnparsedAnswer | None:
        """Ask for a span and put what comes; what is not parsed yet is returned."""
        since = self._clock.monotonic()
        self._times.begin(holder.address, span, since)
        self._notify()  # or who waits for this batch would not know that somebody may be late with it
        answer = await ask()
        if not isinstance(answer, UnparsedAnswer):
            _require(answer, span)
        self._times.end(holder.address, since, self._clock.monotonic())
        if isinstance(answer, UnparsedAnswer):
            return answer
        self._batches.put(holder, span, answer)
        self._notify()
        return None

    def _on_end(self, holder: PeerView, task: asyncio.Task[None]) -> None:
        """A worker ended, whatever the reason: what it owes is for others."""
        del self._workers[holder.address]
        self._sessions.pop(holder.address, None)
        owed = self._times.drop(holder.address)
        if owed is not None:
            self._batches.ask_again(owed)
        self._fill()

    def _notify(self) -> None:
        """Wake everybody who waits; the next wait is for the next news."""
        self._news.set()
        self._news = asyncio.Event()

    # --- patience -----------------------------------------------------------------------------------------

    async def _await_news(self) -> None:
        """Wait for the batch that is needed next; overtake who is late with it."""
        if self._problem is not None:
            raise self._problem
        if not self._workers and not self._line and not self._checks:
            raise NoHolderLeft("no holder of the branch is left")
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
        now = self._clock.monotonic()
        return self._times.find_late(self._batches.cursor, now, self._overtaken, self._larger)

    def _overtake(self, address: str) -> None:
        """Ask another for the same, and let this one rest once it has answered: it may have in this very
        moment."""
        owed = self._times.get_owed(address)
        if owed is None or owed.first != self._batches.cursor:
            return
        self._overtaken.add(address)
        self._batches.ask_again(owed)
        if owed.first in self._larger:
            # it would keep the turn for giants, which the other needs
            self._times.drop(address)
            self._workers[address].cancel()
        self._fill()


def _require(blocks: Sequence[Block], span: Span) -> None:
    """Raises Reject where a holder has none of the blocks that it told of."""
    if not blocks:
        raise Reject(Rule.PROMISE, f"promise not kept: no block {span.first}")
