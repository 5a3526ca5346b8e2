"""One holder, asked for batch after batch: what it gives is put, and what it does not give is owed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from hypernode.core.errors import Reject
from hypernode.core.params.networks import mainnet
from hypernode.core.rules import Rule
from hypernode.machine.peers import PeerView
from hypernode.node.sync.batches import Batches, Span
from hypernode.node.sync.giant_blocks import GiantBlocks
from hypernode.node.sync.holder_worker import FetchBook, HolderWorker, make_check
from hypernode.ports.connections import TransportClosed
from hypernode.sim.memory.adapters import InlineVerifier
from hypernode.sim.memory.clock import SimClock
from hypernode.sim.memory.loop import run
from hypernode.wire.catalogue import LIMITS
from hypernode.wire.codec import Command
from tests.unit.machine.samples import make_height, make_peer
from tests.unit.wire.samples import BLOCK

HOLDER = make_peer(1, make_height())


class Session:
    """Answers a batch with the blocks of a range, or fails as it is told."""

    is_closed = False

    def __init__(
        self, last: int, *, features: int = 1, failure: Exception | None = None, shift: int = 0
    ) -> None:
        self.features = features
        self._last = last
        self._failure = failure
        self._shift = shift
        self.asked: list[int] = []

    async def request(self, command: Command, timeout_s: float) -> Command:
        assert command.int32 is not None
        self.asked.append(command.int32)
        if self._failure is not None:
            raise self._failure
        first = command.int32 + self._shift
        heights = range(first, min(first + 10, self._last + 1))
        blocks = tuple(replace(BLOCK, height=height) for height in heights)
        return Command(command.id, blocks=blocks)


def make_book() -> FetchBook:
    loop = asyncio.get_running_loop()
    return FetchBook(Batches(Span(1, 25), 10), SimClock(loop, 0.0), GiantBlocks(mainnet(), LIMITS), None)


def make_worker(book: FetchBook, session: Session) -> HolderWorker:
    @asynccontextmanager
    async def borrow(address: str) -> AsyncIterator[Any]:
        yield session

    async def on_bad_answer(holder: PeerView, fault: Reject) -> None:
        raise AssertionError(fault)

    return HolderWorker(book, HOLDER, borrow, on_bad_answer)


def test_it_asks_for_all_batches_and_ends_when_it_is_overtaken() -> None:
    async def scenario() -> None:
        book, session = make_book(), Session(25)
        task = asyncio.create_task(make_worker(book, session).run())
        given: list[int] = []
        for _ in range(9):
            await asyncio.sleep(0.1)
            while (batch := book.batches.give()) is not None:
                given += [block.height for block in batch.blocks]
            book.notify()  # there is room for more
        assert given == list(range(1, 26))
        assert session.asked == [1, 11, 21]
        assert book.batches.get_giver(25) == HOLDER
        book.overtaken.add(HOLDER.address)
        book.notify()
        await asyncio.wait_for(task, 1)

    run(scenario())


@pytest.mark.parametrize(
    ("session", "error", "words"),
    [
        (Session(0), Reject, "promise not kept: no block 1"),
        (Session(25, shift=1), Reject, "not in a row"),
        (Session(25, failure=TransportClosed("gone")), TransportClosed, "gone"),
        (Session(25, failure=Reject(Rule.WIRE, "no answer to that")), Reject, "no answer to that"),
        (Session(25, failure=TimeoutError("late")), TimeoutError, "late"),
    ],
)
def test_what_it_fails_by_ends_it(session: Session, error: type[Exception], words: str) -> None:
    async def scenario() -> None:
        book = make_book()
        with pytest.raises(error, match=words):
            await make_worker(book, session).run()
        assert book.batches.give() is None

    run(scenario())


def test_news_wake_all_who_wait_and_the_next_wait_is_for_the_next() -> None:
    async def scenario() -> None:
        book = make_book()
        before = book.news
        book.notify()
        assert before.is_set()
        assert not book.news.is_set()
        problem = ValueError("of ours")
        book.note_problem(problem)
        assert book.problem is problem

    run(scenario())


def test_where_nothing_decodes_elsewhere_there_is_no_check() -> None:
    assert make_check(mainnet(), InlineVerifier()) is None
