"""One holder of a branch, asked for batch after batch in a task of its own.

``FetchBook`` is what the workers of one fetch share; whom to employ is ``node.sync.block_fetcher``'s.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TypeAlias

from hypernode.core.errors import OverLimit, Reject
from hypernode.core.params.chain_params import ChainParams
from hypernode.core.rules import Rule
from hypernode.core.types import Block, Height
from hypernode.machine.peers import PeerView
from hypernode.net.client_session import ClientSession
from hypernode.net.stream import UnparsedAnswer
from hypernode.node.peers.peer_client import ask_blocks, ask_unparsed_blocks, check_run
from hypernode.node.sync.answer_checks import AnswerChecks
from hypernode.node.sync.answer_times import AnswerTimes
from hypernode.node.sync.batches import Batches, Span
from hypernode.node.sync.block_source import Borrow
from hypernode.node.sync.giant_blocks import GiantBlocks
from hypernode.ports.clock import Clock
from hypernode.ports.connections import TransportClosed
from hypernode.ports.signing import Verifier

CheckAnswer: TypeAlias = Callable[[UnparsedAnswer], Awaitable[tuple[Block, ...]]]
"""Decodes and verifies an answer elsewhere.  Raises Reject."""


def make_check(params: ChainParams, verifier: Verifier) -> CheckAnswer | None:
    """A check where answers are decoded and verified elsewhere; None where there is no such place."""
    checker = verifier.get_checker()
    if checker is None:
        return None

    async def check(answer: UnparsedAnswer) -> tuple[Block, ...]:
        return await checker(params, answer.payload, answer.received)

    return check


@dataclass(slots=True)
class FetchBook:
    """The book of one fetch.  With ``check`` long answers are decoded and verified by that while the next are
    asked for; ``larger`` are blocks that were found to be larger than an answer may be; ``overtaken`` are
    holders that are asked for nothing more until nobody else is left; ``problem`` is a fault of ours, which
    ends the fetch in the task of who takes the blocks."""

    batches: Batches
    clock: Clock
    giant_blocks: GiantBlocks
    check: CheckAnswer | None
    workers: dict[str, asyncio.Task[None]] = field(default_factory=dict)
    sessions: dict[str, tuple[PeerView, ClientSession]] = field(default_factory=dict)
    overtaken: set[str] = field(default_factory=set)
    larger: set[Height] = field(default_factory=set)
    times: AnswerTimes = field(default_factory=AnswerTimes)
    checks: AnswerChecks = field(default_factory=AnswerChecks)
    problem: Exception | None = None
    news: asyncio.Event = field(default_factory=asyncio.Event)

    def note_problem(self, problem: Exception) -> None:
        """A fault of ours; the last one counts."""
        self.problem = problem

    def notify(self) -> None:
        """Wake everybody who waits; the next wait is for the next news."""
        self.news.set()
        self.news = asyncio.Event()


@dataclass(frozen=True, slots=True)
class HolderWorker:
    """Asks ``holder``.  ``on_bad_answer`` is told of an answer that was found to be none while the next was
    asked for."""

    book: FetchBook
    holder: PeerView
    borrow: Borrow
    on_bad_answer: Callable[[PeerView, Reject], Awaitable[None]]

    async def run(self) -> None:
        """Until it is overtaken.  Raises TransportClosed, TimeoutError, Reject where it fails."""
        owed: Span | None = None
        while self.holder.address not in self.book.overtaken:
            owed = await self._ask_batches(owed)

    async def _ask_batches(self, singly: Span | None) -> Span | None:
        """On one session, first ``singly`` block by block, until this one is overtaken, or needs another one.
        What it owes is returned then, to be asked for block by block: a range with a block of which a legacy
        node lacks messages, over which it closes (spec 2), or one whose answer was over our limits."""
        async with self.borrow(self.holder.address) as session:
            self.book.sessions[self.holder.address] = self.holder, session
            if singly is not None:
                try:
                    await self._ask_for(
                        singly,
                        partial(self.book.giant_blocks.ask_singly, session, singly, self.book.larger),
                    )
                except OverLimit:
                    if singly.first in self.book.larger:
                        raise
                    self.book.larger.add(singly.first)
                    return singly
                if session.is_closed:  # by a block after them, which was too large
                    return None
            while self.holder.address not in self.book.overtaken:
                is_busy = self.book.checks.are_full(self.holder.address)
                span = None if is_busy else self.book.batches.take_span(len(self.book.workers))
                if span is None:
                    await self.book.news.wait()
                    continue
                if span.first in self.book.larger:
                    self.book.times.begin(self.holder.address, span, self.book.clock.monotonic())
                    return span
                try:
                    await self._ask_range(session, span)
                except OverLimit:
                    return span
                except TransportClosed:
                    if session.features:
                        raise
                    return span
        return None

    async def _ask_range(self, session: ClientSession, span: Span) -> None:
        if self.book.check is None:
            await self._ask_for(span, partial(ask_blocks, session, span.first))
            return
        answer = await self._ask_for(span, partial(ask_unparsed_blocks, session, span.first))
        if answer is not None:
            work = self._check(session, span, self.book.check(answer))
            self.book.checks.start(self.holder, span, work)

    async def _check(self, session: ClientSession, span: Span, checked: Awaitable[tuple[Block, ...]]) -> None:
        """Put what a holder gave, once it is decoded; it may be asked for more meanwhile.  One that gave what
        is none is left out, as where an answer is decoded as it comes."""
        try:
            blocks = await checked
            check_run(blocks, span.first)
            _require(blocks, span)
        except Reject as fault:
            session.close(f"blocksync failed: {fault!r}")
            self.book.checks.end(self.holder.address)
            self.book.batches.ask_again(span)
            await self.on_bad_answer(self.holder, fault)
        except Exception as problem:
            self.book.note_problem(problem)
            self.book.notify()
        else:
            self.book.checks.end(self.holder.address)
            self.book.batches.put(self.holder, span, blocks)
            self.book.notify()

    async def _ask_for(
        self, span: Span, ask: Callable[[], Awaitable[tuple[Block, ...] | UnparsedAnswer]]
    ) -> UnparsedAnswer | None:
        """Ask for a span and put what comes; what is not parsed yet is returned."""
        since = self.book.clock.monotonic()
        self.book.times.begin(self.holder.address, span, since)
        self.book.notify()  # or who waits for this batch would not know that somebody may be late with it
        answer = await ask()
        if not isinstance(answer, UnparsedAnswer):
            _require(answer, span)
        self.book.times.end(self.holder.address, since, self.book.clock.monotonic())
        if isinstance(answer, UnparsedAnswer):
            return answer
        self.book.batches.put(self.holder, span, answer)
        self.book.notify()
        return None


def _require(blocks: Sequence[Block], span: Span) -> None:
    """Raises Reject where a holder has none of the blocks that it told of."""
    if not blocks:
        raise Reject(Rule.PROMISE, f"promise not kept: no block {span.first}")
