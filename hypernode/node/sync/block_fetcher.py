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
from collections.abc import AsyncGenerator, Sequence
from functools import partial
from types import TracebackType
from typing import Self

from hypernode.core.errors import Reject
from hypernode.core.types import Block, Height
from hypernode.machine.peers import PeerView
from hypernode.net.client_session import ClientSession
from hypernode.node.chain.block_validation import MAX_PART_MESSAGES, split_blocks
from hypernode.node.sync.batches import Batches, Span
from hypernode.node.sync.block_source import Borrow, NoHolderLeft, OnFailure
from hypernode.node.sync.common_block import MAX_SOURCES
from hypernode.node.sync.giant_blocks import GiantBlocks
from hypernode.node.sync.holder_worker import CheckAnswer, FetchBook, HolderWorker
from hypernode.ports.clock import Clock
from hypernode.ports.connections import TransportClosed


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
        self._line = deque(holders)
        self._resting: list[PeerView] = []
        self._book = FetchBook(Batches(whole, batch_blocks), clock, giant_blocks, check)
        self._borrow = borrow
        self._on_failure = on_failure
        self._is_over = False

    async def __aenter__(self) -> Self:
        self._fill()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._is_over = True
        tasks = [*self._book.workers.values(), *self._book.checks.list_tasks()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def parts(self) -> AsyncGenerator[list[Block], None]:
        """An answer with many messages comes in parts."""
        while not self._book.batches.are_all_given:
            batch = self._book.batches.give()
            if batch is None:
                await self._await_news()
                continue
            self._book.notify()
            for part in split_blocks(batch.blocks, MAX_PART_MESSAGES):
                yield part

    def list_sessions(self) -> list[tuple[PeerView, ClientSession]]:
        return list(self._book.sessions.values())

    def get_giver(self, height: Height) -> PeerView | None:
        return self._book.batches.get_giver(height)

    def forget(self, height: Height) -> None:
        self._book.batches.forget(height)

    def reject(self, height: Height, giver: PeerView) -> None:
        self._drop(giver)
        self._book.batches.go_back(height, giver)
        self._fill()

    def _drop(self, holder: PeerView) -> None:
        self._line = deque(waiting for waiting in self._line if waiting != holder)
        self._resting = [resting for resting in self._resting if resting != holder]
        worker = self._book.workers.get(holder.address)
        if worker is not None:
            worker.cancel()
        for span in self._book.checks.drop(holder.address):
            self._book.batches.ask_again(span)

    # --- the holders in use -------------------------------------------------------------------------------

    def _fill(self) -> None:
        """Let those in line work where somebody is missing; who rests comes when nobody else is left."""
        active = len(self._book.workers.keys() - self._book.overtaken)
        if not active and not self._line:
            # One whose worker is just ending comes with that end.
            self._line.extend(holder for holder in self._resting if holder.address not in self._book.workers)
            self._resting = [holder for holder in self._resting if holder.address in self._book.workers]
        while self._line and active < MAX_SOURCES and not self._is_over:
            holder = self._line.popleft()
            self._book.overtaken.discard(holder.address)
            self._book.workers[holder.address] = task = asyncio.create_task(
                self._work(holder), name=f"fetches from {holder.name}"
            )
            task.add_done_callback(partial(self._on_end, holder))
            active += 1
        self._book.notify()

    async def _work(self, holder: PeerView) -> None:
        """Ask one holder for batch after batch, until it fails, is overtaken, or is told to end."""
        try:
            await HolderWorker(self._book, holder, self._borrow, self._leave_out).run()
            self._resting.append(holder)
        except (TransportClosed, TimeoutError, Reject) as failure:
            await self._tell_failure(holder, failure)
        except Exception as problem:  # ours: it ends the fetching, in the task of who takes the blocks
            self._book.note_problem(problem)

    async def _leave_out(self, holder: PeerView, fault: Reject) -> None:
        self._drop(holder)
        await self._tell_failure(holder, fault)
        self._fill()

    async def _tell_failure(self, holder: PeerView, failure: Exception) -> None:
        try:
            await self._on_failure(holder, failure)
        except Exception as problem:
            self._book.note_problem(problem)

    def _on_end(self, holder: PeerView, task: asyncio.Task[None]) -> None:
        """A worker ended, whatever the reason: what it owes is for others."""
        del self._book.workers[holder.address]
        self._book.sessions.pop(holder.address, None)
        owed = self._book.times.drop(holder.address)
        if owed is not None:
            self._book.batches.ask_again(owed)
        self._fill()

    # --- patience -----------------------------------------------------------------------------------------

    async def _await_news(self) -> None:
        """Wait for the batch that is needed next; overtake who is late with it."""
        if self._book.problem is not None:
            raise self._book.problem
        if not self._book.workers and not self._line and not self._book.checks:
            raise NoHolderLeft("no holder of the branch is left")
        late = self._find_late()
        try:
            async with asyncio.timeout(late[1] if late else None):
                await self._book.news.wait()
        except TimeoutError:
            if late is not None:
                self._overtake(late[0])

    def _find_late(self) -> tuple[str, float] | None:
        """Who owes what is needed next, and seconds until that is late; None where nobody could overtake."""
        if len(self._book.workers) < 2 and not self._line:
            return None
        book, now = self._book, self._book.clock.monotonic()
        return book.times.find_late(book.batches.cursor, now, book.overtaken, book.larger)

    def _overtake(self, address: str) -> None:
        """Ask another for the same, and let this one rest once it has answered: it may have in this very
        moment."""
        owed = self._book.times.get_owed(address)
        if owed is None or owed.first != self._book.batches.cursor:
            return
        self._book.overtaken.add(address)
        self._book.batches.ask_again(owed)
        if owed.first in self._book.larger:
            # it would keep the turn for giants, which the other needs
            self._book.times.drop(address)
            self._book.workers[address].cancel()
        self._fill()
